// SPDX-License-Identifier: Apache-2.0
#include "chain/types/account.h"

#include "chain/crypto/keccak.h"

bool account_is_empty(const struct account *a)
{
    return a->nonce == 0 && u256_is_zero(&a->balance_wei) && hash_eq(&a->code_hash, &KECCAK_EMPTY);
}

struct account account_none(void)
{
    return (struct account){.storage_root = KECCAK_RLP_NULL, .code_hash = KECCAK_EMPTY};
}

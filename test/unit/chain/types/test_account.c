// SPDX-License-Identifier: Apache-2.0
#include "chain/types/account.h"

#include <criterion/criterion.h>

#include "chain/crypto/keccak.h"

/// Goal: each of the three things that make an account not empty does so alone (EIP-161).
Test(account, is_empty)
{
    struct account a = account_none();
    cr_expect(account_is_empty(&a));
    cr_expect(hash_eq(&a.storage_root, &KECCAK_RLP_NULL));
    a.storage_root.b[0] ^= 1;
    cr_expect(account_is_empty(&a), "storage is not asked");
    a.nonce = 1;
    cr_expect(!account_is_empty(&a));
    a = account_none();
    a.balance_wei = u256_from_u64(1);
    cr_expect(!account_is_empty(&a));
    a = account_none();
    a.code_hash.b[0] ^= 1;
    cr_expect(!account_is_empty(&a));
}

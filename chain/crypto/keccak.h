// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keccak-256 as Ethereum uses it (the original padding 0x01, not SHA3's 0x06).
/// Ours because no Debian library has it; several lanes at once where the machine can
/// (selected at run time, same result on all paths).

#include "chain/base/bytes.h"

/// Keccak-256 of the empty string and of RLP's empty string / empty list.
extern const hash_t KECCAK_EMPTY;    ///< c5d2..a470, code hash of accounts without code
extern const hash_t KECCAK_RLP_NULL; ///< 56e8..b421, the empty trie root: keccak(0x80)
extern const hash_t KECCAK_RLP_LIST; ///< 1dcc..9347, empty ommers and empty logs: keccak(0xc0)

/// Keccak-256 of `in`, any length.
hash_t keccak256(bytes_t in);

/// Several independent inputs of any lengths, as many lanes at a time as the machine
/// has. out[i] = keccak256(in[i]).
void keccak256_many(hash_t *out, const bytes_t *in, size_t count);

/// In pieces. A state may be copied.
struct keccak {
    uint64_t lane[25];
    size_t fill; ///< bytes absorbed into the current block, < 136
};
void keccak_init(struct keccak *k);
void keccak_update(struct keccak *k, bytes_t in);
hash_t keccak_final(struct keccak *k);

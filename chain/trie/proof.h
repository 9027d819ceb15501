// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Merkle proofs as eth_getProof gives them: the nodes from the root down.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// Checks that under `root` the key (already hashed where the trie is a secure one) has the
/// value, or none.
/// @param[out] value  the proven value, a view into `nodes`; empty if absence is proven
/// @return ERR_INVALID if the nodes prove nothing of the kind; ERR_MALFORMED
MUST_USE err_t proof_verify(bytes_t *value, const hash_t *root, bytes_t key, const bytes_t *nodes,
                            size_t node_count);

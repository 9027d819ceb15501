// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Is this block valid after its parent? Header rules, body, execution, every root. The result
/// is kept and only written later.

#include "chain/store/db.h"
#include "consensus/block/executed.h"
#include "consensus/qbft/header_rules.h"

/// How far a check has come: tells whose fault a refusal is.
enum check_stage {
    CHECK_HEADER,    ///< decoding, header rules, seals
    CHECK_BODY,      ///< is the body the header's?
    CHECK_EXECUTION, ///< signatures, transactions, roots
};

struct check_request {
    bytes_t raw;               ///< RLP of the block; copied
    struct header_rules rules; ///< parent, validators, clock, sealed or not
    enum check_stage *stage;   ///< out: the last one begun; may be NULL
    /// Fills senders that are known already (has_sender); the rest are recovered. May be NULL.
    void (*known_senders)(void *ctx, struct tx *txs, size_t count);
    void *ctx;
};

/// Decodes, checks and executes a block on the state that `txn` sees (the parent's).
/// @return ERR_MALFORMED or ERR_INVALID with the rule that is broken; ERR_LIMIT (size);
///         ERR_FULL, ERR_CORRUPT, ERR_IO: nothing can be said of the block.
MUST_USE err_t block_check(struct executed_block *out, const struct block_env *env,
                           const struct db_txn *txn, const struct check_request *request);

/// Recovers the senders that are missing, in groups on `jobs`.
/// @return ERR_INVALID if one does not recover.
MUST_USE err_t recover_senders(struct tx *txs, size_t count, const struct jobs *jobs);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A block together with everything its execution gave: made once by build or check, kept by
/// hash, written by commit. Nothing is executed twice.
///
/// Owner: the executor's thread.

#include "chain/base/arena.h"
#include "chain/base/jobs.h"
#include "chain/state/commit.h"
#include "chain/state/diff.h"
#include "chain/types/block.h"
#include "chain/types/chain_config.h"
#include "chain/types/receipt.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

/// Blocks larger than this are neither made nor accepted (a peer's message is at most 10 MiB).
#define BLOCK_MAX_BYTES ((size_t)10 * 1024 * 1024)
#define BLOCK_BUILD_BYTES ((size_t)8 * 1024 * 1024)

struct executed_block {
    struct arena arena; ///< everything below lives here
    struct block block; ///< senders recovered; extraData as proposed, without seals
    struct receipt *receipts;
    size_t receipt_count;
    struct state_diff diff;
    struct state_update *update;
};

/// Memory for one block. ERR_FULL
MUST_USE err_t executed_init(struct executed_block *e);
void executed_deinit(struct executed_block *e);
/// Ready for another block.
void executed_reset(struct executed_block *e);

/// What executing a block needs besides the block.
struct block_env {
    const struct chain_config *config;
    struct vm *vm;
    struct overlay *world; ///< reset for every block
    const struct jobs *jobs;
    struct trie_cache *cache; ///< of the account trie's upper levels; may be NULL
};

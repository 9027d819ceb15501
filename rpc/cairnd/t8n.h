// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The transition tool: a world, a block's surroundings and transactions in; the new world
/// and what a header says about it out. Test generators and differential fuzzers drive every
/// client through this door (go-ethereum's `evm t8n`; execution-spec-tests).
///
///     t8n_read_*  the three inputs, lenient in form, strict in what must be there
///     t8n_run     system calls, transactions, rewards, withdrawals, requests
///     t8n_result  the answer as JSON; t8n_alloc, t8n_body

#include "rpc/cairnd/fixture_json.h"
#include "rpc/cairnd/step_trace.h"
#include "rpc/ns/tracer.h"
#include "vm/block_exec.h"

struct t8n_ommer {
    uint64_t delta; ///< blocks between it and the one that rewards it, at most 8
    address_t address;
};

struct t8n_block_hash {
    uint64_t number;
    hash_t hash;
};

/// The block to be made. Lists are in the reader's arena.
struct t8n_env {
    struct header header; ///< what is given or follows from the parent; no roots
    bool has_base_fee;
    bool has_excess_blob_gas;
    bool has_withdrawals;
    const struct withdrawal *withdrawals;
    size_t withdrawal_count;
    const struct t8n_ommer *ommers;
    size_t ommer_count;
    const struct t8n_block_hash *block_hashes; ///< for BLOCKHASH
    size_t block_hash_count;
};

struct t8n_tx {
    const char *refused; ///< why it cannot be executed at all; NULL if `tx` is valid to try
    struct tx tx;        ///< with its sender
};

/// What was asked for.
struct t8n {
    const char *fork;    ///< as it was named; "BerlinToLondonAt5" needs the block to decide
    enum revision rev;   ///< decided by t8n_read_env
    uint64_t bomb_delay; ///< blocks by which the fork's difficulty bomb is put off
    uint64_t chain_id;
    const struct tracer_options *tracer; ///< what traces are made by; NULL: EIP-3155
    bool rewards;                        ///< even zero: then the coinbase is touched
    uint64_t reward_wei;
    struct t8n_env env;
    const struct t8n_tx *txs;
    size_t tx_count;
};

/// Decides which rules `t->fork` names for a block.
/// @return ERR_UNSUPPORTED if there are none of that name
MUST_USE err_t t8n_choose_rules(struct t8n *t, uint64_t number, uint64_t timestamp_s);

/// What the difficulty of a block before the Merge follows from.
struct t8n_parent {
    u256_t difficulty;
    uint64_t timestamp_s; ///< before the block's own
    bool has_ommers;
};

/// The difficulty of `t->env.header` (number and timestamp are set; number above zero) under
/// the fork's rules: Frontier's, Homestead's (EIP-2) or Byzantium's (EIP-100) with its bomb.
/// @return ERR_INVALID beyond 256 bits
MUST_USE err_t t8n_difficulty(u256_t *out, const struct t8n *t, const struct t8n_parent *parent);

/// Reads the surroundings, decides the rules, and checks that they have what they need;
/// computes base fee, excess blob gas and difficulty from the parent's where they are not
/// given. `t->fork` is set.
/// @return ERR_UNSUPPORTED (no rules of that name), ERR_MALFORMED, ERR_INVALID (something the
///         fork needs is missing: the error's text says what), ERR_FULL
MUST_USE err_t t8n_read_env(struct t8n *t, struct arena *arena, const json_t *env,
                            struct fixture_detail *detail);

/// Reads the transactions: a list of objects, signed or with a `secretKey` that signs them, or
/// the hex text of an RLP list. What does not decode is kept with its reason: it will be
/// rejected by its place. `t->chain_id` is set.
/// @return ERR_MALFORMED, ERR_FULL
MUST_USE err_t t8n_read_txs(struct t8n *t, struct arena *arena, const json_t *txs,
                            struct fixture_detail *detail);

struct t8n_rejected {
    size_t index;      ///< in the input
    const char *error; ///< in the words of client libraries
};

/// What came of it; everything in the arena of t8n_run.
struct t8n_outcome {
    hash_t state_root;
    hash_t tx_root;
    hash_t receipts_root;
    hash_t logs_hash;
    hash_t withdrawals_root; ///< if there were withdrawals to read
    struct bloom bloom;
    uint64_t gas_used;
    const struct receipt *receipts; ///< as many as `included`
    const struct tx *const *included;
    size_t included_count;
    const struct t8n_rejected *rejected;
    size_t rejected_count;
    struct block_requests requests; ///< from Prague on
};

/// Executes everything on `state`, which is the new world afterwards.
/// @param traces  directory for trace-<n>-<hash>.jsonl (.json of a tracer), one for each
///                transaction; NULL: none
/// @return ERR_NOT_FOUND if a BLOCKHASH was asked that the input does not give, ERR_IO for the
///         traces, ERR_FULL, ERR_INVALID
MUST_USE err_t t8n_run(struct t8n_outcome *out, const struct t8n *t, struct mem_state *state,
                       struct arena *arena, const char *traces);

/// The outputs as JSON; NULL without memory. The body is hex text of an RLP list.
json_t *t8n_result(const struct t8n *t, const struct t8n_outcome *out);
json_t *t8n_alloc(const struct mem_state *state, struct arena *arena);
json_t *t8n_body(const struct t8n_outcome *out);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Tracers of the debug namespace: each watches one transaction through vm/trace.h and writes
/// what it saw in the form that go-ethereum's tracer of the same name has.
///
///     tracer_begin -> hooks for vm_set_trace -> tx_execute -> tracer_end (writes) | tracer_drop
///
/// The struct logger writes while it watches; the others keep what they saw in the job's
/// arena. Answers are bounded (threat model 4.7): a tracer that saw too much sets `too_large`,
/// and whoever executes ends the execution.

#include "chain/base/arena.h"
#include "chain/base/map.h"
#include "chain/state/view.h"
#include "rpc/jsonrpc/json_writer.h"
#include "vm/trace.h"

#define TRACE_ANSWER_MAX ((size_t)32 << 20)

enum tracer_kind {
    TRACER_STRUCT,
    TRACER_CALL,
    TRACER_PRESTATE,
    TRACER_4BYTE,
    TRACER_FLAT,
    TRACER_NOOP
};

/// What the caller chose; members of other tracers are ignored.
struct tracer_options {
    enum tracer_kind kind;
    // the struct logger
    bool disable_stack;
    bool disable_storage; ///< also of prestateTracer
    bool enable_memory;
    bool enable_return_data;
    uint64_t limit; ///< bytes of steps, 0: as many as an answer may have
    // callTracer
    bool only_top_call;
    bool with_log;
    // flatCallTracer
    bool convert_parity_errors;
    bool include_precompiles;
    // prestateTracer
    bool diff_mode;
    bool disable_code;
    bool include_empty; ///< not with diff_mode
};

/// One transaction to watch.
struct trace_job {
    const struct tracer_options *options;
    struct json_writer *out;
    struct arena *arena;     ///< for what is kept until the end
    struct state_view world; ///< as the transaction changes it
    const struct block_ctx *block;
    const struct tx *tx;
    const hash_t *block_hash; ///< NULL if it is in no block
    uint64_t block_number;
    uint64_t tx_index;
    uint64_t first_log; ///< number of logs of the block's earlier transactions
    size_t out_start;   ///< where the whole answer begins in `out`
    size_t kept;        ///< bytes of answer that are still in the arena
    bool too_large;     ///< nothing more is recorded
    err_t err;          ///< the world could not be read
};

/// A tracer at work.
struct tracer {
    struct trace_hooks hooks;
    void (*end)(void *ctx, const struct tx_result *result);
    void (*drop)(void *ctx); ///< frees what is not in the arena; may be NULL
};

/// Makes the tracer that the job's options name. The job must outlive it.
/// @return ERR_FULL, or the error of the world's view
MUST_USE err_t tracer_begin(struct tracer *out, struct trace_job *job);
/// Writes the result as one JSON value, then frees.
void tracer_end(struct tracer *t, const struct tx_result *result);
/// Frees without a result.
void tracer_drop(struct tracer *t);

// ---- for the tracers ------------------------------------------------------------------------

/// One for each kind; as tracer_begin.
MUST_USE err_t struct_tracer_begin(struct tracer *out, struct trace_job *job);
MUST_USE err_t call_tracer_begin(struct tracer *out, struct trace_job *job);
MUST_USE err_t flat_tracer_begin(struct tracer *out, struct trace_job *job);
MUST_USE err_t prestate_tracer_begin(struct tracer *out, struct trace_job *job);

/// Counts bytes of answer that are kept; false once the answer is too large.
bool trace_keep(struct trace_job *job, size_t bytes);

/// What the last instruction was and what it found, for the words of errors.
struct trace_last {
    uint8_t op;
    enum revision rev;
    enum evm_status halted; ///< how it ended
    enum evm_status status; ///< the same as go-ethereum says: gas comes before operands
    size_t stack_len;
    uint64_t gas;          ///< before it
    uint64_t code_max;     ///< EIP-170
    uint64_t initcode_max; ///< EIP-3860; UINT64_MAX before it
    uint64_t memory_len;   ///< bytes
    u256_t top[7];         ///< of the stack, topmost first; zeros where there is nothing
};

/// What the next step starts from; its status is EVM_RUNNING.
struct trace_last trace_last_of(const struct trace_job *job, const struct trace_step *step);

/// Notes how the instruction ended.
void trace_last_end(struct trace_last *last, enum evm_status status);

/// Did the instruction begin? go-ethereum's tracers do not look at one that lacks stack or gas, and
/// some that write find out while they are priced that they must not.
bool trace_began(const struct trace_last *last);

/// What an instruction that failed would have cost, as far as go-ethereum had priced it;
/// `unknown_gas` where that depends on what only the machine knows.
uint64_t trace_failed_gas(const struct trace_last *last, uint64_t unknown_gas);

#define TRACE_ERROR_TEXT 96
/// go-ethereum's words for why an instruction or frame failed.
void trace_error_text(char out[TRACE_ERROR_TEXT], enum evm_status status,
                      const struct trace_last *last);

/// "CALL", "CREATE2", "SELFDESTRUCT", ...
const char *trace_kind_text(enum trace_kind kind);

/// What an instruction finds in memory: bytes beyond its end are zero.
/// @return false if there is no room in the arena
bool trace_memory(bytes_t *out, struct arena *arena, bytes_t memory, const u256_t *offset,
                  size_t len);

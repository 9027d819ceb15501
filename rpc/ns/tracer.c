// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/tracer.h"

#include "vm/gas.h"
#include "vm/opcode.h"
#include "vm/precompile/table.h"

#include <inttypes.h>
#include <stdio.h>

bool trace_keep(struct trace_job *job, size_t bytes)
{
    job->kept += bytes;
    if (job->out->buf->full || job->out->buf->len - job->out_start > TRACE_ANSWER_MAX ||
        job->kept > TRACE_ANSWER_MAX) {
        job->too_large = true;
    }
    return !job->too_large;
}

/// "invalid opcode: opcode 0xc not defined"
static void invalid_opcode(char out[TRACE_ERROR_TEXT], uint8_t op)
{
    if (opcode_name(op) != NULL) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "invalid opcode: %s", opcode_name(op));
    } else {
        (void)snprintf(out, TRACE_ERROR_TEXT, "invalid opcode: opcode 0x%x not defined", op);
    }
}

struct trace_last trace_last_of(const struct trace_job *job, const struct trace_step *step)
{
    struct trace_last last = {.op = step->op,
                              .rev = job->block->rev,
                              .status = EVM_RUNNING,
                              .stack_len = step->stack_len,
                              .gas = step->gas,
                              .memory_len = step->memory.len,
                              .code_max = job->block->contract_size_limit,
                              .initcode_max = UINT64_MAX};
    if (last.rev >= REV_SHANGHAI) {
        last.initcode_max = last.code_max * EVM_MAX_INITCODE_FACTOR;
    }
    for (size_t i = 0; i < ARRAY_LEN(last.top) && i < step->stack_len; i++) {
        last.top[i] = step->stack[step->stack_len - 1 - i];
    }
    return last;
}

/// Instructions that are told while they are priced that they must not write.
static bool priced_as_write(const struct trace_last *last)
{
    return last->op == OP_SSTORE || last->op == OP_SELFDESTRUCT || last->op == OP_CREATE ||
           last->op == OP_CREATE2 || last->op == OP_CALL;
}

bool trace_began(const struct trace_last *last)
{
    if (last->status == EVM_STATIC_VIOLATION) return !priced_as_write(last);
    return last->status != EVM_OUT_OF_GAS && last->status != EVM_STACK_UNDERFLOW &&
           last->status != EVM_STACK_OVERFLOW;
}

/// Where an instruction's pieces of memory stand on the stack: offset and length, from the top.
struct memory_use {
    int8_t offset;
    int8_t len; ///< -1: `len_bytes`
    int8_t len_bytes;
    int8_t offset2; ///< of a second piece; -1: there is none
    int8_t len2;
};

static bool memory_use_of(struct memory_use *out, uint8_t op)
{
    static const struct {
        uint8_t first;
        uint8_t last;
        struct memory_use use;
    } uses[] = {
        {OP_KECCAK256, OP_KECCAK256, {0, 1, 0, -1, 0}},
        {OP_CALLDATACOPY, OP_CALLDATACOPY, {0, 2, 0, -1, 0}},
        {OP_CODECOPY, OP_CODECOPY, {0, 2, 0, -1, 0}},
        {OP_EXTCODECOPY, OP_EXTCODECOPY, {1, 3, 0, -1, 0}},
        {OP_RETURNDATACOPY, OP_RETURNDATACOPY, {0, 2, 0, -1, 0}},
        {OP_MLOAD, OP_MSTORE, {0, -1, 32, -1, 0}},
        {OP_MSTORE8, OP_MSTORE8, {0, -1, 1, -1, 0}},
        {OP_MCOPY, OP_MCOPY, {0, 2, 0, 1, 2}},
        {OP_LOG0, OP_LOG4, {0, 1, 0, -1, 0}},
        {OP_CREATE, OP_CREATE, {1, 2, 0, -1, 0}},
        {OP_CALL, OP_CALLCODE, {3, 4, 0, 5, 6}},
        {OP_RETURN, OP_RETURN, {0, 1, 0, -1, 0}},
        {OP_DELEGATECALL, OP_DELEGATECALL, {2, 3, 0, 4, 5}},
        {OP_CREATE2, OP_CREATE2, {1, 2, 0, -1, 0}},
        {OP_STATICCALL, OP_STATICCALL, {2, 3, 0, 4, 5}},
        {OP_REVERT, OP_REVERT, {0, 1, 0, -1, 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        if (op < uses[i].first || op > uses[i].last) continue;
        *out = uses[i].use;
        return true;
    }
    return false;
}

/// Where a piece of memory ends; false if no 64-bit address reaches it.
static bool piece_end(uint64_t *end, const u256_t *offset, const u256_t *len)
{
    *end = 0;
    if (u256_is_zero(len)) return true;
    if (!u256_fits_u64(len) || !u256_fits_u64(offset)) return false;
    return !__builtin_add_overflow(offset->limb[0], len->limb[0], end);
}

/// How far into memory the instruction reaches; false as above, in words of 32 bytes.
static bool memory_reach(uint64_t *reach, const struct trace_last *last)
{
    struct memory_use use;
    *reach = 0;
    if (!memory_use_of(&use, last->op)) return true;
    const u256_t bytes = u256_from_u64((uint64_t)use.len_bytes);
    uint64_t second = 0;
    if (!piece_end(reach, &last->top[use.offset], use.len < 0 ? &bytes : &last->top[use.len]))
        return false;
    if (use.offset2 >= 0 && !piece_end(&second, &last->top[use.offset2], &last->top[use.len2]))
        return false;
    if (second > *reach) *reach = second;
    return *reach <= UINT64_MAX - 31;
}

enum { SELFDESTRUCT_GAS = 5000, EXP_BYTE_GAS = 50 }; // from EIP-150 and EIP-160 on

/// What an instruction costs whatever it finds; of calls and SELFDESTRUCT, from Berlin on.
static uint64_t fixed_gas(const struct trace_last *last)
{
    switch (last->op) {
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
        return GAS_WARM_ACCESS;
    case OP_EXP:
        return 0; // priced with its operand
    case OP_SELFDESTRUCT:
        return SELFDESTRUCT_GAS;
    default:
        return opcode_gas(last->op);
    }
}

static uint64_t words_in(uint64_t bytes)
{
    return bytes / 32 + (bytes % 32 != 0);
}

/// What `words` of memory cost in all (Yellow Paper, appendix H.1).
static uint64_t memory_gas(uint64_t words)
{
    return GAS_MEMORY_WORD * words + words * words / GAS_MEMORY_QUADRATIC_DIVISOR;
}

/// What growing memory costs.
static uint64_t growth_gas(const struct trace_last *last)
{
    uint64_t reach = 0;
    if (!memory_reach(&reach, last) || reach <= last->memory_len) return 0;
    return memory_gas(words_in(reach)) - memory_gas(last->memory_len / 32);
}

/// Calls end while they are priced where the account is cold, or a CALL's memory and value, are
/// more than there is gas for; with EIP-7702 whatever it is. Whether the account is cold is not
/// known here: who lacks no more than that is taken to lack that.
static const char *why_call_unpriced(const struct trace_last *last)
{
    const bool pays = last->op == OP_CALL || last->op == OP_CALLCODE;
    if (!pays && last->op != OP_DELEGATECALL && last->op != OP_STATICCALL) return NULL;
    const uint64_t cold = GAS_COLD_ACCOUNT - GAS_WARM_ACCESS;
    const uint64_t value = pays && !u256_is_zero(&last->top[2]) ? GAS_CALL_VALUE : 0;
    const uint64_t lacks_below = last->op == OP_CALL ? cold + growth_gas(last) + value : cold;
    const bool lacks = last->gas - GAS_WARM_ACCESS < lacks_below;
    return lacks || last->rev >= REV_PRAGUE ? "out of gas" : NULL;
}

/// go-ethereum wraps what stops it while it prices an instruction: why, or NULL if the price was
/// told and too high.
static const char *why_unpriced(const struct trace_last *last)
{
    enum { MEMORY_MAX_BITS = 37 };
    uint64_t reach = 0;
    const bool reached = memory_reach(&reach, last);
    const bool creates = last->op == OP_CREATE || last->op == OP_CREATE2;
    if (last->op == OP_SSTORE && last->rev >= REV_ISTANBUL && last->gas <= GAS_SSTORE_SENTRY)
        return "not enough gas for reentrancy sentry";
    if (!reached || reach > ((uint64_t)1 << MEMORY_MAX_BITS) - 32) return "gas uint64 overflow";
    if (creates && last->top[2].limb[0] > last->initcode_max) return "max initcode size exceeded";
    if (last->rev < REV_BERLIN) return NULL;
    if (last->op == OP_SELFDESTRUCT) {
        // Precompiles are never cold.
        const hash_t word = u256_to_hash(&last->top[0]);
        address_t heir;
        memcpy(heir.b, word.b + 12, sizeof heir.b);
        const bool lacks = last->gas - SELFDESTRUCT_GAS < GAS_COLD_ACCOUNT;
        return lacks && !precompile_is(last->rev, &heir) ? "out of gas" : NULL;
    }
    return why_call_unpriced(last);
}

uint64_t trace_failed_gas(const struct trace_last *last, uint64_t unknown_gas)
{
    const uint64_t fixed = fixed_gas(last);
    uint64_t reach = 0;
    if (last->rev < REV_BERLIN) return unknown_gas;
    const bool priced =
        trace_began(last) || (last->status == EVM_OUT_OF_GAS && last->gas >= fixed &&
                              memory_reach(&reach, last) && why_unpriced(last) == NULL);
    if (!priced) return fixed;
    const uint64_t grown = fixed + growth_gas(last);
    switch (last->op) {
    case OP_EXP:
        return GAS_EXP + u256_byte_len(&last->top[1]) * EXP_BYTE_GAS;
    case OP_KECCAK256:
        return grown + words_in(last->top[1].limb[0]) * GAS_KECCAK256_WORD;
    case OP_CALLDATACOPY:
    case OP_CODECOPY:
    case OP_RETURNDATACOPY:
    case OP_MCOPY:
        return grown + words_in(last->top[2].limb[0]) * GAS_COPY_WORD;
    case OP_CREATE:
    case OP_CREATE2: {
        const uint64_t hashed = last->op == OP_CREATE2 ? GAS_KECCAK256_WORD : 0;
        const uint64_t checked = last->rev >= REV_SHANGHAI ? GAS_INITCODE_WORD : 0;
        return grown + words_in(last->top[2].limb[0]) * (hashed + checked);
    }
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODEHASH:
        return GAS_COLD_ACCOUNT; // whoever has the fixed part lacks it for a cold account only
    case OP_SLOAD:
        return last->gas >= GAS_WARM_ACCESS ? GAS_COLD_SLOAD : unknown_gas;
    case OP_EXTCODECOPY:
    case OP_SSTORE:
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
    case OP_SELFDESTRUCT:
        return unknown_gas;
    default:
        if (last->op >= OP_LOG0 && last->op <= OP_LOG4)
            return grown + GAS_LOG + (uint64_t)(last->op - OP_LOG0) * GAS_LOG_TOPIC +
                   last->top[1].limb[0] * GAS_LOG_BYTE;
        return grown;
    }
}

void trace_last_end(struct trace_last *last, enum evm_status status)
{
    uint64_t reach = 0;
    last->halted = status;
    last->status = status;
    const bool judged_later = status == EVM_RETURN_DATA_OUT_OF_BOUNDS ||
                              (status == EVM_STATIC_VIOLATION && !priced_as_write(last));
    if (!judged_later) return;
    const bool priced = memory_reach(&reach, last) && why_unpriced(last) == NULL;
    if (!priced || trace_failed_gas(last, 0) > last->gas) last->status = EVM_OUT_OF_GAS;
}

static void out_of_gas(char out[TRACE_ERROR_TEXT], const struct trace_last *last)
{
    uint64_t reach = 0;
    const char *why = NULL;
    if (last->gas >= fixed_gas(last)) {
        if (!memory_reach(&reach, last)) {
            (void)snprintf(out, TRACE_ERROR_TEXT, "gas uint64 overflow");
            return;
        }
        why = why_unpriced(last);
    }
    if (why == NULL) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "out of gas");
    } else if (strcmp(why, "max initcode size exceeded") == 0) {
        (void)snprintf(out, TRACE_ERROR_TEXT,
                       "out of gas: %s: code size %" PRIu64 " limit %" PRIu64, why,
                       last->top[2].limb[0], last->initcode_max);
    } else {
        (void)snprintf(out, TRACE_ERROR_TEXT, "out of gas: %s", why);
    }
}

void trace_error_text(char out[TRACE_ERROR_TEXT], enum evm_status status,
                      const struct trace_last *last)
{
    unsigned takes = 0;
    unsigned leaves = 0;
    const bool known = opcode_stack(last->op, &takes, &leaves);
    // A frame may also fail by what no instruction of it did: a precompile, a deposit of code.
    const bool by_op = last->halted == status;
    if (by_op) status = last->status;
    if (status == EVM_INVALID_OPCODE) {
        invalid_opcode(out, last->op);
    } else if (status == EVM_STACK_UNDERFLOW && known) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "stack underflow (%zu <=> %u)", last->stack_len,
                       takes);
    } else if (status == EVM_STACK_OVERFLOW && known) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "stack limit reached %zu (%u)", last->stack_len,
                       1024 + takes - leaves);
    } else if (status == EVM_OUT_OF_GAS && by_op) {
        out_of_gas(out, last);
    } else if (status == EVM_CODE_TOO_LARGE && last->op == OP_RETURN) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "%s: code size %" PRIu64 " limit %" PRIu64,
                       evm_status_text(status), last->top[1].limb[0], last->code_max);
    } else if (status == EVM_STATIC_VIOLATION && by_op && priced_as_write(last)) {
        (void)snprintf(out, TRACE_ERROR_TEXT, "out of gas: write protection");
    } else {
        (void)snprintf(out, TRACE_ERROR_TEXT, "%s", evm_status_text(status));
    }
}

const char *trace_kind_text(enum trace_kind kind)
{
    switch (kind) {
    case TRACE_CALL:
        return "CALL";
    case TRACE_CALLCODE:
        return "CALLCODE";
    case TRACE_DELEGATECALL:
        return "DELEGATECALL";
    case TRACE_STATICCALL:
        return "STATICCALL";
    case TRACE_CREATE:
        return "CREATE";
    case TRACE_CREATE2:
        return "CREATE2";
    case TRACE_SELFDESTRUCT:
        return "SELFDESTRUCT";
    }
    unreachable("trace_kind");
}

bool trace_memory(bytes_t *out, struct arena *arena, bytes_t memory, const u256_t *offset,
                  size_t len)
{
    uint8_t *copy = arena_calloc(arena, len, 1);
    if (copy == NULL) return false;
    if (u256_fits_u64(offset) && offset->limb[0] < memory.len) {
        const size_t there = memory.len - (size_t)offset->limb[0];
        memcpy(copy, memory.data + offset->limb[0], len < there ? len : there);
    }
    *out = bytes_make(copy, len);
    return true;
}

// ---- noopTracer -----------------------------------------------------------------------------

static void noop_end(void *ctx, const struct tx_result *result)
{
    const struct trace_job *job = ctx;
    (void)result;
    jw_open(job->out, '{');
    jw_close(job->out, '}');
}

// ---- 4byteTracer ----------------------------------------------------------------------------

/// Selectors and lengths of arguments, with how often they were called.
struct selector_count {
    struct selector_count *next;
    uint8_t selector[4];
    size_t args_len;
    int64_t count;
};

struct selector_tracer {
    struct trace_job *job;
    struct selector_count *first;
};

static void selector_enter(void *ctx, const struct trace_enter *e)
{
    struct selector_tracer *t = ctx;
    const bool calls = e->kind == TRACE_CALL || e->kind == TRACE_CALLCODE ||
                       e->kind == TRACE_DELEGATECALL || e->kind == TRACE_STATICCALL;
    if (!calls || e->input.len < 4 || precompile_is(t->job->block->rev, e->to)) return;
    struct selector_count *s = t->first;
    while (s != NULL &&
           (s->args_len != e->input.len - 4 || memcmp(s->selector, e->input.data, 4) != 0)) {
        s = s->next;
    }
    if (s == NULL) {
        s = trace_keep(t->job, 32) ? ARENA_NEW(t->job->arena, struct selector_count) : NULL;
        if (s == NULL) {
            t->job->too_large = true;
            return;
        }
        memcpy(s->selector, e->input.data, 4);
        s->args_len = e->input.len - 4;
        s->next = t->first;
        t->first = s;
    }
    s->count++;
}

static void selector_end(void *ctx, const struct tx_result *result)
{
    const struct selector_tracer *t = ctx;
    (void)result;
    jw_open(t->job->out, '{');
    for (const struct selector_count *s = t->first; s != NULL; s = s->next) {
        char key[48];
        (void)snprintf(key, sizeof key, "0x%02x%02x%02x%02x-%zu", s->selector[0], s->selector[1],
                       s->selector[2], s->selector[3], s->args_len);
        jw_kv_int(t->job->out, key, s->count);
    }
    jw_close(t->job->out, '}');
}

static err_t selector_begin(struct tracer *out, struct trace_job *job)
{
    struct selector_tracer *t = ARENA_NEW(job->arena, struct selector_tracer);
    if (t == NULL) return FAIL(FULL, "trace: no room");
    t->job = job;
    *out = (struct tracer){.hooks = {.enter = selector_enter, .ctx = t}, .end = selector_end};
    return OK;
}

// ---- any of them ----------------------------------------------------------------------------

err_t tracer_begin(struct tracer *out, struct trace_job *job)
{
    switch (job->options->kind) {
    case TRACER_STRUCT:
        return struct_tracer_begin(out, job);
    case TRACER_CALL:
        return call_tracer_begin(out, job);
    case TRACER_FLAT:
        return flat_tracer_begin(out, job);
    case TRACER_PRESTATE:
        return prestate_tracer_begin(out, job);
    case TRACER_4BYTE:
        return selector_begin(out, job);
    case TRACER_NOOP:
        *out = (struct tracer){.hooks = {.ctx = job}, .end = noop_end};
        return OK;
    }
    unreachable("tracer_kind");
}

void tracer_end(struct tracer *t, const struct tx_result *result)
{
    t->end(t->hooks.ctx, result);
    tracer_drop(t);
}

void tracer_drop(struct tracer *t)
{
    if (t->drop != NULL) t->drop(t->hooks.ctx);
}

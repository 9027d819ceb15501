// SPDX-License-Identifier: Apache-2.0

/// Executes state tests one after the other for the differential tests: a case as JSON per
/// line on standard input, its result as JSON per line on standard output.
///
///     {"fork", "env", "pre", "txbytes", "trace": bool}
///     -> {"refused": null or why, "root", "logs", "gasUsed", "status", "output", "steps", "ops",
///         "trace": ["pc op gas depth height top", ...], "reverted_ef": true if so}
///
/// Each case runs twice: in the traced interpreter, which counts instructions (`steps`, and
/// `ops`: a bit for each opcode), and in the fast one, whose result is the one printed. If
/// they differ the program says so in "traced" and the caller counts a failure. "reverted_ef"
/// tells that a creation reverted with data that begin with 0xEF, which the other EVM takes for
/// code (EIP-3541 is about code only).

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "chain/types/receipt.h"
#include "chain/types/tx.h"
#include "test/support/fixture.h"
#include "vm/overlay.h"
#include "vm/trace.h"
#include "vm/tx_exec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 32)
#define DEPTHS 1026      // the transaction's own call, 1,024 below it, and one refused
#define TRACE_MAX 100000 // lines; the first difference of a longer run is not shown

struct runner {
    struct vm *vm;
    struct overlay *world;
    struct mem_state state;
    struct arena arena;   ///< of a case
    struct arena scratch; ///< of roots
    uint64_t steps;
    uint8_t ops[32];
    json_t *trace;        ///< NULL: not asked for
    bool creates[DEPTHS]; ///< the frame at this depth is a creation
    bool reverted_ef;
};

struct outcome {
    bool refused;
    const char *why;
    uint64_t gas_used;
    enum evm_status status;
    bytes_t output;
    hash_t logs;
};

static void die(const char *why)
{
    fprintf(stderr, "evm_cases: %s\n", why);
    exit(2);
}

static void must(err_t err)
{
    if (!err_ok(err)) die(err_text(err));
}

// As go-ethereum's tests have it: the hash of block n is that of its decimal text.
static hash_t block_hash_of_text(void *ctx, uint64_t number)
{
    (void)ctx;
    char text[24];
    const int n = snprintf(text, sizeof text, "%" PRIu64, number);
    return keccak256(bytes_make(text, (size_t)n));
}

static void read_block(struct block_ctx *block, const json_t *env, enum revision rev)
{
    struct chain_config config = {
        .engine = ENGINE_MAINNET, .chain_id = 1, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        config.fork_block[r] = r <= (unsigned)rev ? 0 : FORK_NEVER;
        config.fork_time_s[r] = FORK_NEVER;
    }
    struct header h = {.number = fixture_u64(fixture_member(env, "currentNumber")),
                       .timestamp_s = fixture_u64(fixture_member(env, "currentTimestamp")),
                       .gas_limit = fixture_u64(fixture_member(env, "currentGasLimit")),
                       .coinbase = fixture_address(fixture_member(env, "currentCoinbase")),
                       .difficulty = fixture_u256(fixture_member(env, "currentDifficulty")),
                       .base_fee_wei = fixture_u256(fixture_member(env, "currentBaseFee")),
                       .mix_hash = fixture_hash(fixture_member(env, "currentRandom")),
                       .excess_blob_gas = fixture_u64(fixture_member(env, "currentExcessBlobGas")),
                       .field_count = HEADER_FIELDS_CANCUN};
    block_ctx_of_header(block, &config, &h);
}

static void on_step(void *ctx, const struct trace_step *s)
{
    struct runner *r = ctx;
    r->steps++;
    r->ops[s->op / 8] |= (uint8_t)(1U << (s->op % 8));
    if (r->trace == NULL || json_array_size(r->trace) >= TRACE_MAX) return;
    char top[65] = "-";
    if (s->stack_len != 0) {
        const hash_t word = u256_to_hash(&s->stack[s->stack_len - 1]);
        hex_encode(top, bytes_make(word.b, sizeof word.b));
        top[64] = 0;
    }
    char line[192];
    snprintf(line, sizeof line, "%" PRIu64 " %02x %" PRIu64 " %u %zu %s", s->pc, s->op, s->gas,
             s->depth, s->stack_len, top);
    json_array_append_new(r->trace, json_string(line));
}

static void on_enter(void *ctx, const struct trace_enter *e)
{
    struct runner *r = ctx;
    if (e->depth >= DEPTHS) die("deeper than calls can be");
    r->creates[e->depth] = e->kind == TRACE_CREATE || e->kind == TRACE_CREATE2;
}

static void on_leave(void *ctx, const struct trace_leave *l)
{
    struct runner *r = ctx;
    if (l->depth >= DEPTHS) die("deeper than calls can be");
    r->reverted_ef |= r->creates[l->depth] && l->status == EVM_REVERT && l->output.len != 0 &&
                      l->output.data[0] == 0xef;
}

static bytes_t keep(struct arena *arena, bytes_t from)
{
    uint8_t *to = arena_alloc(arena, from.len + 1);
    if (to == NULL) die("output too large");
    if (from.len != 0) memcpy(to, from.data, from.len);
    return bytes_make(to, from.len);
}

static struct outcome execute(struct runner *r, const struct block_ctx *block, const struct tx *tx)
{
    const struct state_view view = mem_state_view(&r->state);
    overlay_reset(r->world, &view);
    struct tx_result result;
    must(tx_execute(&result, r->vm, r->world, block, tx, block->gas_limit, NULL));
    if (result.validity != TX_VALID) {
        return (struct outcome){.refused = true, .why = tx_validity_text(result.validity)};
    }
    return (struct outcome){.gas_used = result.gas_used,
                            .status = result.status,
                            .output = keep(&r->arena, result.output),
                            .logs = logs_hash(result.logs, result.log_count)};
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->refused == b->refused && a->gas_used == b->gas_used && a->status == b->status &&
           bytes_eq(a->output, b->output) && hash_eq(&a->logs, &b->logs);
}

static json_t *hex_json(struct arena *arena, bytes_t b)
{
    char *text = arena_alloc(arena, 2 * b.len + 3);
    if (text == NULL) die("output too large");
    memcpy(text, "0x", 2);
    hex_encode(text + 2, b);
    text[2 * b.len + 2] = 0;
    return json_string(text);
}

static json_t *run_case(struct runner *r, const json_t *c)
{
    enum revision rev;
    const char *fork = json_string_value(fixture_member(c, "fork"));
    if (fork == NULL) die("fork is not a string");
    must(revision_parse(&rev, bytes_of_str(fork)));
    arena_reset(&r->arena);
    mem_state_clear(&r->state);
    fixture_state(&r->state, fixture_member(c, "pre"), &r->arena);
    r->state.block_hash = block_hash_of_text;
    struct block_ctx block;
    read_block(&block, fixture_member(c, "env"), rev);

    json_t *out = json_object();
    r->steps = 0;
    r->reverted_ef = false;
    memset(r->ops, 0, sizeof r->ops);
    r->trace = json_is_true(json_object_get(c, "trace")) ? json_array() : NULL;
    struct tx tx;
    struct outcome fast = {.refused = true};
    err_t err = tx_decode(&tx, &r->arena, fixture_bytes(fixture_member(c, "txbytes"), &r->arena));
    if (err_ok(err)) err = tx_recover_sender(&tx);
    if (err_ok(err)) {
        const struct trace_hooks hooks = {
            .step = on_step, .enter = on_enter, .leave = on_leave, .ctx = r};
        vm_set_trace(r->vm, &hooks);
        const struct outcome traced = execute(r, &block, &tx);
        vm_set_trace(r->vm, NULL);
        fast = execute(r, &block, &tx);
        if (!same(&fast, &traced)) json_object_set_new(out, "traced", json_string("differs"));
        struct state_diff diff;
        must(overlay_diff(&diff, &r->arena, r->world));
        if (fast.refused && diff.account_count != 0) {
            json_object_set_new(out, "traced", json_string("a refused transaction left a trace"));
        }
        mem_state_apply(&r->state, &diff);
    } else {
        fast.why = err_text(err);
    }
    const hash_t root = mem_state_root(&r->state, &r->scratch);
    json_object_set_new(out, "root", hex_json(&r->arena, bytes_make(root.b, sizeof root.b)));
    json_object_set_new(out, "refused", fast.refused ? json_string(fast.why) : json_null());
    if (!fast.refused) {
        const char *status = fast.status == EVM_SUCCESS ? "success" : evm_status_text(fast.status);
        const bytes_t logs = bytes_make(fast.logs.b, sizeof fast.logs.b);
        json_object_set_new(out, "logs", hex_json(&r->arena, logs));
        json_object_set_new(out, "gasUsed", json_integer((json_int_t)fast.gas_used));
        json_object_set_new(out, "status", json_string(status));
        json_object_set_new(out, "output", hex_json(&r->arena, fast.output));
    }
    json_object_set_new(out, "steps", json_integer((json_int_t)r->steps));
    json_object_set_new(out, "ops", hex_json(&r->arena, bytes_make(r->ops, sizeof r->ops)));
    if (r->reverted_ef) json_object_set_new(out, "reverted_ef", json_true());
    if (r->trace != NULL) json_object_set_new(out, "trace", r->trace);
    return out;
}

int main(void)
{
    struct runner r = {0};
    mem_state_init(&r.state);
    const struct state_view view = mem_state_view(&r.state);
    must(secp_setup());
    must(arena_init(&r.arena, ARENA_BYTES));
    must(arena_init(&r.scratch, ARENA_BYTES));
    must(vm_new(&r.vm));
    must(overlay_new(&r.world, &view, ARENA_BYTES));
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        json_error_t error;
        json_t *c = json_loadb(line, (size_t)len, 0, &error);
        if (c == NULL) die(error.text);
        json_t *out = run_case(&r, c);
        char *text = json_dumps(out, JSON_COMPACT);
        if (text == NULL || puts(text) < 0 || fflush(stdout) != 0) die("cannot write");
        free(text);
        json_decref(out);
        json_decref(c);
    }
    free(line);
    overlay_free(r.world);
    vm_free(r.vm);
    arena_deinit(&r.scratch);
    arena_deinit(&r.arena);
    mem_state_deinit(&r.state);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/system_contracts.h"

#include "chain/base/hex.h"
#include "chain/base/json.h"
#include "chain/codec/abi.h"
#include "chain/crypto/keccak.h"
#include "chain/types/address.h"
#include "chain/types/extra_data.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// ---- what is inside this program ----------------------------------------------------------

#define ARTIFACTS(X)                                                                               \
    X(CairnGovernor)                                                                               \
    X(CairnToken)                                                                                  \
    X(Directory)                                                                                   \
    X(FedAvg)                                                                                      \
    X(Members)                                                                                     \
    X(ModelRegistry)                                                                               \
    X(MultiKrum)                                                                                   \
    X(Reputation)                                                                                  \
    X(Rewards)                                                                                     \
    X(Rounds)                                                                                      \
    X(RoundsExtension)                                                                             \
    X(TimelockController)                                                                          \
    X(ValidatorSet)                                                                                \
    X(deployment)

#define DECLARE(NAME)                                                                              \
    extern const char embed_genesis_artifacts_##NAME##_json[];                                     \
    extern const char embed_genesis_artifacts_##NAME##_json_end[];
ARTIFACTS(DECLARE)
#undef DECLARE

struct artifact {
    const char *name;
    const char *start;
    const char *end;
};

#define ROW(NAME)                                                                                  \
    {#NAME, embed_genesis_artifacts_##NAME##_json, embed_genesis_artifacts_##NAME##_json_end},
static const struct artifact artifacts[] = {ARTIFACTS(ROW)};
#undef ROW

static err_t load_artifact(json_t **out, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(artifacts); i++) {
        const struct artifact *a = &artifacts[i];
        if (strcmp(a->name, name) != 0) continue;
        if (err_ok(json_parse(out, bytes_make(a->start, (size_t)(a->end - a->start)), NULL)))
            return OK;
        return FAIL(CORRUPT, "system contracts: an artifact is not JSON");
    }
    return FAIL(CORRUPT, "system contracts: the plan names an artifact this program does not have");
}

// ---- the plan -----------------------------------------------------------------------------

struct player {
    struct arena *arena;
    struct system_detail *detail;
    const json_t *plan;
    const json_t *given; ///< parameters of the network, may be NULL
    char where[96];      ///< what is being read, for the sentence
};

__attribute__((format(printf, 2, 3))) static err_t refuse(const struct player *p, const char *fmt,
                                                          ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->detail->text, sizeof p->detail->text, fmt, args);
    va_end(args);
    return FAIL(INVALID, "system contracts: the parameters are not usable");
}

static const json_t *default_of(const struct player *p, const char *param)
{
    return json_object_get(json_object_get(json_object_get(p->plan, "params"), param), "default");
}

static const json_t *param_value(const struct player *p, const char *param)
{
    const json_t *v = json_object_get(p->given, param);
    return v != NULL ? v : default_of(p, param);
}

/// "@Name": the address a contract of the plan will have; "$name": a parameter's.
static err_t resolve_address(const struct player *p, address_t *out, const char *text)
{
    if (text[0] == '$') {
        const char *value = json_string_value(param_value(p, text + 1));
        if (value == NULL || value[0] == '$') {
            return refuse(p, "%s: %s is not an address parameter", p->where, text);
        }
        text = value;
    }
    if (text[0] == '@') {
        const json_t *steps = json_object_get(p->plan, "steps");
        for (size_t i = 0; i < json_array_size(steps); i++) {
            const json_t *step = json_array_get(steps, i);
            const char *name = json_string_value(json_object_get(step, "contract"));
            const char *at = json_string_value(json_object_get(step, "address"));
            if (name == NULL || at == NULL || strcmp(name, text + 1) != 0) continue;
            return address_parse(out, bytes_of_str(at));
        }
        return refuse(p, "%s: no contract is called %s", p->where, text + 1);
    }
    if (err_ok(address_parse(out, bytes_of_str(text)))) return OK;
    return refuse(p, "%s is \"%.60s\"; expected an address", p->where, text);
}

static err_t read_number(const struct player *p, u256_t *out, const json_t *v)
{
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *out = u256_from_u64((uint64_t)json_integer_value(v));
        return OK;
    }
    if (json_is_string(v) && err_ok(u256_parse(out, bytes_of_str(json_string_value(v))))) return OK;
    return refuse(p, "%s: expected a number (a decimal string for large ones)", p->where);
}

static err_t read_bytes(const struct player *p, bytes_t *out, const json_t *v)
{
    const char *text = json_string_value(v);
    if (text == NULL) return refuse(p, "%s: expected 0x and hex digits", p->where);
    const size_t cap = strlen(text) / 2;
    uint8_t *data = arena_alloc(p->arena, cap);
    if (data == NULL) return FAIL(FULL, "system contracts: out of memory");
    if (!err_ok(hex_decode(data, cap, &out->len, bytes_of_str(text)))) {
        return refuse(p, "%s: expected 0x and hex digits", p->where);
    }
    out->data = data;
    return OK;
}

static err_t read_value(const struct player *p, struct abi_value *out, const struct abi_type *type,
                        const json_t *v)
{
    memset(out, 0, sizeof *out);
    out->kind = type->kind;
    switch (type->kind) {
    case ABI_UINT:
    case ABI_INT:
        return read_number(p, &out->number, v);
    case ABI_BOOL:
        if (!json_is_boolean(v)) return refuse(p, "%s: expected true or false", p->where);
        out->number = u256_from_u64(json_is_true(v));
        return OK;
    case ABI_ADDRESS:
        if (!json_is_string(v)) return refuse(p, "%s: expected an address", p->where);
        return resolve_address(p, &out->address, json_string_value(v));
    case ABI_BYTES_FIXED:
    case ABI_BYTES:
        return read_bytes(p, &out->bytes, v);
    case ABI_STRING:
        if (!json_is_string(v)) return refuse(p, "%s: expected text", p->where);
        out->bytes = bytes_of_str(json_string_value(v));
        return OK;
    case ABI_LIST:
        break;
    }
    if (!json_is_array(v)) return refuse(p, "%s: expected a list", p->where);
    const size_t count = json_array_size(v);
    struct abi_value *items = ARENA_ARRAY(p->arena, struct abi_value, count);
    if (items == NULL) return FAIL(FULL, "system contracts: out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct abi_type *field = type->is_tuple ? &type->fields[i] : &type->fields[0];
        TRY(read_value(p, &items[i], field, json_array_get(v, i)));
    }
    *out = abi_list(items, count);
    return OK;
}

/// Appends a step's arguments, encoded, after what is in `code` already.
static err_t append_args(struct player *p, struct buf *code, const json_t *step, const char *name)
{
    const json_t *args = json_object_get(step, "args");
    const size_t count = json_array_size(args);
    struct buf text;
    buf_init(&text, 4096);
    buf_put_str(&text, "f(");
    for (size_t i = 0; i < count; i++) {
        const char *type = json_string_value(json_object_get(json_array_get(args, i), "type"));
        buf_printf(&text, "%s%s", i > 0 ? "," : "", type != NULL ? type : "?");
    }
    buf_put_str(&text, ")");
    struct abi_signature sig;
    err_t err = abi_signature_parse(&sig, p->arena, buf_bytes(&text));
    buf_deinit(&text);
    if (!err_ok(err)) return FAIL(CORRUPT, "system contracts: a type of the plan is unknown");

    struct abi_value *values = ARENA_ARRAY(p->arena, struct abi_value, count);
    if (values == NULL) return FAIL(FULL, "system contracts: out of memory");
    for (size_t i = 0; i < count; i++) {
        const json_t *arg = json_array_get(args, i);
        const char *param = json_string_value(json_object_get(arg, "param"));
        (void)snprintf(p->where, sizeof p->where, "%s", param != NULL ? param : name);
        const json_t *v = param != NULL ? param_value(p, param) : json_object_get(arg, "value");
        TRY(read_value(p, &values[i], &sig.inputs.fields[i], v));
    }
    err = abi_encode(code, &sig.inputs, values, count);
    if (err.kind == ERR_INVALID) return refuse(p, "%s: an argument is out of range", name);
    return err;
}

static err_t check_param_names(const struct player *p)
{
    const json_t *known = json_object_get(p->plan, "params");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)p->given, key, value)
    {
        if (json_object_get(known, key) == NULL) {
            return refuse(p, "there is no parameter \"%.60s\" of the system contracts", key);
        }
    }
    return OK;
}

// ---- an empty world -----------------------------------------------------------------------

static err_t view_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    (void)ctx;
    (void)address;
    *out = account_none();
    *exists = false;
    return OK;
}

static err_t view_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *key)
{
    (void)ctx;
    (void)address;
    (void)key;
    *out = u256_from_u64(0);
    return OK;
}

static err_t view_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    (void)ctx;
    (void)out;
    (void)code_hash;
    return FAIL(CORRUPT, "system contracts: code of an empty world");
}

static err_t view_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    (void)ctx;
    (void)number;
    memset(out, 0, sizeof *out);
    return OK;
}

static const struct state_view empty_world = {view_account, view_slot, view_code, view_block_hash,
                                              NULL};

// ---- playing it ---------------------------------------------------------------------------

struct machine {
    struct vm *vm;
    struct overlay *world;
    struct block_ctx block;
    address_t deployer;
    uint64_t nonce;
};

static err_t run_message(const struct player *p, struct machine *m, const char *name,
                         const struct tx *message, struct tx_result *result)
{
    const struct call_mode mode = {
        .skip_balance = true, .skip_sender_code = true, .skip_base_fee = true};
    TRY(tx_execute(result, m->vm, m->world, &m->block, message, UINT64_MAX, &mode));
    m->nonce++;
    if (result->validity != TX_VALID) {
        return refuse(p, "%s cannot be deployed: %s", name, tx_validity_text(result->validity));
    }
    if (result->status == EVM_SUCCESS) return OK;
    struct buf why;
    buf_init(&why, 200);
    if (result->status == EVM_REVERT)
        abi_revert_print(&why, result->output, NULL, 0);
    else
        buf_put_str(&why, evm_status_text(result->status));
    const err_t err =
        refuse(p, "%s refuses these parameters: %.*s", name, (int)why.len, (const char *)why.data);
    buf_deinit(&why);
    return err;
}

static err_t play_create(struct player *p, struct machine *m, const json_t *step)
{
    const char *name = json_string_value(json_object_get(step, "contract"));
    const char *at = json_string_value(json_object_get(step, "address"));
    if (name == NULL || at == NULL) return FAIL(CORRUPT, "system contracts: bad step");
    json_t *artifact = NULL;
    TRY(load_artifact(&artifact, name));
    bytes_t bytecode = BYTES_NONE;
    (void)snprintf(p->where, sizeof p->where, "%s", name);
    struct buf code;
    buf_init(&code, (size_t)1 << 20);
    err_t err = read_bytes(p, &bytecode, json_object_get(artifact, "bytecode"));
    json_decref(artifact);
    if (err_ok(err)) {
        buf_put(&code, bytecode);
        err = append_args(p, &code, step, name);
    }
    if (err_ok(err)) err = buf_status(&code);
    if (err_ok(err)) {
        const struct tx message = {.type = TX_LEGACY,
                                   .nonce = m->nonce,
                                   .gas_limit = m->block.gas_limit,
                                   .is_create = true,
                                   .data = buf_bytes(&code),
                                   .has_sender = true,
                                   .sender = m->deployer};
        struct tx_result result = {0};
        err = run_message(p, m, name, &message, &result);
        address_t expected;
        if (err_ok(err)) err = address_parse(&expected, bytes_of_str(at));
        if (err_ok(err) && !address_eq(&expected, &result.contract_address)) {
            err = FAIL(CORRUPT, "system contracts: a contract has another address than planned");
        }
    }
    buf_deinit(&code);
    return err;
}

static err_t play_call(struct player *p, struct machine *m, const json_t *step)
{
    const char *name = json_string_value(json_object_get(step, "contract"));
    const char *signature = json_string_value(json_object_get(step, "function"));
    if (name == NULL || signature == NULL) return FAIL(CORRUPT, "system contracts: bad step");
    char at[96];
    (void)snprintf(at, sizeof at, "@%s", name);
    struct tx message = {.type = TX_LEGACY,
                         .nonce = m->nonce,
                         .gas_limit = m->block.gas_limit,
                         .has_sender = true,
                         .sender = m->deployer};
    TRY(resolve_address(p, &message.to, at));
    struct abi_signature sig;
    TRY(abi_signature_parse(&sig, p->arena, bytes_of_str(signature)));
    struct buf data;
    buf_init(&data, (size_t)1 << 20);
    buf_put(&data, BYTES_OF(sig.selector));
    err_t err = append_args(p, &data, step, name);
    if (err_ok(err)) err = buf_status(&data);
    if (err_ok(err)) {
        message.data = buf_bytes(&data);
        struct tx_result result = {0};
        err = run_message(p, m, name, &message, &result);
    }
    buf_deinit(&data);
    return err;
}

static err_t play(struct player *p, struct machine *m)
{
    const json_t *steps = json_object_get(p->plan, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const char *kind = json_string_value(json_object_get(step, "kind"));
        if (kind != NULL && strcmp(kind, "create") == 0)
            TRY(play_create(p, m, step));
        else if (kind != NULL && strcmp(kind, "call") == 0)
            TRY(play_call(p, m, step));
        else
            return FAIL(CORRUPT, "system contracts: the plan has an unknown kind of step");
    }
    return OK;
}

static err_t alloc_of_diff(const struct alloc_account **accounts, size_t *count,
                           struct arena *arena, const struct state_diff *diff)
{
    struct alloc_account *out = ARENA_ARRAY(arena, struct alloc_account, diff->account_count);
    if (out == NULL) return FAIL(FULL, "system contracts: out of memory");
    *count = 0;
    for (size_t i = 0; i < diff->account_count; i++) {
        const struct account_change *c = &diff->accounts[i];
        if (c->deleted) continue;
        struct alloc_slot *slots = ARENA_ARRAY(arena, struct alloc_slot, c->slot_count);
        if (slots == NULL) return FAIL(FULL, "system contracts: out of memory");
        size_t n = 0;
        for (size_t k = 0; k < c->slot_count; k++) {
            if (u256_is_zero(&c->slots[k].value)) continue;
            slots[n++] = (struct alloc_slot){c->slots[k].key, c->slots[k].value};
        }
        out[(*count)++] = (struct alloc_account){
            .address = c->address,
            .nonce = c->now.nonce,
            .balance_wei = c->now.balance_wei,
            .code = c->code,
            .slots = slots,
            .slot_count = n,
        };
    }
    *accounts = out;
    return OK;
}

err_t system_contracts_alloc(const struct alloc_account **accounts, size_t *count,
                             struct arena *arena, const json_t *params,
                             const struct system_site *site, struct system_detail *detail)
{
    detail->text[0] = 0;
    json_t *plan = NULL;
    TRY(load_artifact(&plan, "deployment"));
    struct player p = {.arena = arena, .detail = detail, .plan = plan, .given = params};
    struct machine m = {
        .block = {.rev = REV_CANCUN,
                  .engine = ENGINE_QBFT,
                  .chain_id = site->chain_id,
                  .timestamp_s = site->timestamp_s,
                  // Constructors are the network's own: no block's limit holds for them.
                  .gas_limit = (uint64_t)1 << 40,
                  .prev_randao = QBFT_MIX_HASH,
                  .difficulty = u256_from_u64(1),
                  .contract_size_limit = 24576},
    };
    const char *deployer = json_string_value(json_object_get(plan, "deployer"));
    err_t err = deployer == NULL ? FAIL(CORRUPT, "system contracts: the plan has no deployer")
                                 : address_parse(&m.deployer, bytes_of_str(deployer));
    if (err_ok(err)) err = check_param_names(&p);
    if (err_ok(err)) err = vm_new(&m.vm);
    if (err_ok(err)) err = overlay_new(&m.world, &empty_world, (size_t)256 << 20);
    if (err_ok(err)) err = play(&p, &m);
    struct state_diff diff;
    if (err_ok(err)) err = overlay_diff(&diff, arena, m.world);
    if (err_ok(err)) err = alloc_of_diff(accounts, count, arena, &diff);
    if (m.world != NULL) overlay_free(m.world);
    if (m.vm != NULL) vm_free(m.vm);
    json_decref(plan);
    return err;
}

// SPDX-License-Identifier: Apache-2.0
// prestateTracer: what a transaction read, as it was before; with diffMode what it changed,
// before and after.
#include "rpc/ns/tracer.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/types/address.h"

enum {
    OP_BALANCE = 0x31,
    OP_EXTCODESIZE = 0x3b,
    OP_EXTCODECOPY = 0x3c,
    OP_EXTCODEHASH = 0x3f,
    OP_SLOAD = 0x54,
    OP_SSTORE = 0x55,
    OP_CALL = 0xf1,
    OP_CALLCODE = 0xf2,
    OP_DELEGATECALL = 0xf4,
    OP_STATICCALL = 0xfa,
    OP_SELFDESTRUCT = 0xff,
};

/// Entries of one transaction: block gas pays for far fewer.
enum { ENTRIES_MAX = 1 << 20 };

struct pre_slot {
    struct pre_slot *next;
    hash_t key;
    u256_t value;
    u256_t after;
};

struct state_of {
    struct account account;
    bool exists;
    bytes_t code;
};

struct pre_account {
    struct pre_account *next;
    address_t address;
    struct state_of before;
    struct state_of after;
    bool created; ///< by this transaction
    bool changed;
    struct pre_slot *slots;
    struct pre_slot *last_slot;
};

struct slot_key {
    address_t address;
    hash_t key;
};

struct prestate_tracer {
    struct trace_job *job;
    struct map accounts; ///< address -> struct pre_account *
    struct map slots;    ///< struct slot_key -> nothing
    struct pre_account *first;
    struct pre_account *last;
};

// ---- reading --------------------------------------------------------------------------------

static bool read_account(struct trace_job *job, struct state_of *out, const address_t *address)
{
    const struct state_view *world = &job->world;
    job->err = world->account(world->ctx, &out->account, &out->exists, address);
    out->code = BYTES_NONE;
    if (err_ok(job->err) && out->exists && !hash_eq(&out->account.code_hash, &KECCAK_EMPTY)) {
        job->err = world->code(world->ctx, &out->code, &out->account.code_hash);
    }
    return err_ok(job->err);
}

static bool stopped(const struct prestate_tracer *t)
{
    return t->job->too_large || !err_ok(t->job->err);
}

/// The account's entry, made from what it is now if it is new. NULL: the job says why.
static struct pre_account *look_up(struct prestate_tracer *t, const address_t *address)
{
    if (stopped(t)) return NULL;
    struct pre_account **known = map_get(&t->accounts, address->b);
    if (known != NULL) return *known;
    struct pre_account *a = ARENA_NEW(t->job->arena, struct pre_account);
    known = a == NULL ? NULL : map_put(&t->accounts, address->b, NULL);
    if (known == NULL) {
        t->job->too_large = true;
        return NULL;
    }
    *known = a;
    a->address = *address;
    if (!read_account(t->job, &a->before, address)) return NULL;
    if (!trace_keep(t->job, 200 + 2 * a->before.code.len)) return NULL;
    if (t->last == NULL)
        t->first = a;
    else
        t->last->next = a;
    t->last = a;
    return a;
}

static void look_up_slot(struct prestate_tracer *t, const address_t *address, const u256_t *key)
{
    struct slot_key id = {*address, u256_to_hash(key)};
    struct pre_account *a = look_up(t, address);
    if (a == NULL || map_get(&t->slots, &id) != NULL) return;
    struct pre_slot *s = trace_keep(t->job, 140) ? ARENA_NEW(t->job->arena, struct pre_slot) : NULL;
    if (s == NULL || map_put(&t->slots, &id, NULL) == NULL) {
        t->job->too_large = true;
        return;
    }
    s->key = id.key;
    const struct state_view *world = &t->job->world;
    t->job->err = world->slot(world->ctx, &s->value, address, &s->key);
    if (a->last_slot == NULL)
        a->slots = s;
    else
        a->last_slot->next = s;
    a->last_slot = s;
}

/// An account that is called, and whom it delegates to (EIP-7702).
static void look_up_called(struct prestate_tracer *t, const address_t *address)
{
    const struct pre_account *a = look_up(t, address);
    if (a == NULL || a->before.code.len != 23 || memcmp(a->before.code.data, "\xef\x01", 3) != 0)
        return;
    address_t target;
    memcpy(target.b, a->before.code.data + 3, sizeof target.b);
    (void)look_up(t, &target);
}

static address_t address_in(const u256_t *word)
{
    const hash_t h = u256_to_hash(word);
    address_t a;
    memcpy(a.b, h.b + 12, sizeof a.b);
    return a;
}

static void prestate_step(void *ctx, const struct trace_step *step)
{
    struct prestate_tracer *t = ctx;
    if (step->stack_len == 0 || stopped(t)) return;
    const u256_t *top = &step->stack[step->stack_len - 1];
    address_t address;
    switch (step->op) {
    case OP_SLOAD:
    case OP_SSTORE:
        look_up_slot(t, step->self, top);
        break;
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
    case OP_SELFDESTRUCT:
        address = address_in(top);
        (void)look_up(t, &address);
        break;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        if (step->stack_len < 5) break;
        address = address_in(top - 1);
        look_up_called(t, &address);
        break;
    }
}

static void prestate_enter(void *ctx, const struct trace_enter *e)
{
    struct prestate_tracer *t = ctx;
    if (e->kind != TRACE_CREATE && e->kind != TRACE_CREATE2) return;
    struct pre_account *a = look_up(t, e->to);
    if (a != NULL) a->created = true;
}

// ---- writing --------------------------------------------------------------------------------

static bool is_empty(const struct state_of *s)
{
    return !s->exists || account_is_empty(&s->account);
}

static bool same_code(const struct state_of *a, const struct state_of *b)
{
    return a->code.len == b->code.len &&
           (a->code.len == 0 || memcmp(a->code.data, b->code.data, a->code.len) == 0);
}

static void put_slot(struct json_writer *w, bool *opened, const hash_t *key, const u256_t *value)
{
    if (!*opened) {
        jw_key(w, "storage");
        jw_open(w, '{');
        *opened = true;
    }
    const hash_t word = u256_to_hash(value);
    jw_kv_hash(w, hex_hash(key).s, &word);
}

/// An account as it was; with diffMode only the slots that changed and were not zero.
static void put_before(const struct prestate_tracer *t, const struct pre_account *a)
{
    const struct tracer_options *options = t->job->options;
    struct json_writer *w = t->job->out;
    jw_key(w, hex_address(&a->address).s);
    jw_open(w, '{');
    jw_kv_qty256(w, "balance", &a->before.account.balance_wei);
    if (a->before.code.len > 0 && !options->disable_code) jw_kv_data(w, "code", a->before.code);
    if (a->before.account.nonce != 0) jw_kv_int(w, "nonce", (int64_t)a->before.account.nonce);
    bool opened = false;
    const bool gone = a->before.exists && !a->after.exists;
    for (const struct pre_slot *s = a->slots; s != NULL && !options->disable_storage; s = s->next) {
        if (options->diff_mode && !gone &&
            (u256_is_zero(&s->value) || u256_eq(&s->value, &s->after)))
            continue;
        put_slot(w, &opened, &s->key, &s->value);
    }
    if (opened) jw_close(w, '}');
    jw_close(w, '}');
}

/// What of an account is different afterwards.
static void put_after(const struct prestate_tracer *t, const struct pre_account *a)
{
    const struct tracer_options *options = t->job->options;
    struct json_writer *w = t->job->out;
    const struct account *before = &a->before.account;
    const struct account *after = &a->after.account;
    jw_key(w, hex_address(&a->address).s);
    jw_open(w, '{');
    if (!u256_eq(&before->balance_wei, &after->balance_wei))
        jw_kv_qty256(w, "balance", &after->balance_wei);
    if (!same_code(&a->before, &a->after) && a->after.code.len > 0 && !options->disable_code)
        jw_kv_data(w, "code", a->after.code);
    if (before->nonce != after->nonce && after->nonce != 0)
        jw_kv_int(w, "nonce", (int64_t)after->nonce);
    bool opened = false;
    for (const struct pre_slot *s = a->slots; s != NULL && !options->disable_storage; s = s->next) {
        if (!u256_eq(&s->value, &s->after) && !u256_is_zero(&s->after))
            put_slot(w, &opened, &s->key, &s->after);
    }
    if (opened) jw_close(w, '}');
    jw_close(w, '}');
}

/// Reads everything again. False if the world failed.
static bool compare(struct prestate_tracer *t)
{
    const struct state_view *world = &t->job->world;
    for (struct pre_account *a = t->first; a != NULL; a = a->next) {
        if (!read_account(t->job, &a->after, &a->address)) return false;
        a->changed = a->before.account.nonce != a->after.account.nonce ||
                     !u256_eq(&a->before.account.balance_wei, &a->after.account.balance_wei) ||
                     !same_code(&a->before, &a->after);
        for (struct pre_slot *s = a->slots; s != NULL; s = s->next) {
            t->job->err = world->slot(world->ctx, &s->after, &a->address, &s->key);
            if (!err_ok(t->job->err)) return false;
            if (!u256_eq(&s->value, &s->after)) a->changed = true;
        }
    }
    return true;
}

static void prestate_end(void *ctx, const struct tx_result *result)
{
    struct prestate_tracer *t = ctx;
    const bool diff = t->job->options->diff_mode;
    struct json_writer *w = t->job->out;
    (void)result;
    if (diff && !compare(t)) return;
    jw_open(w, '{');
    if (diff) {
        jw_key(w, "post");
        jw_open(w, '{');
        for (const struct pre_account *a = t->first; a != NULL; a = a->next) {
            const bool gone = !is_empty(&a->before) && !a->after.exists;
            if (a->changed && !gone) put_after(t, a);
        }
        jw_close(w, '}');
        jw_key(w, "pre");
        jw_open(w, '{');
    }
    for (const struct pre_account *a = t->first; a != NULL; a = a->next) {
        if (diff && !a->changed) continue;
        if (a->created && is_empty(&a->before)) continue; // there was nothing yet
        put_before(t, a);
    }
    if (diff) jw_close(w, '}');
    jw_close(w, '}');
}

static void prestate_drop(void *ctx)
{
    struct prestate_tracer *t = ctx;
    map_deinit(&t->accounts);
    map_deinit(&t->slots);
}

/// Whom a transaction touches before its first instruction.
static void look_up_first(struct prestate_tracer *t)
{
    const struct tx *tx = t->job->tx;
    const struct pre_account *sender = look_up(t, &tx->sender);
    if (tx->is_create && sender != NULL) {
        const address_t fresh = address_of_create(&tx->sender, sender->before.account.nonce);
        struct pre_account *a = look_up(t, &fresh);
        if (a != NULL) a->created = true;
    } else if (!tx->is_create) {
        look_up_called(t, &tx->to);
    }
    (void)look_up(t, &t->job->block->coinbase);
    for (size_t i = 0; i < tx->authorization_count; i++) {
        address_t authority;
        if (authorization_signer(&authority, &tx->authorizations[i])) (void)look_up(t, &authority);
    }
}

err_t prestate_tracer_begin(struct tracer *out, struct trace_job *job)
{
    struct prestate_tracer *t = ARENA_NEW(job->arena, struct prestate_tracer);
    if (t == NULL) return FAIL(FULL, "trace: no room");
    t->job = job;
    map_init(&t->accounts, sizeof(address_t), sizeof(struct pre_account *), ENTRIES_MAX, 1);
    map_init(&t->slots, sizeof(struct slot_key), 1, ENTRIES_MAX, 1);
    look_up_first(t);
    if (!err_ok(job->err)) {
        prestate_drop(t);
        return job->err;
    }
    *out = (struct tracer){
        .hooks = {.step = prestate_step, .enter = prestate_enter, .ctx = t},
        .end = prestate_end,
        .drop = prestate_drop,
    };
    return OK;
}

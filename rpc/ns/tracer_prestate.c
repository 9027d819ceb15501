// SPDX-License-Identifier: Apache-2.0
// prestateTracer: what a transaction read, as it was before; with diffMode what it changed,
// before and after.
#include "rpc/ns/tracer.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/types/address.h"
#include "vm/gas.h"
#include "vm/opcode.h"

/// Entries of one transaction: block gas pays for far fewer.
enum { ENTRIES_MAX = 1 << 20 };

struct pre_slot {
    struct pre_slot *next;
    hash_t key;
    u256_t value;
    u256_t after;
    bool told; ///< false while its instruction may still turn out not to begin
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
    bool told;    ///< as of a slot
    bool created; ///< an instruction tried to make it
    bool deleted; ///< an instruction destroyed it, though perhaps in vain
    bool changed;
    struct pre_slot *slots;
    struct pre_slot *last_slot;
};

struct slot_key {
    address_t address;
    hash_t key;
};

/// What an instruction looks at, until it is known to have begun. It is read before the
/// instruction, when the world is still as it was.
struct pending_look {
    struct trace_last last;
    struct pre_account *accounts[2];
    struct pre_slot *slot;
    bool creates;
    struct pre_account *deletes;
};

struct prestate_tracer {
    struct trace_job *job;
    struct map accounts; ///< address -> struct pre_account *
    struct map slots;    ///< struct slot_key -> struct pre_slot *
    struct pre_account *first;
    struct pre_account *last;
    struct pending_look pending;
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

/// The account's entry; as it is now if nobody was told of it yet. NULL: the job says why.
static struct pre_account *look_up(struct prestate_tracer *t, const address_t *address)
{
    if (stopped(t)) return NULL;
    struct pre_account **known = map_get(&t->accounts, address->b);
    if (known != NULL) {
        struct pre_account *a = *known;
        return a->told || read_account(t->job, &a->before, address) ? a : NULL;
    }
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

/// The slot's entry, in the same way.
static struct pre_slot *look_up_slot(struct prestate_tracer *t, const address_t *address,
                                     const u256_t *key)
{
    struct slot_key id = {*address, u256_to_hash(key)};
    const struct state_view *world = &t->job->world;
    struct pre_account *a = look_up(t, address);
    if (a == NULL) return NULL;
    struct pre_slot **known = map_get(&t->slots, &id);
    struct pre_slot *s = known != NULL ? *known : NULL;
    if (s != NULL && s->told) return s;
    if (s == NULL) {
        s = trace_keep(t->job, 140) ? ARENA_NEW(t->job->arena, struct pre_slot) : NULL;
        known = s == NULL ? NULL : map_put(&t->slots, &id, NULL);
        if (known == NULL) {
            t->job->too_large = true;
            return NULL;
        }
        *known = s;
        s->key = id.key;
        if (a->last_slot == NULL)
            a->slots = s;
        else
            a->last_slot->next = s;
        a->last_slot = s;
    }
    t->job->err = world->slot(world->ctx, &s->value, address, &s->key);
    return err_ok(t->job->err) ? s : NULL;
}

/// Whom an account delegates to now (EIP-7702): its entry, or NULL.
static struct pre_account *look_up_delegate(struct prestate_tracer *t, const address_t *address)
{
    struct state_of now;
    if (t->job->block->rev < REV_PRAGUE || stopped(t) || !read_account(t->job, &now, address))
        return NULL;
    if (now.code.len != 23 || memcmp(now.code.data, "\xef\x01", 3) != 0) return NULL;
    address_t target;
    memcpy(target.b, now.code.data + 3, sizeof target.b);
    return look_up(t, &target);
}

static address_t address_in(const u256_t *word)
{
    const hash_t h = u256_to_hash(word);
    address_t a;
    memcpy(a.b, h.b + 12, sizeof a.b);
    return a;
}

/// The address that CREATE or CREATE2 would give. False if the piece of memory is longer than
/// the gas left pays for hashing, or no memory can hold it: then nothing begins.
static bool created_by(struct prestate_tracer *t, address_t *out, const struct trace_step *step)
{
    const u256_t *top = &step->stack[step->stack_len - 1];
    if (step->op == OP_CREATE) {
        struct state_of creator;
        if (!read_account(t->job, &creator, step->self)) return false;
        *out = address_of_create(step->self, creator.account.nonce);
        return true;
    }
    const u256_t *len = &top[-2];
    if (!u256_fits_u64(len) || len->limb[0] / 32 > step->gas / GAS_KECCAK256_WORD) return false;
    const size_t mark = arena_mark(t->job->arena);
    bytes_t initcode;
    if (!trace_memory(&initcode, t->job->arena, step->memory, &top[-1], (size_t)len->limb[0])) {
        t->job->too_large = true;
        return false;
    }
    const hash_t code_hash = keccak256(initcode);
    const hash_t salt = u256_to_hash(&top[-3]);
    arena_rewind(t->job->arena, mark);
    *out = address_of_create2(step->self, &salt, &code_hash);
    return true;
}

static void prestate_step(void *ctx, const struct trace_step *step)
{
    struct prestate_tracer *t = ctx;
    struct pending_look *p = &t->pending;
    memset(p, 0, sizeof *p);
    if (stopped(t)) return;
    const size_t words = step->stack_len;
    const u256_t *top = words == 0 ? NULL : &step->stack[words - 1];
    address_t address;
    switch (step->op) {
    case OP_SLOAD:
    case OP_SSTORE:
        if (words >= 1 && !t->job->options->disable_storage)
            p->slot = look_up_slot(t, step->self, top);
        break;
    case OP_SELFDESTRUCT:
        p->deletes = look_up(t, step->self);
        if (p->deletes != NULL && t->job->block->rev >= REV_CANCUN && !p->deletes->created)
            p->deletes = NULL;
        // fall through: the heir
        __attribute__((fallthrough));
    case OP_BALANCE:
    case OP_EXTCODESIZE:
    case OP_EXTCODECOPY:
    case OP_EXTCODEHASH:
        if (words < 1) break;
        address = address_in(top);
        p->accounts[0] = look_up(t, &address);
        break;
    case OP_CALL:
    case OP_CALLCODE:
    case OP_DELEGATECALL:
    case OP_STATICCALL:
        if (words < 5) break;
        address = address_in(top - 1);
        p->accounts[0] = look_up(t, &address);
        p->accounts[1] = look_up_delegate(t, &address);
        break;
    case OP_CREATE:
    case OP_CREATE2:
        if (words < (step->op == OP_CREATE2 ? 4 : 3) || !created_by(t, &address, step)) break;
        p->accounts[0] = look_up(t, &address);
        p->creates = true;
        break;
    default:
        return;
    }
    p->last = trace_last_of(t->job, step);
}

static void prestate_cost(void *ctx, uint64_t gas_cost, enum evm_status status)
{
    struct prestate_tracer *t = ctx;
    struct pending_look *p = &t->pending;
    (void)gas_cost;
    trace_last_end(&p->last, status);
    if (trace_began(&p->last)) {
        for (size_t i = 0; i < ARRAY_LEN(p->accounts); i++) {
            if (p->accounts[i] != NULL) p->accounts[i]->told = true;
        }
        if (p->creates && p->accounts[0] != NULL) p->accounts[0]->created = true;
        if (p->slot != NULL) p->slot->told = true;
        if (p->deletes != NULL) p->deletes->deleted = true;
    }
    memset(p, 0, sizeof *p);
}

// ---- writing --------------------------------------------------------------------------------

/// Was there nothing to tell of the account? go-ethereum leaves such ones out.
static bool was_empty(const struct state_of *s)
{
    return !s->exists || account_is_empty(&s->account);
}

static bool same_code(const struct state_of *a, const struct state_of *b)
{
    return a->code.len == b->code.len &&
           (a->code.len == 0 || memcmp(a->code.data, b->code.data, a->code.len) == 0);
}

/// What there is to compare: KECCAK_EMPTY for an account without code, and before the transaction
/// also for one that is not there; afterwards zeros for that one.
static hash_t code_hash_of(const struct state_of *s, bool after)
{
    static const hash_t nothing = {{0}};
    if (s->exists) return s->account.code_hash;
    return after ? nothing : KECCAK_EMPTY;
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
    const struct account *before = &a->before.account;
    jw_key(w, hex_address(&a->address).s);
    jw_open(w, '{');
    jw_kv_qty256(w, "balance", &before->balance_wei);
    if (a->before.code.len > 0 && !options->disable_code) jw_kv_data(w, "code", a->before.code);
    if (a->before.code.len > 0) jw_kv_hash(w, "codeHash", &before->code_hash);
    if (before->nonce != 0) jw_kv_uint(w, "nonce", before->nonce);
    bool opened = false;
    for (const struct pre_slot *s = a->slots; s != NULL && !options->disable_storage; s = s->next) {
        const bool same = u256_is_zero(&s->value) || u256_eq(&s->value, &s->after);
        if (!s->told || (options->diff_mode && !a->deleted && same)) continue;
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
    const hash_t hash_before = code_hash_of(&a->before, false);
    const hash_t hash_after = code_hash_of(&a->after, true);
    jw_key(w, hex_address(&a->address).s);
    jw_open(w, '{');
    if (!u256_eq(&before->balance_wei, &after->balance_wei))
        jw_kv_qty256(w, "balance", &after->balance_wei);
    if (!same_code(&a->before, &a->after) && !options->disable_code)
        jw_kv_data(w, "code", a->after.code);
    if (!hash_eq(&hash_before, &hash_after)) jw_kv_hash(w, "codeHash", &hash_after);
    if (before->nonce != after->nonce && after->nonce != 0) jw_kv_uint(w, "nonce", after->nonce);
    bool opened = false;
    for (const struct pre_slot *s = a->slots; s != NULL && !options->disable_storage; s = s->next) {
        if (s->told && !u256_eq(&s->value, &s->after) && !u256_is_zero(&s->after))
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
        if (!a->told) continue;
        if (!read_account(t->job, &a->after, &a->address)) return false;
        const hash_t hash_before = code_hash_of(&a->before, false);
        const hash_t hash_after = code_hash_of(&a->after, true);
        a->changed = a->before.account.nonce != a->after.account.nonce ||
                     !u256_eq(&a->before.account.balance_wei, &a->after.account.balance_wei) ||
                     !hash_eq(&hash_before, &hash_after);
        for (struct pre_slot *s = a->slots; s != NULL; s = s->next) {
            if (!s->told) continue;
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
    const struct tracer_options *options = t->job->options;
    const bool diff = options->diff_mode;
    struct json_writer *w = t->job->out;
    (void)result;
    if (diff && !compare(t)) return;
    jw_open(w, '{');
    if (diff) {
        jw_key(w, "post");
        jw_open(w, '{');
        for (const struct pre_account *a = t->first; a != NULL; a = a->next) {
            if (a->told && a->changed && !a->deleted) put_after(t, a);
        }
        jw_close(w, '}');
        jw_key(w, "pre");
        jw_open(w, '{');
    }
    for (const struct pre_account *a = t->first; a != NULL; a = a->next) {
        if (!a->told || (was_empty(&a->before) && !options->include_empty)) continue;
        if (!diff || a->changed || a->deleted) put_before(t, a);
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

static struct pre_account *tell(struct pre_account *a)
{
    if (a != NULL) a->told = true;
    return a;
}

/// Whom a transaction touches before its first instruction.
static void look_up_first(struct prestate_tracer *t)
{
    const struct tx *tx = t->job->tx;
    const struct pre_account *sender = tell(look_up(t, &tx->sender));
    if (tx->is_create && sender != NULL) {
        const address_t fresh = address_of_create(&tx->sender, sender->before.account.nonce);
        struct pre_account *a = tell(look_up(t, &fresh));
        if (a != NULL) a->created = true;
    } else if (!tx->is_create) {
        (void)tell(look_up_delegate(t, &tx->to));
        (void)tell(look_up(t, &tx->to));
    }
    (void)tell(look_up(t, &t->job->block->coinbase));
    for (size_t i = 0; i < tx->authorization_count; i++) {
        address_t authority;
        if (authorization_signer(&authority, &tx->authorizations[i]))
            (void)tell(look_up(t, &authority));
    }
}

err_t prestate_tracer_begin(struct tracer *out, struct trace_job *job)
{
    struct prestate_tracer *t = ARENA_NEW(job->arena, struct prestate_tracer);
    if (t == NULL) return FAIL(FULL, "trace: no room");
    t->job = job;
    map_init(&t->accounts, sizeof(address_t), sizeof(struct pre_account *), ENTRIES_MAX, 1);
    map_init(&t->slots, sizeof(struct slot_key), sizeof(struct pre_slot *), ENTRIES_MAX, 1);
    look_up_first(t);
    if (!err_ok(job->err)) {
        prestate_drop(t);
        return job->err;
    }
    *out = (struct tracer){
        .hooks = {.step = prestate_step, .cost = prestate_cost, .ctx = t},
        .end = prestate_end,
        .drop = prestate_drop,
    };
    return OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "vm/overlay_impl.h"

#include <stdlib.h>

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"

enum { TABLE_FIRST_CAP = 256 };

// ---- tables ---------------------------------------------------------------------------------

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t hash_address(const struct overlay *o, const address_t *a)
{
    uint64_t x;
    uint64_t y;
    uint32_t z;
    memcpy(&x, a->b, 8);
    memcpy(&y, a->b + 8, 8);
    memcpy(&z, a->b + 16, 4);
    return fold(fold(x ^ o->seed, y ^ UINT64_C(0xa0761d6478bd642f)) ^ z,
                UINT64_C(0xe7037ed1a0b428db));
}

static inline uint64_t hash_slot(const struct overlay *o, const struct acct *a, const u256_t *key)
{
    const uint64_t h = fold(key->limb[0] ^ o->seed, key->limb[1] ^ UINT64_C(0x8ebc6af09c88c6e3));
    const uint64_t g = fold(key->limb[2] ^ UINT64_C(0x589965cc75374cc3), key->limb[3] ^ o->seed);
    return fold(h ^ (uint64_t)(uintptr_t)a, g ^ UINT64_C(0x1d8e4e27c47d124f));
}

static bool table_init(struct table *t, struct arena *arena, size_t cap)
{
    t->buckets = ARENA_ARRAY(arena, struct table_bucket, cap);
    t->cap = t->buckets == NULL ? 0 : cap;
    t->count = 0;
    return t->buckets != NULL;
}

static void table_place(struct table *t, uint64_t hash, void *entry)
{
    size_t i = (size_t)hash & (t->cap - 1);
    while (t->buckets[i].entry != NULL) i = (i + 1) & (t->cap - 1);
    t->buckets[i] = (struct table_bucket){hash, entry};
}

// The old buckets stay in the arena: doubling wastes at most as much as the table is large.
static bool table_add(struct table *t, struct arena *arena, uint64_t hash, void *entry)
{
    if (2 * (t->count + 1) > t->cap) {
        struct table larger;
        if (!table_init(&larger, arena, 2 * t->cap)) return false;
        for (size_t i = 0; i < t->cap; i++) {
            if (t->buckets[i].entry != NULL) {
                table_place(&larger, t->buckets[i].hash, t->buckets[i].entry);
            }
        }
        larger.count = t->count;
        *t = larger;
    }
    table_place(t, hash, entry);
    t->count++;
    return true;
}

static bool fail_full(struct overlay *o)
{
    o->err = FAIL(FULL, "overlay: block changes more than its memory allows");
    return false;
}

// ---- life -----------------------------------------------------------------------------------

static err_t stretch_init(struct stretch *s, size_t bytes, size_t element)
{
    TRY(arena_init(&s->arena, bytes));
    s->base = arena_alloc(&s->arena, bytes / element * element);
    if (s->base == NULL) return FAIL(FULL, "overlay: no address space");
    s->len = 0;
    s->cap = bytes / element;
    return OK;
}

// Touched pages beyond this many bytes go back to the system when the overlay is reset.
enum { STRETCH_KEEP_BYTES = 1 << 20 };

static void stretch_trim(struct stretch *s, size_t element)
{
    if (s->len * element > STRETCH_KEEP_BYTES) {
        arena_reset(&s->arena);
        s->base = arena_alloc(&s->arena, s->cap * element);
    }
    s->len = 0;
}

err_t overlay_new(struct overlay **out, const struct state_view *view, size_t max_bytes)
{
    struct arena arena = {0};
    TRY(arena_init(&arena, max_bytes));
    struct overlay *o = ARENA_NEW(&arena, struct overlay);
    if (o == NULL) {
        arena_deinit(&arena);
        return FAIL(FULL, "overlay: its maximum is too small");
    }
    o->arena = arena;
    err_t err = stretch_init(&o->journal, max_bytes, sizeof(struct change));
    if (err_ok(err)) err = stretch_init(&o->logs, max_bytes, sizeof(struct log_entry));
    if (!err_ok(err)) {
        overlay_free(o);
        return err;
    }
    // Where the system put us is not known to who chooses keys; results never depend on it.
    o->seed =
        fold((uint64_t)(uintptr_t)o ^ UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93));
    overlay_reset(o, view);
    if (!err_ok(o->err)) {
        err = o->err;
        overlay_free(o);
        return err;
    }
    *out = o;
    return OK;
}

void overlay_free(struct overlay *o)
{
    if (o == NULL) return;
    arena_deinit(&o->journal.arena);
    arena_deinit(&o->logs.arena);
    struct arena arena = o->arena; // it holds *o
    arena_deinit(&arena);
}

void overlay_reset(struct overlay *o, const struct state_view *view)
{
    // *o is the arena's first element and stays where it is.
    struct overlay keep = *o;
    arena_reset(&keep.arena);
    void *at = arena_alloc(&keep.arena, sizeof *o);
    check(at == o);
    stretch_trim(&keep.journal, sizeof(struct change));
    stretch_trim(&keep.logs, sizeof(struct log_entry));
    keep.view = *view;
    keep.all = NULL;
    keep.listed = NULL;
    keep.account_count = 0;
    keep.tx = 1;
    keep.tx_logs = 0;
    keep.refund = 0;
    keep.err = OK;
    *o = keep;
    if (!table_init(&o->accounts, &o->arena, TABLE_FIRST_CAP) ||
        !table_init(&o->slots, &o->arena, TABLE_FIRST_CAP) ||
        !table_init(&o->transients, &o->arena, TABLE_FIRST_CAP)) {
        fail_full(o);
    }
}

// ---- look-ups -------------------------------------------------------------------------------

// What lasts one transaction is forgotten when a later one asks.
static inline void refresh(struct overlay *o, struct acct *a)
{
    if (a->tx == o->tx) return;
    a->tx = o->tx;
    a->warm = false;
    a->touched = false;
    a->created = false;
    a->destructed = false;
    a->listed = false;
}

struct acct *overlay_find(struct overlay *o, const address_t *a)
{
    const uint64_t hash = hash_address(o, a);
    const struct table *t = &o->accounts;
    for (size_t i = (size_t)hash & (t->cap - 1); t->buckets[i].entry != NULL;
         i = (i + 1) & (t->cap - 1)) {
        if (t->buckets[i].hash != hash) continue;
        struct acct *found = t->buckets[i].entry;
        if (address_eq(&found->address, a)) {
            refresh(o, found);
            return found;
        }
    }
    return NULL;
}

struct acct *overlay_account(struct overlay *o, const address_t *a)
{
    struct acct *found = overlay_find(o, a);
    if (found != NULL) return found;
    if (!err_ok(o->err)) return NULL;

    struct acct *fresh = ARENA_NEW(&o->arena, struct acct);
    if (fresh == NULL) {
        fail_full(o);
        return NULL;
    }
    fresh->address = *a;
    o->err = o->view.account(o->view.ctx, &fresh->base, &fresh->existed, a);
    if (!err_ok(o->err)) return NULL;
    if (!fresh->existed) fresh->base = account_none();
    fresh->exists = fresh->existed;
    fresh->now = fresh->base;
    fresh->tx = o->tx;
    if (!table_add(&o->accounts, &o->arena, hash_address(o, a), fresh)) {
        fail_full(o);
        return NULL;
    }
    fresh->next = o->all;
    o->all = fresh;
    o->account_count++;
    return fresh;
}

static inline void refresh_slot(struct overlay *o, struct slot *s)
{
    if (s->generation != s->account->generation) {
        s->generation = s->account->generation;
        s->now = u256_from_u64(0);
    }
    if (s->tx != o->tx) {
        s->tx = o->tx;
        s->warm = false;
        s->original = s->now;
    }
}

struct slot *overlay_find_slot(struct overlay *o, struct acct *a, const u256_t *key)
{
    const uint64_t hash = hash_slot(o, a, key);
    const struct table *t = &o->slots;
    for (size_t i = (size_t)hash & (t->cap - 1); t->buckets[i].entry != NULL;
         i = (i + 1) & (t->cap - 1)) {
        if (t->buckets[i].hash != hash) continue;
        struct slot *found = t->buckets[i].entry;
        if (found->account == a && u256_eq(&found->key, key)) {
            refresh_slot(o, found);
            return found;
        }
    }
    return NULL;
}

struct slot *overlay_slot(struct overlay *o, struct acct *a, const u256_t *key)
{
    struct slot *found = overlay_find_slot(o, a, key);
    if (found != NULL) return found;
    if (!err_ok(o->err)) return NULL;

    struct slot *fresh = ARENA_NEW(&o->arena, struct slot);
    if (fresh == NULL) {
        fail_full(o);
        return NULL;
    }
    fresh->account = a;
    fresh->key = *key;
    // A deleted account's old slots are gone, whatever the view says.
    if (a->existed && !hash_eq(&a->base.storage_root, &KECCAK_RLP_NULL)) {
        const hash_t name = u256_to_hash(key);
        o->err = o->view.slot(o->view.ctx, &fresh->base, &a->address, &name);
        if (!err_ok(o->err)) return NULL;
    }
    if (a->generation == 0) fresh->now = fresh->base;
    fresh->original = fresh->now;
    fresh->generation = a->generation;
    fresh->tx = o->tx;
    if (!table_add(&o->slots, &o->arena, hash_slot(o, a, key), fresh)) {
        fail_full(o);
        return NULL;
    }
    fresh->next = a->slots;
    a->slots = fresh;
    return fresh;
}

static struct transient *find_transient(const struct overlay *o, const struct acct *a,
                                        const u256_t *key, uint64_t hash)
{
    const struct table *t = &o->transients;
    for (size_t i = (size_t)hash & (t->cap - 1); t->buckets[i].entry != NULL;
         i = (i + 1) & (t->cap - 1)) {
        if (t->buckets[i].hash != hash) continue;
        struct transient *found = t->buckets[i].entry;
        if (found->account == a && u256_eq(&found->key, key)) return found;
    }
    return NULL;
}

u256_t overlay_read_transient(struct overlay *o, struct acct *a, const u256_t *key)
{
    const struct transient *t = find_transient(o, a, key, hash_slot(o, a, key));
    return t != NULL && t->tx == o->tx ? t->now : u256_from_u64(0);
}

bool overlay_code(struct overlay *o, struct acct *a, bytes_t *code)
{
    if (!a->code_loaded) {
        if (hash_eq(&a->now.code_hash, &KECCAK_EMPTY)) {
            a->code = BYTES_NONE;
        } else {
            o->err = o->view.code(o->view.ctx, &a->code, &a->now.code_hash);
            if (!err_ok(o->err)) return false;
        }
        a->code_loaded = true;
    }
    *code = a->code;
    return true;
}

static bool has_storage(const struct acct *a)
{
    if (a->generation == 0 && a->existed && !hash_eq(&a->base.storage_root, &KECCAK_RLP_NULL)) {
        return true;
    }
    if (!a->has_slots) return false;
    for (const struct slot *s = a->slots; s != NULL; s = s->next) {
        if (s->generation == a->generation && !u256_is_zero(&s->now)) return true;
    }
    return false;
}

bool acct_collides(const struct acct *a)
{
    if (!a->exists) return false;
    return a->now.nonce != 0 || !hash_eq(&a->now.code_hash, &KECCAK_EMPTY) || has_storage(a);
}

// ---- the journal ----------------------------------------------------------------------------

static struct change *record(struct overlay *o, enum change_kind kind, void *what)
{
    if (o->journal.len == o->journal.cap) {
        fail_full(o);
        return NULL;
    }
    struct change *c = (struct change *)(void *)o->journal.base + o->journal.len++;
    c->kind = kind;
    c->what = what;
    return c;
}

static bool record_flag(struct overlay *o, enum change_kind kind, void *what, bool old)
{
    struct change *c = record(o, kind, what);
    if (c == NULL) return false;
    c->old.flag = old;
    return true;
}

// 0x03 stays touched although its frame failed: block 2675119 of the public chain made this
// a rule (EIP-161, geth's "RIPEMD exception").
static bool is_ripemd(const address_t *a)
{
    static const address_t three = {{[19] = 3}};
    return address_eq(a, &three);
}

static void undo(struct change *c)
{
    struct acct *a = c->what;
    struct slot *s = c->what;
    struct transient *t = c->what;
    switch (c->kind) {
    case CHANGE_SLOT:
        s->now = c->old.word;
        return;
    case CHANGE_SLOT_WARM:
        s->warm = false;
        return;
    case CHANGE_TRANSIENT:
        t->now = c->old.word;
        return;
    case CHANGE_BALANCE:
        a->now.balance_wei = c->old.word;
        return;
    case CHANGE_NONCE:
        a->now.nonce = c->old.nonce;
        return;
    case CHANGE_CODE:
        a->now.code_hash = c->old.code.hash;
        a->code = c->old.code.bytes;
        a->code_loaded = hash_eq(&a->now.code_hash, &KECCAK_EMPTY) || a->code.len != 0;
        return;
    case CHANGE_WARM:
        a->warm = false;
        return;
    case CHANGE_TOUCHED:
        if (!is_ripemd(&a->address)) a->touched = c->old.flag;
        return;
    case CHANGE_CREATED:
        a->created = c->old.flag;
        return;
    case CHANGE_DESTRUCTED:
        a->destructed = c->old.flag;
        return;
    case CHANGE_EXISTS:
        a->exists = c->old.flag;
        return;
    }
    unreachable("kind of change");
}

void overlay_rollback(struct overlay *o, struct checkpoint to)
{
    struct change *changes = (struct change *)(void *)o->journal.base;
    while (o->journal.len > to.journal) undo(&changes[--o->journal.len]);
    o->logs.len = to.logs;
    o->refund = to.refund;
}

static void list(struct overlay *o, struct acct *a)
{
    if (a->listed) return;
    a->listed = true;
    a->next_listed = o->listed;
    o->listed = a;
}

static bool set_exists(struct overlay *o, struct acct *a)
{
    if (a->exists) return true;
    if (!record_flag(o, CHANGE_EXISTS, a, false)) return false;
    a->exists = true;
    return true;
}

bool overlay_warm(struct overlay *o, struct acct *a)
{
    if (a->warm) return true;
    if (record(o, CHANGE_WARM, a) == NULL) return false;
    a->warm = true;
    return true;
}

bool overlay_warm_slot(struct overlay *o, struct slot *s)
{
    if (s->warm) return true;
    if (record(o, CHANGE_SLOT_WARM, s) == NULL) return false;
    s->warm = true;
    return true;
}

bool overlay_touch(struct overlay *o, struct acct *a, bool creates)
{
    if (creates) return set_exists(o, a);
    if (a->touched) return true;
    if (!record_flag(o, CHANGE_TOUCHED, a, false)) return false;
    a->touched = true;
    list(o, a);
    return true;
}

bool overlay_write_slot(struct overlay *o, struct slot *s, const u256_t *value)
{
    struct change *c = record(o, CHANGE_SLOT, s);
    if (c == NULL) return false;
    c->old.word = s->now;
    s->now = *value;
    s->account->has_slots = true;
    return true;
}

bool overlay_write_balance(struct overlay *o, struct acct *a, const u256_t *wei)
{
    struct change *c = record(o, CHANGE_BALANCE, a);
    if (c == NULL) return false;
    c->old.word = a->now.balance_wei;
    a->now.balance_wei = *wei;
    return set_exists(o, a);
}

bool overlay_write_nonce(struct overlay *o, struct acct *a, uint64_t nonce)
{
    struct change *c = record(o, CHANGE_NONCE, a);
    if (c == NULL) return false;
    c->old.nonce = a->now.nonce;
    a->now.nonce = nonce;
    return set_exists(o, a);
}

bool overlay_write_code(struct overlay *o, struct acct *a, bytes_t code)
{
    struct change *c = record(o, CHANGE_CODE, a);
    if (c == NULL) return false;
    c->old.code.hash = a->now.code_hash;
    c->old.code.bytes = a->code_loaded ? a->code : BYTES_NONE;
    a->now.code_hash = keccak256(code);
    a->code = code;
    a->code_loaded = true;
    return set_exists(o, a);
}

bool overlay_write_created(struct overlay *o, struct acct *a)
{
    if (!record_flag(o, CHANGE_CREATED, a, a->created)) return false;
    a->created = true;
    return set_exists(o, a);
}

bool overlay_write_destructed(struct overlay *o, struct acct *a)
{
    if (a->destructed) return true;
    if (!record_flag(o, CHANGE_DESTRUCTED, a, false)) return false;
    a->destructed = true;
    list(o, a);
    return true;
}

bool overlay_write_transient(struct overlay *o, struct acct *a, const u256_t *key,
                             const u256_t *value)
{
    const uint64_t hash = hash_slot(o, a, key);
    struct transient *t = find_transient(o, a, key, hash);
    if (t == NULL) {
        t = ARENA_NEW(&o->arena, struct transient);
        if (t == NULL || !table_add(&o->transients, &o->arena, hash, t)) return fail_full(o);
        t->account = a;
        t->key = *key;
        t->tx = o->tx;
    }
    if (t->tx != o->tx) {
        t->tx = o->tx;
        t->now = u256_from_u64(0);
    }
    struct change *c = record(o, CHANGE_TRANSIENT, t);
    if (c == NULL) return false;
    c->old.word = t->now;
    t->now = *value;
    return true;
}

bool overlay_log(struct overlay *o, const address_t *address, const hash_t *topics,
                 unsigned topic_count, bytes_t data)
{
    if (o->logs.len == o->logs.cap) return fail_full(o);
    bool full = false;
    const bytes_t copy = arena_copy(&o->arena, data, &full);
    if (full) return fail_full(o);

    struct log_entry *log = (struct log_entry *)(void *)o->logs.base + o->logs.len++;
    *log = (struct log_entry){.address = *address, .topic_count = topic_count, .data = copy};
    for (unsigned i = 0; i < topic_count; i++) log->topics[i] = topics[i];
    return true;
}

// ---- transactions ---------------------------------------------------------------------------

void overlay_tx_begin(struct overlay *o)
{
    o->tx++;
    o->journal.len = 0;
    o->listed = NULL;
    o->refund = 0;
    o->tx_logs = o->logs.len;
}

// Gone: its storage with it. If it comes back it starts from nothing.
static void delete_account(struct acct *a)
{
    a->exists = false;
    a->generation++;
    a->has_slots = false;
    a->now = account_none();
    a->code = BYTES_NONE;
    a->code_loaded = true;
}

void overlay_tx_end(struct overlay *o, bool clear_empty)
{
    for (struct acct *a = o->listed; a != NULL; a = a->next_listed) {
        const bool empty = clear_empty && a->touched && account_is_empty(&a->now);
        if (a->exists && (a->destructed || empty)) delete_account(a);
    }
    o->listed = NULL;
    o->journal.len = 0;
    o->tx++; // nothing of it counts for whoever looks next
}

// ---- as a view ------------------------------------------------------------------------------

static err_t view_account(void *ctx, struct account *out, bool *exists, const address_t *address)
{
    struct overlay *o = ctx;
    const struct acct *a = overlay_account(o, address);
    if (a == NULL) return o->err;
    *exists = a->exists;
    *out = a->exists ? a->now : account_none();
    // Not a root: only told apart from "no storage" (that is all a VM asks it for).
    if (has_storage(a)) {
        if (hash_eq(&out->storage_root, &KECCAK_RLP_NULL)) memset(&out->storage_root, 0xff, 32);
    } else {
        out->storage_root = KECCAK_RLP_NULL;
    }
    return OK;
}

static err_t view_slot(void *ctx, u256_t *out, const address_t *address, const hash_t *key)
{
    struct overlay *o = ctx;
    struct acct *a = overlay_account(o, address);
    const u256_t word = u256_from_hash(key);
    const struct slot *s = a == NULL ? NULL : overlay_slot(o, a, &word);
    if (s == NULL) return o->err;
    *out = s->now;
    return OK;
}

static err_t view_code(void *ctx, bytes_t *out, const hash_t *code_hash)
{
    struct overlay *o = ctx;
    for (const struct acct *a = o->all; a != NULL; a = a->next) {
        if (a->exists && a->code_loaded && hash_eq(&a->now.code_hash, code_hash)) {
            *out = a->code;
            return OK;
        }
    }
    return o->view.code(o->view.ctx, out, code_hash);
}

static err_t view_block_hash(void *ctx, hash_t *out, uint64_t number)
{
    struct overlay *o = ctx;
    return o->view.block_hash(o->view.ctx, out, number);
}

struct state_view overlay_as_view(struct overlay *o)
{
    return (struct state_view){view_account, view_slot, view_code, view_block_hash, o};
}

// ---- direct changes -------------------------------------------------------------------------

err_t overlay_set_balance(struct overlay *o, const address_t *a, const u256_t *wei)
{
    struct acct *account = overlay_account(o, a);
    if (account == NULL) return o->err;
    account->now.balance_wei = *wei;
    account->exists = true;
    return OK;
}

err_t overlay_add_balance(struct overlay *o, const address_t *a, const u256_t *wei)
{
    struct acct *account = overlay_account(o, a);
    if (account == NULL) return o->err;
    if (!u256_add_checked(&account->now.balance_wei, &account->now.balance_wei, wei)) {
        return FAIL(INVALID, "overlay: a balance exceeds 256 bits");
    }
    account->exists = account->exists || !u256_is_zero(wei);
    return OK;
}

err_t overlay_set_nonce(struct overlay *o, const address_t *a, uint64_t nonce)
{
    struct acct *account = overlay_account(o, a);
    if (account == NULL) return o->err;
    account->now.nonce = nonce;
    account->exists = true;
    return OK;
}

err_t overlay_set_code(struct overlay *o, const address_t *a, bytes_t code)
{
    struct acct *account = overlay_account(o, a);
    if (account == NULL) return o->err;
    bool full = false;
    const bytes_t copy = arena_copy(&o->arena, code, &full);
    if (full) {
        fail_full(o);
        return o->err;
    }
    account->now.code_hash = keccak256(code);
    account->code = copy;
    account->code_loaded = true;
    account->exists = true;
    return OK;
}

err_t overlay_set_slot(struct overlay *o, const address_t *a, const hash_t *key,
                       const u256_t *value)
{
    struct acct *account = overlay_account(o, a);
    const u256_t word = u256_from_hash(key);
    struct slot *s = account == NULL ? NULL : overlay_slot(o, account, &word);
    if (s == NULL) return o->err;
    s->now = *value;
    s->original = *value;
    account->has_slots = true;
    account->exists = true;
    return OK;
}

err_t overlay_clear_storage(struct overlay *o, const address_t *a)
{
    struct acct *account = overlay_account(o, a);
    if (account == NULL) return o->err;
    account->generation++;
    account->has_slots = false;
    return OK;
}

err_t overlay_delete_if_empty(struct overlay *o, const address_t *a)
{
    struct acct *account = overlay_account(o, a);
    if (account == NULL) return o->err;
    if (account->exists && account_is_empty(&account->now)) delete_account(account);
    return OK;
}

// ---- the diff -------------------------------------------------------------------------------

static int cmp_slots(const void *x, const void *y)
{
    const struct slot_change *a = x;
    const struct slot_change *b = y;
    return hash_cmp(&a->key, &b->key);
}

static int cmp_accounts(const void *x, const void *y)
{
    const struct account_change *a = x;
    const struct account_change *b = y;
    return address_cmp(&a->address, &b->address);
}

// A slot is news if it differs from what remains once the old storage, if it must, is gone.
static bool slot_changed(const struct acct *a, const struct slot *s)
{
    if (s->generation != a->generation) return false;
    if (a->generation != 0) return !u256_is_zero(&s->now);
    return !u256_eq(&s->now, &s->base);
}

static bool diff_slots(struct account_change *out, struct arena *arena, const struct acct *a)
{
    size_t count = 0;
    for (const struct slot *s = a->slots; s != NULL; s = s->next) count += slot_changed(a, s);
    out->slot_count = count;
    if (count == 0) return true;

    struct slot_change *changes = ARENA_ARRAY(arena, struct slot_change, count);
    if (changes == NULL) return false;
    size_t i = 0;
    for (const struct slot *s = a->slots; s != NULL; s = s->next) {
        if (slot_changed(a, s)) {
            changes[i++] = (struct slot_change){u256_to_hash(&s->key), s->now};
        }
    }
    qsort(changes, count, sizeof *changes, cmp_slots);
    out->slots = changes;
    return true;
}

static bool fields_changed(const struct acct *a)
{
    return a->now.nonce != a->base.nonce || !u256_eq(&a->now.balance_wei, &a->base.balance_wei) ||
           !hash_eq(&a->now.code_hash, &a->base.code_hash);
}

static err_t no_diff_room(void)
{
    return FAIL(FULL, "overlay: no room for the diff");
}

err_t overlay_diff(struct state_diff *out, struct arena *arena, struct overlay *o)
{
    struct account_change *changes = ARENA_ARRAY(arena, struct account_change, o->account_count);
    if (changes == NULL) return no_diff_room();

    size_t count = 0;
    for (const struct acct *a = o->all; a != NULL; a = a->next) {
        struct account_change c = {.address = a->address, .now = a->now};
        c.now.storage_root = a->base.storage_root;
        if (!a->exists) {
            if (!a->existed) continue;
            c.deleted = true;
            changes[count++] = c;
            continue;
        }
        c.storage_cleared = a->existed && a->generation != 0;
        if (!diff_slots(&c, arena, a)) return no_diff_room();
        const bool created = !a->existed;
        if (!created && !c.storage_cleared && c.slot_count == 0 && !fields_changed(a)) continue;
        if (!hash_eq(&a->now.code_hash, &a->base.code_hash)) {
            bool no_room = false;
            c.code = arena_copy(arena, a->code, &no_room);
            if (no_room) return no_diff_room();
        }
        changes[count++] = c;
    }
    if (count > 1) qsort(changes, count, sizeof *changes, cmp_accounts);
    *out = (struct state_diff){changes, count};
    return OK;
}

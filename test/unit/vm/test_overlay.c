// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/crypto/keccak.h"
#include "chain/state/mem_state.h"
#include "vm/overlay_impl.h"

#define BYTES ((size_t)1 << 26)

static const address_t A = {{1}};
static const address_t B = {{2}};

struct fixture {
    struct mem_state state;
    struct state_view view;
    struct overlay *o;
    struct arena arena;
};

static void setup(struct fixture *f)
{
    mem_state_init(&f->state);
    const u256_t wei = u256_from_u64(100);
    mem_state_put(&f->state, &A, 1, &wei, LIT("\x60\x00"));
    for (uint8_t i = 1; i <= 4; i++) {
        const hash_t key = {{[31] = i}};
        const u256_t value = u256_from_u64(10u * i);
        mem_state_put_slot(&f->state, &A, &key, &value);
    }
    f->view = mem_state_view(&f->state);
    cr_assert(err_ok(overlay_new(&f->o, &f->view, BYTES)));
    cr_assert(err_ok(arena_init(&f->arena, BYTES)));
}

static void teardown(struct fixture *f)
{
    overlay_free(f->o);
    arena_deinit(&f->arena);
    mem_state_deinit(&f->state);
}

static uint64_t slot_now(struct fixture *f, const address_t *a, uint64_t key)
{
    const u256_t word = u256_from_u64(key);
    return overlay_slot(f->o, overlay_account(f->o, a), &word)->now.limb[0];
}

static void write_slot(struct fixture *f, const address_t *a, uint64_t key, uint64_t value)
{
    const u256_t word = u256_from_u64(key);
    const u256_t v = u256_from_u64(value);
    cr_assert(overlay_write_slot(f->o, overlay_slot(f->o, overlay_account(f->o, a), &word), &v));
}

static struct state_diff diff_of(struct fixture *f)
{
    struct state_diff d;
    cr_assert(err_ok(overlay_diff(&d, &f->arena, f->o)));
    return d;
}

// ---- a plain model to compare with ------------------------------------------------------------

enum { ACCOUNTS = 6, KEYS = 5, DEPTH = 12 };

/// Everything that can be rolled back, of a few accounts: copied whole at a checkpoint.
struct model {
    struct {
        uint64_t balance;
        uint64_t nonce;
        uint64_t slots[KEYS];
        uint64_t transients[KEYS];
        bool exists, warm, created, destructed;
        bool slot_warm[KEYS];
        hash_t code;
    } a[ACCOUNTS];
    size_t logs;
    int64_t refund;
};

static address_t name(unsigned i)
{
    return (address_t){{(uint8_t)(i + 1)}};
}

static struct model observe(struct overlay *o)
{
    struct model m;
    memset(&m, 0, sizeof m);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        const address_t at = name(i);
        struct acct *a = overlay_account(o, &at);
        m.a[i].balance = a->now.balance_wei.limb[0];
        m.a[i].nonce = a->now.nonce;
        m.a[i].exists = a->exists;
        m.a[i].warm = acct_is_warm(o, a);
        m.a[i].created = a->created;
        m.a[i].destructed = a->destructed;
        m.a[i].code = a->now.code_hash;
        for (unsigned k = 0; k < KEYS; k++) {
            const u256_t key = u256_from_u64(k);
            const struct slot *s = overlay_slot(o, a, &key);
            m.a[i].slots[k] = s->now.limb[0];
            m.a[i].slot_warm[k] = slot_is_warm(o, s);
            m.a[i].transients[k] = overlay_read_transient(o, a, &key).limb[0];
        }
    }
    m.logs = o->logs.len;
    m.refund = o->refund;
    return m;
}

static void random_change(struct overlay *o, unsigned *seed)
{
    static const uint8_t codes[4][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
    const address_t at = name((unsigned)rand_r(seed) % ACCOUNTS);
    struct acct *a = overlay_account(o, &at);
    const u256_t key = u256_from_u64((uint64_t)rand_r(seed) % KEYS);
    const u256_t value = u256_from_u64((uint64_t)rand_r(seed) % 3);
    struct slot *s = overlay_slot(o, a, &key);
    bool done = true;
    switch ((unsigned)rand_r(seed) % 11) {
    case 0:
        done = overlay_write_slot(o, s, &value);
        break;
    case 1:
        done = overlay_write_balance(o, a, &value);
        break;
    case 2:
        done = overlay_write_nonce(o, a, (uint64_t)rand_r(seed) % 5);
        break;
    case 3:
        done = overlay_write_code(o, a, bytes_make(codes[(unsigned)rand_r(seed) % 4], 2));
        break;
    case 4:
        done = overlay_warm(o, a);
        break;
    case 5:
        done = overlay_warm_slot(o, s);
        break;
    case 6:
        done = overlay_write_transient(o, a, &key, &value);
        break;
    case 7:
        done = overlay_write_created(o, a);
        break;
    case 8:
        done = overlay_write_destructed(o, a);
        break;
    case 9:
        done = overlay_log(o, &at, NULL, 0, LIT("log"));
        break;
    default:
        o->refund += rand_r(seed) % 100 - 50;
        done = overlay_touch(o, a, false);
        break;
    }
    cr_assert(done);
}

/// Goal: whatever happened since a checkpoint, nested ones too, a rollback undoes exactly it.
Test(overlay, rollback_is_exact)
{
    struct fixture f;
    setup(&f);
    const char *text = getenv("CAIRN_SEED");
    unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 7;
    for (unsigned round = 0; round < 300; round++) {
        overlay_tx_begin(f.o);
        struct checkpoint marks[DEPTH];
        struct model models[DEPTH];
        unsigned depth = 0;
        for (unsigned step = 0; step < 120; step++) {
            const unsigned what = (unsigned)rand_r(&seed) % 8;
            if (what == 0 && depth < DEPTH) {
                models[depth] = observe(f.o);
                marks[depth++] = overlay_checkpoint(f.o);
            } else if (what == 1 && depth > 0) {
                depth = (unsigned)rand_r(&seed) % depth;
                overlay_rollback(f.o, marks[depth]);
                const struct model now = observe(f.o);
                cr_assert(memcmp(&now, &models[depth], sizeof now) == 0, "round %u step %u", round,
                          step);
            } else {
                random_change(f.o, &seed);
            }
        }
        overlay_tx_end(f.o, true);
    }
    teardown(&f);
}

/// Goal: the diff, applied to the world below, gives the world the overlay shows.
Test(overlay, diff_is_what_it_shows)
{
    struct fixture f;
    setup(&f);
    unsigned seed = 11;
    for (unsigned round = 0; round < 200; round++) {
        overlay_reset(f.o, &f.view);
        for (unsigned tx = 0; tx < 3; tx++) {
            overlay_tx_begin(f.o);
            for (unsigned step = 0; step < 30; step++) random_change(f.o, &seed);
            overlay_tx_end(f.o, true);
        }
        struct model shown = observe(f.o);
        arena_reset(&f.arena);
        const struct state_diff d = diff_of(&f);
        for (size_t i = 1; i < d.account_count; i++) {
            cr_assert_lt(address_cmp(&d.accounts[i - 1].address, &d.accounts[i].address), 0);
        }
        mem_state_apply(&f.state, &d);
        struct overlay *fresh;
        cr_assert(err_ok(overlay_new(&fresh, &f.view, BYTES)));
        struct model applied = observe(fresh);
        // Slots written to nobody (no execution does that) are not part of the world.
        for (unsigned i = 0; i < ACCOUNTS; i++) {
            if (!shown.a[i].exists) memset(shown.a[i].slots, 0, sizeof shown.a[i].slots);
        }
        shown.logs = applied.logs = 0;
        shown.refund = applied.refund = 0;
        cr_assert(memcmp(&shown, &applied, sizeof shown) == 0, "round %u", round);
        overlay_free(fresh);
    }
    teardown(&f);
}

/// Goal: an account that went and came back has none of its old slots, in later transactions
/// and in the diff too.
Test(overlay, recreated_accounts_start_empty)
{
    struct fixture f;
    setup(&f);
    const u256_t wei = u256_from_u64(5);
    overlay_tx_begin(f.o);
    cr_expect_eq(slot_now(&f, &A, 1), 10u);
    write_slot(&f, &A, 2, 99);
    cr_assert(overlay_write_destructed(f.o, overlay_account(f.o, &A)));
    cr_expect_eq(slot_now(&f, &A, 2), 99u, "until the transaction ends all is there");
    overlay_tx_end(f.o, true);
    cr_expect_eq(diff_of(&f).accounts[0].deleted, true);

    overlay_tx_begin(f.o);
    cr_expect_not(overlay_account(f.o, &A)->exists);
    cr_expect_eq(slot_now(&f, &A, 1), 0u, "read before");
    cr_expect_eq(slot_now(&f, &A, 2), 0u, "written before");
    cr_expect_eq(slot_now(&f, &A, 3), 0u, "never read before");
    cr_assert(overlay_write_created(f.o, overlay_account(f.o, &A)));
    cr_assert(overlay_write_balance(f.o, overlay_account(f.o, &A), &wei));
    write_slot(&f, &A, 4, 44);
    overlay_tx_end(f.o, true);

    const struct state_diff d = diff_of(&f);
    cr_assert_eq(d.account_count, 1u);
    cr_expect(d.accounts[0].storage_cleared);
    cr_expect_not(d.accounts[0].deleted);
    cr_assert_eq(d.accounts[0].slot_count, 1u);
    cr_expect_eq(d.accounts[0].slots[0].value.limb[0], 44u);
    cr_expect_eq(d.accounts[0].now.nonce, 0u);
    cr_expect_eq(d.accounts[0].code.len, 0u);
    teardown(&f);
}

/// Goal: what lasts one transaction is gone in the next, without anybody clearing it.
Test(overlay, per_transaction_state)
{
    struct fixture f;
    setup(&f);
    const u256_t key = u256_from_u64(1);
    const u256_t value = u256_from_u64(7);
    overlay_tx_begin(f.o);
    struct acct *a = overlay_account(f.o, &A);
    cr_assert(overlay_warm(f.o, a));
    cr_assert(overlay_warm_slot(f.o, overlay_slot(f.o, a, &key)));
    cr_assert(overlay_write_transient(f.o, a, &key, &value));
    write_slot(&f, &A, 1, 77);
    f.o->refund = 9;
    cr_expect_eq(overlay_slot(f.o, a, &key)->original.limb[0], 10u);
    overlay_tx_end(f.o, true);

    overlay_tx_begin(f.o);
    a = overlay_account(f.o, &A);
    const struct slot *s = overlay_slot(f.o, a, &key);
    cr_expect_not(acct_is_warm(f.o, a));
    cr_expect_not(slot_is_warm(f.o, s));
    cr_expect_eq(overlay_read_transient(f.o, a, &key).limb[0], 0u);
    cr_expect_eq(s->original.limb[0], 77u, "the original value is this transaction's");
    cr_expect_eq(f.o->refund, 0);
    teardown(&f);
}

/// Goal: touched empty accounts go (EIP-161), but only where the rule holds, and 0x03 goes
/// even if its frame failed.
Test(overlay, touched_and_empty)
{
    static const struct {
        const char *name;
        address_t at;
        bool rolled_back;
        bool clear_empty;
        bool gone;
    } rows[] = {
        {"touched", {{9}}, false, true, true},
        {"before EIP-161", {{9}}, false, false, false},
        {"rolled back", {{9}}, true, true, false},
        {"0x03 rolled back", {{[19] = 3}}, true, true, true},
        {"not empty", {{1}}, false, true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        setup(&f);
        const u256_t zero = u256_from_u64(0);
        if (!address_eq(&rows[i].at, &A))
            mem_state_put(&f.state, &rows[i].at, 0, &zero, BYTES_NONE);
        overlay_tx_begin(f.o);
        const struct checkpoint mark = overlay_checkpoint(f.o);
        cr_assert(overlay_touch(f.o, overlay_account(f.o, &rows[i].at), false));
        if (rows[i].rolled_back) overlay_rollback(f.o, mark);
        overlay_tx_end(f.o, rows[i].clear_empty);
        cr_expect_eq(!overlay_account(f.o, &rows[i].at)->exists, rows[i].gone, "%s", rows[i].name);
        teardown(&f);
    }
}

/// Goal: nothing that only looked, or came back to where it was, is in the diff.
Test(overlay, diff_is_net)
{
    struct fixture f;
    setup(&f);
    overlay_tx_begin(f.o);
    (void)slot_now(&f, &A, 1);
    (void)overlay_account(f.o, &B);
    write_slot(&f, &A, 2, 5);
    write_slot(&f, &A, 2, 20);
    const u256_t other = u256_from_u64(1);
    const u256_t same = u256_from_u64(100);
    cr_assert(overlay_write_balance(f.o, overlay_account(f.o, &A), &other));
    cr_assert(overlay_write_balance(f.o, overlay_account(f.o, &A), &same));
    overlay_tx_end(f.o, true);
    cr_expect_eq(diff_of(&f).account_count, 0u);
    teardown(&f);
}

/// Goal: an overlay stacked on another sees it as a world: code, slots and whether there is
/// storage (EIP-7610) included.
Test(overlay, as_view)
{
    struct fixture f;
    setup(&f);
    static const address_t fresh = {{7}};
    const hash_t key = {{[31] = 3}};
    const u256_t value = u256_from_u64(33);
    cr_assert(err_ok(overlay_set_code(f.o, &fresh, LIT("\x5b"))));
    cr_assert(err_ok(overlay_set_slot(f.o, &fresh, &key, &value)));
    cr_assert(err_ok(overlay_set_nonce(f.o, &fresh, 4)));
    cr_assert(err_ok(overlay_clear_storage(f.o, &A)));
    const struct state_view view = overlay_as_view(f.o);
    struct overlay *top;
    cr_assert(err_ok(overlay_new(&top, &view, BYTES)));
    struct acct *a = overlay_account(top, &fresh);
    const u256_t word = u256_from_hash(&key);
    bytes_t code;
    cr_expect_eq(a->now.nonce, 4u);
    cr_assert(overlay_code(top, a, &code));
    cr_expect(bytes_eq(code, LIT("\x5b")));
    cr_expect_eq(overlay_slot(top, a, &word)->now.limb[0], 33u);
    cr_expect_not(hash_eq(&a->now.storage_root, &KECCAK_RLP_NULL));
    cr_expect(hash_eq(&overlay_account(top, &A)->now.storage_root, &KECCAK_RLP_NULL));
    cr_expect_eq(overlay_slot(top, overlay_account(top, &A), &word)->now.limb[0], 0u);
    overlay_free(top);
    teardown(&f);
}

/// Goal: where a contract may not be created (EIP-684, 7610).
Test(overlay, collisions)
{
    struct fixture f;
    setup(&f);
    static const address_t rich = {{8}};
    static const address_t stored = {{9}};
    static const address_t written = {{10}};
    const hash_t key = {{1}};
    const u256_t one = u256_from_u64(1);
    mem_state_put(&f.state, &rich, 0, &one, BYTES_NONE);
    mem_state_put(&f.state, &stored, 0, &one, BYTES_NONE);
    mem_state_put_slot(&f.state, &stored, &key, &one);
    cr_assert(err_ok(overlay_set_slot(f.o, &written, &key, &one)));
    cr_expect(acct_collides(overlay_account(f.o, &A)), "nonce and code");
    cr_expect_not(acct_collides(overlay_account(f.o, &B)), "nobody");
    cr_expect_not(acct_collides(overlay_account(f.o, &rich)), "balance alone");
    cr_expect(acct_collides(overlay_account(f.o, &stored)), "storage in the view");
    cr_expect(acct_collides(overlay_account(f.o, &written)), "storage in the overlay");
    teardown(&f);
}

/// Goal: a full overlay says so, and a failing view too; neither gives an answer.
static err_t broken_account(void *ctx, struct account *out, bool *exists, const address_t *a)
{
    (void)ctx;
    (void)out;
    (void)exists;
    (void)a;
    return FAIL(IO, "test: disk is gone");
}

Test(overlay, failures)
{
    struct fixture f;
    setup(&f);
    struct state_view broken = f.view;
    broken.account = broken_account;
    overlay_reset(f.o, &broken);
    cr_expect_null(overlay_account(f.o, &A));
    cr_expect_eq(f.o->err.kind, ERR_IO);
    cr_expect_null(overlay_account(f.o, &B), "stays failed");

    struct overlay *small;
    cr_assert(err_ok(overlay_new(&small, &f.view, 64 * 1024)));
    unsigned i = 0;
    address_t at = {{0}};
    for (; i < 100000; i++) {
        memcpy(at.b + 4, &i, sizeof i);
        if (overlay_account(small, &at) == NULL) break;
    }
    cr_expect_lt(i, 1000u);
    cr_expect_eq(small->err.kind, ERR_FULL);
    overlay_reset(small, &f.view);
    cr_expect_not_null(overlay_account(small, &A), "a reset makes it usable again");
    overlay_free(small);
    teardown(&f);
}

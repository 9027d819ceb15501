// SPDX-License-Identifier: Apache-2.0
/// Goal: every bound and every rule of giving way (threat model 4.5) has its own row or test,
/// and counts always agree with the contents.

#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "consensus/pool/txpool.h"
#include "test/support/vectors.h"

static struct arena arena;
static struct txpool *pool;
static size_t dropped;
static const char *last_why;
static bool of_peers; ///< what `make` makes has come from a peer, not from a user
static const struct pool_account RICH = {0, {{1000000000, 0, 0, 0}}};

static void drop(void *ctx, struct pool_tx *tx, enum pool_fate fate, const char *why)
{
    (void)ctx, (void)fate;
    dropped++;
    last_why = why;
    free(tx);
}

/// Of peers' ones, those of senders with more than three slots give way to newcomers.
static void open_pool(size_t pending_max, size_t queued_max)
{
    struct txpool_options o = TXPOOL_DEFAULTS;
    o.pending_max = pending_max;
    o.queued_max = queued_max;
    o.sender_safe = 3;
    o.drop = drop;
    o.seed = 1;
    arena = vectors_arena((size_t)256 * 1024 * 1024);
    cr_assert(err_ok(txpool_new(&pool, &arena, &o)));
    dropped = 0;
}

static void close_pool(void)
{
    txpool_free(pool);
    arena_deinit(&arena);
}

static address_t sender_of(uint64_t i)
{
    address_t a = {{0xaa}};
    be_put_u64(a.b + 12, i);
    return a;
}

/// A transaction of sender `from`, named by all that it says.
static struct pool_tx *make(uint64_t from, uint64_t nonce, uint64_t fee, uint64_t tip,
                            uint64_t value)
{
    static const uint8_t raw[100] = {0};
    struct pool_tx *t = calloc(1, sizeof *t);
    cr_assert(t != NULL);
    t->tx = (struct tx){.type = TX_DYNAMIC_FEE,
                        .nonce = nonce,
                        .max_fee_per_gas = u256_from_u64(fee),
                        .max_priority_fee_per_gas = u256_from_u64(tip),
                        .gas_limit = 10,
                        .value_wei = u256_from_u64(value),
                        .raw = BYTES_OF(raw),
                        .has_sender = true,
                        .sender = sender_of(from)};
    t->local = !of_peers;
    const uint64_t name[] = {from, nonce, fee, tip, value};
    t->tx.hash = keccak256(BYTES_OF(name));
    return t;
}

static enum pool_result add_at(struct pool_tx *t, const struct pool_account *account,
                               uint64_t now_s)
{
    const enum pool_result r = txpool_add(pool, t, account, now_s, NULL);
    if (r != POOL_ADDED) free(t);
    return r;
}

static enum pool_result add(uint64_t from, uint64_t nonce, uint64_t fee)
{
    return add_at(make(from, nonce, fee, fee, 1), &RICH, 100);
}

static void expect_counts(size_t pending, size_t queued, const char *name)
{
    const struct txpool_counts c = txpool_count(pool);
    cr_expect_eq(c.pending, pending, "%s: %zu pending", name, c.pending);
    cr_expect_eq(c.queued, queued, "%s: %zu queued", name, c.queued);
    cr_expect_eq(c.bytes, 100 * (pending + queued), "%s", name);
}

Test(txpool, gaps_queue_and_close)
{
    open_pool(100, 100);
    cr_expect_eq(add(1, 2, 5), POOL_ADDED);
    cr_expect_eq(add(1, 1, 5), POOL_ADDED);
    expect_counts(0, 2, "a gap at 0");
    uint64_t next = 0;
    const address_t who = sender_of(1);
    cr_expect(!txpool_next_nonce(pool, &next, &who));
    cr_expect_eq(add(1, 0, 5), POOL_ADDED);
    expect_counts(3, 0, "closed");
    cr_expect(txpool_next_nonce(pool, &next, &who));
    cr_expect_eq(next, 3);
    cr_expect_eq(add(1, 0, 5), POOL_KNOWN);
    cr_expect_eq(add(1, 64, 5), POOL_ADDED);
    cr_expect_eq(add(1, 65, 5), POOL_NONCE_GAP);
    close_pool();
}

Test(txpool, nonces_and_slots)
{
    open_pool(200, 200);
    const struct pool_account later = {7, RICH.balance_wei};
    cr_expect_eq(add_at(make(1, 6, 5, 5, 1), &later, 100), POOL_NONCE_TOO_LOW);
    for (uint64_t i = 0; i < 64; i++) cr_expect_eq(add(2, i, 5), POOL_ADDED);
    cr_expect_eq(add(2, 64, 5), POOL_SENDER_FULL);
    expect_counts(64, 0, "64 per sender");
    close_pool();
}

/// Goal: transactions that came out of order and took all places do not lock out the one they
/// wait for.
Test(txpool, the_gap_is_filled_when_all_slots_are_taken)
{
    open_pool(200, 200);
    for (uint64_t i = 1; i <= 64; i++) cr_expect_eq(add(1, i, 5), POOL_ADDED);
    expect_counts(0, 64, "all wait");
    cr_expect_eq(add(1, 0, 5), POOL_ADDED);
    expect_counts(65, 0, "none waits");
    cr_expect_eq(add(1, 3, 50), POOL_ADDED, "a replacement still fits");
    expect_counts(65, 0, "replaced");
    cr_expect_eq(add(1, 65, 5), POOL_NONCE_GAP);

    for (uint64_t i = 1; i <= 20; i++) cr_expect_eq(add(2, i, 5), POOL_ADDED);
    for (uint64_t i = 22; i <= 64; i++) cr_expect_eq(add(2, i, 5), POOL_ADDED);
    cr_expect_eq(add(2, 0, 5), POOL_ADDED);
    expect_counts(65 + 21, 43, "64 taken, 21 is missing");
    cr_expect_eq(add(2, 21, 5), POOL_ADDED);
    expect_counts(65 + 65, 0, "filled");
    close_pool();
}

Test(txpool, the_balance_covers_the_sum)
{
    open_pool(100, 100);
    const struct pool_account poor = {0, {{250, 0, 0, 0}}}; // one costs 10 * fee + value
    cr_expect_eq(add_at(make(1, 0, 10, 1, 0), &poor, 1), POOL_ADDED);
    cr_expect_eq(add_at(make(1, 1, 10, 1, 0), &poor, 1), POOL_ADDED);
    struct pool_hint hint;
    struct pool_tx *t = make(1, 2, 10, 1, 0);
    cr_expect_eq(txpool_add(pool, t, &poor, 1, &hint), POOL_INSUFFICIENT_FUNDS);
    cr_expect_eq(hint.have.limb[0], 250);
    cr_expect_eq(hint.want.limb[0], 300);
    free(t);
    cr_expect_eq(add_at(make(1, 2, 5, 1, 0), &poor, 1), POOL_ADDED, "exactly all of it");
    cr_expect_eq(add_at(make(1, 5, 26, 1, 0), &poor, 1), POOL_INSUFFICIENT_FUNDS, "queued, alone");
    expect_counts(3, 0, "sum");

    // Less money later: what it no longer pays for waits; nothing is lost.
    const address_t who = sender_of(1);
    const struct pool_account poorer = {0, {{199, 0, 0, 0}}};
    txpool_set_account(pool, &who, &poorer, 2);
    expect_counts(1, 2, "poorer");
    txpool_set_account(pool, &who, &poor, 3);
    expect_counts(3, 0, "as before");
    close_pool();
}

Test(txpool, replacement)
{
    static const struct {
        const char *name;
        uint64_t old_fee, old_tip, fee, tip;
        enum pool_result want;
    } cases[] = {
        {"ten per cent on both", 100, 50, 110, 55, POOL_ADDED},
        {"fee below", 100, 50, 109, 55, POOL_REPLACEMENT_UNDERPRICED},
        {"tip below", 100, 50, 200, 54, POOL_REPLACEMENT_UNDERPRICED},
        {"rounded up", 101, 0, 111, 0, POOL_REPLACEMENT_UNDERPRICED},
        {"rounded up, enough", 101, 0, 112, 0, POOL_ADDED},
        {"of nothing, nothing more", 0, 0, 0, 0, POOL_REPLACEMENT_UNDERPRICED},
        {"of nothing, any higher fee", 0, 0, 1, 0, POOL_ADDED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        open_pool(10, 10);
        cr_assert_eq(add_at(make(1, 0, cases[i].old_fee, cases[i].old_tip, 1), &RICH, 1),
                     POOL_ADDED);
        cr_assert_eq(add_at(make(1, 1, 500, 1, 1), &RICH, 1), POOL_ADDED);
        const enum pool_result r = add_at(make(1, 0, cases[i].fee, cases[i].tip, 2), &RICH, 2);
        cr_expect_eq(r, cases[i].want, "%s", cases[i].name);
        expect_counts(2, 0, cases[i].name);
        if (r == POOL_ADDED) {
            struct pool_fate_info fate;
            const uint64_t name[] = {1, 0, cases[i].old_fee, cases[i].old_tip, 1};
            const hash_t old = keccak256(BYTES_OF(name));
            txpool_fate(pool, &fate, &old);
            cr_expect_eq(fate.fate, POOL_FATE_DROPPED);
            cr_expect_eq(fate.since_s, 2);
            cr_expect_not_null(fate.reason);
        }
        close_pool();
    }
}

Test(txpool, one_sender_cannot_push_out_the_others)
{
    of_peers = true;
    open_pool(40, 40);
    for (uint64_t s = 0; s < 30; s++) cr_expect_eq(add(s, 0, 1), POOL_ADDED);
    // A rich sender floods with high fees: the free places, and then none of the others'.
    for (uint64_t i = 0; i < 64; i++) {
        const enum pool_result r = add(99, i, 1000000);
        cr_expect_eq(r, i == 10 ? POOL_FULL : POOL_ADDED, "%d", (int)i); // then a gap: queued
        if (r == POOL_FULL) break;
    }
    cr_expect_eq(dropped, 0);
    for (uint64_t s = 0; s < 30; s++) {
        const address_t who = sender_of(s);
        cr_expect(txpool_has_sender(pool, &who), "sender %d", (int)s);
    }
    // A newcomer takes a place from whoever has most, at any fee.
    cr_expect_eq(add(200, 0, 1), POOL_ADDED);
    expect_counts(40, 0, "full");
    cr_expect_eq(dropped, 1);
    const address_t rich = sender_of(99);
    uint64_t next = 0;
    cr_expect(txpool_next_nonce(pool, &next, &rich));
    cr_expect_eq(next, 9, "his last one went");

    // Among equals the fee decides.
    close_pool();
    open_pool(3, 3);
    cr_expect_eq(add(1, 0, 10), POOL_ADDED);
    cr_expect_eq(add(2, 0, 20), POOL_ADDED);
    cr_expect_eq(add(3, 0, 30), POOL_ADDED);
    cr_expect_eq(add(4, 0, 10), POOL_FULL);
    cr_expect_eq(add(4, 0, 11), POOL_ADDED);
    const address_t cheap = sender_of(1);
    cr_expect(!txpool_has_sender(pool, &cheap));
    // Who cannot pay evicts nobody.
    const struct pool_account broke = {0, {{5, 0, 0, 0}}};
    cr_expect_eq(add_at(make(5, 0, 1000, 1, 1), &broke, 1), POOL_INSUFFICIENT_FUNDS);
    expect_counts(3, 0, "broke");
    close_pool();
}

/// Goal: senders with about equal shares keep what was accepted; one that pays more, or has half
/// as much, still gets in.
Test(txpool, a_full_pool_does_not_churn)
{
    of_peers = true;
    open_pool(12, 12);
    for (uint64_t s = 0; s < 3; s++) {
        for (uint64_t i = 0; i < 4; i++) cr_expect_eq(add(s, i, 5), POOL_ADDED);
    }
    cr_expect_eq(add(3, 0, 5), POOL_ADDED, "none against four");
    cr_expect_eq(add(3, 1, 5), POOL_ADDED, "one against four");
    cr_expect_eq(dropped, 2);
    cr_expect_eq(add(3, 2, 5), POOL_FULL, "two against four: it waits");
    cr_expect_eq(add(3, 2, 6), POOL_ADDED, "unless it pays more");
    expect_counts(12, 0, "full");
    close_pool();

    open_pool(6, 6);
    for (uint64_t s = 0; s < 2; s++) {
        for (uint64_t i = 0; i < 3; i++) cr_expect_eq(add(s, i, 5), POOL_ADDED);
    }
    cr_expect_eq(add(3, 0, 5), POOL_FULL, "three are nobody's surplus");
    cr_expect_eq(dropped, 0);
    close_pool();
}

static enum pool_result add_of_peer(uint64_t from, uint64_t nonce, uint64_t fee)
{
    struct pool_tx *t = make(from, nonce, fee, fee, 1);
    t->local = false;
    return add_at(t, &RICH, 100);
}

/// Goal: what a user of this node was told is kept gives way to nothing that a peer sends, whatever
/// it pays; a local one takes a peer's place; peers leave a quarter of the queue free.
Test(txpool, peers_do_not_push_out_local_ones)
{
    open_pool(40, 8);
    for (uint64_t nonce = 0; nonce < 40; nonce++) cr_assert_eq(add(1, nonce, 5), POOL_ADDED);
    cr_expect_eq(add_of_peer(2, 0, 500), POOL_FULL);
    for (uint64_t nonce = 50; nonce < 58; nonce++)
        cr_expect_eq(add_of_peer(3, nonce, 500), nonce < 56 ? POOL_ADDED : POOL_FULL);
    expect_counts(40, 6, "three quarters of the queue");
    for (uint64_t nonce = 50; nonce < 58; nonce++) cr_expect_eq(add(4, nonce, 5), POOL_ADDED);
    expect_counts(40, 8, "peers' gave way");
    cr_expect_eq(add_of_peer(5, 50, 500), POOL_FULL);
    for (uint64_t nonce = 50; nonce < 58; nonce++) {
        const struct pool_tx *t = make(4, nonce, 5, 5, 1);
        cr_expect(txpool_find(pool, &t->tx.hash) != NULL, "nonce %lu", (unsigned long)nonce);
        free((void *)(uintptr_t)t);
    }
}

/// Goal: what was promised gives way to nothing at the same fee, however many its sender has; at a
/// higher one it does.
Test(txpool, a_promise_is_kept)
{
    open_pool(8, 4);
    for (uint64_t nonce = 0; nonce < 8; nonce++) cr_assert_eq(add(1, nonce, 5), POOL_ADDED);
    cr_expect_eq(add(2, 0, 5), POOL_FULL);
    cr_expect_eq(add(2, 0, 4), POOL_FULL);
    cr_expect_eq(dropped, 0);
    cr_expect_eq(add(2, 0, 6), POOL_ADDED);
    cr_expect_eq(dropped, 1);
    expect_counts(8, 0, "a higher fee");
    for (uint64_t nonce = 10; nonce < 14; nonce++) cr_assert_eq(add(1, nonce, 5), POOL_ADDED);
    cr_expect_eq(add(3, 10, 5), POOL_FULL, "nor behind a gap");
    cr_expect_eq(dropped, 1);
    close_pool();
}

/// Goal: a local one takes a peer's place, but not the last quarter, nor one that a promised
/// transaction of the same sender waits for.
Test(txpool, local_ones_leave_peers_a_quarter)
{
    open_pool(8, 8);
    for (uint64_t nonce = 0; nonce < 7; nonce++) cr_assert_eq(add_of_peer(1, nonce, 5), POOL_ADDED);
    cr_assert_eq(add(1, 7, 5), POOL_ADDED, "a promised one follows");
    cr_expect_eq(add(2, 0, 5), POOL_FULL);
    close_pool();

    open_pool(8, 8);
    for (uint64_t nonce = 0; nonce < 8; nonce++) cr_assert_eq(add_of_peer(1, nonce, 5), POOL_ADDED);
    for (uint64_t from = 2; from < 8; from++) cr_expect_eq(add(from, 0, 5), POOL_ADDED);
    expect_counts(8, 0, "six of eight");
    cr_expect_eq(add(8, 0, 5), POOL_FULL);
    cr_expect_eq(dropped, 6);
    close_pool();
}

/// Goal: the question before the signature is known says no only where adding would, and changes
/// its mind with the pool.
Test(txpool, may_enter)
{
    const u256_t fee = u256_from_u64(5);
    const u256_t more = u256_from_u64(6);
    open_pool(8, 8);
    cr_expect(txpool_may_enter(pool, &fee, true) && txpool_may_enter(pool, &fee, false), "empty");
    for (uint64_t from = 0; from < 4; from++) cr_assert_eq(add(from, 0, 5), POOL_ADDED);
    for (uint64_t from = 4; from < 8; from++) cr_assert_eq(add_of_peer(from, 0, 5), POOL_ADDED);
    cr_expect(txpool_may_enter(pool, &fee, true), "in a peer's place");
    cr_expect(!txpool_may_enter(pool, &fee, false), "nobody has more than he should");
    cr_expect(txpool_may_enter(pool, &more, false), "for more");
    for (uint64_t from = 4; from < 7; from++) {
        struct pool_tx *t = make(from, 0, 5, 5, 1);
        cr_expect(txpool_promise(pool, &t->tx.hash), "%d", (int)from);
        cr_expect(!txpool_promise(pool, &t->tx.hash), "%d: once", (int)from);
        free(t);
    }
    cr_expect(!txpool_may_enter(pool, &fee, true), "all but a quarter is promised");
    cr_expect_eq(add(9, 0, 5), POOL_FULL);
    cr_expect(txpool_may_enter(pool, &more, true), "for more");
    const uint64_t name[] = {0, 0, 5, 5, 1};
    const hash_t first = keccak256(BYTES_OF(name));
    cr_expect(txpool_remove(pool, &first, "test", 200));
    cr_expect(txpool_may_enter(pool, &fee, true) && txpool_may_enter(pool, &fee, false), "room");
    for (uint64_t from = 20; from < 24; from++) {
        const enum pool_result want = from == 20 ? POOL_ADDED : POOL_FULL;
        cr_expect_eq(add_of_peer(from, 0, 5), want, "sender %d", (int)from);
    }
    close_pool();

    open_pool(8, 8);
    for (uint64_t nonce = 0; nonce < 8; nonce++) cr_assert_eq(add_of_peer(1, nonce, 5), POOL_ADDED);
    cr_expect(txpool_may_enter(pool, &fee, false), "one has more than he should");
    cr_expect_eq(add_of_peer(2, 0, 5), POOL_ADDED);
    close_pool();
}

/// Goal: closing a gap in a full pool throws nobody out: what there is no room for stays queued
/// until there is.
Test(txpool, a_closed_gap_waits_for_room)
{
    open_pool(4, 4);
    cr_expect_eq(add(1, 1, 5), POOL_ADDED);
    cr_expect_eq(add(1, 2, 5), POOL_ADDED);
    for (uint64_t s = 2; s < 5; s++) cr_expect_eq(add(s, 0, 5), POOL_ADDED);
    expect_counts(3, 2, "a gap");
    cr_expect_eq(add(1, 0, 5), POOL_ADDED);
    expect_counts(4, 2, "closed");
    cr_expect_eq(dropped, 0);
    struct pool_tx *best[4];
    const u256_t none = {{0}};
    cr_expect_eq(txpool_take_best(pool, best, 4, &none, UINT64_MAX), 4);
    for (size_t i = 0; i < 4; i++) {
        const hash_t hash = best[i]->tx.hash;
        const address_t who = best[i]->tx.sender;
        const struct pool_account after = {1, RICH.balance_wei};
        txpool_included(pool, &hash, 200);
        txpool_set_account(pool, &who, &after, 200);
    }
    expect_counts(2, 0, "mined");
    close_pool();
}

/// Goal: what does not pay the next base fee is queued with all that follows it, others go on,
/// and it comes back when the fee has fallen. A swinging fee throws nothing out.
Test(txpool, the_base_fee_parks_and_releases)
{
    open_pool(6, 1);
    const u256_t none = u256_from_u64(0);
    const u256_t ten = u256_from_u64(10);
    struct pool_tx *best[8];
    txpool_set_base_fee(pool, &ten);
    cr_expect_eq(add(1, 0, 10), POOL_ADDED);
    cr_expect_eq(add(1, 1, 9), POOL_ADDED);
    cr_expect_eq(add(1, 2, 50), POOL_ADDED);
    cr_expect_eq(add(2, 0, 3), POOL_ADDED);
    cr_expect_eq(add(3, 0, 40), POOL_ADDED);
    cr_expect_eq(add(3, 1, 40), POOL_ADDED);
    expect_counts(3, 3, "ten");
    cr_expect_eq(txpool_take_best(pool, best, 8, &ten, UINT64_MAX), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect(best[i]->pending && !u256_lt(&best[i]->tx.max_fee_per_gas, &ten));

    struct pool_fate_info fate;
    struct pool_tx *same = make(2, 0, 3, 3, 1);
    txpool_fate(pool, &fate, &same->tx.hash);
    cr_expect_eq(fate.fate, POOL_FATE_QUEUED, "it waits");
    free(same);
    uint64_t next = 0;
    const address_t one = sender_of(1);
    cr_expect(txpool_next_nonce(pool, &next, &one));
    cr_expect_eq(next, 3, "its nonces are taken all the same");

    txpool_set_base_fee(pool, &none);
    expect_counts(6, 0, "free");
    cr_expect_eq(txpool_take_best(pool, best, 8, &none, UINT64_MAX), 6);
    const u256_t high = u256_from_u64(1000);
    txpool_set_base_fee(pool, &high);
    expect_counts(0, 6, "far too high: more wait than may be queued, and all stay");
    cr_expect_eq(txpool_take_best(pool, best, 8, &high, UINT64_MAX), 0);
    cr_expect_eq(dropped, 0);

    // A better offer for the one that holds the lane up lets all of it go.
    txpool_set_base_fee(pool, &ten);
    cr_expect_eq(add(1, 1, 20), POOL_ADDED);
    expect_counts(5, 1, "replaced");
    // A full pool of such does not keep others out.
    txpool_set_base_fee(pool, &high);
    cr_expect_eq(add(4, 0, 2000), POOL_ADDED);
    expect_counts(1, 4,
                  "one that pays; the lowest of the longest lane went, and one behind the gap");
    close_pool();
}

Test(txpool, a_block_moves_it_on)
{
    open_pool(100, 100);
    for (uint64_t i = 0; i < 4; i++) cr_expect_eq(add(1, i, 5), POOL_ADDED);
    const uint64_t name[] = {1, 0, 5, 5, 1};
    const hash_t first = keccak256(BYTES_OF(name));
    txpool_included(pool, &first, 200);
    expect_counts(3, 0, "the rest stays pending");
    // Nonce 1 was taken by a transaction that this pool never saw.
    const address_t who = sender_of(1);
    const struct pool_account now = {2, RICH.balance_wei};
    txpool_set_account(pool, &who, &now, 200);
    expect_counts(2, 0, "nonces 2 and 3");
    cr_expect_str_eq(last_why, "another transaction with this nonce was included");
    close_pool();
    cr_expect_eq(dropped, 4);
}

Test(txpool, ages_and_reasons)
{
    open_pool(100, 100);
    cr_expect_eq(add_at(make(1, 0, 5, 5, 1), &RICH, 1000), POOL_ADDED);
    cr_expect_eq(add_at(make(2, 0, 5, 5, 1), &RICH, 9000), POOL_ADDED);
    txpool_expire(pool, 1000 + 3 * 3600);
    expect_counts(2, 0, "not yet");
    txpool_expire(pool, 1001 + 3 * 3600);
    expect_counts(1, 0, "expired");
    const uint64_t name[] = {1, 0, 5, 5, 1};
    const hash_t hash = keccak256(BYTES_OF(name));
    struct pool_fate_info fate;
    txpool_fate(pool, &fate, &hash);
    cr_expect_eq(fate.fate, POOL_FATE_DROPPED);
    cr_expect_eq(fate.since_s, 1001 + 3 * 3600);
    txpool_expire(pool, 1001 + 27 * 3600);
    txpool_fate(pool, &fate, &hash);
    cr_expect_eq(fate.fate, POOL_FATE_DROPPED, "a reason is kept for a day");
    txpool_expire(pool, 1002 + 27 * 3600);
    txpool_fate(pool, &fate, &hash);
    cr_expect_eq(fate.fate, POOL_FATE_UNKNOWN);
    close_pool();
}

Test(txpool, takes_the_best)
{
    open_pool(100, 100);
    // fee, tip at base fee 100: sender 1 pays 5 then 50, sender 2 pays 20, sender 3 nothing.
    cr_expect_eq(add_at(make(1, 0, 1000, 5, 1), &RICH, 1), POOL_ADDED);
    cr_expect_eq(add_at(make(1, 1, 1000, 50, 1), &RICH, 1), POOL_ADDED);
    cr_expect_eq(add_at(make(2, 0, 120, 90, 1), &RICH, 1), POOL_ADDED);
    cr_expect_eq(add_at(make(3, 0, 99, 99, 1), &RICH, 1), POOL_ADDED);
    cr_expect_eq(add_at(make(4, 0, 1000, 5, 1), &RICH, 1), POOL_ADDED);
    struct pool_tx *out[10];
    const u256_t base = u256_from_u64(100);
    cr_assert_eq(txpool_take_best(pool, out, 10, &base, UINT64_MAX), 4);
    static const struct {
        uint64_t sender, nonce;
    } want[] = {{2, 0}, {1, 0}, {1, 1}, {4, 0}};
    for (size_t i = 0; i < 4; i++) {
        const address_t who = sender_of(want[i].sender);
        cr_expect(address_eq(&out[i]->tx.sender, &who), "place %zu", i);
        cr_expect_eq(out[i]->tx.nonce, want[i].nonce, "place %zu", i);
    }
    cr_expect_eq(txpool_take_best(pool, out, 10, &base, 11), 2, "until the gas is reached");
    cr_expect_eq(txpool_take_best(pool, out, 1, &base, UINT64_MAX), 1);
    close_pool();
}

/// Law: whatever happens, counts agree with the list, nobody is lost, a sender's pending ones
/// follow its nonce and can be paid.
Test(txpool, laws_under_random_use)
{
    open_pool(60, 30);
    uint64_t rnd = 7;
    uint64_t nonces[12] = {0};
    u256_t base_fee = {{0}};
    size_t added = 0;
    for (size_t step = 0; step < 40000; step++) {
        rnd = rnd * 6364136223846793005U + 1442695040888963407U;
        const uint64_t who = rnd >> 33 & 7;
        const uint64_t roll = rnd >> 40 & 15;
        const struct pool_account account = {nonces[who], {{(rnd >> 20 & 7) * 3000, 0, 0, 0}}};
        const address_t a = sender_of(who);
        if (roll < 12) {
            added += add_at(make(who, nonces[who] + (rnd >> 50 & 7), rnd >> 55 & 127, 1, step & 3),
                            &account, step / 100) == POOL_ADDED;
        } else if (roll < 14) {
            txpool_set_account(pool, &a, &account, step / 100);
        } else if (roll == 14) {
            nonces[who]++;
            const struct pool_account next = {nonces[who], account.balance_wei};
            txpool_set_account(pool, &a, &next, step / 100);
        } else if ((rnd >> 50 & 1) == 0) {
            txpool_expire(pool, step / 100);
        } else {
            base_fee = u256_from_u64(rnd >> 55 & 127);
            txpool_set_base_fee(pool, &base_fee);
        }
        struct pool_tx *all[128];
        const size_t n = txpool_list(pool, all, 128);
        const struct txpool_counts c = txpool_count(pool);
        cr_assert_eq(n, c.pending + c.queued);
        cr_assert_leq(c.pending, 60);
        cr_assert_leq(n, 90);
        cr_assert_eq(added, dropped + n, "each is here or was given back once");
        size_t pending = 0;
        for (size_t i = 0; i < n; i++) {
            pending += all[i]->pending;
            if (all[i]->pending) cr_assert(!u256_lt(&all[i]->tx.max_fee_per_gas, &base_fee));
            const bool same = i > 0 && address_eq(&all[i]->tx.sender, &all[i - 1]->tx.sender);
            if (same) cr_assert_lt(all[i - 1]->tx.nonce, all[i]->tx.nonce);
            if (same && all[i]->pending)
                cr_assert(all[i - 1]->pending && all[i]->tx.nonce == all[i - 1]->tx.nonce + 1);
            cr_assert_eq(txpool_find(pool, &all[i]->tx.hash), all[i]);
        }
        cr_assert_eq(pending, c.pending);
    }
    close_pool();
}

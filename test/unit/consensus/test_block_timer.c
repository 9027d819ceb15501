// SPDX-License-Identifier: Apache-2.0
/// Goal: the block timer fires at the block period if transactions wait, at the latest when an
/// empty block is due, and not again at once when nothing was worth a block.

#include <criterion/criterion.h>

#include "consensus/qbft/block_timer.h"

static const struct {
    const char *name;
    uint64_t at_ms;
    uint64_t idle_at_ms;
    bool work;
    uint64_t due_ms;
} cases[] = {
    {"transactions wait", 1000, 5000, true, 1000},
    {"nothing waits", 1000, 5000, false, 5000},
    {"empty blocks are as good", 1000, 1000, false, 1000},
    {"on demand, nothing waits", 1000, QBFT_NEVER, false, QBFT_NEVER},
    {"on demand, transactions wait", 1000, QBFT_NEVER, true, 1000},
    {"cancelled", QBFT_NEVER, QBFT_NEVER, true, QBFT_NEVER},
};

static void set(struct block_timer *t, uint64_t at_ms, uint64_t idle_at_ms)
{
    const struct qbft_effect e = {
        .kind = QBFT_FX_SET_TIMER,
        .set_timer = {
            .timer = QBFT_TIMER_BLOCK, .height = 7, .at_ms = at_ms, .idle_at_ms = idle_at_ms}};
    block_timer_set(t, &e);
}

Test(block_timer, due)
{
    struct block_timer off = {.armed = false};
    cr_expect_eq(block_timer_due(&off, true), QBFT_NEVER);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct block_timer t = {.armed = false};
        set(&t, cases[i].at_ms, cases[i].idle_at_ms);
        cr_expect_eq(block_timer_due(&t, cases[i].work), cases[i].due_ms, "%s", cases[i].name);
    }
}

Test(block_timer, nothing_worth_a_block_waits_a_little)
{
    struct block_timer t = {.armed = false};
    set(&t, 1000, 9000);
    block_timer_on_build(&t);
    block_timer_on_built(&t, true, 1200);
    cr_expect_eq(block_timer_due(&t, true), 1200 + BLOCK_TIMER_RETRY_MS);
    block_timer_on_txs(&t);
    cr_expect_eq(block_timer_due(&t, true), 1000, "something new came");

    // What came while the block was being built may be what was missing.
    block_timer_on_build(&t);
    block_timer_on_txs(&t);
    block_timer_on_built(&t, true, 1300);
    cr_expect_eq(block_timer_due(&t, true), 1000);

    block_timer_on_build(&t);
    block_timer_on_built(&t, true, 1400);
    block_timer_on_head(&t);
    cr_expect_eq(block_timer_due(&t, true), 1000, "a new height begins afresh");
}

// SPDX-License-Identifier: Apache-2.0
/// Goal: one address gets so much and no more, others do not suffer from it, all together have a
/// bound, and of that half is kept for those known to be real.

#include "consensus/p2p/rate_limit.h"

#include <criterion/criterion.h>

static struct rate_limit r;

static bool take(uint8_t a, uint8_t b, bool known, uint64_t now_ms)
{
    const uint8_t ip[4] = {10, 0, a, b};
    return rate_limit_take(&r, ip, 4, known, now_ms);
}

static unsigned take_many(unsigned times, uint8_t a, uint64_t now_ms)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < times; i++) taken += take(a, 1, false, now_ms);
    return taken;
}

Test(rate_limit, one_address)
{
    rate_limit_init(&r, 7, 1000);
    cr_expect_eq(take_many(RATE_BURST * 2, 1, 1000), RATE_BURST);
    cr_expect_eq(take_many(10, 1, 1000 + 1000 / RATE_PER_S - 1), 0, "not yet");
    cr_expect_eq(take_many(RATE_BURST, 1, 2000), RATE_PER_S, "so many come back in a second");
    cr_expect_eq(take_many(RATE_BURST * 2, 1, 2000 + 3600000), RATE_BURST, "and no more than fit");
    cr_expect_eq(take_many(5, 1, 500), 0, "a clock that goes back gives nothing");
}

Test(rate_limit, others_are_not_hurt)
{
    rate_limit_init(&r, 7, 1000);
    (void)take_many(RATE_BURST * 2, 1, 1000);
    cr_expect(take(2, 1, false, 1000));
    rate_limit_init(&r, 7, 1000);
    uint8_t v6[16] = {0x20, 0x01, 1};
    unsigned taken = 0;
    for (unsigned i = 0; i < RATE_BURST * 2; i++) {
        v6[15] = (uint8_t)i; // one machine has as many addresses as it likes
        taken += rate_limit_take(&r, v6, 16, false, 1000);
    }
    cr_expect_eq(taken, RATE_BURST);
}

Test(rate_limit, all_together)
{
    rate_limit_init(&r, 7, 1000);
    unsigned taken = 0;
    for (unsigned i = 0; i < 65536; i++) taken += take((uint8_t)(i >> 8), (uint8_t)i, false, 1000);
    cr_expect_eq(taken, RATE_ALL_BURST / 2);
    cr_expect_not(take(1, 1, false, 1000), "forged ones have had theirs");
    cr_expect(take(1, 1, true, 1000), "real ones have the other half");
    taken = 0;
    for (unsigned i = 0; i < 65536; i++) taken += take((uint8_t)(i >> 8), (uint8_t)i, true, 1000);
    cr_expect_eq(taken, RATE_ALL_BURST / 2 - 1);
}

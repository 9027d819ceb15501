// SPDX-License-Identifier: Apache-2.0
/// Goal: what is spent comes back with time and not beyond the burst, whatever the clock does.

#include "consensus/p2p/budget.h"

#include <criterion/criterion.h>

Test(budget, comes_back)
{
    struct budget b = budget_full(100, 200, 1000);
    cr_expect_eq(budget_take(&b, 150, 1000), 150);
    cr_expect_eq(budget_take(&b, 150, 1000), 50, "what is left");
    cr_expect_eq(budget_take(&b, 1, 1009), 0, "not yet");
    cr_expect_eq(budget_take(&b, 5, 1010), 1);
    cr_expect_eq(budget_take(&b, 500, 2010), 100);
    cr_expect_eq(budget_take(&b, 500, 1000000), 200, "never more than the burst");
    budget_return(&b, 500);
    cr_expect_eq(budget_look(&b, 1000000), 200);
}

Test(budget, ahead_of_time)
{
    struct budget b = budget_full(1000, 1000, 0);
    budget_spend(&b, 3000);
    cr_expect_eq(budget_look(&b, 0), -2000);
    cr_expect_eq(budget_take(&b, 1, 2000), 0);
    cr_expect_eq(budget_take(&b, 1, 2001), 1);
    // Looks between do not lose what is due.
    struct budget slow = budget_full(3, 10, 0);
    budget_spend(&slow, 10);
    for (uint64_t now = 0; now <= 10000; now++) (void)budget_look(&slow, now);
    cr_expect_eq(slow.left, 10);
}

Test(budget, odd_clocks)
{
    struct budget b = budget_full(16 * 1024 * 1024, 64 * 1024 * 1024, 5000);
    budget_spend(&b, 1000000000);
    cr_expect_lt(budget_look(&b, 0), 0, "time that runs backwards brings nothing");
    cr_expect_eq(budget_look(&b, UINT64_MAX), 64 * 1024 * 1024);
}

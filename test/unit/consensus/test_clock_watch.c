// SPDX-License-Identifier: Apache-2.0
/// Goal: a clock that f+1 other validators contradict is told, once in a while, with the least they
/// agree on; f of them, noise, and what was heard long ago say nothing.

#include "consensus/node/clock_watch.h"

#include <criterion/criterion.h>

#define HOUR INT64_C(3600000)

static const struct {
    const char *name;
    size_t validators;
    int64_t heard[7]; ///< of the others, in order; 1: not heard
    int64_t want;
} cases[] = {
    {"nobody was heard", 4, {1, 1, 1}, 0},
    {"all agree", 4, {500, -400, 0}, 0},
    {"the rounding of seconds", 4, {1500, 1400, 1999}, 0},
    {"an hour ahead", 4, {HOUR, HOUR + 300, HOUR - 200}, HOUR},
    {"an hour behind", 4, {-HOUR, -HOUR - 300, -HOUR - 200}, -HOUR - 200},
    {"one liar of four", 4, {HOUR, 0, 200}, 0},
    {"one liar each way", 4, {HOUR, -HOUR, 200}, 0},
    {"two of four", 4, {5000, 1, 6000}, 5000},
    {"the same from two", 4, {5000, 5000, 1}, 5000},
    {"at the limit", 4, {2000, 2000, 2000}, 2000},
    {"one says more", 4, {90000, 5000, 4000}, 5000},
    {"two others of seven", 7, {HOUR, HOUR, 0, 0, 0, 0}, 0},
    {"three of seven", 7, {HOUR, HOUR, 3000, 0, 0, 0}, 3000},
    {"two validators", 2, {-5000}, -5000},
};

Test(clock_watch, who_is_believed)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct clock_watch w = {0};
        for (size_t k = 0; k + 1 < cases[i].validators; k++) {
            const address_t who = {{(uint8_t)(k + 1)}};
            if (cases[i].heard[k] == 1) continue;
            clock_watch_hear(&w, &who, cases[i].validators, -7, 1000); // replaced by the next
            clock_watch_hear(&w, &who, cases[i].validators, cases[i].heard[k], 1000);
        }
        int64_t ahead_ms;
        const bool said = clock_watch_look(&w, &ahead_ms, 1001);
        cr_expect_eq(ahead_ms, cases[i].want, "%s: %lld", cases[i].name, (long long)ahead_ms);
        cr_expect_eq(said, cases[i].want != 0, "%s", cases[i].name);
    }
}

Test(clock_watch, said_now_and_then_and_taken_back)
{
    struct clock_watch w = {0};
    const address_t one = {{1}};
    const address_t two = {{2}};
    int64_t ahead_ms;
    clock_watch_hear(&w, &one, 4, 5000, 0);
    clock_watch_hear(&w, &two, 4, 5000, 0);
    cr_expect(clock_watch_look(&w, &ahead_ms, 0));
    cr_expect_not(clock_watch_look(&w, &ahead_ms, CLOCK_WATCH_AGAIN_MS - 1));
    cr_expect(clock_watch_look(&w, &ahead_ms, CLOCK_WATCH_AGAIN_MS));
    clock_watch_hear(&w, &one, 4, 100, CLOCK_WATCH_AGAIN_MS);
    cr_expect(clock_watch_look(&w, &ahead_ms, CLOCK_WATCH_AGAIN_MS + 1));
    cr_expect_eq(ahead_ms, 0, "it agrees again");
    cr_expect_not(clock_watch_look(&w, &ahead_ms, CLOCK_WATCH_AGAIN_MS + 2));

    clock_watch_hear(&w, &one, 4, 5000, CLOCK_WATCH_AGAIN_MS);
    cr_expect_not(clock_watch_look(&w, &ahead_ms, CLOCK_WATCH_OLD_MS + 1), "the other is old");
}

/// Goal: validators that come and go do not fill it up.
Test(clock_watch, many_come_and_go)
{
    struct clock_watch w = {0};
    int64_t ahead_ms;
    for (uint32_t i = 0; i < 3 * QBFT_MAX_VALIDATORS + 7; i++) {
        address_t who = {{0}};
        memcpy(who.b, &i, sizeof i);
        clock_watch_hear(&w, &who, 4, -HOUR, 5);
        cr_expect_leq(w.count, QBFT_MAX_VALIDATORS);
    }
    cr_expect(clock_watch_look(&w, &ahead_ms, 6));
    cr_expect_eq(ahead_ms, -HOUR);
}

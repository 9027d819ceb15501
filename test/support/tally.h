// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Counts the cases of a conformance program. The number that ran is asserted: vectors that
/// were not found or not understood are failures, not silence.

#include <stdbool.h>
#include <stddef.h>

struct tally {
    const char *what; ///< of the group, for messages
    size_t run;
    size_t failed;
};

/// Starts a group.
struct tally tally_start(const char *what);

/// Counts one case; prints the sentence if it failed. @return `ok`
bool tally_case(struct tally *t, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// Prints the group's result. @return whether all of exactly `expected` cases passed
bool tally_end(const struct tally *t, size_t expected);

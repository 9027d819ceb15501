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

/// Prints and reports the group's result. @return whether all of exactly `expected` cases passed
bool tally_end(const struct tally *t, size_t expected);

/// What test/conformance/run.py adds up: appends a line to $CAIRN_REPORT, if that is set.
/// @param group  such as "state/GeneralStateTests/stBugs Cancun"
void tally_report(const char *group, size_t cases, size_t passed, size_t skipped);

/// Reports that a file of the vectors was read, so that none is left out unnoticed.
void tally_read(const char *path);

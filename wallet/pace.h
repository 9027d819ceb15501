// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Asking a node again and again: until something happens or --timeout has passed. Without
/// --timeout a watch has no end.

#include "wallet/ctx.h"

struct pace {
    uint64_t end_ms; ///< monotonic; UINT64_MAX: never
};

/// Starts the clock of --timeout.
struct pace pace_begin(const struct ctx *ctx);

/// Sleeps until it is time to ask again. @return false if the time is over
bool pace_wait(const struct pace *p);

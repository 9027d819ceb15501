// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A thread that does tasks one after the other: what peers ask for or hand in, and what is too
/// slow for the loop (signatures, the store). Bounded: a full desk refuses, and whoever asked is
/// told or not answered.

#include "chain/base/err.h"
#include "consensus/node/task.h"

#include <stddef.h>

struct desk;

/// @return ERR_FULL, ERR_IO
MUST_USE err_t desk_new(struct desk **out, size_t max_jobs);
/// Drops what waits, finishes the job in hand, joins. NULL is allowed.
void desk_free(struct desk *d);

/// Takes the job over. @return false if there is no room: the job was dropped
bool desk_put(struct desk *d, struct task *job);

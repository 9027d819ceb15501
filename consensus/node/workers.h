// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One thread per core for work that has no order: signature recovery in groups, subtrees of
/// the state. Callers share the work of their own call, so that a call from many threads at
/// once cannot starve.

#include "chain/base/err.h"
#include "chain/base/jobs.h"

struct workers;

/// @param count  threads; 0: one per core
MUST_USE err_t workers_new(struct workers **out, unsigned count);
void workers_free(struct workers *w); ///< joins; NULL is allowed
struct jobs workers_jobs(struct workers *w);

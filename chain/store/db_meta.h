// SPDX-License-Identifier: Apache-2.0
#pragma once

/// LMDB begins its file with two meta pages that it writes in turn, and trusts what stands there.
/// This looks at them first: a file that is empty, cut short or damaged in these pages is told
/// from a good one before anything follows its numbers.

#include "chain/base/err.h"

/// @param path  a data file. @return ERR_NOT_FOUND if there is none; ERR_CORRUPT, with what is
///         wrong, if its meta pages cannot be those of the last two transactions; ERR_IO
MUST_USE err_t db_meta_check(const char *path);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The file of --permissions: who may connect, in the form of Besu's node permissions.
///
///     # comment
///     nodes-allowlist = ["enode://...", "enode://..."]
///
/// A subset of TOML: this one key, a list of texts, over as many lines as wanted. No file means
/// that everybody may; an empty list, that nobody may.

#include <stdbool.h>
#include <stddef.h>

#include "chain/base/err.h"

#define PERMISSIONS_NODES_MAX 1024U

struct permissions {
    bool given;                               ///< there is a list
    char *text;                               ///< what `nodes` points into
    const char *nodes[PERMISSIONS_NODES_MAX]; ///< enodes; whether they are some is not asked here
    size_t count;
};

/// @param path    NULL or empty: none is given
/// @param detail  says what is wrong where, in one line
/// @return ERR_INVALID, ERR_NOT_FOUND, ERR_IO
MUST_USE err_t permissions_read(struct permissions *p, const char *path, char detail[400]);
void permissions_free(struct permissions *p);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reading JSON text from outside: bounded depth, no duplicate members, and a message that
/// says where it broke.

#include <jansson.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// Lists and objects inside one another, at most (threat model: parsers of files and RPC).
#define JSON_MAX_DEPTH 64

struct json_detail {
    char text[200]; ///< "line 3, column 14: '}' expected near ..."; escaped for terminals
};

/// Parses exactly one JSON value (of any type). The caller drops `*out` with json_decref.
/// @param detail  may be NULL
/// @return ERR_MALFORMED, ERR_LIMIT (nested deeper than JSON_MAX_DEPTH)
MUST_USE err_t json_parse(json_t **out, bytes_t text, struct json_detail *detail);

/// The member of `object` whose name equals `lower` (lower case) when letter case is
/// ignored; NULL if there is none or it is null. `*ambiguous` (may be NULL) is set if there
/// are several.
const json_t *json_member_nocase(const json_t *object, const char *lower, bool *ambiguous);

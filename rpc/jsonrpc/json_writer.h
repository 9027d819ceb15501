// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Prints JSON straight into a buffer, in Ethereum's spelling of numbers and bytes. Answers
/// are never built as trees first: two thousand logs are a megabyte of text already. Commas
/// come by themselves; nesting is the caller's to close.

#include <jansson.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/u256.h"

struct json_writer {
    struct buf *buf;
    bool comma; ///< a value stands before what comes next
};

void jw_open(struct json_writer *w, char bracket);  ///< '{' or '['
void jw_close(struct json_writer *w, char bracket); ///< '}' or ']'
/// The next value's name in an object; not escaped, so a literal or digits.
void jw_key(struct json_writer *w, const char *key);

void jw_null(struct json_writer *w);               ///< null
void jw_bool(struct json_writer *w, bool v);       ///< true or false
void jw_int(struct json_writer *w, int64_t v);     ///< a plain JSON number
void jw_uint(struct json_writer *w, uint64_t v);   ///< the same, unsigned
void jw_str(struct json_writer *w, const char *s); ///< escaped
void jw_str_len(struct json_writer *w, bytes_t s); ///< bytes that are not UTF-8 become U+FFFD
void jw_raw(struct json_writer *w, bytes_t json);  ///< text that is JSON already
void jw_json(struct json_writer *w, const json_t *value); ///< a parsed value as it was

void jw_qty(struct json_writer *w, uint64_t v);             ///< "0x1a"
void jw_qty256(struct json_writer *w, const u256_t *v);     ///< the same, wider
void jw_data(struct json_writer *w, bytes_t v);             ///< "0x" and two digits per byte
void jw_hash(struct json_writer *w, const hash_t *v);       ///< 32 bytes of data
void jw_address(struct json_writer *w, const address_t *v); ///< lower case
void jw_dec256(struct json_writer *w, const u256_t *v);     ///< "123"

/// The same with the key in front.
void jw_kv_null(struct json_writer *w, const char *key);
void jw_kv_bool(struct json_writer *w, const char *key, bool v);
void jw_kv_int(struct json_writer *w, const char *key, int64_t v);
void jw_kv_uint(struct json_writer *w, const char *key, uint64_t v);
void jw_kv_str(struct json_writer *w, const char *key, const char *v);
void jw_kv_qty(struct json_writer *w, const char *key, uint64_t v);
void jw_kv_qty256(struct json_writer *w, const char *key, const u256_t *v);
void jw_kv_data(struct json_writer *w, const char *key, bytes_t v);
void jw_kv_hash(struct json_writer *w, const char *key, const hash_t *v);
void jw_kv_address(struct json_writer *w, const char *key, const address_t *v);

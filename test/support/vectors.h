// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reads test vectors. They come from $CAIRN_VECTORS (default ../shared/vectors) and, where
/// they are packed, from what `make vectors` unpacked ($CAIRN_UNPACKED, default
/// build/vectors). What is missing or broken ends the program with a sentence: a test that
/// finds no vectors has not passed.

#include <jansson.h>
#include <stddef.h>

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/u256.h"

/// The JSON of CAIRN_VECTORS/`path`, such as "ethereum/RLPTests/rlptest.json". The caller
/// drops it with json_decref.
json_t *vectors_load(const char *path);

/// The bytes of CAIRN_VECTORS/`path` (heap, terminated; the caller frees).
char *vectors_text(const char *path, size_t *len);

/// Calls `fn` for every *.json below a folder of the unpacked ones, such as
/// "TransactionTests", in the order of their paths. `path` is relative to the root.
/// @return how many; never 0
size_t vectors_each(const char *folder, void (*fn)(void *ctx, const char *path, json_t *root),
                    void *ctx);

/// A member that must be there.
json_t *vectors_get(const json_t *object, const char *name);

/// A member that must be a string.
const char *vectors_str(const json_t *object, const char *name);

/// Hexadecimal text, with or without "0x", odd ones padded on the left; in `arena`.
bytes_t vectors_hex(struct arena *arena, const char *text);
bytes_t vectors_bytes(struct arena *arena, const json_t *object, const char *name);

/// Numbers as test files write them: integers, decimal or padded 0x strings, "" and "0x".
u256_t vectors_number(const json_t *value);

/// An arena for a test; ends the program if there is none.
struct arena vectors_arena(size_t max_bytes);

/// "0x" and digits, for messages; the caller frees.
char *vectors_show(bytes_t b);

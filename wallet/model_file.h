// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Model files on disk, and versions on chain by whatever names them.

#include "chain/base/arena.h"
#include "chain/fed/safetensors.h"
#include "wallet/ctx.h"

/// A model file in ST-C1 with its parameter vector. Owns all memory it points to.
struct model_file {
    struct arena arena;
    char *bytes;
    size_t len;
    struct st_file st;
    int32_t *w;
    size_t d;
    hash_t sha256;
    hash_t root;
};

/// Reads a model. @return EXIT_UNVERIFIED if it is not ST-C1, with the way to make it so
enum exit_code model_file_open(struct ctx *ctx, struct model_file *out, const char *path,
                               unsigned frac_bits);
void model_file_close(struct model_file *m);

/// Finds a family by id, a prefix of at least 6 hexadecimal digits, or its name.
enum exit_code model_find_family(struct ctx *ctx, hash_t *out, const char *text);

/// Finds a version by id, prefix, `family@channel`, `family:number`, or a file whose sha256
/// is registered.
/// @return EXIT_UNVERIFIED if the file is no registered version, EXIT_REFUSED if nothing
///         has this id, EXIT_USAGE if a prefix is ambiguous
enum exit_code model_find_version(struct ctx *ctx, hash_t *out, const char *text);

/// All registered versions as [{block, tx, logIndex, args}], oldest first.
enum exit_code model_versions(struct ctx *ctx, json_t **out, const hash_t *family);

/// "genesis", "roundAggregate", ... of a contract's number; "unknown" beyond.
const char *model_kind_name(uint64_t kind);
const char *model_state_name(uint64_t state);

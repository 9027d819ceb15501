// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Model files: safetensors, and its canonical form ST-C1 (federation.md, section 2), in
/// which the same weights always have the same bytes and so the same hash.
///
///     uint64le n | n bytes of JSON, padded with spaces to 8 + n = 0 mod 8 | data
///
/// ST-C1: names sorted bytewise, members in the order dtype, shape, data_offsets, no white
/// space, no __metadata__, plain integers, data contiguous in that order, names printable
/// ASCII without escapes.
///
/// Files come from strangers: every count and offset is checked before it is used, and the
/// work is linear in the header (sorting aside).

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

#define ST_RANK_MAX 8
#define ST_TENSORS_MAX 65536
#define ST_HEADER_MAX ((size_t)16 << 20) ///< bytes of JSON
#define ST_NAME_MAX 1024

enum st_dtype {
    ST_BOOL,
    ST_U8,
    ST_I8,
    ST_F8_E5M2,
    ST_F8_E4M3,
    ST_I16,
    ST_U16,
    ST_F16,
    ST_BF16,
    ST_I32,
    ST_U32,
    ST_F32,
    ST_F64,
    ST_I64,
    ST_U64,
};
const char *st_dtype_name(enum st_dtype t); ///< "F32"
size_t st_dtype_size(enum st_dtype t);      ///< bytes of one element

struct st_tensor {
    bytes_t name;
    enum st_dtype dtype;
    unsigned rank;
    uint64_t shape[ST_RANK_MAX];
    uint64_t count; ///< elements, the product of shape
    bytes_t data;   ///< count * size bytes, little endian, row-major
};

/// A file's tensors, sorted by name.
struct st_file {
    const struct st_tensor *tensors; ///< in the arena; names and data borrow from the file
    size_t count;
};

/// Reads any valid safetensors file. Names with escapes are decoded into the arena.
/// @return ERR_MALFORMED (form, overlap, gap, a name twice), ERR_LIMIT, ERR_UNSUPPORTED (an
///         unknown dtype), ERR_FULL (arena).
MUST_USE err_t st_parse(struct st_file *out, struct arena *arena, bytes_t file);

/// Writes ST-C1. Tensors in any order (`name`, `dtype`, `rank`, `shape`, `data` are read).
/// @return ERR_INVALID for a name that ST-C1 does not allow, a name twice or data that does
///         not fit the shape; ERR_FULL if `out` is full; ERR_LIMIT.
MUST_USE err_t st_write(struct buf *out, struct arena *scratch, const struct st_tensor *tensors,
                        size_t count);

/// Rewrites any safetensors file as ST-C1 (drops metadata, never changes an element).
MUST_USE err_t st_canonicalise(struct buf *out, struct arena *scratch, bytes_t file);

/// OK if the file is ST-C1 byte for byte; else the reason, as ERR_INVALID when the file is a
/// valid safetensors file in another order.
MUST_USE err_t st_check_canonical(struct arena *scratch, bytes_t file);

/// The file's parameter vector: all tensors in sorted-name order. Model vectors are I32, or
/// floating point quantised with `frac_bits` (ERR_LIMIT if one does not fit int32). Update
/// vectors are I16 (-32768 is ERR_INVALID), or floating point quantised and clipped to
/// +-32767. Every tensor has to be of one of these types (ERR_UNSUPPORTED).
/// @param[out] out  `d` elements in the arena
MUST_USE err_t st_model_vector(int32_t **out, size_t *d, struct arena *arena,
                               const struct st_file *file, unsigned frac_bits);
MUST_USE err_t st_update_vector(int16_t **out, size_t *d, struct arena *arena,
                                const struct st_file *file, unsigned frac_bits);

/// ST-C1 of a vector with the names and shapes of `like`, as I32 (model) or I16 (update).
/// @return ERR_MISMATCH if `d` is not the number of elements in `like`.
MUST_USE err_t st_write_model(struct buf *out, struct arena *scratch, const struct st_file *like,
                              const int32_t *v, size_t d);
MUST_USE err_t st_write_update(struct buf *out, struct arena *scratch, const struct st_file *like,
                               const int16_t *v, size_t d);

/// CIDv1 of one raw block with this sha256, base32 lower case: "bafkrei...", terminated.
#define CID_TEXT_LEN 59
void cid_text(char out[CID_TEXT_LEN + 1], const hash_t *sha256_digest);
/// ERR_MALFORMED unless `text` is exactly such a CID.
MUST_USE err_t cid_parse(hash_t *sha256_digest, bytes_t text);

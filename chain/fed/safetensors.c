// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/safetensors.h"

#include "chain/base/checked.h"
#include "chain/fed/aggregate.h"

#include <inttypes.h>
#include <stdlib.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are written as they lie");

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [ST_BOOL] = {"BOOL", 1}, [ST_U8] = {"U8", 1},           [ST_I8] = {"I8", 1},
    [ST_I16] = {"I16", 2},   [ST_F8_E5M2] = {"F8_E5M2", 1}, [ST_F8_E4M3] = {"F8_E4M3", 1},
    [ST_U16] = {"U16", 2},   [ST_F16] = {"F16", 2},         [ST_BF16] = {"BF16", 2},
    [ST_I32] = {"I32", 4},   [ST_U32] = {"U32", 4},         [ST_F32] = {"F32", 4},
    [ST_F64] = {"F64", 8},   [ST_I64] = {"I64", 8},         [ST_U64] = {"U64", 8},
};

const char *st_dtype_name(enum st_dtype t)
{
    check((size_t)t < ARRAY_LEN(dtypes));
    return dtypes[t].name;
}

size_t st_dtype_size(enum st_dtype t)
{
    check((size_t)t < ARRAY_LEN(dtypes));
    return dtypes[t].size;
}

// ---- reading the header's JSON ----------------------------------------------------------------

/// A position in the header; only what safetensors needs of JSON.
struct json {
    const uint8_t *at;
    const uint8_t *end;
};

static void skip_space(struct json *j)
{
    while (j->at < j->end &&
           (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t')) {
        j->at++;
    }
}

/// Skips space, then takes `c` if it is next.
static bool take(struct json *j, char c)
{
    skip_space(j);
    if (j->at == j->end || *j->at != (uint8_t)c) return false;
    j->at++;
    return true;
}

static bool hex4(const uint8_t *p, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        const uint8_t c = p[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10u;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10u;
        else
            return false;
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

/// Decodes the escape at *p (just behind the backslash) and moves past it.
static err_t take_escape(const uint8_t **p, const uint8_t *end, uint8_t *out, size_t *len)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char value[] = "\"\\/\b\f\n\r\t";
    const uint8_t c = *(*p)++;
    const char *known = c != 0 ? strchr(plain, c) : NULL;
    if (known != NULL) {
        out[(*len)++] = (uint8_t)value[known - plain];
        return OK;
    }
    uint32_t unit;
    if (c != 'u' || end - *p < 4 || !hex4(*p, &unit)) {
        return FAIL(MALFORMED, "safetensors: bad escape in a string");
    }
    *p += 4;
    if (unit >= 0xd800 && unit < 0xe000) {
        uint32_t low;
        if (unit >= 0xdc00 || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
            !hex4(*p + 2, &low) || low < 0xdc00 || low >= 0xe000) {
            return FAIL(MALFORMED, "safetensors: lone surrogate in a string");
        }
        *p += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    *len += put_utf8(out + *len, unit);
    return OK;
}

/// Takes a string. Without escapes the view borrows from the file, else it is in the arena.
static err_t take_string(struct json *j, bytes_t *out, struct arena *arena)
{
    if (!take(j, '"')) return FAIL(MALFORMED, "safetensors: a string was expected");
    const uint8_t *start = j->at;
    const uint8_t *p = start;
    bool escaped = false;
    while (p < j->end && *p != '"') {
        if (*p < 0x20) return FAIL(MALFORMED, "safetensors: control character in a string");
        if (*p == '\\') {
            escaped = true;
            p++;
            if (p == j->end) break;
        }
        p++;
    }
    if (p >= j->end) return FAIL(MALFORMED, "safetensors: a string does not end");
    j->at = p + 1;
    const size_t len = (size_t)(p - start);
    if (!escaped) {
        *out = bytes_make(start, len);
        return OK;
    }

    // Every escape is at least as long as what it stands for.
    uint8_t *decoded = arena_alloc(arena, len);
    if (decoded == NULL) return FAIL(FULL, "safetensors: header needs more memory than allowed");
    size_t decoded_len = 0;
    for (const uint8_t *q = start; q < p;) {
        if (*q != '\\') {
            decoded[decoded_len++] = *q++;
            continue;
        }
        q++;
        TRY(take_escape(&q, p, decoded, &decoded_len));
    }
    *out = bytes_make(decoded, decoded_len);
    return OK;
}

static err_t take_u64(struct json *j, uint64_t *out)
{
    skip_space(j);
    const uint8_t *start = j->at;
    uint64_t v = 0;
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') {
        if (!checked_mul_u64(&v, v, 10) || !checked_add_u64(&v, v, (uint64_t)(*j->at - '0'))) {
            return FAIL(LIMIT, "safetensors: a number needs more than 64 bits");
        }
        j->at++;
    }
    const bool none = j->at == start;
    if (none || (*start == '0' && j->at - start > 1)) {
        return FAIL(MALFORMED, "safetensors: a plain whole number was expected");
    }
    *out = v;
    return OK;
}

// ---- reading a file ---------------------------------------------------------------------------

static err_t take_dtype(struct json *j, enum st_dtype *out, struct arena *arena)
{
    bytes_t name;
    TRY(take_string(j, &name, arena));
    for (size_t t = 0; t < ARRAY_LEN(dtypes); t++) {
        if (bytes_eq(name, bytes_of_str(dtypes[t].name))) {
            *out = (enum st_dtype)t;
            return OK;
        }
    }
    return FAIL(UNSUPPORTED, "safetensors: unknown dtype");
}

static err_t take_shape(struct json *j, struct st_tensor *t)
{
    if (!take(j, '[')) return FAIL(MALFORMED, "safetensors: shape is not a list");
    t->rank = 0;
    t->count = 1;
    if (take(j, ']')) return OK;
    do {
        if (t->rank == ST_RANK_MAX) return FAIL(LIMIT, "safetensors: more than 8 dimensions");
        uint64_t extent;
        TRY(take_u64(j, &extent));
        if (!checked_mul_u64(&t->count, t->count, extent)) {
            return FAIL(LIMIT, "safetensors: a shape has more than 2^64 elements");
        }
        t->shape[t->rank++] = extent;
    } while (take(j, ','));
    if (!take(j, ']')) return FAIL(MALFORMED, "safetensors: shape does not end");
    return OK;
}

/// A tensor's {...}: each of the three members once, nothing else.
static err_t take_tensor(struct json *j, struct st_tensor *t, bytes_t data, struct arena *arena)
{
    bool have_dtype = false;
    bool have_shape = false;
    bool have_offsets = false;
    uint64_t from = 0;
    uint64_t to = 0;
    if (!take(j, '{')) return FAIL(MALFORMED, "safetensors: a tensor is not an object");
    do {
        bytes_t key;
        TRY(take_string(j, &key, arena));
        if (!take(j, ':')) return FAIL(MALFORMED, "safetensors: a colon was expected");
        if (bytes_eq(key, LIT("dtype")) && !have_dtype) {
            have_dtype = true;
            TRY(take_dtype(j, &t->dtype, arena));
        } else if (bytes_eq(key, LIT("shape")) && !have_shape) {
            have_shape = true;
            TRY(take_shape(j, t));
        } else if (bytes_eq(key, LIT("data_offsets")) && !have_offsets) {
            have_offsets = true;
            if (!take(j, '[')) return FAIL(MALFORMED, "safetensors: data_offsets is not a list");
            TRY(take_u64(j, &from));
            if (!take(j, ',')) return FAIL(MALFORMED, "safetensors: two data_offsets expected");
            TRY(take_u64(j, &to));
            if (!take(j, ']')) return FAIL(MALFORMED, "safetensors: two data_offsets expected");
        } else {
            return FAIL(MALFORMED, "safetensors: unknown member of a tensor, or one twice");
        }
    } while (take(j, ','));
    if (!take(j, '}')) return FAIL(MALFORMED, "safetensors: a tensor does not end");

    if (!have_dtype || !have_shape || !have_offsets) {
        return FAIL(MALFORMED, "safetensors: a tensor lacks dtype, shape or data_offsets");
    }
    if (from > to || to > data.len) {
        return FAIL(MALFORMED, "safetensors: data_offsets outside the file");
    }
    uint64_t size;
    if (!checked_mul_u64(&size, t->count, st_dtype_size(t->dtype)) || size != to - from) {
        return FAIL(MALFORMED, "safetensors: data_offsets do not fit shape and dtype");
    }
    t->data = bytes_make(data.data + from, (size_t)size);
    return OK;
}

/// __metadata__: strings to strings, which mean nothing to us.
static err_t skip_metadata(struct json *j, struct arena *arena)
{
    if (!take(j, '{')) return FAIL(MALFORMED, "safetensors: __metadata__ is not an object");
    if (take(j, '}')) return OK;
    do {
        bytes_t ignored;
        TRY(take_string(j, &ignored, arena));
        if (!take(j, ':')) return FAIL(MALFORMED, "safetensors: a colon was expected");
        TRY(take_string(j, &ignored, arena));
    } while (take(j, ','));
    if (!take(j, '}')) return FAIL(MALFORMED, "safetensors: __metadata__ does not end");
    return OK;
}

static int compare_name(const void *a, const void *b)
{
    const struct st_tensor *x = a;
    const struct st_tensor *y = b;
    return bytes_cmp(x->name, y->name);
}

static int compare_offset(const void *a, const void *b)
{
    const struct st_tensor *x = a;
    const struct st_tensor *y = b;
    if (x->data.data != y->data.data) return x->data.data < y->data.data ? -1 : 1;
    // Empty tensors share an offset with what follows them.
    return (x->data.len > y->data.len) - (x->data.len < y->data.len);
}

/// The tensors cover the data without gap or overlap, and no name is there twice. Leaves
/// them sorted by name.
static err_t check_layout(struct st_tensor *tensors, size_t count, bytes_t data)
{
    const uint8_t *next = data.data;
    if (count > 0) qsort(tensors, count, sizeof *tensors, compare_offset);
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].data.data != next) {
            return FAIL(MALFORMED, "safetensors: tensors overlap or leave a gap");
        }
        next += tensors[i].data.len;
    }
    if (next != data.data + data.len) {
        return FAIL(MALFORMED, "safetensors: bytes after the last tensor");
    }
    if (count > 0) qsort(tensors, count, sizeof *tensors, compare_name);
    for (size_t i = 1; i < count; i++) {
        if (bytes_eq(tensors[i - 1].name, tensors[i].name)) {
            return FAIL(MALFORMED, "safetensors: a name is there twice");
        }
    }
    return OK;
}

static uint64_t get_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

err_t st_parse(struct st_file *out, struct arena *arena, bytes_t file)
{
    if (file.len < 8) return FAIL(MALFORMED, "safetensors: shorter than its length field");
    const uint64_t header_len = get_le64(file.data);
    if (header_len > file.len - 8) return FAIL(MALFORMED, "safetensors: header runs past the end");
    if (header_len > ST_HEADER_MAX) return FAIL(LIMIT, "safetensors: header above 16 MiB");

    struct json j = {file.data + 8, file.data + 8 + header_len};
    const bytes_t data = bytes_make(j.end, file.len - 8 - (size_t)header_len);
    if (header_len == 0 || *j.at != '{') {
        return FAIL(MALFORMED, "safetensors: header does not begin with {");
    }
    j.at++;

    // The shortest entry is {"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}, 48 bytes.
    const size_t room = (size_t)header_len / 48 + 1;
    const size_t cap = room < ST_TENSORS_MAX ? room : ST_TENSORS_MAX;
    struct st_tensor *tensors = ARENA_ARRAY(arena, struct st_tensor, cap);
    if (tensors == NULL) return FAIL(FULL, "safetensors: header needs more memory than allowed");

    size_t count = 0;
    bool have_metadata = false;
    if (!take(&j, '}')) {
        do {
            bytes_t name;
            TRY(take_string(&j, &name, arena));
            if (!take(&j, ':')) return FAIL(MALFORMED, "safetensors: a colon was expected");
            if (bytes_eq(name, LIT("__metadata__"))) {
                if (have_metadata) return FAIL(MALFORMED, "safetensors: __metadata__ twice");
                have_metadata = true;
                TRY(skip_metadata(&j, arena));
                continue;
            }
            if (name.len > ST_NAME_MAX) return FAIL(LIMIT, "safetensors: a name above 1024 bytes");
            if (count == cap) return FAIL(LIMIT, "safetensors: more than 65536 tensors");
            tensors[count].name = name;
            TRY(take_tensor(&j, &tensors[count], data, arena));
            count++;
        } while (take(&j, ','));
        if (!take(&j, '}')) return FAIL(MALFORMED, "safetensors: header does not end");
    }
    skip_space(&j);
    if (j.at != j.end) return FAIL(MALFORMED, "safetensors: bytes after the header's object");

    TRY(check_layout(tensors, count, data));
    *out = (struct st_file){tensors, count};
    return OK;
}

// ---- the canonical form -------------------------------------------------------------------------

static bool name_is_canonical(bytes_t name)
{
    if (name.len > ST_NAME_MAX || bytes_eq(name, LIT("__metadata__"))) return false;
    for (size_t i = 0; i < name.len; i++) {
        const uint8_t c = name.data[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') return false;
    }
    return true;
}

/// Length field, JSON and padding of tensors that are sorted by name.
static err_t put_header(struct buf *out, const struct st_tensor *tensors, size_t count)
{
    const size_t start = out->len;
    (void)buf_extend(out, 8);
    buf_put_u8(out, '{');
    uint64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const struct st_tensor *t = &tensors[i];
        if (!name_is_canonical(t->name)) {
            return FAIL(INVALID, "ST-C1: a name is not plain printable ASCII");
        }
        if (i > 0) buf_put_u8(out, ',');
        buf_put_u8(out, '"');
        buf_put(out, t->name);
        buf_printf(out, "\":{\"dtype\":\"%s\",\"shape\":[", st_dtype_name(t->dtype));
        for (unsigned k = 0; k < t->rank; k++) {
            buf_printf(out, k > 0 ? ",%" PRIu64 : "%" PRIu64, t->shape[k]);
        }
        buf_printf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset,
                   offset + t->data.len);
        offset += t->data.len;
    }
    buf_put_u8(out, '}');
    while ((out->len - start) % 8 != 0 && !out->full) buf_put_u8(out, ' ');
    TRY(buf_status(out));

    const uint64_t header_len = out->len - start - 8;
    if (header_len > ST_HEADER_MAX) return FAIL(LIMIT, "ST-C1: header above 16 MiB");
    memcpy(out->data + start, &header_len, sizeof header_len);
    return OK;
}

static err_t check_tensor(const struct st_tensor *t)
{
    if (t->rank > ST_RANK_MAX) return FAIL(LIMIT, "ST-C1: more than 8 dimensions");
    uint64_t size = st_dtype_size(t->dtype);
    for (unsigned k = 0; k < t->rank; k++) {
        if (!checked_mul_u64(&size, size, t->shape[k])) {
            return FAIL(LIMIT, "ST-C1: a shape has more than 2^64 bytes");
        }
    }
    if (size != t->data.len) return FAIL(INVALID, "ST-C1: data does not fit shape and dtype");
    return OK;
}

err_t st_write(struct buf *out, struct arena *scratch, const struct st_tensor *tensors,
               size_t count)
{
    if (count > ST_TENSORS_MAX) return FAIL(LIMIT, "ST-C1: more than 65536 tensors");
    struct st_tensor *sorted = ARENA_ARRAY(scratch, struct st_tensor, count);
    if (sorted == NULL) return FAIL(FULL, "ST-C1: header needs more memory than allowed");
    for (size_t i = 0; i < count; i++) {
        TRY(check_tensor(&tensors[i]));
        sorted[i] = tensors[i];
    }
    if (count > 0) qsort(sorted, count, sizeof *sorted, compare_name);
    for (size_t i = 1; i < count; i++) {
        if (bytes_eq(sorted[i - 1].name, sorted[i].name)) {
            return FAIL(INVALID, "ST-C1: a name is there twice");
        }
    }
    TRY(put_header(out, sorted, count));
    for (size_t i = 0; i < count; i++) buf_put(out, sorted[i].data);
    return buf_status(out);
}

err_t st_canonicalise(struct buf *out, struct arena *scratch, bytes_t file)
{
    struct st_file parsed;
    TRY(st_parse(&parsed, scratch, file));
    return st_write(out, scratch, parsed.tensors, parsed.count);
}

err_t st_check_canonical(struct arena *scratch, bytes_t file)
{
    struct st_file parsed;
    TRY(st_parse(&parsed, scratch, file));

    struct buf header;
    buf_init(&header, ST_HEADER_MAX + 16);
    err_t err = put_header(&header, parsed.tensors, parsed.count);
    if (err_ok(err)) {
        // The same header means the same offsets, and so the same order of the data.
        const bytes_t want = buf_bytes(&header);
        if (file.len < want.len || memcmp(file.data, want.data, want.len) != 0) {
            err = FAIL(INVALID, "ST-C1: valid safetensors, but not in canonical form (names "
                                "sorted, no metadata, no white space, 8-byte padding)");
        }
    }
    buf_deinit(&header);
    return err;
}

// ---- vectors --------------------------------------------------------------------------------

static uint64_t total_count(const struct st_file *file)
{
    uint64_t d = 0; // cannot wrap: every element is a byte of the file
    for (size_t i = 0; i < file->count; i++) d += file->tensors[i].count;
    return d;
}

/// Element `k` of a tensor as fixed point: `exact` integers as they are.
static err_t element(int64_t *out, const struct st_tensor *t, size_t k, enum st_dtype exact,
                     unsigned frac_bits)
{
    const size_t size = st_dtype_size(t->dtype);
    const uint8_t *p = t->data.data + k * size;
    if (t->dtype == exact) {
        int32_t v32 = 0;
        int16_t v16 = 0;
        if (size == 4)
            memcpy(&v32, p, 4);
        else
            memcpy(&v16, p, 2);
        *out = size == 4 ? v32 : v16;
        return OK;
    }
    if (t->dtype != ST_F16 && t->dtype != ST_BF16 && t->dtype != ST_F32 && t->dtype != ST_F64) {
        return FAIL(UNSUPPORTED, "vector: a tensor is neither floating point nor of the integer "
                                 "type for it (I32 in models, I16 in updates)");
    }
    return fed_quantise(out, p, (unsigned)size, t->dtype == ST_BF16, frac_bits);
}

err_t st_model_vector(int32_t **out, size_t *d, struct arena *arena, const struct st_file *file,
                      unsigned frac_bits)
{
    const uint64_t count = total_count(file);
    int32_t *v = ARENA_ARRAY(arena, int32_t, count);
    if (v == NULL) return FAIL(FULL, "vector: larger than the memory allowed for it");
    size_t j = 0;
    for (size_t i = 0; i < file->count; i++) {
        for (size_t k = 0; k < file->tensors[i].count; k++) {
            int64_t x;
            TRY(element(&x, &file->tensors[i], k, ST_I32, frac_bits));
            if (x < INT32_MIN || x > INT32_MAX) {
                return FAIL(LIMIT, "model: a weight does not fit int32 fixed point");
            }
            v[j++] = (int32_t)x;
        }
    }
    *out = v;
    *d = j;
    return OK;
}

err_t st_update_vector(int16_t **out, size_t *d, struct arena *arena, const struct st_file *file,
                       unsigned frac_bits)
{
    const uint64_t count = total_count(file);
    int16_t *v = ARENA_ARRAY(arena, int16_t, count);
    if (v == NULL) return FAIL(FULL, "vector: larger than the memory allowed for it");
    size_t j = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct st_tensor *t = &file->tensors[i];
        for (size_t k = 0; k < t->count; k++) {
            int64_t x;
            TRY(element(&x, t, k, ST_I16, frac_bits));
            if (t->dtype == ST_I16 && x < -UPDATE_CLIP) {
                return FAIL(INVALID, "update: -32768 is not a coordinate");
            }
            if (x < -UPDATE_CLIP) x = -UPDATE_CLIP;
            if (x > UPDATE_CLIP) x = UPDATE_CLIP;
            v[j++] = (int16_t)x;
        }
    }
    *out = v;
    *d = j;
    return OK;
}

/// `like`'s names and shapes over the bytes of a vector.
static err_t write_vector(struct buf *out, struct arena *scratch, const struct st_file *like,
                          const void *v, size_t d, enum st_dtype dtype)
{
    uint64_t want = 0;
    for (size_t i = 0; i < like->count; i++) {
        if (!checked_add_u64(&want, want, like->tensors[i].count)) {
            return FAIL(LIMIT, "vector: shapes have more than 2^64 elements");
        }
    }
    if (want != d) return FAIL(MISMATCH, "vector: its length is not that of the named tensors");

    struct st_tensor *tensors = ARENA_ARRAY(scratch, struct st_tensor, like->count);
    if (tensors == NULL) return FAIL(FULL, "vector: header needs more memory than allowed");
    const size_t size = st_dtype_size(dtype);
    const uint8_t *at = v;
    for (size_t i = 0; i < like->count; i++) {
        tensors[i] = like->tensors[i];
        tensors[i].dtype = dtype;
        tensors[i].data = bytes_make(at, (size_t)like->tensors[i].count * size);
        at += tensors[i].data.len;
    }
    return st_write(out, scratch, tensors, like->count);
}

err_t st_write_model(struct buf *out, struct arena *scratch, const struct st_file *like,
                     const int32_t *v, size_t d)
{
    return write_vector(out, scratch, like, v, d, ST_I32);
}

err_t st_write_update(struct buf *out, struct arena *scratch, const struct st_file *like,
                      const int16_t *v, size_t d)
{
    return write_vector(out, scratch, like, v, d, ST_I16);
}

// ---- content identifiers ----------------------------------------------------------------------

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const uint8_t cid_prefix[4] = {0x01, 0x55, 0x12, 0x20}; // CIDv1, raw, sha2-256, 32 bytes

void cid_text(char out[CID_TEXT_LEN + 1], const hash_t *sha256_digest)
{
    uint8_t raw[36];
    memcpy(raw, cid_prefix, sizeof cid_prefix);
    memcpy(raw + sizeof cid_prefix, sha256_digest->b, 32);

    size_t n = 0;
    out[n++] = 'b';
    unsigned acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof raw; i++) {
        acc = acc << 8 | raw[i];
        for (bits += 8; bits >= 5; bits -= 5) out[n++] = base32[acc >> (bits - 5) & 31];
    }
    if (bits > 0) out[n++] = base32[acc << (5 - bits) & 31];
    out[n] = 0;
    check(n == CID_TEXT_LEN);
}

err_t cid_parse(hash_t *sha256_digest, bytes_t text)
{
    if (text.len != CID_TEXT_LEN || text.data[0] != 'b') {
        return FAIL(MALFORMED, "cid: not a CIDv1 in base32 of one raw block with sha2-256");
    }
    uint8_t raw[36];
    size_t n = 0;
    unsigned acc = 0;
    unsigned bits = 0;
    for (size_t i = 1; i < text.len; i++) {
        const char *digit = text.data[i] != 0 ? strchr(base32, text.data[i]) : NULL;
        if (digit == NULL) return FAIL(MALFORMED, "cid: not lower case base32");
        acc = (acc << 5 | (unsigned)(digit - base32)) & 0xffff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            raw[n++] = (uint8_t)(acc >> bits);
        }
    }
    const bool rest_is_zero = (acc & ((1u << bits) - 1)) == 0;
    if (n != sizeof raw || !rest_is_zero || memcmp(raw, cid_prefix, sizeof cid_prefix) != 0) {
        return FAIL(MALFORMED, "cid: not a CIDv1 in base32 of one raw block with sha2-256");
    }
    memcpy(sha256_digest->b, raw + sizeof cid_prefix, 32);
    return OK;
}

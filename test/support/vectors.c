// SPDX-License-Identifier: Apache-2.0
#include "test/support/vectors.h"

#include <fts.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/base/hex.h"
#include "test/support/tally.h"

__attribute__((format(printf, 1, 2))) static _Noreturn void stop(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("vectors: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

static const char *folder_of(const char *variable, const char *otherwise)
{
    const char *set = getenv(variable);
    return set != NULL && set[0] != '\0' ? set : otherwise;
}

static void path_in(char out[4096], const char *root, const char *path)
{
    if ((size_t)snprintf(out, 4096, "%s/%s", root, path) >= 4096) stop("path too long: %s", path);
}

static char *read_whole(const char *path, size_t *len)
{
    tally_read(path);
    FILE *f = fopen(path, "rb");
    if (f == NULL) stop("%s is missing; set CAIRN_VECTORS to the folder of the vectors", path);
    fseek(f, 0, SEEK_END);
    const long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    if (size < 0 || text == NULL || fread(text, 1, (size_t)size, f) != (size_t)size) {
        stop("%s cannot be read", path);
    }
    fclose(f);
    text[size] = '\0';
    *len = (size_t)size;
    return text;
}

static json_t *load(const char *path)
{
    size_t len;
    json_error_t error;
    char *text = read_whole(path, &len);
    json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    if (root == NULL) stop("%s: line %d: %s", path, error.line, error.text);
    free(text);
    return root;
}

json_t *vectors_load(const char *path)
{
    char full[4096];
    path_in(full, folder_of("CAIRN_VECTORS", "../shared/vectors"), path);
    return load(full);
}

char *vectors_text(const char *path, size_t *len)
{
    char full[4096];
    path_in(full, folder_of("CAIRN_VECTORS", "../shared/vectors"), path);
    return read_whole(full, len);
}

static int by_path(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

size_t vectors_each(const char *folder, void (*fn)(void *ctx, const char *path, json_t *root),
                    void *ctx)
{
    char full[4096];
    const char *root = folder_of("CAIRN_UNPACKED", "build/vectors");
    path_in(full, root, folder);
    char *const roots[] = {full, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_path);
    size_t count = 0;
    for (FTSENT *e = fts_read(walk); e != NULL; e = fts_read(walk)) {
        const size_t n = e->fts_namelen;
        if (e->fts_info != FTS_F || n < 5 || strcmp(e->fts_name + n - 5, ".json") != 0) continue;
        json_t *file = load(e->fts_path);
        fn(ctx, e->fts_path + strlen(root) + 1, file);
        json_decref(file);
        count++;
    }
    fts_close(walk);
    if (count == 0) stop("no vectors below %s; run `make vectors`", full);
    return count;
}

json_t *vectors_get(const json_t *object, const char *name)
{
    json_t *v = json_object_get(object, name);
    if (v == NULL) stop("a member `%s` is missing", name);
    return v;
}

const char *vectors_str(const json_t *object, const char *name)
{
    const char *s = json_string_value(vectors_get(object, name));
    if (s == NULL) stop("the member `%s` is not a string", name);
    return s;
}

bytes_t vectors_hex(struct arena *arena, const char *text)
{
    if (text[0] == '0' && (text[1] | 0x20) == 'x') text += 2;
    const size_t digits = strlen(text);
    const bool odd = digits % 2 != 0;
    char *padded = arena_alloc(arena, digits + 2);
    uint8_t *out = arena_alloc(arena, digits / 2 + 1);
    size_t len = 0;
    if (padded == NULL || out == NULL) stop("the arena of a test is too small");
    padded[0] = '0';
    memcpy(padded + (odd ? 1 : 0), text, digits);
    if (!err_ok(
            hex_decode(out, digits / 2 + 1, &len, bytes_make(padded, digits + (odd ? 1 : 0))))) {
        stop("not hexadecimal: %.60s", text);
    }
    return bytes_make(out, len);
}

bytes_t vectors_bytes(struct arena *arena, const json_t *object, const char *name)
{
    return vectors_hex(arena, vectors_str(object, name));
}

u256_t vectors_number(const json_t *value)
{
    u256_t v = {{0}};
    if (json_is_integer(value)) return u256_from_u64((uint64_t)json_integer_value(value));
    const char *text = json_string_value(value);
    if (text == NULL) stop("a number is neither integer nor string");
    if (text[0] == '\0' || strcmp(text, "0x") == 0) return v;
    if (!err_ok(u256_parse(&v, bytes_of_str(text)))) stop("not a number: %.80s", text);
    return v;
}

struct arena vectors_arena(size_t max_bytes)
{
    struct arena a;
    if (!err_ok(arena_init(&a, max_bytes))) stop("no memory for a test");
    return a;
}

char *vectors_show(bytes_t b)
{
    char *text = malloc(2 * b.len + 3);
    if (text == NULL) stop("no memory for a test");
    memcpy(text, "0x", 3);
    hex_encode(text + 2, b);
    return text;
}

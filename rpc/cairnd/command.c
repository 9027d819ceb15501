// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/command.h"

#include "chain/base/hex.h"
#include "chain/crypto/secp.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *const CAIRND_VERSION = "v0.1.0";

const char *client_version(char *out, size_t cap)
{
#ifdef __clang__
    (void)snprintf(out, cap, "cairn/%s/linux-amd64/clang%d", CAIRND_VERSION, __clang_major__);
#else
    (void)snprintf(out, cap, "cairn/%s/linux-amd64/gcc%d", CAIRND_VERSION, __GNUC__);
#endif
    return out;
}

int exit_of(err_t err)
{
    switch (err.kind) {
    case ERR_NONE:
        return EXIT_DONE;
    case ERR_MALFORMED:
    case ERR_INVALID:
    case ERR_NOT_FOUND:
    case ERR_LIMIT:
    case ERR_UNSUPPORTED:
        return EXIT_USAGE;
    case ERR_BUSY:
        return EXIT_IN_USE;
    case ERR_FULL:
    case ERR_IO:
        return EXIT_STORAGE;
    case ERR_CORRUPT:
        return EXIT_DAMAGED;
    case ERR_MISMATCH:
        return EXIT_MISMATCH;
    }
    unreachable("cairnd: no such error kind");
}

int fail(int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("error: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return code;
}

double steady_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// ---- files --------------------------------------------------------------------------------

err_t file_read(struct buf *out, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return FAIL(NOT_FOUND, "there is no such file");
        return FAIL(IO, "the file cannot be opened");
    }
    uint8_t chunk[16384];
    ssize_t n = 0;
    // Ends at the buffer's maximum: some files (/dev/zero) have no end of their own.
    while (!out->full && (n = read(fd, chunk, sizeof chunk)) > 0)
        buf_put(out, bytes_make(chunk, (size_t)n));
    close(fd);
    if (n < 0) return FAIL(IO, "the file cannot be read");
    return out->full ? FAIL(LIMIT, "the file is too large") : OK;
}

err_t file_write(const char *path, bytes_t content, unsigned mode)
{
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary) {
        return FAIL(LIMIT, "the path is too long");
    }
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return FAIL(IO, "the file cannot be created");
    bool ok = fchmod(fd, mode) == 0;
    while (ok && content.len > 0) {
        const ssize_t n = write(fd, content.data, content.len);
        ok = n > 0;
        if (ok) content = bytes_make(content.data + n, content.len - (size_t)n);
    }
    ok = fsync(fd) == 0 && ok;
    ok = close(fd) == 0 && ok;
    if (ok && rename(temporary, path) == 0) return OK;
    (void)unlink(temporary);
    return FAIL(IO, "the file cannot be written");
}

err_t dir_make(const char *path)
{
    char part[4096];
    const size_t len = strlen(path);
    if (len == 0 || len >= sizeof part) return FAIL(LIMIT, "the path is too long");
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != 0) continue;
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return FAIL(IO, "a directory cannot be made");
        if (i < len) part[i] = '/';
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return FAIL(IO, "it is not a directory");
    return OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void dir_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// ---- keys and genesis ---------------------------------------------------------------------

err_t node_key_read(struct secret_key **out, const char *path, int *code)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        *code = fail(EXIT_USAGE, "there is no node key at %s\nhint: cairnd key new --data-dir DIR",
                     path);
        return FAIL(NOT_FOUND, "no key");
    }
    if ((st.st_mode & 077) != 0) {
        *code = fail(EXIT_USAGE,
                     "the node key %s can be read by others (mode %03o)\nhint: chmod 600 %s", path,
                     (unsigned)st.st_mode & 0777, path);
        return FAIL(INVALID, "key is exposed");
    }
    struct buf text;
    buf_init(&text, 4096);
    struct secret_key *key = NULL;
    err_t err = file_read(&text, path);
    if (err_ok(err)) err = secret_new(&key);
    if (err_ok(err)) {
        bytes_t hex = buf_bytes(&text);
        while (hex.len > 0 && strchr(" \r\n\t", hex.data[hex.len - 1]) != NULL) hex.len--;
        secp_pubkey_t pub;
        err = hex_decode_fixed(key->b, sizeof key->b, hex);
        if (err_ok(err)) err = secp_pubkey_of(&pub, key);
    }
    if (text.data != NULL) secret_wipe(text.data, text.len);
    buf_deinit(&text);
    if (!err_ok(err)) {
        secret_free(key);
        *code = fail(EXIT_USAGE, "%s is not a node key\nhint: want 64 hex digits: cairnd key new",
                     path);
        return err;
    }
    *out = key;
    return OK;
}

err_t genesis_read(struct genesis *out, struct arena *arena, struct buf *text, const char *path,
                   int *code)
{
    err_t err = file_read(text, path);
    if (!err_ok(err)) {
        *code = fail(EXIT_USAGE, "genesis file %s: %s\nhint: --genesis FILE, or cairnd init", path,
                     err_text(err));
        return err;
    }
    struct genesis_detail detail = {""};
    err = genesis_parse(out, arena, buf_bytes(text), &detail);
    if (!err_ok(err)) {
        *code = fail(EXIT_USAGE, "genesis file %s: %s\nhint: cairnd genesis check %s", path,
                     detail.text[0] != 0 ? detail.text : err_text(err), path);
    }
    return err;
}

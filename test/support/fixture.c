// SPDX-License-Identifier: Apache-2.0
#include "test/support/fixture.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain/base/hex.h"

static void die(const char *what, const char *which)
{
    fprintf(stderr, "fixture: %s: %s\n", what, which);
    exit(2);
}

// ---- files ----------------------------------------------------------------------------------

static void make_dirs(const char *path)
{
    char part[1024];
    for (const char *p = path; *p != 0; p++) {
        const size_t n = (size_t)(p - path);
        if (*p != '/' || n == 0) continue;
        if (n >= sizeof part) die("path too long", path);
        memcpy(part, path, n);
        part[n] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) die("cannot make directory", part);
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) die("cannot make directory", path);
}

static int run_tar(const char *archive, const char *into)
{
    const pid_t pid = fork();
    if (pid < 0) die("cannot fork", archive);
    if (pid == 0) {
        execlp("tar", "tar", "-xJf", archive, "-C", into, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return -1;
    }
    return status;
}

void fixture_unpack(const char *archive, const char *into)
{
    const char *vectors = getenv("CAIRN_VECTORS");
    if (vectors == NULL) vectors = "../shared/vectors";
    char from[1024];
    char mark[1024];
    char dir[512];
    snprintf(from, sizeof from, "%s/ethereum/%s", vectors, archive);
    snprintf(dir, sizeof dir, "build/vectors/%s", into);
    snprintf(mark, sizeof mark, "%s/.%s", dir,
             strrchr(archive, '/') ? strrchr(archive, '/') + 1 : archive);
    struct stat archived;
    struct stat done;
    if (stat(from, &archived) != 0) die("no such archive (set CAIRN_VECTORS)", from);
    if (stat(mark, &done) == 0) return;
    make_dirs(dir);
    if (run_tar(from, dir) != 0) die("tar failed", from);
    FILE *f = fopen(mark, "w");
    if (f == NULL || fclose(f) != 0) die("cannot write", mark);
}

struct path_list {
    char **paths;
    size_t count;
    size_t cap;
};
static struct path_list found; // nftw has no context argument

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    const size_t len = strlen(path);
    if (type != FTW_F || len < 5 || strcmp(path + len - 5, ".json") != 0) return 0;
    if (found.count == found.cap) {
        found.cap = found.cap == 0 ? 256 : 2 * found.cap;
        found.paths = realloc(found.paths, found.cap * sizeof *found.paths);
        if (found.paths == NULL) return 1;
    }
    found.paths[found.count] = strdup(path);
    return found.paths[found.count++] == NULL;
}

static int cmp_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t fixture_files(const char *dir, char ***paths)
{
    found = (struct path_list){0};
    if (nftw(dir, visit, 16, FTW_PHYS) != 0) die("cannot read", dir);
    if (found.count > 1) qsort(found.paths, found.count, sizeof *found.paths, cmp_paths);
    *paths = found.paths;
    return found.count;
}

// ---- JSON -----------------------------------------------------------------------------------

json_t *fixture_load(const char *path)
{
    json_error_t error;
    json_t *doc = json_load_file(path, 0, &error);
    if (doc == NULL) die(error.text, path);
    return doc;
}

const json_t *fixture_member(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);
    if (member == NULL) die("member missing", name);
    return member;
}

static const char *text_of(const json_t *text)
{
    const char *s = json_string_value(text);
    if (s == NULL) die("not a string", "?");
    return s;
}

bytes_t fixture_bytes(const json_t *text, struct arena *arena)
{
    const char *s = text_of(text);
    const size_t cap = strlen(s) / 2;
    uint8_t *out = arena_alloc(arena, cap + 1);
    size_t len = 0;
    if (out == NULL) die("too large", "bytes");
    if (!err_ok(hex_decode(out, cap, &len, bytes_of_str(s)))) die("not hexadecimal", s);
    return bytes_make(out, len);
}

u256_t fixture_u256(const json_t *text)
{
    const char *s = text_of(text);
    if (strcmp(s, "0x") == 0) return u256_from_u64(0);
    u256_t value;
    if (!err_ok(u256_parse(&value, bytes_of_str(s)))) die("not a number", s);
    return value;
}

uint64_t fixture_u64(const json_t *text)
{
    const u256_t value = fixture_u256(text);
    if (!u256_fits_u64(&value)) die("more than 64 bits", text_of(text));
    return value.limb[0];
}

hash_t fixture_hash(const json_t *text)
{
    const u256_t value = fixture_u256(text);
    return u256_to_hash(&value);
}

address_t fixture_address(const json_t *text)
{
    address_t a;
    const char *s = text_of(text);
    if (!err_ok(hex_decode_fixed(a.b, sizeof a.b, bytes_of_str(s)))) die("not an address", s);
    return a;
}

static hash_t slot_of(const char *text)
{
    u256_t value;
    if (!err_ok(u256_parse(&value, bytes_of_str(text)))) die("not a slot", text);
    return u256_to_hash(&value);
}

void fixture_state(struct mem_state *m, const json_t *accounts, struct arena *arena)
{
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)accounts, name, entry)
    {
        address_t a;
        if (!err_ok(hex_decode_fixed(a.b, sizeof a.b, bytes_of_str(name)))) {
            die("not an address", name);
        }
        const u256_t balance = fixture_u256(fixture_member(entry, "balance"));
        mem_state_put(m, &a, fixture_u64(fixture_member(entry, "nonce")), &balance,
                      fixture_bytes(fixture_member(entry, "code"), arena));
        const char *slot;
        json_t *word;
        json_object_foreach(json_object_get(entry, "storage"), slot, word)
        {
            const hash_t key = slot_of(slot);
            const u256_t value = fixture_u256(word);
            mem_state_put_slot(m, &a, &key, &value);
        }
    }
}

// ---- processes --------------------------------------------------------------------------------

void *fixture_shared(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("no memory", "shared");
    return p;
}

bool fixture_fork(unsigned workers, void (*work)(unsigned worker, void *ctx), void *ctx)
{
    fflush(NULL);
    for (unsigned i = 0; i < workers; i++) {
        const pid_t pid = fork();
        if (pid < 0) die("cannot fork", "worker");
        if (pid == 0) {
            work(i, ctx);
            fflush(NULL);
            _exit(0);
        }
    }
    bool well = true;
    for (unsigned i = 0; i < workers; i++) {
        int status = 0;
        if (wait(&status) < 0 || status != 0) well = false;
    }
    return well;
}

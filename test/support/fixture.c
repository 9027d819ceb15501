// SPDX-License-Identifier: Apache-2.0
#include "test/support/fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain/base/hex.h"
#include "rpc/cairnd/fixture_json.h"
#include "test/support/tally.h"

static void die(const char *what, const char *which)
{
    fprintf(stderr, "fixture: %s: %s\n", what, which);
    exit(2);
}

// ---- files ----------------------------------------------------------------------------------

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

size_t fixture_unpacked(const char *category, char ***paths)
{
    const char *root = getenv("CAIRN_UNPACKED");
    char dir[1024];
    snprintf(dir, sizeof dir, "%s/%s", root != NULL ? root : "build/vectors", category);
    const size_t count = fixture_files(dir, paths);
    if (count == 0) die("no files (make vectors)", dir);
    return count;
}

// ---- JSON -----------------------------------------------------------------------------------

json_t *fixture_load(const char *path)
{
    tally_read(path);
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

// The tools' readers, with the end of the program for what they refuse.
static void must(err_t err, const struct fixture_detail *detail)
{
    if (!err_ok(err)) die(err_text(err), detail->text);
}

bytes_t fixture_bytes(const json_t *text, struct arena *arena)
{
    struct fixture_detail detail = {""};
    bytes_t out = BYTES_NONE;
    must(fixture_read_bytes(&out, arena, text, "bytes", &detail), &detail);
    return out;
}

u256_t fixture_u256(const json_t *text)
{
    struct fixture_detail detail = {""};
    u256_t out = u256_from_u64(0);
    must(fixture_read_u256(&out, text, "number", &detail), &detail);
    return out;
}

uint64_t fixture_u64(const json_t *text)
{
    struct fixture_detail detail = {""};
    uint64_t out = 0;
    must(fixture_read_u64(&out, text, "number", &detail), &detail);
    return out;
}

hash_t fixture_hash(const json_t *text)
{
    const u256_t value = fixture_u256(text);
    return u256_to_hash(&value);
}

address_t fixture_address(const json_t *text)
{
    address_t a = {{0}};
    const char *s = json_string_value(text);
    if (s == NULL || !err_ok(hex_decode_fixed(a.b, sizeof a.b, bytes_of_str(s)))) {
        die("not an address", s != NULL ? s : "?");
    }
    return a;
}

void fixture_state(struct mem_state *m, const json_t *accounts, struct arena *arena)
{
    struct fixture_detail detail = {""};
    must(fixture_read_accounts(m, accounts, arena, &detail), &detail);
}

// ---- processes --------------------------------------------------------------------------------

void *fixture_shared(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("no memory", "shared");
    return p;
}

unsigned fixture_workers(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > FIXTURE_WORKERS_MAX ? FIXTURE_WORKERS_MAX : (unsigned)cores;
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

// SPDX-License-Identifier: Apache-2.0
#include "chain/store/db_meta.h"

#include "chain/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/// Format 1 of LMDB 0.9 on a 64-bit machine, in the machine's own byte order. A page begins with
///     0 page number (8)   8 unused (2)   10 flags (2)   12 bounds (4)
/// and a meta page goes on with
///     16 magic (4)   20 version (4)   24 address (8)   32 map size (8)
///     40 free pages' tree (48)   88 main tree (48)   136 last page (8)   144 transaction (8)
/// and a tree is
///     0 page size, in the first (4)   4 flags (2)   6 depth (2)   8 branch, leaf, overflow pages
///     (8 each)   32 entries (8)   40 root page (8)
enum {
    PAGE_FLAGS = 10,
    MAGIC = 16,
    VERSION = 20,
    MAP_SIZE = 32,
    FREE_TREE = 40,
    MAIN_TREE = 88,
    LAST_PAGE = 136,
    TRANSACTION = 144,
    META_BYTES = 152,
    TREE_DEPTH = 6,
    TREE_ROOT = 40,
};
#define LMDB_MAGIC 0xbeefc0deU
#define LMDB_FORMAT 1U
#define META_PAGE_FLAG 0x08U
#define NO_PAGE UINT64_MAX
#define MAX_DEPTH 32

static uint16_t u16_at(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t u64_at(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static bool tree_is_sane(const uint8_t *tree, uint64_t last_page)
{
    const uint64_t root = u64_at(tree + TREE_ROOT);
    const uint16_t depth = u16_at(tree + TREE_DEPTH);
    if (root == NO_PAGE) return depth == 0;
    return root >= 2 && root <= last_page && depth > 0 && depth <= MAX_DEPTH;
}

static err_t check_meta(const uint8_t *meta, uint32_t page_size)
{
    if (u32_at(meta + MAGIC) != LMDB_MAGIC || (u16_at(meta + PAGE_FLAGS) & META_PAGE_FLAG) == 0)
        return FAIL(CORRUPT, "store: the data file does not begin as an LMDB file does");
    if (u32_at(meta + VERSION) != LMDB_FORMAT)
        return FAIL(CORRUPT, "store: the data file is of another LMDB format, or damaged");
    if (u32_at(meta + FREE_TREE) != page_size)
        return FAIL(CORRUPT, "store: the data file's meta pages name different page sizes");
    const uint64_t last = u64_at(meta + LAST_PAGE);
    const uint64_t map = u64_at(meta + MAP_SIZE);
    if (last < 1 || last > INT64_MAX / page_size || map / page_size <= last)
        return FAIL(CORRUPT, "store: the data file's last page lies outside its map");
    return OK;
}

/// The trees that LMDB would begin with are those of the later transaction, page 0's of two that are
/// equal. The other page's may be anything: where the write of a meta page fails, LMDB puts the old
/// transaction's number and last page back, beside the new trees.
static err_t check_trees(const uint8_t *even, const uint8_t *odd)
{
    const uint8_t *meta = u64_at(even + TRANSACTION) < u64_at(odd + TRANSACTION) ? odd : even;
    const uint64_t last = u64_at(meta + LAST_PAGE);
    if (tree_is_sane(meta + FREE_TREE, last) && tree_is_sane(meta + MAIN_TREE, last)) return OK;
    return FAIL(CORRUPT, "store: a root in the data file's meta pages is damaged");
}

/// Transaction n writes meta page n mod 2, so the two always follow each other.
static err_t check_turns(const uint8_t *even, const uint8_t *odd)
{
    const uint64_t a = u64_at(even + TRANSACTION);
    const uint64_t b = u64_at(odd + TRANSACTION);
    if (a == 0 && b == 0) return OK; // just made
    if (a % 2 != 0 || b % 2 != 1 || (a > b ? a - b : b - a) != 1)
        return FAIL(CORRUPT, "store: the data file's meta pages are not of two transactions in a "
                             "row");
    return OK;
}

/// Both meta pages as they stood at one moment, beside a writer too.
struct metas {
    uint8_t first[META_BYTES];
    uint8_t second[META_BYTES];
};

static err_t read_at(int fd, uint8_t out[META_BYTES], uint32_t offset)
{
    const ssize_t n = pread(fd, out, META_BYTES, offset);
    if (n < 0) return FAIL(IO, "store: cannot read the data file");
    return n == META_BYTES ? OK : FAIL(CORRUPT, "store: the data file is cut short");
}

static err_t read_metas(int fd, struct metas *m, uint32_t *page_size)
{
    uint8_t again[META_BYTES];
    for (int attempt = 0;; attempt++) {
        TRY(read_at(fd, m->first, 0));
        *page_size = u32_at(m->first + FREE_TREE);
        if (*page_size < 256 || *page_size > 65536 || (*page_size & (*page_size - 1)) != 0)
            return FAIL(CORRUPT, "store: the data file does not begin as an LMDB file does");
        TRY(read_at(fd, m->second, *page_size));
        TRY(read_at(fd, again, 0));
        if (memcmp(m->first, again, sizeof again) == 0 || attempt == 100) return OK;
    }
}

static err_t check_file(int fd)
{
    struct stat st;
    struct metas m;
    uint32_t page_size;
    if (fstat(fd, &st) != 0) return FAIL(IO, "store: cannot look at the data file");
    if (st.st_size == 0) return FAIL(CORRUPT, "store: the data file is empty");
    TRY(read_metas(fd, &m, &page_size));
    TRY(check_meta(m.first, page_size));
    TRY(check_meta(m.second, page_size));
    TRY(check_turns(m.first, m.second));
    return check_trees(m.first, m.second);
}

err_t db_meta_check(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return FAIL(NOT_FOUND, "store: there is no data file");
    if (fd < 0) return FAIL(IO, "store: cannot open the data file");
    err_t err = check_file(fd);
    // A writer in another process may have been in the middle of a page.
    for (int i = 0; i < 3 && err.kind == ERR_CORRUPT; i++) err = check_file(fd);
    close(fd);
    return err;
}

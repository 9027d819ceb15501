// SPDX-License-Identifier: Apache-2.0
/// A store from a snapshot, without a node: made beside its place and moved there when it is whole.

#include "chain/base/crash_point.h"
#include "chain/state/genesis_state.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/workers.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static err_t seal(struct node *n)
{
    struct arena arena;
    err_t err = arena_init(&arena, (size_t)4 * 1024 * 1024 * 1024);
    if (err_ok(err)) err = genesis_seal(&n->genesis, &arena, &n->genesis_hash);
    arena_deinit(&arena);
    return err;
}

static err_t make_store(struct node *n, const struct node_snapshot_import *import,
                        struct snapshot_count *count, const char *place)
{
    char fresh[PATH_MAX];
    struct db *db = NULL;
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", place) >= sizeof fresh)
        return FAIL(LIMIT, "snapshot: the path is too long");
    db_remove(fresh);
    TRY(schema_open(&db, fresh, true, false));
    const struct snapshot_import in = {.db = db,
                                       .genesis = &n->genesis,
                                       .genesis_hash = &n->genesis_hash,
                                       .trusted = import->trusted,
                                       .source = import->source,
                                       .jobs = &n->jobs,
                                       .progress = import->progress,
                                       .ctx = import->ctx};
    const err_t err = snapshot_import(&in, count);
    db_close(db);
    if (!err_ok(err)) {
        db_remove(fresh);
        return err;
    }
    CRASH_POINT("snapshot-made");
    return db_move(fresh, place);
}

/// A store that holds nothing but block 0 may be replaced: a node was started once, and got nowhere.
static bool is_used(const char *place)
{
    struct db *db = NULL;
    struct db_txn *txn;
    uint64_t head = 1;
    hash_t hash;
    if (!err_ok(schema_open(&db, place, false, true))) return true;
    if (err_ok(db_begin_read(db, &txn))) {
        if (!err_ok(blocks_head(txn, &head, &hash))) head = 1;
        db_abort(txn);
    }
    db_close(db);
    return head > 0;
}

static err_t run(struct node *n, const struct node_snapshot_import *import,
                 struct snapshot_count *count, struct node_detail *detail)
{
    char place[PATH_MAX];
    char data[PATH_MAX + 16];
    TRY(node_lock_data(n, detail));
    if ((size_t)snprintf(place, sizeof place, "%s/store", import->data_dir) >= sizeof place)
        return FAIL(LIMIT, "snapshot: the path is too long");
    (void)snprintf(data, sizeof data, "%s/data.mdb", place);
    if ((access(data, F_OK) == 0 || errno != ENOENT) && is_used(place)) {
        (void)snprintf(
            detail->text, sizeof detail->text,
            "%.200s is there already\nhint: a snapshot makes a new store: choose an empty "
            "--data-dir, or move that store away",
            place);
        return FAIL(INVALID, "snapshot: there is a store");
    }
    TRY(workers_new(&n->workers, import->workers));
    n->jobs = workers_jobs(n->workers);
    TRY(seal(n));
    return make_store(n, import, count, place);
}

err_t node_snapshot_import(const struct node_snapshot_import *import, struct snapshot_count *count,
                           struct node_detail *detail)
{
    struct node *n = calloc(1, sizeof *n);
    if (n == NULL) return FAIL(FULL, "snapshot: no memory");
    *count = (struct snapshot_count){.number = 0};
    detail->text[0] = '\0';
    n->options = (struct node_options){.data_dir = import->data_dir, .workers = import->workers};
    n->genesis = *import->genesis;
    n->lock_fd = -1;
    const err_t err = run(n, import, count, detail);
    node_close_data(n);
    free(n);
    return err;
}

// SPDX-License-Identifier: Apache-2.0
/// `cairnd verify`: is what is stored what it should be? Reads the chain from the start:
/// hashes, links, roots, look-ups, seals. With --deep every block is executed again from the
/// genesis, in a scratch store, and every root compared. Of a store that began from a snapshot
/// there are only headers before it, and bodies where the federation is concerned: execution begins
/// with the state of the snapshot's block, built anew.

#include "chain/base/hex.h"
#include "chain/crypto/secp.h"
#include "chain/fed/views.h"
#include "chain/state/audit.h"
#include "chain/state/commit.h"
#include "chain/state/copy.h"
#include "chain/state/genesis_state.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "chain/types/extra_data.h"
#include "consensus/node/node.h"
#include "rpc/cairnd/command.h"
#include "vm/block_exec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCKS_PER_COMMIT = 256 };
#define ARENA_MAX ((size_t)2 << 30)

struct verify {
    struct config config;
    bool deep;
    char *dir;
    struct genesis genesis;
    hash_t genesis_hash;
    struct arena genesis_arena;
    struct buf genesis_text;

    struct db *db;
    struct db_txn *txn;
    uint64_t head;
    uint64_t oldest;    ///< from where on there is more than headers
    struct arena arena; ///< of one block
    hash_t parent_hash;
    uint64_t txs;
    struct node_header_walk *walk;

    char *scratch_dir;
    struct db *scratch;
    struct db_txn *scratch_txn;
    struct vm *vm;
    struct overlay *world;
    time_t last_report;

    int code;
};

/// Something is not as it should be. False, so that checks can return it.
__attribute__((format(printf, 3, 4))) static bool damaged(struct verify *v, uint64_t number,
                                                          const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    v->code = fail(EXIT_DAMAGED,
                   "block %" PRIu64 ": %s\nhint: restore a backup, or start from an empty data "
                   "directory and let the network fill it",
                   number, text);
    return false;
}

static bool stopped(struct verify *v, const char *what, err_t err)
{
    const int code = exit_of(err);
    v->code = fail(code == EXIT_USAGE ? EXIT_DAMAGED : code, "%s: %s", what, err_text(err));
    return false;
}

// ---- what is stored -----------------------------------------------------------------------

/// The header after its parent: every rule, and a quorum of seals of the validators that the
/// votes before it have made.
static bool check_header(struct verify *v, const struct header *h)
{
    if (v->genesis.config.engine != ENGINE_QBFT) return true;
    const err_t err = h->number == 0 ? node_header_walk_new(&v->walk, &v->genesis)
                                     : node_header_walk_next(v->walk, h, v->txn);
    return err_ok(err) ? true : damaged(v, h->number, "%s", err_text(err));
}

static bool check_receipts(struct verify *v, const struct block *b, const struct receipt *receipts,
                           size_t count)
{
    if (count != b->tx_count) {
        return damaged(v, b->header.number, "%zu receipts of %zu transactions", count, b->tx_count);
    }
    const struct block_exec as_executed = {.receipts = (struct receipt *)(uintptr_t)receipts,
                                           .receipt_count = count};
    hash_t root;
    const err_t err = block_exec_receipts_root(&root, &as_executed, &v->arena);
    if (!err_ok(err)) return stopped(v, "verify", err);
    if (!hash_eq(&root, &b->header.receipts_root)) {
        return damaged(v, b->header.number, "the receipts' root is %s, the header says %s",
                       hex_hash(&root).s, hex_hash(&b->header.receipts_root).s);
    }
    return true;
}

/// The hash, its look-up and the link to the block before.
static bool check_name(struct verify *v, const struct header *h)
{
    const uint64_t n = h->number;
    hash_t named;
    uint64_t number = 0;
    const hash_t hash = header_hash(h);
    err_t err = blocks_hash_of(v->txn, &named, n);
    if (err_ok(err)) err = blocks_number_of(v->txn, &number, &hash);
    if (!err_ok(err) || !hash_eq(&hash, &named) || number != n) {
        return damaged(v, n, "the header does not hash to its name");
    }
    if (n == 0 && !hash_eq(&hash, &v->genesis_hash)) return damaged(v, n, "another genesis");
    if (n > 0 && !hash_eq(&h->parent_hash, &v->parent_hash)) {
        return damaged(v, n, "its parent is not the block before it");
    }
    v->parent_hash = hash;
    return true;
}

static bool check_stored(struct verify *v, const struct block *b, const struct receipt *receipts,
                         size_t receipt_count)
{
    const uint64_t n = b->header.number;
    if (!check_name(v, &b->header)) return false;
    err_t err = block_check_body(b, &v->arena);
    if (!err_ok(err)) return damaged(v, n, "%s", err_text(err));
    for (size_t i = 0; i < b->tx_count; i++) {
        struct tx_location at;
        struct tx copy = b->txs[i];
        err = blocks_find_tx(v->txn, &at, &b->txs[i].hash);
        if (!err_ok(err) || at.block_number != n || at.index != i) {
            return damaged(v, n, "transaction %zu is not found by its hash", i);
        }
        if (!v->deep) continue; // recovering is what takes the time
        err = tx_recover_sender(&copy);
        if (!err_ok(err) || !address_eq(&copy.sender, &b->txs[i].sender)) {
            return damaged(v, n, "transaction %zu has another sender than stored", i);
        }
    }
    return check_receipts(v, b, receipts, receipt_count) && check_header(v, &b->header);
}

// ---- executing again ----------------------------------------------------------------------

static err_t execute(struct verify *v, const struct block *b, struct block_exec *x, hash_t *root,
                     struct state_update **update)
{
    struct latest_view latest;
    latest_view_init(&latest, v->scratch_txn);
    const struct state_view view = latest_as_view(&latest);
    if (v->world == NULL)
        TRY(overlay_new(&v->world, &view, (size_t)1 << 30));
    else
        overlay_reset(v->world, &view);
    TRY(block_exec_begin(x, v->vm, v->world, &v->arena, &v->genesis.config, &b->header,
                         b->tx_count));
    for (size_t i = 0; i < b->tx_count; i++) {
        struct tx_result result;
        TRY(block_exec_tx(x, &result, &b->txs[i]));
        if (result.validity != TX_VALID) return FAIL(INVALID, tx_validity_text(result.validity));
    }
    TRY(block_exec_end(x, b));
    struct state_diff *diff = ARENA_NEW(&v->arena, struct state_diff);
    if (diff == NULL) return FAIL(FULL, "out of memory");
    TRY(overlay_diff(diff, &v->arena, v->world));
    return state_apply(update, root, &v->arena, v->scratch_txn, diff, NULL);
}

static bool check_executed(struct verify *v, const struct block *b)
{
    const uint64_t n = b->header.number;
    struct block_exec x;
    hash_t root;
    struct state_update *update = NULL;
    err_t err = execute(v, b, &x, &root, &update);
    if (!err_ok(err)) return damaged(v, n, "it does not execute: %s", err_text(err));
    if (x.gas_used != b->header.gas_used) {
        return damaged(v, n, "executing uses %" PRIu64 " gas, the header says %" PRIu64, x.gas_used,
                       b->header.gas_used);
    }
    if (memcmp(&x.bloom, &b->header.logs_bloom, sizeof x.bloom) != 0) {
        return damaged(v, n, "executing gives another bloom");
    }
    hash_t receipts_root;
    err = block_exec_receipts_root(&receipts_root, &x, &v->arena);
    if (!err_ok(err)) return stopped(v, "verify", err);
    if (!hash_eq(&receipts_root, &b->header.receipts_root)) {
        return damaged(v, n, "executing gives other receipts");
    }
    if (!hash_eq(&root, &b->header.state_root)) {
        return damaged(v, n, "executing gives the state root %s, the header says %s",
                       hex_hash(&root).s, hex_hash(&b->header.state_root).s);
    }
    err = state_write(v->scratch_txn, update, n);
    if (err_ok(err)) err = blocks_append(v->scratch_txn, b, x.receipts, x.receipt_count);
    if (err_ok(err) && n % BLOCKS_PER_COMMIT == 0) {
        err = db_commit(v->scratch_txn);
        v->scratch_txn = NULL;
        if (err_ok(err)) err = db_begin_write(v->scratch, &v->scratch_txn);
    }
    return err_ok(err) ? true : stopped(v, "the scratch store", err);
}

static bool open_scratch(struct verify *v)
{
    const char *base = getenv("TMPDIR");
    char path[4096];
    if (asprintf(&v->scratch_dir, "%s/cairn-verify-XXXXXX", base != NULL ? base : "/tmp") < 0) {
        v->scratch_dir = NULL;
    }
    if (v->scratch_dir == NULL || mkdtemp(v->scratch_dir) == NULL) {
        return stopped(v, "a scratch directory (TMPDIR)", FAIL(IO, "cannot be made"));
    }
    (void)snprintf(path, sizeof path, "%s/store", v->scratch_dir);
    err_t err = schema_open(&v->scratch, path, true, false);
    if (err_ok(err)) err = db_begin_write(v->scratch, &v->scratch_txn);
    hash_t hash;
    if (err_ok(err) && v->oldest == 0)
        err = genesis_write(v->scratch_txn, &v->genesis, &v->genesis_arena, &hash);
    if (err_ok(err)) err = vm_new(&v->vm);
    return err_ok(err) ? true : stopped(v, "the scratch store", err);
}

// ---- before a snapshot ----------------------------------------------------------------------

/// Entries that are copied on one snapshot of the store.
enum { ENTRIES_PER_READER = 4096 };

/// The state of the snapshot's block into the scratch store, held to its root.
static err_t copy_state(struct verify *v, const hash_t *root)
{
    struct state_copy *copy;
    struct state_totals totals;
    err_t err = db_commit(v->scratch_txn);
    v->scratch_txn = NULL;
    TRY(err);
    TRY(state_copy_new(&copy, v->scratch));
    for (bool done = false; err_ok(err) && !done;) {
        db_abort(v->txn);
        v->txn = NULL;
        err = db_begin_read(v->db, &v->txn);
        if (err_ok(err)) err = state_copy_some(copy, &done, v->txn, v->oldest, ENTRIES_PER_READER);
    }
    if (err_ok(err)) err = state_copy_finish(copy, &totals, root);
    state_copy_free(copy);
    TRY(err);
    return db_begin_write(v->scratch, &v->scratch_txn);
}

/// What a scratch store has of the blocks up to the snapshot's: headers, and the last one's state.
static bool skip_executing(struct verify *v, const struct header *h)
{
    if (!v->deep) return true;
    err_t err = blocks_append_header(v->scratch_txn, h, &v->parent_hash);
    if (err_ok(err) && h->number == v->oldest) {
        const hash_t root = h->state_root;
        err = copy_state(v, &root);
        if (err.kind == ERR_INVALID) return damaged(v, v->oldest, "%s", err_text(err));
    }
    return err_ok(err) ? true : stopped(v, "the scratch store", err);
}

static bool check_header_only(struct verify *v, uint64_t number)
{
    struct header h;
    const err_t err = blocks_header(v->txn, &h, number);
    if (!err_ok(err)) return damaged(v, number, "it cannot be read: %s", err_text(err));
    if (views_may_concern(&h.logs_bloom)) {
        return damaged(v, number, "its body is missing, and it may concern the federation");
    }
    return check_name(v, &h) && check_header(v, &h) && skip_executing(v, &h);
}

// ---- the walk -----------------------------------------------------------------------------

static bool check_block(struct verify *v, uint64_t number)
{
    struct block b;
    struct receipt *receipts = NULL;
    size_t receipt_count = 0;
    arena_reset(&v->arena);
    err_t err = blocks_get(v->txn, &b, &v->arena, number);
    if (err.kind == ERR_NOT_FOUND && number < v->oldest) return check_header_only(v, number);
    if (err_ok(err)) err = blocks_receipts(v->txn, &receipts, &receipt_count, &v->arena, number);
    if (!err_ok(err)) return damaged(v, number, "it cannot be read: %s", err_text(err));
    v->txs += b.tx_count;
    if (!check_stored(v, &b, receipts, receipt_count)) return false;
    if (number <= v->oldest && v->oldest > 0) return skip_executing(v, &b.header);
    return !v->deep || number == 0 || check_executed(v, &b);
}

/// A reader may not live long beside a running node: a fresh snapshot every few blocks.
static bool fresh_snapshot(struct verify *v)
{
    db_abort(v->txn);
    v->txn = NULL;
    const err_t err = db_begin_read(v->db, &v->txn);
    return err_ok(err) ? true : stopped(v, "the store", err);
}

/// The flat state, the tries and the code after the newest block, each against the other.
static bool check_state(struct verify *v)
{
    struct state_audit audit;
    arena_reset(&v->arena);
    if (!fresh_snapshot(v)) return false;
    const err_t err = state_audit(&audit, &v->arena, v->txn);
    if (err.kind == ERR_FULL) {
        (void)fprintf(stderr, "not looked at: the state is too large for this machine's memory\n");
        return true;
    }
    if (err_ok(err)) return true;
    struct db_damage_note note = {""};
    (void)db_damaged(v->db, &note);
    v->code = fail(exit_of(err),
                   "the state: %s\nhint: restore a backup, or start from an empty data directory "
                   "and let the network fill it",
                   note.text[0] != '\0' ? note.text : err_text(err));
    return false;
}

static void verify_all(struct verify *v)
{
    for (uint64_t n = 0; n <= v->head; n++) {
        if (n % BLOCKS_PER_COMMIT == 0 && !fresh_snapshot(v)) return;
        if (!check_block(v, n)) return;
        const time_t now = time(NULL);
        if (now - v->last_report >= 10) {
            v->last_report = now;
            (void)fprintf(stderr, "verified %" PRIu64 " of %" PRIu64 " blocks\n", n, v->head);
        }
    }
    if (!check_state(v)) return;
    (void)printf("ok: %" PRIu64 " blocks, %" PRIu64 " transactions%s, head %s", v->head + 1, v->txs,
                 !v->deep         ? ""
                 : v->oldest == 0 ? ", all executed again"
                                  : ", executed again",
                 hex_hash(&v->parent_hash).s);
    if (v->oldest > 0) (void)printf("; from a snapshot at block %" PRIu64, v->oldest);
    (void)printf("\n");
}

static void open_all(struct verify *v)
{
    int code = EXIT_DONE;
    char *genesis = config_text(&v->config, SET_genesis)[0] != 0
                        ? strdup(config_text(&v->config, SET_genesis))
                        : config_path(&v->config, "genesis.json");
    char *store = config_path(&v->config, "store");
    err_t err = genesis == NULL || store == NULL ? FAIL(FULL, "out of memory") : secp_setup();
    if (err_ok(err)) err = arena_init(&v->arena, ARENA_MAX);
    if (err_ok(err)) err = arena_init(&v->genesis_arena, (size_t)1 << 30);
    if (err_ok(err))
        err = genesis_read(&v->genesis, &v->genesis_arena, &v->genesis_text, genesis, &code);
    if (err_ok(err)) err = genesis_seal(&v->genesis, &v->genesis_arena, &v->genesis_hash);
    if (err_ok(err)) {
        err = schema_open(&v->db, store, false, true);
        if (!err_ok(err)) {
            v->db = NULL;
            code = fail(err.kind == ERR_NOT_FOUND ? EXIT_USAGE : exit_of(err),
                        "the store %s: %s\nhint: check "
                        "--data-dir",
                        store, err_text(err));
        }
    }
    if (err_ok(err)) err = db_begin_read(v->db, &v->txn);
    if (err_ok(err)) {
        err = schema_check(v->txn, v->genesis.config.chain_id, &v->genesis_hash);
        if (err.kind == ERR_NOT_FOUND) {
            err = FAIL(CORRUPT, "it holds no block 0");
            code = fail(EXIT_DAMAGED, "the store %s is damaged: %s\nhint: restore a backup", store,
                        err_text(err));
        } else if (!err_ok(err)) {
            code = fail(exit_of(err),
                        "the store belongs to another network or version: %s\nhint: check "
                        "--genesis",
                        err_text(err));
        }
    }
    hash_t head_hash;
    if (err_ok(err)) err = blocks_head(v->txn, &v->head, &head_hash);
    if (err_ok(err)) err = blocks_oldest(v->txn, &v->oldest);
    if (err.kind == ERR_NOT_FOUND) err = FAIL(CORRUPT, "the store: the newest block is missing");
    if (!err_ok(err) && code == EXIT_DONE) code = fail(exit_of(err), "%s", err_text(err));
    v->code = code;
    free(genesis);
    free(store);
}

int cmd_verify(int argc, char **argv)
{
    struct verify v;
    memset(&v, 0, sizeof v);
    buf_init(&v.genesis_text, (size_t)256 << 20);
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--deep") == 0)
            v.deep = true;
        else
            argv[kept++] = argv[i];
    }
    int rest = 0;
    const err_t err = config_read(&v.config, kept, argv, &rest);
    if (!err_ok(err)) {
        v.code = fail(EXIT_USAGE, "%s", v.config.detail[0] != 0 ? v.config.detail : err_text(err));
    } else {
        open_all(&v);
        v.last_report = time(NULL);
        if (v.code == EXIT_DONE && (!v.deep || open_scratch(&v))) verify_all(&v);
    }
    if (v.world != NULL) overlay_free(v.world);
    if (v.vm != NULL) vm_free(v.vm);
    db_abort(v.scratch_txn);
    if (v.scratch != NULL) db_close(v.scratch);
    if (v.scratch_dir != NULL) dir_remove(v.scratch_dir);
    free(v.scratch_dir);
    db_abort(v.txn);
    if (v.db != NULL) db_close(v.db);
    node_header_walk_free(v.walk);
    arena_deinit(&v.arena);
    arena_deinit(&v.genesis_arena);
    buf_deinit(&v.genesis_text);
    config_free(&v.config);
    return v.code;
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/store/guard.h"

#include "chain/base/buf.h"
#include "chain/base/crash_point.h"
#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/store/db.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/// One table: "version" be32, "node" the address it belongs to, "silent" be64, "record" the
/// fixed part (RLP), and "block", "prepares", "proposal" beside it, so that a vote does not
/// write a block again that is there already.
#define GUARD_VERSION 1
#define GUARD_MAP ((size_t)64 << 20)
enum { TABLE_GUARD, TABLE_COUNT };

static const struct db_table_def TABLES[TABLE_COUNT] = {{"guard", false}};

struct guard {
    struct db *db;
    uint64_t silent_through;
};

static err_t open_db(struct db **out, const char *path, bool create)
{
    const struct db_options options = {
        .path = path,
        .create = create,
        .map_initial = GUARD_MAP,
        .disk_reserve = 1 << 20, // a vote must still fit when blocks no longer do
        .tables = TABLES,
        .table_count = TABLE_COUNT,
    };
    return db_open(out, &options);
}

// ---- making and opening -----------------------------------------------------------------

static err_t write_identity(struct db_txn *txn, const address_t *node, uint64_t silent_through)
{
    bytes_t present;
    const err_t err = db_get(txn, TABLE_GUARD, LIT("node"), &present);
    if (err_ok(err)) return FAIL(BUSY, "guard: there is one already");
    if (err.kind != ERR_NOT_FOUND) return err;
    uint8_t version[4];
    be_put_u32(version, GUARD_VERSION);
    const be64_t silent = be64(silent_through);
    TRY(db_put(txn, TABLE_GUARD, LIT("version"), BYTES_OF(version)));
    TRY(db_put(txn, TABLE_GUARD, LIT("silent"), BYTES_OF(silent)));
    return db_put(txn, TABLE_GUARD, LIT("node"), BYTES_OF(*node));
}

static err_t make_at(const char *path, const address_t *node, uint64_t silent_through)
{
    struct db *db;
    TRY(open_db(&db, path, true));
    struct db_txn *txn = NULL;
    err_t err = db_begin_write(db, &txn);
    if (err_ok(err)) {
        err = write_identity(txn, node, silent_through);
        if (err_ok(err)) {
            err = db_commit(txn);
        } else {
            db_abort(txn);
        }
    }
    db_close(db);
    return err;
}

err_t guard_create(const char *path, const address_t *node, uint64_t silent_through)
{
    char fresh[PATH_MAX];
    char data[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh ||
        (size_t)snprintf(data, sizeof data, "%s/data.mdb", path) >= sizeof data) {
        return FAIL(LIMIT, "guard: the path is too long");
    }
    if (access(data, F_OK) == 0) return make_at(path, node, silent_through); // says what is there
    // Made beside its place and moved there whole: a guard that is empty is a damaged one.
    db_remove(fresh);
    TRY(make_at(fresh, node, silent_through));
    return db_move(fresh, path);
}

static err_t read_identity(const struct db_txn *txn, const address_t *node, uint64_t *silent)
{
    bytes_t v;
    err_t err = db_get(txn, TABLE_GUARD, LIT("node"), &v);
    if (err.kind == ERR_NOT_FOUND) {
        return FAIL(NOT_FOUND, "guard: it is empty; what this validator signed is unknown");
    }
    TRY(err);
    if (v.len != sizeof node->b) return FAIL(CORRUPT, "guard: its owner is unreadable");
    if (memcmp(v.data, node->b, sizeof node->b) != 0) {
        return FAIL(MISMATCH, "guard: it belongs to another node key");
    }
    err = db_get(txn, TABLE_GUARD, LIT("version"), &v);
    if (!err_ok(err) || v.len != 4) return FAIL(CORRUPT, "guard: its version is unreadable");
    if (be_get_u32(v.data) != GUARD_VERSION) {
        return FAIL(MISMATCH, "guard: written by another version of the program");
    }
    err = db_get(txn, TABLE_GUARD, LIT("silent"), &v);
    if (!err_ok(err) || v.len != 8) return FAIL(CORRUPT, "guard: it is incomplete");
    *silent = be_get_u64(v.data);
    return OK;
}

err_t guard_open(struct guard **out, const char *path, const address_t *node)
{
    *out = NULL;
    struct guard *g = calloc(1, sizeof *g);
    if (g == NULL) return FAIL(FULL, "guard: out of memory");
    struct db_txn *txn = NULL;
    err_t err = open_db(&g->db, path, false);
    if (err_ok(err)) err = db_begin_read(g->db, &txn);
    if (err_ok(err)) err = read_identity(txn, node, &g->silent_through);
    db_abort(txn);
    if (!err_ok(err)) {
        guard_close(g);
        return err;
    }
    *out = g;
    return OK;
}

void guard_close(struct guard *g)
{
    if (g == NULL) return;
    db_close(g->db);
    free(g);
}

uint64_t guard_silent_through(const struct guard *g)
{
    return g->silent_through;
}

err_t guard_allow_from(struct guard *g, uint64_t height)
{
    if (height == 0 || height > g->silent_through) return OK;
    struct db_txn *txn = NULL;
    TRY(db_begin_write(g->db, &txn));
    const be64_t silent = be64(height - 1);
    const err_t err = db_put(txn, TABLE_GUARD, LIT("silent"), BYTES_OF(silent));
    if (!err_ok(err)) {
        db_abort(txn);
        return err;
    }
    TRY(db_commit(txn));
    g->silent_through = height - 1;
    return OK;
}

// ---- the record -------------------------------------------------------------------------

static void put_sent(struct buf *b, const struct guard_sent *s)
{
    rlp_put_u64(b, s->sent);
    rlp_put_hash(b, &s->digest);
}

static void put_record(struct buf *b, const struct guard_record *r)
{
    const size_t list = rlp_list_begin(b);
    rlp_put_u64(b, r->height);
    rlp_put_u64(b, r->round);
    put_sent(b, &r->proposal);
    put_sent(b, &r->prepare);
    put_sent(b, &r->commit);
    rlp_put_u64(b, r->round_change_sent);
    rlp_put_u64(b, r->round_change_prepared);
    rlp_put_u64(b, r->round_change_prepared_round);
    rlp_put_hash(b, &r->round_change_prepared_digest);
    rlp_put_u64(b, r->committed);
    rlp_put_u64(b, r->committed_round);
    rlp_put_u64(b, r->prepared);
    rlp_put_u64(b, r->prepared_round);
    rlp_put_hash(b, &r->prepared_digest);
    rlp_list_end(b, list);
}

static err_t read_bool(struct rlp_reader *r, bool *out)
{
    uint64_t v;
    TRY(rlp_read_u64(r, &v));
    if (v > 1) return FAIL(MALFORMED, "guard: not a yes or no");
    *out = v == 1;
    return OK;
}

static err_t read_u32(struct rlp_reader *r, uint32_t *out)
{
    uint64_t v;
    TRY(rlp_read_u64(r, &v));
    if (v > UINT32_MAX) return FAIL(MALFORMED, "guard: a round is too large");
    *out = (uint32_t)v;
    return OK;
}

static err_t read_sent(struct rlp_reader *r, struct guard_sent *out)
{
    TRY(read_bool(r, &out->sent));
    return rlp_read_fixed(r, out->digest.b, sizeof out->digest.b);
}

static err_t read_record(struct guard_record *out, bytes_t stored)
{
    struct rlp_reader all = rlp_reader(stored);
    struct rlp_reader r;
    TRY(rlp_read_list(&all, &r));
    TRY(rlp_expect_end(&all));
    TRY(rlp_read_u64(&r, &out->height));
    TRY(read_u32(&r, &out->round));
    TRY(read_sent(&r, &out->proposal));
    TRY(read_sent(&r, &out->prepare));
    TRY(read_sent(&r, &out->commit));
    TRY(read_bool(&r, &out->round_change_sent));
    TRY(read_bool(&r, &out->round_change_prepared));
    TRY(read_u32(&r, &out->round_change_prepared_round));
    TRY(rlp_read_fixed(&r, out->round_change_prepared_digest.b, 32));
    TRY(read_bool(&r, &out->committed));
    TRY(read_u32(&r, &out->committed_round));
    TRY(read_bool(&r, &out->prepared));
    TRY(read_u32(&r, &out->prepared_round));
    TRY(rlp_read_fixed(&r, out->prepared_digest.b, 32));
    return rlp_expect_end(&r);
}

/// A stored part; empty if there is none.
static err_t read_part(const struct db_txn *txn, bytes_t key, bytes_t *out)
{
    const err_t err = db_get(txn, TABLE_GUARD, key, out);
    if (err.kind != ERR_NOT_FOUND) return err;
    *out = BYTES_NONE;
    return OK;
}

/// The whole record as stored; its bytes are views.
static err_t read_all(const struct db_txn *txn, struct guard_record *out)
{
    *out = (struct guard_record){0};
    bytes_t stored;
    TRY(read_part(txn, LIT("record"), &stored));
    if (stored.len == 0) return OK;
    if (!err_ok(read_record(out, stored))) {
        return FAIL(CORRUPT, "guard: the record of what was signed does not decode");
    }
    TRY(read_part(txn, LIT("block"), &out->prepared_block));
    TRY(read_part(txn, LIT("prepares"), &out->prepared_prepares));
    return read_part(txn, LIT("proposal"), &out->proposal_block);
}

err_t guard_load(const struct guard *g, struct guard_record *out, struct arena *arena)
{
    struct db_txn *txn;
    TRY(db_begin_read(g->db, &txn));
    err_t err = read_all(txn, out);
    if (err_ok(err)) {
        bool full = false;
        out->prepared_block = arena_copy(arena, out->prepared_block, &full);
        out->prepared_prepares = arena_copy(arena, out->prepared_prepares, &full);
        out->proposal_block = arena_copy(arena, out->proposal_block, &full);
        if (full) err = FAIL(FULL, "guard: no memory left for the record");
    }
    db_abort(txn);
    return err;
}

static err_t write_part(struct db_txn *txn, bytes_t key, bytes_t value)
{
    bytes_t present;
    TRY(read_part(txn, key, &present));
    if (bytes_eq(present, value)) return OK;
    if (value.len == 0) return db_delete(txn, TABLE_GUARD, key);
    return db_put(txn, TABLE_GUARD, key, value);
}

static err_t save_with(struct db_txn *txn, const struct guard_record *record)
{
    struct guard_record old;
    TRY(read_all(txn, &old));
    TRY(guard_may_follow(&old, record));

    struct buf b;
    buf_init(&b, 1024);
    put_record(&b, record);
    err_t err = buf_status(&b);
    if (err_ok(err)) err = write_part(txn, LIT("record"), buf_bytes(&b));
    buf_deinit(&b);
    TRY(err);
    TRY(write_part(txn, LIT("block"), record->prepared_block));
    TRY(write_part(txn, LIT("prepares"), record->prepared_prepares));
    return write_part(txn, LIT("proposal"), record->proposal_block);
}

err_t guard_save(struct guard *g, const struct guard_record *record)
{
    if (record->height <= g->silent_through) {
        return FAIL(INVALID, "guard: this height may have been signed for before the guard was "
                             "made");
    }
    const size_t max = GUARD_RECORD_MAX / 3;
    if (record->prepared_block.len > max || record->prepared_prepares.len > max ||
        record->proposal_block.len > max) {
        return FAIL(LIMIT, "guard: the record is too large");
    }
    struct db_txn *txn;
    CRASH_POINT("guard-save-begin");
    TRY(db_begin_write(g->db, &txn));
    const err_t err = save_with(txn, record);
    CRASH_POINT("guard-save-written");
    if (err_ok(err)) return db_commit(txn);
    db_abort(txn);
    return err;
}

// ---- the rules --------------------------------------------------------------------------

static bool same_or_new(const struct guard_sent *old, const struct guard_sent *next)
{
    return !old->sent || (next->sent && hash_eq(&old->digest, &next->digest));
}

/// What every record must say about itself.
static err_t check_record(const struct guard_record *r)
{
    if (r->commit.sent) {
        if (!r->committed || r->committed_round != r->round) {
            return FAIL(INVALID, "guard: a Commit without its round on record");
        }
        if (!r->prepared || r->prepared_round != r->round ||
            !hash_eq(&r->prepared_digest, &r->commit.digest)) {
            return FAIL(INVALID, "guard: a Commit without the certificate it stands on");
        }
    }
    if (r->prepared && (r->prepared_block.len == 0 || r->prepared_round > r->round)) {
        return FAIL(INVALID, "guard: a certificate without its block, or of a later round");
    }
    if (r->committed && (!r->prepared || r->prepared_round < r->committed_round)) {
        return FAIL(INVALID, "guard: a commit without a certificate of its round or a later one");
    }
    if (r->round_change_sent && r->committed && r->committed_round < r->round &&
        (!r->round_change_prepared || r->round_change_prepared_round < r->committed_round)) {
        return FAIL(INVALID, "guard: a RoundChange that forgets what was committed");
    }
    return OK;
}

static err_t check_same_round(const struct guard_record *old, const struct guard_record *next)
{
    if (!same_or_new(&old->proposal, &next->proposal)) {
        return FAIL(INVALID, "guard: a second, different Proposal in one round");
    }
    if (!same_or_new(&old->prepare, &next->prepare)) {
        return FAIL(INVALID, "guard: a second, different Prepare in one round");
    }
    if (!same_or_new(&old->commit, &next->commit)) {
        return FAIL(INVALID, "guard: a second, different Commit in one round");
    }
    if (!old->round_change_sent) return OK;
    if (!next->round_change_sent || next->round_change_prepared != old->round_change_prepared ||
        next->round_change_prepared_round != old->round_change_prepared_round ||
        !hash_eq(&next->round_change_prepared_digest, &old->round_change_prepared_digest)) {
        return FAIL(INVALID, "guard: a second, different RoundChange to one round");
    }
    return OK;
}

err_t guard_may_follow(const struct guard_record *old, const struct guard_record *next)
{
    if (next->height == 0) return FAIL(INVALID, "guard: nobody signs for height 0");
    TRY(check_record(next));
    if (next->height > old->height) return OK;
    if (next->height < old->height) return FAIL(INVALID, "guard: back to an earlier height");
    if (next->round < old->round) return FAIL(INVALID, "guard: back to an earlier round");
    if (next->round == old->round) TRY(check_same_round(old, next));
    if (old->committed && (!next->committed || next->committed_round < old->committed_round)) {
        return FAIL(INVALID, "guard: a commit is forgotten");
    }
    if (!old->prepared) return OK;
    if (!next->prepared || next->prepared_round < old->prepared_round) {
        return FAIL(INVALID, "guard: a certificate is forgotten");
    }
    if (next->prepared_round == old->prepared_round &&
        !hash_eq(&next->prepared_digest, &old->prepared_digest)) {
        return FAIL(INVALID, "guard: two certificates in one round");
    }
    return OK;
}

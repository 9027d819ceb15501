// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The one door to LMDB: environments, transactions, tables, keys in order. Nothing of
/// <lmdb.h> is visible here. No MDB_NOSYNC, MDB_MAPASYNC or MDB_WRITEMAP, ever.
///
/// Threads: one write transaction at a time, owned by one thread; read transactions may be
/// used from any one thread at a time (MDB_NOTLS).

#include "chain/base/bytes.h"
#include "chain/base/err.h"

struct db;
struct db_txn;
struct db_cursor;

/// One table of an environment.
struct db_table_def {
    const char *name;
    bool dup_sorted; ///< several values per key, in order (MDB_DUPSORT)
};

struct db_options {
    const char *path; ///< a directory; made (0700) if `create`
    bool create;
    bool read_only;        ///< a second process may look while the node runs
    size_t map_initial;    ///< bytes, 0 = 1 GiB; grows by itself (1.5 times, between writes)
    uint64_t disk_reserve; ///< bytes that must stay free, 0 = 256 MiB or 1.25 % of a small disk
    const struct db_table_def *tables;
    size_t table_count;
};

/// Opens the environment and all tables. Table numbers in the calls below are indexes of
/// `tables`.
/// @return ERR_NOT_FOUND (no such directory and not `create`), ERR_BUSY (another process
///         writes), ERR_IO (also network file systems), ERR_CORRUPT (a data file that is empty,
///         cut short or damaged where it begins; a damaged page ends the program with exit code
///         5 when LMDB finds it)
MUST_USE err_t db_open(struct db **out, const struct db_options *options);
/// Every transaction and cursor must have ended. NULL is allowed.
void db_close(struct db *db);

/// Removes an environment with its directory. Nothing else in the directory is touched.
void db_remove(const char *dir);
/// Moves a finished, closed environment to its place, where an empty directory or the rest of an
/// unfinished one may stand. When it returns OK it is there whole, also after a power cut: both
/// directories are synced. @return ERR_IO, ERR_LIMIT (path too long)
MUST_USE err_t db_move(const char *fresh, const char *place);

/// Begins a transaction. A write transaction first grows the map if it is more than 85 %
/// used, for which it waits until this process has no open read transaction: whoever begins
/// a write holds none. @return ERR_IO, ERR_FULL (disk below its reserve)
MUST_USE err_t db_begin_write(struct db *db, struct db_txn **out);
MUST_USE err_t db_begin_read(struct db *db, struct db_txn **out);

/// Synced to disk when it returns OK. On failure nothing of it happened; ERR_FULL: no
/// space, ERR_IO: the sync failed and the process must not go on with this environment.
MUST_USE err_t db_commit(struct db_txn *txn);

/// Ends a read transaction, or throws a write transaction away. NULL is allowed.
void db_abort(struct db_txn *txn);

/// The value of a key; valid until the transaction ends or its next write.
/// @return ERR_NOT_FOUND
MUST_USE err_t db_get(const struct db_txn *txn, unsigned table, bytes_t key, bytes_t *out);
MUST_USE err_t db_put(struct db_txn *txn, unsigned table, bytes_t key, bytes_t value);
/// Like db_put for a key larger than all in the table (sequential fill).
MUST_USE err_t db_append(struct db_txn *txn, unsigned table, bytes_t key, bytes_t value);
/// Deletes a key (all its values). OK also if it was not there.
MUST_USE err_t db_delete(struct db_txn *txn, unsigned table, bytes_t key);

/// Deletes everything in a table.
MUST_USE err_t db_clear(struct db_txn *txn, unsigned table);

/// Reserves room for a value and returns where to write it (valid until the next write).
MUST_USE err_t db_reserve(struct db_txn *txn, unsigned table, bytes_t key, size_t len,
                          uint8_t **out);

/// Ordered walks. Key and value views are valid until the next write or the end of txn. A
/// cursor is closed before its transaction ends.
MUST_USE err_t db_cursor_open(const struct db_txn *txn, unsigned table, struct db_cursor **out);
void db_cursor_close(struct db_cursor *c);
/// The first entry with key >= `from`; ERR_NOT_FOUND at the end (also the others).
MUST_USE err_t db_cursor_seek(struct db_cursor *c, bytes_t from, bytes_t *key, bytes_t *value);
MUST_USE err_t db_cursor_first(struct db_cursor *c, bytes_t *key, bytes_t *value);
MUST_USE err_t db_cursor_last(struct db_cursor *c, bytes_t *key, bytes_t *value);
MUST_USE err_t db_cursor_next(struct db_cursor *c, bytes_t *key, bytes_t *value);
MUST_USE err_t db_cursor_prev(struct db_cursor *c, bytes_t *key, bytes_t *value);
/// Deletes the entry the cursor stands on.
MUST_USE err_t db_cursor_delete(struct db_cursor *c);

/// --- damage (threat model 4.4): named, remembered, never repaired in silence ---

/// Says that what stands under a key is not what was stored: logged with table and key, and
/// remembered for db_damaged. @return ERR_CORRUPT with `why` (a literal)
MUST_USE err_t db_damage(const struct db_txn *txn, unsigned table, bytes_t key, const char *why);

/// The first damage met since the store was opened. @return false if there was none
struct db_damage_note {
    char text[200]; ///< "headers 0x000000000000000c: why"
};
bool db_damaged(struct db *db, struct db_damage_note *out);

/// Values with a hash are compared with it when they are first read, not each time: whether
/// `tag` (a block number, the head of a hash) of a table was found good before. A small table
/// that forgets: false only means that it must be done again.
bool db_known_good(const struct db_txn *txn, unsigned table, uint64_t tag);
void db_set_known_good(const struct db_txn *txn, unsigned table, uint64_t tag);

/// Figures for status and metrics.
struct db_stats {
    uint64_t map_bytes;
    uint64_t used_bytes; ///< of the map, freed pages included
    uint64_t readers;    ///< open read transactions of this process
    uint64_t disk_free_bytes;
};
MUST_USE err_t db_stats(struct db *db, struct db_stats *out);

/// Frees the slots of readers that died in other processes. @return how many.
int db_reader_check(struct db *db);

/// A consistent copy into an empty directory while the node runs.
MUST_USE err_t db_backup(struct db *db, const char *dir, bool compact);

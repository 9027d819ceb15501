// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every table of the store on one page: key, value, who writes it, how it is made again.
/// Numbers in keys are big-endian, so order is meaning. Raw keys and values stay behind the
/// module named in each row.
///
///     table     key                                value                                 module
///     meta      "schema" "chain-id" "genesis"      be32; be64; 32 bytes                  schema
///               "oldest"                           be64, if it began from a snapshot     blocks
///     headers   be64 number                        block hash, header RLP (with seals)   blocks
///     hashes    block hash                         be64 number                           blocks
///     bodies    be64 number                        be32 n, n senders, body RLP           blocks
///     receipts  be64 number                        RLP list of receipts, no blooms       blocks
///     txs       transaction hash                   be64 number, be32 index               blocks
///     logs      kind, address or topic, be64 last  be64 block numbers (a shard)          log_index
///     accounts  keccak(address)                    account record, its latest changes    state/flat
///               packed path                        lower node of the account trie        state/nodes
///     slots     keccak(address) keccak(slot)       slot record, its latest changes       state/flat
///               keccak(address), packed path       lower node of a storage trie          state/nodes
///     code      code hash                          code                                  state/commit
///     trie      0, packed path                     upper node of the account trie        state/nodes
///               1, keccak(address), packed path    upper node of a storage trie
///     changes   be64 number, flat key              record before that block ("" = none)  state/history
///     history   length, flat key, be64 last        be64 block numbers (a shard)          state/history
///
///     events    be64 number, be32 log index        event of a system contract            fed/views
///     views     kind, ..., be64 ~number            records and indexes of the federation fed/views
///
/// Made again from blocks alone: hashes, txs, logs, events, views; by executing the blocks:
/// accounts, slots, code, trie, changes, history. A flat key is one of 32 bytes of `accounts` or
/// of 64 bytes of `slots`; nodes beside them have keys of other lengths. Packed path:
/// chain/state/nodes.h. Shards: chain/store/shards.h. Kinds: chain/fed/views_impl.h.

#include "chain/store/db.h"

/// Raised when a key or value changes its form. Older stores are refused (there is no older
/// form yet that could be upgraded), newer ones too.
#define SCHEMA_VERSION 2

enum db_table {
    DB_META,
    DB_HEADERS,
    DB_HASHES,
    DB_BODIES,
    DB_RECEIPTS,
    DB_TXS,
    DB_LOGS,
    DB_ACCOUNTS,
    DB_SLOTS,
    DB_CODE,
    DB_TRIE,
    DB_CHANGES,
    DB_HISTORY,
    DB_EVENTS,
    DB_VIEWS,
    DB_TABLE_COUNT,
};

extern const struct db_table_def SCHEMA_TABLES[DB_TABLE_COUNT];

/// Opens the block store with the tables above.
/// @return as db_open
MUST_USE err_t schema_open(struct db **out, const char *path, bool create, bool read_only);

/// Writes schema version, chain id and genesis hash into an empty store.
MUST_USE err_t schema_stamp(struct db_txn *txn, uint64_t chain_id, const hash_t *genesis);

/// Compares a store with this build and a network.
/// @return ERR_NOT_FOUND if nothing is stamped yet (an empty store); ERR_MISMATCH: another
///         schema version, chain id or genesis; ERR_CORRUPT
MUST_USE err_t schema_check(const struct db_txn *txn, uint64_t chain_id, const hash_t *genesis);

/// What is stamped. ERR_NOT_FOUND in an empty store, ERR_MISMATCH for another version.
MUST_USE err_t schema_read(const struct db_txn *txn, uint64_t *chain_id, hash_t *genesis);

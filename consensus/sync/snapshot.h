// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A snapshot: the state at a final block S with what is needed to believe it, in one file, so that
/// joining a long chain takes minutes. In the frame of chain/types/snapshot_file.h:
///
///     head      RLP [chain id, genesis hash, S, hash of S]
///     headers   RLP of the headers 1..S, sealed, one after the other          } several
///     block     be64 number, be32 length, body RLP, RLP list of receipts      } chunks
///     state     accounts in the order of their keys, each with its code       } of each
///               and its slots (entries below)                                 }
///     end       RLP [headers, blocks, accounts, slots, codes]; nothing follows
///
///     01 key account-record    an account          records as in chain/state/flat.h
///     02 be32 length bytes     its code, where no account before has the same
///     03 key slot-record       a slot of the account before
///
/// Blocks are there for S itself and wherever a system contract may have logged something
/// (views_may_concern), so that what the federation asks for is right from the first block on.
///
/// The reader believes nothing but its own genesis:
///
///     own genesis --seals, votes--> header 1 --seals, votes--> ... header S
///                                      |                           |
///                      roots of transactions, receipts        state root
///                                      |                           |
///                                   blocks                      state
///
/// A quorum of the validators that the votes before it have made stands behind each header. Where a
/// contract names the validators, who they are is known by execution alone: then nothing but the
/// hash of block S, which the operator has from somebody he trusts, stands behind the headers, and
/// coinbase and seals are not looked at. Everything else is as above.
///
/// Senders of carried transactions are recovered, gas, contract addresses and prices of their
/// receipts derived: no byte of the file is taken on its word.
///
/// Owner: one thread.

#include "chain/base/jobs.h"
#include "chain/store/db.h"
#include "chain/types/chain_config.h"
#include "chain/types/snapshot_file.h"

/// How far it has come; also what a finished one holds.
struct snapshot_count {
    uint64_t number; ///< S
    hash_t hash;
    uint64_t headers, blocks, accounts, slots, codes;
    uint64_t at_byte;      ///< reading: where the chunk begins that was not taken
    uint64_t at_block;     ///< the header or block in hand; 0: none
    uint64_t oldest, head; ///< writing: the states that there are
    hash_t sum;            ///< of the whole file, once it is over
};

struct snapshot_export {
    struct db *db;         ///< may be written to meanwhile, also by another process
    uint64_t number;       ///< UINT64_MAX: the head
    struct byte_sink sink; ///< gets the file's bytes
    void (*progress)(void *ctx, const struct snapshot_count *count); ///< now and then; may be NULL
    void *ctx;
};

/// Writes a snapshot. Reads in short transactions; any block from `count->oldest` (but 1) to
/// `count->head` costs the same.
/// @return ERR_NOT_FOUND: no state of that block (`count` says of which there is one); ERR_LIMIT (a
///         code or block larger than the format takes); ERR_CORRUPT; what the sink returned
MUST_USE err_t snapshot_export(const struct snapshot_export *x, struct snapshot_count *count);

struct snapshot_import {
    struct db *db;                 ///< without anything in it
    const struct genesis *genesis; ///< sealed (genesis_seal)
    const hash_t *genesis_hash;
    const hash_t *trusted;     ///< the hash that block S must have; NULL: none is known
    struct byte_source source; ///< gives the file's bytes
    const struct jobs *jobs;   ///< may be NULL
    void (*progress)(void *ctx, const struct snapshot_count *count); ///< now and then; may be NULL
    void *ctx;
};

/// Reads a snapshot into a store, which is whole only once this has returned OK: then it is one
/// whose head and oldest block are S.
/// @return ERR_MISMATCH: of another network, or not the trusted block; ERR_UNSUPPORTED: another
///         version, or a contract names the validators and no hash is trusted; ERR_MALFORMED,
///         ERR_INVALID, ERR_LIMIT: it is damaged or false; ERR_FULL, ERR_IO, ERR_CORRUPT: ours
MUST_USE err_t snapshot_import(const struct snapshot_import *in, struct snapshot_count *count);

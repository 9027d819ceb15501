// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The messages of `eth/66`, `eth/68` and `eth/69` (devp2p caps/eth.md): encoding and decoding,
/// nothing remembered. Requests and answers carry an id that the asker chose.
///
///     Status                     first message each way: same network, genesis, forks?
///     GetBlockHeaders  -> BlockHeaders        GetBlockBodies -> BlockBodies
///     GetReceipts      -> Receipts            GetPooledTransactions -> PooledTransactions
///     NewBlock, NewBlockHashes, Transactions, NewPooledTransactionHashes: told unasked
///
/// Decoders borrow: views are valid as long as the payload. They hold counts and lengths against
/// the bounds below before anything is done with them.

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"
#include "chain/codec/rlp.h"
#include "chain/types/fork_id.h"
#include "chain/types/receipt.h"

/// Ids in the capability.
enum eth_code {
    ETH_STATUS = 0x00,
    ETH_NEW_BLOCK_HASHES = 0x01,
    ETH_TRANSACTIONS = 0x02,
    ETH_GET_BLOCK_HEADERS = 0x03,
    ETH_BLOCK_HEADERS = 0x04,
    ETH_GET_BLOCK_BODIES = 0x05,
    ETH_BLOCK_BODIES = 0x06,
    ETH_NEW_BLOCK = 0x07,
    ETH_NEW_POOLED_HASHES = 0x08,
    ETH_GET_POOLED = 0x09,
    ETH_POOLED = 0x0a,
    ETH_GET_NODE_DATA = 0x0d, ///< eth/66 only; answered with nothing
    ETH_NODE_DATA = 0x0e,
    ETH_GET_RECEIPTS = 0x0f,
    ETH_RECEIPTS = 0x10,
    ETH_BLOCK_RANGE_UPDATE = 0x11, ///< eth/69
};
/// "status", "get block headers", ... Never NULL.
const char *eth_code_name(unsigned code);

/// Bounds on what is asked and answered (threat model 4.1).
#define ETH_HEADERS_MAX 1024U
#define ETH_BODIES_MAX 1024U
#define ETH_RECEIPTS_MAX 1024U
#define ETH_POOLED_MAX 256U                        ///< transactions in one request
#define ETH_HASHES_MAX 4096U                       ///< hashes in one announcement
#define ETH_ANSWER_BYTES ((size_t)2 * 1024 * 1024) ///< after which an answer ends

/// The version from which on Status and updates name a range of blocks instead of a difficulty.
#define ETH_WITH_RANGES 69U

/// --- status ---

struct eth_status {
    uint64_t network_id;
    hash_t genesis;
    struct fork_id fork;
    u256_t total_difficulty; ///< up to eth/68
    hash_t head;
    uint64_t earliest; ///< eth/69: first and last block on offer
    uint64_t latest;   ///< eth/69
};
/// Writes the form of that version.
void eth_status_encode(struct buf *out, unsigned version, const struct eth_status *status);
/// @return ERR_MISMATCH if it is of another version than the one agreed on; ERR_MALFORMED
MUST_USE err_t eth_status_decode(struct eth_status *out, unsigned version, bytes_t payload);

/// --- requests ---

struct eth_get_headers {
    uint64_t id;
    bool by_hash;
    hash_t hash;
    uint64_t number;
    uint64_t limit;
    uint64_t skip;
    bool reverse;
};
/// Writes and reads a request for headers. ERR_MALFORMED, ERR_LIMIT
void eth_get_headers_encode(struct buf *out, const struct eth_get_headers *get);
MUST_USE err_t eth_get_headers_decode(struct eth_get_headers *out, bytes_t payload);

/// A request for hashes: bodies, receipts, pooled transactions.
struct eth_get {
    uint64_t id;
    struct rlp_reader hashes; ///< read with eth_next_hash
};
/// Writes a request for hashes.
void eth_get_encode(struct buf *out, uint64_t id, const hash_t *hashes, size_t count);
/// @param max  hashes; ERR_LIMIT above
MUST_USE err_t eth_get_decode(struct eth_get *out, bytes_t payload, size_t max);
/// False at the end. eth_get_decode has checked every one.
bool eth_next_hash(struct rlp_reader *hashes, hash_t *out);

/// --- answers ---

/// [id, [item, ...]] as received: items are read one by one with rlp_read_raw.
struct eth_answer {
    uint64_t id;
    struct rlp_reader items;
    size_t count;
};
/// @param max  items; ERR_LIMIT above
MUST_USE err_t eth_answer_decode(struct eth_answer *out, bytes_t payload, size_t max);

/// An answer being written: begin, put items that are RLP already, end.
struct eth_answer_writer {
    struct buf *out;
    size_t message;
    size_t list;
};
/// See eth_answer_writer.
struct eth_answer_writer eth_answer_begin(struct buf *out, uint64_t id);
void eth_answer_end(struct eth_answer_writer *w);

/// The receipts of one block as an item of Receipts: up to eth/68 the consensus form (typed ones
/// as byte strings), from eth/69 on [type, status, gas, logs] without bloom.
void eth_receipts_put(struct buf *out, unsigned version, const struct receipt *receipts,
                      size_t count);

/// --- announcements ---

/// NewBlock: [block, total difficulty].
void eth_new_block_encode(struct buf *out, bytes_t block, const u256_t *total_difficulty);
/// @param[out] block  RLP of the block, not looked into
MUST_USE err_t eth_new_block_decode(bytes_t *block, u256_t *total_difficulty, bytes_t payload);

struct eth_block_hash {
    hash_t hash;
    uint64_t number;
};
/// Writes and reads NewBlockHashes.
void eth_block_hashes_encode(struct buf *out, const struct eth_block_hash *hashes, size_t count);
/// @param[out] out  room for `max`; ERR_LIMIT above
MUST_USE err_t eth_block_hashes_decode(struct eth_block_hash *out, size_t *count, size_t max,
                                       bytes_t payload);

struct eth_block_range {
    uint64_t earliest;
    uint64_t latest;
    hash_t latest_hash;
};
/// Writes and reads BlockRangeUpdate.
void eth_block_range_encode(struct buf *out, const struct eth_block_range *range);
/// @return ERR_INVALID if earliest is above latest
MUST_USE err_t eth_block_range_decode(struct eth_block_range *out, bytes_t payload);

/// Transactions: a list of items as in a block body.
/// @param[out] items  read with rlp_read_raw
MUST_USE err_t eth_transactions_decode(struct rlp_reader *items, size_t *count, bytes_t payload);

/// One transaction that a peer has: eth/66 tells its hash alone.
struct eth_pooled {
    hash_t hash;
    uint8_t type;
    uint32_t size; ///< bytes of its canonical form; 0 with eth/66
};
/// Writes and reads NewPooledTransactionHashes, at most ETH_HASHES_MAX of them.
void eth_pooled_encode(struct buf *out, unsigned version, const struct eth_pooled *txs,
                       size_t count);
/// @param[out] out  room for `max`; ERR_LIMIT above
MUST_USE err_t eth_pooled_decode(struct eth_pooled *out, size_t *count, size_t max,
                                 unsigned version, bytes_t payload);

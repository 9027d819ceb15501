// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A running node, as everything above consensus sees it: open, run, read by snapshots,
/// hand in transactions, hear news. The only header of consensus/ that rpc/ includes.
///
/// Threads: the node starts its own (loop, executor, guard, workers). Everything here may be
/// called from any thread unless it says otherwise.

#include "chain/base/arena.h"
#include "chain/base/err.h"
#include "chain/store/db.h"
#include "chain/types/block.h"
#include "chain/types/chain_config.h"
#include "chain/types/receipt.h"
#include "consensus/sync/snapshot.h"
#include "vm/tx_check.h"

struct node;

/// The node's place in the network.
struct node_p2p_options {
    bool on;                         ///< false: no port, no peers (--dev)
    const char *listen_host;         ///< an IP address; NULL: 0.0.0.0
    uint16_t listen_port;            ///< 0: chosen by the system
    const char *advertise_host;      ///< what the enode says; NULL: listen_host
    const char *client_id;           ///< "cairn/v1.2.0/linux-amd64/gcc12"
    size_t max_peers;                ///< 0: 50
    const char *const *static_nodes; ///< enode URLs
    size_t static_node_count;
    bool discovery;               ///< looks for nodes, on the UDP port of the same number
    const char *const *bootnodes; ///< enode URLs: where discovery begins
    size_t bootnode_count;
};

struct node_options {
    const char *data_dir;          ///< store/, guard/, pool.journal, LOCK live here
    const struct genesis *genesis; ///< borrowed until node_close
    const struct secret_key *key;  ///< node key: QBFT signer (and devp2p identity); borrowed
    bool dev;                      ///< --dev: a block as soon as a transaction arrives
    uint64_t dev_period_ms;        ///< --dev-period: 0 = on demand
    uint64_t min_gas_price_wei;
    unsigned price_bump_percent; ///< 10
    size_t pool_pending_max;     ///< 4096
    size_t pool_queued_max;      ///< 1024
    bool journal_sync;           ///< --tx-journal=sync
    uint64_t gas_limit_target;   ///< 0: keep the genesis's
    unsigned workers;            ///< 0: one per core
    uint64_t guard_reset_height; ///< --guard-reset-height: sign again from here on; 0 = none
    unsigned qbft_wire;          ///< --qbft-wire: 0 besu26, 1 besu25, 2 goquorum
    struct node_p2p_options p2p; ///< borrowed until node_close
};

/// Opens (and if empty, fills with block 0) the data directory and starts the threads. With peers the
/// process must ignore SIGPIPE: one may be gone while it is written to.
/// @return ERR_BUSY (directory in use), ERR_MISMATCH (other genesis or version), ERR_IO,
///         ERR_CORRUPT, ERR_INVALID. `detail` receives a sentence with the value seen and
///         what to do.
struct node_detail {
    char text[320];
};
MUST_USE err_t node_open(struct node **out, const struct node_options *options,
                         struct node_detail *detail);

/// Stops signing, finishes the transaction in hand, joins all threads, closes the stores.
void node_close(struct node *n);

/// True once the node has met an error it cannot go on after (disk, damage): the program must
/// end with the exit code of `*why`.
bool node_failed(struct node *n, err_t *why);

/// What failed, where, and what to do, once node_failed is true; cut at 320 bytes.
void node_failure_text(struct node *n, struct node_detail *out);

/// What the network started from; constant while the node is open.
const struct genesis *node_genesis(const struct node *n);
/// Hash of block 0; constant while the node is open.
const hash_t *node_genesis_hash(const struct node *n);

#define NODE_STALL_WHY_MAX 480

/// An immutable picture of where the node stands, by value.
struct node_status {
    uint64_t head_number;
    hash_t head_hash;
    uint64_t head_timestamp_s;
    u256_t head_base_fee_wei;
    uint64_t head_gas_limit;
    uint64_t head_gas_used;
    u256_t next_base_fee_wei; ///< of the block after the head
    uint64_t qbft_height;
    uint32_t qbft_round;
    uint64_t qbft_round_started_s; ///< unix time
    size_t qbft_prepares;          ///< seen for the proposal in hand
    size_t qbft_commits;
    bool qbft_muted;       ///< our key was seen elsewhere: this node signs nothing any more
    uint64_t guard_height; ///< of what was last saved before signing; 0 since the start if nothing
    const char *qbft_step; ///< "idle", "wait-block-time", "proposed", ...
    bool is_validator;
    address_t validator; ///< this node's own address
    address_t proposer;  ///< of the height and round in progress
    size_t validator_count;
    size_t pool_pending;
    size_t pool_queued;
    bool accepting_txs; ///< false when the disk is nearly full
    uint64_t stalled_s; ///< how long a block has been overdue; 0: it is not (10 s are usual)
    char stall_why[NODE_STALL_WHY_MAX]; ///< "2 of 4 validators missing: 0x.. 0x.."
    const char *stall_hint; ///< what brings it back; a literal, NULL or empty: it does not stand
};
void node_status(struct node *n, struct node_status *out);

/// Durations, counted by their upper bounds; the last bucket is everything above.
#define NODE_HISTOGRAM_BOUNDS 13U
extern const uint64_t NODE_HISTOGRAM_US[NODE_HISTOGRAM_BOUNDS];
struct node_histogram {
    uint64_t buckets[NODE_HISTOGRAM_BOUNDS + 1]; ///< each by itself, not added up
    uint64_t sum_us;
};

/// What the node has counted since its start.
struct node_metrics {
    struct node_histogram import, execute, commit; ///< of blocks
    uint64_t blocks, transactions, gas;            ///< stored
    uint64_t round_changes;                        ///< rounds above 0 that were entered
    uint64_t proposals;                            ///< made by this node
    uint64_t qbft_messages[4];   ///< taken: proposal, prepare, commit, round change
    uint64_t seals_missing;      ///< seals of validators that are not in stored blocks
    uint64_t equivocations;      ///< new evidence
    uint64_t p2p_messages[2];    ///< that came: eth, istanbul
    uint64_t p2p_disconnects[2]; ///< by us, by the peer
};
void node_metrics(struct node *n, struct node_metrics *out);

/// The first block whose body, receipts and state are here: 0 unless the store began from a
/// snapshot. Constant while the node is open.
uint64_t node_oldest(const struct node *n);

/// The store, for read snapshots (db_begin_read).
struct db *node_db(struct node *n);

/// --- transactions ---

enum submit_result {
    SUBMIT_OK,
    SUBMIT_KNOWN,       ///< already in the pool or in a block
    SUBMIT_MALFORMED,   ///< does not decode; `why`
    SUBMIT_INVALID,     ///< breaks a rule: `validity`
    SUBMIT_UNDERPRICED, ///< below --min-gas-price
    SUBMIT_REPLACEMENT_UNDERPRICED,
    SUBMIT_POOL_FULL,
    SUBMIT_SENDER_LIMIT, ///< too many of one sender, or nonce gap too wide
    SUBMIT_STORAGE,      ///< disk nearly full or journal failed
};
struct submit_answer {
    enum submit_result result;
    enum tx_validity validity; ///< of SUBMIT_INVALID
    const char *why;           ///< of SUBMIT_MALFORMED
    hash_t hash;               ///< whenever the bytes decode
    u256_t have;               ///< balance, nonce or fee seen, where it helps
    u256_t want;
};

/// Checks, journals (synced) and pools one raw transaction; returns when its hash may be
/// told to the sender.
void node_submit_tx(struct node *n, struct submit_answer *out, bytes_t raw);

/// Many at once: recovered in groups on the workers, one lock, one sync. out[count].
void node_submit_txs(struct node *n, struct submit_answer *out, const bytes_t *raw, size_t count);

/// A pooled transaction by hash, copied into `arena`. ERR_NOT_FOUND
MUST_USE err_t node_pool_tx(struct node *n, struct tx *out, struct arena *arena,
                            const hash_t *hash);

/// The nonce after all pooled transactions of an account that follow each other without a
/// gap, for eth_getTransactionCount(pending). ERR_NOT_FOUND if none is pooled.
MUST_USE err_t node_pool_next_nonce(struct node *n, uint64_t *nonce, const address_t *sender);

/// Everything pooled, copied into `arena`: pending and queued, by sender and nonce.
struct pool_listing {
    const struct tx *txs;
    const bool *is_pending;
    size_t count;
};
MUST_USE err_t node_pool_list(struct node *n, struct pool_listing *out, struct arena *arena);

/// What became of a hash the pool has seen.
enum tx_fate {
    TX_FATE_UNKNOWN,
    TX_FATE_PENDING,
    TX_FATE_QUEUED,
    TX_FATE_INCLUDED,
    TX_FATE_DROPPED
};
struct tx_fate_info {
    enum tx_fate fate;
    const char *reason; ///< why it was dropped; a literal
    uint64_t since_s;
};
void node_tx_fate(struct node *n, struct tx_fate_info *out, const hash_t *hash);

/// --- news ---

enum node_news_kind { NEWS_HEAD, NEWS_PENDING_TX };
struct node_news {
    enum node_news_kind kind;
    uint64_t number; ///< NEWS_HEAD
    hash_t hash;     ///< of the block or the transaction
};
/// `fn` is called on the node's own thread: it must only hand on and return.
typedef void (*node_listener)(void *ctx, const struct node_news *news);
MUST_USE err_t node_listen(struct node *n, node_listener fn, void *ctx, uint64_t *id);
void node_unlisten(struct node *n, uint64_t id);

/// --- validators ---

/// The validators in force for block `number` (<= head + 1), sorted; for a block of the past that a
/// contract names them for, none: its header has no list. ERR_NOT_FOUND, ERR_FULL
MUST_USE err_t node_validators(struct node *n, const address_t **out, size_t *count,
                               struct arena *arena, uint64_t number);
/// The validators of the next height from whom nothing has been heard lately, this node never
/// among them. Empty on a node that does not validate: it is told nothing. ERR_FULL
MUST_USE err_t node_missing_validators(struct node *n, const address_t **out, size_t *count,
                                       struct arena *arena);
/// This node's wish: vote an address in or out when it proposes.
MUST_USE err_t node_propose_vote(struct node *n, const address_t *who, bool add);
MUST_USE err_t node_discard_vote(struct node *n, const address_t *who);
struct pending_vote {
    address_t who;
    bool add;
};
MUST_USE err_t node_pending_votes(struct node *n, const struct pending_vote **out, size_t *count,
                                  struct arena *arena);

/// Two payloads that one validator signed for one height and round, and that differ: whoever has
/// them can see it (consensus/qbft/message.h says what is signed).
struct node_evidence {
    address_t author;
    const char *message; ///< "proposal", "prepare", "commit", "round change"
    uint64_t height;
    uint32_t round;
    uint64_t seen_s; ///< unix time
    bytes_t a, b;    ///< [payload, signature] as on the wire
};
/// Everything that this node has seen of it, oldest first, verified now from the signatures alone.
/// At most 1,000; bytes are in `arena`. ERR_FULL
MUST_USE err_t node_evidence(struct node *n, const struct node_evidence **out, size_t *count,
                             struct arena *arena);

/// --- without a node: is a stored chain sealed as it should be? (`cairnd verify`) ---

/// A walk over headers from the genesis on (consensus/qbft/header_chain.h): every header rule
/// after its parent, and a quorum of seals of the validators that the votes before it have made.
struct node_header_walk;

/// @param genesis  sealed (genesis_seal); borrowed
/// @return ERR_FULL, ERR_MALFORMED
MUST_USE err_t node_header_walk_new(struct node_header_walk **out, const struct genesis *genesis);
void node_header_walk_free(struct node_header_walk *w); ///< NULL is allowed

/// The header that follows. Where a contract names the validators it is called on the state that
/// the store has of the block before.
/// @param txn  of the store the header is from; borrowed for this call
/// @return ERR_INVALID with the rule that is broken
MUST_USE err_t node_header_walk_next(struct node_header_walk *w, const struct header *h,
                                     const struct db_txn *txn);

/// --- without a node: blocks from elsewhere (`cairnd import`) ---

/// How far an import has come.
struct node_import_count {
    uint64_t same;   ///< blocks that were there already, with the same hash
    uint64_t blocks; ///< executed and stored
    uint64_t txs;    ///< in these
    uint64_t gas;
    uint64_t head_number; ///< of the store
    hash_t head_hash;
    uint64_t failed_at; ///< on failure: `*where` of the block that was not taken
};

struct node_import {
    const char *data_dir;
    const struct genesis *genesis; ///< borrowed
    unsigned workers;              ///< 0: one per core
    /// The next block's RLP, sealed, valid until the next call; called on a thread of its own.
    /// ERR_NOT_FOUND ends the import well, anything else ends it with that error.
    err_t (*next)(void *ctx, bytes_t *raw, uint64_t *where);
    /// After every commit; may be NULL.
    void (*progress)(void *ctx, const struct node_import_count *count);
    void *ctx;
};

/// Takes blocks in as sync does: header rules, seals, execution, roots (consensus/block/check.h),
/// and writes them, many in one transaction. While one group is executed the senders of the next
/// are recovered. What was written before a failure stays: those blocks are final, and a second
/// import goes on after them. The data directory is locked meanwhile.
/// @return as node_open; ERR_MALFORMED, ERR_INVALID, ERR_LIMIT or ERR_UNSUPPORTED (the block at
///         `failed_at`); ERR_MISMATCH (it is not the block that the store has at its number);
///         ERR_FULL, ERR_IO, ERR_CORRUPT (the store, or a sealed block does not give its roots)
MUST_USE err_t node_import(const struct node_import *import, struct node_import_count *count,
                           struct node_detail *detail);

/// --- without a node: a store from a snapshot (`cairnd snapshot import`) ---

struct node_snapshot_import {
    const char *data_dir;          ///< without a store, or with block 0 at most
    const struct genesis *genesis; ///< borrowed
    const hash_t *trusted;         ///< of the snapshot's block; NULL: none is known
    unsigned workers;              ///< 0: one per core
    struct byte_source source;     ///< the file's bytes
    void (*progress)(void *ctx, const struct snapshot_count *count); ///< may be NULL
    void *ctx;
};

/// Makes the store of a data directory from a snapshot, believing nothing (consensus/sync/snapshot.h
/// says what is asked of it). The store appears whole or not at all, whenever this is stopped.
/// @return ERR_BUSY (the directory is in use), ERR_INVALID with a `detail` (there is a store that
///         holds more than block 0); as snapshot_import
MUST_USE err_t node_snapshot_import(const struct node_snapshot_import *import,
                                    struct snapshot_count *count, struct node_detail *detail);

/// --- peers ---

/// A connected peer, by value.
struct node_peer {
    secp_pubkey_t id;
    address_t address; ///< of the key: its name among validators
    char remote[64];   ///< "10.0.0.7:30303"
    char client[128];  ///< its name for itself, printable ASCII
    bool inbound;      ///< it called us
    bool is_static;
    bool is_validator;    ///< of the next height
    unsigned eth;         ///< version spoken
    unsigned istanbul;    ///< 0: does not speak it
    uint64_t head_number; ///< the highest block it is known to have
    uint64_t since_ms;    ///< of the steady clock
};

/// Room for all peers that are shown, and for an enode URL.
#define NODE_PEERS_MAX 128U
#define NODE_ENODE_MAX 512U

/// Copies what is known of the peers that are connected. @return how many, at most `room`
size_t node_peers(struct node *n, struct node_peer *out, size_t room);

/// This node's enode URL, with the host it was told to listen on.
/// @return false if no port is open
bool node_enode(struct node *n, char *out, size_t room);

/// What this node says about itself to those who look for nodes.
struct node_discovery {
    bool on;
    uint16_t port;     ///< UDP
    char record[405];  ///< "enr:...", signed (EIP-778)
    size_t nodes;      ///< known
    size_t live;       ///< of these: have answered
    size_t candidates; ///< of these: on our chain
    uint64_t received; ///< packets
    uint64_t limited;  ///< of these: too many, not looked at
    uint64_t refused;  ///< of these: invalid, expired or not asked for
    uint64_t sent;
};
void node_discovery(struct node *n, struct node_discovery *out);

/// Does it parse as an enode URL?
bool node_is_enode(const char *text);

/// Adds a static node, or forgets one and cuts its line.
/// @return ERR_MALFORMED, ERR_INVALID (an enode that is none, or our own), ERR_UNSUPPORTED (p2p is
///         off)
MUST_USE err_t node_add_peer(struct node *n, const char *enode);
MUST_USE err_t node_remove_peer(struct node *n, const char *enode);

/// From now on only these nodes may be connected; lines with others are cut.
/// @param all  everybody may again (`count` is 0)
/// @return ERR_MALFORMED or ERR_INVALID with the first enode that is none at `*bad`; ERR_FULL (more
///         than 1,024), ERR_UNSUPPORTED (p2p is off); then nothing has changed
MUST_USE err_t node_set_allowed(struct node *n, const char *const *enodes, size_t count, bool all,
                                size_t *bad);

/// How far behind the node is, and of what.
struct node_sync {
    bool syncing;
    uint64_t starting;
    uint64_t highest;
};
void node_sync_status(struct node *n, struct node_sync *out);

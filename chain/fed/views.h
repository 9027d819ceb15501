// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The federation as tables: what model_*, round_*, reward_* and dao_* answer from, derived from
/// the logs of the system contracts in the very transaction that stores the block.
///
///     receipts of a block --> views_apply --> records   family, version, round, participant,
///                                             |          proposal, vote: their state now
///                                             journal    every event of the system contracts,
///                                                        under each subject it is about
///
/// Every row is kept with the block that wrote it, as long as the chain itself is kept, so the
/// tables answer for any block as exactly as for the newest:
///
///     views     kind, id, ~block -> value       the newest row comes first among its own; an
///                                               empty value says that it is gone since then
///
///     a read at block n     the first row of (kind, id) from ~n on
///     a page at block n     the same for each id of the kind, in the order of the ids
///
/// Events never change: their places say which blocks have them. So the pages of one list, all
/// read at the block of the first, show nothing twice and miss nothing, whatever comes meanwhile.
///
/// A record has what events say. What only storage knows (a family's name and parameters, a
/// round's deadlines, the members that genesis lists) is asked of the contracts by a call.
/// Everything can be made again from blocks: views_rebuild.
///
/// Byte views in answers are valid as long as the transaction (or until its next write); arrays
/// are in the arena given.

#include "chain/base/arena.h"
#include "chain/fed/contracts.h"
#include "chain/store/db.h"
#include "chain/types/block.h"
#include "chain/types/receipt.h"

/// Derives what a block's receipts say. Once, for the block that is being appended.
MUST_USE err_t views_apply(struct db_txn *txn, uint64_t number, uint64_t timestamp_s,
                           const struct block *block, const struct receipt *receipts);

/// Whether a block whose header has this bloom may have an event of a system contract; if not,
/// nothing is derived from it. A snapshot carries the blocks for which this holds, so a change of
/// it (another contract) is another version of that format.
bool views_may_concern(const struct bloom *logs_bloom);

/// Throws everything derived away and makes it again from the stored blocks.
MUST_USE err_t views_rebuild(struct db_txn *txn, struct arena *scratch);

/// The tables as they were after block `at` (UINT64_MAX: as they are).
struct views {
    const struct db_txn *txn;
    uint64_t at;
};

// ---- pages ----------------------------------------------------------------------------------

/// Which part of a list: at most `limit` items from behind `after` on.
struct views_page {
    size_t limit;      ///< 1..VIEWS_PAGE_MAX
    bool newest_first; ///< the list backwards
    bytes_t after;     ///< `next` of the page before; empty: from the start
};
#define VIEWS_PAGE_MAX 500

/// Where the next page begins: opaque, at most VIEWS_CURSOR_MAX bytes, copied into the arena;
/// empty at the end. `next` may point to the page's own `after`.
#define VIEWS_CURSOR_MAX 64

// ---- records --------------------------------------------------------------------------------

/// When and where something happened.
struct view_at {
    uint64_t block;
    uint64_t time_s;
    uint32_t tx_index;
    uint32_t log_index; ///< within the block, as eth_getLogs counts
    hash_t tx_hash;
};

struct view_family {
    hash_t id;
    address_t creator;
    address_t owner;
    address_t policy;
    uint8_t f;
    uint32_t version_count;
    uint32_t round_count;
    struct view_at created;
};

/// VersionState of genesis/contracts/Types.sol; "deployed": some channel points at it.
enum view_version_state {
    VIEW_VERSION_NONE,
    VIEW_VERSION_CANDIDATE,
    VIEW_VERSION_APPROVED,
    VIEW_VERSION_DEPLOYED,
    VIEW_VERSION_RETIRED,
};

struct view_version {
    hash_t id;
    hash_t family;
    uint32_t number; ///< within its family, from 0
    uint8_t kind;    ///< Kind of Types.sol
    uint8_t state;   ///< enum view_version_state
    bool revoked;
    hash_t revoked_reason;
    uint64_t round; ///< that made it; 0 if none did
    hash_t file_sha256;
    hash_t model_root;
    struct view_at registered;
};

struct view_channel {
    hash_t name;    ///< bytes32 as the contract has it
    hash_t version; ///< zero if it points nowhere
    struct view_at set;
};

/// RoundPhase of Types.sol.
enum view_round_state {
    VIEW_ROUND_NONE,
    VIEW_ROUND_OPEN,
    VIEW_ROUND_SEALED,
    VIEW_ROUND_REVEAL,
    VIEW_ROUND_SELECT,
    VIEW_ROUND_AGGREGATE,
    VIEW_ROUND_EVALUATE,
    VIEW_ROUND_CHALLENGE,
    VIEW_ROUND_FINALISED,
    VIEW_ROUND_PAID,
    VIEW_ROUND_FAILED,
    VIEW_ROUND_CANCELLED,
};

struct view_round {
    uint64_t id;
    hash_t family;
    hash_t base_version;
    address_t policy;
    uint64_t commit_deadline_s;
    uint8_t state;   ///< enum view_round_state
    uint8_t failure; ///< Failure of Types.sol
    uint32_t participants;
    uint32_t revealed; ///< refused ones included
    bool has_seed;
    hash_t seed1;
    uint64_t seed_from_block;
    bool has_selection;
    uint64_t accepted; ///< bit p: the participant in position p
    bool has_aggregate;
    address_t aggregator;
    hash_t agg_root;
    hash_t new_file_sha256;
    uint32_t total_weight;
    hash_t result_version; ///< zero until finalised
    bool settled;
    u256_t pool; ///< divided when settled
    u256_t dust;
    struct view_at opened;
    struct view_at state_since; ///< the last change of state
};

/// Status of Types.sol.
enum view_status {
    VIEW_STATUS_NONE,
    VIEW_STATUS_COMMITTED,
    VIEW_STATUS_REVEALED,
    VIEW_STATUS_ACCEPTED,
    VIEW_STATUS_REFUSED,
    VIEW_STATUS_DUPLICATE,
    VIEW_STATUS_UNAVAILABLE,
    VIEW_STATUS_NO_REVEAL,
};

/// One participant of one round.
struct view_participant {
    uint64_t round;
    address_t who;
    uint32_t index;   ///< serial number of the last commit: positions are in its order
    uint32_t commits; ///< how often it committed
    hash_t digest;
    uint8_t status;  ///< enum view_status; final once `proven`
    uint8_t refusal; ///< Refusal of Types.sol; 8 (policy) when selection left it out
    bool has_reveal;
    hash_t upd_root;
    hash_t manifest_hash;
    uint32_t weight; ///< revealed; the effective one once `proven`
    bool has_score;
    u256_t score; ///< by the policy
    u256_t slashed;
    bool proven; ///< ContributionProven was emitted
    u256_t reward;
    u256_t claimed; ///< by Claimed, the aggregator's part included if it is the same account
    struct view_at committed;
    struct view_at revealed;
};

/// What an account that did not take part got for a round: the aggregator's part.
struct view_claim {
    uint64_t round;
    address_t who;
    u256_t amount;
    struct view_at at;
};

struct view_proposal {
    u256_t id;
    address_t proposer;
    uint64_t vote_start; ///< the snapshot's block
    uint64_t vote_end;   ///< the last block, extensions included
    bool canceled;
    bool queued;
    uint64_t eta_s;
    bool executed;
    u256_t votes_against; ///< support 0
    u256_t votes_for;     ///< support 1
    u256_t votes_abstain; ///< support 2
    uint32_t voters;
    bytes_t created_data; ///< ABI data of ProposalCreated (actions and description are in it)
    struct view_at created;
};

struct view_vote {
    u256_t proposal;
    address_t voter;
    uint8_t support;
    u256_t weight;
    bytes_t reason; ///< text, as sent
    struct view_at at;
};

/// One event of a system contract, as logged.
struct view_event {
    enum fed_event event; ///< FED_EVENTS if this build does not know it
    struct view_at at;
    address_t address; ///< the contract's
    unsigned topic_count;
    hash_t topics[4];
    bytes_t data;
};

// ---- families and versions --------------------------------------------------------------------
// Every getter: ERR_NOT_FOUND, ERR_CORRUPT. Every list also ERR_FULL, and ERR_INVALID for a page
// that is none.

/// The family with this id.
MUST_USE err_t views_family(const struct views *v, struct view_family *out, const hash_t *id);
/// In the order of creation.
MUST_USE err_t views_families(const struct views *v, struct arena *arena,
                              const struct views_page *page, struct view_family **out,
                              size_t *count, bytes_t *next);

/// The version with this id.
MUST_USE err_t views_version(const struct views *v, struct view_version *out, const hash_t *id);
/// The one version whose id begins with `nibbles` hexadecimal digits of `prefix`.
/// @return ERR_INVALID if there are several
MUST_USE err_t views_version_by_prefix(const struct views *v, struct view_version *out,
                                       bytes_t prefix, size_t nibbles);
/// Versions whose file has this hash, in no particular order; at most VIEWS_PAGE_MAX.
MUST_USE err_t views_versions_by_file(const struct views *v, struct arena *arena,
                                      struct view_version **out, size_t *count,
                                      const hash_t *file_sha256);
/// Of a family, by number.
MUST_USE err_t views_versions(const struct views *v, struct arena *arena,
                              const struct views_page *page, const hash_t *family,
                              struct view_version **out, size_t *count, bytes_t *next);

/// Where a channel points; `name` as the contract has it.
MUST_USE err_t views_channel(const struct views *v, struct view_channel *out, const hash_t *family,
                             const hash_t *name);
/// All channels of a family, by name; at most VIEWS_PAGE_MAX.
MUST_USE err_t views_channels(const struct views *v, struct arena *arena, struct view_channel **out,
                              size_t *count, const hash_t *family);

/// In the order of registration.
MUST_USE err_t views_parents(const struct views *v, struct arena *arena, hash_t **out,
                             size_t *count, const hash_t *version);
/// In the order of registration.
MUST_USE err_t views_children(const struct views *v, struct arena *arena, hash_t **out,
                              size_t *count, const hash_t *version);

/// The graph around a version: breadth first, at most `depth` edges away and VIEWS_LINEAGE_MAX
/// versions; the version itself is the first node.
#define VIEWS_LINEAGE_MAX 2000
struct view_edge {
    hash_t parent;
    hash_t child;
};
struct view_lineage {
    struct view_version *nodes;
    size_t node_count;
    struct view_edge *edges;
    size_t edge_count;
    bool truncated; ///< there is more beyond depth or maximum
};
MUST_USE err_t views_lineage(const struct views *v, struct arena *arena, struct view_lineage *out,
                             const hash_t *version, unsigned depth, bool up, bool down);

/// The revoked versions among a version and all its ancestors: it is tainted if there are any.
MUST_USE err_t views_tainted_by(const struct views *v, struct arena *arena, hash_t **out,
                                size_t *count, const hash_t *version);

// ---- rounds -----------------------------------------------------------------------------------

/// The round with this number.
MUST_USE err_t views_round(const struct views *v, struct view_round *out, uint64_t id);
/// All rounds by number; with `family` (not NULL) only its own.
MUST_USE err_t views_rounds(const struct views *v, struct arena *arena,
                            const struct views_page *page, const hash_t *family,
                            struct view_round **out, size_t *count, bytes_t *next);
/// All participants, by position.
MUST_USE err_t views_participants(const struct views *v, struct arena *arena,
                                  struct view_participant **out, size_t *count, uint64_t round);
/// One participant of a round.
MUST_USE err_t views_participant(const struct views *v, struct view_participant *out,
                                 uint64_t round, const address_t *who);
/// The rounds in which an account took part, by number.
MUST_USE err_t views_rounds_with(const struct views *v, struct arena *arena,
                                 const struct views_page *page, const address_t *who,
                                 struct view_participant **out, size_t *count, bytes_t *next);
/// Scores by position, as Selected had them. Empty before selection.
MUST_USE err_t views_scores(const struct views *v, struct arena *arena, u256_t **out, size_t *count,
                            uint64_t round);
/// Everything claimed for a round, in order.
MUST_USE err_t views_claims(const struct views *v, struct arena *arena, struct view_claim **out,
                            size_t *count, uint64_t round);

// ---- the DAO ----------------------------------------------------------------------------------

/// The proposal with this id.
MUST_USE err_t views_proposal(const struct views *v, struct view_proposal *out, const u256_t *id);
/// As views_version_by_prefix; digits are those of the id's 32 bytes.
MUST_USE err_t views_proposal_by_prefix(const struct views *v, struct view_proposal *out,
                                        bytes_t prefix, size_t nibbles);
/// In the order of creation.
MUST_USE err_t views_proposals(const struct views *v, struct arena *arena,
                               const struct views_page *page, struct view_proposal **out,
                               size_t *count, bytes_t *next);
/// In the order of casting.
MUST_USE err_t views_votes(const struct views *v, struct arena *arena,
                           const struct views_page *page, const u256_t *proposal,
                           struct view_vote **out, size_t *count, bytes_t *next);
/// Accounts that delegated to `to` by a transaction (not by genesis); at most VIEWS_PAGE_MAX.
MUST_USE err_t views_delegators(const struct views *v, struct arena *arena, address_t **out,
                                size_t *count, const address_t *to);

// ---- the journal ------------------------------------------------------------------------------

/// What an event can be about. An event stands under each of its subjects.
enum view_subject {
    VIEW_OF_ALL,      ///< no id
    VIEW_OF_FAMILY,   ///< the family's id
    VIEW_OF_VERSION,  ///< the version's id
    VIEW_OF_ROUND,    ///< the round's number in 32 bytes
    VIEW_OF_ACCOUNT,  ///< the address in the last 20 of 32 bytes
    VIEW_OF_PROPOSAL, ///< the proposal's id
};

/// The id under which a round stands in the journal.
hash_t view_id_of_round(uint64_t round);
/// The id under which an account stands in the journal.
hash_t view_id_of_account(const address_t *who);

/// Events of a subject, in order. `id` may be NULL for VIEW_OF_ALL.
MUST_USE err_t views_events(const struct views *v, struct arena *arena,
                            const struct views_page *page, enum view_subject subject,
                            const hash_t *id, struct view_event **out, size_t *count,
                            bytes_t *next);

/// The i-th 32-byte word of an event's data; zero behind its end.
u256_t view_event_word(const struct view_event *e, size_t i);

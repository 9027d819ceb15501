// SPDX-License-Identifier: Apache-2.0
#pragma once

/// QBFT: how n validators agree on one block per height although f = floor((n-1)/3) of them
/// may lie, and although messages may be late or lost.
///
/// A height is decided in rounds; each round has one proposer, in turn.
///
///      proposer          all                all                 all
///         |               |                  |                   |
///       BUILD        CHECK block         quorum of           quorum of
///         |               |               Prepares            Commits
///         v               v                  v                   v
///      Proposal --->   Prepare  ------>   "prepared"  ------> block with seals
///                                          Commit + seal       COMMIT_BLOCK
///
/// A quorum is ceil(2n/3): any two quorums share a correct validator. Hence nobody can collect
/// Commits for two blocks in one round, for a correct validator sends one Prepare and one
/// Commit per round.
///
/// What if a round gets stuck? Its timer ends, validators move on and say so:
///
///      round r times out ---> RoundChange(r+1) [+ what I had prepared, with its Prepares]
///                                   |
///                 quorum at the proposer of r+1 ---> Proposal(r+1) with the RoundChanges
///
/// The *lock*: whoever sent a Commit in round r has a certificate (a quorum of Prepares) for
/// that block, and every later RoundChange of his carries it. A quorum of RoundChanges therefore
/// contains the certificate of anything that may have been committed, and the justification of
/// a Proposal makes the proposer propose the block with the highest prepared round again. So a
/// later round can only decide the same block. Timeouts double with each round until messages
/// are faster than timers; f+1 RoundChanges for higher rounds (one of them is honest) pull a
/// laggard along.
///
/// The *guard*: all that needs every validator to remember what it signed. So before anything is
/// signed, what will be said is written to disk (QBFT_FX_PERSIST), and it is said only after
/// QBFT_EV_PERSISTED. A restarted validator resumes from the record.
///
/// This module is a pure function of (state, event): it knows no clock, socket, thread, disk or
/// key. Sections of the fact sheet: 5.4 transitions, 5.5 and 5.6 validity, 5.8 restart.
///
/// Owner: the loop's thread.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/store/guard.h"
#include "consensus/qbft/message.h"

/// Rounds above this are refused: nobody gets there honestly, and memory is bounded by it.
#define QBFT_MAX_ROUND 1000U
/// Messages for heights to come: how far, how many in all.
#define QBFT_FUTURE_HEIGHTS 10U
#define QBFT_FUTURE_MESSAGES 1000U
#define QBFT_FUTURE_BYTES ((size_t)64 * 1024 * 1024) ///< of which each author has an equal share

#define QBFT_NEVER UINT64_MAX

/// What stays the same while the node runs.
struct qbft_options {
    address_t self; ///< this node's address; it takes part while it is in the validator set
    enum qbft_wire wire;
    uint64_t silent_through;   ///< sign nothing for heights up to and including this one
    size_t max_bytes;          ///< memory for the messages of one height; 0: 256 MiB
    struct qbft_crypto crypto; ///< `recover` only: nothing is signed here
};

/// The head of the chain and what holds for the height after it.
struct qbft_head {
    uint64_t number;
    hash_t hash;
    uint64_t timestamp_s;
    address_t proposer;          ///< its coinbase
    const address_t *validators; ///< of height number + 1, ascending
    size_t validator_count;
    uint64_t block_period_ms;
    bool period_is_ms;              ///< the period counts from now, and timestamps may repeat
    bool on_demand;                 ///< no empty blocks: a block when transactions wait
    uint64_t empty_block_period_ms; ///< 0: empty blocks come as fast as full ones
    uint64_t request_timeout_ms;
    uint64_t max_request_timeout_ms;
};

/// What can happen to a validator. The driver owns whatever an event points to and may free it
/// once qbft_step has returned.
struct qbft_event {
    uint64_t
        now_ms; ///< since 1970; the only clock the core ever sees; runs backwards with CLOCK_BACK
    enum qbft_event_kind {
        QBFT_EV_NEW_BLOCK,     ///< `head` is final: its height is over
        QBFT_EV_MESSAGE,       ///< decoded, authors recovered by a worker
        QBFT_EV_BUILT,         ///< the block asked for by QBFT_FX_BUILD
        QBFT_EV_CHECKED,       ///< the verdict asked for by QBFT_FX_CHECK
        QBFT_EV_BLOCK_TIMEOUT, ///< the block period is over (or transactions wait)
        QBFT_EV_ROUND_TIMEOUT, ///< the round took too long
        QBFT_EV_PERSISTED,     ///< the guard is on disk up to `guard_seq`
        QBFT_EV_CLOCK_BACK,    ///< the clock was set back: `now_ms` is what it shows now
    } kind;
    union {
        const struct qbft_head *new_block;
        struct {
            const struct qbft_message *message;
            bool own; ///< signed by this process just now, on its way out
        } message;
        struct {
            uint64_t height;
            uint32_t round;
            bytes_t block; ///< RLP, extraData with this round; empty: nothing worth a block
        } built;
        struct {
            uint64_t height;
            uint32_t round;
            hash_t digest;
            bool valid;
        } checked;
        struct {
            uint64_t height;
            uint32_t round; ///< of ROUND_TIMEOUT
        } timeout;
        struct {
            uint64_t guard_seq;
        } persisted;
    };
};

enum qbft_timer { QBFT_TIMER_BLOCK, QBFT_TIMER_ROUND };

/// What the driver must do, in order. Pointers are valid until the next qbft_step.
struct qbft_effect {
    enum qbft_effect_kind {
        QBFT_FX_SEND,          ///< sign, multicast to the validators, and hand back as own MESSAGE
        QBFT_FX_RELAY,         ///< pass the message of this event on to other validators
        QBFT_FX_PERSIST,       ///< save the guard record, synced; then PERSISTED(guard_seq)
        QBFT_FX_BUILD,         ///< make a block; then BUILT
        QBFT_FX_CHECK,         ///< is this block valid on the head, seals apart? then CHECKED
        QBFT_FX_SET_TIMER,     ///< replaces the timer of that kind
        QBFT_FX_COMMIT_BLOCK,  ///< seal, store, announce; then NEW_BLOCK
        QBFT_FX_BLAME,         ///< the message of this event breaks a rule: `why`
        QBFT_FX_EVIDENCE,      ///< one author signed two different things for one round
        QBFT_FX_SELF_CONFLICT, ///< somebody else signs with our key: we have stopped signing
    } kind;
    union {
        struct qbft_send send;
        struct {
            uint64_t guard_seq;
            const struct guard_record *record;
        } persist;
        struct {
            uint64_t height;
            uint32_t round;
            uint64_t timestamp_s; ///< of the block to be built
            bool allow_empty;     ///< if false, BUILT without a block when nothing fits
        } build;
        struct {
            uint64_t height;
            uint32_t round;
            hash_t digest;
            const struct qbft_block *block;
            bool own; ///< the block this node built for the same round
        } check;
        struct {
            enum qbft_timer timer;
            uint64_t height;
            uint32_t round;
            uint64_t at_ms;      ///< QBFT_NEVER: cancelled
            uint64_t idle_at_ms; ///< BLOCK: when to fire if no transaction waits until then
        } set_timer;
        struct {
            const struct qbft_block *block;
            uint32_t round;
            const secp_sig_t *seals;
            size_t seal_count;
        } commit;
        struct {
            address_t author;
            const char *why;
        } blame;
        struct {
            const struct qbft_payload *a;
            const struct qbft_payload *b;
        } evidence;
    };
};

/// Room of 128 is always enough; effects that only inform are left out when it gets short.
#define QBFT_EFFECTS_ROOM 128

struct qbft_effects {
    struct qbft_effect *items;
    size_t count;
    size_t cap;
};

/// Where the round stands, for people.
enum qbft_phase {
    QBFT_IDLE,       ///< waits for the block period or for a transaction
    QBFT_ROUND,      ///< waits for a proposal
    QBFT_BUILDING,   ///< own block is being made
    QBFT_CHECKING,   ///< a proposal is being executed
    QBFT_PROPOSED,   ///< accepted; collects Prepares
    QBFT_PREPARED,   ///< locked; collects Commits
    QBFT_COMMITTING, ///< decided; being stored
    QBFT_FOLLOWING,  ///< not a validator of this height, or silent
};
const char *qbft_phase_name(enum qbft_phase phase);

/// The state; its members are read by the files of this folder, its tests and the status page
/// of the node, and written by qbft_step alone.
struct qbft;

/// Makes a validator that resumes from what its guard last saved (all zero: never signed
/// anything). It does nothing until the first QBFT_EV_NEW_BLOCK.
/// @param arena   retains: lives as long as the state; as large as the record may be and 1 MiB
/// @param record  copied
/// @return ERR_FULL
MUST_USE err_t qbft_new(struct qbft **out, struct arena *arena, const struct qbft_options *options,
                        const struct guard_record *record);
/// Gives back the memory that is not in the arena. NULL is allowed.
void qbft_free(struct qbft *q);

/// Advances one validator by one event: the specification's Upon... rules and nothing else. The
/// same state and event give the same effects everywhere.
///
/// @param[out] fx  emptied, then what the driver must now do, in order. What is to be sent comes
///                 only with the QBFT_EV_PERSISTED that covers it: a vote that can be forgotten
///                 is not a vote.
/// @return ERR_INVALID if a message breaks a rule: the state is unchanged and `fx` says who is to
///         blame. ERR_FULL if there was no room for the message: it is as good as lost.
MUST_USE err_t qbft_step(struct qbft *q, struct qbft_effects *fx, const struct qbft_event *ev);

/// A picture for status pages.
struct qbft_view {
    uint64_t height;
    uint32_t round;
    enum qbft_phase phase;
    bool is_validator;
    bool muted; ///< stopped signing: our key was seen elsewhere
    address_t proposer;
    size_t validator_count;
    size_t prepare_count; ///< for the accepted proposal
    size_t commit_count;
    size_t future_count; ///< messages kept for later heights
};
void qbft_look(const struct qbft *q, struct qbft_view *out);

/// Who proposes in a round (fact sheet 3). `previous` is the coinbase of the block before.
const address_t *qbft_proposer(const address_t *validators, size_t count, const address_t *previous,
                               uint64_t height, uint32_t round, enum qbft_wire wire);

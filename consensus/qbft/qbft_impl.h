// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The state of qbft.h, shared by the files of this folder and by nobody else.

#include "consensus/qbft/qbft.h"

#define NOT_A_VALIDATOR SIZE_MAX

/// Everything said in one round of this height; arrays have one place per validator.
struct qbft_votes {
    struct qbft_votes *next; ///< ascending by round
    uint32_t round;
    const struct qbft_payload *proposal; ///< first one of its proposer
    const struct qbft_payload **prepares;
    const struct qbft_payload **commits;
    uint8_t *seal_state; ///< of the Commits: 0 not looked at, then enum seal_state
    const struct qbft_payload **round_changes;
    size_t round_change_count;
};

/// A quorum of Prepares for one block.
struct qbft_certificate {
    struct qbft_certificate *next; ///< no order
    uint32_t round;
    hash_t digest;
    struct qbft_block block; ///< with `round` in its extraData
    const struct qbft_payload *prepares;
    size_t prepare_count;
};

/// A justified proposal: being checked, or accepted.
struct qbft_proposal {
    uint32_t round;
    hash_t digest;
    hash_t seal_hash;
    struct qbft_block block;
};

/// A buffered message of a later height.
struct qbft_future {
    struct qbft_future *next;
    struct qbft_message message;
    size_t bytes; ///< of memory
    bool own;
};

struct qbft_outgoing {
    uint64_t seq; ///< leaves once the guard is saved up to here
    struct qbft_send send;
};

struct qbft {
    struct qbft_options options;
    struct arena height_arena;    ///< everything of the height in progress
    struct arena future_arena[2]; ///< one in use, one to move survivors to
    unsigned future_current;
    struct qbft_future *future;
    size_t future_count;

    // The height in progress: head + 1.
    bool running; ///< a head is known
    struct qbft_head head;
    uint64_t height;
    const address_t *validators;
    size_t n;
    size_t self; ///< our index, or NOT_A_VALIDATOR (also while silent)
    bool muted;
    struct qbft_votes *votes;
    struct qbft_certificate *certificates;
    const struct qbft_certificate *prepared; ///< ours, the latest

    // The round in progress.
    uint32_t round;
    bool started;        ///< the round's timer runs
    bool is_met;         ///< a quorum is known to be in this round or beyond
    bool block_time;     ///< the block period is over
    bool asked;          ///< as proposer of `round`: a block was asked for or proposed
    bool building;       ///< BUILD is out for `round`
    uint64_t due_at_ms;  ///< when the block period is over
    uint64_t idle_at_ms; ///< when an empty block is due
    hash_t built_hash;   ///< block hash of what we built for `built_round`
    uint32_t built_round;
    bool has_built;
    struct qbft_proposal *candidate; ///< CHECK is out
    struct qbft_proposal *accepted;
    bool is_prepared;
    bool is_committed;
    const struct qbft_payload **justification; ///< chosen when BUILD went out
    size_t justification_count;

    // The guard, and what waits for it.
    struct guard_record record;
    uint64_t guard_seq;
    struct qbft_outgoing outgoing[16];
    size_t outgoing_count;

    struct qbft_effects *fx; ///< of the step in progress
    uint64_t now_ms;
    bool stored; ///< the message of this step was new and was kept
};

/// --- effects ---

/// A place for an effect that must not be lost.
struct qbft_effect *qbft_emit(struct qbft *q, enum qbft_effect_kind kind);
/// A place for one that only informs, or NULL if room gets short.
struct qbft_effect *qbft_tell(struct qbft *q, enum qbft_effect_kind kind);
/// Tells who broke which rule; returns ERR_INVALID with it.
err_t qbft_blame(struct qbft *q, const struct qbft_payload *p, const char *why);
/// Shows two different things that one author signed for one round, whenever the second one comes.
void qbft_show_evidence(struct qbft *q, const struct qbft_payload *a, const struct qbft_payload *b);
void qbft_set_timer(struct qbft *q, enum qbft_timer timer, uint64_t at_ms, uint64_t idle_at_ms);
/// Saves the record and lets `send` follow. Nothing leaves if the record forbids it.
void qbft_say(struct qbft *q, const struct guard_record *next, const struct qbft_send *send);

/// --- sets and rounds ---

/// Our index of an address, or NOT_A_VALIDATOR.
size_t qbft_index(const struct qbft *q, const address_t *who);
/// A quorum of this height.
size_t qbft_q(const struct qbft *q);
/// Who proposes in a round of this height.
const address_t *qbft_round_proposer(const struct qbft *q, uint32_t round);
/// Are we the proposer of this round, and may we sign?
bool qbft_is_own_turn(const struct qbft *q, uint32_t round);
/// The votes of a round; made if missing. NULL if the arena is full.
struct qbft_votes *qbft_votes_of(struct qbft *q, uint32_t round);
/// The votes of a round; NULL if there are none.
const struct qbft_votes *qbft_votes_find(const struct qbft *q, uint32_t round);
/// Starts the round's timer. Round 0's begins with the end of the block period, however early
/// somebody wants to leave it: nobody can have proposed before.
void qbft_start_round(struct qbft *q);
/// Whether a quorum, we included, is known to want this round or a higher one.
bool qbft_is_met(const struct qbft *q);
/// A quorum is in this round, or was: from now on it is worth its time. Without this, who came
/// first would leave just when the others arrive, once timeouts no longer grow.
void qbft_meet(struct qbft *q);
/// Leaves the round for a higher one: everything of the old round that is not locked is dropped.
void qbft_enter_round(struct qbft *q, uint32_t round);

/// --- the rules, one file each ---

/// A new head ends the height (new_block.c).
err_t qbft_on_new_block(struct qbft *q, const struct qbft_head *head);
/// Upon Proposal (proposal.c).
err_t qbft_on_proposal(struct qbft *q, const struct qbft_message *m);
/// Upon Prepare (prepare.c).
err_t qbft_on_prepare(struct qbft *q, const struct qbft_payload *p);
/// Upon Commit (commit.c).
err_t qbft_on_commit(struct qbft *q, const struct qbft_payload *p);
/// Upon RoundChange (round_change.c).
err_t qbft_on_round_change(struct qbft *q, const struct qbft_message *m);
/// The own block is made (proposal.c).
err_t qbft_on_built(struct qbft *q, uint64_t height, uint32_t round, bytes_t raw);
/// The verdict on a proposed block (proposal.c).
err_t qbft_on_checked(struct qbft *q, uint64_t height, uint32_t round, const hash_t *digest,
                      bool valid);
/// The block period is over (timeout.c).
void qbft_on_block_timeout(struct qbft *q, uint64_t height);
/// The round took too long (timeout.c).
void qbft_on_round_timeout(struct qbft *q, uint64_t height, uint32_t round);
/// Any message: buffered, refused or handed to its rule (intake.c).
err_t qbft_on_message(struct qbft *q, const struct qbft_message *m, bool own);

/// Counts what was collected, and goes on if it is enough.
void qbft_count_prepares(struct qbft *q);
/// As qbft_count_prepares, of Commits.
void qbft_count_commits(struct qbft *q);
/// As qbft_count_prepares, of RoundChanges to a round.
void qbft_count_round_changes(struct qbft *q, uint32_t round);
/// Asks for the block of the round whose proposer we are.
void qbft_ask_block(struct qbft *q);
/// Moves to `round` and says so with a RoundChange.
void qbft_change_round(struct qbft *q, uint32_t round);
/// Sends our proposal if its justification holds.
err_t qbft_propose(struct qbft *q, const struct qbft_block *block,
                   const struct qbft_payload *const *round_changes, size_t round_change_count,
                   const struct qbft_certificate *certificate);
/// The certificate with this round and digest, or NULL.
const struct qbft_certificate *qbft_certificate_find(const struct qbft *q, uint32_t round,
                                                     const hash_t *digest);
/// Keeps a certificate (copied). NULL if there is no room.
const struct qbft_certificate *qbft_certificate_keep(struct qbft *q, uint32_t round,
                                                     const hash_t *digest,
                                                     const struct qbft_block *block,
                                                     const struct qbft_payload *const *prepares,
                                                     size_t count);
/// Fills the Prepares of `send` from a certificate. ERR_FULL
err_t qbft_fill_prepares(struct qbft *q, struct qbft_send *send, const struct qbft_certificate *c);
/// Takes a proposal as the one of this round.
err_t qbft_make_proposal(struct qbft *q, struct qbft_proposal **out, const struct qbft_block *block,
                         uint32_t round);
/// Keeps a message for a later height.
err_t qbft_keep_future(struct qbft *q, const struct qbft_message *m, bool own);
/// Says again what was said in this round (peers may have missed it; the bytes are the same), and
/// in a round above 0 that we are in it.
void qbft_repeat(struct qbft *q);
/// The record as it will be when something is said in the current round.
struct guard_record qbft_next_record(const struct qbft *q);

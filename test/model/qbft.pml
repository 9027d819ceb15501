// SPDX-License-Identifier: Apache-2.0
/* The rules of consensus/qbft as a model for spin. README.md says what it covers and what not.
 *
 * All that was ever signed stays in three tables (a "soup"): a validator may act on any part of it,
 * at any time. So messages may be lost, late, doubled and in any order, without a channel.
 *
 * One validator is Byzantine: it is not a process but a signature under everything. Wherever a
 * quorum is counted, its vote may be in it, for every block, to everybody something else; so
 * a quorum needs Q - 1 correct members. In its own turn it proposes whatever can be justified.
 *
 * A block is named by the round in which it was built and a variant: v = 2 * built + variant. A
 * lock (what was prepared last) is 0 or 1 + 8 * round + v.
 */

#ifndef N
#define N 4 /* validators; f is 1 for 4, 5 and 6 */
#endif
#ifndef HEIGHTS
#define HEIGHTS 2
#endif
#ifndef ROUNDS
#define ROUNDS 3 /* at most 4 */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
/* With -DFAIR: time-outs before messages come in time lead at most to this round. */
#ifndef EARLY
#define EARLY 1
#endif

#define Q ((2 * N + 2) / 3) /* qbft_quorum */
#ifdef SMALL_QUORUM
#define QC (Q - 2)
#else
#define QC (Q - 1) /* of correct validators: the Byzantine one is the last */
#endif
#define VALUES (2 * ROUNDS)

/* What has been signed, by height, round and author: sets of blocks; round changes as 1 + lock. */
byte prepares[HEIGHTS * ROUNDS * N];
byte commits[HEIGHTS * ROUNDS * N];
byte changes[HEIGHTS * ROUNDS * N];
byte proposals[HEIGHTS * ROUNDS]; /* of correct proposers */

byte byzantine;
byte first[HEIGHTS + 1]; /* the proposer of round 0 */
byte decided[HEIGHTS];   /* 1 + v */

/* A correct validator's memory: struct qbft. */
byte height[N];
byte at_round[N];
byte accepted[N]; /* 1 + v */
byte lock[N];

/* Its disk: struct guard_record, of `height`. */
byte guard_round[N];
byte guard_proposal[N]; /* 1 + v */
byte guard_prepare[N];
byte guard_commit[N];
byte guard_lock[N];
bool guard_holds[N]; /* anything was said at this height */

bool restarted[N];
byte crashes;
#ifdef FAIR
bool in_time; /* from now on every message comes before any timer ends */
#endif

#define bit(set, v) (((set) >> (v)) & 1)
#define at(h, r, i) (((h) * ROUNDS + (r)) * N + (i))
#define proposer(h, r) ((first[h] + (r)) % N)
#define lock_of(r, v) (1 + 8 * (r) + (v))
#define lock_round(l) (((l) - 1) / 8)
#define lock_value(l) (((l) - 1) % 8)

#if N == 4
#define sum(F, h, r, v) (F(h, r, 0, v) + F(h, r, 1, v) + F(h, r, 2, v) + F(h, r, 3, v))
#else
#define sum(F, h, r, v)                                                                            \
    (F(h, r, 0, v) + F(h, r, 1, v) + F(h, r, 2, v) + F(h, r, 3, v) + F(h, r, 4, v))
#endif
#define has_prepare(h, r, i, v) bit(prepares[at(h, r, i)], v)
#define has_commit(h, r, i, v) bit(commits[at(h, r, i)], v)
#define has_change(h, r, i, v) (changes[at(h, r, i)] != 0)
#define is_free(h, r, i, v) (changes[at(h, r, i)] == 1)
/* A round change that leaves lock `l` the highest of its quorum. */
#define is_below(h, r, i, l)                                                                       \
    (changes[at(h, r, i)] == 1 || changes[at(h, r, i)] == 1 + (l) ||                               \
     (changes[at(h, r, i)] > 1 && lock_round(changes[at(h, r, i)] - 1) < lock_round(l)))

/* check_prepares: a certificate for v in round r can be shown. */
#define certified(h, r, v) (sum(has_prepare, h, r, v) >= QC)
/* check_fresh: a quorum to which nobody is locked, and a block of this round's proposer. */
#define fresh(h, r, v) ((v) / 2 == (r) && sum(is_free, h, r, v) >= QC)
/* check_again: a quorum of which the highest lock is v in round b. */
#ifdef NO_JUSTIFICATION
#define again(h, r, b, v) (0)
#else
#define again(h, r, b, v)                                                                          \
    ((b) < (r) && certified(h, b, v) && sum(is_below, h, r, lock_of(b, v)) >= QC)
#endif

/* qbft_proposal_justified */
#if ROUNDS == 2
#define justified_again(h, r, v) again(h, r, 0, v)
#elif ROUNDS == 3
#define justified_again(h, r, v) (again(h, r, 0, v) || again(h, r, 1, v))
#else
#define justified_again(h, r, v) (again(h, r, 0, v) || again(h, r, 1, v) || again(h, r, 2, v))
#endif
#ifdef NO_JUSTIFICATION
#define justified(h, r, v) ((v) / 2 == (r))
#else
#define justified(h, r, v)                                                                         \
    (((r) == 0 && (v) / 2 == 0) || ((r) > 0 && (fresh(h, r, v) || justified_again(h, r, v))))
#endif

/* --- the guard: qbft_next_record and guard_may_follow ---------------------------------------- */

/* The record moves to round r: what was said in an earlier one binds no more, but for the lock. */
inline record_round(i, r)
{
    if
    :: (!guard_holds[i] || guard_round[i] != (r)) ->
        guard_holds[i] = true;
        guard_round[i] = (r);
        guard_proposal[i] = 0;
        guard_prepare[i] = 0;
        guard_commit[i] = 0;
    :: else
    fi
}

#define recorded(i, r, what) (guard_holds[i] && guard_round[i] == (r) && (what) != 0)
/* Nothing, or the same, was said of this kind in this round; and no later round was entered. */
#define may_say(i, r, what, v)                                                                     \
    ((!recorded(i, r, what) || (what) == 1 + (v)) && (!guard_holds[i] || guard_round[i] <= (r)))

/* Nobody correct signs two different things for one height and round, across restarts. */
inline no_contradiction(set, v)
{
#ifndef ONLY_AGREEMENT
    assert((set) == 0 || (set) == (1 << (v)));
#else
    skip;
#endif
}

/* --- the rules -------------------------------------------------------------------------------- */

#define correct(i) ((i) != byzantine && height[i] < HEIGHTS)

/* qbft_ask_block, qbft_propose: in its turn, once a quorum wants the round. A process builds one
 * block per round; one that was restarted would build another. */
#define can_propose(i, r, v)                                                                       \
    (correct(i) && at_round[i] <= (r) && proposer(height[i], r) == (i) &&                          \
     (at_round[i] < (r) || accepted[i] == 0) && justified(height[i], r, v) &&                      \
     ((v) / 2 != (r) || (v) % 2 == 0 || restarted[i]) && may_say(i, r, guard_proposal[i], v) &&    \
     !recorded(i, r, guard_proposal[i]))

inline propose(i, r, v)
{
    if
    :: at_round[i] < (r) -> accepted[i] = 0
    :: else
    fi;
    at_round[i] = (r);
    record_round(i, r);
    guard_proposal[i] = 1 + (v);
    no_contradiction((proposals[height[i] * ROUNDS + (r)]), v);
    proposals[height[i] * ROUNDS + (r)] = proposals[height[i] * ROUNDS + (r)] | (1 << (v));
}

/* qbft_on_proposal, qbft_on_checked: the first proposal of this round or of a later one. */
#define proposed(h, r, v)                                                                          \
    (proposer(h, r) == byzantine -> justified(h, r, v) : bit(proposals[(h) * ROUNDS + (r)], v))
#define can_accept(i, r, v)                                                                        \
    (correct(i) && (at_round[i] < (r) || (at_round[i] == (r) && accepted[i] == 0)) &&              \
     proposed(height[i], r, v))

inline accept(i, r, v)
{
    at_round[i] = (r);
    accepted[i] = 1 + (v);
    if
    :: may_say(i, r, guard_prepare[i], v) ->
        record_round(i, r);
        guard_prepare[i] = 1 + (v);
        no_contradiction((prepares[at(height[i], r, i)]), v);
        prepares[at(height[i], r, i)] = prepares[at(height[i], r, i)] | (1 << (v));
    :: else /* said something else before a restart: takes part without a Prepare */
    fi
}

/* qbft_count_prepares: a quorum of Prepares is the lock; the certificate is saved before the Commit
 * is signed. */
#define can_commit(i)                                                                              \
    (correct(i) && accepted[i] != 0 && lock[i] != lock_of(at_round[i], accepted[i] - 1) &&         \
     certified(height[i], at_round[i], (accepted[i] - 1)))

inline commit(i)
{
    lock[i] = lock_of(at_round[i], accepted[i] - 1);
    if
    :: may_say(i, at_round[i], guard_commit[i], accepted[i] - 1) ->
        record_round(i, at_round[i]);
        guard_commit[i] = accepted[i];
        guard_lock[i] = lock[i];
        no_contradiction((commits[at(height[i], at_round[i], i)]), (accepted[i] - 1));
        commits[at(height[i], at_round[i], i)] =
            commits[at(height[i], at_round[i], i)] | (1 << (accepted[i] - 1));
    :: else
    fi
}

/* qbft_count_commits, and a sealed block that comes over eth: a quorum of Commits is final. */
#define can_decide(i, r, v) (correct(i) && sum(has_commit, height[i], r, v) >= QC)

inline decide(i, v)
{
    assert(decided[height[i]] == 0 || decided[height[i]] == 1 + (v)); /* agreement */
    if
    :: decided[height[i]] == 0 ->
        decided[height[i]] = 1 + (v);
        first[height[i] + 1] = (proposer(height[i], ((v) / 2)) + 1) % N; /* after its builder */
    :: else
    fi;
    height[i]++;
    at_round[i] = 0;
    accepted[i] = 0;
    lock[i] = 0;
    guard_holds[i] = false;
    guard_round[i] = 0;
    guard_proposal[i] = 0;
    guard_prepare[i] = 0;
    guard_commit[i] = 0;
    guard_lock[i] = 0;
}

/* The lock: whoever sent a Commit carries a certificate of that round or of a later one. */
#define carries(i, r) (commits[at(height[i], r, i)] == 0 || (lock[i] != 0 && lock_round(lock[i]) >= (r)))

inline say_round_change(i)
{
#ifndef ONLY_AGREEMENT
#ifndef NO_LOCK
    assert(at_round[i] <= 0 || carries(i, 0));
    assert(at_round[i] <= 1 || carries(i, 1));
#if ROUNDS > 3
    assert(at_round[i] <= 2 || carries(i, 2));
#endif
#endif
    assert(changes[at(height[i], at_round[i], i)] == 0 ||
           changes[at(height[i], at_round[i], i)] == 1 + lock[i]);
#endif
    record_round(i, at_round[i]);
#ifdef NO_LOCK
    changes[at(height[i], at_round[i], i)] = 1;
#else
    changes[at(height[i], at_round[i], i)] = 1 + lock[i];
#endif
}

inline change_round(i, r)
{
    at_round[i] = (r);
    accepted[i] = 0;
    say_round_change(i);
}

/* qbft_is_met: others are known to be in this round or beyond, or its proposal was taken. */
#define beyond(h, r, i, me)                                                                        \
    ((i) != (me) && (changes[at(h, r, i)] != 0 ||                                                  \
                     ((r) + 1 < ROUNDS && changes[at(h, ((r) + 1) % ROUNDS, i)] != 0) ||           \
                     ((r) + 2 < ROUNDS && changes[at(h, ((r) + 2) % ROUNDS, i)] != 0)))
#define is_met(i)                                                                                  \
    (accepted[i] != 0 || recorded(i, at_round[i], guard_proposal[i]) ||                            \
     1 + sum(beyond, height[i], at_round[i], i) >= QC)

/* qbft_on_round_timeout */
#ifdef FAIR
#define timer_may_end(i) ((in_time && !busy) || (!in_time && at_round[i] < EARLY))
#else
#define timer_may_end(i) (true)
#endif
#define can_time_out(i)                                                                            \
    (correct(i) && at_round[i] + 1 < ROUNDS && (at_round[i] == 0 || is_met(i)) && timer_may_end(i))

/* count_ahead: f + 1 want a later round. The Byzantine one chooses the lowest of these rounds, one
 * correct validator must be there or beyond. */
#define can_jump(i, r)                                                                             \
    (correct(i) && (r) < ROUNDS && at_round[i] < (r) && sum(beyond, height[i], r, i) >= 1)

/* A process dies and comes back with what its disk holds: resume, qbft_repeat. */
inline restart(i)
{
    crashes++;
    restarted[i] = true;
#ifdef NO_GUARD
    guard_holds[i] = false;
    guard_round[i] = 0;
    guard_proposal[i] = 0;
    guard_prepare[i] = 0;
    guard_commit[i] = 0;
    guard_lock[i] = 0;
#endif
    at_round[i] = guard_round[i];
    lock[i] = guard_lock[i];
    accepted[i] = 0;
    if
    :: lock[i] != 0 && lock_round(lock[i]) == at_round[i] -> accepted[i] = 1 + lock_value(lock[i])
    :: else ->
        if
        :: at_round[i] > 0 -> say_round_change(i)
        :: else
        fi
    fi
}

/* --- progress ----------------------------------------------------------------------------------- */

#ifdef FAIR
/* Can validator i do something with messages of correct validators alone? */
#define proposal_waits(i, r)                                                                       \
    (correct(i) && proposer(height[i], r) != byzantine && proposals[height[i] * ROUNDS + (r)] != 0 && \
     (at_round[i] < (r) || (at_round[i] == (r) && accepted[i] == 0)))
#define turn_waits(i, r)                                                                           \
    (correct(i) && proposer(height[i], r) == (i) && proposals[height[i] * ROUNDS + (r)] == 0 &&    \
     (at_round[i] < (r) || (at_round[i] == (r) && accepted[i] == 0)) &&                            \
     ((r) == 0 || sum(has_change, height[i], r, 0) >= Q))
#define commit_waits(i)                                                                            \
    (can_commit(i) && sum(has_prepare, height[i], at_round[i], (accepted[i] - 1)) >= Q)
#define jump_waits(i, r) (can_jump(i, r) && sum(beyond, height[i], r, i) >= 2)
#define block_waits(i) (correct(i) && decided[height[i]] != 0)
#define commits_wait(i)                                                                            \
    (correct(i) && accepted[i] != 0 &&                                                             \
     sum(has_commit, height[i], at_round[i], (accepted[i] - 1)) >= Q)
#if ROUNDS == 2
#define each_round(F, i) (F(i, 0) || F(i, 1))
#define any_jump(i) jump_waits(i, 1)
#else
#define each_round(F, i) (F(i, 0) || F(i, 1) || F(i, 2) || F(i, (ROUNDS - 1)))
#define any_jump(i) (jump_waits(i, 1) || jump_waits(i, 2) || jump_waits(i, (ROUNDS - 1)))
#endif
#define works(i)                                                                                   \
    (each_round(proposal_waits, i) || each_round(turn_waits, i) || commit_waits(i) ||              \
     any_jump(i) || block_waits(i) || commits_wait(i))
#define busy (works(0) || works(1) || works(2) || works(3))
#define may_crash (!in_time)
#else
#define may_crash (true)
#endif

/* --- everybody ---------------------------------------------------------------------------------- */

#define PROPOSE(r, v) :: atomic { can_propose(i, r, v) -> propose(i, r, v) }
#define ACCEPT(r, v) :: atomic { can_accept(i, r, v) -> accept(i, r, v) }
#define DECIDE(r, v) :: atomic { can_decide(i, r, v) -> decide(i, v) }
#define JUMP(r) :: atomic { can_jump(i, r) -> change_round(i, r) }
#define BLOCK(r, v) PROPOSE(r, v) ACCEPT(r, v) DECIDE(r, v)

proctype validator(byte i)
{
    do
    BLOCK(0, 0) BLOCK(0, 1)
    BLOCK(1, 0) BLOCK(1, 1) BLOCK(1, 2) BLOCK(1, 3) JUMP(1)
#if ROUNDS > 2
    BLOCK(2, 0) BLOCK(2, 1) BLOCK(2, 2) BLOCK(2, 3) BLOCK(2, 4) BLOCK(2, 5) JUMP(2)
#endif
#if ROUNDS > 3
    BLOCK(3, 0) BLOCK(3, 1) BLOCK(3, 2) BLOCK(3, 3) BLOCK(3, 4) BLOCK(3, 5) BLOCK(3, 6) BLOCK(3, 7)
    JUMP(3)
#endif
    :: atomic { can_commit(i) -> commit(i) }
    :: atomic { can_time_out(i) -> change_round(i, at_round[i] + 1) }
    :: atomic { correct(i) && crashes < CRASHES && may_crash -> restart(i) }
#ifdef FAIR
    :: !correct(i) -> break /* who does not come here is stuck: an invalid end state */
#endif
    od
}

init
{
    atomic {
#ifdef BYZANTINE
        byzantine = BYZANTINE;
#else
        select(byzantine : 0 .. (N - 1));
#endif
        run validator(0);
        run validator(1);
        run validator(2);
        run validator(3);
#if N == 5
        run validator(4);
#endif
    }
#ifdef FAIR
    in_time = true;
#endif
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The deterministic simulator: the production QBFT core of every validator, driven as the node
/// drives it, under a virtual clock, network and disk. One seed and one build decide everything.
///
///     plan (faults.c)  ->  event queue (sim.c)  ->  node.c  ->  qbft_step
///                              ^      |                |  effects
///                              |      v                v
///                      byzantine.c  net.c           disk.c, blocks.c
///                                     checkers.c after every step, cover.c counts rare states
///
/// Owner: the one thread of a run. Whatever a run allocates is in its arena.

#include "chain/base/arena.h"
#include "chain/crypto/secret.h"
#include "consensus/qbft/block_timer.h"
#include "consensus/qbft/header_rules.h"
#include "consensus/qbft/qbft.h"
#include "consensus/qbft/validators.h"

#include <stdio.h>

#define SIM_MAX 100     ///< nodes
#define SIM_HEIGHTS 512 ///< highest block of any run
#define SIM_FAULTS 192  ///< scheduled faults of any run
#define SIM_SETS 8      ///< validator sets that a run goes through
#define SIM_SWITCHES 6  ///< entries of config.transitions
#define SIM_LOST 64     ///< ranges of messages that the shrinker leaves out
#define SIM_FOREVER UINT64_MAX

// Virtual time: microseconds since the start of the run.
#define US_MS ((uint64_t)1000)
#define US_S ((uint64_t)1000000)

/// --- randomness: one generator per purpose, so that a change of one does not shift the others

struct rng {
    uint64_t s[4]; ///< xoshiro256**
};

enum sim_stream {
    RNG_PLAN,
    RNG_NET,
    RNG_FAULTS,
    RNG_BYZ,
    RNG_DISK,
    RNG_WORK,
    RNG_SETS,
    RNG_COUNT,
};

void rng_init(struct rng *r, uint64_t seed, uint64_t purpose);
uint64_t rng_next(struct rng *r);
/// 0 .. below - 1; 0 if `below` is 0.
uint64_t rng_below(struct rng *r, uint64_t below);
/// lo .. hi, both included.
uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi);
/// True in `per_mille` of 1000 cases.
bool rng_chance(struct rng *r, uint64_t per_mille);

/// --- swarm options: each seed has some kinds of trouble and not others

enum feature {
    F_LOSS,
    F_DUPLICATES,
    F_TAIL, ///< now and then a message takes twenty times as long
    F_REORDER,
    F_CLOG,
    F_PARTITION,
    F_REPLAY, ///< the network trickles old messages
    F_CRASH,
    F_CRASH_STEP, ///< crashes at any point between outputs
    F_PAUSE,
    F_CLOCK,
    F_SLOW_DISK,
    F_DISK_FAILS,
    F_OLD_STORE, ///< the chain is restored from a backup, the guard is not
    F_GUARD_LOST,
    F_ADAPTIVE, ///< the network delays what would complete a quorum
    F_SET_CHANGE,
    F_BYZANTINE,
    F_RELAY,       ///< messages are passed on
    F_IDLE,        ///< empty blocks come late or never
    F_BAD_BUILDER, ///< a correct node's builder now and then makes an invalid block
    F_CONTRACT,    ///< a contract names the validators, from the start or later
    F_TRANSITION,  ///< the genesis changes periods, timeouts, sets or their mode at some block
    F_ON_DEMAND,   ///< no empty blocks at all
    F_COUNT,
};
const char *feature_name(enum feature f);

/// What a Byzantine validator does beyond running the protocol.
enum behaviour {
    B_SILENT,
    B_CRASH,        ///< dies when its vote completes a quorum
    B_TWO_HALVES,   ///< two proposals to two halves
    B_PER_PEER,     ///< another proposal for each peer
    B_VOTE_ALL,     ///< Prepare and Commit for everything
    B_COMMIT_FIRST, ///< Commit without Prepare
    B_SELECTIVE,    ///< votes only to some
    B_WITHHOLD,     ///< sends when the timeout is near
    B_RC_EMPTY,     ///< round changes that forget the lock
    B_RC_STALE,     ///< ... that carry the oldest certificate that can be had
    B_RC_SPLIT,     ///< ... with the lock to some and without to others
    B_RC_FORGED,    ///< ... with certificates that are none
    B_RC_CLAIM,     ///< ... prepared in rounds never reached
    B_JUSTIFY,      ///< proposals whose justification omits, repeats or mixes
    B_FUTURE,       ///< heights and rounds to come
    B_REPLAY,       ///< everything seen, again
    B_BAD_BLOCK,    ///< wrong root, gas, time or vote
    B_BAD_SEAL,     ///< Commits whose seal is not theirs
    B_SYNC_LIES,    ///< blocks without a quorum of seals
    B_ROUND_RUSH,   ///< round changes for no reason, as soon as a height begins
    B_AMNESIA,      ///< a correct program whose guard is an old copy
    B_COUNT,
};
const char *behaviour_name(enum behaviour b);

enum fault_kind {
    FAULT_CRASH,
    FAULT_CRASH_ALL,
    FAULT_PAUSE,
    FAULT_PARTITION,
    FAULT_CLOG,
    FAULT_DISK_FAILS, ///< the next write of the guard or of the store ends the process
    FAULT_DISK_FULL,  ///< both refuse writes for a while
    FAULT_OLD_STORE,
    FAULT_GUARD_LOST,
    FAULT_CLOCK,
    FAULT_FLIP, ///< Byzantine nodes draw new behaviour
    FAULT_KINDS,
};
const char *fault_name(enum fault_kind k);

struct fault {
    enum fault_kind kind;
    uint64_t at_us;
    uint64_t lasts_us;
    size_t node;
    uint64_t arg; ///< its randomness, so that dropping one fault leaves the others as they are
    bool dropped; ///< by the shrinker
};

struct sim_options {
    uint64_t seed;
    size_t n;
    uint64_t heights;
    bool real_crypto;
    bool no_persist_check; ///< leaves the driver's check out (to see what else finds a mutant)
    FILE *trace;
    uint32_t with;                     ///< features switched on, after that
    uint32_t without;                  ///< features switched off, bit by enum feature
    uint32_t without_behaviour;        ///< bit by enum behaviour
    uint8_t honest[SIM_MAX];           ///< Byzantine nodes made correct
    uint64_t dropped[SIM_FAULTS / 64]; ///< scheduled faults left out, by number
    struct {
        uint64_t from, to;
    } lost[SIM_LOST]; ///< messages left out, by number: from .. to - 1
    size_t lost_count;
};

/// A validator set that the network is on its way to.
struct sim_set {
    bool member[SIM_MAX]; ///< by node
    size_t count;
    address_t validators[SIM_MAX]; ///< ascending
};

/// Everything drawn before the first event.
struct plan {
    uint32_t features;
    uint64_t lat_min_us;
    uint64_t lat_mean_us;
    uint32_t loss_pm, dup_pm, tail_pm, replay_pm, step_crash_pm;
    uint64_t period_ms;
    bool period_is_ms;
    uint64_t empty_period_ms;
    uint64_t timeout_ms;
    uint64_t timeout_cap_ms;
    uint64_t epoch;
    enum qbft_wire wire;
    uint64_t sync_us; ///< of a guard's save
    uint64_t tx_every_us;
    uint64_t heal_us;       ///< at the latest, faults stop
    bool liar[SIM_MAX];     ///< drawn as one, even if it is made honest
    size_t queue_max;       ///< jobs of a signer that wait; what does not fit is lost
    size_t sizes[SIM_SETS]; ///< of the validator set, one after another
    size_t size_count;
    struct sim_set sets[SIM_SETS];
    uint64_t heights_per_size;
    bool contract; ///< from the first block on
    struct qbft_transition switches[SIM_SWITCHES];
    size_t switch_count;
    struct fault faults[SIM_FAULTS];
    size_t fault_count;
};

/// --- blocks (blocks.c): a cheap state instead of execution; header, extraData and seals are real

struct sim_block {
    struct qbft_block b;
    struct sim_block *older; ///< all that were ever final, for the network's memory
};

/// --- messages

/// One message as it was sent: decoded and recovered once, delivered to many.
struct wire {
    enum qbft_code code;
    bytes_t bytes;
    struct qbft_message m;
    bool ok;       ///< decodes, all authors recover
    size_t signer; ///< who signed it
};

/// What was ever signed by a correct node at one height.
struct said {
    struct said *next;
    size_t author;
    enum qbft_code code;
    uint32_t round;
    hash_t digest;
    hash_t block;
    bool has_prepared;
    uint32_t prepared_round;
};

/// A proposal that anybody made: what digest names which block.
struct proposed {
    struct proposed *next;
    uint32_t round;
    hash_t digest;
    hash_t block;
};

struct height_log {
    struct said *said;
    struct proposed *proposed;
    bool has_chosen;
    hash_t chosen; ///< a quorum may have committed it
    uint32_t chosen_round;
    const struct sim_block *final;
    uint64_t set_tag; ///< of the validators of the next height; 0: nobody has asked yet
};

/// --- nodes

enum job_kind { JOB_PERSIST, JOB_SIGN };

struct persist_job {
    struct persist_job *next;
    uint64_t seq;
    struct guard_record record;
};

struct sim_node {
    address_t address;
    uint64_t tag_key;
    struct secret_key *key;
    size_t position; ///< in the order of joining
    bool byz;
    uint32_t behaviour; ///< bits

    bool up;
    uint64_t life; ///< counts starts
    uint64_t paused_until;
    bool wants_crash; ///< dies before the next effect
    int64_t clock_offset_us;
    int64_t clock_drift_ppm;
    uint64_t last_now_ms;

    // In memory.
    struct arena core_arena;
    struct qbft *core;
    struct qbft_effects fx;
    struct qbft_effect items[4 * QBFT_EFFECTS_ROOM];
    struct block_timer block_timer;
    uint64_t block_timer_id;
    uint64_t round_timer_id;
    uint64_t round_timer_height;
    uint32_t round_timer_round;
    uint64_t signer_free_us;
    uint64_t executor_free_us;
    struct persist_job *persisting; ///< oldest first
    size_t persisting_count;
    uint64_t tx_seen;
    uint64_t poll_id;
    bool muted;

    // On disk.
    struct guard_record guard;
    bool guard_fails; ///< the next save ends the process
    bool store_fails; ///< the next block to be written does
    uint64_t disk_full_until;
    uint64_t silent_through; ///< written when a guard is made anew
    uint64_t dumb_through;   ///< in memory: the guard was ahead of the chain at the start
    uint64_t head;
    const struct sim_block *chain[SIM_HEIGHTS + 1];
    struct qbft_tally tally; ///< of head + 1; rebuilt at start
    struct arena tally_arena;
    bool has_tally;                ///< false while a contract has the validators
    address_t validators[SIM_MAX]; ///< of head + 1
    size_t validator_count;

    // For the checkers, over all lives.
    uint64_t said_height;
    struct {
        uint64_t height;
        uint32_t round;
        hash_t digest;
    } checked[128]; ///< the last CHECKs that were answered with yes
    size_t checked_count;
};

enum event_kind {
    EV_DELIVER,   ///< a consensus message
    EV_BLOCKS,    ///< a sealed block from a peer
    EV_ASK,       ///< somebody wants blocks
    EV_OWN,       ///< signed: multicast, then the own core
    EV_SIGN,      ///< the signer's turn
    EV_PERSISTED, ///< the guard's save ends
    EV_BUILT,
    EV_CHECKED,
    EV_COMMITTED,
    EV_BLOCK_TIMER,
    EV_ROUND_TIMER,
    EV_POLL,
    EV_TX,
    EV_FAULT,
    EV_START,
    EV_HEAL,
};

struct event {
    uint64_t at_us;
    uint64_t seq;
    enum event_kind kind;
    uint32_t node;
    uint64_t life; ///< 0: for whichever life
    union {
        struct wire *wire;
        struct qbft_send *send;
        struct {
            const struct sim_block *block;
            uint32_t from;
        } blocks;
        struct {
            uint64_t number;
            uint32_t from;
        } ask;
        uint64_t id;
        struct {
            uint64_t height;
            uint32_t round;
            bool allow_empty;
            uint64_t timestamp_s;
        } build;
        struct {
            uint64_t height;
            uint32_t round;
            hash_t digest;
            bytes_t raw;
        } check;
        struct {
            const struct sim_block *block;
        } commit;
        uint64_t tx;
        size_t fault;
    };
};

/// --- coverage marks: rare states that a campaign must have seen

enum mark {
    MARK_REPROPOSED,       ///< a prepared block was proposed again and decided
    MARK_ROUND_5,          ///< somebody was in round 5 or above
    MARK_JUMP,             ///< f+1 round changes pulled a node along
    MARK_HELD,             ///< a node stayed in its round because it was alone there
    MARK_RESUMED_LOCKED,   ///< restarted holding a certificate
    MARK_RESUMED_ROUND,    ///< restarted in a round above 0
    MARK_TWO_CERTIFICATES, ///< certificates of two rounds at one height
    MARK_CONFLICTING,      ///< ... for different blocks
    MARK_FUTURE_USED,      ///< an early message was kept and used
    MARK_SYNCED,           ///< a block came from a peer
    MARK_SILENT,           ///< a guard was ahead of the chain, or lost
    MARK_SET_GREW,
    MARK_SET_SHRANK,
    MARK_LATE_DECISION, ///< decided in a round above 0
    MARK_EVIDENCE,
    MARK_BLAMED,
    MARK_IDLE_WAIT,     ///< nothing was worth a block
    MARK_MID_SEND,      ///< died in the middle of a multicast
    MARK_SAVED_UNSENT,  ///< died with the record saved and nothing sent
    MARK_UNSAVED,       ///< died with a record that never reached the disk
    MARK_CONFLICT_SELF, ///< a node heard its own key elsewhere
    MARK_BY_CONTRACT,   ///< a contract named another set than before
    MARK_MODE_SWITCH,   ///< from votes to a contract, or back
    MARK_SET_NAMED,     ///< a transition named the set
    MARK_PERIOD_SWITCH, ///< a transition changed a period or a timeout
    MARK_ON_DEMAND,     ///< nothing was to be done, so no block was made
    MARK_QUEUE_FULL,    ///< the signer had no room for one more record
    MARK_STORE_FULL,    ///< no space for a block
    MARK_STORE_FAILED,  ///< a block could not be written
    MARK_COUNT,
};
const char *mark_name(enum mark m);

struct sim_counts {
    uint64_t marks[MARK_COUNT];
    uint64_t behaviours[B_COUNT]; ///< times each was acted out
    uint64_t faults[FAULT_KINDS];
    uint64_t events, messages, blocks, lost, steps;
};

enum violation_kind {
    V_NONE,
    V_AGREEMENT,
    V_VALIDITY,
    V_CONTRADICTION,
    V_LOCK,
    V_CHOSEN, ///< a correct node prepares against what may be decided
    V_INTEGRITY,
    V_EVIDENCE,
    V_BOUNDS,
    V_PERSIST,
    V_DIGEST,
    V_GUARD,   ///< the guard refuses what the core wants to say
    V_REFUSED, ///< a correct node's message is blamed
    V_LIVENESS,
    V_IDLE, ///< does not fall back to the memory and work of a quiet network
    V_PLAN, ///< the simulator itself broke the assumption that at most f lie
    V_KINDS,
};
const char *violation_name(enum violation_kind k);

struct sim_result {
    enum violation_kind violation;
    char text[256];
    uint64_t at_us;
    uint64_t step;
    uint64_t hash; ///< of all events and effects
    struct sim_counts counts;
};

struct sim {
    struct sim_options o;
    struct plan plan;
    struct rng rng[RNG_COUNT];
    struct arena arena;   ///< of the run
    struct arena scratch; ///< of one step
    struct buf buf;       ///< of one encoding
    uint64_t now_us;
    uint64_t seq;
    struct event *heap;
    size_t heap_count;
    size_t heap_cap;

    size_t n;
    struct sim_node nodes[SIM_MAX];
    struct chain_config config;
    struct sim_block *genesis;
    struct height_log log[SIM_HEIGHTS + 2];
    uint64_t top; ///< highest final block
    uint64_t tx_count;

    // The network.
    uint64_t clogged_until[SIM_MAX][SIM_MAX];
    uint64_t last_at[SIM_MAX][SIM_MAX]; ///< links keep their order unless F_REORDER
    struct wire *handling;              ///< the message of this step
    uint8_t group[SIM_MAX];             ///< of a partition
    bool one_way;                       ///< ... from group 1 to group 0 only
    uint64_t partition_until;
    struct wire **seen; ///< everything ever sent, for replays
    size_t seen_count;
    size_t seen_cap;

    bool healed;
    uint64_t heal_top;
    uint64_t deadline_us;
    bool done;

    size_t signing; ///< whose key the crypto of this call has
    struct sim_result *result;
};

/// --- sim.c

/// One run. `result` is complete afterwards.
void sim_run(const struct sim_options *o, struct sim_result *result);
struct event *sim_post(struct sim *s, uint64_t at_us, enum event_kind kind, size_t node);
/// As sim_post, for this life of the node only.
struct event *sim_post_alive(struct sim *s, uint64_t at_us, enum event_kind kind, size_t node);
/// The run is over: a rule is broken. The first one counts.
void sim_violate(struct sim *s, enum violation_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/// Adds to the running hash.
void sim_mix(struct sim *s, uint64_t value);
void sim_mark(struct sim *s, enum mark m);
bool has_feature(const struct sim *s, enum feature f);
bytes_t sim_keep(struct sim *s, bytes_t in);
/// A cleared object of the run.
void *sim_alloc(struct sim *s, size_t size);
#define SIM_NEW(S, TYPE) ((TYPE *)sim_alloc((S), sizeof(TYPE)))
struct qbft_crypto sim_crypto(struct sim *s, size_t signer);
/// NULL if nobody has this address.
struct sim_node *sim_find(struct sim *s, const address_t *who);
size_t sim_index(const struct sim *s, const struct sim_node *v);

/// --- faults.c

void plan_make(struct sim *s);
void plan_print(const struct sim *s, FILE *out);
void fault_begin(struct sim *s, size_t i);
/// All trouble but the Byzantine ends.
void sim_heal(struct sim *s);

/// --- node.c

void node_start(struct sim *s, struct sim_node *v);
/// Dies now; what was not saved is gone.
void node_crash(struct sim *s, struct sim_node *v);
void node_handle(struct sim *s, struct sim_node *v, const struct event *e);
uint64_t node_now_ms(const struct sim *s, struct sim_node *v);
/// Transactions wait.
bool node_has_work(const struct sim_node *v);
/// Looks at the block timer again.
void node_look(struct sim *s, struct sim_node *v);

/// --- disk.c

void disk_persist(struct sim *s, struct sim_node *v, uint64_t seq, const struct guard_record *r);
/// A save ends. @return true if PERSISTED is due
bool disk_persisted(struct sim *s, struct sim_node *v, uint64_t *seq);
/// The process is gone: the save under way is on disk or not.
void disk_crash(struct sim *s, struct sim_node *v);

/// --- sets.c

/// The sets and the transitions of a run.
void sets_plan(struct sim *s);
/// Finds the validators of head + 1 anew, as after a start.
void sets_rebuild(struct sim *s, struct sim_node *v);
/// Follows a new head.
void sets_follow(struct sim *s, struct sim_node *v);
/// Whom to vote in or out. @return false if nobody
bool sets_wish(const struct sim *s, const struct sim_node *v, address_t *who, bool *add);
/// Whether a vote may pass without more than f of the set lying. Blocks with others are invalid
/// here: nothing is proven about a network that more than f liars are voted into.
bool sets_bears(struct sim *s, const struct sim_node *v, const address_t *who, bool add);

/// --- blocks.c

void blocks_genesis(struct sim *s);
struct sim_block *sim_block_decode(struct sim *s, bytes_t raw);
/// What the builder makes. Empty if nothing is worth a block.
bytes_t sim_block_build(struct sim *s, struct sim_node *v, uint32_t round, uint64_t timestamp_s,
                        bool allow_empty);
/// Production header rules and the state's root.
err_t sim_block_check(struct sim *s, const struct sim_node *v, const struct qbft_block *b,
                      bool sealed, uint64_t now_ms);
/// The same block sealed.
struct sim_block *sim_block_seal(struct sim *s, const struct qbft_block *b, uint32_t round,
                                 const secp_sig_t *seals, size_t count);
/// Another block of the same height and proposer; `how` picks what is wrong with it.
enum twist { TWIST_SALT, TWIST_ROOT, TWIST_GAS, TWIST_TIME, TWIST_VOTE, TWIST_VALIDATORS };
bytes_t sim_block_twist(struct sim *s, const struct qbft_block *b, enum twist how, uint64_t salt,
                        const address_t *coinbase, uint32_t round);
uint64_t sim_block_tx_done(const struct sim_block *b);

/// --- net.c

struct wire *wire_make(struct sim *s, size_t signer, const struct qbft_send *send);
/// As wire_make, with other bytes: what is embedded is decoded and recovered as usual.
void net_send(struct sim *s, size_t from, size_t to, struct wire *w, uint64_t extra_us);
void net_multicast(struct sim *s, size_t from, struct wire *w);
void net_relay(struct sim *s, size_t by, struct wire *w);
void net_send_block(struct sim *s, size_t from, size_t to, const struct sim_block *b);
void net_ask(struct sim *s, size_t from, size_t to, uint64_t number);

/// --- byzantine.c

bool acts(const struct sim_node *v, enum behaviour b);
void byz_draw(struct sim *s, struct sim_node *v, uint64_t arg);
/// A message of its own core is ready. @return true if it was dealt with
bool byz_on_own(struct sim *s, struct sim_node *v, struct wire *w);
/// A message arrived at a Byzantine node.
void byz_on_message(struct sim *s, struct sim_node *v, struct wire *w);
void byz_on_head(struct sim *s, struct sim_node *v);
/// @return true if the request was answered with a lie
bool byz_on_ask(struct sim *s, struct sim_node *v, size_t to, uint64_t number);

/// --- checkers.c

/// A correct node signs.
void check_send(struct sim *s, struct sim_node *v, const struct qbft_send *send,
                const struct wire *w);
/// Anybody signs a proposal.
void check_proposed(struct sim *s, const struct wire *w);
/// A correct node has a new final block.
void check_final(struct sim *s, struct sim_node *v, const struct sim_block *b);
void check_answered(struct sim *s, struct sim_node *v, uint64_t height, uint32_t round,
                    const hash_t *digest);
/// Before and after a step of a correct node.
struct step_memory {
    const struct qbft_payload *rival; ///< of the message: another vote in its place
    uint32_t round;
    size_t future;
    uint64_t height;
};
void check_before(struct sim *s, struct sim_node *v, const struct qbft_event *ev,
                  struct step_memory *m);
void check_after(struct sim *s, struct sim_node *v, const struct qbft_event *ev, err_t err,
                 const struct step_memory *m);
/// Whether every correct node made progress after the healing.
bool check_alive(const struct sim *s);
/// ... and that nothing is left of the trouble.
/// @param report  it is a violation
bool check_quiet(struct sim *s, bool report);

/// --- shrink.c

/// Drops what is not needed for the violation, greedily, and prints what is left.
void sim_shrink(const struct sim_options *o, const struct sim_result *first);

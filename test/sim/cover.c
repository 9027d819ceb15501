// SPDX-License-Identifier: Apache-2.0
/// Names, and counting what was seen.

#include "test/sim/sim.h"

const char *feature_name(enum feature f)
{
    static const char *const names[F_COUNT] = {
        [F_LOSS] = "loss",
        [F_DUPLICATES] = "duplicates",
        [F_TAIL] = "tail",
        [F_REORDER] = "reorder",
        [F_CLOG] = "clog",
        [F_PARTITION] = "partition",
        [F_REPLAY] = "replay",
        [F_CRASH] = "crash",
        [F_CRASH_STEP] = "crash-step",
        [F_PAUSE] = "pause",
        [F_CLOCK] = "clock",
        [F_SLOW_DISK] = "slow-disk",
        [F_DISK_FAILS] = "disk-fails",
        [F_OLD_STORE] = "old-store",
        [F_GUARD_LOST] = "guard-lost",
        [F_ADAPTIVE] = "adaptive",
        [F_SET_CHANGE] = "set-change",
        [F_BYZANTINE] = "byzantine",
        [F_RELAY] = "relay",
        [F_IDLE] = "idle",
        [F_BAD_BUILDER] = "bad-builder",
        [F_CONTRACT] = "contract",
        [F_TRANSITION] = "transition",
        [F_ON_DEMAND] = "on-demand",
    };
    return names[f];
}

const char *behaviour_name(enum behaviour b)
{
    static const char *const names[B_COUNT] = {
        [B_SILENT] = "silent",       [B_CRASH] = "crash",         [B_TWO_HALVES] = "two-halves",
        [B_PER_PEER] = "per-peer",   [B_VOTE_ALL] = "vote-all",   [B_COMMIT_FIRST] = "commit-first",
        [B_SELECTIVE] = "selective", [B_WITHHOLD] = "withhold",   [B_RC_EMPTY] = "rc-empty",
        [B_RC_FORGED] = "rc-forged", [B_RC_CLAIM] = "rc-claim",   [B_JUSTIFY] = "justify",
        [B_FUTURE] = "future",       [B_REPLAY] = "replay",       [B_BAD_BLOCK] = "bad-block",
        [B_BAD_SEAL] = "bad-seal",   [B_SYNC_LIES] = "sync-lies", [B_ROUND_RUSH] = "round-rush",
        [B_AMNESIA] = "amnesia",     [B_RC_STALE] = "rc-stale",   [B_RC_SPLIT] = "rc-split",
    };
    return names[b];
}

const char *fault_name(enum fault_kind k)
{
    static const char *const names[FAULT_KINDS] = {
        [FAULT_CRASH] = "crash",
        [FAULT_CRASH_ALL] = "crash all",
        [FAULT_PAUSE] = "pause",
        [FAULT_PARTITION] = "partition",
        [FAULT_CLOG] = "clog",
        [FAULT_DISK_FAILS] = "disk fails",
        [FAULT_DISK_FULL] = "disk full",
        [FAULT_OLD_STORE] = "old store",
        [FAULT_GUARD_LOST] = "guard lost",
        [FAULT_CLOCK] = "clock",
        [FAULT_FLIP] = "flip behaviour",
    };
    return names[k];
}

const char *mark_name(enum mark m)
{
    static const char *const names[MARK_COUNT] = {
        [MARK_REPROPOSED] = "prepared block proposed again",
        [MARK_ROUND_5] = "round 5 or above",
        [MARK_JUMP] = "jump by f+1",
        [MARK_HELD] = "held in a round",
        [MARK_RESUMED_LOCKED] = "restart holding a certificate",
        [MARK_RESUMED_ROUND] = "restart in a later round",
        [MARK_TWO_CERTIFICATES] = "certificates of two rounds",
        [MARK_CONFLICTING] = "conflicting certificates",
        [MARK_FUTURE_USED] = "early message used",
        [MARK_SYNCED] = "block from a peer",
        [MARK_SILENT] = "silent height",
        [MARK_SET_GREW] = "validator set grew",
        [MARK_SET_SHRANK] = "validator set shrank",
        [MARK_LATE_DECISION] = "decided in a later round",
        [MARK_EVIDENCE] = "evidence",
        [MARK_BLAMED] = "blamed",
        [MARK_IDLE_WAIT] = "nothing worth a block",
        [MARK_MID_SEND] = "died within a multicast",
        [MARK_SAVED_UNSENT] = "died saved, unsent",
        [MARK_UNSAVED] = "died unsaved",
        [MARK_CONFLICT_SELF] = "own key elsewhere",
        [MARK_BY_CONTRACT] = "set changed by a contract",
        [MARK_MODE_SWITCH] = "votes to contract or back",
        [MARK_SET_NAMED] = "set named by a transition",
        [MARK_PERIOD_SWITCH] = "period changed by a transition",
        [MARK_ON_DEMAND] = "no block without demand",
        [MARK_QUEUE_FULL] = "signer's queue full",
        [MARK_STORE_FULL] = "no space for a block",
        [MARK_STORE_FAILED] = "block not written",
    };
    return names[m];
}

const char *violation_name(enum violation_kind k)
{
    static const char *const names[V_KINDS] = {
        [V_NONE] = "none",
        [V_AGREEMENT] = "agreement",
        [V_VALIDITY] = "validity",
        [V_CONTRADICTION] = "no contradiction",
        [V_LOCK] = "lock",
        [V_CHOSEN] = "what may be decided stays",
        [V_INTEGRITY] = "integrity",
        [V_EVIDENCE] = "evidence",
        [V_BOUNDS] = "bounds",
        [V_PERSIST] = "persist before send",
        [V_DIGEST] = "votes name a proposed block of their round",
        [V_GUARD] = "guard",
        [V_REFUSED] = "correct messages are not blamed",
        [V_LIVENESS] = "liveness",
        [V_IDLE] = "quiet after trouble",
        [V_PLAN] = "the plan of the run",
    };
    return names[k];
}

void sim_mark(struct sim *s, enum mark m)
{
    s->result->counts.marks[m]++;
}

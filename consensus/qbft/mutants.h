// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Planted bugs: what the simulator must find, or it is the simulator that is broken. A program
/// of `make mutants` is built with CAIRN_MUTANT set to one of them; everywhere else MUTANT() is
/// the constant false and leaves no trace.

enum qbft_mutant {
    MUTANT_QUORUM_LESS_ONE,     ///< a quorum has one member fewer
    MUTANT_LOCK_NOT_CARRIED,    ///< RoundChanges forget what was prepared
    MUTANT_GUARD_NOT_PERSISTED, ///< what goes to disk is the record of before
    MUTANT_SEND_BEFORE_PERSIST, ///< messages leave at once
    MUTANT_NO_JUSTIFICATION,    ///< any Proposal of a later round is justified
    MUTANT_DUPLICATE_AUTHORS,   ///< one author may fill a quorum alone
    MUTANT_ROUND_NOT_IN_DIGEST, ///< Prepare and Commit name the block of round 0
    MUTANT_OWN_NOT_VALIDATED,   ///< the own proposal is accepted unseen
    MUTANT_STALE_HEIGHT,        ///< messages of heights that are over still count
    MUTANT_TIMER_NOT_RESET,     ///< a new round has no timer
};

#ifdef CAIRN_MUTANT
#define MUTANT(WHICH) (CAIRN_MUTANT == MUTANT_##WHICH)
#else
#define MUTANT(WHICH) false
#endif

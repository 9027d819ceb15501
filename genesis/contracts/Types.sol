// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// States of a round, in the order of its life. `Evaluate` is used once evaluators exist.
enum RoundPhase {
    None, // 0
    Open, // 1: participants commit
    Sealed, // 2: commits are closed, the seed is not drawn
    Reveal, // 3: participants reveal
    Select, // 4: anyone runs the policy
    Aggregate, // 5: aggregators post, rank after rank
    Evaluate, // 6
    Challenge, // 7: the aggregate is posted, its window runs
    Finalised, // 8: a version exists, rewards can be claimed
    Paid, // 9: all is claimed or the claim deadline has passed
    Failed, // 10
    Cancelled // 11
}

/// What became of one participant of a round.
enum Status {
    None, // 0
    Committed, // 1
    Revealed, // 2
    Accepted, // 3
    Refused, // 4: by a check at reveal or by the policy
    Duplicate, // 5: as good as equal to an earlier commit
    Unavailable, // 6
    NoReveal // 7
}

/// Why a reveal was recorded as refused. `Policy`: the selection rule left it out.
enum Refusal {
    None, // 0
    Base, // 1: trained from another version than the round's base
    Dimension, // 2: another number of parameters than the family's
    Weight, // 3: declared weight zero
    Stake, // 4: bond below the round's minimum
    Member, // 5: no member any more
    Norm, // 6: sketch beyond the norm bound
    ChildRound, // 7: names a child round, and this federation has none
    Policy // 8
}

/// Why a round failed.
enum Failure {
    None, // 0
    TooFewCommits, // 1
    TooFewReveals, // 2
    Policy, // 3: the policy reverted, had no code or answered nonsense
    NoAggregate // 4: every rank let its window pass
}

/// Origin of a model version.
enum Kind {
    Genesis, // 0
    RoundAggregate, // 1
    FineTune, // 2
    Merge, // 3
    Distilled, // 4
    Quantised, // 5
    Import // 6
}

/// Life of a version. `Deployed` is derived: some channel points at an approved version.
enum VersionState {
    None, // 0
    Candidate, // 1
    Approved, // 2
    Deployed, // 3
    Retired // 4
}

// Roles that are bonded separately. The numbers above 1 belong to roles that do not exist yet.
uint8 constant ROLE_PARTICIPANT = 0;
uint8 constant ROLE_AGGREGATOR = 1;
uint8 constant ROLES = 2;

// Reasons in `Slashed` and in `ReputationChanged`.
uint8 constant REASON_ACCEPTED = 1;
uint8 constant REASON_ACCEPTED_HARMFUL = 2;
uint8 constant REASON_REFUSED = 3;
uint8 constant REASON_NO_REVEAL = 4;
uint8 constant REASON_FRAUD = 5;
uint8 constant REASON_ENROLLED = 6;
uint8 constant REASON_AGGREGATE_LATE = 7;

/// What a family fixes for its rounds. The first four never change after creation.
struct FamilyParams {
    bytes32 nameHash; // keccak256 of the name
    bytes32 taskSpecHash; // keccak256 of the task's description
    uint32 paramCount; // d, number of parameters
    uint8 quantScale; // F, fractional bits of the fixed point
    address policy; // IAggregationPolicy, one that governance allows
    uint8 f; // faulty participants that the policy must bear
    uint16 wMax; // cap of one participant's weight, 1..64
    uint64 clip; // C, L2 bound of one update in units of 2^-F
    uint32 lrNum; // W' = W + floorDiv(A * lrNum, S * lrDen)
    uint32 lrDen;
    uint16 slashBpsNoReveal; // of the participant's bond
    uint16 slashBpsAggLate; // of a skipped aggregator's bond
}

/// What the opener of a round chooses. Fixed while the round runs.
struct RoundParams {
    uint8 mode; // 0 = OPEN
    uint8 seedSpan; // s, blocks whose hashes make a seed, 1..8
    uint16 nMin; // commits below which the round fails
    uint16 nMax; // commits at which the window closes, at most 40
    uint32 minBlocks; // least length of each window in blocks
    uint32 commitSeconds;
    uint32 revealSeconds;
    uint32 aggregateSeconds; // window of one rank
    uint32 challengeSeconds;
    uint32 claimSeconds; // after it, unclaimed rewards go to the treasury
    uint128 pool; // R, taken from the family's pool
}

/// The fields of a commit's digest after `participant`, in the order in which they are hashed. A
/// hash that is not used is zero.
struct Reveal {
    bytes32 baseVersionId;
    bytes32 updRoot;
    bytes32 updSha256;
    uint256 d;
    uint256 weight;
    bytes32 clcHash;
    bytes32 manifestHash;
    bytes32 trainingHash;
    bytes32 dpClaimHash;
    bytes32 attestationHash;
    uint256 childRoundId;
    bytes32 salt;
}

/// What an aggregator claims to have computed.
struct Aggregate {
    bytes32 aggRoot; // merkle root of A = sum w_i u_i, int32 chunks
    bytes32 aggSha256;
    bytes32 newModelRoot; // merkle root of W'
    bytes32 newFileSha256; // sha256 of the ST-C1 file of W'
    uint64 sizeBytes; // of that file
    bytes32 cardHash; // of the model card, zero without one
}

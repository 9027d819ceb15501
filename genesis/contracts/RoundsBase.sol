// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IMembers, IModelRegistry, IReputation, IRewards} from "./Interfaces.sol";
import {NotAllowed, Unknown, WrongState} from "./Errors.sol";
import {Aggregate, Refusal, Reveal, RoundPhase, Status} from "./Types.sol";

/// @title What the two parts of Rounds share
/// @notice Storage, events and small helpers. One contract would be larger than EIP-170 allows, so
/// `Rounds` runs what it does not have itself by delegatecall in `RoundsExtension`: a fixed address,
/// set at construction. Both have the same storage because both have nothing but this.
abstract contract RoundsBase is ReentrancyGuardTransient {
    /// First word of a digest's pre-image.
    bytes32 public constant COMMIT_TYPEHASH = keccak256(
        "Commit(uint256 chainid,address rounds,uint256 roundId,address participant,bytes32 baseVersionId,bytes32 updRoot,bytes32 updSha256,uint256 d,uint256 weight,bytes32 clcHash,bytes32 manifestHash,bytes32 trainingHash,bytes32 dpClaimHash,bytes32 attestationHash,uint256 childRoundId,bytes32 salt)"
    );

    /// Most participants of a round, since selection is one transaction.
    uint256 public constant MAX_PARTICIPANTS = 40;
    /// Most that all weights of a round may add up to.
    uint256 public constant MAX_TOTAL_WEIGHT = 1024;
    /// Most commits with which one participant may replace its first.
    uint256 public constant MAX_RECOMMITS = 16;
    uint256 internal constant SKETCH_BYTES = 2048;
    uint256 internal constant CLC_BYTES = 8192;

    /// One participant of one round.
    struct Entry {
        bytes32 digest;
        uint32 index; // serial number of its last commit
        uint16 commits; // how often it committed
        uint16 weight; // min(declared, wMax)
        uint8 status; // Status up to Refused at reveal; see statusOf for what selection made of it
        uint8 refusal;
        bytes32 updRoot;
        bytes32 sketchHash;
        bytes32 clcHash;
        uint256 score;
    }

    /// One round. Read it through `roundInfo`.
    struct Round {
        uint8 state;
        uint8 mode;
        uint8 f;
        uint8 seedSpan;
        uint16 nMin;
        uint16 nMax;
        uint16 wMax;
        uint16 bpsNoReveal;
        uint16 bpsAggLate;
        uint16 revealed; // how many have revealed, refused ones included
        uint16 eligible; // how many of them go into selection
        uint8 failure;
        uint8 rank; // of the aggregator that posted
        uint32 serial; // index of the next commit
        uint32 number; // of the round within its family
        uint32 minBlocks;
        uint32 commitSeconds;
        uint32 revealSeconds;
        uint32 aggregateSeconds;
        uint32 challengeSeconds;
        uint32 lrNum;
        uint32 lrDen;
        uint40 phaseTime; // when the current state began
        uint48 phaseBlock;
        uint40 closeTime; // when commits closed
        uint48 closeBlock;
        uint48 seedBlock;
        address policy;
        uint64 accepted; // bit p: the p-th participant in order of commit
        uint32 paramCount;
        address aggregator;
        uint64 duplicates;
        uint32 totalWeight; // S
        uint128 pool;
        uint128 minBond;
        uint64 clip;
        bytes32 family;
        bytes32 baseVersion;
        bytes32 acc;
        bytes32 seed1;
        bytes32 resultVersion;
        uint256[3] weights; // effective weights, 16 of uint16 per word
        Aggregate aggregate;
    }

    /// Who may take part, and who aggregates.
    IMembers public immutable members;
    /// Families and versions.
    IModelRegistry public immutable registry;
    /// What rounds move.
    IReputation public immutable reputation;
    /// Bonds and pools.
    IRewards public immutable rewards;
    /// The DAO's timelock.
    address public immutable timelock;
    /// The network's block period. A challenge window lasts at least half its time in such blocks.
    uint32 public immutable blockPeriodMs;

    /// Identifier of the next round.
    uint256 public nextRoundId;
    /// Rounds of a family so far.
    mapping(bytes32 family => uint32) public roundsOf;
    /// keccak256(abi.encode(roundId, participant, digest, updRoot, weight, status, score, reward, resultVersionId))
    mapping(uint256 roundId => mapping(address participant => bytes32)) public receipts;

    mapping(uint256 roundId => Round) internal _rounds;
    mapping(uint256 roundId => address[]) internal _participants;
    mapping(uint256 roundId => address[]) internal _aggregators;
    mapping(uint256 roundId => mapping(address participant => Entry)) internal _entries;
    mapping(uint256 roundId => mapping(bytes32 updRoot => uint256)) internal _firstIndex; // plus one

    /// Commits are taken until `commitDeadline` (seconds) at least.
    event RoundOpened(
        uint256 indexed roundId,
        bytes32 indexed family,
        bytes32 indexed baseVersion,
        address policy,
        uint64 commitDeadline
    );
    /// `participant` is bound to `digest`; `index` orders commits.
    event Committed(uint256 indexed roundId, address indexed participant, bytes32 digest, uint32 index);
    /// Follows `Committed` when it replaced an earlier commit.
    event Recommitted(uint256 indexed roundId, address indexed participant, uint32 oldIndex, uint32 index);
    /// Seed number `k`, from the hashes of the blocks up to `fromBlock`.
    event SeedDrawn(uint256 indexed roundId, uint8 indexed k, bytes32 seed, uint64 fromBlock);
    /// The seed was not drawn while its blocks were readable; it now comes from those up to `seedBlock`.
    event SeedRearmed(uint256 indexed roundId, uint8 indexed k, uint64 seedBlock);
    /// `participant` opened its commit; `weight` is capped, zero if refused.
    event Revealed(
        uint256 indexed roundId,
        address indexed participant,
        bytes32 indexed updRoot,
        uint32 weight,
        bytes32 manifestHash
    );
    /// Follows `Revealed` when a check failed: no weight, no slash.
    event Refused(uint256 indexed roundId, address indexed participant, uint8 reason);
    /// `participant` committed and did not reveal.
    event NoReveal(uint256 indexed roundId, address indexed participant, uint256 slashed);
    /// `acceptedBitmap` and `scores` are by position in `participants(roundId)`.
    event Selected(uint256 indexed roundId, uint64 acceptedBitmap, uint256[] scores);
    /// `aggregator` claims this result; `totalWeight` is the sum of effective weights.
    event Aggregated(
        uint256 indexed roundId,
        address indexed aggregator,
        bytes32 indexed aggRoot,
        bytes32 newFileSha256,
        uint32 totalWeight
    );
    /// What a round says of one participant for ever; its hash is in `receipts`.
    event ContributionProven(
        uint256 indexed roundId,
        address indexed participant,
        bytes32 indexed version,
        bytes32 digest,
        uint32 weight,
        uint8 status,
        uint256 score,
        uint256 reward
    );
    /// The round entered this RoundPhase.
    event RoundState(uint256 indexed roundId, uint8 indexed state);
    /// Why the round ended in state Failed.
    event RoundFailed(uint256 indexed roundId, uint8 reason);

    /// What both parts are given, with equal values.
    struct Wiring {
        IMembers members;
        IModelRegistry registry;
        IReputation reputation;
        IRewards rewards;
        address timelock;
        uint32 blockPeriodMs;
    }

    constructor(Wiring memory w) {
        members = w.members;
        registry = w.registry;
        reputation = w.reputation;
        rewards = w.rewards;
        timelock = w.timelock;
        blockPeriodMs = w.blockPeriodMs;
    }

    /// Gas that a policy gets for `n` inputs.
    function policyGas(uint256 n) public pure returns (uint256) {
        return 700_000 + 8_000 * n * n;
    }

    /// Whose window it is in state Aggregate, and its rank; zero after the last rank. In other
    /// states the rank that would begin.
    function currentAggregator(uint256 roundId) public view returns (address who, uint256 rank) {
        Round storage r = _rounds[roundId];
        if (r.state == uint8(RoundPhase.Aggregate)) {
            uint256 byTime = (block.timestamp - r.phaseTime) / r.aggregateSeconds;
            uint256 byBlock = (block.number - r.phaseBlock) / r.minBlocks;
            rank = byTime < byBlock ? byTime : byBlock;
        }
        if (rank < _aggregators[roundId].length) who = _aggregatorAt(roundId, r, rank);
    }

    /// The digest that `participant` commits to when it will reveal `v`.
    function commitDigest(uint256 roundId, address participant, Reveal calldata v) public view returns (bytes32) {
        return keccak256(abi.encode(COMMIT_TYPEHASH, block.chainid, address(this), roundId, participant, v));
    }

    /// Ends a round without a result: the pool goes back, all stakes are free.
    function _end(uint256 roundId, Round storage r, RoundPhase state) internal {
        _enter(roundId, r, state);
        rewards.release(roundId);
        address[] memory who = _participants[roundId];
        for (uint256 p = 0; p < who.length; p++) rewards.unlock(who[p]);
    }

    function _enter(uint256 roundId, Round storage r, RoundPhase state) internal {
        r.state = uint8(state);
        r.phaseTime = uint40(block.timestamp);
        r.phaseBlock = uint48(block.number);
        emit RoundState(roundId, uint8(state));
    }

    function _in(uint256 roundId, RoundPhase want) internal view returns (Round storage r) {
        r = _rounds[roundId];
        if (r.state == 0) revert Unknown(bytes32(roundId));
        if (r.state != uint8(want)) revert WrongState(roundId, r.state, uint8(want));
    }

    /// Least length of the current window in blocks.
    function _windowBlocks(Round storage r) internal view returns (uint256 blocks) {
        blocks = r.minBlocks;
        if (r.state == uint8(RoundPhase.Challenge) && blockPeriodMs != 0) {
            uint256 half = (uint256(r.challengeSeconds) * 500) / blockPeriodMs;
            if (half > blocks) blocks = half;
        }
    }

    function _onlyOwnerOrGovernance(bytes32 family) internal view {
        if (msg.sender != timelock && msg.sender != registry.familyOwner(family)) revert NotAllowed(msg.sender);
    }

    function _aggregatorAt(uint256 roundId, Round storage r, uint256 rank) internal view returns (address) {
        address[] storage list = _aggregators[roundId];
        return list[(r.number + rank) % list.length];
    }

    function _isInput(uint256 roundId, address who) internal view returns (bool) {
        Entry storage e = _entries[roundId][who];
        return e.status == uint8(Status.Revealed) && _firstIndex[roundId][e.updRoot] == uint256(e.index) + 1;
    }

    function _statusAt(uint256 roundId, Round storage r, address who, uint256 position)
        internal
        view
        returns (Status status, Refusal refusal, uint32 weight, uint256 score)
    {
        Entry storage e = _entries[roundId][who];
        status = Status(e.status);
        refusal = Refusal(e.refusal);
        score = e.score;
        if (status != Status.Revealed || r.accepted == 0) return (status, refusal, e.weight, score);
        if ((r.accepted >> position) & 1 == 1) return (Status.Accepted, refusal, _weightAt(r, position), score);
        if ((r.duplicates >> position) & 1 == 1) return (Status.Duplicate, refusal, 0, score);
        return (Status.Refused, Refusal.Policy, 0, score);
    }

    function _weightAt(Round storage r, uint256 position) internal view returns (uint32) {
        return uint32((r.weights[position / 16] >> (16 * (position % 16))) & type(uint16).max);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IAggregationPolicy, IMembers, IModelRegistry, IReputation, IRewards} from "./Interfaces.sol";
import {BadLength, BadParameter, Tainted, TooFewInputs, Unknown, WeightTooLarge} from "./Errors.sol";
import {
    FamilyParams,
    ROLE_AGGREGATOR,
    ROLE_PARTICIPANT,
    Refusal,
    RoundParams,
    RoundPhase,
    Status,
    VersionState
} from "./Types.sol";
import {RoundsBase} from "./RoundsBase.sol";

/// @title The part of Rounds that opens rounds and answers questions
/// @notice Called at the address of `Rounds`, which delegates here. At its own address it has no
/// rounds, and no other contract gives it any right.
contract RoundsExtension is RoundsBase {
    /// Least `minBlocks` of a round: 10 in production.
    uint32 public immutable minBlocksFloor;

    constructor(
        IMembers members_,
        IModelRegistry registry_,
        IReputation reputation_,
        IRewards rewards_,
        address timelock_,
        uint32 minBlocksFloor_,
        uint32 blockPeriodMs_
    ) RoundsBase(Wiring(members_, registry_, reputation_, rewards_, timelock_, blockPeriodMs_)) {
        if (minBlocksFloor_ == 0) revert BadParameter("minBlocksFloor");
        minBlocksFloor = minBlocksFloor_;
    }

    /// Opens a round on `baseVersion`. Only the family's owner or governance. Takes the pool from
    /// the family's, and fixes parameters and the list of bonded aggregators.
    function openRound(bytes32 family, bytes32 baseVersion, RoundParams calldata p)
        external
        nonReentrant
        returns (uint256 roundId)
    {
        _onlyOwnerOrGovernance(family);
        FamilyParams memory fp = registry.familyParams(family);
        _checkParams(fp, p);
        (bytes32 baseFamily, VersionState baseState, bool revoked) = registry.versionInfo(baseVersion);
        if (baseFamily != family || baseState == VersionState.Retired) revert Unknown(baseVersion);
        if (revoked) revert Tainted(baseVersion);

        roundId = nextRoundId++;
        Round storage r = _rounds[roundId];
        r.mode = p.mode;
        r.f = fp.f;
        r.seedSpan = p.seedSpan;
        r.nMin = p.nMin;
        r.nMax = p.nMax;
        r.wMax = fp.wMax;
        r.bpsNoReveal = fp.slashBpsNoReveal;
        r.bpsAggLate = fp.slashBpsAggLate;
        r.number = roundsOf[family]++;
        r.minBlocks = p.minBlocks;
        r.commitSeconds = p.commitSeconds;
        r.revealSeconds = p.revealSeconds;
        r.aggregateSeconds = p.aggregateSeconds;
        r.challengeSeconds = p.challengeSeconds;
        r.lrNum = fp.lrNum;
        r.lrDen = fp.lrDen;
        r.policy = fp.policy;
        r.paramCount = fp.paramCount;
        r.clip = fp.clip;
        r.pool = p.pool;
        r.minBond = rewards.minBond(ROLE_PARTICIPANT);
        r.family = family;
        r.baseVersion = baseVersion;
        _listAggregators(roundId);
        emit RoundOpened(roundId, family, baseVersion, fp.policy, uint64(block.timestamp) + p.commitSeconds);
        _enter(roundId, r, RoundPhase.Open);
        rewards.reserve(roundId, family, p.pool, p.claimSeconds);
    }

    /// Ends a round that is still open. Only the family's owner or governance.
    function cancel(uint256 roundId) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Open);
        _onlyOwnerOrGovernance(r.family);
        _end(roundId, r, RoundPhase.Cancelled);
    }

    /// Finalised -> Paid: everything is claimed, or the claim deadline has passed.
    function closePayments(uint256 roundId) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Finalised);
        _enter(roundId, r, RoundPhase.Paid);
        rewards.close(roundId);
    }

    /// Asks a policy and checks the form of its answer; reverts if anything is wrong with either.
    function runPolicy(
        address policy,
        uint8 f,
        bytes calldata sketches,
        uint32[] calldata weights,
        uint32[] calldata reps
    ) external view returns (uint64 accepted, uint32[] memory effective, uint256[] memory scores) {
        uint256 n = weights.length;
        (accepted, effective, scores) = IAggregationPolicy(policy).select(n, f, sketches, weights, reps);
        if (accepted == 0 || accepted >> n != 0) revert TooFewInputs(0, 1);
        if (effective.length != n || scores.length != n) revert BadLength(effective.length);
        for (uint256 i = 0; i < n; i++) {
            if (effective[i] > weights[i]) revert WeightTooLarge(effective[i], weights[i]);
            if ((effective[i] != 0) != ((accepted >> i) & 1 == 1)) revert WeightTooLarge(effective[i], 0);
        }
    }

    /// Everything stored about a round but its lists.
    function roundInfo(uint256 roundId) external view returns (Round memory) {
        if (_rounds[roundId].state == 0) revert Unknown(bytes32(roundId));
        return _rounds[roundId];
    }

    /// State of a round, None if there is none.
    function stateOf(uint256 roundId) external view returns (RoundPhase) {
        return RoundPhase(_rounds[roundId].state);
    }

    /// The seed of a round, zero until it is drawn.
    function seedOf(uint256 roundId) external view returns (bytes32) {
        return _rounds[roundId].seed1;
    }

    /// Everyone who committed, in order of the last commit. Positions in bitmaps refer to it.
    function participants(uint256 roundId) external view returns (address[] memory) {
        return _participants[roundId];
    }

    /// What a participant committed and revealed.
    function entryOf(uint256 roundId, address participant) external view returns (Entry memory) {
        return _entries[roundId][participant];
    }

    /// What became of a participant so far: status, reason of a refusal, effective weight, score.
    function statusOf(uint256 roundId, address participant)
        public
        view
        returns (Status status, Refusal refusal, uint32 weight, uint256 score)
    {
        address[] storage who = _participants[roundId];
        for (uint256 p = 0; p < who.length; p++) {
            if (who[p] == participant) return _statusAt(roundId, _rounds[roundId], participant, p);
        }
    }

    /// Effective weights after selection, by position; zero where refused.
    function effectiveWeights(uint256 roundId) external view returns (uint32[] memory weights) {
        weights = new uint32[](_participants[roundId].length);
        for (uint256 p = 0; p < weights.length; p++) weights[p] = _weightAt(_rounds[roundId], p);
    }

    /// Whose sketches `select` takes, in which order: who revealed and was not refused, without
    /// those that revealed the very update of an earlier commit.
    function selectionInputs(uint256 roundId) external view returns (address[] memory list) {
        address[] storage who = _participants[roundId];
        list = new address[](who.length);
        uint256 n = 0;
        for (uint256 p = 0; p < who.length; p++) if (_isInput(roundId, who[p])) list[n++] = who[p];
        assembly ("memory-safe") {
            mstore(list, n)
        }
    }

    /// Aggregators of a round in the order of the registry, fixed at opening.
    function aggregatorsOf(uint256 roundId) external view returns (address[] memory) {
        return _aggregators[roundId];
    }

    /// When the current state's window ends: it is over when both have come. In state Aggregate
    /// the window of the last rank; in Sealed the block after which the seed can be drawn; zero in
    /// states without a window.
    function deadlineOf(uint256 roundId) external view returns (uint64 time, uint64 blockNumber, bool passed) {
        Round storage r = _rounds[roundId];
        RoundPhase s = RoundPhase(r.state);
        uint256 span;
        if (s == RoundPhase.Open) span = r.commitSeconds;
        else if (s == RoundPhase.Reveal) span = r.revealSeconds;
        else if (s == RoundPhase.Challenge) span = r.challengeSeconds;
        else if (s == RoundPhase.Sealed) return (0, r.seedBlock + 1, block.number > r.seedBlock);
        else if (s != RoundPhase.Aggregate) return (0, 0, false);
        uint256 m = 1;
        if (s == RoundPhase.Aggregate) (m, span) = (_aggregators[roundId].length, r.aggregateSeconds);
        time = uint64(r.phaseTime + m * span);
        blockNumber = uint64(r.phaseBlock + m * _windowBlocks(r));
        passed = block.timestamp >= time && block.number >= blockNumber;
    }

    function _checkParams(FamilyParams memory fp, RoundParams calldata p) private view {
        if (p.mode != 0) revert BadParameter("mode");
        if (p.seedSpan == 0 || p.seedSpan > 8) revert BadParameter("seedSpan");
        if (p.nMax == 0 || p.nMax > MAX_PARTICIPANTS) revert BadParameter("nMax");
        if (p.nMin == 0 || p.nMin > p.nMax) revert BadParameter("nMin");
        uint256 most = uint256(p.nMax) * fp.wMax;
        if (most > MAX_TOTAL_WEIGHT) revert WeightTooLarge(most, MAX_TOTAL_WEIGHT);
        // F = seedSpan - 1 censoring proposers must not fill a window.
        if (p.minBlocks < minBlocksFloor || p.minBlocks < uint256(p.seedSpan) + 1 || p.minBlocks > 1 << 24) {
            revert BadParameter("minBlocks");
        }
        if (p.commitSeconds == 0 || p.revealSeconds == 0 || p.aggregateSeconds == 0 || p.challengeSeconds == 0) {
            revert BadParameter("seconds");
        }
        if (
            p.commitSeconds > 365 days || p.revealSeconds > 365 days || p.aggregateSeconds > 365 days
                || p.challengeSeconds > 365 days
        ) revert BadParameter("seconds");
        if (!registry.policyAllowed(fp.policy)) revert BadParameter("policy");
    }

    function _listAggregators(uint256 roundId) private {
        address[] memory all = members.aggregators();
        uint256 need = rewards.minBond(ROLE_AGGREGATOR);
        address[] storage list = _aggregators[roundId];
        for (uint256 i = 0; i < all.length; i++) {
            if (rewards.allowed(all[i], address(this)) && rewards.bonded(all[i], ROLE_AGGREGATOR) >= need) {
                list.push(all[i]);
            }
        }
        if (list.length == 0) revert TooFewInputs(0, 1);
    }
}

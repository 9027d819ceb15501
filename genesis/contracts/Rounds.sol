// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IAggregationPolicy, IMembers, IModelRegistry, IReputation, IRewards} from "./Interfaces.sol";
import {
    AlreadyDone,
    BadLength,
    BadParameter,
    BadProof,
    DigestMismatch,
    GasTooLow,
    NotAggregator,
    NotAllowed,
    NotCommitted,
    NotMember,
    StakeTooLow,
    TooEarly,
    TooLate
} from "./Errors.sol";
import {
    Aggregate,
    Failure,
    REASON_ACCEPTED,
    REASON_AGGREGATE_LATE,
    REASON_NO_REVEAL,
    REASON_REFUSED,
    ROLE_AGGREGATOR,
    ROLE_PARTICIPANT,
    Refusal,
    Reveal,
    RoundPhase,
    Status
} from "./Types.sol";
import {RoundsBase} from "./RoundsBase.sol";
import {RoundsExtension} from "./RoundsExtension.sol";
import {SketchMath} from "./policies/SketchMath.sol";

/// @title Rounds of federated learning
/// @notice Open -> Sealed -> Reveal -> Select -> Aggregate -> Challenge -> Finalised -> Paid.
///
/// Participants commit to a salted digest of their update. When commits are closed a seed is drawn
/// from blocks that did not exist yet, and everyone reveals a sketch of its update under that seed:
/// nobody could fit an update to it. A policy selects on the sketches, an aggregator posts the
/// weighted sum, and after a challenge window the result is a new model version that is paid for.
///
/// Every step that is not somebody's own contribution is open to anyone, and each window ends by
/// itself or when all have acted; so no round hangs on one absent party. A window is over when its
/// time and its number of blocks are both over: a chain that stood still swallows nobody's window.
contract Rounds is RoundsBase, EIP712 {
    /// EIP-712 struct of a commit that somebody else sends; `seq` counts the participant's commits.
    bytes32 public constant COMMIT_BY_SIG_TYPEHASH =
        keccak256("CommitBySig(uint256 roundId,address participant,bytes32 digest,uint256 seq,uint256 deadline)");

    /// The part that opens rounds and answers questions; see RoundsBase.
    RoundsExtension public immutable extension;

    constructor(
        IMembers members_,
        IModelRegistry registry_,
        IReputation reputation_,
        IRewards rewards_,
        address timelock_,
        uint32 blockPeriodMs_,
        RoundsExtension extension_,
        uint256 firstRoundId
    )
        RoundsBase(Wiring(members_, registry_, reputation_, rewards_, timelock_, blockPeriodMs_))
        EIP712("Cairn Rounds", "1")
    {
        if (firstRoundId == 0) revert BadParameter("firstRoundId");
        if (address(extension_).code.length == 0) revert BadParameter("extension");
        extension = extension_;
        nextRoundId = firstRoundId;
    }

    /// Runs any other function in the extension, on this contract's storage.
    fallback() external {
        address to = address(extension);
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    // ------------------------------------------------------------------ commits

    /// Commits the caller, a bonded member, to a digest. A second commit replaces the first and
    /// takes a new, last index.
    function commit(uint256 roundId, bytes32 digest) external nonReentrant {
        _commit(roundId, msg.sender, digest);
    }

    /// Commits `participant` by its EIP-712 signature (or ERC-1271). Anyone may send it.
    function commitBySig(uint256 roundId, address participant, bytes32 digest, uint256 deadline, bytes calldata sig)
        external
        nonReentrant
    {
        if (block.timestamp > deadline) revert TooLate(deadline);
        uint256 seq = _entries[roundId][participant].commits;
        bytes32 hash = _hashTypedDataV4(
            keccak256(abi.encode(COMMIT_BY_SIG_TYPEHASH, roundId, participant, digest, seq, deadline))
        );
        if (!SignatureChecker.isValidSignatureNow(participant, hash, sig)) revert BadProof();
        _commit(roundId, participant, digest);
    }

    /// Ends the commit window once it is over. Its block decides which blocks make the seed.
    function closeCommits(uint256 roundId) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Open);
        _requirePassed(r, r.commitSeconds);
        _closeCommits(roundId, r);
    }

    /// Draws the seed (k = 1) from the hashes of the last `seedSpan` blocks up to the seed block. If
    /// they cannot be read any more, the call instead chooses a new seed block.
    function drawSeed(uint256 roundId, uint8 k) external nonReentrant {
        if (k != 1) revert BadParameter("k");
        Round storage r = _in(roundId, RoundPhase.Sealed);
        uint256 b = r.seedBlock;
        uint256 s = r.seedSpan;
        if (block.number <= b) revert TooEarly(b + 1);
        if (block.number > b - s + 257) {
            r.seedBlock = uint48(block.number + s + 1);
            emit SeedRearmed(roundId, k, r.seedBlock);
            return;
        }
        // abi.encode("CAIRN-SEED", k, chainid, this, roundId, acc, hashes...) for any number of hashes.
        bytes memory pre = abi.encode((6 + s) * 32, uint256(k), block.chainid, address(this), roundId, r.acc);
        for (uint256 i = 0; i < s; i++) {
            bytes32 h = blockhash(b - i);
            if (h == 0) revert TooEarly(b + 1);
            pre = bytes.concat(pre, h);
        }
        r.seed1 = keccak256(bytes.concat(pre, abi.encode(uint256(10), bytes32("CAIRN-SEED"))));
        emit SeedDrawn(roundId, k, r.seed1, uint64(b));
        _enter(roundId, r, RoundPhase.Reveal);
    }

    // ------------------------------------------------------------------ reveals

    /// Opens the caller's commit and attaches the sketch of its update under the round's seed.
    /// Reverts for what the caller can repair; a check that fails for another reason is recorded
    /// as a refusal, which costs no stake.
    /// @param clc packed linear commitment, empty if `v.clcHash` is zero
    function reveal(uint256 roundId, Reveal calldata v, bytes calldata sketch, bytes calldata clc)
        external
        nonReentrant
    {
        Round storage r = _in(roundId, RoundPhase.Reveal);
        Entry storage e = _entries[roundId][msg.sender];
        if (e.status == uint8(Status.None)) revert NotCommitted(msg.sender);
        if (e.status != uint8(Status.Committed)) revert AlreadyDone();
        _requireNotPassed(r, r.revealSeconds);
        if (commitDigest(roundId, msg.sender, v) != e.digest) revert DigestMismatch();
        if (clc.length != (v.clcHash == 0 ? 0 : CLC_BYTES)) revert BadLength(clc.length);
        if (v.clcHash != 0 && keccak256(clc) != v.clcHash) revert DigestMismatch();
        uint256 norm = SketchMath.squaredNorm(sketch);

        Refusal refusal = _check(r, v, norm);
        uint256 weight = v.weight < r.wMax ? v.weight : r.wMax;
        e.updRoot = v.updRoot;
        e.sketchHash = keccak256(sketch);
        if (v.clcHash != 0) e.clcHash = v.clcHash;
        e.refusal = uint8(refusal);
        r.revealed++;
        if (refusal == Refusal.None) {
            e.status = uint8(Status.Revealed);
            e.weight = uint16(weight);
            r.eligible++;
            uint256 first = _firstIndex[roundId][v.updRoot];
            if (first == 0 || e.index + 1 < first) _firstIndex[roundId][v.updRoot] = uint256(e.index) + 1;
        } else {
            e.status = uint8(Status.Refused);
            weight = 0;
        }
        emit Revealed(roundId, msg.sender, v.updRoot, uint32(weight), v.manifestHash);
        if (refusal != Refusal.None) emit Refused(roundId, msg.sender, uint8(refusal));
        if (r.revealed == _participants[roundId].length) _closeReveals(roundId, r);
    }

    /// Ends the reveal window once it is over: who did not reveal loses stake and reputation, and
    /// the round goes on with the others if they are enough. `select` does the same by itself.
    function closeReveals(uint256 roundId) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Reveal);
        _requirePassed(r, r.revealSeconds);
        _closeReveals(roundId, r);
    }

    // ------------------------------------------------------------------ selection

    /// Runs the round's policy.
    /// @param sketches those of `selectionInputs(roundId)`, in that order, 2048 bytes each
    function select(uint256 roundId, bytes calldata sketches) external nonReentrant {
        Round storage r = _rounds[roundId];
        if (r.state == uint8(RoundPhase.Reveal)) {
            _requirePassed(r, r.revealSeconds);
            _closeReveals(roundId, r);
            if (r.state == uint8(RoundPhase.Failed)) return;
        }
        _in(roundId, RoundPhase.Select);
        (uint256[] memory positions, uint32[] memory weights, uint32[] memory reps) = _inputs(roundId, r, sketches);

        // The policy gets a fixed amount of gas. With less at hand the call reverts: nobody can
        // fail a round by starving its policy.
        uint256 gasFor = policyGas(positions.length);
        uint256 need = (gasFor * 64) / 63 + 100_000 + 40_000 * positions.length;
        if (gasleft() < need) revert GasTooLow(gasleft(), need);
        try extension.runPolicy{gas: gasFor}(r.policy, r.f, sketches, weights, reps) returns (
            uint64 accepted, uint32[] memory effective, uint256[] memory scores
        ) {
            _applySelection(roundId, r, positions, accepted, effective, scores);
        } catch {
            _fail(roundId, r, Failure.Policy);
        }
    }

    // ------------------------------------------------------------------ aggregate

    /// Posts the aggregate and the model made from it. Only the aggregator whose window it is.
    function postAggregate(uint256 roundId, Aggregate calldata a) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Aggregate);
        (address want, uint256 rank) = currentAggregator(roundId);
        if (want == address(0)) revert TooLate(rank);
        if (msg.sender != want) revert NotAggregator(msg.sender, want);
        if (a.newFileSha256 == 0) revert BadParameter("newFileSha256");
        if (!rewards.allowed(want, address(this))) revert NotAllowed(want);
        r.aggregate = a;
        r.aggregator = want;
        r.rank = uint8(rank);
        emit Aggregated(roundId, want, a.aggRoot, a.newFileSha256, r.totalWeight);
        _enter(roundId, r, RoundPhase.Challenge);
        rewards.lock(want);
    }

    /// Fails a round in which every rank let its window pass. Nobody pays: late and impossible
    /// look the same.
    function expire(uint256 roundId) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Aggregate);
        (address who, uint256 rank) = currentAggregator(roundId);
        if (who != address(0)) revert TooEarly(rank + 1);
        _fail(roundId, r, Failure.NoAggregate);
    }

    // ------------------------------------------------------------------ end

    /// Ends the challenge window once it is over: registers the version, divides the pool, moves
    /// reputations and stores everyone's receipt.
    function finalise(uint256 roundId) external nonReentrant {
        Round storage r = _in(roundId, RoundPhase.Challenge);
        _requirePassed(r, r.challengeSeconds);
        Aggregate storage a = r.aggregate;
        bytes32 version = registry.registerFromRound(
            roundId, r.family, r.baseVersion, a.newFileSha256, a.newModelRoot, a.sizeBytes, a.cardHash
        );
        r.resultVersion = version;
        _enter(roundId, r, RoundPhase.Finalised);

        uint256[] memory shares = _settle(roundId, r);
        address[] memory who = _participants[roundId];
        uint256 k = 0;
        for (uint256 p = 0; p < who.length; p++) {
            bool isAccepted = (r.accepted >> p) & 1 == 1;
            _prove(roundId, r, who[p], p, isAccepted ? shares[k++] : 0);
            rewards.unlock(who[p]);
        }
        rewards.unlock(r.aggregator);
        for (uint256 rank = 0; rank < r.rank; rank++) {
            address late = _aggregatorAt(roundId, r, rank);
            rewards.slash(roundId, late, ROLE_AGGREGATOR, r.bpsAggLate, REASON_AGGREGATE_LATE);
        }
    }

    // ------------------------------------------------------------------ inside

    function _commit(uint256 roundId, address who, bytes32 digest) private {
        Round storage r = _in(roundId, RoundPhase.Open);
        _requireNotPassed(r, r.commitSeconds);
        if (digest == 0) revert BadParameter("digest");
        if (!members.isMember(who)) revert NotMember(who);
        // Stake that this contract may not reach is none. Where no bond is asked for, `allow` is.
        bool reachable = rewards.allowed(who, address(this));
        uint256 have = reachable ? rewards.bonded(who, ROLE_PARTICIPANT) : 0;
        if (have < r.minBond || !reachable) revert StakeTooLow(have, r.minBond);

        Entry storage e = _entries[roundId][who];
        address[] storage list = _participants[roundId];
        uint32 oldIndex = e.index;
        uint16 times = e.commits;
        if (times != 0) {
            if (times > MAX_RECOMMITS) revert AlreadyDone();
            _moveToEnd(list, who);
        } else {
            list.push(who);
        }
        uint32 index = r.serial++;
        r.acc = keccak256(abi.encode(r.acc, who, digest));
        e.digest = digest;
        e.index = index;
        e.commits = times + 1;
        e.status = uint8(Status.Committed);
        emit Committed(roundId, who, digest, index);
        if (times != 0) emit Recommitted(roundId, who, oldIndex, index);
        else rewards.lock(who);
        if (list.length == r.nMax) _closeCommits(roundId, r);
    }

    function _moveToEnd(address[] storage list, address who) private {
        uint256 last = list.length - 1;
        uint256 i = 0;
        while (list[i] != who) i++;
        for (; i < last; i++) list[i] = list[i + 1];
        list[last] = who;
    }

    function _closeCommits(uint256 roundId, Round storage r) private {
        if (_participants[roundId].length < r.nMin) {
            _fail(roundId, r, Failure.TooFewCommits);
            return;
        }
        r.closeTime = uint40(block.timestamp);
        r.closeBlock = uint48(block.number);
        r.seedBlock = uint48(block.number + r.seedSpan + 1);
        _enter(roundId, r, RoundPhase.Sealed);
    }

    /// The norm bound is ||t||^2 <= 8 * C^2 * 5/4.
    function _check(Round storage r, Reveal calldata v, uint256 norm) private view returns (Refusal) {
        if (v.baseVersionId != r.baseVersion) return Refusal.Base;
        if (v.d != r.paramCount) return Refusal.Dimension;
        if (v.weight == 0) return Refusal.Weight;
        if (v.childRoundId != 0) return Refusal.ChildRound;
        if (!members.isMember(msg.sender)) return Refusal.Member;
        if (rewards.bonded(msg.sender, ROLE_PARTICIPANT) < r.minBond) return Refusal.Stake;
        if (norm > 10 * uint256(r.clip) * r.clip) return Refusal.Norm;
        return Refusal.None;
    }

    function _closeReveals(uint256 roundId, Round storage r) private {
        address[] memory who = _participants[roundId];
        for (uint256 p = 0; p < who.length && r.revealed < who.length; p++) {
            Entry storage e = _entries[roundId][who[p]];
            if (e.status != uint8(Status.Committed)) continue;
            e.status = uint8(Status.NoReveal);
            uint256 slashed =
                rewards.slash(roundId, who[p], ROLE_PARTICIPANT, r.bpsNoReveal, REASON_NO_REVEAL);
            emit NoReveal(roundId, who[p], slashed);
            reputation.record(who[p], roundId, REASON_NO_REVEAL);
        }
        _enter(roundId, r, RoundPhase.Select);
        (bool ok, bytes memory answer) =
            r.policy.staticcall{gas: 100_000}(abi.encodeCall(IAggregationPolicy.minInputs, (r.f)));
        // No code answers with success and nothing; a call starved of gas leaves too little to fail the round.
        if (!ok || answer.length != 32) _fail(roundId, r, Failure.Policy);
        else if (r.eligible == 0 || r.eligible < abi.decode(answer, (uint256))) {
            _fail(roundId, r, Failure.TooFewReveals);
        }
    }

    function _inputs(uint256 roundId, Round storage r, bytes calldata sketches)
        private
        view
        returns (uint256[] memory positions, uint32[] memory weights, uint32[] memory reps)
    {
        address[] memory who = _participants[roundId];
        positions = new uint256[](who.length);
        weights = new uint32[](who.length);
        reps = new uint32[](who.length);
        uint256 n = 0;
        for (uint256 p = 0; p < who.length; p++) {
            if (!_isInput(roundId, who[p])) continue;
            Entry storage e = _entries[roundId][who[p]];
            if (sketches.length < (n + 1) * SKETCH_BYTES) revert BadLength(sketches.length);
            bytes calldata one = sketches[n * SKETCH_BYTES:(n + 1) * SKETCH_BYTES];
            if (keccak256(one) != e.sketchHash) revert DigestMismatch();
            positions[n] = p;
            weights[n] = e.weight;
            reps[n] = reputation.pastReputation(who[p], r.closeBlock, r.closeTime);
            n++;
        }
        if (sketches.length != n * SKETCH_BYTES) revert BadLength(sketches.length);
        assembly ("memory-safe") {
            mstore(positions, n)
            mstore(weights, n)
            mstore(reps, n)
        }
    }

    function _applySelection(
        uint256 roundId,
        Round storage r,
        uint256[] memory positions,
        uint64 acceptedInputs,
        uint32[] memory effective,
        uint256[] memory scores
    ) private {
        uint256[] memory scoreAt = new uint256[](_participants[roundId].length);
        uint256[3] memory packed;
        uint256 accepted = 0;
        uint256 duplicates = 0;
        uint256 total = 0;
        for (uint256 i = 0; i < positions.length; i++) {
            uint256 p = positions[i];
            if ((acceptedInputs >> i) & 1 == 1) {
                accepted |= 1 << p;
                packed[p / 16] |= uint256(effective[i]) << (16 * (p % 16));
                total += effective[i];
            } else if (scores[i] == type(uint256).max) {
                duplicates |= 1 << p;
                continue;
            }
            scoreAt[p] = scores[i];
        }
        for (uint256 i = 0; i < 3; i++) if (packed[i] != 0) r.weights[i] = packed[i];
        r.accepted = uint64(accepted);
        r.duplicates = uint64(duplicates | _storeScores(roundId, scoreAt));
        r.totalWeight = uint32(total);
        emit Selected(roundId, uint64(accepted), scoreAt);
        _enter(roundId, r, RoundPhase.Aggregate);
    }

    /// @return twins positions that revealed the very update of an earlier commit
    function _storeScores(uint256 roundId, uint256[] memory scoreAt) private returns (uint256 twins) {
        address[] memory who = _participants[roundId];
        for (uint256 p = 0; p < who.length; p++) {
            Entry storage e = _entries[roundId][who[p]];
            if (scoreAt[p] != 0) e.score = scoreAt[p];
            if (e.status == uint8(Status.Revealed) && !_isInput(roundId, who[p])) twins |= 1 << p;
        }
    }

    function _settle(uint256 roundId, Round storage r) private returns (uint256[] memory shares) {
        address[] memory who = _participants[roundId];
        address[] memory accepted = new address[](who.length);
        uint256[] memory weights = new uint256[](who.length);
        uint256 n = 0;
        for (uint256 p = 0; p < who.length; p++) {
            if ((r.accepted >> p) & 1 == 0) continue;
            accepted[n] = who[p];
            weights[n++] = _weightAt(r, p);
        }
        assembly ("memory-safe") {
            mstore(accepted, n)
            mstore(weights, n)
        }
        return rewards.settle(roundId, accepted, weights, r.aggregator);
    }

    /// Receipt and reputation of one participant.
    function _prove(uint256 roundId, Round storage r, address who, uint256 position, uint256 reward) private {
        (Status status,, uint32 weight, uint256 score) = _statusAt(roundId, r, who, position);
        Entry storage e = _entries[roundId][who];
        receipts[roundId][who] = keccak256(
            abi.encode(roundId, who, e.digest, e.updRoot, weight, uint8(status), score, reward, r.resultVersion)
        );
        emit ContributionProven(
            roundId, who, r.resultVersion, e.digest, weight, uint8(status), score, reward
        );
        if (status == Status.Accepted) reputation.record(who, roundId, REASON_ACCEPTED);
        else if (status != Status.NoReveal) reputation.record(who, roundId, REASON_REFUSED);
    }

    function _fail(uint256 roundId, Round storage r, Failure why) private {
        r.failure = uint8(why);
        emit RoundFailed(roundId, uint8(why));
        _end(roundId, r, RoundPhase.Failed);
    }

    function _requirePassed(Round storage r, uint256 span) private view {
        if (block.timestamp < r.phaseTime + span) revert TooEarly(r.phaseTime + span);
        uint256 last = r.phaseBlock + _windowBlocks(r);
        if (block.number < last) revert TooEarly(last);
    }

    function _requireNotPassed(Round storage r, uint256 span) private view {
        uint256 end = r.phaseTime + span;
        if (block.timestamp >= end && block.number >= r.phaseBlock + _windowBlocks(r)) revert TooLate(end);
    }

}

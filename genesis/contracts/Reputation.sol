// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDirectory, IReputation} from "./Interfaces.sol";
import {BadParameter, NotAllowed, Unknown} from "./Errors.sol";
import {
    REASON_ACCEPTED,
    REASON_ACCEPTED_HARMFUL,
    REASON_REFUSED,
    REASON_NO_REVEAL,
    REASON_FRAUD,
    REASON_ENROLLED
} from "./Types.sol";

/// @title What a member's past contributions say about it
/// @notice Parts per million, 500 000 at the start. Rounds move it by shifts; without activity it
/// drifts back to 500 000 by 1/64 of the distance per 30 days. The drift is computed when asked
/// and never stored by asking, so nobody gains by choosing the moment. Zero means fraud and stays.
/// @dev A checkpoint holds (time << 32 | ppm), keyed by block number.
contract Reputation is IReputation {
    using Checkpoints for Checkpoints.Trace208;

    /// What a new member has, and where everyone drifts to.
    uint32 public constant START = 500_000;
    /// The most.
    uint32 public constant FULL = 1_000_000;
    /// Time of one step of the drift.
    uint256 public constant DECAY_PERIOD = 30 days;
    /// One step is 1/2^6 of the distance.
    uint256 public constant DECAY_SHIFT = 6;
    bytes32 private constant ROUNDS = "Rounds";

    /// Where the contracts are listed that may write.
    IDirectory public immutable directory;
    /// The DAO's timelock.
    address public immutable timelock;
    /// The list of members, which enrols.
    address public immutable members;

    /// Shift of each rule, by reason. A larger shift is a smaller step.
    mapping(uint8 reason => uint8) public shiftOf;

    mapping(address who => Checkpoints.Trace208) private _history;

    /// Reputation of `who` went from `before` to `now` because of `reason`.
    event ReputationChanged(address indexed who, uint256 indexed roundId, uint32 before, uint32 now, uint8 reason);
    /// Governance changed the size of a step.
    event ShiftSet(uint8 indexed reason, uint8 shift);

    constructor(IDirectory directory_, address timelock_, address members_) {
        directory = directory_;
        timelock = timelock_;
        members = members_;
        shiftOf[REASON_ACCEPTED] = 3;
        shiftOf[REASON_ACCEPTED_HARMFUL] = 4;
        shiftOf[REASON_REFUSED] = 3;
        shiftOf[REASON_NO_REVEAL] = 2;
    }

    /// Sets the step of one rule to 1/2^shift.
    function setShift(uint8 reason, uint8 shift) external {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        if (reason == 0 || reason > REASON_NO_REVEAL) revert BadParameter("reason");
        if (shift == 0 || shift > 16) revert BadParameter("shift");
        shiftOf[reason] = shift;
        emit ShiftSet(reason, shift);
    }

    /// Gives `who` its first reputation. Whoever had one before keeps it. Only Members.
    function enrol(address who) external {
        if (msg.sender != members) revert NotAllowed(msg.sender);
        if (_history[who].length() == 0) _write(who, 0, 0, START, REASON_ENROLLED);
    }

    /// Applies the rule `reason` to `who`. Only Rounds.
    function record(address who, uint256 roundId, uint8 reason) external {
        if (!directory.isListed(ROUNDS, msg.sender)) revert NotAllowed(msg.sender);
        uint32 before = reputation(who);
        uint32 next;
        if (before == 0) {
            next = 0; // fraud stays; no rule below comes to zero from above
        } else if (reason == REASON_ACCEPTED) {
            next = before + ((FULL - before) >> shiftOf[reason]);
        } else if (reason == REASON_ACCEPTED_HARMFUL || reason == REASON_REFUSED || reason == REASON_NO_REVEAL) {
            next = before - (before >> shiftOf[reason]);
        } else if (reason != REASON_FRAUD) {
            revert Unknown(bytes32(uint256(reason)));
        }
        _write(who, roundId, before, next, reason);
    }

    /// Reputation of `who` now, in ppm; zero if it never was a member.
    function reputation(address who) public view returns (uint32) {
        return _decayed(_history[who].latest(), block.timestamp);
    }

    /// Reputation of `who` as last written at or before block `blockNumber`, with its drift up to
    /// `timeAsked`.
    function pastReputation(address who, uint48 blockNumber, uint64 timeAsked) external view returns (uint32) {
        return _decayed(_history[who].upperLookupRecent(blockNumber), timeAsked);
    }

    function _write(address who, uint256 roundId, uint32 before, uint32 next, uint8 reason) private {
        uint208 packed = uint208((block.timestamp << 32) | next);
        _history[who].push(SafeCast.toUint48(block.number), packed);
        emit ReputationChanged(who, roundId, before, next, reason);
    }

    /// The loop ends where 1/64 of the distance is less than one: after at most 577 steps.
    function _decayed(uint256 packed, uint256 asked) private pure returns (uint32) {
        uint256 ppm = packed & type(uint32).max;
        uint256 written = packed >> 32;
        if (ppm == 0 || asked <= written) return uint32(ppm);
        bool above = ppm >= START;
        uint256 distance = above ? ppm - START : START - ppm;
        for (uint256 k = (asked - written) / DECAY_PERIOD; k != 0; k--) {
            uint256 step = distance >> DECAY_SHIFT;
            if (step == 0) break;
            distance -= step;
        }
        return uint32(above ? START + distance : START - distance);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IMembers, IReputation} from "./Interfaces.sol";
import {AlreadyDone, BadLength, BadParameter, NotAllowed, NotMember} from "./Errors.sol";

/// @title Who belongs to the consortium
/// @notice The list of members and the ordered list of aggregators. Genesis fills both, the DAO
/// changes them. Membership is checkpointed by block, because a vote counts as of its snapshot.
contract Members is IMembers {
    using Checkpoints for Checkpoints.Trace208;

    /// Most members. The lists are walked, so they are bounded.
    uint256 public constant MAX_MEMBERS = 1024;
    /// Most aggregators.
    uint256 public constant MAX_AGGREGATORS = 16;

    /// The DAO's timelock.
    address public immutable timelock;
    /// Where a new member gets its first reputation.
    IReputation public immutable reputation;

    address[] private _members;
    address[] private _aggregators;
    mapping(address who => Checkpoints.Trace208) private _history;

    /// `who` may take part and vote from now on.
    event MemberAdded(address indexed who);
    /// `who` may not any more.
    event MemberRemoved(address indexed who);
    /// `who` was appended to the rotation.
    event AggregatorAdded(address indexed who);
    /// `who` left the rotation.
    event AggregatorRemoved(address indexed who);

    modifier onlyGovernance() {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        _;
    }

    constructor(
        address timelock_,
        IReputation reputation_,
        address[] memory members_,
        address[] memory aggregators_
    ) {
        timelock = timelock_;
        reputation = reputation_;
        for (uint256 i = 0; i < members_.length; i++) _addMember(members_[i]);
        for (uint256 i = 0; i < aggregators_.length; i++) _addAggregator(aggregators_[i]);
    }

    /// Admits `who`. It starts with reputation 500 000, or with the one it had before.
    function addMember(address who) external onlyGovernance {
        _addMember(who);
    }

    /// Removes `who`. Its running commits are recorded as refused when revealed.
    function removeMember(address who) external onlyGovernance {
        if (!isMember(who)) revert NotMember(who);
        _remove(_members, who);
        _history[who].push(SafeCast.toUint48(block.number), 0);
        emit MemberRemoved(who);
    }

    /// Appends `who` to the aggregators. Rounds that are opened later may be led by it.
    function addAggregator(address who) external onlyGovernance {
        _addAggregator(who);
    }

    /// Removes `who` from the aggregators, keeping the order of the others.
    function removeAggregator(address who) external onlyGovernance {
        _remove(_aggregators, who);
        emit AggregatorRemoved(who);
    }

    /// Whether `who` is a member now.
    function isMember(address who) public view returns (bool) {
        return _history[who].latest() == 1;
    }

    /// Whether `who` was a member at the end of block `blockNumber`.
    function wasMember(address who, uint48 blockNumber) external view returns (bool) {
        return _history[who].upperLookupRecent(blockNumber) == 1;
    }

    /// The members, in no particular order.
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// The aggregators, in the order in which they rotate.
    function aggregators() external view returns (address[] memory) {
        return _aggregators;
    }

    function _addMember(address who) private {
        if (who == address(0)) revert BadParameter("who");
        if (isMember(who)) revert AlreadyDone();
        if (_members.length == MAX_MEMBERS) revert BadLength(MAX_MEMBERS);
        _members.push(who);
        _history[who].push(SafeCast.toUint48(block.number), 1);
        emit MemberAdded(who);
        reputation.enrol(who);
    }

    function _addAggregator(address who) private {
        if (who == address(0)) revert BadParameter("who");
        uint256 m = _aggregators.length;
        if (m == MAX_AGGREGATORS) revert BadLength(m);
        for (uint256 i = 0; i < m; i++) if (_aggregators[i] == who) revert AlreadyDone();
        _aggregators.push(who);
        emit AggregatorAdded(who);
    }

    function _remove(address[] storage list, address who) private {
        uint256 last = list.length;
        if (last == 0) revert NotMember(who);
        last--;
        uint256 i = 0;
        while (list[i] != who) {
            if (i == last) revert NotMember(who);
            i++;
        }
        for (; i < last; i++) list[i] = list[i + 1];
        list.pop();
    }
}

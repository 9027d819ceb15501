// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {CairnToken} from "./CairnToken.sol";
import {IMembers, IReputation} from "./Interfaces.sol";
import {BadLength, BadParameter} from "./Errors.sol";

/// @title The DAO: one token one vote, capped, and weighted by reputation
/// @notice votes(a, t) = min(pastVotes(a, t), capPpm * pastSupply(t) / 1e6)
///                       * (500000 + pastReputation(a, t) / 2) / 1e6
/// where `a` is the delegatee. Everything is read at the proposal's snapshot, and the drift of
/// reputation up to the moment of the proposal, so that no vote depends on when it is cast.
contract CairnGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorTimelockControl
{
    /// Most actions of a proposal.
    uint256 public constant MAX_ACTIONS = 32;
    /// Most undecided proposals of one account.
    uint256 public constant MAX_OPEN = 10;
    uint256 private constant PPM = 1_000_000;

    /// Where the weight of a vote comes from.
    IReputation public immutable reputation;
    /// Who may vote if only members do.
    IMembers public immutable members;
    /// Most votes of one account, in ppm of the supply.
    uint32 public immutable capPpm;
    /// Whether only members vote. Otherwise whoever has no reputation votes at half weight.
    bool public immutable credentialedOnly;
    address private immutable _sentinel;

    mapping(uint256 snapshot => uint64) private _askedAt;
    mapping(address proposer => uint256[]) private _open;

    /// The proposer has MAX_OPEN proposals that are neither decided nor executed.
    error TooManyOpenProposals(address proposer);

    constructor(
        CairnToken token_,
        TimelockController timelock_,
        IReputation reputation_,
        IMembers members_,
        uint48 votingDelay_,
        uint32 votingPeriod_,
        uint256 proposalThreshold_,
        uint256 quorumPpm,
        uint48 lateQuorumExtension,
        uint32 capPpm_,
        bool credentialedOnly_
    )
        Governor("CairnGovernor")
        GovernorSettings(votingDelay_, votingPeriod_, proposalThreshold_)
        GovernorVotes(token_)
        GovernorVotesQuorumFraction(quorumPpm)
        GovernorPreventLateQuorum(lateQuorumExtension)
        GovernorTimelockControl(timelock_)
    {
        if (capPpm_ == 0 || capPpm_ > PPM) revert BadParameter("capPpm");
        reputation = reputation_;
        members = members_;
        capPpm = capPpm_;
        credentialedOnly = credentialedOnly_;
        _sentinel = token_.SENTINEL();
    }

    /// Votes needed: a share of the supply that can vote at all.
    function quorum(uint256 timepoint)
        public
        view
        override(Governor, GovernorVotesQuorumFraction)
        returns (uint256)
    {
        uint256 votable = token().getPastTotalSupply(timepoint) - token().getPastVotes(_sentinel, timepoint);
        return Math.mulDiv(votable, quorumNumerator(timepoint), quorumDenominator());
    }

    /// The quorum's fraction is in parts per million.
    function quorumDenominator() public pure override returns (uint256) {
        return PPM;
    }

    /// Proposals of an account that were undecided when it last proposed.
    function openProposals(address proposer) external view returns (uint256[] memory) {
        return _open[proposer];
    }

    function _getVotes(address account, uint256 timepoint, bytes memory)
        internal
        view
        override(Governor, GovernorVotes)
        returns (uint256)
    {
        if (account == _sentinel) return 0;
        uint48 at = uint48(timepoint);
        uint64 asked = _askedAt[timepoint];
        uint256 rep = reputation.pastReputation(account, at, asked == 0 ? uint64(block.timestamp) : asked);
        if (credentialedOnly && (rep == 0 || !members.wasMember(account, at))) return 0;
        uint256 cap = Math.mulDiv(token().getPastTotalSupply(timepoint), capPpm, PPM);
        uint256 raw = Math.min(token().getPastVotes(account, timepoint), cap);
        return Math.mulDiv(raw, 500_000 + rep / 2, PPM);
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 id) {
        if (targets.length > MAX_ACTIONS) revert BadLength(targets.length);
        uint256[] storage open = _open[proposer];
        for (uint256 i = open.length; i != 0; i--) {
            if (_undecided(open[i - 1])) continue;
            open[i - 1] = open[open.length - 1];
            open.pop();
        }
        if (open.length >= MAX_OPEN) revert TooManyOpenProposals(proposer);
        id = super._propose(targets, values, calldatas, description, proposer);
        open.push(id);
        uint256 snapshot = proposalSnapshot(id);
        if (_askedAt[snapshot] == 0) _askedAt[snapshot] = uint64(block.timestamp);
    }

    function _undecided(uint256 id) private view returns (bool) {
        ProposalState s = state(id);
        return s == ProposalState.Pending || s == ProposalState.Active || s == ProposalState.Succeeded
            || s == ProposalState.Queued;
    }

    /// A snapshot lies before its votes, or tokens could be borrowed for one block.
    function _setVotingDelay(uint48 delay) internal override {
        if (delay == 0) revert BadParameter("votingDelay");
        super._setVotingDelay(delay);
    }

    // What follows only says which of two inherited functions is meant.

    /// @inheritdoc Governor
    function state(uint256 id) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(id);
    }

    /// @inheritdoc Governor
    function proposalNeedsQueuing(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(id);
    }

    /// @inheritdoc GovernorSettings
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc GovernorPreventLateQuorum
    function proposalDeadline(uint256 id)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(id);
    }

    function _tallyUpdated(uint256 id) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(id);
    }

    function _queueOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(id, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(id, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}

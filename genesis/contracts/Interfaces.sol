// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {FamilyParams, VersionState} from "./Types.sol";

// What the system contracts ask of each other.

/// Names to addresses.
interface IDirectory {
    /// The address of `name`, zero if there is none.
    function get(bytes32 name) external view returns (address);
    /// Whether `addr` is, or was and still may act as, `name`.
    function isListed(bytes32 name, address addr) external view returns (bool);
}

/// The lists of members and aggregators.
interface IMembers {
    /// Whether `who` is a member now.
    function isMember(address who) external view returns (bool);
    /// Whether `who` was a member at the end of a block.
    function wasMember(address who, uint48 blockNumber) external view returns (bool);
    /// The aggregators in the order in which they rotate.
    function aggregators() external view returns (address[] memory);
}

/// Reputations in ppm.
interface IReputation {
    /// Gives a new member its first reputation. Only Members.
    function enrol(address who) external;
    /// Applies the rule `reason`. Only Rounds.
    function record(address who, uint256 roundId, uint8 reason) external;
    /// Parts per million, now.
    function reputation(address who) external view returns (uint32);
    /// As written up to a block, drifted up to a time.
    function pastReputation(address who, uint48 blockNumber, uint64 timeAsked) external view returns (uint32);
}

/// Families and versions.
interface IModelRegistry {
    /// Owner of a family, zero if there is none.
    function familyOwner(bytes32 family) external view returns (address);
    /// Parameters of a family.
    function familyParams(bytes32 family) external view returns (FamilyParams memory);
    /// Whether family owners may choose `policy`.
    function policyAllowed(address policy) external view returns (bool);
    /// Family, state and revocation of a version.
    function versionInfo(bytes32 version) external view returns (bytes32 family, VersionState state, bool revoked);
    /// Registers what a round made. Only Rounds.
    function registerFromRound(
        uint256 roundId,
        bytes32 family,
        bytes32 baseVersion,
        bytes32 fileSha256,
        bytes32 modelRoot,
        uint64 size,
        bytes32 cardHash
    ) external returns (bytes32 version);
}

/// Bonds and pools.
interface IRewards {
    /// Least bond of a role.
    function minBond(uint8 role) external view returns (uint128);
    /// Stake of `who` for `role` that is not unbonding.
    function bonded(address who, uint8 role) external view returns (uint256);
    /// Whether `who` lets `rounds` lock and slash its bonds.
    function allowed(address who, address rounds) external view returns (bool);
    /// Sets part of a family's pool aside for a round. Only Rounds.
    function reserve(uint256 roundId, bytes32 family, uint128 amount, uint32 claimSeconds) external;
    /// Gives it back. Only the round's contract.
    function release(uint256 roundId) external;
    /// Holds `who` to a round. Only Rounds that `who` allowed.
    function lock(address who) external;
    /// Undoes one lock.
    function unlock(address who) external;
    /// Takes part of a bond. Only the round's contract.
    function slash(uint256 roundId, address who, uint8 role, uint16 bps, uint8 reason) external returns (uint256);
    /// Divides a round's pool. Only the round's contract.
    function settle(uint256 roundId, address[] calldata accepted, uint256[] calldata weights, address aggregator)
        external
        returns (uint256[] memory shares);
    /// Ends the payment of a round. Only the round's contract.
    function close(uint256 roundId) external;
}

/// A selection rule: a pure function of its inputs, in exact integers.
interface IAggregationPolicy {
    /// Fewest inputs under which the rule keeps its promise for `f` faulty ones.
    function minInputs(uint8 f) external pure returns (uint256);

    /// Selects among `n` inputs in order of commit.
    /// @param sketches n times 256 big-endian int64
    /// @return accepted bit i is set if input i is accepted
    /// @return effectiveWeights zero where refused
    /// @return scores the lower the nearer to the others; type(uint256).max marks a near-duplicate
    function select(uint256 n, uint8 f, bytes calldata sketches, uint32[] calldata weights, uint32[] calldata reps)
        external
        view
        returns (uint64 accepted, uint32[] memory effectiveWeights, uint256[] memory scores);
}

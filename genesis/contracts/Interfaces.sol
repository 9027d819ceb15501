// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {FamilyParams, VersionState} from "./Types.sol";

/// What the system contracts ask of each other.

interface IDirectory {
    function get(bytes32 name) external view returns (address);
    function isListed(bytes32 name, address addr) external view returns (bool);
}

interface IMembers {
    function isMember(address who) external view returns (bool);
    function wasMember(address who, uint48 blockNumber) external view returns (bool);
    function aggregators() external view returns (address[] memory);
}

interface IReputation {
    function enrol(address who) external;
    function record(address who, uint256 roundId, uint8 reason) external;
    function reputation(address who) external view returns (uint32);
    function pastReputation(address who, uint48 blockNumber, uint64 timeAsked) external view returns (uint32);
}

interface IModelRegistry {
    function familyOwner(bytes32 family) external view returns (address);
    function familyParams(bytes32 family) external view returns (FamilyParams memory);
    function policyAllowed(address policy) external view returns (bool);
    function versionInfo(bytes32 version) external view returns (bytes32 family, VersionState state, bool revoked);
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

interface IRewards {
    function minBond(uint8 role) external view returns (uint128);
    function bonded(address who, uint8 role) external view returns (uint256);
    function allowed(address who, address rounds) external view returns (bool);
    function reserve(uint256 roundId, bytes32 family, uint128 amount, uint32 claimSeconds) external;
    function release(uint256 roundId) external;
    function lock(address who) external;
    function unlock(address who) external;
    function slash(uint256 roundId, address who, uint8 role, uint16 bps, uint8 reason) external returns (uint256);
    function settle(uint256 roundId, address[] calldata accepted, uint256[] calldata weights, address aggregator)
        external
        returns (uint256[] memory shares);
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

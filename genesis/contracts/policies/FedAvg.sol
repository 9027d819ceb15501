// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IAggregationPolicy} from "../Interfaces.sol";
import {BadLength, TooFewInputs} from "../Errors.sol";
import {SketchMath} from "./SketchMath.sol";

/// @title Plain federated averaging
/// @notice Accepts everyone within the norm bound (which Rounds checked), except near-duplicates.
/// Gives no protection against a poisoner; scores are zero.
contract FedAvg is IAggregationPolicy {
    /// @inheritdoc IAggregationPolicy
    function minInputs(uint8) external pure returns (uint256) {
        return 1;
    }

    /// @inheritdoc IAggregationPolicy
    function select(uint256 n, uint8, bytes calldata sketches, uint32[] calldata weights, uint32[] calldata)
        external
        pure
        returns (uint64 accepted, uint32[] memory effectiveWeights, uint256[] memory scores)
    {
        if (n == 0) revert TooFewInputs(0, 1);
        if (weights.length != n) revert BadLength(weights.length);
        uint256[] memory d = SketchMath.distances(SketchMath.unpack(sketches, n), n);
        (uint256 kept,) = SketchMath.dropNearDuplicates(d, n);
        effectiveWeights = new uint32[](n);
        scores = new uint256[](n);
        accepted = uint64(kept);
        for (uint256 i = 0; i < n; i++) {
            if ((kept >> i) & 1 == 1) effectiveWeights[i] = weights[i];
            else scores[i] = type(uint256).max;
        }
    }
}

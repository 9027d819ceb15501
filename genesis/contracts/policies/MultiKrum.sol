// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IAggregationPolicy} from "../Interfaces.sol";
import {BadLength, TooFewInputs} from "../Errors.sol";
import {SketchMath} from "./SketchMath.sol";

/// @title Multi-Krum (Blanchard et al. 2017) on sketches
/// @notice The score of an input is the sum of its n - f - 2 smallest squared distances to the
/// others; the n - f lowest scores are accepted, ties going to the earlier commit. n counts what
/// the filter for near-duplicates leaves. Needs n >= 2f + 3.
contract MultiKrum is IAggregationPolicy {
    /// @inheritdoc IAggregationPolicy
    function minInputs(uint8 f) public pure returns (uint256) {
        return 2 * uint256(f) + 3;
    }

    /// @inheritdoc IAggregationPolicy
    function select(uint256 n, uint8 f, bytes calldata sketches, uint32[] calldata weights, uint32[] calldata)
        external
        pure
        returns (uint64 accepted, uint32[] memory effectiveWeights, uint256[] memory scores)
    {
        if (weights.length != n) revert BadLength(weights.length);
        (accepted, scores) = _krum(SketchMath.distances(SketchMath.unpack(sketches, n), n), n, f);
        effectiveWeights = new uint32[](n);
        for (uint256 i = 0; i < n; i++) {
            if ((accepted >> i) & 1 == 1) effectiveWeights[i] = weights[i];
        }
    }

    function _krum(uint256[] memory d, uint256 n, uint8 f)
        private
        pure
        returns (uint64 accepted, uint256[] memory scores)
    {
        (uint256 kept, uint256 left) = SketchMath.dropNearDuplicates(d, n);
        if (left < minInputs(f)) revert TooFewInputs(left, minInputs(f));
        scores = _scores(d, n, kept, left, f);
        accepted = _lowest(scores, kept, left - f);
    }

    /// Each kept input's sum of its `left - f - 2` smallest distances to the other kept ones.
    function _scores(uint256[] memory d, uint256 n, uint256 kept, uint256 left, uint256 f)
        private
        pure
        returns (uint256[] memory scores)
    {
        scores = new uint256[](n);
        uint256[] memory row = new uint256[](left - 1);
        unchecked {
            for (uint256 i = 0; i < n; i++) {
                if ((kept >> i) & 1 == 0) {
                    scores[i] = type(uint256).max;
                    continue;
                }
                assembly ("memory-safe") {
                    mstore(row, sub(left, 1))
                }
                uint256 k = 0;
                for (uint256 j = 0; j < n; j++) {
                    if (j != i && (kept >> j) & 1 == 1) row[k++] = d[i * n + j];
                }
                SketchMath.dropLargest(row, f + 1);
                uint256 sum = 0;
                for (uint256 j = 0; j < row.length; j++) sum += row[j];
                scores[i] = sum;
            }
        }
    }

    /// The `count` kept inputs with the lowest scores, the earlier one where scores are equal.
    function _lowest(uint256[] memory scores, uint256 kept, uint256 count) private pure returns (uint64 accepted) {
        uint256 n = scores.length;
        unchecked {
            for (uint256 taken = 0; taken < count; taken++) {
                uint256 best = n;
                for (uint256 i = 0; i < n; i++) {
                    if ((kept >> i) & 1 == 0 || (accepted >> i) & 1 == 1) continue;
                    if (best == n || scores[i] < scores[best]) best = i;
                }
                accepted |= uint64(1 << best);
            }
        }
    }
}

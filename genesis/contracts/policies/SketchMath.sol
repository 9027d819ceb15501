// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {BadLength} from "../Errors.sol";

/// @title Exact arithmetic on sketches
/// @notice A sketch is 256 big-endian int64. All sums fit: |t| <= 2^63, so a squared distance is
/// below 256 * 2^128 = 2^136.
library SketchMath {
    uint256 internal constant COORDS = 256;
    uint256 internal constant PACKED = 2048;
    /// Most inputs of one selection.
    uint256 internal constant MAX_INPUTS = 40;

    /// Sign-extends each of the n * 256 integers to a word of memory.
    function unpack(bytes calldata packed, uint256 n) internal pure returns (int256[] memory out) {
        if (n > MAX_INPUTS || packed.length != n * PACKED) revert BadLength(packed.length);
        out = new int256[](n * COORDS);
        assembly ("memory-safe") {
            let dst := add(out, 32)
            let src := packed.offset
            for { let end := add(src, packed.length) } lt(src, end) { src := add(src, 32) } {
                let w := calldataload(src)
                mstore(dst, sar(192, w))
                mstore(add(dst, 32), signextend(7, shr(128, w)))
                mstore(add(dst, 64), signextend(7, shr(64, w)))
                mstore(add(dst, 96), signextend(7, w))
                dst := add(dst, 128)
            }
        }
    }

    /// Inner product of the unpacked sketches a and b.
    function dot(int256[] memory t, uint256 a, uint256 b) internal pure returns (int256 sum) {
        assembly ("memory-safe") {
            let p := add(add(t, 32), mul(a, 8192))
            let q := add(add(t, 32), mul(b, 8192))
            for { let end := add(p, 8192) } lt(p, end) {} {
                // Sixteen products per turn: the loop's own cost would otherwise be a third.
                sum := add(add(add(add(sum,
                    mul(mload(p), mload(q))),
                    mul(mload(add(p, 32)), mload(add(q, 32)))),
                    mul(mload(add(p, 64)), mload(add(q, 64)))),
                    mul(mload(add(p, 96)), mload(add(q, 96))))
                sum := add(add(add(add(sum,
                    mul(mload(add(p, 128)), mload(add(q, 128)))),
                    mul(mload(add(p, 160)), mload(add(q, 160)))),
                    mul(mload(add(p, 192)), mload(add(q, 192)))),
                    mul(mload(add(p, 224)), mload(add(q, 224))))
                sum := add(add(add(add(sum,
                    mul(mload(add(p, 256)), mload(add(q, 256)))),
                    mul(mload(add(p, 288)), mload(add(q, 288)))),
                    mul(mload(add(p, 320)), mload(add(q, 320)))),
                    mul(mload(add(p, 352)), mload(add(q, 352))))
                sum := add(add(add(add(sum,
                    mul(mload(add(p, 384)), mload(add(q, 384)))),
                    mul(mload(add(p, 416)), mload(add(q, 416)))),
                    mul(mload(add(p, 448)), mload(add(q, 448)))),
                    mul(mload(add(p, 480)), mload(add(q, 480))))
                p := add(p, 512)
                q := add(q, 512)
            }
        }
    }

    /// Squared length of one packed sketch.
    function squaredNorm(bytes calldata packed) internal pure returns (uint256 sum) {
        if (packed.length != PACKED) revert BadLength(packed.length);
        assembly ("memory-safe") {
            let src := packed.offset
            for { let end := add(src, 2048) } lt(src, end) { src := add(src, 32) } {
                let w := calldataload(src)
                let x := sar(192, w)
                sum := add(sum, mul(x, x))
                x := signextend(7, shr(128, w))
                sum := add(sum, mul(x, x))
                x := signextend(7, shr(64, w))
                sum := add(sum, mul(x, x))
                x := signextend(7, w)
                sum := add(sum, mul(x, x))
            }
        }
    }

    /// All squared distances, D[i * n + j] = |t_i|^2 + |t_j|^2 - 2 <t_i, t_j>.
    function distances(int256[] memory t, uint256 n) internal pure returns (uint256[] memory d) {
        d = new uint256[](n * n);
        int256[] memory norm = new int256[](n);
        unchecked {
            for (uint256 i = 0; i < n; i++) norm[i] = dot(t, i, i);
            for (uint256 i = 0; i < n; i++) {
                for (uint256 j = i + 1; j < n; j++) {
                    uint256 v = uint256(norm[i] + norm[j] - 2 * dot(t, i, j));
                    d[i * n + j] = v;
                    d[j * n + i] = v;
                }
            }
        }
    }

    /// The filter that precedes every rule. With M the lower median of D over all pairs, input j
    /// is dropped if 64 * D[i][j] < M for an earlier i that stayed.
    /// @return kept bit i is set if input i stays
    /// @return left how many stay
    function dropNearDuplicates(uint256[] memory d, uint256 n) internal pure returns (uint256 kept, uint256 left) {
        kept = (1 << n) - 1;
        left = n;
        if (n < 2) return (kept, left);
        unchecked {
            uint256 pairs = (n * (n - 1)) / 2;
            uint256[] memory all = new uint256[](pairs);
            uint256 k = 0;
            for (uint256 i = 0; i < n; i++) {
                for (uint256 j = i + 1; j < n; j++) all[k++] = d[i * n + j];
            }
            // Half of the pairs are larger than the lower median.
            dropLargest(all, pairs / 2);
            uint256 median = all[0];
            for (uint256 j = 1; j < n; j++) {
                for (uint256 i = 0; i < j; i++) {
                    if (64 * d[i * n + j] >= median || (kept >> i) & 1 == 0) continue;
                    kept &= ~(1 << j);
                    left--;
                    break;
                }
            }
        }
    }

    /// Makes `a` a heap with the largest on top and removes its `count` largest values; `count` is
    /// less than the length. A heap, because nobody can choose inputs that make it slow.
    function dropLargest(uint256[] memory a, uint256 count) internal pure {
        uint256 n = a.length;
        unchecked {
            for (uint256 i = n / 2; i != 0; i--) _siftDown(a, i - 1, n);
            for (; count != 0; count--) {
                a[0] = a[--n];
                _siftDown(a, 0, n);
            }
        }
        assembly ("memory-safe") {
            mstore(a, n)
        }
    }

    function _siftDown(uint256[] memory a, uint256 root, uint256 n) private pure {
        assembly ("memory-safe") {
            let base := add(a, 32)
            let v := mload(add(base, shl(5, root)))
            for { let child := add(shl(1, root), 1) } lt(child, n) { child := add(shl(1, root), 1) } {
                let w := mload(add(base, shl(5, child)))
                if lt(add(child, 1), n) {
                    let r := mload(add(base, shl(5, add(child, 1))))
                    if gt(r, w) {
                        w := r
                        child := add(child, 1)
                    }
                }
                if iszero(gt(w, v)) { break }
                mstore(add(base, shl(5, root)), w)
                root := child
            }
            mstore(add(base, shl(5, root)), v)
        }
    }
}

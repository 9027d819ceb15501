// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

contract Leaf {
    uint256 public value;

    event Set(address indexed who, uint256 value);

    error TooMuch(uint256 value);

    constructor(uint256 first) payable {
        value = first;
        emit Set(msg.sender, first);
    }

    function set(uint256 v) external payable {
        if (v > 1000) revert TooMuch(v);
        require(v != 13, "unlucky");
        value = v;
        emit Set(msg.sender, v);
    }

    function read() external view returns (uint256) {
        return value;
    }

    function end(address payable heir) external {
        selfdestruct(heir);
    }
}

contract Tracee {
    uint256 public value; // Leaf's slot: set() is called for us, too
    Leaf public leaf;
    uint256 public sum;

    event Done(uint256 sum);

    function make() external payable {
        leaf = new Leaf{value: msg.value}(7);
    }

    function nested(uint256 v) external payable returns (uint256) {
        leaf.set{value: msg.value}(v);
        (bool ok,) = address(leaf).delegatecall(abi.encodeCall(Leaf.set, (v + 1)));
        require(ok, "delegate");
        sum = leaf.read() + value;
        emit Done(sum);
        return sum;
    }

    function caught() external {
        try leaf.set(13) {} catch {}
        try leaf.set(2000) {} catch {}
        try this.failing() {} catch {}
        sum = uint256(sha256("x")) % 10;
    }

    function failing() external {
        leaf.set(3);
        revert("after all");
    }

    function panics(uint256 by) external returns (uint256) {
        sum = 10 / by;
        return sum;
    }

    function burn() external {
        Leaf brief = new Leaf{salt: bytes32(uint256(1)), value: 0}(9);
        brief.end(payable(msg.sender));
        leaf.end(payable(address(this)));
    }

    function invalid() external view {
        uint256 left = gasleft() / 2;
        address self = address(this);
        assembly {
            pop(staticcall(left, self, 0, 4, 0, 0))
            invalid()
        }
    }

    receive() external payable {}
}

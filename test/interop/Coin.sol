// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// An ordinary OpenZeppelin token: what a developer deploys first.
contract Coin is ERC20 {
    constructor(uint256 supply) ERC20("Coin", "COIN") {
        _mint(msg.sender, supply);
    }

    /// Fails with a reason, for tests of error texts.
    function refuse() external pure {
        require(false, "no such luck");
    }
}

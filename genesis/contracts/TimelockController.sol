// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

// OpenZeppelin's timelock as it is: the DAO's only executor, owner of the treasury. Genesis gives
// the proposer's and the canceller's role to the governor, the executor's to everybody and the
// administrator's to the timelock itself.
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {BadLength, BadParameter, NotAllowed} from "./Errors.sol";

/// @title The consortium's token: stake, reward and vote
/// @notice ERC-20 with permit and with votes that are checkpointed by block number. Genesis mints
/// the supply; afterwards only the timelock mints, at most a fixed share of the supply per year.
contract CairnToken is ERC20, ERC20Permit, ERC20Votes {
    /// Nobody's account: delegate of all tokens that must not count as votes.
    address public constant SENTINEL = address(uint160(uint256(keccak256("cairn.sentinel"))));

    /// The DAO's timelock.
    address public immutable timelock;
    /// Most that one year may add, in ppm of the supply at its start.
    uint32 public immutable mintCapPpm;

    /// Start of the running year of the mint cap.
    uint64 public yearStart;
    /// Supply at the start of the running year.
    uint256 public yearSupply;
    /// What the running year has added.
    uint256 public yearMinted;

    /// Accounts whose tokens never vote: the treasury and the contract that holds pools and bonds.
    mapping(address who => bool) public nonVoting;

    /// More than the yearly cap leaves.
    error MintCapExceeded(uint256 asked, uint256 left);

    /// @param holders who gets `amounts`; each starts as its own delegate
    /// @param nonVoting_ accounts that are bound to the sentinel for ever
    constructor(
        address timelock_,
        uint32 mintCapPpm_,
        address[] memory nonVoting_,
        address[] memory holders,
        uint256[] memory amounts
    ) ERC20("Cairn", "CAIRN") ERC20Permit("Cairn") {
        if (holders.length != amounts.length) revert BadLength(amounts.length);
        if (mintCapPpm_ > 1_000_000) revert BadParameter("mintCapPpm");
        timelock = timelock_;
        mintCapPpm = mintCapPpm_;
        for (uint256 i = 0; i < nonVoting_.length; i++) {
            nonVoting[nonVoting_[i]] = true;
            super._delegate(nonVoting_[i], SENTINEL);
        }
        for (uint256 i = 0; i < holders.length; i++) {
            _mint(holders[i], amounts[i]);
            if (delegates(holders[i]) == address(0)) super._delegate(holders[i], holders[i]);
        }
        yearStart = uint64(block.timestamp);
        yearSupply = totalSupply();
    }

    /// Mints within the yearly cap. Only the timelock.
    function mint(address to, uint256 amount) external {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        uint256 passed = (block.timestamp - yearStart) / 365 days;
        if (passed != 0) {
            yearStart += uint64(passed * 365 days);
            yearSupply = totalSupply();
            yearMinted = 0;
        }
        uint256 left = (yearSupply * mintCapPpm) / 1_000_000 - yearMinted;
        if (amount > left) revert MintCapExceeded(amount, left);
        yearMinted += amount;
        _mint(to, amount);
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }

    function _delegate(address account, address delegatee) internal override {
        if (nonVoting[account]) revert NotAllowed(account);
        super._delegate(account, delegatee);
    }
}

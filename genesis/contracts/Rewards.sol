// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDirectory, IModelRegistry, IRewards} from "./Interfaces.sol";
import {AlreadyDone, BadLength, BadParameter, NotAllowed, StakeTooLow, TooEarly, TooLate, Unknown} from "./Errors.sol";
import {ROLES, ROLE_AGGREGATOR, ROLE_PARTICIPANT} from "./Types.sol";

/// @title Pools, bonds and payments
/// @notice Holds every token that is staked or promised. For each token in it exactly one of three
/// sums counts it: totalBonded, totalPools, totalOwed. Nothing is paid that was not put in, and
/// whoever is owed something fetches it. Only the treasury, a fixed account that runs no code on
/// receipt, is sent its part at once.
contract Rewards is IRewards, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// Part of the accepted participants, in basis points of a pool. Beside the three parts the
    /// treasury has the rest (300) and the dust.
    uint256 public constant PARTICIPANTS_BPS = 7_500;
    /// Part of the evaluators; the treasury's while there are none.
    uint256 public constant EVALUATORS_BPS = 1_500;
    /// Part of the aggregator that delivered.
    uint256 public constant AGGREGATOR_BPS = 700;
    uint256 private constant BPS = 10_000;
    bytes32 private constant ROUNDS = "Rounds";
    bytes32 private constant MODEL_REGISTRY = "ModelRegistry";

    struct Bond {
        uint128 active;
        uint128 unbonding;
    }

    struct Pool {
        address rounds; // the contract that opened the round
        uint64 claimDeadline; // zero until settled
        uint32 claimSeconds;
        bytes32 family;
        uint128 amount; // reserved and not yet settled or released
        uint128 owed; // settled and not yet claimed
    }

    /// The consortium's token.
    IERC20 public immutable token;
    /// Where Rounds contracts are listed.
    IDirectory public immutable directory;
    /// The DAO's timelock.
    address public immutable timelock;
    /// Where slashes, fees and dust go.
    address public immutable treasury;
    /// Least time between requestUnbond and withdraw.
    uint32 public immutable unbondSeconds;

    /// Least bond of a role that a round accepts.
    mapping(uint8 role => uint128) public minBond;
    /// Unreserved tokens of a family's pool.
    mapping(bytes32 family => uint256) public familyPool;
    /// Rounds contracts that may lock and slash an account's bond.
    mapping(address who => mapping(address rounds => bool)) public allowed;
    /// Commits and posted aggregates of an account in rounds that still run.
    mapping(address who => uint256) public obligations;
    /// When an account's unbonding tokens of a role can be withdrawn.
    mapping(address who => mapping(uint8 role => uint64)) public unbondingUntil;
    /// What an account can claim for a round.
    mapping(uint256 roundId => mapping(address who => uint256)) public claimable;
    /// What is set aside for, or owed by, a round.
    mapping(uint256 roundId => Pool) public pools;

    /// Sum of all bonds, unbonding ones included.
    uint256 public totalBonded;
    /// Sum of all pools that are not settled.
    uint256 public totalPools;
    /// Sum of all that can be claimed.
    uint256 public totalOwed;

    mapping(address who => mapping(uint8 role => Bond)) private _bonds;

    /// `by` added to the pool of `family`.
    event Funded(bytes32 indexed family, address indexed by, uint256 amount);
    /// `who` staked for `role`.
    event Bonded(address indexed who, uint8 indexed role, uint256 amount);
    /// `who` can withdraw from `until` on.
    event Unbonding(address indexed who, uint8 indexed role, uint256 amount, uint64 until);
    /// `who` took unbonded stake out.
    event Withdrawn(address indexed who, uint8 indexed role, uint256 amount);
    /// `who` lets `rounds` lock and slash its bonds, or does not any more.
    event Allowed(address indexed who, address indexed rounds, bool on);
    /// Least bond of `role` for rounds opened from now on.
    event MinBondSet(uint8 indexed role, uint128 amount);
    /// `who` lost `amount`, of which `toChallenger` went to a challenger and the rest to the treasury.
    event Slashed(
        uint256 indexed roundId, address indexed who, uint256 amount, uint256 toChallenger, uint8 reason
    );
    /// A round's pool was divided; `dust` is what flooring left to the treasury.
    event Settled(uint256 indexed roundId, uint256 pool, uint256 dust);
    /// `who` was paid for a round.
    event Claimed(uint256 indexed roundId, address indexed who, uint256 amount);

    modifier onlyRoundsOf(uint256 roundId) {
        if (pools[roundId].rounds != msg.sender) revert NotAllowed(msg.sender);
        _;
    }

    constructor(
        IERC20 token_,
        IDirectory directory_,
        address timelock_,
        address treasury_,
        uint32 unbondSeconds_,
        uint128 participantBond,
        uint128 aggregatorBond
    ) {
        if (treasury_ == address(0) || treasury_ == address(this)) revert BadParameter("treasury");
        token = token_;
        directory = directory_;
        timelock = timelock_;
        treasury = treasury_;
        unbondSeconds = unbondSeconds_;
        _setMinBond(ROLE_PARTICIPANT, participantBond);
        _setMinBond(ROLE_AGGREGATOR, aggregatorBond);
    }

    /// Sets the least bond of a role for rounds opened later. Only governance.
    function setMinBond(uint8 role, uint128 amount) external {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        _setMinBond(role, amount);
    }

    /// Adds `amount` to the pool from which a family's rounds are paid.
    function fund(bytes32 family, uint256 amount) external nonReentrant {
        if (IModelRegistry(directory.get(MODEL_REGISTRY)).familyOwner(family) == address(0)) revert Unknown(family);
        familyPool[family] += amount;
        totalPools += amount;
        emit Funded(family, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// Stakes `amount` for `role` and lets the current Rounds contract lock and slash it.
    function bond(uint8 role, uint256 amount) external nonReentrant {
        if (role >= ROLES) revert BadParameter("role");
        if (amount == 0) revert BadParameter("amount");
        _bonds[msg.sender][role].active += SafeCast.toUint128(amount);
        totalBonded += amount;
        emit Bonded(msg.sender, role, amount);
        address rounds = directory.get(ROUNDS);
        if (!allowed[msg.sender][rounds]) _allow(rounds, true);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// Starts to unbond. The tokens stay slashable until withdrawn; a second request restarts the
    /// clock for all of them.
    function requestUnbond(uint8 role, uint256 amount) external {
        Bond storage b = _bonds[msg.sender][role];
        if (amount == 0) revert BadParameter("amount");
        if (amount > b.active) revert StakeTooLow(b.active, amount);
        b.active -= uint128(amount);
        b.unbonding += uint128(amount);
        uint64 until = uint64(block.timestamp) + unbondSeconds;
        unbondingUntil[msg.sender][role] = until;
        emit Unbonding(msg.sender, role, amount, until);
    }

    /// Pays out what has unbonded, once the time is over and no round holds the caller to anything.
    function withdraw(uint8 role) external nonReentrant {
        Bond storage b = _bonds[msg.sender][role];
        uint256 amount = b.unbonding;
        uint64 until = unbondingUntil[msg.sender][role];
        if (amount == 0) revert StakeTooLow(0, 1);
        if (block.timestamp < until) revert TooEarly(until);
        if (obligations[msg.sender] != 0) revert ObligationsOpen(obligations[msg.sender]);
        b.unbonding = 0;
        totalBonded -= amount;
        emit Withdrawn(msg.sender, role, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// The caller takes part in so many rounds that are not over.
    error ObligationsOpen(uint256 count);

    /// Lets `rounds`, which governance must have listed, lock and slash the caller's bonds.
    function allow(address rounds) external {
        if (!directory.isListed(ROUNDS, rounds)) revert NotAllowed(rounds);
        _allow(rounds, true);
    }

    /// Takes that back, while no round holds the caller to anything.
    function disallow(address rounds) external {
        if (obligations[msg.sender] != 0) revert ObligationsOpen(obligations[msg.sender]);
        _allow(rounds, false);
    }

    /// Pays the caller its share of a settled round.
    function claim(uint256 roundId) external nonReentrant {
        uint256 amount = claimable[roundId][msg.sender];
        if (amount == 0) revert AlreadyDone();
        if (pools[roundId].owed < amount) revert TooLate(pools[roundId].claimDeadline);
        claimable[roundId][msg.sender] = 0;
        pools[roundId].owed -= uint128(amount);
        totalOwed -= amount;
        emit Claimed(roundId, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// Sets `amount` of a family's pool aside for a new round. Only a listed Rounds contract.
    function reserve(uint256 roundId, bytes32 family, uint128 amount, uint32 claimSeconds) external {
        if (!directory.isListed(ROUNDS, msg.sender)) revert NotAllowed(msg.sender);
        if (pools[roundId].rounds != address(0)) revert AlreadyDone();
        uint256 have = familyPool[family];
        if (amount > have) revert StakeTooLow(have, amount);
        familyPool[family] = have - amount;
        pools[roundId] = Pool(msg.sender, 0, claimSeconds, family, amount, 0);
    }

    /// Gives a failed or cancelled round's pool back to its family. Only the round's contract.
    function release(uint256 roundId) external onlyRoundsOf(roundId) {
        Pool storage p = pools[roundId];
        familyPool[p.family] += p.amount;
        p.amount = 0;
    }

    /// Holds `who` to a round that has begun. Only a listed Rounds contract that `who` allowed.
    function lock(address who) external {
        if (!directory.isListed(ROUNDS, msg.sender) || !allowed[who][msg.sender]) revert NotAllowed(msg.sender);
        obligations[who]++;
    }

    /// Undoes one lock. Only a Rounds contract that `who` allowed, which it cannot take back before.
    function unlock(address who) external {
        if (!allowed[who][msg.sender]) revert NotAllowed(msg.sender);
        obligations[who]--;
    }

    /// Takes `bps` of the bond of `who` for `role` and gives it to the treasury. Takes nothing from
    /// whoever did not allow the calling Rounds contract. Only the round's contract.
    /// @return amount what was taken
    function slash(uint256 roundId, address who, uint8 role, uint16 bps, uint8 reason)
        external
        nonReentrant
        onlyRoundsOf(roundId)
        returns (uint256 amount)
    {
        if (!allowed[who][msg.sender]) return 0;
        Bond storage b = _bonds[who][role];
        amount = ((uint256(b.active) + b.unbonding) * bps) / BPS;
        if (amount == 0) return 0;
        if (amount <= b.active) {
            b.active -= uint128(amount);
        } else {
            b.unbonding -= uint128(amount - b.active);
            b.active = 0;
        }
        totalBonded -= amount;
        emit Slashed(roundId, who, amount, 0, reason);
        token.safeTransfer(treasury, amount);
    }

    /// Divides a finalised round's pool: x_i = floor(Pp * w_i / S) to the accepted, Pa to the
    /// aggregator, the rest (evaluators' part, fee and dust) to the treasury. Only the round's
    /// contract.
    function settle(uint256 roundId, address[] calldata accepted, uint256[] calldata weights, address aggregator)
        external
        nonReentrant
        onlyRoundsOf(roundId)
        returns (uint256[] memory shares)
    {
        Pool storage p = pools[roundId];
        if (p.claimDeadline != 0) revert AlreadyDone();
        if (accepted.length != weights.length || accepted.length == 0) revert BadLength(weights.length);
        uint256 pool = p.amount;
        uint256 paid;
        (shares, paid) = _share(roundId, (pool * PARTICIPANTS_BPS) / BPS, accepted, weights);
        uint256 dust = (pool * PARTICIPANTS_BPS) / BPS - paid;
        uint256 aggregatorPart = (pool * AGGREGATOR_BPS) / BPS;
        claimable[roundId][aggregator] += aggregatorPart;
        paid += aggregatorPart;

        p.amount = 0;
        p.owed = uint128(paid);
        p.claimDeadline = uint64(block.timestamp) + p.claimSeconds;
        totalPools -= pool;
        totalOwed += paid;
        emit Settled(roundId, pool, dust);
        token.safeTransfer(treasury, pool - paid);
    }

    function _share(uint256 roundId, uint256 part, address[] calldata accepted, uint256[] calldata weights)
        private
        returns (uint256[] memory shares, uint256 paid)
    {
        uint256 sum = 0;
        for (uint256 i = 0; i < weights.length; i++) sum += weights[i];
        shares = new uint256[](weights.length);
        for (uint256 i = 0; i < weights.length; i++) {
            uint256 share = (part * weights[i]) / sum;
            shares[i] = share;
            paid += share;
            claimable[roundId][accepted[i]] += share;
        }
    }

    /// Ends the payment of a round: nothing is left, or its claim deadline has passed and the
    /// rest goes to the treasury. Only the round's contract.
    function close(uint256 roundId) external nonReentrant onlyRoundsOf(roundId) {
        Pool storage p = pools[roundId];
        uint256 rest = p.owed;
        if (rest == 0) return;
        if (block.timestamp < p.claimDeadline) revert TooEarly(p.claimDeadline);
        p.owed = 0;
        totalOwed -= rest;
        token.safeTransfer(treasury, rest);
    }

    /// Tokens that `who` has staked for `role` and is not unbonding.
    function bonded(address who, uint8 role) external view returns (uint256) {
        return _bonds[who][role].active;
    }

    /// Tokens of `who` for `role` on their way out.
    function unbonding(address who, uint8 role) external view returns (uint256) {
        return _bonds[who][role].unbonding;
    }

    function _allow(address rounds, bool on) private {
        allowed[msg.sender][rounds] = on;
        emit Allowed(msg.sender, rounds, on);
    }

    function _setMinBond(uint8 role, uint128 amount) private {
        if (role >= ROLES) revert BadParameter("role");
        minBond[role] = amount;
        emit MinBondSet(role, amount);
    }
}

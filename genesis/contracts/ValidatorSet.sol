// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {AlreadyDone, BadLength, BadParameter, BadProof, NotAllowed, NotValidator, TooEarly, TooFewInputs, TooLate} from "./Errors.sol";

/// @title Who makes the blocks, where a network selects its validators by contract
/// @notice QBFT calls `getValidators` on the state of block h - 1 to learn who validates block h.
/// Genesis fills the list, the DAO changes it, slowly: a stopped chain runs no timelock, so what
/// could stop it cannot be voted in at once. A new validator nominates itself with its own key, so
/// that nobody adds a key that nobody holds. Where blocks are selected by header votes the list
/// only waits for a transition to this contract.
contract ValidatorSet is EIP712 {
    /// Most validators.
    uint256 public constant MAX_VALIDATORS = 100;
    /// A set that tolerates a fault (3 F + 1 with F = 1) keeps doing so.
    uint256 public constant SAFE_VALIDATORS = 4;
    /// Epochs for which a nomination is good, its own included.
    uint256 public constant NOMINATION_EPOCHS = 64;
    /// What a new validator signs.
    bytes32 public constant NOMINATION_TYPEHASH = keccak256("Nomination(address validator,uint256 epoch)");

    /// The DAO's timelock.
    address public immutable timelock;
    /// Blocks in an epoch.
    uint256 public immutable epochBlocks;

    address[] private _validators; // ascending, without zero and duplicates
    mapping(uint256 epoch => uint256) private _changes;

    /// `validator` takes part from the next block on.
    event ValidatorAdded(address indexed validator, uint256 count);
    /// `validator` does not any more from the next block on.
    event ValidatorRemoved(address indexed validator, uint256 count);

    modifier onlyGovernance() {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        _;
    }

    /// @param validators in any order; none on a chain that does not ask this contract
    constructor(address timelock_, uint256 epochBlocks_, address[] memory validators) EIP712("Cairn ValidatorSet", "1") {
        if (epochBlocks_ == 0) revert BadParameter("epochBlocks");
        timelock = timelock_;
        epochBlocks = epochBlocks_;
        for (uint256 i = 0; i < validators.length; i++) _insert(validators[i]);
    }

    /// Adds `validator`, which signed its nomination in `epoch`.
    function addValidator(address validator, uint256 epoch, bytes calldata signature) external onlyGovernance {
        uint256 now_ = currentEpoch();
        if (epoch > now_) revert BadParameter("epoch");
        if (now_ - epoch >= NOMINATION_EPOCHS) revert TooLate((epoch + NOMINATION_EPOCHS) * epochBlocks);
        (address signer, ECDSA.RecoverError err, ) = ECDSA.tryRecover(nominationDigest(validator, epoch), signature);
        if (err != ECDSA.RecoverError.NoError || signer != validator) revert BadProof();
        _count();
        _insert(validator);
    }

    /// Removes `validator`. The last one stays, and so do the last four.
    function removeValidator(address validator) external onlyGovernance {
        (uint256 at, bool found) = _find(validator);
        if (!found) revert NotValidator(validator);
        uint256 last = _validators.length - 1;
        if (last == 0) revert TooFewInputs(0, 1);
        if (last == SAFE_VALIDATORS - 1) revert TooFewInputs(last, SAFE_VALIDATORS);
        _count();
        for (; at < last; at++) _validators[at] = _validators[at + 1];
        _validators.pop();
        emit ValidatorRemoved(validator, last);
    }

    /// The validators of the next block, ascending.
    function getValidators() external view returns (address[] memory) {
        return _validators;
    }

    /// Whether `who` validates the next block.
    function isValidator(address who) external view returns (bool found) {
        (, found) = _find(who);
    }

    /// The epoch of this block.
    function currentEpoch() public view returns (uint256) {
        return block.number / epochBlocks;
    }

    /// Changes that this epoch still admits: max(1, F) of the set as it stands, less those made.
    function changesLeft() public view returns (uint256) {
        uint256 n = _validators.length;
        uint256 most = n < 2 * SAFE_VALIDATORS - 1 ? 1 : (n - 1) / 3;
        uint256 made = _changes[currentEpoch()];
        return made < most ? most - made : 0;
    }

    /// What the key of `validator` signs to nominate itself in `epoch` (EIP-712).
    function nominationDigest(address validator, uint256 epoch) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(NOMINATION_TYPEHASH, validator, epoch)));
    }

    /// Takes one of this epoch's changes.
    function _count() private {
        uint256 epoch = currentEpoch();
        if (changesLeft() == 0) revert TooEarly((epoch + 1) * epochBlocks);
        _changes[epoch]++;
    }

    function _insert(address validator) private {
        if (validator == address(0)) revert BadParameter("validator");
        (uint256 at, bool found) = _find(validator);
        if (found) revert AlreadyDone();
        uint256 n = _validators.length;
        if (n == MAX_VALIDATORS) revert BadLength(n + 1);
        _validators.push(validator);
        for (uint256 i = n; i > at; i--) _validators[i] = _validators[i - 1];
        _validators[at] = validator;
        emit ValidatorAdded(validator, n + 1);
    }

    /// Where `who` is, or would be inserted.
    function _find(address who) private view returns (uint256 at, bool found) {
        uint256 n = _validators.length;
        while (at < n && _validators[at] < who) at++;
        found = at < n && _validators[at] == who;
    }
}

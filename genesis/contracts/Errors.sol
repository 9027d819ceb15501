// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

// The errors that the system contracts share. Wallets decode them by selector, so a name or an
// argument changes only together with every contract.

/// The account is not on the list of members.
error NotMember(address who);
/// The account is not in the set of validators.
error NotValidator(address who);
/// The account has not committed to this round.
error NotCommitted(address who);
/// The transaction has too little gas for a step whose outcome must not depend on it.
error GasTooLow(uint256 have, uint256 need);
/// The caller is none of those who may do this.
error NotAllowed(address caller);
/// The round (or version) `roundId` is in state `have`; the call needs `want`.
error WrongState(uint256 roundId, uint8 have, uint8 want);
/// Not possible before this time or block.
error TooEarly(uint256 when);
/// Not possible any more since this time or block.
error TooLate(uint256 when);
/// The revealed fields, sketch or linear commitment do not hash to what was committed.
error DigestMismatch();
/// A byte string or list has this length and must have another.
error BadLength(uint256 have);
/// A weight (or a sum of weights) is above its bound.
error WeightTooLarge(uint256 have, uint256 max);
/// Fewer inputs (commits, reveals, aggregators) than the rule needs.
error TooFewInputs(uint256 have, uint256 need);
/// The bond is smaller than what the round asks for.
error StakeTooLow(uint256 have, uint256 need);
/// It was done before and happens once.
error AlreadyDone();
/// `have` called in the window of `want`.
error NotAggregator(address have, address want);
/// A signature or a proof does not verify.
error BadProof();
/// Nothing has this identifier.
error Unknown(bytes32 id);
/// The version was revoked.
error Tainted(bytes32 version);
/// A parameter is out of its bounds; `field` names it in ASCII.
error BadParameter(bytes32 field);

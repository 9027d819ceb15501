// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Is this proposal, or this round change, justified? The rules of the formal specification
/// and of the fact sheet 5.5 and 5.6, as pure questions about one message. Whether the block
/// itself is valid is asked elsewhere.

#include "consensus/qbft/message.h"

/// What a height is, as far as justifications care.
struct qbft_rules {
    uint64_t height;
    const address_t *validators; ///< ascending
    size_t validator_count;
    const address_t *proposer; ///< of the message's round (qbft_proposal_justified)
    enum qbft_wire wire;
};

/// Index of an address in an ascending list; SIZE_MAX if it is not there.
size_t address_index(const address_t *sorted, size_t count, const address_t *who);

/// Rules 1 to 6 of the fact sheet 5.6 without the execution of the block.
/// @return ERR_INVALID with the rule that is broken.
MUST_USE err_t qbft_proposal_justified(const struct qbft_rules *rules,
                                       const struct qbft_message *m);

/// Rules 1 to 3 of 5.5. The block of a certificate is not executed here: a quorum of Prepares
/// means that at least one correct validator has done so, and whoever proposes it again has it
/// checked again.
/// @return ERR_INVALID with the rule that is broken.
MUST_USE err_t qbft_round_change_justified(const struct qbft_rules *rules,
                                           const struct qbft_message *m);

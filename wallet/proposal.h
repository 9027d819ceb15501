// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What commands need to know of a proposal, read from the governor through any node.

#include "wallet/known.h"

/// States, as the governor numbers them.
enum proposal_state {
    PROPOSAL_PENDING,
    PROPOSAL_ACTIVE,
    PROPOSAL_CANCELED,
    PROPOSAL_DEFEATED,
    PROPOSAL_SUCCEEDED,
    PROPOSAL_QUEUED,
    PROPOSAL_EXPIRED,
    PROPOSAL_EXECUTED,
};

/// The arguments of ProposalCreated: by full id (decimal or 0x..), a prefix of 6 or more
/// digits of the 0x.. form, or "latest". New reference.
/// @return EXIT_REFUSED if there is none, EXIT_USAGE if several fit
enum exit_code proposal_find(struct ctx *ctx, json_t **out, const char *text);

/// [proposalId], as most of the governor's functions take it. New reference.
json_t *proposal_id(const json_t *proposal);

/// "0x1234567890ab" of a proposal, for people.
void proposal_short_id(char out[16], const json_t *proposal);

/// The first line of a description. New reference.
json_t *proposal_title(const json_t *proposal);

/// The word for a vote's number ("for"), and back; false if it is none.
const char *proposal_support_name(uint64_t support);
bool proposal_support_of(uint64_t *out, const char *word);

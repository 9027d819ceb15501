// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Who validates the block after the head: by the votes in the headers since the last checkpoint,
/// or by what a contract answers on the head's state. Followed block by block by whoever writes
/// blocks: the executor, and an import without a node.
///
/// Owner: the thread that writes blocks.

#include "consensus/block/executed.h"
#include "consensus/qbft/validators.h"

struct succession {
    const struct chain_config *config;
    struct arena votes;
    struct arena scratch; ///< of one header's extraData
    bool has_tally;       ///< false while a contract has the validators
    struct qbft_tally tally;
    address_t validators[QBFT_MAX_VALIDATORS]; ///< of head + 1, ascending
    size_t validator_count;                    ///< 0 where the contract that names them fails
    const char *nobody;                        ///< why it fails; a literal, NULL while it does not
};

/// Knows nothing yet: succession_find follows. @return ERR_FULL; deinit in any case
MUST_USE err_t succession_init(struct succession *s, const struct chain_config *config);
void succession_deinit(struct succession *s);

/// Takes the votes of a new head into account, before succession_find.
/// @return ERR_MALFORMED (its extraData), ERR_FULL, ERR_LIMIT
MUST_USE err_t succession_follow(struct succession *s, const struct header *head);

/// The validators after `head`, the newest block that `txn` sees. What a validator contract does
/// wrong is the chain's own state and no failure of this machine: then nobody validates (and OK).
/// @param env  to call a validator contract
/// @return ERR_NOT_FOUND, ERR_MALFORMED or ERR_INVALID (headers up to the head)
MUST_USE err_t succession_find(struct succession *s, const struct block_env *env,
                               const struct db_txn *txn, const struct header *head);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Fork identifiers (EIP-2124, EIP-6122): four bytes that tell two nodes, before they exchange a
/// block, whether they follow the same forks of the same genesis.
///
///     hash = CRC32(genesis hash || fork 1 || fork 2 ...)   forks passed at the head, 8 bytes each
///     next = the first fork to come, 0 if none is known

#include "chain/types/chain_config.h"

struct fork_id {
    uint8_t hash[4];
    uint64_t next;
};

/// The forks of a chain in the order of EIP-6122: unique block numbers above 0, then unique
/// times after the genesis's.
struct fork_list {
    uint64_t at[FORK_ID_BLOCKS + REV_COUNT];
    size_t block_count; ///< the first ones are block numbers, the rest times
    size_t count;
};

/// The list of a configuration whose genesis has this timestamp.
struct fork_list fork_list_of(const struct chain_config *config, uint64_t genesis_time_s);

/// The identifier at a head.
struct fork_id fork_id_at(const struct fork_list *forks, const hash_t *genesis, uint64_t number,
                          uint64_t time_s);

/// May a node with `remote` be on our chain?
/// @return ERR_MISMATCH with whether we or it miss a fork
MUST_USE err_t fork_id_check(const struct fork_list *forks, const hash_t *genesis, uint64_t number,
                             uint64_t time_s, const struct fork_id *remote);

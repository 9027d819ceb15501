// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A world in memory: what tools and tests put under an overlay instead of a store. Its root
/// is computed anew from everything each time. Memory that is not there ends the program: who
/// reads a world from outside bounds the text first. Owner: one thread.

#include "chain/base/arena.h"
#include "chain/base/map.h"
#include "chain/state/diff.h"
#include "chain/state/view.h"

struct mem_state {
    struct map accounts; ///< address -> struct mem_account
    struct arena arena;  ///< codes
    /// For BLOCKHASH; NULL: all zero.
    hash_t (*block_hash)(void *ctx, uint64_t number);
    void *block_hash_ctx;
};

/// Empty. Afterwards mem_state_deinit.
void mem_state_init(struct mem_state *m);
void mem_state_deinit(struct mem_state *m);
void mem_state_clear(struct mem_state *m);

/// Creates or replaces nonce, balance and code of an account; the code is copied.
void mem_state_put(struct mem_state *m, const address_t *a, uint64_t nonce, const u256_t *wei,
                   bytes_t code);
/// Sets a slot of an account that exists; zero deletes it.
void mem_state_put_slot(struct mem_state *m, const address_t *a, const hash_t *key,
                        const u256_t *value);

/// False (and *out = account_none()) if there is none. `storage_root` only tells whether
/// there is storage.
bool mem_state_account(const struct mem_state *m, struct account *out, const address_t *a);
/// Zero, and no bytes, if there is none.
u256_t mem_state_slot(const struct mem_state *m, const address_t *a, const hash_t *key);
bytes_t mem_state_code(const struct mem_state *m, const address_t *a);

/// All addresses, and all slots of an account, ascending; in `arena`.
/// @return NULL if it is full
const address_t *mem_state_addresses(const struct mem_state *m, struct arena *arena, size_t *count);
/// See mem_state_addresses.
const struct slot_change *mem_state_slots(const struct mem_state *m, struct arena *arena,
                                          const address_t *a, size_t *count);

/// The view over it; `m` must outlive it.
struct state_view mem_state_view(struct mem_state *m);

/// Makes the changes of a diff.
void mem_state_apply(struct mem_state *m, const struct state_diff *diff);

/// Root of the secure trie of all accounts.
hash_t mem_state_root(const struct mem_state *m, struct arena *scratch);

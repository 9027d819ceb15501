// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A small world to execute in: a sender with ether, a contract, a block. What tests of the
/// VM begin with.

#include "chain/state/mem_state.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

struct vm_world {
    struct mem_state state;
    struct vm *vm;
    struct overlay *overlay;
    struct arena arena;
    struct block_ctx block;
    struct tx tx; ///< from the sender to the contract; change what a test is about
};

extern const address_t WORLD_SENDER;
extern const address_t WORLD_CONTRACT;
extern const address_t WORLD_OTHER; ///< a second contract's, if a test puts one there
extern const address_t WORLD_COINBASE;

/// Everything new, at this revision; no code anywhere, the sender has 100 ether.
void vm_world_init(struct vm_world *w, enum revision rev);
void vm_world_deinit(struct vm_world *w);

/// Puts a contract given as hexadecimal text.
void vm_world_code(struct vm_world *w, const address_t *a, const char *hex);

/// Bytes of hexadecimal text, in the world's arena.
bytes_t vm_world_bytes(struct vm_world *w, const char *hex);

/// Executes w->tx on a fresh overlay; a storage error ends the program.
struct tx_result vm_world_run(struct vm_world *w);
/// The same on the overlay as it is.
struct tx_result vm_world_run_on(struct vm_world *w, const struct call_mode *mode);

/// Gas that the code used: without the intrinsic part and before the refund.
uint64_t vm_world_gas(const struct vm_world *w, const struct tx_result *r);

/// The first word of the output; zero if there is none.
u256_t vm_world_word(const struct tx_result *r);

/// The overlay's net changes, and those of one account (NULL if none).
struct state_diff vm_world_diff(struct vm_world *w);
const struct account_change *vm_world_change(const struct state_diff *d, const address_t *a);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The world a block is changing: accounts, slots, transient storage, access lists, logs and
/// refunds over a view, with a journal that can be rolled back to any point. Made once per
/// block, arena-backed; nothing below it changes.

#include "chain/base/arena.h"
#include "chain/state/diff.h"
#include "chain/state/view.h"
#include "chain/types/receipt.h"

struct overlay;

/// An empty overlay over `view` (copied; its ctx must outlive the overlay).
MUST_USE err_t overlay_new(struct overlay **out, const struct state_view *view, size_t max_bytes);
void overlay_free(struct overlay *o);
/// Forgets everything and starts over another view; keeps the memory.
void overlay_reset(struct overlay *o, const struct state_view *view);

/// The overlay seen as a view (for eth_call on a pending block, the txpool's checks).
struct state_view overlay_as_view(struct overlay *o);

/// Direct changes outside transactions: state overrides, rewards, withdrawals.
MUST_USE err_t overlay_set_balance(struct overlay *o, const address_t *a, const u256_t *wei);
MUST_USE err_t overlay_add_balance(struct overlay *o, const address_t *a, const u256_t *wei);
MUST_USE err_t overlay_set_nonce(struct overlay *o, const address_t *a, uint64_t nonce);
MUST_USE err_t overlay_set_code(struct overlay *o, const address_t *a, bytes_t code);
MUST_USE err_t overlay_set_slot(struct overlay *o, const address_t *a, const hash_t *key,
                                const u256_t *value);
/// Forgets all slots of an account (eth_call's `state` override: slots are set afterwards).
MUST_USE err_t overlay_clear_storage(struct overlay *o, const address_t *a);
/// Deletes the account if it is empty (EIP-161), for touches outside transactions.
MUST_USE err_t overlay_delete_if_empty(struct overlay *o, const address_t *a);

/// Net changes since the view, in `arena` (code bytes too), sorted.
MUST_USE err_t overlay_diff(struct state_diff *out, struct arena *arena, struct overlay *o);

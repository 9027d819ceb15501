// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Who signed transactions that the pool did not take or keep: they come again, from other peers,
/// from the same client or in a block, and nobody's signature is recovered twice. A table of fixed
/// size in which the later one takes the place of the earlier one.
///
/// The hash of a transaction covers its signature, so it stands for the sender. Owner: whoever
/// holds the pool's lock.

#include "chain/base/err.h"
#include "chain/types/tx.h"

struct senders;

/// @return ERR_FULL
MUST_USE err_t senders_new(struct senders **out);
void senders_free(struct senders *s); ///< NULL is allowed

/// Remembers a transaction's sender, if it has been recovered.
void senders_keep(struct senders *s, const struct tx *tx);
/// @return false, and `*out` untouched, if it is not known
bool senders_find(const struct senders *s, address_t *out, const hash_t *hash);

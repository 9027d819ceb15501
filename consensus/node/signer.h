// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The one place where QBFT messages are signed. Owns the guard: what is about to be said is
/// saved and synced first. A failed save means no signature.

#include "chain/crypto/secret.h"
#include "chain/store/guard.h"
#include "consensus/qbft/message.h"

struct node;
struct signer;

/// Starts the thread. Takes the guard over.
MUST_USE err_t signer_new(struct signer **out, struct node *n, struct guard *guard,
                          const struct secret_key *key, enum qbft_wire wire);
/// Stops and joins; closes the guard. NULL is allowed.
void signer_free(struct signer *s);

/// Saves a record (copied); then the loop hears PERSISTED. Called by the loop.
void signer_persist(struct signer *s, uint64_t guard_seq, const struct guard_record *record);
/// Signs a message (copied); then the loop gets it as its own.
void signer_send(struct signer *s, const struct qbft_send *send);

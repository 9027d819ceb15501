// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Answers to what peers ask of the store and the pool: headers, bodies, receipts, transactions.
/// Pure reading on a snapshot of its own; bounded by count and by ETH_ANSWER_BYTES. Any thread.

#include "chain/base/buf.h"
#include "consensus/p2p/eth.h"

struct node;

/// Appends the answer to a request with this code. What is unknown is left out, as the protocol
/// has it; an answer may be empty.
/// @param version  of eth, for the form of receipts
/// @param[out] answer_code  of the answer
/// @return ERR_MALFORMED or ERR_LIMIT if the request is at fault; ERR_IO, ERR_CORRUPT, ERR_FULL if
///         we are
MUST_USE err_t serve(struct buf *out, unsigned *answer_code, struct node *n, unsigned version,
                     unsigned code, bytes_t request);

/// NewBlock of a stored block, with its seals.
/// @return ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT, ERR_FULL
MUST_USE err_t serve_new_block(struct buf *out, struct node *n, uint64_t number);

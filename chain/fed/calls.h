// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Calls of the system contracts: their declarations by name or selector, and the typed
/// encoding of those that carry a participant's or an aggregator's work.

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/fed/commitment.h"
#include "chain/fed/contracts.h"
#include "chain/fed/sketch.h"

/// A function by contract and name; NULL if there is none. Functions that differ only in
/// their arguments do not occur in the system contracts but in OpenZeppelin's, where the
/// first one is meant.
const struct fed_item *fed_function(enum fed_contract contract, const char *name);

/// A function by contract and selector (big-endian number); NULL if there is none. `Rounds`
/// answers for its extension.
const struct fed_item *fed_function_of(enum fed_contract contract, uint32_t selector);

/// An event by contract and name, or by contract and topic 0; NULL if there is none.
const struct fed_item *fed_event_named(enum fed_contract contract, const char *name);
const struct fed_item *fed_event_of(enum fed_contract contract, const hash_t *topic);

/// What an aggregator posts: Solidity's struct Aggregate.
struct fed_aggregate_claim {
    hash_t agg_root;
    hash_t agg_sha256;
    hash_t new_model_root;
    hash_t new_file_sha256;
    uint64_t size_bytes;
    hash_t card_hash;
};

/// commit(uint256,bytes32)
void fed_call_commit(struct buf *out, uint64_t round_id, const hash_t *digest);

/// reveal(uint256,Reveal,bytes sketch,bytes clc), without linear commitment.
void fed_call_reveal(struct buf *out, uint64_t round_id, const struct fed_reveal *reveal,
                     const struct sketch *sketch);

/// select(uint256,bytes): the sketches of the round's selection inputs, in their order.
void fed_call_select(struct buf *out, uint64_t round_id, const struct sketch *sketches,
                     size_t count);

/// postAggregate(uint256,Aggregate)
void fed_call_post_aggregate(struct buf *out, uint64_t round_id,
                             const struct fed_aggregate_claim *claim);

/// The sketch out of the call data of a `reveal`, and what else it said.
/// @return ERR_MALFORMED if it is no such call
MUST_USE err_t fed_call_read_reveal(uint64_t *round_id, struct fed_reveal *reveal,
                                    struct sketch *sketch, bytes_t call_data);

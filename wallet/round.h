// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What commands need to know of a round, read from the contract through any node.

#include "chain/fed/commitment.h"
#include "chain/fed/sketch.h"
#include "wallet/known.h"
#include "wallet/model_file.h"

/// States, as the contract numbers them.
enum round_state {
    ROUND_NONE,
    ROUND_OPEN,
    ROUND_SEALED,
    ROUND_REVEAL,
    ROUND_SELECT,
    ROUND_AGGREGATE,
    ROUND_EVALUATE,
    ROUND_CHALLENGE,
    ROUND_FINALISED,
    ROUND_PAID,
    ROUND_FAILED,
    ROUND_CANCELLED,
};

struct round_info {
    uint64_t id;
    uint64_t state;
    uint64_t w_max;
    uint64_t d;
    uint64_t scale; ///< fractional bits of the family
    uint64_t lr_num;
    uint64_t lr_den;
    uint64_t total_weight;
    uint64_t accepted; ///< bit p: the p-th participant
    uint64_t seed_block;
    hash_t family;
    hash_t base;
    hash_t base_file_sha256;
    hash_t seed;
    json_t *json; ///< roundInfo as the contract gives it; owned
};

/// Reads a round. @return EXIT_REFUSED if there is none of this number
enum exit_code round_load(struct ctx *ctx, struct round_info *out, uint64_t id);
/// Frees what a round owns; it is empty afterwards.
void round_deinit(struct round_info *r);

/// Reads a round's number from an argument.
enum exit_code round_parse(struct ctx *ctx, uint64_t *out, const char *text);

/// Checks the chain and reads the round named by an argument, which must be in this state.
/// @return EXIT_SIMULATION if it is in another
enum exit_code round_load_in(struct ctx *ctx, struct round_info *out, const char *text,
                             enum round_state want);

/// Completes a round with its family's scale and its base version's file hash.
enum exit_code round_load_base(struct ctx *ctx, struct round_info *r);

/// Opens the base model and makes sure that it is the round's.
/// @return EXIT_UNVERIFIED if it is another file
enum exit_code round_open_base(struct ctx *ctx, struct model_file *out, const struct round_info *r,
                               const char *path);

/// Sends one of the typed calls of chain/fed/calls to Rounds; `keep` as in
/// send_tx_keeping, may be NULL.
enum exit_code round_send(struct ctx *ctx, struct sent *out, struct buf *call, const char *what,
                          const char *keep);

/// What one participant revealed, out of its transaction's call data, which the contract
/// has checked: the sketch's hash is compared with the one stored on chain.
struct round_reveal {
    address_t participant;
    uint64_t position; ///< in the round's list of participants
    struct fed_reveal reveal;
    struct sketch sketch;
};

/// What `participant` revealed. @return EXIT_REFUSED if it did not, or not by a call that
/// can be read
enum exit_code round_read_reveal(struct ctx *ctx, struct round_reveal *out, uint64_t round_id,
                                 const address_t *participant);

/// The contract's number of an accepted participant.
#define ROUND_STATUS_ACCEPTED 3

/// Words for the contract's numbers.
const char *round_status_name(uint64_t status);
const char *round_refusal_name(uint64_t refusal);
const char *round_failure_name(uint64_t failure);

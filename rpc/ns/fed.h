// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What model_*, round_*, reward_* and dao_* share: the derived tables (chain/fed/views.h) on a
/// snapshot, questions to the system contracts on the same snapshot, lists with cursors, and
/// the words for enumerations.

#include "chain/codec/abi.h"
#include "chain/fed/views.h"
#include "rpc/ns/eth_call.h"

/// The federation at the newest block.
struct fed_site {
    struct call_site site;
    struct call_slot slot;
    struct db_txn *txn;
};

/// @return false with -39004 where the network has no system contracts
bool fed_open(struct rpc_call *call, struct fed_site *f);
void fed_close(struct rpc_call *call, struct fed_site *f);

/// Asks a contract: `signature` as "bonded(address,uint8)", `types` of the answer as "(uint256)"
/// with exactly `out_count` fields. False with an error in the call.
bool fed_ask(struct rpc_call *call, struct fed_site *f, enum fed_contract contract,
             const char *signature, const struct abi_value *args, size_t arg_count,
             const char *types, struct abi_value *out, size_t out_count);
/// The same for one number.
bool fed_ask_number(struct rpc_call *call, struct fed_site *f, enum fed_contract contract,
                    const char *signature, const struct abi_value *args, size_t arg_count,
                    u256_t *out);

/// An error of the tables; for what was not found writes null and returns true.
bool fed_end(struct rpc_call *call, err_t err);

/// A list's options: {limit, cursor, order} out of the object parameter at `index` (or its
/// member `list`).
bool fed_page(struct rpc_call *call, size_t index, struct views_page *out);
/// Begins {"items": [ ... and ends with "next" and "atBlock".
void fed_list_begin(struct rpc_call *call);
void fed_list_end(struct rpc_call *call, const struct fed_site *f, bytes_t next);

/// A member of the object parameter at `index`, or NULL.
const json_t *fed_member(const struct rpc_call *call, size_t index, const char *name);

/// Words. Never NULL.
const char *fed_version_state(uint8_t state);
const char *fed_version_kind(uint8_t kind);
const char *fed_round_state(uint8_t state);
const char *fed_status(uint8_t status);
const char *fed_refusal(uint8_t reason);
const char *fed_failure(uint8_t failure);
const char *fed_proposal_state(uint64_t state);

/// {block, time, tx} of something that happened.
void fed_put_at(struct json_writer *w, const struct view_at *at);
/// A decoded argument: quantities, data, lists, objects where fields are named.
void fed_put_value(struct json_writer *w, const struct abi_type *type, const struct abi_value *v);
/// A list of events as {block, time, tx, event, by, args}.
bool fed_put_timeline(struct rpc_call *call, struct fed_site *f, enum view_subject subject,
                      const hash_t *id, size_t page_index);

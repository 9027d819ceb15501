// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What model_*, round_*, reward_* and dao_* share: the derived tables (chain/fed/views.h) on a
/// snapshot, questions to the system contracts on the same snapshot, lists with cursors, and
/// the words for enumerations.

#include "chain/codec/abi.h"
#include "chain/fed/views.h"
#include "rpc/ns/eth_call.h"

/// The federation after one block: records and contracts' state are both of it.
struct fed_site {
    struct call_site site;
    struct call_slot slot;
    struct db_txn *txn;
    struct views views; ///< `at` is the block
};

/// Opens it at the block that the method's last parameter names; latest if it was left out.
/// @return false with -39004 where the network has no system contracts, -32001 for a block that
///         is not there or whose state is not kept
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

/// The proposal that the first parameter names: by its id, in full or its first 6 digits or more,
/// or in decimal as Solidity tools print it. (ns/dao.c)
bool fed_find_proposal(struct rpc_call *call, struct fed_site *f, struct view_proposal *out,
                       bool *found);

/// An error of the tables; for what was not found writes null and returns true.
bool fed_end(struct rpc_call *call, err_t err);

/// A list being answered. Its first page is of the block asked for; `next` names that block, so
/// that the pages behind it are of the same one.
///
///     struct fed_list l;
///     if (!fed_open_list(call, &f, &l, 1, false)) return false;
///     fed_list_begin(call);
///     do {
///         err = views_...(&f.views, call->arena, &l.page, ..., &all, &count, &l.page.after);
///         for (each that is asked for) { l.page.limit--; write it }
///     } while (err_ok(err) && fed_list_more(&l, count));
///     fed_list_end(call, &f, &l);
struct fed_list {
    struct views_page page; ///< what is still wanted
    size_t scanned;
};

/// Reads {limit, cursor, order} out of the object parameter at `index` (or its member `list`) and
/// opens the federation at the cursor's block, or else as fed_open.
/// @param oldest_first  the order if none is asked for
/// @return false also with -39003 if the cursor's block is not there (any more)
bool fed_open_list(struct rpc_call *call, struct fed_site *f, struct fed_list *l, size_t index,
                   bool oldest_first);
/// True if there may be more to show after `count` were looked at.
bool fed_list_more(struct fed_list *l, size_t count);
/// Begins {"items": [ ... and ends with "next" and "atBlock".
void fed_list_begin(struct rpc_call *call);
void fed_list_end(struct rpc_call *call, const struct fed_site *f, const struct fed_list *l);
/// The part of an array of `count` that is the list's page: `*shown` items, the i-th of them at
/// fed_slice_at(l, slice, i).
struct fed_slice {
    size_t first;
    size_t shown;
    size_t count;
};
bool fed_slice(struct rpc_call *call, struct fed_list *l, struct fed_slice *out, size_t count);
size_t fed_slice_at(const struct fed_list *l, const struct fed_slice *s, size_t i);

/// A member of the object parameter at `index`, or NULL.
const json_t *fed_member(const struct rpc_call *call, size_t index, const char *name);

/// The address of a system contract as a "call" for clients: {"to": .., "data": ..}.
void fed_put_call(struct json_writer *w, enum fed_contract contract, bytes_t data);
/// The same from a signature and its arguments.
bool fed_put_call_of(struct rpc_call *call, enum fed_contract contract, const char *signature,
                     const struct abi_value *args, size_t arg_count);

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
/// One event as {block, time, tx, event, by, args}. `block` is the block it is of, which the
/// caller may keep for the next one.
void fed_put_event(struct rpc_call *call, const struct view_event *e, const struct block *block);
/// A list of events in this form.
bool fed_put_timeline(struct rpc_call *call, struct fed_site *f, struct fed_list *l,
                      enum view_subject subject, const hash_t *id);

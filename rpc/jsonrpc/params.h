// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Typed readers of parameters. Each returns false after putting -32602 with
/// {param, want, have} into the call, so handlers read:
///
///     if (!param_address(call, 0, &who)) return false;
///
/// Names come from the method's row. Strings are strict: quantities are 0x and hex digits
/// without leading zeros, data 0x and an even number of digits, addresses in any case but
/// with a right checksum where the case is mixed (EIP-55).

#include "rpc/jsonrpc/call.h"

/// The value at `index`, or NULL if it was left out or is null.
const json_t *param_at(const struct rpc_call *call, size_t index);
bool param_given(const struct rpc_call *call, size_t index);

/// 20 bytes.
bool param_address(struct rpc_call *call, size_t index, address_t *out);
/// 32 bytes.
bool param_hash(struct rpc_call *call, size_t index, hash_t *out);
/// A quantity of at most 64 bits.
bool param_u64(struct rpc_call *call, size_t index, uint64_t *out);
/// A quantity.
bool param_u256(struct rpc_call *call, size_t index, u256_t *out);
/// True or false.
bool param_bool(struct rpc_call *call, size_t index, bool *out);
/// Bytes in the call's arena.
bool param_data(struct rpc_call *call, size_t index, bytes_t *out);
/// An object or an array, borrowed.
bool param_object(struct rpc_call *call, size_t index, const json_t **out);
bool param_array(struct rpc_call *call, size_t index, const json_t **out);

/// The same for a value inside an object; `name` is what an error calls it.
bool value_address(struct rpc_call *call, const json_t *v, const char *name, address_t *out);
bool value_hash(struct rpc_call *call, const json_t *v, const char *name, hash_t *out);
bool value_u64(struct rpc_call *call, const json_t *v, const char *name, uint64_t *out);
bool value_u256(struct rpc_call *call, const json_t *v, const char *name, u256_t *out);
bool value_bool(struct rpc_call *call, const json_t *v, const char *name, bool *out);
bool value_data(struct rpc_call *call, const json_t *v, const char *name, bytes_t *out);
/// A storage key of 1 to 32 bytes, odd digits allowed ("0x0"), filled up on the left.
bool value_slot_key(struct rpc_call *call, const json_t *v, const char *name, hash_t *out);

/// Which block somebody asks about. latest, safe and finalized are one block here.
struct block_ref {
    enum { BLOCK_LATEST, BLOCK_PENDING, BLOCK_NUMBER, BLOCK_HASH } kind;
    uint64_t number; ///< BLOCK_NUMBER; earliest is 0
    hash_t hash;     ///< BLOCK_HASH
};
/// Number, tag, or EIP-1898 object; a missing parameter is `latest`.
bool param_block(struct rpc_call *call, size_t index, struct block_ref *out);
bool value_block(struct rpc_call *call, const json_t *v, const char *name, struct block_ref *out);

/// Refuses members of `object` that are not among `known` (NULL-terminated).
bool object_only(struct rpc_call *call, const json_t *object, const char *what,
                 const char *const *known);

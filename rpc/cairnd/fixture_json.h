// SPDX-License-Identifier: Apache-2.0
#pragma once

/// JSON as test generators and official fixtures write it: numbers padded, decimal or plain,
/// "0x" for nothing, addresses with or without prefix. (RPC is strict: chain/codec/ethjson.h.)
///
/// A reader that fails leaves its output untouched and tells where in `struct fixture_detail`
/// (may be NULL): which member, what was seen. An absent member is malformed.

#include <jansson.h>

#include "chain/base/arena.h"
#include "chain/state/mem_state.h"
#include "chain/types/chain_config.h"
#include "chain/types/tx.h"

/// Why a text was refused, for people; safe to print.
struct fixture_detail {
    char text[200];
};

/// Says that `member` holds something that is not `want`. Always ERR_MALFORMED.
err_t fixture_refuse(struct fixture_detail *detail, const char *member, const json_t *value,
                     const char *want);

/// The member `name` of an object as a value of each type. ERR_MALFORMED; also ERR_FULL for
/// bytes, which are in `arena`.
MUST_USE err_t fixture_get_u64(uint64_t *out, const json_t *object, const char *name,
                               struct fixture_detail *detail);
/// See fixture_get_u64.
MUST_USE err_t fixture_get_u256(u256_t *out, const json_t *object, const char *name,
                                struct fixture_detail *detail);
/// See fixture_get_u64. A number of up to 32 bytes.
MUST_USE err_t fixture_get_hash(hash_t *out, const json_t *object, const char *name,
                                struct fixture_detail *detail);
/// See fixture_get_u64.
MUST_USE err_t fixture_get_address(address_t *out, const json_t *object, const char *name,
                                   struct fixture_detail *detail);
/// See fixture_get_u64.
MUST_USE err_t fixture_get_bytes(bytes_t *out, struct arena *arena, const json_t *object,
                                 const char *name, struct fixture_detail *detail);

/// The same for values that are no members; `name` is only said in `detail`.
MUST_USE err_t fixture_read_u64(uint64_t *out, const json_t *value, const char *name,
                                struct fixture_detail *detail);
/// See fixture_read_u64.
MUST_USE err_t fixture_read_u256(u256_t *out, const json_t *value, const char *name,
                                 struct fixture_detail *detail);
/// See fixture_read_u64.
MUST_USE err_t fixture_read_bytes(bytes_t *out, struct arena *arena, const json_t *value,
                                  const char *name, struct fixture_detail *detail);

/// False for an absent or null member.
bool fixture_has(const json_t *object, const char *name);

/// Adds the accounts of {address: {balance, nonce, code, storage}} to a world exactly as they
/// are, empty ones too. All four members may be absent.
MUST_USE err_t fixture_read_accounts(struct mem_state *m, const json_t *accounts,
                                     struct arena *arena, struct fixture_detail *detail);

/// [{address, storageKeys}..] (EIP-2930); null is none. In `arena`.
MUST_USE err_t fixture_read_access_list(struct tx *out, struct arena *arena, const json_t *list,
                                        struct fixture_detail *detail);
/// [{chainId, address, nonce, yParity | v, r, s}..] (EIP-7702). In `arena`.
MUST_USE err_t fixture_read_authorizations(struct tx *out, struct arena *arena, const json_t *list,
                                           struct fixture_detail *detail);

/// Mainnet's rules without an engine, at this revision from the first block on.
struct chain_config fixture_chain_config(enum revision rev, uint64_t chain_id);

/// A fork as test files and generators spell it, "MuirGlacier" and "GrayGlacier" included.
MUST_USE err_t fixture_read_fork(enum revision *out, const char *name);

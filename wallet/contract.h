// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Contracts through any node: reading by eth_call and eth_getLogs, and what a refusal
/// says. Writing is in wallet/send.h.
///
/// Signatures are texts, "f(uint256,bytes32)(address)" with the returned types behind;
/// values are JSON as in wallet/abi_json.h.

#include "wallet/client.h"
#include "wallet/ctx.h"
#include "wallet/revert.h"
#include "wallet/tx_build.h"

/// Where no particular block is meant.
#define BLOCK_LATEST "latest"

/// Asks a view function; takes over `args`. `*out` is a new array of the returned values.
/// @return EXIT_REFUSED with the decoded reason if the contract refuses or is not there
enum exit_code contract_view(struct ctx *ctx, json_t **out, const address_t *to,
                             const char *signature, json_t *args);

/// As contract_view at a block tag or "0x.." number.
enum exit_code contract_view_at(struct ctx *ctx, json_t **out, const address_t *to,
                                const char *signature, json_t *args, const char *block);

/// As contract_view; `*out` is NULL if the contract refused.
enum exit_code contract_view_try(struct ctx *ctx, json_t **out, const address_t *to,
                                 const char *signature, json_t *args);

/// A view that returns one value of at most 64 bits.
enum exit_code contract_view_u64(struct ctx *ctx, uint64_t *out, const address_t *to,
                                 const char *signature, json_t *args);

/// Decodes one log under an event's declaration with names, such as
/// "Transfer(address indexed from,address indexed to,uint256 value)". `*out` is a new
/// object by name.
/// @return ERR_MISMATCH if it is another event, ERR_MALFORMED
MUST_USE err_t contract_log_decode(json_t **out, const char *declaration, const json_t *log);

/// A log as {block, tx, logIndex, args}; NULL if it is none of this event. New reference.
json_t *contract_log_row(const char *declaration, const json_t *log);

/// All logs of `from` (blocks 0 to latest, in bounded steps) of this event, oldest first,
/// as [{block, tx, logIndex, args}]. `topics[i]` (i = 1..3, "0x.." or NULL) filter.
enum exit_code contract_logs(struct ctx *ctx, json_t **out, const address_t *from,
                             const char *declaration, const char *const topics[4]);

/// The object that eth_call and eth_estimateGas take; `from` may be NULL.
json_t *contract_call_object(const address_t *from, const struct tx_intent *intent);

/// Is this error the contract's word rather than the node's?
bool contract_is_revert(const struct rpc_error *e);

/// Turns an error with revert data into words; `out->args` is the caller's to drop.
void contract_explain(struct revert_reason *out, const struct rpc_error *e);

/// Records why a contract refuses: in words, and with error, args, selector and data for
/// --json. @return `code`
enum exit_code contract_fail_revert(struct ctx *ctx, enum exit_code code, const char *lead,
                                    const struct revert_reason *r, const struct rpc_error *error);

/// Encodes a call or says why not (EXIT_USAGE). The caller frees `*data`.
enum exit_code contract_encode(struct ctx *ctx, uint8_t **data, size_t *len, const char *signature,
                               const json_t *args);

/// The block's time and number of the latest block.
enum exit_code contract_head(struct ctx *ctx, uint64_t *number, uint64_t *time_s);

/// "0x.." of bytes as a JSON string.
json_t *json_hex(bytes_t b);
json_t *json_hash(const hash_t *h);
json_t *json_address(const address_t *a);
json_t *json_u64(uint64_t v); ///< decimal string
json_t *json_u256(const u256_t *v);

/// Reads decimal strings as they come out of decoding; zero if it is none.
u256_t json_get_u256(const json_t *v);
uint64_t json_get_u64(const json_t *v);

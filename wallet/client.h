// SPDX-License-Identifier: Apache-2.0
#pragma once

/// JSON-RPC to a node: over http, https (certificates are verified) or a local socket,
/// one JSON object per line there. The one file with <curl/curl.h>.
///
/// The node may be hostile or broken: an answer has at most 16 MiB, arrives within 30 s,
/// is nested at most 64 deep, and is an answer to our question, or it counts as rubbish.

#include "wallet/ctx.h"

#define CLIENT_MAX_ANSWER ((size_t)16 << 20)
#define CLIENT_TIMEOUT_S 30
#define CLIENT_MAX_DEPTH 64

/// Makes ready to talk to `ctx->set.rpc`; connects at the first call.
/// @return EXIT_USAGE for an address that is none of the forms above
enum exit_code client_open(struct ctx *ctx);

/// NULL is allowed.
void client_close(struct client *c);

/// An error that the node answered.
struct rpc_error {
    bool is;        ///< false: no error
    long long code; ///< JSON-RPC's
    char message[512];
    char *data_hex; ///< revert data as "0x..", heap, or NULL
};
void rpc_error_clear(struct rpc_error *e);

/// Calls `method`; takes over `params` (an array). `*out` is a new reference, or NULL if
/// the node answered an error, which is then in `*error`.
/// @return EXIT_UNREACHABLE (with message), else EXIT_DONE even for an error of the node
enum exit_code client_try(struct ctx *ctx, json_t **out, struct rpc_error *error,
                          const char *method, json_t *params);

/// As client_try; an error of the node is EXIT_REFUSED with its words.
enum exit_code client_call(struct ctx *ctx, json_t **out, const char *method, json_t *params);

/// Checks what stands around any JSON before it is parsed: strings closed, depth.
/// For tests; client_try does it. @return ERR_LIMIT, ERR_MALFORMED
MUST_USE err_t client_check_depth(bytes_t text);

// Typed readings of an answer; all say EXIT_UNREACHABLE "rubbish" for another form.

/// A quantity "0x.." below 2^64.
enum exit_code client_u64(struct ctx *ctx, uint64_t *out, const char *method, json_t *params);

/// Reads a quantity out of a JSON value; false if it is none.
bool json_quantity(uint64_t *out, const json_t *v);

/// Reads "0x.." data out of a JSON value onto the heap (NULL if it is none); the caller
/// frees.
uint8_t *json_data(size_t *len, const json_t *v);

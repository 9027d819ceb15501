// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Cuts the text of a JSON-RPC request into its members, by one strict pass (RFC 8259): at most
/// JSON_MAX_DEPTH levels, well-formed UTF-8, no lone surrogates, no member twice in an object.
/// Nothing is converted: an id goes back byte for byte, and a transaction's digits are read
/// where they lie. Parameters become trees (jansson) only where a method wants them.
///
///     [{"jsonrpc":"2.0","id":1e2,"method":"eth_getBalance","params":["0x..", "latest"]}, ..]
///                            ^^^         ^^^^^^^^^^^^^^^^           ^^^^^^^^^^^^^^^^^^

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/json.h"

/// One request. Members are JSON text, strings with their quotes; empty: not there.
struct envelope {
    bool is_object;
    bytes_t version; ///< "jsonrpc"
    bytes_t id;
    bytes_t method;
    bytes_t params;
};

/// The requests of one text, which must outlive them.
struct envelopes {
    struct envelope only;  ///< unless `batch`
    struct envelope *many; ///< of a batch, as many as were wanted
    size_t kept;
    size_t count; ///< in the text
    bool batch;
};

/// @param most  requests of a batch that are kept; others are only counted
/// @return ERR_MALFORMED, ERR_LIMIT (depth), ERR_FULL; `detail` says where it broke
MUST_USE err_t envelopes_cut(struct envelopes *out, bytes_t text, size_t most,
                             struct json_detail *detail);
void envelopes_free(struct envelopes *e);

/// Decodes the text of a JSON string (with its quotes).
/// @return false if it is no string or longer than `cap` - 1 bytes; else `out` is terminated
bool envelope_string(char *out, size_t cap, bytes_t json);

/// The content of the only string of a list such as `["0x12"]`, in place; false if the list is
/// anything else or the string has escapes.
bool envelope_lone_string(bytes_t *out, bytes_t json);

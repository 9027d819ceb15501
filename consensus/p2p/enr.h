// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Node records (EIP-778): what a node says about itself, signed, so that others may pass it on.
///
///     record = [signature(64), seq, key, value, key, value ...]     keys ascending, 300 bytes
///     text   = "enr:" + base64url(record) without padding
///
/// Known here are the identity scheme "v4" and the keys that a node of ours needs; others are
/// skipped.

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"
#include "chain/types/fork_id.h"

#define ENR_BYTES 300U
/// Room for the text of any record and its terminator.
#define ENR_TEXT_MAX (4U + ENR_BYTES / 3U * 4U + 1U)

struct enr {
    uint64_t seq; ///< grows with every change
    secp_pubkey_t id;
    uint8_t ip[16];
    uint8_t ip_len; ///< 0 (not said), 4 or 16
    uint16_t tcp;   ///< 0: not said
    uint16_t udp;   ///< 0: not said
    bool has_fork;  ///< key "eth"
    struct fork_id fork;
};

/// Appends the record, signed. `node->id` is the key's own.
void enr_encode(struct buf *out, const struct enr *node, const struct secret_key *key);

/// Reads a record and checks its signature.
/// @return ERR_LIMIT above 300 bytes; ERR_MALFORMED; ERR_UNSUPPORTED for another identity scheme;
///         ERR_INVALID if the signature is not that of its key
MUST_USE err_t enr_decode(struct enr *out, bytes_t record);

/// Writes the text of a record of at most 300 bytes, terminated.
void enr_print(char out[ENR_TEXT_MAX], bytes_t record);

/// Takes the bytes out of "enr:...", which are not looked at.
/// @return ERR_MALFORMED, ERR_LIMIT
MUST_USE err_t enr_parse(uint8_t out[ENR_BYTES], size_t *len, bytes_t text);

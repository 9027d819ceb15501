// SPDX-License-Identifier: Apache-2.0
#pragma once

/// enode URLs, by which nodes are named: `enode://<128 hex of the public key>@<host>:<tcp>`, with
/// `?discport=<udp>` where discovery listens elsewhere. The host is an IPv4 address, an IPv6
/// address in brackets or a name.

#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/crypto/secp.h"

#define ENODE_HOST_MAX 253U
/// Room for any URL and its terminator.
#define ENODE_TEXT_MAX (8U + 128U + 1U + ENODE_HOST_MAX + 2U + 6U + 16U)

struct enode {
    secp_pubkey_t id;
    char host[ENODE_HOST_MAX + 1]; ///< without brackets
    uint16_t tcp;
    uint16_t udp; ///< as tcp unless the URL says otherwise; 0: no discovery
};

/// @return ERR_MALFORMED with what is wrong; ERR_INVALID if the key is no point of the curve
MUST_USE err_t enode_parse(struct enode *out, bytes_t text);

/// Writes the URL, terminated.
void enode_print(char out[ENODE_TEXT_MAX], const struct enode *node);

/// The address of the node's key: its name in the validator set.
address_t enode_address(const struct enode *node);

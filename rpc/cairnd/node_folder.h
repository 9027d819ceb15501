// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The folder of one node (interfaces.md 6): its key with the empty guard that belongs to it.
/// A key without a guard would not be allowed to sign, so they are made together.

#include "chain/base/err.h"
#include "chain/crypto/secp.h"

struct node_folder_key {
    secp_pubkey_t pub;
    address_t address;
};

/// Makes DIR/keys/node (0600), DIR/keys/node.pub and DIR/guard for a fresh key.
/// @return ERR_BUSY if there is a key already, ERR_IO
MUST_USE err_t node_folder_make_key(struct node_folder_key *out, const char *dir);

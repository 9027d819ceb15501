// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The throw-away network of --dev: chain id 1337, one validator, and the ten accounts of the
/// mnemonic "test test test test test test test test test test test junk" that every
/// Ethereum tool knows, with 10000 ether each.

#include "chain/base/buf.h"
#include "rpc/cairnd/config.h"
#include "rpc/cairnd/system_contracts.h"

#define DEV_CHAIN_ID 1337
#define DEV_ACCOUNTS 10

/// Accounts m/44'/60'/0'/0/0 to 9 of that mnemonic.
extern const address_t DEV_ADDRESSES[DEV_ACCOUNTS];

/// Writes the genesis file for one validator. Its members are the ten accounts unless
/// --members says otherwise. @return ERR_INVALID with `detail`, ERR_FULL
MUST_USE err_t dev_genesis(struct buf *out, struct arena *arena, const address_t *validator,
                           const struct config *config, uint64_t now_s,
                           struct system_detail *detail);

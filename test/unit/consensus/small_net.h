// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A small network's genesis and keys, for the tests of this folder.

#include "chain/base/arena.h"
#include "chain/crypto/secret.h"
#include "chain/types/chain_config.h"
#include "chain/types/tx.h"

#define SMALL_NET_MAX 8
#define SMALL_NET_CHAIN_ID 4242U

struct small_net {
    struct arena arena;
    size_t n;
    struct secret_key *keys[SMALL_NET_MAX]; ///< of the validators, in the order of their addresses
    address_t addresses[SMALL_NET_MAX];
    struct secret_key *rich_key; ///< holds a thousand ether
    address_t rich;
    struct genesis genesis;
};

/// @param qbft   members of config.qbft, such as "\"blockperiodseconds\":1"
/// @param extra  further members of config, with a leading comma, or ""
void small_net_init(struct small_net *s, size_t n, const char *qbft, const char *extra);
void small_net_deinit(struct small_net *s);

/// A signed transfer of `value` wei from the rich account to an address made from `to`.
struct tx small_net_transfer(struct small_net *s, uint64_t nonce, uint64_t to, uint64_t value,
                             uint64_t gas_price);

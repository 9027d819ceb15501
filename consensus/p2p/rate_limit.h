// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How many packets are looked at: token buckets, one for each source address and one for all
/// together. Asked before a packet costs anything.
///
/// Sources of datagrams are easily forged. So the memory of addresses is bounded (a new one takes
/// the place of one that has been quiet for longest), and the common bucket bounds what all of them
/// cost. Half of it is kept for addresses that are known to be real.
///
/// Pure; time comes in.

#include "consensus/p2p/budget.h"

#include <stdbool.h>
#include <stdint.h>

#define RATE_PER_S 150U ///< of one address: an IPv4 one, or the first 64 bits of an IPv6 one
#define RATE_BURST 300U
#define RATE_ALL_PER_S 600U
#define RATE_ALL_BURST 1200U
#define RATE_SETS 256U
#define RATE_WAYS 4U

struct rate_bucket {
    uint8_t source[9];    ///< length, then the address or its network; 0: free
    struct budget tokens; ///< one for a packet
};

struct rate_limit {
    uint64_t seed;
    struct budget all;
    struct rate_bucket sources[RATE_SETS][RATE_WAYS];
};

/// @param seed  a random number
void rate_limit_init(struct rate_limit *r, uint64_t seed, uint64_t now_ms);

/// Takes a token for a packet from this address. @param known  it is known to be real
bool rate_limit_take(struct rate_limit *r, const uint8_t *ip, uint8_t ip_len, bool known,
                     uint64_t now_ms);

// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/rate_limit.h"

#include <string.h>

void rate_limit_init(struct rate_limit *r, uint64_t seed, uint64_t now_ms)
{
    memset(r, 0, sizeof *r);
    r->seed = seed;
    r->all = budget_full(RATE_ALL_PER_S, RATE_ALL_BURST, now_ms);
}

static uint64_t mix(uint64_t seed, const uint8_t *source, size_t len)
{
    uint64_t h = seed;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ source[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h;
}

/// The bucket of an address, with all its tokens if it is new.
static struct rate_bucket *bucket_of(struct rate_limit *r, const uint8_t *ip, uint8_t ip_len,
                                     uint64_t now_ms)
{
    uint8_t source[9] = {ip_len};
    memcpy(source + 1, ip, ip_len == 4 ? 4 : 8);
    struct rate_bucket *set = r->sources[mix(r->seed, source, sizeof source) % RATE_SETS];
    struct rate_bucket *oldest = set;
    for (size_t i = 0; i < RATE_WAYS; i++) {
        if (memcmp(set[i].source, source, sizeof source) == 0) return &set[i];
        if (set[i].tokens.at_ms < oldest->tokens.at_ms) oldest = &set[i];
    }
    memcpy(oldest->source, source, sizeof source);
    oldest->tokens = budget_full(RATE_PER_S, RATE_BURST, now_ms);
    return oldest;
}

bool rate_limit_take(struct rate_limit *r, const uint8_t *ip, uint8_t ip_len, bool known,
                     uint64_t now_ms)
{
    struct rate_bucket *b = bucket_of(r, ip, ip_len, now_ms);
    const int64_t kept = known ? 0 : RATE_ALL_BURST / 2;
    if (budget_look(&b->tokens, now_ms) <= 0 || budget_look(&r->all, now_ms) <= kept) return false;
    budget_spend(&b->tokens, 1);
    budget_spend(&r->all, 1);
    return true;
}

// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/rate_limit.h"

#include <string.h>

#define TOKEN 1000U

void rate_limit_init(struct rate_limit *r, uint64_t seed, uint64_t now_ms)
{
    memset(r, 0, sizeof *r);
    r->seed = seed;
    r->all.tokens = RATE_ALL_BURST * TOKEN;
    r->all.at_ms = now_ms;
}

static void refill(struct rate_bucket *b, uint32_t per_s, uint32_t burst, uint64_t now_ms)
{
    const uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    const uint64_t missing = (uint64_t)burst * TOKEN - b->tokens;
    // A token per second is one thousandth of it per millisecond.
    const bool is_full = passed >= (missing + per_s - 1) / per_s;
    b->tokens = is_full ? burst * TOKEN : b->tokens + (uint32_t)(passed * per_s);
    b->at_ms = now_ms;
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
        if (set[i].at_ms != 0 && memcmp(set[i].source, source, sizeof source) == 0) return &set[i];
        if (set[i].at_ms < oldest->at_ms) oldest = &set[i];
    }
    memcpy(oldest->source, source, sizeof source);
    oldest->tokens = RATE_BURST * TOKEN;
    oldest->at_ms = now_ms;
    return oldest;
}

bool rate_limit_take(struct rate_limit *r, const uint8_t *ip, uint8_t ip_len, bool known,
                     uint64_t now_ms)
{
    struct rate_bucket *b = bucket_of(r, ip, ip_len, now_ms);
    refill(b, RATE_PER_S, RATE_BURST, now_ms);
    refill(&r->all, RATE_ALL_PER_S, RATE_ALL_BURST, now_ms);
    const uint32_t kept = known ? 0 : RATE_ALL_BURST / 2 * TOKEN;
    if (b->tokens < TOKEN || r->all.tokens < kept + TOKEN) return false;
    b->tokens -= TOKEN;
    r->all.tokens -= TOKEN;
    return true;
}

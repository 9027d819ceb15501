// SPDX-License-Identifier: Apache-2.0
#include "test/sim/sim.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_init(struct rng *r, uint64_t seed, uint64_t purpose)
{
    uint64_t x = seed ^ (purpose * 0xd6e8feb86659fd93U);
    for (size_t i = 0; i < 4; i++) r->s[i] = splitmix(&x);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    const uint64_t result = rotl(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t below)
{
    const uint64_t x = rng_next(r);
    return below == 0 ? 0 : x % below;
}

uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi)
{
    return lo + rng_below(r, hi - lo + 1);
}

bool rng_chance(struct rng *r, uint64_t per_mille)
{
    return rng_below(r, 1000) < per_mille;
}

// SPDX-License-Identifier: Apache-2.0
#include "wallet/pace.h"

#include <time.h>

#define PAUSE_MS 200

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct pace pace_begin(const struct ctx *ctx)
{
    const uint64_t end = now_ms() + (uint64_t)ctx->set.timeout_s * 1000;
    return (struct pace){.end_ms = ctx->set.timeout_given ? end : UINT64_MAX};
}

bool pace_wait(const struct pace *p)
{
    const uint64_t now = now_ms();
    if (now >= p->end_ms) return false;
    const uint64_t left = p->end_ms - now;
    const struct timespec pause = {.tv_nsec = (long)(left < PAUSE_MS ? left : PAUSE_MS) * 1000000L};
    (void)nanosleep(&pause, NULL);
    return true;
}

// SPDX-License-Identifier: Apache-2.0
#include "consensus/block/executed.h"

/// Address space of one block's results: pages are touched as they are needed.
#define EXECUTED_BYTES ((size_t)2 * 1024 * 1024 * 1024)

err_t executed_init(struct executed_block *e)
{
    *e = (struct executed_block){.receipts = NULL};
    return arena_init(&e->arena, EXECUTED_BYTES);
}

void executed_deinit(struct executed_block *e)
{
    arena_deinit(&e->arena);
}

void executed_reset(struct executed_block *e)
{
    arena_reset(&e->arena);
    const struct arena keep = e->arena;
    *e = (struct executed_block){.arena = keep};
}

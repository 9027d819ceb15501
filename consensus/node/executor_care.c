// SPDX-License-Identifier: Apache-2.0
/// Between jobs: room on the disk, a journal that grows, transactions that wait too long.

#include "consensus/node/executor_impl.h"

#include "chain/base/crash_point.h"
#include "chain/base/log.h"
#include "consensus/node/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define JOURNAL_COMPACT_BYTES ((uint64_t)16 * 1024 * 1024)
#define MIB ((uint64_t)1024 * 1024)

/// Disk: below 1 GiB (or 5 % of a small disk) no transactions, below 256 MiB (1.25 %) no blocks.
void executor_look_at_disk(struct executor *x)
{
    struct node *n = x->node;
    struct statvfs st;
    if (statvfs(n->options.data_dir, &st) != 0) return;
    const uint64_t total = (uint64_t)st.f_blocks * st.f_frsize;
    const uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;
    const uint64_t low = total / 20 < 1024 * MIB ? total / 20 : 1024 * MIB;
    const uint64_t brink = total / 80 < 256 * MIB ? total / 80 : 256 * MIB;
    const bool accepting = left >= low;
    const bool proposing = left >= brink;
    if (atomic_exchange(&n->accepting, accepting) != accepting)
        LOG_WRN("store",
                accepting ? "space again: transactions are accepted"
                          : "little space: transactions are refused",
                "free_mib=%" PRIu64 " needed_mib=%" PRIu64, left / MIB, low / MIB);
    if (atomic_exchange(&n->proposing, proposing) != proposing)
        LOG_WRN("store",
                proposing ? "space again: blocks are proposed"
                          : "hardly any space: no blocks are proposed",
                "free_mib=%" PRIu64 " needed_mib=%" PRIu64, left / MIB, brink / MIB);
}

struct pool_dump {
    struct node *node;
    struct pool_tx **txs;
    size_t count;
    size_t at;
};

/// What a peer has sent was never promised here; brought back as if it had been, it would stand in
/// the way of what was.
static void dump_begin(void *ctx)
{
    struct pool_dump *d = ctx;
    struct node *n = d->node;
    pthread_mutex_lock(&n->pool_lock);
    const struct txpool_counts c = txpool_count(n->pool);
    d->txs = calloc(c.pending + c.queued + 1, sizeof(struct pool_tx *));
    check(d->txs != NULL); // an empty journal would be a lie
    const size_t all = txpool_list(n->pool, d->txs, c.pending + c.queued);
    for (size_t i = 0; i < all; i++) {
        if (!d->txs[i]->local) continue;
        shared_tx_hold(shared_tx_of(d->txs[i]));
        d->txs[d->count++] = d->txs[i];
    }
    pthread_mutex_unlock(&n->pool_lock);
}

static bool dump_next(void *ctx, bytes_t *raw)
{
    struct pool_dump *d = ctx;
    if (d->at == d->count) return false;
    *raw = d->txs[d->at++]->tx.raw;
    return true;
}

/// The journal holds every transaction ever accepted: now and then only what still waits.
static void compact_journal(struct executor *x)
{
    struct node *n = x->node;
    if (journal_size(n->journal) < JOURNAL_COMPACT_BYTES) return;
    pthread_mutex_lock(&n->pool_lock);
    const size_t live = txpool_count(n->pool).bytes;
    pthread_mutex_unlock(&n->pool_lock);
    if (journal_size(n->journal) < 2 * (uint64_t)live) return;
    struct pool_dump d = {.node = n};
    const err_t err = journal_rewrite(n->journal, dump_next, dump_begin, &d);
    if (!err_ok(err)) LOG_WRN("journal", "cannot be made smaller", "why=%s", err_text(err));
    for (size_t i = 0; i < d.count; i++) shared_tx_release(shared_tx_of(d.txs[i]));
    free(d.txs);
}

void executor_look_after(struct executor *x)
{
    const uint64_t now = steady_clock_ms();
    if (now - x->looked_after_ms < 1000) return;
    x->looked_after_ms = now;
    executor_look_at_disk(x);
    compact_journal(x);
    if (now - x->expired_ms < UINT64_C(60000)) return;
    x->expired_ms = now;
    struct node *n = x->node;
    pthread_mutex_lock(&n->pool_lock);
    txpool_expire(n->pool, wall_clock_ms() / 1000);
    pthread_mutex_unlock(&n->pool_lock);
}

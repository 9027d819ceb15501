// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP cairn_%s %s\n# TYPE cairn_%s %s\n", name, help, name, type);
}

static void gauge(struct buf *b, const char *name, const char *help, uint64_t v)
{
    head(b, name, "gauge", help);
    buf_printf(b, "cairn_%s %" PRIu64 "\n", name, v);
}

static void counter(struct buf *b, const char *name, const char *help, uint64_t v)
{
    head(b, name, "counter", help);
    buf_printf(b, "cairn_%s %" PRIu64 "\n", name, v);
}

static void labelled(struct buf *b, const char *name, const char *label, const char *value,
                     uint64_t v)
{
    buf_printf(b, "cairn_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, v);
}

static void histogram(struct buf *b, const char *name, const char *help,
                      const struct node_histogram *h)
{
    uint64_t count = 0;
    head(b, name, "histogram", help);
    for (size_t i = 0; i < NODE_HISTOGRAM_BOUNDS; i++) {
        count += h->buckets[i];
        buf_printf(b, "cairn_%s_bucket{le=\"%.4g\"} %" PRIu64 "\n", name,
                   (double)NODE_HISTOGRAM_US[i] / 1e6, count);
    }
    count += h->buckets[NODE_HISTOGRAM_BOUNDS];
    buf_printf(b, "cairn_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    buf_printf(b, "cairn_%s_sum %" PRIu64 ".%06" PRIu64 "\n", name, h->sum_us / 1000000,
               h->sum_us % 1000000);
    buf_printf(b, "cairn_%s_count %" PRIu64 "\n", name, count);
}

static void put_chain(struct buf *b, const struct node_status *st, const struct node_metrics *m,
                      const struct node_sync *sync)
{
    gauge(b, "head_block", "Number of the newest block.", st->head_number);
    gauge(b, "head_timestamp_seconds", "Its time.", st->head_timestamp_s);
    gauge(b, "finalized_block", "The newest block that is final: every block is.", st->head_number);
    gauge(b, "sync_target_block", "The highest block known of.",
          sync->syncing && sync->highest > st->head_number ? sync->highest : st->head_number);
    gauge(b, "block_gas_used", "Gas of the newest block.", st->head_gas_used);
    histogram(b, "block_import_seconds", "From a decided block to the new head.", &m->import);
    histogram(b, "block_execute_seconds", "A block built or checked.", &m->execute);
    histogram(b, "block_commit_seconds", "A block's transaction of the store.", &m->commit);
    counter(b, "blocks_total", "Blocks stored since the start.", m->blocks);
    counter(b, "block_transactions_total", "Transactions in them.", m->transactions);
    counter(b, "evm_gas_total", "Gas used in them.", m->gas);
}

static void put_qbft(struct buf *b, const struct node_status *st, const struct node_metrics *m,
                     size_t missing)
{
    static const char *const types[] = {"proposal", "prepare", "commit", "round_change"};
    gauge(b, "qbft_height", "Height in progress.", st->qbft_height);
    gauge(b, "qbft_round", "Round in progress.", st->qbft_round);
    gauge(b, "qbft_is_validator", "1 if this node is one.", st->is_validator);
    gauge(b, "qbft_validators", "Validators of the next height.", st->validator_count);
    gauge(b, "qbft_validators_missing", "Those that have said nothing lately.", missing);
    gauge(b, "qbft_stalled_seconds", "How long a block has been overdue.", st->stalled_s);
    counter(b, "qbft_round_changes_total", "Rounds above 0 that were entered.", m->round_changes);
    counter(b, "qbft_proposals_total", "Proposals of this node.", m->proposals);
    counter(b, "qbft_seals_missing_total", "Validators' seals that are not in blocks.",
            m->seals_missing);
    counter(b, "qbft_equivocations_total", "New evidence of two things signed for one round.",
            m->equivocations);
    head(b, "qbft_messages_total", "counter", "Messages of peers that were taken.");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        labelled(b, "qbft_messages_total", "type", types[i], m->qbft_messages[i]);
}

static void put_p2p(struct buf *b, const struct node_metrics *m, size_t peers)
{
    gauge(b, "p2p_peers", "Peers connected.", peers);
    head(b, "p2p_messages_total", "counter", "Messages that came.");
    labelled(b, "p2p_messages_total", "protocol", "eth", m->p2p_messages[0]);
    labelled(b, "p2p_messages_total", "protocol", "istanbul", m->p2p_messages[1]);
    head(b, "p2p_disconnects_total", "counter", "Lines that ended, by whom.");
    labelled(b, "p2p_disconnects_total", "direction", "us", m->p2p_disconnects[0]);
    labelled(b, "p2p_disconnects_total", "direction", "peer", m->p2p_disconnects[1]);
}

static void put_discovery(struct buf *b, const struct node_discovery *d)
{
    if (!d->on) return;
    head(b, "discovery_nodes", "gauge", "Nodes known by discovery: all, and those on our chain.");
    labelled(b, "discovery_nodes", "kind", "known", d->nodes);
    labelled(b, "discovery_nodes", "kind", "candidate", d->candidates);
    counter(b, "discovery_sent_total", "Datagrams sent.", d->sent);
    head(b, "discovery_received_total", "counter", "Datagrams that came, by what became of them.");
    labelled(b, "discovery_received_total", "result", "taken",
             d->received - d->limited - d->refused);
    labelled(b, "discovery_received_total", "result", "refused", d->refused);
    labelled(b, "discovery_received_total", "result", "limited", d->limited);
}

static void put_process(struct buf *b, const struct rpc_env *env)
{
    struct rusage use;
    uint64_t pages[2] = {0, 0};
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL) {
        char line[128] = "";
        char *at = fgets(line, sizeof line, f);
        for (size_t i = 0; at != NULL && i < ARRAY_LEN(pages); i++)
            pages[i] = strtoull(at, &at, 10);
        (void)fclose(f);
    }
    if (getrusage(RUSAGE_SELF, &use) == 0) {
        head(b, "process_cpu_seconds_total", "counter", "Processor time, user and system.");
        const uint64_t us = (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
                            (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
        buf_printf(b, "cairn_process_cpu_seconds_total %" PRIu64 ".%06" PRIu64 "\n", us / 1000000,
                   us % 1000000);
    }
    gauge(b, "process_resident_memory_bytes", "Memory in use.",
          pages[1] * (uint64_t)sysconf(_SC_PAGESIZE));
    head(b, "build_info", "gauge", "Always 1.");
    labelled(b, "build_info", "version", env->client_version, 1);
}

void metrics_print(struct buf *out, const struct rpc_env *env, struct http_server *rpc)
{
    struct node *n = env->node;
    struct node_status st;
    struct node_metrics m;
    struct node_sync sync;
    struct node_discovery found;
    struct node_peer peers[NODE_PEERS_MAX];
    struct db_stats db;
    struct http_stats http;
    struct arena arena;
    const address_t *missing;
    size_t missing_count = 0;
    node_status(n, &st);
    node_metrics(n, &m);
    node_sync_status(n, &sync);
    if (!err_ok(arena_init(&arena, 65536)) ||
        !err_ok(node_missing_validators(n, &missing, &missing_count, &arena)))
        missing_count = 0;
    arena_deinit(&arena);
    put_chain(out, &st, &m, &sync);
    put_qbft(out, &st, &m, missing_count);
    put_p2p(out, &m, node_peers(n, peers, ARRAY_LEN(peers)));
    node_discovery(n, &found);
    put_discovery(out, &found);
    head(out, "txpool_transactions", "gauge", "Transactions that wait.");
    labelled(out, "txpool_transactions", "kind", "pending", st.pool_pending);
    labelled(out, "txpool_transactions", "kind", "queued", st.pool_queued);
    if (rpc != NULL) {
        http_server_stats(rpc, &http);
        counter(out, "rpc_requests_total", "Requests over HTTP.", http.requests);
        counter(out, "rpc_rejected_total", "Requests that were refused.", http.refused);
        gauge(out, "rpc_connections", "Connections open.", http.connections);
    }
    if (err_ok(db_stats(node_db(n), &db))) {
        gauge(out, "store_bytes", "The store's pages in use.", db.used_bytes);
        gauge(out, "store_map_bytes", "How far it may grow before its map does.", db.map_bytes);
        gauge(out, "store_readers", "Open reads.", db.readers);
        gauge(out, "disk_free_bytes", "Room on its disk.", db.disk_free_bytes);
    }
    put_process(out, env);
}

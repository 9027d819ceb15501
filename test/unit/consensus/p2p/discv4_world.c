// SPDX-License-Identifier: Apache-2.0
#include "test/unit/consensus/p2p/discv4_world.h"

#include <stdlib.h>

void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->datagrams = calloc(WORLD_DATAGRAMS, sizeof *w->datagrams);
    check(w->datagrams != NULL);
    w->now_ms = WORLD_BEGIN_MS;
    w->rng = seed * 2 + 1;
}

void world_deinit(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) discv4_free(w->nodes[i].machine);
    free(w->datagrams);
}

uint64_t world_random(struct world *w)
{
    w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return w->rng >> 17;
}

size_t world_index(const struct world *w, const secp_pubkey_t *id)
{
    for (size_t i = 0; i < w->count; i++) {
        if (memcmp(w->nodes[i].node.id.b, id->b, sizeof id->b) == 0) return i;
    }
    return SIZE_MAX;
}

/// --- nodes ---

size_t world_add(struct world *w)
{
    check(w->count < WORLD_NODES);
    struct world_node *n = &w->nodes[w->count];
    memset(n, 0, sizeof *n);
    n->key.b[0] = 1;
    n->key.b[31] = (uint8_t)(w->count + 1);
    check(err_ok(secp_pubkey_of(&n->node.id, &n->key)));
    n->node.at = (struct discv4_endpoint){
        .ip = {10, 1, 0, (uint8_t)(w->count + 1)}, .ip_len = 4, .udp = 30303, .tcp = 30303};
    return w->count++;
}

static void act(struct world *w, size_t n)
{
    struct world_node *self = &w->nodes[n];
    self->due_ms = discv4_deadline(self->machine);
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct discv4_effect *e = &w->fx.items[i];
        if (e->kind == DISCV4_FX_FOUND) {
            const size_t who = world_index(w, &e->node.id);
            if (who == SIZE_MAX)
                self->strangers++;
            else
                self->found[who] = true;
            continue;
        }
        self->sent++;
        self->sent_bytes += e->len;
        world_send(w, &self->node.at, &e->node.at, bytes_make(e->bytes, e->len));
    }
}

void world_start(struct world *w, size_t n, uint8_t chain, const size_t *boots, size_t boot_count)
{
    struct world_node *self = &w->nodes[n];
    struct discv4_options o = {.key = &self->key, .genesis = {{chain}}, .now_ms = w->now_ms};
    o.at.udp = self->node.at.udp;
    o.at.tcp = self->node.at.tcp;
    o.seed[0] = (uint8_t)n;
    memset(self->found, 0, sizeof self->found);
    check(self->machine == NULL);
    check(err_ok(discv4_new(&self->machine, &o)));
    self->due_ms = w->now_ms;
    for (size_t i = 0; i < boot_count; i++) {
        const err_t err = discv4_add_bootnode(self->machine, &w->nodes[boots[i]].node);
        check(err_ok(err) || boots[i] == n);
    }
}

void world_stop(struct world *w, size_t n)
{
    discv4_free(w->nodes[n].machine);
    w->nodes[n].machine = NULL;
}

/// --- the network ---

void world_send(struct world *w, const struct discv4_endpoint *from,
                const struct discv4_endpoint *to, bytes_t bytes)
{
    check(bytes.len <= DISCV4_PACKET_MAX);
    if (world_random(w) % 100 < w->loss_percent || w->on_way == WORLD_DATAGRAMS) return;
    struct datagram *d = &w->datagrams[w->on_way];
    *d = (struct datagram){
        .from = *from, .to = *to, .at_ms = w->now_ms + 5 + world_random(w) % 60, .len = bytes.len};
    memcpy(d->bytes, bytes.data, bytes.len);
    for (size_t i = 0; w->tamper != NULL && i < w->count; i++) {
        if (discv4_same_place(&w->nodes[i].node.at, from)) w->tamper(w, i, d);
    }
    w->on_way++;
}

static void deliver(struct world *w, const struct datagram *d)
{
    for (size_t i = 0; i < w->count; i++) {
        struct world_node *n = &w->nodes[i];
        if (n->machine == NULL || !discv4_same_place(&n->node.at, &d->to)) continue;
        n->got_bytes += d->len;
        discv4_receive(n->machine, &w->fx, &d->from, bytes_make(d->bytes, d->len), w->now_ms);
        act(w, i);
    }
}

static uint64_t next_event(const struct world *w)
{
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < w->on_way; i++) {
        if (w->datagrams[i].at_ms < at) at = w->datagrams[i].at_ms;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (w->nodes[i].machine == NULL) continue;
        if (w->nodes[i].due_ms < at) at = w->nodes[i].due_ms;
    }
    return at;
}

static void step(struct world *w)
{
    for (size_t i = 0; i < w->on_way;) {
        if (w->datagrams[i].at_ms > w->now_ms) {
            i++;
            continue;
        }
        const struct datagram d = w->datagrams[i];
        w->datagrams[i] = w->datagrams[--w->on_way];
        deliver(w, &d);
    }
    for (size_t i = 0; i < w->count; i++) {
        struct world_node *n = &w->nodes[i];
        if (n->machine == NULL || n->due_ms > w->now_ms) continue;
        discv4_tick(n->machine, &w->fx, w->now_ms);
        act(w, i);
    }
}

bool world_run_until(struct world *w, uint64_t ms, bool (*done)(const struct world *w))
{
    const uint64_t end = w->now_ms + ms;
    while (done == NULL || !done(w)) {
        const uint64_t at = next_event(w);
        if (at > end) {
            w->now_ms = end;
            return false;
        }
        if (at > w->now_ms) w->now_ms = at;
        step(w);
    }
    return true;
}

void world_run(struct world *w, uint64_t ms)
{
    (void)world_run_until(w, ms, NULL);
}

bool world_all_found(const struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        for (size_t k = 0; w->nodes[i].machine != NULL && k < w->count; k++) {
            if (i != k && w->nodes[k].machine != NULL && !w->nodes[i].found[k]) return false;
        }
    }
    return true;
}

// SPDX-License-Identifier: Apache-2.0
/// Peers, as everything above consensus sees them.

#include "chain/base/log.h"
#include "consensus/node/loop.h"
#include "consensus/node/node_impl.h"
#include "consensus/node/peering.h"
#include "consensus/p2p/enode.h"
#include "consensus/p2p/peers.h"

#include <stdio.h>
#include <stdlib.h>

size_t node_peers(struct node *n, struct node_peer *out, size_t room)
{
    struct peering *p = loop_peering(n->loop);
    return p == NULL ? 0 : peering_list(p, out, room);
}

bool node_enode(struct node *n, char *out, size_t room)
{
    struct peering *p = loop_peering(n->loop);
    if (p == NULL || room < ENODE_TEXT_MAX) return false;
    const struct node_p2p_options *o = &n->options.p2p;
    const bool anywhere = o->listen_host == NULL || strcmp(o->listen_host, "0.0.0.0") == 0 ||
                          strcmp(o->listen_host, "::") == 0;
    const char *host = o->advertise_host != NULL ? o->advertise_host
                       : anywhere                ? "127.0.0.1"
                                                 : o->listen_host;
    struct enode self = {.id = n->self_key, .tcp = peering_port(p), .udp = peering_port(p)};
    struct node_discovery found;
    peering_discovery(p, &found);
    if (found.on) self.udp = found.port;
    (void)snprintf(self.host, sizeof self.host, "%s", host);
    enode_print(out, &self);
    return true;
}

void node_discovery(struct node *n, struct node_discovery *out)
{
    const struct peering *p = loop_peering(n->loop);
    *out = (struct node_discovery){.on = false};
    if (p != NULL) peering_discovery(p, out);
}

bool node_is_enode(const char *text)
{
    struct enode e;
    return err_ok(enode_parse(&e, bytes_of_str(text)));
}

/// A change of the static nodes on its way to the loop.
struct peer_change {
    struct task task;
    struct node *node;
    struct enode whom;
    bool add;
};

static void change_drop(struct task *t)
{
    free(t);
}

static void change_run(struct task *t)
{
    const struct peer_change *c = (const struct peer_change *)t;
    peering_change(loop_peering(c->node->loop), &c->whom, c->add);
    free(t);
}

static err_t change(struct node *n, const char *text, bool add)
{
    struct enode whom;
    if (loop_peering(n->loop) == NULL)
        return FAIL(UNSUPPORTED, "peers: this node runs without a peers' port");
    TRY(enode_parse(&whom, bytes_of_str(text)));
    if (memcmp(&whom.id, &n->self_key, sizeof whom.id) == 0)
        return FAIL(INVALID, "peers: that is this node itself");
    struct peer_change *c = calloc(1, sizeof *c);
    if (c == NULL) return FAIL(FULL, "peers: no memory");
    *c = (struct peer_change){{change_run, change_drop}, n, whom, add};
    loop_post_task(n->loop, &c->task);
    return OK;
}

err_t node_add_peer(struct node *n, const char *enode)
{
    return change(n, enode, true);
}

err_t node_remove_peer(struct node *n, const char *enode)
{
    return change(n, enode, false);
}

/// An allow list on its way to the loop.
struct allowance {
    struct task task;
    struct node *node;
    bool all;
    size_t count;
    secp_pubkey_t ids[];
};

static void allowance_run(struct task *t)
{
    const struct allowance *a = (const struct allowance *)t;
    peering_allow(loop_peering(a->node->loop), a->ids, a->count, a->all);
    free(t);
}

err_t node_set_allowed(struct node *n, const char *const *enodes, size_t count, bool all,
                       size_t *bad)
{
    *bad = 0;
    if (loop_peering(n->loop) == NULL)
        return FAIL(UNSUPPORTED, "peers: this node runs without a peers' port");
    if (count > PEERS_ALLOWED_MAX) return FAIL(FULL, "peers: an allow list of more than 1024 keys");
    struct allowance *a = calloc(1, sizeof *a + count * sizeof a->ids[0]);
    if (a == NULL) return FAIL(FULL, "peers: no memory");
    a->task = (struct task){allowance_run, change_drop};
    a->node = n;
    a->all = all;
    for (; *bad < count; (*bad)++) {
        struct enode whom;
        const err_t err = enode_parse(&whom, bytes_of_str(enodes[*bad]));
        if (!err_ok(err)) {
            free(a);
            return err;
        }
        a->ids[a->count++] = whom.id;
    }
    loop_post_task(n->loop, &a->task);
    return OK;
}

void node_sync_status(struct node *n, struct node_sync *out)
{
    struct peering *p = loop_peering(n->loop);
    *out = (struct node_sync){.syncing = false};
    if (p == NULL) return;
    struct sync_view v;
    peering_sync_view(p, &v);
    *out = (struct node_sync){.syncing = v.syncing, .starting = v.starting, .highest = v.highest};
}

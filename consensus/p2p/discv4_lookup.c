// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/discv4_lookup.h"

void discv4_lookup_begin(struct discv4_lookup *l, const secp_pubkey_t *target)
{
    memset(l, 0, sizeof *l);
    l->on = true;
    l->target = *target;
    l->target_nid = discv4_nid(target);
}

/// The place for one more: that of the farthest one nobody is asking, if it is farther than `nid`.
static bool make_room(struct discv4_lookup *l, const hash_t *nid)
{
    if (l->count < DISCV4_LOOKUP_NODES) return true;
    for (size_t i = l->count; i-- > 0;) {
        if (l->nodes[i].state == DISCV4_LOOKUP_ASKED_NOW) continue;
        if (discv4_nearer(&l->target_nid, nid, &l->nodes[i].nid) >= 0) return false;
        memmove(l->nodes + i, l->nodes + i + 1, (l->count - i - 1) * sizeof l->nodes[0]);
        l->count--;
        return true;
    }
    return false;
}

void discv4_lookup_add(struct discv4_lookup *l, const struct discv4_node *node, const hash_t *nid)
{
    for (size_t i = 0; i < l->count; i++) {
        if (hash_eq(&l->nodes[i].nid, nid)) return;
    }
    if (!make_room(l, nid)) return;
    size_t at = l->count;
    while (at > 0 && discv4_nearer(&l->target_nid, nid, &l->nodes[at - 1].nid) < 0) at--;
    memmove(l->nodes + at + 1, l->nodes + at, (l->count - at) * sizeof l->nodes[0]);
    l->nodes[at] = (struct discv4_lookup_node){*node, *nid, DISCV4_LOOKUP_NEW};
    l->count++;
}

const struct discv4_lookup_node *discv4_lookup_next(struct discv4_lookup *l)
{
    size_t near = 0;
    size_t asking = 0;
    struct discv4_lookup_node *next = NULL;
    for (size_t i = 0; i < l->count; i++) {
        struct discv4_lookup_node *n = &l->nodes[i];
        asking += n->state == DISCV4_LOOKUP_ASKED_NOW;
        if (n->state == DISCV4_LOOKUP_SILENT) continue;
        if (n->state == DISCV4_LOOKUP_NEW && near < DISCV4_NEAREST && next == NULL) next = n;
        near++;
    }
    if (asking >= DISCV4_ALPHA) return NULL;
    if (next == NULL || l->asked >= DISCV4_LOOKUP_ASKED) {
        l->on = asking != 0;
        return NULL;
    }
    next->state = DISCV4_LOOKUP_ASKED_NOW;
    l->asked++;
    return next;
}

void discv4_lookup_done(struct discv4_lookup *l, const hash_t *nid, bool answered)
{
    for (size_t i = 0; i < l->count; i++) {
        struct discv4_lookup_node *n = &l->nodes[i];
        if (n->state != DISCV4_LOOKUP_ASKED_NOW || !hash_eq(&n->nid, nid)) continue;
        n->state = answered ? DISCV4_LOOKUP_ANSWERED : DISCV4_LOOKUP_SILENT;
    }
}

// SPDX-License-Identifier: Apache-2.0
/// The messages of QBFT between a line and the core: whose they are is found on the verifier's desk,
/// and what validators say is passed on.
///
/// A signature costs a hundred times what its bytes do, so all of it is rationed. What is of no use
/// any more, or not yet, is not verified at all. A justification is verified only if a validator
/// has signed for it, and not if it is longer than one can be. Each line has so many messages on the
/// desk and no more: a validator an equal share, so that none crowds out another; all strangers
/// together a small one, for their messages are never needed.

#include "chain/base/log.h"
#include "chain/crypto/keccak.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering_impl.h"
#include "consensus/qbft/justification.h"

#include <stdlib.h>

/// Above this a QBFT message belongs to no height that could matter.
#define MESSAGE_BYTES SESSION_MESSAGE_MAX
#define SHARE_MIN 16U ///< messages of one validator on the desk
#define SHARE_MAX 128U
#define STRANGERS_SHARE 128U                       ///< of all strangers together
#define LINE_BYTES ((size_t)16 * 1024 * 1024)      ///< of one line, unless it is one message
#define VERIFIER_BYTES ((size_t)128 * 1024 * 1024) ///< of all

/// A message on its way through the verifier, to the core.
struct verification {
    struct task task;
    struct peering *peering;
    uint64_t conn;
    uint64_t head_number; ///< when it came
    unsigned code;
    bool is_strangers;
    bool is_idle; ///< too late or too early for the core: its author is not known
    struct arena arena;
    struct qbft_message message;
    err_t err;
};

static void verification_free(struct task *t)
{
    struct verification *v = (struct verification *)t;
    arena_deinit(&v->arena);
    free(v);
}

/// --- on the desk ---

static bool is_next_validator(struct node *n, const address_t *who, size_t *count)
{
    pthread_mutex_lock(&n->status_lock);
    *count = n->next_validator_count;
    const bool is = address_index(n->next_validators, *count, who) != SIZE_MAX;
    pthread_mutex_unlock(&n->status_lock);
    return is;
}

/// Finds the authors, the message's own before those of what justifies it. The set may be another
/// one by the time the core looks; so one that is growing has room.
static err_t find_authors(struct verification *v)
{
    const struct qbft_crypto crypto = {.recover = node_recover};
    struct qbft_message *m = &v->message;
    const size_t items = m->round_change_count + m->prepare_count;
    size_t validators = 0;
    const bool is_late = m->main.sequence <= v->head_number; // only shows where its author is
    if (items == 0 && !is_late) return qbft_message_recover(m, &crypto);
    TRY(node_recover(NULL, &m->main.author, &m->main.signature, &m->main.signing_hash));
    if (is_late) return OK;
    if (!is_next_validator(v->peering->node, &m->main.author, &validators)) {
        v->is_idle = m->main.sequence != v->head_number + 1;
        if (v->is_idle) return OK; // perhaps one from that height on
        return FAIL(INVALID, "qbft: author is not a validator");
    }
    if (items > 2 * validators + 16)
        return FAIL(LIMIT, "qbft: more to justify a message than there are validators");
    return qbft_message_recover(m, &crypto);
}

static void verified(struct task *t);

/// On the verifier.
static void verify(struct task *t)
{
    struct verification *v = (struct verification *)t;
    const bytes_t raw = v->message.raw;
    v->err = qbft_message_decode(&v->message, &v->arena, v->code, raw);
    const uint64_t sequence = v->message.main.sequence;
    const bool is_late = v->is_strangers && sequence <= v->head_number;
    const bool is_early =
        sequence > v->head_number && sequence - v->head_number > QBFT_FUTURE_HEIGHTS + 1;
    v->is_idle = err_ok(v->err) && (is_late || is_early);
    if (err_ok(v->err) && !v->is_idle) v->err = find_authors(v);
    t->run = verified;
    loop_post_task(v->peering->node->loop, t);
}

/// --- on the loop ---

static void leave_desk(struct peering *p, const struct verification *v)
{
    struct peer *peer = peering_find(p, v->conn);
    p->verifying_bytes -= v->message.raw.len;
    if (v->is_strangers) p->verifying_strangers--;
    if (peer == NULL) return;
    peer->verifying--;
    peer->verifying_bytes -= v->message.raw.len;
}

/// What the verifier found.
static void verified(struct task *t)
{
    struct verification *v = (struct verification *)t;
    struct peering *p = v->peering;
    const struct qbft_payload *main = &v->message.main;
    leave_desk(p, v);
    if (err_ok(v->err) && main->sequence > p->head_number + 1)
        peering_claims(p, v->conn, main->sequence - 1); // he is at work above it
    if (!err_ok(v->err))
        peering_blame(p, v->conn, v->err.why);
    else if (!v->is_idle)
        loop_take_message(p->node->loop, &v->message, v->conn);
    verification_free(t);
}

static hash_t message_hash(unsigned code, bytes_t payload)
{
    struct keccak k;
    const uint8_t first = (uint8_t)code;
    keccak_init(&k);
    keccak_update(&k, bytes_make(&first, 1));
    keccak_update(&k, payload);
    return keccak_final(&k);
}

/// True the first time.
static bool is_new_message(struct peering *p, unsigned code, bytes_t payload)
{
    bool is_new = false;
    const hash_t hash = message_hash(code, payload);
    if (map_put(&p->seen, &hash, &is_new) != NULL) return is_new;
    map_clear(&p->seen); // full: what is old comes again at worst
    return map_put(&p->seen, &hash, NULL) != NULL;
}

/// May this line have one more message on the desk?
static bool has_room(struct peering *p, struct peer *peer, size_t bytes)
{
    const size_t fair = VERIFIER_JOBS / (p->validator_count + 1);
    const size_t share = fair < SHARE_MIN ? SHARE_MIN : (fair > SHARE_MAX ? SHARE_MAX : fair);
    if (bytes > VERIFIER_BYTES - p->verifying_bytes) return false;
    if (peer->verifying != 0 && bytes > LINE_BYTES - peer->verifying_bytes) return false;
    if (peer->is_validator) return peer->verifying < share;
    return p->verifying_strangers < STRANGERS_SHARE && peer->verifying < STRANGERS_SHARE / 4 &&
           budget_take(&peer->strange, 1, peering_now(p)) == 1;
}

void peering_on_istanbul(struct peering *p, struct peer *peer, unsigned code, bytes_t payload)
{
    if (code < QBFT_PROPOSAL || code > QBFT_ROUND_CHANGE) return; // IBFT's, before QBFT
    if (payload.len > MESSAGE_BYTES) return;
    if (!has_room(p, peer, payload.len)) {
        if (peer->is_validator)
            LOG_WRN("p2p", "too many consensus messages at once: one is lost", "peer=%s",
                    conn_address(peer->conn));
        return;
    }
    if (!is_new_message(p, code, payload)) return;
    struct verification *v = calloc(1, sizeof *v);
    if (v == NULL) return;
    bool full = false;
    v->task = (struct task){verify, verification_free};
    v->peering = p;
    v->conn = peer->id;
    v->head_number = p->head_number;
    v->code = code;
    v->is_strangers = !peer->is_validator;
    if (!err_ok(arena_init(&v->arena, 4 * payload.len + (size_t)256 * 1024))) {
        free(v);
        return;
    }
    v->message.raw = arena_copy(&v->arena, payload, &full);
    check(!full);
    if (!desk_put(p->verifier, &v->task)) return;
    p->verifying_bytes += payload.len;
    p->verifying_strangers += !peer->is_validator;
    peer->verifying++;
    peer->verifying_bytes += payload.len;
}

void peering_multicast(struct peering *p, enum qbft_code code, bytes_t wire)
{
    static const address_t nobody = {{0}};
    (void)is_new_message(p, code, wire); // what comes back is not new
    struct said *said = &p->said[p->said_count++ % SAID_MESSAGES];
    said->code = code;
    buf_clear(&said->wire);
    buf_put(&said->wire, wire);
    peering_relay(p, code, wire, &nobody, 0);
}

void peering_relay(struct peering *p, enum qbft_code code, bytes_t wire, const address_t *author,
                   uint64_t from_conn)
{
    struct p2p_packet *packet = NULL;
    struct peer *next = NULL;
    for (struct peer *q = peering_next(p, NULL); q != NULL; q = next) {
        next = peering_next(p, q); // sending may end the line
        if (!q->is_validator || q->id == from_conn || address_eq(&q->address, author)) continue;
        if (packet == NULL) packet = p2p_packet_new(wire);
        if (packet == NULL) return;
        conn_send_packet(q->conn, P2P_ISTANBUL, code, packet, P2P_URGENT);
    }
    p2p_packet_free(packet);
}

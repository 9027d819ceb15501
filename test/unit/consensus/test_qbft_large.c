// SPDX-License-Identifier: Apache-2.0
/// Goal: the largest validator sets need memory in proportion to their messages, so that rounds
/// which come to nothing do not use up what one height may have.

#include <criterion/criterion.h>

#include "chain/base/endian.h"
#include "test/unit/consensus/qbft_net.h"

#define MANY 1000
#define ROUNDS 9

static struct qbft_net net; // for its blocks; as large as it is, it is not on the stack
static address_t validators[MANY];

/// One core of many, and everything that the others say.
struct crowd {
    struct arena arena;   ///< of the core
    struct arena message; ///< of the one that is being heard
    struct qbft *core;
    struct qbft_effects fx;
    struct qbft_effect items[2 * QBFT_EFFECTS_ROOM];
    hash_t parent;
    bool decided;
    uint32_t checked_round;
    hash_t checked;
};

/// Signatures are names here: who may say what is not the question.
static void sign_name(void *ctx, secp_sig_t *sig, const hash_t *digest)
{
    (void)digest;
    memset(sig, 0, sizeof *sig);
    memcpy(sig->r + 12, ctx, sizeof(address_t));
    sig->s[31] = 1;
}

static err_t recover_name(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx;
    (void)digest;
    memcpy(author->b, sig->r + 12, sizeof author->b);
    return OK;
}

static void step(struct crowd *c, const struct qbft_event *ev)
{
    const err_t err = qbft_step(c->core, &c->fx, ev);
    cr_assert(err_ok(err), "%s", err_text(err));
    bool check = false;
    for (size_t i = 0; i < c->fx.count; i++) {
        const struct qbft_effect *e = &c->fx.items[i];
        if (e->kind == QBFT_FX_COMMIT_BLOCK) c->decided = true;
        if (e->kind != QBFT_FX_CHECK) continue;
        check = true;
        c->checked = e->check.digest;
        c->checked_round = e->check.round;
    }
    if (!check) return;
    const struct qbft_event yes = {
        .kind = QBFT_EV_CHECKED,
        .checked = {.height = 1, .round = c->checked_round, .digest = c->checked, .valid = true}};
    step(c, &yes);
}

/// @return the signed payload as it may be embedded; valid until the arena ends
static bytes_t hear(struct crowd *c, size_t author, const struct qbft_send *s, struct arena *keep)
{
    const struct qbft_crypto crypto = {
        .sign = sign_name, .recover = recover_name, .ctx = &validators[author]};
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    qbft_message_sign(&b, s, QBFT_WIRE_BESU26, &crypto);
    struct qbft_message m;
    arena_reset(&c->message);
    cr_assert(err_ok(qbft_message_decode(&m, &c->message, s->code, buf_bytes(&b))));
    cr_assert(err_ok(qbft_message_recover(&m, &crypto)));
    const struct qbft_event ev = {.kind = QBFT_EV_MESSAGE, .message = {.message = &m}};
    step(c, &ev);
    bool full = false;
    const bytes_t payload = keep == NULL ? BYTES_NONE : arena_copy(keep, m.main.raw, &full);
    cr_assert(!full);
    buf_deinit(&b);
    return payload;
}

/// A quorum moves to `round`, whose proposer proposes; all but one of a quorum commit.
static void play_round(struct crowd *c, uint32_t round, size_t commits)
{
    const size_t quorum = qbft_quorum(MANY);
    struct arena a;
    cr_assert(err_ok(arena_init(&a, (size_t)4 << 20)));
    bytes_t changes[MANY];
    struct qbft_send s = {.code = QBFT_ROUND_CHANGE, .sequence = 1, .round = round};
    for (size_t i = 0; i < quorum && round > 0; i++) changes[i] = hear(c, i, &s, &a);

    net.nodes[0].address = validators[round]; // its turn, for the block before has no proposer
    s = (struct qbft_send){.code = QBFT_PROPOSAL,
                           .sequence = 1,
                           .round = round,
                           .block = qbft_net_block(&net, &a, 0, 1, &c->parent, round, 1, round),
                           .round_changes = changes,
                           .round_change_count = round > 0 ? quorum : 0};
    (void)hear(c, round, &s, NULL);
    cr_assert_eq(c->checked_round, round);
    s = (struct qbft_send){.code = QBFT_COMMIT,
                           .sequence = 1,
                           .round = round,
                           .digest = c->checked,
                           .seal_hash = c->checked};
    for (size_t i = 0; i < commits; i++) (void)hear(c, i, &s, NULL);
    arena_deinit(&a);
}

Test(qbft_large, rounds_without_a_decision_fit)
{
    static struct crowd c;
    for (size_t i = 0; i < MANY; i++) be_put_u64(validators[i].b, i + 1);
    cr_assert(err_ok(arena_init(&c.arena, (size_t)32 << 20)));
    cr_assert(err_ok(arena_init(&c.message, (size_t)8 << 20)));
    c.fx = (struct qbft_effects){c.items, 0, ARRAY_LEN(c.items)};
    const struct guard_record nothing = {.height = 0};
    const struct qbft_options o = {.self = validators[MANY - 1],
                                   .wire = QBFT_WIRE_BESU26,
                                   .max_bytes = (size_t)64 << 20,
                                   .crypto = {.recover = recover_name}};
    cr_assert(err_ok(qbft_new(&c.core, &c.arena, &o, &nothing)));
    const struct qbft_head head = {.validators = validators,
                                   .validator_count = MANY,
                                   .block_period_ms = 1000,
                                   .request_timeout_ms = 1000,
                                   .max_request_timeout_ms = 60000};
    const struct qbft_event begin = {.kind = QBFT_EV_NEW_BLOCK, .new_block = &head};
    step(&c, &begin);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        play_round(&c, round, qbft_quorum(MANY) - 1);
        cr_assert(!c.decided);
    }
    play_round(&c, ROUNDS, qbft_quorum(MANY));
    cr_expect(c.decided, "nine rounds left no memory for the tenth");
    qbft_free(c.core);
    arena_deinit(&c.arena);
    arena_deinit(&c.message);
}

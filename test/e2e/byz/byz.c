// SPDX-License-Identifier: Apache-2.0
/// A liar with a real process under it: `byz/cairnd` is cairnd whose calls between the core and its
/// peers are bent by the linker (--wrap), so that nothing of this is in a program that ships. It
/// follows the chain, so that it knows where the others stand, and departs from the rules as the
/// simulator's liars do (test/sim/byzantine.c).
///
///     CAIRN_BYZ       what it does, words apart by commas; each height draws one of them:
///         silent      says nothing
///         blocks      proposes two valid blocks, one to each half of the others
///         badblock    proposes a block with a wrong state root
///         votes       says two different things in each Prepare and Commit; votes for whatever it hears
///         rounds      asks for rounds far ahead, and votes at heights far ahead
///         replay      says again what anybody ever said
///         garbage     bytes without sense, and messages with a bit turned over
///     CAIRN_BYZ_SEED  of its dice
///
/// Owner of everything here: the loop's thread.

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/codec/rlp.h"
#include "chain/types/extra_data.h"
#include "consensus/node/loop.h"
#include "consensus/node/peering_impl.h"
#include "consensus/node/signer.h"
#include "consensus/qbft/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 512U

enum manner { SILENT, BLOCKS, BADBLOCK, VOTES, ROUNDS, REPLAY, GARBAGE, MANNERS };
static const char *const words[MANNERS] = {"silent", "blocks", "badblock", "votes",
                                           "rounds", "replay", "garbage"};

struct kept {
    enum qbft_code code;
    struct buf wire;
};

static struct {
    const struct secret_key *key;
    enum qbft_wire wire;
    struct peering *peering;
    bool on[MANNERS];
    uint64_t dice;
    uint64_t height;
    enum manner now;
    struct kept kept[KEPT]; ///< a ring of all that was heard and said
    size_t kept_count;
    struct arena arena;
} byz;

err_t __real_signer_new(struct signer **out, struct node *n, struct guard *guard,
                        const struct secret_key *key, enum qbft_wire wire);
err_t __wrap_signer_new(struct signer **out, struct node *n, struct guard *guard,
                        const struct secret_key *key, enum qbft_wire wire);
void __real_peering_multicast(struct peering *p, enum qbft_code code, bytes_t wire);
void __wrap_peering_multicast(struct peering *p, enum qbft_code code, bytes_t wire);
void __real_loop_take_message(struct loop *l, const struct qbft_message *m, uint64_t conn);
void __wrap_loop_take_message(struct loop *l, const struct qbft_message *m, uint64_t conn);
void __real_peering_on_head(struct peering *p, const struct qbft_head *head);
void __wrap_peering_on_head(struct peering *p, const struct qbft_head *head);

static uint64_t roll(void)
{
    byz.dice ^= byz.dice << 13;
    byz.dice ^= byz.dice >> 7;
    byz.dice ^= byz.dice << 17;
    return byz.dice;
}

static void draw(void)
{
    do {
        byz.now = (enum manner)(roll() % MANNERS);
        // It ends lines for up to half a minute: not too often, or nobody would hear the rest.
        if (byz.now == GARBAGE && roll() % 8 != 0) byz.now = (enum manner)(roll() % GARBAGE);
    } while (!byz.on[byz.now]);
}

err_t __wrap_signer_new(struct signer **out, struct node *n, struct guard *guard,
                        const struct secret_key *key, enum qbft_wire wire)
{
    const char *wanted = getenv("CAIRN_BYZ");
    const char *seed = getenv("CAIRN_BYZ_SEED");
    bool any = false;
    for (size_t i = 0; i < MANNERS; i++) {
        byz.on[i] = wanted != NULL && strstr(wanted, words[i]) != NULL;
        any = any || byz.on[i];
    }
    if (!any) {
        (void)fprintf(stderr, "CAIRN_BYZ names nothing that this liar does\n");
        exit(2);
    }
    byz.key = key;
    byz.wire = wire;
    byz.dice = (seed == NULL ? 0 : strtoull(seed, NULL, 10)) * 2654435761U + 88172645463325252U;
    check(err_ok(arena_init(&byz.arena, (size_t)64 * 1024 * 1024)));
    draw();
    return __real_signer_new(out, n, guard, key, wire);
}

/// --- saying things

static void sign(void *ctx, secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx;
    *sig = secp_sign(byz.key, digest);
}

/// To the peers whose number has this remainder by two; `half` 2: to all.
static void tell(enum qbft_code code, bytes_t wire, unsigned half)
{
    unsigned number = 0;
    struct peer *next = NULL;
    for (struct peer *q = peering_next(byz.peering, NULL); q != NULL; q = next) {
        next = peering_next(byz.peering, q); // sending may end the line
        if (half == 2 || number % 2 == half)
            conn_send(q->conn, P2P_ISTANBUL, code, wire, P2P_URGENT);
        number++;
    }
}

static void say(const struct qbft_send *send, unsigned half)
{
    const struct qbft_crypto crypto = {.sign = sign};
    struct buf b;
    buf_init(&b, (size_t)16 * 1024 * 1024);
    qbft_message_sign(&b, send, byz.wire, &crypto);
    if (err_ok(buf_status(&b))) tell(send->code, buf_bytes(&b), half);
    buf_deinit(&b);
}

static void keep(enum qbft_code code, bytes_t wire)
{
    struct kept *k = &byz.kept[byz.kept_count++ % KEPT];
    if (k->wire.max == 0) buf_init(&k->wire, (size_t)16 * 1024 * 1024);
    buf_clear(&k->wire);
    buf_put(&k->wire, wire);
    k->code = code;
}

static const struct kept *any_kept(void)
{
    const size_t count = byz.kept_count < KEPT ? byz.kept_count : KEPT;
    return count == 0 ? NULL : &byz.kept[roll() % count];
}

/// The same block but for its vanity, which is free, so that it is as valid; or with a wrong root.
static bytes_t other_block(const struct qbft_block *b, bool bad)
{
    struct header h = b->header;
    struct extra_data extra = b->extra;
    uint8_t vanity[32];
    for (size_t i = 0; i < sizeof vanity; i++) vanity[i] = (uint8_t)roll();
    extra.vanity = bytes_make(vanity, sizeof vanity);
    if (bad) h.state_root.b[5] ^= 0x40;
    struct buf e;
    struct buf out;
    buf_init(&e, 65536);
    buf_init(&out, (size_t)16 * 1024 * 1024);
    extra_data_encode(&e, &extra);
    h.extra_data = buf_bytes(&e);
    struct rlp_reader r = rlp_reader(b->raw);
    struct rlp_reader parts;
    bytes_t header;
    bool full = false;
    check(err_ok(rlp_read_list(&r, &parts)) && err_ok(rlp_read_raw(&parts, &header)));
    const size_t list = rlp_list_begin(&out);
    header_encode(&out, &h);
    buf_put(&out, parts.rest); // transactions and the rest
    rlp_list_end(&out, list);
    const bytes_t copy = arena_copy(&byz.arena, buf_bytes(&out), &full);
    check(!full && err_ok(buf_status(&out)));
    buf_deinit(&e);
    buf_deinit(&out);
    return copy;
}

/// A proposal like this one with another block.
static void propose_other(const struct qbft_message *m, bool bad, unsigned half)
{
    bytes_t *rcs = ARENA_ARRAY(&byz.arena, bytes_t, m->round_change_count + 1);
    bytes_t *prepares = ARENA_ARRAY(&byz.arena, bytes_t, m->prepare_count + 1);
    check(rcs != NULL && prepares != NULL);
    for (size_t i = 0; i < m->round_change_count; i++) rcs[i] = m->round_changes[i].raw;
    for (size_t i = 0; i < m->prepare_count; i++) prepares[i] = m->prepares[i].raw;
    say(&(struct qbft_send){.code = QBFT_PROPOSAL,
                            .sequence = m->main.sequence,
                            .round = m->main.round,
                            .block = other_block(&m->block, bad),
                            .round_changes = rcs,
                            .round_change_count = m->round_change_count,
                            .prepares = prepares,
                            .prepare_count = m->prepare_count},
        half);
}

static void vote(enum qbft_code code, uint64_t height, uint32_t round, const hash_t *digest,
                 const hash_t *seal_hash, unsigned half)
{
    say(&(struct qbft_send){.code = code,
                            .sequence = height,
                            .round = round,
                            .digest = *digest,
                            .seal_hash = *seal_hash},
        half);
}

static hash_t random_hash(void)
{
    hash_t h;
    for (size_t i = 0; i < sizeof h.b; i++) h.b[i] = (uint8_t)roll();
    return h;
}

static void replay(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        const struct kept *k = any_kept();
        if (k != NULL) tell(k->code, buf_bytes(&k->wire), (unsigned)(roll() % 3));
    }
}

static void garbage(void)
{
    uint8_t bytes[512];
    const struct kept *k = any_kept();
    const size_t len = roll() % sizeof bytes;
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)roll();
    // Each ends a line, which comes again after a while: to one half only.
    const enum qbft_code code = (enum qbft_code)(QBFT_PROPOSAL + roll() % 4);
    if (k == NULL || roll() % 2 == 0) {
        tell(code, bytes_make(bytes, len), (unsigned)(roll() % 2));
        return;
    }
    bool full = false;
    const bytes_t copy = arena_copy(&byz.arena, buf_bytes(&k->wire), &full);
    check(!full);
    if (copy.len != 0) ((uint8_t *)copy.data)[roll() % copy.len] ^= (uint8_t)(1U << roll() % 8);
    tell(k->code, copy, (unsigned)(roll() % 2));
}

/// --- the bent calls

void __wrap_peering_multicast(struct peering *p, enum qbft_code code, bytes_t wire)
{
    struct qbft_message m;
    byz.peering = p;
    arena_reset(&byz.arena);
    keep(code, wire);
    if (!err_ok(qbft_message_decode(&m, &byz.arena, code, wire))) return;
    if (byz.now == SILENT) return;
    if (byz.now == GARBAGE) garbage();
    if (byz.now == REPLAY) replay(4);
    if (code == QBFT_PROPOSAL && byz.now == BLOCKS) {
        tell(code, wire, 0);
        propose_other(&m, false, 1);
        return;
    }
    if (code == QBFT_PROPOSAL && byz.now == BADBLOCK) {
        propose_other(&m, true, 2);
        return;
    }
    if ((code == QBFT_PREPARE || code == QBFT_COMMIT) && byz.now == VOTES) {
        const hash_t digest = random_hash();
        const hash_t seal = random_hash();
        tell(code, wire, 0);
        vote(code, m.main.sequence, m.main.round, &digest, &seal, 1);
        return;
    }
    __real_peering_multicast(p, code, wire);
}

void __wrap_loop_take_message(struct loop *l, const struct qbft_message *m, uint64_t conn)
{
    byz.peering = loop_peering(l);
    keep(m->main.code, m->raw);
    if (m->main.code == QBFT_PROPOSAL && (byz.now == VOTES || byz.now == BLOCKS)) {
        hash_t digest;
        hash_t seal;
        arena_reset(&byz.arena);
        if (err_ok(qbft_digest(&digest, &m->block.header, m->main.round, byz.wire)) &&
            err_ok(qbft_seal_hash(&seal, &m->block.header, m->main.round))) {
            vote(QBFT_PREPARE, m->main.sequence, m->main.round, &digest, &seal, 2);
            vote(QBFT_COMMIT, m->main.sequence, m->main.round, &digest, &seal, 2);
        }
    }
    __real_loop_take_message(l, m, conn);
}

void __wrap_peering_on_head(struct peering *p, const struct qbft_head *head)
{
    byz.peering = p;
    arena_reset(&byz.arena);
    if (head->number != byz.height) draw();
    byz.height = head->number;
    if (byz.now == ROUNDS) {
        const hash_t none = {{0}};
        const hash_t some = random_hash();
        say(&(struct qbft_send){.code = QBFT_ROUND_CHANGE,
                                .sequence = head->number + 1,
                                .round = (uint32_t)(1 + roll() % 40)},
            (unsigned)(roll() % 3));
        for (unsigned i = 0; i < 16; i++)
            vote(QBFT_PREPARE, head->number + 1 + roll() % 5000, (uint32_t)(roll() % 9), &some,
                 &none, 2);
    }
    if (byz.now == REPLAY) replay(32);
    if (byz.now == GARBAGE) garbage();
    __real_peering_on_head(p, head);
}

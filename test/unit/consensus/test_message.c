// SPDX-License-Identifier: Apache-2.0
/// Goal: messages that real nodes sent decode and name their authors; ours come back as they
/// were in all three wire forms; everything that is not canonical is refused.

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>

#include "chain/base/hex.h"
#include "test/support/vectors.h"
#include "test/unit/consensus/qbft_net.h"

static err_t recover(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx;
    return secp_recover_address(author, sig, digest);
}

static const struct qbft_crypto REAL = {.recover = recover};

static unsigned code_of(const json_t *v)
{
    return (unsigned)strtoul(vectors_str(v, "code"), NULL, 16);
}

Test(message, real_ones_name_their_authors)
{
    struct arena a = vectors_arena((size_t)1024 * 1024);
    json_t *root = vectors_load("qbft/messages-real.json");
    const json_t *list = vectors_get(root, "messages");
    cr_assert(err_ok(secp_setup()));
    cr_assert_eq(json_array_size(list), 3);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const char *name = vectors_str(v, "name");
        struct qbft_message m;
        const bytes_t payload = vectors_bytes(&a, v, "payload");
        const err_t err = qbft_message_decode(&m, &a, code_of(v), payload);
        cr_assert(err_ok(err), "%s: %s", name, err_text(err));
        cr_assert(err_ok(qbft_message_recover(&m, &REAL)), "%s", name);
        const bytes_t author = vectors_bytes(&a, v, "author");
        const bytes_t hash = vectors_bytes(&a, v, "signingHash");
        cr_expect(bytes_eq(BYTES_OF(m.main.author), author), "%s", name);
        cr_expect(bytes_eq(BYTES_OF(m.main.signing_hash), hash), "%s", name);
        cr_expect_eq(m.main.sequence, (uint64_t)json_integer_value(json_object_get(v, "sequence")),
                     "%s", name);
        cr_expect_eq(m.main.round, (uint32_t)json_integer_value(json_object_get(v, "round")), "%s",
                     name);
        if (json_object_get(v, "digest") != NULL)
            cr_expect(bytes_eq(BYTES_OF(m.main.digest), vectors_bytes(&a, v, "digest")), "%s",
                      name);
        if (m.main.code == QBFT_COMMIT)
            cr_expect(m.main.seal_recovered && address_eq(&m.main.seal_author, &m.main.author),
                      "%s: in round 0 the seal is over the digest", name);

        // Cut anywhere, or with anything after it, it is none.
        for (size_t cut = 0; cut < payload.len; cut++) {
            const bytes_t part = {payload.data, cut};
            cr_expect(!err_ok(qbft_message_decode(&m, &a, code_of(v), part)), "%s at %zu", name,
                      cut);
        }
    }

    // The four-item form that Besu >= 26.1.0 sends: the slot is outside the signature.
    const json_t *wide = json_array_get(vectors_get(root, "derived"), 0);
    struct qbft_message m;
    cr_assert(
        err_ok(qbft_message_decode(&m, &a, QBFT_ROUND_CHANGE, vectors_bytes(&a, wide, "payload"))));
    cr_assert(err_ok(qbft_message_recover(&m, &REAL)));
    const bytes_t author = vectors_bytes(&a, json_array_get(list, 0), "author");
    cr_expect(bytes_eq(BYTES_OF(m.main.author), author));
    json_decref(root);
    arena_deinit(&a);
}

Test(message, quorums_are_the_table_s)
{
    json_t *root = vectors_load("qbft/quorum.json");
    const json_t *rows = vectors_get(root, "rows");
    cr_assert_eq(json_array_size(rows), 22);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const size_t n = (size_t)json_integer_value(json_object_get(row, "n"));
        cr_expect_eq(qbft_faults(n), (size_t)json_integer_value(json_object_get(row, "f")), "n=%zu",
                     n);
        cr_expect_eq(qbft_quorum(n), (size_t)json_integer_value(json_object_get(row, "quorum")),
                     "n=%zu", n);
    }
    json_decref(root);
}

static struct qbft_net net;

/// Some of each kind, for going round.
static void fill(struct qbft_send *s, struct arena *a, enum qbft_code code)
{
    static const hash_t parent = {{7}};
    *s = (struct qbft_send){.code = code, .sequence = 9, .round = 2, .digest = {{1, 2, 3}}};
    s->seal_hash = s->digest;
    const struct qbft_send prepare = {
        .code = QBFT_PREPARE, .sequence = 9, .round = 1, .digest = {{5}}};
    const struct qbft_send change = {.code = QBFT_ROUND_CHANGE, .sequence = 9, .round = 2};
    bytes_t *prepares = ARENA_ARRAY(a, bytes_t, 2);
    bytes_t *changes = ARENA_ARRAY(a, bytes_t, 2);
    for (size_t i = 0; i < 2; i++) {
        prepares[i] = qbft_net_forge(&net, a, i, &prepare);
        struct qbft_message m;
        cr_assert(err_ok(
            qbft_message_decode(&m, a, QBFT_ROUND_CHANGE, qbft_net_forge(&net, a, i, &change))));
        changes[i] = m.main.raw;
    }
    if (code == QBFT_PREPARE || code == QBFT_COMMIT) return;
    s->block = qbft_net_block(&net, a, 1, 9, &parent, 2, 1000, 5);
    s->prepares = prepares;
    s->prepare_count = 2;
    if (code == QBFT_PROPOSAL) {
        s->round_changes = changes;
        s->round_change_count = 2;
    } else {
        s->has_prepared = true;
        s->prepared_round = 1;
    }
}

Test(message, goes_round_in_every_form)
{
    static const enum qbft_wire wires[] = {QBFT_WIRE_BESU26, QBFT_WIRE_BESU25, QBFT_WIRE_GOQUORUM};
    static const enum qbft_code codes[] = {QBFT_PROPOSAL, QBFT_PREPARE, QBFT_COMMIT,
                                           QBFT_ROUND_CHANGE};
    struct arena a = vectors_arena((size_t)4 * 1024 * 1024);
    for (size_t w = 0; w < ARRAY_LEN(wires); w++) {
        qbft_net_init(&net, 4, wires[w], 1);
        for (size_t c = 0; c < ARRAY_LEN(codes); c++) {
            struct qbft_send s;
            fill(&s, &a, codes[c]);
            const bytes_t wire = qbft_net_forge(&net, &a, 3, &s);
            struct qbft_message m;
            const err_t err = qbft_message_decode(&m, &a, codes[c], wire);
            cr_assert(err_ok(err), "%s: %s", qbft_code_name(codes[c]), err_text(err));
            cr_assert(err_ok(qbft_message_recover(&m, &QBFT_NET_RECOVER)));
            cr_expect(address_eq(&m.main.author, &net.validators[3]));
            cr_expect_eq(m.main.sequence, 9);
            cr_expect_eq(m.main.round, 2);
            cr_expect_eq(m.has_block, s.block.len != 0);
            cr_expect(bytes_eq(m.block.raw, s.block));
            cr_expect_eq(m.prepare_count, s.prepare_count);
            cr_expect_eq(m.round_change_count, s.round_change_count);
            for (size_t i = 0; i < m.prepare_count; i++)
                cr_expect(address_eq(&m.prepares[i].author, &net.validators[i]));
            cr_expect_eq(m.main.has_prepared, s.has_prepared);
            if (codes[c] != QBFT_PROPOSAL) cr_expect(hash_eq(&m.main.digest, &s.digest));
            if (codes[c] == QBFT_COMMIT)
                cr_expect(m.main.seal_recovered &&
                          address_eq(&m.main.seal_author, &net.validators[3]));

            // A copy has all of it, in memory of its own.
            struct qbft_message copy;
            cr_assert(err_ok(qbft_message_copy(&copy, &a, &m)));
            cr_expect(bytes_eq(copy.raw, m.raw));
            cr_expect_neq(copy.raw.data, m.raw.data);
            cr_expect(address_eq(&copy.main.author, &m.main.author));

            // Any one bit changed: another author, or no message at all.
            for (size_t bit = 0; bit < wire.len * 8; bit += 13) {
                bool full = false;
                const bytes_t bad = arena_copy(&a, wire, &full);
                ((uint8_t *)(uintptr_t)bad.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
                struct qbft_message b;
                if (!err_ok(qbft_message_decode(&b, &a, codes[c], bad))) continue;
                if (!err_ok(qbft_message_recover(&b, &QBFT_NET_RECOVER))) continue;
                // What is outside the signature: the lists of justifications and the slot.
                const bool outside = bytes_eq(b.main.raw, m.main.raw);
                cr_expect(outside || !address_eq(&b.main.author, &m.main.author), "bit %zu", bit);
            }
            arena_reset(&a);
        }
        qbft_net_deinit(&net);
    }
    arena_deinit(&a);
}

/// besu#2141 then #7875: which round a digest is of, pinned.
Test(message, digests_carry_the_round_but_for_goquorum)
{
    static const hash_t parent = {{7}};
    struct arena a = vectors_arena((size_t)1024 * 1024);
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 1);
    struct qbft_block b;
    cr_assert(
        err_ok(qbft_block_decode(&b, &a, qbft_net_block(&net, &a, 1, 9, &parent, 2, 1000, 5))));
    hash_t sealed;
    hash_t digest;
    cr_assert(err_ok(qbft_seal_hash(&sealed, &b.header, 2)));
    cr_expect(!hash_eq(&sealed, &b.hash));
    cr_assert(err_ok(qbft_digest(&digest, &b.header, 2, QBFT_WIRE_BESU26)));
    cr_expect(hash_eq(&digest, &sealed));
    cr_assert(err_ok(qbft_digest(&digest, &b.header, 2, QBFT_WIRE_BESU25)));
    cr_expect(hash_eq(&digest, &sealed));
    cr_assert(err_ok(qbft_digest(&digest, &b.header, 2, QBFT_WIRE_GOQUORUM)));
    cr_expect(hash_eq(&digest, &b.hash));

    // The same block for another round: another digest, the same block hash, the rest unchanged.
    struct qbft_block again;
    cr_assert(err_ok(qbft_block_with_round(&again, &a, &b, 5)));
    cr_expect(hash_eq(&again.hash, &b.hash));
    cr_expect_eq(again.extra.round, 5);
    cr_assert(err_ok(qbft_digest(&digest, &again.header, 5, QBFT_WIRE_BESU26)));
    cr_expect(!hash_eq(&digest, &sealed));
    cr_assert(err_ok(qbft_block_with_round(&again, &a, &again, 2)));
    cr_expect(bytes_eq(again.raw, b.raw));
    qbft_net_deinit(&net);
    arena_deinit(&a);
}

Test(message, refusals)
{
    struct arena a = vectors_arena((size_t)1024 * 1024);
    // A Prepare of height 1, round 0 with an empty digest and signature, taken apart.
    static const struct {
        const char *name;
        unsigned code;
        const char *hex;
        enum err_kind kind;
    } cases[] = {
        {"another code", 0x16, "c0", ERR_UNSUPPORTED},
        {"IBFT's code", 0x11, "c0", ERR_UNSUPPORTED},
        {"an empty list", QBFT_PREPARE, "c0", ERR_MALFORMED},
        {"a string", QBFT_PREPARE, "80", ERR_MALFORMED},
        {"nothing", QBFT_COMMIT, "", ERR_MALFORMED},
        {"round with a leading zero", QBFT_ROUND_CHANGE, "c7c5c4018200018080c0c0", ERR_MALFORMED},
        {"a proposal of one item", QBFT_PROPOSAL, "c1c0", ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct qbft_message m;
        const err_t err = qbft_message_decode(&m, &a, cases[i].code, vectors_hex(&a, cases[i].hex));
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
    }

    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 1);
    struct qbft_send s = {.code = QBFT_PREPARE, .sequence = 1, .round = (uint32_t)INT32_MAX + 1U};
    struct qbft_message m;
    cr_expect_eq(qbft_message_decode(&m, &a, s.code, qbft_net_forge(&net, &a, 0, &s)).kind,
                 ERR_LIMIT, "a round that does not fit 31 bits");
    s.round = 1;
    const bytes_t wire = qbft_net_forge(&net, &a, 0, &s);
    uint8_t *sig = (uint8_t *)(uintptr_t)wire.data + wire.len - 65;
    sig[64] = 2;
    cr_expect_eq(qbft_message_decode(&m, &a, s.code, wire).kind, ERR_MALFORMED, "v = 2");
    sig[64] = 0;
    memset(sig + 32, 0xff, 8);
    cr_expect_eq(qbft_message_decode(&m, &a, s.code, wire).kind, ERR_MALFORMED, "high s");
    qbft_net_deinit(&net);
    arena_deinit(&a);
}

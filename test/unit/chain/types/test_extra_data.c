// SPDX-License-Identifier: Apache-2.0
#include "chain/types/extra_data.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/crypto/keccak.h"
#include "test/support/vectors.h"

static struct arena arena;

static void open_arena(void)
{
    arena = vectors_arena((size_t)4 << 20);
}

static void close_arena(void)
{
    arena_deinit(&arena);
}

TestSuite(extra_data, .init = open_arena, .fini = close_arena);

static void expect_decoded(const char *name, const struct extra_data *e, const json_t *want)
{
    const json_t *validators = vectors_get(want, "validators");
    const json_t *seals = vectors_get(want, "seals");
    const json_t *vote = vectors_get(want, "vote");
    cr_expect(bytes_eq(e->vanity, vectors_bytes(&arena, want, "vanity")), "%s", name);
    cr_assert_eq(e->validator_count, json_array_size(validators), "%s", name);
    for (size_t i = 0; i < e->validator_count; i++) {
        const bytes_t a = vectors_hex(&arena, json_string_value(json_array_get(validators, i)));
        cr_expect(bytes_eq(BYTES_OF(e->validators[i]), a), "%s: validator %zu", name, i);
    }
    cr_assert_eq(e->seal_count, json_array_size(seals), "%s", name);
    for (size_t i = 0; i < e->seal_count; i++) {
        const bytes_t s = vectors_hex(&arena, json_string_value(json_array_get(seals, i)));
        cr_expect(memcmp(e->seals[i].r, s.data, 32) == 0 &&
                      memcmp(e->seals[i].s, s.data + 32, 32) == 0 && e->seals[i].v == s.data[64],
                  "%s: seal %zu", name, i);
    }
    cr_expect_eq(e->round, json_integer_value(vectors_get(want, "round")), "%s", name);
    cr_expect_eq(e->vote == QBFT_VOTE_NONE, json_is_null(vote), "%s", name);
    if (json_is_null(vote)) return;
    cr_expect_eq(e->vote == QBFT_VOTE_ADD, strcmp(vectors_str(vote, "type"), "add") == 0, "%s",
                 name);
    cr_expect(bytes_eq(BYTES_OF(e->vote_recipient), vectors_bytes(&arena, vote, "recipient")), "%s",
              name);
}

/// Goal: every encoding of Besu's and GoQuorum's tests decodes as it should and encodes back.
Test(extra_data, vectors)
{
    json_t *root = vectors_load("qbft/extradata.json");
    const json_t *valid = vectors_get(root, "valid");
    cr_assert_eq(json_array_size(valid), 8);
    for (size_t i = 0; i < 8; i++) {
        const json_t *entry = json_array_get(valid, i);
        const char *name = vectors_str(entry, "name");
        const bytes_t raw = vectors_bytes(&arena, entry, "extraData");
        struct extra_data e;
        const err_t err = extra_data_decode(&e, &arena, raw);
        cr_assert(err_ok(err), "%s: %s", name, err_text(err));
        expect_decoded(name, &e, vectors_get(entry, "decoded"));
        struct buf b;
        buf_init(&b, 4096);
        extra_data_encode(&b, &e);
        cr_expect_eq(bytes_eq(buf_bytes(&b), raw),
                     json_is_true(vectors_get(entry, "canonicalRoundtrip")), "%s", name);
        buf_clear(&b);
        cr_assert(err_ok(extra_data_reseal(&b, raw, e.round, e.seals, e.seal_count)));
        cr_expect(bytes_eq(buf_bytes(&b), raw), "%s: resealed with its own", name);
        buf_deinit(&b);
    }
    const json_t *invalid = vectors_get(root, "invalidAsQbft");
    cr_assert_eq(json_array_size(invalid), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *entry = json_array_get(invalid, i);
        struct extra_data e = {.round = 77};
        cr_expect_eq(extra_data_decode(&e, &arena, vectors_bytes(&arena, entry, "extraData")).kind,
                     ERR_MALFORMED, "%s", vectors_str(entry, "name"));
        cr_expect_eq(e.round, 77);
    }
    // The two blanked forms of the first one.
    const bytes_t first = vectors_bytes(&arena, json_array_get(valid, 0), "extraData");
    const json_t *derived = vectors_get(root, "derived");
    cr_assert_eq(json_array_size(derived), 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct buf b;
        buf_init(&b, 4096);
        cr_assert(err_ok(extra_data_reseal(&b, first, i == 0 ? 0xfedcba : 0, NULL, 0)));
        cr_expect(bytes_eq(buf_bytes(&b),
                           vectors_bytes(&arena, json_array_get(derived, i), "extraData")));
        buf_deinit(&b);
    }
    json_decref(root);
}

#define A20                                                                                        \
    "\x94"                                                                                         \
    "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"                                                     \
    "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"

/// Goal: each rule of extraData has a row that breaks only it.
static const struct {
    const char *name;
    bytes_t in;
    enum err_kind kind;
} rules[] = {
    {"smallest", LIT("\xc5\x80\xc0\xc0\x80\xc0"), ERR_NONE},
    {"further items are tolerated", LIT("\xc6\x80\xc0\xc0\x80\xc0\x05"), ERR_NONE},
    {"drop as nothing", LIT("\xdb\x80\xc0\xd6" A20 "\x80\x80\xc0"), ERR_NONE},
    {"drop as a zero byte", LIT("\xdb\x80\xc0\xd6" A20 "\x00\x80\xc0"), ERR_NONE},
    {"vote of one", LIT("\xdb\x80\xc0\xd6" A20 "\x01\x80\xc0"), ERR_MALFORMED},
    {"vote without a type", LIT("\xda\x80\xc0\xd5" A20 "\x80\xc0"), ERR_MALFORMED},
    {"vote as IBFT2 writes it", LIT("\xc5\x80\xc0\x80\x80\xc0"), ERR_MALFORMED},
    {"round of four bytes", LIT("\xc9\x80\xc0\xc0\x84\0\0\0\0\xc0"), ERR_MALFORMED},
    {"round of 2^31 - 1", LIT("\xc9\x80\xc0\xc0\x84\x7f\xff\xff\xff\xc0"), ERR_NONE},
    {"round of 2^31", LIT("\xc9\x80\xc0\xc0\x84\x80\0\0\0\xc0"), ERR_LIMIT},
    {"validator of one byte", LIT("\xc6\x80\xc1\x01\xc0\x80\xc0"), ERR_MALFORMED},
    {"seal of one byte", LIT("\xc6\x80\xc0\xc0\x80\xc1\x01"), ERR_MALFORMED},
    {"no seals", LIT("\xc4\x80\xc0\xc0\x80"), ERR_MALFORMED},
    {"bytes after it", LIT("\xc5\x80\xc0\xc0\x80\xc0\x00"), ERR_MALFORMED},
    {"nothing", LIT(""), ERR_MALFORMED},
};

Test(extra_data, rules)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct extra_data e;
        const err_t err = extra_data_decode(&e, &arena, rules[i].in);
        cr_expect_eq(err.kind, rules[i].kind, "%s: %s", rules[i].name, err_text(err));
    }
}

/// Goal: seals beyond the bound are refused, and those with a recovery id above one.
Test(extra_data, seal_bounds)
{
    static secp_sig_t seals[QBFT_MAX_VALIDATORS + 1];
    struct extra_data e = {.vanity = LIT("")};
    for (size_t extra = 0; extra < 2; extra++) {
        struct buf b;
        buf_init(&b, (size_t)1 << 20);
        e.seals = seals;
        e.seal_count = QBFT_MAX_VALIDATORS + extra;
        extra_data_encode(&b, &e);
        struct extra_data back;
        cr_expect_eq(extra_data_decode(&back, &arena, buf_bytes(&b)).kind,
                     extra == 0 ? ERR_NONE : ERR_LIMIT);
        buf_deinit(&b);
    }
    seals[0].v = 2;
    e.seal_count = 1;
    struct buf b;
    buf_init(&b, 4096);
    extra_data_encode(&b, &e);
    struct extra_data back;
    cr_expect_eq(extra_data_decode(&back, &arena, buf_bytes(&b)).kind, ERR_MALFORMED);
    buf_deinit(&b);
}

/// Goal: the three hashes depend on exactly what the specification says, and the signers of
/// seals are found by the second one.
Test(extra_data, three_hashes)
{
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    key->b[31] = 5;
    secp_pubkey_t pubkey;
    cr_assert(err_ok(secp_pubkey_of(&pubkey, key)));
    const address_t validator = secp_address(&pubkey);

    struct extra_data e = {
        .vanity = LIT("v"), .validators = &validator, .validator_count = 1, .round = 3};
    struct buf b;
    buf_init(&b, 4096);
    extra_data_encode(&b, &e);
    struct header h = {.number = 9,
                       .field_count = HEADER_FIELDS_LONDON,
                       .mix_hash = QBFT_MIX_HASH,
                       .extra_data = buf_bytes(&b)};
    hash_t block, seal, digest, seal0;
    cr_assert(err_ok(qbft_block_hash(&block, &h)) && err_ok(qbft_seal_hash(&seal, &h, 3)) &&
              err_ok(qbft_seal_hash(&seal0, &h, 0)) && err_ok(qbft_proposal_digest(&digest, &h)));
    cr_expect(hash_eq(&seal, &digest) && hash_eq(&block, &seal0) && !hash_eq(&block, &seal));

    // Sealed, the hashes stay.
    const secp_sig_t sealed[] = {secp_sign(key, &seal)};
    struct buf b2;
    buf_init(&b2, 4096);
    cr_assert(err_ok(extra_data_reseal(&b2, h.extra_data, 3, sealed, 1)));
    struct header h2 = h;
    h2.extra_data = buf_bytes(&b2);
    hash_t again;
    cr_assert(err_ok(qbft_block_hash(&again, &h2)));
    cr_expect(hash_eq(&again, &block));
    cr_assert(err_ok(qbft_proposal_digest(&again, &h2)));
    cr_expect(hash_eq(&again, &digest));
    struct extra_data back;
    address_t signer;
    cr_assert(err_ok(extra_data_decode(&back, &arena, h2.extra_data)));
    cr_assert(err_ok(qbft_seal_signers(&signer, &h2, &back)));
    cr_expect(address_eq(&signer, &validator));

    // Of block 0 all three are the plain hash.
    h2.number = 0;
    const hash_t plain = header_hash_plain(&h2);
    cr_assert(err_ok(qbft_block_hash(&block, &h2)) && err_ok(qbft_seal_hash(&seal, &h2, 8)) &&
              err_ok(qbft_proposal_digest(&digest, &h2)));
    cr_expect(hash_eq(&plain, &block) && hash_eq(&plain, &seal) && hash_eq(&plain, &digest));

    h2.extra_data = LIT("x");
    cr_expect_eq(qbft_block_hash(&block, &h2).kind, ERR_MALFORMED);
    cr_expect_eq(qbft_seal_hash(&block, &h2, 0).kind, ERR_MALFORMED);
    cr_expect_eq(qbft_proposal_digest(&block, &h2).kind, ERR_MALFORMED);
    buf_deinit(&b);
    buf_deinit(&b2);
    secret_free(key);
}

/// Goal: quorum and faults for every set size of the table.
Test(extra_data, quorum)
{
    json_t *root = vectors_load("qbft/quorum.json");
    const json_t *rows = vectors_get(root, "rows");
    cr_assert_eq(json_array_size(rows), 22);
    for (size_t i = 0; i < 22; i++) {
        const json_t *row = json_array_get(rows, i);
        const size_t n = (size_t)json_integer_value(vectors_get(row, "n"));
        cr_expect_eq(qbft_quorum(n), (size_t)json_integer_value(vectors_get(row, "quorum")),
                     "n = %zu", n);
        cr_expect_eq(qbft_faults(n), (size_t)json_integer_value(vectors_get(row, "f")), "n = %zu",
                     n);
    }
    cr_expect_eq(qbft_faults(0), 0);
    json_decref(root);
    root = vectors_load("qbft/constants.json");
    cr_expect(bytes_eq(BYTES_OF(QBFT_MIX_HASH), vectors_bytes(&arena, root, "mixHash")));
    json_decref(root);
}

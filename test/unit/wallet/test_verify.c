// SPDX-License-Identifier: Apache-2.0
#include "wallet/verify.h"

#include "chain/base/hex.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/types/extra_data.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define N 4

/// A chain of one block: four validators, a state of one account, a contract of one slot.
struct world {
    struct arena arena;
    struct secret_key *keys[N + 1]; ///< the last is nobody's
    address_t validators[N];
    struct receipt_proof proof;
    struct header header;
    struct buf account_node, storage_node, extra, rlp;
    bytes_t account_list[1], storage_list[1];
};

/// A trie of one leaf: its root is the leaf's hash.
static hash_t leaf(struct buf *out, const hash_t *key, bytes_t value)
{
    uint8_t path[33] = {0x20};
    memcpy(path + 1, key->b, 32);
    buf_init(out, 4096);
    const size_t at = rlp_list_begin(out);
    rlp_put_bytes(out, BYTES_OF(path));
    rlp_put_bytes(out, value);
    rlp_list_end(out, at);
    return keccak256(buf_bytes(out));
}

/// Seals the header with these keys (0..N), and puts it into the proof.
static void seal(struct world *w, const unsigned *signers, size_t count, uint32_t round)
{
    struct extra_data e = {
        .vanity = LIT("cairn"), .validators = w->validators, .validator_count = N, .round = round};
    secp_sig_t seals[8];
    buf_clear(&w->extra);
    extra_data_encode(&w->extra, &e);
    w->header.extra_data = buf_bytes(&w->extra);
    hash_t h;
    cr_assert(err_ok(qbft_seal_hash(&h, &w->header, round)));
    for (size_t i = 0; i < count; i++) seals[i] = secp_sign(w->keys[signers[i]], &h);
    e.seals = seals;
    e.seal_count = count;
    buf_clear(&w->extra);
    extra_data_encode(&w->extra, &e);
    w->header.extra_data = buf_bytes(&w->extra);
    buf_clear(&w->rlp);
    header_encode(&w->rlp, &w->header);
    w->proof.header = buf_bytes(&w->rlp);
}

static void world_open(struct world *w)
{
    *w = (struct world){0};
    cr_assert(err_ok(secp_setup()));
    cr_assert(err_ok(arena_init(&w->arena, (size_t)8 << 20)));
    for (unsigned i = 0; i <= N; i++) {
        cr_assert(err_ok(secret_new(&w->keys[i])));
        memset(w->keys[i]->b, (int)i + 1, 32);
        secp_pubkey_t pub;
        cr_assert(err_ok(secp_pubkey_of(&pub, w->keys[i])));
        if (i < N) w->validators[i] = secp_address(&pub);
    }
    memset(w->proof.rounds.b, 0xaa, 20);
    memset(w->proof.fields.participant.b, 0xbb, 20);
    memset(w->proof.fields.digest.b, 1, 32);
    memset(w->proof.fields.upd_root.b, 2, 32);
    memset(w->proof.fields.result_version.b, 3, 32);
    w->proof.fields.round_id = 12;
    w->proof.fields.weight = 64;
    w->proof.fields.status = 3;
    w->proof.fields.score = u256_from_u64(12345678901234567890u);
    w->proof.fields.reward = u256_from_u64(107142857142857142u);

    const hash_t stored = receipt_fields_hash(&w->proof.fields);
    const hash_t slot = receipt_slot(12, &w->proof.fields.participant);
    const hash_t slot_key = keccak256(BYTES_OF(slot));
    struct buf value;
    buf_init(&value, 256);
    rlp_put_hash(&value, &stored);
    const hash_t storage = leaf(&w->storage_node, &slot_key, buf_bytes(&value));
    buf_clear(&value);
    const size_t at = rlp_list_begin(&value);
    rlp_put_u64(&value, 1);
    rlp_put_u64(&value, 0);
    rlp_put_hash(&value, &storage);
    rlp_put_hash(&value, &storage);
    rlp_list_end(&value, at);
    const hash_t account_key = keccak256(BYTES_OF(w->proof.rounds));
    w->header = (struct header){.number = 812,
                                .timestamp_s = 1772461931,
                                .gas_limit = 30000000,
                                .mix_hash = QBFT_MIX_HASH,
                                .field_count = HEADER_FIELDS_LONDON};
    w->header.state_root = leaf(&w->account_node, &account_key, buf_bytes(&value));
    buf_deinit(&value);
    buf_init(&w->extra, 4096);
    buf_init(&w->rlp, 8192);
    w->account_list[0] = buf_bytes(&w->account_node);
    w->storage_list[0] = buf_bytes(&w->storage_node);
    w->proof.account_nodes = w->account_list;
    w->proof.storage_nodes = w->storage_list;
    w->proof.account_count = w->proof.storage_count = 1;
    seal(w, (const unsigned[]){0, 1, 2}, 3, 2);
}

static void world_close(struct world *w)
{
    for (unsigned i = 0; i <= N; i++) secret_free(w->keys[i]);
    buf_deinit(&w->account_node);
    buf_deinit(&w->storage_node);
    buf_deinit(&w->extra);
    buf_deinit(&w->rlp);
    arena_deinit(&w->arena);
}

static enum err_kind verdict(struct world *w)
{
    struct receipt_verdict v;
    return receipt_proof_verify(&v, &w->arena, &w->proof, w->validators, N).kind;
}

/// Goal: the hash of a receipt and its slot are those of the contract (figures from ethers:
/// abi.encode and keccak256).
Test(verify, hashes)
{
    struct world w;
    world_open(&w);
    const hash_t h = receipt_fields_hash(&w.proof.fields);
    cr_expect_str_eq(hex_hash(&h).s,
                     "0x49b7f62d6ffeb24c5d2328b4c98bf9d24fe4b88a8c5cedfd4aa082459a156daa");
    const hash_t slot = receipt_slot(12, &w.proof.fields.participant);
    cr_expect_str_eq(hex_hash(&slot).s,
                     "0xc00e4bae2bb419547b9f9814334cb4e7f95906ad987f33d3a16ada3eaab7f0d2");
    world_close(&w);
}

/// Goal: a true proof holds and says where it stands; each false link has a row that breaks it.
Test(verify, links)
{
    struct world w;
    world_open(&w);
    struct receipt_verdict v;
    cr_assert(err_ok(receipt_proof_verify(&v, &w.arena, &w.proof, w.validators, N)));
    cr_expect_eq(v.block, 812);
    cr_expect_eq(v.seals, 3);
    cr_expect_eq(v.validators, N);

    struct receipt_fields *f = &w.proof.fields;
    const struct receipt_fields kept = *f;
    uint8_t *const bytes[] = {f->participant.b,
                              f->digest.b,
                              f->upd_root.b,
                              f->result_version.b,
                              (uint8_t *)&f->weight,
                              (uint8_t *)&f->status,
                              (uint8_t *)&f->round_id,
                              (uint8_t *)&f->score,
                              (uint8_t *)&f->reward,
                              w.proof.rounds.b,
                              w.account_node.data + 40,
                              w.storage_node.data + 40};
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        *bytes[i] ^= 1;
        cr_expect_neq(verdict(&w), ERR_NONE, "change %zu is not seen", i);
        *bytes[i] ^= 1;
    }
    cr_expect_eq(memcmp(f, &kept, sizeof kept), 0);
    cr_expect_eq(verdict(&w), ERR_NONE);
    world_close(&w);
}

/// Goal: seals count only if they are a quorum of different validators, over this block.
Test(verify, seals)
{
    static const struct {
        const char *name;
        unsigned signers[5];
        size_t count;
        bool ok;
    } cases[] = {
        {"three of four", {0, 1, 3}, 3, true},
        {"all four", {3, 2, 1, 0}, 4, true},
        {"two of four", {0, 1}, 2, false},
        {"none", {0}, 0, false},
        {"one twice", {0, 1, 1}, 3, false},
        {"a stranger among enough", {0, 1, 2, 4}, 4, false},
        {"a stranger for the quorum", {0, 1, 4}, 3, false},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        seal(&w, cases[i].signers, cases[i].count, 0);
        cr_expect_eq(verdict(&w) == ERR_NONE, cases[i].ok, "%s", cases[i].name);
    }
    seal(&w, (const unsigned[]){0, 1, 2}, 3, 0);
    struct receipt_verdict v;
    cr_expect_eq(receipt_proof_verify(&v, &w.arena, &w.proof, w.validators, 0).kind, ERR_MISMATCH);
    cr_expect_eq(receipt_proof_verify(&v, &w.arena, &w.proof, w.validators + 1, 3).kind,
                 ERR_MISMATCH, "a seal of one who is no validator any more");
    // Another block under the same seals; a block that is not QBFT's; the first block.
    w.header.gas_used++;
    buf_clear(&w.rlp);
    header_encode(&w.rlp, &w.header);
    w.proof.header = buf_bytes(&w.rlp);
    cr_expect_neq(verdict(&w), ERR_NONE);
    w.header.gas_used--;
    w.header.mix_hash.b[0] ^= 1;
    seal(&w, (const unsigned[]){0, 1, 2}, 3, 0);
    cr_expect_eq(verdict(&w), ERR_MISMATCH);
    w.header.mix_hash.b[0] ^= 1;
    w.header.number = 0;
    seal(&w, (const unsigned[]){0, 1, 2}, 3, 0);
    cr_expect_eq(verdict(&w), ERR_MISMATCH);
    world_close(&w);
}

/// Goal: a file reads as what was written, and not one of its bits can change unseen.
Test(verify, file)
{
    struct world w;
    world_open(&w);
    char *text = receipt_proof_write(&w.proof);
    const size_t len = strlen(text);
    struct receipt_proof p;
    cr_assert(err_ok(receipt_proof_read(&p, &w.arena, bytes_make(text, len))));
    struct receipt_verdict v;
    cr_expect(err_ok(receipt_proof_verify(&v, &w.arena, &p, w.validators, N)));
    cr_expect(bytes_eq(p.header, w.proof.header));
    size_t unseen = 0;
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)1 << 20)));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        arena_reset(&arena);
        if (err_ok(receipt_proof_read(&p, &arena, bytes_make(text, len))) &&
            err_ok(receipt_proof_verify(&v, &arena, &p, w.validators, N)) &&
            address_eq(&p.rounds, &w.proof.rounds))
            unseen++;
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
    }
    cr_expect_eq(unseen, 0, "%zu changes are not seen", unseen);
    for (size_t cut = 0; cut < len; cut += 97) {
        arena_reset(&arena);
        cr_expect_neq(receipt_proof_read(&p, &arena, bytes_make(text, cut)).kind, ERR_NONE);
    }
    arena_deinit(&arena);
    free(text);
    world_close(&w);
}

/// Goal: lists of validators in every form that people have, and what is none.
Test(verify, validators)
{
    static const struct {
        const char *text;
        size_t count; ///< 0: refused
    } cases[] = {
        {"[\"0x00000000000000000000000000000000000000aa\"]", 1},
        {"{\"validators\":[\"0x00000000000000000000000000000000000000aa\","
         "\"0x00000000000000000000000000000000000000bb\"]}",
         2},
        {"{\"extraData\":"
         "\"0xf83aa00000000000000000000000000000000000000000000000000000000000000000d594"
         "00000000000000000000000000000000000000aac080c0\"}",
         1},
        {"[]", 0},
        {"{}", 0},
        {"7", 0},
        {"", 0},
        {"[\"0xaa\"]", 0},
        {"[7]", 0},
        {"[\"0x00000000000000000000000000000000000000aa\","
         "\"0x00000000000000000000000000000000000000AA\"]",
         0},
        {"{\"extraData\":\"0x\"}", 0},
    };
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)1 << 20)));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const address_t *list;
        size_t count = 0;
        const err_t err = validators_read(&list, &count, &arena, bytes_of_str(cases[i].text));
        cr_expect_eq(err_ok(err), cases[i].count > 0, "%s: %s", cases[i].text, err_text(err));
        cr_expect_eq(count, cases[i].count, "%s", cases[i].text);
    }
    arena_deinit(&arena);
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/types/tx.h"

#include <criterion/criterion.h>

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "test/support/vectors.h"

static struct arena arena;
static struct secret_key *key;

static void set_up(void)
{
    arena = vectors_arena((size_t)4 << 20);
    cr_assert(err_ok(secret_new(&key)));
    key->b[31] = 1;
}

static void tear_down(void)
{
    secret_free(key);
    arena_deinit(&arena);
}

TestSuite(tx, .init = set_up, .fini = tear_down);

static const hash_t keys[] = {{{1}}, {{2}}};
static const struct access_entry access_list[] = {{{{0xaa}}, keys, 2}, {{{0xbb}}, NULL, 0}};
static const struct authorization authorizations[] = {
    {{{1, 0, 0, 0}}, {{0xcc}}, 7, 1, {{5, 0, 0, 0}}, {{6, 0, 0, 0}}}};
static const hash_t blobs[] = {{{1, 9}}};

static struct tx sample(enum tx_type type, bool has_chain_id)
{
    return (struct tx){
        .type = type,
        .has_chain_id = has_chain_id,
        .chain_id = has_chain_id ? 1337 : 0,
        .nonce = 9,
        .max_fee_per_gas = u256_from_u64(20000000000),
        .max_priority_fee_per_gas = u256_from_u64(type < TX_DYNAMIC_FEE ? 20000000000 : 1000000000),
        .gas_limit = 21000,
        .to = {{0x35}},
        .value_wei = u256_from_u64(1000000000000000000),
        .data = LIT("data"),
        .access_list = type == TX_LEGACY ? NULL : access_list,
        .access_count = type == TX_LEGACY ? 0 : 2,
        .max_fee_per_blob_gas = u256_from_u64(type == TX_BLOB ? 3 : 0),
        .blob_hashes = type == TX_BLOB ? blobs : NULL,
        .blob_count = type == TX_BLOB ? 1 : 0,
        .authorizations = type == TX_SET_CODE ? authorizations : NULL,
        .authorization_count = type == TX_SET_CODE ? 1 : 0,
    };
}

/// Goal: for every type, what is signed decodes to the same and to its signer, as bytes and
/// as an item of a block; a deep copy lives without the original.
Test(tx, round_trip)
{
    static const struct {
        enum tx_type type;
        bool has_chain_id;
    } forms[] = {{TX_LEGACY, false},     {TX_LEGACY, true}, {TX_ACCESS_LIST, true},
                 {TX_DYNAMIC_FEE, true}, {TX_BLOB, true},   {TX_SET_CODE, true}};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tx tx = sample(forms[i].type, forms[i].has_chain_id);
        struct tx back, copy;
        struct buf b;
        buf_init(&b, 4096);
        cr_assert(err_ok(tx_sign(&tx, &arena, key)));
        cr_assert(err_ok(tx_decode(&back, &arena, tx.raw)), "form %zu", i);
        cr_assert(err_ok(tx_recover_sender(&back)));
        cr_expect(address_eq(&back.sender, &tx.sender) && hash_eq(&back.hash, &tx.hash));
        cr_expect(back.type == tx.type && back.chain_id == tx.chain_id && back.nonce == 9 &&
                  back.has_chain_id == tx.has_chain_id && back.gas_limit == 21000);
        cr_expect(u256_eq(&back.max_fee_per_gas, &tx.max_fee_per_gas) &&
                  u256_eq(&back.max_priority_fee_per_gas, &tx.max_priority_fee_per_gas) &&
                  u256_eq(&back.value_wei, &tx.value_wei) && bytes_eq(back.data, tx.data));
        cr_expect(back.access_count == tx.access_count && back.blob_count == tx.blob_count &&
                  back.authorization_count == tx.authorization_count);
        if (back.access_count == 2) {
            cr_expect(back.access_list[0].key_count == 2 &&
                      hash_eq(&back.access_list[0].keys[1], &keys[1]) &&
                      back.access_list[1].address.b[0] == 0xbb);
        }
        if (back.authorization_count == 1) {
            cr_expect(back.authorizations[0].nonce == 7 && back.authorizations[0].y_parity == 1);
        }
        tx_put_item(&b, &tx);
        struct tx item;
        cr_assert(err_ok(tx_decode_item(&item, &arena, buf_bytes(&b))));
        cr_expect(hash_eq(&item.hash, &tx.hash));

        struct arena other = vectors_arena(65536);
        cr_assert(err_ok(tx_copy(&copy, &other, &item)));
        memset(b.data, 0xee, b.len);
        buf_clear(&b);
        tx_encode(&b, &copy);
        cr_expect(bytes_eq(buf_bytes(&b), copy.raw) && bytes_eq(copy.raw, tx.raw), "form %zu", i);
        arena_deinit(&other);
        buf_deinit(&b);
    }
}

/// Goal: the example of EIP-155.
Test(tx, eip155_example)
{
    struct tx tx = {
        .type = TX_LEGACY,
        .has_chain_id = true,
        .chain_id = 1,
        .nonce = 9,
        .max_fee_per_gas = u256_from_u64(20000000000),
        .gas_limit = 21000,
        .value_wei = u256_from_u64(1000000000000000000),
    };
    memset(tx.to.b, 0x35, sizeof tx.to.b);
    memset(key->b, 0x46, sizeof key->b);
    const hash_t digest = tx_signing_hash(&tx);
    cr_expect(
        bytes_eq(BYTES_OF(digest),
                 vectors_hex(&arena, "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db9"
                                     "2e4c8e53")));
    cr_assert(err_ok(tx_sign(&tx, &arena, key)));
    cr_expect(bytes_eq(
        tx.raw,
        vectors_hex(
            &arena,
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0"
            "b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa6362"
            "76a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83")));
}

/// Builds a legacy transaction of nine fields with one of them replaced.
static bytes_t legacy_with(size_t field, bytes_t item)
{
    static const bytes_t good[] = {
        LIT("\x09"),
        LIT("\x85\x04\xa8\x17\xc8\x00"),
        LIT("\x82\x52\x08"),
        LIT("\x94\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35\x35"),
        LIT("\x01"),
        LIT("\x80"),
        LIT("\x1b"),
        LIT("\x05"),
        LIT("\x06"),
    };
    struct buf b;
    bool full = false;
    buf_init(&b, 4096);
    const size_t list = rlp_list_begin(&b);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) rlp_put_raw(&b, i == field ? item : good[i]);
    if (field == ARRAY_LEN(good)) rlp_put_raw(&b, item);
    rlp_list_end(&b, list);
    const bytes_t out = arena_copy(&arena, buf_bytes(&b), &full);
    buf_deinit(&b);
    return out;
}

/// Goal: each rule of a decoder has a row that breaks only it.
static const struct {
    const char *name;
    size_t field;
    bytes_t item;
    enum err_kind kind;
} legacy[] = {
    {"as it is", 99, LIT(""), ERR_NONE},
    {"v of 28", 6, LIT("\x1c"), ERR_NONE},
    {"v of 35: chain id 0", 6, LIT("\x23"), ERR_NONE},
    {"v of a chain id of 64 bits", 6, LIT("\x89\x02\0\0\0\0\0\0\0\x21"), ERR_NONE},
    {"creation", 3, LIT("\x80"), ERR_NONE},
    {"v of 26", 6, LIT("\x1a"), ERR_MALFORMED},
    {"v of 29", 6, LIT("\x1d"), ERR_MALFORMED},
    {"v of 34", 6, LIT("\x22"), ERR_MALFORMED},
    {"v of 0", 6, LIT("\x80"), ERR_MALFORMED},
    {"v of a chain id of 65 bits", 6, LIT("\x89\x02\0\0\0\0\0\0\0\x23"), ERR_LIMIT},
    {"nonce with a leading zero", 0, LIT("\x82\x00\x09"), ERR_MALFORMED},
    {"nonce of 65 bits", 0, LIT("\x89\x01\0\0\0\0\0\0\0\0"), ERR_LIMIT},
    {"gas limit of 65 bits", 2, LIT("\x89\x01\0\0\0\0\0\0\0\0"), ERR_LIMIT},
    {"gas limit as a list", 2, LIT("\xc0"), ERR_MALFORMED},
    {"to of 19 bytes", 3, LIT("\x93\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"), ERR_MALFORMED},
    {"to of 21 bytes", 3, LIT("\x95\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"), ERR_MALFORMED},
    {"data as a list", 5, LIT("\xc0"), ERR_MALFORMED},
    {"s with a leading zero", 8, LIT("\x82\x00\x06"), ERR_MALFORMED},
    {"a field missing", 8, LIT(""), ERR_MALFORMED},
    {"a field too many", 9, LIT("\x80"), ERR_MALFORMED},
};

Test(tx, legacy_rules)
{
    for (size_t i = 0; i < ARRAY_LEN(legacy); i++) {
        struct tx out = {.nonce = 12345};
        const bytes_t raw = legacy_with(legacy[i].field, legacy[i].item);
        const err_t err = tx_decode(&out, &arena, raw);
        cr_expect_eq(err.kind, legacy[i].kind, "%s: %s", legacy[i].name, err_text(err));
        if (!err_ok(err)) cr_expect_eq(out.nonce, 12345, "%s: touched", legacy[i].name);
        if (err_ok(err)) cr_expect(bytes_eq(out.raw, raw));
    }
}

/// Goal: envelopes that are none, and typed bodies broken in one place.
Test(tx, envelopes)
{
    struct tx tx = sample(TX_DYNAMIC_FEE, true);
    struct tx out;
    cr_assert(err_ok(tx_sign(&tx, &arena, key)));
    static const struct {
        const char *name;
        bytes_t raw;
        enum err_kind kind;
    } cases[] = {
        {"empty", LIT(""), ERR_MALFORMED},
        {"type alone", LIT("\x02"), ERR_MALFORMED},
        {"type 0", LIT("\x00\xc0"), ERR_UNSUPPORTED},
        {"type 5", LIT("\x05\xc0"), ERR_UNSUPPORTED},
        {"type 127", LIT("\x7f\xc0"), ERR_UNSUPPORTED},
        {"a string", LIT("\x82\x02\xc0"), ERR_MALFORMED},
        {"no list after the type", LIT("\x02\x80"), ERR_MALFORMED},
        {"empty list", LIT("\xc0"), ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const err_t err = tx_decode(&out, &arena, cases[i].raw);
        cr_expect_eq(err.kind, cases[i].kind, "%s: %s", cases[i].name, err_text(err));
    }
    // Every prefix of a good one, and one byte more, is refused.
    uint8_t *copy = arena_alloc(&arena, tx.raw.len + 1);
    memcpy(copy, tx.raw.data, tx.raw.len);
    copy[tx.raw.len] = 0;
    for (size_t n = 0; n < tx.raw.len; n++) {
        cr_assert(!err_ok(tx_decode(&out, &arena, bytes_make(copy, n))), "%zu bytes", n);
    }
    cr_expect_eq(tx_decode(&out, &arena, bytes_make(copy, tx.raw.len + 1)).kind, ERR_MALFORMED);
    tx.y_parity = 2;
    struct buf b;
    buf_init(&b, 4096);
    tx_encode(&b, &tx);
    cr_expect_eq(tx_decode(&out, &arena, buf_bytes(&b)).kind, ERR_MALFORMED, "yParity of 2");
    buf_deinit(&b);
    cr_expect_eq(tx_decode_item(&out, &arena, LIT("\x80")).kind, ERR_MALFORMED);
    cr_expect_eq(tx_decode_item(&out, &arena, LIT("\x81\xc0")).kind, ERR_MALFORMED);
    struct arena small;
    cr_assert(err_ok(arena_init(&small, 4096)));
    while (arena_alloc(&small, 64) != NULL) continue;
    cr_expect_eq(tx_decode(&out, &small, tx.raw).kind, ERR_FULL);
    arena_deinit(&small);
}

/// Goal: each rule of a sender's signature has a row (EIP-2).
Test(tx, recover_refuses)
{
    struct tx good = sample(TX_LEGACY, true);
    cr_assert(err_ok(tx_sign(&good, &arena, key)));
    u256_t high;
    const u256_t one = u256_from_u64(1);
    u256_add(&high, &SECP_HALF_N, &one);
    const struct {
        const char *name;
        u256_t r, s;
    } cases[] = {
        {"r of zero", {{0}}, good.s},       {"s of zero", good.r, {{0}}},
        {"r of the order", SECP_N, good.s}, {"s above half the order", good.r, high},
        {"s of the order", good.r, SECP_N},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tx tx = good;
        tx.has_sender = false;
        tx.r = cases[i].r;
        tx.s = cases[i].s;
        cr_expect_eq(tx_recover_sender(&tx).kind, ERR_INVALID, "%s", cases[i].name);
        cr_expect(!tx.has_sender, "%s", cases[i].name);
    }
    struct secret_key *zero;
    cr_assert(err_ok(secret_new(&zero)));
    cr_expect_eq(tx_sign(&good, &arena, zero).kind, ERR_INVALID);
    secret_free(zero);
}

/// Goal: what a sender pays per gas, at every order of the three prices.
Test(tx, effective_gas_price)
{
    struct tx tx = sample(TX_DYNAMIC_FEE, true);
    const u256_t low = u256_from_u64(5);
    u256_t high;
    const u256_t one = u256_from_u64(1);
    u256_sub(&high, &tx.max_fee_per_gas, &one);
    u256_t got = tx_effective_gas_price(&tx, &low);
    cr_expect_eq(got.limb[0], 1000000005);
    got = tx_effective_gas_price(&tx, &high);
    cr_expect(u256_eq(&got, &tx.max_fee_per_gas));
    tx.max_priority_fee_per_gas = (u256_t){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    got = tx_effective_gas_price(&tx, &low);
    cr_expect(u256_eq(&got, &tx.max_fee_per_gas), "a sum that wraps");
}

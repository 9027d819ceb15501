// SPDX-License-Identifier: Apache-2.0
#include "chain/types/header.h"

#include <criterion/criterion.h>

#include "chain/codec/rlp.h"
#include "chain/types/extra_data.h"
#include "test/support/vectors.h"

static struct header sample(unsigned fields)
{
    struct header h = {
        .number = 7,
        .gas_limit = 30000000,
        .timestamp_s = 1700000000,
        .difficulty = u256_from_u64(1),
        .extra_data = LIT("extra"),
        .field_count = fields,
        .base_fee_wei = u256_from_u64(fields >= 16 ? 7 : 0),
        .blob_gas_used = fields >= 19 ? 131072 : 0,
        .excess_blob_gas = fields >= 19 ? 3 : 0,
    };
    h.parent_hash.b[0] = 1;
    h.coinbase.b[19] = 2;
    h.logs_bloom.b[255] = 3;
    h.nonce[7] = 4;
    if (fields >= 17) h.withdrawals_root.b[0] = 5;
    if (fields >= 20) h.parent_beacon_root.b[0] = 6;
    if (fields >= 21) h.requests_hash.b[0] = 7;
    return h;
}

/// Goal: every number of fields that a header may have is written and read back.
Test(header, round_trip)
{
    static const unsigned counts[] = {15, 16, 17, 19, 20, 21};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const struct header h = sample(counts[i]);
        struct header back;
        struct buf b;
        buf_init(&b, 4096);
        header_encode(&b, &h);
        cr_assert(err_ok(header_decode(&back, buf_bytes(&b))), "%u fields", counts[i]);
        cr_expect_eq(back.field_count, counts[i]);
        cr_expect(bytes_eq(back.extra_data, h.extra_data));
        back.extra_data = h.extra_data;
        const hash_t a = header_hash_plain(&h);
        const hash_t c = header_hash_plain(&back);
        cr_expect(hash_eq(&a, &c));
        cr_expect(memcmp(&back.requests_hash, &h.requests_hash, 32) == 0 &&
                  back.excess_blob_gas == h.excess_blob_gas);
        buf_deinit(&b);
    }
}

/// Goal: numbers of fields in between, and every prefix, are refused; the output is untouched.
Test(header, refusals)
{
    struct header out = {.number = 99};
    const struct header h = sample(21);
    struct buf b;
    buf_init(&b, 4096);
    header_encode(&b, &h);
    struct rlp_reader whole = rlp_reader(buf_bytes(&b));
    struct rlp_reader fields;
    bytes_t items[21];
    cr_assert(err_ok(rlp_read_list(&whole, &fields)));
    for (size_t i = 0; i < 21; i++) cr_assert(err_ok(rlp_read_raw(&fields, &items[i])));
    for (size_t n = 0; n <= 22; n++) {
        struct buf part;
        buf_init(&part, 4096);
        const size_t list = rlp_list_begin(&part);
        for (size_t i = 0; i < n; i++) rlp_put_raw(&part, i < 21 ? items[i] : LIT("\x80"));
        rlp_list_end(&part, list);
        const bool valid = n == 15 || n == 16 || n == 17 || n == 19 || n == 20 || n == 21;
        cr_expect_eq(err_ok(header_decode(&out, buf_bytes(&part))), valid, "%zu fields", n);
        if (!valid) cr_expect(n < 15 ? out.number == 99 : out.number == 7, "%zu fields", n);
        buf_deinit(&part);
    }
    for (size_t n = 0; n < b.len; n++) {
        cr_assert(!err_ok(header_decode(&out, bytes_make(b.data, n))), "%zu bytes", n);
    }
    buf_put_u8(&b, 0x80);
    cr_expect_eq(header_decode(&out, buf_bytes(&b)).kind, ERR_MALFORMED, "bytes after it");
    buf_deinit(&b);
}

/// Goal: which of the two hashes names a block: QBFT's needs the constant, a number above
/// zero and an extraData of QBFT's.
Test(header, which_hash)
{
    struct arena arena = vectors_arena(65536);
    struct header h = sample(20);
    h.mix_hash = QBFT_MIX_HASH;
    h.extra_data =
        vectors_hex(&arena, "f85a80f8549444add0ec310f115a0e603b2d7db9f067778eaf8a94294fc7e8f2"
                            "2b3bcdcf955dd7ff3ba2ed833f8212946beaaed781d2d2ab6350f5c4566a2c6e"
                            "aac407a6948be76812f765c24641ec63dc2852b378aba2b440c005c0");
    hash_t hash = header_hash(&h);
    hash_t plain = header_hash_plain(&h);
    hash_t qbft;
    cr_assert(err_ok(qbft_block_hash(&qbft, &h)));
    cr_expect(hash_eq(&hash, &qbft) && !hash_eq(&hash, &plain), "round 5 is left out");
    struct header other = h;
    other.number = 0;
    hash = header_hash(&other);
    plain = header_hash_plain(&other);
    cr_expect(hash_eq(&hash, &plain), "block 0");
    other = h;
    other.mix_hash.b[0] ^= 1;
    hash = header_hash(&other);
    plain = header_hash_plain(&other);
    cr_expect(hash_eq(&hash, &plain), "another mixHash");
    other = h;
    other.extra_data = LIT("not QBFT's");
    hash = header_hash(&other);
    plain = header_hash_plain(&other);
    cr_expect(hash_eq(&hash, &plain), "another extraData");
    arena_deinit(&arena);
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/calls.h"

#include "chain/codec/abi.h"

#include <criterion/criterion.h>

static hash_t filled(uint8_t byte)
{
    hash_t h;
    memset(h.b, byte, sizeof h.b);
    return h;
}

static struct sketch some_sketch(void)
{
    struct sketch s;
    for (int i = 0; i < SKETCH_LEN; i++) s.t[i] = (int64_t)i * i * (i % 2 == 0 ? 1 : -1);
    return s;
}

static struct fed_reveal some_reveal(void)
{
    return (struct fed_reveal){
        .base_version_id = filled(1),
        .upd_root = filled(2),
        .upd_sha256 = filled(3),
        .d = 2049,
        .weight = 64,
        .clc_hash = filled(0),
        .manifest_hash = filled(5),
        .training_hash = filled(6),
        .dp_claim_hash = filled(7),
        .attestation_hash = filled(8),
        .child_round_id = 9,
        .salt = filled(10),
    };
}

/// Goal: typed calls are, byte for byte, what the ABI makes of the contracts' signatures.
Test(calls, as_the_abi)
{
    struct buf have;
    struct buf want;
    buf_init(&have, 1 << 20);
    buf_init(&want, 1 << 20);
    const hash_t digest = filled(0x77);

    fed_call_commit(&have, 12, &digest);
    cr_assert(err_ok(abi_build_call(&want, fed_function(FED_ROUNDS, "commit")->signature,
                                    (struct abi_value[]){abi_u64(12), abi_hash(&digest)}, 2)));
    cr_expect(bytes_eq(buf_bytes(&have), buf_bytes(&want)), "commit");

    const struct fed_reveal r = some_reveal();
    const struct sketch s = some_sketch();
    uint8_t packed[2 * SKETCH_PACKED_LEN];
    sketch_pack(packed, &s);
    sketch_pack(packed + SKETCH_PACKED_LEN, &s);
    const struct abi_value fields[] = {
        abi_hash(&r.base_version_id),
        abi_hash(&r.upd_root),
        abi_hash(&r.upd_sha256),
        abi_u64(r.d),
        abi_u64(r.weight),
        abi_hash(&r.clc_hash),
        abi_hash(&r.manifest_hash),
        abi_hash(&r.training_hash),
        abi_hash(&r.dp_claim_hash),
        abi_hash(&r.attestation_hash),
        abi_u64(r.child_round_id),
        abi_hash(&r.salt),
    };
    buf_clear(&have);
    buf_clear(&want);
    fed_call_reveal(&have, 12, &r, &s);
    cr_assert(
        err_ok(abi_build_call(&want, fed_function(FED_ROUNDS, "reveal")->signature,
                              (struct abi_value[]){abi_u64(12), abi_list(fields, ARRAY_LEN(fields)),
                                                   abi_bytes(bytes_make(packed, SKETCH_PACKED_LEN)),
                                                   abi_bytes(BYTES_NONE)},
                              4)));
    cr_expect(bytes_eq(buf_bytes(&have), buf_bytes(&want)), "reveal");

    const struct sketch two[] = {s, s};
    buf_clear(&have);
    buf_clear(&want);
    fed_call_select(&have, 12, two, 2);
    cr_assert(err_ok(abi_build_call(
        &want, fed_function(FED_ROUNDS, "select")->signature,
        (struct abi_value[]){abi_u64(12), abi_bytes(bytes_make(packed, sizeof packed))}, 2)));
    cr_expect(bytes_eq(buf_bytes(&have), buf_bytes(&want)), "select");

    const struct fed_aggregate_claim claim = {filled(1), filled(2), filled(3),
                                              filled(4), 8476,      filled(6)};
    const struct abi_value parts[] = {
        abi_hash(&claim.agg_root),       abi_hash(&claim.agg_sha256),
        abi_hash(&claim.new_model_root), abi_hash(&claim.new_file_sha256),
        abi_u64(claim.size_bytes),       abi_hash(&claim.card_hash),
    };
    buf_clear(&have);
    buf_clear(&want);
    fed_call_post_aggregate(&have, 12, &claim);
    cr_assert(err_ok(
        abi_build_call(&want, fed_function(FED_ROUNDS, "postAggregate")->signature,
                       (struct abi_value[]){abi_u64(12), abi_list(parts, ARRAY_LEN(parts))}, 2)));
    cr_expect(bytes_eq(buf_bytes(&have), buf_bytes(&want)), "postAggregate");
    buf_deinit(&have);
    buf_deinit(&want);
}

/// Goal: a reveal reads back; cut anywhere, it is refused.
Test(calls, read_reveal)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    const struct fed_reveal r = some_reveal();
    const struct sketch s = some_sketch();
    fed_call_reveal(&b, 12, &r, &s);
    uint64_t id = 0;
    struct fed_reveal back;
    struct sketch sketch;
    cr_assert(err_ok(fed_call_read_reveal(&id, &back, &sketch, buf_bytes(&b))));
    cr_expect_eq(id, 12);
    cr_expect(memcmp(&back, &r, sizeof r) == 0);
    cr_expect(memcmp(&sketch, &s, sizeof s) == 0);

    // The last word is the length of the empty commitment, which is not read.
    for (size_t len = 0; len < b.len - 32; len += 7)
        cr_expect_eq(fed_call_read_reveal(&id, &back, &sketch, bytes_make(b.data, len)).kind,
                     ERR_MALFORMED, "%zu bytes", len);
    // A selector, an offset, a length, a number beyond 64 bits.
    static const size_t places[] = {0, 4 + 13 * 32, 4 + 15 * 32 + 30, 4 + 4 * 32};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        b.data[places[i]] ^= 0xff;
        cr_expect_eq(fed_call_read_reveal(&id, &back, &sketch, buf_bytes(&b)).kind, ERR_MALFORMED,
                     "place %zu", places[i]);
        b.data[places[i]] ^= 0xff;
    }
    buf_deinit(&b);
}

/// Goal: declarations are found by name, selector and topic; Rounds speaks for its extension.
Test(calls, look_up)
{
    cr_expect_str_eq(fed_function(FED_ROUNDS, "commit")->signature, "commit(uint256,bytes32)");
    cr_expect_not_null(fed_function(FED_ROUNDS, "roundInfo"));
    cr_expect_null(fed_function(FED_ROUNDS, "transfer"));
    cr_expect_null(fed_function(FED_ROUNDS, "Committed"), "an event is no function");
    cr_expect_str_eq(fed_function_of(FED_ROUNDS, FED_SEL_ROUNDS_COMMIT)->name, "commit");
    cr_expect_str_eq(fed_function_of(FED_ROUNDS, FED_SEL_ROUNDS_ROUND_INFO)->name, "roundInfo");
    cr_expect_null(fed_function_of(FED_ROUNDS, 0));
    const struct fed_item *e = fed_event_named(FED_ROUNDS, "Committed");
    cr_assert_not_null(e);
    cr_expect(fed_event_of(FED_ROUNDS, &fed_event_topic[e->event]) == e);
    cr_expect_null(fed_event_of(FED_CAIRN_TOKEN, &fed_event_topic[e->event]));
    // What the wallet decodes by must be readable.
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, 1 << 20)));
    for (size_t i = 0; i < fed_item_count; i++) {
        struct abi_signature s;
        const err_t err = abi_signature_parse(&s, &arena, bytes_of_str(fed_items[i].decl));
        cr_expect(err_ok(err), "%s: %s", fed_items[i].decl, err_text(err));
        cr_expect_str_eq(s.canonical, fed_items[i].signature);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

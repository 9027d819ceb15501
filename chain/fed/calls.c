// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/calls.h"

#include "chain/base/endian.h"
#include "chain/base/u256.h"

#define WORD 32
#define REVEAL_WORDS 12

static const struct fed_item *find(enum fed_item_kind kind, enum fed_contract contract,
                                   const char *name)
{
    for (size_t i = 0; i < fed_item_count; i++) {
        const struct fed_item *item = &fed_items[i];
        if (item->kind == kind && item->contract == contract && strcmp(item->name, name) == 0)
            return item;
    }
    return NULL;
}

const struct fed_item *fed_function(enum fed_contract contract, const char *name)
{
    const struct fed_item *item = find(FED_ITEM_FUNCTION, contract, name);
    if (item == NULL && contract == FED_ROUNDS)
        item = find(FED_ITEM_FUNCTION, FED_ROUNDS_EXTENSION, name);
    return item;
}

const struct fed_item *fed_event_named(enum fed_contract contract, const char *name)
{
    return find(FED_ITEM_EVENT, contract, name);
}

const struct fed_item *fed_function_of(enum fed_contract contract, uint32_t selector)
{
    for (size_t i = 0; i < fed_item_count; i++) {
        const struct fed_item *item = &fed_items[i];
        if (item->kind != FED_ITEM_FUNCTION || item->selector != selector) continue;
        if (item->contract == contract ||
            (contract == FED_ROUNDS && item->contract == FED_ROUNDS_EXTENSION))
            return item;
    }
    return NULL;
}

const struct fed_item *fed_event_of(enum fed_contract contract, const hash_t *topic)
{
    for (size_t i = 0; i < fed_item_count; i++) {
        const struct fed_item *item = &fed_items[i];
        if (item->kind == FED_ITEM_EVENT && item->contract == contract &&
            hash_eq(topic, &fed_event_topic[item->event]))
            return item;
    }
    return NULL;
}

// ---- encoding -----------------------------------------------------------------------------

static void put_selector(struct buf *out, uint32_t selector)
{
    uint8_t *at = buf_extend(out, 4);
    if (at != NULL) be_put_u32(at, selector);
}

static void put_u64(struct buf *out, uint64_t v)
{
    const u256_t w = u256_from_u64(v);
    uint8_t *at = buf_extend(out, WORD);
    if (at != NULL) u256_to_be32(at, &w);
}

static void put_hash(struct buf *out, const hash_t *h)
{
    buf_put(out, BYTES_OF(*h));
}

void fed_call_commit(struct buf *out, uint64_t round_id, const hash_t *digest)
{
    put_selector(out, FED_SEL_ROUNDS_COMMIT);
    put_u64(out, round_id);
    put_hash(out, digest);
}

static void put_reveal(struct buf *out, const struct fed_reveal *r)
{
    put_hash(out, &r->base_version_id);
    put_hash(out, &r->upd_root);
    put_hash(out, &r->upd_sha256);
    put_u64(out, r->d);
    put_u64(out, r->weight);
    put_hash(out, &r->clc_hash);
    put_hash(out, &r->manifest_hash);
    put_hash(out, &r->training_hash);
    put_hash(out, &r->dp_claim_hash);
    put_hash(out, &r->attestation_hash);
    put_u64(out, r->child_round_id);
    put_hash(out, &r->salt);
}

/// A sketch is a whole number of words: bytes need no padding.
_Static_assert(SKETCH_PACKED_LEN % WORD == 0, "sketches need no padding");

void fed_call_reveal(struct buf *out, uint64_t round_id, const struct fed_reveal *reveal,
                     const struct sketch *sketch)
{
    const uint64_t head = (uint64_t)(1 + REVEAL_WORDS + 2) * WORD;
    put_selector(out, FED_SEL_ROUNDS_REVEAL);
    put_u64(out, round_id);
    put_reveal(out, reveal);
    put_u64(out, head);
    put_u64(out, head + WORD + SKETCH_PACKED_LEN);
    put_u64(out, SKETCH_PACKED_LEN);
    uint8_t *at = buf_extend(out, SKETCH_PACKED_LEN);
    if (at != NULL) sketch_pack(at, sketch);
    put_u64(out, 0); // no linear commitment
}

void fed_call_select(struct buf *out, uint64_t round_id, const struct sketch *sketches,
                     size_t count)
{
    put_selector(out, FED_SEL_ROUNDS_SELECT);
    put_u64(out, round_id);
    put_u64(out, (uint64_t)2 * WORD);
    put_u64(out, (uint64_t)count * SKETCH_PACKED_LEN);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = buf_extend(out, SKETCH_PACKED_LEN);
        if (at != NULL) sketch_pack(at, &sketches[i]);
    }
}

void fed_call_post_aggregate(struct buf *out, uint64_t round_id,
                             const struct fed_aggregate_claim *claim)
{
    put_selector(out, FED_SEL_ROUNDS_POST_AGGREGATE);
    put_u64(out, round_id);
    put_hash(out, &claim->agg_root);
    put_hash(out, &claim->agg_sha256);
    put_hash(out, &claim->new_model_root);
    put_hash(out, &claim->new_file_sha256);
    put_u64(out, claim->size_bytes);
    put_hash(out, &claim->card_hash);
}

// ---- decoding -----------------------------------------------------------------------------

/// Takes the next word; the caller has checked the length.
static const uint8_t *word(bytes_t *rest)
{
    const uint8_t *at = rest->data;
    rest->data += WORD;
    rest->len -= WORD;
    return at;
}

static bool take_u64(uint64_t *out, bytes_t *rest)
{
    const u256_t w = u256_from_be32(word(rest));
    if (!u256_fits_u64(&w)) return false;
    *out = w.limb[0];
    return true;
}

static void take_hash(hash_t *out, bytes_t *rest)
{
    memcpy(out->b, word(rest), WORD);
}

err_t fed_call_read_reveal(uint64_t *round_id, struct fed_reveal *reveal, struct sketch *sketch,
                           bytes_t call_data)
{
    const size_t head = (size_t)(1 + REVEAL_WORDS + 2) * WORD;
    if (call_data.len < 4 + head || be_get_u32(call_data.data) != FED_SEL_ROUNDS_REVEAL)
        return FAIL(MALFORMED, "fed: no reveal call");
    const bytes_t body = {call_data.data + 4, call_data.len - 4};
    bytes_t rest = body;
    struct fed_reveal r;
    uint64_t id = 0;
    bool ok = take_u64(&id, &rest);
    take_hash(&r.base_version_id, &rest);
    take_hash(&r.upd_root, &rest);
    take_hash(&r.upd_sha256, &rest);
    ok = take_u64(&r.d, &rest) && ok;
    ok = take_u64(&r.weight, &rest) && ok;
    take_hash(&r.clc_hash, &rest);
    take_hash(&r.manifest_hash, &rest);
    take_hash(&r.training_hash, &rest);
    take_hash(&r.dp_claim_hash, &rest);
    take_hash(&r.attestation_hash, &rest);
    ok = take_u64(&r.child_round_id, &rest) && ok;
    take_hash(&r.salt, &rest);
    uint64_t offset;
    ok = take_u64(&offset, &rest) && ok;
    if (!ok || offset > body.len || body.len - offset < WORD + SKETCH_PACKED_LEN)
        return FAIL(MALFORMED, "fed: a reveal call is cut off");
    rest = (bytes_t){body.data + offset, body.len - offset};
    uint64_t len;
    if (!take_u64(&len, &rest) || len != SKETCH_PACKED_LEN)
        return FAIL(MALFORMED, "fed: a revealed sketch has another length");
    TRY(sketch_unpack(sketch, bytes_make(rest.data, SKETCH_PACKED_LEN)));
    *round_id = id;
    *reveal = r;
    return OK;
}

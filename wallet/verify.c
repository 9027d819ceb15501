// SPDX-License-Identifier: Apache-2.0
#include "wallet/verify.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/trie/proof.h"
#include "chain/types/extra_data.h"
#include "wallet/text.h"

#include <stdlib.h>

#define FORMAT "cairn-receipt-1"

// ---- hashes -----------------------------------------------------------------------------------

static void put_word(uint8_t *at, const u256_t *v)
{
    const hash_t h = u256_to_hash(v);
    memcpy(at, h.b, sizeof h.b);
}

static void put_u64(uint8_t *at, uint64_t v)
{
    const u256_t n = u256_from_u64(v);
    put_word(at, &n);
}

hash_t receipt_fields_hash(const struct receipt_fields *f)
{
    uint8_t words[9 * 32] = {0};
    put_u64(words, f->round_id);
    memcpy(words + 32 + 12, f->participant.b, sizeof f->participant.b);
    memcpy(words + 64, f->digest.b, 32);
    memcpy(words + 96, f->upd_root.b, 32);
    put_u64(words + 128, f->weight);
    put_u64(words + 160, f->status);
    put_word(words + 192, &f->score);
    put_word(words + 224, &f->reward);
    memcpy(words + 256, f->result_version.b, 32);
    return keccak256(BYTES_OF(words));
}

hash_t receipt_slot(uint64_t round_id, const address_t *participant)
{
    uint8_t outer[64];
    put_u64(outer, round_id);
    put_u64(outer + 32, PROOF_RECEIPTS_SLOT);
    const hash_t base = keccak256(BYTES_OF(outer));
    uint8_t inner[64] = {0};
    memcpy(inner + 12, participant->b, sizeof participant->b);
    memcpy(inner + 32, base.b, 32);
    return keccak256(BYTES_OF(inner));
}

// ---- the file ---------------------------------------------------------------------------------

static json_t *nodes_json(const bytes_t *nodes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) (void)json_array_append_new(list, ethjson_data(nodes[i]));
    return list;
}

static json_t *dec(const u256_t *v)
{
    return json_string(u256_dec(v).s);
}

static json_t *dec_u64(uint64_t v)
{
    const u256_t n = u256_from_u64(v);
    return dec(&n);
}

char *receipt_proof_write(const struct receipt_proof *p)
{
    const struct receipt_fields *f = &p->fields;
    json_t *fields = json_object();
    (void)json_object_set_new(fields, "roundId", dec_u64(f->round_id));
    (void)json_object_set_new(fields, "participant", json_string(text_address(&f->participant).s));
    (void)json_object_set_new(fields, "digest", ethjson_hash(&f->digest));
    (void)json_object_set_new(fields, "updRoot", ethjson_hash(&f->upd_root));
    (void)json_object_set_new(fields, "weight", dec_u64(f->weight));
    (void)json_object_set_new(fields, "status", dec_u64(f->status));
    (void)json_object_set_new(fields, "score", dec(&f->score));
    (void)json_object_set_new(fields, "reward", dec(&f->reward));
    (void)json_object_set_new(fields, "resultVersionId", ethjson_hash(&f->result_version));
    const hash_t hash = receipt_fields_hash(f);
    json_t *o = json_object();
    (void)json_object_set_new(o, "format", json_string(FORMAT));
    (void)json_object_set_new(o, "rounds", json_string(text_address(&p->rounds).s));
    (void)json_object_set_new(o, "receipt", fields);
    (void)json_object_set_new(o, "receiptHash", ethjson_hash(&hash));
    (void)json_object_set_new(o, "header", ethjson_data(p->header));
    (void)json_object_set_new(o, "accountProof", nodes_json(p->account_nodes, p->account_count));
    (void)json_object_set_new(o, "storageProof", nodes_json(p->storage_nodes, p->storage_count));
    char *text = json_dumps(o, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    json_decref(o);
    return text;
}

static err_t read_dec(u256_t *out, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (s == NULL) return FAIL(MALFORMED, "the proof lacks a decimal number");
    return u256_parse(out, bytes_of_str(s));
}

static err_t read_dec_u64(uint64_t *out, const json_t *o, const char *key)
{
    u256_t v;
    TRY(read_dec(&v, o, key));
    if (!u256_fits_u64(&v)) return FAIL(LIMIT, "a number of the proof is too large");
    *out = v.limb[0];
    return OK;
}

static err_t read_nodes(const bytes_t **out, size_t *count, struct arena *arena, const json_t *list)
{
    const size_t n = json_array_size(list);
    if (n == 0 || n > PROOF_MAX_NODES) return FAIL(LIMIT, "a proof has 1 to 64 nodes");
    bytes_t *nodes = ARENA_ARRAY(arena, bytes_t, n);
    if (nodes == NULL) return FAIL(FULL, "the proof is too large");
    for (size_t i = 0; i < n; i++)
        TRY(ethjson_read_data(&nodes[i], arena, json_array_get(list, i), PROOF_MAX_BYTES));
    *out = nodes;
    *count = n;
    return OK;
}

static err_t read_fields(struct receipt_proof *out, struct arena *arena, const json_t *o)
{
    const json_t *f = json_object_get(o, "receipt");
    TRY(ethjson_read_address(&out->rounds, json_object_get(o, "rounds")));
    TRY(read_dec_u64(&out->fields.round_id, f, "roundId"));
    TRY(ethjson_read_address(&out->fields.participant, json_object_get(f, "participant")));
    TRY(ethjson_read_hash(&out->fields.digest, json_object_get(f, "digest")));
    TRY(ethjson_read_hash(&out->fields.upd_root, json_object_get(f, "updRoot")));
    TRY(read_dec_u64(&out->fields.weight, f, "weight"));
    TRY(read_dec_u64(&out->fields.status, f, "status"));
    TRY(read_dec(&out->fields.score, f, "score"));
    TRY(read_dec(&out->fields.reward, f, "reward"));
    TRY(ethjson_read_hash(&out->fields.result_version, json_object_get(f, "resultVersionId")));
    TRY(ethjson_read_data(&out->header, arena, json_object_get(o, "header"), PROOF_MAX_BYTES));
    TRY(read_nodes(&out->account_nodes, &out->account_count, arena,
                   json_object_get(o, "accountProof")));
    return read_nodes(&out->storage_nodes, &out->storage_count, arena,
                      json_object_get(o, "storageProof"));
}

err_t receipt_proof_read(struct receipt_proof *out, struct arena *arena, bytes_t text)
{
    *out = (struct receipt_proof){0};
    if (text.len > PROOF_MAX_BYTES) return FAIL(LIMIT, "a proof has at most 1 MiB");
    json_t *o = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (o == NULL) return FAIL(MALFORMED, "the proof is not JSON");
    const err_t err = read_fields(out, arena, o);
    json_decref(o);
    TRY(err);
    // One meaning, one text: whatever was added or written otherwise shows here.
    char *again = receipt_proof_write(out);
    if (again == NULL) return FAIL(FULL, "out of memory");
    const bytes_t trimmed = {
        text.data, text.len > 0 && text.data[text.len - 1] == '\n' ? text.len - 1 : text.len};
    const bool same = bytes_eq(bytes_of_str(again), trimmed);
    free(again);
    return same ? OK : FAIL(MALFORMED, "the proof was changed, or is not of this format");
}

// ---- the links ----------------------------------------------------------------------------------

static bool is_in(const address_t *list, size_t count, const address_t *a)
{
    for (size_t i = 0; i < count; i++) {
        if (address_eq(&list[i], a)) return true;
    }
    return false;
}

/// Is the header a QBFT block's, sealed by a quorum of the validators?
static err_t verify_seals(struct receipt_verdict *out, struct arena *arena, const struct header *h,
                          const address_t *validators, size_t count)
{
    if (!hash_eq(&h->mix_hash, &QBFT_MIX_HASH) || h->number == 0)
        return FAIL(MISMATCH, "the block is not sealed by QBFT");
    struct extra_data extra;
    TRY(extra_data_decode(&extra, arena, h->extra_data));
    address_t *signers = ARENA_ARRAY(arena, address_t, extra.seal_count + 1);
    if (signers == NULL) return FAIL(FULL, "the block has too many seals");
    TRY(qbft_seal_signers(signers, h, &extra));
    for (size_t i = 0; i < extra.seal_count; i++) {
        if (!is_in(validators, count, &signers[i]))
            return FAIL(MISMATCH, "a seal is not of one of the validators");
        if (is_in(signers, i, &signers[i])) return FAIL(MISMATCH, "a validator sealed twice");
    }
    if (count == 0 || extra.seal_count < qbft_quorum(count))
        return FAIL(MISMATCH, "fewer seals than a quorum of the validators");
    TRY(qbft_block_hash(&out->block_hash, h));
    out->seals = extra.seal_count;
    out->validators = count;
    return OK;
}

/// The storage root of Rounds under the state root.
static err_t storage_root(hash_t *out, const struct receipt_proof *p, const hash_t *state_root)
{
    const hash_t key = keccak256(BYTES_OF(p->rounds));
    bytes_t value;
    if (!err_ok(
            proof_verify(&value, state_root, BYTES_OF(key), p->account_nodes, p->account_count)))
        return FAIL(MISMATCH, "the account proof does not lead to the block's state root");
    if (value.len == 0) return FAIL(MISMATCH, "the block's state has no such contract");
    struct rlp_reader r = rlp_reader(value);
    struct rlp_reader account;
    uint64_t nonce;
    u256_t balance;
    TRY(rlp_read_list(&r, &account));
    TRY(rlp_read_u64(&account, &nonce));
    TRY(rlp_read_u256(&account, &balance));
    return rlp_read_fixed(&account, out->b, sizeof out->b);
}

static err_t verify_slot(const struct receipt_proof *p, const hash_t *root)
{
    const hash_t slot = receipt_slot(p->fields.round_id, &p->fields.participant);
    const hash_t key = keccak256(BYTES_OF(slot));
    bytes_t value;
    if (!err_ok(proof_verify(&value, root, BYTES_OF(key), p->storage_nodes, p->storage_count)))
        return FAIL(MISMATCH, "the storage proof does not lead to the contract's storage root");
    if (value.len == 0) return FAIL(MISMATCH, "the contract has no such receipt");
    struct rlp_reader r = rlp_reader(value);
    u256_t stored;
    TRY(rlp_read_u256(&r, &stored));
    const hash_t have = u256_to_hash(&stored);
    const hash_t want = receipt_fields_hash(&p->fields);
    if (!hash_eq(&have, &want))
        return FAIL(MISMATCH, "the contract's receipt is another than the file's");
    return OK;
}

err_t receipt_proof_verify(struct receipt_verdict *out, struct arena *arena,
                           const struct receipt_proof *p, const address_t *validators,
                           size_t validator_count)
{
    *out = (struct receipt_verdict){0};
    struct header h;
    TRY(header_decode(&h, p->header));
    TRY(verify_seals(out, arena, &h, validators, validator_count));
    hash_t root;
    TRY(storage_root(&root, p, &h.state_root));
    TRY(verify_slot(p, &root));
    out->block = h.number;
    out->timestamp_s = h.timestamp_s;
    return OK;
}

// ---- who the validators are -----------------------------------------------------------------------

static err_t read_addresses(const address_t **out, size_t *count, struct arena *arena,
                            const json_t *list)
{
    const size_t n = json_array_size(list);
    if (n == 0 || n > PROOF_MAX_VALIDATORS)
        return FAIL(MALFORMED, "a list of 1 to 1024 addresses is expected");
    address_t *all = ARENA_ARRAY(arena, address_t, n);
    if (all == NULL) return FAIL(FULL, "too many validators");
    for (size_t i = 0; i < n; i++) {
        TRY(ethjson_read_address(&all[i], json_array_get(list, i)));
        if (is_in(all, i, &all[i])) return FAIL(MALFORMED, "a validator is named twice");
    }
    *out = all;
    *count = n;
    return OK;
}

static err_t read_genesis(const address_t **out, size_t *count, struct arena *arena,
                          const json_t *extra)
{
    bytes_t raw;
    struct extra_data e;
    TRY(ethjson_read_data(&raw, arena, extra, PROOF_MAX_BYTES));
    TRY(extra_data_decode(&e, arena, raw));
    if (e.validator_count == 0)
        return FAIL(MALFORMED, "the genesis file leaves the validators to a contract; give a list");
    *out = e.validators;
    *count = e.validator_count;
    return OK;
}

err_t validators_read(const address_t **out, size_t *count, struct arena *arena, bytes_t text)
{
    json_t *o = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (o == NULL) return FAIL(MALFORMED, "not JSON");
    const json_t *extra = json_object_get(o, "extraData");
    const json_t *named = json_object_get(o, "validators");
    const err_t err = extra != NULL ? read_genesis(out, count, arena, extra)
                                    : read_addresses(out, count, arena, named != NULL ? named : o);
    json_decref(o);
    return err;
}

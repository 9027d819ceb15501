// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/commitment.h"

#include "chain/base/endian.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are hashed as they lie");

// ---- merkle trees ------------------------------------------------------------------------

#define CHUNK_MAX 4096

static hash_t leaf_hash(bytes_t data, size_t chunk_len, uint64_t index)
{
    static const uint8_t zeros[CHUNK_MAX];
    uint8_t head[9] = {0x00};
    be_put_u64(head + 1, index);

    const size_t from = (size_t)index * chunk_len;
    const size_t have = data.len - from < chunk_len ? data.len - from : chunk_len;
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, bytes_make(head, sizeof head));
    keccak_update(&k, bytes_make(data.data + from, have));
    if (have < chunk_len) keccak_update(&k, bytes_make(zeros, chunk_len - have));
    return keccak_final(&k);
}

static hash_t node_hash(const hash_t *left, const hash_t *right)
{
    uint8_t in[65] = {0x01};
    memcpy(in + 1, left->b, 32);
    memcpy(in + 33, right->b, 32);
    return keccak256(bytes_make(in, sizeof in));
}

static uint64_t chunk_count(bytes_t data, size_t chunk_len)
{
    return data.len / chunk_len + (data.len % chunk_len != 0);
}

/// Root of the chunks [from, to), from a multiple of the subtree's width. Complete subtrees
/// wait on a stack until their right sibling is complete; what is left at the end joins from
/// the right, which is what promoting a lone last node comes to.
static hash_t range_root(bytes_t data, size_t chunk_len, uint64_t from, uint64_t to)
{
    hash_t stack[64] = {{{0}}};
    size_t depth = 0;
    for (uint64_t i = 0; i < to - from; i++) {
        hash_t h = leaf_hash(data, chunk_len, from + i);
        for (uint64_t done = i; (done & 1) != 0; done >>= 1) h = node_hash(&stack[--depth], &h);
        stack[depth++] = h;
    }
    hash_t root = stack[--depth];
    while (depth > 0) root = node_hash(&stack[--depth], &root);
    return root;
}

static void check_tree(bytes_t data, size_t chunk_len)
{
    check(data.len > 0);
    check(chunk_len > 0 && chunk_len <= CHUNK_MAX);
}

hash_t fed_merkle_root(bytes_t data, size_t chunk_len)
{
    check_tree(data, chunk_len);
    return range_root(data, chunk_len, 0, chunk_count(data, chunk_len));
}

hash_t fed_root_i32(const int32_t *v, size_t d)
{
    return fed_merkle_root(bytes_make(v, d * sizeof *v), FED_CHUNK_COORDS * sizeof *v);
}

hash_t fed_root_i16(const int16_t *v, size_t d)
{
    return fed_merkle_root(bytes_make(v, d * sizeof *v), FED_CHUNK_COORDS * sizeof *v);
}

hash_t fed_sha256_i16(const int16_t *v, size_t d)
{
    return sha256(bytes_make(v, d * sizeof *v));
}

hash_t fed_sha256_i32(const int32_t *v, size_t d)
{
    return sha256(bytes_make(v, d * sizeof *v));
}

err_t fed_merkle_prove(struct fed_merkle_proof *out, bytes_t data, size_t chunk_len, uint64_t index)
{
    check_tree(data, chunk_len);
    const uint64_t count = chunk_count(data, chunk_len);
    if (index >= count) return FAIL(INVALID, "merkle proof: no such chunk");
    if (count > (uint64_t)1 << 32) return FAIL(LIMIT, "merkle proof: more than 2^32 chunks");

    out->count = 0;
    unsigned level = 0;
    for (uint64_t width = count, i = index; width > 1; width = (width + 1) / 2, i /= 2, level++) {
        const uint64_t sibling = i ^ 1;
        if (sibling >= width) continue; // promoted
        const uint64_t end = (sibling + 1) << level;
        out->sibling[out->count++] =
            range_root(data, chunk_len, sibling << level, end < count ? end : count);
    }
    return OK;
}

bool fed_merkle_verify(const hash_t *root, const struct fed_merkle_proof *proof, bytes_t chunk,
                       uint64_t index, uint64_t count)
{
    if (index >= count || chunk.len == 0 || chunk.len > CHUNK_MAX) return false;
    uint8_t head[9] = {0x00};
    be_put_u64(head + 1, index);
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, bytes_make(head, sizeof head));
    keccak_update(&k, chunk);
    hash_t h = keccak_final(&k);

    size_t used = 0;
    for (uint64_t width = count, i = index; width > 1; width = width / 2 + (width & 1), i /= 2) {
        if ((i ^ 1) >= width) continue;
        if (used == proof->count || used == ARRAY_LEN(proof->sibling)) return false;
        const hash_t *s = &proof->sibling[used++];
        h = (i & 1) != 0 ? node_hash(s, &h) : node_hash(&h, s);
    }
    return used == proof->count && hash_eq(&h, root);
}

// ---- abi.encode --------------------------------------------------------------------------

/// Words of abi.encode, written one after the other.
struct words {
    uint8_t b[32 * 24];
    size_t len;
};

static void put_hash(struct words *w, const hash_t *h)
{
    check(w->len + 32 <= sizeof w->b);
    memcpy(w->b + w->len, h->b, 32);
    w->len += 32;
}

static void put_u64(struct words *w, uint64_t v)
{
    hash_t h = {{0}};
    be_put_u64(h.b + 24, v);
    put_hash(w, &h);
}

static void put_u256(struct words *w, const u256_t *v)
{
    const hash_t h = u256_to_hash(v);
    put_hash(w, &h);
}

static void put_address(struct words *w, const address_t *a)
{
    hash_t h = {{0}};
    memcpy(h.b + 12, a->b, 20);
    put_hash(w, &h);
}

static hash_t hash_words(const struct words *w)
{
    return keccak256(bytes_make(w->b, w->len));
}

// ---- commits, identifiers, seeds, receipts --------------------------------------------------

hash_t fed_commit_typehash(void)
{
    return keccak256(LIT("Commit(uint256 chainid,address rounds,uint256 roundId,address "
                         "participant,bytes32 baseVersionId,bytes32 updRoot,bytes32 updSha256,"
                         "uint256 d,uint256 weight,bytes32 clcHash,bytes32 manifestHash,bytes32 "
                         "trainingHash,bytes32 dpClaimHash,bytes32 attestationHash,uint256 "
                         "childRoundId,bytes32 salt)"));
}

hash_t fed_commit_digest(uint64_t chain_id, const address_t *rounds, uint64_t round_id,
                         const address_t *participant, const struct fed_reveal *reveal)
{
    struct words w = {.len = 0};
    const hash_t typehash = fed_commit_typehash();
    put_hash(&w, &typehash);
    put_u64(&w, chain_id);
    put_address(&w, rounds);
    put_u64(&w, round_id);
    put_address(&w, participant);
    put_hash(&w, &reveal->base_version_id);
    put_hash(&w, &reveal->upd_root);
    put_hash(&w, &reveal->upd_sha256);
    put_u64(&w, reveal->d);
    put_u64(&w, reveal->weight);
    put_hash(&w, &reveal->clc_hash);
    put_hash(&w, &reveal->manifest_hash);
    put_hash(&w, &reveal->training_hash);
    put_hash(&w, &reveal->dp_claim_hash);
    put_hash(&w, &reveal->attestation_hash);
    put_u64(&w, reveal->child_round_id);
    put_hash(&w, &reveal->salt);
    return hash_words(&w);
}

hash_t fed_family_id(uint64_t chain_id, const address_t *registry, const address_t *owner,
                     uint64_t nonce)
{
    struct words w = {.len = 0};
    put_u64(&w, chain_id);
    put_address(&w, registry);
    put_address(&w, owner);
    put_u64(&w, nonce);
    return hash_words(&w);
}

hash_t fed_version_id(const hash_t *family, enum fed_version_kind kind, const hash_t *parents,
                      size_t parent_count, const hash_t *file_sha256, const hash_t *model_root,
                      uint64_t round_id)
{
    check(parent_count <= FED_PARENTS_MAX);
    struct words w = {.len = 0};
    put_hash(&w, family);
    put_u64(&w, (uint64_t)kind);
    put_u64(&w, UINT64_C(6) * 32); // where the dynamic array begins
    put_hash(&w, file_sha256);
    put_hash(&w, model_root);
    put_u64(&w, round_id);
    put_u64(&w, parent_count);
    for (size_t i = 0; i < parent_count; i++) put_hash(&w, &parents[i]);
    return hash_words(&w);
}

hash_t fed_seed(unsigned k, uint64_t chain_id, const address_t *rounds, uint64_t round_id,
                const hash_t *acc, const hash_t *block_hashes, size_t span)
{
    check(span >= 1 && span <= FED_SEED_SPAN_MAX);
    struct words w = {.len = 0};
    put_u64(&w, (6 + span) * 32); // where the string begins
    put_u64(&w, k);
    put_u64(&w, chain_id);
    put_address(&w, rounds);
    put_u64(&w, round_id);
    put_hash(&w, acc);
    for (size_t i = 0; i < span; i++) put_hash(&w, &block_hashes[i]);
    static const char name[] = "CAIRN-SEED";
    put_u64(&w, sizeof name - 1);
    hash_t text = {{0}};
    memcpy(text.b, name, sizeof name - 1);
    put_hash(&w, &text);
    return hash_words(&w);
}

hash_t fed_receipt_hash(const struct fed_receipt *r)
{
    struct words w = {.len = 0};
    put_u64(&w, r->round_id);
    put_address(&w, &r->participant);
    put_hash(&w, &r->digest);
    put_hash(&w, &r->upd_root);
    put_u64(&w, r->weight);
    put_u64(&w, r->status);
    put_u256(&w, &r->score);
    put_u256(&w, &r->reward);
    put_hash(&w, &r->result_version_id);
    return hash_words(&w);
}

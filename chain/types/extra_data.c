// SPDX-License-Identifier: Apache-2.0
#include "chain/types/extra_data.h"

#include "chain/codec/rlp.h"
#include "chain/types/header_impl.h"

const hash_t QBFT_MIX_HASH = {{'c', 't', 'i', 'c', 'a', 'l', ' ', 'b', 'y', 'z', 'a',
                               'n', 't', 'i', 'n', 'e', ' ', 'f', 'a', 'u', 'l', 't',
                               ' ', 't', 'o', 'l', 'e', 'r', 'a', 'n', 'c', 'e'}};

/// r, s, v
#define SEAL_BYTES 65

/// Besu holds the round in a signed 32-bit integer.
#define MAX_ROUND ((uint64_t)INT32_MAX)

#define VOTE_ADD_BYTE 0xff

/// extraData taken apart and checked, lists still as RLP: nothing is allocated, so that a
/// header can be hashed anywhere.
struct parts {
    bytes_t vanity;
    struct rlp_reader validators; ///< address strings, each of 20 bytes
    size_t validator_count;
    enum qbft_vote vote;
    address_t vote_recipient;
    uint32_t round;
    struct rlp_reader seals; ///< strings, each of 65 bytes
    size_t seal_count;
};

/// [] or [recipient, type]
static err_t read_vote(struct rlp_reader *r, struct parts *p)
{
    struct rlp_reader fields;
    if (!rlp_at_end(r) && !rlp_peek_is_list(r)) {
        return FAIL(MALFORMED, "extraData: the vote is not a list (0x80 is IBFT2's)");
    }
    TRY(rlp_read_list(r, &fields));
    p->vote = QBFT_VOTE_NONE;
    if (rlp_at_end(&fields)) return OK;

    bytes_t type;
    TRY(rlp_read_fixed(&fields, p->vote_recipient.b, sizeof p->vote_recipient.b));
    TRY(rlp_read_bytes(&fields, &type));
    TRY(rlp_expect_end(&fields));
    if (type.len == 1 && type.data[0] == VOTE_ADD_BYTE) {
        p->vote = QBFT_VOTE_ADD;
    } else if (type.len == 0 || (type.len == 1 && type.data[0] == 0)) {
        p->vote = QBFT_VOTE_DROP;
    } else {
        return FAIL(MALFORMED, "extraData: the vote is neither add (0xff) nor drop (empty)");
    }
    return OK;
}

/// Counts strings of `size` bytes to the end of the list.
static err_t count_fixed(struct rlp_reader list, size_t size, size_t *count)
{
    bytes_t string;
    *count = 0;
    while (!rlp_at_end(&list)) {
        TRY(rlp_read_bytes(&list, &string));
        if (string.len != size)
            return FAIL(MALFORMED, "extraData: an address or seal has a wrong length");
        if (size == SEAL_BYTES && string.data[SEAL_BYTES - 1] > 1) {
            return FAIL(MALFORMED, "extraData: a seal's recovery id is neither 0 nor 1");
        }
        ++*count;
        if (*count > QBFT_MAX_VALIDATORS) {
            return FAIL(LIMIT, "extraData: more than 1024 validators or seals");
        }
    }
    return OK;
}

static err_t take_apart(struct parts *out, bytes_t in)
{
    struct parts p = {.round = 0};
    struct rlp_reader whole = rlp_reader(in);
    struct rlp_reader fields;
    TRY(rlp_read_list(&whole, &fields));
    TRY(rlp_expect_end(&whole));
    TRY(rlp_read_bytes(&fields, &p.vanity));
    TRY(rlp_read_list(&fields, &p.validators));
    TRY(count_fixed(p.validators, sizeof(address_t), &p.validator_count));
    TRY(read_vote(&fields, &p));

    uint64_t round;
    TRY(rlp_read_u64(&fields, &round));
    if (round > MAX_ROUND) return FAIL(LIMIT, "extraData: the round does not fit 31 bits");
    p.round = (uint32_t)round;

    TRY(rlp_read_list(&fields, &p.seals));
    TRY(count_fixed(p.seals, SEAL_BYTES, &p.seal_count));
    // Besu tolerates further items after the seals on reading, so they must not make two
    // nodes disagree about a hash: they are left out of it, and nobody writes any.
    while (!rlp_at_end(&fields)) {
        bytes_t ignored;
        TRY(rlp_read_raw(&fields, &ignored));
    }
    *out = p;
    return OK;
}

/// The first three items, which no hash blanks.
static void put_head(struct buf *out, const struct parts *p)
{
    rlp_put_bytes(out, p->vanity);
    const size_t validators = rlp_list_begin(out);
    rlp_put_raw(out, p->validators.rest);
    rlp_list_end(out, validators);
    const size_t vote = rlp_list_begin(out);
    if (p->vote != QBFT_VOTE_NONE) {
        const uint8_t add = VOTE_ADD_BYTE;
        rlp_put_address(out, &p->vote_recipient);
        rlp_put_bytes(out, p->vote == QBFT_VOTE_ADD ? bytes_make(&add, 1) : BYTES_NONE);
    }
    rlp_list_end(out, vote);
}

static void put_seals(struct buf *out, const secp_sig_t *seals, size_t count)
{
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[SEAL_BYTES];
        memcpy(bytes, seals[i].r, 32);
        memcpy(bytes + 32, seals[i].s, 32);
        bytes[64] = seals[i].v;
        rlp_put_bytes(out, BYTES_OF(bytes));
    }
    rlp_list_end(out, list);
}

err_t extra_data_decode(struct extra_data *out, struct arena *arena, bytes_t in)
{
    struct parts p;
    TRY(take_apart(&p, in));
    address_t *validators = ARENA_ARRAY(arena, address_t, p.validator_count);
    secp_sig_t *seals = ARENA_ARRAY(arena, secp_sig_t, p.seal_count);
    if (validators == NULL || seals == NULL) return FAIL(FULL, "extraData: no room for its lists");

    for (size_t i = 0; i < p.validator_count; i++) {
        TRY(rlp_read_fixed(&p.validators, validators[i].b, sizeof validators[i].b));
    }
    for (size_t i = 0; i < p.seal_count; i++) {
        bytes_t seal;
        TRY(rlp_read_bytes(&p.seals, &seal));
        memcpy(seals[i].r, seal.data, 32);
        memcpy(seals[i].s, seal.data + 32, 32);
        seals[i].v = seal.data[64];
    }
    *out = (struct extra_data){
        .vanity = p.vanity,
        .validators = validators,
        .validator_count = p.validator_count,
        .vote = p.vote,
        .vote_recipient = p.vote_recipient,
        .round = p.round,
        .seals = seals,
        .seal_count = p.seal_count,
    };
    return OK;
}

void extra_data_encode(struct buf *out, const struct extra_data *e)
{
    const size_t whole = rlp_list_begin(out);
    rlp_put_bytes(out, e->vanity);
    const size_t validators = rlp_list_begin(out);
    for (size_t i = 0; i < e->validator_count; i++) rlp_put_address(out, &e->validators[i]);
    rlp_list_end(out, validators);
    const size_t vote = rlp_list_begin(out);
    if (e->vote != QBFT_VOTE_NONE) {
        const uint8_t add = VOTE_ADD_BYTE;
        rlp_put_address(out, &e->vote_recipient);
        rlp_put_bytes(out, e->vote == QBFT_VOTE_ADD ? bytes_make(&add, 1) : BYTES_NONE);
    }
    rlp_list_end(out, vote);
    rlp_put_u64(out, e->round);
    put_seals(out, e->seals, e->seal_count);
    rlp_list_end(out, whole);
}

static void put_resealed(struct buf *out, const struct parts *p, uint32_t round,
                         const secp_sig_t *seals, size_t seal_count)
{
    const size_t whole = rlp_list_begin(out);
    put_head(out, p);
    rlp_put_u64(out, round);
    put_seals(out, seals, seal_count);
    rlp_list_end(out, whole);
}

err_t extra_data_reseal(struct buf *out, bytes_t extra, uint32_t round, const secp_sig_t *seals,
                        size_t seal_count)
{
    struct parts p;
    TRY(take_apart(&p, extra));
    put_resealed(out, &p, round, seals, seal_count);
    return buf_status(out);
}

/// keccak of the header with `round` and no seals in extraData. Block 0 is hashed as it is.
static hash_t hash_blanked(const struct header *h, const struct parts *p, uint32_t round)
{
    if (h->number == 0) return header_hash_plain(h);
    struct buf extra;
    buf_init(&extra, SIZE_MAX / 4);
    put_resealed(&extra, p, round, NULL, 0);
    check(!extra.full); // out of memory for one header
    const hash_t hash = header_hash_with_extra(h, buf_bytes(&extra));
    buf_deinit(&extra);
    return hash;
}

err_t qbft_block_hash(hash_t *out, const struct header *h)
{
    return qbft_seal_hash(out, h, 0);
}

err_t qbft_seal_hash(hash_t *out, const struct header *h, uint32_t round)
{
    struct parts p;
    TRY(take_apart(&p, h->extra_data));
    *out = hash_blanked(h, &p, round);
    return OK;
}

err_t qbft_proposal_digest(hash_t *out, const struct header *h)
{
    struct parts p;
    TRY(take_apart(&p, h->extra_data));
    *out = hash_blanked(h, &p, p.round);
    return OK;
}

err_t qbft_seal_signers(address_t *signers, const struct header *h, const struct extra_data *e)
{
    hash_t digest;
    TRY(qbft_seal_hash(&digest, h, e->round));
    for (size_t i = 0; i < e->seal_count; i++) {
        TRY(secp_recover_address(&signers[i], &e->seals[i], &digest));
    }
    return OK;
}

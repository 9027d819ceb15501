// SPDX-License-Identifier: Apache-2.0
#include "chain/types/header.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "chain/types/extra_data.h"
#include "chain/types/header_impl.h"

static err_t read_classic(struct header *h, struct rlp_reader *r)
{
    TRY(rlp_read_fixed(r, h->parent_hash.b, sizeof h->parent_hash.b));
    TRY(rlp_read_fixed(r, h->ommers_hash.b, sizeof h->ommers_hash.b));
    TRY(rlp_read_fixed(r, h->coinbase.b, sizeof h->coinbase.b));
    TRY(rlp_read_fixed(r, h->state_root.b, sizeof h->state_root.b));
    TRY(rlp_read_fixed(r, h->transactions_root.b, sizeof h->transactions_root.b));
    TRY(rlp_read_fixed(r, h->receipts_root.b, sizeof h->receipts_root.b));
    TRY(rlp_read_fixed(r, h->logs_bloom.b, sizeof h->logs_bloom.b));
    TRY(rlp_read_u256(r, &h->difficulty));
    TRY(rlp_read_u64(r, &h->number));
    TRY(rlp_read_u64(r, &h->gas_limit));
    TRY(rlp_read_u64(r, &h->gas_used));
    TRY(rlp_read_u64(r, &h->timestamp_s));
    TRY(rlp_read_bytes(r, &h->extra_data));
    TRY(rlp_read_fixed(r, h->mix_hash.b, sizeof h->mix_hash.b));
    TRY(rlp_read_fixed(r, h->nonce, sizeof h->nonce));
    h->field_count = HEADER_FIELDS_CLASSIC;
    return OK;
}

/// The fields after the classic ones, each only if all before it are there.
static err_t read_later(struct header *h, struct rlp_reader *r)
{
    if (rlp_at_end(r)) return OK;
    TRY(rlp_read_u256(r, &h->base_fee_wei));
    h->field_count = HEADER_FIELDS_LONDON;
    if (rlp_at_end(r)) return OK;
    TRY(rlp_read_fixed(r, h->withdrawals_root.b, sizeof h->withdrawals_root.b));
    h->field_count = HEADER_FIELDS_SHANGHAI;
    if (rlp_at_end(r)) return OK;
    TRY(rlp_read_u64(r, &h->blob_gas_used));
    TRY(rlp_read_u64(r, &h->excess_blob_gas));
    h->field_count = HEADER_FIELDS_BLOB;
    if (rlp_at_end(r)) return OK;
    TRY(rlp_read_fixed(r, h->parent_beacon_root.b, sizeof h->parent_beacon_root.b));
    h->field_count = HEADER_FIELDS_CANCUN;
    if (rlp_at_end(r)) return OK;
    TRY(rlp_read_fixed(r, h->requests_hash.b, sizeof h->requests_hash.b));
    h->field_count = HEADER_FIELDS_PRAGUE;
    return rlp_expect_end(r);
}

err_t header_decode(struct header *out, bytes_t in)
{
    struct rlp_reader whole = rlp_reader(in);
    struct rlp_reader fields;
    TRY(rlp_read_list(&whole, &fields));
    TRY(rlp_expect_end(&whole));
    struct header h = {.field_count = 0};
    TRY(read_classic(&h, &fields));
    TRY(read_later(&h, &fields));
    *out = h;
    return OK;
}

void header_encode_with_extra(struct buf *out, const struct header *h, bytes_t extra)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_hash(out, &h->parent_hash);
    rlp_put_hash(out, &h->ommers_hash);
    rlp_put_address(out, &h->coinbase);
    rlp_put_hash(out, &h->state_root);
    rlp_put_hash(out, &h->transactions_root);
    rlp_put_hash(out, &h->receipts_root);
    rlp_put_bytes(out, BYTES_OF(h->logs_bloom));
    rlp_put_u256(out, &h->difficulty);
    rlp_put_u64(out, h->number);
    rlp_put_u64(out, h->gas_limit);
    rlp_put_u64(out, h->gas_used);
    rlp_put_u64(out, h->timestamp_s);
    rlp_put_bytes(out, extra);
    rlp_put_hash(out, &h->mix_hash);
    rlp_put_bytes(out, BYTES_OF(h->nonce));
    if (h->field_count >= HEADER_FIELDS_LONDON) rlp_put_u256(out, &h->base_fee_wei);
    if (h->field_count >= HEADER_FIELDS_SHANGHAI) rlp_put_hash(out, &h->withdrawals_root);
    if (h->field_count >= HEADER_FIELDS_BLOB) {
        rlp_put_u64(out, h->blob_gas_used);
        rlp_put_u64(out, h->excess_blob_gas);
    }
    if (h->field_count >= HEADER_FIELDS_CANCUN) rlp_put_hash(out, &h->parent_beacon_root);
    if (h->field_count >= HEADER_FIELDS_PRAGUE) rlp_put_hash(out, &h->requests_hash);
    rlp_list_end(out, list);
}

void header_encode(struct buf *out, const struct header *h)
{
    header_encode_with_extra(out, h, h->extra_data);
}

hash_t header_hash_with_extra(const struct header *h, bytes_t extra)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    header_encode_with_extra(&b, h, extra);
    check(!b.full); // out of memory for one header
    const hash_t hash = keccak256(buf_bytes(&b));
    buf_deinit(&b);
    return hash;
}

hash_t header_hash_plain(const struct header *h)
{
    return header_hash_with_extra(h, h->extra_data);
}

hash_t header_hash(const struct header *h)
{
    hash_t hash;
    if (h->number > 0 && hash_eq(&h->mix_hash, &QBFT_MIX_HASH) &&
        qbft_block_hash(&hash, h).kind == ERR_NONE) {
        return hash;
    }
    return header_hash_plain(h);
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/types/tx.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

// ---- reading -----------------------------------------------------------------------------------

static err_t read_to(struct rlp_reader *r, struct tx *tx)
{
    bytes_t to;
    TRY(rlp_read_bytes(r, &to));
    if (to.len != 0 && to.len != sizeof tx->to.b) {
        return FAIL(MALFORMED, "transaction: `to` is neither empty nor 20 bytes");
    }
    tx->is_create = to.len == 0;
    if (to.len != 0) memcpy(tx->to.b, to.data, to.len);
    return OK;
}

/// Items of a list of lists or strings, so that its array can be allocated at once.
static err_t count_items(struct rlp_reader list, size_t *count)
{
    bytes_t item;
    *count = 0;
    while (!rlp_at_end(&list)) {
        TRY(rlp_read_raw(&list, &item));
        ++*count;
    }
    return OK;
}

static err_t read_hashes(struct rlp_reader *r, struct arena *arena, const hash_t **out,
                         size_t *out_count)
{
    struct rlp_reader list;
    size_t count;
    TRY(rlp_read_list(r, &list));
    TRY(count_items(list, &count));
    hash_t *hashes = ARENA_ARRAY(arena, hash_t, count);
    if (hashes == NULL) return FAIL(FULL, "transaction: more list items than there is room for");
    for (size_t i = 0; i < count; i++) TRY(rlp_read_fixed(&list, hashes[i].b, sizeof hashes[i].b));
    *out = hashes;
    *out_count = count;
    return OK;
}

/// [[address, [key...]]...] (EIP-2930)
static err_t read_access_list(struct rlp_reader *r, struct arena *arena, struct tx *tx)
{
    struct rlp_reader list;
    size_t count;
    TRY(rlp_read_list(r, &list));
    TRY(count_items(list, &count));
    struct access_entry *entries = ARENA_ARRAY(arena, struct access_entry, count);
    if (entries == NULL) return FAIL(FULL, "transaction: more list items than there is room for");
    for (size_t i = 0; i < count; i++) {
        struct rlp_reader entry;
        TRY(rlp_read_list(&list, &entry));
        TRY(rlp_read_fixed(&entry, entries[i].address.b, sizeof entries[i].address.b));
        TRY(read_hashes(&entry, arena, &entries[i].keys, &entries[i].key_count));
        TRY(rlp_expect_end(&entry));
    }
    tx->access_list = entries;
    tx->access_count = count;
    return OK;
}

/// [[chain_id, address, nonce, y_parity, r, s]...] (EIP-7702)
static err_t read_authorizations(struct rlp_reader *r, struct arena *arena, struct tx *tx)
{
    struct rlp_reader list;
    size_t count;
    TRY(rlp_read_list(r, &list));
    TRY(count_items(list, &count));
    struct authorization *auths = ARENA_ARRAY(arena, struct authorization, count);
    if (auths == NULL) return FAIL(FULL, "transaction: more list items than there is room for");
    for (size_t i = 0; i < count; i++) {
        struct rlp_reader fields;
        uint64_t parity;
        TRY(rlp_read_list(&list, &fields));
        TRY(rlp_read_u256(&fields, &auths[i].chain_id));
        TRY(rlp_read_fixed(&fields, auths[i].address.b, sizeof auths[i].address.b));
        TRY(rlp_read_u64(&fields, &auths[i].nonce));
        TRY(rlp_read_u64(&fields, &parity));
        TRY(rlp_read_u256(&fields, &auths[i].r));
        TRY(rlp_read_u256(&fields, &auths[i].s));
        TRY(rlp_expect_end(&fields));
        if (parity > UINT8_MAX) return FAIL(LIMIT, "authorization: yParity needs more than a byte");
        auths[i].y_parity = (uint8_t)parity;
    }
    tx->authorizations = auths;
    tx->authorization_count = count;
    return OK;
}

/// Splits a legacy v into parity and chain id (EIP-155): 27, 28 or 35 + 2 * id + parity.
static err_t take_legacy_v(struct tx *tx, u256_t v)
{
    if (u256_fits_u64(&v) && (v.limb[0] == 27 || v.limb[0] == 28)) {
        tx->y_parity = (uint8_t)(v.limb[0] - 27);
        return OK;
    }
    const u256_t base = u256_from_u64(35);
    if (!u256_sub_checked(&v, &v, &base)) {
        return FAIL(MALFORMED, "transaction: v is neither 27, 28 nor 35 and above");
    }
    tx->y_parity = (uint8_t)(v.limb[0] & 1);
    v = u256_shr(&v, 1);
    if (!u256_fits_u64(&v)) return FAIL(LIMIT, "transaction: chain id needs more than 64 bits");
    tx->has_chain_id = true;
    tx->chain_id = v.limb[0];
    return OK;
}

static err_t read_legacy(struct tx *tx, struct rlp_reader *r)
{
    u256_t v;
    TRY(rlp_read_u64(r, &tx->nonce));
    TRY(rlp_read_u256(r, &tx->max_fee_per_gas));
    tx->max_priority_fee_per_gas = tx->max_fee_per_gas;
    TRY(rlp_read_u64(r, &tx->gas_limit));
    TRY(read_to(r, tx));
    TRY(rlp_read_u256(r, &tx->value_wei));
    TRY(rlp_read_bytes(r, &tx->data));
    TRY(rlp_read_u256(r, &v));
    TRY(rlp_read_u256(r, &tx->r));
    TRY(rlp_read_u256(r, &tx->s));
    return take_legacy_v(tx, v);
}

static err_t read_typed(struct tx *tx, struct arena *arena, struct rlp_reader *r)
{
    tx->has_chain_id = true;
    TRY(rlp_read_u64(r, &tx->chain_id));
    TRY(rlp_read_u64(r, &tx->nonce));
    TRY(rlp_read_u256(r, &tx->max_priority_fee_per_gas));
    if (tx->type == TX_ACCESS_LIST) {
        tx->max_fee_per_gas = tx->max_priority_fee_per_gas; // the one gasPrice
    } else {
        TRY(rlp_read_u256(r, &tx->max_fee_per_gas));
    }
    TRY(rlp_read_u64(r, &tx->gas_limit));
    TRY(read_to(r, tx));
    TRY(rlp_read_u256(r, &tx->value_wei));
    TRY(rlp_read_bytes(r, &tx->data));
    TRY(read_access_list(r, arena, tx));
    if (tx->type == TX_BLOB) {
        TRY(rlp_read_u256(r, &tx->max_fee_per_blob_gas));
        TRY(read_hashes(r, arena, &tx->blob_hashes, &tx->blob_count));
    }
    if (tx->type == TX_SET_CODE) TRY(read_authorizations(r, arena, tx));

    uint64_t parity;
    TRY(rlp_read_u64(r, &parity));
    if (parity > 1) return FAIL(MALFORMED, "transaction: yParity is neither 0 nor 1");
    tx->y_parity = (uint8_t)parity;
    TRY(rlp_read_u256(r, &tx->r));
    TRY(rlp_read_u256(r, &tx->s));
    return OK;
}

err_t tx_decode(struct tx *out, struct arena *arena, bytes_t raw)
{
    if (raw.len == 0) return FAIL(MALFORMED, "transaction: empty");
    struct tx tx = {.type = TX_LEGACY, .raw = raw};
    struct rlp_reader whole = rlp_reader(raw);
    struct rlp_reader fields;

    const uint8_t first = raw.data[0];
    if (first < 0x80) {
        if (first < TX_ACCESS_LIST || first > TX_SET_CODE) {
            return FAIL(UNSUPPORTED, "transaction: unknown type");
        }
        tx.type = (enum tx_type)first;
        whole.rest = bytes_make(raw.data + 1, raw.len - 1);
    } else if (first < 0xc0) {
        return FAIL(MALFORMED, "transaction: neither a type byte nor a list");
    }
    TRY(rlp_read_list(&whole, &fields));
    TRY(rlp_expect_end(&whole));
    if (tx.type == TX_LEGACY) {
        TRY(read_legacy(&tx, &fields));
    } else {
        TRY(read_typed(&tx, arena, &fields));
    }
    TRY(rlp_expect_end(&fields));
    tx.hash = keccak256(raw);
    *out = tx;
    return OK;
}

err_t tx_decode_item(struct tx *out, struct arena *arena, bytes_t item)
{
    struct rlp_reader r = rlp_reader(item);
    if (rlp_peek_is_list(&r)) return tx_decode(out, arena, item);

    bytes_t raw;
    TRY(rlp_read_bytes(&r, &raw));
    TRY(rlp_expect_end(&r));
    if (raw.len == 0 || raw.data[0] >= 0x80) {
        return FAIL(MALFORMED, "transaction: a string that holds no typed transaction");
    }
    return tx_decode(out, arena, raw);
}

// ---- writing -----------------------------------------------------------------------------------

static void put_to(struct buf *b, const struct tx *tx)
{
    rlp_put_bytes(b, tx->is_create ? BYTES_NONE : BYTES_OF(tx->to));
}

static void put_hashes(struct buf *b, const hash_t *hashes, size_t count)
{
    const size_t list = rlp_list_begin(b);
    for (size_t i = 0; i < count; i++) rlp_put_hash(b, &hashes[i]);
    rlp_list_end(b, list);
}

static void put_access_list(struct buf *b, const struct tx *tx)
{
    const size_t list = rlp_list_begin(b);
    for (size_t i = 0; i < tx->access_count; i++) {
        const size_t entry = rlp_list_begin(b);
        rlp_put_address(b, &tx->access_list[i].address);
        put_hashes(b, tx->access_list[i].keys, tx->access_list[i].key_count);
        rlp_list_end(b, entry);
    }
    rlp_list_end(b, list);
}

static void put_authorizations(struct buf *b, const struct tx *tx)
{
    const size_t list = rlp_list_begin(b);
    for (size_t i = 0; i < tx->authorization_count; i++) {
        const struct authorization *a = &tx->authorizations[i];
        const size_t entry = rlp_list_begin(b);
        rlp_put_u256(b, &a->chain_id);
        rlp_put_address(b, &a->address);
        rlp_put_u64(b, a->nonce);
        rlp_put_u64(b, a->y_parity);
        rlp_put_u256(b, &a->r);
        rlp_put_u256(b, &a->s);
        rlp_list_end(b, entry);
    }
    rlp_list_end(b, list);
}

static void put_legacy(struct buf *b, const struct tx *tx, bool with_signature)
{
    const size_t list = rlp_list_begin(b);
    rlp_put_u64(b, tx->nonce);
    rlp_put_u256(b, &tx->max_fee_per_gas);
    rlp_put_u64(b, tx->gas_limit);
    put_to(b, tx);
    rlp_put_u256(b, &tx->value_wei);
    rlp_put_bytes(b, tx->data);
    if (with_signature) {
        u256_t v = u256_from_u64(27u + tx->y_parity);
        if (tx->has_chain_id) {
            const u256_t id = u256_from_u64(tx->chain_id);
            const u256_t base = u256_from_u64(35u + tx->y_parity);
            v = u256_shl(&id, 1);
            u256_add(&v, &v, &base);
        }
        rlp_put_u256(b, &v);
        rlp_put_u256(b, &tx->r);
        rlp_put_u256(b, &tx->s);
    } else if (tx->has_chain_id) {
        rlp_put_u64(b, tx->chain_id);
        rlp_put_u64(b, 0);
        rlp_put_u64(b, 0);
    }
    rlp_list_end(b, list);
}

static void put_typed(struct buf *b, const struct tx *tx, bool with_signature)
{
    buf_put_u8(b, (uint8_t)tx->type);
    const size_t list = rlp_list_begin(b);
    rlp_put_u64(b, tx->chain_id);
    rlp_put_u64(b, tx->nonce);
    if (tx->type != TX_ACCESS_LIST) rlp_put_u256(b, &tx->max_priority_fee_per_gas);
    rlp_put_u256(b, &tx->max_fee_per_gas);
    rlp_put_u64(b, tx->gas_limit);
    put_to(b, tx);
    rlp_put_u256(b, &tx->value_wei);
    rlp_put_bytes(b, tx->data);
    put_access_list(b, tx);
    if (tx->type == TX_BLOB) {
        rlp_put_u256(b, &tx->max_fee_per_blob_gas);
        put_hashes(b, tx->blob_hashes, tx->blob_count);
    }
    if (tx->type == TX_SET_CODE) put_authorizations(b, tx);
    if (with_signature) {
        rlp_put_u64(b, tx->y_parity);
        rlp_put_u256(b, &tx->r);
        rlp_put_u256(b, &tx->s);
    }
    rlp_list_end(b, list);
}

static void put_tx(struct buf *b, const struct tx *tx, bool with_signature)
{
    if (tx->type == TX_LEGACY) {
        put_legacy(b, tx, with_signature);
    } else {
        put_typed(b, tx, with_signature);
    }
}

void tx_encode(struct buf *out, const struct tx *tx)
{
    put_tx(out, tx, true);
}

void tx_put_item(struct buf *out, const struct tx *tx)
{
    if (tx->type == TX_LEGACY) {
        rlp_put_raw(out, tx->raw);
    } else {
        rlp_put_bytes(out, tx->raw);
    }
}

// ---- signatures --------------------------------------------------------------------------------

hash_t tx_signing_hash(const struct tx *tx)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    put_tx(&b, tx, false);
    check(!b.full); // out of memory for one transaction
    const hash_t hash = keccak256(buf_bytes(&b));
    buf_deinit(&b);
    return hash;
}

err_t tx_recover_sender(struct tx *tx)
{
    if (u256_is_zero(&tx->r) || u256_is_zero(&tx->s)) {
        return FAIL(INVALID, "transaction: r or s of the signature is zero");
    }
    if (!u256_lt(&tx->r, &SECP_N)) {
        return FAIL(INVALID, "transaction: r of the signature is not below the curve's order");
    }
    if (u256_lt(&SECP_HALF_N, &tx->s)) {
        return FAIL(INVALID, "transaction: s of the signature is above half the curve's order");
    }
    secp_sig_t sig = {.v = tx->y_parity};
    u256_to_be32(sig.r, &tx->r);
    u256_to_be32(sig.s, &tx->s);
    const hash_t digest = tx_signing_hash(tx);
    TRY(secp_recover_address(&tx->sender, &sig, &digest));
    tx->has_sender = true;
    return OK;
}

err_t tx_sign(struct tx *tx, struct arena *arena, const struct secret_key *key)
{
    secp_pubkey_t pubkey;
    TRY(secp_pubkey_of(&pubkey, key));
    const hash_t digest = tx_signing_hash(tx);
    const secp_sig_t sig = secp_sign(key, &digest);
    if (sig.v > 1) return FAIL(INVALID, "transaction: the signature's recovery id is above 1");
    tx->y_parity = sig.v;
    tx->r = u256_from_be32(sig.r);
    tx->s = u256_from_be32(sig.s);

    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    tx_encode(&b, tx);
    bool full = b.full;
    const bytes_t raw = full ? BYTES_NONE : arena_copy(arena, buf_bytes(&b), &full);
    buf_deinit(&b);
    if (full) return FAIL(FULL, "transaction: no room for its encoding");

    tx->raw = raw;
    tx->hash = keccak256(raw);
    tx->sender = secp_address(&pubkey);
    tx->has_sender = true;
    return OK;
}

// ---- copies and fees ---------------------------------------------------------------------------

static const void *copy_array(struct arena *arena, const void *from, size_t bytes, bool *full)
{
    return arena_copy(arena, bytes_make(from, bytes), full).data;
}

err_t tx_copy(struct tx *out, struct arena *arena, const struct tx *tx)
{
    bool full = false;
    struct tx copy = *tx;
    copy.raw = arena_copy(arena, tx->raw, &full);

    // Decoded transactions see their data inside raw: keep it there instead of twice.
    const bool inside = tx->data.len != 0 && tx->raw.len != 0 && tx->data.data >= tx->raw.data &&
                        tx->data.data + tx->data.len <= tx->raw.data + tx->raw.len;
    if (inside && !full) {
        copy.data.data = copy.raw.data + (tx->data.data - tx->raw.data);
    } else {
        copy.data = arena_copy(arena, tx->data, &full);
    }

    struct access_entry *entries = ARENA_ARRAY(arena, struct access_entry, tx->access_count);
    if (entries == NULL) return FAIL(FULL, "transaction: no room for a copy");
    for (size_t i = 0; i < tx->access_count; i++) {
        entries[i] = tx->access_list[i];
        entries[i].keys =
            copy_array(arena, entries[i].keys, entries[i].key_count * sizeof(hash_t), &full);
    }
    copy.access_list = entries;
    copy.blob_hashes = copy_array(arena, tx->blob_hashes, tx->blob_count * sizeof(hash_t), &full);
    copy.authorizations = copy_array(arena, tx->authorizations,
                                     tx->authorization_count * sizeof(struct authorization), &full);
    if (full) return FAIL(FULL, "transaction: no room for a copy");
    *out = copy;
    return OK;
}

u256_t tx_effective_gas_price(const struct tx *tx, const u256_t *base_fee)
{
    u256_t price;
    if (!u256_add_checked(&price, base_fee, &tx->max_priority_fee_per_gas))
        return tx->max_fee_per_gas;
    return u256_lt(&price, &tx->max_fee_per_gas) ? price : tx->max_fee_per_gas;
}

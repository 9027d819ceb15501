// SPDX-License-Identifier: Apache-2.0
#include "chain/state/flat.h"

#include "chain/crypto/keccak.h"

#define HAS_STORAGE 0x80
#define HAS_CODE 0x40
#define LENGTH_BITS 0x3f

struct flat_key flat_account_key(const hash_t *address_hash)
{
    struct flat_key k = {.len = 32};
    memcpy(k.b, address_hash->b, 32);
    return k;
}

struct flat_key flat_slot_key(const hash_t *address_hash, const hash_t *slot_hash)
{
    struct flat_key k = {.len = 64};
    memcpy(k.b, address_hash->b, 32);
    memcpy(k.b + 32, slot_hash->b, 32);
    return k;
}

/// A number without leading zeros. @return its length
static size_t put_minimal(uint8_t *out, const u256_t *v)
{
    uint8_t be[32];
    const size_t len = u256_byte_len(v);
    u256_to_be32(be, v);
    memcpy(out, be + 32 - len, len);
    return len;
}

static u256_t get_minimal(const uint8_t *in, size_t len)
{
    uint8_t be[32] = {0};
    memcpy(be + 32 - len, in, len);
    return u256_from_be32(be);
}

size_t flat_account_encode(uint8_t out[FLAT_ACCOUNT_MAX], const struct account *a)
{
    const bool has_storage = !hash_eq(&a->storage_root, &KECCAK_RLP_NULL);
    const bool has_code = !hash_eq(&a->code_hash, &KECCAK_EMPTY);
    const u256_t nonce = u256_from_u64(a->nonce);
    size_t len = 2;
    const size_t nonce_len = put_minimal(out + len, &nonce);
    len += nonce_len;
    const size_t balance_len = put_minimal(out + len, &a->balance_wei);
    len += balance_len;
    out[0] = (uint8_t)(balance_len | (has_storage ? HAS_STORAGE : 0) | (has_code ? HAS_CODE : 0));
    out[1] = (uint8_t)nonce_len;
    if (has_storage) {
        memcpy(out + len, a->storage_root.b, 32);
        len += 32;
    }
    if (has_code) {
        memcpy(out + len, a->code_hash.b, 32);
        len += 32;
    }
    return len;
}

err_t flat_account_decode(struct account *out, bytes_t in)
{
    if (in.len < 2) return FAIL(CORRUPT, "state: a stored account is cut short");
    const size_t balance_len = in.data[0] & LENGTH_BITS;
    const size_t nonce_len = in.data[1];
    const bool has_storage = (in.data[0] & HAS_STORAGE) != 0;
    const bool has_code = (in.data[0] & HAS_CODE) != 0;
    if (balance_len > 32 || nonce_len > 8 ||
        in.len != 2 + nonce_len + balance_len + 32 * ((size_t)has_storage + (size_t)has_code)) {
        return FAIL(CORRUPT, "state: a stored account has the wrong length");
    }
    const uint8_t *p = in.data + 2;
    const u256_t nonce = get_minimal(p, nonce_len);
    p += nonce_len;
    *out = (struct account){.nonce = nonce.limb[0],
                            .balance_wei = get_minimal(p, balance_len),
                            .storage_root = KECCAK_RLP_NULL,
                            .code_hash = KECCAK_EMPTY};
    p += balance_len;
    if (has_storage) {
        memcpy(out->storage_root.b, p, 32);
        p += 32;
    }
    if (has_code) memcpy(out->code_hash.b, p, 32);
    return OK;
}

err_t flat_slot_decode(u256_t *out, bytes_t in)
{
    if (in.len == 0 || in.len > 32) return FAIL(CORRUPT, "state: a stored slot is unreadable");
    *out = get_minimal(in.data, in.len);
    return OK;
}

size_t trie_slot_encode(uint8_t out[TRIE_SLOT_MAX], const u256_t *value)
{
    const size_t len = put_minimal(out + 1, value);
    if (len == 1 && out[1] < 0x80) {
        out[0] = out[1];
        return 1;
    }
    out[0] = (uint8_t)(0x80 + len);
    return 1 + len;
}

size_t trie_account_encode(uint8_t out[TRIE_ACCOUNT_MAX], const struct account *a)
{
    // The payload has 68 to 108 bytes: its header has always two.
    const u256_t nonce = u256_from_u64(a->nonce);
    size_t len = 2;
    len += trie_slot_encode(out + len, &nonce);
    len += trie_slot_encode(out + len, &a->balance_wei);
    out[len++] = 0xa0;
    memcpy(out + len, a->storage_root.b, 32);
    len += 32;
    out[len++] = 0xa0;
    memcpy(out + len, a->code_hash.b, 32);
    len += 32;
    out[0] = 0xf8;
    out[1] = (uint8_t)(len - 2);
    return len;
}

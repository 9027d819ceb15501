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

size_t flat_slot_encode(uint8_t out[FLAT_SLOT_MAX], const u256_t *value)
{
    const size_t len = put_minimal(out + 1, value);
    out[0] = (uint8_t)len;
    return 1 + len;
}

err_t flat_slot_decode(u256_t *out, bytes_t in)
{
    if (in.len < 2 || in.len > FLAT_SLOT_MAX || in.data[0] != in.len - 1) {
        return FAIL(CORRUPT, "state: a stored slot is unreadable");
    }
    *out = get_minimal(in.data + 1, in.len - 1);
    return OK;
}

static size_t record_len(size_t key_len, bytes_t stored)
{
    if (key_len == 64) return 1 + (size_t)stored.data[0];
    if (stored.len < 2) return SIZE_MAX;
    size_t len = 2 + (size_t)stored.data[1] + (stored.data[0] & LENGTH_BITS);
    if ((stored.data[0] & HAS_STORAGE) != 0) len += 32;
    if ((stored.data[0] & HAS_CODE) != 0) len += 32;
    return len;
}

err_t flat_split(struct flat_value *out, size_t key_len, bytes_t stored)
{
    check(key_len == 32 || key_len == 64);
    *out = (struct flat_value){BYTES_NONE, BYTES_NONE};
    if (stored.len == 0) return OK;
    const size_t len = record_len(key_len, stored);
    if (len > stored.len) return FAIL(CORRUPT, "state: a stored value is cut short");
    out->record = bytes_make(stored.data, len);
    if (len < stored.len) out->changes = bytes_make(stored.data + len, stored.len - len);
    return OK;
}

size_t flat_changes_encode(uint8_t out[FLAT_CHANGES_BYTES], const uint64_t *numbers, size_t count)
{
    check(count <= FLAT_CHANGES_MAX);
    size_t len = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = numbers[i] - before;
        before = numbers[i];
        for (; v >= 0x80; v >>= 7) out[len++] = (uint8_t)(v | 0x80);
        out[len++] = (uint8_t)v;
    }
    return len;
}

err_t flat_changes_decode(uint64_t out[FLAT_CHANGES_MAX], size_t *count, bytes_t in)
{
    uint64_t before = 0;
    size_t n = 0;
    for (size_t at = 0; at < in.len; n++) {
        uint64_t v = 0;
        unsigned shift = 0;
        for (;; shift += 7) {
            if (at == in.len || shift > 56) {
                return FAIL(CORRUPT, "state: a list of changes is unreadable");
            }
            const uint8_t b = in.data[at++];
            v |= (uint64_t)(b & 0x7f) << shift;
            if (b < 0x80) break;
        }
        // Nobody writes block 0, a block twice, or more than fit.
        if (v == 0 || n == FLAT_CHANGES_MAX || before + v < before) {
            return FAIL(CORRUPT, "state: a list of changes is unreadable");
        }
        before += v;
        out[n] = before;
    }
    *count = n;
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

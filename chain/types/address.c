// SPDX-License-Identifier: Apache-2.0
#include "chain/types/address.h"

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"

struct address_text address_to_checksum(const address_t *a)
{
    struct address_text t = {"0x"};
    hex_encode(t.s + 2, BYTES_OF(*a));
    const hash_t h = keccak256(bytes_make(t.s + 2, 40));
    for (size_t i = 0; i < 40; i++) {
        const unsigned nibble = i % 2 == 0 ? h.b[i / 2] >> 4 : h.b[i / 2] & 15;
        char *c = &t.s[2 + i];
        if (*c >= 'a' && nibble >= 8) *c = (char)(*c - 'a' + 'A');
    }
    return t;
}

err_t address_parse(address_t *out, bytes_t text)
{
    if (text.len == 42 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
        text = bytes_make(text.data + 2, 40);
    }
    address_t a;
    if (text.len != 40 || hex_decode_fixed(a.b, sizeof a.b, text).kind != ERR_NONE) {
        return FAIL(MALFORMED, "address: expected 0x and 40 hexadecimal digits");
    }
    bool lower = false;
    bool upper = false;
    for (size_t i = 0; i < text.len; i++) {
        lower = lower || (text.data[i] >= 'a' && text.data[i] <= 'f');
        upper = upper || (text.data[i] >= 'A' && text.data[i] <= 'F');
    }
    if (lower && upper && memcmp(address_to_checksum(&a).s + 2, text.data, 40) != 0) {
        return FAIL(MISMATCH, "address: the mixed case is not its EIP-55 checksum: mistyped?");
    }
    *out = a;
    return OK;
}

static address_t last20(const hash_t *h)
{
    address_t a;
    memcpy(a.b, h->b + 12, sizeof a.b);
    return a;
}

address_t address_of_create(const address_t *sender, uint64_t nonce)
{
    // A list of 21 bytes of address and at most 9 of nonce: always the short form.
    uint8_t rlp[1 + 21 + 9] = {0, 0x94};
    size_t len = 2;
    memcpy(rlp + len, sender->b, sizeof sender->b);
    len += sizeof sender->b;
    if (nonce < 0x80) {
        rlp[len++] = nonce == 0 ? 0x80 : (uint8_t)nonce;
    } else {
        const size_t n = (size_t)(64 - __builtin_clzll(nonce) + 7) / 8;
        rlp[len++] = (uint8_t)(0x80 + n);
        for (size_t i = n; i-- > 0;) rlp[len++] = (uint8_t)(nonce >> (8 * i));
    }
    rlp[0] = (uint8_t)(0xc0 + len - 1);
    const hash_t h = keccak256(bytes_make(rlp, len));
    return last20(&h);
}

address_t address_of_create2(const address_t *sender, const hash_t *salt,
                             const hash_t *initcode_hash)
{
    uint8_t in[1 + 20 + 32 + 32] = {0xff};
    memcpy(in + 1, sender->b, 20);
    memcpy(in + 21, salt->b, 32);
    memcpy(in + 53, initcode_hash->b, 32);
    const hash_t h = keccak256(BYTES_OF(in));
    return last20(&h);
}

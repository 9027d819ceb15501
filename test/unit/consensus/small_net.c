// SPDX-License-Identifier: Apache-2.0
#include "test/unit/consensus/small_net.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/types/extra_data.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

/// The i-th test key: a hash of its number.
static struct secret_key *test_key(uint64_t i, address_t *address)
{
    struct secret_key *key;
    MUST(secret_new(&key));
    const hash_t h = keccak256(BYTES_OF(i));
    memcpy(key->b, h.b, 32);
    secp_pubkey_t pub;
    MUST(secp_pubkey_of(&pub, key));
    *address = secp_address(&pub);
    return key;
}

static void sort_validators(struct small_net *s)
{
    for (size_t i = 1; i < s->n; i++) {
        for (size_t j = i; j > 0 && address_cmp(&s->addresses[j - 1], &s->addresses[j]) > 0; j--) {
            const address_t a = s->addresses[j];
            s->addresses[j] = s->addresses[j - 1];
            s->addresses[j - 1] = a;
            struct secret_key *const k = s->keys[j];
            s->keys[j] = s->keys[j - 1];
            s->keys[j - 1] = k;
        }
    }
}

void small_net_init(struct small_net *s, size_t n, const char *qbft, const char *extra)
{
    *s = (struct small_net){.n = n};
    MUST(secp_setup());
    MUST(arena_init(&s->arena, (size_t)64 * 1024 * 1024));
    for (size_t i = 0; i < n; i++) s->keys[i] = test_key(i, &s->addresses[i]);
    s->rich_key = test_key(1000, &s->rich);
    sort_validators(s);

    static const uint8_t vanity[32] = {0};
    const struct extra_data e = {
        .vanity = BYTES_OF(vanity), .validators = s->addresses, .validator_count = n};
    struct buf b;
    buf_init(&b, 4096);
    extra_data_encode(&b, &e);
    char hex[8193];
    hex_encode(hex, buf_bytes(&b));
    buf_deinit(&b);

    char json[16384];
    snprintf(json, sizeof json,
             "{\"config\":{\"chainId\":%u,\"berlinBlock\":0,\"londonBlock\":0,\"shanghaiTime\":0,"
             "\"cancunTime\":0,\"qbft\":{%s}%s},"
             "\"nonce\":\"0x0\",\"timestamp\":\"0x0\",\"gasLimit\":\"0x1c9c380\","
             "\"difficulty\":\"0x1\",\"mixHash\":\"0x%s\","
             "\"coinbase\":\"0x0000000000000000000000000000000000000000\","
             "\"extraData\":\"0x%s\",\"alloc\":{\"%s\":{\"balance\":\"1000000000000000000000\"}}}",
             SMALL_NET_CHAIN_ID, qbft, extra,
             "63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365", hex,
             hex_address(&s->rich).s);
    struct genesis_detail detail;
    const err_t err = genesis_parse(&s->genesis, &s->arena, bytes_of_str(json), &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
}

void small_net_deinit(struct small_net *s)
{
    for (size_t i = 0; i < s->n; i++) secret_free(s->keys[i]);
    secret_free(s->rich_key);
    arena_deinit(&s->arena);
}

struct tx small_net_transfer(struct small_net *s, uint64_t nonce, uint64_t to, uint64_t value,
                             uint64_t gas_price)
{
    struct tx tx = {.type = TX_LEGACY,
                    .has_chain_id = true,
                    .chain_id = SMALL_NET_CHAIN_ID,
                    .nonce = nonce,
                    .max_fee_per_gas = u256_from_u64(gas_price),
                    .max_priority_fee_per_gas = u256_from_u64(gas_price),
                    .gas_limit = 21000,
                    .value_wei = u256_from_u64(value)};
    be_put_u64(tx.to.b + 12, to);
    tx.to.b[0] = 0xee;
    MUST(tx_sign(&tx, &s->arena, s->rich_key));
    return tx;
}

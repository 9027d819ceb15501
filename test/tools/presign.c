// SPDX-License-Identifier: Apache-2.0

/// Signed transfers for load tests, made ahead of the run so that signing does not
/// share the clock with the node.
///
///     presign addresses --accounts 10 --seed 1
///     presign transfers --accounts 10 --seed 1 --each 100 --chain-id 1337 --max-fee 2000000000
///
/// `addresses` prints one sender per line (to be funded in a genesis); `transfers` prints
/// raw transactions, one per line, nonce by nonce over all senders, each moving 1 wei to the
/// next sender.

#include "chain/base/arena.h"
#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "chain/types/tx.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    uint64_t accounts;
    uint64_t seed;
    uint64_t each;
    uint64_t first_nonce;
    uint64_t chain_id;
    uint64_t max_fee;
};

static bool set(struct settings *s, const char *flag, const char *text)
{
    char *end;
    const uint64_t v = strtoull(text, &end, 10);
    if (*end != 0 || *text == 0) return false;
    if (strcmp(flag, "--accounts") == 0)
        s->accounts = v;
    else if (strcmp(flag, "--seed") == 0)
        s->seed = v;
    else if (strcmp(flag, "--each") == 0)
        s->each = v;
    else if (strcmp(flag, "--first-nonce") == 0)
        s->first_nonce = v;
    else if (strcmp(flag, "--chain-id") == 0)
        s->chain_id = v;
    else if (strcmp(flag, "--max-fee") == 0)
        s->max_fee = v;
    else
        return false;
    return true;
}

/// keccak256("cairn-load" || seed || i): below the curve's order but for one in 2^128.
static void load_key(struct secret_key *key, uint64_t seed, uint64_t i)
{
    uint8_t text[10 + 8 + 8] = "cairn-load";
    be_put_u64(text + 10, seed);
    be_put_u64(text + 18, i);
    const hash_t h = keccak256(bytes_make(text, sizeof text));
    memcpy(key->b, h.b, sizeof key->b);
}

static err_t load_address(address_t *out, struct secret_key *key, uint64_t seed, uint64_t i)
{
    secp_pubkey_t pub;
    load_key(key, seed, i);
    TRY(secp_pubkey_of(&pub, key));
    *out = secp_address(&pub);
    return OK;
}

static err_t print_addresses(const struct settings *s, struct secret_key *key)
{
    for (uint64_t i = 0; i < s->accounts; i++) {
        address_t a;
        TRY(load_address(&a, key, s->seed, i));
        printf("%s\n", hex_address(&a).s);
    }
    return OK;
}

static err_t print_transfers(const struct settings *s, struct secret_key *key)
{
    struct arena arena;
    char *text = malloc(2 * TX_MAX_BYTES + 1);
    if (text == NULL) return FAIL(FULL, "out of memory");
    err_t err = arena_init(&arena, (size_t)1 << 20);
    for (uint64_t n = 0; err_ok(err) && n < s->each; n++) {
        for (uint64_t i = 0; err_ok(err) && i < s->accounts; i++) {
            struct tx tx = {.type = TX_DYNAMIC_FEE,
                            .has_chain_id = true,
                            .chain_id = s->chain_id,
                            .nonce = s->first_nonce + n,
                            .max_fee_per_gas = u256_from_u64(s->max_fee),
                            .gas_limit = 21000,
                            .value_wei = u256_from_u64(1)};
            err = load_address(&tx.to, key, s->seed, (i + 1) % s->accounts);
            if (!err_ok(err)) break;
            load_key(key, s->seed, i);
            err = tx_sign(&tx, &arena, key);
            if (!err_ok(err)) break;
            hex_encode(text, tx.raw);
            printf("0x%s\n", text);
            arena_reset(&arena);
        }
    }
    arena_deinit(&arena);
    free(text);
    return err;
}

int main(int argc, char **argv)
{
    struct settings s = {.accounts = 10, .each = 100, .chain_id = 1337, .max_fee = 2000000000};
    bool usable = argc >= 2 && argc % 2 == 0;
    for (int i = 2; usable && i + 1 < argc; i += 2) usable = set(&s, argv[i], argv[i + 1]);
    if (!usable) {
        fprintf(stderr, "usage: presign addresses|transfers [--accounts N] [--seed N] [--each N] "
                        "[--first-nonce N] [--chain-id N] [--max-fee WEI]\n");
        return 2;
    }
    struct secret_key *key = NULL;
    err_t err = secp_setup();
    if (err_ok(err)) err = secret_new(&key);
    if (err_ok(err)) {
        err =
            strcmp(argv[1], "addresses") == 0 ? print_addresses(&s, key) : print_transfers(&s, key);
    }
    secret_free(key);
    if (err_ok(err)) return 0;
    fprintf(stderr, "presign: %s\n", err_text(err));
    return 1;
}

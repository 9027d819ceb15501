// SPDX-License-Identifier: Apache-2.0
#include "wallet/tx_build.h"

#include "chain/crypto/secp.h"
#include "test/support/vectors.h"

#include <criterion/criterion.h>

#define GWEI UINT64_C(1000000000)

static u256_t num(uint64_t v)
{
    return u256_from_u64(v);
}

/// Terms of an ordinary network, which each case changes in one thing.
static struct tx_terms ordinary(void)
{
    return (struct tx_terms){
        .chain_id = 7,
        .nonce = 3,
        .base_fee_wei = num(10 * GWEI),
        .tip_wei = num(GWEI),
        .gas_price_wei = num(12 * GWEI),
        .balance_wei = num(UINT64_C(1) << 62),
        .gas_estimate = 21000,
        .block_gas_limit = 30000000,
    };
}

/// Goal: each rule of fees and gas has a row.
Test(tx_build, rules)
{
    struct tx tx;
    const struct tx_intent pay = {.value_wei = u256_from_u64(5)};
    const struct tx_intent call = {.data = LIT("\x12\x34")};

    struct tx_terms t = ordinary();
    cr_assert(err_ok(tx_build(&tx, &pay, &t)));
    cr_expect_eq(tx.type, TX_DYNAMIC_FEE);
    cr_expect_eq(tx.chain_id, 7);
    cr_expect_eq(tx.nonce, 3);
    cr_expect_eq(tx.gas_limit, 21000, "a payment needs no room");
    cr_expect_eq(tx.max_fee_per_gas.limb[0], 21 * GWEI, "twice the base fee and the tip");
    cr_expect_eq(tx.max_priority_fee_per_gas.limb[0], GWEI);

    t.gas_estimate = 100000;
    cr_assert(err_ok(tx_build(&tx, &call, &t)));
    cr_expect_eq(tx.gas_limit, 150000 + TX_GAS_ROOM);
    t.block_gas_limit = 120000;
    cr_assert(err_ok(tx_build(&tx, &call, &t)));
    cr_expect_eq(tx.gas_limit, 120000, "never above the block's");
    t.has_gas_limit = true;
    t.gas_limit = 99;
    cr_assert(err_ok(tx_build(&tx, &call, &t)));
    cr_expect_eq(tx.gas_limit, 99, "what was chosen");

    t = ordinary();
    t.legacy = true;
    cr_assert(err_ok(tx_build(&tx, &pay, &t)));
    cr_expect_eq(tx.type, TX_LEGACY);
    cr_expect_eq(tx.max_fee_per_gas.limb[0], 12 * GWEI);
    t.has_priority_fee = true;
    cr_expect_eq(tx_build(&tx, &pay, &t).kind, ERR_INVALID, "legacy has no tip");

    t = ordinary();
    t.has_max_fee = true;
    t.max_fee_wei = num(9 * GWEI);
    cr_expect_eq(tx_build(&tx, &pay, &t).kind, ERR_INVALID, "below the base fee");
    t.max_fee_wei = num(10 * GWEI);
    cr_assert(err_ok(tx_build(&tx, &pay, &t)));
    cr_expect_eq(tx.max_priority_fee_per_gas.limb[0], GWEI);
    t.has_priority_fee = true;
    t.priority_fee_wei = num(11 * GWEI);
    cr_expect_eq(tx_build(&tx, &pay, &t).kind, ERR_INVALID, "tip above the maximum");

    t = ordinary();
    t.base_fee_wei = num(0);
    t.balance_wei = num(0);
    const struct tx_intent nothing = {.data = LIT("\x01")};
    cr_assert(err_ok(tx_build(&tx, &nothing, &t)));
    cr_expect(u256_is_zero(&tx.max_fee_per_gas), "free gas for an account without money");

    t = ordinary();
    t.balance_wei = num(UINT64_C(21000) * 21 * GWEI + 4);
    cr_expect_eq(tx_build(&tx, &pay, &t).kind, ERR_FULL, "one wei short");
    t.balance_wei = num(UINT64_C(21000) * 21 * GWEI + 5);
    cr_expect(err_ok(tx_build(&tx, &pay, &t)), "exactly enough");

    t = ordinary();
    t.gas_estimate = UINT64_MAX;
    cr_expect_eq(tx_build(&tx, &call, &t).kind, ERR_LIMIT, "an estimate that makes no sense");
    t = ordinary();
    for (int i = 0; i < 4; i++) t.base_fee_wei.limb[i] = UINT64_MAX;
    cr_expect_eq(tx_build(&tx, &pay, &t).kind, ERR_LIMIT, "a base fee that makes no sense");
}

/// A number of the vector, zero where it says nothing.
static u256_t number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_string(v) || json_is_integer(v) ? vectors_number(v) : u256_from_u64(0);
}

/// Goal: signed bytes are those of ethers, for legacy and dynamic fees.
Test(tx_build, ethers)
{
    cr_assert(err_ok(secp_setup()));
    json_t *root = vectors_load("ethereum/vectors/ethers/transactions.json");
    struct arena arena = vectors_arena(64 << 20);
    struct secret_key *key;
    cr_assert(err_ok(secret_new(&key)));
    size_t compared = 0;
    size_t i;
    json_t *v;
    json_array_foreach(root, i, v)
    {
        const json_t *want = vectors_get(v, "transaction");
        const u256_t chain = number(want, "chainId");
        const json_t *to = json_object_get(want, "to");
        if (json_array_size(json_object_get(want, "accessList")) > 0) continue;
        if (!u256_fits_u64(&chain) || chain.limb[0] == 0) continue;
        const bytes_t secret = vectors_bytes(&arena, v, "privateKey");
        memcpy(key->b, secret.data, 32);
        secp_pubkey_t pub;
        cr_assert(err_ok(secp_pubkey_of(&pub, key)));
        const address_t sender = secp_address(&pub);

        struct tx_intent intent = {
            .is_create = !json_is_string(to),
            .value_wei = number(want, "value"),
            .data = json_is_string(json_object_get(want, "data"))
                        ? vectors_bytes(&arena, want, "data")
                        : BYTES_NONE,
        };
        if (json_is_string(to)) {
            const bytes_t b = vectors_hex(&arena, json_string_value(to));
            if (b.len != 20) continue;
            memcpy(intent.to.b, b.data, 20);
        }
        for (int legacy = 0; legacy < 2; legacy++) {
            const char *expected = legacy ? "signedEip155" : "signedLondon";
            if (json_object_get(v, expected) == NULL) continue;
            struct tx_terms t = {.chain_id = chain.limb[0],
                                 .legacy = legacy != 0,
                                 .has_gas_limit = true,
                                 .has_max_fee = true,
                                 .has_priority_fee = legacy == 0};
            t.nonce = number(want, "nonce").limb[0];
            t.gas_limit = number(want, "gasLimit").limb[0];
            t.max_fee_wei = number(want, legacy ? "gasPrice" : "maxFeePerGas");
            t.priority_fee_wei = number(want, "maxPriorityFeePerGas");
            for (int k = 0; k < 4; k++) t.balance_wei.limb[k] = UINT64_MAX;

            struct tx tx;
            const err_t err = tx_build(&tx, &intent, &t);
            if (err.kind == ERR_INVALID) continue; // a tip above the maximum: ours refuses
            cr_assert(err_ok(err), "%s: %s", vectors_str(v, "name"), err_text(err));
            cr_assert(err_ok(tx_sign_checked(&tx, &arena, key, &sender)));
            const bytes_t bytes = vectors_bytes(&arena, v, expected);
            cr_expect(bytes_eq(tx.raw, bytes), "%s %s", vectors_str(v, "name"), expected);
            compared++;
        }
        arena_reset(&arena);
    }
    cr_expect_geq(compared, 100, "only %zu compared", compared);

    // Another account's key must not sign for this sender.
    struct tx tx;
    struct tx_terms t = ordinary();
    const struct tx_intent pay = {.value_wei = u256_from_u64(5)};
    cr_assert(err_ok(tx_build(&tx, &pay, &t)));
    const address_t other = {{1}};
    cr_expect_eq(tx_sign_checked(&tx, &arena, key, &other).kind, ERR_MISMATCH);
    secret_free(key);
    arena_deinit(&arena);
    json_decref(root);
}

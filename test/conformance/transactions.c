// SPDX-License-Identifier: Apache-2.0
/// Official transaction vectors: decoding, hash, sender, intrinsic gas and static validity;
/// and ethers' signed transactions of the types that Cairn knows.

#include <stdlib.h>

#include "chain/base/hex.h"
#include "chain/types/address.h"
#include "chain/types/tx.h"
#include "test/support/tally.h"
#include "test/support/vectors.h"
#include "vm/tx_check.h"

/// Everything that needs neither state nor block. @return what refused it, NULL if valid
static const char *judge(struct tx *tx, struct arena *arena, bytes_t raw, enum revision rev)
{
    err_t err = tx_decode(tx, arena, raw);
    if (!err_ok(err)) return err_text(err);
    err = tx_recover_sender(tx);
    if (!err_ok(err)) return err_text(err);
    const enum tx_validity v = tx_check_static(tx, rev, 1);
    return v == TX_VALID ? NULL : tx_validity_text(v);
}

static bool encodes_back(const struct tx *tx)
{
    struct buf b;
    buf_init(&b, (size_t)8 << 20);
    tx_encode(&b, tx);
    const bool same = bytes_eq(buf_bytes(&b), tx->raw);
    buf_deinit(&b);
    return same;
}

static void run_official_case(struct tally *t, const char *path, const char *name,
                              const json_t *entry, const char *fork, const json_t *result)
{
    struct arena arena = vectors_arena((size_t)64 << 20);
    const bytes_t raw = vectors_bytes(&arena, entry, "txbytes");
    enum revision rev;
    struct tx tx;
    if (!err_ok(revision_parse(&rev, bytes_of_str(fork)))) {
        tally_case(t, false, "%s %s: fork %s", path, name, fork);
        arena_deinit(&arena);
        return;
    }
    const char *refused = judge(&tx, &arena, raw, rev);
    const json_t *exception = json_object_get(result, "exception");
    if (exception != NULL) {
        tally_case(t, refused != NULL, "%s %s (%s): accepted, expected %s", path, name, fork,
                   json_string_value(exception));
    } else if (tally_case(t, refused == NULL, "%s %s (%s): refused: %s", path, name, fork,
                          refused == NULL ? "" : refused)) {
        const bytes_t hash = vectors_bytes(&arena, result, "hash");
        const bytes_t sender = vectors_bytes(&arena, result, "sender");
        const u256_t gas = vectors_number(vectors_get(result, "intrinsicGas"));
        const bool ok = bytes_eq(hash, BYTES_OF(tx.hash)) &&
                        bytes_eq(sender, BYTES_OF(tx.sender)) &&
                        gas.limb[0] == tx_intrinsic_gas(&tx, rev) && encodes_back(&tx);
        if (!ok) {
            t->failed++;
            printf("FAIL %s %s (%s): hash, sender, intrinsic gas or encoding differ\n", path, name,
                   fork);
        }
    }
    arena_deinit(&arena);
}

static void run_official_file(void *ctx, const char *path, json_t *root)
{
    const char *name;
    const char *fork;
    json_t *entry;
    json_t *result;
    json_object_foreach(root, name, entry)
    {
        json_object_foreach(vectors_get(entry, "result"), fork, result)
        {
            run_official_case(ctx, path, name, entry, fork, result);
        }
    }
}

// ---- ethers ------------------------------------------------------------------------------------

static const struct {
    const char *unsigned_name;
    const char *signed_name;
    enum tx_type type;
    bool has_chain_id;
} forms[] = {
    {"unsignedLegacy", "signedLegacy", TX_LEGACY, false},
    {"unsignedEip155", "signedEip155", TX_LEGACY, true},
    {"unsignedBerlin", "signedBerlin", TX_ACCESS_LIST, true},
    {"unsignedLondon", "signedLondon", TX_DYNAMIC_FEE, true},
};

static u256_t number_or_zero(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return v == NULL || json_is_null(v) ? u256_from_u64(0) : vectors_number(v);
}

static struct tx build(struct arena *arena, const json_t *in, enum tx_type type, bool has_chain_id)
{
    struct tx tx = {
        .type = type,
        .has_chain_id = has_chain_id,
        .chain_id = has_chain_id ? number_or_zero(in, "chainId").limb[0] : 0,
        .nonce = number_or_zero(in, "nonce").limb[0],
        .gas_limit = number_or_zero(in, "gasLimit").limb[0],
        .max_fee_per_gas = number_or_zero(in, type == TX_DYNAMIC_FEE ? "maxFeePerGas" : "gasPrice"),
        .value_wei = number_or_zero(in, "value"),
    };
    tx.max_priority_fee_per_gas =
        type == TX_DYNAMIC_FEE ? number_or_zero(in, "maxPriorityFeePerGas") : tx.max_fee_per_gas;
    const char *to = json_string_value(json_object_get(in, "to"));
    tx.is_create = to == NULL;
    if (to != NULL && !err_ok(address_parse(&tx.to, bytes_of_str(to)))) abort();
    const char *data = json_string_value(json_object_get(in, "data"));
    if (data != NULL) tx.data = vectors_hex(arena, data);

    const json_t *list = json_object_get(in, "accessList");
    struct access_entry *entries = ARENA_ARRAY(arena, struct access_entry, json_array_size(list));
    for (size_t i = 0; type != TX_LEGACY && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *keys = vectors_get(item, "storageKeys");
        const char *address = vectors_str(item, "address");
        hash_t *hashes = ARENA_ARRAY(arena, hash_t, json_array_size(keys));
        if (!err_ok(address_parse(&entries[i].address, bytes_of_str(address)))) abort();
        for (size_t k = 0; k < json_array_size(keys); k++) {
            const bytes_t key = vectors_hex(arena, json_string_value(json_array_get(keys, k)));
            memcpy(hashes[k].b, key.data, sizeof hashes[k].b);
        }
        entries[i].keys = hashes;
        entries[i].key_count = json_array_size(keys);
        tx.access_count++;
    }
    tx.access_list = entries;
    return tx;
}

static void run_ethers_form(struct tally *t, const json_t *entry, size_t form,
                            const struct secret_key *key)
{
    const char *name = vectors_str(entry, "name");
    // Without a chain id there is no EIP-155 form: 307 of them are empty.
    if (vectors_str(entry, forms[form].signed_name)[0] == '\0') return;
    struct arena arena = vectors_arena((size_t)16 << 20);
    struct tx tx = build(&arena, vectors_get(entry, "transaction"), forms[form].type,
                         forms[form].has_chain_id);
    const bytes_t wanted = vectors_bytes(&arena, entry, forms[form].signed_name);
    struct tx decoded;
    const err_t err = tx_sign(&tx, &arena, key);
    tally_case(t, err_ok(err) && bytes_eq(tx.raw, wanted), "%s %s: signed bytes differ (%s)", name,
               forms[form].signed_name, err_text(err));
    const char *refused = !err_ok(tx_decode(&decoded, &arena, wanted)) ? "decode"
                          : !err_ok(tx_recover_sender(&decoded))       ? "recover"
                                                                       : NULL;
    tally_case(
        t, refused == NULL && address_eq(&decoded.sender, &tx.sender) && encodes_back(&decoded),
        "%s %s: read back (%s)", name, forms[form].signed_name, refused ? refused : "sender");
    arena_deinit(&arena);
}

static bool ethers(void)
{
    struct tally t = tally_start("ethers transactions");
    json_t *root = vectors_load("ethereum/vectors/ethers/transactions.json");
    struct secret_key *key;
    if (!err_ok(secret_new(&key))) return false;
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        if (!err_ok(hex_decode_fixed(key->b, sizeof key->b,
                                     bytes_of_str(vectors_str(entry, "privateKey"))))) {
            abort();
        }
        for (size_t f = 0; f < ARRAY_LEN(forms); f++) run_ethers_form(&t, entry, f, key);
    }
    secret_free(key);
    json_decref(root);
    return tally_end(&t, ((size_t)640 * 4 - 307) * 2);
}

/// BasicTests/txtest: two transactions from before EIP-155. The second was signed before
/// low s and deterministic nonces, so it is only read, and its signer recovered.
static bool basic(void)
{
    struct tally t = tally_start("BasicTests/txtest");
    json_t *root = vectors_load("ethereum/BasicTests/txtest.json");
    struct secret_key *key;
    if (!err_ok(secret_new(&key))) return false;
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *in = json_array_get(root, i);
        struct arena arena = vectors_arena((size_t)1 << 20);
        const bytes_t secret = vectors_bytes(&arena, in, "key");
        memcpy(key->b, secret.data, sizeof key->b);
        secp_pubkey_t pubkey;
        struct tx tx;
        if (!err_ok(secp_pubkey_of(&pubkey, key)) ||
            !err_ok(tx_decode(&tx, &arena, vectors_bytes(&arena, in, "signed")))) {
            tally_case(&t, false, "case %zu does not decode", i);
            continue;
        }
        const bytes_t to = vectors_bytes(&arena, in, "to");
        const address_t signer = secp_address(&pubkey);
        const hash_t digest = tx_signing_hash(&tx);
        secp_sig_t sig = {.v = tx.y_parity};
        u256_to_be32(sig.r, &tx.r);
        u256_to_be32(sig.s, &tx.s);
        const u256_t price = number_or_zero(in, "gasprice");
        const u256_t value = number_or_zero(in, "value");
        address_t recovered;
        const bool high_s = u256_lt(&SECP_HALF_N, &tx.s);
        tally_case(&t,
                   err_ok(secp_recover_address(&recovered, &sig, &digest)) &&
                       address_eq(&recovered, &signer) &&
                       err_ok(tx_recover_sender(&tx)) != high_s &&
                       tx.nonce == number_or_zero(in, "nonce").limb[0] &&
                       tx.gas_limit == number_or_zero(in, "startgas").limb[0] &&
                       u256_eq(&tx.max_fee_per_gas, &price) && u256_eq(&tx.value_wei, &value) &&
                       bytes_eq(to, tx.is_create ? BYTES_NONE : BYTES_OF(tx.to)) &&
                       bytes_eq(tx.data, vectors_bytes(&arena, in, "data")) && encodes_back(&tx),
                   "case %zu", i);
        arena_deinit(&arena);
    }
    secret_free(key);
    json_decref(root);
    return tally_end(&t, 2);
}

int main(void)
{
    struct tally t = tally_start("TransactionTests");
    vectors_each("TransactionTests", run_official_file, &t);
    bool ok = tally_end(&t, 208);
    ok = ethers() && ok;
    ok = basic() && ok;
    return ok ? 0 : 1;
}

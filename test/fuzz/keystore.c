// SPDX-License-Identifier: Apache-2.0
/// Keystore files from strangers. Costly key derivations are left out here: they are bounded
/// by limits that unit tests assert, and would only make the fuzzer slow.
#include "chain/crypto/keystore.h"
#include "test/fuzz/fuzz.h"

#include <jansson.h>

static bool is_cheap(bytes_t text)
{
    json_t *doc = json_loadb((const char *)text.data, text.len, 0, NULL);
    const json_t *crypto = json_object_get(doc, "crypto");
    if (crypto == NULL) crypto = json_object_get(doc, "Crypto");
    const json_t *params = json_object_get(crypto, "kdfparams");
    const json_int_t n = json_integer_value(json_object_get(params, "n"));
    const json_int_t r = json_integer_value(json_object_get(params, "r"));
    const json_int_t p = json_integer_value(json_object_get(params, "p"));
    const json_int_t c = json_integer_value(json_object_get(params, "c"));
    const json_int_t len = json_integer_value(json_object_get(params, "dklen"));
    const bool cheap = n <= 64 && r <= 8 && p <= 2 && c <= 100 && len <= 64;
    json_decref(doc);
    return cheap;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes_t in = {data, size};
    address_t claimed;
    (void)err_ok(keystore_peek_address(&claimed, in));
    if (!is_cheap(in)) return 0;

    struct secret_key *key;
    if (!err_ok(secret_new(&key))) return 0;
    (void)err_ok(keystore_decrypt(key, in, LIT("password")));
    secret_free(key);
    return 0;
}

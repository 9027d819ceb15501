// SPDX-License-Identifier: Apache-2.0
/// What the wallet reads from people, from its own files, and from nodes that it does not
/// trust. The first byte says which reader gets the rest.
#include "test/fuzz/fuzz.h"
#include "wallet/abi_json.h"
#include "wallet/client.h"
#include "wallet/contract.h"
#include "wallet/revert.h"
#include "wallet/text.h"
#include "wallet/typed_data.h"
#include "wallet/update.h"
#include "wallet/verify.h"
#include "wallet/words.h"

#include <stdlib.h>

/// Types of every shape, for answers that should have them.
static const char *const shapes[] = {
    "f() returns (uint256,address,bool)",
    "f() returns ((bytes32 a, bytes b, string c)[])",
    "f() returns (uint8[2][],int64[])",
    "f() returns (string,bytes,bytes4)",
};

static void people(const char *text)
{
    u256_t amount;
    uint64_t number;
    uint32_t seconds;
    address_t address;
    hash_t hash;
    uint32_t path[WORDS_PATH_MAX];
    size_t count;
    unsigned position;
    char words[WORDS_MAX_TEXT];
    if (err_ok(text_parse_amount(&amount, text))) (void)text_amount(&amount, 18);
    (void)err_ok(text_parse_u64(&number, text, UINT64_MAX));
    (void)err_ok(text_parse_seconds(&seconds, text));
    (void)err_ok(text_parse_address(&address, text));
    (void)err_ok(text_parse_hash(&hash, text));
    (void)err_ok(hd_parse_path(path, &count, text));
    (void)err_ok(words_check(words, &position, text));
    struct abi_detail why;
    json_t *values = NULL;
    const char *args[] = {text};
    if (err_ok(abi_json_of_args(&values, "f((uint8,address[])[])", args, 1, &why)))
        json_decref(values);
    if (err_ok(abi_json_of_args(&values, text, NULL, 0, &why))) json_decref(values);
}

static void node(bytes_t in)
{
    if (!err_ok(client_check_depth(in))) return;
    json_t *answer = json_loadb((const char *)in.data, in.len,
                                JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    uint64_t n;
    size_t len;
    (void)json_quantity(&n, answer);
    free(json_data(&len, answer));
    json_t *args = NULL;
    if (err_ok(contract_log_decode(
            &args, "Transfer(address indexed from,address indexed to,uint256 value)", answer)))
        json_decref(args);
    json_decref(answer);
}

/// Typed data to sign, a proof from anybody, a list of validators.
static void files(bytes_t in)
{
    struct arena arena;
    if (!err_ok(arena_init(&arena, (size_t)16 << 20))) return;
    json_t *data = json_loadb((const char *)in.data, in.len, JSON_REJECT_DUPLICATES, NULL);
    struct typed_data_hash hash;
    struct typed_data_detail why;
    (void)err_ok(typed_data_digest(&hash, data, &why));
    json_decref(data);
    struct receipt_proof proof;
    struct receipt_verdict verdict;
    const address_t *validators = NULL;
    size_t count = 0;
    if (!err_ok(validators_read(&validators, &count, &arena, in))) count = 0;
    if (err_ok(receipt_proof_read(&proof, &arena, in)))
        (void)err_ok(receipt_proof_verify(&verdict, &arena, &proof, validators, count));
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const bytes_t in = {data + 1, size - 1};
    struct salt_record record;
    struct revert_reason reason;
    json_t *values = NULL;
    char *text;
    switch (data[0] % 6) {
    case 0:
        text = strndup((const char *)in.data, in.len);
        if (text != NULL) people(text);
        free(text);
        break;
    case 1:
        (void)err_ok(salt_record_read(&record, in));
        break;
    case 2:
        node(in);
        break;
    case 5:
        files(in);
        break;
    case 3:
        revert_decode(&reason, in);
        json_decref(reason.args);
        break;
    default:
        if (in.len == 0) break;
        if (err_ok(abi_json_decode_result(&values, shapes[in.data[0] % ARRAY_LEN(shapes)],
                                          (bytes_t){in.data + 1, in.len - 1})))
            json_decref(values);
        break;
    }
    return 0;
}

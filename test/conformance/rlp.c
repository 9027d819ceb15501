// SPDX-License-Identifier: Apache-2.0
/// Official RLP vectors: what must be encoded and decoded, and what a strict decoder refuses.

#include <stdlib.h>

#include "chain/codec/rlp.h"
#include "test/support/tally.h"
#include "test/support/vectors.h"

/// JSON of the vectors to RLP: "#123" is a big number, other strings are raw bytes (each
/// character below 256 is one byte), integers are scalars.
static void encode_official(struct buf *out, const json_t *v)
{
    if (json_is_array(v)) {
        const size_t list = rlp_list_begin(out);
        for (size_t i = 0; i < json_array_size(v); i++) encode_official(out, json_array_get(v, i));
        rlp_list_end(out, list);
        return;
    }
    if (json_is_integer(v)) {
        rlp_put_u64(out, (uint64_t)json_integer_value(v));
        return;
    }
    const char *text = json_string_value(v);
    const size_t len = json_string_length(v);
    u256_t big;
    if (len > 1 && text[0] == '#') {
        if (err_ok(u256_parse(&big, bytes_make(text + 1, len - 1)))) {
            rlp_put_u256(out, &big);
        } else {
            // The one number of more than 256 bits: 2^256, written out.
            uint8_t bytes[33] = {1};
            rlp_put_bytes(out, BYTES_OF(bytes));
        }
        return;
    }
    rlp_put_bytes(out, bytes_make(text, len));
}

/// ethers: hex strings and nested lists.
static void encode_hex(struct buf *out, struct arena *arena, const json_t *v)
{
    if (json_is_array(v)) {
        const size_t list = rlp_list_begin(out);
        for (size_t i = 0; i < json_array_size(v); i++)
            encode_hex(out, arena, json_array_get(v, i));
        rlp_list_end(out, list);
        return;
    }
    rlp_put_bytes(out, vectors_hex(arena, json_string_value(v)));
}

/// Reads everything and writes it again.
static err_t copy_items(struct buf *out, struct rlp_reader *r)
{
    while (!rlp_at_end(r)) {
        if (rlp_peek_is_list(r)) {
            struct rlp_reader inside;
            TRY(rlp_read_list(r, &inside));
            const size_t list = rlp_list_begin(out);
            TRY(copy_items(out, &inside));
            rlp_list_end(out, list);
        } else {
            bytes_t string;
            TRY(rlp_read_bytes(r, &string));
            rlp_put_bytes(out, string);
        }
    }
    return OK;
}

static bool round_trips(bytes_t encoded)
{
    struct buf again;
    struct rlp_reader r = rlp_reader(encoded);
    buf_init(&again, encoded.len + 64);
    const bool ok = err_ok(copy_items(&again, &r)) && err_ok(buf_status(&again)) &&
                    bytes_eq(buf_bytes(&again), encoded);
    buf_deinit(&again);
    return ok;
}

static bool official(const char *path, size_t expected)
{
    struct tally t = tally_start(path);
    json_t *root = vectors_load(path);
    const char *name;
    json_t *entry;
    json_object_foreach(root, name, entry)
    {
        struct arena arena = vectors_arena((size_t)16 << 20);
        const bytes_t out = vectors_bytes(&arena, entry, "out");
        const json_t *in = vectors_get(entry, "in");
        const char *word = json_is_string(in) ? json_string_value(in) : "";
        const err_t err = rlp_validate(out);
        if (strcmp(word, "INVALID") == 0) {
            tally_case(&t, !err_ok(err), "%s was accepted", name);
        } else if (strcmp(word, "VALID") == 0) {
            tally_case(&t, err_ok(err) && round_trips(out), "%s: %s", name, err_text(err));
        } else {
            struct buf b;
            buf_init(&b, (size_t)1 << 20);
            encode_official(&b, in);
            tally_case(&t, bytes_eq(buf_bytes(&b), out) && err_ok(err) && round_trips(out),
                       "%s: %s", name, err_text(err));
            buf_deinit(&b);
        }
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, expected);
}

static bool ethers(void)
{
    struct tally t = tally_start("ethers rlp");
    json_t *root = vectors_load("ethereum/vectors/ethers/rlp.json");
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        struct arena arena = vectors_arena((size_t)16 << 20);
        struct buf b;
        buf_init(&b, (size_t)1 << 20);
        encode_hex(&b, &arena, vectors_get(entry, "decoded"));
        const bytes_t out = vectors_bytes(&arena, entry, "encoded");
        tally_case(&t,
                   bytes_eq(buf_bytes(&b), out) && err_ok(rlp_validate(out)) && round_trips(out),
                   "%s", vectors_str(entry, "name"));
        buf_deinit(&b);
        arena_deinit(&arena);
    }
    json_decref(root);
    return tally_end(&t, 61);
}

int main(void)
{
    bool ok = official("ethereum/RLPTests/rlptest.json", 28);
    ok = official("ethereum/RLPTests/invalidRLPTest.json", 26) && ok;
    ok = official("ethereum/RLPTests/RandomRLPTests/example.json", 1) && ok;
    ok = ethers() && ok;
    return ok ? 0 : 1;
}

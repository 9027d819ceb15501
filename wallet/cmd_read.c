// SPDX-License-Identifier: Apache-2.0
/// Reading what any chain has: blocks, logs, gas; and the ABI by itself.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "wallet/abi_json.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_ARENA ((size_t)64 << 20)
#define LOGS_SHOWN 1000

/// "latest", a tag, or a decimal number as nodes take them.
static void block_tag(char out[72], const char *text)
{
    uint64_t n;
    if (text == NULL)
        (void)snprintf(out, 72, "latest");
    else if (err_ok(text_parse_u64(&n, text, UINT64_MAX)))
        (void)snprintf(out, 72, "0x%" PRIx64, n);
    else
        (void)snprintf(out, 72, "%.70s", text);
}

// ---- block ----------------------------------------------------------------------------------------

enum exit_code cmd_block(struct ctx *ctx, const struct args *a)
{
    const char *text = a->pos_count > 0 ? a->pos[0] : NULL;
    char tag[72];
    block_tag(tag, text);
    hash_t hash;
    const bool by_hash = text != NULL && err_ok(text_parse_hash(&hash, text));
    STEP(profile_check_chain(ctx));
    json_t *block;
    STEP(client_call(ctx, &block, by_hash ? "eth_getBlockByHash" : "eth_getBlockByNumber",
                     json_pack("[sb]", tag, 0)));
    if (!json_is_object(block)) {
        json_decref(block);
        return fail(ctx, EXIT_REFUSED, NULL, "the node has no block %s", text);
    }
    struct arena arena;
    err_t err = arena_init(&arena, BLOCK_ARENA);
    struct header h;
    hash_t have;
    // The hash is computed again: another hash than the header's is a lie.
    if (err_ok(err)) err = ethjson_read_header(&h, &have, &arena, block);
    const bool lie = err_ok(err) && by_hash && !hash_eq(&have, &hash);
    if (!err_ok(err) || lie) {
        json_decref(block);
        arena_deinit(&arena);
        return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's block: %s",
                    lie ? "it has another hash" : err_text(err));
    }
    out_field(ctx, "block", "%" PRIu64, h.number);
    out_field(ctx, "hash", "%s", hex_hash(&have).s);
    out_field(ctx, "parent", "%s", hex_hash(&h.parent_hash).s);
    out_field(ctx, "time", "%s", text_time(h.timestamp_s).s);
    out_field(ctx, "by", "%s", text_address(&h.coinbase).s);
    out_field(ctx, "transactions", "%zu", json_array_size(json_object_get(block, "transactions")));
    out_field(ctx, "gas", "%" PRIu64 " of %" PRIu64, h.gas_used, h.gas_limit);
    out_field(ctx, "base fee", "%s wei", u256_dec(&h.base_fee_wei).s);
    out_field(ctx, "state root", "%s", hex_hash(&h.state_root).s);
    result_set(ctx, "block", block);
    arena_deinit(&arena);
    return EXIT_DONE;
}

// ---- logs -----------------------------------------------------------------------------------------

enum exit_code cmd_logs(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    address_t at;
    if (!known_address(&at, a->pos[0])) STEP(account_resolve(ctx, &at, a->pos[0]));
    const char *declaration = a->pos[1];
    hash_t topic;
    if (strchr(declaration, '(') == NULL) declaration = known_event(&at, a->pos[1]);
    if (declaration == NULL || !err_ok(abi_json_topic(&topic, declaration)))
        return fail(ctx, EXIT_USAGE,
                    "write it like \"Transfer(address indexed from,address indexed to,uint256 v)\"",
                    "`%s` is no event", a->pos[1]);
    json_t *rows;
    STEP(contract_logs(ctx, &rows, &at, declaration, NULL));
    result_set(ctx, "logs", rows);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (i == LOGS_SHOWN) {
            out_line(ctx, ".. and %zu more (--json has all)", json_array_size(rows) - i);
            break;
        }
        struct buf b;
        buf_init(&b, (size_t)1 << 20);
        known_put_args(&b, json_object_get(row, "args"));
        buf_put_u8(&b, 0);
        out_field(ctx, json_string_value(json_object_get(row, "block")), "%s",
                  b.full ? "" : (const char *)b.data);
        buf_deinit(&b);
    }
    if (json_array_size(rows) == 0) out_line(ctx, "no such event yet");
    return EXIT_DONE;
}

// ---- abi ------------------------------------------------------------------------------------------

enum exit_code cmd_abi_encode(struct ctx *ctx, const struct args *a)
{
    const char *signature = a->pos[0];
    json_t *values;
    struct abi_detail why;
    const err_t err = abi_json_of_args(&values, signature, a->pos + 1, a->pos_count - 1, &why);
    if (!err_ok(err)) return fail(ctx, EXIT_USAGE, signature, "%s", why.text);
    uint8_t *data;
    size_t len;
    const enum exit_code code = contract_encode(ctx, &data, &len, signature, values);
    json_decref(values);
    STEP(code);
    // A bare list "(T,..)" has no name and so no selector.
    const size_t skip = signature[0] == '(' ? 4 : 0;
    json_t *hex = json_hex(bytes_make(data + skip, len - skip));
    free(data);
    out_line(ctx, "%s", json_string_value(hex));
    result_set(ctx, "data", hex);
    return EXIT_DONE;
}

enum exit_code cmd_abi_decode(struct ctx *ctx, const struct args *a)
{
    const char *signature = a->pos[0];
    json_t *hex = json_string(a->pos[1]);
    size_t len = 0;
    uint8_t *data = json_data(&len, hex);
    json_decref(hex);
    if (data == NULL)
        return fail(ctx, EXIT_USAGE, NULL, "0x and an even number of hexadecimal digits");
    // With a name the data begins with its selector, which must be the one.
    uint8_t selector[4];
    size_t skip = 0;
    err_t err = OK;
    if (signature[0] != '(') {
        err = abi_json_selector(selector, signature);
        if (err_ok(err) && (len < 4 || memcmp(selector, data, 4) != 0))
            err = FAIL(MISMATCH, "the data is of another function");
        skip = 4;
    }
    json_t *values;
    if (err_ok(err)) err = abi_json_decode(&values, signature, bytes_make(data + skip, len - skip));
    free(data);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, signature, err);
    char *text = json_dumps(values, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    if (text != NULL) out_line(ctx, "%s", text);
    free(text);
    result_set(ctx, "values", values);
    return EXIT_DONE;
}

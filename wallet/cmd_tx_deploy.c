// SPDX-License-Identifier: Apache-2.0
/// `cairn tx deploy`: creates a contract from bytecode in hex or from a compiler's artifact
/// (solc, Hardhat, Foundry, Truffle: "bytecode" is text, or an object with "object").
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "wallet/abi_json.h"
#include "wallet/contract.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/send.h"
#include "wallet/text.h"

#include <stdlib.h>

#define ARTIFACT_MAX ((size_t)16 << 20)
#define CODE_MAX ((size_t)1 << 20)
#define TYPE_DEPTH 16

/// What the file says.
struct artifact {
    json_t *json; ///< NULL if the file is bare hex
    uint8_t *code;
    size_t code_len;
};

static void artifact_free(struct artifact *f)
{
    json_decref(f->json);
    free(f->code);
    *f = (struct artifact){0};
}

/// The bytecode's text within an artifact.
static const char *bytecode_text(const json_t *artifact)
{
    const json_t *b = json_object_get(artifact, "bytecode");
    if (b == NULL)
        b = json_object_get(json_object_get(json_object_get(artifact, "evm"), "bytecode"),
                            "object");
    if (json_is_object(b)) b = json_object_get(b, "object");
    return json_string_value(b);
}

static enum exit_code artifact_read(struct ctx *ctx, struct artifact *out, const char *path)
{
    *out = (struct artifact){0};
    char *text;
    size_t len;
    const err_t err = file_read(&text, &len, path, ARTIFACT_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    const char *hex = text;
    if (text[strspn(text, " \t\r\n")] == '{') {
        out->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        hex = bytecode_text(out->json);
    } else {
        while (len > 0 && strchr("\r\n ", text[len - 1]) != NULL) text[--len] = 0;
    }
    if (hex != NULL && strncmp(hex, "0x", 2) == 0) hex += 2;
    const size_t digits = hex != NULL ? strlen(hex) : 0;
    bool ok = digits > 0 && digits % 2 == 0 && digits / 2 <= CODE_MAX;
    if (ok) {
        out->code = malloc(digits / 2);
        if (out->code == NULL) panic_at(__FILE__, __LINE__, "out of memory");
        out->code_len = digits / 2;
        ok = err_ok(hex_decode_fixed(out->code, out->code_len, bytes_make(hex, digits)));
    }
    const bool unlinked = hex != NULL && strstr(hex, "__") != NULL;
    free(text);
    if (ok) return EXIT_DONE;
    artifact_free(out);
    if (unlinked)
        return fail(ctx, EXIT_USAGE, "link it with the compiler first",
                    "%s needs a library that is not linked", path);
    return fail(ctx, EXIT_USAGE, "hexadecimal digits, or a JSON artifact with \"bytecode\"",
                "%s holds no bytecode", path);
}

/// Appends "T1,T2" of an ABI's list of inputs.
static bool put_types(struct buf *b, const json_t *inputs, unsigned depth)
{
    size_t i;
    json_t *input;
    if (depth > TYPE_DEPTH) return false;
    json_array_foreach(inputs, i, input)
    {
        const char *type = json_string_value(json_object_get(input, "type"));
        if (type == NULL) return false;
        if (i > 0) buf_put_u8(b, ',');
        if (strncmp(type, "tuple", 5) != 0) {
            buf_put_str(b, type);
            continue;
        }
        buf_put_u8(b, '(');
        if (!put_types(b, json_object_get(input, "components"), depth + 1)) return false;
        buf_put_u8(b, ')');
        buf_put_str(b, type + 5);
    }
    return true;
}

/// "constructor(T1,T2)", from the flag or the artifact's ABI; heap.
static enum exit_code constructor_of(struct ctx *ctx, char **out, const struct artifact *f,
                                     const char *flag)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 16);
    buf_put_str(&b, "constructor");
    bool ok = true;
    if (flag != NULL) {
        buf_put_str(&b, flag);
    } else {
        size_t i;
        json_t *item;
        const json_t *inputs = NULL;
        json_array_foreach(json_object_get(f->json, "abi"), i, item)
        {
            const char *type = json_string_value(json_object_get(item, "type"));
            if (type != NULL && strcmp(type, "constructor") == 0)
                inputs = json_object_get(item, "inputs");
        }
        buf_put_u8(&b, '(');
        ok = put_types(&b, inputs, 0);
        buf_put_u8(&b, ')');
    }
    buf_put_u8(&b, 0);
    if (!ok || b.full) {
        buf_deinit(&b);
        return fail(ctx, EXIT_USAGE, "give the types with --constructor", "the ABI makes no sense");
    }
    *out = (char *)b.data; // the buffer's memory changes hands
    return EXIT_DONE;
}

/// Appends the encoded arguments to the code.
static enum exit_code add_arguments(struct ctx *ctx, struct artifact *f, const char *signature,
                                    const struct args *a)
{
    json_t *values;
    struct abi_detail why;
    const err_t err = abi_json_of_args(&values, signature, a->pos + 1, a->pos_count - 1, &why);
    if (!err_ok(err)) return fail(ctx, EXIT_USAGE, signature, "%s", why.text);
    uint8_t *data;
    size_t len;
    const enum exit_code encoded = contract_encode(ctx, &data, &len, signature, values);
    json_decref(values);
    STEP(encoded);
    uint8_t *all = malloc(f->code_len + len);
    if (all == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    memcpy(all, f->code, f->code_len);
    memcpy(all + f->code_len, data + 4, len - 4); // no selector
    free(f->code);
    f->code = all;
    f->code_len += len - 4;
    free(data);
    return EXIT_DONE;
}

enum exit_code cmd_tx_deploy(struct ctx *ctx, const struct args *a)
{
    struct tx_intent intent = {.is_create = true};
    const char *value = args_flag(a, "value");
    if (value != NULL) {
        const err_t err = text_parse_amount(&intent.value_wei, value);
        if (!err_ok(err))
            return fail(ctx, EXIT_USAGE, "cairn help units", "%s: %s", value, err_text(err));
    }
    struct artifact f;
    STEP(artifact_read(ctx, &f, a->pos[0]));
    char *signature = NULL;
    enum exit_code code = constructor_of(ctx, &signature, &f, args_flag(a, "constructor"));
    if (code == EXIT_DONE) code = add_arguments(ctx, &f, signature, a);
    free(signature);
    if (code == EXIT_DONE) {
        intent.data = bytes_make(f.code, f.code_len);
        char what[160];
        (void)snprintf(what, sizeof what, "Create a contract from %.100s", a->pos[0]);
        struct sent sent;
        code = send_tx(ctx, &sent, &intent, what);
        if (code == EXIT_DONE && sent.included) {
            out_line(ctx, "contract %s", text_address(&sent.contract_address).s);
            result_set(ctx, "result",
                       json_pack("{so}", "contract", json_address(&sent.contract_address)));
        }
        if (code == EXIT_DONE) sent_deinit(&sent);
    }
    artifact_free(&f);
    return code;
}

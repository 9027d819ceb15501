// SPDX-License-Identifier: Apache-2.0
#include "chain/base/hex.h"
#include "rpc/jsonrpc/params.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct rpc_method method = {.name = "test_params", .params = "first:any second:any?"};

/// A call with one parameter of JSON text.
struct fixture {
    struct arena arena;
    json_t *params;
    struct rpc_call call;
};

static void begin(struct fixture *f, const char *json)
{
    memset(f, 0, sizeof *f);
    char text[1024];
    (void)snprintf(text, sizeof text, "[%s]", json);
    cr_assert(err_ok(arena_init(&f->arena, 1 << 20)));
    f->params = json_loads(text, 0, NULL);
    cr_assert_not_null(f->params, "%s", json);
    f->call = (struct rpc_call){.method = &method, .params = f->params, .arena = &f->arena};
}

static void end(struct fixture *f)
{
    json_decref(f->params);
    arena_deinit(&f->arena);
}

/// Goal: quantities are read exactly and only in their one spelling.
static const struct {
    const char *json;
    bool ok;
    uint64_t value;
} quantities[] = {
    {"\"0x0\"", true, 0},
    {"\"0x1f\"", true, 31},
    {"\"0xFF\"", true, 255},
    {"\"0xffffffffffffffff\"", true, UINT64_MAX},
    {"\"0x\"", false, 0},
    {"\"0x00\"", false, 0},
    {"\"0x01\"", false, 0},
    {"\"10\"", false, 0},
    {"\"0X1\"", false, 0},
    {"\"0x1 \"", false, 0},
    {"\"0xg\"", false, 0},
    {"\"-0x1\"", false, 0},
    {"16", false, 0},
    {"null", false, 0},
    {"\"0x10000000000000000\"", false, 0},
    {"\"0x1\\n\"", false, 0},
};

Test(params, quantity)
{
    for (size_t i = 0; i < ARRAY_LEN(quantities); i++) {
        struct fixture f;
        begin(&f, quantities[i].json);
        uint64_t v = 77;
        const bool ok = param_u64(&f.call, 0, &v);
        cr_expect_eq(ok, quantities[i].ok, "%s", quantities[i].json);
        cr_expect_eq(v, ok ? quantities[i].value : 77, "%s", quantities[i].json);
        if (!ok) {
            cr_expect_eq(f.call.error.code, -32602, "%s", quantities[i].json);
            cr_assert_not_null(f.call.error.data);
            cr_expect_not_null(strstr(f.call.error.data, "\"param\":\"first\""));
        }
        end(&f);
    }
}

/// Goal: addresses take any single case, and mixed case only with its checksum (EIP-55).
static const struct {
    const char *json;
    bool ok;
} addresses[] = {
    {"\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"", true},
    {"\"0xF39FD6E51AAD88F6F4CE6AB8827279CFFFB92266\"", true},
    {"\"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"", true},
    {"\"0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"", false},
    {"\"f39fd6e51aad88f6f4ce6ab8827279cfffb92266\"", false},
    {"\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb9226\"", false},
    {"\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb9226600\"", false},
    {"\"0xg39fd6e51aad88f6f4ce6ab8827279cfffb92266\"", false},
    {"{}", false},
};

Test(params, address)
{
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct fixture f;
        begin(&f, addresses[i].json);
        address_t a;
        const bool ok = param_address(&f.call, 0, &a);
        cr_expect_eq(ok, addresses[i].ok, "%s", addresses[i].json);
        if (ok) cr_expect_str_eq(hex_address(&a).s, "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        end(&f);
    }
}

/// Goal: every way to name a block, and what is none.
static const struct {
    const char *json;
    bool ok;
    int kind;
    uint64_t number;
} blocks[] = {
    {"null", true, BLOCK_LATEST, 0},
    {"\"latest\"", true, BLOCK_LATEST, 0},
    {"\"safe\"", true, BLOCK_LATEST, 0},
    {"\"finalized\"", true, BLOCK_LATEST, 0},
    {"\"pending\"", true, BLOCK_PENDING, 0},
    {"\"earliest\"", true, BLOCK_NUMBER, 0},
    {"\"0x10\"", true, BLOCK_NUMBER, 16},
    {"{\"blockNumber\":\"0x2\"}", true, BLOCK_NUMBER, 2},
    {"{\"blockHash\":\"0x00000000000000000000000000000000000000000000000000000000000000ff\","
     "\"requireCanonical\":true}",
     true, BLOCK_HASH, 0},
    {"\"0x00000000000000000000000000000000000000000000000000000000000000ff\"", true, BLOCK_HASH, 0},
    {"{}", false, 0, 0},
    {"{\"blockNumber\":\"0x2\",\"blockHash\":\"0x00\"}", false, 0, 0},
    {"\"newest\"", false, 0, 0},
    {"\"16\"", false, 0, 0},
    {"16", false, 0, 0},
    {"\"0x010\"", false, 0, 0},
    {"\"0x10000000000000000\"", false, 0, 0},
};

Test(params, block)
{
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct fixture f;
        begin(&f, blocks[i].json);
        struct block_ref ref;
        const bool ok = param_block(&f.call, 0, &ref);
        cr_expect_eq(ok, blocks[i].ok, "%s", blocks[i].json);
        if (ok) {
            cr_expect_eq((int)ref.kind, blocks[i].kind, "%s", blocks[i].json);
            cr_expect_eq(ref.number, blocks[i].number, "%s", blocks[i].json);
            cr_expect(ref.kind != BLOCK_HASH || ref.hash.b[31] == 0xff);
        }
        end(&f);
    }
}

/// Goal: data of every length, and its refusals; storage keys may be short and odd.
Test(params, data_and_slots)
{
    struct fixture f;
    bytes_t data;
    begin(&f, "\"0x\"");
    cr_expect(param_data(&f.call, 0, &data) && data.len == 0);
    end(&f);
    begin(&f, "\"0xDEadbe\"");
    cr_expect(param_data(&f.call, 0, &data));
    cr_expect(bytes_eq(data, LIT("\xde\xad\xbe")));
    end(&f);
    static const char *const bad[] = {"\"0xabc\"", "\"abcd\"", "\"0xzz\"", "1", "\"\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        begin(&f, bad[i]);
        cr_expect(!param_data(&f.call, 0, &data), "%s", bad[i]);
        end(&f);
    }
    hash_t key;
    begin(&f, "\"0x1\"");
    cr_expect(value_slot_key(&f.call, param_at(&f.call, 0), "key", &key));
    cr_expect_eq(key.b[31], 1);
    cr_expect_eq(key.b[30], 0);
    end(&f);
    begin(&f, "\"0x\"");
    cr_expect(!value_slot_key(&f.call, param_at(&f.call, 0), "key", &key));
    end(&f);
}

/// Goal: unknown members are named, long values are cut in the error.
Test(params, objects)
{
    static const char *const known[] = {"a", "b", NULL};
    const json_t *object = NULL;
    struct fixture f;
    begin(&f, "{\"a\":1,\"b\":2}");
    cr_expect(param_object(&f.call, 0, &object) && object_only(&f.call, object, "first", known));
    end(&f);
    begin(&f, "{\"a\":1,\"c\":2}");
    cr_expect(param_object(&f.call, 0, &object));
    cr_expect(!object_only(&f.call, object, "first", known));
    cr_expect_not_null(strstr(f.call.error.message, "first.c"));
    end(&f);

    char longer[600];
    memset(longer, 'x', sizeof longer);
    longer[0] = '"';
    longer[598] = '"';
    longer[599] = 0;
    begin(&f, longer);
    cr_expect(!param_object(&f.call, 0, &object));
    cr_expect_lt(strlen(f.call.error.data), 300);
    end(&f);
}

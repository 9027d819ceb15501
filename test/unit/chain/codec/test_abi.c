// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/abi.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "chain/base/hex.h"
#include "test/support/vectors.h"

static struct arena arena;

static void open_arena(void)
{
    arena = vectors_arena((size_t)4 << 20);
}

static void close_arena(void)
{
    arena_deinit(&arena);
}

TestSuite(abi, .init = open_arena, .fini = close_arena);

/// Goal: each form of signature and its canonical text, and each way to get one wrong.
static const struct {
    const char *in;
    const char *canonical; ///< NULL: refused
    enum err_kind kind;
} signatures[] = {
    {"transfer(address,uint256)", "transfer(address,uint256)", ERR_NONE},
    {" transfer ( address to , uint value ) ", "transfer(address,uint256)", ERR_NONE},
    {"function f(int a, bytes calldata b) external view returns (uint8[] memory c);",
     "f(int256,bytes)", ERR_NONE},
    {"f()(uint256)", "f()", ERR_NONE},
    {"event E(address indexed a, uint256[2][] b)", "E(address,uint256[2][])", ERR_NONE},
    {"error Bad((uint256 x, (bool,string)[3] y) t)", "Bad((uint256,(bool,string)[3]))", ERR_NONE},
    {"g(tuple(address a, bytes32 b)[] list)", "g((address,bytes32)[])", ERR_NONE},
    {"(bytes24,function)", "(bytes24,bytes24)", ERR_NONE},
    {"function(uint8)", "function(uint8)", ERR_NONE},
    {"pay(address payable to)", "pay(address)", ERR_NONE},
    {"", NULL, ERR_MALFORMED},
    {"transfer", NULL, ERR_MALFORMED},
    {"f(", NULL, ERR_MALFORMED},
    {"f(uint256", NULL, ERR_MALFORMED},
    {"f(uint256,)", NULL, ERR_MALFORMED},
    {"f(,)", NULL, ERR_MALFORMED},
    {"f(uint7)", NULL, ERR_MALFORMED},
    {"f(uint264)", NULL, ERR_MALFORMED},
    {"f(uint08)", NULL, ERR_MALFORMED},
    {"f(bytes0)", NULL, ERR_MALFORMED},
    {"f(bytes33)", NULL, ERR_MALFORMED},
    {"f(word)", NULL, ERR_MALFORMED},
    {"f(uint256[0])", NULL, ERR_MALFORMED},
    {"f(uint256[x])", NULL, ERR_MALFORMED},
    {"f(uint256[2)", NULL, ERR_MALFORMED},
    {"f(())", NULL, ERR_MALFORMED},
    {"f(uint256 a b)", NULL, ERR_MALFORMED},
    {"f(uint256) nonsense", NULL, ERR_MALFORMED},
    {"f(uint256) returns", NULL, ERR_MALFORMED},
    {"f(uint256))", NULL, ERR_MALFORMED},
    {"1f(uint256)", NULL, ERR_MALFORMED},
    {"f(uint256[1000000][1000000])", NULL, ERR_LIMIT},
    {"f((((((((((((((((((uint256))))))))))))))))))", NULL, ERR_LIMIT},
    {"f(uint256[][][][][][][][][][][][][][][][][])", NULL, ERR_LIMIT},
};

Test(abi, signature)
{
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
        struct abi_signature s;
        const err_t err = abi_signature_parse(&s, &arena, bytes_of_str(signatures[i].in));
        cr_expect_eq(err.kind, signatures[i].kind, "%s: %s", signatures[i].in, err_text(err));
        if (err_ok(err)) cr_expect_str_eq(s.canonical, signatures[i].canonical);
    }
}

/// Goal: selector, topic, names and the parts of a signature.
Test(abi, signature_parts)
{
    struct abi_signature s;
    cr_assert(err_ok(abi_signature_parse(
        &s, &arena,
        LIT("event Transfer(address indexed from, address indexed to, uint256 value)"))));
    cr_expect_str_eq(hex_hash(&s.topic).s,
                     "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    cr_expect_str_eq(s.name, "Transfer");
    cr_expect_eq(s.inputs.count, 3);
    cr_expect(s.inputs.fields[0].indexed && !s.inputs.fields[2].indexed);
    cr_expect_str_eq(s.inputs.fields[2].name, "value");
    cr_expect(!s.has_outputs);
    cr_assert(err_ok(abi_signature_parse(&s, &arena, LIT("getValidators() returns (address[])"))));
    cr_expect(memcmp(s.selector, "\xb7\xab\x4d\xb5", 4) == 0);
    cr_expect(s.has_outputs && s.outputs.count == 1 && s.outputs.fields[0].is_open_array);
}

static bytes_t hex(const char *text)
{
    return vectors_hex(&arena, text);
}

/// Goal: the example of the Solidity documentation, f(uint256,uint32[],bytes10,bytes).
Test(abi, build_call)
{
    struct buf b;
    buf_init(&b, 4096);
    const struct abi_value numbers[] = {abi_u64(0x456), abi_u64(0x789)};
    const struct abi_value args[] = {abi_u64(0x123), abi_list(numbers, 2),
                                     abi_fixed(LIT("1234567890")), abi_bytes(LIT("Hello, world!"))};
    cr_assert(err_ok(abi_build_call(&b, "f(uint256,uint32[],bytes10,bytes)", args, 4)));
    const bytes_t want = hex("8be65246"
                             "0000000000000000000000000000000000000000000000000000000000000123"
                             "0000000000000000000000000000000000000000000000000000000000000080"
                             "3132333435363738393000000000000000000000000000000000000000000000"
                             "00000000000000000000000000000000000000000000000000000000000000e0"
                             "0000000000000000000000000000000000000000000000000000000000000002"
                             "0000000000000000000000000000000000000000000000000000000000000456"
                             "0000000000000000000000000000000000000000000000000000000000000789"
                             "000000000000000000000000000000000000000000000000000000000000000d"
                             "48656c6c6f2c20776f726c642100000000000000000000000000000000000000");
    cr_expect(bytes_eq(buf_bytes(&b), want));

    struct abi_value back[4];
    cr_assert(err_ok(abi_read(back, 4, &arena, "(uint256,uint32[],bytes10,bytes)",
                              bytes_make(want.data + 4, want.len - 4))));
    cr_expect_eq(back[0].number.limb[0], 0x123);
    cr_expect(back[1].list.count == 2 && back[1].list.items[1].number.limb[0] == 0x789);
    cr_expect(bytes_eq(back[2].bytes, LIT("1234567890")));
    cr_expect(bytes_eq(back[3].bytes, LIT("Hello, world!")));
    buf_deinit(&b);
}

/// Goal: a value that does not fit its type is refused, whichever way.
Test(abi, encode_refuses)
{
    const struct abi_value one[] = {abi_u64(1)};
    const u256_t top = {{0, 0, 0, (uint64_t)1 << 63}};
    const struct {
        const char *name;
        const char *signature;
        struct abi_value value;
        bool ok;
    } cases[] = {
        {"uint8 of 255", "f(uint8)", abi_u64(255), true},
        {"uint8 of 256", "f(uint8)", abi_u64(256), false},
        {"int8 of 127", "f(int8)", abi_i64(127), true},
        {"int8 of 128", "f(int8)", abi_i64(128), false},
        {"int8 of -128", "f(int8)", abi_i64(-128), true},
        {"int8 of -129", "f(int8)", abi_i64(-129), false},
        {"a positive number as int", "f(int256)", abi_u64(5), true},
        {"2^255 as int", "f(int256)", abi_u256(&top), false},
        {"a negative number as uint", "f(uint256)", abi_i64(-1), false},
        {"a number as bool", "f(bool)", abi_u64(1), false},
        {"a bool as number", "f(uint256)", abi_bool(true), false},
        {"three bytes as bytes4", "f(bytes4)", abi_fixed(LIT("abc")), false},
        {"bytes as string", "f(string)", abi_bytes(LIT("abc")), false},
        {"a word as list", "f(uint256[])", abi_u64(1), false},
        {"one of two", "f(uint256[2])", abi_list(one, 1), false},
        {"one of one", "f(uint256[1])", abi_list(one, 1), true},
        {"open list of one", "f(uint256[])", abi_list(one, 1), true},
        {"address as number", "f(uint160)", abi_address(&(address_t){{0}}), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b;
        buf_init(&b, 4096);
        const err_t err = abi_build_call(&b, cases[i].signature, &cases[i].value, 1);
        cr_expect_eq(err.kind, cases[i].ok ? ERR_NONE : ERR_INVALID, "%s: %s", cases[i].name,
                     err_text(err));
        buf_deinit(&b);
    }
    struct buf b;
    buf_init(&b, 4096);
    cr_expect_eq(abi_build_call(&b, "f(uint256)", one, 0).kind, ERR_INVALID, "too few");
    cr_expect_eq(abi_build_call(&b, "f()", one, 1).kind, ERR_INVALID, "too many");
    buf_deinit(&b);
    buf_init(&b, 30);
    cr_expect_eq(abi_build_call(&b, "f(uint256)", one, 1).kind, ERR_FULL);
    buf_deinit(&b);
}

#define WORD(TAIL) "00000000000000000000000000000000000000000000000000000000000000" TAIL
#define ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/// Goal: each way data can lie about itself has a row.
static const struct {
    const char *name;
    const char *types;
    const char *data;
    bool ok;
} lies[] = {
    {"a word", "(uint256)", WORD("01"), true},
    {"bytes after the end", "(uint256)", WORD("01") "ff", true},
    {"nothing", "(uint256)", "", false},
    {"a word cut", "(uint256)", "00000000", false},
    {"bool of 2", "(bool)", WORD("02"), false},
    {"uint8 of 256", "(uint8)", "0000000000000000000000000000000000000000000000000000000000000100",
     false},
    {"int8 of -1", "(int8)", ONES, true},
    {"int8 of 128", "(int8)", WORD("80"), false},
    {"address with high bytes", "(address)", ONES, false},
    {"bytes4 with low bytes", "(bytes4)", ONES, false},
    {"string", "(string)", WORD("20") WORD("02") "6162", true},
    {"string longer than the data", "(string)", WORD("20") WORD("03") "6162", false},
    {"offset past the end", "(string)", WORD("60") WORD("00"), false},
    {"offset of all ones", "(string)", ONES, false},
    {"length of all ones", "(bytes)", WORD("20") ONES, false},
    {"list", "(uint8[])", WORD("20") WORD("02") WORD("01") WORD("02"), true},
    {"list longer than the data", "(uint8[])", WORD("20") WORD("02") WORD("01"), false},
    {"list of 2^256-1", "(uint8[])", WORD("20") ONES, false},
    {"offset at its own head", "(uint256[])", WORD("00"), true},
    {"nested offset past the end", "(string[])", WORD("20") WORD("01") WORD("40") WORD("00"),
     false},
};

Test(abi, decode)
{
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct abi_value v;
        const err_t err = abi_read(&v, 1, &arena, lies[i].types, hex(lies[i].data));
        cr_expect_eq(err_ok(err), lies[i].ok, "%s: %s", lies[i].name, err_text(err));
    }
}

/// Goal: data whose lists point at one another unfolds until the arena is full, not further.
Test(abi, bomb_is_bounded)
{
    // Nine levels; each is a list of 20 whose offsets all point to the one list of the next
    // level: 20^9 items from 6 KB.
    enum { LEVELS = 9, ITEMS = 20 };
    static uint8_t data[32 * (1 + LEVELS * (1 + ITEMS))];
    data[31] = 32;
    for (size_t level = 0; level < LEVELS; level++) {
        uint8_t *list = data + 32 * (1 + level * (1 + ITEMS));
        list[31] = ITEMS;
        for (size_t i = 1; i <= ITEMS; i++) {
            list[32 * i + 30] = ITEMS * 32 >> 8;
            list[32 * i + 31] = ITEMS * 32 & 255;
        }
    }
    struct abi_value v;
    const err_t err = abi_read(&v, 1, &arena, "(uint256[][][][][][][][][])", BYTES_OF(data));
    cr_expect_eq(err.kind, ERR_FULL, "%s", err_text(err));
}

/// Goal: an event's arguments come in the order of its signature, indexed or not.
Test(abi, event)
{
    struct abi_signature s;
    cr_assert(err_ok(abi_signature_parse(
        &s, &arena, LIT("event E(uint256 a, address indexed b, string indexed c, string d)"))));
    hash_t topics[3] = {s.topic, {{[12] = 0xab}}, {{1, 2, 3}}};
    const bytes_t data = hex(WORD("07") WORD("40") WORD("02") "6869");
    struct abi_value v[4];
    cr_assert(err_ok(abi_event_decode(v, &arena, &s, topics, 3, data)));
    cr_expect_eq(v[0].number.limb[0], 7);
    cr_expect(v[1].kind == ABI_ADDRESS && v[1].address.b[0] == 0xab);
    cr_expect(v[2].kind == ABI_BYTES_FIXED && bytes_eq(v[2].bytes, BYTES_OF(topics[2])));
    cr_expect(bytes_eq(v[3].bytes, LIT("hi")));
    cr_expect_eq(abi_event_decode(v, &arena, &s, topics, 2, data).kind, ERR_MISMATCH);
    cr_expect_eq(abi_event_decode(v, &arena, &s, topics, 0, data).kind, ERR_MISMATCH);
    topics[0].b[0] ^= 1;
    cr_expect_eq(abi_event_decode(v, &arena, &s, topics, 3, data).kind, ERR_MISMATCH);
}

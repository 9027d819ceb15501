// SPDX-License-Identifier: Apache-2.0

/// go-ethereum's tables of two-operand opcodes: push X, push Y, run the opcode.

#include <stdio.h>
#include <stdlib.h>

#include "test/support/fixture.h"
#include "test/support/tally.h"
#include "test/support/vm_world.h"

static const struct {
    const char *name;
    uint8_t op;
} files[] = {
    {"add", 0x01},  {"sub", 0x03}, {"mul", 0x02},     {"div", 0x04}, {"sdiv", 0x05}, {"mod", 0x06},
    {"smod", 0x07}, {"exp", 0x0a}, {"signext", 0x0b}, {"lt", 0x10},  {"gt", 0x11},   {"slt", 0x12},
    {"sgt", 0x13},  {"eq", 0x14},  {"and", 0x16},     {"or", 0x17},  {"xor", 0x18},  {"byte", 0x1a},
    {"shl", 0x1b},  {"shr", 0x1c}, {"sar", 0x1d},
};

enum { ROWS = 81 };

static bool run_row(struct vm_world *w, uint8_t op, const u256_t *x, const u256_t *y,
                    const u256_t *expected)
{
    // PUSH32 x PUSH32 y OP PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    uint8_t code[33 + 33 + 1 + 2 + 2 + 1 + 1] = {0x7f};
    size_t n = 1;
    u256_to_be32(code + n, x);
    n += 32;
    code[n++] = 0x7f;
    u256_to_be32(code + n, y);
    n += 32;
    const uint8_t rest[] = {op, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3};
    memcpy(code + n, rest, sizeof rest);
    const u256_t nothing = u256_from_u64(0);
    mem_state_put(&w->state, &WORLD_CONTRACT, 1, &nothing, bytes_make(code, sizeof code));
    const struct tx_result r = vm_world_run(w);
    const u256_t got = vm_world_word(&r);
    return r.status == EVM_SUCCESS && u256_eq(&got, expected);
}

static u256_t word_of(const json_t *row, const char *name)
{
    char text[80];
    snprintf(text, sizeof text, "0x%s", json_string_value(fixture_member(row, name)));
    u256_t w;
    check(err_ok(u256_parse(&w, bytes_of_str(text))));
    return w;
}

int main(void)
{
    const char *vectors = getenv("CAIRN_VECTORS");
    if (vectors == NULL) vectors = "../shared/vectors";
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    size_t passed = 0;
    for (size_t f = 0; f < ARRAY_LEN(files); f++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/ethereum/vectors/geth/opcodes/%s.json", vectors,
                 files[f].name);
        json_t *doc = fixture_load(path);
        for (size_t i = 0; i < json_array_size(doc); i++) {
            const json_t *row = json_array_get(doc, i);
            const u256_t x = word_of(row, "X");
            const u256_t y = word_of(row, "Y");
            const u256_t expected = word_of(row, "Expected");
            const bool well = run_row(&w, files[f].op, &x, &y, &expected);
            if (!well) printf("FAIL %s row %zu\n", files[f].name, i);
            passed += well;
        }
        json_decref(doc);
    }
    printf("opcodes: %zu of %zu rows\n", passed, ARRAY_LEN(files) * ROWS);
    tally_report("opcodes", ARRAY_LEN(files) * ROWS, passed, 0);
    vm_world_deinit(&w);
    return passed == ARRAY_LEN(files) * ROWS ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/abi_impl.h"

#include "chain/base/hex.h"

static const struct abi_type string_field = {
    .kind = ABI_STRING, .dynamic = true, .head_size = ABI_WORD};
static const struct abi_type string_tuple = {
    .kind = ABI_LIST, .is_tuple = true, .count = 1, .fields = &string_field};

/// The first four bytes of keccak256("Error(string)") and keccak256("Panic(uint256)").
static const uint8_t error_selector[4] = {0x08, 0xc3, 0x79, 0xa0};
static const uint8_t panic_selector[4] = {0x4e, 0x48, 0x7b, 0x71};

struct abi_revert abi_revert_decode(bytes_t data)
{
    struct abi_revert r = {.kind = ABI_REVERT_UNKNOWN, .data = data};
    if (data.len == 0) {
        r.kind = ABI_REVERT_EMPTY;
        return r;
    }
    if (data.len < sizeof r.selector) return r;
    memcpy(r.selector, data.data, sizeof r.selector);

    const bytes_t args = bytes_make(data.data + 4, data.len - 4);
    if (memcmp(r.selector, error_selector, sizeof r.selector) == 0) {
        struct abi_value text;
        // A tuple of one string needs no arena: nothing in it is a list.
        if (abi_decode(&text, NULL, &string_tuple, args).kind == ERR_NONE) {
            r.kind = ABI_REVERT_ERROR;
            r.message = text.bytes;
        }
    } else if (memcmp(r.selector, panic_selector, sizeof r.selector) == 0) {
        if (args.len >= ABI_WORD) {
            r.kind = ABI_REVERT_PANIC;
            r.panic_code = u256_from_be32(args.data);
        }
    } else {
        r.kind = ABI_REVERT_CUSTOM;
    }
    return r;
}

const char *abi_panic_text(const u256_t *code)
{
    switch (u256_fits_u64(code) ? code->limb[0] : UINT64_MAX) {
    case 0x00:
        return "a compiler-inserted check failed";
    case 0x01:
        return "an assertion failed";
    case 0x11:
        return "arithmetic overflow or underflow";
    case 0x12:
        return "division or modulo by zero";
    case 0x21:
        return "a number outside its enumeration";
    case 0x22:
        return "a wrongly encoded byte array in storage";
    case 0x31:
        return "pop of an empty array";
    case 0x32:
        return "array index out of bounds";
    case 0x41:
        return "out of memory, or an array too large";
    case 0x51:
        return "call of an uninitialised function";
    default:
        return "an unknown panic code";
    }
}

/// Room for one signature and what a custom error's data unfolds into.
#define PRINT_ROOM ((size_t)1024 * 1024)

static bool print_if_known(struct buf *out, struct arena *arena, const struct abi_revert *r,
                           const char *signature)
{
    struct abi_signature s;
    if (abi_signature_parse(&s, arena, bytes_of_str(signature)).kind != ERR_NONE) return false;
    if (memcmp(s.selector, r->selector, sizeof s.selector) != 0) return false;

    struct abi_value *values = ARENA_ARRAY(arena, struct abi_value, s.inputs.count);
    if (values == NULL) return false;
    const bytes_t args = bytes_make(r->data.data + 4, r->data.len - 4);
    if (abi_decode(values, arena, &s.inputs, args).kind != ERR_NONE) return false;
    const struct abi_value all = abi_list(values, s.inputs.count);
    buf_put_str(out, s.name);
    abi_value_print(out, &s.inputs, &all);
    return true;
}

static void print_custom(struct buf *out, const struct abi_revert *r, const char *const *known,
                         size_t known_count)
{
    struct arena arena;
    bool printed = false;
    if (arena_init(&arena, PRINT_ROOM).kind == ERR_NONE) {
        for (size_t i = 0; i < known_count && !printed; i++) {
            arena_reset(&arena);
            printed = print_if_known(out, &arena, r, known[i]);
        }
        arena_deinit(&arena);
    }
    if (printed) return;
    char selector[9];
    hex_encode(selector, BYTES_OF(r->selector));
    buf_printf(out, "custom error 0x%s with %zu bytes of data", selector, r->data.len - 4);
    const size_t shown = r->data.len - 4 > 256 ? 256 : r->data.len - 4;
    if (shown == 0) return;
    const struct abi_value data = abi_bytes(bytes_make(r->data.data + 4, shown));
    buf_put_str(out, ": ");
    abi_value_print(out, NULL, &data);
    if (shown < r->data.len - 4) buf_put_str(out, "..");
}

void abi_revert_print(struct buf *out, bytes_t data, const char *const *known, size_t known_count)
{
    const struct abi_revert r = abi_revert_decode(data);
    switch (r.kind) {
    case ABI_REVERT_EMPTY:
        buf_put_str(out, "reverted without a reason");
        return;
    case ABI_REVERT_ERROR: {
        const struct abi_value text = {.kind = ABI_STRING, .bytes = r.message};
        abi_value_print(out, NULL, &text);
        return;
    }
    case ABI_REVERT_PANIC:
        buf_printf(out, "panic 0x%02llx: %s", (unsigned long long)r.panic_code.limb[0],
                   abi_panic_text(&r.panic_code));
        return;
    case ABI_REVERT_CUSTOM:
        print_custom(out, &r, known, known_count);
        return;
    case ABI_REVERT_UNKNOWN: {
        const struct abi_value raw = abi_bytes(data);
        buf_put_str(out, "unreadable reason ");
        abi_value_print(out, NULL, &raw);
        return;
    }
    }
    unreachable("abi: kind of a revert");
}

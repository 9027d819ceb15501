// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The contract ABI: calls, results, events and errors, driven by signatures as people
/// write them (Solidity ABI specification, "Formal Specification of the Encoding").
///
/// Encoding is a tuple of heads and tails. A static value stands in its head; a dynamic one
/// (bytes, string, T[], and whatever contains one) leaves an offset there, counted from the
/// start of its tuple, and stands in the tail:
///
///     f(uint256 a, string b)     selector(4) | a (32) | 0x40 (32) | len(b) (32) | b, padded
///
/// Typical use, building a call and reading its answer:
///
///     err = abi_build_call(&buf, "transfer(address,uint256)",
///                          (struct abi_value[]){abi_address(&to), abi_u256(&amount)}, 2);
///     err = abi_read(values, 1, &arena, "(uint256)", returned);
///
/// Decoding is strict about what could be misread: offsets and lengths lie inside the data,
/// padding of numbers, addresses and bools is checked, text is as long as it says. Bytes
/// after the last tail are ignored, as every ABI decoder does.

#include <jansson.h>

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "chain/base/u256.h"

// ---- types and values -----------------------------------------------------------------------

enum abi_kind {
    ABI_UINT,        ///< uint8..uint256, by value.number
    ABI_INT,         ///< int8..int256, two's complement in value.number
    ABI_BOOL,        ///< value.number is 0 or 1
    ABI_ADDRESS,     ///< value.address
    ABI_BYTES_FIXED, ///< bytes1..bytes32 (and `function`, 24), value.bytes of exactly that length
    ABI_BYTES,       ///< value.bytes
    ABI_STRING,      ///< value.bytes, not terminated
    ABI_LIST,        ///< arrays and tuples, value.list
};

/// A parsed type. Everything it points to lives in the arena of the parser.
struct abi_type {
    enum abi_kind kind;
    unsigned size;      ///< bits of ABI_UINT and ABI_INT, bytes of ABI_BYTES_FIXED
    bool is_tuple;      ///< of ABI_LIST: `fields` differ; else an array of `fields[0]`
    bool is_open_array; ///< T[]: `count` is in the data
    size_t count;       ///< fields of a tuple, elements of T[k]
    const struct abi_type *fields;
    const char *name; ///< of a parameter; "" if none was given
    bool indexed;     ///< of an event's parameter
    bool dynamic;     ///< has a tail
    size_t head_size; ///< bytes in its tuple's head: 32 if dynamic
};

struct abi_value {
    enum abi_kind kind;
    union {
        u256_t number;
        address_t address;
        bytes_t bytes;
        struct {
            const struct abi_value *items;
            size_t count;
        } list;
    };
};

static inline struct abi_value abi_u256(const u256_t *v)
{
    return (struct abi_value){.kind = ABI_UINT, .number = *v};
}

static inline struct abi_value abi_u64(uint64_t v)
{
    return (struct abi_value){.kind = ABI_UINT, .number = {{v, 0, 0, 0}}};
}

static inline struct abi_value abi_i64(int64_t v)
{
    const uint64_t sign = v < 0 ? UINT64_MAX : 0;
    return (struct abi_value){.kind = ABI_INT, .number = {{(uint64_t)v, sign, sign, sign}}};
}

static inline struct abi_value abi_bool(bool v)
{
    return (struct abi_value){.kind = ABI_BOOL, .number = {{v ? 1 : 0, 0, 0, 0}}};
}

static inline struct abi_value abi_address(const address_t *a)
{
    return (struct abi_value){.kind = ABI_ADDRESS, .address = *a};
}

/// bytes32 and shorter; borrows.
static inline struct abi_value abi_fixed(bytes_t b)
{
    return (struct abi_value){.kind = ABI_BYTES_FIXED, .bytes = b};
}

/// A bytes32; borrows `h`.
static inline struct abi_value abi_hash(const hash_t *h)
{
    return (struct abi_value){.kind = ABI_BYTES_FIXED, .bytes = {h->b, sizeof h->b}};
}

static inline struct abi_value abi_bytes(bytes_t b)
{
    return (struct abi_value){.kind = ABI_BYTES, .bytes = b};
}

static inline struct abi_value abi_string(const char *s)
{
    return (struct abi_value){.kind = ABI_STRING, .bytes = {(const uint8_t *)s, strlen(s)}};
}

/// An array or a tuple; borrows the items.
static inline struct abi_value abi_list(const struct abi_value *items, size_t count)
{
    return (struct abi_value){.kind = ABI_LIST, .list = {items, count}};
}

// ---- signatures -----------------------------------------------------------------------------

/// A signature taken apart, in the arena of the parser.
struct abi_signature {
    const char *name;        ///< "transfer"; "" for a bare "(address,uint256)"
    const char *canonical;   ///< "transfer(address,uint256)": what is hashed
    struct abi_type inputs;  ///< a tuple
    bool has_outputs;        ///< "... returns (...)" was given
    struct abi_type outputs; ///< a tuple, of nothing unless has_outputs
    hash_t topic;            ///< keccak256(canonical): an event's topic 0
    uint8_t selector[4];     ///< its first four bytes
};

/// Reads `transfer(address,uint256)`, with parameter names, `indexed`, `memory` and the
/// like allowed, an optional leading `function`, `event` or `error`, and an optional
/// `returns (...)` or, as short form, a second list `f(uint256)(bool)`. `uint` and `int`
/// mean 256 bits. Nested at most 16 deep.
/// @return ERR_MALFORMED (the text says which part), ERR_LIMIT, ERR_FULL
MUST_USE err_t abi_signature_parse(struct abi_signature *out, struct arena *arena, bytes_t text);

// ---- encoding and decoding ----------------------------------------------------------------------

/// Appends the encoding of a tuple's values (no selector).
/// @return ERR_INVALID a value does not fit its type or their counts differ; ERR_FULL
MUST_USE err_t abi_encode(struct buf *out, const struct abi_type *tuple,
                          const struct abi_value *values, size_t count);

/// Decodes a tuple into `values[0 .. tuple->count]`. Views borrow from `data`, lists are in
/// `arena`.
/// @return ERR_MALFORMED, ERR_LIMIT, ERR_FULL (data that unfolds into more than the arena holds)
MUST_USE err_t abi_decode(struct abi_value *values, struct arena *arena,
                          const struct abi_type *tuple, bytes_t data);

/// Selector and arguments by a signature's text.
MUST_USE err_t abi_build_call(struct buf *out, const char *signature, const struct abi_value *args,
                              size_t count);

/// abi_decode by a text such as "(uint256,address[])"; it must have `count` fields.
MUST_USE err_t abi_read(struct abi_value *values, size_t count, struct arena *arena,
                        const char *types, bytes_t data);

/// Arguments of a log, in the order of the signature. An indexed argument of a type longer
/// than a word is only known by its hash: its value is that hash as ABI_BYTES_FIXED.
/// @return ERR_MISMATCH if topic 0 or the number of topics is not this event's
MUST_USE err_t abi_event_decode(struct abi_value *values, struct arena *arena,
                                const struct abi_signature *event, const hash_t *topics,
                                size_t topic_count, bytes_t data);

// ---- people's text --------------------------------------------------------------------------

/// Why an argument was refused, for people: which one, what was seen, what is expected.
struct abi_detail {
    char text[256];
};

/// Reads one argument as a person types it: decimal or 0x numbers (int with a minus sign;
/// with a unit: "1.5ether", "3gwei", "7wei"), "true"/"false", 0x-hex for bytes, addresses
/// with EIP-55 check, strings as they are, arrays and tuples as `[a, b]` or `(a, b)` with
/// "quoted strings" where they contain commas.
/// @param detail  may be NULL
MUST_USE err_t abi_value_parse(struct abi_value *out, struct arena *arena,
                               const struct abi_type *type, bytes_t text,
                               struct abi_detail *detail);

/// All arguments of a call: `texts[i]` for `tuple->fields[i]`.
MUST_USE err_t abi_args_parse(struct abi_value *values, struct arena *arena,
                              const struct abi_type *tuple, const char *const *texts, size_t count,
                              struct abi_detail *detail);

/// Appends a value as text: decimal numbers, checksummed addresses, 0x-hex, "quoted" strings
/// with control characters escaped, `[..]` and `(name: value, ..)`.
void abi_value_print(struct buf *out, const struct abi_type *type, const struct abi_value *value);

/// A value as JSON: numbers as decimal strings, bytes as 0x-hex, arrays as arrays, tuples as
/// objects if all fields are named, else as arrays. NULL without memory. A string that is
/// not UTF-8 becomes 0x-hex.
json_t *abi_value_json(const struct abi_type *type, const struct abi_value *value);

// ---- reverts ----------------------------------------------------------------------------------

/// What a failed call returned.
enum abi_revert_kind {
    ABI_REVERT_EMPTY,   ///< no data: require without text, assert in old code, no such function
    ABI_REVERT_ERROR,   ///< Error(string)
    ABI_REVERT_PANIC,   ///< Panic(uint256)
    ABI_REVERT_CUSTOM,  ///< another selector with arguments
    ABI_REVERT_UNKNOWN, ///< fewer than four bytes, or a malformed Error or Panic
};
struct abi_revert {
    enum abi_revert_kind kind;
    bytes_t message; ///< of ERROR, borrowed
    u256_t panic_code;
    uint8_t selector[4]; ///< of CUSTOM
    bytes_t data;        ///< everything, borrowed
};
struct abi_revert abi_revert_decode(bytes_t data);

/// "arithmetic overflow or underflow" for 0x11, and so on (Solidity, "Panic via assert").
const char *abi_panic_text(const u256_t *code);

/// Appends a sentence: the text of an Error, the meaning of a Panic, a custom error with its
/// arguments if its signature is among `known` ("ERC20InsufficientBalance(address sender,
/// uint256 balance, uint256 needed)"), else its selector and data in hex.
void abi_revert_print(struct buf *out, bytes_t data, const char *const *known, size_t known_count);

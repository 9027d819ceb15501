// SPDX-License-Identifier: Apache-2.0
#include "chain/codec/abi.h"

#include "chain/base/endian.h"
#include "chain/codec/abi_impl.h"

// ---- encoding ----------------------------------------------------------------------------------

bool abi_number_fits(const struct abi_type *type, const u256_t *number)
{
    if (type->kind == ABI_INT) {
        // All bits from the sign bit of its size up are equal.
        const u256_t top = u256_sar(number, type->size - 1);
        return u256_is_zero(&top) ||
               (top.limb[0] & top.limb[1] & top.limb[2] & top.limb[3]) == UINT64_MAX;
    }
    return u256_bit_len(number) <= type->size; // unsigned, and bool of one bit
}

static err_t encode_number(uint8_t out[32], const struct abi_type *type,
                           const struct abi_value *value)
{
    const bool is_bool = type->kind == ABI_BOOL;
    const bool same = value->kind == type->kind;
    const bool both_integers = !is_bool && (value->kind == ABI_UINT || value->kind == ABI_INT);
    if (!same && !both_integers)
        return FAIL(INVALID, "abi: a value is of another kind than its type");

    // A positive number may be given as either; a sign bit means different things.
    const bool sign = value->number.limb[3] >> 63 != 0;
    if (!abi_number_fits(type, &value->number) || (!same && sign)) {
        return FAIL(INVALID, "abi: a number does not fit its type");
    }
    u256_to_be32(out, &value->number);
    return OK;
}

static err_t encode_word(uint8_t out[32], const struct abi_type *type,
                         const struct abi_value *value)
{
    memset(out, 0, ABI_WORD);
    switch (type->kind) {
    case ABI_UINT:
    case ABI_INT:
    case ABI_BOOL:
        return encode_number(out, type, value);
    case ABI_ADDRESS:
        if (value->kind != ABI_ADDRESS) {
            return FAIL(INVALID, "abi: a value is of another kind than its type");
        }
        memcpy(out + 12, value->address.b, sizeof value->address.b);
        return OK;
    case ABI_BYTES_FIXED:
        if (value->kind != ABI_BYTES_FIXED || value->bytes.len != type->size) {
            return FAIL(INVALID, "abi: fixed bytes of another length than their type");
        }
        memcpy(out, value->bytes.data, value->bytes.len);
        return OK;
    case ABI_BYTES:
    case ABI_STRING:
    case ABI_LIST:
        break;
    }
    unreachable("abi: not a word");
}

static err_t encode_list(struct buf *out, const struct abi_type *list,
                         const struct abi_value *items, size_t count);

/// The heads of static values lie one after another; so do the words of static lists.
static err_t encode_static(struct buf *out, size_t *at, const struct abi_type *type,
                           const struct abi_value *value)
{
    if (type->kind != ABI_LIST) {
        uint8_t word[ABI_WORD];
        TRY(encode_word(word, type, value));
        if (!out->full) memcpy(out->data + *at, word, sizeof word);
        *at += ABI_WORD;
        return OK;
    }
    if (value->kind != ABI_LIST || value->list.count != type->count) {
        return FAIL(INVALID, "abi: a list has another number of items than its type");
    }
    for (size_t i = 0; i < type->count; i++) {
        TRY(encode_static(out, at, abi_item_type(type, i), &value->list.items[i]));
    }
    return OK;
}

static void put_word(struct buf *out, uint64_t v)
{
    uint8_t word[ABI_WORD];
    const u256_t wide = u256_from_u64(v);
    u256_to_be32(word, &wide);
    buf_put(out, BYTES_OF(word));
}

static err_t encode_tail(struct buf *out, const struct abi_type *type,
                         const struct abi_value *value)
{
    if (value->kind != type->kind)
        return FAIL(INVALID, "abi: a value is of another kind than its type");
    if (type->kind == ABI_LIST) {
        if (type->is_open_array) put_word(out, value->list.count);
        return encode_list(out, type, value->list.items, value->list.count);
    }
    put_word(out, value->bytes.len);
    buf_put(out, value->bytes);
    const size_t padding = (ABI_WORD - value->bytes.len % ABI_WORD) % ABI_WORD;
    uint8_t *zeros = buf_extend(out, padding);
    if (zeros != NULL) memset(zeros, 0, padding);
    return OK;
}

static err_t encode_list(struct buf *out, const struct abi_type *list,
                         const struct abi_value *items, size_t count)
{
    if (!list->is_open_array && count != list->count) {
        return FAIL(INVALID, "abi: a list has another number of items than its type");
    }
    size_t heads = 0;
    for (size_t i = 0; i < count; i++) heads += abi_item_type(list, i)->head_size;
    const size_t start = out->len;
    uint8_t *room = buf_extend(out, heads);
    if (room == NULL) return buf_status(out);
    memset(room, 0, heads);

    size_t at = start;
    for (size_t i = 0; i < count; i++) {
        const struct abi_type *type = abi_item_type(list, i);
        if (!type->dynamic) {
            TRY(encode_static(out, &at, type, &items[i]));
            continue;
        }
        be_put_u64(out->data + at + ABI_WORD - 8, out->len - start);
        at += ABI_WORD;
        TRY(encode_tail(out, type, &items[i]));
        TRY(buf_status(out));
    }
    return buf_status(out);
}

err_t abi_encode(struct buf *out, const struct abi_type *tuple, const struct abi_value *values,
                 size_t count)
{
    if (count != tuple->count)
        return FAIL(INVALID, "abi: another number of values than parameters");
    return encode_list(out, tuple, values, count);
}

// ---- decoding ----------------------------------------------------------------------------------

err_t abi_decode_word(struct abi_value *out, const struct abi_type *type, const uint8_t word[32])
{
    static const uint8_t zeros[ABI_WORD];
    switch (type->kind) {
    case ABI_UINT:
    case ABI_INT:
    case ABI_BOOL:
        out->number = u256_from_be32(word);
        if (!abi_number_fits(type, &out->number)) {
            return FAIL(MALFORMED, "abi: a number is wider than its type");
        }
        break;
    case ABI_ADDRESS:
        if (memcmp(word, zeros, 12) != 0)
            return FAIL(MALFORMED, "abi: an address is not padded with zeros");
        memcpy(out->address.b, word + 12, sizeof out->address.b);
        break;
    case ABI_BYTES_FIXED:
        if (memcmp(word + type->size, zeros, ABI_WORD - type->size) != 0) {
            return FAIL(MALFORMED, "abi: fixed bytes are not padded with zeros");
        }
        out->bytes = bytes_make(word, type->size);
        break;
    case ABI_BYTES:
    case ABI_STRING:
    case ABI_LIST:
        unreachable("abi: not a word");
    }
    out->kind = type->kind;
    return OK;
}

/// A length or offset of at most `max`.
static err_t read_size(size_t *out, const uint8_t word[32], size_t max)
{
    const u256_t wide = u256_from_be32(word);
    if (!u256_fits_u64(&wide) || wide.limb[0] > max) {
        return FAIL(MALFORMED, "abi: an offset or length points outside the data");
    }
    *out = (size_t)wide.limb[0];
    return OK;
}

static err_t decode_list(struct abi_value *items, struct arena *arena, const struct abi_type *list,
                         size_t count, bytes_t base);

static err_t decode_items(struct abi_value *out, struct arena *arena, const struct abi_type *list,
                          size_t count, bytes_t base)
{
    struct abi_value *items = ARENA_ARRAY(arena, struct abi_value, count);
    if (items == NULL) return FAIL(FULL, "abi: the data unfolds into more than there is room for");
    *out = (struct abi_value){.kind = ABI_LIST, .list = {items, count}};
    return decode_list(items, arena, list, count, base);
}

/// A dynamic value that starts with `in`.
static err_t decode_tail(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                         bytes_t in)
{
    if (type->kind == ABI_LIST && !type->is_open_array) {
        return decode_items(out, arena, type, type->count, in);
    }
    if (in.len < ABI_WORD) return FAIL(MALFORMED, "abi: the data ends where a length should stand");
    const bytes_t rest = bytes_make(in.data + ABI_WORD, in.len - ABI_WORD);
    size_t len;
    if (type->kind == ABI_LIST) {
        TRY(read_size(&len, in.data, rest.len / type->fields[0].head_size)); // head_size >= 32
        return decode_items(out, arena, type, len, rest);
    }
    TRY(read_size(&len, in.data, rest.len));
    *out = (struct abi_value){.kind = type->kind, .bytes = bytes_make(rest.data, len)};
    return OK;
}

/// A value whose head starts at `at` of `base`, which is long enough for all heads.
static err_t decode_value(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                          bytes_t base, size_t at)
{
    if (type->dynamic) {
        size_t offset;
        TRY(read_size(&offset, base.data + at, base.len));
        return decode_tail(out, arena, type, bytes_make(base.data + offset, base.len - offset));
    }
    if (type->kind == ABI_LIST) {
        return decode_items(out, arena, type, type->count,
                            bytes_make(base.data + at, type->head_size));
    }
    return abi_decode_word(out, type, base.data + at);
}

static err_t decode_list(struct abi_value *items, struct arena *arena, const struct abi_type *list,
                         size_t count, bytes_t base)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct abi_type *type = abi_item_type(list, i);
        if (type->head_size > base.len - at) return FAIL(MALFORMED, "abi: the data is too short");
        TRY(decode_value(&items[i], arena, type, base, at));
        at += type->head_size;
    }
    return OK;
}

err_t abi_decode(struct abi_value *values, struct arena *arena, const struct abi_type *tuple,
                 bytes_t data)
{
    return decode_list(values, arena, tuple, tuple->count, data);
}

// ---- by signature ------------------------------------------------------------------------------

/// Room for a signature's types while one call is built or read.
#define SIGNATURE_ROOM ((size_t)256 * 1024)

err_t abi_build_call(struct buf *out, const char *signature, const struct abi_value *args,
                     size_t count)
{
    struct arena arena;
    TRY(arena_init(&arena, SIGNATURE_ROOM));
    struct abi_signature s;
    err_t err = abi_signature_parse(&s, &arena, bytes_of_str(signature));
    if (err.kind == ERR_NONE) {
        buf_put(out, BYTES_OF(s.selector));
        err = abi_encode(out, &s.inputs, args, count);
    }
    arena_deinit(&arena);
    return err;
}

err_t abi_read(struct abi_value *values, size_t count, struct arena *arena, const char *types,
               bytes_t data)
{
    struct arena scratch;
    TRY(arena_init(&scratch, SIGNATURE_ROOM));
    struct abi_signature s;
    err_t err = abi_signature_parse(&s, &scratch, bytes_of_str(types));
    if (err.kind == ERR_NONE && s.inputs.count != count) {
        err = FAIL(INVALID, "abi: another number of values than types");
    }
    if (err.kind == ERR_NONE) err = abi_decode(values, arena, &s.inputs, data);
    arena_deinit(&scratch);
    return err;
}

/// An indexed argument: its word, or the hash of what is longer than a word.
static err_t decode_topic(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                          const hash_t *topic)
{
    bool full = false;
    const bytes_t word = arena_copy(arena, BYTES_OF(*topic), &full);
    if (full) return FAIL(FULL, "abi: no room for an event's arguments");
    const bool by_value = !type->dynamic && type->kind != ABI_LIST;
    if (by_value) return abi_decode_word(out, type, word.data);
    *out = abi_fixed(word);
    return OK;
}

err_t abi_event_decode(struct abi_value *values, struct arena *arena,
                       const struct abi_signature *event, const hash_t *topics, size_t topic_count,
                       bytes_t data)
{
    const struct abi_type *inputs = &event->inputs;
    if (topic_count == 0 || !hash_eq(&topics[0], &event->topic)) {
        return FAIL(MISMATCH, "abi: the log is of another event");
    }
    struct abi_type *plain = ARENA_ARRAY(arena, struct abi_type, inputs->count);
    struct abi_value *decoded = ARENA_ARRAY(arena, struct abi_value, inputs->count);
    if (plain == NULL || decoded == NULL)
        return FAIL(FULL, "abi: no room for an event's arguments");
    size_t plain_count = 0;
    for (size_t i = 0; i < inputs->count; i++) {
        if (!inputs->fields[i].indexed) plain[plain_count++] = inputs->fields[i];
    }
    if (inputs->count - plain_count != topic_count - 1) {
        return FAIL(MISMATCH, "abi: the log has another number of indexed arguments");
    }
    const struct abi_type tuple = {
        .kind = ABI_LIST, .is_tuple = true, .count = plain_count, .fields = plain};
    TRY(abi_decode(decoded, arena, &tuple, data));

    size_t next_plain = 0;
    size_t next_topic = 1;
    for (size_t i = 0; i < inputs->count; i++) {
        if (inputs->fields[i].indexed) {
            TRY(decode_topic(&values[i], arena, &inputs->fields[i], &topics[next_topic++]));
        } else {
            values[i] = decoded[next_plain++];
        }
    }
    return OK;
}

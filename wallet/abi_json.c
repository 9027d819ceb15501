// SPDX-License-Identifier: Apache-2.0
#include "wallet/abi_json.h"

#include "chain/base/arena.h"

#include <stdio.h>

/// Values of one answer at most: 16 MiB of data unfold into less.
#define ARENA_BYTES ((size_t)1 << 30)
#define MAX_DEPTH 20

/// A signature with the arena that it lives in.
struct parsed {
    struct arena arena;
    struct abi_signature signature;
};

static err_t parse(struct parsed *p, const char *signature)
{
    TRY(arena_init(&p->arena, ARENA_BYTES));
    const err_t err = abi_signature_parse(&p->signature, &p->arena, bytes_of_str(signature));
    if (!err_ok(err)) arena_deinit(&p->arena);
    return err;
}

err_t abi_json_topic(hash_t *out, const char *signature)
{
    struct parsed p;
    TRY(parse(&p, signature));
    *out = p.signature.topic;
    arena_deinit(&p.arena);
    return OK;
}

err_t abi_json_selector(uint8_t out[4], const char *signature)
{
    hash_t topic;
    TRY(abi_json_topic(&topic, signature));
    memcpy(out, topic.b, 4);
    return OK;
}

bool abi_json_has_outputs(const char *signature)
{
    struct parsed p;
    if (!err_ok(parse(&p, signature))) return false;
    const bool has = p.signature.has_outputs;
    arena_deinit(&p.arena);
    return has;
}

// ---- encoding -----------------------------------------------------------------------------

static err_t refuse(struct abi_detail *why, const struct abi_type *type, const char *what)
{
    (void)snprintf(why->text, sizeof why->text, "%s%s%s",
                   type->name != NULL && type->name[0] != 0 ? type->name : "",
                   type->name != NULL && type->name[0] != 0 ? ": " : "", what);
    return FAIL(INVALID, "abi: a value does not fit its type");
}

static const struct abi_type *item_type(const struct abi_type *list, size_t i)
{
    return list->is_tuple ? &list->fields[i] : &list->fields[0];
}

static err_t value_of_json(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                           const json_t *v, struct abi_detail *why, unsigned depth);

/// An array of values, or a tuple's object.
static err_t list_of_json(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                          const json_t *v, struct abi_detail *why, unsigned depth)
{
    const bool by_name = type->is_tuple && json_is_object(v);
    if (!by_name && !json_is_array(v)) return refuse(why, type, "an array is expected");
    const size_t n = by_name ? type->count : json_array_size(v);
    if (!type->is_open_array && n != type->count)
        return refuse(why, type, "another number of values is expected");
    if (depth > MAX_DEPTH) return FAIL(LIMIT, "abi: nested too deeply");

    struct abi_value *items = ARENA_ARRAY(arena, struct abi_value, n + 1);
    if (items == NULL) return FAIL(FULL, "abi: too many values");
    for (size_t i = 0; i < n; i++) {
        const struct abi_type *t = item_type(type, i);
        const json_t *item = by_name ? json_object_get(v, t->name) : json_array_get(v, i);
        if (item == NULL) return refuse(why, t, "this value is missing");
        TRY(value_of_json(&items[i], arena, t, item, why, depth + 1));
    }
    *out = abi_list(items, n);
    return OK;
}

static err_t value_of_json(struct abi_value *out, struct arena *arena, const struct abi_type *type,
                           const json_t *v, struct abi_detail *why, unsigned depth)
{
    if (type->kind == ABI_LIST) return list_of_json(out, arena, type, v, why, depth);
    if (json_is_boolean(v) && type->kind == ABI_BOOL) {
        *out = abi_bool(json_is_true(v));
        return OK;
    }
    char number[24];
    const char *text = json_string_value(v);
    size_t len = json_string_length(v);
    if (json_is_integer(v)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        text = number;
        len = strlen(number);
    }
    if (text == NULL) return refuse(why, type, "text or a number is expected");
    if (type->kind == ABI_STRING) {
        // As it is: quotes and spaces belong to it.
        *out = (struct abi_value){.kind = ABI_STRING, .bytes = bytes_make(text, len)};
        return OK;
    }
    // The text must outlive this call.
    bool full = false;
    const bytes_t kept = arena_copy(arena, bytes_make(text, len), &full);
    if (full) return FAIL(FULL, "abi: too many values");
    return abi_value_parse(out, arena, type, kept, why);
}

err_t abi_json_encode_call(struct buf *out, const char *signature, const json_t *values,
                           struct abi_detail *why)
{
    why->text[0] = 0;
    struct parsed p;
    err_t err = parse(&p, signature);
    if (!err_ok(err)) {
        (void)snprintf(why->text, sizeof why->text, "%s: `%.80s`", err_text(err), signature);
        return err;
    }
    struct abi_value list;
    json_t *none = json_array();
    err =
        list_of_json(&list, &p.arena, &p.signature.inputs, values != NULL ? values : none, why, 0);
    if (err_ok(err)) {
        buf_put(out, bytes_make(p.signature.selector, 4));
        err = abi_encode(out, &p.signature.inputs, list.list.items, list.list.count);
    }
    if (err_ok(err)) err = buf_status(out);
    json_decref(none);
    arena_deinit(&p.arena);
    if (!err_ok(err) && why->text[0] == 0)
        (void)snprintf(why->text, sizeof why->text, "%s", err_text(err));
    return err;
}

err_t abi_json_of_args(json_t **out, const char *signature, const char *const *args, size_t count,
                       struct abi_detail *why)
{
    why->text[0] = 0;
    struct parsed p;
    err_t err = parse(&p, signature);
    if (!err_ok(err)) {
        (void)snprintf(why->text, sizeof why->text, "%s: `%.80s`", err_text(err), signature);
        return err;
    }
    const struct abi_type *inputs = &p.signature.inputs;
    struct abi_value *values = ARENA_ARRAY(&p.arena, struct abi_value, count + 1);
    err = values == NULL ? FAIL(FULL, "abi: too many values")
                         : abi_args_parse(values, &p.arena, inputs, args, count, why);
    if (err_ok(err)) {
        *out = json_array();
        for (size_t i = 0; i < count; i++)
            (void)json_array_append_new(*out, abi_value_json(&inputs->fields[i], &values[i]));
    } else if (why->text[0] == 0) {
        (void)snprintf(why->text, sizeof why->text, "%s", err_text(err));
    }
    arena_deinit(&p.arena);
    return err;
}

// ---- decoding -----------------------------------------------------------------------------

/// The values of a tuple as an array, or as an object by name.
static json_t *tuple_json(const struct abi_type *tuple, const struct abi_value *values, bool named)
{
    json_t *out = named ? json_object() : json_array();
    for (size_t i = 0; i < tuple->count; i++) {
        json_t *v = abi_value_json(&tuple->fields[i], &values[i]);
        char position[24];
        const char *name = tuple->fields[i].name;
        if (!named) {
            (void)json_array_append_new(out, v);
            continue;
        }
        if (name == NULL || name[0] == 0) {
            (void)snprintf(position, sizeof position, "%zu", i);
            name = position;
        }
        (void)json_object_set_new(out, name, v);
    }
    return out;
}

static err_t decode_tuple(json_t **out, struct parsed *p, const struct abi_type *tuple,
                          bytes_t data, bool named)
{
    struct abi_value *values = ARENA_ARRAY(&p->arena, struct abi_value, tuple->count + 1);
    err_t err = values == NULL ? FAIL(FULL, "abi: too many values")
                               : abi_decode(values, &p->arena, tuple, data);
    if (err_ok(err)) *out = tuple_json(tuple, values, named);
    arena_deinit(&p->arena);
    return err;
}

err_t abi_json_decode(json_t **out, const char *signature, bytes_t data)
{
    struct parsed p;
    TRY(parse(&p, signature));
    return decode_tuple(out, &p, &p.signature.inputs, data, false);
}

err_t abi_json_decode_result(json_t **out, const char *signature, bytes_t data)
{
    struct parsed p;
    TRY(parse(&p, signature));
    return decode_tuple(out, &p, &p.signature.outputs, data, false);
}

err_t abi_json_decode_named(json_t **out, const char *signature, bytes_t data)
{
    struct parsed p;
    TRY(parse(&p, signature));
    return decode_tuple(out, &p, &p.signature.inputs, data, true);
}

err_t abi_json_decode_log(json_t **out, const char *signature, const hash_t *topics,
                          size_t topic_count, bytes_t data)
{
    struct parsed p;
    TRY(parse(&p, signature));
    const struct abi_type *inputs = &p.signature.inputs;
    struct abi_value *values = ARENA_ARRAY(&p.arena, struct abi_value, inputs->count + 1);
    const err_t err = values == NULL ? FAIL(FULL, "abi: too many values")
                                     : abi_event_decode(values, &p.arena, &p.signature, topics,
                                                        topic_count, data);
    if (err_ok(err)) *out = tuple_json(inputs, values, true);
    arena_deinit(&p.arena);
    return err;
}

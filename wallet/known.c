// SPDX-License-Identifier: Apache-2.0
#include "wallet/known.h"

#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/fed/calls.h"
#include "wallet/abi_json.h"
#include "wallet/out.h"
#include "wallet/text.h"

#include <stdlib.h>
#include <strings.h>

static bool contract_at(enum fed_contract *out, const address_t *a)
{
    for (unsigned i = 0; i < FED_CONTRACTS; i++) {
        if (address_eq(a, &fed_contract_address[i])) {
            *out = (enum fed_contract)i;
            return true;
        }
    }
    return false;
}

const char *known_contract_name(const address_t *a)
{
    enum fed_contract c;
    return contract_at(&c, a) ? fed_contract_name[c] : NULL;
}

bool known_address(address_t *out, const char *name)
{
    for (unsigned i = 0; i < FED_CONTRACTS; i++) {
        if (strcasecmp(name, fed_contract_name[i]) == 0) {
            *out = fed_contract_address[i];
            return true;
        }
    }
    return false;
}

const char *known_function(const address_t *to, const char *name)
{
    enum fed_contract c;
    if (!contract_at(&c, to)) return NULL;
    const struct fed_item *item = fed_function(c, name);
    return item != NULL ? item->decl : NULL;
}

const char *known_event(const address_t *at, const char *name)
{
    enum fed_contract c;
    if (!contract_at(&c, at)) return NULL;
    const struct fed_item *item = fed_event_named(c, name);
    return item != NULL ? item->decl : NULL;
}

json_t *known_call(const address_t *to, bytes_t data)
{
    enum fed_contract c;
    if (data.len < 4 || !contract_at(&c, to)) return NULL;
    const struct fed_item *item = fed_function_of(c, be_get_u32(data.data));
    json_t *named;
    if (item == NULL ||
        !err_ok(abi_json_decode_named(&named, item->decl, bytes_make(data.data + 4, data.len - 4))))
        return NULL;
    json_t *out = json_object();
    (void)json_object_set_new(out, "contract", json_string(fed_contract_name[c]));
    (void)json_object_set_new(out, "function", json_string(item->name));
    (void)json_object_set_new(out, "args", named);
    return out;
}

json_t *known_logs(const json_t *logs)
{
    json_t *out = json_array();
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        address_t a;
        hash_t topic;
        enum fed_contract c;
        const char *at = json_string_value(json_object_get(log, "address"));
        const char *first = json_string_value(json_array_get(json_object_get(log, "topics"), 0));
        if (at == NULL || first == NULL || !err_ok(text_parse_address(&a, at)) ||
            !err_ok(text_parse_hash(&topic, first)) || !contract_at(&c, &a))
            continue;
        const struct fed_item *item = fed_event_of(c, &topic);
        json_t *args;
        if (item == NULL || !err_ok(contract_log_decode(&args, item->decl, log))) continue;
        json_t *row = json_object();
        (void)json_object_set_new(row, "contract", json_string(fed_contract_name[c]));
        (void)json_object_set_new(row, "event", json_string(item->name));
        (void)json_object_set_new(row, "args", args);
        (void)json_array_append_new(out, row);
    }
    return out;
}

void known_put_args(struct buf *b, const json_t *args)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)args, key, v)
    {
        char *text = json_is_string(v)
                         ? strdup(json_string_value(v))
                         : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        if (text != NULL) buf_printf(b, " %s=%.80s%s", key, text, strlen(text) > 80 ? ".." : "");
        free(text);
    }
}

static void print_args(struct ctx *ctx, const char *lead, const char *name, const json_t *args)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    known_put_args(&b, args);
    buf_put_u8(&b, 0);
    out_field(ctx, lead, "%s%s", name, (const char *)b.data);
    buf_deinit(&b);
}

void known_print_call(struct ctx *ctx, const json_t *call)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s.%s", json_string_value(json_object_get(call, "contract")),
                   json_string_value(json_object_get(call, "function")));
    print_args(ctx, "call", name, json_object_get(call, "args"));
}

void known_print_logs(struct ctx *ctx, const json_t *logs)
{
    size_t i;
    json_t *row;
    json_array_foreach(logs, i, row)
    {
        char name[128];
        (void)snprintf(name, sizeof name, "%s.%s",
                       json_string_value(json_object_get(row, "contract")),
                       json_string_value(json_object_get(row, "event")));
        print_args(ctx, "event", name, json_object_get(row, "args"));
    }
}

// ---- reading and writing by name ------------------------------------------------------------

/// A function or event that the program itself names.
static const char *decl_of(const struct fed_item *item, const char *name)
{
    if (item == NULL) unreachable(name);
    return item->decl;
}

enum exit_code known_view(struct ctx *ctx, json_t **out, enum fed_contract c, const char *function,
                          json_t *args)
{
    return contract_view(ctx, out, &fed_contract_address[c],
                         decl_of(fed_function(c, function), function), args);
}

enum exit_code known_view_try(struct ctx *ctx, json_t **out, enum fed_contract c,
                              const char *function, json_t *args)
{
    return contract_view_try(ctx, out, &fed_contract_address[c],
                             decl_of(fed_function(c, function), function), args);
}

enum exit_code known_value(struct ctx *ctx, json_t **out, enum fed_contract c, const char *function,
                           json_t *args)
{
    json_t *values;
    STEP(known_view(ctx, &values, c, function, args));
    *out = json_incref(json_array_get(values, 0));
    json_decref(values);
    return EXIT_DONE;
}

enum exit_code known_u64(struct ctx *ctx, uint64_t *out, enum fed_contract c, const char *function,
                         json_t *args)
{
    json_t *v;
    STEP(known_value(ctx, &v, c, function, args));
    *out = json_get_u64(v);
    json_decref(v);
    return EXIT_DONE;
}

enum exit_code known_u256(struct ctx *ctx, u256_t *out, enum fed_contract c, const char *function,
                          json_t *args)
{
    json_t *v;
    STEP(known_value(ctx, &v, c, function, args));
    *out = json_get_u256(v);
    json_decref(v);
    return EXIT_DONE;
}

enum exit_code known_write(struct ctx *ctx, struct sent *out, enum fed_contract c,
                           const char *function, json_t *args, const char *what)
{
    return send_function(ctx, out, &fed_contract_address[c],
                         decl_of(fed_function(c, function), function), args, what);
}

enum exit_code known_find_logs(struct ctx *ctx, json_t **out, enum fed_contract c,
                               const char *event, const char *const topics[4])
{
    return contract_logs(ctx, out, &fed_contract_address[c],
                         decl_of(fed_event_named(c, event), event), topics);
}

json_t *known_receipt_logs(const struct sent *s, enum fed_contract c, const char *event)
{
    return sent_logs(s, &fed_contract_address[c], decl_of(fed_event_named(c, event), event));
}

struct topic_text topic_u64(uint64_t v)
{
    struct topic_text t = {"0x"};
    const u256_t n = u256_from_u64(v);
    const hash_t h = u256_to_hash(&n);
    hex_encode(t.s + 2, BYTES_OF(h));
    return t;
}

struct topic_text topic_address(const address_t *a)
{
    struct topic_text t = {"0x000000000000000000000000"};
    hex_encode(t.s + 26, BYTES_OF(*a));
    return t;
}

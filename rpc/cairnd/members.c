// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/members.h"

#include "chain/base/json.h"
#include "chain/base/u256.h"
#include "rpc/cairnd/command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static err_t refuse(struct members_detail *d, const char *fmt,
                                                          ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(d->text, sizeof d->text, fmt, args);
    va_end(args);
    return FAIL(INVALID, "members: not usable");
}

bool token_units(char out[80], const char *tokens)
{
    char digits[80];
    size_t n = 0;
    size_t decimals = 0;
    bool point = false;
    for (const char *p = tokens; *p != 0; p++) {
        if (*p == '.' && !point && p != tokens) {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char)*p) || n > 50 || (point && decimals == 18)) return false;
        digits[n++] = *p;
        decimals += point;
    }
    if (n == 0) return false;
    for (; decimals < 18; decimals++) digits[n++] = '0';
    digits[n] = 0;
    const char *first = digits;
    while (first[0] == '0' && first[1] != 0) first++;
    memcpy(out, first, strlen(first) + 1);
    return true;
}

static err_t load(json_t **out, const char *path, struct members_detail *detail)
{
    struct buf text;
    buf_init(&text, (size_t)4 << 20);
    struct json_detail json = {""};
    err_t err = file_read(&text, path);
    if (!err_ok(err)) {
        err = refuse(detail, "%s: %s\nhint: want a JSON file", path, err_text(err));
    } else if (!err_ok(json_parse(out, buf_bytes(&text), &json))) {
        err = refuse(detail, "%s: %s\nhint: want a JSON file", path, json.text);
    }
    buf_deinit(&text);
    return err;
}

static bool flag_of(const json_t *entry, const char *key, bool otherwise)
{
    const json_t *v = json_object_get(entry, key);
    return v == NULL ? otherwise : json_is_true(v);
}

static err_t merge_members(json_t *params, const json_t *list, const char *path,
                           struct members_detail *detail)
{
    if (!json_is_array(list)) {
        return refuse(detail,
                      "%s: not a list\nhint: want [{\"address\": .., \"tokens\": \"1000\"}]", path);
    }
    json_t *members = json_array();
    json_t *holders = json_array();
    json_t *amounts = json_array();
    json_t *aggregators = json_array();
    err_t err = OK;
    for (size_t i = 0; i < json_array_size(list) && err_ok(err); i++) {
        const json_t *entry = json_array_get(list, i);
        json_t *address = json_object_get(entry, "address");
        const json_t *tokens = json_object_get(entry, "tokens");
        char text[80] = "0";
        char units[80];
        if (json_is_string(tokens))
            (void)snprintf(text, sizeof text, "%s", json_string_value(tokens));
        if (json_is_integer(tokens)) {
            (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(tokens));
        }
        if (!json_is_string(address)) {
            err = refuse(detail, "%s: entry %zu has no address", path, i + 1);
        } else if (!token_units(units, text)) {
            err = refuse(detail, "%s: entry %zu: tokens is %s; expected an amount such as \"1000\"",
                         path, i + 1, text);
        } else {
            if (strcmp(units, "0") != 0) {
                json_array_append(holders, address);
                json_array_append_new(amounts, json_string(units));
            }
            if (flag_of(entry, "member", true)) json_array_append(members, address);
            if (flag_of(entry, "aggregator", false)) json_array_append(aggregators, address);
        }
    }
    json_object_set_new(params, "members", members);
    json_object_set_new(params, "holders", holders);
    json_object_set_new(params, "amounts", amounts);
    json_object_set_new(params, "aggregators", aggregators);
    return err;
}

err_t members_merge(json_t *params, const char *members_path, const char *gov_path,
                    struct members_detail *detail)
{
    detail->text[0] = 0;
    if (members_path[0] != 0) {
        json_t *list = NULL;
        TRY(load(&list, members_path, detail));
        const err_t err = merge_members(params, list, members_path, detail);
        json_decref(list);
        TRY(err);
    }
    if (gov_path[0] != 0) {
        json_t *object = NULL;
        TRY(load(&object, gov_path, detail));
        const bool ok = json_is_object(object) && json_object_update(params, object) == 0;
        json_decref(object);
        if (!ok) {
            return refuse(detail, "%s: not an object\nhint: want {\"timelockSeconds\": \"10\", ..}",
                          gov_path);
        }
    }
    return OK;
}

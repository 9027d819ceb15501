// SPDX-License-Identifier: Apache-2.0
#include "chain/base/json.h"

#include <stdio.h>
#include <strings.h>

/// Whether brackets outside strings nest at most JSON_MAX_DEPTH deep. The parser recurses,
/// so this is asked before.
static bool depth_is_bounded(bytes_t text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH) return false;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

err_t json_parse(json_t **out, bytes_t text, struct json_detail *detail)
{
    if (!depth_is_bounded(text)) {
        if (detail != NULL) {
            snprintf(detail->text, sizeof detail->text, "nested more than %d deep", JSON_MAX_DEPTH);
        }
        return FAIL(LIMIT, "json: nested too deeply");
    }
    if (text.len == 0) {
        if (detail != NULL) snprintf(detail->text, sizeof detail->text, "nothing there");
        return FAIL(MALFORMED, "json: empty");
    }
    json_error_t error;
    json_t *value = json_loadb((const char *)text.data, text.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value == NULL) {
        if (detail != NULL) {
            snprintf(detail->text, sizeof detail->text, "line %d, column %d: %.120s", error.line,
                     error.column, error.text);
            for (char *c = detail->text; *c != '\0'; c++) {
                if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) *c = '?';
            }
        }
        return FAIL(MALFORMED, "json: not valid JSON");
    }
    *out = value;
    return OK;
}

const json_t *json_member_nocase(const json_t *object, const char *lower, bool *ambiguous)
{
    const json_t *found = NULL;
    if (!json_is_object(object)) return NULL;
    // jansson's iterators take a non-const object but do not change it.
    json_t *walked = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        if (strcasecmp(json_object_iter_key(it), lower) != 0) continue;
        if (found != NULL && ambiguous != NULL) *ambiguous = true;
        if (found == NULL) found = json_object_iter_value(it);
    }
    return json_is_null(found) ? NULL : found;
}

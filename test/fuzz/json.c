// SPDX-License-Identifier: Apache-2.0
/// JSON: what parses is nested within the limit, prints, and parses to the same again; what
/// does not leaves nothing behind and says where in words fit for a terminal.
#include "chain/base/json.h"
#include "test/fuzz/fuzz.h"

static unsigned depth_of(const json_t *v)
{
    unsigned most = 0;
    const char *name;
    json_t *member;
    size_t i;
    if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, name, member)
        {
            const unsigned d = depth_of(member);
            most = d > most ? d : most;
        }
        return most + 1;
    }
    if (!json_is_array(v)) return 0;
    json_array_foreach(v, i, member)
    {
        const unsigned d = depth_of(member);
        most = d > most ? d : most;
    }
    return most + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *v = NULL;
    struct json_detail detail = {""};
    const err_t err = json_parse(&v, bytes_make(data, size), &detail);
    if (!err_ok(err)) {
        EXPECT(v == NULL);
        EXPECT(err.kind == ERR_MALFORMED || err.kind == ERR_LIMIT || err.kind == ERR_FULL);
        const char *end = memchr(detail.text, 0, sizeof detail.text);
        EXPECT(end != NULL);
        for (const char *c = detail.text; c < end; c++) EXPECT(*c >= ' ' && *c <= '~');
        return 0;
    }
    EXPECT(depth_of(v) <= JSON_MAX_DEPTH);
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    EXPECT(text != NULL);
    json_t *again = NULL;
    EXPECT(err_ok(json_parse(&again, bytes_of_str(text), &detail)));
    EXPECT(json_equal(v, again));
    free(text);
    json_decref(again);
    json_decref(v);
    return 0;
}

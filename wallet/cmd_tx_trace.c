// SPDX-License-Identifier: Apache-2.0
// `cairn tx trace`: the calls inside a transaction as a tree, with what is known of them in words.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "wallet/client.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/revert.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdlib.h>

/// Prints one line of the tree; takes the buffer's contents, which come from outside in part.
static void put_line(struct ctx *ctx, unsigned depth, struct buf *line)
{
    struct buf safe;
    buf_init(&safe, (size_t)1 << 20);
    buf_put_u8(line, 0);
    text_put_escaped(&safe, line->full ? "(too long)" : (const char *)line->data);
    buf_put_u8(&safe, 0);
    out_line(ctx, "%*s%s", (int)(2 * depth), "",
             safe.full ? "(too long)" : (const char *)safe.data);
    buf_deinit(&safe);
    buf_clear(line);
}

static const char *text_of(const json_t *frame, const char *key)
{
    const char *s = json_string_value(json_object_get(frame, key));
    return s != NULL ? s : "";
}

/// A system contract's name, or the address.
static void put_who(struct buf *b, const char *address)
{
    address_t a;
    const char *name = NULL;
    if (!err_ok(text_parse_address(&a, address))) {
        buf_put_str(b, address[0] != 0 ? address : "nothing");
        return;
    }
    name = known_contract_name(&a);
    buf_put_str(b, name != NULL ? name : text_address(&a).s);
}

/// "Rounds.commit roundId=1 ..", or the address with the selector.
static void put_function(struct buf *b, const json_t *frame)
{
    const char *to = text_of(frame, "to");
    const char *type = text_of(frame, "type");
    size_t len = 0;
    uint8_t *data = json_data(&len, json_object_get(frame, "input"));
    address_t target;
    json_t *call = NULL;
    if (data != NULL && err_ok(text_parse_address(&target, to)))
        call = known_call(&target, bytes_make(data, len));
    if (call != NULL) {
        buf_printf(b, "%s.%s", text_of(call, "contract"), text_of(call, "function"));
        known_put_args(b, json_object_get(call, "args"));
        json_decref(call);
    } else if (strncmp(type, "CREATE", 6) == 0) {
        put_who(b, to);
        buf_printf(b, " (%zu bytes of init code)", len);
    } else {
        put_who(b, to);
        if (data != NULL && len >= 4)
            buf_printf(b, " 0x%02x%02x%02x%02x (%zu bytes)", data[0], data[1], data[2], data[3],
                       len);
        else if (len > 0)
            buf_printf(b, " (%zu bytes)", len);
    }
    free(data);
}

static void put_amount(struct buf *b, const json_t *frame)
{
    u256_t value;
    const char *s = text_of(frame, "value");
    if (s[0] == 0 || !err_ok(u256_parse(&value, bytes_of_str(s))) || u256_is_zero(&value)) return;
    buf_printf(b, ", %s ether", text_amount(&value, 18).s);
}

/// Why a frame failed: the contract's own words where it has some.
static void put_failure(struct ctx *ctx, const json_t *frame, unsigned depth, struct buf *line)
{
    const char *error = text_of(frame, "error");
    size_t len = 0;
    uint8_t *data = json_data(&len, json_object_get(frame, "output"));
    if (len > 0) {
        struct revert_reason r;
        revert_decode(&r, bytes_make(data, len));
        buf_printf(line, "! %s: %s", error, r.text);
        put_line(ctx, depth, line);
        if (r.hint[0] != 0) {
            buf_printf(line, "  hint: %s", r.hint);
            put_line(ctx, depth, line);
        }
        json_decref(r.args);
    } else {
        buf_printf(line, "! %s", error);
        put_line(ctx, depth, line);
    }
    free(data);
}

static void put_event(struct ctx *ctx, const json_t *log, unsigned depth, struct buf *line)
{
    json_t *one = json_pack("[O]", log);
    json_t *known = known_logs(one);
    const json_t *row = json_array_get(known, 0);
    buf_put_str(line, "event ");
    if (row != NULL) {
        buf_printf(line, "%s.%s", text_of(row, "contract"), text_of(row, "event"));
        known_put_args(line, json_object_get(row, "args"));
    } else {
        put_who(line, text_of(log, "address"));
        const char *topic = json_string_value(json_array_get(json_object_get(log, "topics"), 0));
        if (topic != NULL) buf_printf(line, " %.18s..", topic);
    }
    put_line(ctx, depth, line);
    json_decref(known);
    json_decref(one);
}

/// Prints the logs that a frame wrote after `position` calls. `*next` is the first not yet
/// printed.
static void put_events(struct ctx *ctx, const json_t *logs, size_t *next, size_t position,
                       unsigned depth, struct buf *line)
{
    for (; *next < json_array_size(logs); (*next)++) {
        const json_t *log = json_array_get(logs, *next);
        uint64_t at = 0;
        (void)json_quantity(&at, json_object_get(log, "position"));
        if (at > position) return;
        put_event(ctx, log, depth, line);
    }
}

// An answer nests at most CLIENT_MAX_DEPTH deep, so this does not either.
static void put_frame(struct ctx *ctx, const json_t *frame, unsigned depth, struct buf *line)
{
    uint64_t gas = 0;
    (void)json_quantity(&gas, json_object_get(frame, "gasUsed"));
    buf_printf(line, "%s ", text_of(frame, "type"));
    put_function(line, frame);
    put_amount(line, frame);
    if (strcmp(text_of(frame, "type"), "SELFDESTRUCT") != 0)
        buf_printf(line, ", %" PRIu64 " gas", gas);
    put_line(ctx, depth, line);

    const json_t *logs = json_object_get(frame, "logs");
    const json_t *calls = json_object_get(frame, "calls");
    size_t next = 0;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        put_events(ctx, logs, &next, i, depth + 1, line);
        put_frame(ctx, json_array_get(calls, i), depth + 1, line);
    }
    put_events(ctx, logs, &next, SIZE_MAX, depth + 1, line);
    if (text_of(frame, "error")[0] != 0) put_failure(ctx, frame, depth + 1, line);
}

enum exit_code cmd_tx_trace(struct ctx *ctx, const struct args *a)
{
    hash_t hash;
    const err_t err = text_parse_hash(&hash, a->pos[0]);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, a->pos[0], err);
    STEP(profile_check_chain(ctx));
    json_t *trace;
    STEP(client_call(ctx, &trace, "debug_traceTransaction",
                     json_pack("[s, {s:s, s:{s:b}}]", hex_hash(&hash).s, "tracer", "callTracer",
                               "tracerConfig", "withLog", 1)));
    if (!json_is_object(trace)) {
        json_decref(trace);
        return fail(ctx, EXIT_UNREACHABLE, NULL, "the node's trace makes no sense");
    }
    struct buf line;
    buf_init(&line, (size_t)1 << 20);
    put_frame(ctx, trace, 0, &line);
    buf_deinit(&line);
    result_set(ctx, "trace", trace);
    return EXIT_DONE;
}

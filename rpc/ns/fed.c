// SPDX-License-Identifier: Apache-2.0
#include "rpc/ns/fed.h"

#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "rpc/jsonrpc/error_codes.h"

#include <stdio.h>

// ---- opening and asking -------------------------------------------------------------------

/// The block parameter of a method of the federation is its last one.
static bool asked_block(struct rpc_call *call, struct block_ref *out)
{
    size_t last = 0;
    for (const char *p = call->method->params; *p != 0; p++) last += *p == ' ';
    if (!param_block(call, last, out)) return false;
    if (out->kind == BLOCK_PENDING) out->kind = BLOCK_LATEST; // events are of sealed blocks
    return true;
}

static bool open_at(struct rpc_call *call, struct fed_site *f, const struct block_ref *ref)
{
    memset(f, 0, sizeof *f);
    if (!call_pool_take(call, &f->slot)) return false;
    if (!call_site_at(call, &f->site, ref)) {
        call_pool_give(env_of(call)->calls, &f->slot);
        return false;
    }
    f->txn = f->site.snapshot.txn;
    f->views = (struct views){f->txn, f->site.snapshot.number};
    struct account a;
    bool exists = false;
    const struct state_view *view = &f->site.view;
    const err_t err = view->account(view->ctx, &a, &exists, &fed_contract_address[FED_ROUNDS]);
    const bool present = exists && !hash_eq(&a.code_hash, &KECCAK_EMPTY);
    if (err_ok(err) && present) return true;
    fed_close(call, f);
    if (!err_ok(err)) return rpc_fail_err(call, err);
    return rpc_fail(call, RPC_NO_CONTRACTS, "system contracts absent");
}

bool fed_open(struct rpc_call *call, struct fed_site *f)
{
    struct block_ref ref;
    return asked_block(call, &ref) && open_at(call, f, &ref);
}

void fed_close(struct rpc_call *call, struct fed_site *f)
{
    call_site_close(&f->site);
    call_pool_give(env_of(call)->calls, &f->slot);
}

bool fed_ask(struct rpc_call *call, struct fed_site *f, enum fed_contract contract,
             const char *signature, const struct abi_value *args, size_t arg_count,
             const char *types, struct abi_value *out, size_t out_count)
{
    struct buf data;
    bytes_t answer = BYTES_NONE;
    buf_init(&data, (size_t)1 << 16);
    err_t err = abi_build_call(&data, signature, args, arg_count);
    if (err_ok(err)) err = buf_status(&data);
    const bool ok = err_ok(err) ? call_view(call, &answer, &f->slot, &f->site,
                                            &fed_contract_address[contract], buf_bytes(&data))
                                : rpc_fail_err(call, err);
    buf_deinit(&data);
    if (!ok) return false;
    err = abi_read(out, out_count, call->arena, types, answer);
    return err_ok(err) ? true
                       : rpc_fail(call, RPC_INTERNAL, "internal error: %s answers something else",
                                  signature);
}

bool fed_ask_number(struct rpc_call *call, struct fed_site *f, enum fed_contract contract,
                    const char *signature, const struct abi_value *args, size_t arg_count,
                    u256_t *out)
{
    struct abi_value v;
    if (!fed_ask(call, f, contract, signature, args, arg_count, "(uint256)", &v, 1)) return false;
    *out = v.number;
    return true;
}

bool fed_end(struct rpc_call *call, err_t err)
{
    if (err_ok(err)) return true;
    if (err.kind != ERR_NOT_FOUND) return rpc_fail_err(call, err);
    jw_null(&call->out);
    return true;
}

// ---- lists --------------------------------------------------------------------------------

const json_t *fed_member(const struct rpc_call *call, size_t index, const char *name)
{
    const json_t *v = json_object_get(param_at(call, index), name);
    return json_is_null(v) ? NULL : v;
}

/// What stands before a page's start in a cursor: the block, and the first bytes of its hash,
/// so that a cursor of another chain is known as such.
struct cursor_head {
    uint8_t block[8];
    uint8_t hash[4];
};
enum { SCANNED_MAX = 20000 }; ///< rows that one answer looks at while a filter finds nothing

static bool read_page(struct rpc_call *call, size_t index, struct views_page *out,
                      bytes_t *cursor_bytes)
{
    const json_t *object = param_at(call, index);
    *cursor_bytes = BYTES_NONE;
    if (object == NULL) return true;
    if (!json_is_object(object)) return rpc_fail_param(call, "list", "an object", object);
    const json_t *inner = json_object_get(object, "list");
    if (json_is_object(inner)) object = inner;
    const json_t *limit = json_object_get(object, "limit");
    const json_t *cursor = json_object_get(object, "cursor");
    const json_t *order = json_object_get(object, "order");
    if (limit != NULL && !json_is_null(limit)) {
        uint64_t n = 0;
        if (json_is_integer(limit))
            n = (uint64_t)json_integer_value(limit);
        else if (!value_u64(call, limit, "limit", &n))
            return false;
        if (n < 1 || n > VIEWS_PAGE_MAX) return rpc_fail_param(call, "limit", "1 to 500", limit);
        out->limit = n;
    }
    if (cursor != NULL && !json_is_null(cursor)) {
        if (!value_data(call, cursor, "cursor", cursor_bytes)) return false;
        const size_t least = sizeof(struct cursor_head);
        if (cursor_bytes->len <= least || cursor_bytes->len > least + VIEWS_CURSOR_MAX) {
            return rpc_fail_param(call, "cursor", "what `next` was", cursor);
        }
    }
    if (order != NULL && !json_is_null(order)) {
        const char *word = json_string_value(order);
        if (word == NULL || (strcmp(word, "asc") != 0 && strcmp(word, "desc") != 0)) {
            return rpc_fail_param(call, "order", "\"desc\" or \"asc\"", order);
        }
        out->newest_first = strcmp(word, "desc") == 0;
    }
    return true;
}

/// Opens at the block of a cursor.
static bool open_cursor(struct rpc_call *call, struct fed_site *f, struct fed_list *l,
                        bytes_t cursor, const struct block_ref *asked)
{
    struct cursor_head head;
    memcpy(&head, cursor.data, sizeof head);
    const struct block_ref ref = {.kind = BLOCK_NUMBER, .number = be_get_u64(head.block)};
    if (asked->kind == BLOCK_NUMBER && asked->number != ref.number) {
        return rpc_fail_param(call, "cursor", "a cursor of a list of the block asked for",
                              param_at(call, 0));
    }
    if (!open_at(call, f, &ref)) {
        if (call->error.code != RPC_NOT_AVAILABLE) return false;
        return rpc_fail(call, RPC_CURSOR_EXPIRED, "cursor expired: start again without one");
    }
    if (memcmp(f->site.snapshot.hash.b, head.hash, sizeof head.hash) != 0) {
        fed_close(call, f);
        return rpc_fail(call, RPC_CURSOR_EXPIRED, "cursor expired: start again without one");
    }
    l->page.after = bytes_make(cursor.data + sizeof head, cursor.len - sizeof head);
    return true;
}

bool fed_open_list(struct rpc_call *call, struct fed_site *f, struct fed_list *l, size_t index,
                   bool oldest_first)
{
    struct block_ref ref;
    bytes_t cursor;
    *l = (struct fed_list){.page = {.limit = 50, .newest_first = !oldest_first}};
    if (!read_page(call, index, &l->page, &cursor) || !asked_block(call, &ref)) return false;
    if (cursor.len > 0) return open_cursor(call, f, l, cursor, &ref);
    return open_at(call, f, &ref);
}

bool fed_list_more(struct fed_list *l, size_t count)
{
    l->scanned += count;
    return l->page.limit > 0 && l->page.after.len > 0 && l->scanned < SCANNED_MAX;
}

void fed_list_begin(struct rpc_call *call)
{
    jw_open(&call->out, '{');
    jw_key(&call->out, "items");
    jw_open(&call->out, '[');
}

void fed_list_end(struct rpc_call *call, const struct fed_site *f, const struct fed_list *l)
{
    jw_close(&call->out, ']');
    const bytes_t after = l->page.after;
    if (after.len > 0) {
        uint8_t cursor[sizeof(struct cursor_head) + VIEWS_CURSOR_MAX];
        check(after.len <= VIEWS_CURSOR_MAX);
        be_put_u64(cursor, f->views.at);
        memcpy(cursor + 8, f->site.snapshot.hash.b, sizeof(struct cursor_head) - 8);
        memcpy(cursor + sizeof(struct cursor_head), after.data, after.len);
        jw_kv_data(&call->out, "next", bytes_make(cursor, sizeof(struct cursor_head) + after.len));
    } else {
        jw_kv_null(&call->out, "next");
    }
    jw_kv_qty(&call->out, "atBlock", f->views.at);
    jw_close(&call->out, '}');
}

bool fed_slice(struct rpc_call *call, struct fed_list *l, struct fed_slice *out, size_t count)
{
    size_t first = 0;
    if (l->page.after.len > 0) {
        const uint64_t at = l->page.after.len == 8 ? be_get_u64(l->page.after.data) : UINT64_MAX;
        if (at > count) return rpc_fail_param(call, "cursor", "what `next` was", NULL);
        first = (size_t)at;
    }
    const size_t shown = count - first < l->page.limit ? count - first : l->page.limit;
    *out = (struct fed_slice){first, shown, count};
    l->page.after = BYTES_NONE;
    if (first + shown == count) return true;
    const be64_t next = be64(first + shown);
    bool full = false;
    l->page.after = arena_copy(call->arena, BYTES_OF(next), &full);
    return !full || rpc_fail_limit(call, "request memory", call->arena->cap, sizeof next);
}

size_t fed_slice_at(const struct fed_list *l, const struct fed_slice *s, size_t i)
{
    const size_t k = s->first + i;
    return l->page.newest_first ? s->count - 1 - k : k;
}

void fed_put_call(struct json_writer *w, enum fed_contract contract, bytes_t data)
{
    jw_open(w, '{');
    jw_kv_address(w, "to", &fed_contract_address[contract]);
    jw_kv_data(w, "data", data);
    jw_close(w, '}');
}

bool fed_put_call_of(struct rpc_call *call, enum fed_contract contract, const char *signature,
                     const struct abi_value *args, size_t arg_count)
{
    struct buf data;
    buf_init(&data, (size_t)1 << 20);
    err_t err = abi_build_call(&data, signature, args, arg_count);
    if (err_ok(err)) err = buf_status(&data);
    if (err_ok(err)) fed_put_call(&call->out, contract, buf_bytes(&data));
    buf_deinit(&data);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

// ---- words --------------------------------------------------------------------------------

#define WORD(TABLE, I) ((size_t)(I) < ARRAY_LEN(TABLE) ? (TABLE)[I] : "unknown")

const char *fed_version_state(uint8_t state)
{
    static const char *const words[] = {"none", "candidate", "approved", "deployed", "retired"};
    return WORD(words, state);
}

const char *fed_version_kind(uint8_t kind)
{
    static const char *const words[] = {"genesis",   "roundAggregate", "fineTune", "merge",
                                        "distilled", "quantised",      "import"};
    return WORD(words, kind);
}

const char *fed_round_state(uint8_t state)
{
    static const char *const words[] = {"none",      "open",      "sealed",   "reveal",
                                        "select",    "aggregate", "evaluate", "challenge",
                                        "finalised", "paid",      "failed",   "cancelled"};
    return WORD(words, state);
}

const char *fed_status(uint8_t status)
{
    static const char *const words[] = {"none",    "committed", "revealed",    "accepted",
                                        "refused", "duplicate", "unavailable", "noReveal"};
    return WORD(words, status);
}

const char *fed_refusal(uint8_t reason)
{
    static const char *const words[] = {"none",   "base", "dimension",  "weight", "stake",
                                        "member", "norm", "childRound", "policy"};
    return WORD(words, reason);
}

const char *fed_failure(uint8_t failure)
{
    static const char *const words[] = {"none", "tooFewCommits", "tooFewReveals", "policy",
                                        "noAggregate"};
    return WORD(words, failure);
}

const char *fed_proposal_state(uint64_t state)
{
    static const char *const words[] = {"pending",   "active", "canceled", "defeated",
                                        "succeeded", "queued", "expired",  "executed"};
    return WORD(words, state);
}

// ---- values and events --------------------------------------------------------------------

void fed_put_at(struct json_writer *w, const struct view_at *at)
{
    jw_kv_qty(w, "block", at->block);
    jw_kv_qty(w, "time", at->time_s);
    jw_kv_hash(w, "tx", &at->tx_hash);
}

static void put_signed(struct json_writer *w, const u256_t *v)
{
    const u256_t zero = u256_from_u64(0);
    u256_t magnitude = *v;
    const bool negative = v->limb[3] >> 63 != 0;
    if (negative) (void)u256_sub(&magnitude, &zero, v);
    char text[82];
    (void)snprintf(text, sizeof text, "%s%s", negative ? "-" : "", u256_dec(&magnitude).s);
    jw_str(w, text);
}

void fed_put_value(struct json_writer *w, const struct abi_type *type, const struct abi_value *v)
{
    switch (v->kind) {
    case ABI_UINT:
        jw_qty256(w, &v->number);
        return;
    case ABI_INT:
        put_signed(w, &v->number);
        return;
    case ABI_BOOL:
        jw_bool(w, !u256_is_zero(&v->number));
        return;
    case ABI_ADDRESS:
        jw_address(w, &v->address);
        return;
    case ABI_BYTES_FIXED:
    case ABI_BYTES:
        jw_data(w, v->bytes);
        return;
    case ABI_STRING:
        jw_str_len(w, v->bytes);
        return;
    case ABI_LIST:
        break;
    }
    bool named = type->is_tuple && v->list.count > 0;
    for (size_t i = 0; i < v->list.count && named; i++) named = type->fields[i].name[0] != 0;
    jw_open(w, named ? '{' : '[');
    for (size_t i = 0; i < v->list.count; i++) {
        const struct abi_type *field = &type->fields[type->is_tuple ? i : 0];
        if (named) jw_key(w, field->name);
        fed_put_value(w, field, &v->list.items[i]);
    }
    jw_close(w, named ? '}' : ']');
}

static const struct fed_item *item_of(enum fed_event event)
{
    for (size_t i = 0; i < fed_item_count; i++) {
        if (fed_items[i].event == event) return &fed_items[i];
    }
    return NULL;
}

/// Who sent the transaction an event came from. The last block read is kept: events of one
/// block stand together.
struct sender_cache {
    bool filled;
    uint64_t number;
    struct block block;
};

static err_t put_event(struct rpc_call *call, const struct fed_site *f, const struct view_event *e,
                       struct sender_cache *cache)
{
    if (!cache->filled || cache->number != e->at.block) {
        TRY(blocks_get(f->txn, &cache->block, call->arena, e->at.block));
        cache->filled = true;
        cache->number = e->at.block;
    }
    fed_put_event(call, e, &cache->block);
    return OK;
}

void fed_put_event(struct rpc_call *call, const struct view_event *e, const struct block *block)
{
    struct json_writer *w = &call->out;
    const struct fed_item *item = item_of(e->event);
    jw_open(w, '{');
    fed_put_at(w, &e->at);
    jw_kv_str(w, "event", item != NULL ? item->name : "unknown");
    if (e->at.tx_index < block->tx_count) {
        jw_kv_address(w, "by", &block->txs[e->at.tx_index].sender);
    } else {
        jw_kv_null(w, "by");
    }
    jw_key(w, "args");
    struct abi_signature sig;
    struct abi_value values[16];
    const bool decodes =
        item != NULL && err_ok(abi_signature_parse(&sig, call->arena, bytes_of_str(item->decl))) &&
        sig.inputs.count <= ARRAY_LEN(values) &&
        err_ok(abi_event_decode(values, call->arena, &sig, e->topics, e->topic_count, e->data));
    if (decodes) {
        const struct abi_value all = abi_list(values, sig.inputs.count);
        if (sig.inputs.count > 0)
            fed_put_value(w, &sig.inputs, &all);
        else
            jw_raw(w, LIT("{}"));
    } else {
        jw_null(w);
    }
    jw_close(w, '}');
}

bool fed_put_timeline(struct rpc_call *call, struct fed_site *f, struct fed_list *l,
                      enum view_subject subject, const hash_t *id)
{
    struct view_event *events = NULL;
    size_t count = 0;
    struct sender_cache cache = {0};
    err_t err = views_events(&f->views, call->arena, &l->page, subject, id, &events, &count,
                             &l->page.after);
    fed_list_begin(call);
    for (size_t i = 0; i < count && err_ok(err); i++) err = put_event(call, f, &events[i], &cache);
    fed_list_end(call, f, l);
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

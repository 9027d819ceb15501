// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/dispatch.h"

#include "chain/base/json.h"
#include "rpc/jsonrpc/error_codes.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_MAX = 128 * 1024, ///< longer bodies are not parsed on the socket thread
    GROUP_MAX = 256,       ///< neighbours prepared together
    IDLE_ARENAS_MAX = 16,
};
#define CALL_ARENA_MAX ((size_t)256 << 20)

struct rpc_dispatcher {
    struct rpc_dispatch_options options;
    const struct rpc_method **sorted; ///< all methods by name
    bool *enabled;                    ///< by position in the table

    pthread_mutex_t lock; ///< guards the arenas that wait for work
    struct arena idle[IDLE_ARENAS_MAX];
    size_t idle_count;
};

struct rpc_request {
    struct rpc_dispatcher *d;
    bytes_t body;
    bool parsed;
    json_t *root; ///< NULL if it does not parse
    struct json_detail parse_error;
};

uint64_t rpc_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// ---- the table ----------------------------------------------------------------------------

static int by_name(const void *a, const void *b)
{
    const struct rpc_method *const *x = a;
    const struct rpc_method *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static bool word_is_method(bytes_t word, const struct rpc_method *m)
{
    return bytes_eq(word, bytes_of_str(m->name));
}

static bool word_is_namespace(bytes_t word, const struct rpc_method *m)
{
    return strlen(m->name) > word.len && memcmp(m->name, word.data, word.len) == 0 &&
           m->name[word.len] == '_';
}

/// Switches on what the list names. `rpc_modules` and `rpc.discover` are always on.
static err_t enable(struct rpc_dispatcher *d, char bad[64])
{
    const struct rpc_dispatch_options *o = &d->options;
    for (size_t i = 0; i < o->method_count; i++) {
        d->enabled[i] = strncmp(o->methods[i].name, "rpc", 3) == 0;
    }
    for (const char *p = o->namespaces; *p != 0;) {
        const bytes_t word = bytes_make(p, strcspn(p, ", "));
        bool found = word.len == 0;
        for (size_t i = 0; i < o->method_count && word.len > 0; i++) {
            const struct rpc_method *m = &o->methods[i];
            const bool whole = word_is_namespace(word, m);
            const bool single = word_is_method(word, m);
            found = found || whole || single;
            if (single || (whole && m->access == RPC_OPEN)) d->enabled[i] = true;
        }
        if (!found) {
            const size_t len = word.len < 63 ? word.len : 63;
            memcpy(bad, word.data, len);
            bad[len] = 0;
            return FAIL(INVALID, "no such namespace or method");
        }
        p += word.len;
        p += strspn(p, ", ");
    }
    return OK;
}

err_t rpc_dispatcher_new(struct rpc_dispatcher **out, const struct rpc_dispatch_options *options,
                         char bad[64])
{
    struct rpc_dispatcher *d = calloc(1, sizeof *d);
    if (d == NULL) return FAIL(FULL, "rpc: out of memory");
    d->options = *options;
    if (d->options.batch_max == 0) d->options.batch_max = 1000;
    if (d->options.answer_max == 0) d->options.answer_max = 25000000;
    if (d->options.batch_time_ms == 0) d->options.batch_time_ms = 10000;
    if (d->options.call_time_ms == 0) d->options.call_time_ms = 5000;
    pthread_mutex_init(&d->lock, NULL);
    d->sorted = calloc(options->method_count, sizeof(void *));
    d->enabled = calloc(options->method_count, sizeof *d->enabled);
    if (d->sorted == NULL || d->enabled == NULL) {
        rpc_dispatcher_free(d);
        return FAIL(FULL, "rpc: out of memory");
    }
    for (size_t i = 0; i < options->method_count; i++) d->sorted[i] = &options->methods[i];
    qsort(d->sorted, options->method_count, sizeof(void *), by_name);
    const err_t err = enable(d, bad);
    if (!err_ok(err)) {
        rpc_dispatcher_free(d);
        return err;
    }
    *out = d;
    return OK;
}

void rpc_dispatcher_free(struct rpc_dispatcher *d)
{
    if (d == NULL) return;
    for (size_t i = 0; i < d->idle_count; i++) arena_deinit(&d->idle[i]);
    pthread_mutex_destroy(&d->lock);
    free(d->sorted);
    free(d->enabled);
    free(d);
}

static const struct rpc_method *find(const struct rpc_dispatcher *d, const char *name)
{
    size_t low = 0;
    size_t high = d->options.method_count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int order = strcmp(name, d->sorted[mid]->name);
        if (order == 0) return d->sorted[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static bool is_enabled(const struct rpc_dispatcher *d, const struct rpc_method *m)
{
    return d->enabled[m - d->options.methods];
}

const struct rpc_method *rpc_enabled_next(const struct rpc_dispatcher *d, size_t *cursor)
{
    while (*cursor < d->options.method_count) {
        const size_t i = (*cursor)++;
        if (d->enabled[i]) return &d->options.methods[i];
    }
    return NULL;
}

static err_t arena_take(struct rpc_dispatcher *d, struct arena *out)
{
    pthread_mutex_lock(&d->lock);
    const bool have = d->idle_count > 0;
    if (have) *out = d->idle[--d->idle_count];
    pthread_mutex_unlock(&d->lock);
    return have ? OK : arena_init(out, CALL_ARENA_MAX);
}

static void arena_give(struct rpc_dispatcher *d, struct arena *a)
{
    arena_reset(a);
    pthread_mutex_lock(&d->lock);
    const bool keep = d->idle_count < IDLE_ARENAS_MAX;
    if (keep) d->idle[d->idle_count++] = *a;
    pthread_mutex_unlock(&d->lock);
    if (!keep) arena_deinit(a);
}

// ---- parsing ------------------------------------------------------------------------------

static void parse(struct rpc_request *r)
{
    r->parsed = true;
    if (!err_ok(json_parse(&r->root, r->body, &r->parse_error))) r->root = NULL;
}

static enum rpc_cost cost_of(const struct rpc_dispatcher *d, const json_t *item)
{
    const char *name = json_string_value(json_object_get(item, "method"));
    const struct rpc_method *m = name == NULL ? NULL : find(d, name);
    return m == NULL ? RPC_INLINE : m->cost;
}

struct rpc_request *rpc_request_parse(struct rpc_dispatcher *d, bytes_t body, enum rpc_cost *cost)
{
    struct rpc_request *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->d = d;
    r->body = body;
    *cost = RPC_SUBMIT;
    if (body.len > LOOK_MAX) return r;

    parse(r);
    *cost = RPC_INLINE;
    if (!json_is_array(r->root)) {
        if (r->root != NULL) *cost = cost_of(d, r->root);
        return r;
    }
    size_t i;
    json_t *item;
    json_array_foreach(r->root, i, item)
    {
        const enum rpc_cost c = cost_of(d, item);
        if (c > *cost) *cost = c;
    }
    if (json_array_size(r->root) > 1 && *cost == RPC_INLINE) *cost = RPC_READ;
    return r;
}

void rpc_request_free(struct rpc_request *r)
{
    if (r == NULL) return;
    json_decref(r->root);
    free(r);
}

// ---- serving ------------------------------------------------------------------------------

static void write_error(struct json_writer *w, const json_t *id, const struct rpc_error *e)
{
    jw_open(w, '{');
    jw_kv_str(w, "jsonrpc", "2.0");
    jw_key(w, "id");
    if (id == NULL)
        jw_null(w);
    else
        jw_json(w, id);
    jw_key(w, "error");
    jw_open(w, '{');
    jw_kv_int(w, "code", e->code);
    jw_kv_str(w, "message", e->message);
    if (e->data != NULL) {
        jw_key(w, "data");
        jw_raw(w, bytes_of_str(e->data));
    }
    jw_close(w, '}');
    jw_close(w, '}');
}

static void write_simple_error(struct json_writer *w, const json_t *id, int code, const char *text)
{
    struct rpc_error e = {.code = code};
    const size_t len = strlen(text) < sizeof e.message ? strlen(text) : sizeof e.message - 1;
    memcpy(e.message, text, len);
    write_error(w, id, &e);
}

static bool id_is_allowed(const json_t *id)
{
    return id == NULL || json_is_string(id) || json_is_number(id) || json_is_null(id);
}

static size_t count_params(const char *spec, size_t *required)
{
    size_t count = 0;
    *required = 0;
    for (const char *p = spec; *p != 0;) {
        const size_t len = strcspn(p, " ");
        count++;
        if (p[len - 1] != '?') *required = count;
        p += len;
        p += strspn(p, " ");
    }
    return count;
}

/// Parameters by name become positions in the order of the method's row.
static json_t *positions_of(struct rpc_call *call, const json_t *named, size_t count)
{
    json_t *array = json_array();
    size_t used = 0;
    const char *p = call->method->params;
    for (size_t i = 0; i < count && array != NULL; i++) {
        char name[64];
        const size_t len = strcspn(p, ":");
        memcpy(name, p, len);
        name[len] = 0;
        json_t *v = json_object_get(named, name);
        if (v != NULL) used++;
        json_array_append_new(array, v != NULL ? json_incref(v) : json_null());
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    if (array != NULL && used != json_object_size(named)) {
        json_decref(array);
        rpc_fail(call, RPC_INVALID_PARAMS, "invalid params: %s has parameters \"%s\"",
                 call->method->name, call->method->params);
        return NULL;
    }
    return array;
}

/// Checks the number of parameters and brings them into an array.
static bool bind_params(struct rpc_call *call, const json_t *given, json_t **owned)
{
    size_t required = 0;
    const size_t count = count_params(call->method->params, &required);
    *owned = NULL;
    if (given == NULL) {
        *owned = json_array();
    } else if (json_is_object(given)) {
        *owned = positions_of(call, given, count);
        if (*owned == NULL) return false;
    } else if (!json_is_array(given)) {
        return rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: params must be an array");
    }
    call->params = *owned != NULL ? *owned : given;
    if (json_array_size(call->params) > count) {
        return rpc_fail(call, RPC_INVALID_PARAMS,
                        "invalid params: too many arguments, want at most %zu", count);
    }
    for (size_t i = 0; i < required; i++) {
        if (json_array_get(call->params, i) == NULL) {
            const char *p = call->method->params;
            for (size_t k = 0; k < i; k++) p += strcspn(p, " ") + 1;
            char name[64];
            char want[64];
            const size_t name_len = strcspn(p, ":");
            memcpy(name, p, name_len);
            name[name_len] = 0;
            p += name_len + 1;
            const size_t want_len = strcspn(p, " ?");
            memcpy(want, p, want_len);
            want[want_len] = 0;
            return rpc_fail_param(call, name, want, NULL);
        }
    }
    return true;
}

/// One member of a batch, or the only call.
struct item {
    const json_t *request;
    const json_t *id; ///< NULL: a notification
    json_t *owned_params;
    bool ready; ///< `call` is bound to a method and parameters
    bool reported;
    struct rpc_call call;
};

/// Looks at the envelope and binds method and parameters; on failure the call's error is set.
static void item_begin(struct item *it, struct rpc_dispatcher *d, const json_t *request,
                       struct arena *arena)
{
    memset(it, 0, sizeof *it);
    it->request = request;
    it->call.env = d->options.env;
    it->call.arena = arena;
    struct rpc_call *call = &it->call;
    if (!json_is_object(request)) {
        it->reported = true;
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: not an object");
        return;
    }
    const json_t *id = json_object_get(request, "id");
    const json_t *version = json_object_get(request, "jsonrpc");
    const char *name = json_string_value(json_object_get(request, "method"));
    it->id = id_is_allowed(id) ? id : NULL;
    if (!id_is_allowed(id)) {
        it->reported = true;
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: id must be a string or a number");
        return;
    }
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0) {
        it->reported = true;
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: jsonrpc must be \"2.0\"");
        return;
    }
    if (name == NULL) {
        it->reported = true;
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: method must be a string");
        return;
    }
    it->reported = id != NULL;
    call->method = find(d, name);
    if (call->method == NULL) {
        rpc_fail(call, RPC_METHOD_NOT_FOUND, "the method %.64s does not exist", name);
        return;
    }
    if (!is_enabled(d, call->method)) {
        rpc_fail(call, RPC_METHOD_NOT_FOUND,
                 "the method %.64s is not enabled: see --rpc-namespaces", name);
        return;
    }
    it->ready = bind_params(call, json_object_get(request, "params"), &it->owned_params);
}

static void item_run(struct item *it, struct rpc_dispatcher *d, struct json_writer *w)
{
    struct rpc_call *call = &it->call;
    const size_t mark = w->buf->len;
    const bool comma = w->comma;
    bool ok = false;
    if (it->ready) {
        jw_open(w, '{');
        jw_kv_str(w, "jsonrpc", "2.0");
        jw_key(w, "id");
        if (it->id == NULL)
            jw_null(w);
        else
            jw_json(w, it->id);
        jw_key(w, "result");
        call->out = (struct json_writer){w->buf, false};
        call->deadline_ms = rpc_now_ms() + d->options.call_time_ms;
        ok = call->method->handler(call);
        if (ok && w->buf->full) {
            ok = rpc_fail_limit(call, "answer bytes", w->buf->max, w->buf->max);
        }
        w->comma = true;
        jw_close(w, '}');
    }
    if (!ok || !it->reported) {
        w->buf->len = mark;
        w->buf->full = false;
        w->comma = comma;
        if (it->reported) write_error(w, it->id, &call->error);
    }
    json_decref(it->owned_params);
}

static void run_single(struct rpc_dispatcher *d, const json_t *request, struct json_writer *w,
                       struct arena *arena)
{
    struct item it;
    item_begin(&it, d, request, arena);
    if (it.ready && it.call.method->prepare_many != NULL) {
        it.call.method->prepare_many(&it.call, 1);
    }
    item_run(&it, d, w);
}

/// Takes as many neighbours as share a method that can do them together.
static size_t begin_group(struct item *items, struct rpc_dispatcher *d, const json_t *batch,
                          size_t from, struct arena *arena)
{
    size_t n = 0;
    while (n < GROUP_MAX && from + n < json_array_size(batch)) {
        item_begin(&items[n], d, json_array_get(batch, from + n), arena);
        const bool groups = items[n].ready && items[n].call.method->prepare_many != NULL;
        n++;
        if (!groups || items[n - 1].call.method != items[0].call.method) break;
    }
    return n;
}

static void run_batch(struct rpc_dispatcher *d, const json_t *batch, struct json_writer *w,
                      struct arena *arena)
{
    const size_t count = json_array_size(batch);
    const struct rpc_dispatch_options *o = &d->options;
    if (count == 0) {
        write_simple_error(w, NULL, RPC_INVALID_REQUEST, "invalid request: empty batch");
        return;
    }
    struct item *items = calloc(GROUP_MAX, sizeof *items);
    struct rpc_call *calls = calloc(GROUP_MAX, sizeof *calls);
    struct rpc_call *const unused = calls;
    if (count > o->batch_max || items == NULL || calls == NULL) {
        struct rpc_call call = {.arena = arena};
        rpc_fail_limit(&call, "batch items", o->batch_max, count);
        write_error(w, NULL, &call.error);
        free(items);
        free(unused);
        return;
    }
    const uint64_t until = rpc_now_ms() + o->batch_time_ms;
    const size_t start = w->buf->len;
    jw_open(w, '[');
    for (size_t i = 0; i < count;) {
        const size_t mark = arena_mark(arena);
        const size_t n = begin_group(items, d, batch, i, arena);
        const bool over = w->buf->len - start > o->answer_max || rpc_now_ms() > until;
        // A group ends with the first item that does not belong to it.
        size_t together = 0;
        while (together < n && items[together].ready &&
               items[together].call.method == items[0].call.method &&
               items[0].call.method->prepare_many != NULL) {
            together++;
        }
        if (together > 0 && !over) {
            for (size_t k = 0; k < together; k++) calls[k] = items[k].call;
            items[0].call.method->prepare_many(calls, together);
            for (size_t k = 0; k < together; k++) items[k].call = calls[k];
        }
        for (size_t k = 0; k < n; k++) {
            if (over && items[k].ready) {
                items[k].ready = false;
                rpc_fail(&items[k].call, RPC_LIMIT, "limit exceeded: this batch is too much work");
                items[k].call.error.data = "{\"limit\":\"batch\",\"retryAfter\":1}";
            }
            item_run(&items[k], d, w);
        }
        arena_rewind(arena, mark);
        i += n;
    }
    if (w->buf->len == start + 1) { // nothing but notifications
        w->buf->len = start;
    } else {
        jw_close(w, ']');
    }
    free(items);
    free(unused);
}

void rpc_request_run(struct rpc_request *r, struct buf *out)
{
    struct rpc_dispatcher *d = r->d;
    struct json_writer w = {out, false};
    if (!r->parsed) parse(r);
    if (r->root == NULL) {
        struct rpc_call call = {0};
        rpc_fail(&call, RPC_PARSE_ERROR, "parse error: %s", r->parse_error.text);
        write_error(&w, NULL, &call.error);
        return;
    }
    struct arena arena;
    if (!err_ok(arena_take(d, &arena))) {
        write_simple_error(&w, NULL, RPC_LIMIT, "limit exceeded: out of memory");
        return;
    }
    if (json_is_array(r->root))
        run_batch(d, r->root, &w, &arena);
    else
        run_single(d, r->root, &w, &arena);
    arena_give(d, &arena);
}

void rpc_request_refuse(struct rpc_request *r, struct buf *out)
{
    struct json_writer w = {out, false};
    const json_t *id = json_object_get(r->root, "id");
    struct rpc_error e = {.code = RPC_LIMIT,
                          .message = "limit exceeded: too many requests of this kind are waiting",
                          .data = "{\"limit\":\"queue\",\"retryAfter\":1}"};
    write_error(&w, id_is_allowed(id) ? id : NULL, &e);
}

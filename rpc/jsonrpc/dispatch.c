// SPDX-License-Identifier: Apache-2.0
#include "rpc/jsonrpc/dispatch.h"

#include "rpc/jsonrpc/envelope.h"
#include "rpc/jsonrpc/error_codes.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_MAX = 128 * 1024,   ///< longer bodies are not parsed on the socket thread
    GROUP_MAX = 256,         ///< calls prepared together
    BATCH_FAR_TOO_LONG = 16, ///< batches of so many times the limit are refused as a whole
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
    bool broken; ///< does not parse: `parse_error`
    struct envelopes list;
    struct json_detail parse_error;
    struct rpc_peer *peer;
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
        d->enabled[i] = o->local || strncmp(o->methods[i].name, "rpc", 3) == 0;
    }
    if (o->local) return OK;
    for (const char *p = o->namespaces; *p != 0;) {
        const bytes_t word = bytes_make(p, strcspn(p, ", "));
        bool found = word.len == 0;
        for (size_t i = 0; i < o->method_count && word.len > 0; i++) {
            const struct rpc_method *m = &o->methods[i];
            const bool whole = word_is_namespace(word, m);
            const bool single = word_is_method(word, m);
            if (m->access == RPC_LOCAL) continue;
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
    const size_t most = r->d->options.batch_max * BATCH_FAR_TOO_LONG;
    r->broken = !err_ok(envelopes_cut(&r->list, r->body, most, &r->parse_error));
}

static const struct rpc_method *method_of(const struct rpc_dispatcher *d, const struct envelope *e,
                                          char name[80])
{
    return envelope_string(name, 80, e->method) ? find(d, name) : NULL;
}

static enum rpc_cost cost_of(const struct rpc_dispatcher *d, const struct envelope *e)
{
    char name[80];
    const struct rpc_method *m = method_of(d, e, name);
    return m == NULL ? RPC_INLINE : m->cost;
}

struct rpc_request *rpc_request_parse(struct rpc_dispatcher *d, bytes_t body, enum rpc_cost *cost)
{
    struct rpc_request *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->d = d;
    r->body = body;
    *cost = RPC_WAIT; // may turn out to be anything
    if (body.len > LOOK_MAX) return r;

    parse(r);
    *cost = RPC_INLINE;
    if (r->broken) return r;
    if (!r->list.batch) {
        *cost = cost_of(d, &r->list.only);
        return r;
    }
    for (size_t i = 0; i < r->list.kept; i++) {
        const enum rpc_cost c = cost_of(d, &r->list.many[i]);
        if (c > *cost) *cost = c;
    }
    if (r->list.count > 1 && *cost == RPC_INLINE) *cost = RPC_READ;
    return r;
}

void rpc_request_free(struct rpc_request *r)
{
    if (r == NULL) return;
    envelopes_free(&r->list);
    free(r);
}

// ---- serving ------------------------------------------------------------------------------

/// @param id  JSON text; empty: null
static void write_error(struct json_writer *w, bytes_t id, const struct rpc_error *e)
{
    jw_open(w, '{');
    jw_kv_str(w, "jsonrpc", "2.0");
    jw_key(w, "id");
    jw_raw(w, id.len == 0 ? LIT("null") : id);
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

static void write_simple_error(struct json_writer *w, int code, const char *text)
{
    struct rpc_error e = {.code = code};
    const size_t len = strlen(text) < sizeof e.message ? strlen(text) : sizeof e.message - 1;
    memcpy(e.message, text, len);
    write_error(w, BYTES_NONE, &e);
}

/// A string, a number, null or nothing.
static bool id_is_allowed(bytes_t id)
{
    return id.len == 0 || strchr("\"-0123456789n", id.data[0]) != NULL;
}

static bytes_t id_to_tell(const struct envelope *e)
{
    return id_is_allowed(e->id) ? e->id : BYTES_NONE;
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

/// The parameters as a list of values, by their positions. NULL with the call's error set.
static json_t *read_params(struct rpc_call *call, size_t count)
{
    if (call->params_text.len == 0) return json_array();
    json_t *given = NULL;
    struct json_detail detail;
    if (!err_ok(json_parse(&given, call->params_text, &detail))) {
        // The text is well-formed: a number is out of range.
        rpc_fail(call, RPC_INVALID_PARAMS, "invalid params: %s", detail.text);
        return NULL;
    }
    if (!json_is_object(given)) return given;
    json_t *list = positions_of(call, given, count);
    json_decref(given);
    return list;
}

/// Checks the number of parameters and brings them into an array.
static bool bind_params(struct rpc_call *call, json_t **owned)
{
    size_t required = 0;
    const size_t count = count_params(call->method->params, &required);
    *owned = read_params(call, count);
    if (*owned == NULL) return false;
    call->params = *owned;
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
    const struct envelope *envelope;
    bytes_t id; ///< to be told; empty: null
    json_t *owned_params;
    bool ready;    ///< `call` has a method that may be called
    bool grouped;  ///< and that is prepared together with others
    bool reported; ///< not a notification
    struct rpc_call call;
};

static bool is_version_2(bytes_t version)
{
    char text[8];
    return envelope_string(text, sizeof text, version) && strcmp(text, "2.0") == 0;
}

/// Looks at the envelope and finds the method; on failure the call's error is set.
static void item_begin(struct item *it, struct rpc_dispatcher *d, const struct envelope *e,
                       struct arena *arena, struct rpc_peer *peer)
{
    memset(it, 0, sizeof *it);
    it->envelope = e;
    it->id = id_to_tell(e);
    it->reported = true;
    it->call.env = d->options.env;
    it->call.arena = arena;
    it->call.peer = peer;
    struct rpc_call *call = &it->call;
    if (!e->is_object) {
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: not an object");
        return;
    }
    if (!id_is_allowed(e->id)) {
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: id must be a string or a number");
        return;
    }
    if (!is_version_2(e->version)) {
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: jsonrpc must be \"2.0\"");
        return;
    }
    if (e->method.len == 0 || e->method.data[0] != '"') {
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: method must be a string");
        return;
    }
    const bool no_params = e->params.len == 0 || bytes_eq(e->params, LIT("null"));
    if (!no_params && e->params.data[0] != '[' && e->params.data[0] != '{') {
        rpc_fail(call, RPC_INVALID_REQUEST, "invalid request: params must be an array");
        return;
    }
    it->reported = e->id.len != 0;
    call->params_text = no_params ? BYTES_NONE : e->params;
    char name[80] = "";
    call->method = method_of(d, e, name);
    if (call->method == NULL) {
        rpc_fail(call, RPC_METHOD_NOT_FOUND, "the method %.64s does not exist", name);
        return;
    }
    if (!is_enabled(d, call->method) && call->method->access == RPC_LOCAL) {
        rpc_fail(call, RPC_METHOD_NOT_FOUND,
                 "the method %.64s answers on the local socket only: see --ipc", name);
        return;
    }
    if (!is_enabled(d, call->method)) {
        rpc_fail(call, RPC_METHOD_NOT_FOUND,
                 "the method %.64s is not enabled: see --rpc-namespaces", name);
        return;
    }
    it->ready = true;
    it->grouped = call->method->prepare_many != NULL;
}

static bool item_call(struct item *it, struct rpc_dispatcher *d, struct json_writer *w)
{
    struct rpc_call *call = &it->call;
    if (!it->ready) return false;
    if (call->prepared == NULL && !bind_params(call, &it->owned_params)) return false;
    jw_open(w, '{');
    jw_kv_str(w, "jsonrpc", "2.0");
    jw_key(w, "id");
    jw_raw(w, it->id.len == 0 ? LIT("null") : it->id);
    jw_key(w, "result");
    call->out = (struct json_writer){w->buf, false};
    call->deadline_ms = rpc_now_ms() + d->options.call_time_ms;
    if (!call->method->handler(call)) return false;
    if (w->buf->full) return rpc_fail_limit(call, "answer bytes", w->buf->max, w->buf->max);
    w->comma = true;
    jw_close(w, '}');
    return true;
}

static void item_run(struct item *it, struct rpc_dispatcher *d, struct json_writer *w)
{
    const size_t mark = w->buf->len;
    const bool comma = w->comma;
    const bool ok = item_call(it, d, w);
    if (!ok || !it->reported) {
        w->buf->len = mark;
        w->buf->full = false;
        w->comma = comma;
        if (it->reported) write_error(w, it->id, &it->call.error);
    }
    json_decref(it->owned_params);
}

/// Prepares items of one method together.
static void prepare(struct item *const *items, size_t count, struct arena *arena)
{
    struct rpc_call **calls = ARENA_ARRAY(arena, struct rpc_call *, count);
    if (calls == NULL || count == 0) return; // each goes its own way
    for (size_t i = 0; i < count; i++) calls[i] = &items[i]->call;
    calls[0]->method->prepare_many(calls, count);
}

/// Takes as many neighbours as share a method that can do them together, or one item.
static size_t begin_group(struct item **items, struct rpc_dispatcher *d,
                          const struct envelope *from, size_t count, struct arena *arena,
                          struct rpc_peer *peer)
{
    size_t n = 0;
    while (n < count && n < GROUP_MAX) {
        items[n] = ARENA_NEW(arena, struct item);
        if (items[n] == NULL) return n;
        item_begin(items[n], d, &from[n], arena, peer);
        n++;
        if (!items[n - 1]->grouped || items[n - 1]->call.method != items[0]->call.method) break;
    }
    return n;
}

static void run_batch(struct rpc_dispatcher *d, const struct envelopes *list, struct json_writer *w,
                      struct arena *arena, struct rpc_peer *peer)
{
    const struct rpc_dispatch_options *o = &d->options;
    if (list->count == 0) {
        write_simple_error(w, RPC_INVALID_REQUEST, "invalid request: empty batch");
        return;
    }
    if (list->count > list->kept) {
        struct rpc_call call = {.arena = arena};
        rpc_fail_limit(&call, "batch items", o->batch_max, list->count);
        write_error(w, BYTES_NONE, &call.error);
        return;
    }
    const uint64_t until = rpc_now_ms() + o->batch_time_ms;
    const size_t start = w->buf->len;
    struct item *items[GROUP_MAX] = {NULL};
    jw_open(w, '[');
    for (size_t i = 0; i < list->kept;) {
        const size_t mark = arena_mark(arena);
        const size_t end =
            i < o->batch_max && list->kept > o->batch_max ? o->batch_max : list->kept;
        const size_t n = begin_group(items, d, &list->many[i], end - i, arena, peer);
        if (n == 0) break; // an arena of 256 MiB holds more than a batch can ask for
        const bool over =
            i >= o->batch_max || w->buf->len - start > o->answer_max || rpc_now_ms() > until;
        // A group ends with the first item that does not belong to it.
        size_t together = 0;
        while (together < n && items[together]->grouped &&
               items[together]->call.method == items[0]->call.method)
            together++;
        if (!over) prepare(items, together, arena);
        for (size_t k = 0; k < n; k++) {
            if (over && items[k]->ready) {
                items[k]->ready = false;
                rpc_fail(&items[k]->call, RPC_LIMIT,
                         "limit exceeded: this batch is too long or too much work");
                items[k]->call.error.data = "{\"limit\":\"batch\",\"retryAfter\":1}";
            }
            item_run(items[k], d, w);
        }
        arena_rewind(arena, mark);
        i += n;
    }
    if (w->buf->len == start + 1) { // nothing but notifications
        w->buf->len = start;
    } else {
        jw_close(w, ']');
    }
}

/// What needs no call: a text that does not parse, or no memory. @return true if that was it
static bool run_broken(struct rpc_request *r, struct buf *out, bool have_arena)
{
    struct json_writer w = {out, false};
    if (!r->parsed) parse(r);
    if (r->broken) {
        struct rpc_call call = {0};
        rpc_fail(&call, RPC_PARSE_ERROR, "parse error: %s", r->parse_error.text);
        write_error(&w, BYTES_NONE, &call.error);
    } else if (!have_arena) {
        write_simple_error(&w, RPC_LIMIT, "limit exceeded: out of memory");
    }
    return r->broken || !have_arena;
}

/// Runs up to GROUP_MAX requests with one arena. Single calls of one method that can do many are
/// prepared together, the others go one after the other.
static void run_some(struct rpc_request *const *r, struct buf *const *out, size_t count,
                     struct arena *arena)
{
    struct rpc_dispatcher *d = r[0]->d;
    struct item *items[GROUP_MAX] = {NULL};
    struct item *together[GROUP_MAX] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (r[i]->list.batch) continue;
        items[i] = ARENA_NEW(arena, struct item);
        if (items[i] == NULL) continue;
        item_begin(items[i], d, &r[i]->list.only, arena, r[i]->peer);
        const bool fits =
            items[i]->grouped && (n == 0 || items[i]->call.method == together[0]->call.method);
        if (fits) together[n++] = items[i];
    }
    prepare(together, n, arena);
    for (size_t i = 0; i < count; i++) {
        struct json_writer w = {out[i], false};
        if (r[i]->list.batch)
            run_batch(d, &r[i]->list, &w, arena, r[i]->peer);
        else if (items[i] != NULL)
            item_run(items[i], d, &w);
        else
            write_simple_error(&w, RPC_LIMIT, "limit exceeded: out of memory");
    }
}

void rpc_requests_run(struct rpc_request *const *r, struct buf *const *out, size_t count)
{
    struct arena arena;
    const bool have_arena = err_ok(arena_take(r[0]->d, &arena));
    struct rpc_request *some[GROUP_MAX] = {NULL};
    struct buf *some_out[GROUP_MAX] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!run_broken(r[i], out[i], have_arena)) {
            some[n] = r[i];
            some_out[n++] = out[i];
        }
        if (n == GROUP_MAX || (i + 1 == count && n > 0)) {
            run_some(some, some_out, n, &arena);
            arena_reset(&arena);
            n = 0;
        }
    }
    if (have_arena) arena_give(r[0]->d, &arena);
}

void rpc_request_set_peer(struct rpc_request *r, struct rpc_peer *peer)
{
    r->peer = peer;
}

void rpc_request_run(struct rpc_request *r, struct buf *out)
{
    rpc_requests_run(&r, &out, 1);
}

void rpc_request_refuse(struct rpc_request *r, struct buf *out)
{
    struct json_writer w = {out, false};
    struct rpc_error e = {.code = RPC_LIMIT,
                          .message = "limit exceeded: too many requests of this kind are waiting",
                          .data = "{\"limit\":\"queue\",\"retryAfter\":1}"};
    write_error(&w, r->list.batch ? BYTES_NONE : id_to_tell(&r->list.only), &e);
}

// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/control.h"

#include "chain/base/log.h"
#include "rpc/cairnd/notify.h"
#include "rpc/cairnd/p2p_settings.h"
#include "rpc/cairnd/permissions.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct control {
    struct control_options options;
    struct rpc_control rpc;
    char data_dir[PATH_MAX];
    bool has_peers; ///< the node has a peers' port
    pthread_mutex_t lock;
    size_t step;                    ///< lock: of level_names, for the signals
    char level[128];                ///< lock: as it was last set
    struct p2p_settings p2p;        ///< lock: static nodes
    struct permissions permissions; ///< lock
};

/// What a reload has read, before any of it holds.
struct fresh {
    struct config config;
    struct p2p_settings p2p;
    struct permissions permissions;
    char detail[400];
};

/// --- who may connect ---

static err_t allow(struct control *c, const struct permissions *p, char detail[400])
{
    size_t bad = 0;
    const err_t err = node_set_allowed(c->options.node, p->nodes, p->count, !p->given, &bad);
    if (err.kind == ERR_MALFORMED || err.kind == ERR_INVALID)
        (void)snprintf(detail, 400, "nodes-allowlist: \"%.180s\" is no enode", p->nodes[bad]);
    else if (!err_ok(err))
        (void)snprintf(detail, 400, "permissions: %s", err_text(err));
    return err;
}

static bool has(const char *const *list, size_t count, const char *item)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], item) == 0) return true;
    }
    return false;
}

static size_t static_count(const struct p2p_settings *p)
{
    return json_array_size(p->list);
}

/// How many of `a` are not in `b`.
static size_t beyond(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    size_t n = 0;
    for (size_t i = 0; i < a_count; i++) n += !has(b, b_count, a[i]);
    return n;
}

/// --- reloading ---

static bool read_fresh(struct control *c, struct fresh *f)
{
    int rest = 0;
    memset(f, 0, sizeof *f);
    const err_t err = config_read(&f->config, c->options.argc, c->options.argv, &rest);
    if (!err_ok(err)) {
        (void)snprintf(f->detail, sizeof f->detail, "%s",
                       f->config.detail[0] != 0 ? f->config.detail : err_text(err));
        return false;
    }
    if (!c->has_peers) return true;
    if (!err_ok(p2p_static_nodes_read(&f->p2p, &f->config, f->detail))) return false;
    for (size_t i = 0; i < static_count(&f->p2p); i++) {
        if (node_is_enode(f->p2p.nodes[i])) continue;
        (void)snprintf(f->detail, sizeof f->detail, "static nodes: \"%.180s\" is no enode",
                       f->p2p.nodes[i]);
        return false;
    }
    const char *path = config_text(&f->config, SET_permissions);
    return err_ok(permissions_read(&f->permissions, path, f->detail));
}

static void say_change(struct buf *said, const char *what, size_t more, size_t fewer, size_t now)
{
    if (more + fewer == 0) return;
    buf_printf(said, "%s: %zu added, %zu removed, now %zu\n", what, more, fewer, now);
}

static void apply_static(struct control *c, struct fresh *f, struct buf *said)
{
    const char *const *was = c->p2p.nodes;
    const char *const *now = f->p2p.nodes;
    const size_t was_count = static_count(&c->p2p);
    const size_t now_count = static_count(&f->p2p);
    say_change(said, "static nodes", beyond(now, now_count, was, was_count),
               beyond(was, was_count, now, now_count), now_count);
    for (size_t i = 0; i < was_count; i++) {
        // An address may have changed: the same key is added again below.
        if (!has(now, now_count, was[i])) (void)err_ok(node_remove_peer(c->options.node, was[i]));
    }
    for (size_t i = 0; i < now_count; i++) {
        if (!has(was, was_count, now[i])) (void)err_ok(node_add_peer(c->options.node, now[i]));
    }
    const struct p2p_settings old = c->p2p;
    c->p2p = f->p2p;
    f->p2p = old;
}

static void apply_permissions(struct control *c, struct fresh *f, struct buf *said)
{
    const struct permissions *was = &c->permissions;
    const struct permissions *now = &f->permissions;
    if (was->given != now->given)
        buf_printf(said, "nodes-allowlist: %s\n",
                   now->given ? "in force" : "everybody may connect");
    say_change(said, "nodes-allowlist", beyond(now->nodes, now->count, was->nodes, was->count),
               beyond(was->nodes, was->count, now->nodes, now->count), now->count);
    const struct permissions old = c->permissions;
    c->permissions = f->permissions;
    f->permissions = old;
}

static bool reload(void *ctx, struct buf *said)
{
    struct control *c = ctx;
    struct fresh *f = calloc(1, sizeof *f);
    if (f == NULL) {
        buf_put_str(said, "out of memory");
        return false;
    }
    pthread_mutex_lock(&c->lock);
    bool ok = read_fresh(c, f);
    const char *level = ok ? config_text(&f->config, SET_log_level) : "";
    // Each of the two is all or nothing; the second cannot fail once the first has passed.
    if (ok && c->has_peers) ok = err_ok(allow(c, &f->permissions, f->detail));
    if (ok && strcmp(level, c->level) != 0) {
        ok = log_set_levels(level);
        if (ok) {
            buf_printf(said, "log level: %s, was %s\n", level, c->level);
            (void)snprintf(c->level, sizeof c->level, "%s", level);
            c->step = 2;
        } else {
            char detail[400] = "";
            if (c->has_peers) (void)err_ok(allow(c, &c->permissions, detail));
            (void)snprintf(f->detail, sizeof f->detail,
                           "log level %.100s: want error, warn, info or debug", level);
        }
    }
    if (ok && c->has_peers) {
        apply_static(c, f, said);
        apply_permissions(c, f, said);
    }
    if (!ok) buf_put_str(said, f->detail);
    pthread_mutex_unlock(&c->lock);
    permissions_free(&f->permissions);
    p2p_settings_free(&f->p2p);
    config_free(&f->config);
    free(f);
    return ok;
}

/// Reloads and says so in the log, whoever asked.
static bool reload_and_log(void *ctx, struct buf *said)
{
    struct control *c = ctx;
    notify_send("RELOADING=1");
    const bool ok = reload(ctx, said);
    notify_send("READY=1");
    char line[600];
    const bytes_t text = buf_bytes(said);
    const size_t len = text.len < sizeof line ? text.len : sizeof line - 1;
    if (len != 0) memcpy(line, text.data, len);
    line[len] = 0;
    for (char *p = line; (p = strchr(p, '\n')) != NULL;) *p = p[1] == 0 ? 0 : ';';
    pthread_mutex_lock(&c->lock);
    if (!ok)
        LOG_ERR("node", "not reloaded: nothing has changed", "why=\"%s\"", line);
    else if (line[0] == 0)
        LOG_INF("node", "reloaded: nothing has changed", "log_level=%s", c->level);
    else
        LOG_INF("node", "reloaded", "log_level=%s changed=\"%s\"", c->level, line);
    pthread_mutex_unlock(&c->lock);
    return ok;
}

void control_reload(struct control *c)
{
    struct buf said;
    buf_init(&said, 65536);
    (void)reload_and_log(c, &said);
    buf_deinit(&said);
}

/// --- log levels ---

static bool set_log_level(void *ctx, const char *levels)
{
    struct control *c = ctx;
    if (strlen(levels) >= sizeof c->level) return false;
    pthread_mutex_lock(&c->lock);
    const bool ok = log_set_levels(levels);
    if (ok) (void)snprintf(c->level, sizeof c->level, "%s", levels);
    for (size_t i = 0; ok && i < ARRAY_LEN(level_names); i++) {
        if (strcmp(level_names[i], levels) == 0) c->step = i;
    }
    pthread_mutex_unlock(&c->lock);
    if (ok) LOG_INF("node", "log level changed", "level=%s", levels);
    return ok;
}

void control_step_level(struct control *c, bool more)
{
    pthread_mutex_lock(&c->lock);
    const size_t last = ARRAY_LEN(level_names) - 1;
    const size_t step =
        more ? (c->step < last ? c->step + 1 : last) : (c->step > 0 ? c->step - 1 : 0);
    pthread_mutex_unlock(&c->lock);
    (void)set_log_level(c, level_names[step]);
}

/// --- life ---

/// As the operator's signal does: the main thread ends what is open.
static void ask_shutdown(void *ctx)
{
    (void)ctx;
    LOG_INF("node", "asked to stop", "by=admin_shutdown");
    (void)kill(getpid(), SIGTERM);
}

err_t control_new(struct control **out, const struct control_options *options, char detail[400])
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL) return FAIL(FULL, "control: out of memory");
    char enode[NODE_ENODE_MAX];
    c->options = *options;
    c->has_peers = node_enode(options->node, enode, sizeof enode);
    c->step = 2;
    if (realpath(options->data_dir, c->data_dir) == NULL)
        (void)snprintf(c->data_dir, sizeof c->data_dir, "%s", options->data_dir);
    c->rpc = (struct rpc_control){c, c->data_dir, set_log_level, reload_and_log, ask_shutdown};
    (void)snprintf(c->level, sizeof c->level, "%s", config_text(options->config, SET_log_level));
    pthread_mutex_init(&c->lock, NULL);
    err_t err = OK;
    detail[0] = 0;
    if (c->has_peers) err = p2p_static_nodes_read(&c->p2p, options->config, detail);
    if (err_ok(err) && c->has_peers)
        err = permissions_read(&c->permissions, config_text(options->config, SET_permissions),
                               detail);
    if (err_ok(err) && c->permissions.given) err = allow(c, &c->permissions, detail);
    if (!err_ok(err)) {
        control_free(c);
        return err;
    }
    *out = c;
    return OK;
}

void control_free(struct control *c)
{
    if (c == NULL) return;
    permissions_free(&c->permissions);
    p2p_settings_free(&c->p2p);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const struct rpc_control *control_rpc(struct control *c)
{
    return &c->rpc;
}

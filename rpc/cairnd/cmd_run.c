// SPDX-License-Identifier: Apache-2.0
/// `cairnd run`, `--dev`, `check`, `config`: a node from its settings to its end.

#include "chain/base/hex.h"
#include "chain/base/log.h"
#include "chain/crypto/secp.h"
#include "chain/state/genesis_state.h"
#include "chain/store/guard.h"
#include "consensus/node/node.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/control.h"
#include "rpc/cairnd/dev.h"
#include "rpc/cairnd/notify.h"
#include "rpc/cairnd/p2p_settings.h"
#include "rpc/cairnd/permissions.h"
#include "rpc/cairnd/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GENESIS_ARENA_MAX ((size_t)1 << 30)
#define GENESIS_FILE_MAX ((size_t)256 << 20)

/// Everything a run holds, in the order it was opened.
struct run {
    struct config config;
    FILE *log_file;
    char *data_dir;
    bool temporary; ///< data_dir is removed at the end
    struct arena arena;
    struct buf genesis_text;
    struct genesis genesis;
    struct secret_key *key;
    struct p2p_settings p2p;
    struct node *node;
    struct control *control;
    struct service *service;
    char version[96];
    char identity[64];
};

static void run_close(struct run *r)
{
    service_stop(r->service);
    control_free(r->control);
    if (r->node != NULL) node_close(r->node);
    p2p_settings_free(&r->p2p);
    secret_free(r->key);
    buf_deinit(&r->genesis_text);
    arena_deinit(&r->arena);
    if (r->temporary) dir_remove(r->data_dir);
    free(r->data_dir);
    config_free(&r->config);
    if (r->log_file != NULL) fclose(r->log_file);
}

// ---- settings -----------------------------------------------------------------------------

static int read_settings(struct run *r, int argc, char **argv)
{
    int rest = 0;
    const err_t err = config_read(&r->config, argc, argv, &rest);
    if (!err_ok(err)) {
        return fail(EXIT_USAGE, "%s", r->config.detail[0] != 0 ? r->config.detail : err_text(err));
    }
    if (rest < argc) {
        return fail(EXIT_USAGE, "unexpected argument \"%s\"\nhint: cairnd --help", argv[rest]);
    }
    return EXIT_DONE;
}

static int setup_log(struct run *r)
{
    const struct config *c = &r->config;
    const char *format = config_text(c, SET_log_format);
    const char *path = config_text(c, SET_log_file);
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0) {
        return fail(EXIT_USAGE, "--log-format is \"%s\"\nhint: want text or json", format);
    }
    if (path[0] != 0 && (r->log_file = fopen(path, "ae")) == NULL) {
        return fail(EXIT_USAGE, "--log-file %s: %s\nhint: choose a file that can be written", path,
                    strerror(errno));
    }
    log_setup(&(struct log_config){.out = r->log_file, .json = strcmp(format, "json") == 0});
    if (!log_set_levels(config_text(c, SET_log_level))) {
        return fail(EXIT_USAGE,
                    "--log-level is \"%s\"\nhint: want error, warn, info or debug, as in "
                    "info,p2p=debug",
                    config_text(c, SET_log_level));
    }
    return EXIT_DONE;
}

/// "4096+1024".
static bool parse_pool_size(const char *text, size_t *pending, size_t *queued)
{
    char first[24];
    const char *plus = strchr(text, '+');
    if (plus == NULL || (size_t)(plus - text) >= sizeof first) return false;
    memcpy(first, text, (size_t)(plus - text));
    first[plus - text] = 0;
    uint64_t a = 0;
    uint64_t b = 0;
    if (!setting_parse(&a, SETTING_COUNT, first) || !setting_parse(&b, SETTING_COUNT, plus + 1)) {
        return false;
    }
    *pending = a;
    *queued = b;
    return a > 0 && a <= 1000000 && b <= 1000000;
}

enum { DEV_PERIOD_MAX_MS = 24 * 3600 * 1000 };

static int qbft_wire_of(const struct config *c, unsigned *out)
{
    static const char *const names[] = {"besu26", "besu25", "goquorum"};
    const char *text = config_text(c, SET_qbft_wire);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = i;
        return EXIT_DONE;
    }
    return fail(EXIT_USAGE, "--qbft-wire is \"%s\"\nhint: want besu26, besu25 or goquorum", text);
}

static int node_options_of(struct run *r, struct node_options *o)
{
    const struct config *c = &r->config;
    const char *journal = config_text(c, SET_tx_journal);
    const bool sync = strcmp(journal, "sync") == 0;
    *o = (struct node_options){
        .data_dir = r->data_dir,
        .genesis = &r->genesis,
        .key = r->key,
        .dev = config_number(c, SET_dev) != 0,
        .dev_period_ms = config_number(c, SET_dev_period),
        .min_gas_price_wei = config_number(c, SET_min_gas_price),
        .price_bump_percent = (unsigned)config_number(c, SET_price_bump),
        .journal_sync = sync,
        .gas_limit_target = config_number(c, SET_gas_limit),
        .guard_reset_height = config_number(c, SET_guard_reset),
    };
    if (!sync && strcmp(journal, "async") != 0) {
        return fail(EXIT_USAGE, "--tx-journal is \"%s\"\nhint: want sync or async", journal);
    }
    if (config_number(c, SET_price_bump) > 1000) {
        return fail(EXIT_USAGE, "--price-bump is %" PRIu64 "\nhint: want at most 1000",
                    config_number(c, SET_price_bump));
    }
    if (!parse_pool_size(config_text(c, SET_pool_size), &o->pool_pending_max,
                         &o->pool_queued_max)) {
        return fail(EXIT_USAGE,
                    "--pool-size is \"%s\"\nhint: want PENDING+QUEUED such as 4096+1024",
                    config_text(c, SET_pool_size));
    }
    const int code = qbft_wire_of(c, &o->qbft_wire);
    return code == EXIT_DONE ? p2p_settings_read(&r->p2p, c, &o->p2p) : code;
}

// ---- data directory -----------------------------------------------------------------------

/// --dev: a temporary directory, a fresh key with its empty guard, a genesis in memory.
static int open_dev(struct run *r)
{
    const uint64_t period_ms = config_number(&r->config, SET_dev_period);
    if (period_ms > DEV_PERIOD_MAX_MS) {
        return fail(EXIT_USAGE, "--dev-period is %" PRIu64 "\nhint: want at most %d (a day)",
                    period_ms, DEV_PERIOD_MAX_MS);
    }
    const char *base = getenv("TMPDIR");
    if (asprintf(&r->data_dir, "%s/cairn-dev-XXXXXX", base != NULL ? base : "/tmp") < 0) {
        r->data_dir = NULL;
        return fail(EXIT_INTERNAL, "out of memory");
    }
    if (mkdtemp(r->data_dir) == NULL) {
        return fail(EXIT_STORAGE, "cannot make a temporary directory %s: %s\nhint: set TMPDIR",
                    r->data_dir, strerror(errno));
    }
    r->temporary = true;
    secp_pubkey_t pub;
    err_t err = secret_new(&r->key);
    if (err_ok(err)) err = secp_keygen(r->key);
    if (err_ok(err)) err = secp_pubkey_of(&pub, r->key);
    if (!err_ok(err)) return fail(EXIT_INTERNAL, "the node key cannot be made: %s", err_text(err));
    const address_t validator = secp_address(&pub);
    char guard[4096];
    (void)snprintf(guard, sizeof guard, "%s/guard", r->data_dir);
    err = guard_create(guard, &validator, 0);
    if (!err_ok(err)) return fail(exit_of(err), "the guard cannot be made: %s", err_text(err));

    struct system_detail detail = {""};
    err = dev_genesis(&r->genesis_text, &r->arena, &validator, &r->config, (uint64_t)time(NULL),
                      &detail);
    if (!err_ok(err)) {
        return fail(exit_of(err), "%s", detail.text[0] != 0 ? detail.text : err_text(err));
    }
    struct genesis_detail why = {""};
    err = genesis_parse(&r->genesis, &r->arena, buf_bytes(&r->genesis_text), &why);
    if (!err_ok(err)) return fail(EXIT_INTERNAL, "the genesis of --dev: %s", why.text);
    return EXIT_DONE;
}

static int open_existing(struct run *r)
{
    const struct config *c = &r->config;
    int code = EXIT_DONE;
    r->data_dir = config_path(c, "");
    char *genesis = config_text(c, SET_genesis)[0] != 0 ? strdup(config_text(c, SET_genesis))
                                                        : config_path(c, "genesis.json");
    char *key = config_text(c, SET_node_key)[0] != 0 ? strdup(config_text(c, SET_node_key))
                                                     : config_path(c, "keys/node");
    err_t err =
        r->data_dir == NULL || genesis == NULL || key == NULL ? FAIL(FULL, "out of memory") : OK;
    struct stat st;
    if (err_ok(err) && stat(r->data_dir, &st) != 0) {
        code =
            fail(EXIT_USAGE,
                 "there is no data directory %s\nhint: cairnd init --genesis FILE --data-dir DIR, "
                 "cairnd network init, or cairnd --dev",
                 r->data_dir);
        err = FAIL(NOT_FOUND, "no data directory");
    }
    if (err_ok(err)) err = genesis_read(&r->genesis, &r->arena, &r->genesis_text, genesis, &code);
    if (err_ok(err)) err = node_key_read(&r->key, key, &code);
    free(genesis);
    free(key);
    if (!err_ok(err) && code == EXIT_DONE) code = fail(EXIT_INTERNAL, "%s", err_text(err));
    return code;
}

static int open_data(struct run *r, int argc, char **argv)
{
    buf_init(&r->genesis_text, GENESIS_FILE_MAX);
    int code = read_settings(r, argc, argv);
    if (code == EXIT_DONE) code = setup_log(r);
    if (code != EXIT_DONE) return code;
    err_t err = secp_setup();
    if (err_ok(err)) err = arena_init(&r->arena, GENESIS_ARENA_MAX);
    if (!err_ok(err)) return fail(EXIT_INTERNAL, "%s", err_text(err));
    return config_number(&r->config, SET_dev) != 0 ? open_dev(r) : open_existing(r);
}

// ---- running ------------------------------------------------------------------------------

static int open_node(struct run *r, int argc, char **argv)
{
    struct node_options options;
    const int code = node_options_of(r, &options);
    if (code != EXIT_DONE) return code;
    struct node_detail why = {""};
    err_t err = node_open(&r->node, &options, &why);
    if (!err_ok(err)) {
        r->node = NULL;
        return fail(exit_of(err), "%s", why.text[0] != 0 ? why.text : err_text(err));
    }
    char wrong[400] = "";
    err =
        control_new(&r->control,
                    &(struct control_options){r->node, &r->config, r->data_dir, argc, argv}, wrong);
    if (!err_ok(err)) {
        r->control = NULL;
        return fail(EXIT_USAGE, "%s", wrong[0] != 0 ? wrong : err_text(err));
    }
    struct service_detail detail = {""};
    err = service_start(&r->service, r->node, &r->config,
                        client_version(r->version, sizeof r->version), control_rpc(r->control),
                        &detail);
    if (!err_ok(err)) {
        r->service = NULL;
        return fail(EXIT_USAGE, "%s", detail.text[0] != 0 ? detail.text : err_text(err));
    }
    return EXIT_DONE;
}

/// --identity, else the host's name.
static void set_identity(struct run *r)
{
    const char *given = config_text(&r->config, SET_identity);
    if (given[0] != 0)
        (void)snprintf(r->identity, sizeof r->identity, "%s", given);
    else if (gethostname(r->identity, sizeof r->identity) != 0)
        r->identity[0] = 0;
    r->identity[sizeof r->identity - 1] = 0;
}

/// "London 0, Shanghai t0, Cancun t0": the rules in the order in which they begin.
static void put_forks(char *out, size_t cap, const struct chain_config *c)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < REV_COUNT && at < cap; i++) {
        const bool by_block = c->fork_block[i] != FORK_NEVER;
        const bool by_time = c->fork_time_s[i] != FORK_NEVER;
        if (!by_block && !by_time) continue;
        const int n = snprintf(out + at, cap - at, "%s%s:%s%" PRIu64, at > 0 ? "," : "",
                               revision_name((enum revision)i), by_time ? "t" : "",
                               by_time ? c->fork_time_s[i] : c->fork_block[i]);
        if (n < 0) return;
        at += (size_t)n;
    }
}

/// One warning per setting that takes a protection away.
static void warn_of_risks(const struct run *r, const struct node_status *st)
{
    const struct config *c = &r->config;
    const bool dev = config_number(c, SET_dev) != 0;
    struct stat dir;
    if (geteuid() == 0) LOG_WRN("node", "runs as root", "hint=\"use an account of its own\"");
    if (config_number(c, SET_rpc_open) != 0)
        LOG_WRN("rpc", "open to the network without authentication",
                "listen=%s hint=\"a proxy in front, or --rpc-open off\"",
                config_text(c, SET_rpc_listen));
    if (strstr(config_text(c, SET_rpc_vhosts), "*") != NULL)
        LOG_WRN("rpc", "answers to any host name", "hint=\"list the names in --rpc-vhosts\"");
    if (strstr(config_text(c, SET_rpc_cors), "*") != NULL)
        LOG_WRN("rpc", "any web page may call it", "hint=\"list the pages in --rpc-cors\"");
    if (!dev && strstr(config_text(c, SET_rpc_namespaces), "debug") != NULL)
        LOG_WRN("rpc", "serves debug: costly calls for everybody who reaches it",
                "hint=\"leave it out of --rpc-namespaces\"");
    if (!dev && strcmp(config_text(c, SET_tx_journal), "async") == 0)
        LOG_WRN("pool", "accepted transactions survive the process's death, not a power cut",
                "hint=\"--tx-journal sync\"");
    if (config_number(c, SET_guard_reset) != 0)
        LOG_WRN("guard", "--guard-reset-height is set: leave it out at the next start",
                "from=%" PRIu64, config_number(c, SET_guard_reset));
    if (stat(r->data_dir, &dir) == 0 && (dir.st_mode & 077) != 0)
        LOG_WRN("node", "others may look into the data directory",
                "mode=%03o hint=\"chmod 700 %s\"", (unsigned)dir.st_mode & 0777, r->data_dir);
    if (!dev && st->is_validator && st->validator_count < 4)
        LOG_WRN("qbft", "no validator may fail: four tolerate one", "validators=%zu",
                st->validator_count);
}

static void say_ready(const struct run *r)
{
    struct node_status st;
    char forks[512];
    char enode[NODE_ENODE_MAX];
    node_status(r->node, &st);
    if (!node_enode(r->node, enode, sizeof enode)) (void)snprintf(enode, sizeof enode, "off");
    put_forks(forks, sizeof forks, &r->genesis.config);
    const char *url = service_url(r->service);
    LOG_INF("node", "started",
            "version=%s identity=%s data=%s chain=%" PRIu64 " genesis=%s forks=%s head=%" PRIu64
            " validator=%s validates=%s validators=%zu rpc=%s p2p=%s",
            CAIRND_VERSION, r->identity, r->data_dir, r->genesis.config.chain_id,
            hex_hash(node_genesis_hash(r->node)).s, forks, st.head_number,
            hex_address(&st.validator).s, st.is_validator ? "yes" : "no", st.validator_count,
            url != NULL ? url : "off", enode);
    warn_of_risks(r, &st);
    (void)printf("ready %s\n", url != NULL ? url : "rpc off");
    (void)fflush(stdout);
    notify_send("READY=1");
}

static void leave_at_once(int signal_number)
{
    (void)signal_number;
    _exit(EXIT_DONE);
}

/// Tells the service manager where the chain stands.
static void tell_manager(const struct run *r, uint64_t *told_head)
{
    struct node_status st;
    char text[160 + NODE_STALL_WHY_MAX];
    node_status(r->node, &st);
    if (st.stalled_s > 0)
        (void)snprintf(text, sizeof text, "STATUS=stalled at block %" PRIu64 ": %s", st.head_number,
                       st.stall_why);
    else if (st.head_number == *told_head)
        return;
    else
        (void)snprintf(text, sizeof text, "STATUS=block %" PRIu64 ", %zu transactions wait",
                       st.head_number, st.pool_pending);
    *told_head = st.head_number;
    notify_send(text);
}

/// Waits for a signal to stop, or for the node to fail.
static int wait_for_end(struct run *r, const sigset_t *signals)
{
    const uint64_t watchdog_ms = notify_watchdog_ms();
    uint64_t told_head = UINT64_MAX;
    uint64_t ticks = 0;
    enum { TICK_MS = 250 };
    for (;; ticks++) {
        const struct timespec pause = {.tv_nsec = TICK_MS * 1000000L};
        const int got = sigtimedwait(signals, NULL, &pause);
        err_t why = OK;
        if (node_failed(r->node, &why)) {
            struct node_detail what;
            node_failure_text(r->node, &what);
            return fail(exit_of(why), "%s", what.text);
        }
        if (got == SIGTERM || got == SIGINT) {
            notify_send("STOPPING=1");
            return EXIT_DONE;
        }
        if (got == SIGUSR1 || got == SIGUSR2) control_step_level(r->control, got == SIGUSR1);
        if (got == SIGHUP) control_reload(r->control);
        if (watchdog_ms > 0 && ticks % (watchdog_ms < TICK_MS ? 1 : watchdog_ms / TICK_MS) == 0)
            notify_send("WATCHDOG=1");
        if (ticks % (5000 / TICK_MS) == 0) tell_manager(r, &told_head);
    }
}

int cmd_run(int argc, char **argv)
{
    struct run r;
    memset(&r, 0, sizeof r);
    // Signals belong to this thread: block them before any other is started.
    sigset_t signals;
    sigemptyset(&signals);
    static const int waited[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < ARRAY_LEN(waited); i++) sigaddset(&signals, waited[i]);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(077);

    int code = open_data(&r, argc, argv);
    if (code == EXIT_DONE) code = open_node(&r, argc, argv);
    if (code == EXIT_DONE) {
        set_identity(&r);
        say_ready(&r);
        code = wait_for_end(&r, &signals);
        (void)signal(SIGTERM, leave_at_once);
        (void)signal(SIGINT, leave_at_once);
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    }
    run_close(&r);
    return code;
}

// ---- check and config ---------------------------------------------------------------------

static int check_permissions(const struct config *c)
{
    struct permissions *p = calloc(1, sizeof *p);
    char detail[400] = "";
    int code = EXIT_DONE;
    if (p == NULL) return fail(EXIT_INTERNAL, "out of memory");
    const err_t err = permissions_read(p, config_text(c, SET_permissions), detail);
    if (!err_ok(err)) code = fail(EXIT_USAGE, "%s", detail[0] != 0 ? detail : err_text(err));
    for (size_t i = 0; code == EXIT_DONE && i < p->count; i++) {
        if (!node_is_enode(p->nodes[i]))
            code = fail(EXIT_USAGE, "nodes-allowlist: \"%.180s\" is no enode", p->nodes[i]);
    }
    permissions_free(p);
    free(p);
    return code;
}

int cmd_check(int argc, char **argv)
{
    struct run r;
    memset(&r, 0, sizeof r);
    int code = open_data(&r, argc, argv);
    struct node_options options;
    if (code == EXIT_DONE) code = node_options_of(&r, &options);
    if (code == EXIT_DONE) code = check_permissions(&r.config);
    hash_t hash;
    if (code == EXIT_DONE) {
        const err_t err = genesis_seal(&r.genesis, &r.arena, &hash);
        if (!err_ok(err)) code = fail(EXIT_USAGE, "the genesis cannot be used: %s", err_text(err));
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (code == EXIT_DONE && now.tv_sec < 1700000000) {
        code = fail(EXIT_USAGE, "the clock stands before 2023\nhint: set the clock");
    }
    if (code == EXIT_DONE) {
        (void)printf("ok: chain %" PRIu64 ", genesis %s\n", r.genesis.config.chain_id,
                     hex_hash(&hash).s);
    }
    run_close(&r);
    return code;
}

static int explain(const char *word)
{
    const char *names[SETTING_COUNT_OF];
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        names[i] = SETTINGS[i].flag;
        if (strcmp(SETTINGS[i].flag, word) != 0 && strcmp(SETTINGS[i].key, word) != 0) continue;
        (void)printf("--%s %s\n  %s\n  default: %s\n  file: %s\n", SETTINGS[i].flag,
                     SETTINGS[i].arg, SETTINGS[i].help,
                     SETTINGS[i].otherwise[0] != 0 ? SETTINGS[i].otherwise : "none",
                     SETTINGS[i].key[0] != 0 ? SETTINGS[i].key : "not in the file");
        return EXIT_DONE;
    }
    const char *near = nearest_word(word, names, SETTING_COUNT_OF);
    return fail(EXIT_USAGE, "there is no setting \"%s\"%s%s", word,
                near != NULL ? "\nhint: did you mean " : "", near != NULL ? near : "");
}

int cmd_config(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "explain") == 0) return explain(argv[2]);
    if (argc < 2 || strcmp(argv[1], "show") != 0) {
        return fail(EXIT_USAGE, "want: cairnd config show [--toml] [flags], or config explain KEY");
    }
    bool toml = false;
    int kept = 1;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--toml") == 0)
            toml = true;
        else
            argv[kept++] = argv[i];
    }
    struct config c;
    int rest = 0;
    const err_t err = config_read(&c, kept, argv, &rest);
    if (!err_ok(err)) {
        const int code = fail(EXIT_USAGE, "%s", c.detail[0] != 0 ? c.detail : err_text(err));
        config_free(&c);
        return code;
    }
    config_print(&c, stdout, toml);
    config_free(&c);
    return EXIT_DONE;
}

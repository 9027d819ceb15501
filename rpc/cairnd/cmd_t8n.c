// SPDX-License-Identifier: Apache-2.0
/// `cairnd t8n`: the transition tool, with go-ethereum's flags and files.

#include "chain/base/json.h"
#include "chain/crypto/secp.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/t8n.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX_BYTES ((size_t)128 << 20)
#define ARENA_MAX_BYTES ((size_t)4 << 30)

struct options {
    const char *alloc_in;
    const char *env_in;
    const char *txs_in;
    const char *fork;
    const char *chain_id;
    const char *reward;
    const char *basedir;
    const char *alloc_out;
    const char *result_out;
    const char *body_out;
    const char *tracer;
    const char *tracer_config;
    bool trace;
};

static const struct {
    const char *name;
    size_t at; ///< of the value in struct options
} flags[] = {
    {"input.alloc", offsetof(struct options, alloc_in)},
    {"input.env", offsetof(struct options, env_in)},
    {"input.txs", offsetof(struct options, txs_in)},
    {"trace.tracer", offsetof(struct options, tracer)},
    {"trace.jsonconfig", offsetof(struct options, tracer_config)},
    {"state.fork", offsetof(struct options, fork)},
    {"state.chainid", offsetof(struct options, chain_id)},
    {"state.reward", offsetof(struct options, reward)},
    {"output.basedir", offsetof(struct options, basedir)},
    {"output.alloc", offsetof(struct options, alloc_out)},
    {"output.result", offsetof(struct options, result_out)},
    {"output.body", offsetof(struct options, body_out)},
};

static int help(void)
{
    (void)printf(
        "usage: cairnd t8n [FLAGS]\n\n"
        "The transition tool: executes transactions on a world and prints the new one, with the\n"
        "files of go-ethereum's evm t8n. Flags take --name=value or --name value.\n\n"
        "  --input.alloc FILE    accounts before (alloc.json)\n"
        "  --input.env FILE      the block's surroundings (env.json)\n"
        "  --input.txs FILE      transactions (txs.json): a list of objects, signed or with a\n"
        "                        secretKey; or the hex text of an RLP list\n"
        "                        FILE may be stdin: {\"alloc\": .., \"env\": .., \"txs\": ..} or "
        "txsRlp\n"
        "  --state.fork F        Frontier .. Prague, BerlinToLondonAt5 and the like (Prague)\n"
        "  --state.chainid N     (1)\n"
        "  --state.reward WEI    to the coinbase; -1: none, nor is it touched (0)\n"
        "  --output.basedir DIR  of the outputs and traces; made if it is not there\n"
        "  --output.alloc FILE   accounts afterwards (alloc.json)\n"
        "  --output.result FILE  roots, receipts, what was rejected (result.json)\n"
        "  --output.body FILE    RLP of the transactions that were executed (not written)\n"
        "                        FILE may be stdout or stderr\n"
        "  --trace               trace-<n>-<hash>.jsonl for each transaction (EIP-3155)\n"
        "  --trace.tracer T      trace-<n>-<hash>.json of callTracer, prestateTracer or\n"
        "                        4byteTracer\n"
        "  --trace.jsonconfig J  its options, such as '{\"withLog\":true}'\n\n"
        "examples:\n"
        "  cairnd t8n --state.fork Cancun --output.basedir out\n"
        "  cairnd t8n --input.alloc=stdin --input.env=stdin --input.txs=stdin \\\n"
        "    --output.result=stdout --output.alloc=stdout <all.json\n\n"
        "exit codes: 0 done (with rejected transactions, too), 2 usage or input, 4 output\n");
    return EXIT_DONE;
}

// ---- flags --------------------------------------------------------------------------------------

static int unknown_flag(const char *word)
{
    const char *names[ARRAY_LEN(flags)];
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) names[i] = flags[i].name;
    const char *bare = word;
    while (*bare == '-') bare++;
    const char *near = nearest_word(bare, names, ARRAY_LEN(names));
    return fail(EXIT_USAGE,
                "t8n has no flag \"%s\"%s%s, or it needs a value\nhint: cairnd t8n "
                "--help",
                word, near != NULL ? "; did you mean --" : "", near != NULL ? near : "");
}

static int read_flags(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strncmp(word, "--", 2) != 0) return unknown_flag(word);
        if (strcmp(word, "--trace") == 0) {
            o->trace = true;
            continue;
        }
        const char *equals = strchr(word, '=');
        const size_t len = equals != NULL ? (size_t)(equals - word) - 2 : strlen(word) - 2;
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(flags) && !known; k++) {
            if (strlen(flags[k].name) != len || strncmp(flags[k].name, word + 2, len) != 0)
                continue;
            const char *value = equals != NULL ? equals + 1 : (i + 1 < argc ? argv[++i] : NULL);
            if (value == NULL) break;
            memcpy((char *)o + flags[k].at, &value, sizeof value);
            known = true;
        }
        if (!known) return unknown_flag(word);
    }
    return EXIT_DONE;
}

static int read_rules(struct t8n *t, const struct options *o)
{
    u256_t number;
    t->fork = o->fork;
    if (!err_ok(u256_parse(&number, bytes_of_str(o->chain_id))) || !u256_fits_u64(&number)) {
        return fail(EXIT_USAGE, "--state.chainid is \"%s\", expected a number", o->chain_id);
    }
    t->chain_id = number.limb[0];
    t->rewards = strcmp(o->reward, "-1") != 0;
    if (!t->rewards) return EXIT_DONE;
    if (!err_ok(u256_parse(&number, bytes_of_str(o->reward))) || !u256_fits_u64(&number)) {
        return fail(EXIT_USAGE, "--state.reward is \"%s\", expected wei or -1", o->reward);
    }
    t->reward_wei = number.limb[0];
    return EXIT_DONE;
}

// ---- tracers ------------------------------------------------------------------------------------

static const struct {
    const char *name;
    enum tracer_kind kind;
} tracers[] = {{"callTracer", TRACER_CALL},
               {"prestateTracer", TRACER_PRESTATE},
               {"4byteTracer", TRACER_4BYTE},
               {"flatCallTracer", TRACER_FLAT},
               {"noopTracer", TRACER_NOOP}};

static const struct {
    const char *name;
    size_t at; ///< of the switch in struct tracer_options
} tracer_flags[] = {{"onlyTopCall", offsetof(struct tracer_options, only_top_call)},
                    {"withLog", offsetof(struct tracer_options, with_log)},
                    {"diffMode", offsetof(struct tracer_options, diff_mode)},
                    {"disableCode", offsetof(struct tracer_options, disable_code)},
                    {"disableStorage", offsetof(struct tracer_options, disable_storage)},
                    {"convertParityErrors", offsetof(struct tracer_options, convert_parity_errors)},
                    {"includePrecompiles", offsetof(struct tracer_options, include_precompiles)},
                    {"includeEmpty", offsetof(struct tracer_options, include_empty)}};

static int read_tracer(struct tracer_options *out, const struct options *o)
{
    bool known = false;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < ARRAY_LEN(tracers); i++) {
        if (strcmp(tracers[i].name, o->tracer) != 0) continue;
        out->kind = tracers[i].kind;
        known = true;
    }
    if (!known) {
        return fail(EXIT_USAGE,
                    "--trace.tracer is \"%s\", expected callTracer, flatCallTracer, "
                    "prestateTracer, 4byteTracer or noopTracer",
                    o->tracer);
    }
    if (o->tracer_config == NULL) return EXIT_DONE;
    json_t *config = NULL;
    struct json_detail detail = {""};
    if (!err_ok(json_parse(&config, bytes_of_str(o->tracer_config), &detail)) ||
        !json_is_object(config)) {
        json_decref(config);
        return fail(EXIT_USAGE, "--trace.jsonconfig is no JSON object %s", detail.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(tracer_flags); i++) {
        const bool on = json_is_true(json_object_get(config, tracer_flags[i].name));
        memcpy((char *)out + tracer_flags[i].at, &on, sizeof on);
    }
    json_decref(config);
    return EXIT_DONE;
}

// ---- inputs -------------------------------------------------------------------------------------

static err_t read_stdin(struct buf *text)
{
    uint8_t chunk[16384];
    ssize_t n;
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0) {
        buf_put(text, bytes_make(chunk, (size_t)n));
    }
    if (n < 0) return FAIL(IO, "it cannot be read");
    return text->full ? FAIL(LIMIT, "it is too large") : OK;
}

static int read_json(json_t **out, const char *what, const char *path)
{
    struct buf text;
    struct json_detail where = {""};
    const bool is_stdin = strcmp(path, "stdin") == 0;
    buf_init(&text, INPUT_MAX_BYTES);
    err_t err = is_stdin ? read_stdin(&text) : file_read(&text, path);
    if (err_ok(err)) err = json_parse(out, buf_bytes(&text), &where);
    buf_deinit(&text);
    if (err_ok(err)) return EXIT_DONE;
    return fail(EXIT_USAGE, "%s %s: %s%s", what, path, where.text[0] != 0 ? "no JSON: " : "",
                where.text[0] != 0 ? where.text : err_text(err));
}

/// The three inputs; those on standard input share one object.
struct inputs {
    json_t *common;
    json_t *alloc;
    json_t *env;
    json_t *txs;
};

static int read_input(struct inputs *in, json_t **out, const char *what, const char *path)
{
    if (strcmp(path, "stdin") != 0) return read_json(out, what, path);
    if (in->common == NULL) {
        const int code = read_json(&in->common, "input", path);
        if (code != EXIT_DONE) return code;
    }
    *out = json_incref(json_object_get(in->common, what));
    if (*out == NULL && strcmp(what, "txs") == 0) {
        *out = json_incref(json_object_get(in->common, "txsRlp"));
    }
    return EXIT_DONE;
}

static int read_inputs(struct inputs *in, const struct options *o)
{
    int code = read_input(in, &in->alloc, "alloc", o->alloc_in);
    if (code == EXIT_DONE) code = read_input(in, &in->env, "env", o->env_in);
    if (code == EXIT_DONE) code = read_input(in, &in->txs, "txs", o->txs_in);
    return code;
}

// ---- outputs ------------------------------------------------------------------------------------

static int write_file(const struct options *o, const char *name, const json_t *value)
{
    char path[4096];
    const int len =
        snprintf(path, sizeof path, "%s%s%s", o->basedir, o->basedir[0] != 0 ? "/" : "", name);
    if ((size_t)len >= sizeof path) return fail(EXIT_USAGE, "the path of %s is too long", name);
    FILE *f = fopen(path, "w");
    if (f == NULL) return fail(EXIT_STORAGE, "%s cannot be created", path);
    const bool written = json_dumpf(value, f, JSON_INDENT(1) | JSON_ENCODE_ANY) == 0;
    if (fclose(f) != 0 || !written) return fail(EXIT_STORAGE, "%s cannot be written", path);
    return EXIT_DONE;
}

static int dispatch(const struct options *o, json_t *to_stdout, json_t *to_stderr, const char *name,
                    const char *where, json_t *value)
{
    if (value == NULL) return fail(EXIT_STORAGE, "no memory left for the %s", name);
    int code = EXIT_DONE;
    if (strcmp(where, "stdout") == 0) {
        (void)json_object_set(to_stdout, name, value);
    } else if (strcmp(where, "stderr") == 0) {
        (void)json_object_set(to_stderr, name, value);
    } else if (where[0] != 0) {
        code = write_file(o, where, value);
    }
    json_decref(value);
    return code;
}

static int print(json_t *object, FILE *out)
{
    if (json_object_size(object) == 0) return EXIT_DONE;
    const bool written =
        json_dumpf(object, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF && fflush(out) == 0;
    return written ? EXIT_DONE : fail(EXIT_STORAGE, "output cannot be written");
}

static int write_outputs(const struct options *o, const struct t8n *t,
                         const struct t8n_outcome *outcome, const struct mem_state *state,
                         struct arena *arena)
{
    json_t *to_stdout = json_object();
    json_t *to_stderr = json_object();
    int code = dispatch(o, to_stdout, to_stderr, "alloc", o->alloc_out, t8n_alloc(state, arena));
    if (code == EXIT_DONE) {
        code = dispatch(o, to_stdout, to_stderr, "body", o->body_out, t8n_body(outcome));
    }
    if (code == EXIT_DONE) {
        code = dispatch(o, to_stdout, to_stderr, "result", o->result_out, t8n_result(t, outcome));
    }
    if (code == EXIT_DONE) code = print(to_stdout, stdout);
    if (code == EXIT_DONE) code = print(to_stderr, stderr);
    json_decref(to_stdout);
    json_decref(to_stderr);
    return code;
}

// ---- all of it ----------------------------------------------------------------------------------

static int transition(const struct options *o, struct t8n *t, const struct inputs *in,
                      struct mem_state *state, struct arena *arena)
{
    struct fixture_detail detail = {""};
    const char *what = "alloc";
    err_t err = fixture_read_accounts(state, in->alloc, arena, &detail);
    if (err_ok(err)) {
        what = "env";
        err = t8n_read_env(t, arena, in->env, &detail);
    }
    if (err_ok(err)) {
        what = "txs";
        err = t8n_read_txs(t, arena, in->txs, &detail);
    }
    if (err.kind == ERR_UNSUPPORTED) {
        return fail(EXIT_USAGE,
                    "--state.fork is \"%s\", and there are no rules of that name\n"
                    "hint: one of Frontier, Homestead, EIP150, EIP158, Byzantium, "
                    "Constantinople, ConstantinopleFix, Istanbul, MuirGlacier, Berlin, London, "
                    "ArrowGlacier, GrayGlacier, Paris, Shanghai, Cancun, Prague, or a change from "
                    "one to the next, such as BerlinToLondonAt5 or ShanghaiToCancunAtTime15k",
                    o->fork);
    }
    if (!err_ok(err)) {
        return fail(exit_of(err), "%s: %s", what,
                    detail.text[0] != 0 ? detail.text : err_text(err));
    }
    if (o->basedir[0] != 0 && !err_ok(dir_make(o->basedir))) {
        return fail(EXIT_STORAGE, "--output.basedir %s cannot be made", o->basedir);
    }
    struct t8n_outcome outcome;
    err = t8n_run(&outcome, t, state, arena, o->trace || t->tracer != NULL ? o->basedir : NULL);
    if (!err_ok(err)) return fail(exit_of(err), "%s", err_text(err));
    return write_outputs(o, t, &outcome, state, arena);
}

int cmd_t8n(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return help();
    }
    struct options o = {.alloc_in = "alloc.json",
                        .env_in = "env.json",
                        .txs_in = "txs.json",
                        .fork = "Prague",
                        .chain_id = "1",
                        .reward = "0",
                        .basedir = "",
                        .alloc_out = "alloc.json",
                        .result_out = "result.json",
                        .body_out = ""};
    struct t8n t = {0};
    struct tracer_options tracer;
    struct inputs in = {0};
    int code = read_flags(&o, argc, argv);
    if (code == EXIT_DONE) code = read_rules(&t, &o);
    if (code == EXIT_DONE && o.tracer != NULL) {
        code = read_tracer(&tracer, &o);
        t.tracer = &tracer;
    }
    if (code == EXIT_DONE) code = read_inputs(&in, &o);
    if (code == EXIT_DONE) {
        struct arena arena = {0};
        struct mem_state state;
        mem_state_init(&state);
        err_t err = secp_setup();
        if (err_ok(err)) err = arena_init(&arena, ARENA_MAX_BYTES);
        code = err_ok(err) ? transition(&o, &t, &in, &state, &arena)
                           : fail(exit_of(err), "%s", err_text(err));
        mem_state_deinit(&state);
        arena_deinit(&arena);
    }
    json_decref(in.common);
    json_decref(in.alloc);
    json_decref(in.env);
    json_decref(in.txs);
    return code;
}

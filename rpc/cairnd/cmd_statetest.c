// SPDX-License-Identifier: Apache-2.0
/// `cairnd statetest`: runs official state-test files and reports as go-ethereum's
/// `evm statetest` does, so that what drives that tool drives ours.

#include "chain/base/hex.h"
#include "chain/base/json.h"
#include "chain/crypto/secp.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/state_test.h"
#include "rpc/cairnd/step_trace.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

// Official files have a few megabytes.
#define FILE_MAX_BYTES ((size_t)128 << 20)

struct statetest {
    // What was asked for.
    bool trace;
    const char *fork; ///< NULL: all
    bool has_index;
    uint64_t index;
    bool has_regex;
    regex_t regex;

    struct state_test_bench bench;
    struct step_trace steps;
    json_t *results; ///< of the array being made
    size_t failed;
    struct fixture_detail detail;
};

static int help(void)
{
    (void)printf(
        "usage: cairnd statetest [FLAGS] [FILE...]\n\n"
        "Runs official Ethereum state tests. Prints a JSON array of {name, pass, stateRoot, fork,\n"
        "error}, and on standard error one {\"stateRoot\": ..} line for each case. Without FILE "
        "it\n"
        "reads file names from standard input, a line each, and prints an array for each file.\n\n"
        "  --trace      EIP-3155 lines on standard error, one for each instruction\n"
        "  --fork F     only this fork's cases (as the file spells it: Cancun)\n"
        "  --index N    only the case of this number within each fork\n"
        "  --run REGEX  only tests whose name matches (POSIX extended)\n"
        "               (--statetest.fork and --statetest.index are the same as --fork, "
        "--index)\n\n"
        "examples:\n"
        "  cairnd statetest GeneralStateTests/stExample/add11.json\n"
        "  cairnd statetest --trace --fork Cancun --index 0 add11.json 2>trace.jsonl\n"
        "  find stSStoreTest -name '*.json' | cairnd statetest >results.json\n\n"
        "exit codes: 0 all passed, 1 a case failed, 2 usage, or a file that cannot be read\n");
    return EXIT_DONE;
}

// ---- one case -----------------------------------------------------------------------------------

static bool wanted(const struct statetest *s, const struct state_test_case *c)
{
    if (s->fork != NULL && strcasecmp(s->fork, c->fork) != 0) return false;
    if (s->has_index && s->index != c->index) return false;
    return !s->has_regex || regexec(&s->regex, c->name, 0, NULL, 0) == 0;
}

/// Adds the case's result. A fork without rules here is a failed case without a root, as with
/// go-ethereum.
static err_t report(struct statetest *s, const struct state_test_case *c, bool has_root,
                    const struct state_test_verdict *v)
{
    json_t *entry = json_object();
    int bad = json_object_set_new(entry, "name", json_string(c->name));
    bad |= json_object_set_new(entry, "pass", json_boolean(v->pass));
    if (has_root) {
        const struct hex_text root = hex_hash(&v->state_root);
        bad |= json_object_set_new(entry, "stateRoot", json_string(root.s));
        (void)fprintf(stderr, "{\"stateRoot\": \"%s\"}\n", root.s);
    }
    bad |= json_object_set_new(entry, "fork", json_string(c->fork));
    if (!v->pass) bad |= json_object_set_new(entry, "error", json_string(v->error));
    bad |= json_array_append_new(s->results, entry);
    s->failed += !v->pass;
    return bad == 0 ? OK : FAIL(FULL, "no memory left for the results");
}

static err_t run_case(void *ctx, const struct state_test_case *c)
{
    struct statetest *s = ctx;
    if (!wanted(s, c)) return OK;
    struct state_test_verdict verdict;
    vm_set_trace(s->bench.vm, s->trace ? &s->steps.hooks : NULL);
    const err_t err = state_test_judge(&verdict, &s->bench, c, &s->detail);
    if (err.kind == ERR_UNSUPPORTED) {
        verdict = (struct state_test_verdict){0};
        (void)snprintf(verdict.error, sizeof verdict.error, "unsupported fork %.100s", c->fork);
        return report(s, c, false, &verdict);
    }
    TRY(err);
    return report(s, c, true, &verdict);
}

// ---- files --------------------------------------------------------------------------------------

static int run_file(struct statetest *s, const char *path)
{
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    err_t err = file_read(&text, path);
    if (!err_ok(err)) {
        buf_deinit(&text);
        return fail(EXIT_USAGE, "state test %s: %s", path, err_text(err));
    }
    struct json_detail where = {""};
    json_t *file = NULL;
    err = json_parse(&file, buf_bytes(&text), &where);
    buf_deinit(&text);
    if (!err_ok(err)) return fail(EXIT_USAGE, "state test %s: no JSON: %s", path, where.text);

    s->detail.text[0] = 0;
    err = state_test_each(file, run_case, s, &s->detail);
    json_decref(file);
    if (err_ok(err)) return EXIT_DONE;
    return fail(exit_of(err), "state test %s: %s", path,
                s->detail.text[0] != 0 ? s->detail.text : err_text(err));
}

static void print_results(struct statetest *s)
{
    (void)json_dumpf(s->results, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    (void)fflush(stderr);
    (void)json_array_clear(s->results);
}

/// File names from standard input up to its end or an empty line.
static int run_names(struct statetest *s)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int code = EXIT_DONE;
    while (code == EXIT_DONE && (len = getline(&line, &cap, stdin)) > 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) line[--len] = 0;
        if (len == 0) break;
        code = run_file(s, line);
        if (code == EXIT_DONE) print_results(s);
    }
    free(line);
    return code;
}

// ---- flags --------------------------------------------------------------------------------------

/// A flag as it was written: "--name", "--name=value", with one dash or two.
struct flag {
    char name[32];
    const char *value; ///< behind "=", else NULL
};

static struct flag flag_of(const char *word)
{
    struct flag f = {"", strchr(word, '=')};
    while (*word == '-') word++;
    if (strncmp(word, "statetest.", 10) == 0) word += 10;
    const size_t len = f.value != NULL ? (size_t)(f.value - word) : strlen(word);
    if (f.value != NULL) f.value++;
    if (len < sizeof f.name) memcpy(f.name, word, len);
    return f;
}

/// What go-ethereum's callers say to make traces smaller; ours have neither to begin with.
static bool is_accepted(const struct flag *f)
{
    static const char *const names[] = {"trace.nomemory", "trace.noreturndata", "nomemory",
                                        "noreturndata"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(f->name, names[i]) == 0)
            return f->value == NULL || strcmp(f->value, "true") == 0;
    }
    return strcmp(f->name, "trace.format") == 0 && f->value != NULL &&
           strcmp(f->value, "json") == 0;
}

static int read_regex(struct statetest *s, const char *text)
{
    if (s->has_regex) regfree(&s->regex);
    s->has_regex = false;
    if (regcomp(&s->regex, text, REG_EXTENDED | REG_NOSUB) != 0) {
        return fail(EXIT_USAGE, "--run %s is no regular expression", text);
    }
    s->has_regex = true;
    return EXIT_DONE;
}

static int read_index(struct statetest *s, const char *text)
{
    u256_t n;
    if (!err_ok(u256_parse(&n, bytes_of_str(text))) || !u256_fits_u64(&n)) {
        return fail(EXIT_USAGE, "--index is \"%s\", expected a number", text);
    }
    s->has_index = true;
    s->index = n.limb[0];
    return EXIT_DONE;
}

static int unknown_flag(const char *word)
{
    static const char *const names[] = {"--trace", "--fork", "--index", "--run"};
    const char *near = nearest_word(word, names, ARRAY_LEN(names));
    return fail(EXIT_USAGE,
                "statetest has no flag \"%s\"%s%s, or it needs another value\n"
                "hint: cairnd statetest --help",
                word, near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

/// Takes one flag, and the next word if its value is there.
static int read_flag(struct statetest *s, const char *word, const char *next, bool *took_next)
{
    struct flag f = flag_of(word);
    *took_next = false;
    if (is_accepted(&f)) return EXIT_DONE;
    if (strcmp(f.name, "trace") == 0 || strcmp(f.name, "json") == 0) {
        if (f.value != NULL && strcmp(f.value, "true") != 0) return unknown_flag(word);
        s->trace = true;
        return EXIT_DONE;
    }
    *took_next = f.value == NULL && next != NULL;
    if (*took_next) f.value = next;
    if (f.value == NULL) return unknown_flag(word);
    if (strcmp(f.name, "index") == 0) return read_index(s, f.value);
    if (strcmp(f.name, "run") == 0) return read_regex(s, f.value);
    if (strcmp(f.name, "fork") == 0) {
        s->fork = f.value;
        return EXIT_DONE;
    }
    if (strcmp(f.name, "trace.format") == 0 && strcmp(f.value, "json") == 0) return EXIT_DONE;
    return unknown_flag(word);
}

/// Takes the flags out of argv. @return the exit code; the files' number in *files
static int read_flags(struct statetest *s, int argc, char **argv, int *files)
{
    bool only_files = false;
    *files = 0;
    for (int i = 1; i < argc; i++) {
        if (only_files || argv[i][0] != '-') {
            argv[1 + (*files)++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_files = true;
        } else {
            bool took_next;
            const int code = read_flag(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &took_next);
            if (code != EXIT_DONE) return code;
            i += took_next;
        }
    }
    return EXIT_DONE;
}

static int run(struct statetest *s, int files, char **paths)
{
    err_t err = secp_setup();
    if (err_ok(err)) err = state_test_open(&s->bench);
    if (!err_ok(err)) return fail(exit_of(err), "%s", err_text(err));
    s->results = json_array();
    step_trace_init(&s->steps);
    s->steps.out = stderr;
    (void)setvbuf(stderr, NULL, _IOFBF, (size_t)1 << 16);

    int code = EXIT_DONE;
    if (files == 0) {
        code = run_names(s);
    } else {
        for (int i = 0; i < files && code == EXIT_DONE; i++) code = run_file(s, paths[i]);
        if (code == EXIT_DONE) print_results(s);
    }
    (void)fflush(stderr);
    step_trace_deinit(&s->steps);
    json_decref(s->results);
    state_test_close(&s->bench);
    if (code == EXIT_DONE && ferror(stdout)) code = fail(EXIT_STORAGE, "output cannot be written");
    return code != EXIT_DONE ? code : (s->failed != 0 ? EXIT_CASE_FAILED : EXIT_DONE);
}

int cmd_statetest(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return help();
    }
    struct statetest s;
    memset(&s, 0, sizeof s);
    int files = 0;
    int code = read_flags(&s, argc, argv, &files);
    if (code == EXIT_DONE) code = run(&s, files, argv + 1);
    if (s.has_regex) regfree(&s.regex);
    return code;
}

// SPDX-License-Identifier: Apache-2.0
#include "wallet/options.h"

#include "wallet/commands.h"
#include "wallet/out.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// A context whose output goes into memory.
struct sink {
    struct ctx ctx;
    char *out;
    size_t out_len;
    char *err;
    size_t err_len;
};

static void sink_open(struct sink *s)
{
    *s = (struct sink){.ctx = {.set = {.password_fd = -1, .timeout_s = 60, .color = "auto"}}};
    s->ctx.out = open_memstream(&s->out, &s->out_len);
    s->ctx.err = open_memstream(&s->err, &s->err_len);
}

static void sink_flush(struct sink *s)
{
    (void)fflush(s->ctx.out);
    (void)fflush(s->ctx.err);
}

static void sink_close(struct sink *s)
{
    (void)fclose(s->ctx.out);
    (void)fclose(s->ctx.err);
    free(s->out);
    free(s->err);
    json_decref(s->ctx.result);
    json_decref(s->ctx.data);
}

/// Splits a line at spaces outside of quotes and parses it. The words live in `store`.
static enum exit_code parse(struct sink *s, const struct command **command, struct args *args,
                            const char *line, char store[1024])
{
    char *argv[64];
    int argc = 0;
    (void)snprintf(store, 1024, "%s", line);
    for (char *p = store; *p != 0;) {
        while (*p == ' ') p++;
        if (*p == 0) break;
        const char end = *p == '"' ? '"' : ' ';
        if (end == '"') p++;
        argv[argc++] = p;
        while (*p != 0 && *p != end) p++;
        if (*p != 0) *p++ = 0;
    }
    argv[argc] = NULL;
    return options_parse(&s->ctx, command, args, argc, argv);
}

/// Goal: flags stand anywhere, values reach their setting, arguments their place.
Test(options, parsing)
{
    struct sink s;
    char store[1024];
    const struct command *c;
    struct args a;
    sink_open(&s);
    cr_assert_eq(parse(&s, &c, &a,
                       "cairn --json --rpc http://x:1 tx send --yes bob 1.5 --account alice "
                       "--timeout 2min --data 0x12",
                       store),
                 EXIT_DONE, "%s", s.ctx.message);
    cr_expect(c->run == cmd_tx_send);
    cr_expect(s.ctx.set.json && s.ctx.set.yes && !s.ctx.set.quiet);
    cr_expect_str_eq(s.ctx.set.rpc, "http://x:1");
    cr_expect_str_eq(s.ctx.set.rpc_source, "--rpc");
    cr_expect_str_eq(s.ctx.set.account, "alice");
    cr_expect_eq(s.ctx.set.timeout_s, 120);
    cr_expect_eq(a.pos_count, 2);
    cr_expect_str_eq(a.pos[1], "1.5");
    cr_expect_str_eq(args_flag(&a, "data"), "0x12");
    cr_expect_null(args_flag(&a, "value"));
    sink_close(&s);

    sink_open(&s);
    cr_assert_eq(parse(&s, &c, &a, "cairn model register fam f --parent 1 --parent 2", store),
                 EXIT_DONE);
    cr_expect_str_eq(args_flag_at(&a, "parent", 0), "1");
    cr_expect_str_eq(args_flag_at(&a, "parent", 1), "2");
    cr_expect_null(args_flag_at(&a, "parent", 2));
    sink_close(&s);
}

/// Goal: each misuse is refused with exit 2, says what was wrong and what is right.
Test(options, refusals)
{
    static const struct {
        const char *line;
        const char *hint;
    } cases[] = {
        {"cairn", ""},
        {"cairn acount list", "did you mean `cairn account list`?"},
        {"cairn account lsit", "did you mean `cairn account list`?"},
        {"cairn account", ""},
        {"cairn account list extra", "usage: cairn account list "},
        {"cairn tx send bob", "usage: cairn tx send TO AMOUNT"},
        {"cairn --nonsense account list", "`cairn --help` lists the flags"},
        {"cairn account list --nonsense", "`cairn account list --help` lists the flags"},
        {"cairn account list --path", "`cairn account list --help` lists the flags"},
        {"cairn account new x --path", "`cairn account new --help` lists the flags"},
        {"cairn account list --timeout soon", ""},
        {"cairn account list --color blue", ""},
        {"cairn account list --password-fd x", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sink s;
        char store[1024];
        const struct command *c;
        struct args a;
        sink_open(&s);
        cr_expect_eq(parse(&s, &c, &a, cases[i].line, store), EXIT_USAGE, "%s", cases[i].line);
        cr_expect_null(c, "%s", cases[i].line);
        cr_expect_neq(s.ctx.message[0], 0, "%s", cases[i].line);
        cr_expect_str_eq(s.ctx.hint, cases[i].hint, "%s: %s", cases[i].line, s.ctx.hint);
        sink_close(&s);
    }
}

/// Goal: with --json help is a field of the one object, never loose text on standard output.
Test(options, help_in_json)
{
    static const char *const lines[] = {"cairn --json", "cairn --json tx", "cairn --json --help",
                                        "cairn --json tx send --help"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct sink s;
        char store[1024];
        const struct command *c;
        struct args a;
        sink_open(&s);
        (void)parse(&s, &c, &a, lines[i], store);
        sink_flush(&s);
        cr_expect_eq(s.out_len, 0, "%s prints %s", lines[i], s.out);
        cr_expect_not_null(
            strstr(json_string_value(json_object_get(s.ctx.result, "help")), "usage: cairn"), "%s",
            lines[i]);
        sink_close(&s);
    }
}

/// Goal: every command has a sentence, help that shows it, and examples that parse.
Test(options, every_command)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        const size_t n = strlen(c->about);
        cr_expect(n > 10 && n < 90, "%s %s: %s", c->noun, c->verb, c->about);
        cr_expect_not_null(strchr(c->about, '.') != NULL ? c->about : strchr(c->about, ';'));
        cr_expect_not_null(c->examples[0], "%s %s has no example", c->noun, c->verb);
        for (size_t e = 0; e < 3 && c->examples[e] != NULL; e++) {
            if (c->examples[e][0] == '#') continue;
            struct sink s;
            char store[1024];
            const struct command *found;
            struct args a;
            sink_open(&s);
            cr_expect_eq(parse(&s, &found, &a, c->examples[e], store), EXIT_DONE, "%s: %s",
                         c->examples[e], s.ctx.message);
            cr_expect(found == c, "%s is no example of its command", c->examples[e]);
            sink_close(&s);
        }
        struct sink s;
        char store[1024];
        char line[128];
        const struct command *found;
        struct args a;
        sink_open(&s);
        (void)snprintf(line, sizeof line, "cairn %s%s%s --help", c->noun,
                       c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "");
        cr_expect_eq(parse(&s, &found, &a, line, store), EXIT_DONE);
        cr_expect_null(found, "help runs nothing");
        sink_flush(&s);
        cr_expect_not_null(strstr(s.out, c->about));
        cr_expect_not_null(strstr(s.out, c->examples[0]));
        for (const struct option_def *o = c->options; o != NULL && o->name != NULL; o++)
            cr_expect_not_null(strstr(s.out, o->help), "%s: %s", line, o->name);
        sink_close(&s);
    }
    static const char *const topics[] = {"rounds", "keys", "votes", "units", "exit-codes"};
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct sink s;
        sink_open(&s);
        cr_expect(options_topic(&s.ctx, topics[i]));
        sink_flush(&s);
        cr_expect_geq(s.out_len, 100);
        sink_close(&s);
    }
}

/// Goal: tables align, and text from the chain cannot leave its cell.
Test(out, tables)
{
    struct sink s;
    sink_open(&s);
    json_t *rows = json_loads("[{\"a\":\"one\",\"n\":\"5\"},{\"a\":\"x\\u001b[2J\",\"n\":\"1234\"},"
                              "{\"n\":null}]",
                              0, NULL);
    static const struct out_column columns[] = {{"a", "NAME", false}, {"n", "COUNT", true}};
    out_table(&s.ctx, rows, columns, 2, "none");
    sink_flush(&s);
    cr_expect_str_eq(s.out, "NAME      COUNT\n"
                            "one           5\n"
                            "x\\x1b[2J   1234\n"
                            "-             -\n");
    sink_close(&s);
    json_decref(rows);

    sink_open(&s);
    rows = json_array();
    out_table(&s.ctx, rows, columns, 2, "none");
    sink_flush(&s);
    cr_expect_str_eq(s.out, "none\n");
    sink_close(&s);
    json_decref(rows);
}

/// Goal: with --json stdout is exactly one object, for success and failure.
Test(out, json)
{
    struct sink s;
    sink_open(&s);
    s.ctx.set.json = true;
    out_line(&s.ctx, "not to be seen");
    result_set(&s.ctx, "n", json_string("5"));
    cr_expect_eq(out_finish(&s.ctx, EXIT_DONE), EXIT_DONE);
    sink_flush(&s);
    cr_expect_str_eq(s.out, "{\"ok\":true,\"n\":\"5\"}\n");
    sink_close(&s);

    sink_open(&s);
    s.ctx.set.json = true;
    const enum exit_code code = fail(&s.ctx, EXIT_SIMULATION, "wait", "bad \x1b %s", "luck");
    cr_expect_eq(out_finish(&s.ctx, code), EXIT_SIMULATION);
    sink_flush(&s);
    cr_expect_str_eq(s.out, "{\"ok\":false,\"error\":{\"kind\":\"wouldRevert\",\"code\":13,"
                            "\"message\":\"bad \\\\x1b luck\",\"hint\":\"wait\",\"data\":null}}\n");
    cr_expect_eq(s.err_len, 0);
    sink_close(&s);

    sink_open(&s);
    (void)fail(&s.ctx, EXIT_USAGE, NULL, "wrong");
    cr_expect_eq(out_finish(&s.ctx, EXIT_USAGE), EXIT_USAGE);
    sink_flush(&s);
    cr_expect_str_eq(s.err, "error: wrong\n");
    cr_expect_eq(s.out_len, 0);
    sink_close(&s);
}

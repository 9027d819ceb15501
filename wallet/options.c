// SPDX-License-Identifier: Apache-2.0
#include "wallet/options.h"

#include "wallet/text.h"

#include <getopt.h>
#include <stdlib.h>

#define GLOBAL_BASE 1000
#define LOCAL_BASE 2000

const struct option_def GLOBAL_OPTIONS[] = {
    {"rpc", "URL", "node to talk to: http, https or the path of its socket"},
    {"network", "NAME", "profile made with `cairn network add`"},
    {"account", "NAME|ADDRESS", "sender, or whose view is asked for"},
    {"json", NULL, "one JSON object on stdout"},
    {"yes", NULL, "answer the question beforehand; the simulation still runs"},
    {"quiet", NULL, "no progress, no notes"},
    {"verbose", NULL, "show RPC calls with their times"},
    {"no-wait", NULL, "do not wait for the block"},
    {"timeout", "TIME", "how long to wait for the block (default 60s)"},
    {"password-file", "F", "the account's password is the first line of F"},
    {"password-fd", "N", "the password is the first line of this descriptor"},
    {"gas-limit", "N", "gas limit instead of the estimate"},
    {"max-fee", "AMOUNT", "most per gas, e.g. 2gwei"},
    {"priority-fee", "AMOUNT", "tip per gas"},
    {"legacy", NULL, "transaction of type 0, for old networks"},
    {"nonce", "N", "nonce instead of the node's"},
    {"no-simulate", NULL, "send without the simulation (dangerous)"},
    {"dry-run", NULL, "simulate, print, stop"},
    {"unsigned", "FILE", "write the unsigned transaction for another machine, stop"},
    {"color", "WHEN", "auto, always or never"},
    {"help", NULL, "this text"},
    {0},
};

const char *args_flag_at(const struct args *a, const char *name, size_t k)
{
    for (size_t i = 0; i < a->flag_count; i++) {
        if (strcmp(a->flag[i].name, name) == 0 && k-- == 0) return a->flag[i].value;
    }
    return NULL;
}

const char *args_flag(const struct args *a, const char *name)
{
    for (size_t i = a->flag_count; i-- > 0;) {
        if (strcmp(a->flag[i].name, name) == 0) return a->flag[i].value;
    }
    return NULL;
}

// ---- help ---------------------------------------------------------------------------------

static const struct {
    const char *name;
    const char *text;
} topics[] = {
    {"rounds",
     "A round of federated learning on chain:\n"
     "  open       the family's owner fixes base version, pool and windows\n"
     "  commit     participants train at home and commit a salted hash of their update\n"
     "  close      anyone, once the window is over or all have committed\n"
     "  draw       anyone: block hashes after the close make the seed\n"
     "  reveal     participants show what they committed, with a sketch under the seed\n"
     "  select     anyone: the policy accepts and weighs, in exact integers\n"
     "  aggregate  the bonded aggregator posts the weighted sum and the new model's hash\n"
     "  finalise   anyone, after the challenge window: a new version, rewards, reputation\n"
     "  claim      each payee takes its share\n"
     "`cairn round next` says which of these your account should do now.\n"
     "The salt of a commit is kept in a 0600 file under the wallet's folder until it is\n"
     "revealed. Losing it costs part of the bond: back it up with the keystore.\n"},
    {"keys", "Keys are Ethereum's: secp256k1, one keystore file (version 3, scrypt) per account,\n"
             "mode 0600. Words are BIP-39, paths BIP-44 (m/44'/60'/0'/0/i). No secret is ever\n"
             "taken from the command line or the environment: passwords come from the terminal\n"
             "without echo, --password-file or --password-fd; words and keys from a file, the\n"
             "terminal, or a pipe.\n"},
    {"votes", "A proposal is pending, then active while votes count, then succeeded or defeated.\n"
              "A succeeded one does nothing until somebody queues it and, after the timelock,\n"
              "executes it; anyone may do both. A vote weighs min(tokens, cap) * (1/2 +\n"
              "reputation/2), both as they were when the proposal became active.\n"},
    {"units",
     "Amounts: 12, 0.5 or \"0.5 CAIRN\" count in 10^18 base units, as ether does; 3gwei and\n"
     "500wei say their unit; 0x.. is base units. With --json every amount is a decimal\n"
     "string of base units. Weights, scores and model parameters are plain integers.\n"},
    {"offline",
     "A key may live on a machine without network:\n"
     "  cairn tx send bob 1 --account alice --unsigned tx.json   where the node is\n"
     "  cairn tx sign tx.json --out tx.signed                    where the key is\n"
     "  cairn tx publish tx.signed                               where the node is\n"
     "Every command that writes takes --unsigned. The first machine needs the account's\n"
     "address alone: --account 0x... `cairn tx decode tx.signed` shows what was signed.\n"},
    {"exit-codes", "  0  done (with --no-wait: sent)\n"
                   "  2  usage or configuration\n"
                   "  3  wallet store in use or not writable\n"
                   " 10  node not reachable or answers rubbish\n"
                   " 11  node refused (RPC error)\n"
                   " 12  transaction included, but reverted\n"
                   " 13  simulation says it would fail; nothing was sent\n"
                   " 14  sent, not included within --timeout\n"
                   " 15  wrong password or no such account\n"
                   " 16  verification failed: model, proof, signature\n"
                   " 17  the person said no, or input is not a terminal and --yes is missing\n"
                   " 70  internal\n"},
};

bool options_topic(struct ctx *ctx, const char *topic)
{
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        if (strcmp(topics[i].name, topic) == 0) {
            if (ctx->set.json)
                result_set(ctx, "help", json_string(topics[i].text));
            else
                (void)fputs(topics[i].text, ctx->out);
            return true;
        }
    }
    return false;
}

static void print_options(FILE *f, const struct option_def *defs)
{
    for (; defs != NULL && defs->name != NULL; defs++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", defs->name, defs->arg != NULL ? " " : "",
                       defs->arg != NULL ? defs->arg : "");
        (void)fprintf(f, "  %-26s %s\n", left, defs->help);
    }
}

static bool same_word(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void print_command_line(FILE *f, const struct command *c)
{
    char left[80];
    (void)snprintf(left, sizeof left, "%s%s%s%s%s", c->noun, c->verb != NULL ? " " : "",
                   c->verb != NULL ? c->verb : "", c->args[0] != 0 ? " " : "", c->args);
    if (strlen(left) > 34)
        (void)fprintf(f, "  %s\n  %-34s %s\n", left, "", c->about);
    else
        (void)fprintf(f, "  %-34s %s\n", left, c->about);
}

static void print_help(FILE *f, const char *noun, const char *verb)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        if (noun == NULL || strcmp(c->noun, noun) != 0 || !same_word(c->verb, verb)) continue;
        (void)fprintf(f, "%s\n\nusage: cairn %s%s%s%s%s [flags]\n", c->about, c->noun,
                      c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "",
                      c->args[0] != 0 ? " " : "", c->args);
        if (c->options != NULL) {
            (void)fputs("\nflags:\n", f);
            print_options(f, c->options);
        }
        (void)fputs("\nglobal flags:\n", f);
        print_options(f, GLOBAL_OPTIONS);
        (void)fputs("\nexamples:\n", f);
        for (size_t e = 0; e < ARRAY_LEN(c->examples) && c->examples[e] != NULL; e++)
            (void)fprintf(f, "  %s\n", c->examples[e]);
        if (c->see != NULL) (void)fprintf(f, "\nsee also: %s\n", c->see);
        return;
    }

    (void)fprintf(f, "usage: cairn [flags] %s ...\n\n", noun != NULL ? noun : "COMMAND");
    const char *last = "";
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        if (noun != NULL && strcmp(c->noun, noun) != 0) continue;
        if (noun == NULL && i > 0 && strcmp(last, c->noun) != 0) (void)fputc('\n', f);
        last = c->noun;
        print_command_line(f, c);
    }
    if (noun != NULL) return;
    (void)fputs("\nglobal flags:\n", f);
    print_options(f, GLOBAL_OPTIONS);
    (void)fputs("\n`cairn COMMAND --help` shows flags and examples of one command;\n"
                "`cairn help TOPIC` explains: rounds, keys, votes, units, offline, exit-codes.\n",
                f);
}

void options_help(struct ctx *ctx, const char *noun, const char *verb)
{
    if (!ctx->set.json) {
        print_help(ctx->out, noun, verb);
        return;
    }
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL) return;
    print_help(f, noun, verb);
    if (fclose(f) == 0) result_set(ctx, "help", json_string(text));
    free(text);
}

// ---- parsing ------------------------------------------------------------------------------

/// Levenshtein's distance of short words, for "did you mean".
static size_t distance(const char *a, const char *b)
{
    size_t row[40];
    const size_t n = strlen(b);
    if (n >= ARRAY_LEN(row) || strlen(a) >= ARRAY_LEN(row)) return ARRAY_LEN(row);
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 0; a[i] != 0; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            const size_t up = row[j + 1];
            size_t best = diagonal + (a[i] != b[j]);
            if (up + 1 < best) best = up + 1;
            if (row[j] + 1 < best) best = row[j] + 1;
            row[j + 1] = best;
            diagonal = up;
        }
    }
    return row[n];
}

static bool is_noun(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(COMMANDS[i].noun, word) == 0) return true;
    }
    return false;
}

static enum exit_code unknown_command(struct ctx *ctx, const char *noun, const char *verb)
{
    const struct command *best = NULL;
    size_t best_distance = 4;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        size_t d = distance(noun, c->noun);
        if (c->verb != NULL && verb != NULL) d += distance(verb, c->verb);
        if (d < best_distance) {
            best_distance = d;
            best = c;
        }
    }
    char hint[128] = "`cairn --help` lists the commands";
    if (is_noun(noun)) (void)snprintf(hint, sizeof hint, "`cairn %s --help` lists them", noun);
    if (best != NULL)
        (void)snprintf(hint, sizeof hint, "did you mean `cairn %s%s%s`?", best->noun,
                       best->verb != NULL ? " " : "", best->verb != NULL ? best->verb : "");
    return fail(ctx, EXIT_USAGE, hint, "no command `%s%s%s`", noun, verb != NULL ? " " : "",
                verb != NULL ? verb : "");
}

static const struct command *find_command(const char *noun, const char *verb)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        if (strcmp(c->noun, noun) != 0) continue;
        if (c->verb == NULL || (verb != NULL && strcmp(c->verb, verb) == 0)) return c;
    }
    return NULL;
}

enum exit_code options_help_command(struct ctx *ctx, const char *noun, const char *verb)
{
    const struct command *c = find_command(noun, verb);
    if (verb != NULL && c == NULL) return unknown_command(ctx, noun, verb);
    options_help(ctx, noun, c != NULL ? c->verb : NULL);
    return EXIT_DONE;
}

enum exit_code options_unknown_topic(struct ctx *ctx, const char *word)
{
    const char *best = NULL;
    size_t best_distance = 4;
    for (size_t i = 0; i < ARRAY_LEN(topics) + COMMAND_COUNT; i++) {
        const char *name =
            i < ARRAY_LEN(topics) ? topics[i].name : COMMANDS[i - ARRAY_LEN(topics)].noun;
        const size_t d = distance(word, name);
        if (d < best_distance) {
            best_distance = d;
            best = name;
        }
    }
    char hint[160];
    if (best != NULL)
        (void)snprintf(hint, sizeof hint, "did you mean `cairn help %s`?", best);
    else
        (void)snprintf(
            hint, sizeof hint,
            "topics: rounds, keys, votes, units, offline, exit-codes; `cairn --help` lists the "
            "commands");
    return fail(ctx, EXIT_USAGE, hint, "no topic or command `%s`", word);
}

const char *options_topic_name(size_t i)
{
    return i < ARRAY_LEN(topics) ? topics[i].name : NULL;
}

/// Stores one global flag.
static enum exit_code set_global(struct ctx *ctx, const char *name, const char *value)
{
    struct settings *s = &ctx->set;
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"json", &s->json},       {"yes", &s->yes},
        {"quiet", &s->quiet},     {"verbose", &s->verbose},
        {"legacy", &s->legacy},   {"no-wait", &s->no_wait},
        {"dry-run", &s->dry_run}, {"no-simulate", &s->no_simulate},
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = true;
            return EXIT_DONE;
        }
    }
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"rpc", &s->rpc},
        {"network", &s->network},
        {"account", &s->account},
        {"password-file", &s->password_file},
        {"gas-limit", &s->gas_limit},
        {"max-fee", &s->max_fee},
        {"priority-fee", &s->priority_fee},
        {"nonce", &s->nonce},
        {"unsigned", &s->unsigned_file},
        {"color", &s->color},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].text = value;
            if (strcmp(name, "rpc") == 0) s->rpc_source = "--rpc";
            if (strcmp(name, "color") == 0) s->color_source = "--color";
            return EXIT_DONE;
        }
    }
    if (strcmp(name, "timeout") == 0) {
        const err_t err = text_parse_seconds(&s->timeout_s, value);
        if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "--timeout", err);
        s->timeout_given = true;
        return EXIT_DONE;
    }
    uint64_t fd;
    const err_t err = text_parse_u64(&fd, value, 1024);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, "--password-fd", err);
    s->password_fd = (int)fd;
    return EXIT_DONE;
}

/// getopt's table for the global flags and those of one command.
static size_t fill_long(struct option *out, const struct option_def *defs, int base)
{
    size_t n = 0;
    for (; defs != NULL && defs[n].name != NULL; n++) {
        out[n] =
            (struct option){defs[n].name, defs[n].arg != NULL ? required_argument : no_argument,
                            NULL, base + (int)n};
    }
    out[n] = (struct option){0};
    return n;
}

static enum exit_code check_color(struct ctx *ctx)
{
    const char *c = ctx->set.color;
    if (strcmp(c, "auto") != 0 && strcmp(c, "always") != 0 && strcmp(c, "never") != 0)
        return fail(ctx, EXIT_USAGE, NULL, "--color is auto, always or never, not `%s`", c);
    return EXIT_DONE;
}

enum exit_code options_parse(struct ctx *ctx, const struct command **out_command, struct args *args,
                             int argc, char **argv)
{
    struct option longs[80];
    *out_command = NULL;
    *args = (struct args){0};
    opterr = 0;

    // Flags before the command.
    const size_t globals = fill_long(longs, GLOBAL_OPTIONS, GLOBAL_BASE);
    optind = 0;
    bool help = false;
    for (;;) {
        const int got = getopt_long(argc, argv, "+h", longs, NULL);
        if (got == -1) break;
        if (got == 'h' ||
            (got >= GLOBAL_BASE && strcmp(GLOBAL_OPTIONS[got - GLOBAL_BASE].name, "help") == 0)) {
            help = true;
            continue;
        }
        if (got == '?')
            return fail(ctx, EXIT_USAGE, "`cairn --help` lists the flags",
                        "unknown flag or missing value: %s", argv[optind - 1]);
        STEP(set_global(ctx, GLOBAL_OPTIONS[got - GLOBAL_BASE].name, optarg));
    }
    const int at = optind;
    if (at >= argc) {
        options_help(ctx, NULL, NULL);
        if (help) return EXIT_DONE;
        return fail(ctx, EXIT_USAGE, NULL, "no command given");
    }

    const char *noun = argv[at];
    const char *verb = at + 1 < argc ? argv[at + 1] : NULL;
    const struct command *c = find_command(noun, verb);
    if (c == NULL) {
        const bool asks =
            help || (verb != NULL && (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0));
        if (is_noun(noun) && (asks || verb == NULL)) {
            options_help(ctx, noun, NULL);
            if (asks) return EXIT_DONE;
            return fail(ctx, EXIT_USAGE, NULL,
                        "`%s` needs one more word; `cairn %s --help` lists them", noun, noun);
        }
        return unknown_command(ctx, noun, verb);
    }

    // Flags of the command, mixed with its arguments.
    const int skip = at + (c->verb != NULL ? 1 : 0);
    size_t locals = fill_long(longs + globals, c->options, LOCAL_BASE);
    check(globals + locals < ARRAY_LEN(longs));
    optind = 0;
    for (;;) {
        const int got = getopt_long(argc - skip, argv + skip, "h", longs, NULL);
        if (got == -1) break;
        if (got == '?') {
            char hint[128];
            (void)snprintf(hint, sizeof hint, "`cairn %s%s%s --help` lists the flags", c->noun,
                           c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "");
            return fail(ctx, EXIT_USAGE, hint, "unknown flag or missing value: %s",
                        argv[skip + optind - 1]);
        }
        if (got >= LOCAL_BASE) {
            if (args->flag_count == OPTIONS_MAX_FLAGS)
                return fail(ctx, EXIT_USAGE, NULL, "too many flags");
            args->flag[args->flag_count].name = c->options[got - LOCAL_BASE].name;
            args->flag[args->flag_count++].value = optarg != NULL ? optarg : "";
        } else if (got == 'h' || strcmp(GLOBAL_OPTIONS[got - GLOBAL_BASE].name, "help") == 0) {
            help = true;
        } else {
            STEP(set_global(ctx, GLOBAL_OPTIONS[got - GLOBAL_BASE].name, optarg));
        }
    }
    if (help) {
        options_help(ctx, c->noun, c->verb);
        return EXIT_DONE;
    }
    for (int i = skip + optind; i < argc; i++) {
        if (args->pos_count == OPTIONS_MAX_ARGS)
            return fail(ctx, EXIT_USAGE, NULL, "too many arguments");
        args->pos[args->pos_count++] = argv[i];
    }
    STEP(check_color(ctx));
    if (args->pos_count < c->min_args || args->pos_count > c->max_args) {
        char hint[160];
        (void)snprintf(hint, sizeof hint, "usage: cairn %s%s%s %s", c->noun,
                       c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "", c->args);
        return fail(ctx, EXIT_USAGE, hint, "%s argument%s",
                    args->pos_count < c->min_args ? "missing" : "too many",
                    args->pos_count < c->min_args ? "" : "s");
    }
    *out_command = c;
    return EXIT_DONE;
}

// SPDX-License-Identifier: Apache-2.0
/// `cairn completion`: scripts for shells, and the words that they ask for: commands and flags
/// from the table, accounts and networks from the wallet, rounds and proposals from the node.
#include "wallet/commands.h"

#include "wallet/account.h"
#include "wallet/known.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/proposal.h"
#include "wallet/round.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROUNDS_SHOWN 20

static const char bash_script[] =
    "# cairn: completion for bash. Use it with: source <(cairn completion bash)\n"
    "_cairn() {\n"
    "    local IFS=$'\\n'\n"
    "    local word=${COMP_WORDS[COMP_CWORD]}\n"
    "    COMPREPLY=($(cairn completion words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
    "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "}\n"
    "complete -F _cairn cairn\n";

static const char zsh_script[] =
    "#compdef cairn\n"
    "# cairn: completion for zsh. Use it with: source <(cairn completion zsh)\n"
    "_cairn() {\n"
    "    local -a found\n"
    "    found=(${(f)\"$(cairn completion words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
    "    if (( $#found )); then compadd -a found; else _files; fi\n"
    "}\n"
    "compdef _cairn cairn\n";

/// What has been typed: words before the one to complete, flags and their values apart.
struct typed {
    const char *words[OPTIONS_MAX_ARGS];
    size_t count;
    const char *flag;   ///< the flag whose value is being typed, without dashes, or NULL
    const char *prefix; ///< of the word to complete
    json_t *found;
};

static void offer(struct typed *t, const char *word)
{
    if (word == NULL || strncmp(word, t->prefix, strlen(t->prefix)) != 0) return;
    size_t i;
    json_t *v;
    json_array_foreach(t->found, i, v)
    {
        if (strcmp(json_string_value(v), word) == 0) return;
    }
    (void)json_array_append_new(t->found, json_string(word));
}

static const struct command *find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        if (strcmp(c->noun, noun) == 0 &&
            (c->verb == NULL || (verb != NULL && strcmp(c->verb, verb) == 0)))
            return c;
    }
    return NULL;
}

/// Does the flag take a value? `c` may be NULL.
static bool takes_value(const struct command *c, const char *name)
{
    const struct option_def *lists[] = {GLOBAL_OPTIONS, c != NULL ? c->options : NULL};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (const struct option_def *o = lists[l]; o != NULL && o->name != NULL; o++) {
            if (strcmp(o->name, name) == 0) return o->arg != NULL;
        }
    }
    return false;
}

// ---- what can stand there -------------------------------------------------------------------------

static void offer_accounts(struct ctx *ctx, struct typed *t)
{
    json_t *list;
    if (account_list(ctx, &list) != EXIT_DONE) return;
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) offer(t, json_string_value(json_object_get(row, "name")));
    json_decref(list);
}

static void offer_networks(struct ctx *ctx, struct typed *t)
{
    const char *name;
    json_t *profile;
    json_object_foreach(json_object_get(ctx->networks, "networks"), name, profile) offer(t, name);
}

/// Rounds that are not over.
static void offer_rounds(struct ctx *ctx, struct typed *t)
{
    uint64_t next;
    if (known_u64(ctx, &next, FED_ROUNDS, "nextRoundId", NULL) != EXIT_DONE) return;
    const uint64_t first = next > ROUNDS_SHOWN ? next - ROUNDS_SHOWN : 1;
    for (uint64_t id = first; id < next; id++) {
        json_t *args = json_array();
        (void)json_array_append_new(args, json_u64(id));
        uint64_t state;
        if (known_u64(ctx, &state, FED_ROUNDS, "stateOf", args) != EXIT_DONE) return;
        char text[24];
        (void)snprintf(text, sizeof text, "%" PRIu64, id);
        if (state != ROUND_NONE && state <= ROUND_FINALISED) offer(t, text);
    }
}

static void offer_proposals(struct ctx *ctx, struct typed *t)
{
    offer(t, "latest");
    json_t *logs;
    if (known_find_logs(ctx, &logs, FED_CAIRN_GOVERNOR, "ProposalCreated", NULL) != EXIT_DONE)
        return;
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        char id[16];
        proposal_short_id(id, json_object_get(log, "args"));
        offer(t, id);
    }
    json_decref(logs);
}

/// By the name of an argument in the usage line, or of a flag's value.
static void offer_kind(struct ctx *ctx, struct typed *t, const char *kind, size_t len)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)(len < 63 ? len : 63), kind);
    if (strstr(name, "ACCOUNT") != NULL || strcmp(name, "TO") == 0) offer_accounts(ctx, t);
    if (strstr(name, "NETWORK") != NULL) offer_networks(ctx, t);
    if (strstr(name, "ROUND") != NULL) offer_rounds(ctx, t);
    if (strstr(name, "PROPOSAL") != NULL) offer_proposals(ctx, t);
    if (strcmp(name, "TO") == 0) {
        for (unsigned i = 0; i < FED_CONTRACTS; i++) offer(t, fed_contract_name[i]);
    }
    if (strcmp(name, "ROLE") == 0) {
        offer(t, "participant");
        offer(t, "aggregator");
    }
    if (strcmp(name, "SHELL") == 0) {
        offer(t, "bash");
        offer(t, "zsh");
    }
    if (strstr(name, "TOPIC") != NULL) {
        for (size_t i = 0; options_topic_name(i) != NULL; i++) offer(t, options_topic_name(i));
        for (size_t i = 0; i < COMMAND_COUNT; i++) offer(t, COMMANDS[i].noun);
    }
    // Words to choose from are written out: "for|against|abstain".
    for (const char *p = name; *p >= 'a' && *p <= 'z';) {
        char word[32];
        const size_t n = strcspn(p, "|");
        (void)snprintf(word, sizeof word, "%.*s", (int)(n < 31 ? n : 31), p);
        offer(t, word);
        p += n + (p[n] == '|');
    }
}

static void offer_flags(struct typed *t, const struct command *c)
{
    const struct option_def *lists[] = {c != NULL ? c->options : NULL, GLOBAL_OPTIONS};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (const struct option_def *o = lists[l]; o != NULL && o->name != NULL; o++) {
            char flag[64];
            (void)snprintf(flag, sizeof flag, "--%s", o->name);
            offer(t, flag);
        }
    }
}

static void complete_word(struct ctx *ctx, struct typed *t)
{
    const char *noun = t->count > 0 ? t->words[0] : NULL;
    const struct command *c = noun != NULL ? find(noun, t->count > 1 ? t->words[1] : NULL) : NULL;
    if (t->flag != NULL) {
        if (strcmp(t->flag, "account") == 0 || strcmp(t->flag, "participant") == 0)
            offer_accounts(ctx, t);
        if (strcmp(t->flag, "network") == 0) offer_networks(ctx, t);
        if (strcmp(t->flag, "round") == 0) offer_rounds(ctx, t);
        return;
    }
    if (t->prefix[0] == '-') {
        offer_flags(t, c);
        return;
    }
    if (c == NULL) {
        for (size_t i = 0; i < COMMAND_COUNT; i++) {
            if (noun == NULL)
                offer(t, COMMANDS[i].noun);
            else if (t->count == 1 && strcmp(COMMANDS[i].noun, noun) == 0)
                offer(t, COMMANDS[i].verb);
        }
        return;
    }
    // Which argument of the usage line it is; the last one may repeat.
    size_t at = t->count - (c->verb != NULL ? 2 : 1);
    const char *p = c->args;
    for (; *p != 0; p += strspn(p, " ")) {
        const size_t n = strcspn(p, " ");
        const size_t open = strspn(p, "[");
        if (at == 0) {
            offer_kind(ctx, t, p + open, strcspn(p + open, " ]."));
            return;
        }
        at--;
        p += n;
    }
}

static enum exit_code offer_words(struct ctx *ctx, const struct args *a)
{
    struct typed t = {.prefix = a->pos_count > 1 ? a->pos[a->pos_count - 1] : "",
                      .found = json_array()};
    for (size_t i = 1; i + 1 < a->pos_count; i++) {
        const char *word = a->pos[i];
        if (strncmp(word, "--", 2) != 0) {
            if (t.flag == NULL) t.words[t.count++] = word;
            t.flag = NULL;
            continue;
        }
        const struct command *c =
            t.count > 0 ? find(t.words[0], t.count > 1 ? t.words[1] : NULL) : NULL;
        t.flag = strchr(word, '=') == NULL && takes_value(c, word + 2) ? word + 2 : NULL;
    }
    complete_word(ctx, &t);
    size_t i;
    json_t *v;
    json_array_foreach(t.found, i, v) out_line(ctx, "%s", json_string_value(v));
    result_set(ctx, "words", t.found);
    return EXIT_DONE; // a node that is away leaves its words out
}

enum exit_code cmd_completion(struct ctx *ctx, const struct args *a)
{
    if (strcmp(a->pos[0], "words") == 0) return offer_words(ctx, a);
    const bool bash = strcmp(a->pos[0], "bash") == 0;
    if ((!bash && strcmp(a->pos[0], "zsh") != 0) || a->pos_count > 1)
        return fail(ctx, EXIT_USAGE, NULL, "a shell is bash or zsh, not `%s`", a->pos[0]);
    const char *script = bash ? bash_script : zsh_script;
    if (ctx->set.json)
        result_set(ctx, "script", json_string(script));
    else
        (void)fputs(script, ctx->out);
    return EXIT_DONE;
}

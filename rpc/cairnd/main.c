// SPDX-License-Identifier: Apache-2.0
/// cairnd: runs and maintains a Cairn node.

#include "rpc/cairnd/command.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"run", cmd_run, "run a node (the default)"},
    {"init", cmd_init, "make a data directory from a genesis file"},
    {"network", cmd_network, "network init: keys, genesis and one folder per node"},
    {"check", cmd_check, "everything run would refuse, without opening a port"},
    {"config", cmd_config, "config show [--toml], config explain KEY"},
    {"key", cmd_key, "key new | show | address: the node key"},
    {"genesis", cmd_genesis, "genesis hash | check FILE"},
    {"verify", cmd_verify, "check hashes, roots and links; --deep executes all blocks again"},
    {"statetest", cmd_statetest, "run official Ethereum state tests; --trace for each step"},
    {"t8n", cmd_t8n, "the transition tool: alloc, env and transactions to a new state"},
};

static int help(void)
{
    (void)printf("cairnd runs a Cairn node.\n\nusage: cairnd [COMMAND] [FLAGS]\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        (void)printf("  %-10s %s\n", commands[i].name, commands[i].help);
    }
    (void)printf("  %-10s %s\n\nflags of run:\n", "version", "version --json for programs");
    config_print_help(stdout);
    (void)printf("\nexamples:\n"
                 "  cairnd --dev                              a throw-away network at once\n"
                 "  cairnd network init --validators 1 --chain-id 20482 --dir net\n"
                 "  cairnd --data-dir net/validator-1         run it\n\n"
                 "exit codes: 0 done, 2 usage or configuration, 3 in use, 4 storage failed,\n"
                 "            5 data damaged, 6 genesis or version mismatch, 70 internal\n");
    return EXIT_DONE;
}

static int version(int argc, char **argv)
{
    char client[96];
    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        (void)printf("{\"version\":\"%s\",\"client\":\"%s\"}\n", CAIRND_VERSION,
                     client_version(client, sizeof client));
    } else {
        (void)printf("cairnd %s\n", CAIRND_VERSION);
    }
    return EXIT_DONE;
}

static int unknown_command(const char *word)
{
    const char *names[sizeof commands / sizeof commands[0]];
    const size_t count = sizeof commands / sizeof commands[0];
    for (size_t i = 0; i < count; i++) names[i] = commands[i].name;
    const char *near = nearest_word(word, names, count);
    return fail(EXIT_USAGE, "there is no command \"%s\"\nhint: %s%s", word,
                near != NULL ? "did you mean " : "cairnd --help lists all",
                near != NULL ? near : "");
}

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) return help();
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
        return version(argc - 1, argv + 1);
    }
    if (argc < 2 || argv[1][0] == '-') return cmd_run(argc, argv);
    const bool has_own_help = strcmp(argv[1], "statetest") == 0 || strcmp(argv[1], "t8n") == 0;
    for (int i = 2; i < argc && !has_own_help; i++) {
        if (strcmp(argv[i], "--help") == 0) return help();
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}

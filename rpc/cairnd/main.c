// SPDX-License-Identifier: Apache-2.0
/// cairnd: runs and maintains a Cairn node.

#include "rpc/cairnd/command.h"
#include "rpc/cairnd/fault.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
    const char *usage; ///< lines after "usage: ", flags and examples
};

static const struct command commands[] = {
    {"run", cmd_run, "run a node (the default)", NULL},
    {"init", cmd_init, "make a data directory from a genesis file",
     "cairnd init --genesis FILE [--data-dir DIR]\n\n"
     "Idempotent for the same file; a directory of another genesis is refused (exit 6).\n\n"
     "examples:\n"
     "  cairnd init --genesis net/genesis.json --data-dir node\n"
     "  cairnd key new --data-dir node            then the key, and cairnd --data-dir node\n"},
    {"network", cmd_network,
     "network init: keys, genesis, a folder per node; network up: run them all here", NULL},
    {"check", cmd_check, "everything run would refuse, without opening a port",
     "cairnd check [flags of run]\n\n"
     "examples:\n"
     "  cairnd check --data-dir net/validator-1\n"
     "  cairnd check --data-dir net/validator-1 --rpc-listen 127.0.0.1:8546\n"},
    {"status", cmd_status, "one screen of a running node, over its local socket",
     "cairnd status [--watch] [--json] [--data-dir DIR] [--ipc FILE]\n\n"
     "Head, round, validators and who is missing, peers, pool, disk, the last warnings.\n\n"
     "  --watch   again every second\n"
     "  --json    one JSON object (per second) instead of the screen\n\n"
     "examples:\n"
     "  cairnd status --data-dir net/validator-1\n"
     "  cairnd status --watch --data-dir net/validator-1\n"},
    {"config", cmd_config, "config show [--toml], config explain KEY",
     "cairnd config show [--toml] [flags of run]\n"
     "       cairnd config explain KEY\n\n"
     "  --toml   a complete commented cairnd.toml instead of values and their sources\n\n"
     "examples:\n"
     "  cairnd config show --data-dir net/validator-1\n"
     "  cairnd config explain rpc-batch\n"},
    {"key", cmd_key, "key new | show | address | nominate: the node key",
     "cairnd key new | show | address [--data-dir DIR] [--node-key FILE]\n"
     "       cairnd key nominate EPOCH [--data-dir DIR] [--node-key FILE] [--genesis FILE]\n\n"
     "The key is the node's identity and the validator's; its secret is never shown. Where a\n"
     "contract names the validators, nominate prints the proposal that adds this one, signed by\n"
     "its key, as the DAO wants it: cairn dao propose FILE. It is good for 64 epochs from EPOCH\n"
     "on; the one of now: cairn call ValidatorSet currentEpoch.\n\n"
     "examples:\n"
     "  cairnd key new --data-dir node\n"
     "  cairnd key show --data-dir net/validator-1\n"
     "  cairnd key nominate 3 --data-dir net/observer-1 > add.json\n"},
    {"genesis", cmd_genesis, "genesis hash | check FILE",
     "cairnd genesis hash | check FILE\n\n"
     "examples:\n"
     "  cairnd genesis hash net/genesis.json\n"
     "  cairnd genesis check net/genesis.json\n"},
    {"verify", cmd_verify, "check hashes, roots and links; --deep executes all blocks again",
     "cairnd verify [--deep] [--data-dir DIR] [--genesis FILE]\n\n"
     "Reads only, also while the node runs. Exit 5 names what is damaged.\n\n"
     "  --deep   recover every sender and execute every block again\n\n"
     "examples:\n"
     "  cairnd verify --data-dir net/validator-1\n"
     "  cairnd verify --deep --data-dir net/validator-1\n"},
    {"backup", cmd_backup, "copy store and settings to a folder, also while the node runs",
     "cairnd backup --to DIR [--data-dir DIR]\n\n"
     "A consistent copy of the store at one block, with genesis and settings, and backup.json\n"
     "with the SHA-256 of each file. Neither key nor guard is in it.\n\n"
     "To restore: copy it to a new data directory, add keys/node, and start. If the guard is\n"
     "lost as well, the node signs nothing for the height in progress when it has caught up,\n"
     "and begins with the next; a validator that is alone says once --guard-reset-height H,\n"
     "if it is certain that it never signed height H. Never put an older guard back, and\n"
     "never run one key twice.\n\n"
     "examples:\n"
     "  cairnd backup --to /backup/today --data-dir net/validator-1\n"
     "  cairnd verify --deep --data-dir /backup/today\n"},
    {"export", cmd_export, "write blocks to a file, as other clients do",
     "cairnd export --to FILE [--from N] [--until M] [--data-dir DIR]\n\n"
     "The RLP of one block after the other, seals included, both ends in; all blocks if no\n"
     "range is given. Reads only, also while the node runs. The store of a node that began from a\n"
     "snapshot has them from the snapshot's block on.\n\n"
     "examples:\n"
     "  cairnd export --to chain.rlp --data-dir net/validator-1\n"
     "  cairnd export --to part.rlp --from 1000 --until 1999 --data-dir net/validator-1\n"},
    {"import", cmd_import, "check, execute and store blocks from a file",
     "cairnd import FILE [--data-dir DIR] [--genesis FILE]\n\n"
     "Each block is held to the header rules, the validators' seals and its roots, as when it\n"
     "comes from a peer. Blocks that are there already are compared and skipped, so an import\n"
     "that was stopped goes on when it is called again. Not while the node runs (exit 3).\n"
     "A block that is refused is named with its byte in the file (exit 2; 6 if the store has\n"
     "another block there); those before it stay.\n\n"
     "examples:\n"
     "  cairnd import chain.rlp --data-dir node\n"},
    {"snapshot", cmd_snapshot, "snapshot export, import: the state at a final block, to join at",
     "cairnd snapshot export --to FILE [--at N] [--json] [--data-dir DIR]\n"
     "       cairnd snapshot import FILE [--trust-hash HASH] [--json] [--data-dir DIR] [--genesis "
     "FILE]\n\n"
     "export writes the state after block N (the newest one) with all headers, and the blocks "
     "that\n"
     "concern the federation. Reads only, also while the node runs.\n\n"
     "import makes the store of a new data directory from it. Nothing in the file is believed: "
     "each\n"
     "header is held to the seals of the validators that the votes since the own genesis have "
     "made,\n"
     "everything else to the roots in the headers. Where a contract names the validators, their\n"
     "seals can be checked by execution only: then --trust-hash says which block to believe. The\n"
     "store appears whole or not at all. Blocks before N cannot be asked for afterwards: the node\n"
     "says so, and where it began. Then start the node: it fetches what came since.\n\n"
     "  --to FILE          written beside its place, synced, renamed\n"
     "  --at N             a final block of the past, as long as the store knows its state\n"
     "  --trust-hash HASH  block N has this hash, or the file is refused (exit 6): ask somebody\n"
     "                     you trust: cairn block N\n"
     "  --json             one JSON object instead of the line\n\n"
     "Exit 5 says what is wrong with a file, and where; 6: it is of another network.\n\n"
     "examples:\n"
     "  cairnd snapshot export --to today.snap --data-dir net/validator-1\n"
     "  cairnd snapshot export --to then.snap --at 100000 --data-dir net/validator-1\n"
     "  cairnd snapshot import today.snap --data-dir node --genesis net/genesis.json\n"
     "  cairnd snapshot import today.snap --data-dir node --trust-hash 0x5f3c...\n"},
    {"statetest", cmd_statetest, "run official Ethereum state tests; --trace for each step", NULL},
    {"t8n", cmd_t8n, "the transition tool: alloc, env and transactions to a new state", NULL},
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
                 "  cairnd network init --validators 4 --chain-id 20482 --dir net\n"
                 "  cairnd network up net                     all four here, logs merged\n"
                 "  cairnd --data-dir net/validator-1         run it\n\n"
                 "exit codes: 0 done, 2 usage or configuration, 3 in use, 4 storage failed,\n"
                 "            5 data damaged, 6 genesis or version mismatch, 70 internal\n");
    return EXIT_DONE;
}

/// Help of one command; that of `network init` lists its own flags.
static int help_of(const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(word, commands[i].name) != 0 || commands[i].usage == NULL) continue;
        (void)printf("cairnd %s: %s\n\nusage: %s", word, commands[i].help, commands[i].usage);
        return EXIT_DONE;
    }
    if (strcmp(word, "network") != 0) return help();
    char network[] = "network";
    char init[] = "init";
    char flag[] = "--help";
    char *argv[] = {network, init, flag, NULL};
    return cmd_network(3, argv);
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
    fault_install();
    if (argc > 2 && strcmp(argv[1], "help") == 0) return help_of(argv[2]);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) return help();
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
        return version(argc - 1, argv + 1);
    }
    if (argc < 2 || argv[1][0] == '-') return cmd_run(argc, argv);
    const bool has_own_help = strcmp(argv[1], "statetest") == 0 || strcmp(argv[1], "t8n") == 0;
    for (int i = 2; i < argc && !has_own_help; i++) {
        if (strcmp(argv[i], "--help") == 0) return help_of(argv[1]);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}

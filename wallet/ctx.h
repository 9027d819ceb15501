// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every command is handed: the settings in force, the connection, and where its
/// answer or its failure goes. One thread, one command, one context.

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "chain/base/bytes.h"
#include "chain/base/err.h"

/// Exit codes of `cairn`; their numbers are an interface.
enum exit_code {
    EXIT_DONE = 0,         ///< done (with --no-wait: sent)
    EXIT_USAGE = 2,        ///< usage or configuration
    EXIT_STORE = 3,        ///< wallet store in use or not writable
    EXIT_UNREACHABLE = 10, ///< node not reachable or answers rubbish
    EXIT_REFUSED = 11,     ///< node refused (RPC error)
    EXIT_REVERTED = 12,    ///< transaction included, but reverted
    EXIT_SIMULATION = 13,  ///< simulation says it would fail; nothing was sent
    EXIT_PENDING = 14,     ///< sent, not included in time
    EXIT_ACCOUNT = 15,     ///< wrong password or no such account
    EXIT_UNVERIFIED = 16,  ///< verification failed: model, proof, signature
    EXIT_DECLINED = 17,    ///< the person said no, or nobody could be asked
    EXIT_INTERNAL = 70,    ///< internal
};

/// The word of an exit code in `{"error":{"kind":..}}`; "internal" for others.
const char *exit_kind(enum exit_code code);

/// Global flags after flag > environment > profile > default. Strings are borrowed from
/// argv, the environment or `store`, and live as long as the context.
struct settings {
    const char *rpc;
    const char *rpc_source; ///< where `rpc` came from, for messages
    const char *network;
    const char *network_source;
    const char *account;
    const char *account_source;
    const char *password_file;
    const char *password_source;
    int password_fd; ///< -1 if not given
    bool json;
    bool yes;
    bool quiet;
    bool verbose;
    bool no_wait;
    bool no_simulate;
    bool dry_run;
    bool legacy;
    uint32_t timeout_s;
    bool timeout_given;
    const char *unsigned_file;
    const char *gas_limit;
    const char *max_fee;
    const char *priority_fee;
    const char *nonce;
    const char *color; ///< auto, always, never
    const char *color_source;
};

struct client;

struct ctx {
    struct settings set;
    struct client *client; ///< NULL until a command needs the node
    FILE *out;             ///< the answer
    FILE *err;             ///< the conversation
    bool out_tty;
    bool err_tty;
    char *home;      ///< profiles; heap
    char *data_home; ///< keystores and salts; heap
    json_t *networks;
    uint64_t chain_id; ///< of the node once it was asked, else 0

    json_t *result; ///< what --json prints; an object, owned

    // The failure that ends the command.
    enum exit_code code;
    char message[1024];
    char hint[512];
    json_t *data; ///< details of the failure for --json; owned, may be NULL
};

/// Records why the command fails and returns `code`, so that commands end with
/// `return fail(...)`. `hint` may be NULL: then the failure has none. Text from outside is
/// escaped when it is printed.
enum exit_code fail(struct ctx *ctx, enum exit_code code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/// Like fail, from an err_t: `what` says what was tried.
enum exit_code fail_err(struct ctx *ctx, enum exit_code code, const char *what, err_t err);

/// Adds a member to the result; takes over `value`. NULL values are stored as null.
void result_set(struct ctx *ctx, const char *key, json_t *value);

/// Runs EXPR and passes on any exit code but EXIT_DONE.
#define STEP(EXPR)                                                                                 \
    do {                                                                                           \
        enum exit_code step_code_ = (EXPR);                                                        \
        if (step_code_ != EXIT_DONE) return step_code_;                                            \
    } while (0)

/// As STEP, for functions that must clean up: jumps to LABEL with the code in CODE.
#define STEP_OR(CODE, LABEL, EXPR)                                                                 \
    do {                                                                                           \
        (CODE) = (EXPR);                                                                           \
        if ((CODE) != EXIT_DONE) goto LABEL;                                                       \
    } while (0)

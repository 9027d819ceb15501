// SPDX-License-Identifier: Apache-2.0
/// The program `cairn`: one command per run.
#include "chain/base/log.h"
#include "chain/crypto/secp.h"
#include "wallet/client.h"
#include "wallet/commands.h"
#include "wallet/out.h"
#include "wallet/profile.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_S 60

/// Keys pass through this process: no core dump, no other process of the same user reads
/// its memory, and no file it makes is readable by others unless it says so.
static void harden(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)umask(022);
    (void)signal(SIGPIPE, SIG_IGN);
}

/// Is this command one that needs neither profile nor keys?
static bool needs_nothing(const struct command *c)
{
    return c->run == cmd_help || c->run == cmd_version;
}

int main(int argc, char **argv)
{
    harden();
    struct ctx ctx = {
        .set = {.password_fd = -1, .timeout_s = DEFAULT_TIMEOUT_S, .color = "auto"},
        .out = stdout,
        .err = stderr,
        .out_tty = isatty(STDOUT_FILENO) != 0,
        .err_tty = isatty(STDERR_FILENO) != 0,
    };
    const struct command *command = NULL;
    struct args args;
    enum exit_code code = options_parse(&ctx, &command, &args, argc, argv);
    if (code == EXIT_DONE && command != NULL && !needs_nothing(command)) {
        const err_t err = secp_setup();
        if (!err_ok(err)) code = fail_err(&ctx, EXIT_INTERNAL, "secp256k1", err);
        if (code == EXIT_DONE) code = profile_open(&ctx);
    }
    if (code == EXIT_DONE && command != NULL) code = command->run(&ctx, &args); // else: help
    code = out_finish(&ctx, code);
    client_close(ctx.client);
    profile_close(&ctx);
    json_decref(ctx.result);
    json_decref(ctx.data);
    return (int)code;
}

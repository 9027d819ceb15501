// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What cairnd's commands share: exit codes, the form of errors, files.

#include <stdbool.h>
#include <stdint.h>

#include "chain/base/arena.h"
#include "chain/base/buf.h"
#include "chain/base/err.h"
#include "chain/crypto/secret.h"
#include "chain/types/chain_config.h"
#include "rpc/cairnd/config.h"

/// interfaces.md 2.1. The kernel of every command's answer to the shell.
enum exit_code {
    EXIT_DONE = 0,
    EXIT_CASE_FAILED = 1,
    EXIT_USAGE = 2,    ///< usage or configuration
    EXIT_IN_USE = 3,   ///< data directory or guard in use
    EXIT_STORAGE = 4,  ///< storage failed
    EXIT_DAMAGED = 5,  ///< data damaged
    EXIT_MISMATCH = 6, ///< genesis or version mismatch
    EXIT_INTERNAL = 70,
};

/// The code a lower layer's error ends the program with.
int exit_of(err_t err);

/// "error: ..." on stderr; `fmt` may hold "\nhint: ...". Returns `code`.
int fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// Seconds of a clock that nobody sets: for durations of commands.
double steady_seconds(void);

/// The program's version: "v0.1.0", and as Ethereum clients spell it.
extern const char *const CAIRND_VERSION;
const char *client_version(char *out, size_t cap);

/// A file's bytes in `out` (at most its maximum). ERR_NOT_FOUND, ERR_IO, ERR_LIMIT
MUST_USE err_t file_read(struct buf *out, const char *path);
/// Writes a whole file with these permissions: to a temporary name, synced, renamed.
MUST_USE err_t file_write(const char *path, bytes_t content, unsigned mode);
/// Makes a directory and those above it (0700). OK if it is there.
MUST_USE err_t dir_make(const char *path);
/// Removes a directory with everything in it; never follows links.
void dir_remove(const char *path);

/// Reads a node key: 32 bytes in hex, in a file only its owner may read.
/// @param code  set on failure, after the error was printed
MUST_USE err_t node_key_read(struct secret_key **out, const char *path, int *code);

/// Reads and parses a genesis file; prints the error.
MUST_USE err_t genesis_read(struct genesis *out, struct arena *arena, struct buf *text,
                            const char *path, int *code);

/// The commands; argv[0] is the command's name. Each returns the program's exit code.
int cmd_run(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_network(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_genesis(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_statetest(int argc, char **argv);
int cmd_t8n(int argc, char **argv);

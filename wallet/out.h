// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How `cairn` speaks: stdout is the answer (text and tables, or with --json exactly one
/// object), stderr is the conversation (prompts, progress, hints).

#include "wallet/ctx.h"

/// A line of the answer; nothing with --json. Text from outside goes through
/// text_put_escaped first or through out_field.
void out_line(struct ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// "name:  value", the value escaped; nothing with --json.
void out_field(struct ctx *ctx, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// One column of a table: `key` of the row's object and the heading.
struct out_column {
    const char *key;
    const char *heading;
    bool right; ///< numbers stand right
};

/// Prints an array of objects as an aligned table, cells escaped; a missing or null
/// member is "-". Prints `empty` instead if there are no rows. Nothing with --json.
void out_table(struct ctx *ctx, const json_t *rows, const struct out_column *columns, size_t count,
               const char *empty);

/// A line of the conversation, unless --quiet.
void out_note(struct ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// A warning: shown even with --quiet.
void out_warn(struct ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/// Ends the program's output: with --json the result or the failure as one object on
/// stdout, otherwise a failure as "error: .." and "hint: .." on stderr.
/// @return the exit code to use: `code`, or EXIT_STORE if stdout could not be written
enum exit_code out_finish(struct ctx *ctx, enum exit_code code);

/// Asks "QUESTION [y/N]" on the terminal. --yes answers it.
/// @return EXIT_DECLINED if the answer is no or nobody can be asked
enum exit_code out_confirm(struct ctx *ctx, const char *question);

/// Reads a password: from --password-fd or --password-file (one line, its end removed),
/// else from the terminal without echo; asked twice if `twice`. `*out` is NUL-terminated
/// in memory of `cap` bytes that the caller wipes.
/// @return EXIT_USAGE if there is neither file nor terminal, EXIT_ACCOUNT if the two
///         entries differ three times
enum exit_code out_password(struct ctx *ctx, char *out, size_t cap, const char *prompt, bool twice);

/// Reads one line without echo from the terminal, or from stdin if that is not one (so
/// that a secret can be piped in). The caller wipes `out`.
enum exit_code out_secret_line(struct ctx *ctx, char *out, size_t cap, const char *prompt);

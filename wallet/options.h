// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The one table of commands: what they are called, what they take, what --help says,
/// and the function that runs them. Parsing, help and the list of commands are made of it.

#include "wallet/ctx.h"

#define OPTIONS_MAX_ARGS 64
#define OPTIONS_MAX_FLAGS 24

/// A flag. Tables of flags end with a NULL name.
struct option_def {
    const char *name; ///< without dashes
    const char *arg;  ///< name of its value for help; NULL if it takes none
    const char *help;
};

/// What was found on the command line for one command.
struct args {
    const char *pos[OPTIONS_MAX_ARGS];
    size_t pos_count;
    struct {
        const char *name;
        const char *value;
    } flag[OPTIONS_MAX_FLAGS];
    size_t flag_count;
};

/// The value of the last flag of this name ("" if it takes none), or NULL.
const char *args_flag(const struct args *a, const char *name);

/// The k-th value (from 0) of a flag that may be repeated, or NULL.
const char *args_flag_at(const struct args *a, const char *name, size_t k);

static inline bool args_has(const struct args *a, const char *name)
{
    return args_flag(a, name) != 0;
}

struct command {
    const char *noun;
    const char *verb; ///< NULL for commands of one word
    const char *args; ///< for the usage line
    size_t min_args;
    size_t max_args;
    const char *about;                ///< one sentence
    const struct option_def *options; ///< may be NULL
    const char *examples[3];          ///< working ones, NULL where fewer
    const char *see;                  ///< "see also", may be NULL
    enum exit_code (*run)(struct ctx *ctx, const struct args *a);
};

extern const struct option_def GLOBAL_OPTIONS[];
extern const struct command COMMANDS[];
extern const size_t COMMAND_COUNT;

/// Finds the command and fills settings (flag > environment) and arguments.
/// `*out_command` is NULL if help was asked for and printed.
/// @return EXIT_USAGE with a hint that names the nearest word
enum exit_code options_parse(struct ctx *ctx, const struct command **out_command, struct args *args,
                             int argc, char **argv);

/// Prints the help of one command, of a noun (its verbs), or of everything (both NULL).
void options_help(struct ctx *ctx, const char *noun, const char *verb);

/// options_help of a command that a person named; `verb` may be NULL.
/// @return EXIT_USAGE if there is no such verb, with the nearest one
enum exit_code options_help_command(struct ctx *ctx, const char *noun, const char *verb);

/// Fails with EXIT_USAGE: neither topic nor command; names the nearest of both.
enum exit_code options_unknown_topic(struct ctx *ctx, const char *word);

/// Names of the topics, for completion; NULL past the last.
const char *options_topic_name(size_t i);

/// Prints a topic of `cairn help TOPIC`. @return false if there is none of this name
bool options_topic(struct ctx *ctx, const char *topic);

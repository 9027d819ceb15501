// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Settings of a running node: one table (options.def), one struct, each value with where it
/// came from. Precedence: flag > environment > file > default. A wrong value names its
/// source, the value and what is allowed; an unknown key or flag names the nearest known.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "chain/base/err.h"

enum setting_source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

/// What a setting's text means.
enum setting_kind {
    SETTING_TEXT,
    SETTING_SWITCH,   ///< on, off
    SETTING_COUNT,    ///< a whole number
    SETTING_AMOUNT,   ///< a whole number; K, M, G (thousands), wei, gwei, ether
    SETTING_SIZE,     ///< bytes; KiB, MiB, GiB
    SETTING_DURATION, ///< milliseconds; ms, s, m, h
};

enum setting_id {
#define OPT(FIELD, FLAG, KEY, KIND, DEFAULT, ARG, HELP) SET_##FIELD,
#include "rpc/cairnd/options.def"
#undef OPT
    SETTING_COUNT_OF,
};

struct setting_def {
    const char *flag;
    const char *key;
    enum setting_kind kind;
    const char *otherwise;
    const char *arg;
    const char *help;
};
extern const struct setting_def SETTINGS[SETTING_COUNT_OF];

struct setting {
    char *text; ///< on the heap
    enum setting_source source;
    uint64_t number; ///< of every kind but TEXT
};

struct config {
    struct setting all[SETTING_COUNT_OF];
    char detail[400]; ///< the sentence of a failure, with a hint on its second line
};

/// Reads flags, environment and file. `argv` as main has it; `*rest` is the index of the
/// first argument that is no flag.
/// @return ERR_INVALID, ERR_NOT_FOUND (a file that was asked for), ERR_IO; `detail` says all
MUST_USE err_t config_read(struct config *c, int argc, char **argv, int *rest);
void config_free(struct config *c);

static inline const char *config_text(const struct config *c, enum setting_id id)
{
    return c->all[id].text;
}

static inline uint64_t config_number(const struct config *c, enum setting_id id)
{
    return c->all[id].number;
}

/// DATADIR/name on the heap, `~` resolved; NULL without memory.
char *config_path(const struct config *c, const char *name);

/// The value of a setting's text by its kind. @return false if it does not parse.
bool setting_parse(uint64_t *out, enum setting_kind kind, const char *text);

/// The table as help: one line per flag.
void config_print_help(FILE *to);
/// Effective settings with their sources; with `toml` a complete commented file.
void config_print(const struct config *c, FILE *to, bool toml);

/// The known word nearest to `word` among `count` (by edits), or NULL if none is near.
const char *nearest_word(const char *word, const char *const *known, size_t count);

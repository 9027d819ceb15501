// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/config.h"

#include "chain/base/bytes.h"
#include "chain/base/u256.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct setting_def SETTINGS[SETTING_COUNT_OF] = {
#define OPT(FIELD, FLAG, KEY, KIND, DEFAULT, ARG, HELP)                                            \
    [SET_##FIELD] = {FLAG, KEY, SETTING_##KIND, DEFAULT, ARG, HELP},
#include "rpc/cairnd/options.def"
#undef OPT
};

static const char *source_text(enum setting_source s)
{
    switch (s) {
    case FROM_DEFAULT:
        return "default";
    case FROM_FILE:
        return "file";
    case FROM_ENVIRONMENT:
        return "environment";
    case FROM_FLAG:
        return "flag";
    }
    unreachable("config: no such source");
}

__attribute__((format(printf, 3, 4))) static err_t refuse(struct config *c, err_t err,
                                                          const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(c->detail, sizeof c->detail, fmt, args);
    va_end(args);
    return err;
}

// ---- nearest words ------------------------------------------------------------------------

static size_t edits(const char *a, const char *b)
{
    size_t row[64];
    const size_t n = strlen(a);
    const size_t m = strlen(b);
    if (m + 1 > ARRAY_LEN(row)) return SIZE_MAX;
    for (size_t k = 0; k <= m; k++) row[k] = k;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= m; k++) {
            const size_t replace = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            const size_t insert = row[k - 1] + 1;
            const size_t drop = row[k] + 1;
            row[k] = replace < insert ? replace : insert;
            if (drop < row[k]) row[k] = drop;
        }
    }
    return row[m];
}

const char *nearest_word(const char *word, const char *const *known, size_t count)
{
    const char *best = NULL;
    size_t best_edits = strlen(word) / 2 + 1;
    for (size_t i = 0; i < count; i++) {
        if (known[i][0] == 0) continue;
        const size_t e = edits(word, known[i]);
        if (e < best_edits) {
            best_edits = e;
            best = known[i];
        }
    }
    return best;
}

// ---- values -------------------------------------------------------------------------------

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit *units_of(enum setting_kind kind)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const struct unit amounts[] = {{"", 1},
                                          {"wei", 1},
                                          {"K", 1000},
                                          {"M", 1000000},
                                          {"G", 1000000000},
                                          {"gwei", 1000000000},
                                          {"ether", UINT64_C(1000000000000000000)},
                                          {NULL, 0}};
    static const struct unit sizes[] = {{"", 1},          {"B", 1},         {"KiB", 1 << 10},
                                        {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
    static const struct unit times[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    switch (kind) {
    case SETTING_TEXT:
    case SETTING_SWITCH:
    case SETTING_COUNT:
        return none;
    case SETTING_AMOUNT:
        return amounts;
    case SETTING_SIZE:
        return sizes;
    case SETTING_DURATION:
        return times;
    }
    unreachable("config: no such kind");
}

static const char *want_of(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_TEXT:
        return "text";
    case SETTING_SWITCH:
        return "on or off";
    case SETTING_COUNT:
        return "a whole number";
    case SETTING_AMOUNT:
        return "a whole number, with K, M, G, gwei or ether behind it if wanted";
    case SETTING_SIZE:
        return "a size such as 512KiB or 5MiB";
    case SETTING_DURATION:
        return "a time such as 500ms, 2s or 1m";
    }
    unreachable("config: no such kind");
}

bool setting_parse(uint64_t *out, enum setting_kind kind, const char *text)
{
    *out = 0;
    if (kind == SETTING_TEXT) return true;
    if (kind == SETTING_SWITCH) {
        *out = strcmp(text, "on") == 0;
        return *out != 0 || strcmp(text, "off") == 0;
    }
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    char *end = NULL;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0) return false;
    for (const struct unit *u = units_of(kind); u->name != NULL; u++) {
        if (strcmp(u->name, end) == 0) {
            return !__builtin_mul_overflow((uint64_t)number, u->factor, out);
        }
    }
    return false;
}

static err_t set(struct config *c, size_t id, const char *text, enum setting_source source,
                 const char *where)
{
    const struct setting_def *d = &SETTINGS[id];
    struct setting *s = &c->all[id];
    uint64_t number;
    if (!setting_parse(&number, d->kind, text)) {
        return refuse(c, FAIL(INVALID, "config: a value is not usable"),
                      "%s is \"%s\"\nhint: want %s", where, text, want_of(d->kind));
    }
    char *copy = strdup(text);
    if (copy == NULL) return FAIL(FULL, "config: out of memory");
    free(s->text);
    s->text = copy;
    s->source = source;
    s->number = number;
    return OK;
}

// ---- where values come from ---------------------------------------------------------------

static err_t read_defaults(struct config *c)
{
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        TRY(set(c, i, SETTINGS[i].otherwise, FROM_DEFAULT, SETTINGS[i].flag));
    }
    return OK;
}

static err_t read_environment(struct config *c)
{
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        char name[64] = "CAIRND_";
        size_t n = strlen(name);
        for (const char *p = SETTINGS[i].flag; *p != 0 && n + 1 < sizeof name; p++) {
            name[n++] = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
        }
        name[n] = 0;
        const char *value = getenv(name);
        if (value != NULL) TRY(set(c, i, value, FROM_ENVIRONMENT, name));
    }
    return OK;
}

/// Flags keep their text until file and environment were read: they win.
struct flags {
    const char *text[SETTING_COUNT_OF];
};

static err_t unknown_flag(struct config *c, const char *arg)
{
    const char *names[SETTING_COUNT_OF];
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) names[i] = SETTINGS[i].flag;
    char word[64];
    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
    const char *near =
        strncmp(arg, "--", 2) == 0 ? nearest_word(word, names, SETTING_COUNT_OF) : NULL;
    if (near == NULL) {
        return refuse(c, FAIL(INVALID, "config: unknown flag"),
                      "unknown flag %s\nhint: cairnd --help lists all", arg);
    }
    return refuse(c, FAIL(INVALID, "config: unknown flag"),
                  "unknown flag %s\nhint: did you mean --%s?", arg, near);
}

static err_t read_flags(struct config *c, struct flags *f, int argc, char **argv, int *rest)
{
    struct option table[SETTING_COUNT_OF + 1];
    memset(table, 0, sizeof table);
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        const bool is_switch = SETTINGS[i].kind == SETTING_SWITCH;
        table[i] =
            (struct option){SETTINGS[i].flag, is_switch ? optional_argument : required_argument,
                            NULL, 0x100 + (int)i};
    }
    memset(f, 0, sizeof *f);
    opterr = 0;
    optind = 1;
    for (;;) {
        const int at = optind;
        const int got = getopt_long(argc, argv, ":", table, NULL);
        if (got == -1) break;
        if (got == ':') {
            return refuse(c, FAIL(INVALID, "config: a flag without its value"),
                          "%s needs a value\nhint: cairnd --help", argv[at]);
        }
        if (got < 0x100) return unknown_flag(c, argv[at]);
        const size_t id = (size_t)(got - 0x100);
        const char *value = optarg;
        if (value == NULL) {
            // "--switch off" as two words, as well as "--switch" and "--switch=off".
            const char *next = optind < argc ? argv[optind] : NULL;
            const bool word = next != NULL && (strcmp(next, "on") == 0 || strcmp(next, "off") == 0);
            value = word ? next : "on";
            if (word) optind++;
        }
        f->text[id] = value;
    }
    *rest = optind;
    return OK;
}

static err_t apply_flags(struct config *c, const struct flags *f)
{
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "--%s", SETTINGS[i].flag);
        if (f->text[i] != NULL) TRY(set(c, i, f->text[i], FROM_FLAG, name));
    }
    return OK;
}

/// A TOML value as a setting's text: a string, a number, true or false, or a list of
/// strings. The value's own syntax is JSON's there.
static bool value_text(char *out, size_t cap, const char *json)
{
    json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
    bool ok = v != NULL;
    size_t len = 0;
    out[0] = 0;
    if (json_is_string(v)) {
        ok = (size_t)snprintf(out, cap, "%s", json_string_value(v)) < cap;
    } else if (json_is_integer(v)) {
        (void)snprintf(out, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_boolean(v)) {
        (void)snprintf(out, cap, "%s", json_is_true(v) ? "on" : "off");
    } else if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v) && ok; i++) {
            const char *word = json_string_value(json_array_get(v, i));
            ok = word != NULL;
            if (ok) len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? "," : "", word);
            ok = ok && len < cap;
        }
    } else {
        ok = false;
    }
    json_decref(v);
    return ok;
}

/// Cuts a comment that does not stand inside a string, and the spaces around.
static char *trim(char *line)
{
    bool in_string = false;
    for (char *p = line; *p != 0; p++) {
        if (*p == '"' && (p == line || p[-1] != '\\')) in_string = !in_string;
        if (*p == '#' && !in_string) *p = 0;
        if (*p == 0) break;
    }
    while (isspace((unsigned char)*line)) line++;
    size_t len = strlen(line);
    while (len > 0 && isspace((unsigned char)line[len - 1])) line[--len] = 0;
    return line;
}

static err_t read_line(struct config *c, char *section, size_t section_cap, char *raw,
                       const char *path, unsigned number)
{
    char *line = trim(raw);
    if (line[0] == 0) return OK;
    const size_t len = strlen(line);
    if (line[0] == '[' && line[len - 1] == ']') {
        (void)snprintf(section, section_cap, "%.*s", (int)(len - 2), line + 1);
        return OK;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return refuse(c, FAIL(INVALID, "config: a line is not usable"),
                      "%s:%u: \"%.60s\"\nhint: want [section] or key = value", path, number, line);
    }
    *equals = 0;
    char key[128];
    (void)snprintf(key, sizeof key, "%s%s%s", section, section[0] != 0 ? "." : "", trim(line));
    const char *keys[SETTING_COUNT_OF];
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) keys[i] = SETTINGS[i].key;
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        if (keys[i][0] == 0 || strcmp(keys[i], key) != 0) continue;
        char text[4096];
        char where[320];
        (void)snprintf(where, sizeof where, "%s:%u: %s", path, number, key);
        if (!value_text(text, sizeof text, trim(equals + 1))) {
            return refuse(c, FAIL(INVALID, "config: a value is not usable"),
                          "%s: the value is not TOML\nhint: want a number, true or false, "
                          "\"text\" or [\"a\", \"b\"]",
                          where);
        }
        return set(c, i, text, FROM_FILE, where);
    }
    const char *near = nearest_word(key, keys, SETTING_COUNT_OF);
    return refuse(c, FAIL(INVALID, "config: unknown key"), "%s:%u: unknown key %s\nhint: %s%s",
                  path, number, key,
                  near != NULL ? "did you mean " : "cairnd config show lists all",
                  near != NULL ? near : "");
}

static err_t read_file(struct config *c, const char *path, bool must_exist)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        if (errno == ENOENT && !must_exist) return OK;
        return refuse(c, FAIL(NOT_FOUND, "config: the file cannot be read"),
                      "cannot read %s: %s\nhint: check --config", path, strerror(errno));
    }
    char line[4096];
    char section[64] = "";
    unsigned number = 0;
    err_t err = OK;
    while (err_ok(err) && fgets(line, sizeof line, f) != NULL) {
        err = read_line(c, section, sizeof section, line, path, ++number);
    }
    fclose(f);
    return err;
}

static char *expand_home(const char *path)
{
    const char *home = getenv("HOME");
    char *out = NULL;
    if (path[0] == '~' && path[1] == '/' && home != NULL) {
        return asprintf(&out, "%s%s", home, path + 1) < 0 ? NULL : out;
    }
    return strdup(path);
}

char *config_path(const struct config *c, const char *name)
{
    char *dir = expand_home(config_text(c, SET_data_dir));
    char *out = NULL;
    if (dir == NULL || asprintf(&out, "%s%s%s", dir, name[0] != 0 ? "/" : "", name) < 0) out = NULL;
    free(dir);
    return out;
}

err_t config_read(struct config *c, int argc, char **argv, int *rest)
{
    memset(c, 0, sizeof *c);
    struct flags flags;
    TRY(read_defaults(c));
    TRY(read_flags(c, &flags, argc, argv, rest));
    // The file's own place may come from the environment or a flag.
    TRY(read_environment(c));
    TRY(apply_flags(c, &flags));
    const bool asked = config_text(c, SET_config)[0] != 0;
    char *path = asked ? expand_home(config_text(c, SET_config)) : config_path(c, "cairnd.toml");
    if (path == NULL) return FAIL(FULL, "config: out of memory");
    err_t err = config_number(c, SET_dev) && !asked ? OK : read_file(c, path, asked);
    free(path);
    if (err_ok(err)) err = read_environment(c);
    if (err_ok(err)) err = apply_flags(c, &flags);
    return err;
}

void config_free(struct config *c)
{
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) free(c->all[i].text);
    memset(c, 0, sizeof *c);
}

void config_print_help(FILE *to)
{
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s %s", SETTINGS[i].flag, SETTINGS[i].arg);
        (void)fprintf(to, "  %-32s %s", left, SETTINGS[i].help);
        if (SETTINGS[i].otherwise[0] != 0) (void)fprintf(to, " [%s]", SETTINGS[i].otherwise);
        (void)fputc('\n', to);
    }
}

/// One pass per section: TOML wants a section's keys together, the others first.
static void print_toml(const struct config *c, FILE *to)
{
    static const char *const sections[] = {"", "p2p", "rpc", "pool", "miner", "log"};
    for (size_t k = 0; k < ARRAY_LEN(sections); k++) {
        const size_t len = strlen(sections[k]);
        if (len > 0) (void)fprintf(to, "\n[%s]\n", sections[k]);
        for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
            const char *key = SETTINGS[i].key;
            const char *dot = strchr(key, '.');
            const size_t at = dot == NULL ? 0 : (size_t)(dot - key);
            if (key[0] == 0 || at != len || strncmp(key, sections[k], len) != 0) continue;
            (void)fprintf(to, "# %s\n", SETTINGS[i].help);
            (void)fprintf(to, "%s%s = \"%s\"\n", c->all[i].source == FROM_DEFAULT ? "# " : "",
                          len > 0 ? key + len + 1 : key, c->all[i].text);
        }
    }
}

void config_print(const struct config *c, FILE *to, bool toml)
{
    if (toml) {
        print_toml(c, to);
        return;
    }
    for (size_t i = 0; i < SETTING_COUNT_OF; i++) {
        (void)fprintf(to, "%-20s %-40s %s\n", SETTINGS[i].flag, c->all[i].text,
                      source_text(c->all[i].source));
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "chain/base/bytes.h"

#define MAX_OVERRIDES 16
#define MAX_MODULE 24
#define MAX_FIELDS 1536
#define MAX_LINE 12288 ///< every byte of fields and message escaped sixfold, and the frame

/// Levels by module. Replaced as a whole: readers see the old or the new one.
struct levels {
    enum log_level base;
    size_t count;
    struct {
        char module[MAX_MODULE];
        enum log_level level;
    } overrides[MAX_OVERRIDES];
};

// The one place where a global that changes is right: a log call has no context argument,
// and the levels change by signal while threads run. Two tables and an atomic index keep
// readers free of locks.
static struct log_config the_config;
static struct levels tables[2] = {{.base = LOG_INFO}, {.base = LOG_INFO}};
static atomic_uint current;

void log_setup(const struct log_config *config)
{
    the_config = *config;
}

static const struct {
    const char *name;
    const char *shown;
} level_names[] = {
    [LOG_ERROR] = {"error", "ERROR"},
    [LOG_WARN] = {"warn", "WARN "},
    [LOG_INFO] = {"info", "INFO "},
    [LOG_DEBUG] = {"debug", "DEBUG"},
};

static bool level_parse(enum log_level *out, bytes_t text)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (!bytes_eq(bytes_of_str(level_names[i].name), text)) continue;
        *out = (enum log_level)i;
        return true;
    }
    return false;
}

static bool item_parse(struct levels *into, bytes_t item)
{
    const uint8_t *eq = item.len == 0 ? NULL : memchr(item.data, '=', item.len);
    if (eq == NULL) return level_parse(&into->base, item);

    const size_t name_len = (size_t)(eq - item.data);
    if (name_len == 0 || name_len >= MAX_MODULE || into->count == MAX_OVERRIDES) return false;
    memcpy(into->overrides[into->count].module, item.data, name_len);
    if (!level_parse(&into->overrides[into->count].level,
                     (bytes_t){eq + 1, item.len - name_len - 1})) {
        return false;
    }
    into->count++;
    return true;
}

bool log_set_levels(const char *spec)
{
    struct levels fresh = {.base = LOG_INFO};
    for (const char *at = spec;; at++) {
        const size_t len = strcspn(at, ",");
        if (!item_parse(&fresh, bytes_make(at, len))) return false;
        at += len;
        if (*at == '\0') break;
    }
    const unsigned next = 1 - atomic_load(&current);
    tables[next] = fresh;
    atomic_store(&current, next);
    return true;
}

bool log_enabled(enum log_level level, const char *module)
{
    const struct levels *t = &tables[atomic_load(&current)];
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->overrides[i].module, module) == 0) return level <= t->overrides[i].level;
    }
    return level <= t->base;
}

/// A line under construction; what does not fit is cut.
struct line {
    char s[MAX_LINE];
    size_t len;
};

static void put_char(struct line *l, char c)
{
    if (l->len < sizeof l->s - 2) l->s[l->len++] = c;
}

static void put_text(struct line *l, const char *s)
{
    while (*s != '\0') put_char(l, *s++);
}

static void put_escaped_byte(struct line *l, unsigned char c, bool json)
{
    static const char hex[] = "0123456789abcdef";
    if (json && (c == '"' || c == '\\')) {
        put_char(l, '\\');
        put_char(l, (char)c);
    } else if (c >= 0x20 && c < 0x7f) {
        put_char(l, (char)c);
    } else {
        // Control characters drive terminals, and bytes of unknown encoding may too.
        put_text(l, json ? "\\u00" : "\\x");
        put_char(l, hex[c >> 4]);
        put_char(l, hex[c & 15]);
    }
}

static void put_escaped(struct line *l, const char *s, size_t len, bool json)
{
    for (size_t i = 0; i < len; i++) put_escaped_byte(l, (unsigned char)s[i], json);
}

static void put_time(struct line *l)
{
    struct timespec now;
    struct tm tm;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03ldZ", now.tv_nsec / 1000000);
    put_text(l, text);
}

/// Splits `key=value key="value with spaces"` into JSON members; text that is not of this
/// form becomes the member "text".
static void put_json_fields(struct line *l, const char *fields)
{
    while (*fields != '\0') {
        fields += strspn(fields, " ");
        if (*fields == '\0') return;
        const size_t key_len = strcspn(fields, "= ");
        const bool has_key = fields[key_len] == '=' && key_len > 0;
        put_text(l, ",\"");
        if (has_key) {
            put_escaped(l, fields, key_len, true);
            fields += key_len + 1;
        } else {
            put_text(l, "text");
        }
        put_text(l, "\":\"");
        const bool quoted = has_key && *fields == '"' && strchr(fields + 1, '"') != NULL;
        if (quoted) fields++;
        const size_t len = has_key ? strcspn(fields, quoted ? "\"" : " ") : strlen(fields);
        put_escaped(l, fields, len, true);
        fields += len + (quoted ? 1 : 0);
        put_char(l, '"');
    }
}

/// When each warning was written last. Two that fall on one place only cost each other a line.
struct repeats {
    const char *message;
    const char *module;
    int64_t at_ms;
    unsigned left_out;
};
#define REPEAT_PLACES 64
#define REPEAT_MS 9500

static struct repeats repeats[REPEAT_PLACES];
static pthread_mutex_t repeats_lock = PTHREAD_MUTEX_INITIALIZER;

/// @return false if the same was written a moment ago; *left_out counts what was not since then
static bool repeat_passes(const char *module, const char *message, unsigned *left_out)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    uint32_t h = 2166136261U; // FNV-1a
    for (const char *p = message; *p != '\0'; p++) h = (h ^ (unsigned char)*p) * 16777619U;
    bool passes = true;
    *left_out = 0;
    pthread_mutex_lock(&repeats_lock);
    struct repeats *r = &repeats[h % REPEAT_PLACES];
    if (r->message != message || r->module != module) {
        *r = (struct repeats){message, module, now_ms, 0};
    } else if (now_ms - r->at_ms < REPEAT_MS) {
        r->left_out++;
        passes = false;
    } else {
        *left_out = r->left_out;
        r->left_out = 0;
        r->at_ms = now_ms;
    }
    pthread_mutex_unlock(&repeats_lock);
    return passes;
}

static struct log_recent recent[LOG_RECENT_MAX]; ///< a ring; repeats_lock
static size_t recent_count;

static void remember(enum log_level level, const char *module, const char *message,
                     const char *fields)
{
    struct line l = {.len = 0};
    put_time(&l);
    put_char(&l, ' ');
    put_text(&l, level_names[level].shown);
    put_char(&l, ' ');
    put_text(&l, module);
    put_text(&l, ": ");
    put_escaped(&l, message, strlen(message), false);
    if (fields[0] != '\0') put_char(&l, ' ');
    put_escaped(&l, fields, strlen(fields), false);
    pthread_mutex_lock(&repeats_lock);
    struct log_recent *r = &recent[recent_count++ % LOG_RECENT_MAX];
    const size_t len = l.len < sizeof r->text ? l.len : sizeof r->text - 1;
    memcpy(r->text, l.s, len);
    r->text[len] = '\0';
    pthread_mutex_unlock(&repeats_lock);
}

size_t log_recent_get(struct log_recent *out)
{
    pthread_mutex_lock(&repeats_lock);
    const size_t n = recent_count < LOG_RECENT_MAX ? recent_count : LOG_RECENT_MAX;
    for (size_t i = 0; i < n; i++) out[i] = recent[(recent_count - n + i) % LOG_RECENT_MAX];
    pthread_mutex_unlock(&repeats_lock);
    return n;
}

void log_line(enum log_level level, const char *module, const char *message, const char *fmt, ...)
{
    char fields[MAX_FIELDS];
    unsigned left_out = 0;
    if (level <= LOG_WARN && !repeat_passes(module, message, &left_out)) return;
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(fields, sizeof fields, fmt, ap);
    va_end(ap);
    if (n < 0) fields[0] = '\0';
    if (left_out > 0) {
        const size_t len = strlen(fields);
        snprintf(fields + len, sizeof fields - len, "%srepeated=%u", len > 0 ? " " : "", left_out);
    }

    if (level <= LOG_WARN) remember(level, module, message, fields);

    struct line l = {.len = 0};
    if (the_config.json) {
        put_text(&l, "{\"time\":\"");
        put_time(&l);
        put_text(&l, "\",\"level\":\"");
        put_text(&l, level_names[level].name);
        put_text(&l, "\",\"module\":\"");
        put_escaped(&l, module, strlen(module), true);
        put_text(&l, "\",\"msg\":\"");
        put_escaped(&l, message, strlen(message), true);
        put_char(&l, '"');
        put_json_fields(&l, fields);
        put_char(&l, '}');
    } else {
        char head[64];
        put_time(&l);
        snprintf(head, sizeof head, " %s %-5s ", level_names[level].shown, module);
        put_text(&l, head);
        put_escaped(&l, message, strlen(message), false);
        if (fields[0] != '\0') put_char(&l, ' ');
        put_escaped(&l, fields, strlen(fields), false);
    }
    l.s[l.len++] = '\n';

    FILE *out = the_config.out != NULL ? the_config.out : stderr;
    fwrite(l.s, 1, l.len, out); // one call: stdio locks the stream, lines do not mix
    if (out != stderr) fflush(out);
}

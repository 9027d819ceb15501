// SPDX-License-Identifier: Apache-2.0
#include "wallet/out.h"

#include "chain/base/buf.h"
#include "chain/crypto/secret.h"
#include "wallet/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define PASSWORD_TRIES 3

void out_line(struct ctx *ctx, const char *fmt, ...)
{
    if (ctx->set.json) return;
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(ctx->out, fmt, args);
    va_end(args);
    (void)fputc('\n', ctx->out);
}

/// Writes `s` escaped.
static void put_safe(FILE *f, const char *s)
{
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    text_put_escaped(&b, s);
    (void)fwrite(b.data, 1, b.len, f);
    buf_deinit(&b);
}

void out_field(struct ctx *ctx, const char *name, const char *fmt, ...)
{
    if (ctx->set.json) return;
    char value[4096];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    (void)fprintf(ctx->out, "%-16s", name);
    put_safe(ctx->out, value);
    (void)fputc('\n', ctx->out);
}

/// The text of a table's cell, in `scratch` if it has to be made.
static const char *cell_text(const json_t *row, const char *key, char scratch[32])
{
    const json_t *v = json_object_get(row, key);
    if (json_is_string(v)) return json_string_value(v);
    if (json_is_boolean(v)) return json_is_true(v) ? "yes" : "no";
    if (json_is_integer(v)) {
        (void)snprintf(scratch, 32, "%lld", (long long)json_integer_value(v));
        return scratch;
    }
    return "-";
}

/// Columns a text takes once escaped.
static size_t safe_width(const char *s)
{
    size_t n = 0;
    for (const uint8_t *p = (const uint8_t *)s; *p != 0; p++)
        n += *p == '\\' ? 2 : (*p >= 0x20 && *p <= 0x7e ? 1 : 4);
    return n;
}

static void pad(FILE *f, size_t n)
{
    while (n-- > 0) (void)fputc(' ', f);
}

void out_table(struct ctx *ctx, const json_t *rows, const struct out_column *columns, size_t count,
               const char *empty)
{
    if (ctx->set.json) return;
    if (json_array_size(rows) == 0) {
        out_line(ctx, "%s", empty);
        return;
    }

    size_t width[16] = {0};
    check(count <= ARRAY_LEN(width));
    char scratch[32];
    size_t i;
    json_t *row;
    for (size_t c = 0; c < count; c++) width[c] = strlen(columns[c].heading);
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < count; c++) {
            const size_t w = safe_width(cell_text(row, columns[c].key, scratch));
            if (w > width[c]) width[c] = w;
        }
    }

    for (size_t c = 0; c < count; c++) {
        const size_t space = width[c] - strlen(columns[c].heading);
        if (columns[c].right) pad(ctx->out, space);
        (void)fputs(columns[c].heading, ctx->out);
        if (c + 1 < count) pad(ctx->out, columns[c].right ? 2 : space + 2);
    }
    (void)fputc('\n', ctx->out);
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < count; c++) {
            const char *s = cell_text(row, columns[c].key, scratch);
            const size_t space = width[c] - safe_width(s);
            if (columns[c].right) pad(ctx->out, space);
            put_safe(ctx->out, s);
            if (c + 1 < count) pad(ctx->out, columns[c].right ? 2 : space + 2);
        }
        (void)fputc('\n', ctx->out);
    }
}

void out_note(struct ctx *ctx, const char *fmt, ...)
{
    if (ctx->set.quiet) return;
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(ctx->err, fmt, args);
    va_end(args);
    (void)fputc('\n', ctx->err);
}

void out_warn(struct ctx *ctx, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("warning: ", ctx->err);
    (void)vfprintf(ctx->err, fmt, args);
    va_end(args);
    (void)fputc('\n', ctx->err);
}

static void print_failure(struct ctx *ctx)
{
    const bool color = strcmp(ctx->set.color, "always") == 0 ||
                       (strcmp(ctx->set.color, "auto") == 0 && ctx->err_tty);
    (void)fputs(color ? "\033[31merror:\033[0m " : "error: ", ctx->err);
    put_safe(ctx->err, ctx->message);
    (void)fputc('\n', ctx->err);
    if (ctx->hint[0] != 0) {
        (void)fputs("hint: ", ctx->err);
        put_safe(ctx->err, ctx->hint);
        (void)fputc('\n', ctx->err);
    }
}

enum exit_code out_finish(struct ctx *ctx, enum exit_code code)
{
    if (code != EXIT_DONE && !ctx->set.json) print_failure(ctx);
    if (ctx->set.json) {
        json_t *top = json_object();
        (void)json_object_set_new(top, "ok", json_boolean(code == EXIT_DONE));
        if (ctx->result != NULL) (void)json_object_update(top, ctx->result);
        if (code != EXIT_DONE) {
            (void)json_object_set_new(top, "ok", json_false());
            json_t *e = json_object();
            (void)json_object_set_new(e, "kind", json_string(exit_kind(code)));
            (void)json_object_set_new(e, "code", json_integer(code));
            struct buf b;
            buf_init(&b, LINE_MAX_BYTES);
            text_put_escaped(&b, ctx->message);
            (void)json_object_set_new(e, "message", json_stringn((const char *)b.data, b.len));
            buf_clear(&b);
            text_put_escaped(&b, ctx->hint);
            (void)json_object_set_new(
                e, "hint", b.len == 0 ? json_null() : json_stringn((const char *)b.data, b.len));
            buf_deinit(&b);
            (void)json_object_set(e, "data", ctx->data != NULL ? ctx->data : json_null());
            (void)json_object_set_new(top, "error", e);
        }
        (void)json_dumpf(top, ctx->out, JSON_COMPACT | JSON_PRESERVE_ORDER);
        (void)fputc('\n', ctx->out);
        json_decref(top);
    }
    if (fflush(ctx->out) != 0 && code == EXIT_DONE) return EXIT_STORE;
    return code;
}

enum exit_code out_confirm(struct ctx *ctx, const char *question)
{
    if (ctx->set.yes) return EXIT_DONE;
    if (isatty(STDIN_FILENO) == 0)
        return fail(ctx, EXIT_DECLINED, "add --yes to answer beforehand",
                    "this needs a yes, and the input is not a terminal");
    (void)fprintf(ctx->err, "%s [y/N] ", question);
    (void)fflush(ctx->err);
    char line[16];
    if (fgets(line, sizeof line, stdin) == NULL || (line[0] != 'y' && line[0] != 'Y'))
        return fail(ctx, EXIT_DECLINED, NULL, "not confirmed, nothing was done");
    return EXIT_DONE;
}

/// Reads one line from a descriptor, byte by byte: what follows belongs to somebody else.
static bool read_line_fd(int fd, char *out, size_t cap)
{
    size_t n = 0;
    bool any = false;
    for (;;) {
        char c;
        const ssize_t got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        any = true;
        if (c == '\n') break;
        if (n + 1 >= cap) return false;
        out[n++] = c;
    }
    if (n > 0 && out[n - 1] == '\r') n--;
    out[n] = 0;
    return any;
}

/// Asks on the terminal without echo.
static bool read_line_hidden(struct ctx *ctx, int tty, char *out, size_t cap, const char *prompt)
{
    struct termios before;
    if (tcgetattr(tty, &before) != 0) return false;
    struct termios hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)fprintf(ctx->err, "%s: ", prompt);
    (void)fflush(ctx->err);
    if (tcsetattr(tty, TCSAFLUSH, &hidden) != 0) return false;
    const bool read = read_line_fd(tty, out, cap);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    (void)fputc('\n', ctx->err);
    return read;
}

static enum exit_code password_from_file(struct ctx *ctx, char *out, size_t cap)
{
    const char *path = ctx->set.password_file;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(ctx, EXIT_USAGE, NULL, "password file %s: %s", path, strerror(errno));
    const bool read = read_line_fd(fd, out, cap);
    (void)close(fd);
    if (!read) return fail(ctx, EXIT_USAGE, NULL, "password file %s is empty or too long", path);
    return EXIT_DONE;
}

enum exit_code out_password(struct ctx *ctx, char *out, size_t cap, const char *prompt, bool twice)
{
    if (ctx->set.password_fd >= 0) {
        if (!read_line_fd(ctx->set.password_fd, out, cap))
            return fail(ctx, EXIT_USAGE, NULL, "nothing to read from --password-fd");
        return EXIT_DONE;
    }
    if (ctx->set.password_file != NULL) return password_from_file(ctx, out, cap);

    const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return fail(ctx, EXIT_USAGE, "give --password-file F or --password-fd N",
                    "a password is needed, and there is no terminal to ask on");

    enum exit_code code = EXIT_DONE;
    char again[512];
    for (int left = PASSWORD_TRIES; left > 0; left--) {
        if (!read_line_hidden(ctx, tty, out, cap, prompt)) {
            code = fail(ctx, EXIT_DECLINED, NULL, "no password was entered");
            break;
        }
        if (!twice) break;
        if (!read_line_hidden(ctx, tty, again, sizeof again, "The same again") ||
            strcmp(out, again) != 0) {
            if (left == 1) {
                code = fail(ctx, EXIT_ACCOUNT, NULL, "the two passwords differ");
                break;
            }
            out_note(ctx, "The two differ; %d tries left.", left - 1);
            continue;
        }
        break;
    }
    secret_wipe(again, sizeof again);
    (void)close(tty);
    return code;
}

enum exit_code out_secret_line(struct ctx *ctx, char *out, size_t cap, const char *prompt)
{
    const bool tty = isatty(STDIN_FILENO) != 0;
    const bool read = tty ? read_line_hidden(ctx, STDIN_FILENO, out, cap, prompt)
                          : read_line_fd(STDIN_FILENO, out, cap);
    if (!read) return fail(ctx, EXIT_USAGE, NULL, "%s: nothing to read, or too long", prompt);
    return EXIT_DONE;
}

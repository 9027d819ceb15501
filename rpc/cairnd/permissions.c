// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/permissions.h"

#include "chain/base/buf.h"
#include "rpc/cairnd/command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024)

/// Where the reader is.
struct place {
    char *at;
    size_t line;
};

static void skip_blank(struct place *p)
{
    for (;; p->at++) {
        if (*p->at == '#') p->at += strcspn(p->at, "\n");
        if (*p->at == '\n') p->line++;
        if (*p->at == 0 || !isspace((unsigned char)*p->at)) return;
    }
}

/// Takes one character that must come next.
static bool take(struct place *p, char c)
{
    skip_blank(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

/// The texts of a list, cut out in place. @return what is wrong, or NULL
static const char *read_list(struct permissions *out, struct place *p)
{
    if (!take(p, '[')) return "want a list: [\"enode://...\"]";
    while (!take(p, ']')) {
        if (!take(p, '"')) return "want a text in double quotes, or ]";
        char *end = p->at + strcspn(p->at, "\"\n\\");
        if (*end != '"') return "a text without its end";
        if (out->count == PERMISSIONS_NODES_MAX) return "more than 1024 nodes";
        *end = 0;
        out->nodes[out->count++] = p->at;
        p->at = end + 1;
        skip_blank(p);
        if (*p->at == ',')
            p->at++;
        else if (*p->at != ']')
            return "want , or ] after a text";
    }
    return NULL;
}

static const char *read_all(struct permissions *out, struct place *p)
{
    static const char key[] = "nodes-allowlist";
    for (skip_blank(p); *p->at != 0; skip_blank(p)) {
        const size_t len = strcspn(p->at, " \t=\n");
        if (len != sizeof key - 1 || memcmp(p->at, key, len) != 0)
            return "unknown key: there is only nodes-allowlist";
        if (out->given) return "nodes-allowlist a second time";
        p->at += len;
        if (!take(p, '=')) return "want = after the key";
        out->given = true;
        const char *wrong = read_list(out, p);
        if (wrong != NULL) return wrong;
    }
    return out->given ? NULL : "there is no nodes-allowlist";
}

err_t permissions_read(struct permissions *p, const char *path, char detail[400])
{
    *p = (struct permissions){.given = false};
    if (path == NULL || path[0] == 0) return OK;
    struct buf file;
    buf_init(&file, FILE_BYTES_MAX);
    err_t err = file_read(&file, path);
    if (err_ok(err)) buf_put_u8(&file, 0);
    if (err_ok(err)) err = buf_status(&file);
    if (!err_ok(err)) {
        (void)snprintf(detail, 400, "--permissions %s: %s", path, err_text(err));
        buf_deinit(&file);
        return err;
    }
    p->text = strdup((const char *)file.data);
    const bool has_nul = p->text != NULL && strlen(p->text) + 1 != file.len;
    buf_deinit(&file);
    if (p->text == NULL) return FAIL(FULL, "out of memory");
    struct place at = {p->text, 1};
    const char *wrong = has_nul ? "it is no text" : read_all(p, &at);
    if (wrong == NULL) return OK;
    (void)snprintf(detail, 400, "%s:%zu: %s", path, at.line, wrong);
    permissions_free(p);
    return FAIL(INVALID, "permissions: the file is wrong");
}

void permissions_free(struct permissions *p)
{
    free(p->text);
    *p = (struct permissions){.given = false};
}

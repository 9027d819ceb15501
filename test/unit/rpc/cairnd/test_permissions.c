// SPDX-License-Identifier: Apache-2.0
/// Goal: the file of permissions as Besu writes it is read, and what is wrong is named with its
/// line; nothing that was meant to restrict is passed over.

#include <criterion/criterion.h>
#include <stdio.h>

#include "rpc/cairnd/permissions.h"
#include "test/support/temp_dir.h"

static struct temp_dir dir;
static char path[400];
static char detail[400];

static void setup(void)
{
    dir = temp_dir_make();
    (void)snprintf(path, sizeof path, "%s/permissions.toml", dir.path);
}

static void teardown(void)
{
    temp_dir_remove(&dir);
}

static err_t read_text(struct permissions *p, const char *text)
{
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert(text[0] == 0 || fputs(text, f) >= 0);
    (void)fclose(f);
    detail[0] = 0;
    return permissions_read(p, path, detail);
}

Test(permissions, what_is_right, .init = setup, .fini = teardown)
{
    struct permissions p;
    cr_assert(err_ok(read_text(&p, "# Besu's\n\nnodes-allowlist=[\"enode://a@b:1\",\n  # one more\n"
                                   "  \"enode://c#d@e:2\" , ]  # end\n")));
    cr_expect(p.given);
    cr_assert_eq(p.count, 2);
    cr_expect_str_eq(p.nodes[0], "enode://a@b:1");
    cr_expect_str_eq(p.nodes[1], "enode://c#d@e:2");
    permissions_free(&p);
    cr_assert(err_ok(read_text(&p, "nodes-allowlist = []")));
    cr_expect(p.given && p.count == 0, "nobody");
    permissions_free(&p);
    cr_assert(err_ok(permissions_read(&p, "", detail)));
    cr_expect(!p.given, "everybody");
    permissions_free(&p);
}

Test(permissions, what_is_wrong, .init = setup, .fini = teardown)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", ":1: there is no nodes-allowlist"},
        {"# only this\n", ":2: there is no nodes-allowlist"},
        {"accounts-allowlist=[\"0x00\"]\n", ":1: unknown key"},
        {"\nnodes-allowlist\n", ":3: want ="},
        {"nodes-allowlist=\"enode://a\"\n", ":1: want a list"},
        {"nodes-allowlist=[\"a\" \"b\"]", ":1: want , or ]"},
        {"nodes-allowlist=[\n\"a\n\"]", ":2: a text without its end"},
        {"nodes-allowlist=[1]", ":1: want a text"},
        {"nodes-allowlist=[\"a\"", ":1: want , or ]"},
        {"nodes-allowlist=[]\nnodes-allowlist=[]", ":2: nodes-allowlist a second time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct permissions p;
        cr_expect_eq(read_text(&p, cases[i].text).kind, ERR_INVALID, "%s", cases[i].text);
        cr_expect(strstr(detail, cases[i].says) != NULL, "\"%s\": \"%s\"", cases[i].text, detail);
        permissions_free(&p);
    }
    struct permissions p;
    cr_expect_eq(permissions_read(&p, "/nowhere/at/all", detail).kind, ERR_NOT_FOUND);
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/base/log.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/// Goal: what a level specification means, and that a bad one changes nothing.
Test(log, levels)
{
    cr_expect(log_enabled(LOG_INFO, "qbft") && !log_enabled(LOG_DEBUG, "qbft"), "default");
    cr_expect(log_set_levels("warn,p2p=debug,rpc=error"));
    cr_expect(log_enabled(LOG_WARN, "qbft") && !log_enabled(LOG_INFO, "qbft"));
    cr_expect(log_enabled(LOG_DEBUG, "p2p"));
    cr_expect(log_enabled(LOG_ERROR, "rpc") && !log_enabled(LOG_WARN, "rpc"));
    static const char *const bad[] = {"",       "loud",     "info,p2p=", "info,=debug",
                                      "info,,", "p2p=Debug"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect(!log_set_levels(bad[i]), "`%s`", bad[i]);
        cr_expect(log_enabled(LOG_DEBUG, "p2p"), "`%s` changed something", bad[i]);
    }
}

static int evaluated;
static int evaluate(void)
{
    return ++evaluated;
}

/// Goal: nothing is formatted when a level is off; hostile text cannot break a line.
Test(log, text_lines)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    log_setup(&(struct log_config){.out = out});
    LOG_DBG("test", "off", "n=%d", evaluate());
    cr_expect_eq(evaluated, 0);
    LOG_WRN("test", "refused", "peer=%s", "a\nFAKE\x1b[31m\xff");
    LOG_ERR("test", "no fields", "");
    fclose(out);
    cr_expect_not_null(strstr(text, " WARN  test  refused peer=a\\x0aFAKE\\x1b[31m\\xff\n"), "%s",
                       text);
    cr_expect_not_null(strstr(text, " ERROR test  no fields\n"), "%s", text);
    cr_expect_eq(strcspn(text, "T"), 10, "starts with a date");
    free(text);
}

/// Goal: a warning that repeats is written once, and what was left out is counted; others are not
/// held back by it, nor is one line per block.
Test(log, repeats)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    log_setup(&(struct log_config){.out = out});
    for (int i = 0; i < 100; i++) {
        LOG_WRN("test", "the same", "n=%d", i);
        LOG_INF("test", "a block", "n=%d", i);
    }
    LOG_WRN("test", "another", "");
    fclose(out);
    size_t lines = 0;
    for (const char *p = text; *p != '\0'; p++) lines += *p == '\n';
    cr_expect_eq(lines, 102, "%zu lines", lines);
    cr_expect_not_null(strstr(text, "the same n=0\n"));
    cr_expect_null(strstr(text, "the same n=1\n"));
    cr_expect_not_null(strstr(text, "another\n"));
    free(text);
}

/// Goal: a JSON line is one object with the same fields, whatever the values are.
Test(log, json_lines)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    log_setup(&(struct log_config){.out = out, .json = true});
    LOG_INF("qbft", "imported \"block\"", "number=%d name=\"two words\" odd=%s", 7, "\"\\\t");
    char *long_text = malloc(4000);
    memset(long_text, '"', 3999);
    long_text[3999] = '\0';
    LOG_INF("qbft", "long", "x=%s", long_text);
    fclose(out);
    char *second = strchr(text, '\n') + 1;
    json_t *line = json_loadb(text, (size_t)(second - text), 0, NULL);
    cr_assert_not_null(line, "%s", text);
    cr_expect_str_eq(json_string_value(json_object_get(line, "msg")), "imported \"block\"");
    cr_expect_str_eq(json_string_value(json_object_get(line, "level")), "info");
    cr_expect_str_eq(json_string_value(json_object_get(line, "number")), "7");
    cr_expect_str_eq(json_string_value(json_object_get(line, "name")), "two words");
    json_decref(line);
    line = json_loads(second, 0, NULL);
    cr_expect_not_null(line, "a line that was cut is still JSON");
    json_decref(line);
    free(long_text);
    free(text);
}

// SPDX-License-Identifier: Apache-2.0
/// `cairnd status`: one screen of a running node, over its local socket.

#include "chain/base/buf.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/config.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)4 * 1024 * 1024)
#define WATCH_S 1
#define PATIENCE_S 10

static int open_socket(const char *path, const char **why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const size_t len = strlen(path);
    *why = "the path is longer than 107 bytes";
    if (len >= sizeof at.sun_path) return -1;
    memcpy(at.sun_path, path, len + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return fd;
    }
    *why = strerror(errno);
    if (fd >= 0) (void)close(fd);
    return -1;
}

/// Asks for everything at once. NULL if there is no answer.
static json_t *ask(int fd)
{
    static const char text[] = "[{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"admin_status\"},"
                               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"admin_peers\"}]\n";
    if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL) != (ssize_t)sizeof text - 1) return NULL;
    struct buf in;
    buf_init(&in, ANSWER_MAX);
    json_t *answer = NULL;
    while (answer == NULL) {
        uint8_t *room = buf_extend(&in, 16384);
        const ssize_t got = room == NULL ? 0 : recv(fd, room, 16384, 0);
        if (got <= 0) break;
        in.len -= 16384 - (size_t)got;
        if (in.data[in.len - 1] != '\n') continue;
        answer = json_loadb((const char *)in.data, in.len, 0, NULL);
        break;
    }
    buf_deinit(&in);
    return answer;
}

static long long number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

static void print_qbft(const json_t *q)
{
    const json_t *stall = json_object_get(q, "stall");
    const json_t *missing = json_object_get(q, "missing");
    (void)printf("round       height %lld, round %lld, %s, for %lld s; proposer %s\n",
                 number(q, "height"), number(q, "round"), text(q, "step"),
                 (long long)time(NULL) - number(q, "roundStarted"), text(q, "proposer"));
    (void)printf("validators  %lld, this node %s%s (%s)\n", number(q, "validators"),
                 json_is_true(json_object_get(q, "isValidator")) ? "is one" : "is none",
                 json_array_size(missing) == 0 ? ", nobody is missing" : "", text(q, "validator"));
    for (size_t i = 0; i < json_array_size(missing); i++)
        (void)printf("  missing   %s\n", json_string_value(json_array_get(missing, i)));
    if (json_is_object(stall))
        (void)printf("STALLED     for %lld s: %s\n  hint      %s\n", number(stall, "seconds"),
                     text(stall, "why"), text(stall, "hint"));
}

static void print_peers(const json_t *peers)
{
    (void)printf("peers       %zu\n", json_array_size(peers));
    for (size_t i = 0; i < json_array_size(peers); i++) {
        const json_t *p = json_array_get(peers, i);
        const json_t *net = json_object_get(p, "network");
        const json_t *eth = json_object_get(json_object_get(p, "protocols"), "eth");
        (void)printf("  %-21s %s %s block %lld  %s\n", text(net, "remoteAddress"),
                     json_is_true(json_object_get(net, "inbound")) ? "in " : "out",
                     json_is_true(json_object_get(p, "isValidator")) ? "validator" : "         ",
                     strtoll(text(eth, "height"), NULL, 16), text(p, "name"));
    }
}

static void print_screen(const json_t *s, const json_t *peers)
{
    const json_t *head = json_object_get(s, "head");
    const json_t *sync = json_object_get(s, "sync");
    const json_t *pool = json_object_get(s, "pool");
    const json_t *store = json_object_get(s, "store");
    const json_t *warnings = json_object_get(s, "warnings");
    (void)printf("node        %s, chain %lld\n", text(s, "version"), number(s, "chainId"));
    (void)printf("head        block %lld, %lld s old, gas %lld of %lld, %s\n",
                 number(head, "number"), (long long)time(NULL) - number(head, "timestamp"),
                 number(head, "gasUsed"), number(head, "gasLimit"), text(head, "hash"));
    if (json_is_true(json_object_get(sync, "syncing")))
        (void)printf("sync        %lld blocks behind, up to %lld\n",
                     number(sync, "highest") - number(head, "number"), number(sync, "highest"));
    print_qbft(json_object_get(s, "qbft"));
    print_peers(peers);
    (void)printf("pool        %lld pending, %lld queued%s\n", number(pool, "pending"),
                 number(pool, "queued"),
                 json_is_true(json_object_get(pool, "accepting")) ? "" : "; REFUSES TRANSACTIONS");
    (void)printf("disk        store %lld MiB, free %lld MiB\n", number(store, "usedBytes") >> 20,
                 number(store, "diskFreeBytes") >> 20);
    (void)printf("warnings    %s\n", json_array_size(warnings) == 0 ? "none" : "the last ones:");
    for (size_t i = 0; i < json_array_size(warnings); i++)
        (void)printf("  %s\n", json_string_value(json_array_get(warnings, i)));
}

/// The two results by their ids; false if either is missing.
static bool results(const json_t *answer, const json_t **status, const json_t **peers)
{
    *status = *peers = NULL;
    for (size_t i = 0; i < json_array_size(answer); i++) {
        const json_t *one = json_array_get(answer, i);
        const json_t *result = json_object_get(one, "result");
        *(number(one, "id") == 0 ? status : peers) = result;
    }
    return *status != NULL && *peers != NULL;
}

static int show(const char *path, bool json, bool clear)
{
    const char *why = "";
    const json_t *status;
    const json_t *peers;
    const int fd = open_socket(path, &why);
    if (fd < 0)
        return fail(EXIT_USAGE,
                    "no node answers at %s: %s\nhint: is it running? --data-dir or --ipc say "
                    "which one is meant",
                    path, why);
    json_t *answer = ask(fd);
    (void)close(fd);
    int code = EXIT_DONE;
    if (!results(answer, &status, &peers)) {
        code = fail(EXIT_INTERNAL, "the node at %s does not answer as it should", path);
    } else if (json) {
        (void)json_dumpf(status, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        if (clear) (void)printf("\x1b[H\x1b[2J");
        print_screen(status, peers);
    }
    (void)fflush(stdout);
    json_decref(answer);
    return code;
}

/// Takes a word out of the arguments. @return whether it was there
static bool take_word(int *argc, char **argv, const char *word)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], word) != 0) argv[kept++] = argv[i];
    }
    const bool there = kept != *argc;
    *argc = kept;
    return there;
}

int cmd_status(int argc, char **argv)
{
    const bool watch = take_word(&argc, argv, "--watch");
    const bool json = take_word(&argc, argv, "--json");
    struct config c;
    int rest = 0;
    const err_t err = config_read(&c, argc, argv, &rest);
    if (!err_ok(err) || rest < argc) {
        const int code = !err_ok(err)
                             ? fail(EXIT_USAGE, "%s", c.detail[0] != 0 ? c.detail : err_text(err))
                             : fail(EXIT_USAGE, "unexpected argument \"%s\"", argv[rest]);
        config_free(&c);
        return code;
    }
    const char *given = config_text(&c, SET_ipc);
    char *path = given[0] != 0 ? strdup(given) : config_path(&c, "cairnd.sock");
    if (path == NULL) {
        config_free(&c);
        return fail(EXIT_INTERNAL, "out of memory");
    }
    const bool clear = watch && !json && isatty(STDOUT_FILENO) != 0;
    int code = show(path, json, clear);
    while (watch && code == EXIT_DONE) {
        const struct timespec pause = {.tv_sec = WATCH_S};
        (void)nanosleep(&pause, NULL);
        code = show(path, json, clear);
    }
    free(path);
    config_free(&c);
    return code;
}

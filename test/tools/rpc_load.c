// SPDX-License-Identifier: Apache-2.0

/// A cheap JSON-RPC client for load: keep-alive connections, one request in flight on each,
/// all on one thread, so that what is measured is the server.
///
///     rpc_load --port 8545 --connections 16 --batch 100 <raw transactions, one per line
///     rpc_load --port 8545 --count 20000 --method eth_blockNumber --params '[]'
///
/// A transaction that the pool has no room for (-32005) is sent again a little later. Prints
/// one line: {"answers":N,"errors":N,"seconds":S,"cpu_seconds":S,"first_error":".."}. Exit code
/// 1 if the server broke off.

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, ANSWER_MAX = 4 << 20, AGAIN_MS = 20 };

struct settings {
    uint64_t port;
    uint64_t connections;
    uint64_t batch;
    uint64_t count; ///< with `method`: how often
    const char *method;
    const char *params;
};

struct connection {
    int fd;
    bool waits; ///< an answer is due
    char *in;
    size_t in_len;
    size_t *items; ///< transactions of the request in flight
    size_t item_count;
};

struct load {
    struct settings s;
    char **lines;
    size_t line_count;
    size_t next;
    bool *again; ///< per transaction: to be sent again
    size_t again_count;
    size_t again_from; ///< the first of them is not before this one
    double not_before; ///< nothing is sent until then
    uint64_t answers;
    uint64_t errors;
    char first_error[200];
    char *text; ///< of the request being built
    size_t text_cap;
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "rpc_load: %s (errno %d)\n", what, errno);
    exit(1);
}

static void *need(void *p)
{
    if (p == NULL) die("out of memory");
    return p;
}

static void read_lines(struct load *l)
{
    char *line = NULL;
    size_t cap = 0;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        if (line[n - 1] == '\n') line[--n] = 0;
        if (n == 0) continue;
        if (l->line_count == room) {
            room = room == 0 ? 1024 : 2 * room;
            l->lines = need(realloc(l->lines, room * sizeof *l->lines));
        }
        l->lines[l->line_count++] = need(strdup(line));
    }
    free(line);
    l->again = need(calloc(l->line_count + 1, sizeof *l->again));
}

static bool take(struct load *l, size_t *item)
{
    if (l->again_count != 0) {
        if (seconds(CLOCK_MONOTONIC) < l->not_before) return false;
        while (!l->again[l->again_from]) l->again_from++; // lowest nonces first
        l->again[l->again_from] = false;
        l->again_count--;
        *item = l->again_from;
        return true;
    }
    const size_t all = l->s.method != NULL ? l->s.count : l->line_count;
    if (l->next == all) return false;
    *item = l->next++;
    return true;
}

/// Puts one call behind the text. @return the new length
static size_t put_call(struct load *l, size_t len, size_t item)
{
    const bool own = l->s.method != NULL;
    const char *what = own ? l->s.params : l->lines[item];
    const size_t room = strlen(what) + 256;
    if (l->text_cap - len < room) {
        l->text_cap = 2 * (len + room);
        l->text = need(realloc(l->text, l->text_cap));
    }
    const int n =
        snprintf(l->text + len, room,
                 own ? "{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":\"%s\",\"params\":%s}"
                     : "{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":\"%s\",\"params\":[\"%s\"]}",
                 item, own ? l->s.method : "eth_sendRawTransaction", what);
    return len + (size_t)n;
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len != 0) {
        const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) die("the server closed a connection");
        data += n;
        len -= (size_t)n;
    }
}

/// Sends the next request. @return false if there is nothing to send now
static bool send_next(struct load *l, struct connection *c)
{
    c->item_count = 0;
    enum { HEAD = 256 };
    if (l->text_cap < HEAD + 64) {
        l->text_cap = 65536;
        l->text = need(realloc(l->text, l->text_cap));
    }
    size_t len = HEAD;
    if (l->s.batch > 1) l->text[len++] = '[';
    size_t item;
    while (c->item_count < l->s.batch && take(l, &item)) {
        if (c->item_count != 0) l->text[len++] = ',';
        len = put_call(l, len, item);
        c->items[c->item_count++] = item;
    }
    if (c->item_count == 0) return false;
    if (l->s.batch > 1) l->text[len++] = ']';
    char head[HEAD];
    const int n =
        snprintf(head, sizeof head,
                 "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 len - HEAD);
    char *start = l->text + HEAD - n;
    memcpy(start, head, (size_t)n);
    write_all(c->fd, start, len - HEAD + (size_t)n);
    c->waits = true;
    c->in_len = 0;
    return true;
}

/// Looks through the answers of one request. Ids are our items.
static void count_answers(struct load *l, const char *body)
{
    const char *p = body;
    while ((p = strstr(p, "\"id\":")) != NULL) {
        p += 5;
        const size_t item = strtoull(p, NULL, 10);
        const char *end = strstr(p, "\"id\":");
        const char *error = strstr(p, "\"error\":{");
        if (error == NULL || (end != NULL && error > end)) {
            l->answers++;
            continue;
        }
        if (l->s.method == NULL && strncmp(error, "\"error\":{\"code\":-32005", 22) == 0) {
            if (item >= l->line_count || l->again[item]) die("an id that was not asked for");
            l->again[item] = true;
            l->again_count++;
            if (item < l->again_from || l->again_count == 1) l->again_from = item;
            l->not_before = seconds(CLOCK_MONOTONIC) + AGAIN_MS / 1000.0;
            continue;
        }
        l->errors++;
        if (l->first_error[0] == 0) {
            snprintf(l->first_error, sizeof l->first_error, "%.150s", error);
            for (char *q = l->first_error; *q != 0; q++) {
                if (*q == '"' || *q == '\\') *q = '\'';
            }
        }
    }
}

/// Reads what is there. @return true once the answer is whole
static bool receive(struct load *l, struct connection *c)
{
    const ssize_t n = recv(c->fd, c->in + c->in_len, ANSWER_MAX - 1 - c->in_len, 0);
    if (n <= 0) die("the server closed a connection");
    c->in_len += (size_t)n;
    c->in[c->in_len] = 0;
    char *body = strstr(c->in, "\r\n\r\n");
    if (body == NULL) return false;
    const char *length = strcasestr(c->in, "content-length:");
    if (length == NULL || length > body) die("an answer without a length");
    const size_t want = strtoull(length + 15, NULL, 10);
    body += 4;
    if (c->in_len - (size_t)(body - c->in) < want) return false;
    if (strncmp(c->in, "HTTP/1.1 200", 12) != 0) die("an answer that is not 200");
    count_answers(l, body);
    c->waits = false;
    return true;
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) die("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void run(struct load *l)
{
    struct connection c[CONNECTIONS_MAX];
    struct pollfd fds[CONNECTIONS_MAX];
    const size_t count = l->s.connections;
    for (size_t i = 0; i < count; i++) {
        c[i] = (struct connection){.fd = connect_to((uint16_t)l->s.port),
                                   .in = need(malloc(ANSWER_MAX)),
                                   .items = need(calloc(l->s.batch, sizeof(size_t)))};
        fds[i] = (struct pollfd){.fd = c[i].fd, .events = POLLIN};
    }
    for (;;) {
        size_t waiting = 0;
        for (size_t i = 0; i < count; i++) waiting += c[i].waits || send_next(l, &c[i]);
        if (waiting == 0 && l->again_count == 0) break;
        if (poll(fds, count, l->again_count != 0 ? AGAIN_MS : -1) < 0) die("poll");
        for (size_t i = 0; i < count; i++) {
            if (c[i].waits && fds[i].revents != 0) (void)receive(l, &c[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        close(c[i].fd);
        free(c[i].in);
        free(c[i].items);
    }
}

static bool set(struct settings *s, const char *flag, const char *text)
{
    if (strcmp(flag, "--method") == 0) {
        s->method = text;
        return true;
    }
    if (strcmp(flag, "--params") == 0) {
        s->params = text;
        return true;
    }
    char *end;
    const uint64_t v = strtoull(text, &end, 10);
    if (*end != 0 || *text == 0) return false;
    if (strcmp(flag, "--port") == 0)
        s->port = v;
    else if (strcmp(flag, "--connections") == 0)
        s->connections = v;
    else if (strcmp(flag, "--batch") == 0)
        s->batch = v;
    else if (strcmp(flag, "--count") == 0)
        s->count = v;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct load l = {.s = {.connections = 16, .batch = 1, .params = "[]"}};
    bool usable = argc % 2 == 1;
    for (int i = 1; usable && i + 1 < argc; i += 2) usable = set(&l.s, argv[i], argv[i + 1]);
    if (!usable || l.s.port == 0 || l.s.port > 65535 || l.s.batch == 0 || l.s.connections == 0 ||
        l.s.connections > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: rpc_load --port N [--connections N] [--batch N]\n"
                        "                [--method NAME --params JSON --count N]\n");
        return 2;
    }
    if (l.s.method == NULL) read_lines(&l);
    const double from = seconds(CLOCK_MONOTONIC);
    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    run(&l);
    printf("{\"answers\":%" PRIu64 ",\"errors\":%" PRIu64
           ",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"first_error\":\"%s\"}\n",
           l.answers, l.errors, seconds(CLOCK_MONOTONIC) - from,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, l.first_error);
    for (size_t i = 0; i < l.line_count; i++) free(l.lines[i]);
    free(l.lines);
    free(l.again);
    free(l.text);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/network_up.h"

#include "rpc/cairnd/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UP_NODES_MAX = 100, LINE_MAX_BYTES = 4096 };

/// One node's process, and what it is saying.
struct child {
    char name[64];
    pid_t pid; ///< 0: has ended
    int out;   ///< the end we read of its output, -1: closed
    char line[LINE_MAX_BYTES];
    size_t len;
};

struct up {
    const char *dir;
    char **more; ///< flags for every node
    struct child nodes[UP_NODES_MAX];
    size_t count;
    size_t width; ///< of the longest name
    int code;     ///< the first ending that was no wish of ours
    bool stopping;
    bool at_once;      ///< they were killed
    time_t stopping_s; ///< since when
};

static int by_name(const void *a, const void *b)
{
    return strverscmp(((const struct child *)a)->name, ((const struct child *)b)->name);
}

/// Every folder with a genesis and a key is a node.
static bool find_nodes(struct up *u)
{
    DIR *d = opendir(u->dir);
    if (d == NULL) return false;
    for (const struct dirent *e; (e = readdir(d)) != NULL && u->count < UP_NODES_MAX;) {
        char path[4608];
        struct stat st;
        const size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.' || len >= sizeof u->nodes[0].name) continue;
        (void)snprintf(path, sizeof path, "%.4000s/%s/keys/node", u->dir, e->d_name);
        if (stat(path, &st) != 0) continue;
        struct child *c = &u->nodes[u->count++];
        memcpy(c->name, e->d_name, len + 1);
        c->out = -1;
        if (len > u->width) u->width = len;
    }
    closedir(d);
    qsort(u->nodes, u->count, sizeof u->nodes[0], by_name);
    return true;
}

/// In the child: becomes the node.
static _Noreturn void become_node(const struct up *u, const struct child *c, int out)
{
    char dir[4608];
    char *argv[64] = {"cairnd", "run", "--data-dir", dir};
    size_t n = 4;
    sigset_t none;
    (void)snprintf(dir, sizeof dir, "%.4000s/%s", u->dir, c->name);
    for (size_t i = 0; u->more[i] != NULL && n + 1 < ARRAY_LEN(argv); i++) argv[n++] = u->more[i];
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0); // Ctrl-C reaches us alone, and we pass it on
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(out, STDERR_FILENO);
    (void)execv("/proc/self/exe", argv);
    (void)dprintf(STDERR_FILENO, "error: cannot start: %s\n", strerror(errno));
    _exit(EXIT_INTERNAL);
}

static bool start(struct up *u, struct child *c)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    c->pid = fork();
    if (c->pid == 0) become_node(u, c, ends[1]);
    close(ends[1]);
    c->out = ends[0];
    if (c->pid > 0) return true;
    c->pid = 0;
    return false;
}

static void print_line(const struct up *u, struct child *c)
{
    (void)printf("%-*s | %.*s\n", (int)u->width, c->name, (int)c->len, c->line);
    (void)fflush(stdout);
    c->len = 0;
}

/// Prints what has come, line by line; the end of the output closes it.
static void listen_to(const struct up *u, struct child *c)
{
    char some[LINE_MAX_BYTES];
    const ssize_t got = read(c->out, some, sizeof some);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        if (c->len != 0) print_line(u, c);
        close(c->out);
        c->out = -1;
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (some[i] == '\n' || c->len == sizeof c->line) print_line(u, c);
        if (some[i] != '\n') c->line[c->len++] = some[i];
    }
}

static time_t now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void stop_all(struct up *u, int signal_number)
{
    u->at_once = u->stopping && signal_number == SIGKILL;
    if (!u->stopping) u->stopping_s = now_s();
    u->stopping = true;
    for (size_t i = 0; i < u->count; i++) {
        if (u->nodes[i].pid != 0) (void)kill(u->nodes[i].pid, signal_number);
    }
}

/// Takes note of those that have ended.
static void reap(struct up *u)
{
    for (size_t i = 0; i < u->count; i++) {
        struct child *c = &u->nodes[i];
        int status;
        if (c->pid == 0 || waitpid(c->pid, &status, WNOHANG) != c->pid) continue;
        c->pid = 0;
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
        if (u->at_once || (u->stopping && code == EXIT_DONE)) continue;
        if (u->code == EXIT_DONE) u->code = code != EXIT_DONE ? code : EXIT_INTERNAL;
        (void)fprintf(stderr, "error: %s ended with %s %d\nhint: the others are stopped\n", c->name,
                      WIFSIGNALED(status) ? "signal" : "exit code",
                      WIFSIGNALED(status) ? WTERMSIG(status) : code);
        if (!u->stopping) stop_all(u, SIGTERM);
    }
}

static void on_signal(struct up *u, int signals)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo == SIGCHLD)
        reap(u);
    else if (info.ssi_signo == SIGHUP)
        for (size_t i = 0; i < u->count; i++) {
            if (u->nodes[i].pid != 0) (void)kill(u->nodes[i].pid, SIGHUP);
        }
    else if (!u->stopping)
        stop_all(u, SIGTERM);
    else if (now_s() > u->stopping_s) // a second one, unless it is the first one's echo
        stop_all(u, SIGKILL);
}

static bool anybody(const struct up *u)
{
    bool any = false;
    for (size_t i = 0; i < u->count; i++) any = any || u->nodes[i].pid != 0 || u->nodes[i].out >= 0;
    return any;
}

static void watch(struct up *u, int signals)
{
    while (anybody(u)) {
        struct pollfd at[UP_NODES_MAX + 1];
        for (size_t i = 0; i < u->count; i++)
            at[i] = (struct pollfd){.fd = u->nodes[i].out, .events = POLLIN};
        at[u->count] = (struct pollfd){.fd = signals, .events = POLLIN};
        if (poll(at, u->count + 1, -1) < 0) continue; // EINTR
        for (size_t i = 0; i < u->count; i++) {
            if (at[i].fd >= 0 && at[i].revents != 0) listen_to(u, &u->nodes[i]);
        }
        if (at[u->count].revents != 0) on_signal(u, signals);
    }
}

static int print_help(void)
{
    (void)printf("usage: cairnd network up DIR [FLAGS OF run]\n\n"
                 "Runs every node of a network made by `cairnd network init`, with merged logs.\n"
                 "Ctrl-C stops them all; a second one at once.\n\n"
                 "example: cairnd network up net --log-level warn\n");
    return EXIT_DONE;
}

int network_up(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return print_help();
    }
    if (argc < 2 || argv[1][0] == '-')
        return fail(EXIT_USAGE, "which network?\nhint: cairnd network up DIR");
    struct up *u = calloc(1, sizeof *u);
    if (u == NULL) return fail(EXIT_INTERNAL, "out of memory");
    u->dir = argv[1];
    u->more = argv + 2;
    if (!find_nodes(u) || u->count == 0) {
        const int code = fail(EXIT_USAGE,
                              "there is no network in %s\nhint: cairnd network init "
                              "--dir %s",
                              u->dir, u->dir);
        free(u);
        return code;
    }
    sigset_t waited;
    sigemptyset(&waited);
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) sigaddset(&waited, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &waited, NULL);
    const int signals = signalfd(-1, &waited, SFD_CLOEXEC);
    for (size_t i = 0; i < u->count && signals >= 0 && u->code == EXIT_DONE; i++) {
        if (start(u, &u->nodes[i])) continue;
        u->code = fail(EXIT_INTERNAL, "cannot start %s: %s", u->nodes[i].name, strerror(errno));
        stop_all(u, SIGTERM);
    }
    if (signals >= 0) watch(u, signals);
    const int code = u->code;
    if (signals >= 0) close(signals);
    free(u);
    return code;
}

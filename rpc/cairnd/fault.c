// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/fault.h"

#include "chain/base/bytes.h"
#include "rpc/cairnd/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>
#include <unistd.h>

// Everything below runs inside a signal handler: no allocation, no stdio, no locks.

/// How far behind a data file's map a damaged length (32 bits) can lead.
#define REACH ((uint64_t)1 << 32)
#define PATH_SHOWN 512

/// One line of /proc/self/maps: its range, and its path (or the end of it).
struct mapping {
    uint64_t from;
    uint64_t to;
    char path[PATH_SHOWN];
};

struct maps_reader {
    int fd;
    size_t at;
    size_t len;
    char bytes[4096];
};

static int next_byte(struct maps_reader *r)
{
    if (r->at == r->len) {
        const ssize_t n = read(r->fd, r->bytes, sizeof r->bytes);
        if (n <= 0) return -1;
        r->at = 0;
        r->len = (size_t)n;
    }
    return (unsigned char)r->bytes[r->at++];
}

static uint64_t read_hex(struct maps_reader *r)
{
    uint64_t v = 0;
    for (;;) {
        const int c = next_byte(r);
        if (c >= '0' && c <= '9')
            v = v * 16 + (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (uint64_t)(c - 'a') + 10;
        else
            return v; // and the separator is gone
    }
}

static bool read_mapping(struct maps_reader *r, struct mapping *m)
{
    m->from = read_hex(r);
    m->to = read_hex(r);
    size_t len = 0;
    bool in_path = false;
    int c;
    while ((c = next_byte(r)) >= 0 && c != '\n') {
        if (c == '/') in_path = true;
        if (in_path && len < sizeof m->path - 1) m->path[len++] = (char)c;
    }
    m->path[len] = '\0';
    return c >= 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text);
    const size_t k = strlen(end);
    return n >= k && memcmp(text + n - k, end, k) == 0;
}

/// Is this LMDB's doing? It is if LMDB's own code failed, or somebody read in or behind the map of
/// a data file. @param path  receives the file's name, or stays empty
static bool is_damage(char path[PATH_SHOWN], uint64_t address, uint64_t code)
{
    struct maps_reader r = {.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    struct mapping m;
    bool found = false;
    path[0] = '\0';
    while (r.fd >= 0 && read_mapping(&r, &m)) {
        if (ends_with(m.path, "/data.mdb")) {
            if (address < m.from || address - m.from >= m.to - m.from + REACH) continue;
            found = true;
            memcpy(path, m.path, sizeof m.path);
        } else if (code >= m.from && code < m.to && strstr(m.path, "/liblmdb") != NULL) {
            found = true;
        }
    }
    if (r.fd >= 0) close(r.fd);
    return found;
}

static void say(const char *text)
{
    const ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *u = context;
#if defined(__x86_64__)
    const uint64_t code = (uint64_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    const uint64_t code = u->uc_mcontext.pc;
#else
    const uint64_t code = 0;
    (void)u;
#endif
    char path[PATH_SHOWN];
    if (is_damage(path, (uint64_t)(uintptr_t)info->si_addr, code)) {
        say("error: the store is damaged: ");
        say(path[0] != '\0' ? path : "store/data.mdb or guard/data.mdb");
        say(" has a page that leads nowhere\nhint: restore a backup of that folder; a store may "
            "also be removed, the other validators' blocks come again\n");
        _exit(EXIT_DAMAGED);
    }
    (void)signal(number, SIG_DFL); // and the instruction faults again
}

void fault_install(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const bool sanitized = true; // who wants to see the fault himself
#else
    const bool sanitized = false;
#endif
    if (sanitized) return;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
}

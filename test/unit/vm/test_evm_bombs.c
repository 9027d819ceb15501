// SPDX-License-Identifier: Apache-2.0

// Programs made to exhaust whoever runs them. Each gets a whole block's gas and must end within
// bounds of time and memory, on a C stack that no recursion over 1024 depths fits in, and leave
// an interpreter that works. (How fast each is, test/bench/worst.c says.)

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test/support/vm_world.h"

enum { BLOCK_GAS = 30000000, THREAD_STACK_BYTES = 256 << 10, CPU_SECONDS_MAX = 60 };
enum { MEMORY_KIB_MAX = 256 << 10, MANY_CODES = 1100, CODE_BYTES = 24576 };

#define NO_DATA "6000600060006000"
#define CALL_SELF NO_DATA "6000305af150"
// CALL of 0x3000..03 (WORLD_OTHER) with all gas.
#define CALL_OTHER                                                                                 \
    NO_DATA "6000733000000000000000000000000000000000000003"                                       \
            "5af150"

static const struct {
    const char *name;
    const char *code;
    const char *other; ///< of WORLD_OTHER; NULL if it is not needed
    enum evm_status status;
} bombs[] = {
    // clang-format off
    {"calls itself to the limit, for ever", "5b" CALL_SELF "600056", NULL, EVM_OUT_OF_GAS},
    {"calls itself once a depth", CALL_SELF "00", NULL, EVM_SUCCESS},
    {"delegates to itself for ever", "5b" NO_DATA "305af450600056", NULL, EVM_OUT_OF_GAS},
    {"two contracts call each other", "5b" CALL_OTHER "600056",
     "5b" NO_DATA "6000335af150600056", EVM_OUT_OF_GAS},
    {"memory doubles until it costs too much", "60205b8051508001600256", NULL, EVM_OUT_OF_GAS},
    {"memory at every depth", "620190005150" CALL_SELF "00", NULL, EVM_SUCCESS},
    {"memory far away", "6001" "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" "52", NULL,
     EVM_OUT_OF_GAS},
    {"creates empty contracts", "5b600060006000f050600056", NULL, EVM_OUT_OF_GAS},
    // It runs as init code of what it creates, and so on.
    {"creates itself at every depth", "38600060003938600060" "00f05000", NULL, EVM_SUCCESS},
    {"creates itself for ever", "5b38600060003938600060" "00f050600056", NULL, EVM_OUT_OF_GAS},
    {"init code of 48 KB again and again", "60005b60010180" "61c00060006000f5" "50600256", NULL,
     EVM_OUT_OF_GAS},
    {"contracts that are born and destroyed", "6130ff60f01b6000525b600260006000f050600956", NULL,
     EVM_OUT_OF_GAS},
    {"destroys itself in one transaction many times", "5b" CALL_OTHER "600056", "33ff",
     EVM_OUT_OF_GAS},
    {"empty logs", "5b60006000a0600056", NULL, EVM_OUT_OF_GAS},
    {"logs of four topics", "5b600060006000600060006000a4600056", NULL, EVM_OUT_OF_GAS},
    {"large logs", "5b6120006000a0600056", NULL, EVM_OUT_OF_GAS},
    {"large return data that is copied", "5b" CALL_OTHER "3d600060003e600056", "620100006000f3",
     EVM_OUT_OF_GAS},
    {"large reasons to revert", "5b" CALL_OTHER "3d600060003e600056", "620100006000fd",
     EVM_OUT_OF_GAS},
    {"return data that grows by a word at each depth", CALL_SELF "3d600060003e3d6020016000f3",
     NULL, EVM_SUCCESS},
    {"slots", "60005b60010180805560" "0256", NULL, EVM_OUT_OF_GAS},
    {"transient slots", "60005b60010180805d60" "0256", NULL, EVM_OUT_OF_GAS},
    {"writes that are undone at every depth", "5a5a55" CALL_SELF "60006000fd", NULL, EVM_REVERT},
    // clang-format on
};

struct work {
    struct vm_world *w;
    struct tx_result result;
};

static void *run_on_small_stack(void *arg)
{
    struct work *work = arg;
    work->result = vm_world_run(work->w);
    return NULL;
}

static struct tx_result run_small(struct vm_world *w)
{
    struct work work = {.w = w};
    pthread_attr_t attr;
    pthread_t thread;
    cr_assert_eq(pthread_attr_init(&attr), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES), 0);
    cr_assert_eq(pthread_create(&thread, &attr, run_on_small_stack, &work), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    return work.result;
}

/// Private memory of this process that is in use.
static long memory_kib(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    cr_assert_not_null(f);
    char line[256];
    long kib = -1;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) kib = strtol(line + 8, NULL, 10);
    }
    fclose(f);
    cr_assert_geq(kib, 0, "RssAnon");
    return kib;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/// After a bomb the same interpreter adds 1 and 41.
static void expect_works(struct vm_world *w, const char *name)
{
    vm_world_code(w, &WORLD_CONTRACT, "602960010160005260206000f3");
    const struct tx_result r = vm_world_run(w);
    const u256_t word = vm_world_word(&r);
    cr_expect(r.status == EVM_SUCCESS && word.limb[0] == 42, "%s: works afterwards", name);
}

static void explode(struct vm_world *w, const char *name, enum evm_status status)
{
    w->tx.gas_limit = BLOCK_GAS;
    const long kib = memory_kib();
    const double begin = cpu_s();
    const struct tx_result r = run_small(w);
    const double took = cpu_s() - begin;
    const long grown = memory_kib() - kib;
    cr_expect_eq(r.validity, TX_VALID, "%s", name);
    cr_expect_eq(r.status, status, "%s: %s", name, evm_status_text(r.status));
    cr_expect_leq(r.gas_used, (uint64_t)BLOCK_GAS, "%s", name);
    cr_expect(took < CPU_SECONDS_MAX, "%s: %.1f s", name, took);
    cr_expect(grown < MEMORY_KIB_MAX, "%s: %ld KiB", name, grown);
    expect_works(w, name);
}

/// Goal: no program exhausts time, memory or the C stack.
Test(evm_bombs, programs)
{
    for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
        struct vm_world w;
        vm_world_init(&w, REV_CANCUN);
        vm_world_code(&w, &WORLD_CONTRACT, bombs[i].code);
        if (bombs[i].other != NULL) vm_world_code(&w, &WORLD_OTHER, bombs[i].other);
        explode(&w, bombs[i].name, bombs[i].status);
        vm_world_deinit(&w);
    }
}

/// Goal: more contracts full of jump destinations than the cache of analysed codes holds, each
/// called in turn, do not make it read all of them anew for a warm call's price.
Test(evm_bombs, fresh_codes)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    static uint8_t code[CODE_BYTES];
    const u256_t nothing = u256_from_u64(0);
    for (unsigned i = 0; i < MANY_CODES; i++) {
        // Half are full of destinations, half of pushes; the number makes each another code.
        memset(code, i % 2 == 0 ? 0x5b : 0x60, sizeof code);
        const uint8_t head[] = {0x00, (uint8_t)(i >> 8), (uint8_t)i};
        memcpy(code, head, sizeof head);
        const address_t a = {{[17] = 1, [18] = head[1], [19] = head[2]}};
        mem_state_put(&w.state, &a, 1, &nothing, bytes_make(code, sizeof code));
    }
    // i = 0; for (;;) { staticcall(0x10000 + i); i = (i + 1) % MANY_CODES; }
    char loop[128];
    snprintf(loop, sizeof loop, "60005b" NO_DATA "8462010000015afa5060010161%04x9006600256",
             (unsigned)MANY_CODES);
    vm_world_code(&w, &WORLD_CONTRACT, loop);
    explode(&w, "fresh codes", EVM_OUT_OF_GAS);
    vm_world_deinit(&w);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Official state tests: one transaction on a given world, judged by the state root and the
/// hash of the logs (formats of ethereum/tests and execution-spec-tests). `cairnd statetest`
/// and our own conformance run share this judge.
///
/// A test file is {NAME: {env, pre, transaction, post: {FORK: [{indexes, hash, logs, txbytes,
/// expectException}..]}}}; every element of a fork's list is a case. The case's signed bytes
/// are executed where it has them: so decoding and the sender's recovery are tested too. The
/// oldest files have none; then the transaction is made from the template.

#include "rpc/cairnd/fixture_json.h"
#include "vm/overlay.h"
#include "vm/tx_exec.h"

/// What a judge works with; reused from case to case. Owner: one thread.
struct state_test_bench {
    struct vm *vm;
    struct overlay *world;
    struct mem_state state; ///< after a case: the world as the transaction left it
    struct arena arena;     ///< of a case
    struct arena scratch;   ///< of roots
};

/// @return ERR_FULL without memory; nothing is then to be closed
MUST_USE err_t state_test_open(struct state_test_bench *b);
void state_test_close(struct state_test_bench *b);

/// One case of a file. Everything is borrowed.
struct state_test_case {
    const char *name;
    const char *fork;
    size_t index;       ///< within the fork's list
    const json_t *test; ///< the object of `name`
    const json_t *post; ///< the element of the list
};

struct state_test_verdict {
    bool pass;
    char error[256];    ///< why not, in one sentence; empty if it passed
    bool refused;       ///< the transaction was invalid
    bool other_reason;  ///< passed, but refused for another reason than the expected one
    const char *reason; ///< of a refusal, in the words of client libraries
    hash_t state_root;
    hash_t logs_hash;
    uint64_t gas_used;
};

/// Judges one case.
/// @return ERR_MALFORMED if the case is not what the format says (`detail` tells the member),
///         ERR_UNSUPPORTED for a fork that we have not, ERR_FULL
MUST_USE err_t state_test_judge(struct state_test_verdict *out, struct state_test_bench *b,
                                const struct state_test_case *c, struct fixture_detail *detail);

/// Calls `fn` for every case of a parsed file in its order, until it fails. Members that are
/// no tests ("_info") are left out.
/// @return what fn returned, or ERR_MALFORMED
MUST_USE err_t state_test_each(const json_t *file,
                               err_t (*fn)(void *ctx, const struct state_test_case *c), void *ctx,
                               struct fixture_detail *detail);

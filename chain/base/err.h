// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One small result for everything that can fail: what callers branch on and a
/// sentence for people. Returned in two registers, never allocates.

#include <stdbool.h>

/// What callers branch on. Peers and RPC map these to a disconnect reason or a
/// JSON-RPC code in one table each, so a new kind is rare; a new `why` is free.
enum err_kind {
    ERR_NONE = 0,    ///< nothing failed
    ERR_MALFORMED,   ///< the bytes do not have the form of what they should be
    ERR_INVALID,     ///< well formed, but breaks a rule
    ERR_NOT_FOUND,   ///< no such thing
    ERR_LIMIT,       ///< larger than a documented bound
    ERR_FULL,        ///< a bounded arena, queue, pool or disk has no room left
    ERR_IO,          ///< the operating system or a peer failed us
    ERR_CORRUPT,     ///< what we stored is not what we stored
    ERR_BUSY,        ///< in use, or not now: try again later
    ERR_UNSUPPORTED, ///< a version, type or feature that this build does not know
    ERR_MISMATCH,    ///< two things that must agree do not (genesis, chain id, password)
};

typedef struct err {
    enum err_kind kind; ///< what callers branch on
    const char *why;    ///< a string literal for people; NULL if nothing failed
} err_t;

#define OK ((err_t){ERR_NONE, 0})
#define FAIL(KIND, WHY) ((err_t){ERR_##KIND, (WHY)})
#define MUST_USE __attribute__((warn_unused_result))
#define TRY(EXPR)                                                                                  \
    do {                                                                                           \
        err_t try_err_ = (EXPR);                                                                   \
        if (try_err_.kind != ERR_NONE) return try_err_;                                            \
    } while (0)

/// True if nothing failed.
static inline bool err_ok(err_t err)
{
    return err.kind == ERR_NONE;
}

/// The sentence for people; "ok" if nothing failed. Never NULL.
static inline const char *err_text(err_t err)
{
    if (err.kind == ERR_NONE) return "ok";
    return err.why != 0 ? err.why : "unknown error";
}

/// The kind's name in lower case ("not found"), for logs and JSON. Never NULL.
const char *err_kind_name(enum err_kind kind);

/// Ends the program (exit 70) with a sentence: for what a correct program makes
/// impossible. Bytes from outside never get here.
_Noreturn void panic_at(const char *file, int line, const char *what);

#define unreachable(WHAT) panic_at(__FILE__, __LINE__, WHAT)

/// Like assert, but stays on in release builds: a validator that is wrong must
/// stop, not vote.
#define check(COND)                                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(COND), 0)) panic_at(__FILE__, __LINE__, #COND);                     \
    } while (0)

/// For the interpreter's inner loop only: off unless CAIRN_DEBUG is defined.
#ifdef CAIRN_DEBUG
#define debug_assert(COND) check(COND)
#else
#define debug_assert(COND) ((void)0)
#endif

// SPDX-License-Identifier: Apache-2.0
#include "chain/base/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *err_kind_name(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return "ok";
    case ERR_MALFORMED:
        return "malformed";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_LIMIT:
        return "limit";
    case ERR_FULL:
        return "full";
    case ERR_IO:
        return "i/o";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_BUSY:
        return "busy";
    case ERR_UNSUPPORTED:
        return "unsupported";
    case ERR_MISMATCH:
        return "mismatch";
    }
    unreachable("error kind");
}

_Noreturn void panic_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "internal error: %s:%d: %s. The program stops; please report this line.\n",
            file, line, what);
    fflush(stderr);
    // Not abort(): a core of a validator may hold keys. Not exit(): its handlers would run
    // on a state that was just found to be wrong.
    _Exit(70);
}

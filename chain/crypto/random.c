// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

err_t random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        const ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return FAIL(IO, "random: the system gives no random bytes");
        at += got;
        len -= (size_t)got;
    }
    return OK;
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/random.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

/// Goal: random bytes fill the whole of what was asked for, and differ.
Test(random, bytes)
{
    uint8_t a[1000] = {0}, b[1000] = {0};
    unsigned zeros = 0;
    cr_assert(err_ok(random_bytes(a, sizeof a)) && err_ok(random_bytes(b, sizeof b)));
    for (size_t i = 0; i < sizeof a; i++) zeros += a[i] == 0;
    cr_expect(zeros < 40, "%u of 1000 bytes are zero", zeros);
    cr_expect(memcmp(a, b, sizeof a) != 0);
    cr_expect(err_ok(random_bytes(a, 0)));
}

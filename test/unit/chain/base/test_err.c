// SPDX-License-Identifier: Apache-2.0
#include "chain/base/err.h"

#include <criterion/criterion.h>
#include <string.h>

#include "chain/base/checked.h"

/// Goal: every kind has a name of its own.
Test(err, kind_names)
{
    for (int a = ERR_NONE; a <= ERR_MISMATCH; a++) {
        cr_expect_neq(err_kind_name((enum err_kind)a)[0], '\0');
        for (int b = ERR_NONE; b < a; b++) {
            cr_expect_neq(strcmp(err_kind_name((enum err_kind)a), err_kind_name((enum err_kind)b)),
                          0);
        }
    }
    cr_expect_str_eq(err_kind_name(ERR_NOT_FOUND), "not found");
}

static err_t middle(err_t inner, bool *reached)
{
    *reached = false;
    TRY(inner);
    *reached = true;
    return OK;
}

/// Goal: TRY passes an error on as it is and goes on without one.
Test(err, try_passes_on)
{
    bool reached;
    const err_t err = middle(FAIL(LIMIT, "too large"), &reached);
    cr_expect(err.kind == ERR_LIMIT && !reached);
    cr_expect_str_eq(err_text(err), "too large");
    cr_expect(err_ok(middle(OK, &reached)) && reached);
    cr_expect_str_eq(err_text(OK), "ok");
    cr_expect_str_eq(err_text((err_t){ERR_IO, NULL}), "unknown error");
}

/// Goal: a program that is wrong stops with exit code 70.
Test(err, check_stops, .exit_code = 70)
{
    check(1 + 1 == 3);
}

/// Goal: checked arithmetic refuses exactly what does not fit and leaves the output.
Test(err, checked_arithmetic)
{
    uint64_t v = 7;
    size_t n = 7;
    cr_expect(checked_add_u64(&v, UINT64_MAX - 1, 1) && v == UINT64_MAX);
    cr_expect(!checked_add_u64(&v, UINT64_MAX, 1) && v == UINT64_MAX);
    cr_expect(!checked_sub_u64(&v, 1, 2) && v == UINT64_MAX);
    cr_expect(checked_mul_u64(&v, 1u << 31, 2) && v == (uint64_t)1 << 32);
    cr_expect(!checked_mul_u64(&v, v, v));
    cr_expect(!checked_add_size(&n, SIZE_MAX, 1) && !checked_mul_size(&n, SIZE_MAX, 2) && n == 7);
}

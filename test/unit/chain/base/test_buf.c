// SPDX-License-Identifier: Apache-2.0
#include "chain/base/buf.h"

#include <criterion/criterion.h>

/// Goal: what was put comes out in order, across many growths.
Test(buf, grows)
{
    struct buf b;
    buf_init(&b, 100000);
    for (unsigned i = 0; i < 10000; i++) buf_put_u8(&b, (uint8_t)i);
    buf_put_str(&b, "end");
    buf_printf(&b, "%d-%s", 42, "x");
    cr_assert(err_ok(buf_status(&b)));
    cr_assert_eq(b.len, 10007);
    for (unsigned i = 0; i < 10000; i++) cr_assert_eq(b.data[i], (uint8_t)i);
    cr_expect(bytes_eq(bytes_make(b.data + 10000, 7), LIT("end42-x")));
    buf_deinit(&b);
    cr_expect_null(b.data);
}

/// Goal: the maximum holds to the byte, failure is sticky, clear makes it usable again.
Test(buf, refuses_at_its_maximum)
{
    struct buf b;
    buf_init(&b, 4);
    buf_put(&b, LIT("abcd"));
    cr_expect(err_ok(buf_status(&b)), "exactly full is fine");
    buf_put_u8(&b, 'e');
    cr_expect_eq(buf_status(&b).kind, ERR_FULL);
    cr_expect_eq(b.len, 4);
    buf_put(&b, BYTES_NONE);
    cr_expect_eq(buf_status(&b).kind, ERR_FULL, "failure must stick");
    cr_expect_null(buf_extend(&b, SIZE_MAX));

    buf_clear(&b);
    buf_printf(&b, "%s", "ab");
    cr_expect(err_ok(buf_status(&b)));
    cr_expect(bytes_eq(buf_bytes(&b), LIT("ab")));
    buf_printf(&b, "%s", "cdefgh");
    cr_expect_eq(buf_status(&b).kind, ERR_FULL);
    buf_deinit(&b);
}

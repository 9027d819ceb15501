// SPDX-License-Identifier: Apache-2.0
/// What rlp_validate accepts is canonical: reading and writing it again gives the same bytes.
#include "chain/codec/rlp.h"
#include "test/fuzz/fuzz.h"

static void copy_items(struct buf *out, struct rlp_reader *r)
{
    while (!rlp_at_end(r)) {
        if (rlp_peek_is_list(r)) {
            struct rlp_reader inner;
            EXPECT(err_ok(rlp_read_list(r, &inner)));
            const size_t list = rlp_list_begin(out);
            copy_items(out, &inner);
            rlp_list_end(out, list);
            continue;
        }
        const struct rlp_reader before = *r;
        bytes_t item;
        EXPECT(err_ok(rlp_read_bytes(r, &item)));
        rlp_put_bytes(out, item);

        // A scalar reads as a number exactly if it has no leading zeros.
        struct rlp_reader again = before;
        u256_t number;
        const err_t err = rlp_read_u256(&again, &number);
        const bool scalar = item.len == 0 || item.data[0] != 0;
        EXPECT(err_ok(err) == (scalar && item.len <= 32));
        if (!err_ok(err)) EXPECT(again.rest.len == before.rest.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes_t in = {data, size};
    const bool valid = err_ok(rlp_validate(in));

    struct rlp_reader r = rlp_reader(in);
    bytes_t raw;
    const err_t err = rlp_read_raw(&r, &raw);
    if (!err_ok(err)) EXPECT(r.rest.len == size && !valid);
    if (!valid) return 0;

    struct buf out = fuzz_buf();
    r = rlp_reader(in);
    copy_items(&out, &r);
    EXPECT(bytes_eq(buf_bytes(&out), in));
    buf_deinit(&out);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/// A transaction that decodes encodes to the same bytes, alone and as an item of a body.
#include "chain/types/tx.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes_t in = {data, size};
    struct arena a = fuzz_arena();
    struct tx tx;
    if (err_ok(tx_decode(&tx, &a, in))) {
        struct buf out = fuzz_buf();
        tx_encode(&out, &tx);
        EXPECT(bytes_eq(buf_bytes(&out), in));
        const hash_t hash = keccak256(in);
        EXPECT(hash_eq(&hash, &tx.hash));

        buf_clear(&out);
        tx_put_item(&out, &tx);
        struct tx item;
        EXPECT(err_ok(tx_decode_item(&item, &a, buf_bytes(&out))));
        EXPECT(hash_eq(&item.hash, &tx.hash));
        struct tx copy;
        EXPECT(err_ok(tx_copy(&copy, &a, &tx)));

        EXPECT(err_ok(secp_setup()));
        if (err_ok(tx_recover_sender(&copy))) EXPECT(copy.has_sender);
        buf_deinit(&out);
    } else {
        (void)err_ok(tx_decode_item(&tx, &a, in));
    }
    arena_deinit(&a);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/// QBFT's extraData: readers tolerate what Besu does (a drop vote of 0x00, items behind the
/// seals), so what decodes is written canonically, stays so, and has the same block hash. The
/// three hashes exist exactly if it decodes.
#include "chain/types/extra_data.h"
#include "chain/crypto/secp.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes_t in = {data, size};
    struct arena a = fuzz_arena();
    struct extra_data e;
    const bool ok = err_ok(extra_data_decode(&e, &a, in));

    struct header h = {.mix_hash = QBFT_MIX_HASH,
                       .number = 1,
                       .extra_data = in,
                       .field_count = HEADER_FIELDS_CLASSIC};
    hash_t block, seal, proposal;
    EXPECT(err_ok(qbft_block_hash(&block, &h)) == ok);
    EXPECT(err_ok(qbft_seal_hash(&seal, &h, 7)) == ok);
    EXPECT(err_ok(qbft_proposal_digest(&proposal, &h)) == ok);
    (void)header_hash(&h);
    if (ok) {
        struct buf out = fuzz_buf();
        extra_data_encode(&out, &e);
        struct extra_data again;
        EXPECT(err_ok(extra_data_decode(&again, &a, buf_bytes(&out))));
        struct buf second = fuzz_buf();
        extra_data_encode(&second, &again);
        EXPECT(bytes_eq(buf_bytes(&out), buf_bytes(&second)));
        buf_deinit(&second);
        hash_t written;
        h.extra_data = buf_bytes(&out);
        EXPECT(err_ok(qbft_block_hash(&written, &h)));
        EXPECT(hash_eq(&block, &written));

        // Other seals and another round leave the block's hash alone.
        buf_clear(&out);
        EXPECT(err_ok(extra_data_reseal(&out, in, 9, NULL, 0)));
        h.extra_data = buf_bytes(&out);
        hash_t resealed;
        EXPECT(err_ok(qbft_block_hash(&resealed, &h)));
        EXPECT(hash_eq(&block, &resealed));
        buf_deinit(&out);
        if (e.seal_count <= 4) {
            address_t signers[4];
            EXPECT(err_ok(secp_setup()));
            h.extra_data = in;
            (void)err_ok(qbft_seal_signers(signers, &h, &e));
        }
    }
    arena_deinit(&a);
    return 0;
}

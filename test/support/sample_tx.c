// SPDX-License-Identifier: Apache-2.0
#include "test/support/sample_tx.h"

#include "chain/base/buf.h"
#include "chain/base/endian.h"

struct tx sample_tx(struct arena *arena, uint64_t nonce)
{
    const struct tx fields = {.type = nonce % 2 == 0 ? TX_LEGACY : TX_DYNAMIC_FEE,
                              .has_chain_id = true,
                              .chain_id = 1337,
                              .nonce = nonce,
                              .gas_limit = 21000,
                              .to = {{1, 2, 3}},
                              .data = LIT("data"),
                              .r = u256_from_u64(1 + nonce),
                              .s = u256_from_u64(2)};
    struct buf raw;
    buf_init(&raw, 4096);
    tx_encode(&raw, &fields);
    bool full = false;
    const bytes_t kept = arena_copy(arena, buf_bytes(&raw), &full);
    buf_deinit(&raw);
    struct tx out;
    check(!full && err_ok(tx_decode(&out, arena, kept)));
    out.has_sender = true;
    out.sender = (address_t){{0xee}};
    be_put_u64(out.sender.b + 12, nonce);
    return out;
}

// SPDX-License-Identifier: Apache-2.0
/// RLPx handshake packets. The first byte chooses: the bytes as they came, or as the body of a
/// packet that is sealed for us, so that what is behind the encryption is reached. A packet that is
/// read leaves a handshake with secrets; one that is refused leaves one that waits.
#include "consensus/p2p/rlpx_handshake.h"
#include "consensus/p2p/ecies.h"
#include "test/fuzz/fuzz.h"
#include "test/support/rlpx_seed.h"

#include <string.h>

/// size || ecies(body), for the key `to`.
static bool seal(struct buf *out, const secp_pubkey_t *to, bytes_t body)
{
    const size_t size = body.len + ECIES_OVERHEAD;
    if (size > RLPX_PACKET_MAX) return false;
    const uint8_t prefix[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    const struct rlpx_seed seed = seed_of(0x51);
    buf_put(out, BYTES_OF(prefix));
    return err_ok(ecies_encrypt(out, to, body, BYTES_OF(prefix), &seed.ecies, seed.iv));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EXPECT(err_ok(secp_setup()));
    bytes_t in = {data, size};
    const uint8_t how = fuzz_u8(&in);
    const struct secret_key own = key_of(0x0b);
    const struct secret_key other = key_of(0x0a);
    secp_pubkey_t own_id;
    secp_pubkey_t other_id;
    EXPECT(err_ok(secp_pubkey_of(&own_id, &own)) && err_ok(secp_pubkey_of(&other_id, &other)));

    struct buf packet = fuzz_buf();
    struct buf sent = fuzz_buf();
    const bool sealed = (how & 1) != 0 && seal(&packet, &own_id, in);
    if (!sealed) {
        buf_clear(&packet);
        buf_put(&packet, in);
    }
    const bool initiator = (how & 2) != 0;
    const struct rlpx_seed seed = seed_of(0x31);
    static struct rlpx_handshake h;
    rlpx_handshake_init(&h, &own, &seed, initiator ? &other_id : NULL);
    if (initiator) EXPECT(err_ok(rlpx_handshake_write(&h, &sent)));
    if (packet.len >= 2) {
        const size_t whole = rlpx_packet_size(packet.data);
        EXPECT(whole == 0 || (whole > ECIES_OVERHEAD && whole <= 2 + RLPX_PACKET_MAX));
        const err_t err = rlpx_handshake_read(&h, buf_bytes(&packet));
        if (err_ok(err)) {
            EXPECT(whole == packet.len);
            if (!initiator) EXPECT(err_ok(rlpx_handshake_write(&h, &sent)));
            struct rlpx_secrets secrets;
            EXPECT(err_ok(rlpx_handshake_secrets(&h, &secrets)));
        } else {
            EXPECT((initiator ? h.ack_len : h.auth_len) == 0);
            if (!sealed) EXPECT(err.kind == ERR_INVALID || err.kind == ERR_MALFORMED);
        }
    }
    rlpx_handshake_wipe(&h);
    buf_deinit(&packet);
    buf_deinit(&sent);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keys and seeds of RLPx handshakes that are the same every time.

#include <string.h>

#include "consensus/p2p/rlpx_handshake.h"

/// A valid key, every byte of which is `fill` (1 to 254).
static inline struct secret_key key_of(uint8_t fill)
{
    struct secret_key k;
    memset(k.b, fill, sizeof k.b);
    return k;
}

/// Another seed for each `fill`.
static inline struct rlpx_seed seed_of(uint8_t fill)
{
    struct rlpx_seed s = {
        .ephemeral = key_of(fill), .ecies = key_of((uint8_t)(fill + 1)), .padding = fill};
    memset(s.nonce, fill, sizeof s.nonce);
    memset(s.iv, fill, sizeof s.iv);
    return s;
}

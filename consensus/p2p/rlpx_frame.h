// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RLPx frames (devp2p rlpx.md, "Framing"): one message each, encrypted and held to a running
/// MAC, so that a frame that is changed, lost, repeated or reordered ends the connection.
///
///     header  AES-CTR( size(3) || c2 80 80 || zeros(10) )   header MAC(16)
///     body    AES-CTR( data || zeros to a multiple of 16 )  frame MAC(16)

#include "chain/base/buf.h"
#include "chain/base/err.h"
#include "chain/crypto/cipher.h"
#include "consensus/p2p/rlpx_handshake.h"

#define RLPX_HEADER_BYTES 32U    ///< with its MAC
#define RLPX_FRAME_MAX 0xffffffU ///< bytes of data: three bytes of size

/// Both directions of one connection.
struct rlpx_frames {
    struct aes_stream *send;
    struct aes_stream *receive;
    struct aes_block *mac;
    struct keccak egress;
    struct keccak ingress;
};

/// @return ERR_IO if the crypto library refuses; deinit in any case
MUST_USE err_t rlpx_frames_init(struct rlpx_frames *f, const struct rlpx_secrets *secrets);
/// Safe on a zeroed value.
void rlpx_frames_deinit(struct rlpx_frames *f);

/// Appends the frame of `id || payload`. The two are given apart to save a copy; together they
/// are at most RLPX_FRAME_MAX bytes.
/// @return ERR_FULL: nothing of it counts as sent
MUST_USE err_t rlpx_frame_write(struct rlpx_frames *f, struct buf *out, bytes_t id,
                                bytes_t payload);

/// Opens a header.
/// @param[out] size  bytes of data in the frame; rlpx_body_size tells how many to wait for
/// @return ERR_INVALID if its MAC differs: the connection is over
MUST_USE err_t rlpx_frame_header(struct rlpx_frames *f, const uint8_t header[RLPX_HEADER_BYTES],
                                 size_t *size);

/// Bytes on the wire after the header of a frame with `size` bytes of data, MAC included.
static inline size_t rlpx_body_size(size_t size)
{
    return (size + 15) / 16 * 16 + 16;
}

/// Opens a body of rlpx_body_size(size) bytes, in place: its first `size` bytes are the data.
/// @return ERR_INVALID if its MAC differs: the connection is over
MUST_USE err_t rlpx_frame_body(struct rlpx_frames *f, uint8_t *body, size_t size);

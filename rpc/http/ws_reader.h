// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The incoming half of a WebSocket connection (RFC 6455): bytes -> frames -> messages. Knows no
/// socket. The one file with <wslay/wslay.h>, which takes frames apart; what a sequence of
/// frames may be is said here.

#include <stdbool.h>
#include <stdint.h>

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

enum {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_NO_STATUS = 1005, ///< never sent: the other side gave no code
    WS_CLOSE_NOT_UTF8 = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_INTERNAL = 1011,
};

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

/// What was read.
struct ws_event {
    enum { WS_EVENT_NONE, WS_EVENT_MESSAGE, WS_EVENT_PING, WS_EVENT_PONG, WS_EVENT_CLOSE } kind;
    bytes_t data;  ///< of MESSAGE and PING; valid until the next call
    uint16_t code; ///< of CLOSE: what to answer with; a broken rule's, or the other side's own
};

struct ws_reader;

/// @param max_message  bytes, over all frames of it
/// @return ERR_FULL
MUST_USE err_t ws_reader_new(struct ws_reader **out, size_t max_message);
void ws_reader_free(struct ws_reader *r); ///< NULL is allowed

/// Reads on: takes bytes from `in` (moving it) until something is complete. More may be complete
/// of what was taken already: called again until it says WS_EVENT_NONE, when all are taken. After
/// a CLOSE nothing more is read.
void ws_reader_next(struct ws_reader *r, struct ws_event *out, bytes_t *in);

/// Whether bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool ws_is_utf8(bytes_t text);

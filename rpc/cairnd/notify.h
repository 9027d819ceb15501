// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the service manager wants to hear (sd_notify(3)): the protocol is one datagram to the
/// socket that NOTIFY_SOCKET names. Without that variable nothing is sent.

#include <stdint.h>

/// "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1", "RELOADING=1"; several by newline.
void notify_send(const char *state);

/// Milliseconds between two signs of life that the manager expects at most (half of
/// WATCHDOG_USEC); 0: it expects none.
uint64_t notify_watchdog_ms(void);

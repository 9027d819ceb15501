// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Named places around every write, sync and send, where a test build can be killed
/// (`kill9-points`): CAIRN_CRASH_AT=name or name:n (the n-th time it comes there). Nothing of it
/// is in a program that ships.

#ifdef CAIRN_CRASH_POINTS
/// SIGKILLs this process if CAIRN_CRASH_AT names the place. Any thread.
void crash_point(const char *name);
/// Appends what was just signed to the file CAIRN_SIGN_LOG: one line per message.
void crash_log_signed(const char *type, unsigned long long height, unsigned round,
                      const unsigned char digest[32]);
#define CRASH_POINT(NAME) crash_point(NAME)
#define CRASH_LOG_SIGNED(TYPE, HEIGHT, ROUND, DIGEST)                                              \
    crash_log_signed((TYPE), (HEIGHT), (ROUND), (DIGEST))
#else
#define CRASH_POINT(NAME) ((void)0)
#define CRASH_LOG_SIGNED(TYPE, HEIGHT, ROUND, DIGEST) ((void)0)
#endif

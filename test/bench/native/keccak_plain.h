// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The yardstick of Keccak-256: the reference's loops, nothing clever, compiled for this very
/// machine by clang (Makefile). Ours is compiled once for all machines and may take at most
/// 1.3 times as long.

#include <stddef.h>
#include <stdint.h>

/// Keccak-256 of `len` bytes.
void keccak_plain(uint8_t out[32], const uint8_t *data, size_t len);

/// Who compiled it: "clang" or, where there is none, "gcc".
extern const char *const keccak_plain_compiler;

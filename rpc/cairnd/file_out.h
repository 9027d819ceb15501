// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A large file that appears whole or not at all: written beside its place, synced, renamed.

#include "chain/base/bytes.h"
#include "chain/base/err.h"

#include <stdint.h>

struct file_out {
    int fd; ///< -1: not open
    char place[4096];
    char beside[4096];
    uint64_t written; ///< bytes
    uint8_t pending[1 << 16];
    size_t pending_len;
};

/// @return ERR_IO, ERR_LIMIT (the path)
MUST_USE err_t file_out_open(struct file_out *f, const char *path);
/// @return ERR_FULL (no space), ERR_IO
MUST_USE err_t file_out_write(struct file_out *f, bytes_t bytes);
/// Puts the file in its place, or, after a failure (`so_far`), removes it.
/// @return `so_far`, or what went wrong now
MUST_USE err_t file_out_close(struct file_out *f, err_t so_far);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The local socket: JSON-RPC on a file that only its owner may open. One object (or batch) per
/// line, or without line ends: a request ends where its outermost bracket closes or its line does,
/// whichever is first; each answer is one line. Calls of one connection are answered in order.
///
/// Bounds: 32 connections with a thread each (more are closed at once), a request as long as over
/// HTTP, an answer of HTTP_ANSWER_MAX, 30 s to read one.

#include "chain/base/buf.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"

#define IPC_CONNECTIONS_MAX 32U

struct ipc_server;

struct ipc_options {
    const char *path; ///< shorter than 108 bytes; copied
    size_t max_request;
    /// Answers one request; an empty answer is none. Any thread of the server.
    void (*answer)(void *ctx, bytes_t request, struct buf *out);
    void *ctx;
};

/// Opens the socket with mode 0600. A dead one that is in the way is replaced.
/// @return ERR_LIMIT (the path is too long), ERR_BUSY (somebody answers there), ERR_IO
MUST_USE err_t ipc_start(struct ipc_server **out, const struct ipc_options *options);
/// Ends what waits, finishes what runs, removes the file. NULL is allowed.
void ipc_stop(struct ipc_server *s);

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Settings that outlive a command: named networks, and which chain was first met at an
/// address. They live in `networks.json` in the wallet's home:
///
///     {"current": NAME, "networks": {NAME: {rpc, chainId, genesisHash, account}},
///      "pins": {URL: {chainId}}}
///
/// A chain id, once seen, is pinned: an answer from another chain is refused before
/// anything is signed.

#include "wallet/ctx.h"

/// Finds the homes (CAIRN_HOME; else ~/.config/cairn and ~/.local/share/cairn), reads
/// networks.json and completes the settings: flag > environment > profile > default.
enum exit_code profile_open(struct ctx *ctx);
void profile_close(struct ctx *ctx);

/// Asks the node for its chain id (once) and holds it against the pin; pins it if it is
/// new. @return EXIT_USAGE if it is another chain than before
enum exit_code profile_check_chain(struct ctx *ctx);

/// Writes `ctx->networks`. @return EXIT_STORE
enum exit_code profile_save(struct ctx *ctx);

/// Makes a directory and its parents, 0700. @return EXIT_STORE
enum exit_code profile_make_dir(struct ctx *ctx, const char *path);

/// PATH/NAME on the heap; the caller frees. Never NULL.
char *path_join(const char *dir, const char *name);

/// Reads a whole file of at most `max` bytes onto the heap, terminated; the caller frees.
/// @return ERR_NOT_FOUND, ERR_LIMIT, ERR_IO
MUST_USE err_t file_read(char **out, size_t *len, const char *path, size_t max);

/// Writes a file that is no secret (0644): to a temporary name, synced, renamed.
/// @return ERR_IO
MUST_USE err_t file_write(const char *path, bytes_t content);

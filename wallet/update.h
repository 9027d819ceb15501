// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A participant's update from its file to its reveal, and what must survive in between:
/// the salt. Losing the salt of a commit costs stake, so it is on disk, synced, in a 0600
/// file, before the commit leaves.
///
///     DATA/salts/<round>-<address>-<first 16 digits of the digest>.json      the salt
///     DATA/salts/<round>-<address>-<first 16 digits of the digest>.update    the bytes
///     DATA/salts/<round>-<address>-<first 16 digits of the digest>.commit    what was sent
///     DATA/salts/<round>-<address>-<first 16 digits of the digest>.reveal    what was sent
///     DATA/salts/<round>-<address>.lock
///
/// The second file holds the update's bytes: without them there is no sketch to reveal. The
/// third and fourth are signed transactions, written before they leave: whoever goes on after
/// a crash sends those very bytes again, so that one update is never committed twice. A crash
/// leaves a prefix of  salt_save (update, json) -> .commit -> sent -> included;  each of them
/// is gone on from by repeating the command or by `cairn round resume`.

#include "chain/base/arena.h"
#include "chain/fed/commitment.h"
#include "wallet/ctx.h"

/// An update vector: d coordinates of 16 bits. Owns its memory.
struct update {
    struct arena arena;
    char *file;
    int16_t *u;
    size_t d;
    hash_t root;   ///< updRoot
    hash_t sha256; ///< updSha256
};

/// Reads a safetensors file (int16, or floating point quantised with `frac_bits`).
enum exit_code update_open(struct ctx *ctx, struct update *out, const char *path,
                           unsigned frac_bits);

/// Reads raw coordinates, 16-bit little endian, as participants hand them to aggregators.
/// @return EXIT_UNVERIFIED if the bytes are no update vector
enum exit_code update_open_raw(struct ctx *ctx, struct update *out, const char *path);
void update_close(struct update *u);

/// What a commit promised.
struct salt_record {
    uint64_t chain_id;
    address_t rounds;
    uint64_t round_id;
    address_t participant;
    hash_t digest;
    struct fed_reveal reveal;
};

/// The salts of one participant in one round, held by one process at a time.
struct salt_lock {
    int fd;
};

/// Takes them, and removes what an interrupted salt_save left half-written.
/// @return EXIT_STORE if another process has them
enum exit_code salt_lock(struct ctx *ctx, struct salt_lock *out, uint64_t round_id,
                         const address_t *participant);
void salt_unlock(struct salt_lock *l);

/// Looks for a kept commit of this participant to this round on this chain. With `like` its
/// content (all but the salt) must be the same. `*count` is how many fit; `*out` is one.
void salt_find(struct ctx *ctx, struct salt_record *out, size_t *count, uint64_t chain_id,
               const address_t *rounds, uint64_t round_id, const address_t *participant,
               const struct fed_reveal *like);

/// Forgets a commit that never left this machine.
void salt_remove(struct ctx *ctx, const struct salt_record *r);

/// One of the record's files by its ending, "commit" or "reveal"; the caller frees.
char *salt_path(const struct ctx *ctx, const struct salt_record *r, const char *ending);

/// Stores salt and update; when it returns both are on disk.
enum exit_code salt_save(struct ctx *ctx, const struct salt_record *r, const struct update *u);

/// The record of this digest, and its update. The digest is computed again from the file.
/// @return EXIT_STORE if there is none or it does not give this digest
enum exit_code salt_load(struct ctx *ctx, struct salt_record *out, struct update *u,
                         uint64_t chain_id, const address_t *rounds, uint64_t round_id,
                         const address_t *participant, const hash_t *digest);

/// The record's JSON text (heap, terminated, to be wiped and freed), and back.
char *salt_record_write(const struct salt_record *r);
MUST_USE err_t salt_record_read(struct salt_record *out, bytes_t json);

/// "<updSha256>.update" in `dir`, heap: where a participant puts what aggregators fetch.
char *update_blob_path(const char *dir, const hash_t *sha256);

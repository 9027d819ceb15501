// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Proofs that a validator signed two different things for one height and round: both payloads as
/// they were signed, kept in `evidence` in the data directory (threat model 4.6). Whoever reads
/// them needs nothing but the two payloads; nothing follows from them by itself.
///
///     "CAIRNEV1" | record...     record = be32 length | first 4 bytes of keccak(body) | body
///                                body   = rlp [code, seen_s, signed(P) a, signed(P) b]
///
/// Bounded: 1,000 records, 100 of one author, 8 MiB; one per author, height, round and message.
/// A thread of its own writes and syncs, so that whoever adds never waits for the disk; a torn
/// tail is cut at the next start.
///
/// Any thread.

#include "chain/base/arena.h"
#include "chain/base/bytes.h"
#include "chain/base/err.h"
#include "consensus/node/node.h"
#include "consensus/qbft/message.h"

#define EVIDENCE_RECORDS_MAX 1000U
#define EVIDENCE_OF_AUTHOR_MAX 100U
#define EVIDENCE_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct evidence;

/// Reads what is there (every record is verified again) and starts the writer. A file that is
/// something else is put aside as `PATH.damaged`.
/// @return ERR_IO if the file can be neither read nor made; ERR_FULL
MUST_USE err_t evidence_open(struct evidence **out, const char *path,
                             const struct qbft_crypto *crypto);
/// Writes what waits, and ends. NULL is allowed.
void evidence_close(struct evidence *e);

/// Keeps two payloads of one author (copied).
/// @return false if there is no room, or it is known already, or it is no evidence
bool evidence_add(struct evidence *e, const struct qbft_payload *a, const struct qbft_payload *b,
                  uint64_t seen_s);

/// Everything that is kept, oldest first; each verified anew. Bytes are in `arena`. ERR_FULL
MUST_USE err_t evidence_list(struct evidence *e, const struct node_evidence **out, size_t *count,
                             struct arena *arena);

/// Do these bytes show that somebody signed two different things of this kind for one height and
/// round? From the signatures alone.
/// @param[out] a, b  decoded, authors recovered
/// @return ERR_MALFORMED, ERR_INVALID (not one author, height and round, or not different)
MUST_USE err_t evidence_verify(struct qbft_payload *a, struct qbft_payload *b, struct arena *arena,
                               enum qbft_code code, bytes_t raw_a, bytes_t raw_b,
                               const struct qbft_crypto *crypto);

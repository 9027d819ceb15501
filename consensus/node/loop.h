// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The node's main thread: libuv, timers, and the QBFT core between them. It translates events
/// into qbft_step and effects into jobs, and never blocks on disk, signature or execution.
///
/// What is posted comes from any thread and is copied.

#include "consensus/node/node.h"
#include "consensus/node/task.h"
#include "consensus/qbft/qbft.h"

struct loop;

/// Makes the loop and the core that resumes from `record`; loop_start runs it.
/// @param[out] detail  says what was wrong with port or static nodes
MUST_USE err_t loop_new(struct loop **out, struct node *n, const struct qbft_options *options,
                        const struct guard_record *record, struct node_detail *detail);
/// Starts the thread. ERR_IO
MUST_USE err_t loop_start(struct loop *l);
/// Stops signing and timers, and joins. Posts are dropped from then on.
void loop_stop(struct loop *l);
void loop_free(struct loop *l); ///< after loop_stop; NULL is allowed

/// The chain has a new head: the core's height is over, listeners hear of it.
void loop_post_head(struct loop *l, const struct qbft_head *head);
/// The answer to BUILD; an empty block means that nothing was worth one.
void loop_post_built(struct loop *l, uint64_t height, uint32_t round, bytes_t block);
/// The answer to CHECK.
void loop_post_checked(struct loop *l, uint64_t height, uint32_t round, const hash_t *digest,
                       bool valid);
/// The guard is saved up to here.
void loop_post_persisted(struct loop *l, uint64_t guard_seq);
/// A message of our own, just signed.
void loop_post_own(struct loop *l, enum qbft_code code, bytes_t wire);
/// Transactions wait: a block may be due. The hashes are news for listeners and peers.
/// @param from_conn  the peer's line that they came over; 0: ours
void loop_post_txs(struct loop *l, const hash_t *hashes, size_t count, uint64_t from_conn);
/// Runs the task on the loop's thread, or drops it if the loop has stopped.
void loop_post_task(struct loop *l, struct task *task);

/// --- the loop's thread only ---

/// Wall time in milliseconds, the core's clock: runs backwards only if the machine's clock was set
/// back by more than a second, with QBFT_EV_CLOCK_BACK.
uint64_t loop_now_ms(struct loop *l);
/// A peer's QBFT message, authors recovered.
void loop_take_message(struct loop *l, const struct qbft_message *m, uint64_t conn);

/// The peers' side; NULL without p2p. Constant after loop_new; what may be called from other
/// threads its header says.
struct peering *loop_peering(struct loop *l);

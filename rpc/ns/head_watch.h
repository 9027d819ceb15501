// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Lets a request wait for the next block without asking again and again.

#include "consensus/node/node.h"

struct head_watch;

/// Begins to listen to the node. @return ERR_FULL
MUST_USE err_t head_watch_open(struct head_watch **out, struct node *node);
void head_watch_close(struct head_watch *w); ///< NULL is allowed

/// Whoever waits goes on at once, now and later: the server is stopping. NULL is allowed.
void head_watch_stop(struct head_watch *w);

/// How many blocks have come since the watch began.
uint64_t head_watch_count(struct head_watch *w);

/// Waits until more than `seen` blocks have come, at most until `until_ms` (rpc_now_ms).
/// @return the new count; unchanged if the time is over
uint64_t head_watch_wait(struct head_watch *w, uint64_t seen, uint64_t until_ms);

/// Takes one of the few places for requests that wait for long; false if all are taken.
bool head_watch_enter(struct head_watch *w);
void head_watch_leave(struct head_watch *w);

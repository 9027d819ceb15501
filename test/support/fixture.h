// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Official Ethereum fixtures: files in order, JSON members as
/// values (lenient, as fixtures are: padded numbers, "0x" for nothing), and a fork of worker
/// processes that share the files. A fixture that is not what it should be ends the program.

#include <jansson.h>
#include <stddef.h>

#include "chain/base/arena.h"
#include "chain/state/mem_state.h"

/// The .json files under a directory, all levels, sorted; the paths live until exit.
size_t fixture_files(const char *dir, char ***paths);

/// fixture_files for what `make vectors` unpacked of an archive, such as
/// "GeneralStateTests/stBugs"; none are an error.
size_t fixture_unpacked(const char *category, char ***paths);

json_t *fixture_load(const char *path);

/// A member that must be there.
const json_t *fixture_member(const json_t *object, const char *name);

bytes_t fixture_bytes(const json_t *text, struct arena *arena);
u256_t fixture_u256(const json_t *text);
uint64_t fixture_u64(const json_t *text);
hash_t fixture_hash(const json_t *text);
address_t fixture_address(const json_t *text);

/// Adds the accounts of a `pre` or `postState` object.
void fixture_state(struct mem_state *m, const json_t *accounts, struct arena *arena);

enum { FIXTURE_WORKERS_MAX = 16 };

/// How many worker processes this machine has cores for; at most FIXTURE_WORKERS_MAX.
unsigned fixture_workers(void);

/// Runs `work` in `workers` processes, each with its number; true if all ended well.
bool fixture_fork(unsigned workers, void (*work)(unsigned worker, void *ctx), void *ctx);

/// Zeroed memory that the workers share with their parent.
void *fixture_shared(size_t bytes);

// SPDX-License-Identifier: Apache-2.0
#include "chain/types/fork_id.h"

#include "chain/base/endian.h"

#include <zlib.h>

/// Larger numbers of a remote fork are times: Ethereum's own genesis, which no chain's blocks reach
/// by count (as go-ethereum tells them apart).
#define TIMES_FROM 1438269973U

static void insert(struct fork_list *l, size_t from, uint64_t at)
{
    size_t i = from;
    while (i < l->count && l->at[i] < at) i++;
    if (i < l->count && l->at[i] == at) return;
    memmove(l->at + i + 1, l->at + i, (l->count - i) * sizeof l->at[0]);
    l->at[i] = at;
    l->count++;
}

struct fork_list fork_list_of(const struct chain_config *config, uint64_t genesis_time_s)
{
    struct fork_list l = {{0}, 0, 0};
    for (size_t i = 0; i < config->fork_id_block_count; i++)
        insert(&l, 0, config->fork_id_block[i]);
    l.block_count = l.count;
    for (size_t i = 0; i < REV_COUNT; i++) {
        const uint64_t at = config->fork_time_s[i];
        if (at != FORK_NEVER && at > genesis_time_s) insert(&l, l.block_count, at);
    }
    return l;
}

static uint32_t crc_of(bytes_t in, uint32_t start)
{
    return (uint32_t)crc32(start, in.data, (uInt)in.len);
}

static uint32_t add_fork(uint32_t sum, uint64_t at)
{
    const be64_t b = be64(at);
    return crc_of(BYTES_OF(b), sum);
}

static bool passed(const struct fork_list *l, size_t i, uint64_t number, uint64_t time_s)
{
    return (i < l->block_count ? number : time_s) >= l->at[i];
}

/// The checksum before the first fork that has not been passed, and that fork's index.
static uint32_t sum_at(const struct fork_list *l, const hash_t *genesis, uint64_t number,
                       uint64_t time_s, size_t *first)
{
    uint32_t sum = crc_of(BYTES_OF(*genesis), 0);
    size_t i = 0;
    while (i < l->count && passed(l, i, number, time_s)) sum = add_fork(sum, l->at[i++]);
    *first = i;
    return sum;
}

struct fork_id fork_id_at(const struct fork_list *forks, const hash_t *genesis, uint64_t number,
                          uint64_t time_s)
{
    struct fork_id id;
    size_t first;
    be_put_u32(id.hash, sum_at(forks, genesis, number, time_s, &first));
    id.next = first < forks->count ? forks->at[first] : 0;
    return id;
}

err_t fork_id_check(const struct fork_list *forks, const hash_t *genesis, uint64_t number,
                    uint64_t time_s, const struct fork_id *remote)
{
    const uint32_t theirs = be_get_u32(remote->hash);
    size_t first;
    const uint32_t ours = sum_at(forks, genesis, number, time_s, &first);

    if (theirs == ours) {
        // The same forks so far. A fork it expects, which our head is past, is one we do not know.
        const uint64_t head =
            first < forks->block_count || forks->count == forks->block_count ? number : time_s;
        const bool known_time = remote->next > TIMES_FROM && time_s >= remote->next;
        if (remote->next != 0 && (head >= remote->next || known_time))
            return FAIL(MISMATCH, "fork id: the peer knows a fork that this node does not");
        return OK;
    }
    uint32_t sum = crc_of(BYTES_OF(*genesis), 0);
    for (size_t i = 0; i < forks->count; i++) {
        if (i < first && theirs == sum) {
            // It is behind, and must know what comes next.
            if (remote->next == forks->at[i]) return OK;
            return FAIL(MISMATCH, "fork id: the peer does not know a fork that has happened");
        }
        sum = add_fork(sum, forks->at[i]);
        if (i >= first && theirs == sum) return OK; // we are behind
    }
    return FAIL(MISMATCH, "fork id: another chain, or other forks");
}

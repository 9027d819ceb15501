// SPDX-License-Identifier: Apache-2.0

// The names of rules that generators use beyond the plain ones, and the difficulty of a block
// before the Merge, which some of them leave to the tool.

#include "chain/crypto/keccak.h"
#include "rpc/cairnd/t8n.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ---- names --------------------------------------------------------------------------------------

/// Reads "At5" or "AtTime15k". @return whether the block is at or after that point
static err_t is_after(bool *out, const char *at, uint64_t number, uint64_t timestamp_s)
{
    const bool by_time = strncasecmp(at, "AtTime", 6) == 0;
    const char *digits = at + (by_time ? 6 : 2);
    char *end = NULL;
    if (strncasecmp(at, "At", 2) != 0 || *digits < '0' || *digits > '9') {
        return FAIL(UNSUPPORTED, "no rules of that name");
    }
    uint64_t limit = strtoull(digits, &end, 10);
    if (*end == 'k') {
        limit *= 1000;
        end++;
    }
    if (*end != 0) return FAIL(UNSUPPORTED, "no rules of that name");
    *out = (by_time ? timestamp_s : number) >= limit;
    return OK;
}

/// "BerlinToLondonAt5", "ShanghaiToCancunAtTime15k": the rules of the block's side.
static err_t pick_side(char out[64], const char *name, uint64_t number, uint64_t timestamp_s)
{
    const char *to = strstr(name, "To");
    const char *at = to == NULL ? NULL : strstr(to + 3, "At");
    const char *from = name;
    size_t len = strlen(name);
    if (at != NULL) {
        bool after;
        TRY(is_after(&after, at, number, timestamp_s));
        if (after) from = to + 2;
        len = (size_t)((after ? at : to) - from);
    }
    if (len >= 64) return FAIL(UNSUPPORTED, "no rules of that name");
    memcpy(out, from, len);
    out[len] = 0;
    return OK;
}

/// Blocks by which the difficulty bomb was put off (EIP-649, 1234, 2384, 3554, 4345, 5133).
static uint64_t bomb_delay(const char *name, enum revision rev)
{
    if (strcasecmp(name, "MuirGlacier") == 0) return 9000000;
    if (strcasecmp(name, "ArrowGlacier") == 0) return 10700000;
    if (strcasecmp(name, "GrayGlacier") == 0) return 11400000;
    if (rev >= REV_LONDON) return 9700000;
    if (rev >= REV_BERLIN) return 9000000;
    if (rev >= REV_CONSTANTINOPLE) return 5000000;
    return rev >= REV_BYZANTIUM ? 3000000 : 0;
}

err_t t8n_choose_rules(struct t8n *t, uint64_t number, uint64_t timestamp_s)
{
    char name[64];
    TRY(pick_side(name, t->fork, number, timestamp_s));
    if (!err_ok(fixture_read_fork(&t->rev, name))) {
        return FAIL(UNSUPPORTED, "no rules of that name");
    }
    t->bomb_delay = bomb_delay(name, t->rev);
    return OK;
}

// ---- difficulty ---------------------------------------------------------------------------------

#define MIN_DIFFICULTY UINT64_C(131072)
#define BOMB_PERIOD UINT64_C(100000)

/// parent + parent / 2048 * steps, at least the minimum.
static u256_t step(const u256_t *parent, int64_t steps)
{
    const u256_t unit = u256_shr(parent, 11);
    const u256_t count = u256_from_u64((uint64_t)(steps < 0 ? -steps : steps));
    const u256_t change = u256_mul(&unit, &count);
    const u256_t minimum = u256_from_u64(MIN_DIFFICULTY);
    u256_t next;
    const bool wrapped =
        steps < 0 ? u256_sub(&next, parent, &change) : u256_add(&next, parent, &change);
    return wrapped || u256_lt(&next, &minimum) ? minimum : next;
}

/// How the time since the parent counts, in 2048ths of the parent's difficulty.
static int64_t steps_of(enum revision rev, uint64_t seconds, bool parent_has_ommers)
{
    if (rev < REV_HOMESTEAD) return seconds < 13 ? 1 : -1;
    const bool byzantium = rev >= REV_BYZANTIUM; // EIP-100
    const uint64_t late = seconds / (byzantium ? 9 : 10);
    const int64_t start = byzantium && parent_has_ommers ? 2 : 1;
    return late > 200 || start - (int64_t)late < -99 ? -99 : start - (int64_t)late;
}

err_t t8n_difficulty(u256_t *out, const struct t8n *t, const struct t8n_parent *parent)
{
    const struct header *h = &t->env.header;
    const uint64_t seconds = h->timestamp_s - parent->timestamp_s;
    const uint64_t number = h->number - 1; // the parent's
    u256_t next = step(&parent->difficulty, steps_of(t->rev, seconds, parent->has_ommers));

    uint64_t counted = number + 1;
    if (t->bomb_delay != 0) {
        counted = number >= t->bomb_delay - 1 ? number - (t->bomb_delay - 1) : 0;
    }
    const uint64_t period = counted / BOMB_PERIOD;
    if (period > 1) {
        if (period - 2 > 255) return FAIL(INVALID, "currentDifficulty exceeds 256 bits");
        const u256_t one = u256_from_u64(1);
        const u256_t bomb = u256_shl(&one, (unsigned)(period - 2));
        if (u256_add(&next, &next, &bomb))
            return FAIL(INVALID, "currentDifficulty exceeds 256 bits");
        const u256_t minimum = u256_from_u64(MIN_DIFFICULTY);
        if (u256_lt(&next, &minimum)) next = minimum;
    }
    *out = next;
    return OK;
}

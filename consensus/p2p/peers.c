// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/peers.h"

#include <stdlib.h>

struct known {
    secp_pubkey_t id;
    address_t address;
    struct enode node; ///< where to call; of static and found ones
    bool is_static;
    bool is_found;
    bool is_validator;
    bool calling;
    unsigned lines;    ///< 0 or 1; 2 for the moment in which one of two goes
    bool we_called;    ///< the line that is on
    uint64_t since_ms; ///< of the line
    uint64_t backoff_ms;
    uint64_t call_at_ms;
    uint64_t banned_until_ms;
    int points;
    uint64_t points_at_ms;
};

struct peers {
    secp_pubkey_t self;
    size_t max_peers;
    struct known known[PEERS_KNOWN_MAX];
    size_t count;
    secp_pubkey_t allowed[PEERS_ALLOWED_MAX];
    size_t allowed_count;
    bool all_allowed;
    address_t validators[256];
    size_t validator_count;
};

static bool same(const secp_pubkey_t *a, const secp_pubkey_t *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

err_t peers_new(struct peers **out, const struct peers_options *options)
{
    struct peers *p = calloc(1, sizeof *p);
    if (p == NULL) return FAIL(FULL, "peers: no memory");
    p->self = options->self;
    p->max_peers = options->max_peers;
    p->all_allowed = true;
    *out = p;
    return OK;
}

void peers_free(struct peers *p)
{
    free(p);
}

static struct known *find(const struct peers *p, const secp_pubkey_t *id)
{
    for (size_t i = 0; i < p->count; i++) {
        if (same(&p->known[i].id, id)) return (struct known *)&p->known[i];
    }
    return NULL;
}

static bool is_validator(const struct peers *p, const address_t *address)
{
    for (size_t i = 0; i < p->validator_count; i++) {
        if (address_eq(&p->validators[i], address)) return true;
    }
    return false;
}

/// One that may be forgotten: the network does not need him, and there is no line.
static bool forgettable(const struct known *k)
{
    return !k->is_static && k->lines == 0 && !k->calling;
}

/// Whom to forget: who is not banned, or whose ban ends first. NULL if all matter.
static struct known *least_known(struct peers *p)
{
    struct known *least = NULL;
    for (size_t i = 0; i < p->count; i++) {
        struct known *k = &p->known[i];
        if (forgettable(k) && (least == NULL || k->banned_until_ms < least->banned_until_ms))
            least = k;
    }
    return least;
}

/// The entry of a key, made if need be; NULL if all places are taken by those that matter.
static struct known *take(struct peers *p, const secp_pubkey_t *id, uint64_t now_ms)
{
    struct known *k = find(p, id);
    if (k != NULL) return k;
    k = p->count < PEERS_KNOWN_MAX ? &p->known[p->count++] : least_known(p);
    if (k == NULL) return NULL;
    *k = (struct known){
        .id = *id, .points = PEERS_POINTS, .points_at_ms = now_ms, .address = secp_address(id)};
    k->is_validator = is_validator(p, &k->address);
    return k;
}

/// --- lists ---

err_t peers_add_static(struct peers *p, const struct enode *node, uint64_t now_ms)
{
    if (same(&node->id, &p->self)) return FAIL(INVALID, "peers: that is this node itself");
    struct known *k = take(p, &node->id, now_ms);
    if (k == NULL) return FAIL(FULL, "peers: 1024 are known already");
    if (!k->is_static) k->call_at_ms = now_ms;
    k->is_static = true;
    k->node = *node;
    k->banned_until_ms = 0;
    return OK;
}

void peers_add_found(struct peers *p, const struct enode *node, uint64_t now_ms)
{
    if (same(&node->id, &p->self) || !peers_allowed(p, &node->id)) return;
    struct known *k = take(p, &node->id, now_ms);
    if (k == NULL || k->is_static) return;
    if (!k->is_found && k->call_at_ms < now_ms) k->call_at_ms = now_ms;
    k->is_found = true;
    k->node = *node;
}

bool peers_remove_static(struct peers *p, const secp_pubkey_t *id)
{
    struct known *k = find(p, id);
    if (k == NULL || !k->is_static) return false;
    k->is_static = false;
    return true;
}

err_t peers_set_allowed(struct peers *p, const secp_pubkey_t *ids, size_t count, bool all)
{
    if (count > PEERS_ALLOWED_MAX) return FAIL(FULL, "peers: an allow list of more than 1024 keys");
    if (count != 0) memcpy(p->allowed, ids, count * sizeof *ids);
    p->allowed_count = count;
    p->all_allowed = all;
    return OK;
}

bool peers_allowed(const struct peers *p, const secp_pubkey_t *id)
{
    for (size_t i = 0; i < p->allowed_count && !p->all_allowed; i++) {
        if (same(&p->allowed[i], id)) return true;
    }
    return p->all_allowed;
}

void peers_set_validators(struct peers *p, const address_t *validators, size_t count)
{
    check(count <= ARRAY_LEN(p->validators));
    if (count != 0) memcpy(p->validators, validators, count * sizeof *validators);
    p->validator_count = count;
    for (size_t i = 0; i < p->count; i++)
        p->known[i].is_validator = is_validator(p, &p->known[i].address);
}

bool peers_is_static(const struct peers *p, const secp_pubkey_t *id)
{
    const struct known *k = find(p, id);
    return k != NULL && k->is_static;
}

bool peers_is_expected(const struct peers *p, const secp_pubkey_t *id)
{
    const struct known *k = find(p, id);
    return k != NULL && (k->is_static || k->is_validator);
}

/// --- calls ---

/// Lines for which no place is kept.
static size_t strangers(const struct peers *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct known *k = &p->known[i];
        if (k->lines != 0 && !k->is_static && !k->is_validator) count++;
    }
    return count;
}

/// How many found nodes may be called now: as there are places for strangers, beside those that are
/// being called, and not all at once.
static size_t found_room(const struct peers *p)
{
    size_t calls = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct known *k = &p->known[i];
        calls += k->calling && k->lines == 0 && !k->is_static && !k->is_validator;
    }
    const size_t taken = strangers(p) + calls;
    const size_t places = taken < p->max_peers ? p->max_peers - taken : 0;
    const size_t at_once = calls < PEERS_FOUND_CALLS ? PEERS_FOUND_CALLS - calls : 0;
    return places < at_once ? places : at_once;
}

static bool may_be_called(const struct peers *p, const struct known *k, size_t room)
{
    if (k->calling || k->lines != 0 || !peers_allowed(p, &k->id)) return false;
    return k->is_static || (k->is_found && (k->is_validator || room != 0));
}

bool peers_next_call(struct peers *p, struct enode *out, uint64_t now_ms)
{
    const size_t room = found_room(p);
    for (size_t i = 0; i < p->count; i++) {
        struct known *k = &p->known[i];
        if (!may_be_called(p, k, room) || now_ms < k->call_at_ms || now_ms < k->banned_until_ms)
            continue;
        k->calling = true;
        *out = k->node;
        return true;
    }
    return false;
}

uint64_t peers_deadline(const struct peers *p)
{
    uint64_t at = UINT64_MAX;
    const size_t room = found_room(p);
    for (size_t i = 0; i < p->count; i++) {
        const struct known *k = &p->known[i];
        const uint64_t due =
            k->call_at_ms > k->banned_until_ms ? k->call_at_ms : k->banned_until_ms;
        if (may_be_called(p, k, room) && due < at) at = due;
    }
    return at;
}

/// --- lines ---

size_t peers_lines(const struct peers *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) count += p->known[i].lines != 0;
    return count;
}

/// A second line with a node: does it take the place of the first one?
static bool replaces(const struct peers *p, const struct known *k, bool we_called, uint64_t now_ms)
{
    const bool lower_is_self = memcmp(p->self.b, k->id.b, sizeof k->id.b) < 0;
    const bool keep_ours = lower_is_self ? !k->we_called && we_called : k->we_called && !we_called;
    // Nobody calls whom he is connected to: a later line means that the other side has lost this.
    const bool lost = now_ms - k->since_ms > PEERS_AT_ONCE_MS;
    return k->lines == 1 && (keep_ours || lost);
}

bool peers_would_take(const struct peers *p, const secp_pubkey_t *id, bool we_called,
                      uint64_t now_ms, enum p2p_reason *why)
{
    *why = P2P_SELF;
    if (same(id, &p->self)) return false;
    *why = P2P_REQUESTED;
    if (!peers_allowed(p, id)) return false;
    *why = P2P_TOO_MANY;
    const struct known *k = find(p, id);
    if (k != NULL && now_ms < k->banned_until_ms) return false;
    if (k != NULL && k->lines != 0) {
        *why = P2P_ALREADY;
        return replaces(p, k, we_called, now_ms);
    }
    const address_t address = secp_address(id);
    const bool expected = (k != NULL && k->is_static) || is_validator(p, &address);
    return expected || strangers(p) < p->max_peers;
}

bool peers_on_line(struct peers *p, const secp_pubkey_t *id, bool we_called, uint64_t now_ms,
                   enum p2p_reason *why, bool *other_goes)
{
    *other_goes = false;
    if (!peers_would_take(p, id, we_called, now_ms, why)) return false;
    *why = P2P_TOO_MANY;
    struct known *k = take(p, id, now_ms);
    if (k == NULL) return false;
    *other_goes = k->lines != 0;
    k->lines++;
    k->we_called = we_called;
    k->since_ms = now_ms;
    return true;
}

static void ban(struct known *k, uint64_t now_ms)
{
    if (!k->is_static && !k->is_validator) k->banned_until_ms = now_ms + PEERS_BAN_MS;
}

void peers_ban(struct peers *p, const secp_pubkey_t *id, uint64_t now_ms)
{
    struct known *k = take(p, id, now_ms);
    if (k != NULL) ban(k, now_ms);
}

void peers_off_line(struct peers *p, const secp_pubkey_t *id, bool was_on, enum peers_end how,
                    uint64_t now_ms)
{
    struct known *k = find(p, id);
    if (k == NULL) return;
    if (was_on && k->lines != 0) k->lines--;
    if (!was_on || k->we_called) k->calling = false;
    if (k->lines != 0) return;
    k->calling = false;
    // A line that held for longer than the wait was worth calling for: start again from the shortest.
    const bool breach = how == PEERS_END_BREACH;
    if (was_on && !breach && now_ms - k->since_ms > k->backoff_ms) k->backoff_ms = 0;
    k->backoff_ms = k->backoff_ms == 0 ? PEERS_BACKOFF_MIN_MS : 2 * k->backoff_ms;
    const bool needed = k->is_static || k->is_validator;
    uint64_t most = needed ? PEERS_BACKOFF_MAX_MS : PEERS_FOUND_BACKOFF_MAX_MS;
    if (needed && how == PEERS_END_LOST) most = PEERS_BACKOFF_LOST_MS;
    if (k->backoff_ms > most) k->backoff_ms = most;
    k->call_at_ms = now_ms + k->backoff_ms;
    if (breach) ban(k, now_ms);
}

bool peers_take_points(struct peers *p, const secp_pubkey_t *id, int points, uint64_t now_ms)
{
    struct known *k = find(p, id);
    if (k == NULL) return false;
    const uint64_t back = (now_ms - k->points_at_ms) / PEERS_POINT_BACK_MS;
    k->points_at_ms += back * PEERS_POINT_BACK_MS;
    const int room = PEERS_POINTS - k->points;
    k->points += back < (uint64_t)room ? (int)back : room;
    k->points -= points;
    if (k->points > 0) return true;
    k->points = PEERS_POINTS; // a new line starts with all of them
    return false;
}

// SPDX-License-Identifier: Apache-2.0
#include "consensus/pool/txpool.h"

/// One sender's queue, ascending by nonce. Slots come from a fixed array.
struct sender {
    address_t address;
    struct pool_account account;
    struct pool_tx *txs[TXPOOL_SENDER_SLOTS + 1]; // one more: may_add
    size_t count;
    size_t run;   ///< the first so many follow the nonce without a gap and are paid for
    size_t ready; ///< of these the first so many pay the base fee, too: they are pending
    size_t index; ///< own place in `live`
    struct sender *next_free;
};

struct fate {
    const char *reason; ///< why it was dropped
    uint64_t since_s;
};

struct txpool {
    struct txpool_options options;
    struct sender *senders; ///< all slots
    struct sender *free;
    struct sender **live;
    size_t live_count;
    size_t sender_cap;
    struct map by_address; ///< address -> struct sender *
    struct map by_hash;    ///< tx hash -> struct pool_tx *
    struct map fates;      ///< tx hash -> struct fate
    hash_t *fate_ring;     ///< in order of time
    size_t fate_start;
    size_t fate_count;
    struct sender **heap; ///< scratch of txpool_take_best
    size_t *heap_at;
    u256_t base_fee_wei; ///< of the next block
    size_t run;          ///< over all senders
    size_t ready;
    size_t count;
    size_t bytes;
    uint64_t seq;
    uint64_t changes; ///< counts what came and went
    struct {
        uint64_t at;   ///< `changes` when the rest was found out
        u256_t lowest; ///< fee of all
        size_t peers;  ///< of the runs, those that peers have sent
        size_t most;   ///< slots of a sender, of those with any of these
    } seen;            ///< by txpool_may_enter
};

const struct txpool_options TXPOOL_DEFAULTS = {
    .pending_max = 4096,
    .queued_max = 1024,
    .sender_max = TXPOOL_SENDER_SLOTS,
    .sender_safe = TXPOOL_SENDER_SLOTS / 2,
    .nonce_gap = 64,
    .bytes_max = (size_t)64 * 1024 * 1024,
    .price_bump_percent = 10,
    .lifetime_s = UINT64_C(3) * 3600,
    .fate_s = UINT64_C(24) * 3600,
    .fate_max = 65536,
};

err_t txpool_new(struct txpool **out, struct arena *arena, const struct txpool_options *options)
{
    struct txpool *p = ARENA_NEW(arena, struct txpool);
    if (p == NULL) return FAIL(FULL, "txpool: no memory");
    p->options = *options;
    if (p->options.sender_max == 0 || p->options.sender_max > TXPOOL_SENDER_SLOTS)
        p->options.sender_max = TXPOOL_SENDER_SLOTS;
    const size_t cap = options->pending_max + options->queued_max + 1;
    p->sender_cap = cap;
    p->senders = ARENA_ARRAY(arena, struct sender, cap);
    p->live = ARENA_ARRAY(arena, struct sender *, cap);
    p->heap = ARENA_ARRAY(arena, struct sender *, cap);
    p->heap_at = ARENA_ARRAY(arena, size_t, cap);
    p->fate_ring = ARENA_ARRAY(arena, hash_t, options->fate_max);
    if (p->senders == NULL || p->live == NULL || p->heap == NULL || p->heap_at == NULL ||
        p->fate_ring == NULL)
        return FAIL(FULL, "txpool: no memory");
    for (size_t i = cap; i > 0; i--) {
        p->senders[i - 1].next_free = p->free;
        p->free = &p->senders[i - 1];
    }
    map_init(&p->by_address, sizeof(address_t), sizeof(struct sender *), cap, options->seed);
    map_init(&p->by_hash, sizeof(hash_t), sizeof(struct pool_tx *), cap + 1, options->seed + 1);
    map_init(&p->fates, sizeof(hash_t), sizeof(struct fate), options->fate_max + 1,
             options->seed + 2);
    *out = p;
    return OK;
}

/// --- small helpers ---

static struct sender *find_sender(const struct txpool *p, const address_t *who)
{
    struct sender *const *found = map_get(&p->by_address, who);
    return found == NULL ? NULL : *found;
}

static struct sender *make_sender(struct txpool *p, const address_t *who)
{
    if (p->free == NULL) return NULL;
    struct sender **place = map_put(&p->by_address, who, NULL);
    if (place == NULL) return NULL;
    struct sender *s = p->free;
    p->free = s->next_free;
    s->address = *who;
    s->count = s->run = s->ready = 0;
    s->index = p->live_count;
    p->live[p->live_count++] = s;
    *place = s;
    return s;
}

static void forget_sender_if_empty(struct txpool *p, struct sender *s)
{
    if (s->count != 0) return;
    p->live[s->index] = p->live[--p->live_count];
    p->live[s->index]->index = s->index;
    (void)map_delete(&p->by_address, &s->address);
    s->next_free = p->free;
    p->free = s;
}

static void remember_fate(struct txpool *p, const hash_t *hash, const char *reason, uint64_t now_s)
{
    if (p->options.fate_max == 0) return;
    bool is_new = false;
    struct fate *f = map_get(&p->fates, hash);
    if (f == NULL && p->fate_count == p->options.fate_max) {
        (void)map_delete(&p->fates, &p->fate_ring[p->fate_start]);
        p->fate_start = (p->fate_start + 1) % p->options.fate_max;
        p->fate_count--;
    }
    if (f == NULL) f = map_put(&p->fates, hash, &is_new);
    if (f == NULL) return;
    *f = (struct fate){reason, now_s};
    if (!is_new) return;
    p->fate_ring[(p->fate_start + p->fate_count) % p->options.fate_max] = *hash;
    p->fate_count++;
}

/// gas limit * max fee + value; false if it does not fit, which tx_check_static refuses.
static bool cost_of(u256_t *out, const struct tx *tx)
{
    const u256_t gas = u256_from_u64(tx->gas_limit);
    u256_t fee;
    return u256_mul_checked(&fee, &gas, &tx->max_fee_per_gas) &&
           u256_add_checked(out, &fee, &tx->value_wei);
}

/// Position of the first transaction with nonce >= `nonce`.
static size_t lower_bound(const struct sender *s, uint64_t nonce)
{
    size_t i = 0;
    while (i < s->count && s->txs[i]->tx.nonce < nonce) i++;
    return i;
}

/// Counts again which of a sender's transactions could go into a block: those that follow its
/// nonce without a gap, that the balance pays for together and that the pool has room for; and
/// of these, which may go into the next one: up to the first that does not pay its base fee.
static void recount(struct txpool *p, struct sender *s)
{
    u256_t sum = {{0}};
    size_t run = 0;
    const size_t others = p->run - s->run;
    while (run < s->count && s->txs[run]->tx.nonce == s->account.nonce + run &&
           others + run < p->options.pending_max) {
        if (!u256_add_checked(&sum, &sum, &s->txs[run]->cost_wei)) break;
        if (u256_lt(&s->account.balance_wei, &sum)) break;
        run++;
    }
    size_t ready = 0;
    while (ready < run && !u256_lt(&s->txs[ready]->tx.max_fee_per_gas, &p->base_fee_wei)) ready++;
    for (size_t i = 0; i < s->count; i++) s->txs[i]->pending = i < ready;
    p->run += run - s->run; // wraps and wraps back where it shrinks
    p->ready += ready - s->ready;
    s->run = run;
    s->ready = ready;
}

/// Takes the i-th transaction out of a sender's queue and gives it back. `run` and `ready` hold
/// for what stays before it; recount follows.
static void take_out(struct txpool *p, struct sender *s, size_t i, enum pool_fate fate,
                     const char *why, uint64_t now_s)
{
    struct pool_tx *t = s->txs[i];
    p->changes++;
    if (i < s->run) {
        s->run--;
        p->run--;
    }
    if (i < s->ready) {
        s->ready--;
        p->ready--;
    }
    memmove(&s->txs[i], &s->txs[i + 1], (s->count - i - 1) * sizeof(struct pool_tx *));
    s->count--;
    p->count--;
    p->bytes -= t->tx.raw.len;
    (void)map_delete(&p->by_hash, &t->tx.hash);
    if (fate != POOL_FATE_INCLUDED) remember_fate(p, &t->tx.hash, why, now_s);
    p->options.drop(p->options.ctx, t, fate, why);
}

void txpool_free(struct txpool *p)
{
    if (p == NULL) return;
    while (p->live_count != 0) {
        struct sender *s = p->live[p->live_count - 1];
        while (s->count != 0) take_out(p, s, s->count - 1, POOL_FATE_DROPPED, "the node stops", 0);
        forget_sender_if_empty(p, s);
    }
    map_deinit(&p->by_address);
    map_deinit(&p->by_hash);
    map_deinit(&p->fates);
}

/// --- adding ---

/// old + old * percent / 100, rounded up; false if it does not fit.
static bool bumped(u256_t *out, const u256_t *old, unsigned percent)
{
    const u256_t factor = u256_from_u64(percent);
    const u256_t hundred = u256_from_u64(100);
    const u256_t rest = u256_from_u64(99);
    u256_t raise;
    if (!u256_mul_checked(&raise, old, &factor) || !u256_add_checked(&raise, &raise, &rest))
        return false;
    u256_divmod(&raise, NULL, &raise, &hundred);
    return u256_add_checked(out, old, &raise);
}

/// Both fees at least `percent` higher, and one of them really higher: a percentage of zero is
/// zero, so that where the old price is zero any higher one replaces it.
static bool may_replace(const struct txpool *p, const struct tx *old, const struct tx *new,
                        struct pool_hint *hint)
{
    u256_t fee;
    u256_t tip;
    const unsigned percent = p->options.price_bump_percent;
    if (!bumped(&fee, &old->max_fee_per_gas, percent) ||
        !bumped(&tip, &old->max_priority_fee_per_gas, percent))
        return false;
    *hint = (struct pool_hint){new->max_fee_per_gas, fee};
    if (u256_lt(&new->max_fee_per_gas, &fee)) return false;
    const bool higher = u256_lt(&old->max_fee_per_gas, &new->max_fee_per_gas) ||
                        u256_lt(&old->max_priority_fee_per_gas, &new->max_priority_fee_per_gas);
    if (u256_lt(&new->max_priority_fee_per_gas, &tip) || !higher) {
        *hint = (struct pool_hint){new->max_priority_fee_per_gas, tip};
        return false;
    }
    return true;
}

/// Whether the balance pays for the run of transactions up to `tx`, with it in its place.
/// Something queued behind a gap is held to its own cost.
static bool can_pay(const struct sender *s, const struct pool_account *account,
                    const struct pool_tx *tx, struct pool_hint *hint)
{
    u256_t sum = tx->cost_wei;
    uint64_t next = account->nonce;
    bool contiguous = tx->tx.nonce == next;
    for (size_t i = 0; s != NULL && i < s->count && !contiguous; i++) {
        const struct pool_tx *t = s->txs[i];
        if (t->tx.nonce < account->nonce) continue;
        if (t->tx.nonce >= tx->tx.nonce || t->tx.nonce != next) break;
        if (!u256_add_checked(&sum, &sum, &t->cost_wei)) return false;
        next++;
        contiguous = tx->tx.nonce == next;
    }
    if (!contiguous) sum = tx->cost_wei;
    *hint = (struct pool_hint){account->balance_wei, sum};
    return !u256_lt(&account->balance_wei, &sum);
}

/// Who gives way: of the senders with most slots the transaction (of the kind that is short) with
/// the lowest fee, the latest nonce among equals. Only local ones or only peers' are looked at, of
/// these none that a local one waits for.
static bool find_victim(const struct txpool *p, bool in_run, bool local,
                        const struct pool_tx *spare, struct sender **who, size_t *at)
{
    size_t most = 0;
    const struct pool_tx *lowest = NULL;
    for (size_t i = 0; i < p->live_count; i++) {
        struct sender *s = p->live[i];
        size_t from = in_run ? 0 : s->run;
        const size_t to = in_run ? s->run : s->count;
        for (size_t j = s->count; !local && j > from; j--) {
            if (s->txs[j - 1]->local) from = j;
        }
        if (to <= from || s->count < most) continue;
        if (to - from == 1 && s->txs[from] == spare) continue;
        bool any = false;
        for (size_t j = from; j < to; j++) any = any || s->txs[j]->local == local;
        if (!any) continue;
        if (s->count > most) lowest = NULL;
        most = s->count;
        for (size_t j = from; j < to; j++) {
            const struct pool_tx *t = s->txs[j];
            if (t->local != local) continue;
            const int c =
                lowest == NULL ? -1 : u256_cmp(&t->tx.max_fee_per_gas, &lowest->tx.max_fee_per_gas);
            if (c < 0 || (c == 0 && s == *who)) {
                lowest = t;
                *who = s;
                *at = j;
            }
        }
    }
    return lowest != NULL;
}

static void evict(struct txpool *p, struct sender *victim, size_t at, uint64_t now_s)
{
    take_out(p, victim, at, POOL_FATE_DROPPED, "evicted: the pool is full", now_s);
    recount(p, victim);
    forget_sender_if_empty(p, victim);
}

/// How many of the runs peers have sent. @param[out] most  slots of a sender who has any of them
static size_t count_of_peers(const struct txpool *p, size_t *most)
{
    size_t count = 0;
    *most = 0;
    for (size_t i = 0; i < p->live_count; i++) {
        const struct sender *s = p->live[i];
        size_t his = 0;
        for (size_t j = 0; j < s->run; j++) his += !s->txs[j]->local;
        if (his != 0 && s->count > *most) *most = s->count;
        count += his;
    }
    return count;
}

/// Do peers' ones give way to local ones in any case? A quarter of what is pending does not.
static bool peers_give_way(const struct txpool *p, size_t count)
{
    return count > p->options.pending_max / 4;
}

/// Makes room for one more of `own`'s: a sender with no fewer slots that pays less gives way. Of
/// two that peers have sent also the one whose sender has many slots, and twice as many as the
/// newcomer's would have; of two local ones the newcomer waits, since the other was promised. What
/// a peer has sent gives way to a local one, and never the other way round.
static bool make_room(struct txpool *p, const struct sender *own, const struct pool_tx *tx,
                      bool in_run, uint64_t now_s)
{
    struct sender *victim = NULL;
    size_t at = 0;
    size_t unused;
    if (tx->local && (!in_run || peers_give_way(p, count_of_peers(p, &unused))) &&
        find_victim(p, in_run, false, NULL, &victim, &at) && victim != own) {
        evict(p, victim, at, now_s);
        return true;
    }
    if (!find_victim(p, in_run, tx->local, NULL, &victim, &at) || victim == own) return false;
    const size_t would_have = (own == NULL ? 0 : own->count) + 1;
    const bool pays_less = u256_lt(&victim->txs[at]->tx.max_fee_per_gas, &tx->tx.max_fee_per_gas);
    if (victim->count < would_have) return false;
    if (!pays_less &&
        (tx->local || victim->count < 2 * would_have || victim->count <= p->options.sender_safe))
        return false;
    evict(p, victim, at, now_s);
    return true;
}

/// Whether a transaction with this nonce would follow the account's without a gap.
static bool would_follow(const struct sender *s, const struct pool_account *account, uint64_t nonce)
{
    uint64_t next = account->nonce;
    for (size_t i = 0; s != NULL && i < s->count && next < nonce; i++) {
        if (s->txs[i]->tx.nonce == next) next++;
    }
    return next == nonce;
}

/// Has the sender a place left? All taken by transactions that wait behind a gap, the one that
/// fills the gap still comes in: else none of them could ever leave.
static bool may_add(const struct txpool *p, const struct sender *s, bool in_run)
{
    if (s == NULL || s->count < p->options.sender_max) return true;
    return s->count == p->options.sender_max && in_run && s->run < s->count;
}

/// After moves out of the runs more may be queued than should be: the excess leaves, but for
/// `spare`, which was just let in. What waits for a lower base fee keeps its slot: a fee that
/// swings throws nothing out.
static void trim(struct txpool *p, const struct pool_tx *spare, uint64_t now_s)
{
    struct sender *victim = NULL;
    size_t at = 0;
    while (p->count - p->run > p->options.queued_max &&
           (find_victim(p, false, false, spare, &victim, &at) ||
            find_victim(p, false, true, spare, &victim, &at)))
        evict(p, victim, at, now_s);
}

bool txpool_may_enter(struct txpool *p, const u256_t *max_fee_wei, bool local)
{
    if (p->run < p->options.pending_max) return true;
    if (p->seen.at != p->changes) {
        bool any = false;
        for (size_t i = 0; i < p->live_count; i++) {
            for (size_t j = 0; j < p->live[i]->count; j++) {
                const u256_t *fee = &p->live[i]->txs[j]->tx.max_fee_per_gas;
                if (!any || u256_lt(fee, &p->seen.lowest)) p->seen.lowest = *fee;
                any = true;
            }
        }
        p->seen.peers = count_of_peers(p, &p->seen.most);
        p->seen.at = p->changes;
    }
    // Who pays more than the least of all may replace one, or have it give way.
    if (u256_lt(&p->seen.lowest, max_fee_wei)) return true;
    if (local) return peers_give_way(p, p->seen.peers);
    return p->seen.most >= 2 && p->seen.most > p->options.sender_safe;
}

enum pool_result txpool_add(struct txpool *p, struct pool_tx *t, const struct pool_account *account,
                            uint64_t now_s, struct pool_hint *hint)
{
    struct pool_hint unused;
    if (hint == NULL) hint = &unused;
    *hint = (struct pool_hint){{{0}}, {{0}}};
    const struct tx *tx = &t->tx;
    check(tx->has_sender);

    if (map_get(&p->by_hash, &tx->hash) != NULL) return POOL_KNOWN;
    if (u256_lt(&tx->max_fee_per_gas, &p->options.min_price_wei)) {
        *hint = (struct pool_hint){tx->max_fee_per_gas, p->options.min_price_wei};
        return POOL_UNDERPRICED;
    }
    *hint = (struct pool_hint){u256_from_u64(tx->nonce), u256_from_u64(account->nonce)};
    if (tx->nonce < account->nonce) return POOL_NONCE_TOO_LOW;
    if (tx->nonce - account->nonce > p->options.nonce_gap) return POOL_NONCE_GAP;
    if (!cost_of(&t->cost_wei, tx)) return POOL_INSUFFICIENT_FUNDS;

    struct sender *s = find_sender(p, &tx->sender);
    if (s != NULL && account->nonce != s->account.nonce) {
        txpool_set_account(p, &tx->sender, account, now_s);
        s = find_sender(p, &tx->sender);
    }
    if (!can_pay(s, account, t, hint)) return POOL_INSUFFICIENT_FUNDS;

    const size_t at = s == NULL ? 0 : lower_bound(s, tx->nonce);
    const bool replaces = s != NULL && at < s->count && s->txs[at]->tx.nonce == tx->nonce;
    if (replaces) {
        if (!may_replace(p, &s->txs[at]->tx, tx, hint)) return POOL_REPLACEMENT_UNDERPRICED;
    } else {
        const bool in_run = would_follow(s, account, tx->nonce);
        if (!may_add(p, s, in_run)) return POOL_SENDER_FULL;
        const size_t used = in_run ? p->run : p->count - p->run;
        const size_t queued_max = p->options.queued_max;
        const size_t queued = t->local ? queued_max : queued_max - queued_max / 4;
        const size_t max = in_run ? p->options.pending_max : queued;
        if (used >= max && !make_room(p, s, t, in_run, now_s)) return POOL_FULL;
    }
    const size_t freed = replaces ? s->txs[at]->tx.raw.len : 0;
    while (p->bytes - freed + tx->raw.len > p->options.bytes_max) {
        if (!make_room(p, s, t, true, now_s) && !make_room(p, s, t, false, now_s)) return POOL_FULL;
    }

    if (s == NULL) s = make_sender(p, &tx->sender);
    if (s == NULL) return POOL_FULL;
    struct pool_tx **place = map_put(&p->by_hash, &tx->hash, NULL);
    if (place == NULL) {
        forget_sender_if_empty(p, s);
        return POOL_FULL;
    }
    *place = t;
    p->changes++;
    t->seq = p->seq++;
    t->since_s = now_s;
    t->pending = false;
    s->account = *account;
    if (replaces) {
        take_out(p, s, at, POOL_FATE_DROPPED, "replaced by a transaction with a higher fee", now_s);
    }
    memmove(&s->txs[at + 1], &s->txs[at], (s->count - at) * sizeof(struct pool_tx *));
    s->txs[at] = t;
    s->count++;
    p->count++;
    p->bytes += tx->raw.len;
    recount(p, s);
    trim(p, t, now_s);
    return POOL_ADDED;
}

/// --- the chain moves ---

void txpool_included(struct txpool *p, const hash_t *hash, uint64_t now_s)
{
    struct pool_tx *const *found = map_get(&p->by_hash, hash);
    if (found == NULL) return;
    struct sender *s = find_sender(p, &(*found)->tx.sender);
    check(s != NULL);
    const size_t at = lower_bound(s, (*found)->tx.nonce);
    check(at < s->count && s->txs[at] == *found);
    // What follows stays pending: the account's nonce is about to be raised past this one.
    if (at == 0) s->account.nonce = s->txs[0]->tx.nonce + 1;
    take_out(p, s, at, POOL_FATE_INCLUDED, NULL, now_s);
    recount(p, s);
    forget_sender_if_empty(p, s);
}

void txpool_set_base_fee(struct txpool *p, const u256_t *base_fee_wei)
{
    if (u256_eq(&p->base_fee_wei, base_fee_wei)) return;
    p->base_fee_wei = *base_fee_wei;
    for (size_t i = 0; i < p->live_count; i++) recount(p, p->live[i]);
}

void txpool_set_account(struct txpool *p, const address_t *sender,
                        const struct pool_account *account, uint64_t now_s)
{
    struct sender *s = find_sender(p, sender);
    if (s == NULL) return;
    while (s->count != 0 && s->txs[0]->tx.nonce < account->nonce)
        take_out(p, s, 0, POOL_FATE_DROPPED, "another transaction with this nonce was included",
                 now_s);
    s->account = *account;
    recount(p, s);
    forget_sender_if_empty(p, s);
    trim(p, NULL, now_s);
}

bool txpool_remove(struct txpool *p, const hash_t *hash, const char *why, uint64_t now_s)
{
    struct pool_tx *const *found = map_get(&p->by_hash, hash);
    if (found == NULL) return false;
    struct sender *s = find_sender(p, &(*found)->tx.sender);
    check(s != NULL);
    const size_t at = lower_bound(s, (*found)->tx.nonce);
    take_out(p, s, at, POOL_FATE_DROPPED, why, now_s);
    recount(p, s);
    forget_sender_if_empty(p, s);
    trim(p, NULL, now_s);
    return true;
}

void txpool_expire(struct txpool *p, uint64_t now_s)
{
    for (size_t i = p->live_count; i > 0; i--) {
        struct sender *s = p->live[i - 1];
        for (size_t j = s->count; j > 0; j--) {
            if (now_s >= s->txs[j - 1]->since_s &&
                now_s - s->txs[j - 1]->since_s > p->options.lifetime_s)
                take_out(p, s, j - 1, POOL_FATE_DROPPED, "expired: waited too long", now_s);
        }
        recount(p, s);
        forget_sender_if_empty(p, s);
    }
    trim(p, NULL, now_s);
    while (p->fate_count != 0) {
        const hash_t *oldest = &p->fate_ring[p->fate_start];
        const struct fate *f = map_get(&p->fates, oldest);
        if (f != NULL && (now_s < f->since_s || now_s - f->since_s <= p->options.fate_s)) break;
        (void)map_delete(&p->fates, oldest);
        p->fate_start = (p->fate_start + 1) % p->options.fate_max;
        p->fate_count--;
    }
}

/// --- looking ---

bool txpool_promise(struct txpool *p, const hash_t *hash)
{
    struct pool_tx *const *found = map_get(&p->by_hash, hash);
    if (found == NULL || (*found)->local) return false;
    (*found)->local = true;
    p->changes++;
    return true;
}

struct pool_tx *txpool_find(const struct txpool *p, const hash_t *hash)
{
    struct pool_tx *const *found = map_get(&p->by_hash, hash);
    return found == NULL ? NULL : *found;
}

bool txpool_next_nonce(const struct txpool *p, uint64_t *nonce, const address_t *sender)
{
    const struct sender *s = find_sender(p, sender);
    if (s == NULL || s->run == 0) return false;
    *nonce = s->txs[s->run - 1]->tx.nonce + 1;
    return true;
}

bool txpool_has_sender(const struct txpool *p, const address_t *sender)
{
    return find_sender(p, sender) != NULL;
}

void txpool_fate(const struct txpool *p, struct pool_fate_info *out, const hash_t *hash)
{
    *out = (struct pool_fate_info){POOL_FATE_UNKNOWN, NULL, 0};
    const struct pool_tx *t = txpool_find(p, hash);
    if (t != NULL) {
        *out = (struct pool_fate_info){t->pending ? POOL_FATE_PENDING : POOL_FATE_QUEUED, NULL,
                                       t->since_s};
        return;
    }
    const struct fate *f = map_get(&p->fates, hash);
    if (f == NULL) return;
    *out = (struct pool_fate_info){POOL_FATE_DROPPED, f->reason, f->since_s};
}

struct txpool_counts txpool_count(const struct txpool *p)
{
    return (struct txpool_counts){p->ready, p->count - p->ready, p->bytes, p->live_count};
}

size_t txpool_list(const struct txpool *p, struct pool_tx **out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < p->live_count; i++) {
        const struct sender *s = p->live[i];
        for (size_t j = 0; j < s->count && n < room; j++) out[n++] = s->txs[j];
    }
    return n;
}

/// --- the best ---

/// What the proposer earns per gas; false if the base fee is not covered.
static bool tip_of(u256_t *out, const struct tx *tx, const u256_t *base_fee)
{
    u256_t above;
    if (!u256_sub_checked(&above, &tx->max_fee_per_gas, base_fee)) return false;
    *out = u256_lt(&above, &tx->max_priority_fee_per_gas) ? above : tx->max_priority_fee_per_gas;
    return true;
}

/// Whether the next of sender a goes before the next of b.
static bool goes_first(const struct txpool *p, size_t a, size_t b, const u256_t *base_fee)
{
    const struct pool_tx *x = p->heap[a]->txs[p->heap_at[a]];
    const struct pool_tx *y = p->heap[b]->txs[p->heap_at[b]];
    u256_t tip_x = {{0}};
    u256_t tip_y = {{0}};
    (void)tip_of(&tip_x, &x->tx, base_fee);
    (void)tip_of(&tip_y, &y->tx, base_fee);
    const int c = u256_cmp(&tip_x, &tip_y);
    return c != 0 ? c > 0 : x->seq < y->seq;
}

static void sift_down(const struct txpool *p, size_t n, size_t i, const u256_t *base_fee)
{
    for (;;) {
        size_t best = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            if (goes_first(p, child, best, base_fee)) best = child;
        }
        if (best == i) return;
        struct sender *const s = p->heap[i];
        const size_t at = p->heap_at[i];
        p->heap[i] = p->heap[best];
        p->heap_at[i] = p->heap_at[best];
        p->heap[best] = s;
        p->heap_at[best] = at;
        i = best;
    }
}

size_t txpool_take_best(const struct txpool *p, struct pool_tx **out, size_t room,
                        const u256_t *base_fee_wei, uint64_t gas)
{
    size_t n = 0;
    u256_t tip;
    for (size_t i = 0; i < p->live_count; i++) {
        struct sender *s = p->live[i];
        if (s->run == 0 || !tip_of(&tip, &s->txs[0]->tx, base_fee_wei)) continue;
        p->heap[n] = s;
        p->heap_at[n++] = 0;
    }
    for (size_t i = n / 2; i > 0; i--) sift_down(p, n, i - 1, base_fee_wei);

    size_t taken = 0;
    uint64_t gas_taken = 0;
    while (n != 0 && taken < room && gas_taken < gas) {
        struct sender *s = p->heap[0];
        struct pool_tx *t = s->txs[p->heap_at[0]];
        out[taken++] = t;
        gas_taken = gas - gas_taken < t->tx.gas_limit ? gas : gas_taken + t->tx.gas_limit;
        p->heap_at[0]++;
        if (p->heap_at[0] == s->run || !tip_of(&tip, &s->txs[p->heap_at[0]]->tx, base_fee_wei)) {
            n--;
            p->heap[0] = p->heap[n];
            p->heap_at[0] = p->heap_at[n];
        }
        sift_down(p, n, 0, base_fee_wei);
    }
    return taken;
}

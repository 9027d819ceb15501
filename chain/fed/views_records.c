// SPDX-License-Identifier: Apache-2.0
#include "chain/base/endian.h"
#include "chain/fed/views_impl.h"
#include "chain/store/schema.h"

/// From events to records: what each means for families, versions, rounds and proposals. The
/// events have their form (views_apply.c sees to that).

/// Refusal.Policy of Types.sol.
#define REFUSAL_POLICY 8

struct apply {
    struct db_txn *txn;
    struct view_event e;
};

// ---- reading an event ---------------------------------------------------------------------

u256_t view_event_word(const struct view_event *e, size_t i)
{
    if (i >= e->data.len / 32) return u256_from_u64(0);
    return u256_from_be32(e->data.data + 32 * i);
}

static uint64_t word_u64(const struct view_event *e, size_t i)
{
    const u256_t v = view_event_word(e, i);
    return u256_fits_u64(&v) ? v.limb[0] : UINT64_MAX;
}

static uint32_t word_u32(const struct view_event *e, size_t i)
{
    const uint64_t v = word_u64(e, i);
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint8_t word_u8(const struct view_event *e, size_t i)
{
    const uint64_t v = word_u64(e, i);
    return v > UINT8_MAX ? UINT8_MAX : (uint8_t)v;
}

static hash_t word_hash(const struct view_event *e, size_t i)
{
    const u256_t v = view_event_word(e, i);
    return u256_to_hash(&v);
}

static address_t address_of(const hash_t *h)
{
    address_t a;
    memcpy(a.b, h->b + 12, sizeof a.b);
    return a;
}

static address_t word_address(const struct view_event *e, size_t i)
{
    const hash_t h = word_hash(e, i);
    return address_of(&h);
}

static address_t topic_address(const struct view_event *e, unsigned i)
{
    return address_of(&e->topics[i]);
}

/// A round's number; 0, which no round has, if it is not a number of 64 bits.
static uint64_t topic_round(const struct view_event *e, unsigned i)
{
    const u256_t v = u256_from_hash(&e->topics[i]);
    return u256_fits_u64(&v) ? v.limb[0] : 0;
}

/// The bytes or string whose offset stands in word `i`; empty if it lies outside the data.
static bytes_t word_bytes(const struct view_event *e, size_t i)
{
    const uint64_t at = word_u64(e, i);
    if (at > e->data.len || e->data.len - at < 32) return BYTES_NONE;
    const u256_t len = u256_from_be32(e->data.data + at);
    const uint64_t room = e->data.len - at - 32;
    if (!u256_fits_u64(&len) || len.limb[0] > room) return BYTES_NONE;
    return bytes_make(e->data.data + at + 32, (size_t)len.limb[0]);
}

hash_t view_id_of_round(uint64_t round)
{
    const u256_t v = u256_from_u64(round);
    return u256_to_hash(&v);
}

hash_t view_id_of_account(const address_t *who)
{
    hash_t h = {{0}};
    memcpy(h.b + 12, who->b, sizeof who->b);
    return h;
}

// ---- keys of records ----------------------------------------------------------------------

static struct view_key key_hash(enum view_kind kind, const hash_t *id)
{
    struct view_key k = view_key(kind);
    view_key_hash(&k, id);
    return k;
}

static struct view_key key_round(enum view_kind kind, uint64_t round)
{
    struct view_key k = view_key(kind);
    view_key_u64(&k, round);
    return k;
}

static struct view_key key_participant(uint64_t round, const address_t *who)
{
    struct view_key k = key_round(KIND_PARTICIPANT, round);
    view_key_address(&k, who);
    return k;
}

static err_t put_raw(struct apply *a, const struct view_key *key, bytes_t value)
{
    return view_set(a->txn, a->e.at.block, key, value);
}

/// The tables as they stand.
static struct views views_of(const struct apply *a)
{
    return (struct views){a->txn, UINT64_MAX};
}

static err_t get(const struct apply *a, const struct view_form *form, const struct view_key *key,
                 void *out)
{
    const struct views v = views_of(a);
    return view_get(&v, form, key, out);
}

static err_t put(struct apply *a, const struct view_form *form, const struct view_key *key,
                 const void *in)
{
    return view_put(a->txn, a->e.at.block, form, key, in);
}

/// A record that may not be there yet: then it is all zero.
static err_t get_or_new(struct apply *a, const struct view_form *form, const struct view_key *key,
                        void *out, bool *is_new)
{
    const err_t err = get(a, form, key, out);
    *is_new = err.kind == ERR_NOT_FOUND;
    if (!*is_new) return err;
    memset(out, 0, form->size);
    return OK;
}

// ---- families and versions ----------------------------------------------------------------

static err_t on_family_created(struct apply *a)
{
    const hash_t id = a->e.topics[1];
    struct view_family f = {.id = id, .created = a->e.at};
    f.creator = topic_address(&a->e, 2);
    f.owner = f.creator;
    const struct view_key key = key_hash(KIND_FAMILY, &id);
    struct view_key order = view_key(KIND_FAMILY_ORDER);
    view_key_place(&order, &a->e.at);
    TRY(put(a, &VIEW_FAMILY_FORM, &key, &f));
    return put_raw(a, &order, BYTES_OF(id));
}

/// The family of a topic, changed by `change`.
static err_t with_family(struct apply *a, const hash_t *id,
                         void (*change)(struct view_family *, const struct view_event *))
{
    struct view_family f;
    const struct view_key key = key_hash(KIND_FAMILY, id);
    const err_t err = get(a, &VIEW_FAMILY_FORM, &key, &f);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    change(&f, &a->e);
    return put(a, &VIEW_FAMILY_FORM, &key, &f);
}

static void set_params(struct view_family *f, const struct view_event *e)
{
    f->policy = topic_address(e, 2);
    f->f = word_u8(e, 0);
}

static void set_owner(struct view_family *f, const struct view_event *e)
{
    f->owner = topic_address(e, 3);
}

static void count_round(struct view_family *f, const struct view_event *e)
{
    (void)e;
    f->round_count++;
}

static err_t on_version_registered(struct apply *a)
{
    const struct view_event *e = &a->e;
    struct view_version v = {.id = e->topics[1],
                             .family = e->topics[2],
                             .kind = word_u8(e, 0),
                             .state = VIEW_VERSION_CANDIDATE,
                             .round = topic_round(e, 3),
                             .file_sha256 = word_hash(e, 1),
                             .model_root = word_hash(e, 2),
                             .registered = e->at};
    struct view_family f;
    bool is_new;
    const struct view_key family = key_hash(KIND_FAMILY, &v.family);
    TRY(get_or_new(a, &VIEW_FAMILY_FORM, &family, &f, &is_new));
    f.id = v.family;
    v.number = f.version_count++;
    TRY(put(a, &VIEW_FAMILY_FORM, &family, &f));

    const struct view_key key = key_hash(KIND_VERSION, &v.id);
    TRY(put(a, &VIEW_VERSION_FORM, &key, &v));
    struct view_key number = key_hash(KIND_VERSION_NUMBER, &v.family);
    view_key_u32(&number, v.number);
    TRY(put_raw(a, &number, BYTES_OF(v.id)));
    struct view_key file = key_hash(KIND_FILE, &v.file_sha256);
    view_key_hash(&file, &v.id);
    return put_raw(a, &file, VIEW_THERE);
}

static err_t on_lineage_edge(struct apply *a)
{
    const hash_t *parent = &a->e.topics[1];
    const hash_t *child = &a->e.topics[2];
    struct view_key up = key_hash(KIND_PARENT, child);
    struct view_key down = key_hash(KIND_CHILD, parent);
    view_key_place(&up, &a->e.at);
    view_key_place(&down, &a->e.at);
    TRY(put_raw(a, &up, BYTES_OF(*parent)));
    return put_raw(a, &down, BYTES_OF(*child));
}

static err_t on_version_change(struct apply *a)
{
    struct view_version v;
    const struct view_key key = key_hash(KIND_VERSION, &a->e.topics[1]);
    const err_t err = get(a, &VIEW_VERSION_FORM, &key, &v);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    if (a->e.event == FED_TOPIC_MODEL_REGISTRY_VERSION_STATUS) {
        v.state = word_u8(&a->e, 0);
    } else {
        v.revoked = true;
        v.revoked_reason = word_hash(&a->e, 1);
    }
    return put(a, &VIEW_VERSION_FORM, &key, &v);
}

static err_t on_deployed(struct apply *a)
{
    const struct view_channel c = {a->e.topics[2], a->e.topics[3], a->e.at};
    struct view_key key = key_hash(KIND_CHANNEL, &a->e.topics[1]);
    view_key_hash(&key, &c.name);
    return put(a, &VIEW_CHANNEL_FORM, &key, &c);
}

// ---- rounds -------------------------------------------------------------------------------

static err_t round_opened(struct apply *a, struct view_round *r)
{
    const struct view_event *e = &a->e;
    r->family = e->topics[2];
    r->base_version = e->topics[3];
    r->policy = word_address(e, 0);
    r->commit_deadline_s = word_u64(e, 1);
    r->opened = e->at;
    if (r->state == VIEW_ROUND_NONE) {
        r->state = VIEW_ROUND_OPEN;
        r->state_since = e->at;
    }
    struct view_key of = key_hash(KIND_ROUND_OF, &r->family);
    view_key_u64(&of, r->id);
    TRY(put_raw(a, &of, VIEW_THERE));
    return with_family(a, &r->family, count_round);
}

/// True if an earlier participant revealed the very same update.
static bool is_twin(const struct view_participant *list, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (list[j].has_reveal && hash_eq(&list[j].upd_root, &list[i].upd_root)) return true;
    }
    return false;
}

static err_t mark_selection(struct apply *a, struct arena *arena, const struct view_round *r,
                            bytes_t scores)
{
    struct view_participant *list;
    size_t count;
    const struct views v = views_of(a);
    TRY(views_participants(&v, arena, &list, &count, r->id));
    for (size_t i = 0; i < count; i++) {
        struct view_participant *p = &list[i];
        if (p->status != VIEW_STATUS_REVEALED) continue;
        const bool accepted = i < 64 && (r->accepted >> i & 1) != 0;
        if (accepted) {
            p->status = VIEW_STATUS_ACCEPTED;
        } else if (is_twin(list, i)) {
            p->status = VIEW_STATUS_DUPLICATE;
        } else {
            p->status = VIEW_STATUS_REFUSED;
            p->refusal = REFUSAL_POLICY;
        }
        if (i < scores.len / 32) {
            p->has_score = true;
            p->score = u256_from_be32(scores.data + 32 * i);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct view_key key = key_participant(r->id, &list[i].who);
        TRY(put(a, &VIEW_PARTICIPANT_FORM, &key, &list[i]));
    }
    return OK;
}

static err_t round_selected(struct apply *a, struct view_round *r)
{
    r->has_selection = true;
    r->accepted = word_u64(&a->e, 0);
    // uint256[]: its length, then its words. word_bytes would count bytes.
    bytes_t scores = BYTES_NONE;
    const uint64_t at = word_u64(&a->e, 1);
    if (at <= a->e.data.len && a->e.data.len - at >= 32) {
        const u256_t len = u256_from_be32(a->e.data.data + at);
        const uint64_t room = (a->e.data.len - at - 32) / 32;
        if (u256_fits_u64(&len) && len.limb[0] <= room) {
            scores = bytes_make(a->e.data.data + at + 32, (size_t)len.limb[0] * 32);
        }
    }
    const struct view_key key = key_round(KIND_SCORES, r->id);
    TRY(put_raw(a, &key, scores));

    struct arena arena;
    TRY(arena_init(&arena, (size_t)4 << 20));
    const err_t err = mark_selection(a, &arena, r, scores);
    arena_deinit(&arena);
    return err;
}

static void round_aggregated(const struct view_event *e, struct view_round *r)
{
    r->has_aggregate = true;
    r->aggregator = topic_address(e, 2);
    r->agg_root = e->topics[3];
    r->new_file_sha256 = word_hash(e, 0);
    r->total_weight = word_u32(e, 1);
}

/// What an event means for a participant. The record is new if it never committed.
static void change_participant(const struct view_event *e, struct view_participant *p)
{
    switch ((int)e->event) {
    case FED_TOPIC_ROUNDS_COMMITTED:
        p->digest = word_hash(e, 0);
        p->index = word_u32(e, 1);
        p->commits++;
        p->status = VIEW_STATUS_COMMITTED;
        p->committed = e->at;
        return;
    case FED_TOPIC_ROUNDS_REVEALED:
        p->has_reveal = true;
        p->upd_root = e->topics[3];
        p->weight = word_u32(e, 0);
        p->manifest_hash = word_hash(e, 1);
        p->status = VIEW_STATUS_REVEALED;
        p->revealed = e->at;
        return;
    case FED_TOPIC_ROUNDS_REFUSED:
        p->status = VIEW_STATUS_REFUSED;
        p->refusal = word_u8(e, 0);
        return;
    case FED_TOPIC_ROUNDS_NO_REVEAL:
        p->status = VIEW_STATUS_NO_REVEAL;
        p->slashed = view_event_word(e, 0);
        return;
    case FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN:
        p->proven = true;
        p->weight = word_u32(e, 1);
        p->status = word_u8(e, 2);
        p->has_score = true;
        p->score = view_event_word(e, 3);
        p->reward = view_event_word(e, 4);
        if (p->status != VIEW_STATUS_REFUSED) p->refusal = 0;
        return;
    case FED_TOPIC_REWARDS_CLAIMED: {
        const u256_t amount = view_event_word(e, 0);
        u256_add(&p->claimed, &p->claimed, &amount);
        return;
    }
    default:
        unreachable("not an event of a participant");
    }
}

static err_t with_participant(struct apply *a, uint64_t round, bool *is_new)
{
    const address_t who = topic_address(&a->e, 2);
    const struct view_key key = key_participant(round, &who);
    struct view_participant p;
    TRY(get_or_new(a, &VIEW_PARTICIPANT_FORM, &key, &p, is_new));
    if (*is_new) {
        if (a->e.event != FED_TOPIC_ROUNDS_COMMITTED) return OK;
        p.round = round;
        p.who = who;
        struct view_key with = view_key(KIND_ROUND_WITH);
        view_key_address(&with, &who);
        view_key_u64(&with, round);
        TRY(put_raw(a, &with, VIEW_THERE));
    }
    change_participant(&a->e, &p);
    return put(a, &VIEW_PARTICIPANT_FORM, &key, &p);
}

/// What an event means for the round itself.
static err_t change_round(struct apply *a, struct view_round *r, bool new_participant)
{
    const struct view_event *e = &a->e;
    switch ((int)e->event) {
    case FED_TOPIC_ROUNDS_ROUND_OPENED:
        return round_opened(a, r);
    case FED_TOPIC_ROUNDS_ROUND_STATE: {
        const u256_t state = u256_from_hash(&e->topics[2]);
        r->state = (uint8_t)state.limb[0];
        r->state_since = e->at;
        return OK;
    }
    case FED_TOPIC_ROUNDS_ROUND_FAILED:
        r->failure = word_u8(e, 0);
        return OK;
    case FED_TOPIC_ROUNDS_COMMITTED:
        if (new_participant) r->participants++;
        return OK;
    case FED_TOPIC_ROUNDS_REVEALED:
        r->revealed++;
        return OK;
    case FED_TOPIC_ROUNDS_SEED_DRAWN: {
        const u256_t k = u256_from_hash(&e->topics[2]);
        if (!u256_fits_u64(&k) || k.limb[0] != 1) return OK;
        r->has_seed = true;
        r->seed1 = word_hash(e, 0);
        r->seed_from_block = word_u64(e, 1);
        return OK;
    }
    case FED_TOPIC_ROUNDS_SELECTED:
        return round_selected(a, r);
    case FED_TOPIC_ROUNDS_AGGREGATED:
        round_aggregated(e, r);
        return OK;
    case FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN:
        if (!hash_is_zero(&e->topics[3])) r->result_version = e->topics[3];
        return OK;
    case FED_TOPIC_REWARDS_SETTLED:
        r->settled = true;
        r->pool = view_event_word(e, 0);
        r->dust = view_event_word(e, 1);
        return OK;
    default:
        return OK;
    }
}

static err_t on_claimed(struct apply *a, uint64_t round)
{
    const struct view_claim c = {round, topic_address(&a->e, 2), view_event_word(&a->e, 0),
                                 a->e.at};
    struct view_key key = key_round(KIND_CLAIM, round);
    view_key_place(&key, &a->e.at);
    return put(a, &VIEW_CLAIM_FORM, &key, &c);
}

static err_t on_round(struct apply *a, bool of_participant)
{
    const uint64_t id = topic_round(&a->e, 1);
    if (id == 0) return OK;
    bool new_participant = false;
    if (of_participant) TRY(with_participant(a, id, &new_participant));
    if (a->e.event == FED_TOPIC_REWARDS_CLAIMED) return on_claimed(a, id);

    struct view_round r;
    bool is_new;
    const struct view_key key = key_round(KIND_ROUND, id);
    TRY(get_or_new(a, &VIEW_ROUND_FORM, &key, &r, &is_new));
    r.id = id;
    TRY(change_round(a, &r, new_participant));
    return put(a, &VIEW_ROUND_FORM, &key, &r);
}

// ---- the DAO ------------------------------------------------------------------------------

static err_t on_proposal_created(struct apply *a)
{
    const struct view_event *e = &a->e;
    const hash_t id = word_hash(e, 0);
    const struct view_proposal p = {.id = view_event_word(e, 0),
                                    .proposer = word_address(e, 1),
                                    .vote_start = word_u64(e, 6),
                                    .vote_end = word_u64(e, 7),
                                    .created = e->at};
    const struct view_key key = key_hash(KIND_PROPOSAL, &id);
    const struct view_key data = key_hash(KIND_PROPOSAL_DATA, &id);
    struct view_key order = view_key(KIND_PROPOSAL_ORDER);
    view_key_place(&order, &e->at);
    TRY(put(a, &VIEW_PROPOSAL_FORM, &key, &p));
    TRY(put_raw(a, &data, e->data));
    return put_raw(a, &order, BYTES_OF(id));
}

static err_t on_proposal_change(struct apply *a)
{
    const struct view_event *e = &a->e;
    const bool extended = e->event == FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXTENDED;
    const hash_t id = extended ? e->topics[1] : word_hash(e, 0);
    const struct view_key key = key_hash(KIND_PROPOSAL, &id);
    struct view_proposal p;
    const err_t err = get(a, &VIEW_PROPOSAL_FORM, &key, &p);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    if (extended) {
        p.vote_end = word_u64(e, 0);
    } else if (e->event == FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CANCELED) {
        p.canceled = true;
    } else if (e->event == FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXECUTED) {
        p.executed = true;
    } else {
        p.queued = true;
        p.eta_s = word_u64(e, 1);
    }
    return put(a, &VIEW_PROPOSAL_FORM, &key, &p);
}

static void count_vote(struct view_proposal *p, const struct view_vote *v)
{
    p->voters++;
    u256_t *const tally[3] = {&p->votes_against, &p->votes_for, &p->votes_abstain};
    if (v->support < 3) u256_add(tally[v->support], tally[v->support], &v->weight);
}

static err_t on_vote(struct apply *a)
{
    const struct view_event *e = &a->e;
    const hash_t id = word_hash(e, 0);
    const struct view_vote v = {.proposal = view_event_word(e, 0),
                                .voter = topic_address(e, 1),
                                .support = word_u8(e, 1),
                                .weight = view_event_word(e, 2),
                                .reason = word_bytes(e, 3),
                                .at = e->at};
    struct view_key vote = key_hash(KIND_VOTE, &id);
    view_key_place(&vote, &e->at);
    TRY(put(a, &VIEW_VOTE_FORM, &vote, &v));

    const struct view_key key = key_hash(KIND_PROPOSAL, &id);
    struct view_proposal p;
    const err_t err = get(a, &VIEW_PROPOSAL_FORM, &key, &p);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    count_vote(&p, &v);
    return put(a, &VIEW_PROPOSAL_FORM, &key, &p);
}

static err_t on_delegate_changed(struct apply *a)
{
    const address_t who = topic_address(&a->e, 1);
    const address_t from = topic_address(&a->e, 2);
    const address_t to = topic_address(&a->e, 3);
    struct view_key old = view_key(KIND_DELEGATE);
    view_key_address(&old, &from);
    view_key_address(&old, &who);
    TRY(put_raw(a, &old, BYTES_NONE));
    if (address_is_zero(&to)) return OK;
    struct view_key now = view_key(KIND_DELEGATE);
    view_key_address(&now, &to);
    view_key_address(&now, &who);
    return put_raw(a, &now, VIEW_THERE);
}

// ---- which event does what ----------------------------------------------------------------

static err_t dispatch(struct apply *a)
{
    switch ((int)a->e.event) {
    case FED_TOPIC_MODEL_REGISTRY_FAMILY_CREATED:
        return on_family_created(a);
    case FED_TOPIC_MODEL_REGISTRY_FAMILY_PARAMS_SET:
        return with_family(a, &a->e.topics[1], set_params);
    case FED_TOPIC_MODEL_REGISTRY_FAMILY_TRANSFERRED:
        return with_family(a, &a->e.topics[1], set_owner);
    case FED_TOPIC_MODEL_REGISTRY_VERSION_REGISTERED:
        return on_version_registered(a);
    case FED_TOPIC_MODEL_REGISTRY_LINEAGE_EDGE:
        return on_lineage_edge(a);
    case FED_TOPIC_MODEL_REGISTRY_VERSION_STATUS:
    case FED_TOPIC_MODEL_REGISTRY_REVOKED:
        return on_version_change(a);
    case FED_TOPIC_MODEL_REGISTRY_DEPLOYED:
        return on_deployed(a);
    case FED_TOPIC_ROUNDS_COMMITTED:
    case FED_TOPIC_ROUNDS_REVEALED:
    case FED_TOPIC_ROUNDS_REFUSED:
    case FED_TOPIC_ROUNDS_NO_REVEAL:
    case FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN:
    case FED_TOPIC_REWARDS_CLAIMED:
        return on_round(a, true);
    case FED_TOPIC_ROUNDS_ROUND_OPENED:
    case FED_TOPIC_ROUNDS_ROUND_STATE:
    case FED_TOPIC_ROUNDS_ROUND_FAILED:
    case FED_TOPIC_ROUNDS_SEED_DRAWN:
    case FED_TOPIC_ROUNDS_SELECTED:
    case FED_TOPIC_ROUNDS_AGGREGATED:
    case FED_TOPIC_REWARDS_SETTLED:
        return on_round(a, false);
    case FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CREATED:
        return on_proposal_created(a);
    case FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CANCELED:
    case FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXECUTED:
    case FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXTENDED:
    case FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_QUEUED:
        return on_proposal_change(a);
    case FED_TOPIC_CAIRN_GOVERNOR_VOTE_CAST:
    case FED_TOPIC_CAIRN_GOVERNOR_VOTE_CAST_WITH_PARAMS:
        return on_vote(a);
    case FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED:
        return on_delegate_changed(a);
    default:
        return OK;
    }
}

err_t view_apply_event(struct db_txn *txn, const struct view_event *e)
{
    struct apply a = {txn, *e};
    return dispatch(&a);
}

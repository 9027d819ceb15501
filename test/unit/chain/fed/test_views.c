// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/views.h"

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "test/support/sample_tx.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>

/// A chain whose blocks have one transaction with the logs that were emitted since the last.
struct fixture {
    struct temp_dir dir;
    struct db *db;
    struct db_txn *txn;
    struct views now; ///< the tables as they are
    struct arena arena;
    struct log_entry logs[64];
    size_t log_count;
    uint64_t number;
};

static void setup(struct fixture *x)
{
    *x = (struct fixture){.dir = temp_dir_make()};
    cr_assert(err_ok(arena_init(&x->arena, (size_t)256 << 20)));
    cr_assert(err_ok(schema_open(&x->db, x->dir.path, true, false)));
    cr_assert(err_ok(db_begin_write(x->db, &x->txn)));
    x->now = (struct views){x->txn, UINT64_MAX};
}

static void teardown(struct fixture *x)
{
    db_abort(x->txn);
    db_close(x->db);
    arena_deinit(&x->arena);
    temp_dir_remove(&x->dir);
}

static hash_t n256(uint64_t v)
{
    return view_id_of_round(v);
}

static hash_t id(const char *name)
{
    return keccak256(bytes_of_str(name));
}

static address_t who(uint8_t i)
{
    return (address_t){{[0] = 0xaa, [19] = i}};
}

static hash_t acc(uint8_t i)
{
    const address_t a = who(i);
    return view_id_of_account(&a);
}

static void emit(struct fixture *x, enum fed_contract contract, enum fed_event event,
                 const hash_t *topics, size_t topic_count, const hash_t *words, size_t word_count)
{
    struct log_entry *l = &x->logs[x->log_count++];
    *l = (struct log_entry){.address = fed_contract_address[contract]};
    l->topics[0] = fed_event_topic[event];
    for (size_t i = 0; i < topic_count; i++) l->topics[i + 1] = topics[i];
    l->topic_count = (unsigned)topic_count + 1;
    bool full = false;
    l->data = arena_copy(&x->arena, bytes_make(words, word_count * sizeof *words), &full);
}
#define TOPICS(...) (hash_t[]){__VA_ARGS__}, sizeof((hash_t[]){__VA_ARGS__}) / sizeof(hash_t)
#define WORDS TOPICS
#define NO_WORDS NULL, 0

static void end_block(struct fixture *x)
{
    struct block *b = ARENA_NEW(&x->arena, struct block);
    struct log_entry *logs = ARENA_ARRAY(&x->arena, struct log_entry, 64);
    memcpy(logs, x->logs, sizeof x->logs);
    struct receipt r = {.has_status = true, .logs = logs, .log_count = x->log_count};
    b->header =
        (struct header){.number = x->number, .timestamp_s = 1000 + x->number, .field_count = 15};
    if (x->number > 0) {
        cr_assert(err_ok(blocks_hash_of(x->txn, &b->header.parent_hash, x->number - 1)));
    }
    b->hash = header_hash(&b->header);
    b->ommers = LIT("\xc0");
    b->txs = ARENA_NEW(&x->arena, struct tx);
    b->txs[0] = sample_tx(&x->arena, x->number);
    b->tx_count = 1;
    cr_assert(err_ok(blocks_append(x->txn, b, &r, 1)));
    const err_t err = views_apply(x->txn, x->number, b->header.timestamp_s, b, &r);
    cr_assert(err_ok(err), "%s", err_text(err));
    x->number++;
    x->log_count = 0;
}

static void open_family(struct fixture *x)
{
    emit(x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_FAMILY_CREATED, TOPICS(id("fam"), acc(1)),
         NO_WORDS);
    emit(x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_FAMILY_PARAMS_SET,
         TOPICS(id("fam"), acc(50)), WORDS(n256(2), acc(1)));
    emit(x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_VERSION_REGISTERED,
         TOPICS(id("v0"), id("fam"), n256(0)), WORDS(n256(0), id("file0"), id("root0")));
    emit(x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_VERSION_STATUS, TOPICS(id("v0")),
         WORDS(n256(VIEW_VERSION_APPROVED), acc(1)));
    end_block(x);
}

static void commit(struct fixture *x, uint8_t i, uint64_t index)
{
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_COMMITTED, TOPICS(n256(1), acc(i)),
         WORDS(id("digest"), n256(index)));
}

static void reveal(struct fixture *x, uint8_t i, const char *root)
{
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_REVEALED, TOPICS(n256(1), acc(i), id(root)),
         WORDS(n256(10u + i), id("manifest")));
}

static void prove(struct fixture *x, uint8_t i, uint64_t status, uint64_t reward)
{
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN, TOPICS(n256(1), acc(i), id("v1")),
         WORDS(id("digest"), n256(i), n256(status), n256(100u + i), n256(reward)));
}

/// Round 1: members 1 to 6 commit, 2 commits again (and so moves to the end), 6 does not reveal,
/// 5 is refused at reveal, 4 reveals what 3 revealed, the policy leaves 2 out.
static void run_round(struct fixture *x)
{
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_ROUND_STATE, TOPICS(n256(1), n256(VIEW_ROUND_OPEN)),
         NO_WORDS);
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_ROUND_OPENED, TOPICS(n256(1), id("fam"), id("v0")),
         WORDS(acc(50), n256(7777)));
    for (uint8_t i = 1; i <= 6; i++) commit(x, i, i - 1u);
    end_block(x);
    commit(x, 2, 6);
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_RECOMMITTED, TOPICS(n256(1), acc(2)),
         WORDS(n256(1), n256(6)));
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_SEED_DRAWN, TOPICS(n256(1), n256(1)),
         WORDS(id("seed"), n256(42)));
    for (uint8_t i = 1; i <= 5; i++)
        reveal(x, i, i == 4 ? "upd3" : (char[]){'u', 'p', 'd', (char)('0' + i), 0});
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_REFUSED, TOPICS(n256(1), acc(5)), WORDS(n256(6)));
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_NO_REVEAL, TOPICS(n256(1), acc(6)), WORDS(n256(55)));
    end_block(x);
    // Positions by index: 1, 3, 4, 5, 6, 2. Accepted: 1 and 3.
    emit(
        x, FED_ROUNDS, FED_TOPIC_ROUNDS_SELECTED, TOPICS(n256(1)),
        WORDS(n256(3), n256(64), n256(6), n256(11), n256(13), n256(0), n256(0), n256(0), n256(12)));
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_ROUND_STATE, TOPICS(n256(1), n256(VIEW_ROUND_AGGREGATE)),
         NO_WORDS);
    end_block(x);
}

static void finish_round(struct fixture *x)
{
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_AGGREGATED, TOPICS(n256(1), acc(9), id("agg")),
         WORDS(id("file1"), n256(33)));
    emit(x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_VERSION_REGISTERED,
         TOPICS(id("v1"), id("fam"), n256(1)), WORDS(n256(1), id("file1"), id("root1")));
    emit(x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_LINEAGE_EDGE, TOPICS(id("v0"), id("v1")),
         NO_WORDS);
    emit(x, FED_REWARDS, FED_TOPIC_REWARDS_SETTLED, TOPICS(n256(1)), WORDS(n256(1000), n256(3)));
    prove(x, 1, VIEW_STATUS_ACCEPTED, 300);
    prove(x, 3, VIEW_STATUS_ACCEPTED, 400);
    prove(x, 4, VIEW_STATUS_DUPLICATE, 0);
    prove(x, 5, VIEW_STATUS_REFUSED, 0);
    prove(x, 6, VIEW_STATUS_NO_REVEAL, 0);
    prove(x, 2, VIEW_STATUS_REFUSED, 0);
    emit(x, FED_ROUNDS, FED_TOPIC_ROUNDS_ROUND_STATE, TOPICS(n256(1), n256(VIEW_ROUND_FINALISED)),
         NO_WORDS);
    end_block(x);
    emit(x, FED_REWARDS, FED_TOPIC_REWARDS_CLAIMED, TOPICS(n256(1), acc(3)), WORDS(n256(400)));
    emit(x, FED_REWARDS, FED_TOPIC_REWARDS_CLAIMED, TOPICS(n256(1), acc(9)), WORDS(n256(70)));
    end_block(x);
}

static void expect_round(struct fixture *x)
{
    static const struct {
        uint8_t who;
        uint8_t status;
        uint8_t refusal;
        uint64_t score;
        uint64_t reward;
        uint64_t claimed;
    } want[] = {
        {1, VIEW_STATUS_ACCEPTED, 0, 101, 300, 0}, {3, VIEW_STATUS_ACCEPTED, 0, 103, 400, 400},
        {4, VIEW_STATUS_DUPLICATE, 0, 104, 0, 0},  {5, VIEW_STATUS_REFUSED, 6, 105, 0, 0},
        {6, VIEW_STATUS_NO_REVEAL, 0, 106, 0, 0},  {2, VIEW_STATUS_REFUSED, 8, 102, 0, 0}};
    struct view_participant *p;
    size_t count;
    cr_assert(err_ok(views_participants(&x->now, &x->arena, &p, &count, 1)));
    cr_assert_eq(count, ARRAY_LEN(want));
    for (size_t i = 0; i < count; i++) {
        const address_t a = who(want[i].who);
        cr_expect(address_eq(&p[i].who, &a), "position %zu", i);
        cr_expect_eq(p[i].status, want[i].status, "position %zu", i);
        cr_expect_eq(p[i].refusal, want[i].refusal, "position %zu", i);
        cr_expect_eq(p[i].score.limb[0], want[i].score);
        cr_expect_eq(p[i].reward.limb[0], want[i].reward);
        cr_expect_eq(p[i].claimed.limb[0], want[i].claimed);
        cr_expect_eq(p[i].commits, want[i].who == 2 ? 2 : 1);
        cr_expect_eq(p[i].has_reveal, want[i].who != 6);
        cr_expect_eq(p[i].slashed.limb[0], want[i].who == 6 ? 55 : 0);
    }
    struct view_round r;
    const hash_t fam = id("fam");
    const hash_t v1 = id("v1");
    cr_assert(err_ok(views_round(&x->now, &r, 1)));
    cr_expect(hash_eq(&r.family, &fam) && hash_eq(&r.result_version, &v1));
    cr_expect_eq(r.state, VIEW_ROUND_FINALISED);
    cr_expect_eq(r.commit_deadline_s, 7777);
    cr_expect_eq(r.participants, 6);
    cr_expect_eq(r.revealed, 5);
    cr_expect(r.has_seed && r.seed_from_block == 42 && r.has_selection && r.accepted == 3);
    cr_expect(r.has_aggregate && r.total_weight == 33 && r.settled && r.pool.limb[0] == 1000);
    cr_expect_eq(r.opened.block, 1);
    cr_expect_eq(r.opened.log_index, 1);
    u256_t *scores;
    cr_assert(err_ok(views_scores(&x->now, &x->arena, &scores, &count, 1)));
    cr_assert_eq(count, 6);
    cr_expect_eq(scores[5].limb[0], 12);
    struct view_claim *claims;
    cr_assert(err_ok(views_claims(&x->now, &x->arena, &claims, &count, 1)));
    cr_assert_eq(count, 2);
    cr_expect_eq(claims[1].amount.limb[0], 70);
    struct views_page page = {.limit = 10};
    bytes_t next;
    const address_t a = who(4);
    cr_assert(err_ok(views_rounds_with(&x->now, &x->arena, &page, &a, &p, &count, &next)));
    cr_expect(count == 1 && p[0].round == 1 && next.len == 0);
    cr_expect_eq(views_round(&x->now, &r, 2).kind, ERR_NOT_FOUND);
    cr_expect_eq(views_participant(&x->now, p, 1, &(address_t){{9}}).kind, ERR_NOT_FOUND);
}

/// Goal: a round's events give each participant's fate, the round's and the claims.
Test(views, round)
{
    struct fixture x;
    setup(&x);
    open_family(&x);
    run_round(&x);

    // Before the proof, selection alone tells most of it.
    struct view_participant p;
    const address_t two = who(2);
    const address_t four = who(4);
    cr_assert(err_ok(views_participant(&x.now, &p, 1, &two)));
    cr_expect(p.status == VIEW_STATUS_REFUSED && p.refusal == 8 && !p.proven);
    cr_assert(err_ok(views_participant(&x.now, &p, 1, &four)));
    cr_expect(p.status == VIEW_STATUS_DUPLICATE && !p.proven);

    finish_round(&x);
    expect_round(&x);
    teardown(&x);
}

/// Goal: versions are found by id, prefix and file; lineage goes up and down; channels and
/// revocation follow.
Test(views, versions)
{
    struct fixture x;
    struct view_version v;
    struct view_version *list;
    size_t count;
    setup(&x);
    open_family(&x);
    run_round(&x);
    finish_round(&x);
    // v0 -> v1 -> v2 -> v4, v0 -> v3 -> v4; v3 is revoked.
    static const struct {
        const char *name;
        const char *parents[2];
    } more[] = {{"v2", {"v1", NULL}}, {"v3", {"v0", NULL}}, {"v4", {"v2", "v3"}}};
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_VERSION_REGISTERED,
             TOPICS(id(more[i].name), id("fam"), n256(0)),
             WORDS(n256(2), id(i == 0 ? "file1" : more[i].name), id("root")));
        for (size_t k = 0; k < 2 && more[i].parents[k] != NULL; k++) {
            emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_LINEAGE_EDGE,
                 TOPICS(id(more[i].parents[k]), id(more[i].name)), NO_WORDS);
        }
    }
    emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_REVOKED, TOPICS(id("v3")),
         WORDS(n256(0), id("why")));
    emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_DEPLOYED,
         TOPICS(id("fam"), id("stable"), id("v1")), WORDS(n256(0)));
    emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_FAMILY_TRANSFERRED,
         TOPICS(id("fam"), acc(1), acc(7)), NO_WORDS);
    end_block(&x);

    const hash_t v1 = id("v1");
    const hash_t v4 = id("v4");
    const hash_t fam = id("fam");
    const hash_t file1 = id("file1");
    cr_assert(err_ok(views_version(&x.now, &v, &v1)));
    cr_expect(v.number == 1 && v.kind == 1 && v.round == 1 && v.state == VIEW_VERSION_CANDIDATE);
    for (size_t digits = 1; digits <= 64; digits++) {
        const err_t err = views_version_by_prefix(&x.now, &v, BYTES_OF(v1), digits);
        if (digits >= 6) cr_expect(err_ok(err) && hash_eq(&v.id, &v1), "%zu digits", digits);
    }
    hash_t wrong = v1;
    wrong.b[3] ^= 1; // the eighth digit
    cr_expect(err_ok(views_version_by_prefix(&x.now, &v, BYTES_OF(wrong), 7)));
    cr_expect_eq(views_version_by_prefix(&x.now, &v, BYTES_OF(wrong), 8).kind, ERR_NOT_FOUND);
    cr_expect_eq(views_version_by_prefix(&x.now, &v, BYTES_OF(v1), 0).kind, ERR_INVALID);
    cr_expect_eq(views_version_by_prefix(&x.now, &v, BYTES_OF(v1), 65).kind, ERR_INVALID);
    cr_assert(err_ok(views_versions_by_file(&x.now, &x.arena, &list, &count, &file1)));
    cr_expect_eq(count, 2);

    struct view_family f;
    const address_t seven = who(7);
    cr_assert(err_ok(views_family(&x.now, &f, &fam)));
    cr_expect(f.version_count == 5 && f.round_count == 1 && f.f == 2);
    cr_expect(address_eq(&f.owner, &seven));

    // Pages forwards and backwards see every version once.
    for (int backwards = 0; backwards < 2; backwards++) {
        struct views_page page = {.limit = 2, .newest_first = backwards == 1};
        uint32_t expected = backwards == 1 ? 4 : 0;
        size_t seen = 0;
        do {
            cr_assert(
                err_ok(views_versions(&x.now, &x.arena, &page, &fam, &list, &count, &page.after)));
            for (size_t i = 0; i < count; i++, seen++) {
                cr_expect_eq(list[i].number, expected);
                expected += backwards == 1 ? UINT32_MAX : 1;
            }
        } while (page.after.len > 0);
        cr_expect_eq(seen, 5);
    }
    bytes_t next;
    const struct views_page none = {.limit = 0};
    cr_expect_eq(views_versions(&x.now, &x.arena, &none, &fam, &list, &count, &next).kind,
                 ERR_INVALID);

    struct view_lineage l;
    cr_assert(err_ok(views_lineage(&x.now, &x.arena, &l, &v4, 16, true, false)));
    cr_expect(l.node_count == 5 && l.edge_count == 5 && !l.truncated);
    cr_assert(err_ok(views_lineage(&x.now, &x.arena, &l, &v4, 1, true, true)));
    cr_expect(l.node_count == 3 && l.edge_count == 2 && l.truncated);
    cr_assert(err_ok(views_lineage(&x.now, &x.arena, &l, &v1, 16, true, true)));
    cr_expect(l.node_count == 4 && l.edge_count == 3 && !l.truncated, "v3 is no relative of v1");
    hash_t *taint;
    const hash_t v3 = id("v3");
    cr_assert(err_ok(views_tainted_by(&x.now, &x.arena, &taint, &count, &v4)));
    cr_expect(count == 1 && hash_eq(&taint[0], &v3));
    cr_assert(err_ok(views_tainted_by(&x.now, &x.arena, &taint, &count, &v1)));
    cr_expect_eq(count, 0);

    struct view_channel *channels;
    cr_assert(err_ok(views_channels(&x.now, &x.arena, &channels, &count, &fam)));
    cr_expect(count == 1 && hash_eq(&channels[0].version, &v1));
    teardown(&x);
}

/// ProposalCreated with empty lists and the text "hi".
static void propose(struct fixture *x, const hash_t *proposal, uint8_t proposer)
{
    hash_t text = {{'h', 'i'}};
    emit(x, FED_CAIRN_GOVERNOR, FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CREATED, NULL, 0,
         WORDS(*proposal, acc(proposer), n256(288), n256(320), n256(352), n256(384), n256(5),
               n256(90), n256(416), n256(0), n256(0), n256(0), n256(0), n256(2), text));
}

static void vote(struct fixture *x, const hash_t *proposal, uint8_t i, uint64_t support)
{
    hash_t reason = {{'w', 'h', 'y'}};
    emit(x, FED_CAIRN_GOVERNOR, FED_TOPIC_CAIRN_GOVERNOR_VOTE_CAST, TOPICS(acc(i)),
         WORDS(*proposal, n256(support), n256(1000u * i), n256(128), n256(3), reason));
}

/// Goal: proposals count their votes and follow their states.
Test(views, dao)
{
    struct fixture x;
    setup(&x);
    const hash_t a = id("proposal a");
    const hash_t b = id("proposal b");
    propose(&x, &a, 1);
    propose(&x, &b, 2);
    emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
         TOPICS(acc(4), n256(0), acc(1)), NO_WORDS);
    emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
         TOPICS(acc(5), n256(0), acc(1)), NO_WORDS);
    end_block(&x);
    for (uint8_t i = 1; i <= 5; i++) vote(&x, &a, i, i % 3);
    emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
         TOPICS(acc(4), acc(1), acc(2)), NO_WORDS);
    end_block(&x);
    emit(&x, FED_CAIRN_GOVERNOR, FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXTENDED, TOPICS(a),
         WORDS(n256(120)));
    emit(&x, FED_CAIRN_GOVERNOR, FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_QUEUED, NULL, 0,
         WORDS(a, n256(5555)));
    emit(&x, FED_CAIRN_GOVERNOR, FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXECUTED, NULL, 0, WORDS(a));
    emit(&x, FED_CAIRN_GOVERNOR, FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CANCELED, NULL, 0, WORDS(b));
    end_block(&x);

    struct view_proposal p;
    struct view_proposal *list;
    struct view_vote *votes;
    size_t count;
    bytes_t next;
    const u256_t a256 = u256_from_hash(&a);
    const struct views_page page = {.limit = 3};
    cr_assert(err_ok(views_proposal(&x.now, &p, &a256)));
    cr_expect(p.vote_start == 5 && p.vote_end == 120 && p.queued && p.eta_s == 5555);
    cr_expect(p.executed && !p.canceled && p.voters == 5);
    cr_expect_eq(p.votes_against.limb[0], 3000);
    cr_expect_eq(p.votes_for.limb[0], 5000);
    cr_expect_eq(p.votes_abstain.limb[0], 7000);
    cr_expect_eq(p.created_data.len, 15 * 32);
    cr_assert(err_ok(views_proposals(&x.now, &x.arena, &page, &list, &count, &next)));
    cr_expect(count == 2 && list[1].canceled && next.len == 0);
    cr_assert(err_ok(views_proposal_by_prefix(&x.now, &p, BYTES_OF(b), 9)));
    cr_expect(p.canceled);
    cr_assert(err_ok(views_votes(&x.now, &x.arena, &page, &a256, &votes, &count, &next)));
    cr_assert(count == 3 && next.len > 0);
    const address_t first = who(1);
    cr_expect(address_eq(&votes[0].voter, &first) && bytes_eq(votes[0].reason, LIT("why")));
    address_t *from;
    const address_t five = who(5);
    cr_assert(err_ok(views_delegators(&x.now, &x.arena, &from, &count, &first)));
    cr_expect(count == 1 && address_eq(&from[0], &five));
    teardown(&x);
}

/// A list walked in pages of two, hashed. `GET(page, &items, &count, &next)` reads one.
#define HASH_PAGES(K, TYPE, GET)                                                                   \
    for (int back = 0; back < 2; back++) {                                                         \
        struct views_page page = {.limit = 2, .newest_first = back == 1};                          \
        do {                                                                                       \
            TYPE *items = NULL;                                                                    \
            size_t n = 0;                                                                          \
            cr_assert(err_ok(GET));                                                                \
            keccak_update(K, bytes_make(items, n * sizeof *items));                                \
            keccak_update(K, bytes_make(&n, sizeof n));                                            \
        } while (page.after.len > 0);                                                              \
    }

/// What the tables answer to many questions, hashed.
static hash_t answers(struct fixture *x, const struct views *v)
{
    struct keccak k;
    keccak_init(&k);
    struct arena *a = &x->arena;
    const hash_t fam = id("fam");
    const hash_t proposal = id("proposal a");
    const u256_t p256 = u256_from_hash(&proposal);
    HASH_PAGES(&k, struct view_family, views_families(v, a, &page, &items, &n, &page.after))
    HASH_PAGES(&k, struct view_version, views_versions(v, a, &page, &fam, &items, &n, &page.after))
    HASH_PAGES(&k, struct view_round, views_rounds(v, a, &page, NULL, &items, &n, &page.after))
    HASH_PAGES(&k, struct view_round, views_rounds(v, a, &page, &fam, &items, &n, &page.after))
    for (uint8_t i = 1; i <= 6; i++) {
        const address_t who_i = who(i);
        HASH_PAGES(&k, struct view_participant,
                   views_rounds_with(v, a, &page, &who_i, &items, &n, &page.after))
        address_t *from = NULL;
        size_t count = 0;
        cr_assert(err_ok(views_delegators(v, a, &from, &count, &who_i)));
        keccak_update(&k, bytes_make(from, count * sizeof *from));
    }
    struct view_participant *list = NULL;
    struct view_claim *claims = NULL;
    struct view_channel *channels = NULL;
    u256_t *scores = NULL;
    size_t count = 0;
    cr_assert(err_ok(views_participants(v, a, &list, &count, 1)));
    keccak_update(&k, bytes_make(list, count * sizeof *list));
    cr_assert(err_ok(views_claims(v, a, &claims, &count, 1)));
    keccak_update(&k, bytes_make(claims, count * sizeof *claims));
    cr_assert(err_ok(views_channels(v, a, &channels, &count, &fam)));
    keccak_update(&k, bytes_make(channels, count * sizeof *channels));
    cr_assert(err_ok(views_scores(v, a, &scores, &count, 1)));
    keccak_update(&k, bytes_make(scores, count * sizeof *scores));
    // Byte views in records are pointers: of these only the fixed parts are hashed.
    struct views_page all = {.limit = VIEWS_PAGE_MAX};
    struct view_event *events = NULL;
    struct view_vote *votes = NULL;
    bytes_t next;
    cr_assert(err_ok(views_events(v, a, &all, VIEW_OF_ALL, NULL, &events, &count, &next)));
    for (size_t i = 0; i < count; i++) keccak_update(&k, BYTES_OF(events[i].topics));
    cr_assert(err_ok(views_votes(v, a, &all, &p256, &votes, &count, &next)));
    for (size_t i = 0; i < count; i++) keccak_update(&k, BYTES_OF(votes[i].weight));
    struct view_proposal p = {.voters = 0};
    const err_t found = views_proposal(v, &p, &p256);
    cr_assert(err_ok(found) || found.kind == ERR_NOT_FOUND);
    p.created_data = BYTES_NONE;
    keccak_update(&k, BYTES_OF(p));
    struct view_version by_digits = {.number = 0};
    const hash_t v1 = id("v1");
    (void)views_version_by_prefix(v, &by_digits, BYTES_OF(v1), 9).kind;
    keccak_update(&k, BYTES_OF(by_digits));
    return keccak_final(&k);
}

/// Goal: what the tables answered when a block was the newest, they answer for it ever after.
Test(views, past_blocks)
{
    struct fixture x;
    hash_t then[16];
    setup(&x);
    const hash_t a = id("proposal a");
    for (size_t step = 0; x.number < 12; step++) {
        const uint64_t first = x.number;
        switch (step) {
        case 0:
            open_family(&x);
            break;
        case 1:
            run_round(&x);
            break;
        case 2:
            propose(&x, &a, 1);
            for (uint8_t i = 2; i <= 4; i++)
                emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
                     TOPICS(acc(i), n256(0), acc(1)), NO_WORDS);
            end_block(&x);
            break;
        case 3:
            finish_round(&x);
            break;
        case 4: // away and back within two blocks, and twice within one
            emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
                 TOPICS(acc(3), acc(1), acc(2)), NO_WORDS);
            vote(&x, &a, 1, 1);
            end_block(&x);
            break;
        case 5:
            emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
                 TOPICS(acc(3), acc(2), acc(1)), NO_WORDS);
            emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
                 TOPICS(acc(2), acc(1), acc(5)), NO_WORDS);
            emit(&x, FED_CAIRN_TOKEN, FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED,
                 TOPICS(acc(2), acc(5), acc(6)), NO_WORDS);
            vote(&x, &a, 2, 0);
            end_block(&x);
            break;
        default:
            emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_VERSION_REGISTERED,
                 TOPICS(n256(step), id("fam"), n256(0)), WORDS(n256(2), n256(step), id("root")));
            emit(&x, FED_MODEL_REGISTRY, FED_TOPIC_MODEL_REGISTRY_DEPLOYED,
                 TOPICS(id("fam"), id("stable"), n256(step)), WORDS(n256(step - 1)));
            end_block(&x);
        }
        // A step of several blocks is looked at only after its last.
        for (uint64_t n = first; n < x.number; n++) then[n] = (hash_t){{0}};
        then[x.number - 1] = answers(&x, &x.now);
    }
    size_t compared = 0;
    for (uint64_t n = 0; n < x.number; n++) {
        static const hash_t not_taken = {{0}};
        if (hash_eq(&then[n], &not_taken)) continue;
        const struct views at = {x.txn, n};
        const hash_t now = answers(&x, &at);
        cr_expect(hash_eq(&now, &then[n]), "block %d", (int)n);
        compared++;
        cr_expect(n == 0 || !hash_eq(&then[n], &then[0]), "block %d differs from the first",
                  (int)n);
    }
    cr_expect_eq(compared, 9);
    teardown(&x);
}

/// Everything in the derived tables, hashed.
static hash_t digest(const struct db_txn *txn)
{
    struct keccak k;
    keccak_init(&k);
    static const unsigned tables[] = {DB_EVENTS, DB_VIEWS};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct db_cursor *c;
        bytes_t key;
        bytes_t value;
        cr_assert(err_ok(db_cursor_open(txn, tables[i], &c)));
        err_t err = db_cursor_first(c, &key, &value);
        for (; err_ok(err); err = db_cursor_next(c, &key, &value)) {
            keccak_update(&k, key);
            keccak_update(&k, value);
        }
        db_cursor_close(c);
    }
    return keccak_final(&k);
}

/// Goal: the journal has each event under each subject, in order; foreign and malformed logs
/// are left out; and rebuilding from blocks gives the same bytes.
Test(views, journal_and_rebuild)
{
    struct fixture x;
    struct view_event *events;
    size_t count;
    bytes_t next;
    setup(&x);
    open_family(&x);
    run_round(&x);
    finish_round(&x);
    // A stranger with our topic, our contract with too little data, and with too few topics.
    emit(&x, FED_ROUNDS, FED_TOPIC_ROUNDS_COMMITTED, TOPICS(n256(1), acc(1)),
         WORDS(n256(1), n256(1)));
    x.logs[0].address = who(99);
    emit(&x, FED_ROUNDS, FED_TOPIC_ROUNDS_COMMITTED, TOPICS(n256(1), acc(1)), WORDS(n256(1)));
    emit(&x, FED_ROUNDS, FED_TOPIC_ROUNDS_COMMITTED, TOPICS(n256(1)), WORDS(n256(1), n256(1)));
    emit(&x, FED_ROUNDS, FED_TOPIC_CAIRN_TOKEN_TRANSFER, TOPICS(acc(1), acc(1)), WORDS(n256(1)));
    end_block(&x);

    const struct views_page page = {.limit = VIEWS_PAGE_MAX};
    const hash_t round = view_id_of_round(1);
    cr_assert(err_ok(
        views_events(&x.now, &x.arena, &page, VIEW_OF_ROUND, &round, &events, &count, &next)));
    // 8 at opening; 2 + 1 + 5 + 2 later; 2 at selection; 10 at the end; 2 claims.
    cr_expect_eq(count, 8 + 10 + 2 + 10 + 2);
    for (size_t i = 1; i < count; i++) {
        cr_expect(events[i].at.block > events[i - 1].at.block ||
                  events[i].at.log_index > events[i - 1].at.log_index);
    }
    cr_expect_eq(events[0].event, FED_TOPIC_ROUNDS_ROUND_STATE);
    cr_expect_eq(events[count - 1].event, FED_TOPIC_REWARDS_CLAIMED);
    const u256_t amount = view_event_word(&events[count - 1], 0);
    cr_expect_eq(amount.limb[0], 70);
    const hash_t four = acc(4);
    cr_assert(err_ok(
        views_events(&x.now, &x.arena, &page, VIEW_OF_ACCOUNT, &four, &events, &count, &next)));
    cr_expect_eq(count, 3, "commit, reveal, proof");
    const hash_t v0 = id("v0");
    cr_assert(err_ok(
        views_events(&x.now, &x.arena, &page, VIEW_OF_VERSION, &v0, &events, &count, &next)));
    cr_expect_eq(count, 4, "registered, approved, base of a round, parent");

    const hash_t before = digest(x.txn);
    const err_t err = views_rebuild(x.txn, &x.arena);
    cr_assert(err_ok(err), "%s", err_text(err));
    const hash_t after = digest(x.txn);
    cr_expect(hash_eq(&before, &after));
    expect_round(&x);
    teardown(&x);
}

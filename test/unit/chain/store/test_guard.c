// SPDX-License-Identifier: Apache-2.0
#include "chain/store/guard.h"

#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const hash_t A = {{0xaa}};
static const hash_t B = {{0xbb}};

static struct guard_record at(uint64_t height, uint32_t round)
{
    return (struct guard_record){.height = height, .round = round};
}

static struct guard_record committed(uint64_t height, uint32_t round)
{
    struct guard_record r = at(height, round);
    r.prepare = (struct guard_sent){true, A};
    r.commit = (struct guard_sent){true, A};
    r.committed = true;
    r.committed_round = round;
    r.prepared = true;
    r.prepared_round = round;
    r.prepared_digest = A;
    r.prepared_block = LIT("the block");
    r.prepared_prepares = LIT("the prepares");
    return r;
}

/// The RoundChange to `round` after `committed`.
static struct guard_record changed(uint32_t round)
{
    struct guard_record r = committed(7, 1);
    r.round = round;
    r.prepare.sent = false;
    r.commit.sent = false;
    r.round_change_sent = true;
    r.round_change_prepared = true;
    r.round_change_prepared_round = 1;
    r.round_change_prepared_digest = A;
    return r;
}

/// Goal: every rule of threat model 4.3 has a row that breaks only it.
Test(guard, rules)
{
    struct guard_record prepared_a = at(7, 1);
    prepared_a.prepare = (struct guard_sent){true, A};
    struct guard_record prepared_b = at(7, 1);
    prepared_b.prepare = (struct guard_sent){true, B};
    struct guard_record proposed_a = at(7, 1);
    proposed_a.proposal = (struct guard_sent){true, A};
    struct guard_record proposed_b = at(7, 1);
    proposed_b.proposal = (struct guard_sent){true, B};
    struct guard_record commit_b = committed(7, 1);
    commit_b.commit.digest = B;
    commit_b.prepared_digest = B;
    struct guard_record no_certificate = committed(7, 1);
    no_certificate.prepared = false;
    struct guard_record other_certificate = committed(7, 1);
    other_certificate.prepared_digest = B;
    struct guard_record no_block = committed(7, 1);
    no_block.prepared_block = BYTES_NONE;
    struct guard_record forgets = changed(2);
    forgets.round_change_prepared = false;
    struct guard_record forgets_commit = changed(2);
    forgets_commit.committed = false;
    struct guard_record forgets_certificate = at(7, 2);
    struct guard_record second_change = changed(2);
    second_change.round_change_prepared_digest = B;
    struct guard_record change_unsaid = changed(2);
    change_unsaid.round_change_sent = false;
    struct guard_record prepares_later = changed(2);
    prepares_later.prepare = (struct guard_sent){true, B};
    struct guard_record commits_later = committed(7, 2);
    commits_later.prepare.digest = B;
    commits_later.commit.digest = B;
    commits_later.prepared_digest = B;
    commits_later.round_change_sent = true;
    commits_later.round_change_prepared = true;
    commits_later.round_change_prepared_round = 1;
    commits_later.round_change_prepared_digest = A;

    const struct {
        const char *name;
        struct guard_record old;
        struct guard_record next;
        bool allowed;
    } cases[] = {
        {"first record", at(0, 0), at(7, 0), true},
        {"next height", committed(7, 1), at(8, 0), true},
        {"earlier height", at(8, 0), at(7, 3), false},
        {"later round", at(7, 0), at(7, 1), true},
        {"earlier round", at(7, 1), at(7, 0), false},
        {"height 0", at(0, 0), at(0, 1), false},
        {"prepare", at(7, 1), prepared_a, true},
        {"the same prepare again", prepared_a, prepared_a, true},
        {"another prepare", prepared_a, prepared_b, false},
        {"a prepare taken back", prepared_a, at(7, 1), false},
        {"another proposal", proposed_a, proposed_b, false},
        {"commit after prepare", prepared_a, committed(7, 1), true},
        {"the same commit again", committed(7, 1), committed(7, 1), true},
        {"another commit", committed(7, 1), commit_b, false},
        {"commit after preparing another", prepared_b, committed(7, 1), false},
        {"commit without certificate", prepared_a, no_certificate, false},
        {"commit with another certificate", prepared_a, other_certificate, false},
        {"certificate without block", prepared_a, no_block, false},
        {"round change after commit", committed(7, 1), changed(2), true},
        {"round change that skips rounds", committed(7, 1), changed(5), true},
        {"round change that forgets the commit", committed(7, 1), forgets, false},
        {"commit forgotten", committed(7, 1), forgets_commit, false},
        {"certificate forgotten", committed(7, 1), forgets_certificate, false},
        {"another round change", changed(2), second_change, false},
        {"a round change taken back", changed(2), change_unsaid, false},
        {"prepare after round change", changed(2), prepares_later, true},
        {"commit of another block in a later round", changed(2), commits_later, true},
        {"and back", commits_later, changed(2), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const err_t err = guard_may_follow(&cases[i].old, &cases[i].next);
        cr_expect_eq(err_ok(err), cases[i].allowed, "%s: %s", cases[i].name, err_text(err));
        if (!cases[i].allowed) cr_expect_eq(err.kind, ERR_INVALID, "%s", cases[i].name);
    }
}

static void expect_same(const struct guard_record *a, const struct guard_record *b)
{
    cr_expect_eq(a->height, b->height);
    cr_expect_eq(a->round, b->round);
    cr_expect_eq(a->commit.sent, b->commit.sent);
    cr_expect(hash_eq(&a->commit.digest, &b->commit.digest));
    cr_expect_eq(a->prepare.sent, b->prepare.sent);
    cr_expect_eq(a->proposal.sent, b->proposal.sent);
    cr_expect_eq(a->round_change_sent, b->round_change_sent);
    cr_expect_eq(a->round_change_prepared_round, b->round_change_prepared_round);
    cr_expect_eq(a->committed, b->committed);
    cr_expect_eq(a->committed_round, b->committed_round);
    cr_expect_eq(a->prepared_round, b->prepared_round);
    cr_expect(hash_eq(&a->prepared_digest, &b->prepared_digest));
    cr_expect(bytes_eq(a->prepared_block, b->prepared_block));
    cr_expect(bytes_eq(a->prepared_prepares, b->prepared_prepares));
    cr_expect(bytes_eq(a->proposal_block, b->proposal_block));
}

/// Goal: what is saved is loaded after reopening; a contradiction leaves the record as it was;
/// a missing, foreign, silent or used guard is told apart.
Test(guard, keeps)
{
    const struct temp_dir dir = temp_dir_make();
    char path[300];
    snprintf(path, sizeof path, "%s/guard", dir.path);
    const address_t node = {{1}};
    const address_t other = {{2}};
    struct arena arena;
    struct guard *g;
    struct guard *second;
    struct guard_record r;
    cr_assert(err_ok(arena_init(&arena, 1 << 20)));

    cr_expect_eq(guard_open(&g, path, &node).kind, ERR_NOT_FOUND);
    cr_assert(err_ok(guard_create(path, &node, 5)));
    cr_expect_eq(guard_create(path, &node, 5).kind, ERR_BUSY);
    cr_expect_eq(guard_open(&g, path, &other).kind, ERR_MISMATCH);
    cr_assert(err_ok(guard_open(&g, path, &node)));
    cr_expect_eq(guard_open(&second, path, &node).kind, ERR_BUSY);
    cr_expect_eq(guard_silent_through(g), 5);
    cr_assert(err_ok(guard_load(g, &r, &arena)));
    cr_expect_eq(r.height, 0);

    struct guard_record quiet = at(5, 0);
    cr_expect_eq(guard_save(g, &quiet).kind, ERR_INVALID, "silent through height 5");
    const struct guard_record first = committed(7, 1);
    cr_assert(err_ok(guard_save(g, &first)));
    struct guard_record wrong = committed(7, 1);
    wrong.commit.digest = B;
    wrong.prepared_digest = B;
    cr_expect_eq(guard_save(g, &wrong).kind, ERR_INVALID);
    guard_close(g);

    cr_assert(err_ok(guard_open(&g, path, &node)));
    cr_assert(err_ok(guard_load(g, &r, &arena)));
    expect_same(&r, &first);
    struct guard_record next = changed(3);
    next.proposal_block = LIT("ours");
    next.proposal = (struct guard_sent){true, B};
    cr_assert(err_ok(guard_save(g, &next)));
    cr_assert(err_ok(guard_load(g, &r, &arena)));
    expect_same(&r, &next);
    const struct guard_record fresh = at(8, 0);
    cr_assert(err_ok(guard_save(g, &fresh)));
    cr_assert(err_ok(guard_load(g, &r, &arena)));
    expect_same(&r, &fresh);
    guard_close(g);
    arena_deinit(&arena);
    temp_dir_remove(&dir);
}

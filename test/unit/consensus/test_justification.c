// SPDX-License-Identifier: Apache-2.0
/// Goal: every rule of the fact sheet 5.5 and 5.6 has a row that breaks only it.

#include <criterion/criterion.h>

#include "consensus/qbft/justification.h"
#include "test/support/vectors.h"
#include "test/unit/consensus/qbft_net.h"

#define HEIGHT 5U

static struct qbft_net net; // four validators; the proposer of round r is number r
static struct arena arena;
static const hash_t PARENT = {{9}};

/// The parts of a proposal or round change, each to be broken.
struct parts {
    struct qbft_message m;
    struct qbft_payload changes[6];
    struct qbft_payload prepares[6];
};

static struct qbft_block block_of(size_t proposer, uint32_t round, uint64_t tag)
{
    struct qbft_block b;
    const bytes_t raw = qbft_net_block(&net, &arena, proposer, HEIGHT, &PARENT, round, 100, tag);
    cr_assert(err_ok(qbft_block_decode(&b, &arena, raw)));
    return b;
}

static hash_t digest_of(const struct qbft_block *b, uint32_t round)
{
    hash_t d;
    cr_assert(err_ok(qbft_digest(&d, &b->header, round, QBFT_WIRE_BESU26)));
    return d;
}

static struct qbft_payload payload(enum qbft_code code, size_t author, uint32_t round)
{
    return (struct qbft_payload){
        .code = code, .sequence = HEIGHT, .round = round, .author = net.validators[author]};
}

/// A proposal for round 0.
static void first_round(struct parts *p)
{
    memset(p, 0, sizeof *p);
    p->m = (struct qbft_message){.main = payload(QBFT_PROPOSAL, 0, 0),
                                 .has_block = true,
                                 .block = block_of(0, 0, 1),
                                 .round_changes = p->changes,
                                 .prepares = p->prepares};
}

/// A proposal for round 3 by validator 3; nobody prepared.
static void fresh_round(struct parts *p)
{
    first_round(p);
    p->m.main = payload(QBFT_PROPOSAL, 3, 3);
    p->m.block = block_of(3, 3, 2);
    for (size_t i = 0; i < 3; i++) p->changes[i] = payload(QBFT_ROUND_CHANGE, i, 3);
    p->m.round_change_count = 3;
}

/// A proposal for round 3 of the block that validator 0 built and a quorum prepared in round 1.
static void again_round(struct parts *p)
{
    fresh_round(p);
    p->m.block = block_of(0, 3, 1);
    const hash_t d = digest_of(&p->m.block, 1);
    p->changes[1].has_prepared = true;
    p->changes[1].prepared_round = 1;
    p->changes[1].digest = d;
    for (size_t i = 0; i < 3; i++) {
        p->prepares[i] = payload(QBFT_PREPARE, i, 1);
        p->prepares[i].digest = d;
    }
    p->m.prepare_count = 3;
}

/// A round change to 3 with what was prepared in round 1.
static void round_change(struct parts *p)
{
    again_round(p);
    p->m.main = payload(QBFT_ROUND_CHANGE, 2, 3);
    p->m.main.has_prepared = true;
    p->m.main.prepared_round = 1;
    p->m.block = block_of(0, 1, 1);
    p->m.main.digest = digest_of(&p->m.block, 1);
    p->m.round_change_count = 0;
}

enum base { FIRST, FRESH, AGAIN, CHANGE };

static void nothing(struct parts *p)
{
    (void)p;
}
static void other_author(struct parts *p)
{
    p->m.main.author = net.validators[2];
}
static void other_height(struct parts *p)
{
    p->m.main.sequence++;
}
static void block_height(struct parts *p)
{
    p->m.block.header.number++;
}
static void round_in_block(struct parts *p)
{
    p->m.block.extra.round++;
}
static void sealed(struct parts *p)
{
    p->m.block.extra.seal_count = 1;
}
static void coinbase(struct parts *p)
{
    p->m.block.header.coinbase = net.validators[1];
}
static void needless_change(struct parts *p)
{
    p->m.round_change_count = 1;
}
static void needless_prepare(struct parts *p)
{
    p->m.prepare_count = 1;
}
static void one_change_less(struct parts *p)
{
    p->m.round_change_count--;
}
static void same_author_twice(struct parts *p)
{
    p->changes[2].author = net.validators[0];
}
static void stranger_changes(struct parts *p)
{
    p->changes[2].author.b[5] = 1;
}
static void change_height(struct parts *p)
{
    p->changes[0].sequence--;
}
static void change_round(struct parts *p)
{
    p->changes[0].round++;
}
static void too_high(struct parts *p)
{
    p->m.main.round = QBFT_MAX_ROUND + 1;
}
static void prepared_late(struct parts *p)
{
    p->changes[1].prepared_round = 3;
}
static void prepared_digest(struct parts *p)
{
    p->changes[1].digest.b[0] ^= 1;
}
static void one_prepare_less(struct parts *p)
{
    p->m.prepare_count--;
}
static void prepare_twice(struct parts *p)
{
    p->prepares[1].author = net.validators[0];
}
static void stranger_prepares(struct parts *p)
{
    p->prepares[1].author.b[5] = 1;
}
static void prepare_round(struct parts *p)
{
    p->prepares[1].round = 2;
}
static void prepare_height(struct parts *p)
{
    p->prepares[1].sequence--;
}
static void prepare_digest(struct parts *p)
{
    p->prepares[1].digest.b[0] ^= 1;
}
static void lower_lock(struct parts *p)
{
    // Somebody prepared another block in round 2: that one rules.
    p->changes[2].has_prepared = true;
    p->changes[2].prepared_round = 2;
    p->changes[2].digest.b[0] = 1;
}
static void two_in_one_round(struct parts *p)
{
    p->changes[2] = p->changes[1];
    p->changes[2].author = net.validators[2];
    p->changes[2].digest.b[0] ^= 1;
}
static void two_in_a_lower_round(struct parts *p)
{
    p->changes[0].has_prepared = p->changes[2].has_prepared = true;
    p->changes[0].digest.b[0] = 1;
    p->changes[2].digest.b[0] = 2;
}
static void no_block(struct parts *p)
{
    p->m.has_block = false;
}
static void no_claim(struct parts *p)
{
    p->m.main.has_prepared = false;
    p->m.has_block = false;
}
static void nothing_prepared(struct parts *p)
{
    no_claim(p);
    p->m.prepare_count = 0;
}
static void to_round_0(struct parts *p)
{
    p->m.main.round = 0;
}
static void to_own_round(struct parts *p)
{
    p->m.main.round = 1;
}
static void claimed_digest(struct parts *p)
{
    p->m.main.digest.b[0] ^= 1;
}
static void other_builder(struct parts *p)
{
    p->m.block = block_of(2, 3, 1);
}
static void fourth_change(struct parts *p)
{
    p->changes[3] = payload(QBFT_ROUND_CHANGE, 3, 3);
    p->m.round_change_count = 4;
}

static const struct {
    const char *name;
    enum base base;
    void (*break_it)(struct parts *);
    bool valid;
} cases[] = {
    {"round 0", FIRST, nothing, true},
    {"not the proposer", FIRST, other_author, false},
    {"another height", FIRST, other_height, false},
    {"a block of another height", FIRST, block_height, false},
    {"another round inside the block", FIRST, round_in_block, false},
    {"a block with seals", FIRST, sealed, false},
    {"coinbase is somebody else", FIRST, coinbase, false},
    {"round changes in round 0", FIRST, needless_change, false},
    {"prepares in round 0", FIRST, needless_prepare, false},
    {"nobody prepared", FRESH, nothing, true},
    {"more than a quorum", FRESH, fourth_change, true},
    {"not the proposer of round 3", FRESH, other_author, false},
    {"another round inside the block, 3", FRESH, round_in_block, false},
    {"coinbase, nobody prepared", FRESH, coinbase, false},
    {"too few round changes", FRESH, one_change_less, false},
    {"two round changes by one", FRESH, same_author_twice, false},
    {"a round change by a stranger", FRESH, stranger_changes, false},
    {"a round change of another height", FRESH, change_height, false},
    {"a round change to another round", FRESH, change_round, false},
    {"round 1001", FRESH, too_high, false},
    {"prepares, but nobody prepared", FRESH, needless_prepare, false},
    {"prepared in round 1", AGAIN, nothing, true},
    {"prepared in the target round", AGAIN, prepared_late, false},
    {"not the prepared block", AGAIN, prepared_digest, false},
    {"another block than was prepared", AGAIN, other_builder, false},
    {"too few prepares", AGAIN, one_prepare_less, false},
    {"two prepares by one", AGAIN, prepare_twice, false},
    {"a prepare by a stranger", AGAIN, stranger_prepares, false},
    {"a prepare of another round", AGAIN, prepare_round, false},
    {"a prepare of another height", AGAIN, prepare_height, false},
    {"a prepare for another block", AGAIN, prepare_digest, false},
    {"a lower lock than the highest", AGAIN, lower_lock, false},
    {"two blocks prepared in one round", AGAIN, two_in_one_round, false},
    {"two blocks prepared in a lower round", AGAIN, two_in_a_lower_round, false},
    {"a certificate", CHANGE, nothing, true},
    {"nothing prepared", CHANGE, nothing_prepared, true},
    {"another height than ours", CHANGE, other_height, false},
    {"to round 0", CHANGE, to_round_0, false},
    {"to the prepared round", CHANGE, to_own_round, false},
    {"to round 1001", CHANGE, too_high, false},
    {"a claim without a block", CHANGE, no_block, false},
    {"prepares without a claim", CHANGE, no_claim, false},
    {"a claim without prepares", CHANGE, needless_prepare, false},
    {"a digest that is not the block's", CHANGE, claimed_digest, false},
    {"a block of another height, prepared", CHANGE, block_height, false},
    {"another round in the prepared block", CHANGE, round_in_block, false},
    {"one prepare too few", CHANGE, one_prepare_less, false},
    {"one author twice in a certificate", CHANGE, prepare_twice, false},
};

Test(justification, each_rule)
{
    arena = vectors_arena((size_t)16 * 1024 * 1024);
    qbft_net_init(&net, 4, QBFT_WIRE_BESU26, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct parts p;
        switch (cases[i].base) {
        case FIRST:
            first_round(&p);
            break;
        case FRESH:
            fresh_round(&p);
            break;
        case AGAIN:
            again_round(&p);
            break;
        case CHANGE:
            round_change(&p);
            break;
        }
        cases[i].break_it(&p);
        const struct qbft_rules rules = {.height = HEIGHT,
                                         .validators = net.validators,
                                         .validator_count = 4,
                                         .proposer =
                                             &net.validators[cases[i].base == FIRST ? 0 : 3],
                                         .wire = QBFT_WIRE_BESU26};
        const err_t err = cases[i].base == CHANGE ? qbft_round_change_justified(&rules, &p.m)
                                                  : qbft_proposal_justified(&rules, &p.m);
        cr_expect_eq(err_ok(err), cases[i].valid, "%s: %s", cases[i].name, err_text(err));
        if (!cases[i].valid) cr_expect_eq(err.kind, ERR_INVALID, "%s", cases[i].name);
    }
    qbft_net_deinit(&net);
    arena_deinit(&arena);
}

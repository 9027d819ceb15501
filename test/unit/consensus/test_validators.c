// SPDX-License-Identifier: Apache-2.0
/// Goal: the set after each block is what the votes in headers say (fact sheet 4.1).

#include <criterion/criterion.h>

#include "consensus/qbft/validators.h"
#include "test/support/vectors.h"

#define EPOCH 10

/// One block: who sealed it and whom it votes on ('+' or '-'; ' ' none). Addresses are letters.
struct vote_block {
    char coinbase;
    char sign;
    char recipient;
};

#define MUST(EXPR) cr_assert(err_ok(EXPR))

static address_t letter(char c)
{
    address_t a = {{0}};
    a.b[0] = (uint8_t)c;
    return a;
}

/// Rows whose name begins with GoQuorum are of a GoQuorum network.
static const struct {
    const char *name;
    const char *start;
    struct vote_block blocks[16];
    const char *end;
    enum err_kind kind;
} cases[] = {
    {"one of one is enough", "A", {{'A', '+', 'B'}}, "AB", ERR_NONE},
    {"one of two is not more than half", "AB", {{'A', '+', 'C'}}, "AB", ERR_NONE},
    {"two of two", "AB", {{'A', '+', 'C'}, {'B', '+', 'C'}}, "ABC", ERR_NONE},
    {"two of three", "ABC", {{'A', '-', 'C'}, {'B', '-', 'C'}}, "AB", ERR_NONE},
    {"the same voter twice counts once",
     "ABC",
     {{'A', '-', 'C'}, {'A', '-', 'C'}},
     "ABC",
     ERR_NONE},
    {"a changed mind", "ABC", {{'A', '-', 'C'}, {'A', '+', 'C'}, {'B', '-', 'C'}}, "ABC", ERR_NONE},
    {"sorted in", "AC", {{'A', '+', 'B'}, {'C', '+', 'B'}}, "ABC", ERR_NONE},
    {"votes about the added are cleared", "A", {{'A', '+', 'B'}, {'A', '-', 'B'}}, "AB", ERR_NONE},
    {"votes of the dropped are cleared",
     "ABC",
     {{'C', '+', 'D'}, {'A', '-', 'C'}, {'B', '-', 'C'}, {'A', '+', 'D'}},
     "AB",
     ERR_NONE},
    {"the threshold is of the set as it is then",
     "ABC",
     {{'A', '-', 'C'}, {'B', '-', 'C'}, {'A', '+', 'D'}, {'B', '+', 'D'}},
     "ABD",
     ERR_NONE},
    {"nobody left is refused", "A", {{'A', '-', 'A'}}, "A", ERR_NONE},
    {"an epoch forgets (besu#9870)",
     "ABC",
     {{'A', '-', 'C'},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0}, // block 10
      {'B', '-', 'C'}},
     "ABC",
     ERR_NONE},
    {"a vote in the epoch's block is none",
     "A",
     {{'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', '+', 'B'}}, // block 10
     "A",
     ERR_NONE},
    {"GoQuorum counts the vote in the epoch's block",
     "A",
     {{'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', ' ', 0},
      {'A', '+', 'B'}}, // block 10
     "AB",
     ERR_NONE},
    {"votes to keep a member clear the votes to drop him",
     "ABCD",
     {{'A', '-', 'D'},
      {'B', '+', 'D'},
      {'C', '+', 'D'},
      {'D', '+', 'D'},
      {'B', '-', 'D'},
      {'C', '-', 'D'}},
     "ABCD",
     ERR_NONE},
    {"GoQuorum does not count them",
     "ABCD",
     {{'A', '-', 'D'},
      {'B', '+', 'D'},
      {'C', '+', 'D'},
      {'D', '+', 'D'},
      {'B', '-', 'D'},
      {'C', '-', 'D'}},
     "ABC",
     ERR_NONE},
    {"an empty set", "", {{0}}, "", ERR_INVALID},
    {"not ascending", "BA", {{0}}, "", ERR_INVALID},
    {"one twice", "AA", {{0}}, "", ERR_INVALID},
};

Test(validators, votes)
{
    static struct qbft_tally t;
    struct arena a = vectors_arena((size_t)1024 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        address_t start[8];
        const size_t n = strlen(cases[i].start);
        for (size_t k = 0; k < n; k++) start[k] = letter(cases[i].start[k]);
        const struct extra_data checkpoint = {.validators = start, .validator_count = n};
        const struct chain_config config = {.qbft.epoch_length = EPOCH,
                                            .goquorum = strncmp(cases[i].name, "GoQuorum", 8) == 0};
        const err_t err = qbft_tally_init(&t, &a, &checkpoint, &config);
        cr_expect_eq(err.kind, cases[i].kind, "%s", cases[i].name);
        if (!err_ok(err)) continue;
        for (uint64_t b = 0; b < 16 && cases[i].blocks[b].coinbase != 0; b++) {
            const struct vote_block *v = &cases[i].blocks[b];
            const struct header h = {.number = b + 1, .coinbase = letter(v->coinbase)};
            const struct extra_data extra = {.vote = v->sign == '+'   ? QBFT_VOTE_ADD
                                                     : v->sign == '-' ? QBFT_VOTE_DROP
                                                                      : QBFT_VOTE_NONE,
                                             .vote_recipient = letter(v->recipient)};
            cr_assert(err_ok(qbft_tally_apply(&t, &h, &extra)), "%s", cases[i].name);
        }
        char end[16] = {0};
        for (size_t k = 0; k < t.validator_count; k++) end[k] = (char)t.validators[k].b[0];
        cr_expect_str_eq(end, cases[i].end, "%s", cases[i].name);
        arena_reset(&a);
    }
    arena_deinit(&a);
}

Test(validators, useful_votes)
{
    static struct qbft_tally t;
    struct arena a = vectors_arena((size_t)1024 * 1024);
    const address_t start[] = {letter('A'), letter('B')};
    const struct extra_data checkpoint = {.validators = start, .validator_count = 2};
    cr_assert(err_ok(
        qbft_tally_init(&t, &a, &checkpoint, &(struct chain_config){.qbft.epoch_length = EPOCH})));
    const address_t voter = letter('A');
    const address_t c = letter('C');
    const address_t b = letter('B');
    cr_expect(qbft_vote_is_useful(&t, &voter, &c, true));
    cr_expect(!qbft_vote_is_useful(&t, &voter, &c, false), "not a member");
    cr_expect(!qbft_vote_is_useful(&t, &voter, &b, true), "a member already");
    cr_expect(qbft_vote_is_useful(&t, &voter, &b, false));
    const struct header h = {.number = 1, .coinbase = voter};
    const struct extra_data extra = {.vote = QBFT_VOTE_ADD, .vote_recipient = c};
    cr_assert(err_ok(qbft_tally_apply(&t, &h, &extra)));
    cr_expect(!qbft_vote_is_useful(&t, &voter, &c, true), "cast already");
    arena_deinit(&a);
}

/// A transition names the set of a block: it replaces what votes made, the vote of the header before
/// it counts on top, and counting may begin there.
Test(validators, transitions)
{
    struct arena arena;
    MUST(arena_init(&arena, (size_t)64 * 1024 * 1024));
    const address_t one[] = {{{1}}};
    const address_t two[] = {{{2}}, {{3}}};
    const address_t three[] = {{{1}}, {{2}}, {{3}}};
    const struct qbft_transition all[] = {
        {.block = 0, .validators = one, .validator_count = 1},
        {.block = 5, .validators = two, .validator_count = 2},
        {.block = 8, .sets_contract = true, .has_validator_contract = true},
        {.block = 25, .sets_contract = true, .validators = three, .validator_count = 3},
    };
    const struct chain_config config = {
        .qbft = {.epoch_length = 10}, .transitions = all, .transition_count = ARRAY_LEN(all)};
    static const struct {
        uint64_t head, from;
        size_t count; ///< of the list to begin with; 0: the header's
    } rows[] = {{0, 0, 1},   {3, 0, 1},   {4, 4, 2},   {7, 4, 2},   {9, 4, 2},    {10, 10, 0},
                {23, 20, 0}, {24, 24, 3}, {29, 24, 3}, {30, 30, 0}, {100, 100, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const address_t *list;
        size_t count;
        cr_expect_eq(qbft_tally_checkpoint(&config, rows[i].head, &list, &count), rows[i].from,
                     "head %d", (int)rows[i].head);
        cr_expect_eq(count, rows[i].count, "head %d", (int)rows[i].head);
        cr_expect_eq(list == NULL, rows[i].count == 0, "head %d", (int)rows[i].head);
    }

    struct qbft_tally t;
    const struct extra_data first = {.validators = one, .validator_count = 1};
    MUST(qbft_tally_init(&t, &arena, &first, &config));
    const struct extra_data no_vote = {.validator_count = 0};
    struct header h = {.number = 3, .coinbase = one[0]};
    MUST(qbft_tally_follow(&t, &config, &h, &no_vote));
    cr_expect_eq(t.validator_count, 1);
    // Named for block 5; the vote in header 4 is one of the two that are needed now.
    const struct extra_data vote = {.vote = QBFT_VOTE_ADD, .vote_recipient = {{9}}};
    h = (struct header){.number = 4, .coinbase = two[0]};
    MUST(qbft_tally_follow(&t, &config, &h, &vote));
    cr_expect_eq(t.validator_count, 2);
    cr_expect_eq(t.vote_count, 1);
    h = (struct header){.number = 5, .coinbase = two[1]};
    MUST(qbft_tally_follow(&t, &config, &h, &vote));
    cr_expect_eq(t.validator_count, 3, "two of two voted alike");
    // In the contract's part a vote is none.
    h = (struct header){.number = 9, .coinbase = two[1]};
    MUST(qbft_tally_follow(&t, &config, &h, &vote));
    cr_expect_eq(t.vote_count, 0);
    h = (struct header){.number = 24, .coinbase = two[1]};
    MUST(qbft_tally_follow(&t, &config, &h, &no_vote));
    cr_expect(t.validator_count == 3 && address_eq(&t.validators[0], &three[0]));
    arena_deinit(&arena);
}

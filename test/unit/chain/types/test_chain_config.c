// SPDX-License-Identifier: Apache-2.0
#include "chain/types/chain_config.h"

#include <criterion/criterion.h>
#include <stdio.h>

/// Goal: every name comes back, in any letter case, and the aliases of test files too.
Test(chain_config, revision_names)
{
    enum revision rev;
    for (int i = 0; i < REV_COUNT; i++) {
        const char *name = revision_name((enum revision)i);
        cr_assert(err_ok(revision_parse(&rev, bytes_of_str(name))), "%s", name);
        cr_expect_eq((int)rev, i);
    }
    static const struct {
        const char *name;
        enum revision rev;
    } aliases[] = {{"cancun", REV_CANCUN},
                   {"Merge", REV_PARIS},
                   {"EIP150", REV_TANGERINE},
                   {"EIP158", REV_SPURIOUS},
                   {"ConstantinopleFix", REV_PETERSBURG}};
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        cr_assert(err_ok(revision_parse(&rev, bytes_of_str(aliases[i].name))), "%s",
                  aliases[i].name);
        cr_expect_eq(rev, aliases[i].rev, "%s", aliases[i].name);
    }
    cr_expect_eq(revision_parse(&rev, LIT("Osaka")).kind, ERR_NOT_FOUND);
    cr_expect_eq(revision_parse(&rev, LIT("Cancu")).kind, ERR_NOT_FOUND);
    cr_expect_eq(revision_parse(&rev, LIT("")).kind, ERR_NOT_FOUND);
}

/// Goal: the rules in force just before, at and after each start, by block and by time.
Test(chain_config, revision_at)
{
    struct chain_config c = {.chain_id = 1};
    for (int i = 0; i < REV_COUNT; i++) c.fork_block[i] = c.fork_time_s[i] = FORK_NEVER;
    c.fork_block[REV_FRONTIER] = 0;
    c.fork_block[REV_BERLIN] = 10;
    c.fork_block[REV_LONDON] = 20;
    c.fork_time_s[REV_SHANGHAI] = 1000;
    c.fork_time_s[REV_CANCUN] = 1000;
    static const struct {
        uint64_t number, time;
        enum revision rev;
    } rows[] = {
        {0, 0, REV_FRONTIER},   {9, 999, REV_FRONTIER},
        {10, 0, REV_BERLIN},    {19, 0, REV_BERLIN},
        {20, 999, REV_LONDON},  {20, 1000, REV_CANCUN},
        {21, 1001, REV_CANCUN}, {UINT64_MAX, UINT64_MAX, REV_CANCUN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(chain_revision(&c, rows[i].number, rows[i].time), rows[i].rev, "row %zu", i);
    }
}

/// Goal: a transition changes what it sets, from its block on, and a validator list counts
/// for exactly its block.
Test(chain_config, transitions)
{
    static const address_t validators[] = {{{1}}, {{2}}};
    static const struct qbft_transition list[] = {
        {.block = 5, .sets_period = true, .block_period_ms = 2000},
        {.block = 5, .sets_reward = true, .block_reward_wei = {{9, 0, 0, 0}}},
        {.block = 8,
         .sets_contract = true,
         .has_validator_contract = true,
         .validator_contract = {{7}}},
        {.block = 9, .sets_contract = true, .validators = validators, .validator_count = 2},
        {.block = 9, .sets_beneficiary = true, .has_beneficiary = true, .beneficiary = {{3}}},
        {.block = 12, .sets_beneficiary = true},
    };
    const struct chain_config c = {
        .qbft = {.block_period_ms = 1000, .request_timeout_ms = 4000},
        .transitions = list,
        .transition_count = ARRAY_LEN(list),
    };
    cr_expect_eq(chain_qbft_at(&c, 4).block_period_ms, 1000);
    cr_expect_eq(chain_qbft_at(&c, 5).block_period_ms, 2000);
    cr_expect_eq(chain_qbft_at(&c, 5).block_reward_wei.limb[0], 9);
    cr_expect_eq(chain_qbft_at(&c, 100).request_timeout_ms, 4000);
    cr_expect(!chain_qbft_at(&c, 7).has_validator_contract);
    cr_expect(chain_qbft_at(&c, 8).has_validator_contract);
    cr_expect(!chain_qbft_at(&c, 9).has_validator_contract);
    cr_expect(chain_qbft_at(&c, 11).has_beneficiary && !chain_qbft_at(&c, 12).has_beneficiary);
    size_t count;
    cr_expect_eq(chain_qbft_validators_at(&c, 9, &count), validators);
    cr_expect_eq(count, 2);
    cr_expect_null(chain_qbft_validators_at(&c, 8, &count));
    cr_expect_null(chain_qbft_validators_at(&c, 10, &count));
    cr_expect_eq(count, 0);
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/types/chain_config.h"

#include <string.h>
#include <strings.h>

enum revision chain_revision(const struct chain_config *config, uint64_t number,
                             uint64_t timestamp_s)
{
    for (int rev = REV_COUNT - 1; rev > REV_FRONTIER; rev--) {
        const uint64_t block = config->fork_block[rev];
        const uint64_t time = config->fork_time_s[rev];
        if ((block != FORK_NEVER && number >= block) ||
            (time != FORK_NEVER && timestamp_s >= time)) {
            return (enum revision)rev;
        }
    }
    return REV_FRONTIER;
}

static void apply(struct qbft_config *q, const struct qbft_transition *t)
{
    if (t->sets_period) {
        q->block_period_ms = t->block_period_ms;
        q->period_is_ms = t->period_is_ms;
    }
    if (t->sets_timeout) {
        q->request_timeout_ms = t->request_timeout_ms;
        if (q->max_request_timeout_ms < q->request_timeout_ms)
            q->max_request_timeout_ms = q->request_timeout_ms;
    }
    if (t->sets_empty_period) q->empty_block_period_ms = t->empty_block_period_ms;
    if (t->sets_reward) q->block_reward_wei = t->block_reward_wei;
    if (t->sets_beneficiary) {
        q->has_beneficiary = t->has_beneficiary;
        q->beneficiary = t->beneficiary;
    }
    if (t->sets_contract) {
        q->has_validator_contract = t->has_validator_contract;
        q->validator_contract = t->validator_contract;
    }
    if (t->sets_tx_gas_limit) q->per_tx_gas_limit = t->per_tx_gas_limit;
}

struct qbft_config chain_qbft_at(const struct chain_config *config, uint64_t number)
{
    struct qbft_config q = config->qbft;
    for (size_t i = 0; i < config->transition_count; i++) {
        if (config->transitions[i].block > number) break;
        apply(&q, &config->transitions[i]);
    }
    return q;
}

bool chain_gas_is_free(const struct chain_config *config, uint64_t number)
{
    if (!config->goquorum) return false;
    bool price = false;
    for (size_t i = 0; i < config->transition_count; i++) {
        const struct qbft_transition *t = &config->transitions[i];
        if (t->block > number) break;
        if (t->sets_gas_price) price = t->gas_price;
    }
    const uint64_t from = config->gas_price_block;
    return !price && (from == FORK_NEVER || number < from);
}

const address_t *chain_qbft_validators_at(const struct chain_config *config, uint64_t number,
                                          size_t *count)
{
    for (size_t i = config->transition_count; i-- > 0;) {
        const struct qbft_transition *t = &config->transitions[i];
        if (t->block != number || t->validators == NULL) continue;
        *count = t->validator_count;
        return t->validators;
    }
    *count = 0;
    return NULL;
}

static const char *const names[REV_COUNT] = {
    [REV_FRONTIER] = "Frontier",
    [REV_HOMESTEAD] = "Homestead",
    [REV_TANGERINE] = "TangerineWhistle",
    [REV_SPURIOUS] = "SpuriousDragon",
    [REV_BYZANTIUM] = "Byzantium",
    [REV_CONSTANTINOPLE] = "Constantinople",
    [REV_PETERSBURG] = "Petersburg",
    [REV_ISTANBUL] = "Istanbul",
    [REV_BERLIN] = "Berlin",
    [REV_LONDON] = "London",
    [REV_PARIS] = "Paris",
    [REV_SHANGHAI] = "Shanghai",
    [REV_CANCUN] = "Cancun",
    [REV_PRAGUE] = "Prague",
};

const char *revision_name(enum revision rev)
{
    check(rev < REV_COUNT);
    return names[rev];
}

/// What test files and other clients call them.
static const struct {
    const char *name;
    enum revision rev;
} aliases[] = {
    {"EIP150", REV_TANGERINE},  {"Tangerine", REV_TANGERINE},          {"EIP158", REV_SPURIOUS},
    {"Spurious", REV_SPURIOUS}, {"ConstantinopleFix", REV_PETERSBURG}, {"Merge", REV_PARIS},
};

static bool names_equal(const char *name, bytes_t text)
{
    return strlen(name) == text.len && strncasecmp(name, (const char *)text.data, text.len) == 0;
}

err_t revision_parse(enum revision *out, bytes_t name)
{
    for (int rev = 0; rev < REV_COUNT; rev++) {
        if (!names_equal(names[rev], name)) continue;
        *out = (enum revision)rev;
        return OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (!names_equal(aliases[i].name, name)) continue;
        *out = aliases[i].rev;
        return OK;
    }
    return FAIL(NOT_FOUND, "fork: no rule set of this name");
}

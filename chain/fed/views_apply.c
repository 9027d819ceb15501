// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/views_impl.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"

/// From logs to events and their journal. An event that does not have its form (another contract
/// at a system address, on a chain that is not ours) is passed over; it never stops a block.

// ---- what an event is about ---------------------------------------------------------------

/// Where an id stands: a topic, or a word of the data.
enum place { NOWHERE, TOPIC_1, TOPIC_2, TOPIC_3, WORD_0, WORD_1 };

struct rule {
    bool journal;    ///< kept in the journal
    unsigned topics; ///< it has, the first included
    unsigned words;  ///< of data, at least
    struct {
        enum view_subject subject;
        enum place place;
    } about[3];
};

// clang-format off
#define FAMILY(P) {VIEW_OF_FAMILY, P}
#define VERSION(P) {VIEW_OF_VERSION, P}
#define ROUND(P) {VIEW_OF_ROUND, P}
#define ACCOUNT(P) {VIEW_OF_ACCOUNT, P}
#define PROPOSAL(P) {VIEW_OF_PROPOSAL, P}

static const struct rule rules[FED_EVENTS] = {
    [FED_TOPIC_TIMELOCK_CONTROLLER_CALL_EXECUTED]        = {true, 3, 3, {{0}}},
    [FED_TOPIC_TIMELOCK_CONTROLLER_CALL_SCHEDULED]       = {true, 3, 5, {{0}}},
    [FED_TOPIC_TIMELOCK_CONTROLLER_CANCELLED]            = {true, 2, 0, {{0}}},
    [FED_TOPIC_TIMELOCK_CONTROLLER_MIN_DELAY_CHANGE]     = {true, 1, 2, {{0}}},
    [FED_TOPIC_TIMELOCK_CONTROLLER_ROLE_GRANTED]         = {true, 4, 0, {ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_TIMELOCK_CONTROLLER_ROLE_REVOKED]         = {true, 4, 0, {ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_CAIRN_TOKEN_DELEGATE_CHANGED]             = {true, 4, 0, {ACCOUNT(TOPIC_1), ACCOUNT(TOPIC_3)}},
    [FED_TOPIC_DIRECTORY_NAME_SET]                       = {true, 3, 1, {{0}}},
    [FED_TOPIC_DIRECTORY_NAME_STRUCK]                    = {true, 3, 0, {{0}}},
    [FED_TOPIC_REPUTATION_REPUTATION_CHANGED]            = {true, 3, 3, {ACCOUNT(TOPIC_1), ROUND(TOPIC_2)}},
    [FED_TOPIC_REPUTATION_SHIFT_SET]                     = {true, 2, 1, {{0}}},
    [FED_TOPIC_MEMBERS_AGGREGATOR_ADDED]                 = {true, 2, 0, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_MEMBERS_AGGREGATOR_REMOVED]               = {true, 2, 0, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_MEMBERS_MEMBER_ADDED]                     = {true, 2, 0, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_MEMBERS_MEMBER_REMOVED]                   = {true, 2, 0, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_MODEL_REGISTRY_DEPLOYED]                  = {true, 4, 1, {FAMILY(TOPIC_1), VERSION(TOPIC_3), VERSION(WORD_0)}},
    [FED_TOPIC_MODEL_REGISTRY_FAMILY_CREATED]            = {true, 3, 0, {FAMILY(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_MODEL_REGISTRY_FAMILY_PARAMS_SET]         = {true, 3, 2, {FAMILY(TOPIC_1)}},
    [FED_TOPIC_MODEL_REGISTRY_FAMILY_TRANSFERRED]        = {true, 4, 0, {FAMILY(TOPIC_1), ACCOUNT(TOPIC_2), ACCOUNT(TOPIC_3)}},
    [FED_TOPIC_MODEL_REGISTRY_LINEAGE_EDGE]              = {true, 3, 0, {VERSION(TOPIC_1), VERSION(TOPIC_2)}},
    [FED_TOPIC_MODEL_REGISTRY_POLICY_ALLOWED]            = {true, 2, 1, {{0}}},
    [FED_TOPIC_MODEL_REGISTRY_REVOKED]                   = {true, 2, 2, {VERSION(TOPIC_1)}},
    [FED_TOPIC_MODEL_REGISTRY_VERSION_REGISTERED]        = {true, 4, 3, {VERSION(TOPIC_1), FAMILY(TOPIC_2), ROUND(TOPIC_3)}},
    [FED_TOPIC_MODEL_REGISTRY_VERSION_STATUS]            = {true, 2, 2, {VERSION(TOPIC_1)}},
    [FED_TOPIC_REWARDS_ALLOWED]                          = {true, 3, 1, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_REWARDS_BONDED]                           = {true, 3, 1, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_REWARDS_CLAIMED]                          = {true, 3, 1, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_REWARDS_FUNDED]                           = {true, 3, 1, {FAMILY(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_REWARDS_MIN_BOND_SET]                     = {true, 2, 1, {{0}}},
    [FED_TOPIC_REWARDS_SETTLED]                          = {true, 2, 2, {ROUND(TOPIC_1)}},
    [FED_TOPIC_REWARDS_SLASHED]                          = {true, 3, 3, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_REWARDS_UNBONDING]                        = {true, 3, 2, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_REWARDS_WITHDRAWN]                        = {true, 3, 1, {ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_ROUNDS_AGGREGATED]                        = {true, 4, 2, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_ROUNDS_COMMITTED]                         = {true, 3, 2, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_ROUNDS_CONTRIBUTION_PROVEN]               = {true, 4, 5, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2), VERSION(TOPIC_3)}},
    [FED_TOPIC_ROUNDS_NO_REVEAL]                         = {true, 3, 1, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_ROUNDS_RECOMMITTED]                       = {true, 3, 2, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_ROUNDS_REFUSED]                           = {true, 3, 1, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_ROUNDS_REVEALED]                          = {true, 4, 2, {ROUND(TOPIC_1), ACCOUNT(TOPIC_2)}},
    [FED_TOPIC_ROUNDS_ROUND_FAILED]                      = {true, 2, 1, {ROUND(TOPIC_1)}},
    [FED_TOPIC_ROUNDS_ROUND_OPENED]                      = {true, 4, 2, {ROUND(TOPIC_1), FAMILY(TOPIC_2), VERSION(TOPIC_3)}},
    [FED_TOPIC_ROUNDS_ROUND_STATE]                       = {true, 3, 0, {ROUND(TOPIC_1)}},
    [FED_TOPIC_ROUNDS_SEED_DRAWN]                        = {true, 3, 2, {ROUND(TOPIC_1)}},
    [FED_TOPIC_ROUNDS_SEED_REARMED]                      = {true, 3, 1, {ROUND(TOPIC_1)}},
    [FED_TOPIC_ROUNDS_SELECTED]                          = {true, 2, 3, {ROUND(TOPIC_1)}},
    [FED_TOPIC_CAIRN_GOVERNOR_LATE_QUORUM_VOTE_EXTENSION_SET] = {true, 1, 2, {{0}}},
    [FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CANCELED]         = {true, 1, 1, {PROPOSAL(WORD_0)}},
    [FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_CREATED]          = {true, 1, 9, {PROPOSAL(WORD_0), ACCOUNT(WORD_1)}},
    [FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXECUTED]         = {true, 1, 1, {PROPOSAL(WORD_0)}},
    [FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_EXTENDED]         = {true, 2, 1, {PROPOSAL(TOPIC_1)}},
    [FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_QUEUED]           = {true, 1, 2, {PROPOSAL(WORD_0)}},
    [FED_TOPIC_CAIRN_GOVERNOR_PROPOSAL_THRESHOLD_SET]    = {true, 1, 2, {{0}}},
    [FED_TOPIC_CAIRN_GOVERNOR_QUORUM_NUMERATOR_UPDATED]  = {true, 1, 2, {{0}}},
    [FED_TOPIC_CAIRN_GOVERNOR_TIMELOCK_CHANGE]           = {true, 1, 2, {{0}}},
    [FED_TOPIC_CAIRN_GOVERNOR_VOTE_CAST]                 = {true, 2, 4, {PROPOSAL(WORD_0), ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_CAIRN_GOVERNOR_VOTE_CAST_WITH_PARAMS]     = {true, 2, 5, {PROPOSAL(WORD_0), ACCOUNT(TOPIC_1)}},
    [FED_TOPIC_CAIRN_GOVERNOR_VOTING_DELAY_SET]          = {true, 1, 2, {{0}}},
    [FED_TOPIC_CAIRN_GOVERNOR_VOTING_PERIOD_SET]         = {true, 1, 2, {{0}}},
    // Not here: token transfers and approvals (eth_getLogs has them), constants of EIP-712.
};
// clang-format on

static err_t note_subject(struct db_txn *txn, const struct view_event *e, enum view_subject subject,
                          const hash_t *id)
{
    struct view_key key = view_key(KIND_SUBJECT);
    key.b[key.len++] = (uint8_t)subject;
    view_key_hash(&key, id);
    view_key_place(&key, &e->at);
    return view_set(txn, e->at.block, &key, VIEW_THERE);
}

static hash_t id_at(const struct view_event *e, enum place place)
{
    if (place != WORD_0 && place != WORD_1) return e->topics[place - TOPIC_1 + 1];
    const u256_t word = view_event_word(e, place == WORD_1);
    return u256_to_hash(&word);
}

static err_t note_event(struct db_txn *txn, const struct view_event *e, const struct rule *rule)
{
    static const hash_t nothing = {{0}};
    TRY(view_event_put(txn, e));
    TRY(note_subject(txn, e, VIEW_OF_ALL, &nothing));
    for (size_t i = 0; i < ARRAY_LEN(rule->about); i++) {
        if (rule->about[i].place == NOWHERE) continue;
        const hash_t id = id_at(e, rule->about[i].place);
        // No round made it, no version came of it, nothing was deployed before.
        if (hash_is_zero(&id)) continue;
        TRY(note_subject(txn, e, rule->about[i].subject, &id));
    }
    return OK;
}

static bool is_system_contract(const address_t *address)
{
    for (size_t i = 0; i < FED_CONTRACTS; i++) {
        if (address_eq(address, &fed_contract_address[i])) return true;
    }
    return false;
}

bool views_may_concern(const struct bloom *logs_bloom)
{
    for (size_t i = 0; i < FED_CONTRACTS; i++) {
        if (bloom_may_contain(logs_bloom, BYTES_OF(fed_contract_address[i]))) return true;
    }
    return false;
}

static err_t apply_log(struct db_txn *txn, const struct view_at *at, const struct log_entry *log)
{
    if (log->topic_count == 0 || !is_system_contract(&log->address)) return OK;
    struct view_event e = {.event = view_event_of(&log->address, &log->topics[0]),
                           .at = *at,
                           .address = log->address,
                           .topic_count = log->topic_count,
                           .data = log->data};
    if (e.event == FED_EVENTS) return OK;
    const struct rule *rule = &rules[e.event];
    if (!rule->journal || log->topic_count != rule->topics ||
        log->data.len < (size_t)32 * rule->words) {
        return OK;
    }
    memcpy(e.topics, log->topics, sizeof e.topics);
    TRY(note_event(txn, &e, rule));
    return view_apply_event(txn, &e);
}

err_t views_apply(struct db_txn *txn, uint64_t number, uint64_t timestamp_s,
                  const struct block *block, const struct receipt *receipts)
{
    uint32_t log_index = 0;
    for (size_t i = 0; i < block->tx_count; i++) {
        for (size_t j = 0; j < receipts[i].log_count; j++, log_index++) {
            const struct view_at at = {.block = number,
                                       .time_s = timestamp_s,
                                       .tx_index = (uint32_t)i,
                                       .log_index = log_index,
                                       .tx_hash = block->txs[i].hash};
            TRY(apply_log(txn, &at, &receipts[i].logs[j]));
        }
    }
    return OK;
}

/// Receipts whose logs are in the arena: what the store showed ends with the next write.
static err_t keep_logs(struct receipt *receipts, size_t count, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct log_entry *logs = ARENA_ARRAY(arena, struct log_entry, receipts[i].log_count);
        if (logs == NULL) return FAIL(FULL, "views: no memory left for a block");
        bool full = false;
        for (size_t j = 0; j < receipts[i].log_count; j++) {
            logs[j] = receipts[i].logs[j];
            logs[j].data = arena_copy(arena, logs[j].data, &full);
        }
        if (full) return FAIL(FULL, "views: no memory left for a block");
        receipts[i].logs = logs;
    }
    return OK;
}

err_t views_rebuild(struct db_txn *txn, struct arena *scratch)
{
    uint64_t head;
    hash_t hash;
    TRY(db_clear(txn, DB_EVENTS));
    TRY(db_clear(txn, DB_VIEWS));
    const err_t err = blocks_head(txn, &head, &hash);
    if (err.kind == ERR_NOT_FOUND) return OK;
    TRY(err);
    uint64_t oldest;
    TRY(blocks_oldest(txn, &oldest));
    for (uint64_t n = 0; n <= head; n++) {
        const size_t mark = arena_mark(scratch);
        struct block block;
        struct receipt *receipts;
        size_t count;
        const err_t got = blocks_get(txn, &block, scratch, n);
        // A snapshot carries every block that views_may_concern.
        if (got.kind == ERR_NOT_FOUND && n < oldest) continue;
        TRY(got);
        TRY(blocks_receipts(txn, &receipts, &count, scratch, n));
        if (count != block.tx_count) return FAIL(CORRUPT, "views: receipts are missing");
        TRY(keep_logs(receipts, count, scratch));
        TRY(views_apply(txn, n, block.header.timestamp_s, &block, receipts));
        arena_rewind(scratch, mark);
    }
    return OK;
}

// SPDX-License-Identifier: Apache-2.0
// The methods of the federation over one node.
#include "chain/base/hex.h"
#include "chain/codec/ethjson.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/calls.h"
#include "chain/trie/proof.h"
#include "test/unit/rpc/ns/ns_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define RICH "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"

// ---- what was true then -------------------------------------------------------------------

/// Questions whose answers are noted at some blocks, and asked again for those blocks at the end.
static const struct {
    const char *method;
    const char *params; ///< an array's inside
} questions[] = {
    {"model_listFamilies", "{}"},
    {"model_getFamily", "\"hearts\""},
    {"model_listVersions", "\"hearts\",{}"},
    {"model_getVersion", "\"hearts@stable\""},
    {"model_verifyFile", "\"0x0000000000000000000000000000000000000000000000000000000000000009\""},
    {"model_getIdentity", "\"" RICH "\""},
    {"round_list", "{\"order\":\"asc\"}"},
    {"round_get", "\"0x1\""},
    {"round_getTimeline", "\"0x1\",{}"},
    {"round_getCommits", "\"0x1\",{}"},
    {"round_getSelection", "\"0x1\""},
    {"round_getAggregate", "\"0x1\""},
    {"round_getMetrics", "{}"},
    {"round_next", "\"" RICH "\",null"},
    {"reward_getParams", ""},
    {"reward_getBalance", "\"" RICH "\""},
    {"reward_getHistory", "{\"address\":\"" RICH "\"}"},
    {"reward_getRound", "\"0x1\""},
    {"reward_getSupply", ""},
    {"dao_getParams", ""},
    {"dao_listProposals", "{}"},
    {"dao_getPower", "\"" RICH "\""},
};

enum { MOMENTS_MAX = 16 };
static struct moment {
    uint64_t block;
    json_t *answers[ARRAY_LEN(questions)];
} moments[MOMENTS_MAX];
static size_t moment_count;

static json_t *ask_at(struct ns_fixture *f, size_t question, const char *block)
{
    char params[512];
    const char *inside = questions[question].params;
    (void)snprintf(params, sizeof params, "[%s%s%s]", inside,
                   inside[0] != 0 && block[0] != 0 ? "," : "", block);
    return ask(f, questions[question].method, params);
}

static void remember(struct ns_fixture *f)
{
    cr_assert_lt(moment_count, MOMENTS_MAX);
    struct moment *m = &moments[moment_count++];
    json_t *head = ask(f, "eth_blockNumber", "[]");
    cr_assert(err_ok(ethjson_read_u64(&m->block, head)));
    json_decref(head);
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) m->answers[i] = ask_at(f, i, "");
}

/// Goal: what a view answered when a block was the newest, it answers for that block ever after,
/// by number and by hash.
static void check_moments(struct ns_fixture *f)
{
    size_t changed = 0;
    for (size_t m = 0; m < moment_count; m++) {
        char number[32];
        char by_hash[128];
        (void)snprintf(number, sizeof number, "[\"0x%lx\",false]", (unsigned long)moments[m].block);
        json_t *block = ask(f, "eth_getBlockByNumber", number);
        (void)snprintf(by_hash, sizeof by_hash, "{\"blockHash\":\"%s\"}", text_at(block, "hash"));
        (void)snprintf(number, sizeof number, "\"0x%lx\"", (unsigned long)moments[m].block);
        json_decref(block);
        for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
            json_t *now = ask_at(f, i, m % 2 == 0 ? number : by_hash);
            char *left = json_dumps(now, JSON_SORT_KEYS | JSON_ENCODE_ANY);
            char *right = json_dumps(moments[m].answers[i], JSON_SORT_KEYS | JSON_ENCODE_ANY);
            cr_expect_str_eq(left, right, "%s at %s", questions[i].method, number);
            free(left);
            free(right);
            changed += m > 0 && !json_equal(moments[m].answers[i], moments[m - 1].answers[i]);
            json_decref(now);
        }
    }
    cr_expect_gt(changed, 40, "the moments differ: %zu answers changed", changed);
    for (size_t m = 0; m < moment_count; m++) {
        for (size_t i = 0; i < ARRAY_LEN(questions); i++) json_decref(moments[m].answers[i]);
    }
    expect_error(f, "round_get", "[\"0x1\",\"0xffffff\"]", -32001, "resource not found");
    expect_error(f, "round_get", "[\"0x1\",\"soon\"]", -32602, "invalid params: block");
}

/// Goal: the pages of one list are all of the block of the first, whatever comes meanwhile.
static void check_cursors(struct ns_fixture *f)
{
    json_t *whole = ask(f, "round_getTimeline", "[\"0x1\",{\"limit\":\"0x1f4\"}]");
    const json_t *items = json_object_get(whole, "items");
    const size_t count = json_array_size(items);
    cr_assert_gt(count, 8);
    cr_expect(json_is_null(json_object_get(whole, "next")));
    char params[256] = "[\"0x1\",{\"limit\":3}]";
    char at[40] = "";
    size_t seen = 0;
    for (;;) {
        json_t *page = ask(f, "round_getTimeline", params);
        const json_t *part = json_object_get(page, "items");
        if (at[0] == 0) (void)snprintf(at, sizeof at, "%s", text_at(page, "atBlock"));
        cr_expect_str_eq(text_at(page, "atBlock"), at, "pinned");
        for (size_t i = 0; i < json_array_size(part); i++, seen++) {
            cr_expect(json_equal(json_array_get(part, i), json_array_get(items, seen)));
        }
        const char *next = json_string_value(json_object_get(page, "next"));
        if (next != NULL)
            (void)snprintf(params, sizeof params, "[\"0x1\",{\"limit\":3,\"cursor\":\"%s\"}]",
                           next);
        json_decref(page);
        if (next == NULL) break;
        json_decref(transact(f, &f->other, BYTES_NONE, 1)); // a block in between
    }
    cr_expect_eq(seen, count);
    json_decref(whole);
    // A filter fills its page: one item of the newest events is not the whole page.
    json_t *history = ask(f, "reward_getHistory", "[{\"address\":\"" RICH "\",\"limit\":4}]");
    cr_expect_eq(json_array_size(json_object_get(history, "items")), 4);
    json_decref(history);
    expect_error(f, "round_getTimeline",
                 "[\"0x1\",{\"cursor\":\"0x0000000000ffffff0000000000000000000000000000ffff\"}]",
                 -39003, "cursor expired");
    expect_error(f, "round_getTimeline",
                 "[\"0x1\",{\"cursor\":\"0x00000000000000010000000000000000000000000000ffff\"}]",
                 -39003, "cursor expired");
    expect_error(f, "round_getTimeline", "[\"0x1\",{\"cursor\":\"0x01\"}]", -32602,
                 "invalid params: cursor");
    expect_error(f, "round_getTimeline", "[\"0x1\",{\"limit\":501}]", -32602,
                 "invalid params: limit");
    expect_error(f, "round_getTimeline", "[\"0x1\",{\"order\":\"up\"}]", -32602,
                 "invalid params: order");
}

// ---- a round, as round_next says ----------------------------------------------------------

static hash_t f_base; ///< the version the round is on

static struct fed_reveal my_reveal(void)
{
    return (struct fed_reveal){.base_version_id = f_base,
                               .upd_root = keccak256(LIT("update")),
                               .d = 2049,
                               .weight = 7,
                               .salt = keccak256(LIT("salt"))};
}

static void send_data(struct ns_fixture *f, struct buf *data)
{
    json_decref(transact(f, &fed_contract_address[FED_ROUNDS], buf_bytes(data), 0));
    buf_deinit(data);
}

/// What only the participant can do.
static bool act_myself(struct ns_fixture *f, const char *action)
{
    struct buf data;
    const struct fed_reveal reveal = my_reveal();
    buf_init(&data, (size_t)1 << 20);
    if (strcmp(action, "commit") == 0) {
        const hash_t digest = fed_commit_digest(1337, &fed_contract_address[FED_ROUNDS], 1,
                                                &f->rich_address, &reveal);
        fed_call_commit(&data, 1, &digest);
    } else if (strcmp(action, "reveal") == 0) {
        static const struct sketch zeros;
        fed_call_reveal(&data, 1, &reveal, &zeros);
    } else if (strcmp(action, "aggregate") == 0) {
        const struct fed_aggregate_claim claim = {.agg_root = keccak256(LIT("agg")),
                                                  .new_file_sha256 = keccak256(LIT("new file")),
                                                  .new_model_root = keccak256(LIT("new root")),
                                                  .size_bytes = 8476};
        fed_call_post_aggregate(&data, 1, &claim);
    } else {
        buf_deinit(&data);
        return false;
    }
    send_data(f, &data);
    return true;
}

/// Goal: a round comes to its end by doing what round_next says, and nothing else.
static void play_round(struct ns_fixture *f)
{
    static const char *const wanted[] = {"commit", "close",     "drawSeed", "reveal",
                                         "select", "aggregate", "finalise", "claim"};
    size_t done = 0;
    for (size_t turns = 0; done < ARRAY_LEN(wanted); turns++) {
        cr_assert_lt(turns, 5000);
        json_t *next = ask(f, "round_next", "[\"" RICH "\",\"0x1\"]");
        const json_t *step = json_array_get(json_object_get(next, "items"), 0);
        const char *action = text_at(step, "action");
        cr_expect_gt(strlen(text_at(step, "why")), 10);
        if (strcmp(action, "wait") == 0) { // time passes with blocks
            json_decref(transact(f, &f->other, BYTES_NONE, 1));
            json_decref(next);
            continue;
        }
        cr_assert_str_eq(action, wanted[done]);
        remember(f);
        if (!act_myself(f, action)) {
            const json_t *call = json_object_get(step, "call");
            bytes_t data;
            address_t to;
            cr_assert(err_ok(
                ethjson_read_data(&data, &f->arena, json_object_get(call, "data"), 1000000)));
            cr_assert(err_ok(ethjson_read_address(&to, json_object_get(call, "to"))));
            json_decref(transact(f, &to, data, 0));
        } else {
            cr_expect(json_is_null(json_object_get(step, "call")));
        }
        done++;
        json_decref(next);
    }
    json_t *over = ask(f, "round_next", "[\"" RICH "\"]");
    cr_expect_eq(json_array_size(json_object_get(over, "items")), 0);
    json_decref(over);
}

static void verify_nodes(struct ns_fixture *f, const json_t *nodes, const hash_t *root, bytes_t key,
                         bytes_t *value)
{
    bytes_t raw[64];
    const size_t count = json_array_size(nodes);
    cr_assert(count > 0 && count <= ARRAY_LEN(raw));
    for (size_t i = 0; i < count; i++) {
        cr_assert(err_ok(ethjson_read_data(&raw[i], &f->arena, json_array_get(nodes, i), 100000)));
    }
    const hash_t hashed = keccak256(key);
    cr_assert(err_ok(proof_verify(value, root, BYTES_OF(hashed.b), raw, count)));
}

/// Goal: the receipt is proven from the header down, and sealed by the validator.
static void check_receipt(struct ns_fixture *f)
{
    json_t *r = ask(f, "round_getReceipt", "[\"0x1\",\"" RICH "\"]");
    const json_t *header = json_object_get(r, "header");
    bytes_t raw;
    struct header h;
    cr_assert(err_ok(ethjson_read_data(&raw, &f->arena, json_object_get(header, "raw"), 1000000)));
    cr_assert(err_ok(header_decode(&h, raw)));
    cr_expect_str_eq(hex_hash(&h.state_root).s, text_at(header, "stateRoot"));
    bytes_t value;
    verify_nodes(f, json_object_get(r, "accountProof"), &h.state_root,
                 BYTES_OF(fed_contract_address[FED_ROUNDS].b), &value);
    hash_t storage_root; // [nonce, balance, storage root, code hash]: before the last two hashes
    cr_assert_gt(value.len, 66);
    memcpy(storage_root.b, value.data + value.len - 65, sizeof storage_root.b);
    const json_t *slot = json_array_get(json_object_get(r, "storageProof"), 0);
    hash_t key;
    cr_assert(err_ok(ethjson_read_hash(&key, json_object_get(slot, "key"))));
    verify_nodes(f, json_object_get(slot, "proof"), &storage_root, BYTES_OF(key.b), &value);
    cr_expect_eq(value.len, 33);
    cr_expect_str_eq(text_at(slot, "value"), text_at(r, "receiptHash"));
    const json_t *seal = json_array_get(json_object_get(r, "seals"), 0);
    json_t *validators = ask(f, "qbft_getValidatorsByBlockNumber", "[\"latest\"]");
    cr_expect_str_eq(text_at(seal, "signer"), json_string_value(json_array_get(validators, 0)));
    json_decref(validators);
    const json_t *pre = json_object_get(r, "preimage");
    cr_expect_str_eq(text_at(pre, "status"), "accepted");
    cr_expect_eq(number_at(pre, "weight"), 7);
    cr_expect_eq(number_at(pre, "reward"), 750002);
    json_decref(r);
    json_t *none = ask(f, "round_getReceipt", "[\"0x1\",\"" OTHER "\"]");
    cr_expect(json_is_null(none));
    json_decref(none);
}

/// Goal: the parts of a round's money add up to its pool, each from its own source.
static void check_round_money(struct ns_fixture *f)
{
    json_t *m = ask(f, "reward_getRound", "[\"0x1\"]");
    cr_expect_eq(number_at(m, "pool"), 1000003);
    cr_expect_eq(number_at(m, "sum"), 1000003);
    const json_t *parts = json_object_get(m, "parts");
    cr_expect_eq(number_at(parts, "participants"), 750002);
    cr_expect_eq(number_at(parts, "aggregator"), 70000);
    cr_expect_eq(number_at(parts, "treasury"), 1000003 - 750002 - 70000);
    const json_t *payee = json_array_get(json_object_get(m, "items"), 0);
    cr_expect_eq(number_at(payee, "amount"), 820002);
    cr_expect_eq(number_at(payee, "claimed"), 820002);
    cr_expect_eq(json_array_size(json_object_get(m, "items")), 1);
    json_decref(m);
}

/// Goal: a family, a version and a proposal appear in the views as they were made.
static void check_views(struct ns_fixture *f)
{
    const hash_t name = keccak256(LIT("hearts"));
    const struct abi_value policy = abi_address(&fed_contract_address[FED_FED_AVG]);
    const struct abi_value fields[] = {
        abi_hash(&name), abi_hash(&name),  abi_u64(2049), abi_u64(16), policy,       abi_u64(1),
        abi_u64(64),     abi_u64(1 << 21), abi_u64(1),    abi_u64(1),  abi_u64(500), abi_u64(100)};
    const struct abi_value params = abi_list(fields, ARRAY_LEN(fields));
    json_decref(invoke(
        f, FED_MODEL_REGISTRY,
        "createFamily((bytes32,bytes32,uint32,uint8,address,uint8,uint16,uint64,uint32,uint32,"
        "uint16,uint16))",
        &params, 1));
    json_t *family = ask(f, "model_getFamily", "[\"hearts\"]");
    cr_expect_eq(number_at(family, "paramCount"), 2049);
    hash_t family_id;
    cr_assert(err_ok(ethjson_read_hash(&family_id, json_object_get(family, "id"))));
    json_decref(family);

    const hash_t file = keccak256(LIT("file"));
    const struct abi_value version[] = {abi_hash(&family_id), abi_u64(0),      abi_list(NULL, 0),
                                        abi_hash(&file),      abi_hash(&file), abi_u64(8476),
                                        abi_hash(&name)};
    json_decref(invoke(f, FED_MODEL_REGISTRY,
                       "registerVersion(bytes32,uint8,bytes32[],bytes32,bytes32,uint64,bytes32)",
                       version, ARRAY_LEN(version)));
    char text[256];
    (void)snprintf(text, sizeof text, "[\"%s\"]", hex_hash(&file).s);
    json_t *known = ask(f, "model_verifyFile", text);
    cr_expect(json_is_true(json_object_get(known, "known")));
    json_t *v = ask(f, "model_getVersion", text);
    cr_expect_str_eq(text_at(v, "id"), text_at(known, "version"));
    cr_expect_str_eq(text_at(v, "kind"), "genesis");
    cr_expect_str_eq(text_at(v, "status"), "candidate");
    cr_expect_eq(number_at(v, "size"), 8476);
    (void)snprintf(text, sizeof text, "[\"%.12s\"]", text_at(v, "id"));
    json_t *short_id = ask(f, "model_getVersion", text);
    cr_expect(json_equal(short_id, v));
    json_decref(short_id);
    json_t *lineage = ask(f, "model_getLineage", text);
    cr_expect_eq(json_array_size(json_object_get(lineage, "nodes")), 1);
    json_decref(lineage);
    json_t *story = ask(f, "model_getTimeline", text);
    const json_t *first = json_array_get(json_object_get(story, "items"), 0);
    cr_expect_str_eq(text_at(first, "event"), "VersionRegistered");
    cr_expect_str_eq(text_at(first, "by"), hex_address(&f->rich_address).s);
    cr_expect_str_eq(text_at(json_object_get(first, "args"), "fileSha256"), hex_hash(&file).s);
    json_decref(story);
    hash_t base;
    cr_assert(err_ok(ethjson_read_hash(&base, json_object_get(v, "id"))));
    json_decref(v);
    json_decref(known);

    // A round needs a bonded aggregator, a commit a bonded participant.
    u256_t bonds[2];
    u256_t both;
    cr_assert(err_ok(u256_parse(&bonds[0], LIT("1000000000000000000000"))));
    cr_assert(err_ok(u256_parse(&bonds[1], LIT("2000000000000000000000"))));
    (void)u256_add(&both, &bonds[0], &bonds[1]);
    const struct abi_value allow[] = {abi_address(&fed_contract_address[FED_REWARDS]),
                                      abi_u256(&both)};
    json_decref(invoke(f, FED_CAIRN_TOKEN, "approve(address,uint256)", allow, 2));
    for (uint64_t role = 0; role < 2; role++) {
        const struct abi_value bond[] = {abi_u64(role), abi_u256(&bonds[role])};
        json_decref(invoke(f, FED_REWARDS, "bond(uint8,uint256)", bond, 2));
    }

    const struct abi_value allow_fund[] = {abi_address(&fed_contract_address[FED_REWARDS]),
                                           abi_u64(1000003)};
    json_decref(invoke(f, FED_CAIRN_TOKEN, "approve(address,uint256)", allow_fund, 2));
    const struct abi_value fund[] = {abi_hash(&family_id), abi_u64(1000003)};
    json_decref(invoke(f, FED_REWARDS, "fund(bytes32,uint256)", fund, 2));

    // A round on it, with windows of a second.
    const struct abi_value round[] = {abi_u64(0), abi_u64(1),    abi_u64(1),      abi_u64(10),
                                      abi_u64(2), abi_u64(1),    abi_u64(1),      abi_u64(60),
                                      abi_u64(1), abi_u64(3600), abi_u64(1000003)};
    const struct abi_value open[] = {abi_hash(&family_id), abi_hash(&base),
                                     abi_list(round, ARRAY_LEN(round))};
    json_decref(invoke(
        f, FED_ROUNDS,
        "openRound(bytes32,bytes32,(uint8,uint8,uint16,uint16,uint32,uint32,uint32,uint32,uint32,"
        "uint32,uint128))",
        open, ARRAY_LEN(open)));
    remember(f);
    f_base = base;
    play_round(f);
    json_decref(ask(f, "round_get", "[\"0x1\"]"));
}

static void check_round_views(struct ns_fixture *f)
{
    json_t *r = ask(f, "round_get", "[\"0x1\"]");
    cr_expect_str_eq(text_at(r, "state"), "finalised");
    cr_expect_eq(number_at(r, "n"), 1);
    cr_expect_eq(number_at(r, "nMax"), 10);
    json_decref(r);
    r = ask(f, "round_getCommits", "[\"0x1\"]");
    const json_t *mine = json_array_get(json_object_get(r, "items"), 0);
    cr_expect_str_eq(text_at(mine, "status"), "accepted");
    cr_expect(json_is_true(json_object_get(mine, "revealed")));
    json_decref(r);
    r = ask(f, "round_list",
            "[{\"participant\":\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\",\"state\":"
            "\"finalised\"}]");
    cr_expect_eq(json_array_size(json_object_get(r, "items")), 1);
    json_decref(r);
    r = ask(f, "round_list", "[{\"participant\":\"" OTHER "\"}]");
    cr_expect_eq(json_array_size(json_object_get(r, "items")), 0);
    json_decref(r);
    r = ask(f, "reward_getBalance", "[\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"]");
    cr_expect_str_eq(text_at(json_object_get(r, "bonded"), "participant"), "0x3635c9adc5dea00000");
    json_decref(r);
    r = ask(f, "reward_getHistory",
            "[{\"address\":\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"}]");
    const json_t *newest = json_array_get(json_object_get(r, "items"), 0);
    cr_expect_str_eq(text_at(newest, "kind"), "claimed");
    json_decref(r);
    json_t *supply = ask(f, "reward_getSupply", "[]");
    cr_expect_str_eq(text_at(supply, "bonded"), "0xa2a15d09519be00000");
    json_decref(supply);
}

static void check_dao_acts(struct ns_fixture *f, const hash_t *id)
{
    char params[1024];
    // updateDelay(5) as the timelock: an event and a changed slot; as part of what fails: nothing.
    const char *timelock = hex_address(&fed_contract_address[FED_TIMELOCK_CONTROLLER]).s;
    static const char update[] =
        "0x64d623530000000000000000000000000000000000000000000000000000000000000005";
    (void)snprintf(params, sizeof params, "[[{\"to\":\"%s\",\"data\":\"%s\"}]]", timelock, update);
    json_t *v = ask(f, "dao_simulate", params);
    cr_expect(json_is_true(json_object_get(v, "ok")));
    cr_expect_eq(json_array_size(json_object_get(v, "logs")), 1);
    const json_t *diff = json_object_get(v, "stateDiff");
    cr_expect_eq(json_object_size(diff), 1);
    cr_expect_eq(json_object_size(json_object_get(json_object_get(diff, timelock), "storage")), 1);
    cr_expect_null(json_object_get(json_object_get(diff, timelock), "nonce"));
    cr_expect(json_is_null(json_object_get(v, "revert")));
    json_decref(v);
    (void)snprintf(params, sizeof params,
                   "[[{\"to\":\"%s\",\"data\":\"%s\"},{\"to\":\"%s\",\"data\":\"0xffffffff\"}]]",
                   timelock, update, hex_address(&fed_contract_address[FED_REWARDS]).s);
    v = ask(f, "dao_simulate", params);
    cr_expect(json_is_false(json_object_get(v, "ok")));
    cr_expect_eq(number_at(json_object_get(v, "revert"), "action"), 1);
    cr_expect_str_eq(text_at(json_object_get(v, "revert"), "message"), "execution reverted");
    cr_expect_eq(json_object_size(json_object_get(v, "stateDiff")), 0);
    json_decref(v);
    expect_error(f, "dao_simulate", "[[]]", -32602, "invalid params: actions");

    (void)snprintf(params, sizeof params, "[\"%s\",\"for\",\"" RICH "\"]", hex_hash(id).s);
    v = ask(f, "dao_typedVote", params);
    cr_expect_str_eq(text_at(v, "primaryType"), "Ballot");
    cr_expect_eq(json_array_size(json_object_get(json_object_get(v, "types"), "Ballot")), 4);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(v, "domain"), "chainId")),
                 1337);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(v, "message"), "support")), 1);
    cr_expect_str_eq(text_at(json_object_get(v, "message"), "nonce"), "0");
    json_decref(v);
    (void)snprintf(params, sizeof params,
                   "[\"%.12s\",\"against\",\"" RICH "\",{\"reason\":\"too late\"}]",
                   hex_hash(id).s);
    v = ask(f, "dao_typedVote", params);
    cr_expect_str_eq(text_at(v, "primaryType"), "ExtendedBallot");
    cr_expect_str_eq(text_at(json_object_get(v, "message"), "reason"), "too late");
    json_decref(v);
    (void)snprintf(params, sizeof params, "[\"%s\",\"maybe\",\"" RICH "\"]", hex_hash(id).s);
    expect_error(f, "dao_typedVote", params, -32602, "invalid params: support");
    expect_error(f, "dao_typedVote", "[\"0x123456\",\"for\",\"" RICH "\"]", -32602,
                 "invalid params: id");
    (void)snprintf(params, sizeof params, "[\"%s\",\"for\",\"" RICH "\",\"0x%0130x\"]",
                   hex_hash(id).s, 27);
    v = ask(f, "dao_submitVote", params);
    cr_expect_str_eq(text_at(v, "to"), hex_address(&fed_contract_address[FED_CAIRN_GOVERNOR]).s);
    cr_expect_eq(strncmp(text_at(v, "data"), "0x8ff262e3", 10), 0, "castVoteBySig");
    json_decref(v);
}

static void check_dao(struct ns_fixture *f)
{
    struct buf data;
    buf_init(&data, 4096);
    const struct abi_value delay = abi_u64(2);
    cr_assert(err_ok(abi_build_call(&data, "updateDelay(uint256)", &delay, 1)));
    const struct abi_value target = abi_address(&fed_contract_address[FED_TIMELOCK_CONTROLLER]);
    const struct abi_value zero = abi_u64(0);
    const struct abi_value call = abi_bytes(buf_bytes(&data));
    const struct abi_value propose[] = {abi_list(&target, 1), abi_list(&zero, 1),
                                        abi_list(&call, 1),
                                        abi_string("# Wait longer\nTwo seconds.")};
    json_decref(
        invoke(f, FED_CAIRN_GOVERNOR, "propose(address[],uint256[],bytes[],string)", propose, 4));
    buf_deinit(&data);
    json_t *list = ask(f, "dao_listProposals", "[]");
    const json_t *p = json_array_get(json_object_get(list, "items"), 0);
    cr_assert_not_null(p);
    cr_expect_str_eq(text_at(p, "title"), "Wait longer");
    cr_expect_str_eq(text_at(p, "state"), "pending");
    hash_t id;
    cr_assert(err_ok(ethjson_read_hash(&id, json_object_get(p, "id"))));
    json_decref(list);
    json_decref(transact(f, &f->other, BYTES_NONE, 1));
    json_decref(transact(f, &f->other, BYTES_NONE, 1));
    const u256_t number = u256_from_hash(&id);
    const struct abi_value vote[] = {abi_u256(&number), abi_u64(1), abi_string("good")};
    json_decref(invoke(f, FED_CAIRN_GOVERNOR, "castVoteWithReason(uint256,uint8,string)", vote, 3));

    char text[96];
    (void)snprintf(text, sizeof text, "[\"%s\"]", hex_hash(&id).s);
    json_t *one = ask(f, "dao_getProposal", text);
    cr_expect_str_eq(text_at(one, "state"), "active");
    cr_expect_str_eq(text_at(json_object_get(one, "nextStep"), "action"), "vote");
    cr_expect(json_is_true(json_object_get(json_object_get(one, "tally"), "quorumReached")));
    const json_t *action = json_array_get(json_object_get(one, "actions"), 0);
    cr_expect_str_eq(text_at(action, "name"), "TimelockController");
    cr_expect_str_eq(text_at(action, "function"), "updateDelay(uint256)");
    cr_expect_eq(json_array_size(json_object_get(json_object_get(one, "timeline"), "items")), 2);
    json_decref(one);
    json_t *votes = ask(f, "dao_getVotes", text);
    const json_t *mine = json_array_get(json_object_get(votes, "items"), 0);
    cr_expect_str_eq(text_at(mine, "support"), "for");
    cr_expect_str_eq(text_at(mine, "reason"), "good");
    json_decref(votes);
    for (size_t i = 0; i < 5; i++) json_decref(transact(f, &f->other, BYTES_NONE, 1));
    one = ask(f, "dao_getProposal", text);
    cr_expect_str_eq(text_at(one, "state"), "succeeded");
    cr_expect_str_eq(text_at(json_object_get(one, "nextStep"), "action"), "queue");
    json_decref(one);
    (void)snprintf(text, sizeof text, "[\"%s\"]", hex_hash(&id).s);
    check_dao_acts(f, &id);
    json_t *power = ask(f, "dao_getPower", "[\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\"]");
    cr_expect_eq(number_at(power, "reputationPpm"), 562500, "an eighth of the way up");
    json_decref(power);
}

Test(fed, all_over_one_node, .timeout = 600)
{
    static struct ns_fixture f;
    ns_start(&f);
    remember(&f);
    check_views(&f);
    check_round_views(&f);
    check_receipt(&f);
    check_round_money(&f);
    remember(&f);
    check_dao(&f);
    remember(&f);
    check_cursors(&f);
    check_moments(&f);
    ns_stop(&f);
}

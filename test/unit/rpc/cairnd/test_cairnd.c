// SPDX-License-Identifier: Apache-2.0
#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "chain/fed/contracts.h"
#include "chain/state/genesis_state.h"
#include "chain/store/guard.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/dev.h"
#include "rpc/cairnd/genesis_file.h"
#include "rpc/cairnd/members.h"
#include "rpc/cairnd/node_folder.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- settings -----------------------------------------------------------------------------

/// Goal: every unit of every kind, and what is none.
static const struct {
    enum setting_kind kind;
    const char *text;
    bool ok;
    uint64_t value;
} values[] = {
    {SETTING_COUNT, "0", true, 0},
    {SETTING_COUNT, "18446744073709551615", true, UINT64_MAX},
    {SETTING_COUNT, "18446744073709551616", false, 0},
    {SETTING_COUNT, "-1", false, 0},
    {SETTING_COUNT, "1x", false, 0},
    {SETTING_COUNT, "", false, 0},
    {SETTING_COUNT, " 1", false, 0},
    {SETTING_SWITCH, "on", true, 1},
    {SETTING_SWITCH, "off", true, 0},
    {SETTING_SWITCH, "yes", false, 0},
    {SETTING_AMOUNT, "50M", true, 50000000},
    {SETTING_AMOUNT, "3gwei", true, 3000000000},
    {SETTING_AMOUNT, "2ether", true, UINT64_C(2000000000000000000)},
    {SETTING_AMOUNT, "100ether", false, 0},
    {SETTING_SIZE, "5MiB", true, 5 << 20},
    {SETTING_SIZE, "5MB", false, 0},
    {SETTING_DURATION, "500ms", true, 500},
    {SETTING_DURATION, "2s", true, 2000},
    {SETTING_DURATION, "1m", true, 60000},
    {SETTING_DURATION, "5", false, 0},
};

Test(cairnd, setting_values)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        uint64_t v = 77;
        const bool ok = setting_parse(&v, values[i].kind, values[i].text);
        cr_expect_eq(ok, values[i].ok, "\"%s\"", values[i].text);
        if (ok) cr_expect_eq(v, values[i].value, "\"%s\"", values[i].text);
    }
}

/// Reads settings from words; the strings need not be writable for getopt.
static err_t read_config(struct config *c, int argc, const char *const *words)
{
    char *argv[16];
    for (int i = 0; i < argc; i++) argv[i] = (char *)(uintptr_t)words[i];
    argv[argc] = NULL;
    int rest = 0;
    return config_read(c, argc, argv, &rest);
}

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    cr_assert(err_ok(file_write(path, bytes_of_str(text), 0600)));
}

/// Goal: flag beats environment beats file beats default, and each value knows its source.
Test(cairnd, precedence)
{
    const struct temp_dir dir = temp_dir_make();
    write_text(dir.path, "cairnd.toml",
               "identity = \"from # file\" # a comment\n\n[rpc]\nbatch = 7\nlogs_range = 8\n"
               "namespaces = [\"eth\", \"net\"]\n[pool]\nprice_bump = 20\n");
    const char *const words[] = {"cairnd",      "--data-dir", dir.path,
                                 "--rpc-batch", "9",          "--rpc-open"};
    setenv("CAIRND_RPC_BATCH", "10", 1);
    setenv("CAIRND_RPC_LOGS_RANGE", "11", 1);
    struct config c;
    const err_t err = read_config(&c, ARRAY_LEN(words), words);
    cr_assert(err_ok(err), "%s", c.detail);
    cr_expect_eq(config_number(&c, SET_rpc_batch), 9);
    cr_expect_eq(c.all[SET_rpc_batch].source, FROM_FLAG);
    cr_expect_eq(config_number(&c, SET_rpc_logs_range), 11);
    cr_expect_eq(c.all[SET_rpc_logs_range].source, FROM_ENVIRONMENT);
    cr_expect_eq(config_number(&c, SET_price_bump), 20);
    cr_expect_eq(c.all[SET_price_bump].source, FROM_FILE);
    cr_expect_eq(config_number(&c, SET_rpc_open), 1);
    cr_expect_eq(config_number(&c, SET_rpc_call_gas), 50000000);
    cr_expect_eq(c.all[SET_rpc_call_gas].source, FROM_DEFAULT);
    cr_expect_str_eq(config_text(&c, SET_identity), "from # file");
    cr_expect_str_eq(config_text(&c, SET_rpc_namespaces), "eth,net");
    config_free(&c);
    temp_dir_remove(&dir);
}

/// Goal: each wrong word is refused with what it was and what is near.
static const struct {
    const char *word;
    const char *file;
    const char *says;
} wrong[] = {
    {"--rpc-listn=x", "", "did you mean --rpc-listen?"},
    {"--rpc-batch=many", "", "--rpc-batch is \"many\""},
    {"--dev=maybe", "", "want on or off"},
    {"--qqq", "", "unknown flag --qqq"},
    {"--rpc-batch", "", "needs a value"},
    {NULL, "[rpc]\nlistn = \"x\"\n", "unknown key rpc.listn\nhint: did you mean rpc.listen"},
    {NULL, "[rpc]\nbatch = many\n", "cairnd.toml:2: rpc.batch: the value is not TOML"},
    {NULL, "[rpc]\nbatch = \"many\"\n", "cairnd.toml:2: rpc.batch is \"many\""},
    {NULL, "what\n", "want [section] or key = value"},
};

Test(cairnd, refusals)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct temp_dir dir = temp_dir_make();
        write_text(dir.path, "cairnd.toml", wrong[i].file);
        const char *const words[] = {"cairnd", "--data-dir", dir.path, wrong[i].word};
        struct config c;
        const err_t err = read_config(&c, wrong[i].word != NULL ? 4 : 3, words);
        cr_expect_eq(err.kind, ERR_INVALID, "row %zu", i);
        cr_expect_not_null(strstr(c.detail, wrong[i].says), "row %zu: %s", i, c.detail);
        config_free(&c);
        temp_dir_remove(&dir);
    }
    const char *const words[] = {"cairnd", "--config", "/nowhere/x.toml"};
    struct config c;
    cr_expect_eq(read_config(&c, 3, words).kind, ERR_NOT_FOUND);
    config_free(&c);
}

// ---- founders -----------------------------------------------------------------------------

Test(cairnd, token_units)
{
    static const struct {
        const char *text;
        const char *units; ///< NULL: refused
    } rows[] = {
        {"0", "0"},
        {"1", "1000000000000000000"},
        {"0.5", "500000000000000000"},
        {"007", "7000000000000000000"},
        {"100000", "100000000000000000000000"},
        {"0.000000000000000001", "1"},
        {"0.0000000000000000001", NULL},
        {"", NULL},
        {".5", NULL},
        {"1.2.3", NULL},
        {"-1", NULL},
        {"1e3", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[80];
        const bool ok = token_units(out, rows[i].text);
        cr_expect_eq(ok, rows[i].units != NULL, "%s", rows[i].text);
        if (ok) cr_expect_str_eq(out, rows[i].units, "%s", rows[i].text);
    }
}

Test(cairnd, members_files)
{
    const struct temp_dir dir = temp_dir_make();
    write_text(dir.path, "members.json",
               "[{\"address\":\"0x70997970c51812dc3a010c7d01b50e0d17dc79c8\",\"tokens\":\"10\","
               "\"aggregator\":true},"
               "{\"address\":\"0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266\",\"member\":false,"
               "\"tokens\":2},"
               "{\"address\":\"0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc\"}]");
    write_text(dir.path, "gov.json", "{\"timelockSeconds\":\"10\"}");
    write_text(dir.path, "bad.json", "[{\"tokens\":\"10\"}]");
    char members[512];
    char gov[512];
    char bad[512];
    (void)snprintf(members, sizeof members, "%s/members.json", dir.path);
    (void)snprintf(gov, sizeof gov, "%s/gov.json", dir.path);
    (void)snprintf(bad, sizeof bad, "%s/bad.json", dir.path);
    json_t *p = json_object();
    struct members_detail detail;
    cr_assert(err_ok(members_merge(p, members, gov, &detail)), "%s", detail.text);
    cr_expect_eq(json_array_size(json_object_get(p, "members")), 2);
    cr_expect_eq(json_array_size(json_object_get(p, "holders")), 2);
    cr_expect_eq(json_array_size(json_object_get(p, "aggregators")), 1);
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(p, "amounts"), 1)),
                     "2000000000000000000");
    cr_expect_str_eq(json_string_value(json_object_get(p, "timelockSeconds")), "10");
    cr_expect_eq(members_merge(p, bad, "", &detail).kind, ERR_INVALID);
    cr_expect_not_null(strstr(detail.text, "entry 1 has no address"));
    cr_expect_eq(members_merge(p, "/nowhere", "", &detail).kind, ERR_INVALID);
    cr_expect_eq(members_merge(p, "", members, &detail).kind, ERR_INVALID);
    json_decref(p);
    temp_dir_remove(&dir);
}

// ---- genesis ------------------------------------------------------------------------------

static void write_genesis(struct buf *out, struct arena *arena, const json_t *params,
                          const char *refused)
{
    static const address_t validator = {{1, 2, 3}};
    const struct genesis_funds funds[] = {
        {DEV_ADDRESSES[0], {{5}}},
        {fed_contract_address[FED_REWARDS], {{7}}}, // a contract with money of its own
    };
    const struct genesis_plan plan = {
        .chain_id = 20482,
        .gas_limit = 30000000,
        .block_period_ms = 250,
        .request_timeout_s = 4,
        .epoch_length = 30000,
        .zero_base_fee = true,
        .validators = &validator,
        .validator_count = 1,
        .funds = funds,
        .fund_count = 2,
        .system_contracts = true,
        .system_params = params,
    };
    struct system_detail detail = {""};
    const err_t err = genesis_file_write(out, arena, &plan, &detail);
    if (refused == NULL) {
        cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
    } else {
        cr_expect_eq(err.kind, ERR_INVALID, "%s", refused);
        cr_expect_not_null(strstr(detail.text, refused), "%s", detail.text);
    }
}

static const struct alloc_account *find_account(const struct genesis *g, const address_t *a)
{
    for (size_t i = 0; i < g->alloc_count; i++) {
        if (address_eq(&g->alloc[i].address, a)) return &g->alloc[i];
    }
    return NULL;
}

/// Goal: the same inputs give the same bytes; all system contracts stand at their addresses
/// with code; what is written reads back.
Test(cairnd, genesis_with_contracts)
{
    struct arena arena;
    struct buf one;
    struct buf two;
    cr_assert(err_ok(arena_init(&arena, (size_t)1 << 30)));
    buf_init(&one, (size_t)16 << 20);
    buf_init(&two, (size_t)16 << 20);
    write_genesis(&one, &arena, NULL, NULL);
    write_genesis(&two, &arena, NULL, NULL);
    cr_expect(bytes_eq(buf_bytes(&one), buf_bytes(&two)));

    struct genesis g;
    struct genesis_detail why;
    hash_t hash;
    cr_assert(err_ok(genesis_parse(&g, &arena, buf_bytes(&one), &why)), "%s", why.text);
    cr_assert(err_ok(genesis_seal(&g, &arena, &hash)));
    cr_expect_eq(g.config.chain_id, 20482);
    cr_expect_eq(g.config.qbft.block_period_ms, 250);
    cr_expect(g.config.qbft.period_is_ms);
    cr_expect(g.config.zero_base_fee);
    for (size_t i = 0; i < FED_CONTRACTS; i++) {
        const struct alloc_account *a = find_account(&g, &fed_contract_address[i]);
        cr_assert_not_null(a, "%s", fed_contract_name[i]);
        cr_expect_gt(a->code.len, 100, "%s", fed_contract_name[i]);
        cr_expect_leq(a->code.len, 24576, "%s", fed_contract_name[i]);
        cr_expect_eq(a->nonce, 1, "%s (EIP-161)", fed_contract_name[i]);
    }
    const struct alloc_account *rewards = find_account(&g, &fed_contract_address[FED_REWARDS]);
    cr_expect_eq(rewards->balance_wei.limb[0], 7, "money and code in one account");
    cr_expect_eq(find_account(&g, &DEV_ADDRESSES[0])->balance_wei.limb[0], 5);
    buf_deinit(&one);
    buf_deinit(&two);
    arena_deinit(&arena);
}

/// Goal: parameters that cannot be are refused by name.
Test(cairnd, genesis_refusals)
{
    static const struct {
        const char *json;
        const char *says;
    } rows[] = {
        {"{\"timelockSecond\":\"1\"}", "no parameter \"timelockSecond\""},
        {"{\"timelockSeconds\":\"soon\"}", "timelockSeconds: expected a number"},
        {"{\"mintCapPpm\":\"4294967296\"}", "an argument is out of range"},
        {"{\"members\":[\"0x12\"]}", "members is \"0x12\"; expected an address"},
        {"{\"credentialedOnly\":\"yes\"}", "credentialedOnly: expected true or false"},
        {"{\"members\":\"all\"}", "members: expected a list"},
        {"{\"holders\":[\"0x70997970c51812dc3a010c7d01b50e0d17dc79c8\"]}", "CairnToken refuses"},
    };
    struct arena arena;
    struct buf out;
    cr_assert(err_ok(arena_init(&arena, (size_t)1 << 30)));
    buf_init(&out, (size_t)16 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *params = json_loads(rows[i].json, 0, NULL);
        buf_clear(&out);
        write_genesis(&out, &arena, params, rows[i].says);
        json_decref(params);
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

// ---- folders ------------------------------------------------------------------------------

/// Goal: a key comes with its guard and modes; it reads back; it is never overwritten; one
/// that others can read is refused.
Test(cairnd, node_folder)
{
    const struct temp_dir dir = temp_dir_make();
    char node[400];
    char path[512];
    struct node_folder_key made;
    cr_assert(err_ok(secp_setup()));
    (void)snprintf(node, sizeof node, "%s/a/b", dir.path);
    cr_assert(err_ok(node_folder_make_key(&made, node)));
    cr_expect_eq(node_folder_make_key(&made, node).kind, ERR_BUSY);
    (void)snprintf(path, sizeof path, "%s/keys/node", node);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    struct secret_key *key = NULL;
    int code = EXIT_DONE;
    cr_assert(err_ok(node_key_read(&key, path, &code)));
    secp_pubkey_t pub;
    cr_assert(err_ok(secp_pubkey_of(&pub, key)));
    secret_free(key);
    struct guard *guard = NULL;
    const address_t address = secp_address(&pub);
    char guard_path[512];
    (void)snprintf(guard_path, sizeof guard_path, "%s/guard", node);
    cr_expect(err_ok(guard_open(&guard, guard_path, &address)));
    guard_close(guard);
    chmod(path, 0644);
    cr_expect(!err_ok(node_key_read(&key, path, &code)));
    cr_expect_eq(code, EXIT_USAGE);
    temp_dir_remove(&dir);
}

/// Goal: files are whole or absent, directories are removed without following links.
Test(cairnd, files)
{
    const struct temp_dir dir = temp_dir_make();
    char path[512];
    char link_path[512];
    struct buf out;
    buf_init(&out, 16);
    (void)snprintf(path, sizeof path, "%s/x/y", dir.path);
    cr_assert(err_ok(dir_make(path)));
    cr_assert(err_ok(dir_make(path)), "there already");
    write_text(path, "kept", "0123456789");
    (void)snprintf(link_path, sizeof link_path, "%s/z", dir.path);
    cr_assert(err_ok(dir_make(link_path)));
    (void)snprintf(link_path, sizeof link_path, "%s/z/link", dir.path);
    cr_assert_eq(symlink(path, link_path), 0);
    (void)snprintf(link_path, sizeof link_path, "%s/z", dir.path);
    dir_remove(link_path);
    (void)snprintf(path, sizeof path, "%s/x/y/kept", dir.path);
    cr_expect(err_ok(file_read(&out, path)), "the link's target is untouched");
    cr_expect(bytes_eq(buf_bytes(&out), LIT("0123456789")));
    write_text(dir.path, "long", "01234567890123456789");
    (void)snprintf(path, sizeof path, "%s/long", dir.path);
    buf_clear(&out);
    cr_expect_eq(file_read(&out, path).kind, ERR_LIMIT);
    buf_clear(&out);
    cr_expect_eq(file_read(&out, "/nowhere/at/all").kind, ERR_NOT_FOUND);
    cr_expect_eq(file_write("/nowhere/at/all", LIT("x"), 0600).kind, ERR_IO);
    buf_deinit(&out);
    temp_dir_remove(&dir);
}

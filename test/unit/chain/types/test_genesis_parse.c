// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdio.h>

#include "chain/crypto/keccak.h"
#include "chain/types/chain_config.h"
#include "chain/types/extra_data.h"
#include "chain/types/fork_id.h"
#include "test/support/vectors.h"

static struct arena arena;

static void open_arena(void)
{
    arena = vectors_arena((size_t)4 << 20);
}

static void close_arena(void)
{
    arena_deinit(&arena);
}

TestSuite(genesis_parse, .init = open_arena, .fini = close_arena);

#define EXTRA                                                                                      \
    "\"extraData\":\"0xf83aa00000000000000000000000000000000000000000000000000000000000000000d594" \
    "eac51e3fe1afc9894f0dfeab8ceb471899b932dfc080c0\""

/// Goal: a Besu genesis, with its letter case and its mixture of numbers and strings, gives
/// every field where it belongs.
Test(genesis_parse, besu)
{
    static const char text[] =
        "{\"config\":{\"chainId\":1981,\"berlinBlock\":0,\"LondonBlock\":0,\"shanghaiTime\":0,"
        "\"cancunTime\":0,\"zeroBaseFee\":true,\"contractSizeLimit\":2147483647,"
        "\"qbft\":{\"epochLength\":\"30000\",\"BlockPeriodSeconds\":5,\"requesttimeoutseconds\":10,"
        "\"emptyBlockPeriodSeconds\":60,\"blockreward\":\"0x5\","
        "\"miningBeneficiary\":\"0x0000000000000000000000000000000000000007\"},"
        "\"transitions\":{\"qbft\":[{\"block\":20,\"blockperiodseconds\":2},"
        "{\"block\":10,\"miningbeneficiary\":\"\"}]}},"
        "\"nonce\":\"0x0\",\"timestamp\":\"0x58ee40ba\",\"gasLimit\":\"0x1fffffffffffff\","
        "\"difficulty\":\"0x1\",\"mixHash\":"
        "\"0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365\","
        "\"coinbase\":\"0x0000000000000000000000000000000000000000\"," EXTRA ","
        "\"alloc\":{\"fe3b557e8fb62b89f4916b721be55ceb828dbd73\":{\"privateKey\":\"x\","
        "\"comment\":\"y\",\"balance\":\"0xad78ebc5ac6200000\"},"
        "\"0x0000000000000000000000000000000000001234\":{\"balance\":\"90000\",\"nonce\":\"0x2\","
        "\"code\":\"0x6001\",\"storage\":{\"0x02\":\"0x03\",\"0x01\":\"0x0000ff\"}}}}";
    struct genesis g;
    struct genesis_detail detail = {""};
    const err_t err = genesis_parse(&g, &arena, bytes_of_str(text), &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
    const struct chain_config *c = &g.config;
    cr_expect(c->engine == ENGINE_QBFT && c->chain_id == 1981 && c->zero_base_fee);
    cr_expect_eq(c->contract_size_limit, 2147483647);
    cr_expect_eq(chain_revision(c, 0, g.header.timestamp_s), REV_CANCUN);
    cr_expect_eq(c->fork_block[REV_ISTANBUL], FORK_NEVER);
    cr_expect_eq(c->qbft.epoch_length, 30000);
    cr_expect(c->qbft.block_period_ms == 5000 && !c->qbft.period_is_ms);
    cr_expect(c->qbft.empty_block_period_ms == 60000 && c->qbft.request_timeout_ms == 10000 &&
              c->qbft.max_request_timeout_ms == 60000);
    cr_expect_eq(c->qbft.block_reward_wei.limb[0], 5);
    cr_expect(c->qbft.has_beneficiary && c->qbft.beneficiary.b[19] == 7);
    cr_assert_eq(c->transition_count, 2);
    cr_expect(c->transitions[0].block == 10 && c->transitions[1].block == 20, "sorted");
    cr_expect(!chain_qbft_at(c, 10).has_beneficiary);
    cr_expect_eq(chain_qbft_at(c, 20).block_period_ms, 2000);

    cr_expect_eq(g.header.field_count, HEADER_FIELDS_CANCUN);
    cr_expect_eq(g.header.base_fee_wei.limb[0], 1000000000, "Besu's default");
    cr_expect_eq(g.header.timestamp_s, 0x58ee40ba);
    cr_expect_eq(g.header.gas_limit, 0x1fffffffffffff);
    cr_expect(hash_eq(&g.header.mix_hash, &QBFT_MIX_HASH));
    cr_expect(hash_eq(&g.header.withdrawals_root, &KECCAK_RLP_NULL));

    cr_assert_eq(g.alloc_count, 2);
    const struct alloc_account *a = &g.alloc[0];
    cr_expect(a->address.b[19] == 0x34 && a->nonce == 2 && a->balance_wei.limb[0] == 90000);
    cr_expect(bytes_eq(a->code, LIT("\x60\x01")));
    cr_assert_eq(a->slot_count, 2);
    cr_expect(a->slots[0].key.b[31] == 1 && a->slots[0].value.limb[0] == 255, "sorted");
    cr_expect_eq(g.alloc[1].address.b[0], 0xfe);
}

/// Goal: GoQuorum's own keys and defaults, behind isQuorum.
Test(genesis_parse, goquorum)
{
    static const char text[] =
        "{\"config\":{\"chainId\":10,\"isQuorum\":true,\"constantinopleBlock\":0,\"berlinBlock\":5,"
        "\"qip714Block\":0,\"maxCodeSizeConfig\":[{\"block\":0,\"size\":64}],"
        "\"qbft\":{\"validators\":[\"0x0000000000000000000000000000000000000009\","
        "\"0x0000000000000000000000000000000000000003\"]},"
        "\"transitions\":[{\"block\":7,\"algorithm\":\"qbft\",\"emptyBlockPeriodSeconds\":3}]},"
        "\"gasLimit\":\"0xe0000000\",\"difficulty\":\"0x1\",\"extraData\":\"0x00\"}";
    struct genesis g;
    struct genesis_detail detail = {""};
    cr_assert(err_ok(genesis_parse(&g, &arena, bytes_of_str(text), &detail)), "%s", detail.text);
    cr_expect_eq(g.config.fork_block[REV_PETERSBURG], 0);
    cr_expect_eq(g.config.contract_size_limit, 65536);
    cr_expect(g.config.qbft.block_period_ms == 5000 && g.config.qbft.request_timeout_ms == 10000);
    cr_expect_eq(chain_qbft_at(&g.config, 7).empty_block_period_ms, 3000);
    size_t count;
    const address_t *v = chain_qbft_validators_at(&g.config, 0, &count);
    cr_assert(v != NULL && count == 2);
    cr_expect(v[0].b[19] == 3 && v[1].b[19] == 9, "sorted");
    cr_expect_eq(g.header.field_count, HEADER_FIELDS_CLASSIC);
}

/// Goal: gas has a price in a GoQuorum network only from enableGasPriceBlock on, or as a transition
/// says; a beneficiary only where the mode asks for one.
Test(genesis_parse, goquorum_gas_and_beneficiary)
{
    static const struct {
        const char *config;
        uint64_t number;
        bool free, beneficiary;
    } rows[] = {
        {"\"isQuorum\":true,\"qbft\":{}", 1000000, true, false},
        {"\"isQuorum\":false,\"qbft\":{}", 0, false, false},
        {"\"isQuorum\":true,\"enableGasPriceBlock\":7,\"qbft\":{}", 6, true, false},
        {"\"isQuorum\":true,\"enableGasPriceBlock\":7,\"qbft\":{}", 7, false, false},
        {"\"isQuorum\":true,\"enableGasPriceBlock\":0,\"qbft\":{}", 0, false, false},
        {"\"isQuorum\":true,\"qbft\":{},\"transitions\":[{\"block\":3,\"gasPriceEnabled\":true},"
         "{\"block\":5,\"gasPriceEnabled\":false}]",
         2, true, false},
        {"\"isQuorum\":true,\"qbft\":{},\"transitions\":[{\"block\":3,\"gasPriceEnabled\":true},"
         "{\"block\":5,\"gasPriceEnabled\":false}]",
         4, false, false},
        {"\"isQuorum\":true,\"qbft\":{},\"transitions\":[{\"block\":3,\"gasPriceEnabled\":true},"
         "{\"block\":5,\"gasPriceEnabled\":false}]",
         5, true, false},
        {"\"isQuorum\":true,\"qbft\":{\"miningBeneficiary\":"
         "\"0x0000000000000000000000000000000000000009\"}",
         1, true, true},
        {"\"isQuorum\":true,\"qbft\":{\"beneficiaryMode\":\"validator\",\"miningBeneficiary\":"
         "\"0x0000000000000000000000000000000000000009\"}",
         1, true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "{\"config\":{\"chainId\":10,%s},\"gasLimit\":\"0xe0000000\"," EXTRA "}",
                       rows[i].config);
        struct genesis g;
        struct genesis_detail detail = {""};
        cr_assert(err_ok(genesis_parse(&g, &arena, bytes_of_str(text), &detail)), "%zu: %s", i,
                  detail.text);
        cr_expect_eq(chain_gas_is_free(&g.config, rows[i].number), rows[i].free, "%zu", i);
        cr_expect_eq(chain_qbft_at(&g.config, rows[i].number).has_beneficiary, rows[i].beneficiary,
                     "%zu", i);
    }
}

/// Goal: a quorum that this node does not count is refused, not guessed (qbft.md 2: 2F+1).
Test(genesis_parse, goquorum_quorum)
{
    static const struct {
        const char *qbft;
        enum err_kind kind;
    } rows[] = {
        {"", ERR_NONE},
        {"\"ceil2Nby3Block\":0", ERR_NONE},
        {"\"ceil2Nby3Block\":1", ERR_UNSUPPORTED},
        {"\"2FPlus1Enabled\":false", ERR_NONE},
        {"\"2FPlus1Enabled\":true", ERR_UNSUPPORTED},
        {"\"policy\":0", ERR_NONE},
        {"\"policy\":1", ERR_UNSUPPORTED},
        {"},\"transitions\":[{\"block\":9,\"2FPlus1Enabled\":true}],\"x\":{", ERR_UNSUPPORTED},
        {"},\"transitions\":[{\"block\":9,\"contractsizelimit\":64}],\"x\":{", ERR_UNSUPPORTED},
        {"},\"transitions\":[{\"block\":0,\"contractsizelimit\":64}],\"x\":{", ERR_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "{\"config\":{\"chainId\":1,\"isQuorum\":true,\"qbft\":{%s}},\"gasLimit\":"
                       "\"0xe0000000\"," EXTRA "}",
                       rows[i].qbft);
        struct genesis g;
        struct genesis_detail detail = {""};
        const err_t err = genesis_parse(&g, &arena, bytes_of_str(text), &detail);
        cr_expect_eq(err.kind, rows[i].kind, "%s: %s %s", rows[i].qbft, err_text(err), detail.text);
    }
}

/// Goal: GoQuorum's fork id counts its own blocks, but not qip714Block (devp2p.md 2.2).
Test(genesis_parse, goquorum_forks)
{
    static const char text[] =
        "{\"config\":{\"chainId\":1,\"isQuorum\":true,\"berlinBlock\":0,\"qip714Block\":2,"
        "\"privacyEnhancementsBlock\":9,\"privacyPrecompileBlock\":4,\"enableGasPriceBlock\":9,"
        "\"maxCodeSizeChangeBlock\":3,\"qbft\":{}},\"gasLimit\":\"0xe0000000\"," EXTRA "}";
    struct genesis g;
    struct genesis_detail detail = {""};
    cr_assert(err_ok(genesis_parse(&g, &arena, bytes_of_str(text), &detail)), "%s", detail.text);
    const struct fork_list l = fork_list_of(&g.config, 0);
    cr_assert_eq(l.count, 3);
    cr_expect(l.at[0] == 3 && l.at[1] == 4 && l.at[2] == 9);
    cr_expect_eq(l.block_count, 3);
}

/// Goal: the validator contract's genesis needs no validators in extraData.
Test(genesis_parse, contract_mode)
{
    static const char text[] =
        "{\"config\":{\"chainId\":1,\"qbft\":{\"validatorcontractaddress\":"
        "\"0x0000000000000000000000000000000000008888\"}},\"gasLimit\":5000,\"extraData\":"
        "\"0xe5a00000000000000000000000000000000000000000000000000000000000000000c0c080c0\"}";
    struct genesis g;
    cr_assert(err_ok(genesis_parse(&g, &arena, bytes_of_str(text), NULL)));
    cr_expect(g.config.qbft.has_validator_contract);
    cr_expect_eq(g.config.qbft.validator_contract.b[18], 0x88);
}

/// Goal: each thing that can be wrong has a row, and its sentence names it.
static const struct {
    const char *config; ///< members of config after chainId and qbft; or the whole if rest is ""
    const char *rest;   ///< members beside config
    enum err_kind kind;
    const char *says;
} wrong[] = {
    {",\"osakaTime\":0", EXTRA, ERR_UNSUPPORTED, "config.osakaTime"},
    {",\"atlantisBlock\":0", EXTRA, ERR_UNSUPPORTED, "config.atlantisBlock"},
    {",\"osakaTime\":null", EXTRA, ERR_NONE, ""},
    {",\"qip714Block\":0", EXTRA, ERR_INVALID, "isQuorum"},
    {",\"maxCodeSizeChangeBlock\":3", EXTRA, ERR_INVALID, "isQuorum"},
    {",\"isQuorum\":true,\"maxCodeSizeChangeBlock\":3", EXTRA, ERR_NONE, ""},
    {",\"isQuorum\":true,\"maxCodeSize\":32,\"maxCodeSizeChangeBlock\":3", EXTRA, ERR_UNSUPPORTED,
     "changes at block 3"},
    {",\"daoForkBlock\":1920000", EXTRA, ERR_UNSUPPORTED, "daoforkblock is 1920000"},
    {",\"daoForkBlock\":0", EXTRA, ERR_NONE, ""},
    {",\"londonBlock\":5,\"berlinBlock\":9", EXTRA, ERR_INVALID,
     "London starts at block 5, before Berlin"},
    {",\"londonBlock\":0,\"cancunTime\":5,\"pragueTime\":4", EXTRA, ERR_INVALID,
     "Prague starts at time 4"},
    {",\"shanghaiTime\":0", EXTRA, ERR_INVALID, "londonBlock is missing"},
    {",\"eip155Block\":1,\"eip158Block\":2", EXTRA, ERR_INVALID, "another key of the fork"},
    {",\"londonBlock\":0,\"LondonBlock\":0", EXTRA, ERR_INVALID,
     "config.londonblock is given twice"},
    {",\"londonBlock\":-1", EXTRA, ERR_MALFORMED, "config.londonblock is -1"},
    {",\"londonBlock\":\"x\"", EXTRA, ERR_MALFORMED, "config.londonblock is \"x\""},
    {",\"zeroBaseFee\":1", EXTRA, ERR_MALFORMED, "expected true or false"},
    {",\"fixedBaseFee\":true", EXTRA, ERR_UNSUPPORTED, "fixedBaseFee"},
    {",\"transitions\":7", EXTRA, ERR_MALFORMED, "config.transitions is 7"},
    {",\"transitions\":{\"qbft\":[{}]}", EXTRA, ERR_INVALID, "no `block`"},
    {",\"transitions\":{\"qbft\":[{\"block\":1,\"validatorselectionmode\":\"blockheader\"}]}",
     EXTRA, ERR_INVALID, "expected `validators`"},
    {",\"transitions\":{\"qbft\":[{\"block\":1,\"validatorselectionmode\":\"x\"}]}", EXTRA,
     ERR_INVALID, "validatorselectionmode is \"x\""},
    {",\"transitions\":{\"qbft\":[{\"block\":1,\"validators\":[]}]}", EXTRA, ERR_INVALID,
     "expected a list of 1 to"},
    {"", "\"extraData\":\"0x00\"", ERR_INVALID, "genesis.extraData is not QBFT's"},
    {"",
     "\"extraData\":"
     "\"0xe5a00000000000000000000000000000000000000000000000000000000000000000c0c080c0\"",
     ERR_INVALID, "names no validator"},
    {"", "\"extraData\":\"0x0\"", ERR_MALFORMED, "genesis.extraData is \"0x0\""},
    {"", EXTRA ",\"timestamp\":\"soon\"", ERR_MALFORMED, "genesis.timestamp is \"soon\""},
    {"", EXTRA ",\"coinbase\":\"0x010000000000000000000000000000000000000000\"", ERR_MALFORMED,
     "at most 20 bytes"},
    {"", EXTRA ",\"alloc\":[]", ERR_MALFORMED, "alloc is []"},
    {"", EXTRA ",\"alloc\":{\"0x12\":{}}", ERR_MALFORMED, "alloc.0x12"},
    {"", EXTRA ",\"alloc\":{\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD\":{}}", ERR_MISMATCH,
     "checksum"},
    {"",
     EXTRA ",\"alloc\":{\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\":{},"
           "\"5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\":{}}",
     ERR_INVALID, "twice"},
    {"", EXTRA ",\"alloc\":{\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\":{\"balance\":\"1x\"}}",
     ERR_MALFORMED, "balance is \"1x\""},
    {"",
     EXTRA ",\"alloc\":{\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\":"
           "{\"storage\":{\"0x1\":\"0x1\",\"0x01\":\"0x2\"}}}",
     ERR_INVALID, "twice"},
    {"", EXTRA ",\"alloc\":{\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\":{\"code\":\"6001zz\"}}",
     ERR_MALFORMED, "code is \"6001zz\""},
};

Test(genesis_parse, refusals)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[2048];
        struct genesis g = {.alloc_count = 77};
        struct genesis_detail detail = {""};
        snprintf(text, sizeof text,
                 "{\"config\":{\"chainId\":1,\"qbft\":{}%s},\"gasLimit\":9999,%s}", wrong[i].config,
                 wrong[i].rest);
        const err_t err = genesis_parse(&g, &arena, bytes_of_str(text), &detail);
        cr_expect_eq(err.kind, wrong[i].kind, "row %zu: %s (%s)", i, err_text(err), detail.text);
        if (err_ok(err)) continue;
        cr_expect_not_null(strstr(detail.text, wrong[i].says), "row %zu: %s", i, detail.text);
        cr_expect_eq(g.alloc_count, 77, "row %zu: touched", i);
    }
}

/// Goal: the same for the parts that the rows above keep.
Test(genesis_parse, refusals_of_the_whole)
{
    static const struct {
        const char *text;
        enum err_kind kind;
        const char *says;
    } rows[] = {
        {"", ERR_MALFORMED, "not valid JSON: nothing there"},
        {"{\"config\":{}", ERR_MALFORMED, "not valid JSON: line 1"},
        {"[]", ERR_MALFORMED, "the file is []"},
        {"{}", ERR_MALFORMED, "config is nothing"},
        {"{\"config\":{\"qbft\":{}},\"gasLimit\":1}", ERR_INVALID, "config.chainId is missing"},
        {"{\"config\":{\"chainId\":0,\"qbft\":{}}}", ERR_INVALID, "config.chainid is 0"},
        {"{\"config\":{\"chainId\":1,\"ibft2\":{}}}", ERR_UNSUPPORTED, "config.ibft2"},
        {"{\"config\":{\"chainId\":1,\"clique\":{}}}", ERR_UNSUPPORTED, "config.clique"},
        {"{\"config\":{\"chainId\":1,\"qbft\":7}}", ERR_MALFORMED, "config.qbft is 7"},
        {"{\"config\":{\"chainId\":1,\"qbft\":{\"blockperiodseconds\":0}}}", ERR_INVALID,
         "config.qbft.blockperiodseconds is 0"},
        {"{\"config\":{\"chainId\":1,\"qbft\":{\"epochlength\":0}}}", ERR_INVALID,
         "epochlength is 0"},
        {"{\"config\":{\"chainId\":1,\"qbft\":{\"startblock\":5}}}", ERR_UNSUPPORTED,
         "startblock is 5"},
        {"{\"config\":{\"chainId\":1,\"qbft\":{\"validatorselectionmode\":\"contract\"}}}",
         ERR_INVALID, "validatorcontractaddress"},
        {"{\"config\":{\"chainId\":1,\"qbft\":{}}}", ERR_INVALID, "genesis.gasLimit is missing"},
        {"{\"config\":{\"chainId\":1,\"qbft\":{}},\"gasLimit\":4999}", ERR_INVALID,
         "gaslimit is 4999"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct genesis g;
        struct genesis_detail detail = {""};
        const err_t err = genesis_parse(&g, &arena, bytes_of_str(rows[i].text), &detail);
        cr_expect_eq(err.kind, rows[i].kind, "row %zu: %s (%s)", i, err_text(err), detail.text);
        cr_expect_not_null(strstr(detail.text, rows[i].says), "row %zu: %s", i, detail.text);
    }
}

/// Goal: without `qbft` the rules are mainnet's, and a Prague genesis has every field.
Test(genesis_parse, mainnet_rules)
{
    static const char text[] =
        "{\"config\":{\"chainId\":1,\"londonBlock\":0,\"terminalTotalDifficulty\":0,"
        "\"shanghaiTime\":0,\"cancunTime\":0,\"pragueTime\":0},\"gasLimit\":\"0x1c9c380\","
        "\"baseFeePerGas\":\"0x7\",\"excessBlobGas\":\"0x20000\"}";
    struct genesis g;
    cr_assert(err_ok(genesis_parse(&g, &arena, bytes_of_str(text), NULL)));
    cr_expect_eq(g.config.engine, ENGINE_MAINNET);
    cr_expect_eq(g.config.fork_block[REV_PARIS], 0);
    cr_expect_eq(g.header.field_count, HEADER_FIELDS_PRAGUE);
    cr_expect(g.header.base_fee_wei.limb[0] == 7 && g.header.excess_blob_gas == 0x20000);
    cr_expect(g.header.requests_hash.b[0] == 0xe3 && g.header.requests_hash.b[31] == 0x55);
}

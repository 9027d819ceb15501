// SPDX-License-Identifier: Apache-2.0
/// Goal: every header rule of the fact sheet 7 has a row that breaks only it.

#include <criterion/criterion.h>

#include "chain/crypto/keccak.h"
#include "consensus/qbft/header_rules.h"
#include "test/unit/consensus/small_net.h"
#include "vm/block_exec.h"

static struct small_net s;
static struct header parent;
static hash_t parent_hash;

struct subject {
    struct header h;
    struct extra_data extra;
    address_t validators[4];
    secp_sig_t seals[5];
    struct header_rules rules;
};

static void seal(struct subject *t, size_t count)
{
    hash_t digest;
    struct buf b;
    buf_init(&b, 4096);
    t->extra.seal_count = 0;
    extra_data_encode(&b, &t->extra);
    t->h.extra_data = buf_bytes(&b);
    cr_assert(err_ok(qbft_seal_hash(&digest, &t->h, t->extra.round)));
    for (size_t i = 0; i < count; i++) t->seals[i] = secp_sign(s.keys[i % 4], &digest);
    t->extra.seals = t->seals;
    t->extra.seal_count = count;
    bool full = false;
    t->h.extra_data = arena_copy(&s.arena, buf_bytes(&b), &full);
    buf_deinit(&b);
}

static void make(struct subject *t)
{
    static const uint8_t vanity[32] = {0};
    memset(t, 0, sizeof *t);
    memcpy(t->validators, s.addresses, sizeof t->validators);
    t->extra = (struct extra_data){
        .vanity = BYTES_OF(vanity), .validators = t->validators, .validator_count = 4, .round = 2};
    t->h = (struct header){.parent_hash = parent_hash,
                           .ommers_hash = KECCAK_RLP_LIST,
                           .coinbase = s.addresses[1],
                           .difficulty = u256_from_u64(1),
                           .number = 1,
                           .gas_limit = parent.gas_limit,
                           .timestamp_s = 1002,
                           .mix_hash = QBFT_MIX_HASH,
                           .field_count = HEADER_FIELDS_CANCUN,
                           .withdrawals_root = KECCAK_RLP_NULL};
    t->h.base_fee_wei = next_base_fee(&s.genesis.config, &parent, 1002);
    t->rules = (struct header_rules){.config = &s.genesis.config,
                                     .parent = &parent,
                                     .parent_hash = &parent_hash,
                                     .validators = s.addresses,
                                     .validator_count = 4,
                                     .now_ms = 1002000,
                                     .sealed = true};
    seal(t, 3);
}

static void nothing(struct subject *t)
{
    (void)t;
}
static void number(struct subject *t)
{
    t->h.number = 2;
}
static void other_parent(struct subject *t)
{
    t->h.parent_hash.b[0] ^= 1;
}
static void gas_used(struct subject *t)
{
    t->h.gas_used = t->h.gas_limit + 1;
}
static void limit_up(struct subject *t)
{
    t->h.gas_limit += parent.gas_limit / 1024;
}
static void limit_up_less(struct subject *t)
{
    t->h.gas_limit += parent.gas_limit / 1024 - 1;
    seal(t, 3);
}
static void limit_down(struct subject *t)
{
    t->h.gas_limit -= parent.gas_limit / 1024;
}
static void fields(struct subject *t)
{
    t->h.field_count = HEADER_FIELDS_SHANGHAI;
}
static void base_fee(struct subject *t)
{
    t->h.base_fee_wei.limb[0]++;
}
static void withdrawals(struct subject *t)
{
    t->h.withdrawals_root.b[3] ^= 1;
}
static void blobs(struct subject *t)
{
    t->h.blob_gas_used = 131072;
}
static void early(struct subject *t)
{
    t->h.timestamp_s = 1000;
}
static void a_second_ahead(struct subject *t)
{
    t->h.timestamp_s = 1003;
    seal(t, 3);
}
static void ahead(struct subject *t)
{
    t->h.timestamp_s = 1004;
}
static void mix(struct subject *t)
{
    t->h.mix_hash.b[0] ^= 1;
}
static void difficulty(struct subject *t)
{
    t->h.difficulty.limb[0] = 2;
}
static void ommers(struct subject *t)
{
    t->h.ommers_hash.b[0] ^= 1;
}
static void unsorted(struct subject *t)
{
    const address_t a = t->validators[0];
    t->validators[0] = t->validators[1];
    t->validators[1] = a;
}
static void one_missing(struct subject *t)
{
    t->extra.validator_count = 3;
}
static void stranger(struct subject *t)
{
    t->h.coinbase = s.rich;
}
static void too_few(struct subject *t)
{
    seal(t, 2);
}
static void all_four(struct subject *t)
{
    seal(t, 4);
}
static void doubled(struct subject *t)
{
    seal(t, 5); // the fifth is the first one's again
}
static void other_round(struct subject *t)
{
    t->extra.round = 1;
}
static void broken_seal(struct subject *t)
{
    t->seals[2].r[5] ^= 1;
}
static void proposal_with_seals(struct subject *t)
{
    t->rules.sealed = false;
}
static void proposal(struct subject *t)
{
    t->rules.sealed = false;
    t->extra.seal_count = 0;
}

static const struct {
    const char *name;
    void (*break_it)(struct subject *);
    bool valid;
} cases[] = {
    {"a sealed block", nothing, true},
    {"a proposal", proposal, true},
    {"all seals", all_four, true},
    {"gas limit up by less than 1/1024", limit_up_less, true},
    {"one second ahead of the clock", a_second_ahead, true},
    {"number", number, false},
    {"parent", other_parent, false},
    {"gas used above the limit", gas_used, false},
    {"gas limit up by 1/1024", limit_up, false},
    {"gas limit down by 1/1024", limit_down, false},
    {"fields of another fork", fields, false},
    {"base fee", base_fee, false},
    {"withdrawals", withdrawals, false},
    {"blobs", blobs, false},
    {"before the period is over", early, false},
    {"two seconds ahead", ahead, false},
    {"mixHash", mix, false},
    {"difficulty", difficulty, false},
    {"ommers", ommers, false},
    {"validators not sorted", unsorted, false},
    {"a validator missing", one_missing, false},
    {"coinbase not a validator", stranger, false},
    {"fewer seals than a quorum", too_few, false},
    {"one validator seals twice", doubled, false},
    {"seals of another round", other_round, false},
    {"a broken seal", broken_seal, false},
    {"a proposal with seals", proposal_with_seals, false},
};

Test(header_rules, each_rule)
{
    small_net_init(
        &s, 4, "\"blockperiodseconds\":2,\"requesttimeoutseconds\":4,\"epochlength\":30000", "");
    parent = s.genesis.header;
    parent.timestamp_s = 1000;
    parent_hash = header_hash(&parent);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subject t;
        make(&t);
        cases[i].break_it(&t);
        const err_t err = qbft_header_check(&t.rules, &t.h, &t.extra);
        cr_expect_eq(err_ok(err), cases[i].valid, "%s: %s", cases[i].name, err_text(err));
    }
    small_net_deinit(&s);
}

/// Goal: as a real GoQuorum's first block does: from the genesis's limit to 700 million at once.
Test(header_rules, gas_limit_of_goquorum)
{
    small_net_init(
        &s, 4, "\"blockperiodseconds\":2,\"requesttimeoutseconds\":4,\"epochlength\":30000", "");
    parent = s.genesis.header;
    parent.timestamp_s = 1000;
    parent_hash = header_hash(&parent);
    struct subject t;
    make(&t);
    t.h.gas_limit = 700000000;
    seal(&t, 4);
    cr_expect(!err_ok(qbft_header_check(&t.rules, &t.h, &t.extra)));
    s.genesis.config.goquorum = true;
    const err_t err = qbft_header_check(&t.rules, &t.h, &t.extra);
    cr_expect(err_ok(err), "%s", err_text(err));
    t.h.gas_used = t.h.gas_limit + 1;
    seal(&t, 4);
    cr_expect(!err_ok(qbft_header_check(&t.rules, &t.h, &t.extra)), "used above the limit");
    small_net_deinit(&s);
}

Test(header_rules, gas_limit_moves_slowly)
{
    const struct header p = {.gas_limit = 1024000, .field_count = HEADER_FIELDS_LONDON};
    cr_expect_eq(next_gas_limit(&p, 0, true), 1024000);
    cr_expect_eq(next_gas_limit(&p, 2000000, true), 1024999);
    cr_expect_eq(next_gas_limit(&p, 1024500, true), 1024500);
    cr_expect_eq(next_gas_limit(&p, 1, true), 1023001);
    const struct header low = {.gas_limit = 5001, .field_count = HEADER_FIELDS_LONDON};
    cr_expect_eq(next_gas_limit(&low, 1, true), 5000 < 5001 - 3 ? 5001 - 3 : 5000);
    const struct header before = {.gas_limit = 1024000, .field_count = HEADER_FIELDS_CLASSIC};
    cr_expect_eq(next_gas_limit(&before, 0, true), 2048000, "London doubles it");
}

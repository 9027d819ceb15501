// SPDX-License-Identifier: Apache-2.0
/// Goal: where a contract names the validators, its word counts from the next block on; and one
/// that fails stops the chain, but not the node, which says why and goes on once a transition says
/// who validates instead.

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "chain/base/hex.h"
#include "chain/store/blocks.h"
#include "consensus/node/node.h"
#include "test/support/temp_dir.h"
#include "test/unit/consensus/small_net.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

#define CONTRACT "0x0000000000000000000000000000000000008888"
#define QBFT_MEMBERS                                                                               \
    "\"xblockperiodmilliseconds\":20,\"requesttimeoutseconds\":4,\"epochlength\":30000,"           \
    "\"validatorcontractaddress\":\"" CONTRACT "\""

/// A contract that answers as its storage says: slot 0 how (0 returns, 1 reverts, 2 never ends),
/// slot 1 how many bytes, slots 2 to 5 the words. Any call but one of four bytes writes it, as
/// pairs of slot and value.
// clang-format off
static const uint8_t code[] = {
    0x36, 0x60, 0x04, 0x14, 0x60, 0x22, 0x57,             // calldatasize == 4: jump to read
    0x60, 0x00,                                           // i = 0
    0x5b,                                                 // 0x09 loop:
    0x36, 0x81, 0x10, 0x15, 0x60, 0x20, 0x57,             //   i >= calldatasize: jump to end
    0x80, 0x60, 0x20, 0x01, 0x35, 0x81, 0x35, 0x55,       //   sstore(word at i, word at i + 32)
    0x60, 0x40, 0x01, 0x60, 0x09, 0x56,                   //   i += 64, again
    0x00,
    0x5b, 0x00,                                           // 0x20 end: stop
    0x5b,                                                 // 0x22 read: words into memory
    0x60, 0x02, 0x54, 0x60, 0x00, 0x52, 0x60, 0x03, 0x54, 0x60, 0x20, 0x52,
    0x60, 0x04, 0x54, 0x60, 0x40, 0x52, 0x60, 0x05, 0x54, 0x60, 0x60, 0x52,
    0x60, 0x00, 0x54, 0x80, 0x60, 0x01, 0x14, 0x60, 0x51, 0x57, // 1: jump to revert
    0x60, 0x02, 0x14, 0x60, 0x58, 0x57,                   // 2: jump to spin
    0x60, 0x01, 0x54, 0x60, 0x00, 0xf3,                   // return
    0x5b, 0x60, 0x01, 0x54, 0x60, 0x00, 0xfd,             // 0x51 revert
    0x5b, 0x60, 0x58, 0x56,                               // 0x58 spin
};
// clang-format on

struct answer {
    const char *name;
    uint8_t how;
    uint16_t len;      ///< bytes of the words that are returned
    const char *words; ///< "own" and "other" stand for addresses; else hexadecimal, short
    bool fails;        ///< nobody is named
};

static const struct answer answers[] = {
    {"itself and another", 0, 128, "20 2 own other", false},
    {"in the wrong order", 0, 128, "20 2 other own", false},
    {"reverts", 1, 64, "20 2 own other", true},
    {"never ends", 2, 128, "20 2 own other", true},
    {"nothing", 0, 0, "", true},
    {"half a word", 0, 48, "20 1", true},
    {"an empty list", 0, 64, "20 0", true},
    {"a list that is cut off", 0, 96, "20 2 own", true},
    {"a list without end", 0, 128, "20 ffffffff own other", true},
    {"a list elsewhere", 0, 128, "40 1 1 own", true},
    {"more than an address", 0, 96, "20 1 ff0000000000000000000000000000000000000001", true},
    {"one twice", 0, 128, "20 2 own own", true},
};

/// One validator whose contract names it, over a store of its own.
struct scene {
    struct small_net net;
    struct temp_dir dir;
    struct alloc_account contract;
    struct alloc_slot slots[4];
    address_t other;
    struct node *node;
};

static u256_t word_of(const struct scene *s, const char *text, size_t len)
{
    uint8_t bytes[32] = {0};
    if (len == 3 && memcmp(text, "own", 3) == 0)
        memcpy(bytes + 12, s->net.addresses[0].b, 20);
    else if (len == 5 && memcmp(text, "other", 5) == 0)
        memcpy(bytes + 12, s->other.b, 20);
    else {
        char padded[65];
        memset(padded, '0', 64);
        memcpy(padded + 64 - len, text, len);
        padded[64] = 0;
        MUST(hex_decode_fixed(bytes, sizeof bytes, bytes_of_str(padded)));
    }
    return u256_from_be32(bytes);
}

/// @param extra  further members of the genesis' config, with a leading comma
static void scene_init(struct scene *s, const char *extra)
{
    memset(s, 0, sizeof *s);
    small_net_init(&s->net, 1, QBFT_MEMBERS, extra);
    memset(s->other.b, 0x77, sizeof s->other.b);
    const char *const words[] = {"60", "20", "1", "own"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        s->slots[i].key.b[31] = (uint8_t)(i + 1);
        s->slots[i].value = word_of(s, words[i], strlen(words[i]));
    }
    s->contract =
        (struct alloc_account){.code = BYTES_OF(code), .slots = s->slots, .slot_count = 4};
    MUST(hex_decode_fixed(s->contract.address.b, 20, bytes_of_str(CONTRACT)));
    struct alloc_account *all = ARENA_ARRAY(&s->net.arena, struct alloc_account, 2);
    cr_assert(all != NULL && s->net.genesis.alloc_count == 1);
    all[0] = s->contract;
    all[1] = s->net.genesis.alloc[0];
    s->net.genesis.alloc = all;
    s->net.genesis.alloc_count = 2;
}

static void open_node(struct scene *s)
{
    struct node_detail detail;
    const struct node_options o = {.data_dir = s->dir.path,
                                   .genesis = &s->net.genesis,
                                   .key = s->net.keys[0],
                                   .price_bump_percent = 10,
                                   .workers = 1,
                                   .guard_reset_height = 1};
    const err_t err = node_open(&s->node, &o, &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
}

static struct node_status status_of(struct scene *s)
{
    struct node_status st;
    node_status(s->node, &st);
    return st;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

#define PATIENCE 24000 ///< times 5 ms: bounds what hangs and measures nothing

static void wait_head(struct scene *s, uint64_t number)
{
    for (int i = 0; i < PATIENCE && status_of(s).head_number < number; i++) pause_ms(5);
    cr_assert_geq(status_of(s).head_number, number);
}

/// Makes the contract answer so.
static hash_t send_answer(struct scene *s, const struct answer *a)
{
    uint8_t data[6 * 64] = {0};
    const u256_t how = u256_from_u64(a->how);
    const u256_t len = u256_from_u64(a->len);
    u256_t values[6] = {how, len};
    const char *at = a->words;
    for (size_t i = 2; i < 6 && *at != 0; i++) {
        const size_t n = strcspn(at, " ");
        values[i] = word_of(s, at, n);
        at += n + strspn(at + n, " ");
    }
    for (size_t i = 0; i < 6; i++) {
        data[64 * i + 31] = (uint8_t)i;
        u256_to_be32(data + 64 * i + 32, &values[i]);
    }
    struct tx tx = {.type = TX_LEGACY,
                    .has_chain_id = true,
                    .chain_id = SMALL_NET_CHAIN_ID,
                    .max_fee_per_gas = u256_from_u64(2000000000),
                    .max_priority_fee_per_gas = u256_from_u64(2000000000),
                    .gas_limit = 300000,
                    .to = s->contract.address,
                    .data = BYTES_OF(data)};
    MUST(tx_sign(&tx, &s->net.arena, s->net.rich_key));
    struct submit_answer answer;
    node_submit_tx(s->node, &answer, tx.raw);
    cr_assert_eq(answer.result, SUBMIT_OK);
    return tx.hash;
}

/// The block that a transaction is in.
static uint64_t wait_tx(struct scene *s, const hash_t *hash)
{
    struct tx_location where;
    for (int i = 0; i < PATIENCE; i++) {
        struct db_txn *txn;
        MUST(db_begin_read(node_db(s->node), &txn));
        const err_t err = blocks_find_tx(txn, &where, hash);
        db_abort(txn);
        if (err_ok(err)) return where.block_number;
        pause_ms(5);
    }
    cr_assert_fail("the transaction is in no block");
    return 0;
}

static size_t validators_of_next(struct scene *s, uint64_t number, const address_t **set)
{
    size_t count = 99;
    for (int i = 0; i < PATIENCE && status_of(s).head_number < number - 1; i++) pause_ms(5);
    MUST(node_validators(s->node, set, &count, &s->net.arena, number));
    return count;
}

/// A transition at the height that has no block says who validates, and the chain goes on.
static void recover(const struct scene *stopped, uint64_t height)
{
    char extra[256];
    (void)snprintf(extra, sizeof extra,
                   ",\"transitions\":{\"qbft\":[{\"block\":%llu,\"validatorselectionmode\":"
                   "\"blockheader\",\"validators\":[\"%s\"]}]}",
                   (unsigned long long)height, hex_address(&stopped->net.addresses[0]).s);
    struct scene s;
    scene_init(&s, extra);
    s.dir = stopped->dir;
    open_node(&s);
    wait_head(&s, height + 2);
    node_close(s.node);
    small_net_deinit(&s.net);
}

/// One block is named by the set before, and then everything stands on the new answer.
static void play(const struct answer *a)
{
    struct scene s;
    const address_t *set;
    scene_init(&s, "");
    s.dir = temp_dir_make();
    open_node(&s);
    wait_head(&s, 2);
    const hash_t hash = send_answer(&s, a);
    const uint64_t last = wait_tx(&s, &hash);
    const size_t count = validators_of_next(&s, last + 1, &set);
    if (!a->fails) {
        cr_expect_eq(count, 2, "%s: %zu", a->name, count);
        cr_expect(count == 2 && address_cmp(&set[0], &set[1]) < 0, "%s: order", a->name);
    } else {
        cr_expect_eq(count, 0, "%s: %zu", a->name, count);
    }
    // Three block periods later nothing has come, and the node lives; so it does after a restart.
    pause_ms(60);
    cr_expect_eq(status_of(&s).head_number, last, "%s: went on", a->name);
    node_close(s.node);
    open_node(&s);
    cr_expect_eq(status_of(&s).head_number, last, "%s: after a restart", a->name);
    cr_expect_eq(validators_of_next(&s, last + 1, &set), count, "%s: after a restart", a->name);
    cr_expect_eq(status_of(&s).is_validator, !a->fails, "%s", a->name);
    node_close(s.node);
    if (a->fails) recover(&s, last + 1);
    temp_dir_remove(&s.dir);
    small_net_deinit(&s.net);
}

Test(validator_contract, its_word_counts_from_the_next_block_on, .timeout = 600)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) play(&answers[i]);
}

/// The line that an operator reads.
Test(validator_contract, a_failing_one_is_named, .timeout = 600)
{
    struct scene s;
    scene_init(&s, "");
    s.dir = temp_dir_make();
    open_node(&s);
    const hash_t hash = send_answer(&s, &answers[2]);
    const uint64_t last = wait_tx(&s, &hash);
    struct node_status st = status_of(&s);
    for (int i = 0; i < PATIENCE && st.stalled_s == 0; i++) {
        pause_ms(5);
        st = status_of(&s);
    }
    char want[200];
    (void)snprintf(want, sizeof want,
                   "the validator contract " CONTRACT " does not name the validators of block "
                   "%llu: validators: the contract's call failed",
                   (unsigned long long)last + 1);
    cr_expect_str_eq(st.stall_why, want);
    cr_expect(st.stall_hint != NULL && strstr(st.stall_hint, "transition") != NULL);
    node_close(s.node);
    temp_dir_remove(&s.dir);
    small_net_deinit(&s.net);
}

/// A genesis that names an account without code.
Test(validator_contract, none_there, .timeout = 600)
{
    struct scene s;
    scene_init(&s, "");
    s.net.genesis.alloc = &s.net.genesis.alloc[1];
    s.net.genesis.alloc_count = 1;
    s.dir = temp_dir_make();
    open_node(&s);
    const address_t *set;
    cr_expect_eq(validators_of_next(&s, 1, &set), 0);
    cr_expect(!status_of(&s).is_validator);
    pause_ms(60);
    cr_expect_eq(status_of(&s).head_number, 0);
    node_close(s.node);
    temp_dir_remove(&s.dir);
    small_net_deinit(&s.net);
}

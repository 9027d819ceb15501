// SPDX-License-Identifier: Apache-2.0
/// Goal: one validator, driven by the real threads over a real store, makes blocks of what is
/// submitted, loses nothing over a restart, and refuses by name.

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chain/base/endian.h"
#include "chain/state/latest.h"
#include "chain/store/blocks.h"
#include "consensus/node/node.h"
#include "consensus/qbft/header_chain.h"
#include "test/support/temp_dir.h"
#include "test/support/vectors.h"
#include "test/unit/consensus/small_net.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

static const char *const MS_PERIOD =
    "\"xblockperiodmilliseconds\":1,\"requesttimeoutseconds\":4,\"epochlength\":30000";

static struct node_options options_of(const struct small_net *s, const char *dir)
{
    return (struct node_options){.data_dir = dir,
                                 .genesis = &s->genesis,
                                 .key = s->keys[0],
                                 .dev = true,
                                 .price_bump_percent = 10,
                                 .journal_sync = true};
}

static struct node *must_open(const struct node_options *o)
{
    struct node *n = NULL;
    struct node_detail detail;
    const err_t err = node_open(&n, o, &detail);
    cr_assert(err_ok(err), "%s: %s", err_text(err), detail.text);
    return n;
}

/// Waits for a condition on the status, at most two minutes.
static bool wait_for(struct node *n, bool (*is_so)(const struct node_status *s, uint64_t arg),
                     uint64_t arg)
{
    for (int i = 0; i < 120000; i++) {
        struct node_status s;
        node_status(n, &s);
        if (is_so(&s, arg)) return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    return false;
}

static bool head_is(const struct node_status *s, uint64_t number)
{
    return s->head_number >= number;
}

static bool pool_is_empty(const struct node_status *s, uint64_t unused)
{
    (void)unused;
    return s->pool_pending == 0 && s->pool_queued == 0;
}

/// Balance of the address that small_net_transfer makes of `to`.
static uint64_t balance_of(struct node *n, uint64_t to)
{
    struct db_txn *txn;
    MUST(db_begin_read(node_db(n), &txn));
    struct latest_view latest;
    latest_view_init(&latest, txn);
    const struct state_view view = latest_as_view(&latest);
    address_t a = {{0xee}};
    be_put_u64(a.b + 12, to);
    struct account account;
    bool exists;
    MUST(view.account(view.ctx, &account, &exists, &a));
    db_abort(txn);
    return account.balance_wei.limb[0];
}

Test(node, a_transaction_is_in_a_block_within_milliseconds, .timeout = 600)
{
    struct small_net s;
    small_net_init(&s, 1, MS_PERIOD, "");
    const struct temp_dir dir = temp_dir_make();
    const struct node_options o = options_of(&s, dir.path);
    struct node *n = must_open(&o);

    struct timespec from;
    struct timespec to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (uint64_t i = 0; i < 10; i++) {
        const struct tx tx = small_net_transfer(&s, i, 7, 5, 2000000000);
        struct submit_answer answer;
        node_submit_tx(n, &answer, tx.raw);
        cr_assert_eq(answer.result, SUBMIT_OK, "%d %d", (int)answer.result, (int)answer.validity);
        cr_expect(hash_eq(&answer.hash, &tx.hash));
        cr_assert(wait_for(n, head_is, i + 1), "no block %d", (int)i + 1);
        node_submit_tx(n, &answer, tx.raw);
        cr_expect_eq(answer.result, SUBMIT_KNOWN);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    const double ms =
        ((double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6) / 10;
    printf("a transaction to its block: %.2f ms\n", ms);
    cr_expect_eq(balance_of(n, 7), 50);
    node_close(n);
    temp_dir_remove(&dir);
    small_net_deinit(&s);
}

Test(node, batches_restart_and_journal, .timeout = 600)
{
    struct small_net s;
    small_net_init(&s, 1, MS_PERIOD, "");
    const struct temp_dir dir = temp_dir_make();
    struct node_options o = options_of(&s, dir.path);
    struct node *n = must_open(&o);

    bytes_t raws[60];
    struct submit_answer answers[60];
    for (uint64_t i = 0; i < 60; i++) raws[i] = small_net_transfer(&s, i, 8, 1, 2000000000).raw;
    node_submit_txs(n, answers, raws, 60);
    for (size_t i = 0; i < 60; i++) cr_expect_eq(answers[i].result, SUBMIT_OK, "%zu", i);
    cr_assert(wait_for(n, pool_is_empty, 0));
    cr_expect_eq(balance_of(n, 8), 60);

    // One with a gap stays queued, and comes back from the journal.
    const struct tx later = small_net_transfer(&s, 61, 8, 1, 2000000000);
    node_submit_tx(n, answers, later.raw);
    cr_expect_eq(answers[0].result, SUBMIT_OK);
    struct node_status before;
    node_status(n, &before);
    cr_expect_eq(before.pool_queued, 1);
    node_close(n);

    n = must_open(&o);
    struct node_status after;
    node_status(n, &after);
    cr_expect_eq(after.head_number, before.head_number);
    cr_expect(hash_eq(&after.head_hash, &before.head_hash));
    cr_expect_eq(after.pool_queued, 1);
    struct tx_fate_info fate;
    node_tx_fate(n, &fate, &later.hash);
    cr_expect_eq(fate.fate, TX_FATE_QUEUED);
    const struct tx missing = small_net_transfer(&s, 60, 8, 1, 2000000000);
    node_submit_tx(n, answers, missing.raw);
    cr_expect_eq(answers[0].result, SUBMIT_OK);
    cr_assert(wait_for(n, pool_is_empty, 0));
    cr_expect_eq(balance_of(n, 8), 62);
    node_tx_fate(n, &fate, &later.hash);
    cr_expect_eq(fate.fate, TX_FATE_INCLUDED);
    node_close(n);
    temp_dir_remove(&dir);
    small_net_deinit(&s);
}

Test(node, refuses_by_name, .timeout = 600)
{
    struct small_net s;
    small_net_init(&s, 1, MS_PERIOD, "");
    const struct temp_dir dir = temp_dir_make();
    struct node_options o = options_of(&s, dir.path);
    o.min_gas_price_wei = 10;
    struct node *n = must_open(&o);
    struct submit_answer a;

    node_submit_tx(n, &a, LIT("\xc0"));
    cr_expect_eq(a.result, SUBMIT_MALFORMED);
    cr_expect_not_null(a.why);
    node_submit_tx(n, &a, small_net_transfer(&s, 0, 1, 1, 9).raw);
    cr_expect_eq(a.result, SUBMIT_UNDERPRICED);
    node_submit_tx(n, &a, small_net_transfer(&s, 65, 1, 1, 2000000000).raw);
    cr_expect_eq(a.result, SUBMIT_SENDER_LIMIT);
    node_submit_tx(n, &a, small_net_transfer(&s, 0, 1, 1, UINT64_MAX).raw);
    cr_expect_eq(a.result, SUBMIT_INVALID);
    cr_expect_eq(a.validity, TX_INSUFFICIENT_FUNDS);

    struct node *second = NULL;
    struct node_detail detail;
    const err_t err = node_open(&second, &o, &detail);
    cr_expect_eq(err.kind, ERR_BUSY);
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    cr_expect_not_null(strstr(detail.text, pid), "%s", detail.text);
    node_close(n);

    struct small_net other;
    small_net_init(&other, 2, MS_PERIOD, "");
    o.genesis = &other.genesis;
    cr_expect_eq(node_open(&second, &o, &detail).kind, ERR_MISMATCH);
    cr_expect_not_null(strstr(detail.text, "genesis"), "%s", detail.text);
    small_net_deinit(&other);
    temp_dir_remove(&dir);
    small_net_deinit(&s);
}

/// --- without --dev: periods and the guard ---

/// All headers obey the rules and carry the seals of the set that the votes made; a changed one
/// does not pass, and moves nothing.
static void walk_headers(struct node *n, const struct small_net *s, uint64_t head)
{
    static struct header_chain c;
    struct db_txn *txn;
    struct header h;
    MUST(db_begin_read(node_db(n), &txn));
    MUST(blocks_header(txn, &h, 0));
    MUST(header_chain_init(&c, &s->genesis.config, &h));
    for (uint64_t i = 1; i <= head; i++) {
        MUST(blocks_header(txn, &h, i));
        struct header other = h;
        other.state_root.b[9] ^= 1;
        cr_expect_eq(header_chain_next(&c, &other).kind, ERR_INVALID, "another state root");
        other = h;
        other.coinbase.b[9] ^= 1;
        cr_expect_eq(header_chain_next(&c, &other).kind, ERR_INVALID, "another proposer");
        MUST(header_chain_next(&c, &h));
    }
    cr_expect_eq(header_chain_next(&c, &h).kind, ERR_INVALID, "the same again");
    cr_expect_eq(c.tally.validator_count, 2);
    db_abort(txn);
    header_chain_deinit(&c);
}

Test(node, makes_blocks_at_its_period, .timeout = 600)
{
    struct small_net s;
    small_net_init(&s, 1,
                   "\"xblockperiodmilliseconds\":50,\"requesttimeoutseconds\":4,"
                   "\"epochlength\":30000",
                   ",\"zeroBaseFee\":true");
    const struct temp_dir dir = temp_dir_make();
    struct node_options o = options_of(&s, dir.path);
    o.dev = false;

    // No guard: it follows the chain and signs nothing for the height in progress.
    struct node *n = must_open(&o);
    nanosleep(&(struct timespec){.tv_nsec = 300 * 1000 * 1000}, NULL);
    struct node_status status;
    node_status(n, &status);
    cr_expect_eq(status.head_number, 0);
    cr_expect(!status.is_validator);
    cr_expect_str_eq(status.qbft_step, "following");
    node_close(n);

    // The operator says that it never signed height 1.
    o.guard_reset_height = 1;
    n = must_open(&o);
    cr_expect(wait_for(n, head_is, 3));
    node_status(n, &status);
    cr_expect(status.is_validator);
    struct arena a = vectors_arena((size_t)1024 * 1024);
    const address_t *set;
    size_t count;
    for (uint64_t number = 0; number <= 3; number++) {
        MUST(node_validators(n, &set, &count, &a, number));
        cr_expect(count == 1 && address_eq(&set[0], &s.addresses[0]));
    }
    cr_expect_eq(node_validators(n, &set, &count, &a, 1000000).kind, ERR_NOT_FOUND);

    // From then on its guard stands for itself.
    node_close(n);
    o.guard_reset_height = 0;
    n = must_open(&o);
    cr_expect(wait_for(n, head_is, 6));

    // A vote of the only validator: the second one is in force two blocks on, and both are
    // needed from there, so the chain waits for him.
    address_t second = {{0x42}};
    MUST(node_propose_vote(n, &second, true));
    const struct pending_vote *votes;
    MUST(node_pending_votes(n, &votes, &count, &a));
    cr_expect(count == 1 && votes[0].add && address_eq(&votes[0].who, &second));
    bool grown = false;
    for (int i = 0; i < 12000 && !grown; i++) {
        node_status(n, &status);
        arena_reset(&a);
        grown = err_ok(node_validators(n, &set, &count, &a, status.head_number + 1)) && count == 2;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    cr_expect(grown, "the vote has no effect");
    MUST(node_discard_vote(n, &second));
    cr_expect_eq(node_discard_vote(n, &second).kind, ERR_NOT_FOUND);
    node_close(n);

    // And a restart finds the same set by counting the votes again.
    n = must_open(&o);
    struct node_status again;
    node_status(n, &again);
    MUST(node_validators(n, &set, &count, &a, again.head_number + 1));
    cr_expect_eq(count, 2);
    walk_headers(n, &s, again.head_number);
    node_close(n);
    arena_deinit(&a);
    temp_dir_remove(&dir);
    small_net_deinit(&s);
}

/// The set of a Besu test contract, as its vector says.
Test(node, validators_of_a_contract, .timeout = 600)
{
    json_t *v = vectors_load("qbft/validator-contract-genesis.json");
    struct small_net s;
    small_net_init(&s, 1,
                   "\"blockperiodseconds\":1,\"requesttimeoutseconds\":4,\"epochlength\":30000,"
                   "\"validatorcontractaddress\":\"0x0000000000000000000000000000000000008888\"",
                   "");
    struct alloc_slot slots[8];
    size_t slot_count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(vectors_get(v, "storage"), key, value)
    {
        const bytes_t k = vectors_hex(&s.arena, key);
        memcpy(slots[slot_count].key.b, k.data, 32);
        slots[slot_count++].value = vectors_number(value);
    }
    struct alloc_account contract = {.code = vectors_bytes(&s.arena, v, "runtimeCode"),
                                     .slots = slots,
                                     .slot_count = slot_count};
    memcpy(contract.address.b, vectors_bytes(&s.arena, v, "address").data, 20);
    s.genesis.alloc = &contract;
    s.genesis.alloc_count = 1;

    const struct temp_dir dir = temp_dir_make();
    struct node_options o = options_of(&s, dir.path);
    o.dev = false;
    struct node *n = must_open(&o);
    const address_t *set;
    size_t count = 0;
    MUST(node_validators(n, &set, &count, &s.arena, 1));
    const json_t *want = vectors_get(v, "expectedValidators");
    cr_assert_eq(count, json_array_size(want));
    for (size_t i = 0; i < count; i++) {
        const bytes_t a = vectors_hex(&s.arena, json_string_value(json_array_get(want, i)));
        cr_expect(bytes_eq(BYTES_OF(set[i]), a), "%zu", i);
    }
    node_close(n);
    temp_dir_remove(&dir);
    small_net_deinit(&s);
    json_decref(v);
}

/// Submits until it is killed; every acknowledged nonce is written to the pipe.
static void submit_for_ever(const struct node_options *o, struct small_net *s, int out,
                            uint64_t nonce)
{
    struct node *n = must_open(o);
    for (;; nonce++) {
        const struct tx tx = small_net_transfer(s, nonce, 9, 1, 2000000000);
        struct submit_answer a;
        do node_submit_tx(n, &a, tx.raw);
        while (a.result == SUBMIT_SENDER_LIMIT);
        if (a.result != SUBMIT_OK && a.result != SUBMIT_KNOWN) _exit(1);
        if (write(out, &nonce, sizeof nonce) != sizeof nonce) _exit(2);
    }
}

Test(node, sigkill_loses_nothing_acknowledged, .timeout = 600)
{
    struct small_net s;
    small_net_init(&s, 1, MS_PERIOD, "");
    const struct temp_dir dir = temp_dir_make();
    const struct node_options o = options_of(&s, dir.path);
    uint64_t acknowledged = 0; // nonces below
    unsigned seed = 1;
    for (int run = 0; run < 12; run++) {
        int ends[2];
        cr_assert_eq(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            submit_for_ever(&o, &s, ends[1], acknowledged);
        }
        close(ends[1]);
        // After the first acknowledgement, some more milliseconds.
        uint64_t nonce;
        cr_assert_eq(read(ends[0], &nonce, sizeof nonce), sizeof nonce, "run %d", run);
        acknowledged = nonce + 1;
        seed = seed * 1103515245U + 12345U;
        nanosleep(&(struct timespec){.tv_nsec = (long)(seed >> 16) % 60 * 1000 * 1000}, NULL);
        kill(child, SIGKILL);
        while (read(ends[0], &nonce, sizeof nonce) == sizeof nonce) acknowledged = nonce + 1;
        close(ends[0]);
        waitpid(child, NULL, 0);
    }
    struct node *n = must_open(&o);
    cr_assert(wait_for(n, pool_is_empty, 0));
    const uint64_t paid = balance_of(n, 9);
    printf("acknowledged %llu, in blocks %llu\n", (unsigned long long)acknowledged,
           (unsigned long long)paid);
    cr_expect_geq(paid, acknowledged);
    cr_expect_leq(paid, acknowledged + 1);
    node_close(n);
    temp_dir_remove(&dir);
    small_net_deinit(&s);
}

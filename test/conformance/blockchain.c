// SPDX-License-Identifier: Apache-2.0

/// Official blockchain tests (Cancun, Prague): blocks imported one after another under
/// mainnet's rules after the Merge, side branches among them. A valid block must be accepted
/// with exactly its roots, an invalid one refused without a trace; at the end head and state
/// must be the expected ones. Counts are asserted.
///
///     conformance_blockchain [--only TEXT] [--verbose]
///
/// The header rules of mainnet stand here, not in the node: it runs under QBFT's.

#include <stdio.h>
#include <stdlib.h>

#include "chain/crypto/keccak.h"
#include "chain/crypto/secp.h"
#include "test/support/fixture.h"
#include "test/support/tally.h"
#include "vm/block_exec.h"

enum { WORKERS = FIXTURE_WORKERS_MAX, MAX_BLOCKS = 600, SHOWN_FAILURES = 40 };

// clang-format off
static const struct category {
    const char *name; ///< archive name without .tar.xz
    size_t files;
    size_t cases;
} categories[] = {
    {"BlockchainTests/ValidBlocks", 216, 441},
    {"BlockchainTests/InvalidBlocks", 131, 131},
    {"eest/blockchain_tests/cancun", 25, 114},
    {"eest/blockchain_tests/prague", 5, 16},
};
// clang-format on

struct score {
    size_t files;
    size_t passed;
    size_t failed;
    size_t accepted; ///< blocks
    size_t refused;  ///< blocks
};

static struct {
    const char *only;
    bool verbose;
    struct score (*shared)[ARRAY_LEN(categories)]; ///< WORKERS rows
} options;

/// An accepted block and what it changed.
struct node {
    struct header header;
    hash_t hash;
    size_t parent; ///< index; of the genesis itself
    struct state_diff diff;
};

struct worker {
    struct vm *vm;
    struct overlay *world;
    struct mem_state state;
    size_t state_at;    ///< the node whose state it is
    struct arena test;  ///< as long as a test: nodes, diffs
    struct arena block; ///< as long as a block
    struct arena scratch;
    struct chain_config config;
    struct node *nodes;
    size_t node_count;
    size_t parent; ///< of the block being executed, for BLOCKHASH
    size_t shown;
    const char *file;
    const char *name;
    const json_t *pre;
};

static void say(struct worker *w, const char *what, const char *why)
{
    if (!options.verbose && w->shown++ >= SHOWN_FAILURES) return;
    printf("FAIL %s %s: %s %s\n", w->file, w->name, what, why);
}

// ---- the world at a block -----------------------------------------------------------------------

static hash_t ancestor_hash(void *ctx, uint64_t number)
{
    const struct worker *w = ctx;
    size_t at = w->parent;
    while (w->nodes[at].header.number > number && at != w->nodes[at].parent) {
        at = w->nodes[at].parent;
    }
    return w->nodes[at].header.number == number ? w->nodes[at].hash : (hash_t){{0}};
}

static void apply_to(struct worker *w, size_t at)
{
    if (at != 0) apply_to(w, w->nodes[at].parent);
    mem_state_apply(&w->state, &w->nodes[at].diff);
}

static void move_to(struct worker *w, size_t at)
{
    if (w->state_at == at) return;
    mem_state_clear(&w->state);
    fixture_state(&w->state, w->pre, &w->test);
    apply_to(w, at);
    w->state_at = at;
}

// ---- header rules -------------------------------------------------------------------------------

static err_t check_header(const struct worker *w, const struct header *h, const struct header *p)
{
    const enum revision rev = chain_revision(&w->config, h->number, h->timestamp_s);
    const unsigned fields = rev >= REV_PRAGUE ? HEADER_FIELDS_PRAGUE : HEADER_FIELDS_CANCUN;
    static const uint8_t no_nonce[8] = {0};
    if (h->field_count != fields) return FAIL(INVALID, "header: number of fields");
    if (h->number != p->number + 1) return FAIL(INVALID, "header: number");
    if (h->timestamp_s <= p->timestamp_s) return FAIL(INVALID, "header: timestamp");
    if (h->extra_data.len > 32) return FAIL(INVALID, "header: extra data");
    if (!u256_is_zero(&h->difficulty)) return FAIL(INVALID, "header: difficulty");
    if (memcmp(h->nonce, no_nonce, 8) != 0) return FAIL(INVALID, "header: nonce");
    if (!hash_eq(&h->ommers_hash, &KECCAK_RLP_LIST)) return FAIL(INVALID, "header: ommers");
    if (h->gas_used > h->gas_limit) return FAIL(INVALID, "header: gas used");
    if (h->gas_limit > INT64_MAX) return FAIL(INVALID, "header: gas limit");
    const uint64_t step = p->gas_limit / 1024;
    const uint64_t moved =
        h->gas_limit > p->gas_limit ? h->gas_limit - p->gas_limit : p->gas_limit - h->gas_limit;
    if (moved >= step || h->gas_limit < 5000) return FAIL(INVALID, "header: gas limit");
    const u256_t base_fee = next_base_fee(&w->config, p, h->timestamp_s);
    if (!u256_eq(&h->base_fee_wei, &base_fee)) return FAIL(INVALID, "header: base fee");
    if (h->blob_gas_used != 0) return FAIL(INVALID, "header: blob gas");
    if (h->excess_blob_gas != next_excess_blob_gas(&w->config, p, h->timestamp_s)) {
        return FAIL(INVALID, "header: excess blob gas");
    }
    return OK;
}

// ---- import -------------------------------------------------------------------------------------

static err_t check_executed(struct worker *w, const struct block *b, const struct block_exec *x)
{
    if (x->gas_used != b->header.gas_used) return FAIL(INVALID, "block: gas used");
    if (memcmp(&x->bloom, &b->header.logs_bloom, sizeof x->bloom) != 0) {
        return FAIL(INVALID, "block: bloom");
    }
    hash_t receipts;
    TRY(block_exec_receipts_root(&receipts, x, &w->scratch));
    if (!hash_eq(&receipts, &b->header.receipts_root)) return FAIL(INVALID, "block: receipts root");
    return OK;
}

static err_t run_block(struct worker *w, struct block_exec *x, const struct block *b)
{
    TRY(block_exec_begin(x, w->vm, w->world, &w->block, &w->config, &b->header, b->tx_count));
    for (size_t i = 0; i < b->tx_count; i++) {
        TRY(tx_recover_sender(&b->txs[i]));
        struct tx_result result;
        TRY(block_exec_tx(x, &result, &b->txs[i]));
        if (result.validity != TX_VALID) {
            return (err_t){ERR_INVALID, tx_validity_text(result.validity)};
        }
    }
    return block_exec_end(x, b);
}

static bool find_node(const struct worker *w, size_t *out, const hash_t *hash)
{
    for (size_t i = w->node_count; i-- > 0;) {
        if (hash_eq(&w->nodes[i].hash, hash)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/// @param[out] by_tx  a transaction was the reason (some fixtures leave the body's root wrong
///                    as well: the transactions are executed all the same)
static err_t import_block(struct worker *w, bytes_t rlp, bool *by_tx)
{
    *by_tx = false;
    arena_reset(&w->block);
    struct block b;
    TRY(block_decode(&b, &w->block, rlp));
    size_t parent;
    if (!find_node(w, &parent, &b.header.parent_hash))
        return FAIL(INVALID, "block: parent unknown");
    TRY(check_header(w, &b.header, &w->nodes[parent].header));
    const err_t body = block_check_body(&b, &w->scratch);
    if (!b.has_withdrawals) return FAIL(INVALID, "block: no withdrawals");
    move_to(w, parent);
    w->parent = parent;
    w->state.block_hash = ancestor_hash;
    w->state.block_hash_ctx = w;
    const struct state_view view = mem_state_view(&w->state);
    overlay_reset(w->world, &view);

    struct block_exec x;
    const err_t run = run_block(w, &x, &b);
    *by_tx = !err_ok(run);
    TRY(run);
    TRY(body);
    TRY(check_executed(w, &b, &x));
    check(w->node_count < MAX_BLOCKS);
    struct node *n = &w->nodes[w->node_count];
    const size_t mark = arena_mark(&w->test);
    TRY(overlay_diff(&n->diff, &w->test, w->world));
    mem_state_apply(&w->state, &n->diff);
    w->state_at = SIZE_MAX;
    const hash_t root = mem_state_root(&w->state, &w->scratch);
    if (!hash_eq(&root, &b.header.state_root)) {
        arena_rewind(&w->test, mark);
        return FAIL(INVALID, "block: state root");
    }
    w->state_at = w->node_count++;
    n->header = b.header;
    n->header.extra_data = BYTES_NONE;
    n->hash = b.hash;
    n->parent = parent;
    return OK;
}

// ---- a test -------------------------------------------------------------------------------------

static bool begin(struct worker *w, const json_t *test)
{
    const json_t *h = fixture_member(test, "genesisBlockHeader");
    const bytes_t rlp = fixture_bytes(fixture_member(test, "genesisRLP"), &w->test);
    struct block genesis;
    if (!err_ok(block_decode(&genesis, &w->test, rlp))) return false;
    const hash_t want = fixture_hash(fixture_member(h, "hash"));
    w->nodes[0] = (struct node){.header = genesis.header, .hash = genesis.hash};
    w->node_count = 1;
    w->state_at = SIZE_MAX;
    move_to(w, 0);
    struct buf b;
    buf_init(&b, 1 << 20);
    block_encode(&b, &genesis);
    const bool same = bytes_eq(buf_bytes(&b), rlp);
    buf_deinit(&b);
    const hash_t root = mem_state_root(&w->state, &w->scratch);
    return same && hash_eq(&genesis.hash, &want) && hash_eq(&root, &genesis.header.state_root);
}

static bool import_all(struct worker *w, struct score *score, const json_t *blocks)
{
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        const json_t *entry = json_array_get(blocks, i);
        const json_t *exception = json_object_get(entry, "expectException");
        const bytes_t rlp = fixture_bytes(fixture_member(entry, "rlp"), &w->test);
        bool by_tx;
        const err_t err = import_block(w, rlp, &by_tx);
        if (exception == NULL && !err_ok(err)) {
            say(w, "refused:", err_text(err));
            return false;
        }
        if (exception != NULL && err_ok(err)) {
            say(w, "accepted:", json_string_value(exception));
            return false;
        }
        if (exception != NULL && !by_tx &&
            strncmp(json_string_value(exception), "TransactionException", 20) == 0) {
            say(w, json_string_value(exception), err_text(err));
            return false;
        }
        if (exception != NULL && options.verbose) {
            printf("refused: %s | %s\n", json_string_value(exception), err_text(err));
        }
        score->accepted += exception == NULL;
        score->refused += exception != NULL;
    }
    return true;
}

static bool run_test(struct worker *w, struct score *score, const json_t *test)
{
    arena_reset(&w->test);
    const char *network = json_string_value(fixture_member(test, "network"));
    enum revision rev;
    check(err_ok(revision_parse(&rev, bytes_of_str(network))));
    w->config = (struct chain_config){
        .engine = ENGINE_MAINNET, .chain_id = 1, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        w->config.fork_block[r] = r <= (unsigned)rev ? 0 : FORK_NEVER;
        w->config.fork_time_s[r] = FORK_NEVER;
    }
    w->nodes = ARENA_ARRAY(&w->test, struct node, MAX_BLOCKS);
    check(w->nodes != NULL);
    w->pre = fixture_member(test, "pre");
    if (!begin(w, test)) {
        say(w, "genesis", "differs");
        return false;
    }
    if (!import_all(w, score, fixture_member(test, "blocks"))) return false;

    const hash_t head = fixture_hash(fixture_member(test, "lastblockhash"));
    size_t at;
    if (!find_node(w, &at, &head)) {
        say(w, "head", "was not accepted");
        return false;
    }
    const hash_t root = w->nodes[at].header.state_root;
    const json_t *post_hash = json_object_get(test, "postStateHash");
    hash_t want;
    if (post_hash != NULL) {
        want = fixture_hash(post_hash);
    } else {
        mem_state_clear(&w->state);
        fixture_state(&w->state, fixture_member(test, "postState"), &w->test);
        want = mem_state_root(&w->state, &w->scratch);
    }
    if (!hash_eq(&root, &want)) say(w, "post state", "differs");
    return hash_eq(&root, &want);
}

static void run_file(struct worker *w, struct score *score, const char *path)
{
    json_t *doc = fixture_load(path);
    score->files++;
    w->file = path;
    json_t *test;
    json_object_foreach(doc, w->name, test)
    {
        if (strcmp(w->name, "_info") == 0) continue;
        const bool passed = run_test(w, score, test);
        score->passed += passed;
        score->failed += !passed;
    }
    json_decref(doc);
}

static void work(unsigned number, void *ctx)
{
    (void)ctx;
    struct worker w = {0};
    mem_state_init(&w.state);
    const struct state_view view = mem_state_view(&w.state);
    check(err_ok(arena_init(&w.test, (size_t)1 << 32)));
    check(err_ok(arena_init(&w.block, (size_t)1 << 32)));
    check(err_ok(arena_init(&w.scratch, (size_t)1 << 32)));
    check(err_ok(vm_new(&w.vm)));
    check(err_ok(overlay_new(&w.world, &view, (size_t)1 << 32)));
    size_t turn = 0;
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        char **paths;
        const size_t count = fixture_unpacked(categories[i].name, &paths);
        for (size_t k = 0; k < count; k++) {
            if (options.only != NULL && strstr(paths[k], options.only) == NULL) continue;
            if (turn++ % fixture_workers() == number)
                run_file(&w, &options.shared[number][i], paths[k]);
        }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) options.verbose = true;
        if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) options.only = argv[++i];
    }
    check(err_ok(secp_setup()));
    options.shared = fixture_shared(WORKERS * sizeof *options.shared);
    bool well = fixture_fork(fixture_workers(), work, NULL);
    if (!well) printf("a worker died\n");
    printf("%-40s %6s %6s %8s %8s\n", "category", "passed", "failed", "accepted", "refused");
    for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
        struct score t = {0};
        for (size_t k = 0; k < WORKERS; k++) {
            const struct score *part = &options.shared[k][i];
            t.files += part->files;
            t.passed += part->passed;
            t.failed += part->failed;
            t.accepted += part->accepted;
            t.refused += part->refused;
        }
        tally_report(categories[i].name, t.passed + t.failed, t.passed, 0);
        const bool all_there =
            t.files == categories[i].files && t.passed + t.failed == categories[i].cases;
        printf("%-40s %6zu %6zu %8zu %8zu%s\n", categories[i].name, t.passed, t.failed, t.accepted,
               t.refused, all_there ? "" : "  <- not the expected number");
        well = well && t.failed == 0 && (all_there || options.only != NULL);
    }
    return well ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
/// Goal: the published messages are read and written as they stand; what is not canonical, too
/// long or of another version is refused, cut anywhere.

#include "consensus/p2p/eth.h"

#include <criterion/criterion.h>

#include "test/support/vectors.h"

static struct arena arena;
static json_t *root;

static void setup(void)
{
    arena = vectors_arena((size_t)16 * 1024 * 1024);
    root = vectors_load("devp2p/eth-messages.json");
}

static void teardown(void)
{
    json_decref(root);
    arena_deinit(&arena);
}

TestSuite(eth, .init = setup, .fini = teardown);

/// The n-th published payload of a Go type.
static bytes_t published(const char *list_name, const char *type, size_t n)
{
    const json_t *list = vectors_get(root, list_name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        if (strcmp(vectors_str(m, "goType"), type) == 0 && n-- == 0)
            return vectors_bytes(&arena, m, "payload");
    }
    cr_assert_fail("no %s", type);
    return BYTES_NONE;
}

static const char ALL[] = "eth68OrSharedShapes";
static const char BLOOM[] = "receiptsWithBloomAsInEth66To68";

static hash_t small_hash(uint32_t v)
{
    hash_t h = {{0}};
    for (size_t i = 0; i < 4; i++) h.b[31 - i] = (uint8_t)(v >> 8 * i);
    return h;
}

static void expect_written(const struct buf *b, bytes_t want, const char *what)
{
    cr_expect(bytes_eq(buf_bytes(b), want), "%s", what);
}

Test(eth, get_headers)
{
    for (size_t n = 0; n < 2; n++) {
        const bytes_t in = published(ALL, "GetBlockHeadersPacket", n);
        struct eth_get_headers get;
        cr_assert(err_ok(eth_get_headers_decode(&get, in)));
        cr_expect_eq(get.id, 1111);
        cr_expect_eq(get.by_hash, n == 0);
        const hash_t want = small_hash(0xdeadc0de);
        if (n == 0) cr_expect(hash_eq(&get.hash, &want));
        if (n == 1) cr_expect_eq(get.number, 9999);
        cr_expect(get.limit == 5 && get.skip == 5 && !get.reverse);
        struct buf out;
        buf_init(&out, 4096);
        eth_get_headers_encode(&out, &get);
        expect_written(&out, in, "GetBlockHeaders");
        buf_deinit(&out);
        for (size_t cut = 0; cut < in.len; cut++)
            cr_expect(!err_ok(eth_get_headers_decode(&get, bytes_make(in.data, cut))));
    }
}

Test(eth, gets)
{
    static const char *const types[] = {"GetBlockBodiesPacket", "GetReceiptsPacket69",
                                        "GetPooledTransactionsPacket"};
    const hash_t want[2] = {small_hash(0xdeadc0de), small_hash(0xfeedbeef)};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const bytes_t in = published(ALL, types[i], 0);
        struct eth_get get;
        cr_assert(err_ok(eth_get_decode(&get, in, 2)));
        hash_t h;
        cr_expect(eth_next_hash(&get.hashes, &h) && hash_eq(&h, &want[0]));
        cr_expect(eth_next_hash(&get.hashes, &h) && hash_eq(&h, &want[1]));
        cr_expect_not(eth_next_hash(&get.hashes, &h));
        cr_expect_eq(eth_get_decode(&get, in, 1).kind, ERR_LIMIT);
        struct buf out;
        buf_init(&out, 4096);
        eth_get_encode(&out, 1111, want, 2);
        expect_written(&out, in, types[i]);
        buf_deinit(&out);
        for (size_t cut = 0; cut < in.len; cut++)
            cr_expect(!err_ok(eth_get_decode(&get, bytes_make(in.data, cut), 2)));
    }
}

Test(eth, answers)
{
    static const struct {
        const char *list;
        const char *type;
        size_t count;
    } rows[] = {{ALL, "BlockHeadersPacket", 1},
                {ALL, "BlockBodiesPacket", 1},
                {ALL, "PooledTransactionsPacket", 2},
                {ALL, "ReceiptsPacket69", 1},
                {BLOOM, "ReceiptsPacket66", 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bytes_t in = published(rows[i].list, rows[i].type, 0);
        struct eth_answer a;
        cr_assert(err_ok(eth_answer_decode(&a, in, rows[i].count)), "%s", rows[i].type);
        cr_expect(a.id == 1111 && a.count == rows[i].count, "%s", rows[i].type);
        cr_expect_eq(eth_answer_decode(&a, in, rows[i].count - 1).kind, ERR_LIMIT);
        struct buf out;
        buf_init(&out, 4096);
        struct eth_answer_writer w = eth_answer_begin(&out, 1111);
        struct rlp_reader items = a.items;
        bytes_t item;
        while (!rlp_at_end(&items)) {
            cr_assert(err_ok(rlp_read_raw(&items, &item)));
            rlp_put_raw(&out, item);
        }
        eth_answer_end(&w);
        expect_written(&out, in, rows[i].type);
        buf_deinit(&out);
        for (size_t cut = 0; cut < in.len; cut++)
            cr_expect(!err_ok(eth_answer_decode(&a, bytes_make(in.data, cut), 10)));
    }
}

/// One log of a published receipt: [address, topics, data].
static void read_log(struct log_entry *out, struct rlp_reader *logs)
{
    struct rlp_reader log, topics;
    cr_assert(err_ok(rlp_read_list(logs, &log)));
    cr_assert(err_ok(rlp_read_fixed(&log, out->address.b, sizeof out->address.b)));
    cr_assert(err_ok(rlp_read_list(&log, &topics)));
    for (out->topic_count = 0; !rlp_at_end(&topics); out->topic_count++)
        cr_assert(err_ok(rlp_read_fixed(&topics, out->topics[out->topic_count].b, 32)));
    cr_assert(err_ok(rlp_read_bytes(&log, &out->data)));
}

/// A published eth/69 receipt: [type, status, gas, [log]].
static void read_receipt(struct receipt *out, struct log_entry *log, struct rlp_reader *receipts)
{
    struct rlp_reader r, logs;
    uint64_t type, status;
    memset(out, 0, sizeof *out);
    cr_assert(err_ok(rlp_read_list(receipts, &r)));
    cr_assert(err_ok(rlp_read_u64(&r, &type)));
    cr_assert(err_ok(rlp_read_u64(&r, &status)));
    cr_assert(err_ok(rlp_read_u64(&r, &out->cumulative_gas_used)));
    cr_assert(err_ok(rlp_read_list(&r, &logs)));
    out->type = (enum tx_type)type;
    out->has_status = true;
    out->succeeded = status == 1;
    out->logs = log;
    out->log_count = 1;
    read_log(log, &logs);
    cr_assert(rlp_at_end(&logs) && rlp_at_end(&r));
}

/// Goal: our receipts are the published ones, in both forms.
Test(eth, receipts)
{
    const bytes_t bloom_form = published(BLOOM, "ReceiptsPacket66", 0);
    const bytes_t plain_form = published(ALL, "ReceiptsPacket69", 0);
    struct eth_answer a;
    struct rlp_reader receipts;
    bytes_t item;
    cr_assert(err_ok(eth_answer_decode(&a, bloom_form, 1)));
    cr_assert(err_ok(rlp_read_list(&a.items, &receipts)));
    cr_assert(err_ok(rlp_read_raw(&receipts, &item)));
    struct receipt r;
    cr_assert(err_ok(receipt_decode(&r, &arena, item)));
    struct buf out;
    buf_init(&out, 4096);
    struct eth_answer_writer w = eth_answer_begin(&out, 1111);
    eth_receipts_put(&out, 68, &r, 1);
    eth_answer_end(&w);
    expect_written(&out, bloom_form, "with bloom");

    cr_assert(err_ok(eth_answer_decode(&a, plain_form, 1)));
    cr_assert(err_ok(rlp_read_list(&a.items, &receipts)));
    struct receipt two[2];
    struct log_entry logs[2];
    for (size_t i = 0; i < 2; i++) read_receipt(&two[i], &logs[i], &receipts);
    cr_assert(rlp_at_end(&receipts));
    buf_clear(&out);
    w = eth_answer_begin(&out, 1111);
    eth_receipts_put(&out, 69, two, 2);
    eth_answer_end(&w);
    expect_written(&out, plain_form, "without bloom");
    buf_deinit(&out);
    // A typed one is a byte string up to eth/68.
    r.type = TX_DYNAMIC_FEE;
    struct buf typed, listed;
    buf_init(&typed, 4096);
    buf_init(&listed, 4096);
    receipt_encode(&typed, &r);
    eth_receipts_put(&listed, 68, &r, 1);
    struct rlp_reader in = rlp_reader(buf_bytes(&listed));
    struct rlp_reader list;
    bytes_t string;
    cr_assert(err_ok(rlp_read_list(&in, &list)));
    cr_assert(err_ok(rlp_read_bytes(&list, &string)));
    cr_expect(bytes_eq(string, buf_bytes(&typed)));
    buf_deinit(&typed);
    buf_deinit(&listed);
}

Test(eth, status)
{
    const struct eth_status s = {.network_id = 1337,
                                 .genesis = small_hash(1),
                                 .head = small_hash(2),
                                 .fork = {.hash = {1, 2, 3, 4}, .next = 77},
                                 .total_difficulty = u256_from_u64(1000),
                                 .earliest = 0,
                                 .latest = 999};
    static const unsigned versions[] = {66, 68, 69};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct buf b;
        buf_init(&b, 4096);
        eth_status_encode(&b, versions[i], &s);
        struct eth_status got;
        cr_assert(err_ok(eth_status_decode(&got, versions[i], buf_bytes(&b))));
        cr_expect(got.network_id == 1337 && got.fork.next == 77);
        cr_expect(hash_eq(&got.genesis, &s.genesis) && hash_eq(&got.head, &s.head));
        cr_expect_eq(got.latest, versions[i] == 69 ? 999 : 0);
        cr_expect_eq(u256_is_zero(&got.total_difficulty), versions[i] == 69);
        cr_expect_eq(eth_status_decode(&got, 67, buf_bytes(&b)).kind, ERR_MISMATCH);
        for (size_t cut = 0; cut < b.len; cut++)
            cr_expect(!err_ok(eth_status_decode(&got, versions[i], bytes_make(b.data, cut))));
        buf_deinit(&b);
    }
    struct eth_status bad = s;
    bad.earliest = 1000;
    struct buf b;
    buf_init(&b, 4096);
    eth_status_encode(&b, 69, &bad);
    cr_expect_eq(eth_status_decode(&bad, 69, buf_bytes(&b)).kind, ERR_INVALID);
    buf_deinit(&b);
}

Test(eth, announcements)
{
    struct buf b;
    buf_init(&b, 4096);
    const u256_t td = u256_from_u64(5);
    u256_t got_td;
    bytes_t block;
    eth_new_block_encode(&b, LIT("\xc2\xc0\xc0"), &td);
    cr_assert(err_ok(eth_new_block_decode(&block, &got_td, buf_bytes(&b))));
    cr_expect(bytes_eq(block, LIT("\xc2\xc0\xc0")) && u256_eq(&td, &got_td));
    cr_expect(!err_ok(eth_new_block_decode(&block, &got_td, LIT("\xc2\x01\x05"))), "no list");

    buf_clear(&b);
    const struct eth_block_hash hashes[2] = {{small_hash(1), 10}, {small_hash(2), 11}};
    struct eth_block_hash got[2];
    size_t count;
    eth_block_hashes_encode(&b, hashes, 2);
    cr_assert(err_ok(eth_block_hashes_decode(got, &count, 2, buf_bytes(&b))));
    cr_expect(count == 2 && got[1].number == 11 && hash_eq(&got[1].hash, &hashes[1].hash));
    cr_expect_eq(eth_block_hashes_decode(got, &count, 1, buf_bytes(&b)).kind, ERR_LIMIT);

    static const unsigned versions[] = {66, 68, 69};
    const struct eth_pooled txs[2] = {{small_hash(3), 0, 110}, {small_hash(4), 2, 70000}};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct eth_pooled told[2];
        buf_clear(&b);
        eth_pooled_encode(&b, versions[i], txs, 2);
        cr_assert(err_ok(eth_pooled_decode(told, &count, 2, versions[i], buf_bytes(&b))));
        cr_expect(count == 2 && hash_eq(&told[1].hash, &txs[1].hash));
        cr_expect_eq(told[1].size, versions[i] == 66 ? 0 : 70000);
        cr_expect_eq(told[1].type, versions[i] == 66 ? 0 : 2);
        cr_expect_eq(eth_pooled_decode(told, &count, 1, versions[i], buf_bytes(&b)).kind,
                     ERR_LIMIT);
        for (size_t cut = 0; cut < b.len; cut++)
            cr_expect(
                !err_ok(eth_pooled_decode(told, &count, 2, versions[i], bytes_make(b.data, cut))));
    }
    struct eth_pooled told[2];
    cr_expect(!err_ok(eth_pooled_decode(told, &count, 2, 68, LIT("\xc4\x81\x80\xc0\xc0"))),
              "a type without a hash");

    buf_clear(&b);
    const struct eth_block_range range = {3, 9, small_hash(9)};
    struct eth_block_range got_range;
    eth_block_range_encode(&b, &range);
    cr_assert(err_ok(eth_block_range_decode(&got_range, buf_bytes(&b))));
    cr_expect(got_range.earliest == 3 && got_range.latest == 9);
    buf_clear(&b);
    eth_block_range_encode(&b, &(struct eth_block_range){9, 3, small_hash(9)});
    cr_expect_eq(eth_block_range_decode(&got_range, buf_bytes(&b)).kind, ERR_INVALID);
    buf_deinit(&b);
}

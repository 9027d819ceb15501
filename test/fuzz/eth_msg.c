// SPDX-License-Identifier: Apache-2.0
/// The messages of eth/66, eth/68 and eth/69: the first byte is the code, the second the version,
/// the rest the payload. What decodes is encoded to the same bytes, but for items that may follow
/// a fork id and sizes that are cut, where the same is decoded again.
#include "consensus/p2p/eth.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

static const unsigned VERSIONS[] = {66, 68, 69};

static void expect_same(struct buf *out, bytes_t in)
{
    EXPECT(err_ok(buf_status(out)) && bytes_eq(buf_bytes(out), in));
}

static void status(struct buf *out, unsigned version, bytes_t in)
{
    struct eth_status s;
    struct eth_status again;
    if (!err_ok(eth_status_decode(&s, version, in))) return;
    eth_status_encode(out, version, &s);
    EXPECT(out->len <= in.len);
    if (out->len == in.len) expect_same(out, in);
    EXPECT(err_ok(eth_status_decode(&again, version, buf_bytes(out))));
    EXPECT(s.network_id == again.network_id && hash_eq(&s.genesis, &again.genesis));
    EXPECT(memcmp(&s.fork, &again.fork, sizeof s.fork) == 0 && hash_eq(&s.head, &again.head));
    EXPECT(s.earliest <= s.latest);
}

static void get_headers(struct buf *out, bytes_t in)
{
    struct eth_get_headers get;
    if (!err_ok(eth_get_headers_decode(&get, in))) return;
    eth_get_headers_encode(out, &get);
    expect_same(out, in);
}

static void get_hashes(struct buf *out, bytes_t in, size_t max)
{
    static hash_t hashes[ETH_HASHES_MAX];
    struct eth_get get;
    size_t count = 0;
    if (!err_ok(eth_get_decode(&get, in, max))) return;
    for (; eth_next_hash(&get.hashes, &hashes[count]); count++) EXPECT(count < max);
    EXPECT(rlp_at_end(&get.hashes));
    eth_get_encode(out, get.id, hashes, count);
    expect_same(out, in);
}

static void answer(struct buf *out, bytes_t in)
{
    struct eth_answer a;
    bytes_t item;
    if (!err_ok(eth_answer_decode(&a, in, 64))) return;
    EXPECT(a.count <= 64);
    struct eth_answer_writer w = eth_answer_begin(out, a.id);
    for (size_t i = 0; i < a.count; i++) {
        EXPECT(err_ok(rlp_read_raw(&a.items, &item)));
        rlp_put_raw(out, item);
    }
    EXPECT(rlp_at_end(&a.items));
    eth_answer_end(&w);
    expect_same(out, in);
}

static void new_block(struct buf *out, bytes_t in)
{
    bytes_t block;
    u256_t difficulty;
    if (!err_ok(eth_new_block_decode(&block, &difficulty, in))) return;
    eth_new_block_encode(out, block, &difficulty);
    expect_same(out, in);
}

static void block_hashes(struct buf *out, bytes_t in)
{
    struct eth_block_hash told[16];
    size_t count = 0;
    if (!err_ok(eth_block_hashes_decode(told, &count, ARRAY_LEN(told), in))) return;
    EXPECT(count <= ARRAY_LEN(told));
    eth_block_hashes_encode(out, told, count);
    expect_same(out, in);
}

static void block_range(struct buf *out, bytes_t in)
{
    struct eth_block_range range;
    if (!err_ok(eth_block_range_decode(&range, in))) return;
    EXPECT(range.earliest <= range.latest);
    eth_block_range_encode(out, &range);
    expect_same(out, in);
}

static void transactions(struct buf *out, bytes_t in)
{
    struct rlp_reader items;
    size_t count;
    bytes_t item;
    if (!err_ok(eth_transactions_decode(&items, &count, in))) return;
    EXPECT(count <= ETH_HASHES_MAX);
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) {
        EXPECT(err_ok(rlp_read_raw(&items, &item)));
        rlp_put_raw(out, item);
    }
    rlp_list_end(out, list);
    expect_same(out, in);
}

static void pooled(struct buf *out, unsigned version, bytes_t in)
{
    static struct eth_pooled told[ETH_HASHES_MAX];
    static struct eth_pooled again[ETH_HASHES_MAX];
    size_t count = 0;
    size_t same = 0;
    if (!err_ok(eth_pooled_decode(told, &count, ETH_HASHES_MAX, version, in))) return;
    eth_pooled_encode(out, version, told, count);
    bool cut = false;
    for (size_t i = 0; i < count; i++) cut = cut || told[i].size == UINT32_MAX;
    if (!cut) expect_same(out, in);
    EXPECT(err_ok(eth_pooled_decode(again, &same, ETH_HASHES_MAX, version, buf_bytes(out))));
    EXPECT(same == count);
    for (size_t i = 0; i < count; i++)
        EXPECT(hash_eq(&told[i].hash, &again[i].hash) && told[i].size == again[i].size &&
               told[i].type == again[i].type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    const uint8_t code = fuzz_u8(&in);
    const unsigned version = VERSIONS[fuzz_u8(&in) % ARRAY_LEN(VERSIONS)];
    struct buf out = fuzz_buf();
    EXPECT(eth_code_name(code) != NULL);
    switch (code) {
    case ETH_STATUS:
        status(&out, version, in);
        break;
    case ETH_NEW_BLOCK_HASHES:
        block_hashes(&out, in);
        break;
    case ETH_TRANSACTIONS:
        transactions(&out, in);
        break;
    case ETH_GET_BLOCK_HEADERS:
        get_headers(&out, in);
        break;
    case ETH_NEW_BLOCK:
        new_block(&out, in);
        break;
    case ETH_NEW_POOLED_HASHES:
        pooled(&out, version, in);
        break;
    case ETH_GET_BLOCK_BODIES:
    case ETH_GET_RECEIPTS:
    case ETH_GET_NODE_DATA:
        get_hashes(&out, in, ETH_BODIES_MAX);
        break;
    case ETH_GET_POOLED:
        get_hashes(&out, in, ETH_HASHES_MAX);
        break;
    case ETH_BLOCK_RANGE_UPDATE:
        block_range(&out, in);
        break;
    default:
        answer(&out, in);
        break;
    }
    buf_deinit(&out);
    return 0;
}

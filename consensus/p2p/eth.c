// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/eth.h"

#define VERSION_WITH_SIZES 68U ///< from which on announcements name type and size

const char *eth_code_name(unsigned code)
{
    static const char *const names[] = {
        [ETH_STATUS] = "status",
        [ETH_NEW_BLOCK_HASHES] = "new block hashes",
        [ETH_TRANSACTIONS] = "transactions",
        [ETH_GET_BLOCK_HEADERS] = "get block headers",
        [ETH_BLOCK_HEADERS] = "block headers",
        [ETH_GET_BLOCK_BODIES] = "get block bodies",
        [ETH_BLOCK_BODIES] = "block bodies",
        [ETH_NEW_BLOCK] = "new block",
        [ETH_NEW_POOLED_HASHES] = "new pooled hashes",
        [ETH_GET_POOLED] = "get pooled transactions",
        [ETH_POOLED] = "pooled transactions",
        [ETH_GET_NODE_DATA] = "get node data",
        [ETH_NODE_DATA] = "node data",
        [ETH_GET_RECEIPTS] = "get receipts",
        [ETH_RECEIPTS] = "receipts",
        [ETH_BLOCK_RANGE_UPDATE] = "block range update",
    };
    return code < ARRAY_LEN(names) && names[code] != NULL ? names[code] : "unknown";
}

/// The payload is one list and nothing else.
static err_t whole_list(bytes_t payload, struct rlp_reader *out)
{
    struct rlp_reader r = rlp_reader(payload);
    TRY(rlp_read_list(&r, out));
    return rlp_expect_end(&r);
}

/// --- status ---

static void put_fork(struct buf *out, const struct fork_id *fork)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_bytes(out, BYTES_OF(fork->hash));
    rlp_put_u64(out, fork->next);
    rlp_list_end(out, list);
}

static err_t read_fork(struct rlp_reader *r, struct fork_id *fork)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list)); // further items are for later versions (EIP-2124)
    TRY(rlp_read_fixed(&list, fork->hash, sizeof fork->hash));
    return rlp_read_u64(&list, &fork->next);
}

void eth_status_encode(struct buf *out, unsigned version, const struct eth_status *status)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, version);
    rlp_put_u64(out, status->network_id);
    if (version < ETH_WITH_RANGES) {
        rlp_put_u256(out, &status->total_difficulty);
        rlp_put_hash(out, &status->head);
        rlp_put_hash(out, &status->genesis);
        put_fork(out, &status->fork);
    } else {
        rlp_put_hash(out, &status->genesis);
        put_fork(out, &status->fork);
        rlp_put_u64(out, status->earliest);
        rlp_put_u64(out, status->latest);
        rlp_put_hash(out, &status->head);
    }
    rlp_list_end(out, list);
}

err_t eth_status_decode(struct eth_status *out, unsigned version, bytes_t payload)
{
    struct rlp_reader list;
    uint64_t theirs;
    TRY(whole_list(payload, &list));
    TRY(rlp_read_u64(&list, &theirs));
    if (theirs != version)
        return FAIL(MISMATCH, "status: of another version than both sides agreed on");
    memset(out, 0, sizeof *out);
    TRY(rlp_read_u64(&list, &out->network_id));
    if (version < ETH_WITH_RANGES) {
        TRY(rlp_read_u256(&list, &out->total_difficulty));
        TRY(rlp_read_fixed(&list, out->head.b, sizeof out->head.b));
        TRY(rlp_read_fixed(&list, out->genesis.b, sizeof out->genesis.b));
        TRY(read_fork(&list, &out->fork));
    } else {
        TRY(rlp_read_fixed(&list, out->genesis.b, sizeof out->genesis.b));
        TRY(read_fork(&list, &out->fork));
        TRY(rlp_read_u64(&list, &out->earliest));
        TRY(rlp_read_u64(&list, &out->latest));
        TRY(rlp_read_fixed(&list, out->head.b, sizeof out->head.b));
        if (out->earliest > out->latest)
            return FAIL(INVALID, "status: the first block on offer is after the last");
    }
    return rlp_expect_end(&list);
}

/// --- requests ---

void eth_get_headers_encode(struct buf *out, const struct eth_get_headers *get)
{
    const size_t message = rlp_list_begin(out);
    rlp_put_u64(out, get->id);
    const size_t list = rlp_list_begin(out);
    if (get->by_hash)
        rlp_put_hash(out, &get->hash);
    else
        rlp_put_u64(out, get->number);
    rlp_put_u64(out, get->limit);
    rlp_put_u64(out, get->skip);
    rlp_put_u64(out, get->reverse ? 1 : 0);
    rlp_list_end(out, list);
    rlp_list_end(out, message);
}

err_t eth_get_headers_decode(struct eth_get_headers *out, bytes_t payload)
{
    struct rlp_reader message;
    struct rlp_reader list;
    bytes_t start;
    uint64_t reverse;
    memset(out, 0, sizeof *out);
    TRY(whole_list(payload, &message));
    TRY(rlp_read_u64(&message, &out->id));
    TRY(rlp_read_list(&message, &list));
    TRY(rlp_expect_end(&message));
    struct rlp_reader number = list;
    TRY(rlp_read_bytes(&list, &start));
    out->by_hash = start.len == sizeof out->hash.b;
    if (out->by_hash)
        memcpy(out->hash.b, start.data, sizeof out->hash.b);
    else
        TRY(rlp_read_u64(&number, &out->number));
    TRY(rlp_read_u64(&list, &out->limit));
    TRY(rlp_read_u64(&list, &out->skip));
    TRY(rlp_read_u64(&list, &reverse));
    if (reverse > 1) return FAIL(MALFORMED, "get block headers: reverse is neither 0 nor 1");
    out->reverse = reverse == 1;
    return rlp_expect_end(&list);
}

void eth_get_encode(struct buf *out, uint64_t id, const hash_t *hashes, size_t count)
{
    const size_t message = rlp_list_begin(out);
    rlp_put_u64(out, id);
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) rlp_put_hash(out, &hashes[i]);
    rlp_list_end(out, list);
    rlp_list_end(out, message);
}

err_t eth_get_decode(struct eth_get *out, bytes_t payload, size_t max)
{
    struct rlp_reader message;
    TRY(whole_list(payload, &message));
    TRY(rlp_read_u64(&message, &out->id));
    TRY(rlp_read_list(&message, &out->hashes));
    TRY(rlp_expect_end(&message));
    struct rlp_reader all = out->hashes;
    hash_t h;
    for (size_t count = 0; !rlp_at_end(&all); count++) {
        if (count == max) return FAIL(LIMIT, "a request for more hashes than are answered");
        TRY(rlp_read_fixed(&all, h.b, sizeof h.b));
    }
    return OK;
}

bool eth_next_hash(struct rlp_reader *hashes, hash_t *out)
{
    return !rlp_at_end(hashes) && err_ok(rlp_read_fixed(hashes, out->b, sizeof out->b));
}

/// --- answers ---

static err_t count_items(struct rlp_reader items, size_t max, size_t *count)
{
    bytes_t item;
    for (*count = 0; !rlp_at_end(&items); ++*count) {
        if (*count == max) return FAIL(LIMIT, "a message with more items than allowed");
        TRY(rlp_read_raw(&items, &item));
    }
    return OK;
}

err_t eth_answer_decode(struct eth_answer *out, bytes_t payload, size_t max)
{
    struct rlp_reader message;
    TRY(whole_list(payload, &message));
    TRY(rlp_read_u64(&message, &out->id));
    TRY(rlp_read_list(&message, &out->items));
    TRY(rlp_expect_end(&message));
    return count_items(out->items, max, &out->count);
}

struct eth_answer_writer eth_answer_begin(struct buf *out, uint64_t id)
{
    struct eth_answer_writer w = {.out = out, .message = rlp_list_begin(out)};
    rlp_put_u64(out, id);
    w.list = rlp_list_begin(out);
    return w;
}

void eth_answer_end(struct eth_answer_writer *w)
{
    rlp_list_end(w->out, w->list);
    rlp_list_end(w->out, w->message);
}

static void put_logs(struct buf *out, const struct receipt *r)
{
    const size_t logs = rlp_list_begin(out);
    for (size_t i = 0; i < r->log_count; i++) {
        const struct log_entry *l = &r->logs[i];
        const size_t log = rlp_list_begin(out);
        rlp_put_address(out, &l->address);
        const size_t topics = rlp_list_begin(out);
        for (size_t t = 0; t < l->topic_count; t++) rlp_put_hash(out, &l->topics[t]);
        rlp_list_end(out, topics);
        rlp_put_bytes(out, l->data);
        rlp_list_end(out, log);
    }
    rlp_list_end(out, logs);
}

static void put_receipt_without_bloom(struct buf *out, const struct receipt *r)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, r->type);
    if (r->has_status)
        rlp_put_u64(out, r->succeeded ? 1 : 0);
    else
        rlp_put_hash(out, &r->post_root);
    rlp_put_u64(out, r->cumulative_gas_used);
    put_logs(out, r);
    rlp_list_end(out, list);
}

/// The consensus form; a typed one is a byte string.
static void put_receipt_with_bloom(struct buf *out, const struct receipt *r)
{
    if (r->type == TX_LEGACY) {
        receipt_encode(out, r);
        return;
    }
    struct buf typed;
    buf_init(&typed, out->max);
    receipt_encode(&typed, r);
    if (err_ok(buf_status(&typed)))
        rlp_put_bytes(out, buf_bytes(&typed));
    else
        out->full = true;
    buf_deinit(&typed);
}

void eth_receipts_put(struct buf *out, unsigned version, const struct receipt *receipts,
                      size_t count)
{
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) {
        if (version < ETH_WITH_RANGES)
            put_receipt_with_bloom(out, &receipts[i]);
        else
            put_receipt_without_bloom(out, &receipts[i]);
    }
    rlp_list_end(out, list);
}

/// --- announcements ---

void eth_new_block_encode(struct buf *out, bytes_t block, const u256_t *total_difficulty)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_raw(out, block);
    rlp_put_u256(out, total_difficulty);
    rlp_list_end(out, list);
}

err_t eth_new_block_decode(bytes_t *block, u256_t *total_difficulty, bytes_t payload)
{
    struct rlp_reader list;
    TRY(whole_list(payload, &list));
    if (!rlp_peek_is_list(&list)) return FAIL(MALFORMED, "new block: the block is no list");
    TRY(rlp_read_raw(&list, block));
    TRY(rlp_read_u256(&list, total_difficulty));
    return rlp_expect_end(&list);
}

void eth_block_hashes_encode(struct buf *out, const struct eth_block_hash *hashes, size_t count)
{
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) {
        const size_t pair = rlp_list_begin(out);
        rlp_put_hash(out, &hashes[i].hash);
        rlp_put_u64(out, hashes[i].number);
        rlp_list_end(out, pair);
    }
    rlp_list_end(out, list);
}

err_t eth_block_hashes_decode(struct eth_block_hash *out, size_t *count, size_t max,
                              bytes_t payload)
{
    struct rlp_reader list;
    struct rlp_reader pair;
    TRY(whole_list(payload, &list));
    for (*count = 0; !rlp_at_end(&list); ++*count) {
        if (*count == max) return FAIL(LIMIT, "new block hashes: too many");
        TRY(rlp_read_list(&list, &pair));
        TRY(rlp_read_fixed(&pair, out[*count].hash.b, sizeof out->hash.b));
        TRY(rlp_read_u64(&pair, &out[*count].number));
        TRY(rlp_expect_end(&pair));
    }
    return OK;
}

void eth_block_range_encode(struct buf *out, const struct eth_block_range *range)
{
    const size_t list = rlp_list_begin(out);
    rlp_put_u64(out, range->earliest);
    rlp_put_u64(out, range->latest);
    rlp_put_hash(out, &range->latest_hash);
    rlp_list_end(out, list);
}

err_t eth_block_range_decode(struct eth_block_range *out, bytes_t payload)
{
    struct rlp_reader list;
    TRY(whole_list(payload, &list));
    TRY(rlp_read_u64(&list, &out->earliest));
    TRY(rlp_read_u64(&list, &out->latest));
    TRY(rlp_read_fixed(&list, out->latest_hash.b, sizeof out->latest_hash.b));
    if (out->earliest > out->latest)
        return FAIL(INVALID, "block range: the first block on offer is after the last");
    return rlp_expect_end(&list);
}

err_t eth_transactions_decode(struct rlp_reader *items, size_t *count, bytes_t payload)
{
    TRY(whole_list(payload, items));
    return count_items(*items, ETH_HASHES_MAX, count);
}

void eth_pooled_encode(struct buf *out, unsigned version, const struct eth_pooled *txs,
                       size_t count)
{
    const size_t message = rlp_list_begin(out);
    if (version >= VERSION_WITH_SIZES) {
        uint8_t types[ETH_HASHES_MAX];
        check(count <= sizeof types);
        for (size_t i = 0; i < count; i++) types[i] = txs[i].type;
        rlp_put_bytes(out, bytes_make(types, count));
        const size_t sizes = rlp_list_begin(out);
        for (size_t i = 0; i < count; i++) rlp_put_u64(out, txs[i].size);
        rlp_list_end(out, sizes);
        const size_t hashes = rlp_list_begin(out);
        for (size_t i = 0; i < count; i++) rlp_put_hash(out, &txs[i].hash);
        rlp_list_end(out, hashes);
    } else {
        for (size_t i = 0; i < count; i++) rlp_put_hash(out, &txs[i].hash);
    }
    rlp_list_end(out, message);
}

static err_t read_hashes(struct rlp_reader *list, struct eth_pooled *out, size_t *count, size_t max)
{
    for (*count = 0; !rlp_at_end(list); ++*count) {
        if (*count == max) return FAIL(LIMIT, "new pooled hashes: too many");
        TRY(rlp_read_fixed(list, out[*count].hash.b, sizeof out->hash.b));
    }
    return OK;
}

err_t eth_pooled_decode(struct eth_pooled *out, size_t *count, size_t max, unsigned version,
                        bytes_t payload)
{
    struct rlp_reader message;
    struct rlp_reader sizes;
    struct rlp_reader hashes;
    bytes_t types;
    TRY(whole_list(payload, &message));
    if (version < VERSION_WITH_SIZES) {
        TRY(read_hashes(&message, out, count, max));
        for (size_t i = 0; i < *count; i++) out[i].type = 0, out[i].size = 0;
        return OK;
    }
    TRY(rlp_read_bytes(&message, &types));
    TRY(rlp_read_list(&message, &sizes));
    TRY(rlp_read_list(&message, &hashes));
    TRY(rlp_expect_end(&message));
    TRY(read_hashes(&hashes, out, count, max));
    if (types.len != *count)
        return FAIL(MALFORMED, "new pooled hashes: as many types as hashes are expected");
    for (size_t i = 0; i < *count; i++) {
        uint64_t size;
        TRY(rlp_read_u64(&sizes, &size));
        out[i].type = types.data[i];
        out[i].size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    }
    return rlp_expect_end(&sizes);
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/store/blocks.h"

#include "chain/base/endian.h"
#include "chain/crypto/keccak.h"
#include "chain/store/log_index.h"
#include "chain/store/schema.h"
#include "chain/trie/list_root.h"
#include "test/support/sample_tx.h"
#include "test/support/temp_dir.h"

#include <criterion/criterion.h>

enum { BLOCKS = 200 };

static address_t address_of(uint64_t i)
{
    return (address_t){{[0] = 0xad, [19] = (uint8_t)i}};
}

static hash_t topic_of(uint64_t i)
{
    return (hash_t){{[0] = 0x70, [31] = (uint8_t)i}};
}

/// Block n has n % 4 transactions; transaction i of it has (n + i) % 3 logs of address n % 5
/// with topics (n % 7) and i.
static void make_block(struct block *b, struct receipt *r, struct arena *arena, uint64_t n,
                       const hash_t *parent)
{
    *b = (struct block){.ommers = LIT("\xc0"), .tx_count = n % 4};
    b->txs = ARENA_ARRAY(arena, struct tx, 4);
    for (size_t i = 0; i < b->tx_count; i++) {
        b->txs[i] = sample_tx(arena, n * 4 + i);
        const size_t logs = (n + i) % 3;
        struct log_entry *l = ARENA_ARRAY(arena, struct log_entry, 3);
        r[i] = (struct receipt){.type = b->txs[i].type,
                                .has_status = true,
                                .succeeded = i != 1,
                                .cumulative_gas_used = 21000 * (i + 1),
                                .logs = l,
                                .log_count = logs,
                                .gas_used = 21000,
                                .has_contract_address = i == 2,
                                .effective_gas_price = u256_from_u64(n)};
        if (i == 2) r[i].contract_address = address_of(9);
        for (size_t k = 0; k < logs; k++) {
            l[k] = (struct log_entry){.address = address_of(n % 5),
                                      .topics = {topic_of(n % 7), topic_of(i)},
                                      .topic_count = 2,
                                      .data = LIT("\x01\x02\x03")};
            bloom_add_log(&r[i].bloom, &l[k]);
        }
    }
    b->header = (struct header){.number = n,
                                .parent_hash = *parent,
                                .ommers_hash = KECCAK_RLP_LIST,
                                .timestamp_s = 1000 + n,
                                .gas_limit = 30000000,
                                .extra_data = LIT("extra"),
                                .field_count = HEADER_FIELDS_LONDON};
    bytes_t raws[4];
    bytes_t encoded[4];
    bool full = false;
    for (size_t i = 0; i < b->tx_count; i++) {
        struct buf one;
        buf_init(&one, 4096);
        receipt_encode(&one, &r[i]);
        raws[i] = b->txs[i].raw;
        encoded[i] = arena_copy(arena, buf_bytes(&one), &full);
        buf_deinit(&one);
    }
    cr_assert(!full);
    cr_assert(err_ok(list_root(&b->header.transactions_root, arena, raws, b->tx_count)));
    cr_assert(err_ok(list_root(&b->header.receipts_root, arena, encoded, b->tx_count)));
    b->hash = header_hash(&b->header);
}

static void expect_block(const struct db_txn *txn, struct arena *arena, const struct block *want,
                         const struct receipt *receipts, uint64_t n)
{
    struct block got;
    uint64_t number;
    hash_t hash;
    cr_assert(err_ok(blocks_number_of(txn, &number, &want->hash)));
    cr_expect_eq(number, n);
    cr_assert(err_ok(blocks_hash_of(txn, &hash, n)));
    cr_expect(hash_eq(&hash, &want->hash));
    const err_t err = blocks_get(txn, &got, arena, n);
    cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
    const hash_t again = header_hash(&got.header);
    cr_expect(hash_eq(&again, &want->hash));
    cr_assert_eq(got.tx_count, want->tx_count);
    for (size_t i = 0; i < got.tx_count; i++) {
        cr_expect(hash_eq(&got.txs[i].hash, &want->txs[i].hash));
        cr_expect(address_eq(&got.txs[i].sender, &want->txs[i].sender));
        struct tx_location at;
        cr_assert(err_ok(blocks_find_tx(txn, &at, &want->txs[i].hash)));
        cr_expect_eq(at.block_number, n);
        cr_expect_eq(at.index, i);
    }
    struct receipt *r;
    size_t count;
    cr_assert(err_ok(blocks_receipts(txn, &r, &count, arena, n)));
    cr_assert_eq(count, want->tx_count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(r[i].type, receipts[i].type);
        cr_expect_eq(r[i].has_status, true);
        cr_expect_eq(r[i].succeeded, receipts[i].succeeded);
        cr_expect_eq(r[i].cumulative_gas_used, receipts[i].cumulative_gas_used);
        cr_expect_eq(r[i].gas_used, 21000);
        cr_expect_eq(r[i].has_contract_address, i == 2);
        cr_expect(u256_eq(&r[i].effective_gas_price, &receipts[i].effective_gas_price));
        cr_expect_eq(memcmp(&r[i].bloom, &receipts[i].bloom, sizeof r[i].bloom), 0);
        cr_assert_eq(r[i].log_count, receipts[i].log_count);
        for (size_t k = 0; k < r[i].log_count; k++) {
            cr_expect(address_eq(&r[i].logs[k].address, &receipts[i].logs[k].address));
            cr_assert_eq(r[i].logs[k].topic_count, 2);
            cr_expect(hash_eq(&r[i].logs[k].topics[1], &receipts[i].logs[k].topics[1]));
            cr_expect(bytes_eq(r[i].logs[k].data, receipts[i].logs[k].data));
        }
    }
}

/// Goal: the index gives every block that scanning all logs gives for addresses and topics one
/// by one, in order, and none outside the range.
static void expect_logs(const struct db_txn *txn, struct arena *arena)
{
    static const struct {
        uint64_t from, to;
    } ranges[] = {{0, BLOCKS - 1}, {0, 0}, {17, 130}, {63, 64}, {199, 5000}, {300, 400}};
    for (int with_address = 0; with_address < 3; with_address++) {
        for (int with_topic = 0; with_topic < 3; with_topic++) {
            for (size_t k = 0; k < ARRAY_LEN(ranges); k++) {
                const address_t addresses[] = {address_of(2), address_of(4)};
                const hash_t topics[] = {topic_of(3), topic_of(6)};
                struct log_filter f = {0};
                f.addresses.values = addresses;
                f.addresses.count = (size_t)with_address;
                f.topics[0].values = topics;
                f.topics[0].count = (size_t)with_topic;
                uint64_t *blocks;
                size_t count;
                cr_assert(err_ok(
                    log_index_find(txn, &blocks, &count, arena, &f, ranges[k].from, ranges[k].to)));
                size_t at = 0;
                for (uint64_t n = ranges[k].from; n <= ranges[k].to && n < BLOCKS; n++) {
                    bool has_logs = false;
                    for (uint64_t i = 0; i < n % 4; i++) has_logs |= (n + i) % 3 > 0;
                    const bool address =
                        with_address == 0 || n % 5 == 2 || (with_address == 2 && n % 5 == 4);
                    const bool topic =
                        with_topic == 0 || n % 7 == 3 || (with_topic == 2 && n % 7 == 6);
                    if (!has_logs || !address || !topic) continue;
                    cr_assert_lt(at, count, "block %lu is missing", n);
                    cr_assert_eq(blocks[at++], n);
                }
                cr_assert_eq(at, count);
            }
        }
    }
    struct log_filter second = {0};
    const hash_t topic = topic_of(2);
    second.topics[1].values = &topic;
    second.topics[1].count = 1;
    uint64_t *blocks;
    size_t count;
    cr_assert(err_ok(log_index_find(txn, &blocks, &count, arena, &second, 0, BLOCKS)));
    for (size_t i = 0; i < count; i++) cr_expect_eq(blocks[i] % 4, 3, "only these have a third");
    cr_expect_gt(count, 20);
    cr_expect_eq(log_index_find(txn, &blocks, &count, arena, &second, 0, UINT64_MAX).kind,
                 ERR_LIMIT);
}

/// Goal: what is appended is read back whole, found by hash, and indexed by its logs.
Test(blocks, chain)
{
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct db_txn *txn;
    struct arena arena;
    static struct block blocks[BLOCKS];
    static struct receipt receipts[BLOCKS][4];
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    uint64_t head;
    hash_t hash = {{0}};
    cr_expect_eq(blocks_head(txn, &head, &hash).kind, ERR_NOT_FOUND);
    for (uint64_t n = 0; n < BLOCKS; n++) {
        make_block(&blocks[n], receipts[n], &arena, n, &hash);
        const err_t err = blocks_append(txn, &blocks[n], receipts[n], blocks[n].tx_count);
        cr_assert(err_ok(err), "block %lu: %s", n, err_text(err));
        cr_assert(err_ok(blocks_head(txn, &head, &hash)));
        cr_assert(head == n && hash_eq(&hash, &blocks[n].hash));
    }
    cr_assert(err_ok(db_commit(txn)));

    cr_assert(err_ok(db_begin_read(db, &txn)));
    for (uint64_t n = 0; n < BLOCKS; n++) expect_block(txn, &arena, &blocks[n], receipts[n], n);
    expect_logs(txn, &arena);
    struct header header;
    struct tx_location at;
    const hash_t unknown = {{7}};
    cr_expect_eq(blocks_header(txn, &header, BLOCKS).kind, ERR_NOT_FOUND);
    cr_expect_eq(blocks_number_of(txn, &head, &unknown).kind, ERR_NOT_FOUND);
    cr_expect_eq(blocks_find_tx(txn, &at, &unknown).kind, ERR_NOT_FOUND);
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}

/// Goal: a block that does not follow the head is refused and leaves nothing.
Test(blocks, refusals)
{
    const struct temp_dir dir = temp_dir_make();
    struct db *db;
    struct db_txn *txn;
    struct arena arena;
    struct block b;
    struct receipt r[4];
    hash_t none = {{0}};
    cr_assert(err_ok(arena_init(&arena, (size_t)4 << 20)));
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    make_block(&b, r, &arena, 4, &none);
    cr_expect_eq(blocks_append(txn, &b, r, 0).kind, ERR_INVALID, "an empty store starts at 0");
    make_block(&b, r, &arena, 0, &none);
    cr_expect_eq(blocks_append(txn, &b, r, 1).kind, ERR_INVALID, "a receipt too many");
    cr_assert(err_ok(blocks_append(txn, &b, r, 0)));
    const hash_t zero = b.hash;
    make_block(&b, r, &arena, 2, &zero);
    cr_expect_eq(blocks_append(txn, &b, r, 2).kind, ERR_INVALID, "a gap");
    make_block(&b, r, &arena, 1, &none);
    cr_expect_eq(blocks_append(txn, &b, r, 1).kind, ERR_INVALID, "another parent");
    make_block(&b, r, &arena, 0, &none);
    cr_expect_eq(blocks_append(txn, &b, r, 0).kind, ERR_INVALID, "the same again");
    uint64_t head;
    hash_t hash;
    cr_assert(err_ok(blocks_head(txn, &head, &hash)));
    cr_expect_eq(head, 0);

    // Damage is noticed wherever it is.
    const uint8_t key[8] = {0};
    static const unsigned tables[] = {DB_HEADERS, DB_BODIES, DB_RECEIPTS};
    struct receipt *read;
    size_t count;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        cr_assert(err_ok(db_put(txn, tables[i], BYTES_OF(key), LIT("\xff\xff\xff\xff\x00"))));
    }
    cr_expect_eq(blocks_get(txn, &b, &arena, 0).kind, ERR_CORRUPT);
    cr_expect_eq(blocks_header(txn, &b.header, 0).kind, ERR_CORRUPT);
    cr_expect_eq(blocks_receipts(txn, &read, &count, &arena, 0).kind, ERR_CORRUPT);
    db_abort(txn);
    db_close(db);
    temp_dir_remove(&dir);
    arena_deinit(&arena);
}

/// Goal: a log matches a filter as eth_getLogs says.
Test(log_index, match)
{
    const hash_t t[3] = {topic_of(1), topic_of(2), topic_of(3)};
    const address_t a[2] = {address_of(1), address_of(2)};
    const struct log_entry log = {.address = a[0], .topics = {t[0], t[1]}, .topic_count = 2};
    const struct {
        const char *name;
        struct log_filter filter;
        bool match;
    } cases[] = {
        {"anything", {{0}, {{0}}}, true},
        {"its address", {{a, 1}, {{0}}}, true},
        {"one of two addresses", {{a, 2}, {{0}}}, true},
        {"another address", {{a + 1, 1}, {{0}}}, false},
        {"first topic", {{0}, {{t, 1}}}, true},
        {"first topic among others", {{0}, {{t, 3}}}, true},
        {"wrong first topic", {{0}, {{t + 1, 1}}}, false},
        {"second topic alone", {{0}, {{0}, {t + 1, 1}}}, true},
        {"wrong second topic", {{0}, {{t, 1}, {t, 1}}}, false},
        {"a third topic it has not", {{0}, {{0}, {0}, {t, 3}}}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect_eq(log_filter_match(&cases[i].filter, &log), cases[i].match, "%s", cases[i].name);
    }
}

/// What stands under a key is replaced behind the node's back, in a store opened afresh.
Test(blocks, damage_is_named_by_its_key)
{
    const struct temp_dir dir = temp_dir_make();
    struct arena arena;
    cr_assert(err_ok(arena_init(&arena, (size_t)64 << 20)));
    struct db *db;
    struct db_txn *txn;
    struct block b;
    struct receipt r[4];
    hash_t parent = {{0}};
    cr_assert(err_ok(schema_open(&db, dir.path, true, false)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    for (uint64_t n = 0; n < 4; n++) {
        make_block(&b, r, &arena, n, &parent);
        cr_assert(err_ok(blocks_append(txn, &b, r, b.tx_count)));
        parent = b.hash;
    }
    cr_assert(err_ok(db_commit(txn)));
    db_close(db);

    static const struct {
        const char *name;
        enum db_table table;
        size_t at; ///< byte of the value that is flipped
        const char *says;
    } rows[] = {
        {"header", DB_HEADERS, 40, "headers 0x0000000000000003"},
        {"header's hash", DB_HEADERS, 3, "headers 0x0000000000000003"},
        {"body", DB_BODIES, 4 + 3 * 20 + 30, "bodies 0x0000000000000003"},
        {"receipts", DB_RECEIPTS, 20, "receipts 0x0000000000000003"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const be64_t key = be64(3);
        cr_assert(err_ok(schema_open(&db, dir.path, false, false)));
        bytes_t value;
        uint8_t copy[8192];
        cr_assert(err_ok(db_begin_write(db, &txn)));
        cr_assert(err_ok(db_get(txn, rows[i].table, BYTES_OF(key), &value)));
        cr_assert_lt(value.len, sizeof copy);
        memcpy(copy, value.data, value.len);
        copy[rows[i].at] ^= 1;
        const size_t len = value.len;
        cr_assert(err_ok(db_put(txn, rows[i].table, BYTES_OF(key), bytes_make(copy, len))));

        struct block got;
        struct receipt *receipts;
        size_t count;
        err_t err = blocks_get(txn, &got, &arena, 3);
        if (err_ok(err)) err = blocks_receipts(txn, &receipts, &count, &arena, 3);
        cr_expect_eq(err.kind, ERR_CORRUPT, "%s: %s", rows[i].name, err_text(err));
        struct db_damage_note note = {""};
        cr_expect(db_damaged(db, &note), "%s", rows[i].name);
        cr_expect(strncmp(note.text, rows[i].says, strlen(rows[i].says)) == 0, "%s: %s",
                  rows[i].name, note.text);
        db_abort(txn);
        db_close(db);
    }

    // Look-ups that lead elsewhere.
    cr_assert(err_ok(schema_open(&db, dir.path, false, false)));
    cr_assert(err_ok(db_begin_write(db, &txn)));
    const be64_t wrong = be64(2);
    cr_assert(err_ok(db_put(txn, DB_HASHES, BYTES_OF(b.hash), BYTES_OF(wrong))));
    uint64_t number;
    cr_expect_eq(blocks_number_of(txn, &number, &b.hash).kind, ERR_CORRUPT);
    struct block got;
    cr_assert(err_ok(blocks_get(txn, &got, &arena, 3)));
    const struct tx_location places[] = {{3, 1}, {3, 9}};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        cr_expect_eq(blocks_check_tx(txn, &got, &places[i], &b.txs[0].hash).kind, ERR_CORRUPT);
    db_abort(txn);
    db_close(db);
    arena_deinit(&arena);
    temp_dir_remove(&dir);
}

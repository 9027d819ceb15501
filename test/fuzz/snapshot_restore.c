// SPDX-License-Identifier: Apache-2.0
/// A snapshot whose chunks have their right sums, whatever stands in them: the importer that does
/// not believe its file. The input is a mode (odd: the file itself, in pieces of that size), then
/// chunks of u8 kind, be16 length, payload. Nobody here has the validator's key, so all that can be
/// accepted is the chain that the seeds are from; and what is accepted must be whole.
#include "chain/base/endian.h"
#include "chain/crypto/secp.h"
#include "chain/state/audit.h"
#include "chain/state/genesis_state.h"
#include "chain/store/blocks.h"
#include "chain/store/schema.h"
#include "consensus/sync/snapshot.h"
#include "test/fuzz/fuzz.h"
#include "test/support/temp_dir.h"

/// The newest block of the seeds; nothing later was given away.
enum { LAST_BLOCK = 4 };
// clang-format off
static const char *const GENESIS =
    "{\"config\":{\"chainId\":20482,\"homesteadBlock\":0,\"eip150Block\":0,\"eip155Block"
    "\":0,\"eip158Block\":0,\"byzantiumBlock\":0,\"constantinopleBlock\":0,\"petersburgBl"
    "ock\":0,\"istanbulBlock\":0,\"berlinBlock\":0,\"londonBlock\":0,\"shanghaiTime\":0,"
    "\"cancunTime\":0,\"zeroBaseFee\":true,\"qbft\":{\"blockperiodseconds\":1,\"requestti"
    "meoutseconds\":4,\"epochlength\":30000}},\"nonce\":\"0x0000000000000000\",\"timestam"
    "p\":\"0x0\",\"gasLimit\":\"0x1c9c380\",\"difficulty\":\"0x1\",\"mixHash\":\"0x637469"
    "63616c2062797a616e74696e65206661756c7420746f6c6572616e6365\",\"coinbase\":\"0x000000"
    "0000000000000000000000000000000000\",\"baseFeePerGas\":\"0x0\",\"extraData\":\"0xf83"
    "aa00000000000000000000000000000000000000000000000000000000000000000d594306a830174f00"
    "4c77efbad448361eb9892db098dc080c0\",\"alloc\":{\"00000000000000000000000000000000000"
    "077aa\":{\"balance\":\"0x0\",\"code\":\"0x434355435f555f5fa000\",\"storage\":{\"0x00"
    "00000000000000000000000000000000000000000000000000000000000001\":\"0x05\",\"0x000000"
    "0000000000000000000000000000000000000000000000000000000002\":\"0x06\"}},\"f39Fd6e51a"
    "ad88F6F4ce6aB8827279cffFb92266\":{\"balance\":\"0x56bc75e2d63100000\"}}}";
// clang-format on

struct memory {
    bytes_t rest;
    size_t step;
};

static err_t read_memory(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct memory *m = ctx;
    size_t n = m->rest.len < m->step ? m->rest.len : m->step;
    if (n > cap) n = cap;
    if (n > 0) memcpy(out, m->rest.data, n);
    m->rest = bytes_make(m->rest.data + n, m->rest.len - n);
    *got = n;
    return OK;
}

static err_t put_bytes(void *ctx, bytes_t bytes)
{
    buf_put(ctx, bytes);
    return buf_status(ctx);
}

/// Chunks with right sums.
static void frame(struct buf *out, bytes_t in)
{
    struct snapshot_writer w;
    const struct byte_sink sink = {put_bytes, out};
    EXPECT(err_ok(snapshot_writer_begin(&w, &sink)));
    while (in.len >= 3) {
        const unsigned kind = fuzz_u8(&in);
        const unsigned high = fuzz_u8(&in);
        const bytes_t payload = fuzz_take(&in, high << 8 | fuzz_u8(&in));
        if (!err_ok(snapshot_writer_put(&w, (enum snapshot_kind)kind, payload))) return;
    }
}

static void expect_whole(struct db *db, const struct snapshot_count *count)
{
    struct db_txn *txn;
    struct state_audit audit;
    struct arena arena = fuzz_arena();
    uint64_t head;
    uint64_t oldest;
    hash_t hash;
    EXPECT(err_ok(db_begin_read(db, &txn)));
    EXPECT(err_ok(blocks_head(txn, &head, &hash)));
    EXPECT(err_ok(blocks_oldest(txn, &oldest)));
    EXPECT(head == count->number && oldest == head && hash_eq(&hash, &count->hash));
    EXPECT(head <= LAST_BLOCK);
    EXPECT(err_ok(state_audit(&audit, &arena, txn)));
    EXPECT(audit.accounts == count->accounts && audit.slots == count->slots);
    db_abort(txn);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    const size_t mode = fuzz_u8(&in);
    struct arena arena = fuzz_arena();
    struct buf file = fuzz_buf();
    struct genesis genesis;
    struct genesis_detail why;
    hash_t genesis_hash;
    EXPECT(err_ok(secp_setup()));
    EXPECT(err_ok(genesis_parse(&genesis, &arena, bytes_of_str(GENESIS), &why)));
    EXPECT(err_ok(genesis_seal(&genesis, &arena, &genesis_hash)));
    if (mode % 2 == 1)
        buf_put(&file, in);
    else
        frame(&file, in);

    const struct temp_dir dir = temp_dir_make();
    struct memory m = {buf_bytes(&file), mode % 2 == 1 ? mode : SIZE_MAX};
    struct db *db;
    struct snapshot_count count;
    EXPECT(err_ok(schema_open(&db, dir.path, true, false)));
    const struct snapshot_import import = {
        .db = db, .genesis = &genesis, .genesis_hash = &genesis_hash, .source = {read_memory, &m}};
    const err_t err = snapshot_import(&import, &count);
    EXPECT(err.kind != ERR_IO && err.kind != ERR_CORRUPT && err.kind != ERR_FULL);
    if (err_ok(err)) expect_whole(db, &count);
    db_close(db);
    temp_dir_remove(&dir);
    buf_deinit(&file);
    arena_deinit(&arena);
    return 0;
}

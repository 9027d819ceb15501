// SPDX-License-Identifier: Apache-2.0
#include "chain/types/receipt.h"

#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"

/// The three bits of a value: the first three 16-bit pairs of its hash modulo 2048.
struct bloom_bits {
    uint16_t bit[3];
};

static struct bloom_bits bits_of(bytes_t value)
{
    const hash_t h = keccak256(value);
    struct bloom_bits bits;
    for (unsigned i = 0; i < 3; i++) {
        bits.bit[i] = (uint16_t)((h.b[2 * i] << 8 | h.b[2 * i + 1]) & 2047);
    }
    return bits;
}

static void bloom_add(struct bloom *bloom, bytes_t value)
{
    const struct bloom_bits bits = bits_of(value);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned bit = bits.bit[i];
        bloom->b[BLOOM_BYTES - 1 - bit / 8] |= (uint8_t)(1u << (bit % 8));
    }
}

void bloom_add_log(struct bloom *bloom, const struct log_entry *log)
{
    bloom_add(bloom, BYTES_OF(log->address));
    for (unsigned i = 0; i < log->topic_count; i++) bloom_add(bloom, BYTES_OF(log->topics[i]));
}

void bloom_or(struct bloom *into, const struct bloom *from)
{
    for (size_t i = 0; i < BLOOM_BYTES; i++) into->b[i] |= from->b[i];
}

bool bloom_may_contain(const struct bloom *bloom, bytes_t address_or_topic)
{
    const struct bloom_bits bits = bits_of(address_or_topic);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned bit = bits.bit[i];
        if ((bloom->b[BLOOM_BYTES - 1 - bit / 8] & 1u << (bit % 8)) == 0) return false;
    }
    return true;
}

static void put_logs(struct buf *out, const struct log_entry *logs, size_t count)
{
    const size_t list = rlp_list_begin(out);
    for (size_t i = 0; i < count; i++) {
        const size_t entry = rlp_list_begin(out);
        rlp_put_address(out, &logs[i].address);
        const size_t topics = rlp_list_begin(out);
        for (unsigned t = 0; t < logs[i].topic_count; t++) rlp_put_hash(out, &logs[i].topics[t]);
        rlp_list_end(out, topics);
        rlp_put_bytes(out, logs[i].data);
        rlp_list_end(out, entry);
    }
    rlp_list_end(out, list);
}

void receipt_encode(struct buf *out, const struct receipt *r)
{
    if (r->type != TX_LEGACY) buf_put_u8(out, (uint8_t)r->type);
    const size_t list = rlp_list_begin(out);
    if (r->has_status) {
        rlp_put_u64(out, r->succeeded ? 1 : 0);
    } else {
        rlp_put_hash(out, &r->post_root);
    }
    rlp_put_u64(out, r->cumulative_gas_used);
    rlp_put_bytes(out, BYTES_OF(r->bloom));
    put_logs(out, r->logs, r->log_count);
    rlp_list_end(out, list);
}

static err_t read_topics(struct rlp_reader *r, struct log_entry *log)
{
    struct rlp_reader topics;
    TRY(rlp_read_list(r, &topics));
    while (!rlp_at_end(&topics)) {
        if (log->topic_count == ARRAY_LEN(log->topics)) {
            return FAIL(MALFORMED, "receipt: a log with more than four topics");
        }
        TRY(rlp_read_fixed(&topics, log->topics[log->topic_count].b, sizeof(hash_t)));
        log->topic_count++;
    }
    return OK;
}

static err_t read_logs(struct rlp_reader *r, struct arena *arena, struct receipt *out)
{
    struct rlp_reader list;
    TRY(rlp_read_list(r, &list));
    size_t count = 0;
    for (struct rlp_reader probe = list; !rlp_at_end(&probe); count++) {
        bytes_t item;
        TRY(rlp_read_raw(&probe, &item));
    }
    struct log_entry *logs = ARENA_ARRAY(arena, struct log_entry, count);
    if (logs == NULL) return FAIL(FULL, "receipt: no room for its logs");
    for (size_t i = 0; i < count; i++) {
        struct rlp_reader entry;
        TRY(rlp_read_list(&list, &entry));
        TRY(rlp_read_fixed(&entry, logs[i].address.b, sizeof logs[i].address.b));
        TRY(read_topics(&entry, &logs[i]));
        TRY(rlp_read_bytes(&entry, &logs[i].data));
        TRY(rlp_expect_end(&entry));
    }
    out->logs = logs;
    out->log_count = count;
    return OK;
}

/// 1 or nothing since Byzantium (EIP-658), the state root before.
static err_t read_status(struct rlp_reader *r, struct receipt *out)
{
    bytes_t status;
    TRY(rlp_read_bytes(r, &status));
    if (status.len == sizeof out->post_root.b) {
        memcpy(out->post_root.b, status.data, status.len);
        return OK;
    }
    out->has_status = true;
    if (status.len == 0) return OK;
    if (status.len != 1 || status.data[0] != 1) {
        return FAIL(MALFORMED, "receipt: the status is neither 0, 1 nor a state root");
    }
    out->succeeded = true;
    return OK;
}

err_t receipt_decode(struct receipt *out, struct arena *arena, bytes_t in)
{
    if (in.len == 0) return FAIL(MALFORMED, "receipt: empty");
    struct receipt receipt = {.type = TX_LEGACY};
    struct rlp_reader whole = rlp_reader(in);
    struct rlp_reader fields;
    if (in.data[0] < 0x80) {
        if (in.data[0] < TX_ACCESS_LIST || in.data[0] > TX_SET_CODE) {
            return FAIL(UNSUPPORTED, "receipt: unknown transaction type");
        }
        receipt.type = (enum tx_type)in.data[0];
        whole.rest = bytes_make(in.data + 1, in.len - 1);
    }
    TRY(rlp_read_list(&whole, &fields));
    TRY(rlp_expect_end(&whole));
    TRY(read_status(&fields, &receipt));
    TRY(rlp_read_u64(&fields, &receipt.cumulative_gas_used));
    TRY(rlp_read_fixed(&fields, receipt.bloom.b, sizeof receipt.bloom.b));
    TRY(read_logs(&fields, arena, &receipt));
    TRY(rlp_expect_end(&fields));
    *out = receipt;
    return OK;
}

hash_t logs_hash(const struct log_entry *logs, size_t count)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    put_logs(&b, logs, count);
    check(!b.full); // out of memory
    const hash_t hash = keccak256(buf_bytes(&b));
    buf_deinit(&b);
    return hash;
}

// SPDX-License-Identifier: Apache-2.0

/// Strangers with authenticated sessions who flood a node as fast as they can, each with a fresh
/// key, and who come back when they are cut.
///
///     peer_flood ENODE KIND LINES SECONDS
///     -> one line of JSON: messages and bytes sent, lines begun, and how they ended by reason
///
/// KIND is one of FLOODS below.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chain/codec/rlp.h"
#include "chain/crypto/random.h"
#include "chain/types/tx.h"
#include "consensus/p2p/enode.h"
#include "consensus/p2p/eth.h"
#include "consensus/p2p/session.h"
#include "consensus/qbft/message.h"

#define LINES_MAX 64U
#define AHEAD_BYTES ((size_t)1024 * 1024) ///< written ahead of the socket
#define POOR_TXS 3000U

struct line {
    int fd; ///< -1: none
    struct session *session;
    struct secret_key key;
    struct buf out;
    size_t out_at;
    bool ready; ///< Status has gone both ways
    bool deaf;  ///< reads nothing any more
};

static struct enode target;
static uint64_t chain_id, height, counter;
static hash_t head;
static uint64_t sent, sent_bytes, begun, answered, reasons[256];
static struct buf packed_cache; ///< a payload that is sent again and again

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "peer_flood: %s\n", why);
    exit(1);
}

static void say(struct line *l, enum p2p_protocol protocol, unsigned code, bytes_t payload)
{
    if (!err_ok(session_send_bytes(l->session, protocol, code, payload, P2P_ANSWER))) return;
    sent++;
    sent_bytes += payload.len;
}

/// --- what is sent ---

/// [P, signature] that recovers to somebody whatever P is: r is the x of a point.
static void put_signed(struct buf *b, enum qbft_code code, uint64_t sequence, uint64_t round)
{
    static secp_sig_t sig;
    static bool has_sig;
    hash_t digest = {{0}};
    uint8_t raw[65];
    if (!has_sig) {
        struct secret_key k;
        check(err_ok(secp_keygen(&k)));
        sig = secp_sign(&k, &digest);
        has_sig = true;
    }
    memcpy(raw, sig.r, 32);
    memcpy(raw + 32, sig.s, 32);
    raw[64] = sig.v;
    counter++;
    memcpy(digest.b, &counter, sizeof counter);
    const size_t signed_list = rlp_list_begin(b);
    const size_t p = rlp_list_begin(b);
    rlp_put_u64(b, sequence);
    rlp_put_u64(b, round);
    if (code == QBFT_ROUND_CHANGE) {
        const size_t prepared = rlp_list_begin(b);
        rlp_put_u64(b, 1);
        rlp_put_hash(b, &digest);
        rlp_list_end(b, prepared);
    } else {
        rlp_put_hash(b, &digest);
    }
    rlp_list_end(b, p);
    rlp_put_bytes(b, BYTES_OF(raw));
    rlp_list_end(b, signed_list);
}

/// Prepares of later heights by nobody in particular: each asks for a signer to be found.
static void flood_prepares(struct line *l)
{
    struct buf b;
    buf_init(&b, 1024);
    put_signed(&b, QBFT_PREPARE, height + 5, 0);
    say(l, P2P_ISTANBUL, QBFT_PREPARE, buf_bytes(&b));
    buf_deinit(&b);
}

/// Round changes with 255 prepares each.
static void flood_round_changes(struct line *l)
{
    struct buf b;
    buf_init(&b, (size_t)256 * 1024);
    const size_t list = rlp_list_begin(&b);
    put_signed(&b, QBFT_ROUND_CHANGE, height + 5, 3);
    rlp_put_raw(&b, LIT("\xc0"));
    const size_t prepares = rlp_list_begin(&b);
    for (int i = 0; i < 255; i++) put_signed(&b, QBFT_PREPARE, height + 5, 1);
    rlp_list_end(&b, prepares);
    rlp_list_end(&b, list);
    say(l, P2P_ISTANBUL, QBFT_ROUND_CHANGE, buf_bytes(&b));
    buf_deinit(&b);
}

/// Announcements of transactions that do not exist.
static void flood_hashes(struct line *l)
{
    static struct eth_pooled txs[ETH_HASHES_MAX];
    struct buf b;
    for (size_t i = 0; i < ETH_HASHES_MAX; i++) {
        counter++;
        txs[i] = (struct eth_pooled){.type = 2, .size = 120};
        memcpy(txs[i].hash.b, &counter, sizeof counter);
    }
    buf_init(&b, (size_t)512 * 1024);
    eth_pooled_encode(&b, 68, txs, ETH_HASHES_MAX);
    say(l, P2P_ETH, ETH_NEW_POOLED_HASHES, buf_bytes(&b));
    buf_deinit(&b);
}

static struct tx transfer(bytes_t data)
{
    struct tx tx = {.type = TX_DYNAMIC_FEE,
                    .has_chain_id = true,
                    .chain_id = chain_id,
                    .gas_limit = 21000 + 16 * data.len,
                    .data = data};
    tx.value_wei = u256_from_u64(1);
    tx.max_fee_per_gas = u256_from_u64(1);
    return tx;
}

static void flood_txs(struct line *l, size_t count, size_t data_bytes)
{
    if (packed_cache.len == 0) {
        struct arena arena;
        struct secret_key key;
        uint8_t *data = calloc(data_bytes + 1, 1);
        check(data != NULL && err_ok(arena_init(&arena, (size_t)64 * 1024 * 1024)));
        const size_t list = rlp_list_begin(&packed_cache);
        for (size_t i = 0; i < count; i++) {
            check(err_ok(secp_keygen(&key)));
            struct tx tx = transfer(bytes_make(data, data_bytes));
            check(err_ok(tx_sign(&tx, &arena, &key)));
            tx_put_item(&packed_cache, &tx);
        }
        rlp_list_end(&packed_cache, list);
        arena_deinit(&arena);
        free(data);
    }
    say(l, P2P_ETH, ETH_TRANSACTIONS, buf_bytes(&packed_cache));
}

/// Signed by keys that own nothing.
static void flood_poor_txs(struct line *l)
{
    flood_txs(l, POOR_TXS, 0);
}

/// Nine MiB in one message that packs to almost nothing.
static void flood_big_txs(struct line *l)
{
    flood_txs(l, 70, 130000);
}

/// The head's body a thousand times, again and again, faster than it is answered.
static void flood_bodies(struct line *l)
{
    static hash_t hashes[ETH_BODIES_MAX];
    struct buf b;
    for (size_t i = 0; i < ETH_BODIES_MAX; i++) hashes[i] = head;
    buf_init(&b, (size_t)64 * 1024);
    eth_get_encode(&b, ++counter, hashes, ETH_BODIES_MAX);
    say(l, P2P_ETH, ETH_GET_BLOCK_BODIES, buf_bytes(&b));
    buf_deinit(&b);
}

/// Messages that ask for an answer each, by somebody who reads none of them.
static void flood_deaf(struct line *l)
{
    struct buf b;
    l->deaf = true;
    buf_init(&b, 256);
    eth_get_headers_encode(&b, &(struct eth_get_headers){.id = ++counter, .limit = 0});
    say(l, P2P_ETH, ETH_GET_BLOCK_HEADERS, buf_bytes(&b));
    buf_deinit(&b);
}

/// Messages without a meaning, of a MiB each.
static void flood_noise(struct line *l)
{
    static uint8_t noise[1024 * 1024];
    if (counter++ == 0) check(err_ok(random_bytes(noise, sizeof noise)));
    say(l, P2P_ISTANBUL, 1, BYTES_OF(noise));
}

static const struct flood {
    const char *name;
    void (*send)(struct line *l);
} FLOODS[] = {{"prepares", flood_prepares}, {"round-changes", flood_round_changes},
              {"hashes", flood_hashes},     {"poor-txs", flood_poor_txs},
              {"big-txs", flood_big_txs},   {"bodies", flood_bodies},
              {"deaf", flood_deaf},         {"noise", flood_noise}};

/// --- lines ---

static void line_end(struct line *l)
{
    if (l->fd >= 0) close(l->fd);
    session_free(l->session);
    buf_deinit(&l->out);
    *l = (struct line){.fd = -1};
}

static void line_begin(struct line *l)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(target.tcp)};
    struct rlpx_seed seed;
    if (inet_pton(AF_INET, target.host, &to.sin_addr) != 1) die("the host is no IPv4 address");
    check(err_ok(secp_keygen(&l->key)) && err_ok(random_bytes(&seed, sizeof seed)));
    check(err_ok(secp_keygen(&seed.ephemeral)) && err_ok(secp_keygen(&seed.ecies)));
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    buf_init(&l->out, (size_t)64 * 1024 * 1024);
    const struct session_options o = {.key = &l->key,
                                      .remote = &target.id,
                                      .seed = &seed,
                                      .client_id = "flood",
                                      .now_ms = now_ms()};
    if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        fcntl(l->fd, F_SETFL, O_NONBLOCK) != 0 || !err_ok(session_new(&l->session, &o))) {
        line_end(l);
        return;
    }
    begun++;
}

static void on_message(struct line *l, const struct session_event *ev)
{
    const unsigned version = session_speaks(l->session, P2P_ETH);
    struct eth_status s;
    answered++;
    if (ev->message.protocol != P2P_ETH || ev->message.code != ETH_STATUS) return;
    if (!err_ok(eth_status_decode(&s, version, ev->message.payload))) die("no Status");
    chain_id = s.network_id;
    head = s.head;
    if (s.latest > height) height = s.latest;
    struct buf b; // we are where the node is
    buf_init(&b, 1024);
    eth_status_encode(&b, version, &s);
    check(err_ok(session_send_bytes(l->session, P2P_ETH, ETH_STATUS, buf_bytes(&b), P2P_URGENT)));
    buf_deinit(&b);
    l->ready = true;
}

/// @return false if the line has ended
static bool take_in(struct line *l)
{
    static uint8_t room[256 * 1024];
    struct session_event ev;
    const ssize_t n = read(l->fd, room, sizeof room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) {
        reasons[P2P_TCP_ERROR]++;
        return false;
    }
    session_receive(l->session, bytes_make(room, (size_t)n), now_ms());
    while (session_next(l->session, &ev)) {
        if (ev.kind == SESSION_EV_MESSAGE) on_message(l, &ev);
        if (ev.kind != SESSION_EV_CLOSED) continue;
        reasons[ev.closed.reason & 0xff]++;
        return false;
    }
    return true;
}

static bool give_out(struct line *l)
{
    if (l->out_at == l->out.len) {
        buf_clear(&l->out);
        l->out_at = 0;
        session_output(l->session, &l->out, AHEAD_BYTES);
    }
    const ssize_t n = send(l->fd, l->out.data + l->out_at, l->out.len - l->out_at, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0) return take_in(l); // the reason may have come
    l->out_at += (size_t)n;
    return true;
}

int main(int argc, char **argv)
{
    static struct line lines[LINES_MAX];
    struct pollfd polls[LINES_MAX];
    const struct flood *flood = NULL;
    if (argc != 5) die("usage: peer_flood ENODE KIND LINES SECONDS");
    for (size_t i = 0; i < ARRAY_LEN(FLOODS); i++) {
        if (strcmp(argv[2], FLOODS[i].name) == 0) flood = &FLOODS[i];
    }
    const size_t count = strtoul(argv[3], NULL, 10);
    const uint64_t end_ms = now_ms() + 1000 * strtoul(argv[4], NULL, 10);
    if (flood == NULL || count == 0 || count > LINES_MAX) die("no such flood, or too many lines");
    if (!err_ok(secp_setup()) || !err_ok(enode_parse(&target, bytes_of_str(argv[1]))))
        die("not an enode URL");
    buf_init(&packed_cache, SESSION_MESSAGE_MAX);
    for (size_t i = 0; i < count; i++) lines[i].fd = -1;
    while (now_ms() < end_ms) {
        for (size_t i = 0; i < count; i++) {
            struct line *l = &lines[i];
            if (l->fd < 0) line_begin(l);
            const bool idle = l->fd >= 0 && l->out_at == l->out.len;
            if (idle && l->ready && !session_has_output(l->session)) {
                for (int k = 0; k < 64 && l->out_at == l->out.len; k++) {
                    flood->send(l);
                    if (flood->send == flood_big_txs || flood->send == flood_noise) break;
                }
            }
            const bool more =
                l->fd >= 0 && (l->out_at < l->out.len || session_has_output(l->session));
            polls[i] = (struct pollfd){
                .fd = l->fd, .events = (short)((l->deaf ? 0 : POLLIN) | (more ? POLLOUT : 0))};
        }
        if (poll(polls, count, 10) < 0) die("poll");
        for (size_t i = 0; i < count; i++) {
            struct line *l = &lines[i];
            if (l->fd < 0 || polls[i].revents == 0) continue;
            bool on = true;
            if (polls[i].revents & (POLLIN | POLLHUP | POLLERR)) on = take_in(l);
            if (on && (polls[i].revents & POLLOUT)) on = give_out(l);
            if (!on) line_end(l);
        }
    }
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        open += lines[i].ready;
        line_end(&lines[i]);
    }
    printf("{\"sent\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"answers\":%" PRIu64 ",\"begun\":%" PRIu64
           ",\"open\":%zu",
           sent, sent_bytes, answered, begun, open);
    for (size_t r = 0; r < ARRAY_LEN(reasons); r++) {
        if (reasons[r] != 0) printf(",\"reason_%zu\":%" PRIu64, r, reasons[r]);
    }
    printf("}\n");
    buf_deinit(&packed_cache);
    return 0;
}

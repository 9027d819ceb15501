// SPDX-License-Identifier: Apache-2.0
/// Goal: two different things signed for one round are kept, once, across restarts and torn files;
/// what proves nothing is not; and the file stays bounded.

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "consensus/node/evidence.h"
#include "test/support/temp_dir.h"

#define MUST(EXPR)                                                                                 \
    do {                                                                                           \
        const err_t must_err_ = (EXPR);                                                            \
        cr_assert(err_ok(must_err_), "%s: %s", #EXPR, err_text(must_err_));                        \
    } while (0)

static err_t recover(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx;
    return secp_recover_address(author, sig, digest);
}

static void sign(void *ctx, secp_sig_t *sig, const hash_t *digest)
{
    *sig = secp_sign(ctx, digest);
}

static const struct qbft_crypto REAL = {.recover = recover};

struct desk_of_liars {
    struct temp_dir dir;
    char path[400];
    struct arena arena;
    struct secret_key *keys[2];
    struct evidence *e;
};

static void setup(struct desk_of_liars *d)
{
    MUST(secp_setup());
    d->dir = temp_dir_make();
    (void)snprintf(d->path, sizeof d->path, "%s/evidence", d->dir.path);
    MUST(arena_init(&d->arena, (size_t)256 * 1024 * 1024));
    for (size_t i = 0; i < 2; i++) {
        MUST(secret_new(&d->keys[i]));
        MUST(secp_keygen(d->keys[i]));
    }
    MUST(evidence_open(&d->e, d->path, &REAL));
}

static void teardown(struct desk_of_liars *d)
{
    evidence_close(d->e);
    for (size_t i = 0; i < 2; i++) secret_free(d->keys[i]);
    arena_deinit(&d->arena);
    temp_dir_remove(&d->dir);
}

static void restart(struct desk_of_liars *d)
{
    evidence_close(d->e);
    MUST(evidence_open(&d->e, d->path, &REAL));
}

/// A signed payload; `what` fills the digest.
static struct qbft_payload say(struct desk_of_liars *d, size_t who, enum qbft_code code,
                               uint64_t height, uint32_t round, uint8_t what)
{
    const struct qbft_crypto crypto = {.sign = sign, .ctx = d->keys[who]};
    struct qbft_send send = {.code = code, .sequence = height, .round = round};
    struct buf wire;
    struct qbft_message m;
    bool full = false;
    memset(send.digest.b, what, sizeof send.digest.b);
    memset(send.seal_hash.b, what, sizeof send.seal_hash.b);
    buf_init(&wire, 1024 * 1024);
    qbft_message_sign(&wire, &send, QBFT_WIRE_BESU26, &crypto);
    const bytes_t raw = arena_copy(&d->arena, buf_bytes(&wire), &full);
    buf_deinit(&wire);
    MUST(qbft_message_decode(&m, &d->arena, code, raw));
    MUST(qbft_message_recover(&m, &REAL));
    return m.main;
}

static bool add(struct desk_of_liars *d, const struct qbft_payload *a, const struct qbft_payload *b)
{
    return evidence_add(d->e, a, b, 1700000000);
}

static size_t count(struct desk_of_liars *d, const struct node_evidence **list)
{
    size_t n = 0;
    MUST(evidence_list(d->e, list, &n, &d->arena));
    return n;
}

Test(evidence, is_kept_once_and_survives)
{
    struct desk_of_liars d;
    const struct node_evidence *list;
    setup(&d);
    const struct qbft_payload a = say(&d, 0, QBFT_PREPARE, 7, 2, 1);
    const struct qbft_payload b = say(&d, 0, QBFT_PREPARE, 7, 2, 2);
    const struct qbft_payload c = say(&d, 0, QBFT_COMMIT, 7, 2, 1);
    const struct qbft_payload c2 = say(&d, 0, QBFT_COMMIT, 7, 2, 3);
    const struct qbft_payload other = say(&d, 1, QBFT_PREPARE, 7, 2, 2);
    const struct qbft_payload later = say(&d, 0, QBFT_PREPARE, 7, 3, 2);
    cr_expect(add(&d, &a, &b));
    cr_expect(!add(&d, &a, &b), "known");
    cr_expect(!add(&d, &b, &a), "known");
    cr_expect(!add(&d, &a, &a), "the same twice");
    cr_expect(!add(&d, &a, &other), "two authors");
    cr_expect(!add(&d, &a, &later), "two rounds");
    cr_expect(!add(&d, &a, &c), "two kinds");
    cr_expect(add(&d, &c, &c2));
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(count(&d, &list), 2);
        cr_expect(address_eq(&list[0].author, &a.author));
        cr_expect_str_eq(list[0].message, "prepare");
        cr_expect_str_eq(list[1].message, "commit");
        cr_expect_eq(list[0].height, 7);
        cr_expect_eq(list[0].round, 2);
        cr_expect_eq(list[0].seen_s, 1700000000);
        cr_expect(bytes_eq(list[0].a, a.raw));
        cr_expect(bytes_eq(list[0].b, b.raw));
        restart(&d);
    }
    cr_expect(!add(&d, &b, &a), "known from before the restart");
    teardown(&d);
}

Test(evidence, a_torn_tail_is_cut_and_the_rest_stays)
{
    struct desk_of_liars d;
    const struct node_evidence *list;
    setup(&d);
    for (uint32_t round = 0; round < 3; round++) {
        const struct qbft_payload a = say(&d, 0, QBFT_ROUND_CHANGE, 9, round, 1);
        const struct qbft_payload p = say(&d, 1, QBFT_PREPARE, 9, round, 1);
        const struct qbft_payload q = say(&d, 1, QBFT_PREPARE, 9, round, 2);
        cr_expect(add(&d, &p, &q));
        cr_expect(!add(&d, &a, &a));
    }
    evidence_close(d.e);
    d.e = NULL;
    FILE *f = fopen(d.path, "r+b");
    cr_assert_not_null(f);
    cr_assert_eq(fseek(f, 0, SEEK_END), 0);
    const long len = ftell(f);
    cr_assert_eq(ftruncate(fileno(f), len - 5), 0);
    (void)fclose(f);
    MUST(evidence_open(&d.e, d.path, &REAL));
    cr_assert_eq(count(&d, &list), 2);
    const struct qbft_payload p = say(&d, 1, QBFT_PREPARE, 9, 2, 1);
    const struct qbft_payload q = say(&d, 1, QBFT_PREPARE, 9, 2, 2);
    cr_expect(add(&d, &p, &q), "room for it again");
    restart(&d);
    cr_expect_eq(count(&d, &list), 3);

    // A file that is something else is put aside.
    evidence_close(d.e);
    d.e = NULL;
    f = fopen(d.path, "wb");
    cr_assert_not_null(f);
    cr_assert_gt(fputs("no evidence at all", f), 0);
    (void)fclose(f);
    MUST(evidence_open(&d.e, d.path, &REAL));
    cr_expect_eq(count(&d, &list), 0);
    cr_expect(add(&d, &p, &q));
    restart(&d);
    cr_expect_eq(count(&d, &list), 1);
    teardown(&d);
}

Test(evidence, one_author_cannot_fill_it)
{
    struct desk_of_liars d;
    const struct node_evidence *list;
    setup(&d);
    for (uint64_t height = 1; height <= EVIDENCE_OF_AUTHOR_MAX + 5; height++) {
        const struct qbft_payload a = say(&d, 0, QBFT_PREPARE, height, 0, 1);
        const struct qbft_payload b = say(&d, 0, QBFT_PREPARE, height, 0, 2);
        cr_expect_eq(add(&d, &a, &b), height <= EVIDENCE_OF_AUTHOR_MAX);
    }
    const struct qbft_payload a = say(&d, 1, QBFT_PREPARE, 1, 0, 1);
    const struct qbft_payload b = say(&d, 1, QBFT_PREPARE, 1, 0, 2);
    cr_expect(add(&d, &a, &b));
    cr_expect_eq(count(&d, &list), EVIDENCE_OF_AUTHOR_MAX + 1);
    teardown(&d);
}

Test(evidence, a_changed_byte_proves_nothing)
{
    struct desk_of_liars d;
    setup(&d);
    const struct qbft_payload a = say(&d, 0, QBFT_PREPARE, 7, 2, 1);
    const struct qbft_payload b = say(&d, 0, QBFT_PREPARE, 7, 2, 2);
    struct qbft_payload x;
    struct qbft_payload y;
    bool full = false;
    uint8_t changed[256];
    MUST(evidence_verify(&x, &y, &d.arena, QBFT_PREPARE, a.raw, b.raw, &REAL));
    cr_expect(address_eq(&x.author, &a.author));
    cr_expect(!err_ok(evidence_verify(&x, &y, &d.arena, QBFT_COMMIT, a.raw, b.raw, &REAL)));
    cr_assert_lt(b.raw.len, sizeof changed);
    for (size_t i = 0; i < b.raw.len; i++) {
        memcpy(changed, b.raw.data, b.raw.len);
        changed[i] ^= 0x11;
        const bytes_t bad = arena_copy(&d.arena, bytes_make(changed, b.raw.len), &full);
        const err_t err = evidence_verify(&x, &y, &d.arena, QBFT_PREPARE, a.raw, bad, &REAL);
        cr_expect(!err_ok(err), "byte %zu", i);
    }
    teardown(&d);
}

// SPDX-License-Identifier: Apache-2.0
/// The demonstration of demo.md without a chain: data, training, sketches, selection,
/// aggregation, for all eight rounds. Every number of its section 4 is asserted.
#include "wallet/train.h"

#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "chain/crypto/keccak.h"
#include "chain/fed/aggregate.h"
#include "chain/fed/commitment.h"
#include "chain/fed/sketch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { A, B, C, D, E, F, G };

static hash_t hash_of_hex(const char *text)
{
    hash_t h;
    cr_assert(err_ok(hex_decode_fixed(h.b, sizeof h.b, bytes_of_str(text))));
    return h;
}

static const struct train_data *data(void)
{
    static struct train_data loaded;
    FILE *f = fopen("genesis/demo/breast_cancer.csv", "rb");
    cr_assert(f != NULL, "genesis/demo/breast_cancer.csv: run the tests at the top of the project");
    static char csv[200000];
    const size_t len = fread(csv, 1, sizeof csv, f);
    (void)fclose(f);
    const err_t err = train_load(&loaded, bytes_make(csv, len));
    cr_assert(err_ok(err), "%s", err_text(err));
    return &loaded;
}

/// Goal: order, features, labels and split of section 2.
Test(train, data)
{
    const struct train_data *d = data();
    static const int32_t first[] = {2432, 3152, 2383, 1875, 1167, 1176};
    cr_expect_arr_eq(d->row[0].x, first, sizeof first);
    static const struct {
        size_t rows, malignant;
        uint32_t weight;
    } split[TRAIN_HOSPITALS] = {{95, 42, 64}, {80, 32, 64}, {70, 25, 64}, {65, 23, 64},
                                {55, 21, 55}, {50, 16, 50}, {40, 18, 40}};
    uint32_t total = 0;
    const int32_t zeros[TRAIN_DIM] = {0};
    for (unsigned h = 0; h < TRAIN_HOSPITALS; h++) {
        const struct train_set rows = train_hospital(d, h);
        cr_expect_eq(rows.count, split[h].rows);
        cr_expect_eq(train_evaluate(zeros, rows).malignant, split[h].malignant);
        cr_expect_eq(train_weight(rows), split[h].weight);
        total += train_weight(rows);
    }
    cr_expect_eq(total, 401);
    static const uint32_t cancers[TRAIN_EVALUATORS] = {10, 12, 13};
    for (unsigned e = 0; e < TRAIN_EVALUATORS; e++) {
        const struct train_metrics m = train_evaluate(zeros, train_evaluator(d, e));
        cr_expect_eq(m.n, 38);
        cr_expect_eq(m.malignant, cancers[e]);
    }
    cr_expect_eq(train_all_evaluators(d).count, 114);
    cr_expect_eq(train_all_hospitals(d).count, 455);
    cr_expect_eq(train_all_hospitals(d).row + 455, train_all_evaluators(d).row);
}

/// Goal: a file that is not the data set is refused and says why.
Test(train, refuses_other_files)
{
    static struct train_data out;
    cr_expect_eq(train_load(&out, BYTES_NONE).kind, ERR_MALFORMED);
    cr_expect_eq(train_load(&out, LIT("569,30,malignant,benign\n1,2,3\n")).kind, ERR_MALFORMED);

    static char csv[569 * 80 + 100];
    const struct {
        const char *name, *row, *last;
    } rows[] = {
        {"same in all rows", "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1", ""},
        {"no class", "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,7", ""},
        {"not a number", "1,x,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1", ""},
        {"too many digits",
         "1,1234567890,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1", ""},
        {"empty field", "1,,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1", ""},
        {"one row more", "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = (size_t)snprintf(csv, sizeof csv, "head\n");
        for (int k = 0; k < TRAIN_ROWS; k++) {
            n += (size_t)snprintf(csv + n, sizeof csv - n, "%s\n", rows[i].row);
        }
        n += (size_t)snprintf(csv + n, sizeof csv - n, "%s", rows[i].last);
        cr_expect_eq(train_load(&out, bytes_make(csv, n)).kind, ERR_MALFORMED, "%s", rows[i].name);
    }
}

/// Writes `w` as ST-C1 and asserts its size and sha256.
static void expect_model(const int32_t w[TRAIN_DIM], const char *sha256_hex, const char *what)
{
    struct arena a;
    cr_assert(err_ok(arena_init(&a, 1 << 20)));
    struct buf file;
    buf_init(&file, 1 << 16);
    const struct st_file shape = train_shape();
    cr_assert(err_ok(st_write_model(&file, &a, &shape, w, TRAIN_DIM)));
    cr_expect_eq(file.len, 8476, "%s: %zu bytes", what, file.len);
    cr_expect(err_ok(st_check_canonical(&a, buf_bytes(&file))), "%s", what);
    const hash_t got = sha256(buf_bytes(&file));
    const hash_t want = hash_of_hex(sha256_hex);
    cr_expect(hash_eq(&got, &want), "%s: sha256 %s", what, hex_hash(&got).s);
    buf_deinit(&file);
    arena_deinit(&a);
}

/// One hospital's part in a round.
struct party {
    int16_t u[TRAIN_DIM];
    uint32_t weight;
};

static const char genesis_sha256[] =
    "0583375c56a850686f469592b8487c2825caf2ba7c60893ffe2fda73788134a0";

/// Rounds as they were played: policy, who revealed, what came of it.
static const struct {
    enum fed_policy policy;
    const char *revealed;
    const char *accepted;
    uint32_t correct[TRAIN_EVALUATORS], found[TRAIN_EVALUATORS];
    uint32_t all_correct, all_found;
    const char *sha256;
} rounds[] = {
    {FED_POLICY_FEDAVG,
     "ABCDEFG",
     "ABCDEFG",
     {33, 31, 34},
     {10, 10, 13},
     98,
     33,
     "c39f3909861cc9b4f2042b2ccfd8a17b4b3ecaebf757535b6407c7d288a7c060"},
    {FED_POLICY_FEDAVG,
     "ABCDEFG",
     "ABCDEFG",
     {29, 26, 27},
     {1, 0, 2},
     82,
     3,
     "8a88df76098bd7686afb206c7cdd352bc0287c9672f6271b178b31de45794b38"},
    {FED_POLICY_FEDAVG,
     "ABCDEFG",
     "ABCDEFG",
     {31, 27, 28},
     {3, 1, 3},
     86,
     7,
     "80db23b7f5cb7624a0a808db1412547c4bbce2024b1858844e272e8cfa6fcc17"},
    {FED_POLICY_MULTIKRUM,
     "ABCDEFG",
     "ABCDEF",
     {37, 36, 38},
     {9, 10, 13},
     111,
     32,
     "c2e4258c3149aaf4ba965cbb45bfa5a5ccb1618cced52b5d01e142115d01b768"},
    {FED_POLICY_MULTIKRUM,
     "ABCDEFG",
     "ABCDEF",
     {38, 36, 38},
     {10, 10, 13},
     112,
     33,
     "0f28118595f0674f799b122eb8b4f5f2d31aba29fec5244eade950965c5faecd"},
    {FED_POLICY_MULTIKRUM,
     "ABCDFG",
     "ABCDF",
     {38, 36, 38},
     {10, 10, 13},
     112,
     33,
     "5ead2f45525c10cc850c2b871702477db4d21f8fe8d8d8d318caac5b089850b0"},
    {FED_POLICY_MULTIKRUM,
     "ABCDEFG",
     "ABCDEF",
     {38, 36, 38},
     {10, 10, 13},
     112,
     33,
     "dcbca08ad873dd8d1dc104c36198fbac1f2e13fd4e5f624ecf22d412c4f57f2d"},
    {FED_POLICY_MULTIKRUM,
     "ABCDEFG",
     "ABCDEF",
     {38, 36, 38},
     {10, 10, 13},
     112,
     33,
     "ef51f64ca03192ce0a377176881fb9e163deaaef1ae9019af218cce9fb2baa48"},
};

/// Keccak of "cairn-demo-seedsel" and the round's number.
static hash_t round_seed(uint32_t round)
{
    uint8_t in[] = "cairn-demo-seedsel....";
    be_put_u32(in + sizeof in - 5, round);
    return keccak256(bytes_make(in, sizeof in - 1));
}

static void expect_round_4(const struct sketch *sketch, const struct fed_selection *sel,
                           const int32_t a[TRAIN_DIM])
{
    static const uint64_t want_score[] = {92822417674, 72711067552,  65755036400,   64767716728,
                                          69711128958, 106187543714, 30260794752176};
    for (size_t i = 0; i < TRAIN_HOSPITALS; i++) {
        const u256_t want = u256_from_u64(want_score[i]);
        cr_expect(u256_eq(&sel->score[i], &want), "score of %c: %s", (char)('A' + i),
                  u256_dec(&sel->score[i]).s);
    }
    const hash_t agg_root = fed_root_i32(a, TRAIN_DIM);
    const hash_t want_root =
        hash_of_hex("a647d8efcf35ed4855929b982e9c01208bf0e9afe1ed984324fed0735c050e13");
    cr_expect(hash_eq(&agg_root, &want_root), "aggRoot %s", hex_hash(&agg_root).s);
    int32_t max = 0;
    for (size_t j = 0; j < TRAIN_DIM; j++) {
        if (abs(a[j]) > max) max = abs(a[j]);
    }
    cr_expect_eq(max, 5075237);

    // The sketch closes over the sum: sketch(A) = sum w_i t_i (section 6.3).
    struct sketch sum = {{0}};
    struct sketch of_sum;
    for (size_t i = 0; i < TRAIN_HOSPITALS; i++) sketch_add(&sum, &sketch[i], sel->weight[i]);
    const hash_t seed = round_seed(4);
    sketch_of_aggregate(&of_sum, &seed, a, TRAIN_DIM, NULL);
    cr_expect_arr_eq(sum.t, of_sum.t, sizeof sum.t);

    uint8_t packed[SKETCH_PACKED_LEN];
    sketch_pack(packed, &of_sum);
    const hash_t h = keccak256(bytes_make(packed, sizeof packed));
    const hash_t want =
        hash_of_hex("ad9ba4c4f9b05cce0ada5ddb8f3640d5685ba8f8ef14c9550f4e63ea6c667e60");
    cr_expect(hash_eq(&h, &want), "sketch of the aggregate: %s", hex_hash(&h).s);
}

/// A round as its parties and the chain play it; `w` becomes the new model.
static void play(int32_t w[TRAIN_DIM], unsigned r)
{
    static struct party party[TRAIN_HOSPITALS];
    static struct sketch sketch[TRAIN_HOSPITALS];
    const hash_t seed = round_seed(r + 1);
    uint32_t weight[TRAIN_HOSPITALS];
    size_t who[TRAIN_HOSPITALS];
    size_t n = 0;
    for (unsigned h = 0; h < TRAIN_HOSPITALS; h++) {
        if (strchr(rounds[r].revealed, 'A' + (int)h) == NULL) continue;
        const struct train_set rows = train_hospital(data(), h);
        if (h == G && r >= 1)
            cr_assert(err_ok(train_poison(party[n].u, w, rows, NULL)));
        else
            cr_assert(err_ok(train_update(party[n].u, w, rows, NULL)));
        weight[n] = train_weight(rows);
        sketch_of_update(&sketch[n], &seed, party[n].u, TRAIN_DIM, NULL);
        cr_expect(sketch_norm_ok(&sketch[n], (uint64_t)1 << 21), "norm bound of the demo");
        who[n++] = h;
    }
    struct fed_selection sel;
    const err_t err = fed_select(&sel, rounds[r].policy, 1, n, sketch, weight);
    cr_assert(err_ok(err), "round %u: %s", r + 1, err_text(err));

    int32_t a[TRAIN_DIM] = {0};
    uint32_t total = 0;
    char accepted[TRAIN_HOSPITALS + 1] = {0};
    for (size_t i = 0, k = 0; i < n; i++) {
        if ((sel.accepted >> i & 1) == 0) continue;
        accepted[k++] = (char)('A' + who[i]);
        cr_assert(err_ok(fed_aggregate_add(a, party[i].u, TRAIN_DIM, sel.weight[i])));
        total += sel.weight[i];
    }
    cr_expect_str_eq(accepted, rounds[r].accepted, "round %u", r + 1);
    if (r + 1 == 4) expect_round_4(sketch, &sel, a);
    cr_assert(err_ok(fed_apply(w, w, a, TRAIN_DIM, 1, 1, total)));
}

/// Goal: genesis and all eight rounds as played give the page's model files, accepted sets
/// and counts, bit for bit.
Test(train, rounds_as_played)
{
    int32_t w[TRAIN_DIM];
    train_init(w);
    expect_model(w, genesis_sha256, "genesis");
    for (unsigned r = 0; r < ARRAY_LEN(rounds); r++) {
        play(w, r);
        char name[16];
        (void)snprintf(name, sizeof name, "R%u", r + 1);
        expect_model(w, rounds[r].sha256, name);
        for (unsigned e = 0; e < TRAIN_EVALUATORS; e++) {
            const struct train_metrics m = train_evaluate(w, train_evaluator(data(), e));
            cr_expect_eq(m.correct, rounds[r].correct[e], "%s E%u: %u", name, e + 1, m.correct);
            cr_expect_eq(m.malignant_found, rounds[r].found[e], "%s E%u", name, e + 1);
        }
        const struct train_metrics all = train_evaluate(w, train_all_evaluators(data()));
        cr_expect_eq(all.n, 114);
        cr_expect_eq(all.correct, rounds[r].all_correct, "%s: %u", name, all.correct);
        cr_expect_eq(all.malignant_found, rounds[r].all_found, "%s", name);
    }
}

/// Goal: the figures for scale: always benign, each hospital alone, all data in one place.
Test(train, alone_and_together)
{
    static const uint32_t alone[TRAIN_HOSPITALS] = {110, 108, 109, 110, 104, 104, 110};
    int32_t w0[TRAIN_DIM];
    int32_t w[TRAIN_DIM];
    train_init(w0);
    for (unsigned h = 0; h < TRAIN_HOSPITALS; h++) {
        cr_assert(err_ok(train_steps(w, w0, train_hospital(data(), h), 200, false, NULL)));
        const uint32_t correct = train_evaluate(w, train_all_evaluators(data())).correct;
        cr_expect_eq(correct, alone[h], "%c: %u", (char)('A' + h), correct);
    }
    cr_assert(err_ok(train_steps(w, w0, train_all_hospitals(data()), 200, false, NULL)));
    cr_expect_eq(train_evaluate(w, train_all_evaluators(data())).correct, 112);
}

static void run_backwards(void *ctx, size_t count, void (*fn)(void *, size_t), void *arg)
{
    (void)ctx;
    for (size_t i = count; i > 0; i--) fn(arg, i - 1);
}

/// Goal: cores change nothing, and a model of another world is refused.
Test(train, jobs_and_refusal)
{
    int32_t w[TRAIN_DIM];
    train_init(w);
    const struct jobs jobs = {run_backwards, NULL};
    int16_t u[TRAIN_DIM];
    int16_t v[TRAIN_DIM];
    cr_assert(err_ok(train_update(u, w, train_hospital(data(), A), NULL)));
    cr_assert(err_ok(train_update(v, w, train_hospital(data(), A), &jobs)));
    cr_expect_arr_eq(u, v, sizeof u);
    w[100] = INT32_MAX;
    cr_expect_eq(train_update(u, w, train_hospital(data(), A), NULL).kind, ERR_LIMIT);
}

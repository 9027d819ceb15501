// SPDX-License-Identifier: Apache-2.0
/// The demonstration's trainer on the command line: what a hospital's own training system
/// would do outside of the wallet.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "chain/crypto/digest.h"
#include "wallet/model_file.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/text.h"
#include "wallet/train.h"

#include <inttypes.h>
#include <stdlib.h>

#define FRAC_BITS 16
#define CSV_MAX ((size_t)16 << 20)
#define FILE_MAX ((size_t)1 << 20)

/// Reads the data set onto the heap.
static enum exit_code load_data(struct ctx *ctx, struct train_data **out, const struct args *a)
{
    const char *path = args_flag(a, "data");
    if (path == NULL) return fail(ctx, EXIT_USAGE, NULL, "--data FILE is missing: the CSV file");
    char *text;
    size_t len;
    err_t err = file_read(&text, &len, path, CSV_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, path, err);
    *out = malloc(sizeof **out);
    if (*out == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    err = train_load(*out, bytes_make(text, len));
    free(text);
    if (err_ok(err)) return EXIT_DONE;
    free(*out);
    *out = NULL;
    return fail_err(ctx, EXIT_USAGE, path, err);
}

/// Which rows: --party A..G (hospitals), E1..E3, evaluators, or --rows FIRST:COUNT.
static enum exit_code choose_rows(struct ctx *ctx, struct train_set *out,
                                  const struct train_data *data, const struct args *a)
{
    const char *party = args_flag(a, "party");
    const char *rows = args_flag(a, "rows");
    if ((party != NULL) == (rows != NULL))
        return fail(ctx, EXIT_USAGE, NULL,
                    "say which rows: --party A..G, E1..E3 or evaluators, or "
                    "--rows FIRST:COUNT");
    if (party != NULL) {
        if (party[0] >= 'A' && party[0] <= 'G' && party[1] == 0)
            *out = train_hospital(data, (unsigned)(party[0] - 'A'));
        else if (party[0] == 'E' && party[1] >= '1' && party[1] <= '3' && party[2] == 0)
            *out = train_evaluator(data, (unsigned)(party[1] - '1'));
        else if (strcmp(party, "evaluators") == 0)
            *out = train_all_evaluators(data);
        else
            return fail(ctx, EXIT_USAGE, NULL, "no party `%s`: A to G, E1 to E3, evaluators",
                        party);
        return EXIT_DONE;
    }
    char first_text[24];
    const size_t n = strcspn(rows, ":");
    uint64_t first;
    uint64_t count;
    (void)snprintf(first_text, sizeof first_text, "%.*s", (int)(n < 20 ? n : 20), rows);
    if (rows[n] != ':' || !err_ok(text_parse_u64(&first, first_text, TRAIN_ROWS - 1)) ||
        !err_ok(text_parse_u64(&count, rows + n + 1, TRAIN_ROWS - first)) || count == 0)
        return fail(ctx, EXIT_USAGE, NULL, "--rows FIRST:COUNT within %d rows, from 0", TRAIN_ROWS);
    *out = (struct train_set){&data->row[first], (size_t)count};
    return EXIT_DONE;
}

/// Writes a file and says its sha256.
static enum exit_code write_out(struct ctx *ctx, const struct buf *b, const char *path)
{
    const err_t err = file_write(path, buf_bytes(b));
    if (!err_ok(err)) return fail_err(ctx, EXIT_STORE, path, err);
    const hash_t sum = sha256(buf_bytes(b));
    const struct hex_text text = hex_hash(&sum);
    out_line(ctx, "%s  %s", text.s + 2, path);
    result_set(ctx, "file", json_string(path));
    result_set(ctx, "sha256", json_string(text.s + 2));
    return EXIT_DONE;
}

static const char *out_flag(const struct args *a)
{
    return args_flag(a, "out");
}

enum exit_code cmd_train_genesis(struct ctx *ctx, const struct args *a)
{
    if (out_flag(a) == NULL) return fail(ctx, EXIT_USAGE, NULL, "--out FILE is missing");
    int32_t w[TRAIN_DIM];
    train_init(w);
    const struct st_file shape = train_shape();
    struct arena scratch;
    struct buf b;
    buf_init(&b, FILE_MAX);
    err_t err = arena_init(&scratch, (size_t)16 << 20);
    if (err_ok(err)) err = st_write_model(&b, &scratch, &shape, w, TRAIN_DIM);
    enum exit_code code = err_ok(err) ? write_out(ctx, &b, out_flag(a))
                                      : fail_err(ctx, EXIT_INTERNAL, "the genesis model", err);
    buf_deinit(&b);
    arena_deinit(&scratch);
    return code;
}

/// Opens the base model, which must have the trainer's shape.
static enum exit_code open_network(struct ctx *ctx, struct model_file *out, const char *path)
{
    STEP(model_file_open(ctx, out, path, FRAC_BITS));
    if (out->d == TRAIN_DIM) return EXIT_DONE;
    const size_t d = out->d;
    model_file_close(out);
    return fail(ctx, EXIT_USAGE, NULL, "%s has %zu parameters, this network has %d", path, d,
                TRAIN_DIM);
}

static enum exit_code train(struct ctx *ctx, const struct train_data *data, const struct args *a)
{
    struct train_set rows = {0};
    STEP(choose_rows(ctx, &rows, data, a));
    struct model_file base = {0};
    STEP(open_network(ctx, &base, args_flag(a, "base")));
    const bool poison = args_has(a, "poison");
    int16_t u[TRAIN_DIM];
    err_t err = poison ? train_poison(u, base.w, rows, NULL) : train_update(u, base.w, rows, NULL);
    const struct st_file shape = train_shape();
    struct buf b;
    buf_init(&b, FILE_MAX);
    if (err_ok(err)) err = st_write_update(&b, &base.arena, &shape, u, TRAIN_DIM);
    enum exit_code code = err_ok(err) ? EXIT_DONE : fail_err(ctx, EXIT_INTERNAL, "training", err);
    if (code == EXIT_DONE) code = write_out(ctx, &b, out_flag(a));
    buf_deinit(&b);
    model_file_close(&base);
    STEP(code);
    out_field(ctx, "rows", "%zu", rows.count);
    out_field(ctx, "weight", "%" PRIu32, train_weight(rows));
    result_set(ctx, "rows", json_integer((json_int_t)rows.count));
    result_set(ctx, "weight", json_integer((json_int_t)train_weight(rows)));
    return EXIT_DONE;
}

enum exit_code cmd_train_update(struct ctx *ctx, const struct args *a)
{
    if (out_flag(a) == NULL || !args_has(a, "base"))
        return fail(ctx, EXIT_USAGE, "cairn train update --help", "--base and --out are needed");
    struct train_data *data = NULL;
    STEP(load_data(ctx, &data, a));
    check(data != NULL);
    const enum exit_code code = train(ctx, data, a);
    free(data);
    return code;
}

enum exit_code cmd_train_evaluate(struct ctx *ctx, const struct args *a)
{
    struct train_data *data = NULL;
    STEP(load_data(ctx, &data, a));
    check(data != NULL);
    struct train_set rows = {0};
    struct model_file m = {0};
    enum exit_code code = choose_rows(ctx, &rows, data, a);
    if (code == EXIT_DONE) code = open_network(ctx, &m, a->pos[0]);
    if (code == EXIT_DONE) {
        const struct train_metrics t = train_evaluate(m.w, rows);
        model_file_close(&m);
        out_line(ctx,
                 "%" PRIu32 " of %" PRIu32 " correct, %" PRIu32 " of %" PRIu32 " cancers found",
                 t.correct, t.n, t.malignant_found, t.malignant);
        result_set(ctx, "n", json_integer(t.n));
        result_set(ctx, "correct", json_integer(t.correct));
        result_set(ctx, "malignant", json_integer(t.malignant));
        result_set(ctx, "malignantFound", json_integer(t.malignant_found));
        result_set(ctx, "brierQ16", json_integer((json_int_t)t.brier_q16));
    }
    free(data);
    return code;
}

// SPDX-License-Identifier: Apache-2.0
#include "chain/state/copy.h"

#include "chain/base/map.h"
#include "chain/state/read.h"
#include "chain/state/walk.h"

#include <stdlib.h>

#define CODES_MAX ((size_t)1 << 26)

struct state_copy {
    struct state_loader *to;
    struct state_place at;
    struct map codes; ///< hashes of those that were given
    const struct db_txn *from;
};

err_t state_copy_new(struct state_copy **out, struct db *to)
{
    struct state_copy *c = calloc(1, sizeof *c);
    if (c == NULL) return FAIL(FULL, "state: no memory left to copy it");
    map_init(&c->codes, sizeof(hash_t), 1, CODES_MAX, 0);
    const err_t err = state_loader_new(&c->to, to, NULL);
    if (err_ok(err)) {
        *out = c;
        return OK;
    }
    state_copy_free(c);
    return err;
}

void state_copy_free(struct state_copy *c)
{
    if (c == NULL) return;
    state_loader_free(c->to);
    map_deinit(&c->codes);
    free(c);
}

static err_t copy_account(void *ctx, const hash_t *key, const struct account *a)
{
    struct state_copy *c = ctx;
    bool is_new = false;
    bytes_t code;
    TRY(state_load_account(c->to, key, a));
    if (hash_eq(&a->code_hash, &KECCAK_EMPTY)) return OK;
    if (map_put(&c->codes, &a->code_hash, &is_new) == NULL) {
        return FAIL(FULL, "state: no memory left to copy it");
    }
    if (!is_new) return OK;
    TRY(read_code(c->from, &code, &a->code_hash));
    return state_load_code(c->to, code);
}

static err_t copy_slot(void *ctx, const hash_t *account, const hash_t *key, const u256_t *value)
{
    const struct state_copy *c = ctx;
    (void)account;
    return state_load_slot(c->to, key, value);
}

err_t state_copy_some(struct state_copy *c, bool *done, const struct db_txn *from, uint64_t number,
                      size_t limit)
{
    const struct state_visitor visitor = {copy_account, copy_slot, c};
    c->from = from;
    TRY(state_walk(&c->at, from, number, limit, &visitor));
    *done = c->at.done;
    return OK;
}

err_t state_copy_finish(struct state_copy *c, struct state_totals *totals, const hash_t *root)
{
    return state_loader_finish(c->to, totals, root);
}

// SPDX-License-Identifier: Apache-2.0
#include "consensus/node/senders.h"

#include "chain/base/endian.h"

#include <stdlib.h>

#define PLACES 16384U ///< a power of two; less than a megabyte

struct senders {
    struct {
        hash_t hash;
        address_t sender;
    } known[PLACES]; ///< a place of zeros is free: nothing has that hash
};

static size_t place_of(const hash_t *hash)
{
    return be_get_u64(hash->b) % PLACES;
}

err_t senders_new(struct senders **out)
{
    *out = calloc(1, sizeof **out);
    return *out == NULL ? FAIL(FULL, "senders: no memory") : OK;
}

void senders_free(struct senders *s)
{
    free(s);
}

void senders_keep(struct senders *s, const struct tx *tx)
{
    if (!tx->has_sender) return;
    const size_t at = place_of(&tx->hash);
    s->known[at].hash = tx->hash;
    s->known[at].sender = tx->sender;
}

bool senders_find(const struct senders *s, address_t *out, const hash_t *hash)
{
    const size_t at = place_of(hash);
    if (!hash_eq(&s->known[at].hash, hash)) return false;
    *out = s->known[at].sender;
    return true;
}

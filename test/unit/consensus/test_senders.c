// SPDX-License-Identifier: Apache-2.0
/// Goal: a sender is found by the whole hash only, the later of two that share a place stays, and
/// what was never recovered is not kept.

#include <criterion/criterion.h>

#include "consensus/node/senders.h"

static struct tx tx_of(uint8_t first, uint8_t last, uint8_t from)
{
    return (struct tx){.hash = {{first, [31] = last}}, .sender = {{from}}, .has_sender = true};
}

Test(senders, kept_and_found)
{
    struct senders *s;
    cr_assert(err_ok(senders_new(&s)));
    const struct tx one = tx_of(1, 1, 7);
    const struct tx other = tx_of(1, 2, 8); // the same place
    struct tx unsigned_one = tx_of(2, 2, 9);
    address_t who = {{0}};
    unsigned_one.has_sender = false;

    cr_expect(!senders_find(s, &who, &one.hash));
    senders_keep(s, &one);
    cr_expect(senders_find(s, &who, &one.hash) && address_eq(&who, &one.sender));
    cr_expect(!senders_find(s, &who, &other.hash), "a part of the hash is not enough");
    senders_keep(s, &other);
    cr_expect(senders_find(s, &who, &other.hash) && address_eq(&who, &other.sender));
    cr_expect(!senders_find(s, &who, &one.hash));
    senders_keep(s, &unsigned_one);
    cr_expect(!senders_find(s, &who, &unsigned_one.hash));
    senders_free(s);
    senders_free(NULL);
}

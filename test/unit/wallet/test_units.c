// SPDX-License-Identifier: Apache-2.0
/// Goal: the wallet's amounts and its word list are everybody else's.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/support/vectors.h"
#include "wallet/text.h"

extern const char embed_wallet_data_english_txt[];
extern const char embed_wallet_data_english_txt_end[];

/// Goal: ether and gwei as ethers reads them, and printed so that they read the same again.
/// Amounts have no sign here: what is negative must be refused.
Test(units, ethers)
{
    static const char *const units[] = {"ether", "gwei", "wei"};
    json_t *root = vectors_load("ethereum/vectors/ethers/units.json");
    size_t checked = 0;
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *entry = json_array_get(root, i);
        const json_t *wei = vectors_get(entry, "wei");
        for (size_t u = 0; u < ARRAY_LEN(units); u++) {
            const char *value = json_string_value(json_object_get(entry, units[u]));
            if (value == NULL) continue;
            char text[128];
            snprintf(text, sizeof text, "%s %s", value, units[u]);
            u256_t amount;
            u256_t again;
            const err_t err = text_parse_amount(&amount, text);
            checked++;
            if (value[0] == '-') {
                cr_expect(!err_ok(err), "%s was read", text);
                continue;
            }
            const u256_t want = vectors_number(wei);
            cr_expect(err_ok(err) && u256_eq(&amount, &want), "%s: %s", text, err_text(err));
            const struct amount_text shown = text_amount(&amount, 18);
            cr_expect(err_ok(text_parse_amount(&again, shown.s)) && u256_eq(&again, &want), "%s",
                      shown.s);
        }
    }
    json_decref(root);
    cr_expect_eq(checked, 42, "%zu amounts", checked);
}

/// Goal: byte for byte the published list of BIP-39.
Test(units, word_list)
{
    size_t len;
    char *list = vectors_text("ethereum/vectors/bip39/english.txt", &len);
    const char *ours = embed_wallet_data_english_txt;
    cr_expect(bytes_eq(bytes_make(list, len),
                       bytes_make(ours, (size_t)(embed_wallet_data_english_txt_end - ours))));
    free(list);
}

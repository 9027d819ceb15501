// SPDX-License-Identifier: Apache-2.0
#include "chain/fed/contracts.h"

#include "chain/crypto/keccak.h"
#include "chain/types/address.h"

#include <criterion/criterion.h>
#include <string.h>

/// Goal: selectors and topics are the hashes of the signatures beside them.
Test(fed_contracts, items_are_their_signatures_hashes)
{
    size_t events = 0;
    for (size_t i = 0; i < fed_item_count; i++) {
        const struct fed_item *it = &fed_items[i];
        const hash_t h = keccak256(bytes_of_str(it->signature));
        const uint32_t selector = (uint32_t)h.b[0] << 24 | (uint32_t)h.b[1] << 16 |
                                  (uint32_t)h.b[2] << 8 | (uint32_t)h.b[3];
        cr_expect_eq(it->selector, selector, "%s", it->signature);

        const size_t name_len = strlen(it->name);
        cr_expect(strncmp(it->signature, it->name, name_len) == 0, "%s", it->signature);
        cr_expect_eq(it->signature[name_len], '(', "%s", it->signature);
        cr_expect(strncmp(it->decl, it->name, name_len) == 0, "%s", it->decl);

        if (it->kind != FED_ITEM_EVENT) {
            cr_expect_eq(it->event, FED_EVENTS, "%s", it->signature);
            continue;
        }
        events++;
        cr_assert_lt(it->event, FED_EVENTS, "%s", it->signature);
        cr_expect(hash_eq(&fed_event_topic[it->event], &h), "%s", it->signature);
    }
    cr_expect_eq(events, (size_t)FED_EVENTS);
}

/// Goal: the constants that code names are the specified signatures' hashes.
Test(fed_contracts, constants)
{
    static const struct {
        const char *signature;
        uint32_t selector;
    } rows[] = {
        {"commit(uint256,bytes32)", FED_SEL_ROUNDS_COMMIT},
        {"commitBySig(uint256,address,bytes32,uint256,bytes)", FED_SEL_ROUNDS_COMMIT_BY_SIG},
        {"select(uint256,bytes)", FED_SEL_ROUNDS_SELECT},
        {"drawSeed(uint256,uint8)", FED_SEL_ROUNDS_DRAW_SEED},
        {"claim(uint256)", FED_SEL_REWARDS_CLAIM},
        {"WrongState(uint256,uint8,uint8)", FED_ERR_WRONG_STATE},
        {"NotAggregator(address,address)", FED_ERR_NOT_AGGREGATOR},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const hash_t h = keccak256(bytes_of_str(rows[i].signature));
        const uint32_t selector = (uint32_t)h.b[0] << 24 | (uint32_t)h.b[1] << 16 |
                                  (uint32_t)h.b[2] << 8 | (uint32_t)h.b[3];
        cr_expect_eq(rows[i].selector, selector, "%s", rows[i].signature);
    }
    const hash_t committed = keccak256(LIT("Committed(uint256,address,bytes32,uint32)"));
    cr_expect(hash_eq(&fed_event_topic[FED_TOPIC_ROUNDS_COMMITTED], &committed));
}

/// Goal: contracts stand where the keyless deployer's successive creations put them.
Test(fed_contracts, addresses)
{
    const hash_t seed = keccak256(LIT("cairn.deployer"));
    cr_expect(memcmp(fed_deployer_address.b, seed.b + 12, 20) == 0);
    const hash_t nobody = keccak256(LIT("cairn.sentinel"));
    cr_expect(memcmp(fed_sentinel_address.b, nobody.b + 12, 20) == 0);
    for (size_t i = 0; i < FED_CONTRACTS; i++) {
        const address_t a = address_of_create(&fed_deployer_address, i);
        cr_expect(memcmp(a.b, fed_contract_address[i].b, 20) == 0, "%s", fed_contract_name[i]);
    }
}

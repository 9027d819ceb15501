// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/dev.h"

#include "chain/base/hex.h"
#include "rpc/cairnd/genesis_file.h"
#include "rpc/cairnd/members.h"

// clang-format off
const address_t DEV_ADDRESSES[DEV_ACCOUNTS] = {
    {{0xf3, 0x9f, 0xd6, 0xe5, 0x1a, 0xad, 0x88, 0xf6, 0xf4, 0xce, 0x6a, 0xb8, 0x82, 0x72, 0x79, 0xcf, 0xff, 0xb9, 0x22, 0x66}},
    {{0x70, 0x99, 0x79, 0x70, 0xc5, 0x18, 0x12, 0xdc, 0x3a, 0x01, 0x0c, 0x7d, 0x01, 0xb5, 0x0e, 0x0d, 0x17, 0xdc, 0x79, 0xc8}},
    {{0x3c, 0x44, 0xcd, 0xdd, 0xb6, 0xa9, 0x00, 0xfa, 0x2b, 0x58, 0x5d, 0xd2, 0x99, 0xe0, 0x3d, 0x12, 0xfa, 0x42, 0x93, 0xbc}},
    {{0x90, 0xf7, 0x9b, 0xf6, 0xeb, 0x2c, 0x4f, 0x87, 0x03, 0x65, 0xe7, 0x85, 0x98, 0x2e, 0x1f, 0x10, 0x1e, 0x93, 0xb9, 0x06}},
    {{0x15, 0xd3, 0x4a, 0xaf, 0x54, 0x26, 0x7d, 0xb7, 0xd7, 0xc3, 0x67, 0x83, 0x9a, 0xaf, 0x71, 0xa0, 0x0a, 0x2c, 0x6a, 0x65}},
    {{0x99, 0x65, 0x50, 0x7d, 0x1a, 0x55, 0xbc, 0xc2, 0x69, 0x5c, 0x58, 0xba, 0x16, 0xfb, 0x37, 0xd8, 0x19, 0xb0, 0xa4, 0xdc}},
    {{0x97, 0x6e, 0xa7, 0x40, 0x26, 0xe7, 0x26, 0x55, 0x4d, 0xb6, 0x57, 0xfa, 0x54, 0x76, 0x3a, 0xbd, 0x0c, 0x3a, 0x0a, 0xa9}},
    {{0x14, 0xdc, 0x79, 0x96, 0x4d, 0xa2, 0xc0, 0x8b, 0x23, 0x69, 0x8b, 0x3d, 0x3c, 0xc7, 0xca, 0x32, 0x19, 0x3d, 0x99, 0x55}},
    {{0x23, 0x61, 0x8e, 0x81, 0xe3, 0xf5, 0xcd, 0xf7, 0xf5, 0x4c, 0x3d, 0x65, 0xf7, 0xfb, 0xc0, 0xab, 0xf5, 0xb2, 0x1e, 0x8f}},
    {{0xa0, 0xee, 0x7a, 0x14, 0x2d, 0x26, 0x7c, 0x1f, 0x36, 0x71, 0x4e, 0x4a, 0x8f, 0x75, 0x61, 0x2f, 0x20, 0xa7, 0x97, 0x20}},
};
// clang-format on

/// Short delays and small windows, so that a vote or a round can be watched.
static json_t *dev_params(void)
{
    json_t *p = json_object();
    json_t *accounts = json_array();
    json_t *amounts = json_array();
    json_t *aggregators = json_array();
    for (size_t i = 0; i < DEV_ACCOUNTS; i++) {
        json_array_append_new(accounts, json_string(hex_address(&DEV_ADDRESSES[i]).s));
        json_array_append_new(amounts, json_string("100000000000000000000000"));
    }
    for (size_t i = 0; i < 2; i++) {
        json_array_append_new(aggregators, json_string(hex_address(&DEV_ADDRESSES[i]).s));
    }
    json_object_set(p, "members", accounts);
    json_object_set_new(p, "holders", accounts);
    json_object_set_new(p, "amounts", amounts);
    json_object_set_new(p, "aggregators", aggregators);
    static const struct {
        const char *name;
        const char *value;
    } shorter[] = {{"timelockSeconds", "10"},    {"votingDelayBlocks", "1"},
                   {"votingPeriodBlocks", "20"}, {"lateQuorumBlocks", "5"},
                   {"minBlocksFloor", "2"},      {"blockPeriodMs", "0"},
                   {"unbondSeconds", "60"}};
    for (size_t i = 0; i < ARRAY_LEN(shorter); i++) {
        json_object_set_new(p, shorter[i].name, json_string(shorter[i].value));
    }
    return p;
}

err_t dev_genesis(struct buf *out, struct arena *arena, const address_t *validator,
                  const struct config *config, uint64_t now_s, struct system_detail *detail)
{
    struct genesis_funds funds[DEV_ACCOUNTS];
    const u256_t ether = u256_from_u64(UINT64_C(1000000000000000000));
    const u256_t thousands = u256_from_u64(10000);
    for (size_t i = 0; i < DEV_ACCOUNTS; i++) {
        funds[i] = (struct genesis_funds){DEV_ADDRESSES[i], u256_mul(&ether, &thousands)};
    }
    json_t *params = dev_params();
    struct members_detail members = {""};
    err_t err = members_merge(params, config_text(config, SET_members),
                              config_text(config, SET_gov), &members);
    if (!err_ok(err)) {
        (void)snprintf(detail->text, sizeof detail->text, "%.255s", members.text);
        json_decref(params);
        return err;
    }
    const uint64_t period_ms = config_number(config, SET_dev_period);
    const struct genesis_plan plan = {
        .chain_id = DEV_CHAIN_ID,
        .timestamp_s = now_s,
        .gas_limit = 30000000,
        // On demand several blocks may come within one second.
        .block_period_ms = period_ms > 0 ? period_ms : 1,
        .period_in_ms = true,
        .request_timeout_s = 4,
        .epoch_length = 30000,
        .zero_base_fee = config_number(config, SET_zero_base_fee) != 0,
        .validators = validator,
        .validator_count = 1,
        .funds = funds,
        .fund_count = DEV_ACCOUNTS,
        .system_contracts = true,
        .system_params = params,
    };
    err = genesis_file_write(out, arena, &plan, detail);
    json_decref(params);
    return err;
}

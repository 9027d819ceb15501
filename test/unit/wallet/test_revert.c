// SPDX-License-Identifier: Apache-2.0
#include "wallet/revert.h"

#include "chain/base/hex.h"
#include "chain/fed/contracts.h"
#include "wallet/abi_json.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/// Revert data of an error with these arguments.
static bytes_t revert_data(struct buf *b, const char *signature, const char *args)
{
    struct abi_detail why;
    json_t *v = json_loads(args, 0, NULL);
    buf_clear(b);
    cr_assert(err_ok(abi_json_encode_call(b, signature, v, &why)), "%s", why.text);
    json_decref(v);
    return buf_bytes(b);
}

/// Goal: errors come out as sentences with their arguments, and say what to do.
Test(revert, sentences)
{
    static const struct {
        const char *signature;
        const char *args;
        const char *name;
        const char *text;
        const char *hint;
    } cases[] = {
        {"Error(string)", "[\"not today\"]", "Error", "not today", ""},
        {"Panic(uint256)", "[\"17\"]", "Panic", NULL, ""},
        {"WrongState(uint256,uint8,uint8)", "[12,3,1]", "WrongState",
         "round 12 is in state reveal, this needs state open", "cairn round next 12"},
        {"WrongState(uint256,uint8,uint8)", "[12,200,1]", "WrongState",
         "round 12 is in state unknown, this needs state open", "cairn round next 12"},
        {"TooEarly(uint256)", "[1772461931]", "TooEarly", "not before 2026-03-02T14:32:11Z",
         "wait, then repeat the command"},
        {"TooEarly(uint256)", "[812]", "TooEarly", "not before block 812",
         "wait, then repeat the command"},
        {"StakeTooLow(uint256,uint256)", "[\"500wei\",\"1000ether\"]", "StakeTooLow",
         "the bond is 0.0000000000000005 CAIRN, and 1000 CAIRN are needed",
         "cairn reward bond ROLE AMOUNT"},
        {"OwnableInvalidOwner(address)", "[\"0x0000000000000000000000000000000000000000\"]",
         "OwnableInvalidOwner", NULL, ""},
        {"ERC721NonexistentToken(uint256)", "[7]", "ERC721NonexistentToken", NULL, ""},
        {"EnforcedPause()", "[]", "EnforcedPause", NULL, ""},
        {"SafeCastOverflowedIntDowncast(uint8,int256)", "[8,-129]", "SafeCastOverflowedIntDowncast",
         NULL, ""},
        {"BadParameter(bytes32)",
         "[\"0x6e4d617800000000000000000000000000000000000000000000000000000000\"]", "BadParameter",
         "the parameter nMax is out of its bounds", ""},
        {"GovernorUnexpectedProposalState(uint256,uint8,bytes32)",
         "[7,1,\"0x0000000000000000000000000000000000000000000000000000000000000002\"]",
         "GovernorUnexpectedProposalState", "the proposal is active, which does not allow this now",
         "cairn dao show ID"},
    };
    struct buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct revert_reason r;
        revert_decode(&r, revert_data(&b, cases[i].signature, cases[i].args));
        cr_expect_str_eq(r.name, cases[i].name);
        if (cases[i].text != NULL) cr_expect_str_eq(r.text, cases[i].text);
        cr_expect_neq(r.text[0], 0);
        cr_expect_str_eq(r.hint, cases[i].hint);
        json_decref(r.args);
    }
    buf_deinit(&b);
}

/// Goal: every error that the system contracts can raise is explained.
Test(revert, all_of_the_contracts)
{
    size_t seen = 0;
    for (size_t i = 0; i < fed_item_count; i++) {
        if (fed_items[i].kind != FED_ITEM_ERROR) continue;
        uint8_t data[4 + 512] = {
            (uint8_t)(fed_items[i].selector >> 24), (uint8_t)(fed_items[i].selector >> 16),
            (uint8_t)(fed_items[i].selector >> 8), (uint8_t)fed_items[i].selector};
        struct revert_reason r;
        revert_decode(&r, BYTES_OF(data));
        cr_expect_str_eq(r.name, fed_items[i].name, "%s is not explained", fed_items[i].signature);
        json_decref(r.args);
        seen++;
    }
    cr_expect_geq(seen, 20);
}

/// Goal: what is no reason is said to be none, and nothing crashes on it.
Test(revert, nonsense)
{
    static const struct {
        const char *name;
        bytes_t data;
        const char *text;
    } cases[] = {
        {"nothing", BYTES_NONE, "the contract gave no reason"},
        {"three bytes", LIT("\x01\x02\x03"), "the contract gave bytes without meaning: 0x010203"},
        {"unknown", LIT("\x01\x02\x03\x04\x05"),
         "an error unknown here, selector 0x01020304, data 0x0102030405"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct revert_reason r;
        revert_decode(&r, cases[i].data);
        cr_expect_str_eq(r.text, cases[i].text, "%s", cases[i].name);
        cr_expect_eq(r.name[0], 0);
    }
    // An unknown error longer than what is shown: its beginning, and where the rest is.
    uint8_t many[400] = {1, 2, 3, 4};
    struct revert_reason long_one;
    revert_decode(&long_one, BYTES_OF(many));
    cr_expect_not_null(strstr(long_one.text, "selector 0x01020304, data 0x0102030400"));
    cr_expect_not_null(strstr(long_one.text, ".. (--json has all)"));
    // A known selector with arguments that are cut off.
    struct buf b;
    buf_init(&b, 1 << 16);
    const bytes_t whole = revert_data(&b, "WrongState(uint256,uint8,uint8)", "[12,3,1]");
    struct revert_reason r;
    revert_decode(&r, bytes_make(whole.data, whole.len - 1));
    cr_expect_str_eq(r.name, "WrongState");
    cr_expect_str_eq(r.text, "WrongState, with unreadable arguments");
    // Error(string) whose text runs past its end.
    const bytes_t text = revert_data(&b, "Error(string)", "[\"hello\"]");
    b.data[4 + 63] = 0xff;
    revert_decode(&r, text);
    cr_expect_neq(r.text[0], 0);
    json_decref(r.args);
    buf_deinit(&b);
}

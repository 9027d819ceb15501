// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "test/support/vm_world.h"
#include "vm/gas.h"

// The tail of most programs here: return the top word.
#define RETURN_TOP "5f5260205ff3"
#define F32 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define MIN "8000000000000000000000000000000000000000000000000000000000000000"

/// Goal: every opcode group computes what the Yellow Paper says, at its edges too.
static const struct {
    const char *name;
    const char *code;
    uint64_t word; ///< of the output
    bool all_ones; ///< the word is 2^256 - word instead
} values[] = {
    {"ADD wraps", "60027f" F32 "01" RETURN_TOP, 1, false},
    {"SUB wraps",
     "60016000"
     "03" RETURN_TOP,
     1, true},
    {"DIV by zero",
     "5f600703"
     "5f600704" RETURN_TOP,
     0, false},
    {"SDIV of the least number by -1", "7f" F32 "7f" MIN "0560ff1c" RETURN_TOP, 1, false},
    {"MOD by zero", "5f600706" RETURN_TOP, 0, false},
    {"SMOD takes the dividend's sign", "60037f" F32 "07" RETURN_TOP, 1, true},
    {"ADDMOD keeps 257 bits", "60077f" F32 "7f" F32 "08" RETURN_TOP, 2, false},
    {"MULMOD keeps 512 bits", "600c7f" F32 "7f" F32 "09" RETURN_TOP, 9, false},
    {"EXP 0^0", "5f5f0a" RETURN_TOP, 1, false},
    {"SIGNEXTEND of 0xff at byte 0", "60ff5f0b" RETURN_TOP, 1, true},
    {"SIGNEXTEND at byte 31 does nothing", "60ff601f0b" RETURN_TOP, 255, false},
    {"SIGNEXTEND far outside", "60ff7f" F32 "0b" RETURN_TOP, 255, false},
    {"LT",
     "60026001"
     "10" RETURN_TOP,
     1, false},
    {"SLT: -1 < 0", "5f7f" F32 "12" RETURN_TOP, 1, false},
    {"SGT: 0 > -1", "7f" F32 "5f13" RETURN_TOP, 1, false},
    {"ISZERO", "5f15" RETURN_TOP, 1, false},
    {"NOT", "5f19" RETURN_TOP, 1, true},
    {"BYTE 31 is the last", "60ab601f1a" RETURN_TOP, 0xab, false},
    {"BYTE 32 is none", "7f" F32 "60201a" RETURN_TOP, 0, false},
    {"SHL 256", "60016101001b" RETURN_TOP, 0, false},
    {"SHL 255 and back", "600160ff1b60ff1c" RETURN_TOP, 1, false},
    {"SHR 64 crosses a limb",
     "6001"
     "60801b60401c60401c" RETURN_TOP,
     1, false},
    {"SAR fills with the sign", "7f" MIN "60ff1d" RETURN_TOP, 1, true},
    {"SAR by 2^255", "7f" MIN "7f" MIN "1d" RETURN_TOP, 1, true},
    {"PC", "5b5b58" RETURN_TOP, 2, false},
    {"MSIZE counts words",
     "60015f53"
     "59" RETURN_TOP,
     32, false},
    {"MLOAD grows by reading", "6020515059" RETURN_TOP, 64, false},
    {"MSTORE8 keeps one byte", "6101ff601f535f51" RETURN_TOP, 255, false},
    {"MCOPY overlaps", "60aa5f53601f5f60015e5f5160021a" RETURN_TOP, 0, false},
    {"CALLDATASIZE of nothing", "36" RETURN_TOP, 0, false},
    {"CALLDATALOAD past the end", "602035" RETURN_TOP, 0, false},
    {"CODESIZE", "38" RETURN_TOP, 7, false},
    {"PUSH past the end is padded", "600456fe5b61", 0, false},
    {"DUP16", "600160026003600460056006600760086009600a600b600c600d600e600f60108f" RETURN_TOP, 1,
     false},
    {"SWAP16", "602a600160026003600460056006600760086009600a600b600c600d600e600f60109f" RETURN_TOP,
     42, false},
    {"JUMP over data", "6004565b5b602a" RETURN_TOP, 42, false},
    {"JUMPI not taken", "5f60ff57602a" RETURN_TOP, 42, false},
    {"TLOAD after TSTORE", "602a60015d60015c" RETURN_TOP, 42, false},
    {"SLOAD after SSTORE",
     "602a60015560015460"
     "00"
     "01" RETURN_TOP,
     42, false},
    {"ADDRESS ends in 2", "3060ff16" RETURN_TOP, 2, false},
    {"CHAINID", "46" RETURN_TOP, 1, false},
    {"NUMBER", "43" RETURN_TOP, 100, false},
    {"BLOCKHASH of this block", "4340" RETURN_TOP, 0, false},
    {"EXTCODESIZE of nobody", "60ff3b" RETURN_TOP, 0, false},
    {"EXTCODEHASH of nobody", "60ff3f" RETURN_TOP, 0, false},
    {"RETURNDATASIZE at the start", "3d" RETURN_TOP, 0, false},
    {"BLOBHASH without blobs", "5f49" RETURN_TOP, 0, false},
};

Test(interp, values)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        vm_world_code(&w, &WORLD_CONTRACT, values[i].code);
        const struct tx_result r = vm_world_run(&w);
        const u256_t zero = u256_from_u64(0);
        u256_t want = u256_from_u64(values[i].word);
        if (values[i].all_ones) u256_sub(&want, &zero, &want);
        const u256_t got = vm_world_word(&r);
        cr_expect_eq(r.status, EVM_SUCCESS, "%s: %s", values[i].name, evm_status_text(r.status));
        cr_expect(u256_eq(&got, &want), "%s: got %s", values[i].name, u256_dec(&got).s);
    }
    vm_world_deinit(&w);
}

/// Goal: each way to halt exceptionally has a program, takes all gas and leaves no trace.
static const struct {
    const char *name;
    const char *code;
    enum evm_status status;
} halts[] = {
    {"undefined opcode", "0c", EVM_INVALID_OPCODE},
    {"INVALID", "fe", EVM_INVALID_OPCODE},
    {"underflow", "01", EVM_STACK_UNDERFLOW},
    {"underflow of SWAP16", "5f9f", EVM_STACK_UNDERFLOW},
    {"overflow", "5b5f5f600056", EVM_STACK_OVERFLOW},
    {"jump into push data", "6004565b605b5b", EVM_BAD_JUMP},
    {"jump behind the code", "60ff56", EVM_BAD_JUMP},
    {"jump to 2^64 + 3", "5b6801000000000000000056", EVM_BAD_JUMP},
    {"memory beyond 2^32", "6401000000005160", EVM_OUT_OF_GAS},
    {"memory offset of 256 bits", "7f" F32 "51", EVM_OUT_OF_GAS},
    {"memory dearer than the gas", "63ffffff0051", EVM_OUT_OF_GAS},
    {"keccak of 2^64 bytes", "680100000000000000005f20", EVM_OUT_OF_GAS},
    {"endless loop, after a store",
     "6001600055"
     "5b600556",
     EVM_OUT_OF_GAS},
    {"return data that is not there", "60015f5f3e", EVM_RETURN_DATA_OUT_OF_BOUNDS},
    {"return data of no length, past the end", "5f60015f3e", EVM_RETURN_DATA_OUT_OF_BOUNDS},
};

Test(interp, halts)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    w.tx.gas_limit = 1000000;
    for (size_t i = 0; i < ARRAY_LEN(halts); i++) {
        vm_world_code(&w, &WORLD_CONTRACT, halts[i].code);
        const struct tx_result r = vm_world_run(&w);
        cr_expect_eq(r.validity, TX_VALID, "%s", halts[i].name);
        cr_expect_eq(r.status, halts[i].status, "%s: %s", halts[i].name, evm_status_text(r.status));
        cr_expect_eq(r.gas_used, w.tx.gas_limit, "%s: gas", halts[i].name);
        cr_expect_eq(r.output.len, 0u, "%s: output", halts[i].name);
        const struct state_diff d = vm_world_diff(&w);
        cr_expect_null(vm_world_change(&d, &WORLD_CONTRACT), "%s: trace", halts[i].name);
    }
    vm_world_deinit(&w);
}

/// Goal: what operands add to the price, one row each.
static const struct {
    const char *name;
    enum revision rev;
    const char *code;
    uint64_t gas;
} prices[] = {
    {"nothing", REV_CANCUN, "", 0},
    {"STOP", REV_CANCUN, "00", 0},
    {"PUSH1 POP", REV_CANCUN, "600150", 3 + 2},
    {"PUSH0", REV_CANCUN, "5f", 2},
    {"EXP, two bytes", REV_CANCUN,
     "6101006002"
     "0a",
     3 + 3 + 10 + 2 * 50},
    {"EXP, two bytes, Frontier", REV_FRONTIER,
     "6101006002"
     "0a",
     3 + 3 + 10 + 2 * 10},
    {"first memory word", REV_CANCUN, "60005f52", 3 + 2 + 3 + 3},
    {"memory of 32 KiB", REV_CANCUN, "5f617fe052", 2 + 3 + 3 + 3 * 1024 + 2048},
    {"KECCAK256 of 33 bytes", REV_CANCUN, "60215f20", 3 + 2 + 30 + 12 + 6},
    {"KECCAK256 of nothing anywhere", REV_CANCUN, "5f7f" F32 "20", 2 + 3 + 30},
    {"cold then warm SLOAD", REV_CANCUN, "5f545f54", 2 + 2100 + 2 + 100},
    {"SLOAD, Istanbul", REV_ISTANBUL, "600054", 3 + 800},
    {"SLOAD, Tangerine Whistle", REV_TANGERINE, "600054", 3 + 200},
    {"SLOAD, Frontier", REV_FRONTIER, "600054", 3 + 50},
    {"SSTORE zero to zero, cold", REV_CANCUN, "5f5f55", 2 + 2 + 2100 + 100},
    {"SSTORE zero to one, cold", REV_CANCUN, "60015f55", 3 + 2 + 2100 + 20000},
    {"SSTORE set, dirty", REV_CANCUN, "60015f5560025f55", 3 + 2 + 22100 + 3 + 2 + 100},
    {"TLOAD", REV_CANCUN, "5f5c", 2 + 100},
    {"TSTORE", REV_CANCUN, "60015f5d", 3 + 2 + 100},
    {"MCOPY of two words", REV_CANCUN, "60405f5f5e", 3 + 2 + 2 + 3 + 6 + 6},
    {"cold BALANCE", REV_CANCUN, "60ff31", 3 + 2600},
    {"warm BALANCE of the contract", REV_CANCUN, "3031", 2 + 100},
    {"BALANCE of a precompile is warm", REV_CANCUN, "600131", 3 + 100},
    {"BALANCE of the coinbase is warm", REV_CANCUN, "4131", 2 + 100},
    {"BALANCE of the coinbase was cold", REV_PARIS, "4131", 2 + 2600},
    {"cold EXTCODECOPY of a word", REV_CANCUN, "60205f5f60ff3c", 3 + 2 + 2 + 3 + 2600 + 3 + 3},
    {"LOG2 of a byte", REV_CANCUN, "5f5f60015fa2", 2 + 2 + 3 + 2 + 3 * 375 + 8 + 3},
    {"cold CALL of nobody, no value", REV_CANCUN, "5f5f5f5f5f60ff5ff1", 5 * 2 + 3 + 2 + 2600},
    {"STATICCALL", REV_CANCUN, "5f5f5f5f60ff5ffa", 4 * 2 + 3 + 2 + 2600},
    {"CREATE of nothing", REV_CANCUN, "5f5f5ff0", 6 + 32000},
    {"CREATE of two words", REV_CANCUN, "60405f5ff0", 3 + 4 + 6 + 32000 + 4},
    {"CREATE2 of two words", REV_CANCUN, "5f60405f5ff5", 2 + 3 + 4 + 6 + 32000 + 4 + 12},
    {"CALL of nobody makes an account, Homestead", REV_HOMESTEAD, "6000600060006000600060ff6000f1",
     7 * 3 + 40 + 25000},
    {"SELFDESTRUCT to somebody cold", REV_CANCUN, "60ffff", 3 + 5000 + 2600},
    {"SELFDESTRUCT was free", REV_FRONTIER, "30ff", 2},
};

Test(interp, prices)
{
    struct vm_world w;
    for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
        vm_world_init(&w, prices[i].rev);
        vm_world_code(&w, &WORLD_CONTRACT, prices[i].code);
        const struct tx_result r = vm_world_run(&w);
        cr_expect_eq(r.status, EVM_SUCCESS, "%s: %s", prices[i].name, evm_status_text(r.status));
        cr_expect_eq(vm_world_gas(&w, &r), prices[i].gas, "%s: %lu", prices[i].name,
                     (unsigned long)vm_world_gas(&w, &r));
        // One unit less is out of gas.
        if (prices[i].gas > 0) {
            w.tx.gas_limit = tx_intrinsic_gas(&w.tx, prices[i].rev) + prices[i].gas - 1;
            const struct tx_result short_of = vm_world_run(&w);
            const bool sstore = strstr(prices[i].name, "SSTORE") != NULL;
            cr_expect(short_of.status == EVM_OUT_OF_GAS || sstore, "%s: one less", prices[i].name);
        }
        vm_world_deinit(&w);
    }
}

/// Goal: opcodes exist from their fork on and not before.
static const struct {
    const char *name;
    const char *code;
    enum revision since;
} since[] = {
    {"DELEGATECALL", "6000600060006000600060fff4", REV_HOMESTEAD},
    {"RETURNDATASIZE", "3d", REV_BYZANTIUM},
    {"STATICCALL", "600060006000600060ff6000fa", REV_BYZANTIUM},
    {"SHL", "600160011b", REV_CONSTANTINOPLE},
    {"CREATE2", "6000600060006000f5", REV_CONSTANTINOPLE},
    {"EXTCODEHASH", "60003f", REV_CONSTANTINOPLE},
    {"CHAINID", "46", REV_ISTANBUL},
    {"SELFBALANCE", "47", REV_ISTANBUL},
    {"BASEFEE", "48", REV_LONDON},
    {"PUSH0", "5f", REV_SHANGHAI},
    {"TLOAD", "60005c", REV_CANCUN},
    {"MCOPY", "6000600060005e", REV_CANCUN},
    {"BLOBHASH", "600049", REV_CANCUN},
    {"BLOBBASEFEE", "4a", REV_CANCUN},
};

Test(interp, since)
{
    for (unsigned rev = REV_FRONTIER; rev < REV_COUNT; rev++) {
        struct vm_world w;
        vm_world_init(&w, (enum revision)rev);
        for (size_t i = 0; i < ARRAY_LEN(since); i++) {
            vm_world_code(&w, &WORLD_CONTRACT, since[i].code);
            const struct tx_result r = vm_world_run(&w);
            const bool there = rev >= (unsigned)since[i].since;
            cr_expect_eq(r.status, there ? EVM_SUCCESS : EVM_INVALID_OPCODE, "%s at %s: %s",
                         since[i].name, revision_name((enum revision)rev),
                         evm_status_text(r.status));
        }
        vm_world_deinit(&w);
    }
}

/// Goal: in a static frame everything that changes the world halts; CALLCODE with value does
/// not.
static const struct {
    const char *name;
    const char *code; ///< of the called contract
    bool allowed;
} statics[] = {
    {"SSTORE", "60015f55", false},
    {"TSTORE", "60015f5d", false},
    {"LOG0", "5f5fa0", false},
    {"CREATE", "5f5f5ff0", false},
    {"CREATE2", "5f5f5f5ff5", false},
    {"SELFDESTRUCT", "30ff", false},
    {"CALL with value", "5f5f5f5f600160ff5ff1", false},
    {"CALL without value", "5f5f5f5f5f60ff5ff1", true},
    {"CALLCODE with value", "5f5f5f5f600160ff5ff2", true},
    {"SLOAD", "5f54", true},
    {"TLOAD", "5f5c", true},
};

Test(interp, static_frames)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    // Returns the success flag of STATICCALL(other, 100000 gas).
    vm_world_code(&w, &WORLD_CONTRACT,
                  "5f5f5f5f733000000000000000000000000000000000000003620186a0fa" RETURN_TOP);
    for (size_t i = 0; i < ARRAY_LEN(statics); i++) {
        vm_world_code(&w, &WORLD_OTHER, statics[i].code);
        const struct tx_result r = vm_world_run(&w);
        const u256_t flag = vm_world_word(&r);
        cr_expect_eq(r.status, EVM_SUCCESS, "%s", statics[i].name);
        cr_expect_eq(flag.limb[0], statics[i].allowed ? 1u : 0u, "%s", statics[i].name);
    }
    vm_world_deinit(&w);
}

/// Goal: what a call returned survives the growth of the caller's memory and ends with the
/// next call.
Test(interp, return_data_moves)
{
    struct vm_world w;
    vm_world_init(&w, REV_CANCUN);
    vm_world_code(&w, &WORLD_OTHER, "602a5f5260205ff3");
    // CALL other; grow memory to 64 KiB by MLOAD; RETURNDATACOPY(0, 0, 32); return word 0.
    vm_world_code(&w, &WORLD_CONTRACT,
                  "5f5f5f5f733000000000000000000000000000000000000003620186a0fa50"
                  "61ffe05150"
                  "60205f5f3e60205ff3");
    struct tx_result r = vm_world_run(&w);
    u256_t word = vm_world_word(&r);
    cr_expect_eq(word.limb[0], 42u);

    // The identity contract's answer is not the caller's memory: change it afterwards.
    vm_world_code(&w, &WORLD_CONTRACT,
                  "602a5f525f5f60205f600461fffffa50"
                  "60075f5260205f60203e60206020f3");
    r = vm_world_run(&w);
    word = vm_world_word(&r);
    cr_expect_eq(word.limb[0], 42u, "identity: %lu", (unsigned long)word.limb[0]);
    vm_world_deinit(&w);
}

/// Goal: 1024 depths of calls do not use the C stack, and the 1025th fails in the caller.
Test(interp, depth)
{
    struct vm_world w;
    vm_world_init(&w, REV_FRONTIER); // no 63/64: gas does not stop it before the depth does
    w.tx.gas_limit = 30000000;
    // Counts itself in slot 0, then calls itself with all gas but 1000.
    vm_world_code(&w, &WORLD_CONTRACT, "60016000540160005560006000600060006000306103e85a03f1");
    const struct tx_result r = vm_world_run(&w);
    cr_expect_eq(r.status, EVM_SUCCESS, "%s", evm_status_text(r.status));
    const struct state_diff d = vm_world_diff(&w);
    const struct account_change *c = vm_world_change(&d, &WORLD_CONTRACT);
    cr_assert_not_null(c);
    cr_assert_eq(c->slot_count, 1u);
    cr_expect_eq(c->slots[0].value.limb[0], 1025u, "%lu", (unsigned long)c->slots[0].value.limb[0]);
    vm_world_deinit(&w);
}

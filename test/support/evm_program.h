// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The programs of $CAIRN_VECTORS/evm-bench: contracts with calls whose gas, output and logs
/// two unrelated interpreters agree on. Shared by the conformance runner and the benchmark.

#include "chain/state/mem_state.h"
#include "vm/tx_exec.h"

struct evm_program {
    char name[64]; ///< "erc20/transfer-x5000"
    struct mem_state *state;
    struct block_ctx block;
    struct tx tx;
    // What must come out.
    uint64_t receipt_gas;
    uint64_t execution_gas;
    uint64_t gas_refund;
    size_t logs;
    bytes_t output;
};

/// Loads all cases of all programs, in order of their names; everything lives in `arena`
/// until exit. Ends the program if the folder is missing.
size_t evm_programs_load(struct evm_program **out, struct arena *arena);

/// NULL, or what is wrong with a result.
const char *evm_program_check(const struct evm_program *p, const struct tx_result *r);

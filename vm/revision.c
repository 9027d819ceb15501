// SPDX-License-Identifier: Apache-2.0

// The fork table: what each revision charges (EIP-150, 160, 1884, 2028, 2929).

#include "vm/gas.h"

// clang-format off
const struct gas_schedule GAS_SCHEDULE[REV_COUNT] = {
    //                     sload balance extcode hash  call destruct exp  data
    [REV_FRONTIER]       = { 50,   20,    20,      0,   40,     0,  10,  68},
    [REV_HOMESTEAD]      = { 50,   20,    20,      0,   40,     0,  10,  68},
    [REV_TANGERINE]      = {200,  400,   700,      0,  700,  5000,  10,  68},
    [REV_SPURIOUS]       = {200,  400,   700,      0,  700,  5000,  50,  68},
    [REV_BYZANTIUM]      = {200,  400,   700,      0,  700,  5000,  50,  68},
    [REV_CONSTANTINOPLE] = {200,  400,   700,    400,  700,  5000,  50,  68},
    [REV_PETERSBURG]     = {200,  400,   700,    400,  700,  5000,  50,  68},
    [REV_ISTANBUL]       = {800,  700,   700,    700,  700,  5000,  50,  16},
    [REV_BERLIN]         = {  0,    0,     0,      0,    0,  5000,  50,  16},
    [REV_LONDON]         = {  0,    0,     0,      0,    0,  5000,  50,  16},
    [REV_PARIS]          = {  0,    0,     0,      0,    0,  5000,  50,  16},
    [REV_SHANGHAI]       = {  0,    0,     0,      0,    0,  5000,  50,  16},
    [REV_CANCUN]         = {  0,    0,     0,      0,    0,  5000,  50,  16},
    [REV_PRAGUE]         = {  0,    0,     0,      0,    0,  5000,  50,  16},
};
// clang-format on

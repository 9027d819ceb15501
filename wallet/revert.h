// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Why a contract refused, in words: Error(string), Panic(uint256), the federation's own
/// errors and OpenZeppelin's; what is unknown is shown with its selector and bytes.

#include <jansson.h>

#include "chain/base/bytes.h"

#define REVERT_TEXT 768
#define REVERT_RAW_SHOWN 292 ///< bytes of an unknown error that are shown as they are

struct revert_reason {
    char name[64];          ///< "WrongState", "Error", "Panic"; empty without data
    char text[REVERT_TEXT]; ///< a sentence; text from the chain is escaped when printed
    char hint[256];         ///< what to do, or empty
    json_t *args;           ///< decoded arguments, or NULL; the caller drops it
};

/// Never fails: what cannot be decoded is said to be so, with its selector.
void revert_decode(struct revert_reason *out, bytes_t data);

/// The word of a state number of Rounds ("reveal"); "unknown" beyond the last.
const char *round_state_name(uint64_t state);

/// The word of a governor's state number ("active").
const char *proposal_state_name(uint64_t state);

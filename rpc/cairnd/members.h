// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Who founds a network, from files: `--members` and `--gov` of `network init` and --dev
/// become parameters of the system contracts' deployment plan.

#include <jansson.h>

#include "chain/base/err.h"

struct members_detail {
    char text[300];
};

/// Merges into `params` (an object):
///   members file: a list of {"address", "tokens" (whole tokens, decimals allowed), "member"
///                 (default true), "aggregator" (default false)}; replaces members, holders,
///                 amounts and aggregators
///   gov file:     an object of the plan's parameters by name; wins over everything
/// Either path may be "" for none.
MUST_USE err_t members_merge(json_t *params, const char *members_path, const char *gov_path,
                             struct members_detail *detail);

/// "1000", "0.5" tokens -> base units (10^-18) as a decimal string. False if it is no amount.
bool token_units(char out[80], const char *tokens);

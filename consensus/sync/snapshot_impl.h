// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What writing and reading a snapshot share. Nobody else includes this.

#include "consensus/sync/snapshot.h"

/// Marks before the entries of the state.
enum { ENTRY_ACCOUNT = 1, ENTRY_CODE, ENTRY_SLOT };

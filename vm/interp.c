// SPDX-License-Identifier: Apache-2.0

// The fast loop.

#include "vm/interp_bodies.h"

#define INTERP_NAME interp_fast
#define INTERP_SLOT 0
#define INTERP_STEP ((void)0)
#define INTERP_WATCHED 0
#include "vm/interp_loop.h"

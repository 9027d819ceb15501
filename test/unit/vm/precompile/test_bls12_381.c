// SPDX-License-Identifier: Apache-2.0
#include "vm/precompile/bls12_381_field.h"

#include <criterion/criterion.h>

#define FIELD(NAME) bls_##NAME
#define SUITE bls12_381
#include "test/unit/vm/precompile/field_tests.h"

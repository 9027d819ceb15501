// SPDX-License-Identifier: Apache-2.0
/// KZG point evaluation (EIP-4844). Not built yet: every call is refused, all gas is gone.

#include "vm/precompile/precompile_impl.h"

enum evm_status precompile_kzg(bytes_t *out, struct arena *scratch, bytes_t input)
{
    (void)out;
    (void)scratch;
    (void)input;
    return EVM_PRECOMPILE_FAILURE;
}

// SPDX-License-Identifier: Apache-2.0
/// The precompiles of the Yellow Paper, appendix E: ecrecover, SHA-256, RIPEMD-160, identity.

#include "chain/crypto/digest.h"
#include "chain/crypto/secp.h"
#include "vm/precompile/precompile_impl.h"

static uint8_t *word(bytes_t *out, struct arena *scratch)
{
    uint8_t *p = arena_calloc(scratch, 1, 32);
    if (p != NULL) *out = bytes_make(p, 32);
    return p;
}

enum evm_status precompile_ecrecover(bytes_t *out, struct arena *scratch, bytes_t input)
{
    uint8_t in[128]; // hash, v, r, s
    input_copy(in, input, 0, sizeof in);

    static const uint8_t zeros[31];
    const uint8_t v = in[63];
    if (memcmp(in + 32, zeros, sizeof zeros) != 0 || (v != 27 && v != 28)) return EVM_SUCCESS;

    hash_t digest;
    secp_sig_t sig;
    memcpy(digest.b, in, 32);
    memcpy(sig.r, in + 64, 32);
    memcpy(sig.s, in + 96, 32);
    sig.v = v - 27;
    address_t signer;
    if (!err_ok(secp_recover_address(&signer, &sig, &digest))) return EVM_SUCCESS;

    uint8_t *p = word(out, scratch);
    if (p == NULL) return EVM_INTERNAL;
    memcpy(p + 12, signer.b, 20);
    return EVM_SUCCESS;
}

enum evm_status precompile_sha256(bytes_t *out, struct arena *scratch, bytes_t input)
{
    uint8_t *p = word(out, scratch);
    if (p == NULL) return EVM_INTERNAL;
    const hash_t h = sha256(input);
    memcpy(p, h.b, 32);
    return EVM_SUCCESS;
}

enum evm_status precompile_ripemd160(bytes_t *out, struct arena *scratch, bytes_t input)
{
    uint8_t *p = word(out, scratch);
    if (p == NULL) return EVM_INTERNAL;
    const struct ripemd160_digest h = ripemd160(input);
    memcpy(p + 12, h.b, 20);
    return EVM_SUCCESS;
}

enum evm_status precompile_identity(bytes_t *out, struct arena *scratch, bytes_t input)
{
    // A copy: the caller may write its memory, where the input lies, before it reads this.
    bool full = false;
    *out = arena_copy(scratch, input, &full);
    return full ? EVM_INTERNAL : EVM_SUCCESS;
}

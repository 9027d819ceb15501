// SPDX-License-Identifier: Apache-2.0
// Keccak-f on four (AVX2) and eight (AVX-512) states at once. Only run after the machine was
// asked (chain/crypto/keccak.c).
#include "chain/crypto/keccak_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define K_TYPE __m256i
#define K_LOAD(P, I) _mm256_load_si256((const __m256i *)(const void *)((P) + 4 * (I)))
#define K_STORE(P, I, V) _mm256_store_si256((__m256i *)(void *)((P) + 4 * (I)), (V))
#define K_CONST(C) _mm256_set1_epi64x((long long)(C))
#define K_XOR(A, B) _mm256_xor_si256((A), (B))
#define K_XOR5(A, B, C, D, E) K_XOR(K_XOR(K_XOR((A), (B)), K_XOR((C), (D))), (E))
#define K_ROL(A, N) _mm256_or_si256(_mm256_slli_epi64((A), (N)), _mm256_srli_epi64((A), 64 - (N)))
#define K_CHI(A, B, C) K_XOR((A), _mm256_andnot_si256((B), (C)))

__attribute__((target("avx2"))) void keccak_permute_avx2(uint64_t *state)
{
    KECCAK_PERMUTE(state);
}

#undef K_TYPE
#undef K_LOAD
#undef K_STORE
#undef K_CONST
#undef K_XOR
#undef K_XOR5
#undef K_ROL
#undef K_CHI

#define K_TYPE __m512i
#define K_LOAD(P, I) _mm512_load_si512((const void *)((P) + 8 * (I)))
#define K_STORE(P, I, V) _mm512_store_si512((void *)((P) + 8 * (I)), (V))
#define K_CONST(C) _mm512_set1_epi64((long long)(C))
#define K_XOR(A, B) _mm512_xor_si512((A), (B))
#define K_XOR3(A, B, C) _mm512_ternarylogic_epi64((A), (B), (C), 0x96)
#define K_XOR5(A, B, C, D, E) K_XOR3(K_XOR3((A), (B), (C)), (D), (E))
#define K_ROL(A, N) _mm512_rol_epi64((A), (N))
#define K_CHI(A, B, C) _mm512_ternarylogic_epi64((A), (B), (C), 0xd2) // a ^ (~b & c)

__attribute__((target("avx512f"))) void keccak_permute_avx512(uint64_t *state)
{
    KECCAK_PERMUTE(state);
}
#endif

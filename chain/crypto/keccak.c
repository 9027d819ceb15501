// SPDX-License-Identifier: Apache-2.0
#include "chain/crypto/keccak.h"

#include "chain/base/err.h"
#include "chain/crypto/keccak_impl.h"

#define RATE ((size_t)KECCAK_RATE)

const hash_t KECCAK_EMPTY = {{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d,
                              0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82,
                              0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};
const hash_t KECCAK_RLP_NULL = {{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45,
                                 0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c,
                                 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};
const hash_t KECCAK_RLP_LIST = {{0x1d, 0xcc, 0x4d, 0xe8, 0xde, 0xc7, 0x5d, 0x7a, 0xab, 0x85, 0xb5,
                                 0x67, 0xb6, 0xcc, 0xd4, 0x1a, 0xd3, 0x12, 0x45, 0x1b, 0x94, 0x8a,
                                 0x74, 0x13, 0xf0, 0xa1, 0x42, 0xfd, 0x40, 0xd4, 0x93, 0x47}};

const uint64_t keccak_round_constants[24] = {
    0x0000000000000001u, 0x0000000000008082u, 0x800000000000808au, 0x8000000080008000u,
    0x000000000000808bu, 0x0000000080000001u, 0x8000000080008081u, 0x8000000000008009u,
    0x000000000000008au, 0x0000000000000088u, 0x0000000080008009u, 0x000000008000000au,
    0x000000008000808bu, 0x800000000000008bu, 0x8000000000008089u, 0x8000000000008003u,
    0x8000000000008002u, 0x8000000000000080u, 0x000000000000800au, 0x800000008000000au,
    0x8000000080008081u, 0x8000000000008080u, 0x0000000080000001u, 0x8000000080008008u,
};

// ---- one lane ----------------------------------------------------------------------------------

#define K_TYPE uint64_t
#define K_LOAD(P, I) ((P)[I])
#define K_STORE(P, I, V) ((P)[I] = (V))
#define K_CONST(C) (C)
#define K_XOR(A, B) ((A) ^ (B))
#define K_XOR5(A, B, C, D, E) ((A) ^ (B) ^ (C) ^ (D) ^ (E))
#define K_ROL(A, N) ((A) << (N) | (A) >> (64 - (N)))
#define K_CHI(A, B, C) ((A) ^ (~(B) & (C)))

static void permute_generic(uint64_t *lanes)
{
    KECCAK_PERMUTE(lanes);
}

#if defined(__x86_64__)
// The same text: and-not and rotation into another register save about a third.
__attribute__((target("bmi,bmi2"))) static void permute_bmi2(uint64_t *lanes)
{
    KECCAK_PERMUTE(lanes);
}
#endif

static inline void permute(uint64_t lanes[25])
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("bmi2")) {
        permute_bmi2(lanes);
        return;
    }
#endif
    permute_generic(lanes);
}

static inline void absorb_block(uint64_t *lanes, const uint8_t *block)
{
    for (size_t i = 0; i < RATE / 8; i++) {
        uint64_t w;
        memcpy(&w, block + 8 * i, 8);
        lanes[i] ^= w;
    }
}

/// The last, incomplete block with Keccak's original padding.
static inline void absorb_last(uint64_t *lanes, const uint8_t *rest, size_t len)
{
    uint8_t block[KECCAK_RATE] = {0};
    if (len != 0) memcpy(block, rest, len);
    block[len] = 0x01;
    block[RATE - 1] |= 0x80;
    absorb_block(lanes, block);
}

hash_t keccak256(bytes_t in)
{
    uint64_t lanes[25] = {0};
    while (in.len >= RATE) {
        absorb_block(lanes, in.data);
        permute(lanes);
        in = bytes_make(in.data + RATE, in.len - RATE);
    }
    absorb_last(lanes, in.data, in.len);
    permute(lanes);
    hash_t out;
    memcpy(out.b, lanes, sizeof out.b);
    return out;
}

void keccak_init(struct keccak *k)
{
    *k = (struct keccak){.fill = 0};
}

/// XORs `len` bytes into the state from byte `at` on.
static void xor_bytes(uint64_t *lanes, size_t at, const uint8_t *in, size_t len)
{
    uint8_t *state = (uint8_t *)lanes; // little endian: byte i of the state is byte i of memory
    for (size_t i = 0; i < len; i++) state[at + i] ^= in[i];
}

void keccak_update(struct keccak *k, bytes_t in)
{
    if (in.len == 0) return; // and `in.data` may be NULL
    if (k->fill != 0) {
        const size_t part = in.len < RATE - k->fill ? in.len : RATE - k->fill;
        xor_bytes(k->lane, k->fill, in.data, part);
        k->fill += part;
        in = bytes_make(in.data + part, in.len - part);
        if (k->fill < RATE) return;
        permute(k->lane);
        k->fill = 0;
    }
    for (; in.len >= RATE; in = bytes_make(in.data + RATE, in.len - RATE)) {
        absorb_block(k->lane, in.data);
        permute(k->lane);
    }
    xor_bytes(k->lane, 0, in.data, in.len);
    k->fill = in.len;
}

hash_t keccak_final(struct keccak *k)
{
    const uint8_t first = 0x01;
    const uint8_t last = 0x80;
    xor_bytes(k->lane, k->fill, &first, 1);
    xor_bytes(k->lane, RATE - 1, &last, 1);
    permute(k->lane);
    hash_t out;
    memcpy(out.b, k->lane, sizeof out.b);
    return out;
}

// ---- several lanes -----------------------------------------------------------------------------

unsigned keccak_best_width(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return 8;
    if (__builtin_cpu_supports("avx2")) return 4;
#endif
    return 1;
}

#if defined(__x86_64__)
/// One input on its way through one lane.
struct lane_job {
    bytes_t rest;
    size_t index;  ///< in the caller's arrays
    bool finished; ///< the padded block has been absorbed: the next permutation gives the hash
    bool busy;
};

/// Feeds the next block of a job to its lane of `state`, which holds lane l of word i at
/// [i * width + l].
static void feed_lane(uint64_t *state, unsigned width, unsigned lane, struct lane_job *job)
{
    uint8_t last[KECCAK_RATE];
    const uint8_t *block = job->rest.data;
    if (job->rest.len >= RATE) {
        job->rest = bytes_make(job->rest.data + RATE, job->rest.len - RATE);
    } else {
        memset(last, 0, sizeof last);
        if (job->rest.len != 0) memcpy(last, job->rest.data, job->rest.len);
        last[job->rest.len] = 0x01;
        last[RATE - 1] |= 0x80;
        block = last;
        job->finished = true;
    }
    for (size_t i = 0; i < RATE / 8; i++) {
        uint64_t w;
        memcpy(&w, block + 8 * i, 8);
        state[i * width + lane] ^= w;
    }
}

static void many_lanes(hash_t *out, const bytes_t *in, size_t count, unsigned width,
                       void (*permute_all)(uint64_t *))
{
    _Alignas(64) uint64_t state[25 * KECCAK_MAX_WIDTH];
    struct lane_job jobs[KECCAK_MAX_WIDTH] = {{.busy = false}};
    size_t next = 0;
    memset(state, 0, sizeof state);

    // Whenever a lane gets free it takes the next input, so lengths need not agree.
    for (;;) {
        unsigned busy = 0;
        for (unsigned l = 0; l < width; l++) {
            struct lane_job *job = &jobs[l];
            if (job->finished) {
                for (unsigned i = 0; i < 4; i++) {
                    memcpy(out[job->index].b + 8 * i, &state[i * width + l], 8);
                }
                *job = (struct lane_job){.busy = false};
            }
            if (!job->busy) {
                if (next == count) continue;
                for (unsigned i = 0; i < 25; i++) state[i * width + l] = 0;
                *job = (struct lane_job){.rest = in[next], .index = next, .busy = true};
                next++;
            }
            feed_lane(state, width, l, job);
            busy++;
        }
        if (busy == 0) return;
        permute_all(state);
    }
}
#endif

void keccak256_many_width(hash_t *out, const bytes_t *in, size_t count, unsigned width)
{
#if defined(__x86_64__)
    if (width == 8 && count > 1) {
        many_lanes(out, in, count, 8, keccak_permute_avx512);
        return;
    }
    if (width == 4 && count > 1) {
        many_lanes(out, in, count, 4, keccak_permute_avx2);
        return;
    }
#endif
    check(width == 1 || count <= 1);
    for (size_t i = 0; i < count; i++) out[i] = keccak256(in[i]);
}

void keccak256_many(hash_t *out, const bytes_t *in, size_t count)
{
    keccak256_many_width(out, in, count, keccak_best_width());
}

void keccak_permute_scalar(uint64_t lanes[25], bool use_bmi2)
{
#if defined(__x86_64__)
    if (use_bmi2 && __builtin_cpu_supports("bmi2")) {
        permute_bmi2(lanes);
        return;
    }
#endif
    (void)use_bmi2;
    permute_generic(lanes);
}

// SPDX-License-Identifier: Apache-2.0
/// The four consensus messages: the first byte is the code, the rest the message. What decodes
/// decodes the same again from its own bytes, names only what lies inside the input, and is
/// judged by the rules of justification without further ado.
#include "consensus/qbft/justification.h"
#include "test/fuzz/fuzz.h"

/// Everybody is whoever the first bytes of the signature say.
static err_t recover(void *ctx, address_t *author, const secp_sig_t *sig, const hash_t *digest)
{
    (void)ctx, (void)digest;
    memcpy(author->b, sig->r, sizeof author->b);
    return OK;
}

static void expect_inside(bytes_t in, bytes_t part)
{
    EXPECT(part.data >= in.data && part.len <= in.len &&
           (size_t)(part.data - in.data) <= in.len - part.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const bytes_t in = {data + 1, size - 1};
    struct arena a = fuzz_arena();
    struct qbft_message m;
    if (err_ok(qbft_message_decode(&m, &a, data[0], in))) {
        const struct qbft_crypto crypto = {.recover = recover};
        EXPECT(err_ok(qbft_message_recover(&m, &crypto)));
        expect_inside(in, m.main.raw);
        if (m.has_block) expect_inside(in, m.block.raw);
        for (size_t i = 0; i < m.prepare_count; i++) expect_inside(in, m.prepares[i].raw);
        for (size_t i = 0; i < m.round_change_count; i++) expect_inside(in, m.round_changes[i].raw);

        struct qbft_message copy;
        EXPECT(err_ok(qbft_message_copy(&copy, &a, &m)));
        EXPECT(bytes_eq(copy.raw, m.raw));
        EXPECT(hash_eq(&copy.main.signing_hash, &m.main.signing_hash));
        EXPECT(address_eq(&copy.main.author, &m.main.author));

        const struct qbft_rules rules = {.height = m.main.sequence,
                                         .validators = &m.main.author,
                                         .validator_count = 1,
                                         .proposer = &m.main.author};
        if (m.main.code == QBFT_PROPOSAL) (void)err_ok(qbft_proposal_justified(&rules, &m));
        if (m.main.code == QBFT_ROUND_CHANGE) (void)err_ok(qbft_round_change_justified(&rules, &m));
    }
    arena_deinit(&a);
    return 0;
}

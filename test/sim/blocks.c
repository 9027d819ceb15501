// SPDX-License-Identifier: Apache-2.0
/// Blocks without execution: the state is a hash chain over what each block says it did, so a
/// wrong root can be told at once. Header, extraData, votes, seals and the rules that hold them
/// to their parent are production's.

#include "test/sim/sim.h"

#include "chain/base/endian.h"
#include "chain/codec/rlp.h"
#include "chain/crypto/keccak.h"
#include "consensus/qbft/justification.h"

#define START_S 1000000000U
#define GAS_LIMIT 30000000U
#define TX_GAS 21000U

uint64_t sim_block_tx_done(const struct sim_block *b)
{
    return be_get_u64(b->b.header.transactions_root.b);
}

static hash_t next_state(const hash_t *parent_state, const hash_t *did)
{
    struct keccak k;
    keccak_init(&k);
    keccak_update(&k, BYTES_OF(*parent_state));
    keccak_update(&k, BYTES_OF(*did));
    return keccak_final(&k);
}

static bytes_t encode(struct sim *s, struct header *h, const struct extra_data *extra)
{
    buf_clear(&s->buf);
    extra_data_encode(&s->buf, extra);
    h->extra_data = sim_keep(s, buf_bytes(&s->buf));
    buf_clear(&s->buf);
    const size_t list = rlp_list_begin(&s->buf);
    header_encode(&s->buf, h);
    buf_put(&s->buf, LIT("\xc0\xc0"));
    rlp_list_end(&s->buf, list);
    check(err_ok(buf_status(&s->buf)));
    return sim_keep(s, buf_bytes(&s->buf));
}

struct sim_block *sim_block_decode(struct sim *s, bytes_t raw)
{
    struct sim_block *b = SIM_NEW(s, struct sim_block);
    return err_ok(qbft_block_decode(&b->b, &s->arena, raw)) ? b : NULL;
}

void blocks_genesis(struct sim *s)
{
    static const uint8_t vanity[32] = {0};
    struct chain_config *c = &s->config;
    c->engine = ENGINE_QBFT;
    for (size_t r = 0; r < REV_COUNT; r++) {
        c->fork_block[r] = r <= REV_BERLIN ? 0 : FORK_NEVER;
        c->fork_time_s[r] = FORK_NEVER;
    }
    c->qbft = (struct qbft_config){.block_period_ms = s->plan.period_ms,
                                   .period_is_ms = s->plan.period_is_ms,
                                   .empty_block_period_ms = s->plan.empty_period_ms,
                                   .request_timeout_ms = s->plan.timeout_ms,
                                   .max_request_timeout_ms = s->plan.timeout_cap_ms,
                                   .epoch_length = s->plan.epoch,
                                   .has_validator_contract = s->plan.contract};
    c->transitions = s->plan.switches;
    c->transition_count = s->plan.switch_count;
    const struct sim_set *first = &s->plan.sets[0];
    const struct extra_data extra = {.vanity = BYTES_OF(vanity),
                                     .validators = first->validators,
                                     .validator_count = s->plan.contract ? 0 : first->count};
    struct header h = {.ommers_hash = KECCAK_RLP_LIST,
                       .difficulty = u256_from_u64(1),
                       .gas_limit = GAS_LIMIT,
                       .timestamp_s = START_S,
                       .mix_hash = QBFT_MIX_HASH,
                       .field_count = HEADER_FIELDS_CLASSIC};
    s->genesis = sim_block_decode(s, encode(s, &h, &extra));
    check(s->genesis != NULL);
    s->genesis->b.hash = header_hash(&s->genesis->b.header);
    s->log[0].final = s->genesis;
}

bytes_t sim_block_build(struct sim *s, struct sim_node *v, uint32_t round, uint64_t timestamp_s,
                        bool allow_empty)
{
    static const uint8_t vanity[32] = {0};
    const struct sim_block *parent = v->chain[v->head];
    const uint64_t before = sim_block_tx_done(parent);
    // Now and then a transaction that waits turns out not to fit.
    const bool fits = !rng_chance(&s->rng[RNG_WORK], 30);
    const uint64_t done = v->tx_seen > before && fits ? v->tx_seen : before;
    if (done == before && !allow_empty) return BYTES_NONE;

    const bool contract = chain_qbft_at(&s->config, v->head + 1).has_validator_contract;
    struct extra_data extra = {.vanity = BYTES_OF(vanity),
                               .validators = v->validators,
                               .validator_count = contract ? 0 : v->validator_count,
                               .round = s->plan.wire == QBFT_WIRE_GOQUORUM ? 0 : round};
    address_t who;
    bool add;
    if (sets_wish(s, v, &who, &add) && sets_bears(s, v, &who, add) &&
        qbft_vote_is_useful(&v->tally, &v->address, &who, add)) {
        extra.vote = add ? QBFT_VOTE_ADD : QBFT_VOTE_DROP;
        extra.vote_recipient = who;
    }
    struct header h = {.parent_hash = parent->b.hash,
                       .ommers_hash = KECCAK_RLP_LIST,
                       .coinbase = v->address,
                       .difficulty = u256_from_u64(1),
                       .number = v->head + 1,
                       .gas_limit = parent->b.header.gas_limit,
                       .gas_used = (done - before) * TX_GAS,
                       .timestamp_s = timestamp_s,
                       .mix_hash = QBFT_MIX_HASH,
                       .field_count = HEADER_FIELDS_CLASSIC};
    be_put_u64(h.transactions_root.b, done);
    be_put_u64(h.transactions_root.b + 8, s->seq); // no two blocks are alike
    h.state_root = next_state(&parent->b.header.state_root, &h.transactions_root);
    if (has_feature(s, F_BAD_BUILDER) && !s->healed && rng_chance(&s->rng[RNG_WORK], 100))
        h.state_root.b[0] ^= 1;
    return encode(s, &h, &extra);
}

err_t sim_block_check(struct sim *s, const struct sim_node *v, const struct qbft_block *b,
                      bool sealed, uint64_t now_ms)
{
    const struct sim_block *parent = v->chain[v->head];
    const struct header *h = &b->header;
    const struct header_rules rules = {.config = &s->config,
                                       .parent = &parent->b.header,
                                       .parent_hash = &parent->b.hash,
                                       .validators = v->validators,
                                       .validator_count = v->validator_count,
                                       .now_ms = now_ms,
                                       .any_period = has_feature(s, F_ON_DEMAND),
                                       .sealed = sealed,
                                       .crypto = sim_crypto(s, 0)};
    TRY(qbft_header_check(&rules, h, &b->extra));
    const hash_t want = next_state(&parent->b.header.state_root, &h->transactions_root);
    if (!hash_eq(&want, &h->state_root)) return FAIL(INVALID, "sim: wrong state root");
    if (b->extra.vote != QBFT_VOTE_NONE &&
        !sets_bears(s, v, &b->extra.vote_recipient, b->extra.vote == QBFT_VOTE_ADD))
        return FAIL(INVALID, "sim: a vote for more liars than the set bears");
    const uint64_t done = be_get_u64(h->transactions_root.b);
    const uint64_t before = sim_block_tx_done(parent);
    if (done < before || done > s->tx_count || h->gas_used != (done - before) * TX_GAS)
        return FAIL(INVALID, "sim: wrong gas used");
    return OK;
}

struct sim_block *sim_block_seal(struct sim *s, const struct qbft_block *b, uint32_t round,
                                 const secp_sig_t *seals, size_t count)
{
    struct header h = b->header;
    buf_clear(&s->buf);
    check(err_ok(extra_data_reseal(&s->buf, h.extra_data, round, seals, count)));
    h.extra_data = sim_keep(s, buf_bytes(&s->buf));
    buf_clear(&s->buf);
    const size_t list = rlp_list_begin(&s->buf);
    header_encode(&s->buf, &h);
    buf_put(&s->buf, LIT("\xc0\xc0"));
    rlp_list_end(&s->buf, list);
    struct sim_block *sealed = sim_block_decode(s, sim_keep(s, buf_bytes(&s->buf)));
    check(sealed != NULL);
    return sealed;
}

bytes_t sim_block_twist(struct sim *s, const struct qbft_block *b, enum twist how, uint64_t salt,
                        const address_t *coinbase, uint32_t round)
{
    struct header h = b->header;
    struct extra_data extra = b->extra;
    extra.round = s->plan.wire == QBFT_WIRE_GOQUORUM ? 0 : round;
    extra.seal_count = 0;
    if (coinbase != NULL) h.coinbase = *coinbase;
    address_t fewer[SIM_MAX];
    switch (how) {
    case TWIST_SALT:
        break;
    case TWIST_ROOT:
        h.state_root.b[5] ^= 0x40;
        return encode(s, &h, &extra);
    case TWIST_GAS:
        h.gas_used += 1;
        break;
    case TWIST_TIME:
        h.timestamp_s = salt % 2 == 0 ? h.timestamp_s + 30 : START_S;
        break;
    case TWIST_VOTE:
        extra.vote = QBFT_VOTE_DROP;
        extra.vote_recipient = s->nodes[salt % s->n].address;
        break;
    case TWIST_VALIDATORS:
        memcpy(fewer, extra.validators, extra.validator_count * sizeof *fewer);
        if (extra.validator_count == 0) fewer[0] = s->nodes[salt % s->n].address;
        extra.validators = fewer;
        extra.validator_count = extra.validator_count == 0 ? 1 : extra.validator_count - 1;
        break;
    }
    be_put_u64(h.transactions_root.b + 8, s->seq ^ salt);
    be_put_u64(h.transactions_root.b + 16, salt);
    if (h.number >= 1 && h.number - 1 <= s->top && s->log[h.number - 1].final != NULL)
        h.state_root =
            next_state(&s->log[h.number - 1].final->b.header.state_root, &h.transactions_root);
    return encode(s, &h, &extra);
}

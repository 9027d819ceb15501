// SPDX-License-Identifier: Apache-2.0
#include "consensus/qbft/header_rules.h"

#include "chain/crypto/keccak.h"
#include "chain/types/block.h"
#include "consensus/qbft/justification.h"
#include "vm/block_exec.h"

#define GAS_LIMIT_MIN 5000U

unsigned header_fields_of(enum revision rev)
{
    if (rev >= REV_PRAGUE) return HEADER_FIELDS_PRAGUE;
    if (rev >= REV_CANCUN) return HEADER_FIELDS_CANCUN;
    if (rev >= REV_SHANGHAI) return HEADER_FIELDS_SHANGHAI;
    if (rev >= REV_LONDON) return HEADER_FIELDS_LONDON;
    return HEADER_FIELDS_CLASSIC;
}

/// The parent's limit as the bound sees it: doubled where London begins (EIP-1559).
static uint64_t bound_base(const struct header *parent, bool london_now)
{
    const bool london_starts = london_now && parent->field_count < HEADER_FIELDS_LONDON;
    if (!london_starts) return parent->gas_limit;
    return parent->gas_limit > INT64_MAX / 2 ? INT64_MAX : parent->gas_limit * 2;
}

uint64_t next_gas_limit(const struct header *parent, uint64_t target, bool london_now)
{
    const uint64_t base = bound_base(parent, london_now);
    if (target == 0 || target == base) return base;
    const uint64_t step = base / 1024 == 0 ? 0 : base / 1024 - 1;
    if (target > base) return target - base > step ? base + step : target;
    const uint64_t low = target < GAS_LIMIT_MIN ? GAS_LIMIT_MIN : target;
    if (low >= base) return base;
    return base - low > step ? base - step : low;
}

static err_t check_gas(const struct header_rules *r, const struct header *h, bool london)
{
    if (h->gas_used > h->gas_limit) return FAIL(INVALID, "header: gas used above the limit");
    // GoQuorum's proposers go to their own limits at once, and nobody there minds.
    if (r->config->goquorum) return OK;
    if (h->gas_limit < GAS_LIMIT_MIN || h->gas_limit > INT64_MAX)
        return FAIL(INVALID, "header: gas limit outside 5000 .. 2^63 - 1");
    const uint64_t base = bound_base(r->parent, london);
    const uint64_t moved = h->gas_limit > base ? h->gas_limit - base : base - h->gas_limit;
    if (moved != 0 && moved >= base / 1024)
        return FAIL(INVALID, "header: gas limit moved by 1/1024 or more");
    return OK;
}

static err_t check_fields(const struct header_rules *r, const struct header *h, enum revision rev)
{
    const unsigned want = header_fields_of(rev);
    // Besu before 25.10 leaves the beacon root out of Cancun's QBFT headers.
    const bool short_cancun = want == HEADER_FIELDS_CANCUN && h->field_count == HEADER_FIELDS_BLOB;
    if (h->field_count != want && !short_cancun)
        return FAIL(INVALID, "header: wrong number of fields for the fork in force");
    if (rev >= REV_LONDON) {
        const u256_t base_fee = next_base_fee(r->config, r->parent, h->timestamp_s);
        if (!u256_eq(&h->base_fee_wei, &base_fee)) return FAIL(INVALID, "header: wrong base fee");
    }
    if (rev >= REV_SHANGHAI && !hash_eq(&h->withdrawals_root, &KECCAK_RLP_NULL))
        return FAIL(INVALID, "header: withdrawals root is not that of an empty list");
    if (rev >= REV_CANCUN) {
        if (h->blob_gas_used != 0) return FAIL(INVALID, "header: blobs are not supported");
        if (h->excess_blob_gas != next_excess_blob_gas(r->config, r->parent, h->timestamp_s))
            return FAIL(INVALID, "header: wrong excess blob gas");
    }
    return OK;
}

static err_t check_time(const struct header_rules *r, const struct header *h)
{
    const struct qbft_config qbft = chain_qbft_at(r->config, h->number);
    const bool repeat = r->any_period || qbft.period_is_ms;
    const uint64_t period_s = repeat ? 0 : (qbft.block_period_ms + 999) / 1000;
    if (h->timestamp_s < r->parent->timestamp_s ||
        h->timestamp_s - r->parent->timestamp_s < period_s)
        return FAIL(INVALID, "header: timestamp before the block period is over");
    if (r->now_ms != UINT64_MAX && h->timestamp_s > (r->now_ms + HEADER_MAX_AHEAD_MS) / 1000)
        return FAIL(INVALID, "header: timestamp is in the future");
    return OK;
}

static err_t recover_seal(const struct qbft_crypto *crypto, address_t *out, const secp_sig_t *sig,
                          const hash_t *digest)
{
    if (crypto->recover != NULL) return crypto->recover(crypto->ctx, out, sig, digest);
    return secp_recover_address(out, sig, digest);
}

static err_t check_seals(const struct header_rules *r, const struct header *h,
                         const struct extra_data *extra)
{
    if (!r->sealed) {
        if (extra->seal_count != 0) return FAIL(INVALID, "header: proposal with seals");
        return OK;
    }
    if (extra->seal_count < qbft_quorum(r->validator_count))
        return FAIL(INVALID, "header: fewer seals than a quorum");
    hash_t sealed;
    TRY(qbft_seal_hash(&sealed, h, extra->round));
    bool seen[QBFT_MAX_VALIDATORS] = {false};
    for (size_t i = 0; i < extra->seal_count; i++) {
        address_t signer;
        if (!err_ok(recover_seal(&r->crypto, &signer, &extra->seals[i], &sealed)))
            return FAIL(INVALID, "header: a seal does not recover");
        const size_t who = address_index(r->validators, r->validator_count, &signer);
        if (who == SIZE_MAX) return FAIL(INVALID, "header: a seal is not a validator's");
        if (seen[who]) return FAIL(INVALID, "header: two seals of one validator");
        seen[who] = true;
    }
    return OK;
}

err_t qbft_header_check(const struct header_rules *r, const struct header *h,
                        const struct extra_data *extra)
{
    if (h->number != r->parent->number + 1) return FAIL(INVALID, "header: not the next number");
    if (!hash_eq(&h->parent_hash, r->parent_hash)) return FAIL(INVALID, "header: unknown parent");
    const enum revision rev = chain_revision(r->config, h->number, h->timestamp_s);
    TRY(check_gas(r, h, rev >= REV_LONDON));
    TRY(check_fields(r, h, rev));
    TRY(check_time(r, h));
    if (!hash_eq(&h->mix_hash, &QBFT_MIX_HASH)) return FAIL(INVALID, "header: wrong mixHash");
    const u256_t one = u256_from_u64(1);
    if (!u256_eq(&h->difficulty, &one)) return FAIL(INVALID, "header: difficulty is not 1");
    if (!hash_eq(&h->ommers_hash, &KECCAK_RLP_LIST)) return FAIL(INVALID, "header: ommers");

    const struct qbft_config qbft = chain_qbft_at(r->config, h->number);
    if (qbft.has_validator_contract) {
        if (extra->validator_count != 0)
            return FAIL(INVALID, "header: validators listed although a contract has them");
        if (extra->vote != QBFT_VOTE_NONE)
            return FAIL(INVALID, "header: a vote although a contract has the validators");
    } else if (!r->any_validators) {
        if (extra->validator_count != r->validator_count ||
            memcmp(extra->validators, r->validators,
                   r->validator_count * sizeof r->validators[0]) != 0)
            return FAIL(INVALID, "header: not the validators in force");
    }
    if (r->any_validators) return OK;
    if (address_index(r->validators, r->validator_count, &h->coinbase) == SIZE_MAX)
        return FAIL(INVALID, "header: coinbase is not a validator");
    return check_seals(r, h, extra);
}

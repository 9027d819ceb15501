// SPDX-License-Identifier: Apache-2.0
// The reader of genesis files (chain/types/chain_config.h). Besu lower-cases every key of
// `config` before it looks at it, so here too letter case is ignored there; the members of
// the header and of `alloc` are matched the same way.
#include "chain/types/chain_config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/base/hex.h"
#include "chain/base/json.h"
#include "chain/crypto/keccak.h"
#include "chain/types/address.h"
#include "chain/types/extra_data.h"

#define DEFAULT_CODE_LIMIT 24576
#define INITIAL_BASE_FEE 1000000000u // EIP-1559, and Besu's default for a London genesis
#define MAX_SECONDS ((uint64_t)UINT32_MAX)

/// sha256 of nothing: the requests hash of a block without requests (EIP-7685).
static const hash_t no_requests = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                    0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

/// What the readers carry along.
struct reader {
    struct arena *arena;
    struct genesis_detail *detail; ///< may be NULL
    bool quorum;                   ///< config.isQuorum: GoQuorum's keys and defaults
};

/// Writes the sentence for people and passes `err` on.
__attribute__((format(printf, 3, 4))) static err_t refuse(const struct reader *r, err_t err,
                                                          const char *fmt, ...)
{
    if (r->detail != NULL) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(r->detail->text, sizeof r->detail->text, fmt, ap);
        va_end(ap);
        for (char *c = r->detail->text; *c != '\0'; c++) {
            if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) *c = '?'; // the file's bytes
        }
    }
    return err;
}

static err_t out_of_room(const struct reader *r)
{
    return refuse(r, FAIL(FULL, "genesis: too large"),
                  "the file needs more memory than it may use");
}

/// A value as it stands in the file, cut, for the sentence.
struct shown {
    char s[48];
};

static struct shown show(const json_t *v)
{
    struct shown out;
    char *text = v == NULL ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(out.s, sizeof out.s, "%s", text == NULL ? "nothing" : text);
    free(text);
    return out;
}

// ---- values ------------------------------------------------------------------------------------

/// The member `section.lower`, NULL if absent or null; two spellings of one key are refused.
static err_t member(const struct reader *r, const json_t **out, const json_t *section,
                    const char *section_name, const char *lower)
{
    bool ambiguous = false;
    *out = json_member_nocase(section, lower, &ambiguous);
    if (ambiguous) {
        return refuse(r, FAIL(INVALID, "genesis: a key is given twice"),
                      "%s.%s is given twice in different letter case", section_name, lower);
    }
    return OK;
}

/// A number: a JSON integer, or a string of decimal or 0x digits.
static err_t number_of(const struct reader *r, u256_t *out, const json_t *v, const char *section,
                       const char *key)
{
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        *out = u256_from_u64((uint64_t)json_integer_value(v));
        return OK;
    }
    if (json_is_string(v)) {
        const bytes_t text = bytes_make(json_string_value(v), json_string_length(v));
        if (bytes_eq(text, LIT("0x"))) {
            *out = u256_from_u64(0);
            return OK;
        }
        if (u256_parse(out, text).kind == ERR_NONE) return OK;
    }
    return refuse(r, FAIL(MALFORMED, "genesis: not a number"),
                  "%s.%s is %s; expected a number, decimal or 0x hexadecimal", section, key,
                  show(v).s);
}

/// An optional number within [min, max]; `*out` keeps its default if it is absent.
static err_t take_u64(const struct reader *r, uint64_t *out, bool *found, const json_t *section,
                      const char *section_name, const char *lower, uint64_t min, uint64_t max)
{
    const json_t *v;
    TRY(member(r, &v, section, section_name, lower));
    if (found != NULL) *found = v != NULL;
    if (v == NULL) return OK;

    u256_t wide;
    TRY(number_of(r, &wide, v, section_name, lower));
    if (!u256_fits_u64(&wide) || wide.limb[0] < min || wide.limb[0] > max) {
        return refuse(r, FAIL(INVALID, "genesis: a number is out of range"),
                      "%s.%s is %s; expected %llu to %llu", section_name, lower, show(v).s,
                      (unsigned long long)min, (unsigned long long)max);
    }
    *out = wide.limb[0];
    return OK;
}

static err_t take_u256(const struct reader *r, u256_t *out, bool *found, const json_t *section,
                       const char *section_name, const char *lower)
{
    const json_t *v;
    TRY(member(r, &v, section, section_name, lower));
    if (found != NULL) *found = v != NULL;
    return v == NULL ? OK : number_of(r, out, v, section_name, lower);
}

static err_t take_bool(const struct reader *r, bool *out, const json_t *section,
                       const char *section_name, const char *lower)
{
    const json_t *v;
    TRY(member(r, &v, section, section_name, lower));
    if (v == NULL) return OK;
    if (!json_is_boolean(v)) {
        return refuse(r, FAIL(MALFORMED, "genesis: not true or false"),
                      "%s.%s is %s; expected true or false", section_name, lower, show(v).s);
    }
    *out = json_is_true(v);
    return OK;
}

static err_t address_of(const struct reader *r, address_t *out, const json_t *v,
                        const char *section_name, const char *key)
{
    const err_t err =
        json_is_string(v)
            ? address_parse(out, bytes_make(json_string_value(v), json_string_length(v)))
            : FAIL(MALFORMED, "genesis: not an address");
    if (err.kind == ERR_NONE) return OK;
    return refuse(r, err, "%s.%s is %s; expected an address of 0x and 40 digits%s", section_name,
                  key, show(v).s,
                  err.kind == ERR_MISMATCH ? " (its EIP-55 checksum is wrong)" : "");
}

static err_t data_of(const struct reader *r, bytes_t *out, const json_t *v,
                     const char *section_name, const char *key)
{
    if (json_is_string(v)) {
        const bytes_t text = bytes_make(json_string_value(v), json_string_length(v));
        uint8_t *room = arena_alloc(r->arena, text.len / 2 + 1);
        if (room == NULL) return out_of_room(r);
        if (hex_decode(room, text.len / 2 + 1, &out->len, text).kind == ERR_NONE) {
            out->data = room;
            return OK;
        }
    }
    return refuse(r, FAIL(MALFORMED, "genesis: not hexadecimal data"),
                  "%s.%s is %s; expected 0x and an even number of hexadecimal digits", section_name,
                  key, show(v).s);
}

/// Up to 32 bytes of data as a number's bytes, padded on the left.
static err_t word_of(const struct reader *r, hash_t *out, const json_t *v, const char *section_name,
                     const char *key)
{
    uint8_t padded[64];
    if (json_is_string(v)) {
        bytes_t text = bytes_make(json_string_value(v), json_string_length(v));
        if (text.len >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
            text = bytes_make(text.data + 2, text.len - 2);
        }
        if (text.len <= sizeof padded) {
            memset(padded, '0', sizeof padded);
            memcpy(padded + sizeof padded - text.len, text.data, text.len);
            const bool prefix_inside = memchr(padded, 'x', sizeof padded) != NULL;
            if (!prefix_inside &&
                hex_decode_fixed(out->b, sizeof out->b, BYTES_OF(padded)).kind == ERR_NONE) {
                return OK;
            }
        }
    }
    return refuse(r, FAIL(MALFORMED, "genesis: not a 32-byte value"),
                  "%s.%s is %s; expected 0x and at most 64 hexadecimal digits", section_name, key,
                  show(v).s);
}

static err_t take_fixed(const struct reader *r, uint8_t *out, size_t len, const json_t *section,
                        const char *section_name, const char *lower)
{
    const json_t *v;
    TRY(member(r, &v, section, section_name, lower));
    if (v == NULL) return OK;
    hash_t word;
    TRY(word_of(r, &word, v, section_name, lower));
    for (size_t i = 0; i < sizeof word.b - len; i++) {
        if (word.b[i] == 0) continue;
        return refuse(r, FAIL(MALFORMED, "genesis: a value is too long"),
                      "%s.%s is %s; expected at most %zu bytes", section_name, lower, show(v).s,
                      len);
    }
    memcpy(out, word.b + sizeof word.b - len, len);
    return OK;
}

// ---- config: forks -----------------------------------------------------------------------------

/// Keys of `config` that say when something begins. Everything else that ends in "block" or
/// "time" is a fork that this build does not know, and no node may guess about a fork.
static const struct fork_key {
    const char *lower;
    int revision; ///< or one of these:
    enum { BY_BLOCK, BY_TIME, NO_EFFECT, ONLY_ZERO, QUORUM_ONLY } how;
} fork_keys[] = {
    {"homesteadblock", REV_HOMESTEAD, BY_BLOCK},
    {"daoforkblock", -1, ONLY_ZERO}, // moves money of accounts that only mainnet has
    {"eip150block", REV_TANGERINE, BY_BLOCK},
    {"eip155block", REV_SPURIOUS, BY_BLOCK},
    {"eip158block", REV_SPURIOUS, BY_BLOCK},
    {"byzantiumblock", REV_BYZANTIUM, BY_BLOCK},
    {"constantinopleblock", REV_CONSTANTINOPLE, BY_BLOCK},
    {"constantinoplefixblock", REV_PETERSBURG, BY_BLOCK}, // Besu's name
    {"petersburgblock", REV_PETERSBURG, BY_BLOCK},
    {"istanbulblock", REV_ISTANBUL, BY_BLOCK},
    {"muirglacierblock", -1, NO_EFFECT}, // difficulty of mining only
    {"berlinblock", REV_BERLIN, BY_BLOCK},
    {"londonblock", REV_LONDON, BY_BLOCK},
    {"arrowglacierblock", -1, NO_EFFECT},
    {"grayglacierblock", -1, NO_EFFECT},
    {"premergeforkblock", REV_PARIS, BY_BLOCK},
    {"mergenetsplitblock", REV_PARIS, BY_BLOCK},
    {"parisblock", REV_PARIS, BY_BLOCK},
    {"shanghaitime", REV_SHANGHAI, BY_TIME},
    {"cancuntime", REV_CANCUN, BY_TIME},
    {"praguetime", REV_PRAGUE, BY_TIME},
    {"qip714block", -1, QUORUM_ONLY},
    {"privacyenhancementsblock", -1, QUORUM_ONLY},
    {"privacyprecompileblock", -1, QUORUM_ONLY},
    {"enablegaspriceblock", -1, QUORUM_ONLY},
    {"maxcodesizechangeblock", -1, QUORUM_ONLY},
};

_Static_assert(ARRAY_LEN(fork_keys) <= FORK_ID_BLOCKS + 3, "three of them are times");

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s);
    const size_t m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static err_t take_fork(const struct reader *r, struct chain_config *c, const struct fork_key *key,
                       const json_t *config)
{
    uint64_t at = 0;
    bool found;
    TRY(take_u64(r, &at, &found, config, "config", key->lower, 0, FORK_NEVER - 1));
    if (!found) return OK;
    if (key->how != BY_TIME && strcmp(key->lower, "qip714block") != 0 && at != 0) {
        check(c->fork_id_block_count < ARRAY_LEN(c->fork_id_block));
        c->fork_id_block[c->fork_id_block_count++] = at;
    }

    uint64_t *slot = NULL;
    switch (key->how) {
    case BY_BLOCK:
        slot = &c->fork_block[key->revision];
        break;
    case BY_TIME:
        slot = &c->fork_time_s[key->revision];
        break;
    case NO_EFFECT:
        return OK;
    case ONLY_ZERO:
        if (at == 0) return OK;
        return refuse(r, FAIL(UNSUPPORTED, "genesis: unsupported fork"),
                      "config.%s is %llu; only 0 is supported", key->lower, (unsigned long long)at);
    case QUORUM_ONLY:
        if (r->quorum) {
            if (strcmp(key->lower, "enablegaspriceblock") == 0) c->gas_price_block = at;
            return OK;
        }
        return refuse(r, FAIL(INVALID, "genesis: unknown fork"),
                      "config.%s is known only with config.isQuorum", key->lower);
    }
    if (*slot != FORK_NEVER && *slot != at) {
        return refuse(r, FAIL(INVALID, "genesis: two keys of one fork differ"),
                      "config.%s is %llu, but another key of the fork %s says %llu", key->lower,
                      (unsigned long long)at, revision_name((enum revision)key->revision),
                      (unsigned long long)*slot);
    }
    *slot = at;
    return OK;
}

static err_t refuse_unknown_forks(const struct reader *r, const json_t *config)
{
    json_t *walked = (json_t *)(uintptr_t)config;
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        const char *key = json_object_iter_key(it);
        char lower[64];
        size_t n = 0;
        for (; key[n] != '\0' && n + 1 < sizeof lower; n++) {
            lower[n] = (char)tolower((unsigned char)key[n]);
        }
        lower[n] = '\0';
        if (key[n] != '\0' || (!ends_with(lower, "block") && !ends_with(lower, "time"))) continue;
        if (json_is_null(json_object_iter_value(it))) continue;

        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(fork_keys); i++) {
            known = known || strcmp(fork_keys[i].lower, lower) == 0;
        }
        if (!known) {
            return refuse(r, FAIL(UNSUPPORTED, "genesis: unknown fork"),
                          "config.%s: this build does not know that fork; it knows those up to "
                          "pragueTime",
                          key);
        }
    }
    return OK;
}

/// Later rule sets never start before earlier ones, and time-based ones need London.
static err_t check_fork_order(const struct reader *r, const struct chain_config *c)
{
    int last_block = REV_FRONTIER;
    int last_time = REV_FRONTIER;
    for (int rev = REV_HOMESTEAD; rev < REV_COUNT; rev++) {
        const uint64_t block = c->fork_block[rev];
        const uint64_t time = c->fork_time_s[rev];
        if (block != FORK_NEVER) {
            if (block < c->fork_block[last_block]) {
                return refuse(r, FAIL(INVALID, "genesis: forks out of order"),
                              "%s starts at block %llu, before %s at block %llu",
                              revision_name((enum revision)rev), (unsigned long long)block,
                              revision_name((enum revision)last_block),
                              (unsigned long long)c->fork_block[last_block]);
            }
            last_block = rev;
        }
        if (time != FORK_NEVER) {
            if (last_time != REV_FRONTIER && time < c->fork_time_s[last_time]) {
                return refuse(r, FAIL(INVALID, "genesis: forks out of order"),
                              "%s starts at time %llu, before %s at time %llu",
                              revision_name((enum revision)rev), (unsigned long long)time,
                              revision_name((enum revision)last_time),
                              (unsigned long long)c->fork_time_s[last_time]);
            }
            last_time = rev;
        }
    }
    if (last_time != REV_FRONTIER && c->fork_block[REV_LONDON] == FORK_NEVER) {
        return refuse(r, FAIL(INVALID, "genesis: forks out of order"),
                      "%s has a time, but config.londonBlock is missing; expected 0 or a block "
                      "before that time",
                      revision_name((enum revision)last_time));
    }
    return OK;
}

static err_t read_forks(const struct reader *r, struct chain_config *c, const json_t *config)
{
    for (int rev = 0; rev < REV_COUNT; rev++) {
        c->fork_block[rev] = FORK_NEVER;
        c->fork_time_s[rev] = FORK_NEVER;
    }
    c->fork_block[REV_FRONTIER] = 0;
    TRY(refuse_unknown_forks(r, config));
    for (size_t i = 0; i < ARRAY_LEN(fork_keys); i++) TRY(take_fork(r, c, &fork_keys[i], config));

    // go-ethereum and GoQuorum mean Petersburg when only Constantinople is named.
    if (r->quorum && c->fork_block[REV_PETERSBURG] == FORK_NEVER) {
        c->fork_block[REV_PETERSBURG] = c->fork_block[REV_CONSTANTINOPLE];
    }
    u256_t ttd;
    bool has_ttd;
    TRY(take_u256(r, &ttd, &has_ttd, config, "config", "terminaltotaldifficulty"));
    if (has_ttd && u256_is_zero(&ttd) && c->fork_block[REV_PARIS] == FORK_NEVER &&
        c->fork_block[REV_LONDON] != FORK_NEVER) {
        c->fork_block[REV_PARIS] = c->fork_block[REV_LONDON];
    }
    return check_fork_order(r, c);
}

// ---- config: qbft ------------------------------------------------------------------------------

/// blockperiodseconds or xblockperiodmilliseconds; the latter wins.
static err_t take_period(const struct reader *r, uint64_t *ms, bool *is_ms, bool *found,
                         const json_t *section, const char *name)
{
    uint64_t seconds = 0;
    uint64_t millis = 0;
    bool has_seconds;
    bool has_millis;
    TRY(take_u64(r, &seconds, &has_seconds, section, name, "blockperiodseconds", 1, MAX_SECONDS));
    TRY(take_u64(r, &millis, &has_millis, section, name, "xblockperiodmilliseconds", 0,
                 MAX_SECONDS * 1000));
    *found = has_seconds || (has_millis && millis != 0);
    if (has_millis && millis != 0) {
        *ms = millis;
        *is_ms = true;
    } else if (has_seconds) {
        *ms = seconds * 1000;
        *is_ms = false;
    }
    return OK;
}

static err_t take_empty_period(const struct reader *r, uint64_t *ms, bool *found,
                               const json_t *section, const char *name)
{
    uint64_t seconds = 0;
    TRY(take_u64(r, &seconds, found, section, name, "emptyblockperiodseconds", 0, MAX_SECONDS));
    if (!*found) {
        TRY(take_u64(r, &seconds, found, section, name, "xemptyblockperiodseconds", 0,
                     MAX_SECONDS));
    }
    if (*found) *ms = seconds * 1000;
    return OK;
}

/// An address, or the empty string for "none". GoQuorum's beneficiaryMode "validator" means none
/// whatever address stands beside it.
static err_t take_beneficiary(const struct reader *r, bool *has, address_t *out, bool *found,
                              const json_t *section, const char *name)
{
    const json_t *v;
    const json_t *mode;
    TRY(member(r, &v, section, name, "miningbeneficiary"));
    TRY(member(r, &mode, section, name, "beneficiarymode"));
    *found = v != NULL;
    if (r->quorum && mode != NULL) {
        const char *text = json_is_string(mode) ? json_string_value(mode) : "";
        if (strcasecmp(text, "validator") == 0 || strcasecmp(text, "validators") == 0) {
            *found = true;
            *has = false;
            return OK;
        }
        if (strcasecmp(text, "fixed") != 0 || v == NULL) {
            return refuse(r, FAIL(UNSUPPORTED, "genesis: beneficiary mode"),
                          "%s.beneficiaryMode is %s; expected \"validator\", or \"fixed\" with "
                          "miningBeneficiary",
                          name, show(mode).s);
        }
    }
    if (v == NULL) return OK;
    *has = !(json_is_string(v) && json_string_length(v) == 0);
    return *has ? address_of(r, out, v, name, "miningbeneficiary") : OK;
}

/// validatorselectionmode and validatorcontractaddress.
static err_t take_contract(const struct reader *r, bool *has, address_t *out, bool *found,
                           const json_t *section, const char *name)
{
    const json_t *mode;
    const json_t *contract;
    TRY(member(r, &mode, section, name, "validatorselectionmode"));
    TRY(member(r, &contract, section, name, "validatorcontractaddress"));
    *found = mode != NULL || contract != NULL;
    *has = contract != NULL;
    if (mode != NULL) {
        const char *text = json_is_string(mode) ? json_string_value(mode) : "";
        const bool by_contract = strcmp(text, "contract") == 0;
        if (!by_contract && strcmp(text, "blockheader") != 0) {
            return refuse(
                r, FAIL(INVALID, "genesis: unknown validator selection"),
                "%s.validatorselectionmode is %s; expected \"blockheader\" or \"contract\"", name,
                show(mode).s);
        }
        if (by_contract && contract == NULL) {
            return refuse(r, FAIL(INVALID, "genesis: validator contract missing"),
                          "%s.validatorselectionmode is \"contract\"; expected "
                          "validatorcontractaddress beside it",
                          name);
        }
        *has = by_contract;
    }
    return *has ? address_of(r, out, contract, name, "validatorcontractaddress") : OK;
}

static int compare_addresses(const void *a, const void *b)
{
    return address_cmp(a, b);
}

static err_t take_validators(const struct reader *r, const address_t **out, size_t *count,
                             const json_t *section, const char *name)
{
    const json_t *v;
    TRY(member(r, &v, section, name, "validators"));
    if (v == NULL) return OK;
    if (!json_is_array(v) || json_array_size(v) == 0 || json_array_size(v) > QBFT_MAX_VALIDATORS) {
        return refuse(r, FAIL(INVALID, "genesis: validators"),
                      "%s.validators is %s; expected a list of 1 to %d addresses", name, show(v).s,
                      QBFT_MAX_VALIDATORS);
    }
    const size_t n = json_array_size(v);
    address_t *list = ARENA_ARRAY(r->arena, address_t, n);
    if (list == NULL) return out_of_room(r);
    for (size_t i = 0; i < n; i++) {
        TRY(address_of(r, &list[i], json_array_get(v, i), name, "validators[]"));
    }
    qsort(list, n, sizeof *list, compare_addresses);
    for (size_t i = 1; i < n; i++) {
        if (!address_eq(&list[i - 1], &list[i])) continue;
        return refuse(r, FAIL(INVALID, "genesis: validators"), "%s.validators names %s twice", name,
                      hex_address(&list[i]).s);
    }
    *out = list;
    *count = n;
    return OK;
}

/// Rules of GoQuorum that this build does not have: a sticky proposer; and the count of 2F+1 before
/// ceil2Nby3Block (0 if it is not named) and with 2FPlus1Enabled, which is not enough of most sizes
/// of the set to share a correct validator: no quorum here.
static err_t take_quorum_rule(const struct reader *r, const json_t *section, const char *name)
{
    uint64_t from = 0;
    uint64_t policy = 0;
    bool less = false;
    if (!r->quorum) return OK;
    TRY(take_u64(r, &policy, NULL, section, name, "policy", 0, UINT64_MAX));
    if (policy != 0) {
        return refuse(r, FAIL(UNSUPPORTED, "genesis: proposer policy"),
                      "%s.policy is %llu; only 0 (round robin) is supported", name,
                      (unsigned long long)policy);
    }
    TRY(take_u64(r, &from, NULL, section, name, "ceil2nby3block", 0, UINT64_MAX));
    TRY(take_bool(r, &less, section, name, "2fplus1enabled"));
    if (from == 0 && !less) return OK;
    return refuse(r, FAIL(UNSUPPORTED, "genesis: quorum of 2F+1"),
                  "%s asks for a quorum of 2F+1; only ceil(2n/3) from block 0 on is supported "
                  "(ceil2Nby3Block 0, 2FPlus1Enabled false)",
                  name);
}

static err_t read_qbft(const struct reader *r, struct qbft_config *q, const json_t *section)
{
    static const char name[] = "config.qbft";
    bool found;
    *q = (struct qbft_config){
        .block_period_ms = r->quorum ? 5000 : 1000,
        .request_timeout_ms = r->quorum ? 10000 : 1000,
        .max_request_timeout_ms = 60000,
        .epoch_length = 30000,
        .message_queue_limit = 1000,
        .future_messages_limit = 1000,
        .future_messages_max_distance = 10,
    };
    TRY(take_period(r, &q->block_period_ms, &q->period_is_ms, &found, section, name));
    TRY(take_empty_period(r, &q->empty_block_period_ms, &found, section, name));

    uint64_t seconds = q->request_timeout_ms / 1000;
    TRY(take_u64(r, &seconds, NULL, section, name, "requesttimeoutseconds", 1, MAX_SECONDS));
    q->request_timeout_ms = seconds * 1000;
    uint64_t cap = q->max_request_timeout_ms / 1000;
    TRY(take_u64(r, &cap, NULL, section, name, "maxrequesttimeoutseconds", 1, MAX_SECONDS));
    q->max_request_timeout_ms = (cap < seconds ? seconds : cap) * 1000;

    TRY(take_u64(r, &q->epoch_length, NULL, section, name, "epochlength", 1, INT64_MAX));
    TRY(take_u256(r, &q->block_reward_wei, NULL, section, name, "blockreward"));
    TRY(take_beneficiary(r, &q->has_beneficiary, &q->beneficiary, &found, section, name));
    TRY(take_contract(r, &q->has_validator_contract, &q->validator_contract, &found, section,
                      name));
    TRY(take_u64(r, &q->message_queue_limit, NULL, section, name, "messagequeuelimit", 1, 1000000));
    TRY(take_u64(r, &q->future_messages_limit, NULL, section, name, "futuremessageslimit", 0,
                 1000000));
    TRY(take_u64(r, &q->future_messages_max_distance, NULL, section, name,
                 "futuremessagesmaxdistance", 0, 1000));
    TRY(take_u64(r, &q->per_tx_gas_limit, NULL, section, name, "pertxgaslimit", 0, UINT64_MAX));
    TRY(take_quorum_rule(r, section, name));

    const json_t *start;
    TRY(member(r, &start, section, name, "startblock"));
    u256_t start_block = {{0}};
    if (start != NULL) TRY(number_of(r, &start_block, start, name, "startblock"));
    if (!u256_is_zero(&start_block)) {
        return refuse(r, FAIL(UNSUPPORTED, "genesis: migrated chain"),
                      "config.qbft.startblock is %s; chains that began with another consensus are "
                      "not supported",
                      show(start).s);
    }
    return OK;
}

static err_t read_transition(const struct reader *r, struct qbft_transition *t, const json_t *entry)
{
    static const char name[] = "config.transitions";
    bool found;
    if (!json_is_object(entry)) {
        return refuse(r, FAIL(MALFORMED, "genesis: transition"), "%s[] is %s; expected an object",
                      name, show(entry).s);
    }
    TRY(take_u64(r, &t->block, &found, entry, name, "block", 0, FORK_NEVER - 1));
    if (!found) {
        return refuse(r, FAIL(INVALID, "genesis: transition without block"),
                      "%s[] has no `block`; expected the first block it holds for", name);
    }
    TRY(take_period(r, &t->block_period_ms, &t->period_is_ms, &t->sets_period, entry, name));
    TRY(take_empty_period(r, &t->empty_block_period_ms, &t->sets_empty_period, entry, name));
    uint64_t seconds = 0;
    TRY(take_u64(r, &seconds, &t->sets_timeout, entry, name, "requesttimeoutseconds", 1,
                 MAX_SECONDS));
    t->request_timeout_ms = seconds * 1000;
    TRY(take_u256(r, &t->block_reward_wei, &t->sets_reward, entry, name, "blockreward"));
    TRY(take_beneficiary(r, &t->has_beneficiary, &t->beneficiary, &t->sets_beneficiary, entry,
                         name));
    TRY(take_contract(r, &t->has_validator_contract, &t->validator_contract, &t->sets_contract,
                      entry, name));
    TRY(take_validators(r, &t->validators, &t->validator_count, entry, name));
    TRY(take_u64(r, &t->per_tx_gas_limit, &t->sets_tx_gas_limit, entry, name, "pertxgaslimit", 0,
                 UINT64_MAX));
    TRY(take_quorum_rule(r, entry, name));
    if (r->quorum) {
        const json_t *price;
        TRY(member(r, &price, entry, name, "gaspriceenabled"));
        t->sets_gas_price = json_is_boolean(price);
        TRY(take_bool(r, &t->gas_price, entry, name, "gaspriceenabled"));
    }
    if (t->sets_contract && !t->has_validator_contract && t->validators == NULL) {
        return refuse(
            r, FAIL(INVALID, "genesis: transition without validators"),
            "%s[] at block %llu goes back to header votes; expected `validators` beside it", name,
            (unsigned long long)t->block);
    }
    return OK;
}

static int compare_transitions(const void *a, const void *b)
{
    const struct qbft_transition *x = a;
    const struct qbft_transition *y = b;
    return (x->block > y->block) - (x->block < y->block);
}

/// GoQuorum names the limit of code, in KiB, in its transitions, too.
static err_t take_code_limit(const struct reader *r, struct chain_config *c, const json_t *entry,
                             uint64_t block)
{
    uint64_t kib = 0;
    TRY(take_u64(r, &kib, NULL, entry, "config.transitions", "contractsizelimit", 0, 1024));
    if (kib == 0) return OK;
    if (block != 0) {
        return refuse(r, FAIL(UNSUPPORTED, "genesis: code size that changes"),
                      "config.transitions[].contractsizelimit changes at block %llu; only block 0 "
                      "is supported",
                      (unsigned long long)block);
    }
    c->contract_size_limit = kib * 1024;
    return OK;
}

/// Besu: config.transitions.qbft[]. GoQuorum: config.transitions[], each with `algorithm`.
/// GoQuorum's config.qbft.validators becomes a transition at block 0.
static err_t read_transitions(const struct reader *r, struct chain_config *c, const json_t *config,
                              const json_t *qbft)
{
    const json_t *list;
    TRY(member(r, &list, config, "config", "transitions"));
    if (json_is_object(list)) TRY(member(r, &list, list, "config.transitions", "qbft"));
    if (list != NULL && !json_is_array(list)) {
        return refuse(r, FAIL(MALFORMED, "genesis: transitions"),
                      "config.transitions is %s; expected {\"qbft\": [..]}", show(list).s);
    }
    const size_t n = json_array_size(list);
    struct qbft_transition *all = ARENA_ARRAY(r->arena, struct qbft_transition, n + 1);
    if (all == NULL) return out_of_room(r);

    size_t count = 0;
    TRY(take_validators(r, &all[0].validators, &all[0].validator_count, qbft, "config.qbft"));
    if (all[0].validators != NULL) count = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(list, i);
        TRY(read_transition(r, &all[count + i], entry));
        if (r->quorum) TRY(take_code_limit(r, c, entry, all[count + i].block));
    }
    count += n;
    qsort(all, count, sizeof *all, compare_transitions);
    c->transitions = all;
    c->transition_count = count;
    return OK;
}

// ---- config ------------------------------------------------------------------------------------

static err_t read_engine(const struct reader *r, struct chain_config *c, const json_t *config)
{
    static const char *const foreign[] = {"clique", "ibft", "ibft2", "istanbul"};
    const json_t *qbft;
    TRY(member(r, &qbft, config, "config", "qbft"));
    if (qbft != NULL) {
        if (!json_is_object(qbft)) {
            return refuse(r, FAIL(MALFORMED, "genesis: qbft"),
                          "config.qbft is %s; expected an object", show(qbft).s);
        }
        c->engine = ENGINE_QBFT;
        TRY(read_qbft(r, &c->qbft, qbft));
        return read_transitions(r, c, config, qbft);
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        const json_t *other;
        TRY(member(r, &other, config, "config", foreign[i]));
        if (other == NULL) continue;
        return refuse(r, FAIL(UNSUPPORTED, "genesis: unsupported consensus"),
                      "config.%s: that consensus is not supported; expected config.qbft",
                      foreign[i]);
    }
    c->engine = ENGINE_MAINNET;
    return OK;
}

/// GoQuorum: config.maxCodeSizeConfig [{block, size in KiB}...] or config.maxCodeSize.
static err_t read_quorum_code_limit(const struct reader *r, struct chain_config *c,
                                    const json_t *config)
{
    uint64_t kib = 0;
    bool found;
    const json_t *list;
    uint64_t from = 0;
    TRY(take_u64(r, &kib, &found, config, "config", "maxcodesize", 0, 1024));
    TRY(take_u64(r, &from, &found, config, "config", "maxcodesizechangeblock", 0, UINT64_MAX));
    if (from != 0 && kib != 0) {
        return refuse(r, FAIL(UNSUPPORTED, "genesis: code size that changes"),
                      "config.maxCodeSize changes at block %llu; only block 0 is supported",
                      (unsigned long long)from);
    }
    TRY(member(r, &list, config, "config", "maxcodesizeconfig"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        uint64_t block = 0;
        TRY(take_u64(r, &block, NULL, entry, "config.maxCodeSizeConfig", "block", 0, UINT64_MAX));
        TRY(take_u64(r, &kib, &found, entry, "config.maxCodeSizeConfig", "size", 24, 1024));
        if (block == 0) continue;
        return refuse(r, FAIL(UNSUPPORTED, "genesis: code size that changes"),
                      "config.maxCodeSizeConfig changes at block %llu; only block 0 is supported",
                      (unsigned long long)block);
    }
    if (kib != 0) c->contract_size_limit = kib * 1024;
    return OK;
}

static err_t read_config(struct reader *r, struct chain_config *c, const json_t *config)
{
    bool found;
    if (!json_is_object(config)) {
        return refuse(r, FAIL(MALFORMED, "genesis: config"), "config is %s; expected an object",
                      show(config).s);
    }
    TRY(take_bool(r, &r->quorum, config, "config", "isquorum"));
    c->goquorum = r->quorum;
    c->gas_price_block = FORK_NEVER;
    TRY(take_u64(r, &c->chain_id, &found, config, "config", "chainid", 1, INT64_MAX));
    if (!found) {
        return refuse(r, FAIL(INVALID, "genesis: chain id"),
                      "config.chainId is missing; expected the network's number");
    }
    TRY(take_bool(r, &c->zero_base_fee, config, "config", "zerobasefee"));
    const json_t *fixed;
    TRY(member(r, &fixed, config, "config", "fixedbasefee"));
    if (json_is_true(fixed)) {
        return refuse(r, FAIL(UNSUPPORTED, "genesis: fixedBaseFee"),
                      "config.fixedBaseFee is not supported; expected zeroBaseFee or neither");
    }
    c->contract_size_limit = DEFAULT_CODE_LIMIT;
    if (r->quorum) TRY(read_quorum_code_limit(r, c, config));
    TRY(take_u64(r, &c->contract_size_limit, NULL, config, "config", "contractsizelimit", 1,
                 INT32_MAX));
    TRY(read_forks(r, c, config));
    return read_engine(r, c, config);
}

// ---- header ------------------------------------------------------------------------------------

static err_t read_header(const struct reader *r, struct header *h, const struct chain_config *c,
                         const json_t *root)
{
    static const char name[] = "genesis";
    bool found;
    *h = (struct header){
        .ommers_hash = KECCAK_RLP_LIST,
        .transactions_root = KECCAK_RLP_NULL,
        .receipts_root = KECCAK_RLP_NULL,
        .difficulty = u256_from_u64(1),
        .gas_limit = 0,
        .field_count = HEADER_FIELDS_CLASSIC,
    };
    TRY(take_u256(r, &h->difficulty, NULL, root, name, "difficulty"));
    TRY(take_u64(r, &h->gas_limit, &found, root, name, "gaslimit", 5000, INT64_MAX));
    if (!found) {
        return refuse(r, FAIL(INVALID, "genesis: gas limit"),
                      "genesis.gasLimit is missing; expected 5000 or more");
    }
    TRY(take_u64(r, &h->gas_used, NULL, root, name, "gasused", 0, INT64_MAX));
    TRY(take_u64(r, &h->timestamp_s, NULL, root, name, "timestamp", 0, UINT64_MAX));
    TRY(take_fixed(r, h->parent_hash.b, sizeof h->parent_hash.b, root, name, "parenthash"));
    TRY(take_fixed(r, h->mix_hash.b, sizeof h->mix_hash.b, root, name, "mixhash"));
    TRY(take_fixed(r, h->coinbase.b, sizeof h->coinbase.b, root, name, "coinbase"));
    TRY(take_fixed(r, h->nonce, sizeof h->nonce, root, name, "nonce"));
    const json_t *extra;
    TRY(member(r, &extra, root, name, "extradata"));
    if (extra != NULL) TRY(data_of(r, &h->extra_data, extra, name, "extraData"));

    const enum revision rev = chain_revision(c, 0, h->timestamp_s);
    if (rev >= REV_LONDON) {
        h->field_count = HEADER_FIELDS_LONDON;
        h->base_fee_wei = u256_from_u64(INITIAL_BASE_FEE);
        TRY(take_u256(r, &h->base_fee_wei, NULL, root, name, "basefeepergas"));
    }
    if (rev >= REV_SHANGHAI) {
        h->field_count = HEADER_FIELDS_SHANGHAI;
        h->withdrawals_root = KECCAK_RLP_NULL;
    }
    if (rev >= REV_CANCUN) {
        h->field_count = HEADER_FIELDS_CANCUN;
        TRY(take_u64(r, &h->blob_gas_used, NULL, root, name, "blobgasused", 0, UINT64_MAX));
        TRY(take_u64(r, &h->excess_blob_gas, NULL, root, name, "excessblobgas", 0, UINT64_MAX));
        TRY(take_fixed(r, h->parent_beacon_root.b, sizeof h->parent_beacon_root.b, root, name,
                       "parentbeaconblockroot"));
    }
    if (rev >= REV_PRAGUE) {
        h->field_count = HEADER_FIELDS_PRAGUE;
        h->requests_hash = no_requests;
    }
    return OK;
}

/// A QBFT chain starts with validators: in extraData, in config or in a contract.
static err_t check_validators(const struct reader *r, const struct genesis *g)
{
    if (g->config.engine != ENGINE_QBFT) return OK;
    size_t listed;
    if (chain_qbft_validators_at(&g->config, 0, &listed) != NULL) return OK;
    if (chain_qbft_at(&g->config, 0).has_validator_contract) return OK;

    struct extra_data extra;
    const size_t mark = arena_mark(r->arena);
    const err_t err = extra_data_decode(&extra, r->arena, g->header.extra_data);
    if (err.kind != ERR_NONE) {
        return refuse(
            r, FAIL(INVALID, "genesis: extraData"),
            "genesis.extraData is not QBFT's (%s); expected RLP [vanity, [validator..], [], "
            "0, []]",
            err_text(err));
    }
    // In any order: Besu's own tools write them as given, and whoever reads them sorts.
    arena_rewind(r->arena, mark);
    if (extra.validator_count == 0) {
        return refuse(
            r, FAIL(INVALID, "genesis: no validators"),
            "genesis.extraData names no validator, and config.qbft neither validators nor "
            "validatorcontractaddress; expected at least one");
    }
    return OK;
}

// ---- alloc -------------------------------------------------------------------------------------

static int compare_accounts(const void *a, const void *b)
{
    const struct alloc_account *x = a;
    const struct alloc_account *y = b;
    return address_cmp(&x->address, &y->address);
}

static int compare_slots(const void *a, const void *b)
{
    const struct alloc_slot *x = a;
    const struct alloc_slot *y = b;
    return hash_cmp(&x->key, &y->key);
}

static err_t read_storage(const struct reader *r, struct alloc_account *a, const json_t *storage,
                          const char *name)
{
    if (storage == NULL) return OK;
    if (!json_is_object(storage)) {
        return refuse(r, FAIL(MALFORMED, "genesis: storage"),
                      "%s.storage is %s; expected an object of slot: value", name, show(storage).s);
    }
    struct alloc_slot *slots = ARENA_ARRAY(r->arena, struct alloc_slot, json_object_size(storage));
    if (slots == NULL) return out_of_room(r);
    json_t *walked = (json_t *)(uintptr_t)storage;
    size_t count = 0;
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        const char *text = json_object_iter_key(it);
        json_t *key = json_string_nocheck(text);
        hash_t value;
        err_t err =
            key == NULL ? out_of_room(r) : word_of(r, &slots[count].key, key, name, "storage");
        json_decref(key);
        TRY(err);
        TRY(word_of(r, &value, json_object_iter_value(it), name, text));
        slots[count].value = u256_from_hash(&value);
        count++;
    }
    qsort(slots, count, sizeof *slots, compare_slots);
    for (size_t i = 1; i < count; i++) {
        if (!hash_eq(&slots[i - 1].key, &slots[i].key)) continue;
        return refuse(r, FAIL(INVALID, "genesis: a storage slot is given twice"),
                      "%s.storage gives slot %s twice", name, hex_hash(&slots[i].key).s);
    }
    a->slots = slots;
    a->slot_count = count;
    return OK;
}

static err_t read_account(const struct reader *r, struct alloc_account *a, const char *key,
                          const json_t *entry)
{
    char name[64];
    snprintf(name, sizeof name, "alloc.%.46s", key);
    const err_t err = address_parse(&a->address, bytes_of_str(key));
    if (err.kind != ERR_NONE) {
        return refuse(r, err, "%s: expected an address of 40 digits%s", name,
                      err.kind == ERR_MISMATCH ? " (its EIP-55 checksum is wrong)" : "");
    }
    if (!json_is_object(entry)) {
        return refuse(r, FAIL(MALFORMED, "genesis: account"), "%s is %s; expected an object", name,
                      show(entry).s);
    }
    const json_t *code;
    const json_t *storage;
    TRY(take_u256(r, &a->balance_wei, NULL, entry, name, "balance"));
    TRY(take_u64(r, &a->nonce, NULL, entry, name, "nonce", 0, UINT64_MAX - 1));
    TRY(member(r, &code, entry, name, "code"));
    if (code != NULL) TRY(data_of(r, &a->code, code, name, "code"));
    TRY(member(r, &storage, entry, name, "storage"));
    return read_storage(r, a, storage, name);
}

static err_t read_alloc(const struct reader *r, struct genesis *g, const json_t *alloc)
{
    if (alloc == NULL) return OK;
    if (!json_is_object(alloc)) {
        return refuse(r, FAIL(MALFORMED, "genesis: alloc"),
                      "alloc is %s; expected an object of address: account", show(alloc).s);
    }
    struct alloc_account *accounts =
        ARENA_ARRAY(r->arena, struct alloc_account, json_object_size(alloc));
    if (accounts == NULL) return out_of_room(r);
    json_t *walked = (json_t *)(uintptr_t)alloc;
    size_t count = 0;
    for (void *it = json_object_iter(walked); it != NULL; it = json_object_iter_next(walked, it)) {
        TRY(read_account(r, &accounts[count], json_object_iter_key(it),
                         json_object_iter_value(it)));
        count++;
    }
    qsort(accounts, count, sizeof *accounts, compare_accounts);
    for (size_t i = 1; i < count; i++) {
        if (!address_eq(&accounts[i - 1].address, &accounts[i].address)) continue;
        return refuse(r, FAIL(INVALID, "genesis: an account is given twice"),
                      "alloc gives %s twice", hex_address(&accounts[i].address).s);
    }
    g->alloc = accounts;
    g->alloc_count = count;
    return OK;
}

static err_t read_genesis(struct reader *r, struct genesis *g, const json_t *root)
{
    const json_t *config;
    const json_t *alloc;
    if (!json_is_object(root)) {
        return refuse(r, FAIL(MALFORMED, "genesis: not an object"),
                      "the file is %s; expected an object with config, alloc and header members",
                      show(root).s);
    }
    TRY(member(r, &config, root, "genesis", "config"));
    TRY(read_config(r, &g->config, config));
    TRY(read_header(r, &g->header, &g->config, root));
    TRY(check_validators(r, g));
    TRY(member(r, &alloc, root, "genesis", "alloc"));
    return read_alloc(r, g, alloc);
}

err_t genesis_parse(struct genesis *out, struct arena *arena, bytes_t json,
                    struct genesis_detail *detail)
{
    struct reader r = {.arena = arena, .detail = detail};
    struct json_detail where;
    json_t *root = NULL;
    err_t err = json_parse(&root, json, &where);
    if (err.kind != ERR_NONE) return refuse(&r, err, "not valid JSON: %s", where.text);

    struct genesis g = {.alloc_count = 0};
    err = read_genesis(&r, &g, root);
    json_decref(root);
    if (err.kind == ERR_NONE) *out = g;
    return err;
}

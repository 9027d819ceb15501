// SPDX-License-Identifier: Apache-2.0
#include "wallet/proposal.h"

#include "chain/base/hex.h"
#include "wallet/text.h"

#define PREFIX_MIN 6

enum exit_code proposal_find(struct ctx *ctx, json_t **out, const char *text)
{
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_CAIRN_GOVERNOR, "ProposalCreated", NULL));
    const size_t n = json_array_size(logs);
    const char *digits = text[0] == '0' && text[1] == 'x' ? text + 2 : text;
    const bool latest = strcmp(text, "latest") == 0;
    const bool hex =
        strlen(digits) >= PREFIX_MIN && strspn(digits, "0123456789abcdefABCDEF") == strlen(digits);
    json_t *found = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *args = json_object_get(json_array_get(logs, i), "args");
        const char *dec = json_string_value(json_object_get(args, "proposalId"));
        const u256_t id = json_get_u256(json_object_get(args, "proposalId"));
        const hash_t be = u256_to_hash(&id);
        const bool match = (latest && i + 1 == n) || (dec != NULL && strcmp(dec, text) == 0) ||
                           (hex && strncasecmp(hex_hash(&be).s + 2, digits, strlen(digits)) == 0);
        if (!match) continue;
        found = args;
        count++;
    }
    enum exit_code code = EXIT_DONE;
    if (count == 1)
        *out = json_incref(found);
    else if (count == 0)
        code = fail(ctx, EXIT_REFUSED, "cairn dao list", "no proposal %s", text);
    else
        code =
            fail(ctx, EXIT_USAGE, "write more digits", "%u proposals begin with %s", count, text);
    json_decref(logs);
    return code;
}

json_t *proposal_id(const json_t *proposal)
{
    return json_pack("[O]", json_object_get(proposal, "proposalId"));
}

void proposal_short_id(char out[16], const json_t *proposal)
{
    const u256_t id = json_get_u256(json_object_get(proposal, "proposalId"));
    const hash_t be = u256_to_hash(&id);
    (void)snprintf(out, 16, "%.14s", hex_hash(&be).s);
}

json_t *proposal_title(const json_t *proposal)
{
    const char *text = json_string_value(json_object_get(proposal, "description"));
    if (text == NULL) return json_string("");
    return json_stringn(text, strcspn(text, "\n"));
}

static const char *const supports[] = {"against", "for", "abstain"};

const char *proposal_support_name(uint64_t support)
{
    return support < ARRAY_LEN(supports) ? supports[support] : "unknown";
}

bool proposal_support_of(uint64_t *out, const char *word)
{
    for (uint64_t i = 0; i < ARRAY_LEN(supports); i++) {
        if (strcmp(word, supports[i]) != 0) continue;
        *out = i;
        return true;
    }
    return false;
}

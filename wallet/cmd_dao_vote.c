// SPDX-License-Identifier: Apache-2.0
/// Voting: by a transaction of one's own, or by a signature that somebody else sends (the
/// governor's castVoteBySig). Who signs needs no ether; who sends needs no votes.
#include "wallet/commands.h"

#include "chain/base/hex.h"
#include "wallet/account.h"
#include "wallet/client.h"
#include "wallet/out.h"
#include "wallet/profile.h"
#include "wallet/proposal.h"
#include "wallet/send.h"
#include "wallet/text.h"
#include "wallet/typed_data.h"

#include <stdlib.h>

#define BALLOT_MAX ((size_t)1 << 20)

/// What a voter says.
struct ballot {
    json_t *proposal; ///< decimal id; owned
    uint64_t support;
    address_t voter;
    const char *reason; ///< borrowed, or NULL
};

// ---- by a transaction -------------------------------------------------------------------------

static enum exit_code report_vote(struct ctx *ctx, struct sent *sent, uint64_t support)
{
    if (!sent->included) return EXIT_DONE;
    json_t *logs = known_receipt_logs(sent, FED_CAIRN_GOVERNOR, "VoteCast");
    json_t *weight = json_object_get(json_object_get(json_array_get(logs, 0), "args"), "weight");
    const u256_t n = json_get_u256(weight);
    const char *word = proposal_support_name(support);
    out_line(ctx, "voted %s with %s votes", word, text_amount(&n, 6).s);
    result_set(ctx, "result", json_pack("{sssO}", "support", word, "weight", weight));
    json_decref(logs);
    sent_deinit(sent);
    return EXIT_DONE;
}

static enum exit_code vote_by_tx(struct ctx *ctx, const struct ballot *b, const char *what)
{
    json_t *values = json_pack("[Oo]", b->proposal, json_u64(b->support));
    if (b->reason != NULL) (void)json_array_append_new(values, json_string(b->reason));
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_CAIRN_GOVERNOR,
                     b->reason != NULL ? "castVoteWithReason" : "castVote", values, what));
    return report_vote(ctx, &sent, b->support);
}

// ---- by a signature ---------------------------------------------------------------------------

static json_t *field(const char *name, const char *type)
{
    return json_pack("{ssss}", "name", name, "type", type);
}

/// The EIP-712 object of a ballot: the governor's own domain, and the voter's next nonce.
static enum exit_code ballot_typed(struct ctx *ctx, json_t **out, const struct ballot *b)
{
    json_t *d;
    STEP(known_view(ctx, &d, FED_CAIRN_GOVERNOR, "eip712Domain", NULL));
    json_t *nonce;
    const enum exit_code asked = known_value(ctx, &nonce, FED_CAIRN_GOVERNOR, "nonces",
                                             json_pack("[o]", json_address(&b->voter)));
    if (asked != EXIT_DONE) {
        json_decref(d);
        return asked;
    }
    // What is signed must count here and nowhere else, whatever the node says.
    const address_t *governor = &fed_contract_address[FED_CAIRN_GOVERNOR];
    address_t said = {0};
    const char *where = json_string_value(json_array_get(d, 4));
    const bool ours = where != NULL && err_ok(text_parse_address(&said, where)) &&
                      address_eq(&said, governor) &&
                      json_get_u64(json_array_get(d, 3)) == ctx->chain_id &&
                      json_is_string(json_array_get(d, 1)) && json_is_string(json_array_get(d, 2));
    if (!ours) {
        json_decref(d);
        json_decref(nonce);
        return fail(ctx, EXIT_UNREACHABLE, NULL,
                    "the governor's domain is not that of this chain and contract");
    }
    json_t *members = json_array();
    (void)json_array_append_new(members, field("proposalId", "uint256"));
    (void)json_array_append_new(members, field("support", "uint8"));
    (void)json_array_append_new(members, field("voter", "address"));
    (void)json_array_append_new(members, field("nonce", "uint256"));
    json_t *message =
        json_pack("{sOsososo}", "proposalId", b->proposal, "support", json_u64(b->support), "voter",
                  json_address(&b->voter), "nonce", nonce);
    if (b->reason != NULL) {
        (void)json_array_append_new(members, field("reason", "string"));
        (void)json_array_append_new(members, field("params", "bytes"));
        (void)json_object_set_new(message, "reason", json_string(b->reason));
        (void)json_object_set_new(message, "params", json_string("0x"));
    }
    json_t *domain_type = json_array();
    (void)json_array_append_new(domain_type, field("name", "string"));
    (void)json_array_append_new(domain_type, field("version", "string"));
    (void)json_array_append_new(domain_type, field("chainId", "uint256"));
    (void)json_array_append_new(domain_type, field("verifyingContract", "address"));
    const char *type = b->reason != NULL ? "ExtendedBallot" : "Ballot";
    *out = json_pack("{s{soso}sss{sOsOsoso}so}", "types", "EIP712Domain", domain_type, type,
                     members, "primaryType", type, "domain", "name", json_array_get(d, 1),
                     "version", json_array_get(d, 2), "chainId", json_u64(ctx->chain_id),
                     "verifyingContract", json_address(governor), "message", message);
    json_decref(d);
    return EXIT_DONE;
}

static enum exit_code ballot_digest(struct ctx *ctx, hash_t *out, const json_t *typed)
{
    struct typed_data_hash h;
    struct typed_data_detail why;
    const err_t err = typed_data_digest(&h, typed, &why);
    if (!err_ok(err)) return fail(ctx, EXIT_INTERNAL, NULL, "the ballot: %s", why.text);
    *out = h.digest;
    return EXIT_DONE;
}

static enum exit_code vote_by_signature(struct ctx *ctx, const struct ballot *b,
                                        const struct account *me, const char *what,
                                        const char *path)
{
    json_t *typed;
    STEP(ballot_typed(ctx, &typed, b));
    hash_t digest;
    secp_sig_t sig = {0};
    enum exit_code code = ballot_digest(ctx, &digest, typed);
    out_note(ctx, "%s, by signature, as %s (%s)", what, me->name, text_address(&me->address).s);
    if (code == EXIT_DONE) code = out_confirm(ctx, "Sign?");
    if (code == EXIT_DONE) code = account_sign(ctx, &sig, me, &digest);
    json_t *nonce = json_object_get(json_object_get(typed, "message"), "nonce");
    json_t *file = NULL;
    if (code == EXIT_DONE) {
        uint8_t raw[65];
        signature_write(raw, &sig);
        file = json_pack(
            "{sssososOsssosOso}", "about", "A vote that anybody may send: cairn dao submit FILE",
            "chainId", json_u64(ctx->chain_id), "governor",
            json_address(&fed_contract_address[FED_CAIRN_GOVERNOR]), "proposal", b->proposal,
            "support", proposal_support_name(b->support), "voter", json_address(&b->voter), "nonce",
            nonce, "signature", json_hex(BYTES_OF(raw)));
        (void)json_object_set_new(file, "reason",
                                  b->reason != NULL ? json_string(b->reason) : json_null());
    }
    json_decref(typed);
    STEP(code);
    result_set(ctx, "ballot", file);
    char *text = json_dumps(file, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text == NULL) panic_at(__FILE__, __LINE__, "out of memory");
    if (path != NULL) {
        const err_t err = file_write(path, bytes_of_str(text));
        if (!err_ok(err)) code = fail_err(ctx, EXIT_STORE, path, err);
        if (code == EXIT_DONE) out_line(ctx, "signed; anybody sends it: cairn dao submit %s", path);
    } else {
        out_line(ctx, "%s", text);
    }
    free(text);
    return code;
}

enum exit_code cmd_dao_vote(struct ctx *ctx, const struct args *a)
{
    struct ballot b = {.reason = args_flag(a, "reason")};
    if (!proposal_support_of(&b.support, a->pos[1]))
        return fail(ctx, EXIT_USAGE, NULL, "a vote is for, against or abstain, not `%s`",
                    a->pos[1]);
    const bool by_sig = args_has(a, "by-sig");
    if (args_has(a, "out") && !by_sig)
        return fail(ctx, EXIT_USAGE, NULL, "--out goes with --by-sig");
    STEP(profile_check_chain(ctx));
    json_t *p;
    STEP(proposal_find(ctx, &p, a->pos[0]));
    char id[16];
    proposal_short_id(id, p);
    char what[96];
    (void)snprintf(what, sizeof what, "Vote %s on proposal %s..", a->pos[1], id);
    b.proposal = json_object_get(p, "proposalId");
    enum exit_code code;
    if (by_sig) {
        struct account me;
        code = account_sender(ctx, &me);
        b.voter = me.address;
        if (code == EXIT_DONE) {
            code = vote_by_signature(ctx, &b, &me, what, args_flag(a, "out"));
            account_deinit(&me);
        }
    } else {
        code = vote_by_tx(ctx, &b, what);
    }
    json_decref(p);
    return code;
}

// ---- sending another's ballot -----------------------------------------------------------------

/// Is the signature the voter's, over this ballot and the voter's next nonce?
static enum exit_code check_ballot(struct ctx *ctx, const struct ballot *b, const json_t *hex)
{
    size_t len = 0;
    uint8_t *raw = json_data(&len, hex);
    secp_sig_t sig;
    err_t err = raw != NULL ? signature_read(&sig, bytes_make(raw, len))
                            : FAIL(MALFORMED, "the ballot has no signature");
    free(raw);
    json_t *typed;
    STEP(ballot_typed(ctx, &typed, b));
    hash_t digest;
    const enum exit_code code = ballot_digest(ctx, &digest, typed);
    json_decref(typed);
    STEP(code);
    address_t signer = {0};
    if (err_ok(err)) err = secp_recover_address(&signer, &sig, &digest);
    if (!err_ok(err)) return fail_err(ctx, EXIT_UNVERIFIED, "the ballot's signature", err);
    if (address_eq(&signer, &b->voter)) return EXIT_DONE;
    return fail(ctx, EXIT_UNVERIFIED, "was it sent before, or changed?",
                "the ballot is not signed by %s for its next vote", text_address(&b->voter).s);
}

static enum exit_code submit(struct ctx *ctx, const json_t *file, const char *path)
{
    const char *support = json_string_value(json_object_get(file, "support"));
    const char *voter = json_string_value(json_object_get(file, "voter"));
    const char *governor = json_string_value(json_object_get(file, "governor"));
    struct ballot b = {.proposal = json_object_get(file, "proposal"),
                       .reason = json_string_value(json_object_get(file, "reason"))};
    address_t at;
    u256_t number;
    const char *id = json_string_value(b.proposal);
    if (id == NULL || !err_ok(u256_parse(&number, bytes_of_str(id))) || support == NULL ||
        !proposal_support_of(&b.support, support) || voter == NULL ||
        !err_ok(text_parse_address(&b.voter, voter)) || governor == NULL ||
        !err_ok(text_parse_address(&at, governor)))
        return fail(ctx, EXIT_USAGE, "cairn dao vote ID for --by-sig --out FILE makes one",
                    "%s is no signed vote", path);
    const uint64_t chain = json_get_u64(json_object_get(file, "chainId"));
    if (chain != ctx->chain_id || !address_eq(&at, &fed_contract_address[FED_CAIRN_GOVERNOR]))
        return fail(ctx, EXIT_USAGE, "choose the network with --rpc or --network",
                    "the vote is for another chain or another governor");
    json_t *signature = json_object_get(file, "signature");
    STEP(check_ballot(ctx, &b, signature));
    json_t *values = json_pack("[Ooo]", b.proposal, json_u64(b.support), json_address(&b.voter));
    if (b.reason != NULL) {
        (void)json_array_append_new(values, json_string(b.reason));
        (void)json_array_append_new(values, json_string("0x"));
    }
    (void)json_array_append(values, signature);
    char what[128];
    (void)snprintf(what, sizeof what, "Send the vote %s of %s", support, text_address(&b.voter).s);
    struct sent sent;
    STEP(known_write(ctx, &sent, FED_CAIRN_GOVERNOR,
                     b.reason != NULL ? "castVoteWithReasonAndParamsBySig" : "castVoteBySig",
                     values, what));
    return report_vote(ctx, &sent, b.support);
}

enum exit_code cmd_dao_submit(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    char *text;
    size_t len;
    const err_t err = file_read(&text, &len, a->pos[0], BALLOT_MAX);
    if (!err_ok(err)) return fail_err(ctx, EXIT_USAGE, a->pos[0], err);
    json_t *file = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    const enum exit_code code = submit(ctx, file, a->pos[0]);
    json_decref(file);
    return code;
}

// ---- who voted --------------------------------------------------------------------------------

static enum exit_code add_votes(struct ctx *ctx, json_t *rows, const char *event, const json_t *p)
{
    json_t *logs;
    STEP(known_find_logs(ctx, &logs, FED_CAIRN_GOVERNOR, event, NULL));
    size_t i;
    json_t *log;
    json_array_foreach(logs, i, log)
    {
        const json_t *args = json_object_get(log, "args");
        if (!json_equal(json_object_get(args, "proposalId"), json_object_get(p, "proposalId")))
            continue;
        const char *voter = json_string_value(json_object_get(args, "voter"));
        const u256_t weight = json_get_u256(json_object_get(args, "weight"));
        address_t who;
        char *name = voter != NULL && err_ok(text_parse_address(&who, voter))
                         ? account_name_of(ctx, &who)
                         : NULL;
        json_t *row = json_object();
        (void)json_object_set(row, "voter", json_object_get(args, "voter"));
        (void)json_object_set_new(row, "name", name != NULL ? json_string(name) : json_null());
        (void)json_object_set_new(
            row, "support",
            json_string(proposal_support_name(json_get_u64(json_object_get(args, "support")))));
        (void)json_object_set_new(row, "weight", json_u256(&weight));
        (void)json_object_set_new(row, "votes", json_string(text_amount(&weight, 6).s));
        (void)json_object_set(row, "reason", json_object_get(args, "reason"));
        (void)json_object_set(row, "block", json_object_get(log, "block"));
        (void)json_object_set(row, "tx", json_object_get(log, "tx"));
        (void)json_array_append_new(rows, row);
        free(name);
    }
    json_decref(logs);
    return EXIT_DONE;
}

enum exit_code cmd_dao_votes(struct ctx *ctx, const struct args *a)
{
    STEP(profile_check_chain(ctx));
    json_t *p;
    STEP(proposal_find(ctx, &p, a->pos[0]));
    json_t *rows = json_array();
    result_set(ctx, "proposal", json_incref(json_object_get(p, "proposalId")));
    result_set(ctx, "items", rows);
    enum exit_code code = add_votes(ctx, rows, "VoteCast", p);
    if (code == EXIT_DONE) code = add_votes(ctx, rows, "VoteCastWithParams", p);
    json_decref(p);
    STEP(code);
    static const struct out_column columns[] = {
        {"name", "NAME", false},  {"voter", "VOTER", false},   {"support", "VOTE", false},
        {"votes", "VOTES", true}, {"reason", "REASON", false},
    };
    out_table(ctx, rows, columns, ARRAY_LEN(columns), "nobody has voted yet");
    return EXIT_DONE;
}

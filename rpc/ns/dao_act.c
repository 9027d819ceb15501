// SPDX-License-Identifier: Apache-2.0
/// dao_: what a member does: tries a proposal's actions out, signs a vote, has it sent
/// (interfaces.md 4.6).

#include "chain/base/hex.h"
#include "rpc/jsonrpc/error_codes.h"
#include "rpc/ns/fed.h"
#include "rpc/ns/handlers.h"
#include "rpc/ns/objects.h"

enum { ACTIONS_MAX = 32 }; // as the governor

// ---- trying out ---------------------------------------------------------------------------

/// Action `i` of the first parameter as a message from the timelock.
static bool read_action(struct rpc_call *call, struct tx *out, const json_t *action)
{
    static const char *const known[] = {"to", "value", "data", "name", "function", "args", NULL};
    if (!json_is_object(action)) return rpc_fail_param(call, "actions", "objects", action);
    if (!object_only(call, action, "actions", known)) return false;
    const json_t *value = json_object_get(action, "value");
    const json_t *data = json_object_get(action, "data");
    *out = (struct tx){.type = TX_LEGACY,
                       .gas_limit = env_of(call)->limits.call_gas,
                       .has_sender = true,
                       .sender = fed_contract_address[FED_TIMELOCK_CONTROLLER]};
    return value_address(call, json_object_get(action, "to"), "actions.to", &out->to) &&
           (value == NULL || json_is_null(value) ||
            value_u256(call, value, "actions.value", &out->value_wei)) &&
           (data == NULL || json_is_null(data) ||
            value_data(call, data, "actions.data", &out->data));
}

static void put_logs(struct json_writer *w, const struct log_entry *logs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jw_open(w, '{');
        jw_kv_address(w, "address", &logs[i].address);
        jw_key(w, "topics");
        jw_open(w, '[');
        for (unsigned k = 0; k < logs[i].topic_count; k++) jw_hash(w, &logs[i].topics[k]);
        jw_close(w, ']');
        jw_kv_data(w, "data", logs[i].data);
        jw_close(w, '}');
    }
}

/// One account of a difference: what it has afterwards, and what it had.
static err_t put_account(struct json_writer *w, const struct state_view *before,
                         const struct account_change *c)
{
    struct account old;
    bool existed = false;
    TRY(before->account(before->ctx, &old, &existed, &c->address));
    jw_key(w, hex_address(&c->address).s);
    jw_open(w, '{');
    if (!u256_eq(&old.balance_wei, &c->now.balance_wei)) {
        jw_key(w, "balance");
        jw_open(w, '{');
        jw_kv_qty256(w, "from", &old.balance_wei);
        jw_kv_qty256(w, "to", &c->now.balance_wei);
        jw_close(w, '}');
    }
    if (old.nonce != c->now.nonce) {
        jw_key(w, "nonce");
        jw_open(w, '{');
        jw_kv_qty(w, "from", old.nonce);
        jw_kv_qty(w, "to", c->now.nonce);
        jw_close(w, '}');
    }
    if (c->code.len > 0) jw_kv_data(w, "code", c->code);
    if (c->slot_count > 0) {
        jw_key(w, "storage");
        jw_open(w, '{');
        for (size_t i = 0; i < c->slot_count; i++) {
            u256_t was;
            TRY(before->slot(before->ctx, &was, &c->address, &c->slots[i].key));
            const hash_t from = u256_to_hash(&was);
            const hash_t to = u256_to_hash(&c->slots[i].value);
            jw_key(w, hex_hash(&c->slots[i].key).s);
            jw_open(w, '{');
            jw_kv_hash(w, "from", &from);
            jw_kv_hash(w, "to", &to);
            jw_close(w, '}');
        }
        jw_close(w, '}');
    }
    jw_close(w, '}');
    return OK;
}

static bool put_state_diff(struct rpc_call *call, struct fed_site *f)
{
    struct json_writer *w = &call->out;
    struct state_diff diff;
    err_t err = overlay_diff(&diff, call->arena, f->slot.world);
    jw_key(w, "stateDiff");
    jw_open(w, '{');
    for (size_t i = 0; err_ok(err) && i < diff.account_count; i++) {
        // The sender's nonce is an artefact of asking: a timelock's call does not raise it.
        const struct account_change *c = &diff.accounts[i];
        struct account_change real = *c;
        struct account old = {.nonce = 0};
        if (address_eq(&c->address, &fed_contract_address[FED_TIMELOCK_CONTROLLER])) {
            bool existed = false;
            err = f->site.view.account(f->site.view.ctx, &old, &existed, &c->address);
            real.now.nonce = old.nonce;
            if (c->slot_count == 0 && u256_eq(&old.balance_wei, &c->now.balance_wei)) continue;
        }
        if (err_ok(err)) err = put_account(w, &f->site.view, &real);
    }
    jw_close(w, '}');
    return err_ok(err) ? true : rpc_fail_err(call, err);
}

/// Why an action failed: an object {action, message, data}, or null.
static void put_revert(struct rpc_call *call, const struct tx_result *failed, size_t index)
{
    struct json_writer *w = &call->out;
    jw_key(w, "revert");
    if (failed == NULL) {
        jw_null(w);
        return;
    }
    // The one place that knows the words is the error; it is taken back.
    (void)rpc_fail_execution(call, failed);
    const struct rpc_error error = call->error;
    memset(&call->error, 0, sizeof call->error);
    jw_open(w, '{');
    jw_kv_qty(w, "action", index);
    jw_kv_str(w, "message", error.message);
    if (failed->validity == TX_VALID && failed->status == EVM_REVERT)
        jw_kv_data(w, "data", failed->output);
    else
        jw_kv_data(w, "data", BYTES_NONE);
    jw_close(w, '}');
}

bool dao_simulate(struct rpc_call *call)
{
    const json_t *actions = NULL;
    struct fed_site f;
    struct tx message[ACTIONS_MAX];
    if (!param_array(call, 0, &actions)) return false;
    const size_t count = json_array_size(actions);
    if (count == 0 || count > ACTIONS_MAX)
        return rpc_fail_param(call, "actions", "1 to 32 actions", NULL);
    for (size_t i = 0; i < count; i++) {
        if (!read_action(call, &message[i], json_array_get(actions, i))) return false;
    }
    if (!fed_open(call, &f)) return false;
    struct json_writer *w = &call->out;
    struct tx_result result;
    uint64_t gas = 0;
    bool works = true;
    bool ok = true;
    size_t i = 0;
    overlay_reset(f.slot.world, &f.site.view);
    jw_open(w, '{');
    jw_key(w, "logs");
    jw_open(w, '[');
    for (; i < count && ok && works; i++) {
        ok = call_execute_on(call, &result, &f.slot, &f.site, &message[i]);
        works = ok && result.validity == TX_VALID && result.status == EVM_SUCCESS;
        if (ok) gas += result.gas_used;
        if (works) put_logs(w, result.logs, result.log_count);
    }
    jw_close(w, ']');
    if (ok) {
        jw_kv_bool(w, "ok", works);
        jw_kv_qty(w, "gasUsed", gas);
        put_revert(call, works ? NULL : &result, i - 1);
        // A proposal is done as a whole or not at all.
        if (works) {
            ok = put_state_diff(call, &f);
        } else {
            jw_key(w, "stateDiff");
            jw_raw(w, LIT("{}"));
        }
        jw_kv_qty(w, "atBlock", f.views.at);
        jw_close(w, '}');
    }
    fed_close(call, &f);
    return ok;
}

// ---- votes by signature -------------------------------------------------------------------

struct ballot {
    u256_t proposal;
    uint64_t support;
    address_t voter;
    bytes_t reason; ///< empty: none
    bytes_t signature;
};

/// id, support, voter, [signature], {reason}.
static bool read_ballot(struct rpc_call *call, struct fed_site *f, struct ballot *b,
                        bool with_signature)
{
    static const char *const words[] = {"against", "for", "abstain"};
    struct view_proposal p;
    bool found = false;
    const json_t *support = param_at(call, 1);
    const char *word = json_string_value(support);
    const size_t options_at = with_signature ? 4 : 3;
    const json_t *reason = fed_member(call, options_at, "reason");
    memset(b, 0, sizeof *b);
    b->support = UINT64_MAX;
    for (uint64_t i = 0; word != NULL && i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i]) == 0) b->support = i;
    }
    if (json_is_integer(support)) b->support = (uint64_t)json_integer_value(support);
    if (b->support == UINT64_MAX && word != NULL && strncmp(word, "0x", 2) == 0 &&
        !param_u64(call, 1, &b->support)) {
        return false;
    }
    if (b->support > 2) {
        return rpc_fail_param(call, "support", "\"against\", \"for\" or \"abstain\"", support);
    }
    if (reason != NULL && !json_is_string(reason))
        return rpc_fail_param(call, "reason", "a text", reason);
    if (reason != NULL)
        b->reason = bytes_make(json_string_value(reason), json_string_length(reason));
    if (!param_address(call, 2, &b->voter)) return false;
    if (with_signature && !param_data(call, 3, &b->signature)) return false;
    if (!fed_find_proposal(call, f, &p, &found)) return false;
    if (!found) return rpc_fail_param(call, "id", "the id of a proposal", param_at(call, 0));
    b->proposal = p.id;
    return true;
}

static void put_fields(struct json_writer *w, const char *name, const char *const fields[][2],
                       size_t count)
{
    jw_key(w, name);
    jw_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        jw_open(w, '{');
        jw_kv_str(w, "name", fields[i][0]);
        jw_kv_str(w, "type", fields[i][1]);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_dec(struct json_writer *w, const char *key, const u256_t *v)
{
    jw_key(w, key);
    jw_dec256(w, v);
}

static bool put_typed_vote(struct rpc_call *call, struct fed_site *f, const struct ballot *b)
{
    static const char *const domain_fields[][2] = {{"name", "string"},
                                                   {"version", "string"},
                                                   {"chainId", "uint256"},
                                                   {"verifyingContract", "address"}};
    static const char *const fields[][2] = {{"proposalId", "uint256"}, {"support", "uint8"},
                                            {"voter", "address"},      {"nonce", "uint256"},
                                            {"reason", "string"},      {"params", "bytes"}};
    struct abi_value domain[7];
    u256_t nonce;
    const struct abi_value voter = abi_address(&b->voter);
    if (!fed_ask(call, f, FED_CAIRN_GOVERNOR, "eip712Domain()", NULL, 0,
                 "(bytes1,string,string,uint256,address,bytes32,uint256[])", domain, 7) ||
        !fed_ask_number(call, f, FED_CAIRN_GOVERNOR, "nonces(address)", &voter, 1, &nonce)) {
        return false;
    }
    const bool extended = b->reason.len > 0;
    const char *type = extended ? "ExtendedBallot" : "Ballot";
    struct json_writer *w = &call->out;
    jw_open(w, '{');
    jw_key(w, "types");
    jw_open(w, '{');
    put_fields(w, "EIP712Domain", domain_fields, ARRAY_LEN(domain_fields));
    put_fields(w, type, fields, extended ? 6 : 4);
    jw_close(w, '}');
    jw_kv_str(w, "primaryType", type);
    jw_key(w, "domain");
    jw_open(w, '{');
    jw_key(w, "name");
    jw_str_len(w, domain[1].bytes);
    jw_key(w, "version");
    jw_str_len(w, domain[2].bytes);
    jw_kv_int(w, "chainId", (int64_t)domain[3].number.limb[0]);
    jw_kv_address(w, "verifyingContract", &domain[4].address);
    jw_close(w, '}');
    jw_key(w, "message");
    jw_open(w, '{');
    put_dec(w, "proposalId", &b->proposal);
    jw_kv_int(w, "support", (int64_t)b->support);
    jw_kv_address(w, "voter", &b->voter);
    put_dec(w, "nonce", &nonce);
    if (extended) {
        jw_key(w, "reason");
        jw_str_len(w, b->reason);
        jw_kv_data(w, "params", BYTES_NONE);
    }
    jw_close(w, '}');
    jw_close(w, '}');
    return true;
}

bool dao_typed_vote(struct rpc_call *call)
{
    struct fed_site f;
    struct ballot b;
    if (!fed_open(call, &f)) return false;
    const bool ok = read_ballot(call, &f, &b, false) && put_typed_vote(call, &f, &b);
    fed_close(call, &f);
    return ok;
}

bool dao_submit_vote(struct rpc_call *call)
{
    struct fed_site f;
    struct ballot b;
    if (!fed_open(call, &f)) return false;
    bool ok = read_ballot(call, &f, &b, true);
    if (ok && b.signature.len < 65) {
        ok = rpc_fail_param(call, "signature", "65 bytes (r, s, v), or a contract's own",
                            param_at(call, 3));
    }
    if (ok) {
        // castVoteBySig has no reason; the other has one, and parameters that this governor
        // does not use.
        const bool extended = b.reason.len > 0;
        const struct abi_value plain[] = {abi_u256(&b.proposal), abi_u64(b.support),
                                          abi_address(&b.voter), abi_bytes(b.signature)};
        const struct abi_value reason = {.kind = ABI_STRING, .bytes = b.reason};
        const struct abi_value full[] = {
            plain[0], plain[1], plain[2], reason, abi_bytes(BYTES_NONE), plain[3]};
        ok = extended
                 ? fed_put_call_of(call, FED_CAIRN_GOVERNOR,
                                   "castVoteWithReasonAndParamsBySig(uint256,uint8,address,string,"
                                   "bytes,bytes)",
                                   full, ARRAY_LEN(full))
                 : fed_put_call_of(call, FED_CAIRN_GOVERNOR,
                                   "castVoteBySig(uint256,uint8,address,bytes)", plain,
                                   ARRAY_LEN(plain));
    }
    fed_close(call, &f);
    return ok;
}

// SPDX-License-Identifier: Apache-2.0
#include "wallet/revert.h"

#include "chain/base/endian.h"
#include "chain/base/hex.h"
#include "chain/base/u256.h"
#include "chain/fed/contracts.h"
#include "wallet/abi_json.h"
#include "wallet/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const round_states[] = {
    "none",     "open",      "sealed",    "reveal", "select", "aggregate",
    "evaluate", "challenge", "finalised", "paid",   "failed", "cancelled",
};

const char *round_state_name(uint64_t state)
{
    return state < ARRAY_LEN(round_states) ? round_states[state] : "unknown";
}

static const char *const proposal_states[] = {
    "pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed",
};

const char *proposal_state_name(uint64_t state)
{
    return state < ARRAY_LEN(proposal_states) ? proposal_states[state] : "unknown";
}

/// One known error. In `sentence`, %0 to %3 stand for arguments as they decode; %s0 is a
/// round's state, %p0 a governor's, %t0 a time or block, %a0 an amount of the token, %n0
/// left-aligned ASCII.
struct known_error {
    const char *signature;
    const char *sentence;
    const char *hint;
};

static const struct known_error errors[] = {
    // genesis/contracts/Errors.sol
    {"NotMember(address)", "%0 is no member of the federation", "the DAO admits members"},
    {"NotAllowed(address)", "%0 may not do this", NULL},
    {"WrongState(uint256,uint8,uint8)", "round %0 is in state %s1, this needs state %s2",
     "cairn round next %0"},
    {"TooEarly(uint256)", "not before %t0", "wait, then repeat the command"},
    {"TooLate(uint256)", "not after %t0", NULL},
    {"DigestMismatch()", "what is revealed is not what was committed",
     "reveal with the salt and the update of the commit"},
    {"BadLength(uint256)", "a list or byte string has the wrong length %0", NULL},
    {"WeightTooLarge(uint256,uint256)", "the weight %0 is above %1", NULL},
    {"TooFewInputs(uint256,uint256)", "%0 inputs, and %1 are needed", NULL},
    {"StakeTooLow(uint256,uint256)", "the bond is %a0, and %a1 are needed",
     "cairn reward bond ROLE AMOUNT"},
    {"AlreadyDone()", "it was done before and happens once", NULL},
    {"NotAggregator(address,address)", "this window belongs to aggregator %1, not to %0",
     "cairn round next"},
    {"BadProof()", "a proof or signature does not verify", NULL},
    {"NotValidator(address)", "%0 is not in the set of validators",
     "cairn call ValidatorSet getValidators"},
    {"Unknown(bytes32)", "nothing has the identifier %0", NULL},
    {"Tainted(bytes32)", "version %0 was revoked", NULL},
    {"BadParameter(bytes32)", "the parameter %n0 is out of its bounds", NULL},
    {"NormExceeded(uint256,uint256)", "the update's norm %0 is above the bound %1", NULL},
    {"MintCapExceeded(uint256,uint256)", "minting %a0, and this year's cap leaves %a1", NULL},
    // OpenZeppelin
    {"ERC20InsufficientBalance(address,uint256,uint256)", "%0 has %a1 and needs %a2", NULL},
    {"ERC20InsufficientAllowance(address,uint256,uint256)",
     "%0 is allowed to take %a1 and needs %a2", "approve the amount first"},
    {"ERC20InvalidReceiver(address)", "%0 cannot receive tokens", NULL},
    {"ERC20InvalidSender(address)", "%0 cannot send tokens", NULL},
    {"OwnableUnauthorizedAccount(address)", "%0 is not the owner", NULL},
    {"AccessControlUnauthorizedAccount(address,bytes32)", "%0 lacks the role %1",
     "such things are decided by a proposal: cairn dao propose"},
    {"GovernorUnexpectedProposalState(uint256,uint8,bytes32)",
     "the proposal is %p1, which does not allow this now", "cairn dao show ID"},
    {"GovernorNonexistentProposal(uint256)", "there is no proposal %0", "cairn dao list"},
    {"GovernorAlreadyCastVote(address)", "%0 has voted already", NULL},
    {"GovernorInsufficientProposerVotes(address,uint256,uint256)",
     "%0 has %a1 votes and needs %a2 to propose", "cairn dao power"},
    {"GovernorOnlyExecutor(address)", "only the timelock may do this, not %0", "cairn dao propose"},
    {"GovernorNotQueuedProposal(uint256)", "proposal %0 is not queued", "cairn dao queue"},
    {"GovernorAlreadyQueuedProposal(uint256)", "proposal %0 is queued already", NULL},
    {"TooManyOpenProposals(address)", "%0 has ten undecided proposals already", "cairn dao list"},
    {"ObligationsOpen(uint256)", "%0 rounds that are not over hold the account", NULL},
    {"GovernorInvalidVoteType()", "a vote is for, against or abstain", NULL},
    {"GovernorInvalidSignature(address)", "the vote's signature is not from %0", NULL},
    {"GovernorInvalidProposalLength(uint256,uint256,uint256)",
     "a proposal's lists differ in length", NULL},
    {"TimelockUnexpectedOperationState(bytes32,bytes32)",
     "the timelock has not run out yet (or the operation is done)", "cairn dao show ID"},
    {"TimelockInsufficientDelay(uint256,uint256)", "a delay of %0 s, at least %1 s", NULL},
    {"TimelockUnauthorizedCaller(address)", "only the timelock itself may do this", NULL},
    {"ERC5805FutureLookup(uint256,uint48)", "asked about block %0, it is block %1 now", NULL},
    {"ERC6372InconsistentClock()", "the clock is inconsistent", NULL},
    {"InvalidAccountNonce(address,uint256)", "the nonce of %0 is %1 now", NULL},
    {"ReentrancyGuardReentrantCall()", "a call came back into the contract", NULL},
    {"FailedCall()", "a call that this one makes fails", NULL},
    {"AddressEmptyCode(address)", "%0 has no code", NULL},
    {"SafeCastOverflowedUintDowncast(uint8,uint256)", "the number %1 needs more than %0 bits",
     NULL},
    {"SafeERC20FailedOperation(address)", "the token %0 refused", NULL},
};

/// Errors of OpenZeppelin 5's other contracts (and two of 4.9): whoever uses the wallet with a
/// contract of their own meets these. Shown as name and arguments.
static const char *const common[] = {
    "AccessControlBadConfirmation()",
    "AccessControlEnforcedDefaultAdminDelay(uint48 schedule)",
    "AccessControlEnforcedDefaultAdminRules()",
    "AccessControlInvalidDefaultAdmin(address defaultAdmin)",
    "AccessManagedInvalidAuthority(address authority)",
    "AccessManagedRequiredDelay(address caller, uint32 delay)",
    "AccessManagedUnauthorized(address caller)",
    "AccessManagerAlreadyScheduled(bytes32 operationId)",
    "AccessManagerExpired(bytes32 operationId)",
    "AccessManagerNotReady(bytes32 operationId)",
    "AccessManagerNotScheduled(bytes32 operationId)",
    "AccessManagerUnauthorizedAccount(address msgsender, uint64 roleId)",
    "AccessManagerUnauthorizedCall(address caller, address target, bytes4 selector)",
    "AddressInsufficientBalance(address account)",
    "BeaconInvalidImplementation(address implementation)",
    "Create2EmptyBytecode()",
    "ERC1155InsufficientBalance(address sender, uint256 balance, uint256 needed, uint256 tokenId)",
    "ERC1155InvalidApprover(address approver)",
    "ERC1155InvalidArrayLength(uint256 idsLength, uint256 valuesLength)",
    "ERC1155InvalidOperator(address operator)",
    "ERC1155InvalidReceiver(address receiver)",
    "ERC1155InvalidSender(address sender)",
    "ERC1155MissingApprovalForAll(address operator, address owner)",
    "ERC1363ApproveFailed(address spender, uint256 value)",
    "ERC1363InvalidReceiver(address receiver)",
    "ERC1363InvalidSpender(address spender)",
    "ERC1363TransferFailed(address receiver, uint256 value)",
    "ERC1967InvalidAdmin(address admin)",
    "ERC1967InvalidBeacon(address beacon)",
    "ERC1967InvalidImplementation(address implementation)",
    "ERC1967NonPayable()",
    "ERC20InvalidUnderlying(address token)",
    "ERC2771ForwarderExpiredRequest(uint48 deadline)",
    "ERC2771ForwarderInvalidSigner(address signer, address from)",
    "ERC2771ForwarderMismatchedValue(uint256 requestedValue, uint256 msgValue)",
    "ERC2771UntrustfulTarget(address target, address forwarder)",
    "ERC2981InvalidDefaultRoyalty(uint256 numerator, uint256 denominator)",
    "ERC2981InvalidDefaultRoyaltyReceiver(address receiver)",
    "ERC4626ExceededMaxDeposit(address receiver, uint256 assets, uint256 max)",
    "ERC4626ExceededMaxMint(address receiver, uint256 shares, uint256 max)",
    "ERC4626ExceededMaxRedeem(address owner, uint256 shares, uint256 max)",
    "ERC4626ExceededMaxWithdraw(address owner, uint256 assets, uint256 max)",
    "ERC721EnumerableForbiddenBatchMint()",
    "ERC721ForbiddenBatchMint()",
    "ERC721IncorrectOwner(address sender, uint256 tokenId, address owner)",
    "ERC721InsufficientApproval(address operator, uint256 tokenId)",
    "ERC721InvalidApprover(address approver)",
    "ERC721InvalidOperator(address operator)",
    "ERC721InvalidOwner(address owner)",
    "ERC721InvalidReceiver(address receiver)",
    "ERC721InvalidSender(address sender)",
    "ERC721NonexistentToken(uint256 tokenId)",
    "ERC721OutOfBoundsIndex(address owner, uint256 index)",
    "EnforcedPause()",
    "EnumerableMapNonexistentKey(bytes32 key)",
    "ExpectedPause()",
    "FailedDeployment()",
    "FailedInnerCall()",
    "InsufficientBalance(uint256 balance, uint256 needed)",
    "InvalidInitialization()",
    "MathOverflowedMulDiv()",
    "NotInitializing()",
    "OwnableInvalidOwner(address owner)",
    "PaymentFailed()",
    "ProxyDeniedAdminAccess()",
    "ProxyIndeterminate()",
    "QueueEmpty()",
    "QueueFull()",
    "SafeCastOverflowedIntDowncast(uint8 bits, int256 value)",
    "SafeCastOverflowedIntToUint(int256 value)",
    "SafeCastOverflowedUintToInt(uint256 value)",
    "SafeERC20FailedDecreaseAllowance(address spender, uint256 current, uint256 requested)",
    "StringsInsufficientHexLength(uint256 value, uint256 length)",
    "StringsInvalidAddressFormat()",
    "StringsInvalidChar()",
    "UUPSUnauthorizedCallContext()",
    "UUPSUnsupportedProxiableUUID(bytes32 slot)",
};

/// Appends argument `arg` formatted as `form` says.
static void put_argument(struct buf *b, char form, const json_t *arg)
{
    const char *s = json_string_value(arg);
    if (s == NULL) {
        buf_put_str(b, json_is_true(arg) ? "true" : (json_is_false(arg) ? "false" : "?"));
        return;
    }
    u256_t n;
    const bool number = err_ok(u256_parse(&n, bytes_of_str(s)));
    if ((form == 's' || form == 'p') && number && u256_fits_u64(&n)) {
        buf_put_str(b, form == 's' ? round_state_name(n.limb[0]) : proposal_state_name(n.limb[0]));
    } else if (form == 'a' && number) {
        buf_printf(b, "%s CAIRN", text_amount(&n, 18).s);
    } else if (form == 't' && number && u256_fits_u64(&n)) {
        // Times are above a thousand million, block numbers are not.
        if (n.limb[0] > 1000000000)
            buf_printf(b, "%s", text_time(n.limb[0]).s);
        else
            buf_printf(b, "block %" PRIu64, n.limb[0]);
    } else if (form == 'n') {
        uint8_t raw[32];
        size_t len = 0;
        if (err_ok(hex_decode(raw, sizeof raw, &len, bytes_of_str(s)))) {
            while (len > 0 && raw[len - 1] == 0) len--;
            for (size_t i = 0; i < len; i++) buf_put_u8(b, raw[i] == 0 ? '.' : raw[i]);
        }
    } else {
        buf_put_str(b, s);
    }
}

static void expand(char *out, size_t cap, const char *template, const json_t *args)
{
    struct buf b;
    buf_init(&b, 4096);
    for (const char *p = template; *p != 0; p++) {
        if (*p != '%') {
            buf_put_u8(&b, (uint8_t)*p);
            continue;
        }
        p++;
        char form = 0;
        if (*p >= 'a' && *p <= 'z') form = *p++;
        put_argument(&b, form, json_array_get(args, (size_t)(*p - '0')));
    }
    buf_put_u8(&b, 0);
    (void)snprintf(out, cap, "%s", b.full ? template : (const char *)b.data);
    buf_deinit(&b);
}

static bool has_selector(const char *signature, bytes_t data)
{
    uint8_t selector[4];
    return err_ok(abi_json_selector(selector, signature)) && memcmp(selector, data.data, 4) == 0;
}

/// An error by its declaration alone: name and arguments.
static void decode_as(struct revert_reason *out, bytes_t data, const char *decl)
{
    (void)snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(decl, "("), decl);
    struct buf b;
    buf_init(&b, REVERT_TEXT - 1);
    abi_revert_print(&b, data, &decl, 1);
    (void)snprintf(out->text, sizeof out->text, "%.*s", (int)b.len, (const char *)b.data);
    buf_deinit(&b);
    (void)err_ok(abi_json_decode(&out->args, decl, bytes_make(data.data + 4, data.len - 4)));
}

/// An error of the system contracts, or a common one, without a sentence of its own.
static bool decode_listed(struct revert_reason *out, bytes_t data)
{
    const uint32_t selector = be_get_u32(data.data);
    for (size_t i = 0; i < fed_item_count; i++) {
        if (fed_items[i].kind != FED_ITEM_ERROR || fed_items[i].selector != selector) continue;
        decode_as(out, data, fed_items[i].decl);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(common); i++) {
        if (!has_selector(common[i], data)) continue;
        decode_as(out, data, common[i]);
        return true;
    }
    return false;
}

/// Bytes that mean nothing here, as they are: a person may know them.
static void show_raw(struct revert_reason *out, const char *lead, bytes_t data)
{
    char hex[2 * REVERT_RAW_SHOWN + 1];
    const size_t shown = data.len > REVERT_RAW_SHOWN ? REVERT_RAW_SHOWN : data.len;
    hex_encode(hex, bytes_make(data.data, shown));
    (void)snprintf(out->text, sizeof out->text, "%s 0x%s%s", lead, hex,
                   shown < data.len ? ".. (--json has all)" : "");
}

void revert_decode(struct revert_reason *out, bytes_t data)
{
    *out = (struct revert_reason){0};
    if (data.len == 0) {
        (void)snprintf(out->text, sizeof out->text, "the contract gave no reason");
        return;
    }
    if (data.len < 4) {
        show_raw(out, "the contract gave bytes without meaning:", data);
        return;
    }
    const bytes_t rest = {data.data + 4, data.len - 4};
    const struct abi_revert r = abi_revert_decode(data);
    if (r.kind == ABI_REVERT_ERROR) {
        (void)snprintf(out->name, sizeof out->name, "Error");
        (void)snprintf(out->text, sizeof out->text, "%.*s",
                       (int)(r.message.len > REVERT_TEXT ? REVERT_TEXT : r.message.len),
                       (const char *)r.message.data);
        out->args = json_pack("[s]", out->text);
        return;
    }
    if (r.kind == ABI_REVERT_PANIC) {
        (void)snprintf(out->name, sizeof out->name, "Panic");
        (void)snprintf(out->text, sizeof out->text, "the contract stopped: %s",
                       abi_panic_text(&r.panic_code));
        out->args = json_pack("[s]", u256_dec(&r.panic_code).s);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (!has_selector(errors[i].signature, data)) continue;
        const char *s = errors[i].signature;
        (void)snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(s, "("), s);
        json_t *args = NULL;
        if (!err_ok(abi_json_decode(&args, s, rest))) {
            (void)snprintf(out->text, sizeof out->text, "%s, with unreadable arguments", out->name);
            return;
        }
        expand(out->text, sizeof out->text, errors[i].sentence, args);
        if (errors[i].hint != NULL) expand(out->hint, sizeof out->hint, errors[i].hint, args);
        out->args = args;
        return;
    }
    if (decode_listed(out, data)) return;
    char selector[9];
    hex_encode(selector, bytes_make(data.data, 4));
    char lead[64];
    (void)snprintf(lead, sizeof lead, "an error unknown here, selector 0x%s, data", selector);
    show_raw(out, lead, data);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The one way in which the wallet writes: simulate, show, ask, sign, send, wait, explain.
///
///     simulate --13--> show, ask --17--> sign --15--> (keep) --> send --10,11--> wait --14--> 12 or 0
///
/// Nothing has left this machine before `send`; afterwards the hash is in every answer.

#include "wallet/ctx.h"
#include "wallet/tx_build.h"

/// What became of a transaction.
struct sent {
    hash_t hash;
    bool left;     ///< bytes may have reached the node: from here on the hash counts
    bool included; ///< false: --no-wait, --dry-run or --unsigned ended it earlier
    uint64_t block;
    uint64_t gas_used;
    bool has_contract_address;
    address_t contract_address;
    json_t *receipt; ///< NULL unless included; owned
};
/// Frees what it owns; it is empty afterwards.
void sent_deinit(struct sent *s);

/// Does all of the above from the account of --account. `what` is the question ("Send 12
/// CAIRN to 0x..") and goes into the summary. Fills hash, block, status, gasUsed, result
/// of the answer. On failure `*out` owns nothing, but `left` says whether anything left.
/// @return EXIT_SIMULATION, EXIT_DECLINED, EXIT_ACCOUNT, EXIT_PENDING, EXIT_REVERTED, ...
enum exit_code send_tx(struct ctx *ctx, struct sent *out, const struct tx_intent *intent,
                       const char *what);

/// As send_tx; the signed bytes are in the file `keep` (0600, synced, replaced) before
/// they leave, so that send_kept can go on after a crash.
enum exit_code send_tx_keeping(struct ctx *ctx, struct sent *out, const struct tx_intent *intent,
                               const char *what, const char *keep);

/// Goes on with the transaction kept in `keep`: sends the same bytes again unless they are
/// in a block, and waits. `*gone` is true if it can never be included any more (another
/// one took its nonce), or there is no such file; then nothing was sent.
enum exit_code send_kept(struct ctx *ctx, struct sent *out, bool *gone, const char *keep);

/// send_tx of a function; takes over `args`.
enum exit_code send_function(struct ctx *ctx, struct sent *out, const address_t *to,
                             const char *signature, json_t *args, const char *what);

/// Replaces a pending transaction of ours by one with the same nonce and a fee that is at
/// least an eighth higher: the same call, or with `cancel` nothing at all, to oneself.
/// `old` is decoded, with its sender.
enum exit_code send_replacement(struct ctx *ctx, struct sent *out, const struct tx *old,
                                bool cancel, const char *what);

/// Sends a transaction that is signed already; it must be for this chain. Asks first.
enum exit_code send_signed(struct ctx *ctx, struct sent *out, const struct tx *tx,
                           const char *what);

/// Waits for a transaction by its hash and says what became of it.
/// @return EXIT_PENDING after --timeout, EXIT_REVERTED
enum exit_code send_wait(struct ctx *ctx, struct sent *out, const hash_t *hash);

/// Signs a transaction without a node after showing it; `tx` is complete but for its
/// signature, whose bytes go to `arena`.
enum exit_code send_sign_only(struct ctx *ctx, struct tx *tx, struct arena *arena,
                              const address_t *from);

/// The decoded logs of this event in a receipt, as contract_logs gives them.
json_t *sent_logs(const struct sent *s, const address_t *from, const char *declaration);

/// A transaction as JSON, unsigned: what --unsigned writes and `cairn tx sign` reads.
json_t *send_tx_object(const struct tx *tx, const address_t *from);

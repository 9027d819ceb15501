// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The inside of vm/overlay.h, for the folder that executes on it.
///
/// Accounts and slots are loaded from the view on first use and then stay at fixed places
/// in the overlay's arena, so a frame keeps a pointer to its own account. Each change
/// inside a transaction first writes the old value to the journal; a checkpoint is the
/// journal's length, a rollback plays it backwards.
///
/// What lasts one transaction only (warm, touched, created, the original value of a slot)
/// is stamped with the transaction's number and counts as absent when the stamp is old:
/// nothing is cleared between transactions. In the same way a slot carries the generation
/// of its account's storage: after an account was deleted, old slots are zero.
///
///     view --load--> entry.base (never changes) --write--> entry.now  (journal: old now)
///     diff = entries whose now differs from base

#include "vm/overlay.h"

/// An account as it was and as it is.
struct acct {
    address_t address;
    bool existed; ///< in the view
    bool exists;
    bool code_loaded;
    bool warm;       ///< EIP-2929; with `tx`
    bool touched;    ///< EIP-161; with `tx`
    bool created;    ///< by this transaction (EIP-6780); with `tx`
    bool destructed; ///< SELFDESTRUCT is to delete it; with `tx`
    bool listed;     ///< in the overlay's list of accounts to look at when tx ends
    bool has_slots;  ///< a slot of this generation was ever written non-zero
    bool is_precompile;
    uint32_t tx;         ///< the transaction the flags above are about
    uint32_t generation; ///< of its storage: how often it was deleted
    struct account now;
    struct account base;
    bytes_t code; ///< of now.code_hash, if code_loaded
    struct slot *slots;
    struct acct *next;        ///< all accounts of the overlay
    struct acct *next_listed; ///< of this transaction
};

/// A storage slot. Keys are words here and hashes outside.
struct slot {
    struct acct *account;
    struct slot *next; ///< of the same account
    u256_t key;
    u256_t now;
    u256_t original; ///< when the transaction began (EIP-2200); with `tx`
    u256_t base;     ///< in the view
    uint32_t tx;
    uint32_t generation;
    bool warm; ///< EIP-2929; with `tx`
};

/// A transient slot (EIP-1153); zero unless its stamp is this transaction's.
struct transient {
    struct acct *account;
    u256_t key;
    u256_t now;
    uint32_t tx;
};

enum change_kind {
    CHANGE_SLOT,
    CHANGE_SLOT_WARM,
    CHANGE_TRANSIENT,
    CHANGE_BALANCE,
    CHANGE_NONCE,
    CHANGE_CODE,
    CHANGE_WARM,
    CHANGE_TOUCHED,
    CHANGE_CREATED,
    CHANGE_DESTRUCTED,
    CHANGE_EXISTS,
};

/// One entry of the journal: what was there before.
struct change {
    enum change_kind kind;
    void *what; ///< struct acct, slot or transient
    union {
        u256_t word;
        uint64_t nonce;
        bool flag;
        struct {
            hash_t hash;
            bytes_t bytes;
        } code;
    } old;
};

struct table_bucket {
    uint64_t hash;
    void *entry; ///< NULL if free
};

/// Open addressing, linear probing, doubled at half full.
struct table {
    struct table_bucket *buckets;
    size_t cap; ///< power of two
    size_t count;
};

/// A stretch of reserved memory used as one growing array.
struct stretch {
    struct arena arena;
    uint8_t *base;
    size_t len; ///< elements
    size_t cap; ///< elements
};

struct overlay {
    struct state_view view;
    struct arena arena; ///< entries, tables, codes, log data
    struct stretch journal;
    struct stretch logs;
    struct table accounts;
    struct table slots;
    struct table transients;
    struct acct *all;    ///< every account entry
    struct acct *listed; ///< those of this transaction
    size_t account_count;
    uint64_t seed;
    uint32_t tx;    ///< number of the current transaction
    size_t tx_logs; ///< where its logs begin
    int64_t refund; ///< of this transaction
    err_t err;      ///< why a function said NULL or false
};

/// A point to return to.
struct checkpoint {
    size_t journal;
    size_t logs;
    int64_t refund;
};

static inline struct checkpoint overlay_checkpoint(const struct overlay *o)
{
    return (struct checkpoint){o->journal.len, o->logs.len, o->refund};
}

/// Undoes everything since `to`.
void overlay_rollback(struct overlay *o, struct checkpoint to);

/// Begins a transaction: empty journal, nothing warm, no refund.
void overlay_tx_begin(struct overlay *o);

/// Ends it: deletes what destructed itself and, with `clear_empty` (EIP-161), touched
/// empty accounts.
void overlay_tx_end(struct overlay *o, bool clear_empty);

/// The account, loaded if it was not. NULL: see o->err.
struct acct *overlay_account(struct overlay *o, const address_t *a);

/// The account if it is here already; NULL otherwise. Never asks the view.
struct acct *overlay_find(struct overlay *o, const address_t *a);

/// The slot, loaded if it was not. NULL: see o->err.
struct slot *overlay_slot(struct overlay *o, struct acct *a, const u256_t *key);
/// The slot if it is here already; NULL otherwise.
struct slot *overlay_find_slot(struct overlay *o, struct acct *a, const u256_t *key);

/// The code of an account, loaded if it was not. @return false: see o->err
MUST_USE bool overlay_code(struct overlay *o, struct acct *a, bytes_t *code);

/// True if it is warm in this transaction.
static inline bool acct_is_warm(const struct overlay *o, const struct acct *a)
{
    return a->tx == o->tx && a->warm;
}

static inline bool slot_is_warm(const struct overlay *o, const struct slot *s)
{
    return s->tx == o->tx && s->warm;
}

/// EIP-161: nothing there (an account that does not exist is empty too).
static inline bool acct_is_empty(const struct acct *a)
{
    return !a->exists || account_is_empty(&a->now);
}

/// EIP-684 and 7610: no contract may be created here.
bool acct_collides(const struct acct *a);

// Journalled changes. They return false only if memory is full (o->err).
/// The account is warm from now on (EIP-2929).
MUST_USE bool overlay_warm(struct overlay *o, struct acct *a);
/// The slot is warm from now on (EIP-2929).
MUST_USE bool overlay_warm_slot(struct overlay *o, struct slot *s);
/// EIP-161's touch, or, before it, the creation of an account that does not exist.
MUST_USE bool overlay_touch(struct overlay *o, struct acct *a, bool creates);
/// The slot has this value from now on.
MUST_USE bool overlay_write_slot(struct overlay *o, struct slot *s, const u256_t *value);
/// Sets the balance; the account exists from now on.
MUST_USE bool overlay_write_balance(struct overlay *o, struct acct *a, const u256_t *wei);
/// Sets the nonce; the account exists from now on.
MUST_USE bool overlay_write_nonce(struct overlay *o, struct acct *a, uint64_t nonce);
/// `code` must stay valid as long as the overlay; its hash is computed here.
MUST_USE bool overlay_write_code(struct overlay *o, struct acct *a, bytes_t code);
/// Marks the account as made by this transaction (it exists from now on).
MUST_USE bool overlay_write_created(struct overlay *o, struct acct *a);
/// The account goes when the transaction ends.
MUST_USE bool overlay_write_destructed(struct overlay *o, struct acct *a);
/// The transient slot has this value until the transaction ends (EIP-1153).
MUST_USE bool overlay_write_transient(struct overlay *o, struct acct *a, const u256_t *key,
                                      const u256_t *value);
/// What overlay_write_transient wrote in this transaction; else zero.
u256_t overlay_read_transient(struct overlay *o, struct acct *a, const u256_t *key);

/// Appends a log; its data is copied.
MUST_USE bool overlay_log(struct overlay *o, const address_t *address, const hash_t *topics,
                          unsigned topic_count, bytes_t data);

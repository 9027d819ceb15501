// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keys, records and walks (views_store.c) that views_apply.c and views_records.c, which write,
/// and views.c, which answers, share.

#include "chain/base/buf.h"
#include "chain/base/u256.h"
#include "chain/fed/views.h"

/// First byte of a key of `views`, and what follows it -> the value. Each key ends with ~block
/// (views.h), which is not shown here; what is marked "" has one byte, since an empty value says
/// that the entry is gone. All keys of a kind are equally long.
enum view_kind {
    KIND_FAMILY = 1,     ///< id -> record
    KIND_FAMILY_ORDER,   ///< place -> id
    KIND_VERSION,        ///< id -> record
    KIND_VERSION_NUMBER, ///< family, be32 number -> id
    KIND_FILE,           ///< sha256, version -> ""
    KIND_CHANNEL,        ///< family, name -> record
    KIND_PARENT,         ///< child, place -> parent
    KIND_CHILD,          ///< parent, place -> child
    KIND_ROUND,          ///< be64 number -> record
    KIND_ROUND_OF,       ///< family, be64 number -> ""
    KIND_PARTICIPANT,    ///< be64 round, address -> record
    KIND_ROUND_WITH,     ///< address, be64 round -> ""
    KIND_SCORES,         ///< be64 round -> 32-byte words
    KIND_CLAIM,          ///< be64 round, place -> record
    KIND_PROPOSAL,       ///< id -> record
    KIND_PROPOSAL_DATA,  ///< id -> data of ProposalCreated
    KIND_PROPOSAL_ORDER, ///< place -> id
    KIND_VOTE,           ///< proposal, place -> record
    KIND_DELEGATE,       ///< to, from -> ""
    KIND_SUBJECT,        ///< enum view_subject, id, place -> ""
};

/// A key under construction. A place is be64 block, be32 log index.
struct view_key {
    uint8_t b[80];
    size_t len;
};

/// An empty key of a kind; the others append to it.
struct view_key view_key(enum view_kind kind);
/// Appends 32 bytes.
void view_key_hash(struct view_key *k, const hash_t *h);
/// Appends 20 bytes.
void view_key_address(struct view_key *k, const address_t *a);
/// Appends be64.
void view_key_u64(struct view_key *k, uint64_t v);
/// Appends be32.
void view_key_u32(struct view_key *k, uint32_t v);
/// Appends a place.
void view_key_place(struct view_key *k, const struct view_at *at);

static inline bytes_t view_key_bytes(const struct view_key *k)
{
    return (bytes_t){k->b, k->len};
}

/// How a record lies in the store: the RLP list of its fields in this order.
enum view_field_kind { F_U8, F_U32, F_U64, F_BOOL, F_HASH, F_ADDRESS, F_U256, F_BYTES, F_AT };
struct view_field {
    enum view_field_kind kind;
    size_t offset;
};
struct view_form {
    const struct view_field *fields;
    size_t count;
    size_t size; ///< of the struct
};

extern const struct view_form VIEW_FAMILY_FORM;
extern const struct view_form VIEW_VERSION_FORM;
extern const struct view_form VIEW_CHANNEL_FORM;
extern const struct view_form VIEW_ROUND_FORM;
extern const struct view_form VIEW_PARTICIPANT_FORM;
extern const struct view_form VIEW_CLAIM_FORM;
extern const struct view_form VIEW_PROPOSAL_FORM; ///< without created_data
extern const struct view_form VIEW_VOTE_FORM;
extern const struct view_form VIEW_EVENT_FORM; ///< without topics, which follow as one string

/// The value of a key. ERR_NOT_FOUND
MUST_USE err_t view_find(const struct views *v, const struct view_key *key, bytes_t *out);
/// Writes a value as of block `at`; an empty one takes the key away.
MUST_USE err_t view_set(struct db_txn *txn, uint64_t at, const struct view_key *key, bytes_t value);
/// The value of entries whose key says it all.
#define VIEW_THERE LIT("\1")

/// ERR_NOT_FOUND; ERR_CORRUPT if it does not have the form.
MUST_USE err_t view_get(const struct views *v, const struct view_form *form,
                        const struct view_key *key, void *out);
/// Writes a record as of block `at`.
MUST_USE err_t view_put(struct db_txn *txn, uint64_t at, const struct view_form *form,
                        const struct view_key *key, const void *in);
/// A record from its stored form; unset fields are zero. ERR_CORRUPT
MUST_USE err_t view_decode(const struct view_form *form, void *out, bytes_t stored);

/// The event that a system contract logs with this first topic; FED_EVENTS if there is none.
enum fed_event view_event_of(const address_t *address, const hash_t *topic);

/// Changes the records as an event says, which has all its topics and words.
MUST_USE err_t view_apply_event(struct db_txn *txn, const struct view_event *e);

/// Writes an event under its place; places ascend.
MUST_USE err_t view_event_put(struct db_txn *txn, const struct view_event *e);
/// ERR_NOT_FOUND, ERR_CORRUPT
MUST_USE err_t view_event_get(const struct db_txn *txn, struct view_event *out, uint64_t block,
                              uint32_t log_index);

/// Walks over keys, one step per key whatever its rows, that were there after block `v->at`.
struct view_walk {
    struct db_cursor *cursor;
    uint64_t at;
    bytes_t key;   ///< of the store, the block at its end included
    bytes_t value; ///< of the row in force
    bool backward;
};
/// Puts the walk on the first key from `from` on (backward: below it). ERR_NOT_FOUND at the end.
MUST_USE err_t view_walk_open(struct view_walk *w, const struct views *v,
                              const struct view_key *from, bool backward);
MUST_USE err_t view_walk_next(struct view_walk *w);
void view_walk_close(struct view_walk *w);
/// The key the walk stands on, without the block.
bytes_t view_walk_key(const struct view_walk *w);

/// An entry met on a walk: what follows the prefix in its key, and its value.
struct view_entry {
    bytes_t rest;
    bytes_t value;
};

/// A page of the keys that begin with `prefix`.
MUST_USE err_t view_scan(const struct views *v, struct arena *arena, const struct views_page *page,
                         const struct view_key *prefix, struct view_entry **out, size_t *count,
                         bytes_t *next);

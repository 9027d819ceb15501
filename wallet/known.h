// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The system contracts by name: what a call or a log of theirs says, in words.

#include "chain/base/buf.h"
#include "chain/fed/contracts.h"
#include "wallet/contract.h"
#include "wallet/ctx.h"
#include "wallet/send.h"

/// The address of a system contract by its name ("Rounds"); false if there is none.
bool known_address(address_t *out, const char *name);

/// The declaration of a function of the system contract at `to` by its name, or NULL.
const char *known_function(const address_t *to, const char *name);

/// The declaration of an event of the system contract at `at` by its name, or NULL.
const char *known_event(const address_t *at, const char *name);

/// A call of a system contract as {contract, function, args}; NULL if it is none.
json_t *known_call(const address_t *to, bytes_t data);

/// The logs of a receipt that come from system contracts, as [{contract, event, args}].
json_t *known_logs(const json_t *logs);

/// Prints what known_call and known_logs made.
void known_print_call(struct ctx *ctx, const json_t *call);
void known_print_logs(struct ctx *ctx, const json_t *logs);

/// Appends decoded arguments as " a=1 b=0x..", long ones cut.
void known_put_args(struct buf *b, const json_t *args);

/// The name of a system contract at this address, or NULL.
const char *known_contract_name(const address_t *a);

/// Reading and writing the system contracts by function and event names. All take over
/// `args` and are else as the functions of wallet/contract.h.
enum exit_code known_view(struct ctx *ctx, json_t **out, enum fed_contract c, const char *function,
                          json_t *args);
enum exit_code known_view_try(struct ctx *ctx, json_t **out, enum fed_contract c,
                              const char *function, json_t *args);

/// A view with one value, which becomes `*out`.
enum exit_code known_value(struct ctx *ctx, json_t **out, enum fed_contract c, const char *function,
                           json_t *args);
enum exit_code known_u64(struct ctx *ctx, uint64_t *out, enum fed_contract c, const char *function,
                         json_t *args);
enum exit_code known_u256(struct ctx *ctx, u256_t *out, enum fed_contract c, const char *function,
                          json_t *args);
enum exit_code known_write(struct ctx *ctx, struct sent *out, enum fed_contract c,
                           const char *function, json_t *args, const char *what);
enum exit_code known_find_logs(struct ctx *ctx, json_t **out, enum fed_contract c,
                               const char *event, const char *const topics[4]);
json_t *known_receipt_logs(const struct sent *s, enum fed_contract c, const char *event);

/// A topic of a number or an address, for filters.
struct topic_text {
    char s[67];
};
struct topic_text topic_u64(uint64_t v);
/// The same of an address.
struct topic_text topic_address(const address_t *a);

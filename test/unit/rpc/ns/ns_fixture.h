// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A real node in this process for tests of methods: one validator, blocks on demand, system
/// contracts, and the table of methods.def behind the dispatcher. No HTTP.

#include <criterion/criterion.h>
#include <jansson.h>

#include "chain/codec/abi.h"
#include "chain/fed/contracts.h"
#include "rpc/cairnd/genesis_file.h"
#include "rpc/jsonrpc/dispatch.h"
#include "rpc/ns/env.h"
#include "test/support/temp_dir.h"

/// Key of account 0 of the developers' mnemonic.
#define RICH_KEY "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
#define OTHER "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"

struct ns_fixture {
    struct temp_dir temporary;
    char *dir;
    struct arena arena;
    struct genesis genesis;
    struct buf genesis_text;
    struct secret_key *node_key;
    struct secret_key *rich;
    address_t rich_address;
    address_t other;
    struct node *node;
    struct rpc_env env;
    struct rpc_dispatcher *dispatcher;
    uint64_t nonce;
};

/// Starts a node whose only member, holder and aggregator is account 0.
void ns_start(struct ns_fixture *f);
void ns_stop(struct ns_fixture *f);

/// The whole answer to one call; the caller drops it.
json_t *answer(struct ns_fixture *f, const char *method, const char *params);
/// The result, which must be one; the caller drops it.
json_t *ask(struct ns_fixture *f, const char *method, const char *params);
/// The result is this text.
void expect_text(struct ns_fixture *f, const char *method, const char *params, const char *want);
/// The answer is an error with this code, whose message begins so.
void expect_error(struct ns_fixture *f, const char *method, const char *params, int code,
                  const char *starts);
/// A member that must be a text, or a quantity.
const char *text_at(const json_t *object, const char *key);
uint64_t number_at(const json_t *object, const char *key);

/// A signed transaction's raw bytes as a parameter list: ["0x.."]. free() it.
char *signed_params(struct ns_fixture *f, const address_t *to, bytes_t data, uint64_t value,
                    uint64_t nonce);
/// Sends and waits for the receipt, which must say success.
json_t *transact(struct ns_fixture *f, const address_t *to, bytes_t data, uint64_t value);
/// Calls a system contract in a transaction.
json_t *invoke(struct ns_fixture *f, enum fed_contract contract, const char *signature,
               const struct abi_value *args, size_t count);

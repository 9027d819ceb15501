// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The wallet's accounts: one keystore file each (version 3, scrypt, mode 0600), named
/// NAME.json in the folder `keystore` of the wallet's data.

#include "chain/crypto/secp.h"
#include "chain/crypto/secret.h"
#include "wallet/ctx.h"

struct account {
    char name[72]; ///< empty if the address is not ours
    address_t address;
    char *path; ///< of the keystore file; heap, NULL if the address is not ours
};

/// Frees what an account owns; it is empty afterwards.
void account_deinit(struct account *a);

/// Finds an account by name or address. @return EXIT_ACCOUNT if there is none of ours
enum exit_code account_find(struct ctx *ctx, struct account *out, const char *name_or_address);

/// An address by name of an own account, or as it is written.
enum exit_code account_resolve(struct ctx *ctx, address_t *out, const char *name_or_address);

/// The account of --account; without one the only account there is. With --unsigned or
/// --dry-run it may be an address that is not ours.
/// @return EXIT_ACCOUNT if there is none, EXIT_USAGE if there are several
enum exit_code account_sender(struct ctx *ctx, struct account *out);

/// The address of --account, which need not be ours: for questions.
enum exit_code account_viewer(struct ctx *ctx, address_t *out);

/// All own accounts as [{name, address}], sorted by name. New reference.
enum exit_code account_list(struct ctx *ctx, json_t **out);

/// Asks for the password and decrypts; on a terminal three tries. The caller frees the
/// key. @return EXIT_ACCOUNT for a wrong password
enum exit_code account_unlock(struct ctx *ctx, struct secret_key **out, const struct account *a);

/// Unlocks the account and signs one digest with it.
enum exit_code account_sign(struct ctx *ctx, secp_sig_t *out, const struct account *a,
                            const hash_t *digest);

/// Decrypts a keystore file whose password the person types (`prompt`) or gives by file or
/// descriptor. @return EXIT_ACCOUNT for a wrong password or a damaged file
enum exit_code account_decrypt(struct ctx *ctx, struct secret_key *out, bytes_t json,
                               const char *name);

/// The path of an account's file; the caller frees. `name` is well-formed.
char *account_path(const struct ctx *ctx, const char *name);

/// Is there a keystore file of this name? `name` is well-formed (account_name_ok).
bool account_exists(const struct ctx *ctx, const char *name);

/// Encrypts `key` under `password` into a new file.
/// @param light  cheap scrypt: tests and throw-away keys
/// @return EXIT_STORE if the name is taken or the folder cannot be written
enum exit_code account_save(struct ctx *ctx, const char *name, const struct secret_key *key,
                            const char *password, bool light);

/// As account_save, in place of the account's file. The old one is there until the new one
/// is on disk.
enum exit_code account_replace(struct ctx *ctx, const char *name, const struct secret_key *key,
                               const char *password, bool light);

/// Letters, digits, `.`, `_`, `-`; at most 64; not starting with a dot or a dash, and
/// no address.
bool account_name_ok(const char *name);

/// The name of one of our accounts with this address, or NULL; a new string.
char *account_name_of(struct ctx *ctx, const address_t *address);

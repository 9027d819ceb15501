// SPDX-License-Identifier: Apache-2.0
/// `cairnd key`, `init` and `genesis`: what a data directory is made of.

#include "chain/base/hex.h"
#include "chain/crypto/keccak.h"
#include "chain/crypto/keystore.h"
#include "chain/crypto/secp.h"
#include "chain/fed/contracts.h"
#include "chain/state/genesis_state.h"
#include "chain/store/guard.h"
#include "chain/types/address.h"
#include "rpc/cairnd/command.h"
#include "rpc/cairnd/node_folder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- key ----------------------------------------------------------------------------------

static int key_show(const char *path, bool address_only)
{
    struct secret_key *key = NULL;
    int code = EXIT_DONE;
    if (!err_ok(node_key_read(&key, path, &code))) return code;
    secp_pubkey_t pub;
    const err_t err = secp_pubkey_of(&pub, key);
    secret_free(key);
    if (!err_ok(err)) return fail(EXIT_INTERNAL, "%s", err_text(err));
    const address_t address = secp_address(&pub);
    char hex[2 * sizeof pub.b + 1];
    hex_encode(hex, BYTES_OF(pub.b));
    if (address_only)
        (void)printf("%s\n", address_to_checksum(&address).s);
    else
        (void)printf("address    %s\npublic key 0x%s\nenode      enode://%s@127.0.0.1:30303\n",
                     address_to_checksum(&address).s, hex, hex);
    return EXIT_DONE;
}

static hash_t number_word(uint64_t v)
{
    const u256_t number = u256_from_u64(v);
    return u256_to_hash(&number);
}

static hash_t address_word(const address_t *a)
{
    hash_t word = {{0}};
    memcpy(word.b + 12, a->b, sizeof a->b);
    return word;
}

/// The digest that ValidatorSet.nominationDigest gives (EIP-712): every member is one word.
static hash_t nomination_digest(uint64_t chain_id, const address_t *who, uint64_t epoch)
{
    const hash_t domain[] = {
        keccak256(LIT("EIP712Domain(string name,string version,uint256 chainId,"
                      "address verifyingContract)")),
        keccak256(LIT("Cairn ValidatorSet")),
        keccak256(LIT("1")),
        number_word(chain_id),
        address_word(&fed_contract_address[FED_VALIDATOR_SET]),
    };
    const hash_t message[] = {
        keccak256(LIT("Nomination(address validator,uint256 epoch)")),
        address_word(who),
        number_word(epoch),
    };
    const hash_t hashes[] = {keccak256(BYTES_OF(domain)), keccak256(BYTES_OF(message))};
    uint8_t signed_bytes[2 + sizeof hashes] = {0x19, 0x01};
    memcpy(signed_bytes + 2, hashes, sizeof hashes);
    return keccak256(BYTES_OF(signed_bytes));
}

/// Prints a proposal that adds this node's key to the validators, with the key's own signature.
static int key_nominate(const char *path, const char *genesis_path, uint64_t epoch)
{
    struct secret_key *key = NULL;
    struct arena arena = {0};
    struct buf text;
    struct genesis g = {.alloc_count = 0};
    int code = EXIT_DONE;
    buf_init(&text, (size_t)256 << 20);
    secp_pubkey_t pub;
    err_t err = arena_init(&arena, (size_t)1 << 30);
    if (err_ok(err)) err = genesis_read(&g, &arena, &text, genesis_path, &code);
    if (err_ok(err)) err = node_key_read(&key, path, &code);
    if (err_ok(err)) err = secp_pubkey_of(&pub, key);
    if (err_ok(err)) {
        const address_t self = secp_address(&pub);
        const hash_t digest = nomination_digest(g.config.chain_id, &self, epoch);
        const secp_sig_t sig = secp_sign(key, &digest);
        uint8_t raw[65];
        memcpy(raw, sig.r, 32);
        memcpy(raw + 32, sig.s, 32);
        raw[64] = (uint8_t)(27 + sig.v);
        char hex[2 * sizeof raw + 1];
        hex_encode(hex, BYTES_OF(raw));
        (void)printf(
            "{\"title\": \"Add the validator %s\", \"actions\": [{\"to\": "
            "\"ValidatorSet\", \"function\": \"addValidator\", \"args\": [\"%s\", \"%" PRIu64
            "\", \"0x%s\"]}]}\n",
            address_to_checksum(&self).s, address_to_checksum(&self).s, epoch, hex);
    } else if (code == EXIT_DONE) {
        code = fail(exit_of(err), "%s", err_text(err));
    }
    secret_free(key);
    buf_deinit(&text);
    arena_deinit(&arena);
    return code;
}

/// The epoch of `key nominate`, its one argument.
static bool read_epoch(uint64_t *out, int argc, char **argv)
{
    return argc == 1 && setting_parse(out, SETTING_COUNT, argv[0]);
}

int cmd_key(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    const bool nominate = strcmp(verb, "nominate") == 0;
    if (strcmp(verb, "new") != 0 && strcmp(verb, "show") != 0 && strcmp(verb, "address") != 0 &&
        !nominate) {
        return fail(EXIT_USAGE, "want: cairnd key new | show | address | nominate EPOCH "
                                "[--data-dir DIR] [--node-key FILE]");
    }
    struct config c;
    int rest = 0;
    err_t err = config_read(&c, argc - 1, argv + 1, &rest);
    if (!err_ok(err)) {
        const int code = fail(EXIT_USAGE, "%s", c.detail[0] != 0 ? c.detail : err_text(err));
        config_free(&c);
        return code;
    }
    uint64_t epoch = 0;
    if (nominate && !read_epoch(&epoch, argc - 1 - rest, argv + 1 + rest)) {
        config_free(&c);
        return fail(EXIT_USAGE, "want: cairnd key nominate EPOCH [--data-dir DIR]\n"
                                "hint: the epoch now: cairn call ValidatorSet currentEpoch");
    }
    char *dir = config_path(&c, "");
    char *path = config_text(&c, SET_node_key)[0] != 0 ? strdup(config_text(&c, SET_node_key))
                                                       : config_path(&c, "keys/node");
    char *genesis = config_text(&c, SET_genesis)[0] != 0 ? strdup(config_text(&c, SET_genesis))
                                                         : config_path(&c, "genesis.json");
    config_free(&c);
    int code = EXIT_INTERNAL;
    if (nominate && path != NULL && genesis != NULL) {
        err = secp_setup();
        code = err_ok(err) ? key_nominate(path, genesis, epoch)
                           : fail(EXIT_INTERNAL, "%s", err_text(err));
    } else if (dir != NULL && path != NULL && strcmp(verb, "new") == 0) {
        err = secp_setup();
        struct node_folder_key made;
        if (err_ok(err)) err = node_folder_make_key(&made, dir);
        if (err.kind == ERR_BUSY) {
            code = fail(EXIT_USAGE,
                        "%s exists already\nhint: a node keeps its key; choose another "
                        "--data-dir for a new node",
                        path);
        } else if (!err_ok(err)) {
            code = fail(exit_of(err), "the key cannot be made: %s", err_text(err));
        } else {
            code = key_show(path, false);
        }
    } else if (dir != NULL && path != NULL) {
        err = secp_setup();
        code = err_ok(err) ? key_show(path, strcmp(verb, "address") == 0)
                           : fail(EXIT_INTERNAL, "%s", err_text(err));
    }
    free(dir);
    free(path);
    free(genesis);
    return code;
}

// ---- init ---------------------------------------------------------------------------------

/// The same file again is fine, another one is refused.
static int install_genesis(const char *dir, bytes_t text)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/genesis.json", dir);
    struct buf old;
    buf_init(&old, (size_t)256 << 20);
    err_t err = file_read(&old, path);
    int code = EXIT_DONE;
    if (err_ok(err) && !bytes_eq(buf_bytes(&old), text)) {
        code = fail(EXIT_MISMATCH,
                    "%s is another genesis file\nhint: a data directory belongs to one "
                    "network; choose another --data-dir",
                    path);
    } else if (err.kind == ERR_NOT_FOUND) {
        err = dir_make(dir);
        if (err_ok(err)) err = file_write(path, text, 0644);
        if (!err_ok(err)) code = fail(exit_of(err), "%s: %s", path, err_text(err));
    } else if (!err_ok(err)) {
        code = fail(exit_of(err), "%s: %s", path, err_text(err));
    }
    buf_deinit(&old);
    return code;
}

int cmd_init(int argc, char **argv)
{
    struct config c;
    int rest = 0;
    err_t err = config_read(&c, argc, argv, &rest);
    if (!err_ok(err)) {
        const int code = fail(EXIT_USAGE, "%s", c.detail[0] != 0 ? c.detail : err_text(err));
        config_free(&c);
        return code;
    }
    if (config_text(&c, SET_genesis)[0] == 0) {
        config_free(&c);
        return fail(EXIT_USAGE,
                    "no genesis file was given\nhint: cairnd init --genesis FILE [--data-dir DIR]");
    }
    struct arena arena = {0};
    struct buf text;
    struct genesis g = {.alloc_count = 0};
    hash_t hash = {{0}};
    buf_init(&text, (size_t)256 << 20);
    int code = EXIT_DONE;
    char *dir = config_path(&c, "");
    err = secp_setup();
    if (err_ok(err)) err = arena_init(&arena, (size_t)1 << 30);
    if (err_ok(err)) err = genesis_read(&g, &arena, &text, config_text(&c, SET_genesis), &code);
    if (err_ok(err)) err = genesis_seal(&g, &arena, &hash);
    if (!err_ok(err) && code == EXIT_DONE)
        code = fail(exit_of(err), "the genesis: %s", err_text(err));
    int result = code;
    if (code == EXIT_DONE && dir != NULL) result = install_genesis(dir, buf_bytes(&text));
    if (code == EXIT_DONE && result == EXIT_DONE) {
        struct node_folder_key made;
        err = node_folder_make_key(&made, dir);
        if (!err_ok(err) && err.kind != ERR_BUSY)
            result = fail(exit_of(err), "%s", err_text(err));
        else
            (void)printf("%s: chain %" PRIu64 ", genesis %s\n", dir, g.config.chain_id,
                         hex_hash(&hash).s);
    }
    free(dir);
    config_free(&c);
    buf_deinit(&text);
    arena_deinit(&arena);
    return result;
}

// ---- genesis ------------------------------------------------------------------------------

int cmd_genesis(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    const bool check_only = strcmp(verb, "check") == 0;
    if (argc < 3 || (!check_only && strcmp(verb, "hash") != 0)) {
        return fail(EXIT_USAGE, "want: cairnd genesis hash FILE, or genesis check FILE");
    }
    struct arena arena = {0};
    struct buf text;
    struct genesis g = {.alloc_count = 0};
    hash_t hash = {{0}};
    int code = EXIT_DONE;
    buf_init(&text, (size_t)256 << 20);
    err_t err = arena_init(&arena, (size_t)1 << 30);
    if (err_ok(err)) err = genesis_read(&g, &arena, &text, argv[2], &code);
    if (err_ok(err)) err = genesis_seal(&g, &arena, &hash);
    if (!err_ok(err) && code == EXIT_DONE)
        code = fail(exit_of(err), "%s: %s", argv[2], err_text(err));
    if (code == EXIT_DONE && check_only) {
        (void)printf("ok: chain %" PRIu64 ", %zu accounts, gas limit %" PRIu64 ", genesis %s\n",
                     g.config.chain_id, g.alloc_count, g.header.gas_limit, hex_hash(&hash).s);
    } else if (code == EXIT_DONE) {
        (void)printf("%s\n", hex_hash(&hash).s);
    }
    buf_deinit(&text);
    arena_deinit(&arena);
    return code;
}

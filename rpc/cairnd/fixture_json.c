// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/fixture_json.h"

#include "chain/base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

err_t fixture_refuse(struct fixture_detail *detail, const char *member, const json_t *value,
                     const char *want)
{
    if (detail != NULL) {
        // Escaped and pure ASCII: it goes to a terminal.
        char *seen = value == NULL
                         ? NULL
                         : json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_COMPACT);
        char *name = NULL;
        json_t *text = json_string(member);
        if (text != NULL) name = json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        (void)snprintf(detail->text, sizeof detail->text, "%.80s is %.60s%s, expected %s",
                       name != NULL ? name : "a member", seen != NULL ? seen : "missing",
                       seen != NULL && strlen(seen) > 60 ? ".." : "", want);
        json_decref(text);
        free(name);
        free(seen);
    }
    return FAIL(MALFORMED, "a JSON member is missing or malformed");
}

bool fixture_has(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value != NULL && !json_is_null(value);
}

// ---- values -----------------------------------------------------------------------------------

err_t fixture_read_u256(u256_t *out, const json_t *value, const char *name,
                        struct fixture_detail *detail)
{
    static const char want[] = "a number of at most 256 bits";
    if (json_is_integer(value)) {
        const json_int_t number = json_integer_value(value);
        if (number < 0) return fixture_refuse(detail, name, value, want);
        *out = u256_from_u64((uint64_t)number);
        return OK;
    }
    const char *text = json_string_value(value);
    if (text == NULL) return fixture_refuse(detail, name, value, want);
    if (strcmp(text, "0x") == 0) {
        *out = u256_from_u64(0);
        return OK;
    }
    u256_t number;
    const bytes_t all = bytes_make(text, json_string_length(value));
    if (!err_ok(u256_parse(&number, all))) return fixture_refuse(detail, name, value, want);
    *out = number;
    return OK;
}

err_t fixture_read_u64(uint64_t *out, const json_t *value, const char *name,
                       struct fixture_detail *detail)
{
    u256_t number = u256_from_u64(0);
    TRY(fixture_read_u256(&number, value, name, detail));
    if (!u256_fits_u64(&number)) {
        return fixture_refuse(detail, name, value, "a number of at most 64 bits");
    }
    *out = number.limb[0];
    return OK;
}

static err_t read_hash(hash_t *out, const json_t *value, const char *name,
                       struct fixture_detail *detail)
{
    u256_t number = u256_from_u64(0);
    TRY(fixture_read_u256(&number, value, name, detail));
    *out = u256_to_hash(&number);
    return OK;
}

static err_t read_address(address_t *out, const json_t *value, const char *name,
                          struct fixture_detail *detail)
{
    address_t a;
    const bytes_t text = bytes_make(json_string_value(value), json_string_length(value));
    if (text.data == NULL || !err_ok(hex_decode_fixed(a.b, sizeof a.b, text))) {
        return fixture_refuse(detail, name, value, "an address");
    }
    *out = a;
    return OK;
}

err_t fixture_read_bytes(bytes_t *out, struct arena *arena, const json_t *value, const char *name,
                         struct fixture_detail *detail)
{
    const bytes_t text = bytes_make(json_string_value(value), json_string_length(value));
    if (text.data == NULL) return fixture_refuse(detail, name, value, "bytes in hex");
    uint8_t *data = arena_alloc(arena, text.len / 2 + 1);
    if (data == NULL) return FAIL(FULL, "no memory left for the input");
    size_t len = 0;
    if (!err_ok(hex_decode(data, text.len / 2, &len, text))) {
        return fixture_refuse(detail, name, value, "bytes in hex");
    }
    *out = bytes_make(data, len);
    return OK;
}

err_t fixture_get_u64(uint64_t *out, const json_t *object, const char *name,
                      struct fixture_detail *detail)
{
    return fixture_read_u64(out, json_object_get(object, name), name, detail);
}

err_t fixture_get_u256(u256_t *out, const json_t *object, const char *name,
                       struct fixture_detail *detail)
{
    return fixture_read_u256(out, json_object_get(object, name), name, detail);
}

err_t fixture_get_hash(hash_t *out, const json_t *object, const char *name,
                       struct fixture_detail *detail)
{
    return read_hash(out, json_object_get(object, name), name, detail);
}

err_t fixture_get_address(address_t *out, const json_t *object, const char *name,
                          struct fixture_detail *detail)
{
    return read_address(out, json_object_get(object, name), name, detail);
}

err_t fixture_get_bytes(bytes_t *out, struct arena *arena, const json_t *object, const char *name,
                        struct fixture_detail *detail)
{
    return fixture_read_bytes(out, arena, json_object_get(object, name), name, detail);
}

// ---- accounts ---------------------------------------------------------------------------------

static err_t read_storage(struct mem_state *m, const address_t *a, const json_t *storage,
                          struct fixture_detail *detail)
{
    if (storage != NULL && !json_is_object(storage)) {
        return fixture_refuse(detail, "storage", storage, "an object");
    }
    const char *slot;
    json_t *word;
    json_object_foreach((json_t *)(uintptr_t)storage, slot, word)
    {
        u256_t key;
        u256_t value;
        if (strcmp(slot, "0x") == 0) {
            key = u256_from_u64(0);
        } else if (!err_ok(u256_parse(&key, bytes_of_str(slot)))) {
            return fixture_refuse(detail, slot, word, "a slot's number as its name");
        }
        TRY(fixture_read_u256(&value, word, slot, detail));
        const hash_t name = u256_to_hash(&key);
        mem_state_put_slot(m, a, &name, &value);
    }
    return OK;
}

static err_t read_account(struct mem_state *m, const char *name, const json_t *entry,
                          struct arena *arena, struct fixture_detail *detail)
{
    address_t a;
    uint64_t nonce = 0;
    u256_t balance = u256_from_u64(0);
    bytes_t code = BYTES_NONE;
    if (!json_is_object(entry)) return fixture_refuse(detail, name, entry, "an account");
    if (!err_ok(hex_decode_fixed(a.b, sizeof a.b, bytes_of_str(name)))) {
        return fixture_refuse(detail, name, entry, "an address as its name");
    }
    if (fixture_has(entry, "nonce")) TRY(fixture_get_u64(&nonce, entry, "nonce", detail));
    if (fixture_has(entry, "balance")) TRY(fixture_get_u256(&balance, entry, "balance", detail));
    if (fixture_has(entry, "code")) TRY(fixture_get_bytes(&code, arena, entry, "code", detail));
    mem_state_put(m, &a, nonce, &balance, code);
    return fixture_has(entry, "storage")
               ? read_storage(m, &a, json_object_get(entry, "storage"), detail)
               : OK;
}

err_t fixture_read_accounts(struct mem_state *m, const json_t *accounts, struct arena *arena,
                            struct fixture_detail *detail)
{
    if (!json_is_object(accounts)) {
        return fixture_refuse(detail, "accounts", accounts, "an object of accounts");
    }
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)accounts, name, entry)
    {
        const size_t mark = arena_mark(arena);
        TRY(read_account(m, name, entry, arena, detail));
        arena_rewind(arena, mark); // the world has its own copy of the code
    }
    return OK;
}

// ---- lists of transactions --------------------------------------------------------------------

static err_t read_keys(struct access_entry *out, struct arena *arena, const json_t *keys,
                       struct fixture_detail *detail)
{
    if (!json_is_array(keys)) return fixture_refuse(detail, "storageKeys", keys, "a list");
    const size_t count = json_array_size(keys);
    hash_t *list = ARENA_ARRAY(arena, hash_t, count);
    if (list == NULL) return FAIL(FULL, "no memory left for the input");
    for (size_t i = 0; i < count; i++) {
        TRY(read_hash(&list[i], json_array_get(keys, i), "storageKeys", detail));
    }
    out->keys = list;
    out->key_count = count;
    return OK;
}

err_t fixture_read_access_list(struct tx *out, struct arena *arena, const json_t *list,
                               struct fixture_detail *detail)
{
    if (list == NULL || json_is_null(list)) return OK;
    if (!json_is_array(list)) return fixture_refuse(detail, "accessList", list, "a list");
    const size_t count = json_array_size(list);
    struct access_entry *entries = ARENA_ARRAY(arena, struct access_entry, count);
    if (entries == NULL) return FAIL(FULL, "no memory left for the input");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        TRY(fixture_get_address(&entries[i].address, entry, "address", detail));
        TRY(read_keys(&entries[i], arena, json_object_get(entry, "storageKeys"), detail));
    }
    out->access_list = entries;
    out->access_count = count;
    return OK;
}

err_t fixture_read_authorizations(struct tx *out, struct arena *arena, const json_t *list,
                                  struct fixture_detail *detail)
{
    if (list == NULL || json_is_null(list)) return OK;
    if (!json_is_array(list)) return fixture_refuse(detail, "authorizationList", list, "a list");
    const size_t count = json_array_size(list);
    struct authorization *all = ARENA_ARRAY(arena, struct authorization, count);
    if (all == NULL) return FAIL(FULL, "no memory left for the input");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        struct authorization *a = &all[i];
        uint64_t parity = 0;
        TRY(fixture_get_u256(&a->chain_id, entry, "chainId", detail));
        TRY(fixture_get_address(&a->address, entry, "address", detail));
        TRY(fixture_get_u64(&a->nonce, entry, "nonce", detail));
        TRY(fixture_get_u64(&parity, entry, fixture_has(entry, "yParity") ? "yParity" : "v",
                            detail));
        TRY(fixture_get_u256(&a->r, entry, "r", detail));
        TRY(fixture_get_u256(&a->s, entry, "s", detail));
        if (parity > UINT8_MAX) {
            return fixture_refuse(detail, "yParity", json_object_get(entry, "yParity"),
                                  "a number of at most 8 bits");
        }
        a->y_parity = (uint8_t)parity;
    }
    out->authorizations = all;
    out->authorization_count = count;
    return OK;
}

// ---- rules ------------------------------------------------------------------------------------

struct chain_config fixture_chain_config(enum revision rev, uint64_t chain_id)
{
    struct chain_config config = {
        .engine = ENGINE_MAINNET, .chain_id = chain_id, .contract_size_limit = 24576};
    for (unsigned r = 0; r < REV_COUNT; r++) {
        config.fork_block[r] = r <= (unsigned)rev ? 0 : FORK_NEVER;
        config.fork_time_s[r] = FORK_NEVER;
    }
    return config;
}

err_t fixture_read_fork(enum revision *out, const char *name)
{
    // Forks that only moved the difficulty bomb.
    if (strcasecmp(name, "MuirGlacier") == 0) name = "Istanbul";
    if (strcasecmp(name, "ArrowGlacier") == 0) name = "London";
    if (strcasecmp(name, "GrayGlacier") == 0) name = "London";
    return revision_parse(out, bytes_of_str(name));
}

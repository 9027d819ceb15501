// SPDX-License-Identifier: Apache-2.0
#include "rpc/cairnd/node_folder.h"

#include "chain/base/hex.h"
#include "chain/crypto/keystore.h"
#include "chain/store/guard.h"
#include "rpc/cairnd/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

err_t node_folder_make_key(struct node_folder_key *out, const char *dir)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/keys", dir) + 16 >= sizeof path) {
        return FAIL(LIMIT, "the path is too long");
    }
    TRY(dir_make(path));
    struct secret_key *key = NULL;
    TRY(secret_new(&key));
    err_t err = secp_keygen(key);
    if (err_ok(err)) err = secp_pubkey_of(&out->pub, key);
    if (err_ok(err)) {
        out->address = secp_address(&out->pub);
        char hex[2 * sizeof key->b + 2];
        hex_encode(hex, BYTES_OF(key->b));
        memcpy(hex + 2 * sizeof key->b, "\n", 2);
        (void)snprintf(path, sizeof path, "%s/keys/node", dir);
        err = secret_file_write(path, bytes_of_str(hex), false);
        secret_wipe(hex, sizeof hex);
    }
    secret_free(key);
    if (err_ok(err)) {
        char hex[2 * sizeof out->pub.b + 2];
        hex_encode(hex, BYTES_OF(out->pub.b));
        memcpy(hex + 2 * sizeof out->pub.b, "\n", 2);
        (void)snprintf(path, sizeof path, "%s/keys/node.pub", dir);
        err = file_write(path, bytes_of_str(hex), 0644);
    }
    if (err_ok(err)) {
        (void)snprintf(path, sizeof path, "%s/guard", dir);
        err = guard_create(path, &out->address, 0);
    }
    return err;
}

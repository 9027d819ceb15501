// SPDX-License-Identifier: Apache-2.0
/// enode URLs: what is read is printed and read again the same, and the printed form is the one
/// that printing gives again.
#include "consensus/p2p/enode.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enode node;
    EXPECT(err_ok(secp_setup()));
    if (!err_ok(enode_parse(&node, (bytes_t){data, size}))) return 0;
    EXPECT(node.tcp != 0 && node.host[0] != '\0' && strlen(node.host) <= ENODE_HOST_MAX);
    EXPECT(err_ok(secp_pubkey_check(&node.id)));
    char text[ENODE_TEXT_MAX];
    char again[ENODE_TEXT_MAX];
    struct enode same;
    enode_print(text, &node);
    EXPECT(err_ok(enode_parse(&same, bytes_of_str(text))));
    EXPECT(memcmp(&node.id, &same.id, sizeof node.id) == 0 && strcmp(node.host, same.host) == 0);
    EXPECT(node.tcp == same.tcp && node.udp == same.udp);
    enode_print(again, &same);
    EXPECT(strcmp(text, again) == 0);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/// Proofs from strangers: 1 byte key length, key, then nodes of 2 bytes length each. The root
/// is the first node's hash, or nothing would ever be proven.
#include "chain/crypto/keccak.h"
#include "chain/trie/proof.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    const bytes_t key = fuzz_take(&in, fuzz_u8(&in) % 33);
    bytes_t nodes[80];
    size_t count = 0;
    while (in.len > 2 && count < ARRAY_LEN(nodes)) {
        const size_t high = fuzz_u8(&in);
        const size_t low = fuzz_u8(&in);
        nodes[count++] = fuzz_take(&in, high << 8 | low);
    }
    hash_t root = count > 0 ? keccak256(nodes[0]) : KECCAK_RLP_NULL;
    bytes_t value = BYTES_NONE;
    const err_t err = proof_verify(&value, &root, key, nodes, count);
    if (err_ok(err) && value.len > 0) { // a view into the nodes
        bool inside = false;
        for (size_t i = 0; i < count; i++) {
            inside |= value.data >= nodes[i].data &&
                      value.data + value.len <= nodes[i].data + nodes[i].len;
        }
        EXPECT(inside);
    }
    root.b[0] ^= 1;
    EXPECT(!err_ok(proof_verify(&value, &root, key, nodes, count)));
    return 0;
}

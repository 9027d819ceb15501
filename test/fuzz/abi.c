// SPDX-License-Identifier: Apache-2.0
/// A signature's text, a line feed, then data of its arguments. What decodes encodes to a form
/// that decodes to the same again.
#include "chain/codec/abi.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes_t in = {data, size};
    const uint8_t *nl = size > 0 ? memchr(data, '\n', size) : NULL;
    const bytes_t text = fuzz_take(&in, nl != NULL ? (size_t)(nl - data) : size);
    (void)fuzz_take(&in, 1);
    (void)abi_revert_decode(in);

    struct arena a = fuzz_arena();
    struct abi_signature sig;
    if (err_ok(abi_signature_parse(&sig, &a, text)) && sig.inputs.count <= 64) {
        struct abi_value values[64];
        struct abi_value again[64];
        if (err_ok(abi_decode(values, &a, &sig.inputs, in))) {
            struct buf first = fuzz_buf();
            struct buf second = fuzz_buf();
            if (err_ok(abi_encode(&first, &sig.inputs, values, sig.inputs.count))) {
                EXPECT(err_ok(abi_decode(again, &a, &sig.inputs, buf_bytes(&first))));
                EXPECT(err_ok(abi_encode(&second, &sig.inputs, again, sig.inputs.count)));
                EXPECT(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
            }
            buf_clear(&first);
            for (size_t i = 0; i < sig.inputs.count; i++) {
                abi_value_print(&first, &sig.inputs.fields[i], &values[i]);
                json_decref(abi_value_json(&sig.inputs.fields[i], &values[i]));
            }
            buf_deinit(&second);
            buf_deinit(&first);
        }
        for (size_t i = 0; i < sig.inputs.count; i++) {
            struct abi_value value;
            (void)err_ok(abi_value_parse(&value, &a, &sig.inputs.fields[i], in, NULL));
        }
    }
    arena_deinit(&a);
    return 0;
}

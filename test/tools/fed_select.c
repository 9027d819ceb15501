// SPDX-License-Identifier: Apache-2.0

/// Selects as C does, for comparison with the contracts (test/contracts). Each line of standard
/// input is a case: policy (0 FedAvg, 1 MultiKrum), f, and the packed sketches in hexadecimal,
/// separated by spaces. Each line of standard output is the answer: the accepted bitmap and the
/// scores in decimal, or "refused".

#include "chain/base/hex.h"
#include "chain/fed/sketch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool answer(char *line)
{
    static struct sketch sketches[FED_INPUTS_MAX];
    static uint8_t packed[SKETCH_PACKED_LEN];
    static struct fed_selection got;
    uint32_t weights[FED_INPUTS_MAX];
    size_t n = 0;

    char *rest = NULL;
    const char *policy = strtok_r(line, " \n", &rest);
    const char *f = strtok_r(NULL, " \n", &rest);
    if (policy == NULL || f == NULL) return false;
    for (const char *t; (t = strtok_r(NULL, " \n", &rest)) != NULL; n++) {
        if (n == FED_INPUTS_MAX) return false;
        if (!err_ok(hex_decode_fixed(packed, sizeof packed, bytes_of_str(t)))) return false;
        if (!err_ok(sketch_unpack(&sketches[n], bytes_make(packed, sizeof packed)))) return false;
        weights[n] = 1;
    }
    const err_t err = fed_select(&got, (enum fed_policy)strtoul(policy, NULL, 10),
                                 (unsigned)strtoul(f, NULL, 10), n, sketches, weights);
    if (!err_ok(err)) return puts("refused") >= 0;
    (void)printf("%" PRIu64, got.accepted);
    for (size_t i = 0; i < n; i++) (void)printf(" %s", u256_dec(&got.score[i]).s);
    return putchar('\n') == '\n';
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        if (!answer(line)) {
            (void)fputs("malformed case\n", stderr);
            return 2;
        }
    }
    free(line);
    return 0;
}

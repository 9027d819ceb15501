// SPDX-License-Identifier: Apache-2.0
/// Goal: URLs as Besu and go-ethereum write them are read and written back; each row of the rest
/// breaks one thing.

#include "consensus/p2p/enode.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define KEY                                                                                        \
    "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31387574077f301b421bc84df7266c44" \
    "e9e6d569fc56be00812904767bf5ccd1fc7f"

static void setup(void)
{
    cr_assert(err_ok(secp_setup()));
}
TestSuite(enode, .init = setup);

Test(enode, there_and_back)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t tcp, udp;
    } rows[] = {
        {"enode://" KEY "@127.0.0.1:30303", "127.0.0.1", 30303, 30303},
        {"enode://" KEY "@10.3.58.6:30303?discport=30301", "10.3.58.6", 30303, 30301},
        {"enode://" KEY "@[::1]:1?discport=0", "::1", 1, 0},
        {"enode://" KEY "@validator-1.hospital_a.example:65535", "validator-1.hospital_a.example",
         65535, 65535},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct enode n;
        char text[ENODE_TEXT_MAX];
        const err_t err = enode_parse(&n, bytes_of_str(rows[i].text));
        cr_assert(err_ok(err), "%s: %s", rows[i].text, err_text(err));
        cr_expect_str_eq(n.host, rows[i].host);
        cr_expect(n.tcp == rows[i].tcp && n.udp == rows[i].udp, "%s", rows[i].text);
        enode_print(text, &n);
        cr_expect_str_eq(text, rows[i].text);
    }
}

Test(enode, refusals)
{
    static char long_host[400];
    snprintf(long_host, sizeof long_host, "enode://" KEY "@%0254d:30303", 1);
    static const struct {
        const char *name;
        const char *text;
        enum err_kind kind;
    } rows[] = {
        {"empty", "", ERR_MALFORMED},
        {"another scheme", "enr://" KEY "@127.0.0.1:30303", ERR_MALFORMED},
        {"a key too short", "enode://ca63@127.0.0.1:30303", ERR_MALFORMED},
        {"a key that is no point", "enode://0" KEY "@127.0.0.1:30303", ERR_MALFORMED},
        {"no host", "enode://" KEY "@:30303", ERR_MALFORMED},
        {"no port", "enode://" KEY "@127.0.0.1", ERR_MALFORMED},
        {"an empty port", "enode://" KEY "@127.0.0.1:", ERR_MALFORMED},
        {"port 0", "enode://" KEY "@127.0.0.1:0", ERR_MALFORMED},
        {"port 65536", "enode://" KEY "@127.0.0.1:65536", ERR_MALFORMED},
        {"a sign", "enode://" KEY "@127.0.0.1:+1", ERR_MALFORMED},
        {"another query", "enode://" KEY "@127.0.0.1:1?x=2", ERR_MALFORMED},
        {"something after", "enode://" KEY "@127.0.0.1:1?discport=2 ", ERR_MALFORMED},
        {"an open bracket", "enode://" KEY "@[::1:1", ERR_MALFORMED},
        {"a space in the host", "enode://" KEY "@a b:1", ERR_MALFORMED},
        {"a name too long", long_host, ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct enode n;
        cr_expect_eq(enode_parse(&n, bytes_of_str(rows[i].text)).kind, rows[i].kind, "%s",
                     rows[i].name);
    }
    char off[] = "enode://" KEY "@127.0.0.1:30303";
    off[8 + 127] = '0';
    struct enode n;
    cr_expect_eq(enode_parse(&n, bytes_of_str(off)).kind, ERR_INVALID, "off the curve");
}

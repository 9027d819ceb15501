// SPDX-License-Identifier: Apache-2.0
/// Goal: every network that counts as local has a row, and its neighbours do not; nobody is told of
/// nodes nearer to us than he is himself.

#include "consensus/p2p/ip_class.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

static uint8_t parse(uint8_t out[16], const char *text)
{
    if (inet_pton(AF_INET, text, out) == 1) return 4;
    cr_assert_eq(inet_pton(AF_INET6, text, out), 1, "%s", text);
    return 16;
}

static const struct {
    const char *ip;
    bool loopback, local, usable;
} kinds[] = {
    {"127.0.0.1", true, true, true},
    {"127.255.0.9", true, true, true},
    {"128.0.0.1", false, false, true},
    {"10.1.2.3", false, true, true},
    {"11.1.2.3", false, false, true},
    {"172.16.0.1", false, true, true},
    {"172.31.255.255", false, true, true},
    {"172.32.0.1", false, false, true},
    {"172.15.0.1", false, false, true},
    {"192.168.7.7", false, true, true},
    {"192.169.7.7", false, false, true},
    {"169.254.1.1", false, true, true},
    {"0.0.0.0", false, false, false},
    {"0.1.2.3", false, false, false},
    {"224.0.0.1", false, false, false},
    {"255.255.255.255", false, false, false},
    {"::1", true, true, true},
    {"::", false, false, false},
    {"fe80::1", false, true, true},
    {"fc00::1", false, true, true},
    {"fdff::1", false, true, true},
    {"ff02::1", false, false, false},
    {"2001:db8:1::1", false, false, true},
    {"fec0::1", false, false, true},
};

Test(ip_class, kinds)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t ip[16];
        const uint8_t len = parse(ip, kinds[i].ip);
        cr_expect_eq(ip_is_loopback(ip, len), kinds[i].loopback, "%s", kinds[i].ip);
        cr_expect_eq(ip_is_local(ip, len), kinds[i].local, "%s", kinds[i].ip);
        cr_expect_eq(ip_is_usable(ip, len), kinds[i].usable, "%s", kinds[i].ip);
    }
    const uint8_t none[16] = {0};
    cr_expect_not(ip_is_usable(none, 0));
    cr_expect_not(ip_is_usable(none, 5));
}

static const struct {
    const char *teller, *ip;
    bool may;
} tales[] = {
    {"127.0.0.1", "127.0.0.2", true},     {"10.0.0.1", "127.0.0.1", false},
    {"8.8.8.8", "127.0.0.1", false},      {"127.0.0.1", "10.0.0.1", true},
    {"10.0.0.1", "192.168.0.1", true},    {"8.8.8.8", "10.0.0.1", false},
    {"8.8.8.8", "9.9.9.9", true},         {"10.0.0.1", "9.9.9.9", true},
    {"10.0.0.1", "0.0.0.0", false},       {"2001:db8::1", "fe80::1", false},
    {"2001:db8::1", "2001:db8::2", true},
};

Test(ip_class, who_may_tell_of_whom)
{
    for (size_t i = 0; i < sizeof tales / sizeof tales[0]; i++) {
        uint8_t a[16];
        uint8_t b[16];
        const uint8_t a_len = parse(a, tales[i].teller);
        const uint8_t b_len = parse(b, tales[i].ip);
        cr_expect_eq(ip_may_tell(a, a_len, b, b_len), tales[i].may, "%s of %s", tales[i].teller,
                     tales[i].ip);
    }
}

Test(ip_class, networks)
{
    uint8_t a[16];
    uint8_t b[16];
    cr_expect(ip_same_network(a, parse(a, "5.6.7.8"), b, parse(b, "5.6.7.250")));
    cr_expect_not(ip_same_network(a, parse(a, "5.6.7.8"), b, parse(b, "5.6.8.8")));
    cr_expect(ip_same_network(a, parse(a, "2001:db8:1:2::1"), b, parse(b, "2001:db8:1:3::1")));
    cr_expect_not(ip_same_network(a, parse(a, "2001:db8:1::1"), b, parse(b, "2001:db8:2::1")));
    cr_expect_not(ip_same_network(a, parse(a, "5.6.7.8"), b, parse(b, "2001:db8::1")));
}

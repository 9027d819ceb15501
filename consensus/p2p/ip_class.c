// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/ip_class.h"

#include <string.h>

static const uint8_t ZERO[16] = {0};

bool ip_is_loopback(const uint8_t *ip, uint8_t len)
{
    if (len == 4) return ip[0] == 127;
    return len == 16 && memcmp(ip, ZERO, 15) == 0 && ip[15] == 1;
}

bool ip_is_local(const uint8_t *ip, uint8_t len)
{
    if (ip_is_loopback(ip, len)) return true;
    if (len == 4)
        return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
               (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254);
    return len == 16 && ((ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) || (ip[0] & 0xfe) == 0xfc);
}

bool ip_is_usable(const uint8_t *ip, uint8_t len)
{
    if (len == 4) return ip[0] != 0 && ip[0] < 224;
    return len == 16 && memcmp(ip, ZERO, 16) != 0 && ip[0] != 0xff;
}

bool ip_may_tell(const uint8_t *teller, uint8_t teller_len, const uint8_t *ip, uint8_t len)
{
    if (!ip_is_usable(ip, len)) return false;
    if (ip_is_loopback(ip, len)) return ip_is_loopback(teller, teller_len);
    return !ip_is_local(ip, len) || ip_is_local(teller, teller_len);
}

bool ip_same_network(const uint8_t *a, uint8_t a_len, const uint8_t *b, uint8_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len == 4 ? 3 : 6) == 0;
}

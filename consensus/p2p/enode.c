// SPDX-License-Identifier: Apache-2.0
#include "consensus/p2p/enode.h"

#include "chain/base/hex.h"

#include <stdio.h>

#define SCHEME "enode://"
#define ID_HEX (2 * sizeof(secp_pubkey_t))
#define DISCPORT "?discport="

/// Takes what stands before `end` off the text; false if `end` does not occur.
static bool take_until(bytes_t *text, char end, bytes_t *out)
{
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->data, end, text->len);
    if (at == NULL) return false;
    *out = bytes_make(text->data, (size_t)(at - text->data));
    *text = bytes_make(at + 1, text->len - out->len - 1);
    return true;
}

static bool take_prefix(bytes_t *text, bytes_t prefix)
{
    if (text->len < prefix.len || memcmp(text->data, prefix.data, prefix.len) != 0) return false;
    *text = bytes_make(text->data + prefix.len, text->len - prefix.len);
    return true;
}

static bool read_port(bytes_t digits, uint16_t *out)
{
    uint32_t v = 0;
    if (digits.len == 0 || digits.len > 5) return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') return false;
        v = v * 10 + (uint32_t)(digits.data[i] - '0');
    }
    *out = (uint16_t)v;
    return v <= UINT16_MAX;
}

static bool host_is_sane(bytes_t host, bool brackets)
{
    if (host.len == 0 || host.len > ENODE_HOST_MAX) return false;
    if (brackets && memchr(host.data, ':', host.len) == NULL) return false; // it is IPv6 there
    for (size_t i = 0; i < host.len; i++) {
        const uint8_t c = host.data[i];
        const bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && c != '.' && !(brackets ? c == ':' || c == '%' : c == '-' || c == '_'))
            return false;
    }
    return true;
}

static err_t read_host(struct enode *out, bytes_t *text)
{
    const bool brackets = take_prefix(text, LIT("["));
    bytes_t host;
    if (!take_until(text, brackets ? ']' : ':', &host) || !host_is_sane(host, brackets))
        return FAIL(MALFORMED, "enode: after the key comes @host:port");
    if (brackets && !take_prefix(text, LIT(":")))
        return FAIL(MALFORMED, "enode: after [address] comes :port");
    memcpy(out->host, host.data, host.len);
    return OK;
}

err_t enode_parse(struct enode *out, bytes_t text)
{
    bytes_t id;
    memset(out, 0, sizeof *out);
    if (!take_prefix(&text, LIT(SCHEME))) return FAIL(MALFORMED, "enode: begins with enode://");
    if (!take_until(&text, '@', &id) || id.len != ID_HEX ||
        !err_ok(hex_decode_fixed(out->id.b, sizeof out->id.b, id)))
        return FAIL(MALFORMED, "enode: the key is 128 hex digits, then @");
    TRY(read_host(out, &text));

    bytes_t tcp = text;
    bytes_t rest = text;
    const bool has_query = take_until(&rest, '?', &tcp);
    if (!read_port(tcp, &out->tcp) || out->tcp == 0)
        return FAIL(MALFORMED, "enode: the port is a number from 1 to 65535");
    out->udp = out->tcp;
    if (has_query && (!take_prefix(&rest, LIT("discport=")) || !read_port(rest, &out->udp)))
        return FAIL(MALFORMED, "enode: after the port comes nothing but ?discport=PORT");
    return secp_pubkey_check(&out->id);
}

void enode_print(char out[ENODE_TEXT_MAX], const struct enode *node)
{
    char id[ID_HEX + 1];
    char query[sizeof DISCPORT + 5] = "";
    hex_encode(id, BYTES_OF(node->id));
    if (node->udp != node->tcp) {
        const int n = snprintf(query, sizeof query, DISCPORT "%u", (unsigned)node->udp);
        check(n > 0 && (size_t)n < sizeof query);
    }
    const bool v6 = strchr(node->host, ':') != NULL;
    const int n = snprintf(out, ENODE_TEXT_MAX, SCHEME "%s@%s%s%s:%u%s", id, v6 ? "[" : "",
                           node->host, v6 ? "]" : "", (unsigned)node->tcp, query);
    check(n > 0 && n < (int)ENODE_TEXT_MAX);
}

address_t enode_address(const struct enode *node)
{
    return secp_address(&node->id);
}

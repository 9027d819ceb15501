// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What kind of place an IP address is, in network order, 4 or 16 bytes long. An IPv4 address that
/// an IPv6 one only wraps is given as IPv4.

#include <stdbool.h>
#include <stdint.h>

/// 127.0.0.0/8, ::1.
bool ip_is_loopback(const uint8_t *ip, uint8_t len);

/// Loopback, private and link-local networks, where a whole consortium may sit behind one address.
bool ip_is_local(const uint8_t *ip, uint8_t len);

/// May a node listen there at all? Not where nobody or everybody is: 0.0.0.0/8, multicast and
/// what is reserved above it; and not at an address of another length.
bool ip_is_usable(const uint8_t *ip, uint8_t len);

/// May `teller` speak of a node at `ip`? Loopback is known on loopback only, local networks on
/// local ones: else we could be sent to call our own neighbours.
bool ip_may_tell(const uint8_t *teller, uint8_t teller_len, const uint8_t *ip, uint8_t len);

/// The network whose nodes are probably one person's: the first 24 bits of IPv4, 48 of IPv6.
bool ip_same_network(const uint8_t *a, uint8_t a_len, const uint8_t *b, uint8_t b_len);

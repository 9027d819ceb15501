#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes test/support/groth16_case.h: a Groth16 verifier as EVM code, a proof that it accepts.

Everything is made here from the paper (Groth 2016, "On the Size of Pairing-based Non-interactive
Arguments", section 3.2) and from the definition of BN254 (EIP-196, EIP-197): a circuit of five
constraints, its QAP, a setup from fixed "toxic waste", a proof. The prover knows x with

    x^3 + x + 5 = out1      x^2 * x^3 = out2      x^3 * x^3 = out3      (out1..3 are public)

usage: groth16_case.py > test/support/groth16_case.h
"""

import hashlib

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617


# ---- Fp2 = Fp[u] / (u^2 + 1), points in two coordinates, None is infinity --------------------


class Fp:
    def __init__(self, v):
        self.v = v % P

    def __add__(self, o):
        return Fp(self.v + o.v)

    def __sub__(self, o):
        return Fp(self.v - o.v)

    def __mul__(self, o):
        return Fp(self.v * o.v)

    def __eq__(self, o):
        return self.v == o.v

    def inverse(self):
        return Fp(pow(self.v, -1, P))

    def words(self):
        return [self.v]


class Fp2:
    def __init__(self, a, b):
        self.a, self.b = a % P, b % P

    def __add__(self, o):
        return Fp2(self.a + o.a, self.b + o.b)

    def __sub__(self, o):
        return Fp2(self.a - o.a, self.b - o.b)

    def __mul__(self, o):
        return Fp2(self.a * o.a - self.b * o.b, self.a * o.b + self.b * o.a)

    def __eq__(self, o):
        return self.a == o.a and self.b == o.b

    def inverse(self):
        n = pow(self.a * self.a + self.b * self.b, -1, P)
        return Fp2(self.a * n, -self.b * n)

    def words(self):
        return [self.b, self.a]  # EIP-197: the imaginary part first


def add(p, q):
    if p is None:
        return q
    if q is None:
        return p
    (x1, y1), (x2, y2) = p, q
    if x1 == x2:
        if not y1 == y2:
            return None
        xx = x1 * x1
        slope = (xx + xx + xx) * (y1 + y1).inverse()
    else:
        slope = (y2 - y1) * (x2 - x1).inverse()
    x = slope * slope - x1 - x2
    return (x, slope * (x1 - x) - y1)


def mul(p, k):
    r = None
    for bit in bin(k % R)[2:]:
        r = add(r, r)
        if bit == "1":
            r = add(r, p)
    return r


G1 = (Fp(1), Fp(2))
G2 = (
    Fp2(
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    Fp2(
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)

# ---- polynomials over Fr, lowest coefficient first -------------------------------------------


def poly_mul(a, b):
    r = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for k, y in enumerate(b):
            r[i + k] = (r[i + k] + x * y) % R
    return r


def poly_add(a, b):
    n = max(len(a), len(b))
    a, b = a + [0] * (n - len(a)), b + [0] * (n - len(b))
    return [(x + y) % R for x, y in zip(a, b)]


def poly_scale(a, k):
    return [x * k % R for x in a]


def poly_at(a, x):
    r = 0
    for c in reversed(a):
        r = (r * x + c) % R
    return r


def poly_divide(a, b):
    a, q = a[:], [0] * (len(a) - len(b) + 1)
    for i in reversed(range(len(q))):
        q[i] = a[i + len(b) - 1] * pow(b[-1], -1, R) % R
        for k, c in enumerate(b):
            a[i + k] = (a[i + k] - q[i] * c) % R
    assert not any(a), "the witness satisfies the circuit"
    return q


def interpolate(values):
    """The polynomial with these values at 1, 2, ..."""
    total = [0]
    for i, v in enumerate(values, 1):
        term = [v % R]
        for k in range(1, len(values) + 1):
            if k != i:
                term = poly_mul(term, poly_scale([-k % R, 1], pow(i - k, -1, R)))
        total = poly_add(total, term)
    return total


# ---- circuit: variables 1, out1, out2, out3, x, x^2, x^3 -------------------------------------

ONE, OUT1, OUT2, OUT3, X, SQUARE, CUBE = range(7)
PUBLIC = 4
CONSTRAINTS = [  # (left, right, product), each {variable: coefficient}
    ({X: 1}, {X: 1}, {SQUARE: 1}),
    ({SQUARE: 1}, {X: 1}, {CUBE: 1}),
    ({CUBE: 1, X: 1, ONE: 5}, {ONE: 1}, {OUT1: 1}),
    ({SQUARE: 1}, {CUBE: 1}, {OUT2: 1}),
    ({CUBE: 1}, {CUBE: 1}, {OUT3: 1}),
]


def column(side, variable):
    return interpolate([c[side].get(variable, 0) for c in CONSTRAINTS])


U = [column(0, i) for i in range(7)]
V = [column(1, i) for i in range(7)]
W = [column(2, i) for i in range(7)]
TARGET = [1]
for _i in range(1, len(CONSTRAINTS) + 1):
    TARGET = poly_mul(TARGET, [-_i % R, 1])


def scalar(name):
    return int.from_bytes(hashlib.sha256(b"groth16 case: " + name.encode()).digest(), "big") % R


x = scalar("secret x")
witness = [1, (x**3 + x + 5) % R, pow(x, 5, R), pow(x, 6, R), x, x * x % R, pow(x, 3, R)]
alpha, beta, gamma, delta, tau = (scalar(n) for n in ("alpha", "beta", "gamma", "delta", "tau"))
blind_a, blind_b = scalar("r"), scalar("s")


def combined(i):
    return (beta * poly_at(U[i], tau) + alpha * poly_at(V[i], tau) + poly_at(W[i], tau)) % R


def weighted(polys):
    total = [0]
    for value, poly in zip(witness, polys):
        total = poly_add(total, poly_scale(poly, value))
    return total


quotient = poly_divide(
    poly_add(poly_mul(weighted(U), weighted(V)), poly_scale(weighted(W), R - 1)), TARGET
)
a = (alpha + poly_at(weighted(U), tau) + blind_a * delta) % R
b = (beta + poly_at(weighted(V), tau) + blind_b * delta) % R
hidden = sum(witness[i] * combined(i) for i in range(PUBLIC, 7))
hidden += poly_at(quotient, tau) * poly_at(TARGET, tau)
c = (hidden * pow(delta, -1, R) + a * blind_b + b * blind_a - blind_a * blind_b * delta) % R

proof = (mul(G1, a), mul(G2, b), mul(G1, c))
inputs = [mul(G1, combined(i) * pow(gamma, -1, R)) for i in range(PUBLIC)]


def words(*numbers):
    return b"".join(n.to_bytes(32, "big") for n in numbers)


def point(p):
    return words(*p[0].words(), *p[1].words())


key = point(mul(G1, alpha)) + point(mul(G2, beta)) + point(mul(G2, gamma)) + point(mul(G2, delta))
key += b"".join(point(p) for p in inputs)
calldata = point(proof[0]) + point(proof[1]) + point(proof[2]) + words(*witness[1:PUBLIC])

# ---- the verifier ----------------------------------------------------------------------------
# Memory: four pairs at 0 (-A B, alpha beta, sum gamma, C delta), the running sum at 0x300, a
# term behind it, a product's operands at 0x380.


def push(n):
    data = n.to_bytes(max(1, (n.bit_length() + 7) // 8), "big")
    return bytes([0x5F + len(data)]) + data


def calldatacopy(to, offset, size):
    return push(size) + push(offset) + push(to) + b"\x37"


def from_key(to, offset, size):
    # The key follows the code; its place is one PUSH2 that is filled in below.
    return push(size) + b"\x61KK" + push(offset) + b"\x01" + push(to) + b"\x39"


def precompile(address, offset, size, out, out_size):
    """STATICCALL, INVALID unless it succeeded: the JUMPDEST behind that is at PC + 6."""
    call = push(out_size) + push(out) + push(size) + push(offset) + push(address) + b"\x5a\xfa"
    return call + b"\x58\x60\x06\x01\x57\xfe\x5b"


body = calldatacopy(0, 0, 0xC0)
body += push(0x20) + b"\x51" + push(P) + b"\x03" + push(0x20) + b"\x52"  # y = p - y
body += from_key(0xC0, 0, 0xC0) + from_key(0x1C0, 0xC0, 0x80) + from_key(0x280, 0x140, 0x80)
body += calldatacopy(0x240, 0xC0, 0x40)
body += from_key(0x300, 0x1C0, 0x40)
for i in range(1, PUBLIC):
    body += from_key(0x380, 0x1C0 + 0x40 * i, 0x40)
    body += calldatacopy(0x3C0, 0x100 + 0x20 * (i - 1), 0x20)
    body += precompile(7, 0x380, 0x60, 0x340, 0x40)
    body += precompile(6, 0x300, 0x80, 0x180 if i == PUBLIC - 1 else 0x300, 0x40)
body += precompile(8, 0, 0x300, 0, 0x20)
body += push(0x20) + push(0) + b"\xf3"
code = body.replace(b"\x61KK", b"\x61" + len(body).to_bytes(2, "big")) + key


def literal(data):
    text = data.hex()
    return "\n".join(f'    "{text[i:i + 92]}"' for i in range(0, len(text), 92))


print(f"""// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A Groth16 verifier on BN254 as EVM code (three products, three sums, one product of four
/// pairings, all by precompiles), and the call data of a proof that it accepts: A, B, C and three
/// public inputs. It returns one word, 1 for a valid proof. Made by test/tools/groth16_case.py,
/// which says of what.

// clang-format off
#define GROTH16_CODE \\
{literal(code).replace(chr(10), " " + chr(92) + chr(10))}

#define GROTH16_CALL \\
{literal(calldata).replace(chr(10), " " + chr(92) + chr(10))}
// clang-format on""")

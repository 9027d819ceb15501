// SPDX-License-Identifier: Apache-2.0
// Arguments of the precompiled contracts, near the edges of what they accept.

import { bls, bn254, keccak256, secp256k1 } from './deps.mjs';

const BN_P = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const BN_N = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const BLS_P = bls.fields.Fp.ORDER;
const BLS_N = bls.fields.Fr.ORDER;
const SECP_N = secp256k1.Point.Fn.ORDER;

const be = (value, size) => {
  const out = new Uint8Array(size);
  for (let i = size - 1, v = value; i >= 0; i--, v >>= 8n) out[i] = Number(v & 255n);
  return out;
};
export const concat = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p]));
const word = (v) => be(BigInt(v), 32);

const bnG1 = (p) => (p.is0() ? new Uint8Array(64) : concat(word(p.toAffine().x), word(p.toAffine().y)));
const bnG2 = (p) => {
  if (p.is0()) return new Uint8Array(128);
  const { x, y } = p.toAffine();
  return concat(word(x.c1), word(x.c0), word(y.c1), word(y.c0));
};
const fp = (v) => be(v, 64);
const blsG1 = (p) => (p.is0() ? new Uint8Array(128) : concat(fp(p.toAffine().x), fp(p.toAffine().y)));
const blsG2 = (p) => {
  if (p.is0()) return new Uint8Array(256);
  const { x, y } = p.toAffine();
  return concat(fp(x.c0), fp(x.c1), fp(y.c0), fp(y.c1));
};

// Few multiples of the generators, made once: scalar multiplication is slow here.
const multiples = (point) => [point.ZERO, point.BASE, point.BASE.negate(), point.BASE.double(),
  point.BASE.multiply(0xdeadbeefn), point.BASE.multiply(0xdeadbeefn).negate()];
const BN1 = multiples(bn254.G1.Point);
const BN2 = multiples(bn254.G2.Point);
const BLS1 = multiples(bls.G1.Point);
const BLS2 = multiples(bls.G2.Point);

const edge = (r, p) => r.pick([0n, 1n, 2n, 3n, p - 1n, p, p + 1n, (1n << 256n) - 1n, r.bits(256), r.bits(64)]);
const scalar = (r, n) => edge(r, n) & ((1n << 256n) - 1n);

/** A point that is usually fine, sometimes off the curve or out of the field. */
function bnPoint(r) {
  if (r.chance(0.85)) return bnG1(r.pick(BN1));
  return concat(word(edge(r, BN_P)), word(edge(r, BN_P)));
}
function blsPoint(r, group) {
  const good = group === 1 ? blsG1(r.pick(BLS1)) : blsG2(r.pick(BLS2));
  if (r.chance(0.85)) return good;
  if (r.chance(0.5)) {
    good[r.below(good.length)] ^= 1 << r.below(8);
    return good;
  }
  return concat(...Array.from({ length: 2 * group }, () => fp(edge(r, BLS_P))));
}

/** Pairs whose product is one, now and then. */
function pairs(r, firsts, seconds, encode1, encode2, random1, random2) {
  const parts = [];
  for (let n = r.below(3); n > 0; n--) {
    if (r.chance(0.5)) {
      const a = r.below(firsts.length);
      const b = r.below(seconds.length);
      parts.push(encode1(firsts[a]), encode2(seconds[b]), encode1(firsts[a].negate()), encode2(seconds[b]));
    } else {
      parts.push(random1(r), random2(r));
    }
  }
  return concat(...parts);
}

let signature; // one is enough: mutations of it are what matters
function recovery(r) {
  signature ??= (() => {
    const hash = keccak256(Uint8Array.of(1, 2, 3));
    const sig = secp256k1.sign(hash, be(0x1234n, 32), { prehash: false, format: 'recovered' });
    return { hash, v: BigInt(sig[0]) + 27n, r: BigInt(`0x${Buffer.from(sig.slice(1, 33)).toString('hex')}`),
      s: BigInt(`0x${Buffer.from(sig.slice(33, 65)).toString('hex')}`) };
  })();
  const s = { ...signature };
  if (r.chance(0.2)) s.v = r.pick([0n, 26n, 27n, 28n, 29n, 283n, 1n << 255n]);
  if (r.chance(0.2)) s.s = r.chance(0.5) ? SECP_N - s.s : edge(r, SECP_N);
  if (r.chance(0.2)) s.r = edge(r, SECP_N);
  if (r.chance(0.2)) s.hash = r.pick([word(0), word(SECP_N), word((1n << 256n) - 1n), r.bytes(32)]);
  return concat(s.hash, word(s.v), word(s.r), word(s.s));
}

function modexp(r) {
  const size = () => r.weighted([[6, r.below(40)], [1, 0], [1, 1], [1, 32], [1, 33], [1, 64], [1, 97]]);
  const lengths = [size(), size(), size()];
  const declared = lengths.map((n) => (r.chance(0.95) ? BigInt(n)
    : r.pick([1n << 32n, (1n << 64n) - 1n, 1n << 64n, (1n << 256n) - 1n, BigInt(n + 1)])));
  const numbers = lengths.map((n) => {
    const b = r.bytes(n);
    if (n > 0 && r.chance(0.25)) b.fill(r.pick([0, 255]));
    if (n > 0 && r.chance(0.3)) { b.fill(0); b[n - 1] = r.below(4); }
    if (n > 1 && r.chance(0.3)) b[n - 1] &= 0xfe; // even: no Montgomery form
    return b;
  });
  return concat(...declared.map(word), ...numbers);
}

function blake2(r) {
  const rounds = r.pick([0, 1, 2, 10, 12, 100, 1000, 0xffffffff]);
  const input = concat(be(BigInt(rounds), 4), r.bytes(208), [r.weighted([[5, 0], [5, 1], [1, 2], [1, 255]])]);
  return input;
}

/** Adds terms of (point, scalar). */
function msm(r, group) {
  const n = r.weighted([[1, 0], [4, 1], [4, 2], [1, 3]]);
  return concat(...Array.from({ length: n }, () => concat(blsPoint(r, group), word(scalar(r, BLS_N)))));
}

const makers = {
  1: recovery,
  2: (r) => r.bytes(r.pick([0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 100])),
  3: (r) => r.bytes(r.pick([0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 100])),
  4: (r) => r.bytes(r.below(100)),
  5: modexp,
  6: (r) => concat(bnPoint(r), bnPoint(r)),
  7: (r) => concat(bnPoint(r), word(scalar(r, BN_N))),
  8: (r) => pairs(r, BN1, BN2, bnG1, bnG2, bnPoint, (q) => (q.chance(0.8) ? bnG2(q.pick(BN2))
    : concat(...Array.from({ length: 4 }, () => word(edge(q, BN_P)))))),
  9: blake2,
  // No valid proof can be guessed, so every input must fail.
  10: (r) => concat([1], r.bytes(191)),
  11: (r) => concat(blsPoint(r, 1), blsPoint(r, 1)),
  12: (r) => msm(r, 1),
  13: (r) => concat(blsPoint(r, 2), blsPoint(r, 2)),
  14: (r) => msm(r, 2),
  15: (r) => pairs(r, BLS1, BLS2, blsG1, blsG2, (q) => blsPoint(q, 1), (q) => blsPoint(q, 2)),
  16: (r) => fp(r.chance(0.6) ? r.bits(380) : edge(r, BLS_P)),
  17: (r) => concat(fp(r.chance(0.8) ? r.bits(380) : edge(r, BLS_P)), fp(r.bits(380))),
};

/** Input of precompile `n`; sometimes cut, extended or with a bit changed. */
export function precompileInput(r, n) {
  let input = makers[n] ? makers[n](r) : r.bytes(r.below(64));
  if (r.chance(0.08)) input = input.slice(0, r.below(input.length + 1));
  if (r.chance(0.08)) input = concat(input, r.bytes(r.between(1, 33)));
  if (r.chance(0.05) && input.length > 0) input[r.below(input.length)] ^= 1 << r.below(8);
  return input;
}

/** Which precompile to call: cheap ones more often, and only those the fork has (or nearly). */
export function pickPrecompile(r, prague) {
  return r.weighted([[4, 1], [2, 2], [2, 3], [3, 4], [5, 5], [3, 6], [3, 7], [1, 8], [3, 9], [1, 10],
    ...(prague ? [[2, 11], [1, 12], [1, 13], [1, 14], [1, 15], [1, 16], [1, 17], [1, 18]] : [[1, 11]])]);
}

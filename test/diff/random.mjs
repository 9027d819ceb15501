// SPDX-License-Identifier: Apache-2.0
// Seeded randomness: the same (seed, index) gives the same program everywhere, for ever.

export class Random {
  /** @param {bigint} seed of the run  @param {number} index of the program */
  constructor(seed, index) {
    // SplitMix64 turns the two numbers into the state of sfc32.
    let x = BigInt.asUintN(64, seed * 0x9e3779b97f4a7c15n + BigInt(index) * 0xd1342543de82ef95n + 1n);
    const next = () => {
      x = BigInt.asUintN(64, x + 0x9e3779b97f4a7c15n);
      let z = x;
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
      return Number((z ^ (z >> 31n)) & 0xffffffffn);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = 1;
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32() {
    const t = (this.a + this.b + this.d) >>> 0;
    this.d = (this.d + 1) >>> 0;
    this.a = (this.b ^ (this.b >>> 9)) >>> 0;
    this.b = (this.c + (this.c << 3)) >>> 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) >>> 0;
    this.c = (this.c + t) >>> 0;
    return t;
  }

  /** An integer from 0 to n - 1. */
  below(n) { return Math.floor((this.u32() / 4294967296) * n); }

  /** From low to high, both included. */
  between(low, high) { return low + this.below(high - low + 1); }

  chance(probability) { return this.u32() / 4294967296 < probability; }

  pick(list) { return list[this.below(list.length)]; }

  /** Picks from [[weight, value], ...]. */
  weighted(table) {
    let at = this.below(table.reduce((sum, [w]) => sum + w, 0));
    for (const [w, value] of table) {
      if (at < w) return value;
      at -= w;
    }
    throw new Error('unreachable');
  }

  bytes(n) { return Uint8Array.from({ length: n }, () => this.below(256)); }

  bits(n) {
    let v = 0n;
    for (let i = 0; i < n; i += 32) v = (v << 32n) | BigInt(this.u32());
    return BigInt.asUintN(n, v);
  }
}

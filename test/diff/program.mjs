// SPDX-License-Identifier: Apache-2.0
// Random bytecode that does something: operands are pushed before the operation that takes them,
// memory and storage are touched where other steps will look, calls go to accounts that exist.

import { AUTHORITIES, CONTRACTS, COINBASE, SENDER, address } from './people.mjs';
import { pickPrecompile, precompileInput } from './precompiles.mjs';

/** Bytes in the making. `height` is a lower bound of what is on the stack. */
class Code {
  constructor() {
    this.bytes = [];
    this.height = 0;
  }

  op(code, takes = 0, gives = 0) {
    this.bytes.push(code);
    this.height = Math.max(0, this.height - takes) + gives;
  }

  push(value, width = 0) {
    let hex = BigInt(value).toString(16);
    if (hex.length % 2) hex = `0${hex}`;
    while (hex.length < 2 * width) hex = `00${hex}`;
    const bytes = Buffer.from(hex, 'hex');
    this.bytes.push(0x5f + bytes.length, ...bytes);
    this.height++;
  }
}

const MAX = (1n << 256n) - 1n;
const EDGES = [0n, 1n, 2n, 3n, 7n, 31n, 32n, 33n, 127n, 128n, 255n, 256n, 1n << 31n, (1n << 32n) - 1n, 1n << 63n,
  (1n << 64n) - 1n, 1n << 64n, 1n << 127n, (1n << 128n) - 1n, 1n << 128n, (1n << 255n) - 1n, 1n << 255n, MAX - 1n, MAX];

function anyValue(r) {
  return r.weighted([[4, BigInt(r.below(8))], [4, r.pick(EDGES)], [2, r.bits(8)], [1, r.bits(64)], [2, r.bits(256)],
    [1, MAX ^ r.bits(16)], [1, 1n << BigInt(r.below(256))]]);
}
// A huge one ends the frame most of the time, so it is rare.
const offset = (r) => r.weighted([[160, BigInt(r.below(160))], [25, BigInt(r.below(2000))], [15, 0n],
  [1, r.pick(EDGES)]]);
const length = (r) => r.weighted([[130, BigInt(r.below(70))], [35, 0n], [20, 32n], [12, BigInt(r.below(1000))],
  [1, r.pick(EDGES)]]);

// ---- one step of a program: what it puts after what is there ---------------------------------------

/** Leaves `n` operands on the stack, from what is there or pushed. */
function operands(r, c, n) {
  if (c.height >= n && r.chance(0.35)) return;
  for (let i = 0; i < n; i++) {
    if (c.height > 0 && r.chance(0.2)) c.op(0x80 + r.below(Math.min(16, c.height)), 0, 1);
    else c.push(anyValue(r));
  }
}

const ARITHMETIC = [[0x01, 2], [0x02, 2], [0x03, 2], [0x04, 2], [0x05, 2], [0x06, 2], [0x07, 2], [0x08, 3], [0x09, 3],
  [0x0a, 2], [0x0b, 2], [0x10, 2], [0x11, 2], [0x12, 2], [0x13, 2], [0x14, 2], [0x15, 1], [0x16, 2], [0x17, 2],
  [0x18, 2], [0x19, 1], [0x1a, 2], [0x1b, 2], [0x1c, 2], [0x1d, 2]];
function arithmetic(r, c) {
  const [op, n] = r.pick(ARITHMETIC);
  operands(r, c, n);
  if (r.chance(0.3) && [0x0b, 0x1a, 0x1b, 0x1c, 0x1d].includes(op)) c.push(r.below(260));
  c.op(op, n, 1);
}

function someAddress(r) {
  return BigInt(r.weighted([[10, address(r.below(CONTRACTS))], [2, address(100)], [2, address(200)], [1, address(300)],
    [1, COINBASE], [1, SENDER], [2, r.pick(AUTHORITIES)], [1, r.between(1, 18)], [1, '0x00'], [1, r.bits(160)]]));
}

function environment(r, c, g) {
  const op = r.pick([0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x58, 0x59, 0x5a]);
  if (op === 0x48 && !g.london) return;
  if ((op === 0x49 || op === 0x4a) && !g.cancun) return;
  if (op === 0x31 || op === 0x3b || op === 0x3f) {
    c.push(someAddress(r));
    c.op(op, 1, 1);
  } else if (op === 0x35) {
    c.push(offset(r));
    c.op(op, 1, 1);
  } else if (op === 0x37 || op === 0x39 || op === 0x3e) {
    if (op === 0x3e && r.chance(0.6)) {
      c.op(0x3d, 0, 1); // all of the return data, mostly
      c.push(0);
    } else {
      c.push(op === 0x3e && r.chance(0.7) ? 0n : length(r));
      c.push(op === 0x3e ? BigInt(r.below(3)) : offset(r));
    }
    c.push(offset(r));
    c.op(op, 3, 0);
  } else if (op === 0x3c) {
    c.push(length(r));
    c.push(offset(r));
    c.push(offset(r));
    c.push(someAddress(r));
    c.op(op, 4, 0);
  } else if (op === 0x40 || op === 0x49) {
    c.push(r.chance(0.6) ? BigInt(g.number - r.between(-2, 260)) & MAX : anyValue(r));
    c.op(op, 1, 1);
  } else {
    c.op(op, 0, 1);
  }
}

function memory(r, c, g) {
  const op = r.pick([0x51, 0x52, 0x52, 0x53, 0x20, 0x5e]);
  if (op === 0x5e) {
    if (!g.cancun) return;
    c.push(length(r));
    c.push(offset(r));
    c.push(offset(r));
    c.op(op, 3, 0);
  } else if (op === 0x20) {
    c.push(length(r));
    c.push(offset(r));
    c.op(op, 2, 1);
  } else if (op === 0x51) {
    c.push(offset(r));
    c.op(op, 1, 1);
  } else {
    operands(r, c, 1);
    c.push(offset(r));
    c.op(op, 2, 0);
  }
}

function storage(r, c, g) {
  const transient = g.cancun && r.chance(0.25);
  const slot = r.weighted([[8, BigInt(r.below(4))], [1, anyValue(r)]]);
  if (r.chance(0.3)) {
    c.push(slot);
    c.op(transient ? 0x5c : 0x54, 1, 1);
    return;
  }
  // Runs of writes to one slot are what refunds are about.
  for (let n = r.weighted([[3, 1], [2, 2], [1, 3]]); n > 0; n--) {
    if (r.chance(0.15)) operands(r, c, 1);
    else c.push(r.weighted([[4, 0n], [3, 1n], [2, 2n], [1, r.bits(256)]]));
    c.push(slot);
    c.op(transient ? 0x5d : 0x55, 2, 0);
  }
}

/** PUSH0 where there is one, and the deep ends of DUP and SWAP. */
function deepStack(r, c, g) {
  while (c.height < 17) {
    if (g.shanghai && r.chance(0.5)) c.op(0x5f, 0, 1);
    else c.push(anyValue(r));
  }
  for (let n = r.between(1, 6); n > 0; n--) {
    if (r.chance(0.5)) c.op(0x80 + r.below(16), 0, 1);
    else c.op(0x90 + r.below(16));
  }
}

function stack(r, c) {
  const kind = r.below(4);
  if (kind === 0) c.push(anyValue(r), r.chance(0.3) ? r.between(1, 32) : 0);
  else if (kind === 1 && c.height > 0) c.op(0x80 + r.below(Math.min(16, c.height)), 0, 1);
  else if (kind === 2 && c.height > 1) c.op(0x90 + r.below(Math.min(16, c.height - 1)));
  else if (c.height > 4) c.op(0x50, 1, 0);
}

function log(r, c) {
  const topics = r.below(5);
  for (let i = 0; i < topics; i++) operands(r, c, 1);
  c.push(length(r));
  c.push(offset(r));
  c.op(0xa0 + topics, topics + 2, 0);
}

function store(c, bytes, at) {
  for (let i = 0; i < bytes.length; i += 32) {
    const part = Buffer.alloc(32);
    Buffer.from(bytes.slice(i, i + 32)).copy(part);
    c.push(BigInt(`0x${part.toString('hex')}`));
    c.push(at + i);
    c.op(0x52, 2, 0);
  }
}

function callGas(r, c) {
  if (r.chance(0.6)) c.op(0x5a, 0, 1);
  else c.push(r.weighted([[3, BigInt(r.below(100000))], [2, BigInt(r.below(3000))], [1, 0n], [1, MAX]]));
}

function callWith(r, c, to, argsAt, argsLength) {
  const op = r.weighted([[5, 0xf1], [1, 0xf2], [2, 0xf4], [2, 0xfa]]);
  c.push(r.chance(0.7) ? BigInt(r.below(70)) : length(r));
  c.push(offset(r) & 0xfffn);
  c.push(argsLength);
  c.push(argsAt);
  const value = op === 0xf1 || op === 0xf2;
  if (value) c.push(r.weighted([[6, 0n], [3, BigInt(r.below(5))], [1, anyValue(r)]]));
  c.push(to);
  callGas(r, c);
  c.op(op, value ? 7 : 6, 1);
  if (r.chance(0.4)) {
    c.op(0x3d, 0, 1);
    c.push(0);
    c.push(BigInt(r.below(100)));
    c.op(0x3e, 3, 0);
  }
}

function call(r, c) { callWith(r, c, someAddress(r), offset(r), length(r)); }

function precompile(r, c, g) {
  const n = pickPrecompile(r, g.prague);
  const input = precompileInput(r, n);
  const at = r.below(3) * 32;
  store(c, input, at);
  callWith(r, c, n, at, r.chance(0.92) ? input.length : r.below(300));
  // What it returned is hashed into the state, so that every bit counts.
  c.op(0x3d, 0, 1);
  c.push(0);
  c.push(0);
  c.op(0x3e, 3, 0);
  c.op(0x3d, 0, 1);
  c.push(0);
  c.op(0x20, 2, 1);
}

/** Code that returns `runtime` as a new contract's code, after a few steps of its own. */
export function initCode(r, g, runtime, steps) {
  const c = new Code();
  for (let i = 0; i < steps; i++) step(r, c, { ...g, depth: g.depth + 1 });
  const tail = c.bytes.length;
  const push2 = (v) => c.push(v, 2);
  push2(runtime.length);
  push2(tail + 15);
  c.push(0);
  c.op(0x39, 3, 0);
  push2(runtime.length);
  c.push(0);
  c.op(r.chance(0.93) ? 0xf3 : 0xfd, 2, 0);
  // PUSH2 PUSH2 PUSH1 CODECOPY PUSH2 PUSH1 RETURN is 3+3+2+1+3+2+1 bytes.
  return [...c.bytes, ...runtime];
}

function create(r, c, g) {
  if (g.depth > 2) return;
  const deeper = { ...g, depth: g.depth + 1 };
  const runtime = r.weighted([[6, () => program(r, deeper, r.between(1, 8))], [1, () => []],
    [1, () => [0xef, ...r.bytes(3)]], [1, () => [...r.bytes(r.below(40))]]])();
  const init = r.weighted([[8, () => initCode(r, deeper, runtime, r.below(4))], [1, () => runtime],
    [1, () => [...r.bytes(r.below(40))]]])();
  store(c, init, 0);
  const two = r.chance(0.5);
  const twice = two && r.chance(0.2) ? 2 : 1;
  const salt = BigInt(r.below(3));
  for (let i = 0; i < twice; i++) {
    if (two) c.push(salt);
    c.push(init.length);
    c.push(0);
    c.push(r.weighted([[6, 0n], [2, BigInt(r.below(4))], [1, anyValue(r)]]));
    c.op(two ? 0xf5 : 0xf0, two ? 4 : 3, 1);
  }
  if (r.chance(0.7)) {
    // Calls what was made.
    c.op(0x80, 0, 1);
    for (let i = 0; i < 5; i++) c.push(i === 1 ? 0 : r.below(40));
    c.op(0x85, 0, 1);
    callGas(r, c);
    c.op(0xf1, 7, 1);
  }
}

function selfdestruct(r, c) {
  c.push(someAddress(r));
  c.op(0xff, 1, 0);
}

/** Jumps over a few bytes that may be anything. */
function forward(r, c) {
  const junk = r.chance(0.5) ? [...r.bytes(r.below(6))] : [];
  const conditional = r.chance(0.6);
  if (conditional) operands(r, c, 1);
  const off = r.chance(0.05) ? r.pick([1, 2, 0x10000]) : 0;
  c.push(c.bytes.length + 4 + junk.length + off, 2);
  c.op(conditional ? 0x57 : 0x56, conditional ? 2 : 1, 0);
  c.bytes.push(...junk, 0x5b);
}

/** A loop of a few rounds; its counter stays below what the body makes. */
function loop(r, c, g) {
  if (g.depth > 1 || g.loops > 1) return;
  const inner = new Code();
  inner.height = 0;
  for (let i = r.between(1, 3); i > 0; i--) r.pick([arithmetic, memory, storage, stack])(r, inner, g);
  c.push(r.between(1, 12));
  const start = c.bytes.length;
  c.bytes.push(0x5b, ...inner.bytes);
  for (let i = 0; i < inner.height; i++) c.bytes.push(0x50);
  c.push(1);
  c.op(0x90);
  c.op(0x03, 2, 1);
  c.op(0x80, 0, 1);
  c.push(start, 2);
  c.op(0x57, 2, 0);
}

function halt(r, c) {
  const op = r.weighted([[4, 0xf3], [3, 0xfd], [1, 0x00], [1, 0xfe], [1, 0xff]]);
  if (op === 0xff) return selfdestruct(r, c);
  if (op === 0xf3 || op === 0xfd) {
    c.push(length(r));
    c.push(offset(r));
  }
  return c.op(op, 0, 0);
}

const STEPS = [[88, arithmetic], [40, environment], [48, memory], [56, storage], [40, stack], [12, log], [48, call],
  [28, precompile], [20, create], [3, selfdestruct], [16, forward], [8, loop], [6, deepStack], [2, halt],
  [1, (r, c) => c.bytes.push(r.below(256))]];

export function step(r, c, g) { r.weighted(g.plain ? STEPS.slice(0, 5) : STEPS)(r, c, g); }

/** What is left on the stack goes into memory and out. */
function finish(r, c) {
  const words = Math.min(c.height, r.below(5));
  for (let i = 0; i < words; i++) {
    c.push(32 * i);
    c.op(0x52, 2, 0);
  }
  if (r.chance(0.3) && c.height > 0) {
    c.push(r.below(4));
    c.op(0x55, 2, 0);
  }
  c.push(32 * words);
  c.push(0);
  c.op(r.chance(0.85) ? 0xf3 : 0xfd, 2, 0);
}

/** Changes a few bytes without knowing what they are. */
export function mutate(r, bytes) {
  const out = [...bytes];
  for (let n = r.between(1, 4); n > 0 && out.length > 0; n--) {
    const at = r.below(out.length);
    r.pick([() => { out[at] = r.below(256); }, () => { out[at] ^= 1 << r.below(8); }, () => out.splice(at, 1),
      () => out.splice(at, 0, r.below(256)), () => out.splice(at, r.below(8)),
      () => out.splice(at, 0, ...out.slice(r.below(out.length)).slice(0, 12)),
      () => { out.length = at; }])();
  }
  return out;
}

/** One contract's code. @param g {london, shanghai, cancun, prague, number, depth} */
export function program(r, g, steps) {
  const c = new Code();
  for (let i = 0; i < steps; i++) step(r, c, g);
  if (r.chance(0.9)) finish(r, c);
  return r.chance(0.06) ? mutate(r, c.bytes) : c.bytes;
}

/** Calls (or creates) itself until the depth or the gas ends, and tells in storage what it got. */
export function recursion(r) {
  const c = new Code();
  const op = r.pick([0xf1, 0xf2, 0xf4, 0xfa, 0xf0]);
  if (op === 0xf0) {
    c.op(0x38, 0, 1);
    c.push(0);
    c.push(0);
    c.op(0x39, 3, 0);
    c.op(0x38, 0, 1);
    c.push(0);
    c.push(0);
    c.op(0xf0, 3, 1);
  } else {
    for (let i = 0; i < (op === 0xf4 || op === 0xfa ? 4 : 5); i++) c.push(0);
    c.op(0x30, 0, 1);
    c.op(0x5a, 0, 1);
    c.op(op, 7, 1);
  }
  if (op !== 0xfa) {
    c.push(0);
    c.op(0x54, 1, 1);
    c.push(1);
    c.op(0x01, 2, 1);
    c.op(0x01, 2, 1);
    c.push(0);
    c.op(0x55, 2, 0);
  }
  c.op(0x00);
  return c.bytes;
}

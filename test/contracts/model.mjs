// SPDX-License-Identifier: Apache-2.0
// The demonstration's data, trainer, sketch and hashes (federation.md 2 and 5, demo.md 2 and 3),
// written from those pages in plain integers: a second opinion on what C and Solidity compute.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { require } from './deps.mjs';

const { keccak256: keccakHex } = require('js-sha3');

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
export const keccak = (bytes) => Buffer.from(keccakHex.arrayBuffer(bytes));
export const hex = (bytes) => '0x' + Buffer.from(bytes).toString('hex');

export const D = 2049;
export const HOSPITALS = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];
const ROWS = [95, 80, 70, 65, 55, 50, 40];
export const WEIGHTS = ROWS.map((n) => Math.min(n, 64));
const FEATURES = 30;
const HIDDEN = 64;
const CLIP = 32767;
// Sorted tensor names: fc1.bias, fc1.weight, fc2.bias, fc2.weight.
const B1 = 0;
const W1 = 64;
const B2 = 64 + 1920;
const W2 = 64 + 1920 + 1;

const shift = (x, k) => Math.floor(x / 2 ** k); // arithmetic: towards minus infinity
const clip = (x) => Math.max(-CLIP, Math.min(CLIP, x));

/** Rows in the demonstration's order: {x: 30 integers, y: 0 or 1}. */
export function readData(path) {
  const lines = readFileSync(path, 'latin1').split('\n').slice(1).filter((l) => l !== '');
  const keyed = lines.map((line) => ({ line, key: sha256(Buffer.from(line, 'latin1')).toString('hex') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  const scaled = (text) => {
    const [whole, part = ''] = text.split('.');
    return BigInt(whole + part.padEnd(9, '0'));
  };
  const raw = keyed.map(({ line }) => line.split(','));
  const values = raw.map((fields) => fields.slice(0, FEATURES).map(scaled));
  const bounds = Array.from({ length: FEATURES }, (_, j) => {
    const column = values.map((v) => v[j]);
    return [column.reduce((a, b) => (a < b ? a : b)), column.reduce((a, b) => (a > b ? a : b))];
  });
  return raw.map((fields, i) => ({
    x: values[i].map((v, j) => Number(((v - bounds[j][0]) * 4096n) / (bounds[j][1] - bounds[j][0]))),
    y: Number(fields[FEATURES]) === 0 ? 1 : 0,
  }));
}

/** The hospitals' rows and the last 114, which test. */
export function splitData(rows) {
  const parts = [];
  let at = 0;
  for (const n of ROWS) parts.push(rows.slice(at, (at += n)));
  return { parts, test: rows.slice(rows.length - 114) };
}

export function genesisModel() {
  const stream = [];
  for (let i = 0; stream.length < 2048; i++) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(i);
    const block = sha256(Buffer.concat([Buffer.from('cairn-demo-init'), counter]));
    for (let k = 0; k < 32; k += 2) stream.push(block.readInt16BE(k));
  }
  const w = new Array(D).fill(0);
  for (let n = 0; n < 1920; n++) w[W1 + n] = stream[n] >> 2;
  for (let n = 0; n < HIDDEN; n++) w[W2 + n] = stream[1984 + n] >> 2;
  return w;
}

function forward(w, x) {
  const z1 = new Array(HIDDEN).fill(0);
  for (let i = 0; i < FEATURES; i++) {
    for (let h = 0; h < HIDDEN; h++) z1[h] += x[i] * w[W1 + i * HIDDEN + h];
  }
  let sum = 0;
  const hidden = new Array(HIDDEN);
  for (let h = 0; h < HIDDEN; h++) {
    z1[h] = shift(z1[h], 12) + w[B1 + h];
    hidden[h] = Math.max(z1[h], 0);
    sum += hidden[h] * w[W2 + h];
  }
  const z2 = shift(sum, 16) + w[B2];
  return { z1, hidden, p: Math.max(0, Math.min(65536, 32768 + shift(z2, 2))) };
}

function step(w, rows, flip) {
  const n = rows.length;
  const g = new Array(D).fill(0);
  for (const { x, y } of rows) {
    const { z1, hidden, p } = forward(w, x);
    const e = p - 65536 * (flip ? 1 - y : y);
    g[B2] += e;
    for (let h = 0; h < HIDDEN; h++) {
      g[W2 + h] += hidden[h] * e;
      if (z1[h] <= 0) continue;
      const dh = shift(e * w[W2 + h], 16);
      g[B1 + h] += dh;
      for (let i = 0; i < FEATURES; i++) g[W1 + i * HIDDEN + h] += x[i] * dh;
    }
  }
  for (let h = 0; h < HIDDEN; h++) g[W2 + h] = shift(g[W2 + h], 16);
  for (let k = W1; k < B2; k++) g[k] = shift(g[k], 12);
  return w.map((v, k) => v - Math.floor(g[k] / n));
}

/** The update of one hospital: 20 steps from the global model; the poisoner flips and boosts. */
export function train(global, rows, poison = false) {
  let w = global;
  for (let k = 0; k < 20; k++) w = step(w, rows, poison);
  return w.map((v, j) => clip((poison ? 20 : 1) * (v - global[j])));
}

export function aggregate(updates, weights) {
  const a = new Array(D).fill(0);
  updates.forEach((u, i) => { for (let j = 0; j < D; j++) a[j] += weights[i] * u[j]; });
  return a;
}

export function apply(w, a, total) {
  return w.map((v, j) => v + Math.floor(a[j] / total));
}

export function evaluate(w, rows) {
  let correct = 0;
  let found = 0;
  for (const { x, y } of rows) {
    const says = forward(w, x).p >= 32768 ? 1 : 0;
    if (says === y) correct++;
    if (y === 1 && says === 1) found++;
  }
  return { correct, found };
}

function vector(values, size) {
  const out = Buffer.alloc(values.length * size);
  values.forEach((v, j) => (size === 2 ? out.writeInt16LE(v, 2 * j) : out.writeInt32LE(v, 4 * j)));
  return out;
}
export const int16s = (values) => vector(values, 2);
export const int32s = (values) => vector(values, 4);

/** Merkle root over chunks of `size` bytes, the last one padded with zeros. */
export function merkleRoot(bytes, size) {
  let level = [];
  for (let at = 0, index = 0; at < bytes.length; at += size, index++) {
    const head = Buffer.alloc(9);
    head.writeBigUInt64BE(BigInt(index), 1);
    const chunk = Buffer.alloc(size);
    bytes.copy(chunk, 0, at);
    level.push(keccak(Buffer.concat([head, chunk])));
  }
  while (level.length > 1) {
    const up = [];
    for (let i = 0; i < level.length; i += 2) {
      up.push(i + 1 < level.length ? keccak(Buffer.concat([Buffer.from([1]), level[i], level[i + 1]])) : level[i]);
    }
    level = up;
  }
  return level[0];
}

/** The model as a safetensors file in canonical form ST-C1. */
export function modelFile(w) {
  const shapes = { 'fc1.bias': [64], 'fc1.weight': [30, 64], 'fc2.bias': [1], 'fc2.weight': [64] };
  let at = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const end = at + 4 * shape.reduce((a, b) => a * b);
    const text = `"${name}":{"dtype":"I32","shape":[${shape}],"data_offsets":[${at},${end}]}`;
    at = end;
    return text;
  });
  let header = `{${entries.join(',')}}`;
  while ((8 + header.length) % 8 !== 0) header += ' ';
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), int32s(w)]);
}

/** The 256 integers of an update under a seed, as numbers. */
export function sketch(seed, u) {
  const t = new Array(256).fill(0);
  let o;
  for (let j = 0; j < u.length; j++) {
    if (j % 5 === 0) {
      const counter = Buffer.alloc(32);
      counter.writeBigUInt64BE(BigInt(j / 5), 24);
      o = keccak(Buffer.concat([seed, counter]));
    }
    if (u[j] === 0) continue;
    const slice = BigInt('0x' + o.subarray(6 * (j % 5), 6 * (j % 5) + 6).toString('hex'));
    for (let r = 0; r < 8; r++) {
      const field = Number((slice >> BigInt(42 - 6 * r)) & 63n);
      t[32 * r + (field & 31)] += field & 32 ? -u[j] : u[j];
    }
  }
  return t;
}

export function packSketch(t) {
  const out = Buffer.alloc(2048);
  t.forEach((v, k) => out.writeBigInt64BE(BigInt(v), 8 * k));
  return out;
}

/** Selection in plain big integers; the same words as federation.md 5.3. */
export function select(policy, f, sketches) {
  const n = sketches.length;
  const t = sketches.map((s) => s.map(BigInt));
  const dist = (a, b) => a.reduce((sum, v, k) => sum + (v - b[k]) * (v - b[k]), 0n);
  const d = t.map((a) => t.map((b) => dist(a, b)));
  const cmp = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const pairs = [];
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) pairs.push(d[i][j]);
  pairs.sort(cmp);
  const median = pairs[(pairs.length - 1) >> 1];
  const kept = [];
  for (let j = 0; j < n; j++) if (!kept.some((i) => 64n * d[i][j] < median)) kept.push(j);
  const scores = new Array(n).fill(2n ** 256n - 1n);
  if (policy === 'FedAvg') {
    for (const i of kept) scores[i] = 0n;
    return { accepted: kept, scores };
  }
  if (kept.length < 2 * f + 3) return null;
  for (const i of kept) {
    const row = kept.filter((j) => j !== i).map((j) => d[i][j]).sort(cmp);
    scores[i] = row.slice(0, kept.length - f - 2).reduce((a, b) => a + b, 0n);
  }
  const order = [...kept].sort((a, b) => cmp(scores[a], scores[b]) || a - b);
  return { accepted: order.slice(0, kept.length - f).sort((a, b) => a - b), scores };
}

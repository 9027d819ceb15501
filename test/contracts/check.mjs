// SPDX-License-Identifier: Apache-2.0
// A very small test runner: named tests, assertions that say what they saw, one last line.

import assert from 'node:assert/strict';
import { Reverted } from './chain.mjs';

let passed = 0;
let failed = 0;
const only = process.argv[2];

export async function test(name, body) {
  if (only && !name.includes(only)) return;
  const start = Date.now();
  try {
    await body();
    passed++;
    console.log(`ok    ${name} (${Date.now() - start} ms)`);
  } catch (e) {
    failed++;
    console.log(`FAIL  ${name}\n${e.stack}`);
  }
}

/** Prints the tally; the exit code is 1 if anything failed or nothing ran. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed !== 0 ? 0 : 1;
}

export const equal = (have, want, what) => assert.deepEqual(have, want, what);
export const ok = (value, what) => assert.ok(value, what);

/** The promise must be refused with this custom error (and these arguments, if given). */
export async function refuses(promise, errorName, args) {
  let result;
  try {
    result = await promise;
  } catch (e) {
    if (!(e instanceof Reverted)) throw e;
    assert.equal(e.errorName, errorName, e.message);
    if (args) assert.deepEqual([...e.args], args, e.message);
    return;
  }
  assert.fail(`not refused, wanted ${errorName}: ${result}`);
}

/** Numbers in [0, n) from one seed, the same on every machine (mulberry32). */
export function random(seed) {
  let s = seed >>> 0;
  return (n) => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { equal, ok, random, refuses, test } from './check.mjs';
import { ROOT } from './deps.mjs';
import * as m from './model.mjs';

const MAX = 2n ** 256n - 1n;
const packAll = (sketches) => '0x' + sketches.map((t) => packBig(t).toString('hex')).join('');

function packBig(t) {
  const out = Buffer.alloc(2048);
  t.forEach((v, k) => out.writeBigInt64BE(BigInt(v), 8 * k));
  return out;
}

/** The program that selects as C does, if somebody has built it ("make tools"). */
const cProgram = [process.env.CAIRN_BIN ?? 'build', 'build/release', 'build/debug']
  .map((dir) => resolve(ROOT, dir, 'tools/fed_select')).find(existsSync);

/** What C answers to each case {policy, f, sketches}: {accepted, scores} or null. */
function selectInC(cases) {
  const lines = cases.map(({ policy, f, sketches }) =>
    [policy === 'FedAvg' ? 0 : 1, f, ...sketches.map((t) => packBig(t).toString('hex'))].join(' '));
  const out = execFileSync(cProgram, { input: lines.join('\n') + '\n', maxBuffer: 2 ** 26 }).toString();
  return out.trim().split('\n').map((line, k) => {
    if (line === 'refused') return null;
    const [bitmap, ...scores] = line.split(' ').map(BigInt);
    return { accepted: bits(bitmap, cases[k].sketches.length), scores };
  });
}

const bits = (bitmap, n) => [...Array(n).keys()].filter((i) => (BigInt(bitmap) >> BigInt(i)) & 1n);

export async function run(world) {
  const policies = { FedAvg: world.fedAvg, MultiKrum: world.multiKrum };
  const solidity = async (name, f, sketches, weights = sketches.map(() => 1)) => {
    const r = await policies[name].call('select', sketches.length, f, packAll(sketches), weights, sketches.map(() => 500000));
    return { accepted: bits(r.accepted, sketches.length), scores: [...r.scores], effective: r.effectiveWeights.map(Number) };
  };

  await test('selection: the small vector and the trainer are the demonstration\'s', async () => {
    const seed = m.keccak(Buffer.from('cairn-vector-1'));
    const u = [1, -2, 3, -4, 5, -6, 7];
    equal(m.hex(m.keccak(m.packSketch(m.sketch(seed, u)))), '0x9be4003848b3dcb25ad582941fd09139adce1692958e69472b817eed0120c0ac');
    equal(m.hex(m.merkleRoot(m.int16s(u), 2048)), '0x77d9cd78a5316763e99c1b3dc8372bb04b15ce62f00fefa49cd6304fecb65d51');
    ok(world.demo.length === 5);
  });

  await test('selection: MultiKrum gives round 4 its fixed-seed scores', async () => {
    const seed = m.keccak(Buffer.concat([Buffer.from('cairn-demo-seedsel'), Buffer.from([0, 0, 0, 4])]));
    const sketches = world.demo[3].updates.map((u) => m.sketch(seed, u));
    const got = await solidity('MultiKrum', 1, sketches, m.WEIGHTS);
    equal(got.scores, [92822417674n, 72711067552n, 65755036400n, 64767716728n, 69711128958n, 106187543714n, 30260794752176n]);
    equal(got.accepted, [0, 1, 2, 3, 4, 5]);
    equal(got.effective, [64, 64, 64, 64, 55, 50, 0]);
    const gas = await world.chain.rpc('eth_estimateGas', { to: world.multiKrum.address,
      data: world.multiKrum.encode('select', 7, 1, packAll(sketches), m.WEIGHTS, m.WEIGHTS) });
    console.log(`      gas of the rule itself at n = 7, with its calldata: ${Number(gas)}`);
  });

  await test('selection: Solidity and plain integers agree on random, equal, tied and extreme sketches', async () => {
    const rnd = random(Number(process.env.CAIRN_SEED ?? 7));
    const kinds = {
      small: () => BigInt(rnd(2001) - 1000),
      wide: () => BigInt(rnd(2 ** 31)) * BigInt(rnd(2 ** 31)) * (rnd(2) ? 1n : -1n),
      ends: () => (rnd(2) ? 2n ** 63n - 1n : -(2n ** 63n)),
      bits: () => BigInt(rnd(2)),
    };
    let cases = 0;
    const asked = [];
    for (const [kind, draw] of Object.entries(kinds)) {
      for (const n of [1, 2, 3, 5, 6, 7, 12]) {
        const sketches = Array.from({ length: n }, () => Array.from({ length: 256 }, draw));
        for (let k = 0; k < n / 3; k++) if (rnd(2)) sketches[rnd(n)] = [...sketches[rnd(n)]];
        if (rnd(2) && n > 2) sketches[n - 1] = sketches[0].map((v, k) => (k === 0 ? v - (v > 0n ? 1n : -1n) : v));
        const f = rnd(3);
        const wantAvg = m.select('FedAvg', 0, sketches);
        const gotAvg = await solidity('FedAvg', 0, sketches);
        equal(gotAvg.accepted, wantAvg.accepted, `${kind} ${n}`);
        equal(gotAvg.scores, wantAvg.scores, `${kind} ${n}`);
        const want = m.select('MultiKrum', f, sketches);
        asked.push({ policy: 'FedAvg', f: 0, sketches, want: wantAvg }, { policy: 'MultiKrum', f, sketches, want });
        if (want === null) {
          await refuses(solidity('MultiKrum', f, sketches), 'TooFewInputs');
        } else {
          const got = await solidity('MultiKrum', f, sketches);
          equal(got.scores, want.scores, `${kind} ${n} ${f}`);
          equal(got.accepted, want.accepted, `${kind} ${n} ${f}`);
        }
        cases++;
      }
    }
    equal(cases, 28);
    if (!cProgram) return console.log('      SKIP the comparison with C: "make tools" was not run');
    for (const [k, got] of selectInC(asked).entries()) equal(got && { ...got }, asked[k].want, `C, case ${k}`);
    return console.log(`      C agrees on ${asked.length} selections`);
  });

  await test('selection: ties go to the earlier commit, duplicates lose their weight', async () => {
    const unit = (k, v = 1000n) => Array.from({ length: 256 }, (_, j) => (j === k ? v : 0n));
    // Five corners of a regular simplex: all distances equal, so all scores are.
    const tied = await solidity('MultiKrum', 1, [0, 1, 2, 3, 4].map((k) => unit(k)));
    equal(tied.accepted, [0, 1, 2, 3]);
    const near = [0, 1, 2, 3, 4, 5].map((k) => unit(k));
    near.push(unit(1, 1001n));
    const got = await solidity('FedAvg', 0, near);
    equal(got.accepted, [0, 1, 2, 3, 4, 5]);
    equal(got.scores[6], MAX);
    // 64 * D equal to the median is not near; one less is.
    const units = [0, 1, 2, 3, 4, 5].map((k) => unit(k, 8n));
    const beside = (...at) => units[5].map((v, k) => (at.includes(k) ? 1n : v));
    equal((await solidity('FedAvg', 0, [...units, beside(6, 7)])).accepted, [0, 1, 2, 3, 4, 5, 6]);
    equal((await solidity('FedAvg', 0, [...units, beside(6)])).accepted, [0, 1, 2, 3, 4, 5]);
    // A chain: 1 is near 0, 2 is near 1 but not near 0. 1 goes, and 2 is not judged against it.
    const chain = [0, 1, 2, 3, 4].map((k) => unit(k, 8000n));
    const at = (v) => unit(5, v);
    const three = [at(0n), at(900n), at(1800n)];
    const linked = await solidity('FedAvg', 0, [...chain, ...three]);
    equal(linked.accepted, [0, 1, 2, 3, 4, 5, 7]);
  });

  await test('selection: malformed input is refused', async () => {
    const t = new Array(256).fill(0n);
    await refuses(policies.MultiKrum.call('select', 5, 1, packAll([t, t]), [1, 1, 1, 1, 1], []), 'BadLength');
    await refuses(policies.FedAvg.call('select', 2, 1, packAll([t, t]), [1], []), 'BadLength');
    await refuses(policies.FedAvg.call('select', 0, 0, '0x', [], []), 'TooFewInputs');
    await refuses(policies.FedAvg.call('select', 41, 0, packAll(new Array(41).fill(t)), new Array(41).fill(1), []), 'BadLength');
    equal(await policies.MultiKrum.call('minInputs', 3), 9n);
    equal(await policies.FedAvg.call('minInputs', 3), 1n);
  });

  await test('selection: 40 inputs fit the gas that Rounds gives', async () => {
    const rnd = random(3);
    const sketches = Array.from({ length: 40 }, () => Array.from({ length: 256 }, () => BigInt(rnd(2 ** 30)) - 2n ** 29n));
    const want = m.select('MultiKrum', 18, sketches);
    const got = await solidity('MultiKrum', 18, sketches);
    equal(got.accepted, want.accepted);
    const allowed = Number(await world.rounds.call('policyGas', 40));
    const data = world.multiKrum.encode('select', 40, 18, packAll(sketches), new Array(40).fill(1), []);
    const used = Number(await world.chain.rpc('eth_estimateGas', { to: world.multiKrum.address, data }));
    const calldata = Buffer.from(data.slice(2), 'hex').reduce((sum, b) => sum + (b ? 16 : 4), 21000);
    console.log(`      gas of the rule at n = 40: ${used - calldata} of ${allowed}`);
    ok(used - calldata < allowed);
  });
}

/** The five rounds of this release, trained here: updates, accepted set, model after each. */
export function playDemo() {
  const { parts, test: held } = m.splitData(m.readData(join(ROOT, 'genesis/demo/breast_cancer.csv')));
  const expected = [['c39f3909861cc9b4f2042b2ccfd8a17b4b3ecaebf757535b6407c7d288a7c060', 98],
    ['8a88df76098bd7686afb206c7cdd352bc0287c9672f6271b178b31de45794b38', 82],
    ['80db23b7f5cb7624a0a808db1412547c4bbce2024b1858844e272e8cfa6fcc17', 86],
    ['c2e4258c3149aaf4ba965cbb45bfa5a5ccb1618cced52b5d01e142115d01b768', 111],
    ['0f28118595f0674f799b122eb8b4f5f2d31aba29fec5244eade950965c5faecd', 112]];
  let w = m.genesisModel();
  equal(m.sha256(m.modelFile(w)).toString('hex'), '0583375c56a850686f469592b8487c2825caf2ba7c60893ffe2fda73788134a0');
  return expected.map(([file, correct], k) => {
    const before = w;
    const updates = parts.map((rows, i) => m.train(w, rows, i === 6 && k >= 1));
    const accepted = k < 3 ? [0, 1, 2, 3, 4, 5, 6] : [0, 1, 2, 3, 4, 5];
    const a = m.aggregate(accepted.map((i) => updates[i]), accepted.map((i) => m.WEIGHTS[i]));
    w = m.apply(w, a, accepted.reduce((sum, i) => sum + m.WEIGHTS[i], 0));
    equal(m.sha256(m.modelFile(w)).toString('hex'), file, `round ${k + 1}`);
    equal(m.evaluate(w, held).correct, correct, `round ${k + 1}`);
    return { before, updates, accepted, aggregate: a, after: w };
  });
}

export const describe = (w) => {
  const file = m.modelFile(w);
  return { fileSha256: m.hex(m.sha256(file)), modelRoot: m.hex(m.merkleRoot(m.int32s(w), 4096)), size: file.length };
};

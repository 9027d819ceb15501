// SPDX-License-Identifier: Apache-2.0
// Differential tests: random programs on Cairn and on @ethereumjs/vm; any difference is a failure.
//
//   run.mjs --evm PROGRAM [--seed N] [--count N] [--workers N] [--out DIR]
//   run.mjs --evm PROGRAM --seed N --case I      one program again, with the first step that differs
//   run.mjs --evm PROGRAM --seed N --count N --export DIR
//                                              state tests with our results, for other machines to judge
//   run.mjs --evm PROGRAM --planted yes        does it find bugs that we put there, and make them small?
//   run.mjs --evm PROGRAM --file STATETEST.json  a written reproduction or regression
//
// Prints "<N> passed, <M> failed" and what was covered.

import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cairn } from './cairn.mjs';
import { makeCase, signTx, stateTest } from './generate.mjs';
import { excluded, firstStep, minimise, outcome, runBoth } from './judge.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const MINIMISE_MS = 120000;
const NO_LOGS = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347';
const MINIMISED = 5; // per worker; further differences are only named

const options = { seed: '1', count: '2000', workers: '2', out: 'build/diff', from: '0' };
for (let i = 2; i < process.argv.length; i += 2) options[process.argv[i].replace(/^--/, '')] = process.argv[i + 1];
const seed = BigInt(options.seed);

// ---- one case ----------------------------------------------------------------------------------------

function describe(run) {
  return run.differences.map((d) => `${d}: cairn ${run.ours[d] ?? run.ours.refused} (${run.ours.status ?? ''}), peer ${
    run.theirs[d] ?? run.theirs.refused} (${run.theirs.why ?? ''})`).join('; ');
}

/** Names a difference, makes it small and writes it down. */
async function report(cairn, c, index, run, small) {
  console.log(`FAIL seed ${seed} case ${index} ${c.fork}: ${describe(run)}`);
  console.log(`  again: node test/diff/run.mjs --evm ${options.evm} --seed ${seed} --case ${index}`);
  if (!small) return;
  const least = await minimise(cairn, c, run.differences.join(), MINIMISE_MS);
  const again = await runBoth(cairn, least, true);
  const step = firstStep(again.ours, again.theirs);
  const info = { seed: String(seed), index, differences: again.differences,
    cairn: { ...again.ours, trace: undefined }, peer: { ...again.theirs, trace: undefined }, step };
  mkdirSync(options.out, { recursive: true });
  const path = join(options.out, `seed${seed}-case${index}.json`);
  const test = stateTest(least, `diff_${seed}_${index}`, info, again.theirs.root, again.theirs.logs ?? '0x',
    again.txbytes);
  writeFileSync(path, `${JSON.stringify(test, null, 1)}\n`);
  console.log(`  least case: ${path}`);
  if (step) console.log(`  first step that differs (pc op gas depth height top):\n    after ${step.before}\n    cairn ${
    step.cairn}\n    peer  ${step.peer}`);
}

// ---- a range of cases -----------------------------------------------------------------------------------

async function work(from, count, stride) {
  const cairn = new Cairn(options.evm);
  const t = { passed: 0, failed: 0, excluded: {}, refused: 0, success: 0, revert: 0, halt: 0, long: 0, steps: 0,
    ops: Buffer.alloc(32).toString('hex'), statuses: {}, forks: {} };
  const ops = Buffer.alloc(32);
  for (let i = 0; i < count; i++) {
    const index = from + i * stride;
    const c = makeCase(seed, index);
    const run = await runBoth(cairn, c);
    if (run.ours.refused !== null) t.refused++;
    else t[outcome(run.ours.status)]++;
    const word = run.ours.refused ?? run.ours.status;
    t.statuses[word] = (t.statuses[word] ?? 0) + 1;
    t.forks[c.fork] = (t.forks[c.fork] ?? 0) + 1;
    if (run.ours.steps > 20) t.long++;
    t.steps += run.ours.steps;
    Buffer.from(run.ours.ops.slice(2), 'hex').forEach((b, k) => { ops[k] |= b; });
    if (run.differences.length === 0) t.passed++;
    else {
      const known = excluded(c, run);
      if (known) t.excluded[known.name] = (t.excluded[known.name] ?? 0) + 1;
      else await report(cairn, c, index, run, ++t.failed <= MINIMISED);
    }
  }
  cairn.close();
  t.ops = ops.toString('hex');
  return t;
}

function add(into, from) {
  for (const [key, value] of Object.entries(from)) {
    if (typeof value === 'number') into[key] = (into[key] ?? 0) + value;
    else if (typeof value === 'object') into[key] = add(into[key] ?? {}, value);
    else {
      const a = Buffer.from(into[key] ?? '00'.repeat(32), 'hex');
      Buffer.from(value, 'hex').forEach((b, k) => { a[k] |= b; });
      into[key] = a.toString('hex');
    }
  }
  return into;
}

// ---- what a generator of mere halts would not reach ------------------------------------------------------

const DEFINED = [...Array(0x0c).keys(), ...range(0x10, 0x1d), 0x20, ...range(0x30, 0x4a), ...range(0x50, 0xa4), 0xf0,
  0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xfa, 0xfd, 0xfe, 0xff];
function range(a, b) { return Array.from({ length: b - a + 1 }, (_, i) => a + i); }

function coverage(t, count) {
  const ops = Buffer.from(t.ops, 'hex');
  const missing = DEFINED.filter((op) => !(ops[op >> 3] & (1 << (op & 7))));
  const share = (n) => `${((100 * n) / count).toFixed(1)} %`;
  console.log(`opcodes executed: ${DEFINED.length - missing.length} of ${DEFINED.length}${
    missing.length ? `, not: ${missing.map((o) => o.toString(16)).join(' ')}` : ''}`);
  console.log(`instructions: ${t.steps}; programs of more than 20: ${share(t.long)}`);
  console.log(`ended in success ${share(t.success)}, revert ${share(t.revert)}, halt ${share(t.halt)}, refused ${
    share(t.refused)}`);
  console.log(`by fork: ${Object.entries(t.forks).map(([f, n]) => `${f} ${n}`).join(', ')}`);
  const ends = Object.entries(t.statuses).sort((a, b) => b[1] - a[1]);
  console.log(`by end: ${ends.map(([s, n]) => `${s} ${n}`).join(', ')}`);
  if (count < 1000) return true;
  const enough = [['opcodes', missing.length === 0], ['programs of more than 20 steps', t.long >= 0.4 * count],
    ['successes', t.success >= 0.3 * count], ['reverts', t.revert >= 0.03 * count], ['halts', t.halt >= 0.05 * count],
    ['refused', t.refused >= 0.005 * count]];
  for (const [what, well] of enough) if (!well) console.log(`FAIL: too little coverage: ${what}`);
  return enough.every(([, well]) => well);
}

// ---- written cases ---------------------------------------------------------------------------------------

/** Runs a state test file on both, against each other and against the root it expects. */
async function runFile(path, trace) {
  const cairn = new Cairn(options.evm);
  let failed = 0;
  for (const [name, test] of Object.entries(JSON.parse(readFileSync(path, 'utf8')))) {
    for (const [forkName, posts] of Object.entries(test.post)) {
      for (const post of posts) {
        const c = { fork: forkName, env: test.env, pre: test.pre, txbytes: post.txbytes };
        const run = await runBoth(cairn, c, trace);
        const wrong = run.ours.root !== post.hash || (run.ours.logs ?? post.logs) !== post.logs;
        const known = run.differences.length > 0 && test._info.peer_is_wrong === undefined;
        if (!wrong && !known) continue;
        failed++;
        console.log(`FAIL ${name} ${forkName}: root ${run.ours.root}, expected ${post.hash}; ${describe(run)}`);
        if (trace) console.log(firstStep(run.ours, run.theirs));
      }
    }
  }
  cairn.close();
  return failed;
}

async function regressions() {
  const dir = join(HERE, 'regress');
  let files = [];
  try { files = readdirSync(dir).filter((f) => f.endsWith('.json')).sort(); } catch { /* there is none yet */ }
  let failed = 0;
  for (const f of files) failed += (await runFile(join(dir, f), false)) > 0;
  if (files.length) console.log(`differential regressions: ${files.length - failed} passed, ${failed} failed`);
  return failed;
}

// ---- does it see? ----------------------------------------------------------------------------------------

const PLANTED = [0x0b, 0x3c, 0xf5]; // SIGNEXTEND, EXTCODECOPY, CREATE2
const LEAST_BYTES = 24;

/** A wrong gas for one opcode must be found, and the least case be little more than that opcode. */
async function plantedBugs() {
  let failed = 0;
  for (const op of PLANTED) {
    const executes = (answer) => Buffer.from(answer.ops.slice(2), 'hex')[op >> 3] & (1 << (op & 7));
    const cairn = new Cairn(options.evm, (answer) => (executes(answer) && answer.refused === null
      ? { ...answer, gasUsed: answer.gasUsed + 1 } : answer));
    let least = null;
    for (let index = 0; index < 200 && least === null; index++) {
      const c = makeCase(seed, index);
      const run = await runBoth(cairn, c);
      if (run.differences.join() === 'gasUsed') least = await minimise(cairn, c, 'gasUsed', MINIMISE_MS);
    }
    cairn.close();
    const bytes = least === null ? 0 : [least.tx.data, ...Object.values(least.pre).map((a) => a.code)]
      .reduce((sum, text) => sum + text.length / 2 - 1, 0);
    const well = least !== null && bytes <= LEAST_BYTES;
    if (!well) console.log(`FAIL: a planted bug in opcode ${op.toString(16)} was ${least ? `left at ${bytes} bytes` : 'not found'}`);
    else console.log(`planted bug in opcode ${op.toString(16)}: found, least case of ${bytes} bytes`);
    failed += !well;
  }
  return failed;
}

// ---- for other machines ----------------------------------------------------------------------------------

const PER_FILE = 100;

/** Writes programs as state test files that expect our results. */
async function exportCases(dir, count) {
  const cairn = new Cairn(options.evm);
  mkdirSync(dir, { recursive: true });
  for (let from = 0; from < count; from += PER_FILE) {
    const file = {};
    for (let index = from; index < Math.min(count, from + PER_FILE); index++) {
      const c = makeCase(seed, index);
      const txbytes = signTx(c.fork, c.tx);
      const ours = await cairn.run({ ...c, txbytes });
      const name = `seed${seed}-case${String(index).padStart(7, '0')}`;
      const test = stateTest(c, name, undefined, ours.root, ours.logs ?? NO_LOGS, txbytes);
      if (ours.refused !== null) test[name].post[c.fork][0].expectException = ours.refused;
      Object.assign(file, test);
    }
    writeFileSync(join(dir, `seed${seed}-${String(from).padStart(7, '0')}.json`), JSON.stringify(file));
  }
  cairn.close();
}

// ---- main ------------------------------------------------------------------------------------------------

async function parallel(count, workers) {
  const results = await Promise.all(range(0, workers - 1).map((w) => new Promise((resolve) => {
    const share = Math.floor((count + workers - 1 - w) / workers);
    const child = fork(fileURLToPath(import.meta.url), ['--evm', options.evm, '--seed', options.seed, '--from', w,
      '--count', share, '--stride', workers, '--out', options.out].map(String));
    let tally = null;
    child.on('message', (t) => { tally = t; });
    child.on('exit', () => resolve(tally));
  })));
  if (results.includes(null)) throw new Error('a worker ended early');
  return results.reduce(add, {});
}

if (!options.evm) throw new Error('--evm PROGRAM is missing');
if (options.file) {
  const failed = await runFile(options.file, true);
  console.log(failed ? `${failed} failed` : 'same on both');
  process.exitCode = failed ? 1 : 0;
} else if (options.planted) {
  process.exitCode = await plantedBugs() ? 1 : 0;
} else if (options.export) {
  await exportCases(options.export, Number(options.count));
} else if (options.case !== undefined) {
  const cairn = new Cairn(options.evm);
  const c = makeCase(seed, Number(options.case));
  const run = await runBoth(cairn, c);
  const known = run.differences.length > 0 ? excluded(c, run) : null;
  if (known) console.log(`excluded, the other side is wrong: ${known.name}`);
  else if (run.differences.length) await report(cairn, c, Number(options.case), run, true);
  else console.log('same on both');
  cairn.close();
  process.exitCode = run.differences.length && !known ? 1 : 0;
} else if (options.stride) {
  process.send(await work(Number(options.from), Number(options.count), Number(options.stride)));
  process.disconnect();
} else {
  const count = Number(options.count);
  const began = Date.now();
  const broken = await regressions();
  const t = await parallel(count, Number(options.workers));
  const covered = coverage(t, count);
  for (const [name, n] of Object.entries(t.excluded)) console.log(`excluded (the other side is wrong): ${n} ${name}`);
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`differential: ${t.passed} passed, ${t.failed} failed, seed ${seed}, ${seconds} s`);
  process.exitCode = t.failed || broken || !covered ? 1 : 0;
}

// SPDX-License-Identifier: Apache-2.0
// Who differs in what; and how little of a case is needed for it.

import { signTx } from './generate.mjs';
import { runPeer } from './peer.mjs';

/**
 * Differences in which the other implementation is known to be wrong, with the reason. A case that shows
 * one is counted apart, never as passed.
 * Each: {name, is(case, cairn) -> bool}
 */
export const EXCLUSIONS = [
  {
    // EIP-3541 refuses new *code* that begins with 0xEF; what a reverted creation returns is no code. The
    // execution specifications look at the first byte only after a creation without error, as Cairn does.
    // @ethereumjs/evm 10.1.3 (_executeCreate) looks at it whatever the error and takes all gas.
    name: 'a creation that reverts with data beginning with 0xEF (EIP-3541)',
    is: (c, cairn) => cairn.reverted_ef === true && c.fork !== 'Berlin',
  },
];

/** The kind of a Cairn status, for the count of what was covered. */
export const outcome = (status) => (status === 'success' ? 'success'
  : status === 'execution reverted' ? 'revert' : 'halt');

/** Names of the results that are not the same. */
export function differences(cairn, peer) {
  const found = [];
  if (cairn.traced) found.push('traced interpreter');
  if ((cairn.refused === null) !== (peer.refused === null)) found.push('validity');
  if (cairn.root !== peer.root) found.push('root');
  if (cairn.refused !== null || peer.refused !== null) return found;
  // As in a receipt: why a frame failed has names of each implementation's own. That a revert keeps
  // its gas and output and a halt does not is compared below.
  if ((cairn.status === 'success') !== (peer.status === 'success')) found.push('status');
  for (const field of ['gasUsed', 'output', 'logs']) if (cairn[field] !== peer[field]) found.push(field);
  return found;
}

/** Signs what is not signed, runs both. */
export async function runBoth(cairn, c, trace = false) {
  const txbytes = c.txbytes ?? signTx(c.fork, c.tx);
  const signed = { ...c, txbytes };
  const [ours, theirs] = await Promise.all([cairn.run(signed, trace), runPeer(signed, trace)]);
  return { txbytes, ours, theirs, differences: differences(ours, theirs) };
}

export function excluded(c, run) {
  return EXCLUSIONS.find((e) => e.is(c, run.ours)) ?? null;
}

/** The first line where the two traces part. */
export function firstStep(ours, theirs) {
  // Only one of the two tells of the STOP that stands behind the end of all code.
  const [a, b] = [ours, theirs].map((run) => run.trace.filter((l) => l.split(' ')[1] !== '00'));
  const n = Math.max(a.length, b.length);
  for (let i = 0; i < n; i++) {
    if (a[i] !== b[i]) return { step: i, before: a[i - 1] ?? null, cairn: a[i] ?? null, peer: b[i] ?? null };
  }
  return null;
}

/** Takes away pieces from large to small, and goes on from where it was when a piece was not needed. */
async function shrinkBytes(hexText, attempt) {
  let bytes = hexText.slice(2);
  for (let size = bytes.length / 2; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < bytes.length;) {
      const without = bytes.slice(0, at) + bytes.slice(at + 2 * size);
      if (await attempt(`0x${without}`)) bytes = without;
      else at += 2 * size;
    }
  }
}

/** What an instruction takes from the stack and gives to it. */
function stackEffect(op) {
  if (op >= 0x5f && op <= 0x7f) return [0, 1];
  if (op >= 0x80 && op <= 0x8f) return null; // DUP and SWAP keep what lies deeper
  if (op >= 0x90 && op <= 0x9f) return [0, 0];
  if (op >= 0xa0 && op <= 0xa4) return [op - 0xa0 + 2, 0];
  const known = { 2: [1, 2, 3, 4, 5, 6, 7, 10, 11, 16, 17, 18, 19, 20, 22, 23, 24, 26, 27, 28, 29, 32],
    1: [0x15, 0x19, 0x31, 0x35, 0x3b, 0x3f, 0x40, 0x49, 0x51, 0x54, 0x5c], 3: [8, 9, 0xf0],
    0: [0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, ...Array.from({ length: 8 }, (_, i) => 0x41 + i), 0x4a, 0x58,
      0x59, 0x5a], 4: [0xf5], 6: [0xf4, 0xfa], 7: [0xf1, 0xf2] };
  for (const [takes, ops] of Object.entries(known)) if (ops.includes(op)) return [Number(takes), 1];
  const silent = { 3: [0x37, 0x39, 0x3e, 0x5e], 4: [0x3c], 2: [0x52, 0x53, 0x55, 0x57, 0x5d], 1: [0x50, 0x56] };
  for (const [takes, ops] of Object.entries(silent)) if (ops.includes(op)) return [Number(takes), 0];
  return null;
}

/** The instructions of a code, each as its hexadecimal text. */
function instructions(hexText) {
  const out = [];
  for (let at = 2; at < hexText.length;) {
    const op = Number.parseInt(hexText.slice(at, at + 2), 16);
    const size = op >= 0x60 && op <= 0x7f ? op - 0x5e : 1;
    out.push(hexText.slice(at, at + 2 * size));
    at += 2 * size;
  }
  return out;
}

/** Instructions become POPs and PUSHes of the same effect, which then go away in groups. */
async function shrinkInstructions(hexText, attempt) {
  let list = instructions(hexText);
  const put = async (at, size, ...texts) => {
    const changed = [...list.slice(0, at), ...texts, ...list.slice(at + size)];
    if (!(await attempt(`0x${changed.join('')}`))) return false;
    list = instructions(`0x${changed.join('')}`);
    return true;
  };
  const width = (at, size) => list.slice(at, at + size).join('').length / 2;
  for (let at = 0; at < list.length; at++) {
    const op = Number.parseInt(list[at].slice(0, 2), 16);
    const effect = op === 0x50 || op === 0x60 ? null : stackEffect(op);
    if (effect) await put(at, 1, ...Array(effect[0]).fill('50'), ...Array(effect[1]).fill('6001'));
  }
  for (const size of [6, 4, 3, 2, 1]) {
    for (let at = 0; at + size <= list.length;) {
      // Without them; or something as long in their place, where jumps would miss their goals.
      if (await put(at, size)) continue;
      const filler = Array(width(at, size)).fill('5b');
      if (list[at] !== '5b') await put(at, size, ...filler);
      at++;
    }
  }
}

/** A case with the same differences from which nothing more can be taken away, within a time. */
export async function minimise(cairn, c, wanted, milliseconds) {
  const until = Date.now() + milliseconds;
  let best = c;
  const attempt = async (candidate) => {
    if (Date.now() > until) return false;
    let run;
    try {
      run = await runBoth(cairn, candidate);
    } catch (error) {
      if (cairn.dead) throw error;
      return false; // a transaction that cannot be signed
    }
    if (run.differences.join() !== wanted) return false;
    best = candidate;
    return true;
  };
  const pre = (who, over) => ({ ...best, pre: { ...best.pre, [who]: { ...best.pre[who], ...over } } });
  const tx = (over) => ({ ...best, tx: { ...best.tx, ...over } });
  const less = (object, key) => Object.fromEntries(Object.entries(object).filter(([k]) => k !== key));
  for (let before = null; before !== best && Date.now() < until;) {
    before = best;
    for (const who of Object.keys(best.pre)) await attempt({ ...best, pre: less(best.pre, who) });
    for (const field of ['accessList', 'authorizationList']) {
      for (const item of best.tx[field] ?? []) await attempt(tx({ [field]: best.tx[field].filter((x) => x !== item) }));
    }
    if (best.tx.value !== '0x0') await attempt(tx({ value: '0x0' }));
    await shrinkBytes(best.tx.data, (data) => attempt(tx({ data })));
    for (const who of Object.keys(best.pre)) {
      await shrinkBytes(best.pre[who].code, (code) => attempt(pre(who, { code })));
      await shrinkInstructions(best.pre[who].code, (code) => attempt(pre(who, { code })));
      for (const slot of Object.keys(best.pre[who].storage)) {
        await attempt(pre(who, { storage: less(best.pre[who].storage, slot) }));
      }
    }
  }
  return best;
}

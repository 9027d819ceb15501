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
  const n = Math.max(ours.trace.length, theirs.trace.length);
  for (let i = 0; i < n; i++) {
    if (ours.trace[i] !== theirs.trace[i]) {
      return { step: i, before: ours.trace[i - 1] ?? null, cairn: ours.trace[i] ?? null, peer: theirs.trace[i] ?? null };
    }
  }
  return null;
}

/** Cuts of a byte string from large to small. */
function* cuts(hexText) {
  const bytes = hexText.slice(2);
  const total = bytes.length / 2;
  for (let size = total; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at + size <= total; at += size) {
      yield `0x${bytes.slice(0, 2 * at)}${bytes.slice(2 * (at + size))}`;
    }
  }
}

function* smaller(c) {
  for (const who of Object.keys(c.pre)) {
    const without = { ...c.pre };
    delete without[who];
    yield { ...c, pre: without };
  }
  for (const field of ['accessList', 'authorizationList']) {
    for (let i = 0; i < (c.tx[field]?.length ?? 0); i++) {
      yield { ...c, tx: { ...c.tx, [field]: c.tx[field].filter((_, k) => k !== i) } };
    }
  }
  if (c.tx.value !== '0x0') yield { ...c, tx: { ...c.tx, value: '0x0' } };
  for (const data of cuts(c.tx.data)) yield { ...c, tx: { ...c.tx, data } };
  for (const [who, a] of Object.entries(c.pre)) {
    const change = (over) => ({ ...c, pre: { ...c.pre, [who]: { ...a, ...over } } });
    for (const slot of Object.keys(a.storage)) {
      const storage = { ...a.storage };
      delete storage[slot];
      yield change({ storage });
    }
    for (const code of cuts(a.code)) yield change({ code });
  }
}

/** A case with the same first difference from which nothing more can be taken away, within a time. */
export async function minimise(cairn, c, wanted, milliseconds) {
  const until = Date.now() + milliseconds;
  let best = c;
  for (let again = true; again && Date.now() < until;) {
    again = false;
    for (const candidate of smaller(best)) {
      if (Date.now() > until) break;
      let run;
      try {
        run = await runBoth(cairn, candidate);
      } catch (error) {
        if (cairn.dead) throw error;
        continue; // a transaction that cannot be signed
      }
      if (run.differences.join() === wanted) {
        best = candidate;
        again = true;
        break;
      }
    }
  }
  return best;
}

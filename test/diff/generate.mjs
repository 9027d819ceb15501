// SPDX-License-Identifier: Apache-2.0
// Makes state tests from a seed: a world of a few contracts, a block and one signed transaction.

import { tx as txs, common as commons, util } from './deps.mjs';
import { AUTHORITIES, AUTHORITY_SECRETS, COINBASE, CONTRACTS, SECRET, SENDER, address } from './people.mjs';
import { initCode, mutate, program, recursion } from './program.mjs';
import { pickPrecompile, precompileInput } from './precompiles.mjs';
import { Random } from './random.mjs';

export const FORKS = ['Berlin', 'London', 'Paris', 'Shanghai', 'Cancun', 'Prague'];

const hex = (n) => `0x${BigInt(n).toString(16)}`;
const hexBytes = (b) => `0x${Buffer.from(b).toString('hex')}`;

export function commonOf(fork) {
  const hardfork = { Paris: 'paris', Berlin: 'berlin', London: 'london', Shanghai: 'shanghai', Cancun: 'cancun',
    Prague: 'prague' }[fork];
  // No proof in these tests is valid, so a verifier that always says no is exact.
  return new commons.Common({ chain: commons.Mainnet, hardfork, customCrypto: { kzg: { verifyProof: () => false } } });
}

function makeCode(r, g) {
  return r.weighted([[24, () => program(r, g, r.between(3, 30))], [2, () => program(r, g, r.between(30, 80))],
    [2, () => mutate(r, program(r, g, r.between(3, 20)))], [2, () => [...r.bytes(r.below(120))]],
    [2, () => program(r, { ...g, plain: true }, r.between(10, 60))], [1, () => []]])();
}

function makePre(r, g) {
  const pre = {};
  for (let i = 0; i < CONTRACTS; i++) {
    const storage = {};
    for (let slot = 0; slot < 4; slot++) {
      if (r.chance(0.4)) storage[hex(slot)] = hex(r.weighted([[3, 1n], [2, 2n], [1, r.bits(255) + 1n]]));
    }
    const code = i === 0 || r.chance(0.85) ? makeCode(r, g) : [];
    pre[address(i)] = { balance: hex(r.below(6)), nonce: hex(r.chance(0.03) ? (1n << 64n) - 1n : 1 + r.below(3)),
      code: hexBytes(code), storage };
  }
  pre[address(200)] = { balance: hex(1 + r.below(100)), nonce: '0x0', code: '0x', storage: {} };
  if (r.chance(0.3)) pre[address(300)] = { balance: '0x1', nonce: '0x0', code: '0x', storage: {} };
  pre[SENDER] = { balance: hex(10n ** 24n), nonce: hex(r.below(3)), code: '0x', storage: {} };
  if (g.prague && r.chance(0.3)) {
    const target = r.chance(0.8) ? address(r.below(CONTRACTS)) : hex(r.between(1, 17)).slice(2).padStart(40, '0');
    pre[AUTHORITIES[0]] = { balance: '0x5', nonce: '0x1', storage: {},
      code: `0xef0100${target.replace('0x', '')}` };
    if (r.chance(0.3)) pre[SENDER].code = `0xef0100${address(r.below(CONTRACTS)).slice(2)}`;
  }
  return pre;
}

function accessList(r) {
  return Array.from({ length: r.below(4) }, () => ({
    address: r.pick([address(r.below(CONTRACTS)), address(100), COINBASE, AUTHORITIES[0],
      `0x${r.between(1, 17).toString(16).padStart(40, '0')}`]),
    storageKeys: Array.from({ length: r.below(4) }, () => util.bytesToHex(util.setLengthLeft(
      util.bigIntToUnpaddedBytes(BigInt(r.below(5))), 32))),
  }));
}

function authorizations(r, pre, senderNonce) {
  return Array.from({ length: r.between(1, 3) }, () => {
    const who = r.below(3);
    const secret = who === 2 ? SECRET : AUTHORITY_SECRETS[who];
    const account = who === 2 ? { nonce: hex(BigInt(senderNonce) + 1n) } : pre[AUTHORITIES[who]] ?? { nonce: '0x0' };
    const nonce = r.chance(0.85) ? BigInt(account.nonce) : BigInt(r.below(3));
    const item = util.eoaCode7702SignAuthorization({ chainId: hex(r.weighted([[5, 1], [3, 0], [1, 5]])),
      address: r.chance(0.85) ? address(r.below(CONTRACTS)) : `0x${'00'.repeat(20)}`, nonce: hex(nonce) },
    util.hexToBytes(secret));
    return util.eoaCode7702AuthorizationListBytesItemToJSON(item);
  });
}

/** Signs `fields` (a plain object that the minimiser may change) and gives its bytes. */
export function signTx(fork, fields) {
  const made = txs.createTx(fields, { common: commonOf(fork), allowUnlimitedInitCodeSize: true });
  return util.bytesToHex(made.sign(util.hexToBytes(SECRET)).serialize());
}

function makeTx(r, g, fork, pre, env) {
  const types = [[4, 0], [3, 1], ...(g.london ? [[4, 2]] : []), ...(g.prague ? [[3, 4]] : [])];
  const type = r.weighted(types);
  const gasLimit = r.weighted([[16, () => r.between(200000, 900000)], [2, () => r.between(900000, 2500000)],
    [5, () => r.between(60000, 200000)], [1, () => r.between(20000, 60000)]])();
  const nonce = r.chance(0.97) ? pre[SENDER].nonce : hex(r.below(4));
  const fields = { type, nonce, gasLimit: hex(gasLimit), value: hex(r.weighted([[3, 0n], [2, BigInt(r.below(9))],
    [0.1, 10n ** 25n]].map(([w, v]) => [w * 10, v]))) };
  const kind = r.weighted([[20, 'call'], [4, 'create'], [2, 'precompile'], [2, 'account'], [1, 'delegated']]);
  if (kind === 'create' && type !== 4) {
    const runtime = makeCode(r, { ...g, depth: 1 });
    fields.data = hexBytes(r.chance(0.8) ? initCode(r, g, runtime, r.below(12)) : runtime);
    if (r.chance(0.02)) fields.data = hexBytes(new Uint8Array(r.pick([49151, 49152, 49153])));
  } else {
    const n = kind === 'precompile' ? pickPrecompile(r, g.prague) : 0;
    fields.to = kind === 'precompile' ? `0x${n.toString(16).padStart(40, '0')}`
      : kind === 'account' ? address(r.pick([100, 200, 300]))
        : kind === 'delegated' ? AUTHORITIES[0] : address(0);
    fields.data = hexBytes(n > 0 ? precompileInput(r, n) : r.bytes(r.weighted([[3, 0], [4, r.below(100)],
      [1, r.below(1500)]])));
  }
  if (type >= 1) fields.accessList = accessList(r);
  const base = BigInt(env.currentBaseFee);
  if (type >= 2) {
    const fee = base + BigInt(r.below(20)) - (r.chance(0.02) ? 1n : 0n);
    fields.maxFeePerGas = hex(fee < 0n ? 0n : fee);
    const cap = Number(BigInt(fields.maxFeePerGas));
    fields.maxPriorityFeePerGas = hex(r.below(cap + 1));
  } else {
    fields.gasPrice = hex(base + BigInt(r.below(12)));
  }
  if (type === 4) fields.authorizationList = authorizations(r, pre, fields.nonce);
  if (type >= 1) fields.chainId = '0x1';
  return fields;
}

/** The state test of program `index`. The transaction is not signed yet. */
export function makeCase(seed, index) {
  const r = new Random(seed, index);
  const fork = FORKS[r.weighted([[2, 0], [2, 1], [1, 2], [2, 3], [5, 4], [4, 5]])];
  const level = FORKS.indexOf(fork);
  const number = r.pick([1, 5, 255, 256, 257, 258, 1000]);
  const g = { london: level >= 1, shanghai: level >= 3, cancun: level >= 4, prague: level >= 5, number, depth: 0 };
  const env = {
    currentCoinbase: r.chance(0.9) ? COINBASE : address(r.below(CONTRACTS)),
    currentNumber: hex(number),
    currentTimestamp: hex(1000 + r.below(1000000)),
    currentGasLimit: hex(r.chance(0.98) ? 30000000 : 100000),
    currentDifficulty: hex(level >= 2 ? 0 : 0x20000),
    currentRandom: `0x${r.bits(256).toString(16).padStart(64, '0')}`,
    currentBaseFee: hex(level >= 1 ? r.pick([0, 7, 10, 1000]) : 0),
    currentExcessBlobGas: hex(level >= 4 ? r.pick([0, 0x20000, 0x4000000]) : 0),
  };
  const pre = makePre(r, g);
  const tx = makeTx(r, g, fork, pre, env);
  if (index % 1000 === 500) {
    // Only with this much gas the limit of 1,024 levels is reached (63/64 per level). Seconds on the other side.
    const code = recursion(r);
    pre[address(0)] = { ...pre[address(0)], code: hexBytes(code), nonce: '0x1' };
    pre[SENDER].balance = hex(10n ** 30n);
    env.currentGasLimit = hex(10n ** 13n);
    Object.assign(tx, { to: address(0), value: '0x0', data: '0x', gasLimit: hex(10n ** 12n) });
  }
  return { fork, env, pre, tx };
}

/** As the official state tests have it. */
export function stateTest(c, name, info, hash, logs, txbytes) {
  const one = (v) => [v];
  const t = c.tx;
  const transaction = { nonce: t.nonce, gasLimit: one(t.gasLimit), value: one(t.value), data: one(t.data),
    to: t.to ?? '', sender: SENDER, secretKey: SECRET };
  for (const field of ['gasPrice', 'maxFeePerGas', 'maxPriorityFeePerGas']) {
    if (t[field] !== undefined) transaction[field] = t[field];
  }
  const number = (h) => hex(h === '0x' ? 0 : h);
  if (t.authorizationList) {
    transaction.authorizationList = t.authorizationList.map((a) => ({ ...a, chainId: number(a.chainId),
      nonce: number(a.nonce), v: number(a.yParity), yParity: number(a.yParity) }));
  }
  if (t.accessList) transaction.accessLists = one(t.accessList);
  // Words in full: go-ethereum reads nothing shorter.
  const word = (h) => `0x${h.slice(2).padStart(64, '0')}`;
  const pre = Object.fromEntries(Object.entries(c.pre).map(([who, a]) => [who, { ...a,
    storage: Object.fromEntries(Object.entries(a.storage).map(([k, v]) => [word(k), word(v)])) }]));
  const env = { ...c.env };
  if (env.currentDifficulty !== '0x0') delete env.currentRandom; // it would mean after the Merge elsewhere
  return { [name]: { _info: info, env, pre, transaction,
    post: { [c.fork]: [{ hash, logs, txbytes, indexes: { data: 0, gas: 0, value: 0 } }] } } };
}

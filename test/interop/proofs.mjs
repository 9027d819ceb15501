// SPDX-License-Identifier: Apache-2.0
// Proofs of a large state: a node with 100,000 accounts, some with storage, one with 20,000 slots,
// answers eth_getProof; an independent trie (@ethereumjs/mpt) checks every answer against the state
// root of the header, absent accounts and slots among them, before and after blocks that change,
// create and delete. Sampled: PROOFS accounts (default 400), each with some slots.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checked, expect, load, MNEMONIC, PATIENCE_MS, same } from './common.mjs';

const { verifyMerkleProof } = load('@ethereumjs/mpt');
const { RLP } = load('@ethereumjs/rlp');
const { ethers } = load('ethers');

const ACCOUNTS = 100_000;
const WITH_STORAGE = 2_000;
const BIG_SLOTS = 20_000;
const PROOFS = Number(process.env.PROOFS ?? 400);
const CHAIN_ID = 4242;
const EMPTY_CODE = ethers.keccak256('0x');
const EMPTY_ROOT = ethers.keccak256('0x80');
// Stores the second word of its data at the first: zero deletes.
const STORE_CODE = '0x6020356000355500';

// ---- a state from a seed --------------------------------------------------------------------------------

const hashOf = (text) => ethers.id(text);
const addressOf = (i) => `0x${hashOf(`account ${i}`).slice(26)}`;
const word = (n) => ethers.toBeHex(n, 32);
const BIG = addressOf('with many slots');

/** address -> {balance, nonce, code, storage: Map}: what we expect, kept beside the node. */
function makeState() {
  const state = new Map();
  for (let i = 0; i < ACCOUNTS; i++) {
    const account = { balance: BigInt(i) * 1_000_003n + 1n, nonce: 0n, code: '0x', storage: new Map() };
    if (i % (ACCOUNTS / WITH_STORAGE) === 0) {
      account.code = STORE_CODE;
      for (let k = 0; k < 5; k++) account.storage.set(word(BigInt(k * k)), BigInt(i + k + 1));
    }
    state.set(addressOf(i), account);
  }
  const big = { balance: 0n, nonce: 1n, code: STORE_CODE, storage: new Map() };
  for (let k = 0; k < BIG_SLOTS; k++) big.storage.set(hashOf(`slot ${k}`), BigInt(hashOf(`value ${k}`)) >> BigInt(k % 255));
  state.set(BIG, big);
  return state;
}

function alloc(state) {
  return Object.fromEntries([...state].map(([address, a]) => [address, {
    balance: ethers.toQuantity(a.balance), nonce: ethers.toQuantity(a.nonce), code: a.code,
    storage: Object.fromEntries([...a.storage].map(([k, v]) => [k, word(v)])) }]));
}

// ---- the node -------------------------------------------------------------------------------------------

async function startNode(folder, state) {
  const cairnd = process.env.CAIRND;
  const net = path.join(folder, 'net');
  const made = spawnSync(cairnd, ['network', 'init', '--validators', '1', '--chain-id', String(CHAIN_ID),
    '--system-contracts', 'off', '--block-period', '1s', '--dir', net], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  const data = path.join(net, 'validator-1');
  const file = path.join(data, 'genesis.json');
  const genesis = JSON.parse(fs.readFileSync(file, 'utf8'));
  genesis.alloc = { ...genesis.alloc, ...alloc(state) };
  fs.writeFileSync(file, JSON.stringify(genesis));
  const child = spawn(cairnd, ['run', '--data-dir', data, '--rpc-listen', '127.0.0.1:0', '--p2p-listen', 'off', '--log-level', 'warn'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('cairnd is not ready')), PATIENCE_MS);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /ready (http:\S+)/.exec(text);
      if (found) { clearTimeout(late); resolve(found[1]); }
    });
    child.on('exit', (code) => reject(new Error(`cairnd ended with ${code}`)));
  });
  return { url, stop: () => new Promise((resolve) => { child.removeAllListeners('exit'); child.on('exit', resolve); child.kill('SIGTERM'); }) };
}

// ---- judging --------------------------------------------------------------------------------------------

const bytes = (hex) => ethers.getBytes(hex);

/** The RLP value behind `key` in the trie of `root`; null where the proof shows that there is none. */
async function proven(root, key, nodes) {
  if (root === EMPTY_ROOT && nodes.length === 0) return null;
  same(ethers.keccak256(nodes[0]), root, 'the first node is the root');
  return verifyMerkleProof(bytes(ethers.keccak256(key)), nodes.map(bytes));
}

const quantity = (text) => (text === '0x' ? 0n : BigInt(text));

async function judge(root, address, keys, answer, wanted) {
  const value = await proven(root, address, answer.accountProof);
  if (wanted === undefined) {
    expect(value === null, `${address} is proven absent`);
    same(answer.balance, '0x0', 'an absent balance');
    same(answer.nonce, '0x0', 'an absent nonce');
    return;
  }
  expect(value !== null, `${address} is there`);
  const [nonce, balance, storageRoot, codeHash] = RLP.decode(value).map((b) => ethers.hexlify(b));
  same(quantity(nonce), wanted.nonce, `${address}: nonce`);
  same(quantity(balance), wanted.balance, `${address}: balance`);
  same(codeHash, wanted.code === '0x' ? EMPTY_CODE : ethers.keccak256(wanted.code), `${address}: code`);
  same(BigInt(answer.nonce), wanted.nonce, 'nonce as told');
  same(BigInt(answer.balance), wanted.balance, 'balance as told');
  same(answer.storageHash, storageRoot, 'storage root as told');
  same(answer.codeHash, codeHash, 'code hash as told');
  if (wanted.storage.size === 0) same(storageRoot, EMPTY_ROOT, `${address}: no storage`);
  same(answer.storageProof.length, keys.length, 'a proof for each slot');
  for (let i = 0; i < keys.length; i++) {
    const slot = await proven(storageRoot, keys[i], answer.storageProof[i].proof);
    const want = wanted.storage.get(keys[i]) ?? 0n;
    const got = slot === null ? 0n : quantity(ethers.hexlify(RLP.decode(slot)));
    same(got, want, `${address} slot ${keys[i]}`);
    expect((slot === null) === (want === 0n), 'zero is absent');
    same(BigInt(answer.storageProof[i].value), want, 'value as told');
  }
}

async function judgeSample(provider, state, count, block) {
  const { stateRoot } = await provider.send('eth_getBlockByNumber', [block, false]);
  const addresses = [...state.keys()];
  const step = Math.max(1, Math.floor(addresses.length / count));
  const sample = addresses.filter((_, i) => i % step === 0);
  for (let i = 0; i < Math.max(20, count / 8); i++) sample.push(addressOf(`nobody ${i}`));
  sample.push(BIG, '0x0000000000000000000000000000000000000000');
  for (const address of sample) {
    const wanted = state.get(address);
    const keys = address === BIG
      ? Array.from({ length: 50 }, (_, k) => hashOf(`slot ${k * 399}`)).concat(hashOf('no slot'), word(7n))
      : [word(0n), word(1n), word(4n), word(5n), hashOf(`slot of ${address}`)];
    const answer = await provider.send('eth_getProof', [address, keys, block]);
    await judge(stateRoot, address, keys, answer, wanted);
  }
  return sample.length;
}

// ---- changes --------------------------------------------------------------------------------------------

/** Transfers to old and new accounts; slots written, overwritten, deleted. The last block's number. */
async function change(provider, state, sender) {
  const wallet = ethers.Wallet.fromPhrase(MNEMONIC, provider);
  const from = state.get(sender);
  const send = (to, value, key, stored) => {
    const target = state.get(to) ?? { balance: 0n, nonce: 0n, code: '0x', storage: new Map() };
    if (value !== 0n) { target.balance += value; from.balance -= value; }
    if (key !== undefined) {
      if (stored === 0n) target.storage.delete(key); else target.storage.set(key, stored);
    }
    state.set(to, target);
    const data = key === undefined ? '0x' : ethers.concat([key, word(stored)]);
    const tx = { to, value, data, gasLimit: 100000n, gasPrice: 0n, nonce: Number(from.nonce), chainId: CHAIN_ID, type: 0 };
    from.nonce += 1n;
    return wallet.signTransaction(tx).then((raw) => provider.send('eth_sendRawTransaction', [raw]));
  };
  const hashes = [];
  // A sender has 64 places in the pool.
  const mined = () => provider.waitForTransaction(hashes[hashes.length - 1], 1, PATIENCE_MS);
  for (let i = 0; i < 40; i++) hashes.push(await send(addressOf(i * 137), 5n));
  for (let i = 0; i < 20; i++) hashes.push(await send(addressOf(`newcomer ${i}`), 1n + BigInt(i)));
  await mined();
  for (let i = 0; i < 60; i++) {
    const stored = i % 3 === 0 ? 0n : BigInt(i) << BigInt(4 * i);
    hashes.push(await send(BIG, 0n, hashOf(`slot ${i * 399}`), stored));
  }
  await mined();
  // All slots of one account go: its storage is empty again.
  for (let k = 0; k < 5; k++) hashes.push(await send(addressOf(0), 0n, word(BigInt(k * k)), 0n));
  let last = 0; // of one sender's transactions the last to be sent is the last to be mined
  for (const h of hashes.reverse()) {
    const receipt = await provider.waitForTransaction(h, 1, PATIENCE_MS);
    same(receipt.status, 1, 'a change succeeded');
    last = Math.max(last, receipt.blockNumber);
  }
  return ethers.toQuantity(last);
}

// ---- all of it ------------------------------------------------------------------------------------------

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-proofs-'));
try {
  const state = makeState();
  const sender = ethers.Wallet.fromPhrase(MNEMONIC).address.toLowerCase();
  state.set(sender, { balance: 10n ** 20n, nonce: 0n, code: '0x', storage: new Map() });
  const node = await startNode(folder, state);
  const provider = new ethers.JsonRpcProvider(node.url, CHAIN_ID, { staticNetwork: true, batchMaxCount: 1, pollingInterval: 100 });
  const before = await judgeSample(provider, state, PROOFS, '0x0');
  const head = await change(provider, state, sender);
  const after = await judgeSample(provider, state, PROOFS / 2, head);
  provider.destroy();
  same(await node.stop(), 0, 'the node ends well');
  console.log(`proofs: ${before} + ${after} accounts of ${state.size}, sampled; ${checked()} checks by @ethereumjs/mpt`);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

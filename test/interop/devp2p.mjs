// SPDX-License-Identifier: Apache-2.0
// @ethereumjs/devp2p as a peer of a cairnd: it calls and is called, both Status agree by the
// library's own rules, and what cairnd serves is what its JSON-RPC says.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { checked, expect, load, PATIENCE_MS, same, waitFor } from './common.mjs';
import { bytes, ETH, freePort, headerHash, hex, idOf, keccak256, Line, newKey, num, REASON, RLP, runCairnd, toNum } from './devp2p_peer.mjs';

const { ETH: LibraryEth, RLPx } = load('@ethereumjs/devp2p');
const { Common } = load('@ethereumjs/common');
const { ethers } = load('ethers');

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'devp2p-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
execFileSync(process.env.CAIRND, ['network', 'init', '--validators', '1', '--dir', path.join(work, 'net'), '--block-period',
  '200ms', '--system-contracts', 'off', '--chain-id', '4242'], { stdio: 'ignore' });
const home = path.join(work, 'net/validator-1');
const port = await freePort();
const callerKey = newKey();
// The node calls one peer: ours.
fs.writeFileSync(path.join(home, 'static-nodes.json'),
  JSON.stringify([`enode://${Buffer.from(idOf(callerKey)).toString('hex')}@127.0.0.1:${port}`]));
const node = await runCairnd(home);
const { rpc } = node;
const genesis = await rpc('eth_getBlockByNumber', '0x0', false);
const spec = JSON.parse(fs.readFileSync(path.join(work, 'net/genesis.json'), 'utf8'));

// --- the library's own handshake and Status, both ways ---

const library = new Common({ chain: { name: 'cairn', chainId: 4242, defaultHardfork: 'cancun', consensus: { type: 'poa', algorithm: 'clique',
  clique: { period: 1, epoch: 30000 } }, genesis: { timestamp: spec.timestamp, gasLimit: Number(spec.gasLimit), difficulty: 1,
  nonce: spec.nonce, extraData: spec.extraData, baseFeePerGas: spec.baseFeePerGas }, bootstrapNodes: [], hardforks: [
  ...['chainstart', 'homestead', 'tangerineWhistle', 'spuriousDragon', 'byzantium', 'constantinople', 'petersburg', 'istanbul',
    'berlin', 'london'].map((name) => ({ name, block: 0 })),
  { name: 'paris', block: null }, { name: 'shanghai', block: null, timestamp: 0 }, { name: 'cancun', block: null, timestamp: 0 }] },
hardfork: 'london' });
library.setForkHashes(bytes(genesis.hash));

/// Runs RLPx of the library until its ETH protocol has accepted our Status; gives it.
async function libraryStatus(version, start) {
  const rlpx = new RLPx(start.key ?? newKey(), { common: library, capabilities: [version], timeout: PATIENCE_MS, maxPeers: 2,
    listenPort: start.port ?? null });
  const status = new Promise((resolve, reject) => {
    rlpx.events.on('error', reject);
    rlpx.events.on('peer:error', (peer, e) => reject(e));
    rlpx.events.on('peer:added', (peer) => {
      const eth = peer.getProtocols()[0];
      eth.events.on('status', (got) => resolve({ got, eth, peer }));
      eth.sendStatus({ td: num(1), bestHash: bytes(genesis.hash), genesisHash: bytes(genesis.hash) });
    });
  });
  if (start.port) rlpx.listen(start.port, '127.0.0.1');
  else await rlpx.connect({ id: node.id, address: '127.0.0.1', tcpPort: node.port });
  const late = new Promise((_, reject) => { setTimeout(() => reject(new Error('no status')), PATIENCE_MS).unref(); });
  return { rlpx, ...(await Promise.race([status, late])) };
}

for (const [name, version, start] of [['called by us, eth/68', LibraryEth.eth68, {}], ['called by us, eth/66', LibraryEth.eth66, {}],
  ['it calls us, eth/68', LibraryEth.eth68, { port, key: callerKey }]]) {
  const { rlpx, got, eth, peer } = await libraryStatus(version, start);
  same(eth.getVersion(), version.version, `${name}: version`);
  same(Number(hex(got.chainId)), 4242, `${name}: network id`);
  same(hex(got.genesisHash), genesis.hash, `${name}: genesis`);
  expect(/^cairnd?\//.test(peer.getHelloMessage().clientId), `${name}: client id ${peer.getHelloMessage().clientId}`);
  same(hex(peer.getId()), hex(node.id), `${name}: id`);
  const best = await rpc('eth_getBlockByHash', hex(got.bestHash), false);
  expect(best !== null, `${name}: the head exists`);
  // Total difficulty: one a block, and the genesis's.
  same(toNum(got.td), Number(best.number) + 1, `${name}: total difficulty`);
  same(hex(got.forkId[0]), library.forkHash('cancun'), `${name}: fork id by the library`);
  // A request through the library's own protocol object.
  const answer = new Promise((resolve) => { eth.events.on('message', (code, body) => { if (code === ETH.HEADERS) resolve(body); }); });
  eth.sendMessage(ETH.GET_HEADERS, [num(7), [bytes(genesis.hash), num(1), num(0), num(0)]]);
  const body = await answer;
  same(toNum(body[0]), 7, `${name}: request id`);
  same(headerHash(body[1][0]), genesis.hash, `${name}: genesis header`);
  rlpx.destroy();
  peer._socket.destroy();
}

// --- transactions go in and come back as blocks ---

const line = await Line.to(node);
await line.status();
const wallet = new ethers.Wallet(hex(newKey()));
const base = { chainId: 4242, nonce: 0, gasLimit: 100000, value: 0, to: '0x00000000000000000000000000000000000000aa' };
const signed = [
  await wallet.signTransaction({ ...base, type: 0, gasPrice: 0 }),
  await wallet.signTransaction({ ...base, type: 1, nonce: 1, gasPrice: 0, accessList: [{ address: base.to, storageKeys: [] }] }),
  // Code that logs 32 bytes with one topic and is empty: a receipt with a log.
  await wallet.signTransaction({ ...base, type: 2, nonce: 2, to: null, maxFeePerGas: 0, maxPriorityFeePerGas: 0, data: '0x60ff60206000a100' }),
];
const asItem = (raw) => (raw.startsWith('0x0') ? bytes(raw) : RLP.decode(bytes(raw)));
const hashOf = (raw) => ethers.keccak256(raw);
const listener = await Line.to(node);
await listener.status();
// Both are known there: what one sends is told to the other.
await waitFor(async () => Number(await rpc('net_peerCount')) >= 2, 'two peers');
line.eth(ETH.TXS, signed.map(asItem));
const receipts = [];
for (const raw of signed)
  receipts.push(await waitFor(() => rpc('eth_getTransactionReceipt', hashOf(raw)), `the receipt of ${hashOf(raw)}`));
for (const r of receipts) same(r.status, '0x1', 'status of a transaction from a peer');
same(receipts[2].logs.length, 1, 'a log');
// The sender is not told his own; the other peer gets them whole or by hash, then the block.
const told = await waitFor(() => listener.inbox.find((m) => m.name === 'eth' && (m.code === ETH.TXS || m.code === ETH.NEW_POOLED)),
  'a transaction told to the other peer');
const toldBody = RLP.decode(told.raw);
if (told.code === ETH.NEW_POOLED) {
  same(hex(toldBody[2][0]), hashOf(signed[0]), 'announced hash');
  same(toNum(toldBody[1][0]), bytes(signed[0]).length, 'announced size');
} else {
  same(hex(keccak256(RLP.encode(toldBody[0]))), hashOf(signed[0]), 'transaction told');
}
expect(!line.inbox.some((m) => m.code === ETH.TXS || m.code === ETH.NEW_POOLED), 'nothing is told to whom it came from');
const mined = Number(receipts[2].blockNumber);
for (const l of [line, listener]) {
  const { body } = await l.take('eth', ETH.NEW_BLOCK, (m) => toNum(RLP.decode(m.raw)[0][0][8]) === mined);
  const block = await rpc('eth_getBlockByNumber', receipts[2].blockNumber, false);
  same(headerHash(body[0][0]), block.hash, 'hash of the announced block');
  same(toNum(body[1]), mined + 1, 'total difficulty of the announced block');
}

// --- requests: headers ---

await waitFor(async () => (await node.height()) >= 12, 'twelve blocks');
const want = async (numbers) => Promise.all(numbers.map(async (n) => (await rpc('eth_getBlockByNumber', `0x${n.toString(16)}`, false)).hash));
const hash8 = bytes((await want([8]))[0]);
const far = 2n ** 64n - 1n;
let id = 100;
const rows = [
  ['by number', [num(3), num(4), num(0), num(0)], [3, 4, 5, 6]],
  ['by hash', [hash8, num(2), num(0), num(0)], [8, 9]],
  ['reverse', [num(8), num(3), num(0), num(1)], [8, 7, 6]],
  ['reverse to the genesis', [num(2), num(9), num(0), num(1)], [2, 1, 0]],
  ['skip', [num(1), num(3), num(3), num(0)], [1, 5, 9]],
  ['skip, by hash, reverse', [hash8, num(3), num(2), num(1)], [8, 5, 2]],
  ['the genesis', [num(0), num(1), num(0), num(0)], [0]],
  ['limit 0', [num(3), num(0), num(0), num(0)], []],
  ['unknown hash', [new Uint8Array(32).fill(7), num(3), num(0), num(0)], []],
  ['beyond the head', [num(far), num(3), num(0), num(0)], []],
  ['skip overflows', [num(3), num(3), num(far), num(0)], [3]],
  ['skip overflows the number', [num(3), num(3), num(far - 1n), num(0)], [3]],
  ['skip overflows backwards', [num(3), num(3), num(far), num(1)], [3]],
];
for (const [name, request, numbers] of rows) {
  const { raw, items } = await line.ask(ETH.GET_HEADERS, ETH.HEADERS, id += 1, request);
  same(items.map(headerHash).join(), (await want(numbers)).join(), `headers ${name}`);
  if (numbers.length === 1) // byte for byte
    expect(hex(raw).includes((await rpc('debug_getRawHeader', `0x${numbers[0].toString(16)}`)).slice(2)), `bytes of headers ${name}`);
}
const many = await line.ask(ETH.GET_HEADERS, ETH.HEADERS, id += 1, [num(0), num(far), num(0), num(0)]);
expect(many.items.length >= 13 && many.items.length <= 1024, `limit 2^64-1 is bounded: ${many.items.length}`);
// Forty-four at once with the same id: every one is answered (by hand, for an id that is not unique).
for (let i = 0; i < 12; i += 1) line.eth(ETH.GET_HEADERS, [num(0), [num(i), num(1), num(0), num(0)]]);
const zero = [];
for (let i = 0; i < 12; i += 1) zero.push(headerHash((await line.take('eth', ETH.HEADERS)).body[1][0]));
same(zero.join(), (await want([...Array(12).keys()])).join(), 'answers with one id come in order');

// --- bodies, receipts, pooled transactions ---

const numbers = [1, 0, ...new Set(receipts.map((r) => Number(r.blockNumber)))];
const hashes = (await want(numbers)).map(bytes);
const strange = new Uint8Array(32).fill(9);
const bodies = await line.ask(ETH.GET_BODIES, ETH.BODIES, id += 1, [hashes[0], strange, ...hashes.slice(1)]);
same(bodies.items.length, hashes.length, 'bodies: what is unknown is left out');
for (const [i, [txs, ommers, withdrawals]] of bodies.items.entries()) {
  const block = await rpc('eth_getBlockByNumber', `0x${numbers[i].toString(16)}`, false);
  same(txs.map((t) => hex(keccak256(t instanceof Uint8Array ? t : RLP.encode(t)))).join(), block.transactions.join(), 'transactions of a body');
  same(ommers.length, 0, 'ommers');
  same(withdrawals.length, 0, 'withdrawals are there and empty');
}
const kept = await line.ask(ETH.GET_RECEIPTS, ETH.RECEIPTS, id += 1, [...hashes, strange]);
same(kept.items.length, hashes.length, 'receipts: what is unknown is left out');
let seen = 0;
for (const [i, list] of kept.items.entries()) {
  const raws = await rpc('debug_getRawReceipts', `0x${numbers[i].toString(16)}`);
  same(list.map((r) => hex(r instanceof Uint8Array ? r : RLP.encode(r))).join(), raws.join(), 'receipts as JSON-RPC has them');
  seen += list.length;
}
same(seen, 3, 'receipts compared');
same((await line.ask(ETH.GET_POOLED, ETH.POOLED, id += 1, [strange])).items.length, 0, 'an unknown pooled transaction');
// One that cannot be mined yet stays in the pool, and is given.
const waits = await wallet.signTransaction({ ...base, type: 2, nonce: 9, maxFeePerGas: 0, maxPriorityFeePerGas: 0 });
line.eth(ETH.TXS, [asItem(waits)]);
await waitFor(() => rpc('eth_getTransactionByHash', hashOf(waits)), 'a transaction in the pool');
const pooled = await listener.ask(ETH.GET_POOLED, ETH.POOLED, id += 1, [bytes(hashOf(waits)), strange]);
same(hex(pooled.items[0]), waits, 'a pooled transaction');
// An announced one is fetched.
const announced = await wallet.signTransaction({ ...base, type: 2, nonce: 3, maxFeePerGas: 0, maxPriorityFeePerGas: 0 });
line.eth(ETH.NEW_POOLED, [Uint8Array.of(2), [num(bytes(announced).length)], [bytes(hashOf(announced))]]);
const fetch = await line.take('eth', ETH.GET_POOLED);
same(hex(fetch.body[1][0]), hashOf(announced), 'what is announced is asked for');
line.eth(ETH.POOLED, [fetch.body[0], [bytes(announced)]]);
await waitFor(() => rpc('eth_getTransactionReceipt', hashOf(announced)), 'the receipt of an announced transaction');
// A new peer is greeted with the pool.
const greeted = await Line.to(node);
await greeted.status();
const greeting = (await greeted.take('eth', ETH.NEW_POOLED)).body;
same(hex(greeting[2][0]), hashOf(waits), 'the pool is announced to a new peer');
same(greeting[0].length, 1, 'types');
greeted.close();
same(Number(await rpc('net_peerCount')) >= 2, true, 'net_peerCount');

// --- eth/66 and eth/69 have other forms ---

const old = await Line.to(node, { caps: ['eth/66', 'istanbul/100'] });
await old.status();
const flat = (await old.take('eth', ETH.NEW_POOLED)).body;
same(hex(flat[0]), hashOf(waits), 'eth/66 announces hashes alone');
old.eth(ETH.GET_NODE_DATA, [num(5), [strange]]);
const data = (await old.take('eth', ETH.NODE_DATA)).body;
same(toNum(data[0]), 5, 'node data: id');
same(data[1].length, 0, 'node data: none');
old.eth(ETH.NEW_POOLED, [strange]);
same(hex((await old.take('eth', ETH.GET_POOLED)).body[1][0]), hex(strange), 'eth/66: an announced hash is asked for');
old.close();

const newer = await Line.to(node, { caps: ['eth/69', 'istanbul/100'] });
const status69 = await newer.status();
same(status69.length, 7, 'eth/69: status');
same(hex(status69[2]), genesis.hash, 'eth/69: genesis');
same(toNum(status69[4]), 0, 'eth/69: earliest');
same((await rpc('eth_getBlockByNumber', `0x${toNum(status69[5]).toString(16)}`, false)).hash, hex(status69[6]), 'eth/69: head');
const slim = (await newer.ask(ETH.GET_RECEIPTS, ETH.RECEIPTS, id += 1, [bytes(receipts[2].blockHash)])).items[0];
const last = slim[slim.length - 1];
same(last.length, 4, 'eth/69: a receipt without bloom');
same(toNum(last[0]), 2, 'eth/69: type');
same(toNum(last[1]), 1, 'eth/69: status of a receipt');
same(toNum(last[2]), Number(receipts[2].cumulativeGasUsed), 'eth/69: gas');
same(hex(last[3][0][0]), receipts[2].logs[0].address, 'eth/69: address of a log');
newer.close();

// --- istanbul/100: ids line up ---

// A message that is no QBFT message costs points only if it reached the decoder of QBFT: with the
// right id the line ends for it in the end, with an id of IBFT's it is ignored.
for (const [cap, wire] of [['eth/68', 0x33], ['eth/66', 0x33], ['eth/69', 0x34]]) {
  const peer = await Line.to(node, { caps: [cap, 'istanbul/100'] });
  await peer.status();
  for (let i = 0; i < 40; i += 1) peer.raw(wire - 1, [num(i)]); // id 0x11 of istanbul
  await peer.ask(ETH.GET_HEADERS, ETH.HEADERS, 9, [num(0), num(1), num(0), num(0)]);
  for (let i = 0; i < 40 && !peer.closed; i += 1) peer.raw(wire, [num(id += 1)]); // each one new
  same(await peer.end(), REASON.USELESS, `${cap}: messages that QBFT cannot read end the line`);
}

// --- ping, a second line, ids without meaning ---

line.raw(2, []);
await waitFor(() => line.base.includes(3), 'a pong');
line.raw(7, []); // reserved ids are ignored
await line.ask(ETH.GET_HEADERS, ETH.HEADERS, id += 1, [num(0), num(1), num(0), num(0)]);
const twin = await Line.to(node, { key: line.key });
const twinReason = await Promise.race([twin.end(), line.ended.then(() => 'old')]);
expect(twinReason === REASON.ALREADY || line.reason === REASON.ALREADY, `of two lines with one key one goes: ${twinReason}`);
twin.close();
const oddId = await Line.to(node);
await oddId.status();
oddId.raw(0x37, []); // behind istanbul's last
same(await oddId.end(), REASON.BREACH, 'an id beyond all capabilities');
line.close();
listener.close();

// --- whom it does not want ---

const refusals = [
  ['another genesis', (s) => { s[4] = new Uint8Array(32).fill(1); return s; }, REASON.SUBPROTOCOL],
  ['another network id', (s) => { s[1] = num(1); return s; }, REASON.SUBPROTOCOL],
  ['other forks', (s) => { s[5] = [Uint8Array.of(1, 2, 3, 4), num(0)]; return s; }, REASON.SUBPROTOCOL],
  ['another version', (s) => { s[0] = num(66); return s; }, REASON.BREACH],
  ['a status that is none', () => [num(1)], REASON.BREACH],
];
for (const [name, change, reason] of refusals) {
  const peer = await Line.to(node);
  await peer.status(change);
  same(await peer.end(), reason, name);
  const again = await Line.to(node, { key: peer.key });
  same(await again.end(), REASON.TOO_MANY, `${name}: not again for ten minutes`);
}
const hellos = [
  ['no shared capability', { caps: ['les/4'] }, REASON.USELESS],
  ['eth/99 alone', { caps: ['eth/99'] }, REASON.USELESS],
  ['istanbul alone', { caps: ['istanbul/100'] }, REASON.USELESS],
  ['an old version', { hello: (h) => [num(4), ...h.slice(1)] }, REASON.OLD],
  ['the id of somebody else', { hello: (h) => [...h.slice(0, 4), idOf(newKey())] }, REASON.UNEXPECTED],
  ['no id', { hello: (h) => [...h.slice(0, 4), new Uint8Array(64)] }, REASON.NULL],
  ['our own key', { key: node.key }, REASON.SELF],
];
for (const [name, options, reason] of hellos) {
  const peer = await Line.to(node, options);
  const got = await peer.end();
  same(got === null && reason === REASON.SELF ? reason : got, reason, name);
}
same(await node.stop(), 0, 'exit code');
console.log(`devp2p: ${checked()} checks passed`);
process.exit(0);

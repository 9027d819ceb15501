// SPDX-License-Identifier: Apache-2.0
// Hostile peers over authenticated sessions (@ethereumjs/devp2p's transport): each is left with the
// right reason or starved, the node's memory stays bounded, and blocks keep coming.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { checked, expect, load, PATIENCE_MS, same, sleep, waitFor } from './common.mjs';
import { bytes, ETH, headerHash, hex, keccak256, Line, newKey, num, REASON, RLP, runCairnd, toNum } from './devp2p_peer.mjs';

const { ethers } = load('ethers');
const MIB = 1024 * 1024;

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'devp2p-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
execFileSync(process.env.CAIRND, ['network', 'init', '--validators', '1', '--observers', '1', '--dir', path.join(work, 'net'),
  '--block-period', '200ms', '--system-contracts', 'off', '--chain-id', '4242'], { stdio: 'ignore' });
const home = path.join(work, 'net/validator-1');
const second = path.join(work, 'net/observer-1');
for (const dir of [home, second]) fs.writeFileSync(path.join(dir, 'static-nodes.json'), '[]');
const node = await runCairnd(home);
const { rpc } = node;
await waitFor(async () => (await node.height()) >= 3, 'blocks');
const rssAtStart = node.rss();
let rssMost = rssAtStart;
const watch = setInterval(() => { rssMost = Math.max(rssMost, node.rss()); }, 50);
watch.unref();

const connect = async (options) => { const line = await Line.to(node, options); await line.status(); return line; };

/// The node goes on while `what` happens.
async function blocksCome(what) {
  const at = await node.height();
  await waitFor(async () => (await node.height()) >= at + 2, `blocks after ${what}`);
  expect(true, `blocks after ${what}`);
}

/// The node cuts this line.
async function closed(socket, what) {
  const late = new Promise((_, reject) => { setTimeout(() => reject(new Error(`${what}: the line is still open`)), PATIENCE_MS).unref(); });
  await Promise.race([new Promise((resolve) => { socket.once('close', resolve); }), late]);
  expect(true, what);
}

// --- before and at Hello ---

for (const [name, first] of [['noise', Buffer.alloc(400, 7)], ['a length of 65535', Buffer.from([0xff, 0xff])], ['a length of 0', Buffer.from([0, 0])],
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')]]) {
  const socket = net.connect(node.port, '127.0.0.1');
  let answer = 0;
  socket.on('data', (d) => { answer += d.length; });
  socket.on('error', () => {});
  socket.write(first);
  await closed(socket, name);
  same(answer, 0, `${name}: without an answer`);
}
const caps = (n) => (h) => [h[0], h[1], [...Array(n).keys()].map((i) => [Buffer.from(`c${i}`), num(1)]).concat(h[2]), h[3], h[4]];
const hellos = [
  ['a Hello of 3 KiB', { hello: (h) => [h[0], Buffer.alloc(3000, 65), ...h.slice(2)] }, REASON.BREACH],
  ['65 capabilities', { hello: caps(63) }, REASON.BREACH],
  ['a Hello that is none', { hello: () => Uint8Array.of(0xc5, 1, 2) }, REASON.BREACH],
];
for (const [name, options, reason] of hellos) {
  const line = await Line.to(node, options);
  same(await line.end(), reason, name);
}
const full = await Line.to(node, { hello: caps(62) });
await full.status();
full.close();
const early = await Line.to(node, { hello: () => null });
await waitFor(() => early.peer._eciesSession._ingressAes !== null && early.peer._state === 'Header', 'the secrets');
early.peer._weHello = [];
early.peer._sendMessage(0x10, Uint8Array.of(0xc0));
same(await early.end(), REASON.BREACH, 'a message before Hello');
const silent = net.connect(node.port, '127.0.0.1');
await closed(silent, 'a line that stays silent');

// --- frames and packing ---

const varint = (n) => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push(n % 128 | 128); return [...out, n]; };
const rows = [
  ['11 MiB unpacked', (l) => l.raw(0x12, Uint8Array.from([...varint(11 * MIB), 0, 0]), false)],
  ['a bomb: 10 MiB from 100 bytes', (l) => l.raw(0x12, Uint8Array.from([...varint(10 * MIB), ...Array(100).fill(0xfe)]), false)],
  ['no snappy at all', (l) => l.raw(0x12, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), false)],
  ['a frame of 16 MiB announced', (l) => l.socket.write(l.peer._eciesSession.createBlockHeader(0xffffff))],
  ['an empty frame', (l) => { l.socket.write(l.peer._eciesSession.createBlockHeader(0)); }],
  ['a changed MAC', (l) => { const h = l.peer._eciesSession.createBlockHeader(100); h[20] ^= 1; l.socket.write(h); }],
  ['a second Hello', (l) => l.raw(0, [num(5), Buffer.from('x'), [], num(0), new Uint8Array(64)])],
  ['a second Status', (l) => l.eth(ETH.STATUS, [num(68)])],
  ['an id above 127', (l) => l.peer._sendMessage(0x85, Uint8Array.of(0))],
  ['1,025 hashes asked', (l) => l.eth(ETH.GET_BODIES, [num(1), Array(1025).fill(new Uint8Array(32))])],
  ['4,097 hashes announced', (l) => l.eth(ETH.NEW_POOLED, [new Uint8Array(4097), Array(4097).fill(num(100)), Array(4097).fill(new Uint8Array(32))])],
  ['types without hashes', (l) => l.eth(ETH.NEW_POOLED, [Uint8Array.of(1, 2), [num(1)], [new Uint8Array(32)]])],
  ['a request that is none', (l) => l.eth(ETH.GET_HEADERS, [num(1)])],
  ['reverse is 2', (l) => l.eth(ETH.GET_HEADERS, [num(1), [num(1), num(1), num(0), num(2)]])],
  ['transactions that are none', (l) => l.eth(ETH.TXS, [[num(1)], Uint8Array.of(2, 1)])],
  ['a block that is none', (l) => l.eth(ETH.NEW_BLOCK, [[num(1)], num(1)])],
];
for (const [name, act] of rows) {
  const line = await connect();
  act(line);
  same(await line.end(), REASON.BREACH, name);
  const again = await Line.to(node, { key: line.key });
  same(await again.end(), REASON.TOO_MANY, `${name}: the key is banned`);
}
const beforeStatus = await Line.to(node);
await beforeStatus.opened;
beforeStatus.eth(ETH.GET_HEADERS, [num(1), [num(1), num(1), num(0), num(0)]]);
same(await beforeStatus.end(), REASON.BREACH, 'a request before Status');
await blocksCome('broken frames and messages');

// --- floods ---

const asker = await connect();
const floodBegan = Date.now();
let asked = 0;
for (let i = 1; i <= 100000 && !asker.closed; i += 1) {
  asked = i;
  asker.eth(ETH.GET_HEADERS, [num(i), [num(1), num(1), num(0), num(0)]]);
  if (i % 100 === 0) await sleep(0);
}
// Whoever goes on sending for more than two seconds may lose the reason to a reset.
expect([REASON.USELESS, null].includes(await asker.end()), `a flood of requests ends the line: ${asker.reason}`);
await waitFor(() => node.log().includes('more requests than are answered'), 'the reason in the log');
const answers = asker.inbox.filter((m) => m.code === ETH.HEADERS).length;
// A hundred a second, and some at once.
const share = 300 + (Date.now() - floodBegan) / 10;
expect(answers <= share && answers < asked, `a flood is not answered in full: ${answers} answers to ${asked}`);
const liar = await connect();
for (let i = 0; i < 30 && !liar.closed; i += 1) liar.eth(ETH.HEADERS, [num(i + 7), []]);
same(await liar.end(), REASON.USELESS, 'answers that nobody asked for');
const talker = await connect();
for (let i = 0; i < 30 && !talker.closed; i += 1) talker.eth(ETH.RECEIPTS, [num(i + 7), []]);
same(await talker.end(), REASON.USELESS, 'receipts that nobody asked for');

// Announcements of what does not exist: asked for in bounded requests, and nothing is kept.
const announcer = await connect();
for (let i = 0; i < 60; i += 1) {
  const hashes = [...Array(4096).keys()].map((k) => { const h = new Uint8Array(32).fill(i + 1); h[30] = k >> 8; h[31] = k & 255; return h; });
  announcer.eth(ETH.NEW_POOLED, [new Uint8Array(4096).fill(2), Array(4096).fill(num(120)), hashes]);
  await sleep(0);
}
await announcer.ask(ETH.GET_HEADERS, ETH.HEADERS, 1, [num(0), num(1), num(0), num(0)]);
const gets = announcer.inbox.filter((m) => m.code === ETH.GET_POOLED);
expect(gets.length > 0 && gets.every((m) => RLP.decode(m.raw)[1].length <= 256), `${gets.length} requests, each for 256 at most`);
announcer.close();
await blocksCome('floods');

// Transactions of a stranger: the pool is bounded, and those of the right kind still get in.
const flooder = await connect();
const poor = new ethers.Wallet(hex(newKey()));
const gap = [];
for (let i = 0; i < 400; i += 1)
  gap.push(bytes(await poor.signTransaction({ chainId: 4242, nonce: 5 + i, gasLimit: 21000, value: 0, to: poor.address, type: 2, maxFeePerGas: 0, maxPriorityFeePerGas: 0 })));
flooder.eth(ETH.TXS, gap);
await flooder.ask(ETH.GET_HEADERS, ETH.HEADERS, 1, [num(0), num(1), num(0), num(0)]);
const status = await waitFor(async () => { const s = await rpc('txpool_status'); return Number(s.queued) > 0 && s; }, 'queued transactions');
expect(Number(status.queued) <= 1024, `the queue is bounded: ${Number(status.queued)}`);
flooder.close();

// --- who lies, and who repeats what others have said ---

// Claims of a height that nobody has: what this node has is announced all the same.
const liars = await Promise.all([1, 2, 3].map(async () => {
  const line = await Line.to(node);
  await line.status((s) => { s[2] = num(1000000000); return s; });
  return line;
}));
const listener = await connect();
await waitFor(async () => (await rpc('eth_syncing')) !== false, 'the claim to be believed for a while');
const told = toNum((await listener.take('eth', ETH.NEW_BLOCK)).body[0][0][8]);
expect(toNum((await listener.take('eth', ETH.NEW_BLOCK, (m) => toNum(RLP.decode(m.raw)[0][0][8]) > told)).body[1]) > 0,
  'blocks are announced while others claim more');
for (const line of [...liars, listener]) line.close();

// A transaction that a liar announces first and never gives is asked of whoever announces it next.
const rich = new ethers.Wallet(hex(newKey()));
const wanted = bytes(await rich.signTransaction({ chainId: 4242, nonce: 0, gasLimit: 21000, value: 0, to: rich.address, type: 2, maxFeePerGas: 0, maxPriorityFeePerGas: 0 }));
const wantedHash = keccak256(wanted);
const announce = [Uint8Array.of(2), [num(wanted.length)], [wantedHash]];
const keeper = await connect();
const giver = await connect();
keeper.eth(ETH.NEW_POOLED, announce);
await keeper.take('eth', ETH.GET_POOLED);
giver.eth(ETH.NEW_POOLED, announce);
const request = (await giver.take('eth', ETH.GET_POOLED)).body;
giver.eth(ETH.POOLED, [request[0], [wanted]]);
await waitFor(async () => (await rpc('eth_getTransactionByHash', hex(wantedHash))) !== null, 'the transaction');
expect(!keeper.closed, 'silence about a transaction is no crime');

// The first packet of somebody's handshake, recorded and sent again, names him and proves nothing:
// his line stays, however old it is, and he can still call.
const victim = await connect();
const recording = victim.peer._eciesSession._initMsg;
const victimSince = Date.now();
await waitFor(() => Date.now() > victimSince + 5100, 'a line that is older than two calls at once');
const replays = [1, 2, 3].map(() => {
  const socket = net.connect(node.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(recording);
  return new Promise((resolve) => socket.once('data', () => resolve(socket)));
});
for (const socket of await Promise.all(replays)) socket.write(Buffer.alloc(64, 1));
await victim.ask(ETH.GET_HEADERS, ETH.HEADERS, 5, [num(0), num(1), num(0), num(0)]);
expect(!victim.closed && victim.reason === null, 'a recording takes nobody\'s line');
const successor = await Line.to(node, { key: victim.key });
await successor.status();
same(await victim.end(), REASON.ALREADY, 'he himself may come again: the older line goes');
for (const line of [keeper, giver, successor]) line.close();

// --- who does not read ---

// Bodies that cannot be packed: answers of 2 MiB from questions of 130 bytes.
const noisy = new ethers.Wallet(hex(newKey()));
for (let nonce = 0; nonce < 12; nonce += 1)
  await rpc('eth_sendRawTransaction', await noisy.signTransaction({ chainId: 4242, nonce, gasLimit: 5000000, value: 0, gasPrice: 0, type: 0,
    to: noisy.address, data: hex(randomBytes(120000)) }));
const lastNoise = await waitFor(async () => Number(await rpc('eth_getTransactionCount', noisy.address, 'latest')) === 12 && node.height(), 'blocks of noise');
const large = [];
for (let n = Math.max(1, lastNoise - 30); n <= lastNoise; n += 1) {
  const b = await rpc('eth_getBlockByNumber', `0x${n.toString(16)}`, false);
  for (let i = 0; i < b.transactions.length; i += 1) large.push(bytes(b.hash));
}
const before = node.rss();
const mark = node.log().length;
const deaf = await Promise.all([1, 2, 3, 4].map(() => connect()));
for (const line of deaf) {
  line.socket.pause();
  line.socket.removeAllListeners('data');
  for (let i = 0; i < 16; i += 1) line.eth(ETH.GET_BODIES, [num(i + 1), Array(100).fill(0).map((_, k) => large[k % large.length])]);
}
let deafMost = 0;
await waitFor(() => {
  deafMost = Math.max(deafMost, node.rss() - before);
  return node.log().slice(mark).split('does not read what it is sent').length > deaf.length;
}, 'the end of all that do not read');
expect(deafMost < 4 * 24 * MIB, `four that do not read cost ${(deafMost / MIB).toFixed(0)} MiB`);
await blocksCome('peers that do not read');
for (const line of deaf) line.close();

// --- a good block with broken seals ---

const observer = await runCairnd(second);
const source = await connect();
const tell = async (line, message) => { line.eth(ETH.NEW_BLOCK, message); };
const fresh = (await source.take('eth', ETH.NEW_BLOCK)).body;
const height = toNum(fresh[0][0][8]);
// Blocks 1 .. height as NewBlock, from the node's own answers.
const headers = (await source.ask(ETH.GET_HEADERS, ETH.HEADERS, 77, [num(1), num(height), num(0), num(0)])).items;
const bodies = (await source.ask(ETH.GET_BODIES, ETH.BODIES, 78, headers.map((h) => bytes(headerHash(h))))).items;
const block = (i) => [[headers[i], ...bodies[i]], num(i + 2)];
const withSeals = (i, change) => {
  const header = [...headers[i]];
  const extra = RLP.decode(header[12]);
  extra[4] = change(extra[4]);
  header[12] = RLP.encode(extra);
  return [[header, ...bodies[i]], num(i + 2)];
};
const asObserver = async (key) => {
  const line = await Line.to(observer, { key });
  await line.status((s) => { s[2] = num(1); s[3] = s[4]; return s; }); // at the genesis, as it is itself
  return line;
};
const forged = [
  ['no seals', () => []],
  ['a changed seal', (seals) => { const seal = Uint8Array.from(seals[0]); seal[5] ^= 1; return [seal]; }],
  ['a seal of 65 zeros', () => [new Uint8Array(65)]],
  ['a short seal', (seals) => [seals[0].slice(0, 64)]],
];
let next = 0;
for (const [name, change] of forged) {
  const line = await asObserver();
  const bad = withSeals(next, change);
  same(headerHash(bad[0][0]), headerHash(headers[next]), `${name}: the hash is the same`);
  await tell(line, bad);
  same(await line.end(), REASON.BREACH, `a block with ${name}`);
  same(await observer.height(), next, `${name}: not taken`);
  const good = await asObserver();
  await tell(good, block(next));
  next += 1;
  await waitFor(async () => (await observer.height()) === next, `${name}: the good copy afterwards`);
  same((await observer.rpc('eth_getBlockByNumber', `0x${next.toString(16)}`, false)).hash, headerHash(headers[next - 1]), `${name}: the good copy's hash`);
  good.close();
}
// A good header with another block's body, then the good one.
const swapped = await asObserver();
const extraTx = await poor.signTransaction({ chainId: 4242, nonce: 0, gasLimit: 21000, value: 0, to: poor.address, type: 0, gasPrice: 0 });
await tell(swapped, [[headers[next], [RLP.decode(bytes(extraTx))], ...bodies[next].slice(1)], num(next + 2)]);
same(await swapped.end(), REASON.BREACH, 'a header with a strange body');
const honest = await asObserver();
await tell(honest, block(next));
next += 1;
await waitFor(async () => (await observer.height()) === next, 'the good body afterwards');
expect(true, 'the good body afterwards');
same(await observer.stop(), 0, 'exit code of the observer');

await sleep(0);
clearInterval(watch);
const grown = (rssMost - rssAtStart) / MIB;
expect(grown < 400, `memory grew by ${grown.toFixed(0)} MiB`);
same(await node.stop(), 0, 'exit code');
console.log(`devp2p_hostile: ${checked()} checks passed, ${answers} answers to ${asked} requests, memory ${(rssAtStart / MIB).toFixed(0)} MiB and at most ${grown.toFixed(0)} more, ${(deafMost / MIB).toFixed(0)} of it for four that do not read`);
process.exit(0);

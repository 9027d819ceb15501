// SPDX-License-Identifier: Apache-2.0
// WebSocket as client libraries use it: ethers' WebSocketProvider, viem's webSocket transport, and
// the bare protocol for what neither of them asks.

import net from 'node:net';
import { checked, compileCoin, expect, load, MNEMONIC, PATIENCE_MS, same, startNode, waitFor } from './common.mjs';

const { ethers } = load('ethers');
const viem = load('viem');
const { mnemonicToAccount } = load('viem/accounts');

const node = await startNode();
const url = node.url.replace('http:', 'ws:');
const { abi, bytecode } = compileCoin();

/// Resolves with the next value of `emit`, or fails.
function next(start, what) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${what}`)), PATIENCE_MS);
    start((value) => { clearTimeout(late); resolve(value); });
  });
}

// destroy() of ethers cancels the eth_unsubscribe that it has just asked for itself, and tells nobody
// whom one could await.
const unlessItself = (error) => { if (error?.operation !== 'eth_unsubscribe') throw error; };
process.on('unhandledRejection', unlessItself);
process.on('uncaughtException', unlessItself);

// ---- ethers ----------------------------------------------------------------------------------
const provider = new ethers.WebSocketProvider(url, undefined, { cacheTimeout: -1 });
same((await provider.getNetwork()).chainId, 1337n, 'chain id');
const hd = (i) => ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`).connect(provider);
const owner = hd(0);
const block = next((done) => provider.once('block', done), 'block');
const pending = next((done) => provider.once('pending', done), 'pending transaction');
const coin = await (await new ethers.ContractFactory(abi, bytecode, owner).deploy(1000n)).waitForDeployment();
expect(await block > 0, 'a block was told of');
expect(/^0x[0-9a-f]{64}$/.test(await pending), 'a pending transaction was told of by its hash');
const events = [];
await coin.on('Transfer', (from, to, value, event) => events.push({ to, value, event }));
await (await coin.transfer(hd(1).address, 250n)).wait();
await waitFor(() => events.length > 0, 'a told event');
same(events.length, 1, 'told Transfer events');
same(events[0].value, 250n, 'value of the event');
await coin.removeAllListeners();

// Everything at once over one connection: each answer finds its question.
const balances = await Promise.all(Array.from({ length: 300 }, (_, i) => provider.getBalance(hd(i % 10).address)));
same(balances.length, 300, 'answers');
expect(balances.slice(2).every((b, i) => b === balances[2 + (i % 10)] || i % 10 > 7), 'the right answers');
await provider.destroy().catch(unlessItself);

// ---- viem ------------------------------------------------------------------------------------
const chain = viem.defineChain({ id: 1337, name: 'cairn', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [node.url], webSocket: [url] } } });
const transport = viem.webSocket(url);
const client = viem.createPublicClient({ chain, transport });
const wallet = viem.createWalletClient({ chain, transport, account: mnemonicToAccount(MNEMONIC) });
const heads = [];
const hashes = [];
const logs = [];
const stop = [
  client.watchBlocks({ onBlock: (b) => heads.push(b.number) }),
  client.watchPendingTransactions({ onTransactions: (h) => hashes.push(...h) }),
  client.watchContractEvent({ address: await coin.getAddress(), abi, eventName: 'Transfer', onLogs: (l) => logs.push(...l) }),
];
await client.getBlockNumber(); // the subscriptions were asked for before it
const from = (await client.getBlockNumber()) + 1n;
for (let i = 0; i < 5; i += 1) {
  const hash = await wallet.writeContract({ address: await coin.getAddress(), abi, functionName: 'transfer',
    args: [hd(2).address, BigInt(i + 1)] });
  await client.waitForTransactionReceipt({ hash, pollingInterval: 20 });
  expect(true, 'included');
}
await waitFor(() => logs.length >= 5 && heads.length >= 5, 'five logs and heads');
same(logs.map((l) => l.args.value).join(), '1,2,3,4,5', 'every event once, in order');
expect(heads.every((n, i) => i === 0 || n > heads[i - 1]), 'blocks in order');
same(heads.filter((n) => n >= from).length, 5, 'every block once');
same(hashes.length, 5, 'every pending transaction once');
stop.forEach((f) => f());
(await client.transport.getRpcClient()).close();

// ---- the protocol ----------------------------------------------------------------------------
const bare = new (load('ws').WebSocket)(url);
await next((done) => bare.addEventListener('open', done), 'open');
const inbox = [];
bare.addEventListener('message', (m) => inbox.push(JSON.parse(m.data)));
const reply = async (id) => {
  const at = () => inbox.findIndex((m) => m.id === id || (Array.isArray(m) && m[0].id === id));
  await waitFor(() => at() >= 0, `an answer to ${id}`);
  return inbox.splice(at(), 1)[0];
};
const ask = (id, method, ...params) => { bare.send(JSON.stringify({ jsonrpc: '2.0', id, method, params })); return reply(id); };
const kinds = ['newHeads', 'logs', 'newPendingTransactions', 'syncing', 'rounds', 'models', 'proposals'];
const ids = [];
for (const [i, kind] of kinds.entries()) ids.push((await ask(i, 'eth_subscribe', kind)).result);
expect(ids.every((id) => /^0x[0-9a-f]{32}$/.test(id)) && new Set(ids).size === kinds.length, 'ids of subscriptions');
const full = (await ask(20, 'eth_subscribe', 'newPendingTransactions', true)).result;
same((await ask(21, 'eth_subscribe', 'oldHeads')).error.code, -32602, 'an unknown kind');
same((await ask(22, 'eth_subscribe', 'logs', { adress: [] })).error.code, -32602, 'an unknown member');
const http = new ethers.JsonRpcProvider(node.url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
const sender = ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', "m/44'/60'/0'/0/0").connect(http);
await (await sender.sendTransaction({ to: hd(3).address, value: 1n })).wait();
const headNotice = () => inbox.find((m) => m.params?.subscription === ids[0]);
await waitFor(() => headNotice() && inbox.some((m) => m.params?.subscription === full), 'a head and a pending transaction');
const head = headNotice().params.result;
const block1 = await http.send('eth_getBlockByNumber', [head.number, false]);
for (const key of Object.keys(head)) same(JSON.stringify(head[key]), JSON.stringify(block1[key]), `head.${key}`);
expect(!('transactions' in head) && 'logsBloom' in head, 'a header, not a block');
const whole = inbox.find((m) => m.params?.subscription === full).params.result;
same(whole.from, sender.address.toLowerCase(), 'a whole pending transaction');
same(whole.blockHash, null, 'which has no block yet');
for (const [i, id] of ids.entries()) same((await ask(30 + i, 'eth_unsubscribe', id)).result, true, 'unsubscribed');
same((await ask(40, 'eth_unsubscribe', ids[0])).error.code, -32000, 'only once');
bare.send(JSON.stringify([{ jsonrpc: '2.0', id: 50, method: 'eth_chainId' }, { jsonrpc: '2.0', id: 51, method: 'nope' }]));
const batch = await reply(50);
same(batch.length, 2, 'a batch');
bare.send('{"jsonrpc":');
await waitFor(() => inbox.some((m) => m.error?.code === -32700), 'an answer to bad JSON');
expect(inbox.some((m) => m.error?.code === -32700 && m.id === null), 'bad JSON is answered, the connection stays');
// 100 subscriptions and not one more.
const many = await Promise.all(Array.from({ length: 101 }, (_, i) => ask(100 + i, 'eth_subscribe', 'syncing')));
same(many.filter((m) => m.error?.code === -32005).length, 2, 'the limit of 100 subscriptions');
bare.close();
same((await http.send('eth_subscribe', ['newHeads']).catch((e) => e.error.code)), -32601, 'not over HTTP');

/// What a stream of bytes is answered with: the code of the close frame, or the HTTP status.
function raw(bytes, headers = '') {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(node.url);
    const socket = net.connect(Number(port), hostname);
    let got = Buffer.alloc(0);
    const late = setTimeout(() => reject(new Error('no close')), PATIENCE_MS);
    socket.on('error', () => {});
    socket.on('connect', () => socket.write(`GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\n`
      + `Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`));
    socket.on('data', (d) => {
      const before = got.indexOf('\r\n\r\n') >= 0;
      got = Buffer.concat([got, d]);
      const end = got.indexOf('\r\n\r\n');
      if (end < 0) return;
      const status = Number(got.subarray(9, 12).toString());
      if (status !== 101) { clearTimeout(late); socket.destroy(); resolve(status); return; }
      if (!before) socket.write(bytes);
      const frames = got.subarray(end + 4);
      if (frames.length >= 4 && frames[0] === 0x88) {
        clearTimeout(late);
        socket.destroy();
        resolve(frames.readUInt16BE(2));
      }
    });
  });
}
const masked = (first, payload, length = payload.length) => {
  const head16 = length < 126 ? [0x80 | length] : length < 65536 ? [0xfe, length >> 8, length & 255]
    : [0xff, 0, 0, 0, 0, (length >>> 24) & 255, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([first, ...head16, 0, 0, 0, 0]), payload]);
};
const rows = [
  ['unmasked', Buffer.from([0x81, 2, 0x7b, 0x7d]), 1002],
  ['a reserved bit', masked(0xc1, Buffer.from('{}')), 1002],
  ['a reserved opcode', masked(0x83, Buffer.from('')), 1002],
  ['text that is not UTF-8', masked(0x81, Buffer.from([0xc3, 0x28])), 1007],
  ['a control frame of 126 bytes', masked(0x89, Buffer.alloc(126)), 1002],
  ['a ping in pieces', masked(0x09, Buffer.from('x')), 1002],
  ['a continuation of nothing', masked(0x80, Buffer.from('x')), 1002],
  ['a message in a message', Buffer.concat([masked(0x01, Buffer.from('{')), masked(0x81, Buffer.from('}'))]), 1002],
  ['a message above 5 MiB', masked(0x81, Buffer.alloc(100), 6 << 20), 1009],
  ['a close code that is none', masked(0x88, Buffer.from([3, 237])), 1002],
  ['a goodbye', masked(0x88, Buffer.from([3, 232])), 1000],
];
for (const [name, bytes, code] of rows) same(await raw(bytes), code, name);
same(await raw(Buffer.alloc(0), 'Origin: http://evil.example\r\n'), 403, 'a page of another origin');
same(await raw(rows[10][1], `Origin: ${node.url}\r\n`), 1000, 'a page of ours');

same(await node.stop(), 0, 'exit code');
console.log(`websocket: ${checked()} checks passed`);
process.exit(0);

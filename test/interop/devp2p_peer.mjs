// SPDX-License-Identifier: Apache-2.0
// A peer made of @ethereumjs/devp2p's transport (ECIES, frames, Hello, snappy) that sends whatever a
// test wants, well formed or not, and keeps what comes back.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { load, PATIENCE_MS, sleep, waitFor } from './common.mjs';

const { Peer: LibraryPeer, pk2id } = load('@ethereumjs/devp2p');
const { secp256k1 } = load('ethereum-cryptography/secp256k1.js');
const { RLP } = load('@ethereumjs/rlp');
const snappy = load('snappyjs');
export const { keccak256 } = load('ethereum-cryptography/keccak.js');
export { RLP, snappy };

export const REASON = { REQUESTED: 0, BREACH: 2, USELESS: 3, TOO_MANY: 4, ALREADY: 5, OLD: 6, NULL: 7,
  UNEXPECTED: 9, SELF: 10, SUBPROTOCOL: 16 };
export const ETH = { STATUS: 0, NEW_BLOCK_HASHES: 1, TXS: 2, GET_HEADERS: 3, HEADERS: 4, GET_BODIES: 5,
  BODIES: 6, NEW_BLOCK: 7, NEW_POOLED: 8, GET_POOLED: 9, POOLED: 10, GET_NODE_DATA: 13, NODE_DATA: 14,
  GET_RECEIPTS: 15, RECEIPTS: 16, RANGE: 17 };
const LENGTHS = { 'eth/66': 17, 'eth/68': 17, 'eth/69': 18, 'istanbul/100': 22 };

export const hex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`;
export const bytes = (text) => Uint8Array.from(Buffer.from(text.slice(2), 'hex'));
/// A number as RLP wants it.
export function num(value) {
  const text = BigInt(value).toString(16);
  return value === 0 || value === 0n ? new Uint8Array() : bytes(`0x${text.length % 2 ? '0' : ''}${text}`);
}
export const toNum = (item) => Number(item.length === 0 ? 0 : BigInt(hex(item)));
/// The public key without its first byte.
export const idOf = (key) => pk2id(secp256k1.getPublicKey(key, false));
export const newKey = () => secp256k1.utils.randomPrivateKey();
/// A port that somebody must know before we listen there: none of those that the kernel gives to
/// whoever wants any, so that nobody takes it meanwhile.
export async function freePort() {
  for (;;) {
    const port = 20000 + randomInt(12000);
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => { server.close(resolve); });
    return port;
  }
}

/// One call on a node's local socket.
export function askLocally(dir, method) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path.join(dir, 'cairnd.sock'));
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk;
      if (!text.includes('\n')) return;
      socket.destroy();
      resolve(JSON.parse(text).result);
    });
    socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })}\n`);
  });
}

process.setMaxListeners(0); // one for each node that is to be ended

/// A cairnd on a folder: { url, port, rpc(method, ...params), pid, stop() }.
export async function runCairnd(dir, ...flags) {
  const child = spawn(process.env.CAIRND, ['run', '--data-dir', dir, '--rpc-listen', '127.0.0.1:0', '--p2p-listen',
    '127.0.0.1:0', '--rpc-namespaces', 'eth,net,web3,txpool,qbft,debug', '--log-level', 'warn,p2p=debug',
    '--log-file', path.join(dir, 'log'), ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  const url = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /ready (http:\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    ended.then((code) => reject(new Error(`cairnd ended with ${code}`)));
  });
  const port = Number(/@127\.0\.0\.1:(\d+)/.exec((await askLocally(dir, 'admin_nodeInfo')).enode)[1]);
  const rpc = async (method, ...params) => {
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const rss = () => 1024 * Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);
  const key = bytes(`0x${fs.readFileSync(path.join(dir, 'keys/node'), 'utf8').trim().replace(/^0x/, '')}`);
  const height = async () => Number(await rpc('eth_blockNumber'));
  const log = () => fs.readFileSync(path.join(dir, 'log'), 'utf8');
  return { url, port, rpc, height, rss, log, key, id: idOf(key), pid: child.pid, ended,
    stop: () => { child.kill('SIGTERM'); return ended; } };
}

/// One line to a node.
/// options: id (of the node; absent: it called us), key, caps (names), hello(payload) to change it.
export class Line {
  constructor(socket, options = {}) {
    const line = this;
    this.socket = socket;
    this.key = options.key ?? newKey();
    this.inbox = [];     // { name, code, raw } of capabilities
    this.base = [];      // ids below 16 that came after Hello
    this.reason = null;  // of a Disconnect
    this.ended = new Promise((resolve) => socket.once('close', () => { this.closed = true; resolve(); }));
    this.caps = options.caps ?? ['eth/68', 'istanbul/100'];
    const capabilities = this.caps.map((cap) => {
      const [name, version] = cap.split('/');
      return { name, version: Number(version), length: LENGTHS[cap] ?? 1, constructor: class {
        constructor() { this.events = { emit() {} }; }
        _handleMessage(code, raw) { line.inbox.push({ name, code, raw: Uint8Array.from(raw) }); }
      } };
    });
    class Peer extends LibraryPeer { // the library looks at the name
      _sendHello() {
        if (!options.hello) { super._sendHello(); return; }
        const payload = options.hello([num(5), Buffer.from('test'), capabilities.map((c) => [Buffer.from(c.name),
          num(c.version)]), num(0), this.id]);
        this._weHello = payload;
        if (payload !== null) this._sendMessage(0, payload instanceof Uint8Array ? payload : RLP.encode(payload));
        if (this._hello) this.events.emit('connect');
      }
      _handleMessage(code, message) {
        if (code !== 0) line.base.push(code);
        super._handleMessage(code, message);
      }
      disconnect() {} // who leaves whom is what is tested
      _handleDisconnect(payload) {
        super._handleDisconnect(payload);
        line.reason = this._disconnectReason;
      }
    }
    this.peer = new Peer({ socket, remoteId: options.id ?? null, privateKey: this.key, id: idOf(this.key), timeout: PATIENCE_MS,
      clientId: Buffer.from('ethereumjs-devp2p/test'), capabilities, common: undefined, port: 30303, EIP8: true });
    this.errors = [];
    this.peer.events.on('error', (e) => this.errors.push(e));
    this.opened = new Promise((resolve) => { this.peer.events.once('connect', () => resolve(true)); this.ended.then(() => resolve(false)); });
  }

  static async to(node, options = {}) {
    const socket = net.connect(node.port, '127.0.0.1');
    await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject); });
    return new Line(socket, { id: node.id, ...options });
  }

  /// What the capability's ids begin at.
  offset(name) { return this.peer._protocols.find((p) => this.caps.some((c) => c.startsWith(`${name}/`)) && p.name === name)?.offset ?? this.offsets()[name]; }

  offsets() {
    const at = {};
    let next = 16;
    for (const cap of [...this.caps].sort()) { at[cap.split('/')[0]] = next; next += LENGTHS[cap] ?? 1; }
    return at;
  }

  /// A message with an id as it is on the wire; `packed` false leaves the payload as it is.
  raw(id, payload, packed = true) {
    const data = payload instanceof Uint8Array ? payload : RLP.encode(payload);
    return this.peer._sendMessage(id, packed ? Uint8Array.from(snappy.compress(Uint8Array.from(data))) : data);
  }

  send(name, code, payload) { return this.raw(this.offsets()[name] + code, payload); }
  eth(code, payload) { return this.send('eth', code, payload); }

  /// Takes the next message of this code out of the inbox.
  async take(name, code, accept = () => true) {
    const found = () => this.inbox.findIndex((m) => m.name === name && m.code === code && accept(m));
    await waitFor(() => found() >= 0 || this.closed, `${name} ${code}`);
    if (found() < 0) throw new Error(`the line ended (reason ${this.reason}) while waiting for ${name} ${code}`);
    const [message] = this.inbox.splice(found(), 1);
    return { raw: message.raw, body: RLP.decode(message.raw) };
  }

  /// Asks and waits for the answer with the same id.
  async ask(code, answer, id, rest) {
    this.eth(code, [num(id), rest]);
    const { raw, body } = await this.take('eth', answer, (m) => toNum(RLP.decode(m.raw)[0]) === id);
    return { raw, items: body[1] };
  }

  /// Says Status as the node does: its own one comes back, with what `change` made of it.
  async status(change = (s) => s) {
    if (!(await this.opened)) throw new Error(`no Hello: reason ${this.reason}`);
    const { body } = await this.take('eth', ETH.STATUS);
    this.eth(ETH.STATUS, change([...body]));
    return body;
  }

  /// Waits for the end of the line, gives the reason that the node named (null: none).
  async end() {
    await Promise.race([this.ended, sleep(PATIENCE_MS)]);
    if (!this.closed && this.reason === null) throw new Error('the line is still open');
    this.socket.destroy();
    return this.reason;
  }

  close() { this.peer._closed = true; this.socket.destroy(); }
}

/// A QBFT header's hash: without seals, with round 0.
export function headerHash(header) {
  const extra = RLP.decode(header[12]);
  extra[3] = new Uint8Array();
  extra[4] = [];
  return hex(keccak256(RLP.encode([...header.slice(0, 12), RLP.encode(extra), ...header.slice(13)])));
}

// SPDX-License-Identifier: Apache-2.0
// One QBFT network of two implementations: real GoQuorum or Besu nodes beside cairnd. From one
// genesis file they must agree on every block, take each other's proposals, votes, round changes
// and transactions, replace who was killed, and sync from one another.
//
// usage: mixed.mjs goquorum|besu [BLOCKS]     (exit code 77: the other's program is not named)
// environment: CAIRN_GOQUORUM, CAIRN_BESU: the other's program; CAIRN_BESU_WIRE: besu25 for Besu
// before 26.1; CAIRND: ours; MIXED_KEEP=1 keeps folders and logs
//
// Written against GoQuorum 24.4.1 and Besu 26.2.0.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { checked, expect, load, same, waitFor } from './common.mjs';
import { bytes, freePort, hex, idOf, newKey, num, RLP, runCairnd } from './devp2p_peer.mjs';

const { ethers } = load('ethers');
const [kind = '', least = '100'] = process.argv.slice(2);
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'mixed-'));
const keep = process.env.MIXED_KEEP === '1';
process.on('exit', () => { if (!keep) fs.rmSync(work, { recursive: true, force: true }); else console.error(`kept ${work}`); });
const MIX = '0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365';
const ZERO = '0x0000000000000000000000000000000000000000';
const funded = ethers.Wallet.createRandom();
const forks = { homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0, constantinopleBlock: 0,
  petersburgBlock: 0, istanbulBlock: 0, berlinBlock: 0 };

/// Runs another's node: { url, rpc, height, stop, kill, log }.
function other(home, program, args, environment, url) {
  const log = path.join(home, 'log');
  const file = fs.openSync(log, 'a');
  const child = spawn(program, args, { stdio: ['ignore', file, file], env: { ...process.env, ...environment }, detached: true });
  fs.closeSync(file);
  const end = (signal) => { try { process.kill(-child.pid, signal); } catch { /* it has gone */ } };
  process.on('exit', () => end('SIGKILL'));
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  const rpc = async (method, ...params) => {
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  return { url, rpc, ended, pid: child.pid, height: async () => Number(await rpc('eth_blockNumber')),
    log: () => fs.readFileSync(log, 'utf8'), stop: () => { end('SIGTERM'); return ended; }, kill: () => { end('SIGKILL'); return ended; } };
}

const clients = {
  goquorum: {
    name: 'GoQuorum', program: process.env.CAIRN_GOQUORUM, variable: 'CAIRN_GOQUORUM', wire: 'goquorum', chainId: 1337, types: [0, 1],
    config: () => ({ isQuorum: true, txnSizeLimit: 64, maxCodeSizeConfig: [{ block: 0, size: 64 }],
      qbft: { epochLength: 50, blockPeriodSeconds: 1, requestTimeoutSeconds: 2, policy: 0, ceil2Nby3Block: 0 } }),
    async run(node) {
      const data = path.join(node.home, 'data');
      const environment = { PRIVATE_CONFIG: 'ignore' };
      if (!fs.existsSync(data)) {
        const made = other(node.home, this.program, ['--datadir', data, 'init', node.genesis], environment, null);
        same(await made.ended, 0, `geth init: ${node.home}/log`);
        fs.writeFileSync(path.join(data, 'geth/static-nodes.json'), JSON.stringify(node.peers));
      }
      const port = await freePort();
      return other(node.home, this.program, ['--datadir', data, '--nodekeyhex', hex(node.key).slice(2), '--nodiscover', '--nat', 'none',
        '--netrestrict', '127.0.0.0/8', '--port', `${node.port}`, '--networkid', `${this.chainId}`, '--syncmode', 'full', '--gcmode', 'archive',
        '--cache', '64', '--ipcdisable', '--http', '--http.addr', '127.0.0.1', '--http.port', `${port}`, '--http.api', 'eth,net,web3,istanbul,admin,txpool,debug',
        '--mine', '--miner.threads', '1', '--miner.gasprice', '0', '--verbosity', process.env.MIXED_VERBOSITY ?? '3',
        ...(process.env.MIXED_VMODULE ? ['--vmodule', process.env.MIXED_VMODULE] : [])], environment, `http://127.0.0.1:${port}`);
    },
    validators: (node, block = 'latest') => node.rpc('istanbul_getValidators', block),
    vote: (node, address, add) => node.rpc('istanbul_propose', address, add),
    unvote: (node, address) => node.rpc('istanbul_discard', address),
  },
  besu: {
    name: 'Besu', program: process.env.CAIRN_BESU, variable: 'CAIRN_BESU', wire: process.env.CAIRN_BESU_WIRE ?? 'besu26', chainId: 1981, types: [0, 1, 2],
    config: () => ({ londonBlock: 0, shanghaiTime: 0, cancunTime: 0, zeroBaseFee: true, contractSizeLimit: 2147483647,
      qbft: { epochlength: 50, blockperiodseconds: 1, requesttimeoutseconds: 2 } }),
    async run(node) {
      const key = path.join(node.home, 'key');
      fs.writeFileSync(key, hex(node.key));
      fs.writeFileSync(path.join(node.home, 'static.json'), JSON.stringify(node.peers));
      const port = await freePort();
      return other(node.home, this.program, ['--data-path', path.join(node.home, 'data'), '--genesis-file', node.genesis, '--node-private-key-file', key,
        '--p2p-host', '127.0.0.1', '--p2p-interface', '127.0.0.1', '--p2p-port', `${node.port}`, '--discovery-enabled=false', '--nat-method=NONE',
        '--static-nodes-file', path.join(node.home, 'static.json'), '--rpc-http-enabled', '--rpc-http-host', '127.0.0.1', '--rpc-http-port', `${port}`,
        '--rpc-http-api', 'ETH,NET,WEB3,QBFT,ADMIN,TXPOOL,DEBUG', '--sync-mode=FULL', '--sync-min-peers=1', '--min-gas-price=0',
        '--tx-pool-min-gas-price=0', '--host-allowlist=*', `--logging=${process.env.MIXED_VERBOSITY ?? 'INFO'}`, '--color-enabled=false'], {}, `http://127.0.0.1:${port}`);
    },
    validators: (node, block = 'latest') => node.rpc('qbft_getValidatorsByBlockNumber', block),
    vote: (node, address, add) => node.rpc('qbft_proposeValidatorVote', address, add),
    unvote: (node, address) => node.rpc('qbft_discardValidatorVote', address),
  },
};
const them = clients[kind];
if (!them) { console.error('usage: mixed.mjs goquorum|besu [BLOCKS]'); process.exit(2); }
if (!them.program) { console.error(`mixed: MISSING ${them.variable}: no network with ${them.name} was run`); process.exit(77); }
const ours = {
  name: 'Cairn', chainId: them.chainId,
  run: (node) => {
    // A key made just now has signed nothing, which only its maker knows.
    const fresh = fs.existsSync(path.join(node.home, 'guard')) ? [] : ['--guard-reset-height', '1'];
    fs.mkdirSync(path.join(node.home, 'keys'), { recursive: true, mode: 0o700 });
    fs.writeFileSync(path.join(node.home, 'keys/node'), `${hex(node.key)}\n`, { mode: 0o600 });
    fs.copyFileSync(node.genesis, path.join(node.home, 'genesis.json'));
    fs.writeFileSync(path.join(node.home, 'static-nodes.json'), JSON.stringify(node.peers));
    return runCairnd(node.home, '--p2p-listen', `127.0.0.1:${node.port}`, '--qbft-wire', them.wire, '--rpc-namespaces',
      'eth,net,web3,txpool,qbft,debug,qbft_proposeValidatorVote,qbft_discardValidatorVote', '--log-level', process.env.MIXED_LOG ?? 'info,p2p=debug', '--metrics-listen', 'off', ...fresh);
  },
  validators: (node, block = 'latest') => node.rpc('qbft_getValidatorsByBlockNumber', block),
  vote: (node, address, add) => node.rpc('qbft_proposeValidatorVote', address, add),
  unvote: (node, address) => node.rpc('qbft_discardValidatorVote', address),
};

/// A node that is not yet running. All know their ports before, so that each can call every other.
async function member(name, client) {
  const key = newKey();
  const home = path.join(work, name);
  fs.mkdirSync(home);
  const port = await freePort();
  return { name, client, key, home, port, genesis: path.join(work, 'genesis.json'), peers: [], live: null,
    address: ethers.computeAddress(hex(key)).toLowerCase(), enode: `enode://${Buffer.from(idOf(key)).toString('hex')}@127.0.0.1:${port}`,
    async start() { this.live = await client.run(this); await waitFor(async () => { try { return (await this.live.height()) >= 0; } catch { return false; } }, `${name} answers`); },
    rpc(...args) { return this.live.rpc(...args); }, height() { return this.live.height(); } };
}

const said = (text) => console.log(`mixed: ${them.name}: ${text}`);
const q = (n) => `0x${n.toString(16)}`;
const reached = (nodes, height, what) => Promise.all(nodes.map((n) => waitFor(async () => (await n.height()) >= height, `${what}: ${n.name} at ${height}`)));
const setOf = async (node) => (await node.client.validators(node)).map((a) => a.toLowerCase()).sort();

const a = [await member('a1', them), await member('a2', them), await member('a3', them)];
const c = [await member('c1', ours), await member('c2', ours)];
const all = [...a, ...c];
const first = [...a, c[0]].map((n) => n.address).sort();
const genesis = { config: { chainId: them.chainId, ...forks, ...them.config() }, nonce: '0x0', timestamp: '0x0', gasLimit: '0x1c9c380', difficulty: '0x1',
  mixHash: MIX, coinbase: ZERO, alloc: { [funded.address.slice(2).toLowerCase()]: { balance: '0x200000000000000000000000' } },
  extraData: hex(RLP.encode([new Uint8Array(32), first.map(bytes), [], num(0), []])) };
fs.writeFileSync(path.join(work, 'genesis.json'), JSON.stringify(genesis, null, 1));
for (const n of all) n.peers = all.filter((m) => m !== n).map((m) => m.enode);

/// Every block up to `height` is the same on all of these; tells who built how many and how many needed a round change.
let compared = -1;
async function agree(nodes, height, what) {
  const built = new Map();
  let rounds = 0, transactions = 0;
  const from = compared + 1;
  for (let n = from; n <= height; n += 1) {
    const blocks = await Promise.all(nodes.map((node) => node.rpc('eth_getBlockByNumber', q(n), false)));
    for (const [i, block] of blocks.entries()) {
      if (block === null) throw new Error(`${what}: ${nodes[i].name} has no block ${n}`);
      same(block.hash, blocks[0].hash, `${what}: block ${n} on ${nodes[i].name} and ${nodes[0].name}`);
      same(block.stateRoot, blocks[0].stateRoot, `${what}: state of ${n} on ${nodes[i].name}`);
    }
    if (n === 0) continue;
    const who = all.find((m) => m.address === blocks[0].miner.toLowerCase())?.name ?? '?';
    built.set(who, (built.get(who) ?? 0) + 1);
    transactions += blocks[0].transactions.length;
    if (RLP.decode(bytes(blocks[0].extraData))[3].length > 0) rounds += 1;
  }
  compared = height;
  said(`${what}: blocks ${from} to ${height} are one chain on ${nodes.map((n) => n.name).join(' ')}; built by ` +
    `${[...built].sort().map(([k, v]) => `${k} ${v}`).join(', ')}; ${rounds} after a round change; ${transactions} transactions`);
  return { built, rounds, transactions };
}

let nonce = 0;
// Creates a contract that keeps what it is called with under the number of the block, and tells it in a log.
const CODE = '0x601d600c600039601d6000f3' + '600035435560003560005260206000a0' + '43600052336020526040' + '6000f3';
/// One transaction of this type through this node: a transfer, a creation, or a call.
async function send(node, type, what) {
  const plain = { chainId: them.chainId, nonce, gasLimit: 300000, value: 0n, type, ...what };
  if (type === 2) { plain.maxFeePerGas = 0n; plain.maxPriorityFeePerGas = 0n; } else plain.gasPrice = 0n;
  if (type === 1) plain.accessList = [{ address: funded.address, storageKeys: [`0x${'11'.repeat(32)}`] }];
  const raw = await funded.signTransaction(plain);
  nonce += 1;
  same(await node.rpc('eth_sendRawTransaction', raw), ethers.keccak256(raw), `hash of a transaction through ${node.name}`);
  return ethers.keccak256(raw);
}
/// Its receipt, the same on all of these.
async function receipts(nodes, hash, what) {
  const found = [];
  for (const n of nodes) {
    const r = await waitFor(() => n.rpc('eth_getTransactionReceipt', hash), `${what}: receipt on ${n.name}`);
    found.push(r);
    for (const key of ['blockHash', 'status', 'gasUsed', 'cumulativeGasUsed', 'contractAddress', 'logsBloom', 'transactionIndex']) {
      same(`${r[key] ?? null}`.toLowerCase(), `${found[0][key] ?? null}`.toLowerCase(), `${what}: ${key} on ${n.name}`);
    }
    same(r.logs.length, found[0].logs.length, `${what}: logs on ${n.name}`);
  }
  return found[0];
}
/// Transactions of each type through each node, one after the other: creation, call, transfer.
async function traffic(through, on, what) {
  let sent = 0;
  for (const node of through) {
    for (const type of them.types) {
      const made = await receipts(on, await send(node, type, { to: null, data: CODE }), `${what}: creation through ${node.name}`);
      same(made.status, '0x1', `${what}: creation of type ${type} through ${node.name}`);
      const calls = [];
      for (let i = 0; i < 5; i += 1) calls.push(await send(node, type, { to: made.contractAddress, data: `0x${'00'.repeat(31)}2a` }));
      calls.push(await send(node, type, { to: ethers.Wallet.createRandom().address, value: 7n }));
      for (const hash of calls) same((await receipts(on, hash, `${what}: through ${node.name}`)).status, '0x1', `${what}: status of ${hash}`);
      sent += 1 + calls.length;
    }
  }
  said(`${what}: ${sent} transactions through ${through.map((n) => n.name).join(' ')}`);
}

try {
  // 1. One genesis; everybody reaches everybody; three of theirs, one of ours, and one of ours that only follows.
  for (const n of all) await n.start();
  const hashes = await Promise.all(all.map(async (n) => (await n.rpc('eth_getBlockByNumber', '0x0', false)).hash));
  for (const [i, h] of hashes.entries()) same(h, hashes[0], `genesis of ${all[i].name}`);
  said(`genesis ${hashes[0]} on all`);
  for (const n of all) await waitFor(async () => Number(await n.rpc('net_peerCount')) === all.length - 1, `${n.name} has ${all.length - 1} peers`);
  said(`all ${all.length} are connected with each other`);
  await reached(all, 12, 'first blocks');
  let { built } = await agree(all, 12, 'three of theirs, one of ours');
  for (const n of [...a, c[0]]) expect(built.get(n.name) > 0, `${n.name} has built a block`);

  // 2. Transactions through each.
  await traffic(all, all, 'transactions');
  await agree(all, Math.min(...await Promise.all(all.map((n) => n.height()))), 'with transactions');

  if (kind === 'goquorum') { // gas has no price there, and theirs would refuse a block of ours with one
    for (const n of [a[0], c[0]]) {
      same(await n.rpc('eth_gasPrice'), '0x0', `gas price of ${n.name}`);
      const priced = await funded.signTransaction({ chainId: them.chainId, nonce, gasLimit: 21000, gasPrice: 1n, type: 0, to: ZERO });
      const refusal = await n.rpc('eth_sendRawTransaction', priced).catch((e) => e.message);
      expect(/gas price not 0/i.test(refusal), `${n.name} refuses a gas price: ${refusal}`);
    }
  }

  // 3. Votes: in with the second of ours, out with one of theirs.
  for (const n of [...a.slice(0, 2), c[0]]) await n.client.vote(n, c[1].address, true);
  for (const n of all) await waitFor(async () => (await setOf(n)).length === 5, `${n.name} sees five validators`);
  said('c2 voted in');
  for (const n of [a[0], a[1], c[0], c[1]]) await n.client.unvote(n, c[1].address).catch(() => {});
  for (const n of [a[0], c[0], c[1]]) await n.client.vote(n, a[2].address, false);
  for (const n of all) await waitFor(async () => (await setOf(n)).length === 4, `${n.name} sees four validators`);
  said('a3 voted out');
  for (const n of [a[0], a[1], c[0], c[1]]) await n.client.unvote(n, a[2].address).catch(() => {});
  for (const n of all) same((await setOf(n)).join(), [a[0], a[1], ...c].map((m) => m.address).sort().join(), `set on ${n.name}`);
  let top = await a[0].height() + 10;
  await reached(all, top, 'after the votes');
  ({ built } = await agree(all, top, 'two and two'));

  // 4. Kills: the rounds of the dead one are changed by validators of both kinds.
  for (const victim of [a[0], c[0], a[1], c[1]]) {
    const rest = all.filter((n) => n !== victim);
    await (victim.live.kill ?? (() => { process.kill(victim.live.pid, 'SIGKILL'); return victim.live.ended; }))();
    top = await rest[0].height() + 10;
    await reached(rest, top, `without ${victim.name}`);
    const { rounds } = await agree(rest, top, `without ${victim.name}`);
    expect(rounds > 0, `without ${victim.name}: a round was changed`);
    await traffic([rest[0], rest.at(-1)], rest, `without ${victim.name}`);
    await victim.start();
    await reached([victim], await rest[0].height(), `${victim.name} is back`);
    compared = -1;
    top = await rest[0].height() + 5;
    await reached(all, top, `${victim.name} is back`);
    compared = top - 6;
    await agree(all, top, `${victim.name} is back`);
  }

  // 5. Who comes late: one of theirs asks only ours, one of ours asks only theirs.
  const late = [await member('a4', them), await member('c3', ours)];
  late[0].peers = [c[0].enode, c[1].enode];
  late[1].peers = [a[0].enode, a[1].enode];
  for (const n of late) await n.start();
  all.push(...late);
  top = Math.max(await a[0].height() + 5, Number(least));
  await reached(all, top, 'late ones');
  compared = -1;
  await agree(all, top, 'from the genesis on');
  for (const n of late) same(Number(await n.rpc('eth_getTransactionCount', funded.address, 'latest')), nonce, `nonce on ${n.name}`);
} catch (error) {
  console.error(`mixed: ${them.name}: FAILED: ${error.message}`);
  if (keep) console.error(work);
  process.exit(1);
}
for (const n of all) await n.live.stop();
said(`${checked()} checks passed`);
process.exit(0);

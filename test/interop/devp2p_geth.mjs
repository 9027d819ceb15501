// SPDX-License-Identifier: Apache-2.0
// go-ethereum's devp2p tool against our port: `rlpx ping`, and those tests of `rlpx eth-test` that
// make sense on a QBFT chain. The tool hashes headers as Ethereum does: its copy of the chain has
// the seals left out, which is what our hashes are of. Not run for that reason: what
// compares whole headers (GetBlockHeaders, SimultaneousRequests, SameRequestID, ZeroRequestID);
// LargeTxRequest has 2,000 transactions of one sender, the pool keeps 64; blobs are not for QBFT.
//
// usage: devp2p_geth.mjs DEVP2P

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { checked, expect, load, PATIENCE_MS, same, waitFor } from './common.mjs';
import { bytes, hex, newKey, RLP, runCairnd } from './devp2p_peer.mjs';

const { ethers } = load('ethers');
const tool = process.argv[2];
const TESTS = ['Status', 'GetNonexistentBlockHeaders', 'GetBlockBodies', 'MaliciousHandshake', 'Transaction',
  'InvalidTxs', 'NewPooledTxs'];
const BLOCKS = 80; // the suite asks for the 75th

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'devp2p-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
const net = path.join(work, 'net');
execFileSync(process.env.CAIRND, ['network', 'init', '--validators', '1', '--observers', '1', '--dir', net, '--block-period', '20ms',
  '--system-contracts', 'off', '--chain-id', '4242', '--zero-base-fee=off'], { stdio: 'ignore' });
const genesis = JSON.parse(fs.readFileSync(path.join(net, 'genesis.json'), 'utf8'));
const wallets = [...Array(3)].map(() => new ethers.Wallet(hex(newKey()))).sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
for (const w of wallets) genesis.alloc[w.address.toLowerCase()] = { balance: `0x${(10n ** 24n).toString(16)}` };
genesis.baseFeePerGas = '0x3b9aca00';
const [home, follower] = ['validator-1', 'observer-1'].map((name) => path.join(net, name));
for (const dir of [home, follower]) fs.writeFileSync(path.join(dir, 'genesis.json'), JSON.stringify(genesis));

// The chain, on a node that follows and makes no blocks: its head stands still.
fs.writeFileSync(path.join(home, 'static-nodes.json'), '[]');
const validator = await runCairnd(home);
fs.writeFileSync(path.join(follower, 'static-nodes.json'),
  JSON.stringify([`enode://${Buffer.from(validator.id).toString('hex')}@127.0.0.1:${validator.port}`]));
const node = await runCairnd(follower);
await waitFor(async () => (await node.height()) >= BLOCKS, `${BLOCKS} blocks`);
same(await validator.stop(), 0, 'exit code of the validator');
let head = await node.height();
await waitFor(async () => { const was = head; head = await node.height(); return was === head && Number(await node.rpc('net_peerCount')) === 0; }, 'a head that stands still');

const chain = [];
for (let i = 1; i <= head; i += 1) {
  const [header, ...body] = RLP.decode(bytes(await node.rpc('debug_getRawBlock', `0x${i.toString(16)}`)));
  const extra = RLP.decode(header[12]);
  header[12] = RLP.encode([...extra.slice(0, 3), new Uint8Array(), []]);
  chain.push(RLP.encode([header, ...body]));
}
const files = path.join(work, 'chain');
fs.mkdirSync(files);
const put = (name, value) => fs.writeFileSync(path.join(files, name), value instanceof Buffer ? value : JSON.stringify(value));
put('genesis.json', genesis);
put('chain.rlp', Buffer.concat(chain));
put('headfcu.json', {});
put('accounts.json', Object.fromEntries(wallets.map((w) => [w.address.toLowerCase(), { key: w.privateKey }])));
put('headstate.json', { root: (await node.rpc('eth_getBlockByNumber', 'latest', false)).stateRoot.slice(2),
  accounts: Object.fromEntries(wallets.map((w) => [w.address.toLowerCase(), { balance: (10n ** 24n).toString(), nonce: 0,
    root: '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421',
    codeHash: '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470', key: ethers.keccak256(w.address) }])) });

const enode = `enode://${Buffer.from(node.id).toString('hex')}@127.0.0.1:${node.port}`;
const ping = spawnSync(tool, ['rlpx', 'ping', enode], { encoding: 'utf8', timeout: PATIENCE_MS });
same(ping.status, 0, `rlpx ping: ${ping.stderr}`);
expect(/eth\/68/.test(ping.stdout) && /istanbul\/100/.test(ping.stdout), `rlpx ping sees our capabilities: ${ping.stdout}`);

// In one run, for it counts the nonces of its accounts.
const run = spawnSync(tool, ['rlpx', 'eth-test', '--run', `^(${TESTS.join('|')})$`, '--chain', files, '--engineapi', node.url, '--node', enode],
  { encoding: 'utf8', timeout: 2 * PATIENCE_MS });
for (const name of TESTS) expect(run.stdout.includes(`-- OK ${name} `), `eth-test ${name}\n${run.stdout}${run.stderr}`);
same(await node.height(), head, 'the head stood still');
same(await node.stop(), 0, 'exit code');
console.log(`devp2p_geth: ${checked()} checks passed, eth-test: ${TESTS.join(', ')}`);
process.exit(0);

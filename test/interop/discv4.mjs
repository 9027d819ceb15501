// SPDX-License-Identifier: Apache-2.0
// Discovery of another make against ours: @ethereumjs/devp2p's pings us, we answer and prove it; and
// where there is go-ethereum's devp2p tool, its ping, requestenr, resolve and crawl on a network of
// two nodes, and its conformance suite `discv4 test`, all of it.
//
// usage: discv4.mjs [DEVP2P]

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { checked, expect, load, same, waitFor } from './common.mjs';
import { askLocally, freePort, newKey, runCairnd } from './devp2p_peer.mjs';

const { DPT } = load('@ethereumjs/devp2p');
const tool = process.argv[2];

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'discv4-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
const net = path.join(work, 'net');
execFileSync(process.env.CAIRND, ['network', 'init', '--validators', '1', '--observers', '1', '--dir', net,
  '--system-contracts', 'off', '--chain-id', '4242'], { stdio: 'ignore' });
const homes = ['observer-1', 'validator-1'].map((name) => path.join(net, name));
for (const dir of homes) fs.writeFileSync(path.join(dir, 'static-nodes.json'), '[]');
const boot = await runCairnd(homes[0], '--discovery', 'on');
const info = await askLocally(homes[0], 'admin_nodeInfo');
const other = await runCairnd(homes[1], '--bootnodes', info.enode);
const otherInfo = await askLocally(homes[1], 'admin_nodeInfo');
await waitFor(async () => Number(await boot.rpc('net_peerCount')) === 1, 'a peer that was found');
await waitFor(async () => await boot.height() > 0, 'a block of the peer that was found');

const port = await freePort(); // it writes ports in two bytes always: those below 256 are not canonical
const dpt = new DPT(newKey(), { endpoint: { address: '127.0.0.1', udpPort: port, tcpPort: port }, shouldFindNeighbours: false });
dpt.bind(port, '127.0.0.1');
dpt.events.on('error', () => {}); // theirs: what it cannot read
const peer = await dpt.addPeer({ address: '127.0.0.1', udpPort: info.ports.discovery, tcpPort: boot.port });
same(Buffer.from(peer.id).toString('hex'), info.id, 'who answers its Ping');
dpt.destroy();

/// The tool waits 300 ms or 500 ms for an answer, which a busy machine may take: it has three tries.
function tries(what, once) {
  for (let i = 0; i < 2; i += 1) if (once()) return;
  expect(once(), what());
}
const run = (...args) => spawnSync(tool, ['discv4', ...args], { encoding: 'utf8', timeout: 120000 });
let suite = 'none, there is no devp2p';
if (tool) {
  tries(() => 'ping', () => run('ping', info.enode).stdout.includes('responded to ping'));
  tries(() => 'requestenr gives what admin_nodeInfo says', () => run('requestenr', info.enode).stdout.trim() === info.enr);
  tries(() => 'resolve by the other node', () => run('resolve', '--bootnodes', info.enode, otherInfo.enode).stdout.trim() === otherInfo.enr);
  const found = path.join(work, 'nodes.json');
  const records = () => Object.values(JSON.parse(fs.readFileSync(found, 'utf8'))).map((node) => node.record).sort().join();
  tries(() => `crawl finds both, not ${records()}`, () => {
    run('crawl', '--bootnodes', info.enode, '--timeout', '10s', found);
    return records() === [info.enr, otherInfo.enr].sort().join();
  });
  for (const one of [info, otherInfo]) {
    let test;
    tries(() => `discv4 test:\n${test.stdout}${test.stderr}`, () => {
      test = run('test', '--remote', one.enode);
      suite = /(\d+)\/(\d+) tests passed/.exec(test.stdout);
      return test.status === 0 && suite && suite[1] === suite[2] && Number(suite[2]) >= 14;
    });
  }
  suite = `${suite[0]} on two nodes`;
}
same(await other.stop(), 0, 'exit code');
same(await boot.stop(), 0, 'exit code of the bootnode');
console.log(`discv4: ${checked()} checks passed, devp2p discv4 test: ${suite}`);
process.exit(0);

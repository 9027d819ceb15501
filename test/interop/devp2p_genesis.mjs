// SPDX-License-Identifier: Apache-2.0
// The genesis files of the other QBFT clients: four validators boot each of them, make blocks, and
// an independent peer of that client's level checks what they say: Status, fork id, forms of
// headers, bodies and receipts, and the seals.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { checked, expect, load, same, waitFor } from './common.mjs';
import { bytes, ETH, headerHash, hex, keccak256, Line, newKey, num, RLP, runCairnd, toNum } from './devp2p_peer.mjs';

const { ethers } = load('ethers');
const MIX = '0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365';
const contract = process.env.CAIRN_VECTORS
  ? JSON.parse(fs.readFileSync(path.join(process.env.CAIRN_VECTORS, 'qbft/validator-contract-genesis.json'), 'utf8')) : null;

const forks = { homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0, constantinopleBlock: 0 };
const extraOf = (validators) => hex(RLP.encode([new Uint8Array(32), validators.map(bytes), [], num(0), []]));
const common = { nonce: '0x0', timestamp: '0x0', gasLimit: '0x1fffffffffffff', difficulty: '0x1', mixHash: MIX,
  coinbase: '0x0000000000000000000000000000000000000000' };
const kinds = [{
  // As Besu's documentation has it, at Cancun.
  name: 'Besu, Cancun', wire: 'besu26', cap: 'eth/68', fields: 20, body: 3, chainId: 1981,
  genesis: (validators) => ({ config: { chainId: 1981, ...forks, petersburgBlock: 0, istanbulBlock: 0, berlinBlock: 0, londonBlock: 0,
    shanghaiTime: 0, cancunTime: 0, zeroBaseFee: true, contractSizeLimit: 2147483647,
    qbft: { epochlength: 30000, blockperiodseconds: 1, requesttimeoutseconds: 2 } },
  ...common, alloc: {}, extraData: extraOf(validators) }),
  forks: [],
}, {
  name: 'GoQuorum, Berlin', wire: 'goquorum', cap: 'eth/66', fields: 15, body: 2, chainId: 1337,
  genesis: (validators) => ({ config: { chainId: 1337, ...forks, petersburgBlock: 0, istanbulBlock: 0, berlinBlock: 0, isQuorum: true,
    txnSizeLimit: 64, maxCodeSizeConfig: [{ block: 0, size: 64 }], qip714Block: 0, privacyEnhancementsBlock: 2, maxCodeSizeChangeBlock: 3,
    enableGasPriceBlock: 1000000,
    qbft: { epochLength: 30000, blockPeriodSeconds: 1, requestTimeoutSeconds: 2, policy: 0, ceil2Nby3Block: 0 } },
  ...common, alloc: {}, extraData: extraOf(validators) }),
  forks: [2, 3, 1000000],
}, ...(contract === null ? [] : [{
  // The validators are what a contract says: Besu's own contract, its array filled with ours.
  name: 'Besu, validators of a contract', wire: 'besu26', cap: 'eth/68', fields: 20, body: 3, chainId: 1982,
  genesis: (validators) => ({ config: { chainId: 1982, ...forks, petersburgBlock: 0, istanbulBlock: 0, berlinBlock: 0, londonBlock: 0,
    shanghaiTime: 0, cancunTime: 0, zeroBaseFee: true,
    qbft: { epochlength: 30000, blockperiodseconds: 1, requesttimeoutseconds: 2, validatorcontractaddress: contract.address } },
  ...common, gasLimit: '0x1c9c380', extraData: hex(RLP.encode([new Uint8Array(32), [], [], num(0), []])),
  alloc: { [contract.address]: { balance: '0x0', code: contract.runtimeCode, storage: Object.fromEntries([
    [`0x${'0'.repeat(64)}`, `0x${validators.length.toString(16).padStart(64, '0')}`],
    ...validators.map((v, i) => [`0x${(BigInt(ethers.keccak256(`0x${'0'.repeat(64)}`)) + BigInt(i)).toString(16).padStart(64, '0')}`,
      `0x${v.slice(2).padStart(64, '0')}`])]) } } }),
  forks: [], inHeader: false,
}])];

function crc32(data) {
  let sum = 0xffffffff;
  for (const byte of data) {
    sum ^= byte;
    for (let i = 0; i < 8; i += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/// CRC32 of the genesis hash and the forks passed; what comes next (EIP-2124).
function forkId(genesis, list, number) {
  const passed = list.filter((at) => at <= number);
  const data = Buffer.concat([bytes(genesis), ...passed.map((at) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(at)); return b; })]);
  return [`0x${crc32(data).toString(16).padStart(8, '0')}`, list.find((at) => at > number) ?? 0];
}

/// Who sealed a header: signatures over its hash with round and without seals (EEA QBFT).
function sealers(header) {
  const extra = RLP.decode(header[12]);
  const digest = keccak256(RLP.encode([...header.slice(0, 12), RLP.encode([...extra.slice(0, 4), []]), ...header.slice(13)]));
  return extra[4].map((seal) => ethers.recoverAddress(hex(digest), { r: hex(seal.slice(0, 32)), s: hex(seal.slice(32, 64)), v: 27 + seal[64] }).toLowerCase());
}

for (const kind of kinds) {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'devp2p-'));
  process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
  const net = path.join(work, 'net');
  execFileSync(process.env.CAIRND, ['network', 'init', '--validators', '4', '--dir', net, '--system-contracts', 'off'], { stdio: 'ignore' });
  const members = JSON.parse(fs.readFileSync(path.join(net, 'network.json'), 'utf8')).nodes;
  const validators = members.map((m) => m.address.toLowerCase()).sort();
  const text = JSON.stringify(kind.genesis(validators));
  const homes = members.map((m) => path.join(net, m.name));
  const nodes = [];
  // Ports are known one after the other: each calls those that run already.
  for (const home of homes) {
    fs.writeFileSync(path.join(home, 'genesis.json'), text);
    fs.writeFileSync(path.join(home, 'static-nodes.json'),
      JSON.stringify(nodes.map((n) => `enode://${Buffer.from(n.id).toString('hex')}@127.0.0.1:${n.port}`)));
    nodes.push(await runCairnd(home, '--qbft-wire', kind.wire));
  }
  await Promise.all(nodes.map((n) => waitFor(async () => (await n.height()) >= 5, `${kind.name}: five blocks`)));
  const at5 = await Promise.all(nodes.map((n) => n.rpc('eth_getBlockByNumber', '0x5', false)));
  same(new Set(at5.map((b) => b.hash)).size, 1, `${kind.name}: one chain`);
  const genesis = await nodes[0].rpc('eth_getBlockByNumber', '0x0', false);
  same((await nodes[0].rpc('qbft_getValidatorsByBlockNumber', 'latest')).slice().sort().join(), validators.join(), `${kind.name}: validators`);

  const line = await Line.to(nodes[2], { caps: [kind.cap, 'istanbul/100'] });
  const status = await line.status();
  same(toNum(status[1]), kind.chainId, `${kind.name}: network id`);
  same(hex(status[4]), genesis.hash, `${kind.name}: genesis in Status`);
  const [hash, next] = forkId(genesis.hash, kind.forks, toNum(status[2]) - 1);
  same(hex(status[5][0]), hash, `${kind.name}: fork id`);
  same(toNum(status[5][1]), next, `${kind.name}: next fork`);

  const wallet = new ethers.Wallet(hex(newKey()));
  if (kind.wire === 'goquorum') { // a price would make the block invalid to every GoQuorum
    same(await nodes[0].rpc('eth_gasPrice'), '0x0', `${kind.name}: gas is free`);
    const priced = await wallet.signTransaction({ chainId: kind.chainId, nonce: 0, gasLimit: 60000, gasPrice: 1, to: wallet.address, type: 0 });
    const refusal = await nodes[0].rpc('eth_sendRawTransaction', priced).catch((e) => e.message);
    expect(/Gas price not 0/.test(refusal), `${kind.name}: a gas price is refused: ${refusal}`);
  }
  const raw = await wallet.signTransaction({ chainId: kind.chainId, nonce: 0, gasLimit: 60000, gasPrice: 0, value: 0, to: null, type: 1, data: '0x60ff60206000a100' });
  line.eth(ETH.TXS, [bytes(raw)]);
  const receipt = await waitFor(() => nodes[0].rpc('eth_getTransactionReceipt', ethers.keccak256(raw)), `${kind.name}: a receipt`);
  same(receipt.status, '0x1', `${kind.name}: status`);
  const head = Number(receipt.blockNumber);
  await waitFor(async () => (await nodes[2].height()) >= head, `${kind.name}: its block on every node`);
  const { items } = await line.ask(ETH.GET_HEADERS, ETH.HEADERS, 1, [num(0), num(head + 1), num(0), num(0)]);
  same(items.length, head + 1, `${kind.name}: headers`);
  const all = await line.ask(ETH.GET_BODIES, ETH.BODIES, 2, items.map((h) => bytes(headerHash(h))));
  for (const [i, header] of items.entries()) {
    const block = await nodes[0].rpc('eth_getBlockByNumber', `0x${i.toString(16)}`, false);
    same(headerHash(header), block.hash, `${kind.name}: hash of header ${i}`);
    same(header.length, kind.fields, `${kind.name}: fields of header ${i}`);
    same(all.items[i].length, kind.body, `${kind.name}: parts of body ${i}`);
    same(hex(header[13]), MIX, `${kind.name}: mixHash of ${i}`);
    same(toNum(header[7]), 1, `${kind.name}: difficulty of ${i}`);
    if (i === 0) continue;
    const who = sealers(header);
    expect(new Set(who).size >= 3 && who.every((a) => validators.includes(a)), `${kind.name}: seals of a quorum in ${i}: ${who}`);
    const named = RLP.decode(header[12])[1].map(hex);
    same(named.join(), kind.inHeader === false ? '' : validators.join(), `${kind.name}: validators in header ${i}`);
    expect(validators.includes(hex(header[2])), `${kind.name}: the proposer is the coinbase of ${i}`);
  }
  line.close();
  for (const n of nodes) same(await n.stop(), 0, `${kind.name}: exit code`);
  console.log(`devp2p_genesis: ${kind.name}: four validators, ${head} blocks checked`);
}
if (contract === null) console.error('devp2p_genesis: MISSING CAIRN_VECTORS: the validators of a contract were not run');
console.log(`devp2p_genesis: ${checked()} checks passed`);
process.exit(0);

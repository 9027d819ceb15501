// SPDX-License-Identifier: Apache-2.0
// Families, versions, reputations, members, and what genesis leaves behind.

import { readFileSync } from 'node:fs';
import { allocOf, playPlan } from './alloc.mjs';
import { artifacts, coder, eventsOf, plan } from './chain.mjs';
import { equal, ok, refuses } from './check.mjs';
import { ethers } from './deps.mjs';
import { ZERO, aggregators, consortium, family, hospitals, owner, stranger, validators, wallets, TOKEN } from './world.mjs';

const { Signature, ZeroAddress, getCreateAddress, id, keccak256 } = ethers;
export const scenes = [];
const scene = (name, run) => scenes.push({ name, run });
const ascii32 = (s) => '0x' + Buffer.from(s).toString('hex').padEnd(64, '0');

scene('genesis: addresses, sizes, wiring, and nothing left with the deployer', async (w) => {
  const { chain } = w;
  for (const [nonce, step] of plan.steps.entries()) {
    equal(getCreateAddress({ from: plan.deployer, nonce }).toLowerCase(), step.address, step.contract);
    const code = await chain.rpc('eth_getCode', step.address, 'latest');
    ok(code.length > 2 && (code.length - 2) / 2 < 24576, step.contract);
    equal(code.length, artifacts[step.contract].deployedBytecode.length, step.contract);
    if (['Directory', 'RoundsExtension'].includes(step.contract)) continue;
    equal((await w.directory.call('get', ascii32(step.contract))).toLowerCase(), step.address);
  }
  equal(plan.deployer, '0x' + id('cairn.deployer').slice(26));
  equal(plan.sentinel, (await w.token.call('SENTINEL')).toLowerCase());
  const roles = await Promise.all(['PROPOSER_ROLE', 'EXECUTOR_ROLE', 'CANCELLER_ROLE', 'DEFAULT_ADMIN_ROLE'].map((r) => w.timelock.call(r)));
  for (const role of roles) equal(await w.timelock.call('hasRole', role, plan.deployer), false);
  equal(await w.timelock.call('hasRole', roles[0], w.governor.address), true);
  equal(await w.timelock.call('hasRole', roles[1], ZeroAddress), true);
  equal(await w.timelock.call('hasRole', roles[2], w.governor.address), true);
  equal(await w.timelock.call('hasRole', roles[3], w.timelock.address), true);
  equal(await w.token.call('balanceOf', plan.deployer), 0n);
  equal(await w.token.call('totalSupply'), consortium.amounts.reduce((a, b) => a + BigInt(b), 0n));
  equal((await w.members.call('members')).length, 11);
  equal((await w.members.call('aggregators')).map((a) => a.toLowerCase()), aggregators);
  for (const who of [...hospitals, ...validators]) equal(await w.rep(who), 500000);
  for (const who of hospitals) equal((await w.token.call('delegates', who)).toLowerCase(), who);
  for (const [contract, at] of [[w.rounds, w.rewards.address], [w.rewards, w.directory.address]]) ok(contract.address !== at);
  equal((await w.rounds.call('rewards')).toLowerCase(), w.rewards.address);
  equal((await w.rounds.call('extension')).toLowerCase(), chain.contract('RoundsExtension').address);
  equal(await w.rounds.call('minBlocksFloor'), 2n);
  equal(await w.rounds.call('COMMIT_TYPEHASH'), id('Commit(uint256 chainid,address rounds,uint256 roundId,address participant,bytes32 baseVersionId,bytes32 updRoot,bytes32 updSha256,uint256 d,uint256 weight,bytes32 clcHash,bytes32 manifestHash,bytes32 trainingHash,bytes32 dpClaimHash,bytes32 attestationHash,uint256 childRoundId,bytes32 salt)'));
});

scene('genesis: the alloc of a file is what the plan leaves on an independent EVM', async (w) => {
  const file = process.env.CAIRN_GENESIS;
  if (!file) {
    const alloc = await playPlan(consortium, 1337, 0);
    for (const step of plan.steps) equal(alloc[step.address].code, await w.chain.rpc('eth_getCode', step.address, 'latest'), step.contract);
    return;
  }
  const genesis = JSON.parse(readFileSync(file, 'utf8'));
  const have = allocOf(genesis);
  const want = await playPlan(consortium, genesis.config.chainId, Number(genesis.timestamp));
  for (const [address, account] of Object.entries(want)) {
    equal(have[address]?.nonce, account.nonce, address);
    ok(have[address].code === account.code, `code of ${address}`);
    equal(have[address].storage, account.storage, address);
  }
});

scene('genesis: constructors refuse nonsense', async (w) => {
  const { chain } = w;
  const create = (name, types, args) => chain.sendRaw({ from: stranger, data: artifacts[name].bytecode + coder.encode(types, args).slice(2) });
  const a = stranger;
  await refuses(create('CairnToken', ['address', 'uint32', 'address[]', 'address[]', 'uint256[]'], [a, 1, [], [a], []]), 'BadLength');
  await refuses(create('CairnToken', ['address', 'uint32', 'address[]', 'address[]', 'uint256[]'], [a, 1000001, [], [], []]), 'BadParameter');
  await refuses(create('Directory', ['address', 'bytes32[]', 'address[]'], [a, [ZERO], []]), 'BadLength');
  await refuses(create('Directory', ['address', 'bytes32[]', 'address[]'], [a, [ZERO], [ZeroAddress]]), 'BadParameter');
  await refuses(create('RoundsExtension', ['address', 'address', 'address', 'address', 'address', 'uint32', 'uint32'], [a, a, a, a, a, 0, 0]), 'BadParameter');
  await refuses(create('Rounds', ['address', 'address', 'address', 'address', 'address', 'uint32', 'address', 'uint256'], [a, a, a, a, a, 0, a, 1]), 'BadParameter');
  await refuses(create('Members', ['address', 'address', 'address[]', 'address[]'], [a, a, [], [a, a]]), 'AlreadyDone');
});

scene('registry: identifiers are the specified hashes', async (w) => {
  equal(w.family, keccak256(coder.encode(['uint256', 'address', 'address', 'uint256'], [1337, w.registry.address, owner, 0])));
  const stored = await w.registry.call('getVersion', w.base);
  equal(w.base, keccak256(coder.encode(['bytes32', 'uint8', 'bytes32[]', 'bytes32', 'bytes32', 'uint256'],
    [w.family, 0, [], stored.fileSha256, stored.modelRoot, 0])));
  equal([stored.kind, stored.state, stored.number, stored.size], [0n, 1n, 0n, 8476n]);
});

scene('registry: families keep their task, owners choose among allowed policies', async (w) => {
  const set = (over, who = owner) => w.registry.send(who, 'setFamilyParams', w.family, family(w.fedAvg.address, over));
  for (const over of [{ nameHash: id('x') }, { taskSpecHash: id('x') }, { paramCount: 7 }, { quantScale: 8 }, { policy: stranger },
    { f: 19 }, { wMax: 0 }, { wMax: 65 }, { clip: 0 }, { lrNum: 0 }, { lrDen: 0 }, { slashBpsNoReveal: 2001 },
    { slashBpsAggLate: 1001 }]) await refuses(set(over), 'BadParameter');
  await refuses(set({}, hospitals[0]), 'NotAllowed');
  await set({ lrNum: 2 });
  equal((await w.registry.call('familyParams', w.family)).lrNum, 2n);
  await w.registry.send(owner, 'transferFamily', w.family, w.timelock.address);
  await refuses(set({}), 'NotAllowed');
  await set({}, w.timelock.address);
  await refuses(w.registry.send(stranger, 'createFamily', family(w.fedAvg.address, { paramCount: 0 })), 'BadParameter');
  await refuses(w.registry.send(stranger, 'createFamily', family(w.fedAvg.address, { quantScale: 31 })), 'BadParameter');
  await w.registry.send(stranger, 'createFamily', family(w.fedAvg.address));
  await refuses(w.registry.call('familyParams', id('none')), 'Unknown');
});

scene('registry: lineage, status, channels', async (w) => {
  const register = async (kind, parents, name, who = owner) => {
    const receipt = await w.registry.send(who, 'registerVersion', w.family, kind, parents, id(name), id(`${name} root`), 9, ZERO);
    return { version: eventsOf(receipt, 'VersionRegistered')[0].args.version, edges: eventsOf(receipt, 'LineageEdge') };
  };
  await refuses(register(1, [w.base], 'x'), 'BadParameter'); // only rounds make those
  await refuses(register(7, [w.base], 'x'), 'BadParameter');
  await refuses(register(0, [w.base], 'x'), 'BadLength');
  await refuses(register(2, [], 'x'), 'BadLength');
  await refuses(register(2, Array(9).fill(w.base), 'x'), 'BadLength');
  await refuses(register(2, [id('none')], 'x'), 'Unknown');
  await refuses(register(2, [w.base], 'x', hospitals[0]), 'NotAllowed');
  const tuned = await register(2, [w.base], 'tuned');
  equal(tuned.edges.map((e) => [...e.args]), [[w.base, tuned.version]]);
  await refuses(register(2, [w.base], 'tuned'), 'AlreadyDone');
  const merged = await register(3, [w.base, tuned.version], 'merged');
  equal(merged.edges.length, 2);
  await register(6, [], 'imported');

  const info = async (v) => [...(await w.registry.call('versionInfo', v))].slice(1);
  const deploy = (v, channel = 'stable') => w.registry.send(owner, 'deploy', w.family, ascii32(channel), v);
  await refuses(deploy(tuned.version), 'WrongState', [BigInt(tuned.version), 1n, 2n]);
  await w.registry.send(owner, 'approve', tuned.version);
  await refuses(w.registry.send(owner, 'approve', tuned.version), 'WrongState');
  await w.registry.send(owner, 'approve', w.base);
  await deploy(w.base);
  const moved = await deploy(tuned.version);
  equal([...eventsOf(moved, 'Deployed')[0].args], [w.family, ascii32('stable'), tuned.version, w.base]);
  equal(eventsOf(moved, 'VersionStatus').map((e) => [e.args.version, e.args.status]), [[w.base, 2n], [tuned.version, 3n]]);
  equal(await info(tuned.version), [3n, false]);
  equal(await info(w.base), [2n, false]);
  await refuses(deploy(tuned.version), 'AlreadyDone');
  await deploy(tuned.version, 'canary');
  await refuses(w.registry.send(owner, 'retire', tuned.version), 'WrongState');
  await deploy(w.base); // back again in one transaction
  equal(await info(tuned.version), [3n, false]); // still in canary
  await deploy(ZERO, 'canary');
  equal(await info(tuned.version), [2n, false]);
  await w.registry.send(owner, 'retire', tuned.version);
  await refuses(w.registry.send(owner, 'retire', tuned.version), 'AlreadyDone');
  await refuses(deploy(tuned.version), 'WrongState');
  const receipt = await w.registry.send(owner, 'revoke', merged.version, id('consent'));
  equal([...eventsOf(receipt, 'Revoked')[0].args], [merged.version, 0n, id('consent')]);
  await refuses(w.registry.send(owner, 'approve', merged.version), 'Tainted');
  await refuses(w.registry.send(owner, 'revoke', merged.version, ZERO), 'AlreadyDone');
  await refuses(deploy(id('none')), 'Unknown');
});

scene('reputation: the rules in integers, the drift, and the past', async (w) => {
  const who = hospitals[0];
  const record = (reason) => w.reputation.send(w.rounds.address, 'record', who, 3, reason);
  const first = await record(1);
  equal([...eventsOf(first, 'ReputationChanged')[0].args], [wallets[0].address, 3n, 500000n, 562500n, 1n]);
  await record(2);
  equal(await w.rep(who), 562500 - (562500 >> 4));
  await record(3);
  const v = 527344 - (527344 >> 3);
  equal(await w.rep(who), v);
  const written = Number((await record(4)).blockNumber);
  const at = await w.chain.time();
  const low = v - (v >> 2);
  equal(await w.rep(who), low);
  await refuses(record(6), 'Unknown');
  await refuses(record(0), 'Unknown');
  // Drift towards 500 000 by 1/64 of the distance per 30 days.
  const distance = 500000 - low;
  for (const months of [1, 2, 10]) {
    let d = distance;
    for (let k = 0; k < months; k++) d -= Math.floor(d / 64);
    equal(Number(await w.reputation.call('pastReputation', who, written, at + months * 30 * 86400)), 500000 - d);
    equal(Number(await w.reputation.call('pastReputation', who, written, at + months * 30 * 86400 + 86399)), 500000 - d);
  }
  equal(Number(await w.reputation.call('pastReputation', who, written, at + 3000 * 30 * 86400)), 500000 - 63);
  equal(Number(await w.reputation.call('pastReputation', who, written - 1, at)), v);
  equal(Number(await w.reputation.call('pastReputation', stranger, written, at)), 0);
  await w.chain.mine(1, 30 * 86400);
  const drifted = 500000 - (distance - Math.floor(distance / 64));
  equal(await w.rep(who), drifted);
  await record(1); // the rule applies to the drifted value
  equal(await w.rep(who), drifted + ((1000000 - drifted) >> 3));
  await record(5);
  equal(await w.rep(who), 0);
  await w.chain.mine(1, 300 * 86400);
  equal(await w.rep(who), 0); // fraud does not fade
  await record(1);
  equal(await w.rep(who), 0); // and is not worked off
  for (const bad of [[0, 3], [5, 3], [1, 0], [1, 17]]) await refuses(w.reputation.send(w.timelock.address, 'setShift', ...bad), 'BadParameter');
});

scene('members: the lists, their order and their past', async (w) => {
  const dao = w.timelock.address;
  await refuses(w.members.send(dao, 'addMember', hospitals[0]), 'AlreadyDone');
  await refuses(w.members.send(dao, 'addMember', ZeroAddress), 'BadParameter');
  await refuses(w.members.send(dao, 'removeMember', stranger), 'NotMember');
  await refuses(w.members.send(dao, 'removeAggregator', stranger), 'NotMember');
  await refuses(w.members.send(dao, 'addAggregator', aggregators[0]), 'AlreadyDone');
  await w.members.send(dao, 'addAggregator', stranger);
  await w.members.send(dao, 'removeAggregator', aggregators[0]);
  equal((await w.members.call('aggregators')).map((a) => a.toLowerCase()), [aggregators[1], stranger]);
  for (let k = 0; k < 14; k++) await w.members.send(dao, 'addAggregator', '0x' + String(k + 10).padStart(40, '9'));
  await refuses(w.members.send(dao, 'addAggregator', owner), 'BadLength');
  await w.members.send(dao, 'removeMember', hospitals[0]);
  const block = await w.chain.block();
  await w.chain.mine(1);
  equal(await w.members.call('isMember', hospitals[0]), false);
  equal([await w.members.call('wasMember', hospitals[0], block - 1), await w.members.call('wasMember', hospitals[0], block)], [true, false]);
});

scene('token: permit works, the supply is what genesis minted', async (w) => {
  equal(await w.token.call('name'), 'Cairn');
  equal(await w.token.call('CLOCK_MODE'), 'mode=blocknumber&from=default');
  const deadline = (await w.chain.time()) + 100;
  const domain = { name: 'Cairn', version: '1', chainId: 1337, verifyingContract: w.token.address };
  const types = { Permit: [{ name: 'owner', type: 'address' }, { name: 'spender', type: 'address' }, { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' }, { name: 'deadline', type: 'uint256' }] };
  const message = { owner: hospitals[0], spender: stranger, value: 5n * TOKEN, nonce: 0, deadline };
  const sig = await wallets[0].signTypedData(domain, types, message);
  const { v, r, s } = Signature.from(sig);
  await w.token.send(stranger, 'permit', hospitals[0], stranger, 5n * TOKEN, deadline, v, r, s);
  equal(await w.token.call('allowance', hospitals[0], stranger), 5n * TOKEN);
  await refuses(w.token.send(stranger, 'permit', hospitals[0], stranger, 5n * TOKEN, deadline, v, r, s), 'ERC2612InvalidSigner');
});

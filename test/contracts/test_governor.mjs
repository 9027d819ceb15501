// SPDX-License-Identifier: Apache-2.0
// The DAO: weights, quorum, the demonstration's vote, the timelock, and that nothing goes around it.

import { creationCode, eventsOf, plan, planParams } from './chain.mjs';
import { equal, ok, refuses } from './check.mjs';
import { ethers } from './deps.mjs';
import { TOKEN, ZERO, aggregators, consortium, family, hospitals, owner, stranger, validators, wallets } from './world.mjs';

const { id } = ethers;
export const scenes = [];
const scene = (name, run) => scenes.push({ name, run });

const STATE = { pending: 0n, active: 1n, canceled: 2n, defeated: 3n, succeeded: 4n, queued: 5n, expired: 6n, executed: 7n };
const AGAINST = 0;
const FOR = 1;
const ABSTAIN = 2;
const tenths = (n) => (BigInt(n) * TOKEN) / 10n;

/** A proposal of one call, with the forms that queue and execute want. */
async function propose(w, to, data, { by = hospitals[0], text = 'a change' } = {}) {
  const lists = [[to], [0], [data]];
  const receipt = await w.governor.send(by, 'propose', ...lists, text);
  const made = eventsOf(receipt, 'ProposalCreated')[0].args;
  return { id: made.proposalId, final: [...lists, id(text)], start: Number(made.voteStart), end: Number(made.voteEnd) };
}

const stateOf = (w, p) => w.governor.call('state', p.id);
const vote = (w, p, who, support) => w.governor.send(who, 'castVote', p.id, support);

async function toBlock(w, block) {
  const missing = block - (await w.chain.block());
  if (missing > 0) await w.chain.mine(missing);
}

/** Proposes, lets all hospitals vote for, queues, waits, executes. */
async function pass(w, to, data, text = `change ${data}`) {
  const p = await propose(w, to, data, { text });
  await toBlock(w, p.start + 1);
  for (const h of hospitals) await vote(w, p, h, FOR);
  await toBlock(w, p.end + 1);
  await w.governor.send(stranger, 'queue', ...p.final);
  await w.chain.mine(1, 11);
  return w.governor.send(stranger, 'execute', ...p.final);
}

/** Three accepted rounds for every hospital, as in the demonstration before the vote. */
async function threeRounds(w) {
  for (let k = 1; k <= 3; k++) for (const h of hospitals) await w.reputation.send(w.rounds.address, 'record', h, k, 1);
}

scene('dao: the demonstration\'s vote, three of them by signature', async (w) => {
  await threeRounds(w);
  const wanted = family(w.multiKrum.address);
  await refuses(w.registry.send(hospitals[6], 'setFamilyParams', w.family, wanted), 'NotAllowed');
  const data = w.registry.encode('setFamilyParams', w.family, wanted);
  const p = await propose(w, w.registry.address, data, { text: 'MultiKrum, f = 1' });
  equal(await stateOf(w, p), STATE.pending);
  await refuses(vote(w, p, hospitals[3], FOR), 'GovernorUnexpectedProposalState');
  await toBlock(w, p.start + 1);
  equal(await stateOf(w, p), STATE.active);

  const domain = { name: 'CairnGovernor', version: '1', chainId: 1337, verifyingContract: w.governor.address };
  const types = { Ballot: [{ name: 'proposalId', type: 'uint256' }, { name: 'support', type: 'uint8' },
    { name: 'voter', type: 'address' }, { name: 'nonce', type: 'uint256' }] };
  for (const i of [0, 1, 2]) {
    const ballot = { proposalId: p.id, support: FOR, voter: hospitals[i], nonce: 0 };
    const signature = await wallets[i].signTypedData(domain, types, ballot);
    await refuses(w.governor.send(stranger, 'castVoteBySig', p.id, AGAINST, hospitals[i], signature), 'GovernorInvalidSignature');
    const cast = await w.governor.send(validators[0], 'castVoteBySig', p.id, FOR, hospitals[i], signature);
    equal(eventsOf(cast, 'VoteCast')[0].args.weight, tenths(832519));
    await refuses(w.governor.send(stranger, 'castVoteBySig', p.id, FOR, hospitals[i], signature), 'GovernorInvalidSignature');
  }
  for (const i of [3, 4, 5]) await vote(w, p, hospitals[i], FOR);
  for (const i of [0, 1, 2]) await vote(w, p, validators[i], FOR);
  await vote(w, p, hospitals[6], AGAINST);
  await vote(w, p, validators[3], ABSTAIN);
  await refuses(vote(w, p, validators[3], FOR), 'GovernorAlreadyCastVote');

  const votes = await w.governor.call('proposalVotes', p.id);
  equal([...votes], [tenths(832519), tenths(6682614), tenths(562500)]); // against, for, abstain
  equal(await w.governor.call('quorum', p.start), 200000n * TOKEN);
  await refuses(w.governor.send(stranger, 'queue', ...p.final), 'GovernorUnexpectedProposalState');
  await toBlock(w, p.end + 1);
  equal(await stateOf(w, p), STATE.succeeded);
  await refuses(w.governor.send(stranger, 'execute', ...p.final), 'GovernorUnexpectedProposalState');
  await w.governor.send(stranger, 'queue', ...p.final);
  equal(await stateOf(w, p), STATE.queued);
  await refuses(w.governor.send(stranger, 'execute', ...p.final), 'TimelockUnexpectedOperationState');
  equal((await w.registry.call('familyParams', w.family)).policy.toLowerCase(), w.fedAvg.address);
  await w.chain.mine(1, 11);
  const executed = await w.governor.send(stranger, 'execute', ...p.final);
  equal((await w.registry.call('familyParams', w.family)).policy.toLowerCase(), w.multiKrum.address);
  equal(eventsOf(executed, 'FamilyParamsSet')[0].args.by.toLowerCase(), w.timelock.address);
  equal(await stateOf(w, p), STATE.executed);
});

scene('dao: votes are tokens, capped, times reputation, at the snapshot', async (w) => {
  const now = async () => (await w.chain.block()) - 1;
  await w.chain.mine(1);
  equal(await w.governor.call('getVotes', hospitals[0], await now()), 75000n * TOKEN); // half plus a quarter
  equal(await w.governor.call('getVotes', validators[0], await now()), (75000n * TOKEN * 3n) / 4n);
  equal(await w.governor.call('getVotes', owner, await now()), 0n); // holds nothing and is no member
  const sentinel = await w.token.call('SENTINEL');
  equal(await w.token.call('getVotes', sentinel), 19000n * TOKEN);
  equal(await w.governor.call('getVotes', sentinel, await now()), 0n);
  // The cap: a quarter of the supply, whatever is delegated.
  for (const h of hospitals) await w.token.send(h, 'delegate', hospitals[0]);
  await w.chain.mine(2);
  const supply = await w.token.call('totalSupply');
  equal(await w.governor.call('getVotes', hospitals[0], await now()), (supply / 4n * 3n) / 4n);
  equal(await w.governor.call('getVotes', hospitals[1], await now()), 0n);
  // Tokens of somebody who is no member count for nobody until delegated to one.
  await w.token.send(validators[0], 'transfer', stranger, 75000n * TOKEN);
  await w.token.send(stranger, 'delegate', stranger);
  await w.chain.mine(2);
  equal(await w.governor.call('getVotes', stranger, await now()), 0n);
  await w.token.send(stranger, 'delegate', validators[0]);
  await w.chain.mine(2);
  equal(await w.governor.call('getVotes', validators[0], await now()), (75000n * TOKEN * 3n) / 4n);
  // A removed member votes as of the snapshot, and not after.
  await w.members.send(w.timelock.address, 'removeMember', validators[0]);
  const gone = await w.chain.block();
  await w.chain.mine(2);
  ok((await w.governor.call('getVotes', validators[0], gone - 1)) !== 0n);
  equal(await w.governor.call('getVotes', validators[0], gone), 0n);
  // Fraud takes the vote.
  await w.reputation.send(w.rounds.address, 'record', validators[1], 9, 5);
  await w.chain.mine(2);
  equal(await w.governor.call('getVotes', validators[1], await now()), 0n);
});

scene('dao: deployed for everybody, who has no reputation votes at half weight', async (w) => {
  const step = plan.steps.find((s) => s.contract === 'CairnGovernor');
  const open = planParams({ ...consortium, credentialedOnly: false });
  const { contractAddress } = await w.chain.sendRaw({ from: stranger, data: creationCode(step, open) });
  const governor = w.chain.contract('CairnGovernor', contractAddress);
  await w.token.send(validators[0], 'transfer', stranger, 75000n * TOKEN);
  await w.token.send(stranger, 'delegate', stranger);
  await w.chain.mine(2);
  const at = (await w.chain.block()) - 1;
  equal(await governor.call('getVotes', stranger, at), 37500n * TOKEN);
  equal(await governor.call('getVotes', hospitals[0], at), 75000n * TOKEN);
  equal(await governor.call('getVotes', plan.sentinel, at), 0n);
});

scene('dao: borrowed tokens do not vote, early and late votes weigh the same', async (w) => {
  const p = await propose(w, w.token.address, w.token.encode('mint', stranger, 1));
  await toBlock(w, p.start + 1);
  await w.token.send(hospitals[1], 'transfer', hospitals[2], 50000n * TOKEN); // after the snapshot
  const cast = await vote(w, p, hospitals[2], FOR);
  equal(eventsOf(cast, 'VoteCast')[0].args.weight, 75000n * TOKEN);
  await w.reputation.send(w.rounds.address, 'record', hospitals[3], 1, 1);
  await w.chain.mine(1, 60 * 86400); // the drift of reputation stops at the proposal
  equal(eventsOf(await vote(w, p, hospitals[3], FOR), 'VoteCast')[0].args.weight, 75000n * TOKEN);
});

scene('dao: quorum and majority are needed', async (w) => {
  const p = await propose(w, w.token.address, w.token.encode('mint', stranger, 1));
  await toBlock(w, p.start + 1);
  await vote(w, p, hospitals[0], FOR);
  await vote(w, p, hospitals[1], FOR); // 150 000 of 200 000
  await toBlock(w, p.end + 1);
  equal(await stateOf(w, p), STATE.defeated);
  await refuses(w.governor.send(stranger, 'queue', ...p.final), 'GovernorUnexpectedProposalState');
  const q = await propose(w, w.token.address, w.token.encode('mint', stranger, 2));
  await toBlock(w, q.start + 1);
  for (const i of [0, 1]) await vote(w, q, hospitals[i], FOR);
  for (const i of [2, 3]) await vote(w, q, hospitals[i], AGAINST);
  await toBlock(w, q.end + 1);
  equal(await stateOf(w, q), STATE.defeated); // a tie is no majority
});

scene('dao: a late quorum leaves time to answer', async (w) => {
  const p = await propose(w, w.token.address, w.token.encode('mint', stranger, 1));
  await toBlock(w, p.end - 3);
  await vote(w, p, hospitals[0], FOR);
  await vote(w, p, hospitals[1], FOR);
  const last = await vote(w, p, hospitals[2], FOR); // reaches the quorum in the last block
  const until = Number(last.blockNumber) + Number(consortium.lateQuorumBlocks);
  equal([...eventsOf(last, 'ProposalExtended')[0].args], [p.id, BigInt(until)]);
  for (const i of [3, 4, 5]) await vote(w, p, hospitals[i], AGAINST);
  equal(await stateOf(w, p), STATE.active);
  await toBlock(w, until + 1);
  equal(await stateOf(w, p), STATE.defeated);
});

scene('dao: who may propose, what, how often, and who may take it back', async (w) => {
  const data = w.token.encode('mint', stranger, 1);
  await refuses(propose(w, w.token.address, data, { by: stranger }), 'GovernorInsufficientProposerVotes');
  await refuses(propose(w, w.token.address, data, { by: aggregators[0] }), 'GovernorInsufficientProposerVotes');
  const many = (n) => [Array(n).fill(w.token.address), Array(n).fill(0), Array(n).fill(data)];
  await refuses(w.governor.send(hospitals[0], 'propose', ...many(33), 'x'), 'BadLength', [33n]);
  await w.governor.send(hospitals[1], 'propose', ...many(32), 'x');
  // A description that names its proposer cannot be used by somebody faster.
  const mine = `mine#proposer=${wallets[2].address}`;
  await refuses(propose(w, w.token.address, data, { by: hospitals[3], text: mine }), 'GovernorRestrictedProposer');
  const p = await propose(w, w.token.address, data, { by: hospitals[2], text: mine });
  await refuses(w.governor.send(hospitals[3], 'cancel', ...p.final), 'GovernorUnableToCancel');
  await toBlock(w, p.start + 1);
  await refuses(w.governor.send(hospitals[2], 'cancel', ...p.final), 'GovernorUnableToCancel');
  // Ten at a time; those that are over make room.
  for (let k = 0; k < 10; k++) await propose(w, w.token.address, data, { text: `p${k}` });
  await refuses(propose(w, w.token.address, data, { text: 'p10' }), 'TooManyOpenProposals');
  equal((await w.governor.call('openProposals', hospitals[0])).length, 10);
  await w.chain.mine(30);
  await propose(w, w.token.address, data, { text: 'p11' });
  equal((await w.governor.call('openProposals', hospitals[0])).length, 1);
});

scene('dao: the timelock mints within the yearly cap', async (w) => {
  const supply = await w.token.call('totalSupply');
  const cap = (supply * 20000n) / 1000000n;
  await refuses(w.token.send(w.governor.address, 'mint', stranger, 1), 'NotAllowed');
  await pass(w, w.token.address, w.token.encode('mint', stranger, cap));
  equal(await w.token.call('balanceOf', stranger), cap);
  const mint = (n) => w.token.send(w.timelock.address, 'mint', stranger, n);
  await refuses(mint(1), 'MintCapExceeded', [1n, 0n]);
  await w.chain.mine(1, 366 * 86400);
  const next = ((supply + cap) * 20000n) / 1000000n;
  await refuses(mint(next + 1n), 'MintCapExceeded', [next + 1n, next]);
  await mint(next - 5n);
  await mint(5);
  await refuses(mint(1), 'MintCapExceeded');
});

scene('dao: nothing governed is reachable except through the timelock', async (w) => {
  const calls = [
    [w.token, 'mint', stranger, 1], [w.directory, 'set', id('Rounds'), stranger], [w.directory, 'strike', ZERO, stranger],
    [w.members, 'addMember', stranger], [w.members, 'removeMember', hospitals[0]],
    [w.members, 'addAggregator', stranger], [w.members, 'removeAggregator', aggregators[0]],
    [w.reputation, 'setShift', 1, 4], [w.reputation, 'enrol', stranger], [w.reputation, 'record', hospitals[0], 1, 1],
    [w.registry, 'allowPolicy', stranger, true], [w.rewards, 'setMinBond', 0, 0],
    [w.registry, 'setFamilyParams', w.family, family(w.multiKrum.address)],
    [w.registry, 'registerVersion', w.family, 0, [], ZERO, ZERO, 1, ZERO], [w.registry, 'approve', w.base],
    [w.registry, 'deploy', w.family, id('stable'), w.base], [w.registry, 'retire', w.base],
    [w.registry, 'revoke', w.base, ZERO], [w.registry, 'transferFamily', w.family, stranger],
    [w.registry, 'registerFromRound', 1, w.family, w.base, ZERO, ZERO, 1, ZERO],
    [w.rewards, 'reserve', 1, w.family, 1, 1], [w.rewards, 'release', 1], [w.rewards, 'lock', hospitals[0]],
    [w.rewards, 'unlock', hospitals[0]], [w.rewards, 'slash', 1, hospitals[0], 0, 500, 4],
    [w.rewards, 'settle', 1, [stranger], [1], stranger], [w.rewards, 'close', 1],
  ];
  const everybody = [hospitals[0], aggregators[0], stranger, w.governor.address, plan.deployer,
    w.chain.contract('RoundsExtension').address];
  for (const [contract, ...call] of calls) {
    for (const who of everybody) await refuses(contract.callFrom(who, ...call), 'NotAllowed');
  }
  for (const fn of ['setVotingDelay', 'setVotingPeriod', 'setProposalThreshold', 'updateQuorumNumerator', 'setLateQuorumVoteExtension']) {
    for (const who of everybody) await refuses(w.governor.callFrom(who, fn, 1), 'GovernorOnlyExecutor');
  }
  for (const who of everybody) {
    if (who === w.governor.address) continue;
    await refuses(w.timelock.callFrom(who, 'schedule', w.token.address, 0, '0x', ZERO, ZERO, 100), 'AccessControlUnauthorizedAccount');
    await refuses(w.timelock.callFrom(who, 'grantRole', await w.timelock.call('PROPOSER_ROLE'), who), 'AccessControlUnauthorizedAccount');
    await refuses(w.timelock.callFrom(who, 'updateDelay', 0), 'TimelockUnauthorizedCaller');
  }
});

scene('dao: it changes members, aggregators, shifts and the governor itself', async (w) => {
  await pass(w, w.members.address, w.members.encode('addMember', stranger));
  equal(await w.members.call('isMember', stranger), true);
  equal(await w.rep(stranger), 500000);
  await pass(w, w.reputation.address, w.reputation.encode('setShift', 3, 2));
  await w.reputation.send(w.rounds.address, 'record', stranger, 1, 3);
  equal(await w.rep(stranger), 375000);
  await pass(w, w.members.address, w.members.encode('removeMember', stranger));
  await w.members.send(w.timelock.address, 'addMember', stranger);
  equal(await w.rep(stranger), 375000); // who comes back keeps its past
  await pass(w, w.governor.address, w.governor.encode('setVotingPeriod', 30));
  equal(await w.governor.call('votingPeriod'), 30n);
  await refuses(pass(w, w.governor.address, w.governor.encode('setVotingDelay', 0)), 'BadParameter');
});

scene('dao: an allocation that nobody delegated cannot move the quorum', async (w) => {
  await w.chain.mine(1);
  const at = async () => (await w.chain.block()) - 1;
  equal(await w.governor.call('quorum', await at()), 200000n * TOKEN);
  await w.rewards.send(hospitals[0], 'bond', 0, 100000n * TOKEN); // staked tokens stop voting and stop counting
  await w.chain.mine(2);
  equal(await w.governor.call('quorum', await at()), 180000n * TOKEN);
  await refuses(w.token.send(w.rewards.address, 'delegate', stranger), 'NotAllowed');
  await refuses(w.token.send(w.timelock.address, 'delegate', stranger), 'NotAllowed');
});

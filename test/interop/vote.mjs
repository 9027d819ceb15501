// SPDX-License-Identifier: Apache-2.0
// A vote by signature: dao_typedVote is signed by ethers, dao_submitVote makes the call, somebody
// else sends it, and it counts.

import { checked, expect, load, MNEMONIC, same, startNode } from './common.mjs';

const { ethers } = load('ethers');
const node = await startNode();
const provider = new ethers.JsonRpcProvider(node.url, undefined, { cacheTimeout: -1, pollingInterval: 20 });
const hd = (i) => ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`).connect(provider);
const proposer = hd(0);
const relay = hd(5);
const params = await provider.send('dao_getParams', []);
const governor = new ethers.Contract(params.governor, [
  'function propose(address[],uint256[],bytes[],string) returns (uint256)'], proposer);
const update = new ethers.Interface(['function updateDelay(uint256)']).encodeFunctionData('updateDelay', [3]);
// The governor looks one block back: there must be one.
await (await relay.sendTransaction({ to: relay.address })).wait();
await (await governor.propose([params.timelock], [0], [update], '# Wait three seconds')).wait();
const [proposal] = (await provider.send('dao_listProposals', [])).items;
same(proposal.title, 'Wait three seconds', 'title');
const state = async () => (await provider.send('dao_getProposal', [proposal.id])).state;
for (let i = 0; await state() === 'pending'; i += 1) {
  expect(i < 500, 'voting begins');
  await (await relay.sendTransaction({ to: relay.address })).wait();
}
const votes = [[1, 'for', undefined], [2, 'against', { reason: 'too short' }]];
for (const [i, support, options] of votes) {
  const voter = hd(i);
  const ask = [proposal.id, support, voter.address, ...(options ? [options] : [])];
  const typed = await provider.send('dao_typedVote', ask);
  const { EIP712Domain, ...types } = typed.types;
  expect(EIP712Domain.length === 4, 'the domain has four members');
  const signature = await voter.signTypedData(typed.domain, types, typed.message);
  const call = await provider.send('dao_submitVote', [proposal.id, support, voter.address, signature, ...(options ? [options] : [])]);
  same((await (await relay.sendTransaction(call)).wait()).status, 1, `vote of ${i}`);
}
const { items } = await provider.send('dao_getVotes', [proposal.id, { order: 'asc' }]);
same(items.length, 2, 'votes');
for (const [k, [i, support, options]] of votes.entries()) {
  same(items[k].voter, hd(i).address.toLowerCase(), 'voter');
  same(items[k].support, support, 'support');
  same(items[k].reason, options?.reason ?? '', 'reason');
}
same(await node.stop(), 0, 'exit code');
console.log(`vote: ${checked()} checks passed`);
process.exit(0);

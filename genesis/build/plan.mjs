// SPDX-License-Identifier: Apache-2.0
// How the system contracts are deployed: the source of artifacts/deployment.json.
//
// Each step creates one contract from `deployer`, an address whose key nobody can have, with the
// next nonce; so all addresses are known beforehand and constructors may name each other. No step
// leaves a right with the deployer.
//
// An argument has a `value` or names a `param` of the network. In a value and in a default,
// "@Name" stands for the address of a contract of this plan and "$name" for a parameter of type
// address. Integers are decimal strings, in base units, seconds, blocks or ppm as `doc` says.

const param = (type, fallback, doc) => ({ type, default: fallback, doc });
const arg = (type, value) => ({ type, value });
const use = (name) => ({ type: params[name].type, param: name });

export const deployerSeed = 'cairn.deployer';

export const params = {
  holders: param('address[]', [], 'accounts that genesis gives tokens to; each starts as its own delegate'),
  amounts: param('uint256[]', [], 'their tokens in base units (10^-18), same order'),
  members: param('address[]', [], 'members of the consortium; each starts at reputation 500000'),
  aggregators: param('address[]', [], 'aggregators in the order in which they rotate'),
  treasury: param('address', '@TimelockController', 'where fees, slashes and dust go'),
  mintCapPpm: param('uint32', '20000', 'most that the DAO may mint per year, ppm of the supply'),
  unbondSeconds: param('uint32', '1209600', 'time between requestUnbond and withdraw'),
  participantBond: param('uint128', '1000000000000000000000', 'least bond of a participant, base units'),
  aggregatorBond: param('uint128', '2000000000000000000000', 'least bond of an aggregator, base units'),
  minBlocksFloor: param('uint32', '10', 'least number of blocks of any window of a round'),
  blockPeriodMs: param('uint32', '2000', 'block period; a challenge window has at least half its time in blocks; 0 = no such rule'),
  timelockSeconds: param('uint256', '172800', 'time between queueing and execution of a proposal'),
  votingDelayBlocks: param('uint48', '43200', 'blocks between proposal and snapshot'),
  votingPeriodBlocks: param('uint32', '216000', 'blocks in which votes are cast'),
  lateQuorumBlocks: param('uint48', '43200', 'blocks that remain at least once the quorum is reached; at most the period'),
  proposalThreshold: param('uint256', '1000000000000000000000', 'votes needed to propose, base units'),
  quorumPpm: param('uint256', '200000', 'quorum, ppm of the supply that can vote'),
  voteCapPpm: param('uint32', '250000', 'most votes of one account, ppm of the supply'),
  credentialedOnly: param('bool', true, 'whether only members vote'),
  validators: param('address[]', [], 'validators of the first block; `cairnd network init` fills in its own'),
  validatorEpochBlocks: param('uint256', '30000', 'blocks in which the set of validators changes by at most max(1, F)'),
};

export const steps = [
  ['TimelockController', use('timelockSeconds'), arg('address[]', ['@CairnGovernor']),
    arg('address[]', ['0x0000000000000000000000000000000000000000']),
    arg('address', '0x0000000000000000000000000000000000000000')],
  ['CairnToken', arg('address', '@TimelockController'), use('mintCapPpm'),
    arg('address[]', ['@TimelockController', '@Rewards', '$treasury']), use('holders'), use('amounts')],
  ['Directory', arg('address', '@TimelockController'),
    arg('bytes32[]', ['TimelockController', 'CairnToken', 'Reputation', 'Members', 'ModelRegistry', 'FedAvg',
      'MultiKrum', 'Rewards', 'Rounds', 'CairnGovernor', 'ValidatorSet'].map(ascii32)),
    arg('address[]', ['@TimelockController', '@CairnToken', '@Reputation', '@Members', '@ModelRegistry',
      '@FedAvg', '@MultiKrum', '@Rewards', '@Rounds', '@CairnGovernor', '@ValidatorSet'])],
  ['Reputation', arg('address', '@Directory'), arg('address', '@TimelockController'), arg('address', '@Members')],
  ['Members', arg('address', '@TimelockController'), arg('address', '@Reputation'), use('members'),
    use('aggregators')],
  ['ModelRegistry', arg('address', '@Directory'), arg('address', '@TimelockController'),
    arg('address[]', ['@FedAvg', '@MultiKrum'])],
  ['FedAvg'],
  ['MultiKrum'],
  ['Rewards', arg('address', '@CairnToken'), arg('address', '@Directory'), arg('address', '@TimelockController'),
    use('treasury'), use('unbondSeconds'), use('participantBond'), use('aggregatorBond')],
  ['RoundsExtension', arg('address', '@Members'), arg('address', '@ModelRegistry'), arg('address', '@Reputation'),
    arg('address', '@Rewards'), arg('address', '@TimelockController'), use('minBlocksFloor'), use('blockPeriodMs')],
  ['Rounds', arg('address', '@Members'), arg('address', '@ModelRegistry'), arg('address', '@Reputation'),
    arg('address', '@Rewards'), arg('address', '@TimelockController'), use('blockPeriodMs'),
    arg('address', '@RoundsExtension'), arg('uint256', '1')],
  ['CairnGovernor', arg('address', '@CairnToken'), arg('address', '@TimelockController'),
    arg('address', '@Reputation'), arg('address', '@Members'), use('votingDelayBlocks'), use('votingPeriodBlocks'),
    use('proposalThreshold'), use('quorumPpm'), use('lateQuorumBlocks'), use('voteCapPpm'),
    use('credentialedOnly')],
  ['ValidatorSet', arg('address', '@TimelockController'), use('validatorEpochBlocks'), use('validators')],
];

/** A name as left-aligned ASCII, the form of Directory's names and of channels. */
export function ascii32(name) {
  return '0x' + Buffer.from(name, 'ascii').toString('hex').padEnd(64, '0');
}

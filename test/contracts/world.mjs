// SPDX-License-Identifier: Apache-2.0
// The demonstration's consortium on a test chain, and the steps of a round as its members take them.

import { address, coder, eventsOf } from './chain.mjs';
import { ethers } from './deps.mjs';
import { D, WEIGHTS, hex, int16s, merkleRoot, packSketch, sha256, sketch } from './model.mjs';

const { Wallet, id, keccak256 } = ethers;

export const TOKEN = 10n ** 18n;
export const PHASE = { Open: 1, Sealed: 2, Reveal: 3, Select: 4, Aggregate: 5, Challenge: 7, Finalised: 8, Paid: 9,
  Failed: 10, Cancelled: 11 };
export const STATUS = { Committed: 1, Revealed: 2, Accepted: 3, Refused: 4, Duplicate: 5, NoReveal: 7 };
export const ZERO = '0x' + '00'.repeat(32);

/** Keys, so that members can also sign; chosen for tests and worth nothing elsewhere. */
export const wallets = Array.from({ length: 7 }, (_, i) => new Wallet(id(`cairn test hospital ${i}`)));
export const hospitals = wallets.map((w) => w.address.toLowerCase());
export const validators = [1, 2, 3, 4].map((i) => address(0x100 + i));
export const aggregators = [1, 2].map((i) => address(0x200 + i));
/** Keys of the nodes that make blocks, and of some that would like to. */
export const sealers = Array.from({ length: 3 }, (_, i) => new Wallet(id(`cairn test sealer ${i}`)));
export const owner = address(0x300);
export const stranger = address(0x666);

export const consortium = {
  holders: [...hospitals, ...validators, ...aggregators, owner],
  amounts: [...hospitals.map(() => 101000n * TOKEN), ...validators.map(() => 75000n * TOKEN),
    ...aggregators.map(() => 2000n * TOKEN), 8000n * TOKEN].map(String),
  members: [...hospitals, ...validators],
  aggregators,
  minBlocksFloor: '2',
  blockPeriodMs: '250',
  timelockSeconds: '10',
  votingDelayBlocks: '1',
  votingPeriodBlocks: '20',
  lateQuorumBlocks: '5',
  proposalThreshold: String(1000n * TOKEN),
  unbondSeconds: '1000',
  validators: [...sealers].reverse().map((w) => w.address.toLowerCase()),
  validatorEpochBlocks: '50',
};

export const family = (policy, over = {}) => ({
  nameHash: id('tumour'), taskSpecHash: id('task'), paramCount: D, quantScale: 16, policy, f: 1, wMax: 64,
  clip: 2 ** 21, lrNum: 1, lrDen: 1, slashBpsNoReveal: 500, slashBpsAggLate: 100, ...over,
});

export const roundParams = (over = {}) => ({
  mode: 0, seedSpan: 1, nMin: 3, nMax: 7, minBlocks: 2, commitSeconds: 60, revealSeconds: 60, aggregateSeconds: 60,
  challengeSeconds: 1, claimSeconds: 10000, pool: 1000n * TOKEN, ...over,
});

/** Everything a test needs about the deployed contracts and the state at its start. */
export class World {
  constructor(chain) {
    this.chain = chain;
    for (const [key, name] of Object.entries({ token: 'CairnToken', members: 'Members', reputation: 'Reputation',
      registry: 'ModelRegistry', rewards: 'Rewards', rounds: 'Rounds', governor: 'CairnGovernor',
      timelock: 'TimelockController', directory: 'Directory', validatorSet: 'ValidatorSet', fedAvg: 'FedAvg', multiKrum: 'MultiKrum' })) {
      this[key] = chain.contract(name);
    }
  }

  /** Bonds, a family under `policy` with its first version, a funded pool. */
  async setUp(model, policy = this.fedAvg.address) {
    const all = [...hospitals, ...aggregators, owner];
    for (const who of all) await this.token.send(who, 'approve', this.rewards.address, 2n ** 255n);
    for (const who of hospitals) await this.rewards.send(who, 'bond', 0, 1000n * TOKEN);
    for (const who of aggregators) await this.rewards.send(who, 'bond', 1, 2000n * TOKEN);
    const made = await this.registry.send(owner, 'createFamily', family(policy));
    this.family = eventsOf(made, 'FamilyCreated')[0].args.family;
    this.base = await this.register(model);
    await this.rewards.send(owner, 'fund', this.family, 8000n * TOKEN);
  }

  async register(model) {
    const { fileSha256, modelRoot, size } = model;
    const receipt = await this.registry.send(owner, 'registerVersion', this.family, 0, [], fileSha256, modelRoot, size, ZERO);
    return eventsOf(receipt, 'VersionRegistered')[0].args.version;
  }

  async open(over = {}, base = this.base) {
    const receipt = await this.rounds.send(owner, 'openRound', this.family, base, roundParams(over));
    return eventsOf(receipt, 'RoundOpened')[0].args.roundId;
  }

  /** What hospital `i` will reveal for update `u`. */
  opening(i, u, over = {}, base = this.base) {
    const bytes = int16s(u);
    return { baseVersionId: base, updRoot: hex(merkleRoot(bytes, 2048)), updSha256: hex(sha256(bytes)), d: u.length,
      weight: WEIGHTS[i], clcHash: ZERO, manifestHash: id(`manifest ${i}`), trainingHash: id(`training ${i}`),
      dpClaimHash: ZERO, attestationHash: ZERO, childRoundId: 0, salt: id(`salt ${i}`), ...over };
  }

  /** The commit's digest, from federation.md 4 and not from the contract. */
  digest(round, who, v) {
    const typeHash = id('Commit(uint256 chainid,address rounds,uint256 roundId,address participant,bytes32 baseVersionId,bytes32 updRoot,bytes32 updSha256,uint256 d,uint256 weight,bytes32 clcHash,bytes32 manifestHash,bytes32 trainingHash,bytes32 dpClaimHash,bytes32 attestationHash,uint256 childRoundId,bytes32 salt)');
    return keccak256(coder.encode(
      ['bytes32', 'uint256', 'address', 'uint256', 'address', 'bytes32', 'bytes32', 'bytes32', 'uint256', 'uint256',
        'bytes32', 'bytes32', 'bytes32', 'bytes32', 'bytes32', 'uint256', 'bytes32'],
      [typeHash, this.chain.chainId, this.rounds.address, round, who, v.baseVersionId, v.updRoot, v.updSha256, v.d,
        v.weight, v.clcHash, v.manifestHash, v.trainingHash, v.dpClaimHash, v.attestationHash, v.childRoundId, v.salt],
    ));
  }

  async commit(round, i, v) {
    return this.rounds.send(hospitals[i], 'commit', round, this.digest(round, hospitals[i], v));
  }

  /** Waits for the seed block and draws. */
  async draw(round) {
    const { blockNumber } = await this.rounds.call('deadlineOf', round);
    const missing = Number(blockNumber) - (await this.chain.block()) - 1;
    if (missing > 0) await this.chain.mine(missing);
    const receipt = await this.rounds.send(stranger, 'drawSeed', round, 1);
    return { receipt, seed: Buffer.from((await this.rounds.call('seedOf', round)).slice(2), 'hex') };
  }

  async reveal(round, i, v, t) {
    return this.rounds.send(hospitals[i], 'reveal', round, v, hex(packSketch(t)), '0x');
  }

  async post(round, who, over = {}) {
    return this.rounds.send(who, 'postAggregate', round, { aggRoot: id('agg'), aggSha256: id('aggsha'),
      newModelRoot: id('model'), newFileSha256: id(`file ${round}`), sizeBytes: 8476, cardHash: ZERO, ...over });
  }

  /** Lets the current window pass, in time and in blocks. */
  async passWindow(round) {
    const { time, blockNumber } = await this.rounds.call('deadlineOf', round);
    const blocks = Math.max(1, Number(blockNumber) - (await this.chain.block()));
    await this.chain.mine(blocks, Math.max(0, Number(time) - (await this.chain.time())));
  }

  /** Commits and reveals of the given hospitals, up to state Select (if all revealed). */
  async upToSelect(round, updates, who = updates.map((_, i) => i), base = this.base) {
    const openings = who.map((i) => this.opening(i, updates[i], {}, base));
    for (const [k, i] of who.entries()) await this.commit(round, i, openings[k]);
    if (await this.state(round) === PHASE.Open) {
      await this.passWindow(round);
      await this.rounds.send(stranger, 'closeCommits', round);
    }
    const { seed } = await this.draw(round);
    const sketches = who.map((i) => sketch(seed, updates[i]));
    for (const [k, i] of who.entries()) await this.reveal(round, i, openings[k], sketches[k]);
    return { openings, sketches, packed: '0x' + sketches.map((t) => packSketch(t).toString('hex')).join('') };
  }

  async state(round) {
    return Number(await this.rounds.call('stateOf', round));
  }

  async rep(who) {
    return Number(await this.reputation.call('reputation', who));
  }
}

// SPDX-License-Identifier: Apache-2.0
// Bonds, pools, payments: exact shares, and that no sequence of calls makes or loses a token (I1).

import { Reverted, eventsOf } from './chain.mjs';
import { equal, ok, random, refuses } from './check.mjs';
import { packSketch } from './model.mjs';
import { PHASE, TOKEN, aggregators, hospitals, owner, stranger, validators } from './world.mjs';

export const scenes = [];
const scene = (name, run) => scenes.push({ name, run });

/** Every token in Rewards is in exactly one of its sums; every sum is that of its parts. */
async function conserved(w, who, rounds, gifts = 0n) {
  const [held, bonded, pools, owed] = await Promise.all([w.token.call('balanceOf', w.rewards.address),
    w.rewards.call('totalBonded'), w.rewards.call('totalPools'), w.rewards.call('totalOwed')]);
  equal(held, bonded + pools + owed + gifts, 'balance of Rewards');
  const bonds = await Promise.all(who.flatMap((a) => [0, 1].flatMap((role) =>
    [w.rewards.call('bonded', a, role), w.rewards.call('unbonding', a, role)])));
  equal(bonds.reduce((a, b) => a + b, 0n), bonded, 'sum of bonds');
  const reserved = await Promise.all(rounds.map((r) => w.rewards.call('pools', r)));
  equal(reserved.reduce((a, p) => a + p.amount, await w.rewards.call('familyPool', w.family)), pools, 'sum of pools');
  equal(reserved.reduce((a, p) => a + p.owed, 0n), owed, 'sum of what is owed');
  const all = [...who, w.rewards.address, w.timelock.address];
  const balances = await Promise.all(all.map((a) => w.token.call('balanceOf', a)));
  equal(balances.reduce((a, b) => a + b, 0n), await w.token.call('totalSupply'), 'sum of balances');
}

scene('money: bonds go out after their time and no earlier', async (w) => {
  await refuses(w.rewards.send(hospitals[0], 'bond', 2, 1), 'BadParameter');
  await refuses(w.rewards.send(hospitals[0], 'bond', 0, 0), 'BadParameter');
  await refuses(w.rewards.send(hospitals[0], 'withdraw', 0), 'StakeTooLow');
  await refuses(w.rewards.send(hospitals[0], 'requestUnbond', 0, 1001n * TOKEN), 'StakeTooLow', [1000n * TOKEN, 1001n * TOKEN]);
  await refuses(w.rewards.send(hospitals[0], 'requestUnbond', 0, 0), 'BadParameter');
  await w.rewards.send(hospitals[0], 'requestUnbond', 0, 400n * TOKEN);
  await refuses(w.rewards.send(hospitals[0], 'withdraw', 0), 'TooEarly');
  await w.chain.mine(1, 900);
  await w.rewards.send(hospitals[0], 'requestUnbond', 0, 100n * TOKEN); // restarts the clock for both
  await w.chain.mine(1, 900);
  await refuses(w.rewards.send(hospitals[0], 'withdraw', 0), 'TooEarly');
  await w.chain.mine(1, 101);
  const before = await w.token.call('balanceOf', hospitals[0]);
  await w.rewards.send(hospitals[0], 'withdraw', 0);
  equal(await w.token.call('balanceOf', hospitals[0]), before + 500n * TOKEN);
  equal(await w.rewards.call('bonded', hospitals[0], 0), 500n * TOKEN);
});

scene('money: a slash reaches what is unbonding, and only what its owner allowed', async (w) => {
  const rounds = w.rounds.address;
  const slash = (who, bps, by = rounds) => w.rewards.send(by, 'slash', 1, who, 0, bps, 4);
  await w.rewards.send(rounds, 'reserve', 1, w.family, 5, 1);
  await w.rewards.send(hospitals[0], 'requestUnbond', 0, 900n * TOKEN);
  const receipt = await slash(hospitals[0], 2000);
  equal(eventsOf(receipt, 'Slashed')[0].args.amount, 200n * TOKEN);
  equal(await w.rewards.call('bonded', hospitals[0], 0), 0n);
  equal(await w.rewards.call('unbonding', hospitals[0], 0), 800n * TOKEN);
  await w.rewards.send(hospitals[1], 'disallow', rounds);
  equal(eventsOf(await slash(hospitals[1], 2000), 'Slashed').length, 0);
  // A successor in the Directory gets at no old stake; the predecessor still does its work.
  await w.directory.send(w.timelock.address, 'set', '0x526f756e6473' + '00'.repeat(26), stranger);
  await refuses(slash(hospitals[2], 500, stranger), 'NotAllowed'); // the round is not its own
  await w.rewards.send(stranger, 'reserve', 2, w.family, 5, 1);
  const none = await w.rewards.send(stranger, 'slash', 2, hospitals[2], 0, 500, 4);
  equal(eventsOf(none, 'Slashed').length, 0);
  await refuses(w.rewards.send(stranger, 'lock', hospitals[2]), 'NotAllowed');
  equal(eventsOf(await slash(hospitals[2], 500), 'Slashed')[0].args.amount, 50n * TOKEN);
  await refuses(w.directory.send(w.timelock.address, 'strike', '0x526f756e6473' + '00'.repeat(26), stranger), 'BadParameter');
  await w.directory.send(w.timelock.address, 'strike', '0x526f756e6473' + '00'.repeat(26), rounds);
  await refuses(w.rewards.send(rounds, 'reserve', 3, w.family, 5, 1), 'NotAllowed');
  await refuses(w.rewards.send(hospitals[3], 'allow', rounds), 'NotAllowed');
  await conserved(w, [...hospitals, ...validators, ...aggregators, owner, stranger], [1, 2]);
});

scene('money: shares are floored, dust and unclaimed rest go to the treasury', async (w) => {
  const rounds = w.rounds.address;
  const pool = 1000003n;
  await refuses(w.rewards.send(owner, 'fund', '0x' + '11'.repeat(32), 5), 'Unknown');
  await w.rewards.send(rounds, 'reserve', 7, w.family, pool, 50);
  await refuses(w.rewards.send(rounds, 'reserve', 7, w.family, pool, 50), 'AlreadyDone');
  const who = hospitals.slice(0, 3);
  const settle = () => w.rewards.send(rounds, 'settle', 7, who, [3, 3, 1], aggregators[0]);
  const receipt = await settle();
  const participants = (pool * 7500n) / 10000n;
  const x = [3n, 3n, 1n].map((v) => (participants * v) / 7n);
  const dust = participants - x.reduce((a, b) => a + b);
  equal([...eventsOf(receipt, 'Settled')[0].args], [7n, pool, dust]);
  for (const [i, h] of who.entries()) equal(await w.rewards.call('claimable', 7, h), x[i]);
  const pa = (pool * 700n) / 10000n;
  equal(await w.rewards.call('claimable', 7, aggregators[0]), pa);
  equal(await w.token.call('balanceOf', w.timelock.address), pool - participants - pa + dust);
  await refuses(settle(), 'AlreadyDone');
  await refuses(w.rewards.send(rounds, 'close', 7), 'TooEarly');
  await w.rewards.send(who[0], 'claim', 7);
  await w.chain.mine(1, 51);
  await w.rewards.send(rounds, 'close', 7);
  equal(await w.token.call('balanceOf', w.timelock.address), pool - x[0]);
  await refuses(w.rewards.send(who[1], 'claim', 7), 'TooLate');
  await conserved(w, [...hospitals, ...validators, ...aggregators, owner, stranger], [7]);
});

scene('money: random sequences of calls conserve every token (I1)', async (w) => {
  const rnd = random(Number(process.env.CAIRN_SEED ?? 11));
  const people = [...hospitals, ...validators, ...aggregators, owner, stranger];
  const pick = (list) => list[rnd(list.length)];
  const rounds = [];
  const openings = new Map();
  const amount = () => BigInt(rnd(3000)) * TOKEN / BigInt(1 + rnd(3));
  const fake = (i, round) => w.opening(i, [rnd(100), i, Number(round)], { d: 2049 });
  const anySketch = () => Array.from({ length: 256 }, () => rnd(2 ** 12) - 2 ** 11);
  const kept = new Map();
  let gifts = 0n;
  let done = 0;
  let refused = 0;
  const actions = [
    async () => w.rewards.send(pick(people), 'bond', rnd(2), amount()),
    async () => w.rewards.send(pick(people), 'requestUnbond', rnd(2), amount() / 40n),
    async () => w.rewards.send(pick(people), 'withdraw', rnd(2)),
    async () => w.rewards.send(pick(hospitals), 'fund', w.family, amount() / 10n),
    async () => w.token.send(pick(people), 'transfer', pick(people), amount()),
    async () => {
      const gift = BigInt(rnd(1000));
      await w.token.send(pick(hospitals), 'transfer', w.rewards.address, gift);
      gifts += gift;
    },
    async () => { if (rounds.length) await w.rewards.send(pick(people), 'claim', pick(rounds)); },
    async () => w.rewards.send(pick(people), rnd(4) ? 'allow' : 'disallow', w.rounds.address),
    async () => w.chain.mine(1 + rnd(4), pick([0, 0, 1, 31, 61, 1001])),
    async () => {
      if ((await running()).length < 3) rounds.push(await w.open({ nMax: 3 + rnd(3), pool: amount() / 20n, claimSeconds: rnd(20000) }));
    },
  ];
  const running = async () => {
    const states = await Promise.all(rounds.map((r) => w.state(r)));
    return rounds.filter((_, k) => states[k] < PHASE.Finalised || (states[k] === PHASE.Finalised && rnd(8) === 0));
  };
  /** One step of some round, whatever its state asks for. */
  const advance = async () => {
    const active = await running();
    if (active.length === 0) return actions.at(-1)();
    const round = pick(active);
    const i = rnd(7);
    const key = `${round} ${i}`;
    switch (await w.state(round)) {
      case PHASE.Open:
        if (rnd(60) === 0) return w.rounds.send(owner, 'cancel', round);
        if (rnd(20) === 0) return w.rounds.send(stranger, 'closeCommits', round);
        if ((await w.rounds.call('deadlineOf', round)).passed) return w.rounds.send(stranger, 'closeCommits', round);
        if (await w.rewards.call('bonded', hospitals[i], 0) < 1000n * TOKEN) {
          return w.rewards.send(hospitals[i], 'bond', 0, 1000n * TOKEN);
        }
        openings.set(key, fake(i, round));
        return w.commit(round, i, openings.get(key));
      case PHASE.Sealed: await w.chain.mine(3); return w.rounds.send(stranger, 'drawSeed', round, 1);
      case PHASE.Reveal: {
        if (rnd(15) === 0) { await w.passWindow(round); return w.rounds.send(stranger, 'closeReveals', round); }
        const t = anySketch();
        if (!openings.has(key)) return undefined;
        const receipt = await w.reveal(round, i, openings.get(key), t);
        kept.set(`${round} ${hospitals[i]}`, t);
        return receipt;
      }
      case PHASE.Select: {
        const list = await w.rounds.call('selectionInputs', round);
        return w.rounds.send(stranger, 'select', round,
          '0x' + list.map((a) => packSketch(kept.get(`${round} ${a.toLowerCase()}`)).toString('hex')).join(''));
      }
      case PHASE.Aggregate:
        if (rnd(6) === 0) { await w.chain.mine(3, 61); return undefined; }
        if (rnd(12) === 0) { await w.passWindow(round); return w.rounds.send(stranger, 'expire', round); }
        return w.post(round, (await w.rounds.call('currentAggregator', round)).who);
      case PHASE.Challenge: await w.passWindow(round); return w.rounds.send(stranger, 'finalise', round);
      case PHASE.Finalised: return w.rounds.send(stranger, 'closePayments', round);
      default: return undefined;
    }
  };
  for (const a of people) await w.token.send(a, 'approve', w.rewards.address, 2n ** 255n);
  for (let step = 0; step < 450; step++) {
    try {
      await (rnd(4) === 0 ? pick(actions)() : advance());
      done++;
    } catch (e) {
      if (!(e instanceof Reverted)) throw e;
      if (e.errorName === null) throw new Error(`step ${step}: ${e.message}`);
      refused++;
    }
    if (step % 10 === 9) await conserved(w, people, rounds, gifts);
  }
  const ends = new Map();
  for (const r of rounds) {
    const s = await w.state(r);
    ends.set(s, (ends.get(s) ?? 0) + 1);
  }
  // What holds people is exactly the rounds that run.
  for (const h of [...hospitals, ...aggregators]) {
    let expected = 0n;
    for (const r of rounds) {
      const s = await w.state(r);
      if (s >= PHASE.Finalised) continue;
      if ((await w.rounds.call('participants', r)).some((a) => a.toLowerCase() === h)) expected++;
      if (s === PHASE.Challenge && (await w.rounds.call('roundInfo', r)).aggregator.toLowerCase() === h) expected++;
    }
    equal(await w.rewards.call('obligations', h), expected, 'obligations');
  }
  console.log(`      ${done} calls done, ${refused} refused, rounds by end state: ${[...ends].map(([s, n]) => `${s}: ${n}`).join(', ')}`);
  ok(ends.has(PHASE.Failed) && (ends.has(PHASE.Finalised) || ends.has(PHASE.Paid)), 'rounds of both kinds of end');
});

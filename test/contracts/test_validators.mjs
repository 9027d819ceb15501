// SPDX-License-Identifier: Apache-2.0
// The set of validators: what QBFT reads, who may change it, and how fast.

import { eventsOf } from './chain.mjs';
import { equal, ok, refuses } from './check.mjs';
import { ethers } from './deps.mjs';
import { hospitals, sealers, stranger } from './world.mjs';

const { Wallet, id } = ethers;
export const scenes = [];
const scene = (name, run) => scenes.push({ name, run });

const lower = (w) => w.address.toLowerCase();
const fresh = Array.from({ length: 12 }, (_, i) => new Wallet(id(`cairn test new sealer ${i}`)));
const EPOCH = 50;
const ZERO = '0x' + '00'.repeat(20);

/** The signature with which `wallet` nominates itself, made from the specification of EIP-712. */
const nominate = (w, wallet, epoch, over = {}) => wallet.signTypedData(
  { name: 'Cairn ValidatorSet', version: '1', chainId: 1337, verifyingContract: w.validatorSet.address, ...over },
  { Nomination: [{ name: 'validator', type: 'address' }, { name: 'epoch', type: 'uint256' }] },
  { validator: over.validator ?? wallet.address, epoch });

const epochOf = async (w) => Number(await w.validatorSet.call('currentEpoch'));
const setOf = async (w) => [...(await w.validatorSet.call('getValidators'))].map((a) => a.toLowerCase());

/** Mines into the next epoch, with most of it left. */
async function nextEpoch(w) {
  const block = await w.chain.block();
  await w.chain.mine(EPOCH - (block % EPOCH));
  return epochOf(w);
}

async function add(w, wallet, epoch) {
  return w.validatorSet.send(w.timelock.address, 'addValidator', wallet.address, epoch, await nominate(w, wallet, epoch));
}

const remove = (w, who) => w.validatorSet.send(w.timelock.address, 'removeValidator', who);

scene('validators: genesis\' list, ascending, behind the selector that QBFT calls', async (w) => {
  const wanted = sealers.map(lower).sort();
  equal(await setOf(w), wanted);
  const raw = await w.chain.rpc('eth_call', { to: w.validatorSet.address, data: '0xb7ab4db5' }, 'latest');
  equal(raw.length, 2 + 64 * (2 + wanted.length));
  for (const who of wanted) ok(await w.validatorSet.call('isValidator', who));
  ok(!(await w.validatorSet.call('isValidator', stranger)));
});

scene('validators: nobody but the timelock changes them', async (w) => {
  const epoch = await nextEpoch(w);
  const signature = await nominate(w, fresh[0], epoch);
  for (const who of [stranger, hospitals[0], w.governor.address, lower(sealers[0]), lower(fresh[0])]) {
    await refuses(w.validatorSet.send(who, 'addValidator', fresh[0].address, epoch, signature), 'NotAllowed');
    await refuses(w.validatorSet.send(who, 'removeValidator', sealers[0].address), 'NotAllowed');
  }
});

scene('validators: only a key that nominates itself, for this contract and lately', async (w) => {
  const epoch = await nextEpoch(w);
  const tryAs = (who, at, signature) => w.validatorSet.send(w.timelock.address, 'addValidator', who, at, signature);
  const good = await nominate(w, fresh[0], epoch);
  await refuses(tryAs(fresh[1].address, epoch, good), 'BadProof');
  await refuses(tryAs(fresh[0].address, epoch - 1, good), 'BadProof');
  await refuses(tryAs(fresh[0].address, epoch, '0x'), 'BadProof');
  await refuses(tryAs(fresh[0].address, epoch, good.slice(0, -2) + '00'), 'BadProof');
  await refuses(tryAs(ZERO, epoch, good), 'BadProof');
  await refuses(tryAs(ZERO, epoch, '0x' + '00'.repeat(65)), 'BadProof');
  for (const over of [{ chainId: 1 }, { verifyingContract: w.governor.address }, { name: 'other' }, { version: '2' }]) {
    await refuses(tryAs(fresh[0].address, epoch, await nominate(w, fresh[0], epoch, over)), 'BadProof');
  }
  await refuses(tryAs(fresh[0].address, epoch + 1, await nominate(w, fresh[0], epoch + 1)), 'BadParameter');
  await refuses(tryAs(fresh[0].address, 2n ** 255n, good), 'BadParameter');
  await refuses(tryAs(sealers[0].address, epoch, await nominate(w, sealers[0], epoch)), 'AlreadyDone');
  const digest = await w.validatorSet.call('nominationDigest', fresh[0].address, epoch);
  equal(ethers.recoverAddress(digest, good), fresh[0].address);
  await w.chain.mine(EPOCH * 63);
  const snapshot = await w.chain.snapshot();
  const made = eventsOf(await tryAs(fresh[0].address, epoch, good), 'ValidatorAdded')[0].args;
  equal([made.validator, made.count], [fresh[0].address, 4n]);
  equal(await setOf(w), [...sealers, fresh[0]].map(lower).sort());
  await w.chain.restore(snapshot);
  await nextEpoch(w);
  await refuses(tryAs(fresh[0].address, epoch, good), 'TooLate');
});

scene('validators: one change an epoch below seven, then F; sorted after each', async (w) => {
  const wanted = sealers.map(lower);
  for (let i = 0; i < 7; ) {
    const epoch = await nextEpoch(w);
    const most = Math.max(1, Math.floor((wanted.length - 1) / 3));
    equal(await w.validatorSet.call('changesLeft'), BigInt(most));
    for (let k = 0; k < most && i < 7; k++) {
      await add(w, fresh[i], epoch);
      wanted.push(lower(fresh[i++]));
      equal(await setOf(w), [...wanted].sort());
    }
    if (Number(await w.validatorSet.call('changesLeft')) === 0) {
      await refuses(add(w, fresh[11], epoch), 'TooEarly');
      if (wanted.length > 4) await refuses(remove(w, wanted[0]), 'TooEarly');
    }
  }
  equal(wanted.length, 10);
});

scene('validators: four stay four; below that the last one stays', async (w) => {
  const [a, b, c] = sealers.map(lower).sort();
  await nextEpoch(w);
  await refuses(remove(w, stranger), 'NotValidator');
  const gone = eventsOf(await remove(w, b), 'ValidatorRemoved')[0].args;
  equal([gone.validator.toLowerCase(), gone.count], [b, 2n]);
  equal(await setOf(w), [a, c]);
  await nextEpoch(w);
  await remove(w, a);
  await nextEpoch(w);
  await refuses(remove(w, c), 'TooFewInputs');
  for (let i = 0; i < 4; i++) await add(w, fresh[i], await nextEpoch(w));
  await nextEpoch(w);
  await remove(w, c); // five to four
  await nextEpoch(w);
  await refuses(remove(w, lower(fresh[0])), 'TooFewInputs');
  equal(await setOf(w), fresh.slice(0, 4).map(lower).sort());
});

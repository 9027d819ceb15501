// SPDX-License-Identifier: Apache-2.0
// Tests of the system contracts on a throw-away chain. Needs `npm ci` in test/.
//
//   node test/contracts/run.mjs [part of a test's name]
//
// With CAIRN_GENESIS=FILE the contracts are not deployed but taken from the alloc of that genesis
// file: the same tests then show that it is the post-state of the deployment. The file's chain id
// is 1337 and its parameters are those that this prints:
//
//   node test/contracts/run.mjs --params

import { Chain } from './chain.mjs';
import { finish, test } from './check.mjs';
import { World, consortium } from './world.mjs';
import * as selection from './test_selection.mjs';
import * as rounds from './test_rounds.mjs';
import * as governor from './test_governor.mjs';
import * as money from './test_money.mjs';
import * as registry from './test_registry.mjs';
import * as validators from './test_validators.mjs';

if (process.argv[2] === '--params') {
  console.log(JSON.stringify(consortium, null, 2));
  process.exit(0);
}
const genesis = process.env.CAIRN_GENESIS;
const chain = await Chain.start(genesis);
try {
  if (!genesis) await chain.deploy(consortium);
  const world = new World(chain);
  await test('demo: the trainer gives the model hashes of rounds 1 to 5', async () => { world.demo = selection.playDemo(); });
  world.demo ??= selection.playDemo();
  await selection.run(world);
  await world.setUp(selection.describe(world.demo[0].before));
  let start = await chain.snapshot();
  for (const part of [registry, rounds, money, governor, validators]) {
    for (const scene of part.scenes) {
      start = await chain.restore(start);
      await test(scene.name, () => scene.run(world));
    }
  }
} finally {
  chain.stop();
}
finish();

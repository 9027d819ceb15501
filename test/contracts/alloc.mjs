// SPDX-License-Identifier: Apache-2.0
// The deployment plan on an independent EVM (@ethereumjs/evm), in block 0 of an empty chain: what
// every genesis file's alloc must be.

import { require } from './deps.mjs';
import { creationCode, plan, planParams } from './chain.mjs';

const { createEVM } = require('@ethereumjs/evm');
const { SimpleStateManager } = require('@ethereumjs/statemanager');
const { Hardfork, Mainnet, createCustomCommon } = require('@ethereumjs/common');
const { Account, bytesToHex, createAddressFromString, hexToBytes } = require('@ethereumjs/util');

const pad = (hex) => '0x' + hex.replace(/^0x/, '').padStart(64, '0');

/** {address: {nonce, code, storage}} after the plan, all in lower case hexadecimal. */
export async function playPlan(given, chainId, timestamp) {
  const common = createCustomCommon({ chainId }, Mainnet, { hardfork: Hardfork.Cancun });
  const stateManager = new SimpleStateManager({ common });
  const written = new Map();
  const put = stateManager.putStorage.bind(stateManager);
  stateManager.putStorage = async (address, key, value) => {
    const slots = written.get(address.toString()) ?? new Set();
    written.set(address.toString(), slots.add(bytesToHex(key)));
    return put(address, key, value);
  };
  const evm = await createEVM({ common, stateManager });
  const zero = createAddressFromString('0x' + '00'.repeat(20));
  const block = { header: { number: 0n, timestamp: BigInt(timestamp), coinbase: zero, gasLimit: 30000000n, difficulty: 1n,
    prevRandao: new Uint8Array(32), baseFeePerGas: 0n, getBlobGasPrice: () => 1n } };
  const deployer = createAddressFromString(plan.deployer);
  await stateManager.putAccount(deployer, new Account());
  const params = planParams(given);
  for (const step of plan.steps) {
    const result = await evm.runCall({ caller: deployer, origin: deployer, data: hexToBytes(creationCode(step, params)),
      gasLimit: 1000000000n, gasPrice: 0n, block });
    const { exceptionError } = result.execResult;
    if (exceptionError) throw new Error(`${step.contract}: ${exceptionError.error}`);
    if (result.createdAddress.toString() !== step.address) throw new Error(`${step.contract}: ${result.createdAddress}`);
  }
  const alloc = {};
  for (const address of [plan.deployer, ...plan.steps.map((s) => s.address)]) {
    const at = createAddressFromString(address);
    const account = await stateManager.getAccount(at);
    const storage = {};
    for (const key of written.get(address) ?? []) {
      const value = pad(bytesToHex(await stateManager.getStorage(at, hexToBytes(key))));
      if (BigInt(value) !== 0n) storage[pad(key)] = value;
    }
    alloc[address] = { nonce: Number(account.nonce), code: bytesToHex(await stateManager.getCode(at)), storage };
  }
  return alloc;
}

/** The accounts of a genesis file in the same form. */
export function allocOf(genesis) {
  const lower = (hex) => '0x' + hex.toLowerCase().replace(/^0x/, '');
  return Object.fromEntries(Object.entries(genesis.alloc).map(([address, a]) => [lower(address), {
    nonce: Number(a.nonce ?? 0),
    code: lower(a.code ?? '0x'),
    storage: Object.fromEntries(Object.entries(a.storage ?? {}).map(([k, v]) => [pad(lower(k)), pad(lower(v))])),
  }]));
}

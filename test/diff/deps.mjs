// SPDX-License-Identifier: Apache-2.0
// The packages of test/package.json that are the independent EVM, wherever they were installed.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MODULES } from '../contracts/deps.mjs';

const load = (path) => import(pathToFileURL(join(MODULES, path)).href);
const peer = (name) => load(`@ethereumjs/${name}/dist/esm/index.js`);

export const block = await peer('block');
export const common = await peer('common');
export const evm = await peer('evm');
export const rlp = await peer('rlp');
export const statemanager = await peer('statemanager');
export const tx = await peer('tx');
export const util = await peer('util');
export const vm = await peer('vm');
export const { bn254 } = await load('@noble/curves/bn254.js');
export const { bls12_381: bls } = await load('@noble/curves/bls12-381.js');
export const { secp256k1 } = await load('@noble/curves/secp256k1.js');
export const { keccak_256: keccak256 } = await load('@noble/hashes/sha3.js');

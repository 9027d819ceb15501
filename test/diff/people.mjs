// SPDX-License-Identifier: Apache-2.0
// Accounts of the worlds that are made. Their keys are for tests and worth nothing elsewhere.

import { util } from './deps.mjs';

const addressOf = (secret) => util.createAddressFromPrivateKey(util.hexToBytes(secret)).toString();

export const SECRET = `0x${'45'.padStart(64, 'a9')}`;
export const SENDER = addressOf(SECRET);
/** Who signs authorizations (EIP-7702); the first is often delegated already. */
export const AUTHORITY_SECRETS = ['0x'.padEnd(66, '1c'), '0x'.padEnd(66, '2d')];
export const AUTHORITIES = AUTHORITY_SECRETS.map(addressOf);
export const COINBASE = '0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba';
export const CONTRACTS = 5;
/** Contracts are 0 to CONTRACTS - 1; of 100, 200 and 300 the second has ether only, the first nothing. */
export const address = (n) => `0x${(0xc0de0000 + n).toString(16).padStart(40, '0')}`;

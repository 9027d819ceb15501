// SPDX-License-Identifier: Apache-2.0
// Where the packages of test/package.json are: CAIRN_NODE_MODULES, or test/node_modules.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const MODULES = process.env.CAIRN_NODE_MODULES ?? join(ROOT, 'test/node_modules');
export const require = createRequire(join(MODULES, 'from-here.js'));
export const ethers = require('ethers');

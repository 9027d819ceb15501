// SPDX-License-Identifier: Apache-2.0
// Foundry's cast: deploys an OpenZeppelin ERC-20 to cairnd --dev and uses it.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

import { checked, compileCoin, expect, MNEMONIC, PATIENCE_MS, same, startNode } from './common.mjs';

const run = promisify(execFile);
const node = await startNode();
const binary = path.join(process.env.CAIRN_NODE_MODULES, '.bin/cast');
// Options stand before what a command takes: `--create` swallows the rest of the line.
const cast = async (command, ...args) => (await run(binary, [command, '--rpc-url', node.url, ...args], { timeout: PATIENCE_MS })).stdout.trim();
const wallet = ['--mnemonic', MNEMONIC];
const first = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const second = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

same(await cast('chain-id'), '1337', 'chain id');
same(await cast('balance', first), '10000000000000000000000', 'balance');
expect((await cast('client')).startsWith('cairn/'), 'client version');

const { bytecode } = compileCoin();
const supply = '00000000000000000000000000000000000000000000000000000000000003e8';
const made = JSON.parse(await cast('send', '--json', ...wallet, '--create', bytecode + supply));
same(made.status, '0x1', 'status of the deployment');
const coin = made.contractAddress;
same(await cast('call', coin, 'totalSupply()(uint256)'), '1000', 'supply');

const sent = JSON.parse(await cast('send', '--json', ...wallet, coin, 'transfer(address,uint256)', second, '250'));
same(sent.status, '0x1', 'status of the transfer');
same(await cast('call', coin, 'balanceOf(address)(uint256)', second), '250', 'balance');
const legacy = JSON.parse(await cast('send', '--json', '--legacy', ...wallet, second, '--value', '1gwei'));
same(legacy.type, '0x0', 'a legacy transaction');

const receipt = JSON.parse(await cast('receipt', '--json', sent.transactionHash));
same(receipt.logs.length, 1, 'logs of the transfer');
const tx = JSON.parse(await cast('tx', '--json', sent.transactionHash));
same(tx.hash, sent.transactionHash, 'transaction by hash');
const block = JSON.parse(await cast('block', '--json', 'latest'));
same(BigInt(block.number), BigInt(await cast('block-number')), 'number of the newest block');
const logs = JSON.parse(await cast('logs', '--json', '--from-block', '0', '--address', coin, 'Transfer(address,address,uint256)'));
same(logs.length, 2, 'logs');
same(await cast('nonce', first), '3', 'nonce');
same((await cast('storage', coin, '2')).length, 66, 'a slot');
expect(BigInt(await cast('gas-price')) > 0n, 'gas price');
expect(Number(await cast('estimate', coin, 'transfer(address,uint256)', second, '1', '--from', first)) > 21000, 'estimate');
const proof = JSON.parse(await cast('proof', coin, '0x2'));
same(proof.storageProof.length, 1, 'a proof');
// cast exits with 0 here and writes the error to its other stream.
const failed = await run(binary, ['call', '--rpc-url', node.url, coin, 'refuse()']).catch((e) => e);
expect(/execution reverted: no such luck/.test(failed.stderr), 'the reason of a revert');

same(await node.stop(), 0, 'exit code of cairnd');
console.log(`cast: ${checked()} checks passed`);
process.exit(0);

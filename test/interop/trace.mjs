// SPDX-License-Identifier: Apache-2.0
// The debug namespace against anvil: the same transactions on both, and the traces of both are
// compared member by member (callTracer, prestateTracer, struct logs).

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { checked, expect, load, MNEMONIC, same, startAnvil, startNode, waitFor } from './common.mjs';

const { ethers } = load('ethers');
const here = path.dirname(fileURLToPath(import.meta.url));

const LIMIT = 2000000n;

function compile() {
  const input = {
    language: 'Solidity',
    sources: { 'Tracee.sol': { content: fs.readFileSync(path.join(here, 'Tracee.sol'), 'utf8') } },
    settings: { evmVersion: 'cancun', optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  };
  const out = JSON.parse(load('solc').compile(JSON.stringify(input)));
  const errors = (out.errors ?? []).filter((e) => e.severity === 'error');
  if (errors.length > 0) throw new Error(errors[0].formattedMessage);
  const { abi, evm } = out.contracts['Tracee.sol'].Tracee;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}

const included = (provider, hash, name) => waitFor(() => provider.send('eth_getTransactionReceipt', [hash]), `${name} in a block`);

/// The same transactions everywhere; their hashes by name.
async function script(url, chainId) {
  const provider = new ethers.JsonRpcProvider(url, undefined, { staticNetwork: false, cacheTimeout: -1 });
  const owner = ethers.HDNodeWallet.fromPhrase(MNEMONIC).connect(provider);
  const { abi, bytecode } = compile();
  const code = new ethers.Interface(abi);
  const to = ethers.getCreateAddress({ from: owner.address, nonce: 0 });
  const call = (name, args, value = 0n) => ({ to, data: code.encodeFunctionData(name, args), value });
  const steps = {
    deploy: { data: bytecode },
    make: call('make', [], 5n),
    nested: call('nested', [21], 3n),
    caught: call('caught', []),
    failing: call('failing', []),
    panics: call('panics', [0]),
    burn: call('burn', []),
    invalid: call('invalid', []),
    transfer: { to: ethers.getAddress(`0x${'5a'.repeat(20)}`), value: 1n },
  };
  const hashes = {};
  let nonce = 0;
  for (const [name, step] of Object.entries(steps)) {
    const raw = await owner.signTransaction({ type: 2, chainId, nonce, gasLimit: LIMIT, value: 0n,
      maxFeePerGas: 5000000000n, maxPriorityFeePerGas: 1000000000n, ...step });
    const sent = await provider.broadcastTransaction(raw);
    await included(provider, sent.hash, name);
    hashes[name] = sent.hash;
    nonce += 1;
  }
  return { provider, hashes, to, owner: owner.address.toLowerCase() };
}

/// Compares two JSON values; members in `skip` are not looked at.
function alike(ours, theirs, where, skip = []) {
  if (ours === null || typeof ours !== 'object' || theirs === null || typeof theirs !== 'object') {
    same(ours, theirs, where);
    return;
  }
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  for (const key of keys) {
    if (!skip.includes(key)) alike(ours[key], theirs[key], `${where}.${key}`, skip);
  }
}

async function calls(ours, theirs) {
  for (const name of Object.keys(ours.hashes)) {
    for (const tracerConfig of [{}, { withLog: true }, { onlyTopCall: true }]) {
      const options = { tracer: 'callTracer', tracerConfig };
      const a = await ours.provider.send('debug_traceTransaction', [ours.hashes[name], options]);
      const b = await theirs.provider.send('debug_traceTransaction', [theirs.hashes[name], options]);
      // go-ethereum's top call says the transaction's limit, anvil's what is left for execution.
      same(a.gas, ethers.toQuantity(LIMIT), `gas limit ${name}`);
      b.gas = a.gas;
      alike(a, b, `callTracer ${JSON.stringify(tracerConfig)} ${name}`);
    }
  }
}

/// go-ethereum leaves out contracts that the transaction made, anvil does so in diffs only.
function withoutNew(state, known) {
  const copy = structuredClone(state);
  for (const [address, account] of Object.entries(copy)) {
    const empty = account.balance === '0x0' && !account.nonce && !account.code;
    if (empty && !(address in known)) delete copy[address];
  }
  return copy;
}

/// Fees go to other accounts and base fees differ: balances of those are left out.
function withoutFees(state, chain) {
  const copy = structuredClone(state);
  for (const address of Object.keys(copy)) {
    // go-ethereum 1.17 tells code hashes and leaves empty accounts out, anvil does not yet.
    const { codeHash, ...rest } = copy[address];
    copy[address] = rest;
    if (Object.entries(rest).every(([name, value]) => name === 'balance' && value === '0x0')) {
      delete copy[address];
      continue;
    }
    if (address === chain.coinbase) delete copy[address];
    else if (address === chain.owner) delete copy[address].balance;
  }
  return copy;
}

async function prestates(ours, theirs) {
  for (const chain of [ours, theirs]) {
    chain.coinbase = (await chain.provider.send('eth_getBlockByNumber', ['latest', false])).miner;
  }
  for (const name of Object.keys(ours.hashes)) {
    for (const diffMode of [false, true]) {
      const options = { tracer: 'prestateTracer', tracerConfig: { diffMode } };
      const a = await ours.provider.send('debug_traceTransaction', [ours.hashes[name], options]);
      const b = await theirs.provider.send('debug_traceTransaction', [theirs.hashes[name], options]);
      const where = `prestateTracer ${diffMode} ${name}`;
      if (diffMode) {
        alike(withoutFees(a.pre, ours), withoutFees(b.pre, theirs), `${where} pre`);
        alike(withoutFees(a.post, ours), withoutFees(b.post, theirs), `${where} post`);
      } else {
        alike(withoutFees(a, ours), withoutNew(withoutFees(b, theirs), a), where);
      }
    }
  }
}

async function steps(ours, theirs) {
  for (const name of Object.keys(ours.hashes)) {
    const options = { enableMemory: true, enableReturnData: true };
    const a = await ours.provider.send('debug_traceTransaction', [ours.hashes[name], options]);
    const b = await theirs.provider.send('debug_traceTransaction', [theirs.hashes[name], options]);
    same(a.failed, b.failed, `failed ${name}`);
    same(a.gas, b.gas, `gas ${name}`);
    same(a.returnValue, b.returnValue, `returnValue ${name}`);
    same(a.structLogs.length, b.structLogs.length, `steps ${name}`);
    for (let i = 0; i < a.structLogs.length; i += 1) {
      alike(a.structLogs[i], b.structLogs[i], `${name} step ${i}`, skipped(a.structLogs[i]));
    }
  }
}

/// What anvil says otherwise than go-ethereum in a step. What is empty is left out by one and
/// written by the other.
function skipped(step) {
  const skip = ['error', 'refund'];
  if (step.op.startsWith('CREATE')) skip.push('gasCost');
  for (const name of ['memory', 'returnData', 'storage']) if (step[name] === undefined) skip.push(name);
  return skip;
}

/// `cairn tx trace`: the tree of one transaction, without what varies.
function tree(url, hash) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-trace-'));
  const binary = path.join(path.dirname(process.env.CAIRND ?? path.join(here, '../../build/cairnd')), 'cairn');
  const run = (...flags) => execFileSync(binary, ['--rpc', url, 'tx', 'trace', hash, ...flags],
    { env: { ...process.env, HOME: home }, encoding: 'utf8' });
  const text = run();
  const json = JSON.parse(run('--json'));
  fs.rmSync(home, { recursive: true });
  return { lines: text.trimEnd().split('\n').map((line) => line.replace(/, \d+ gas$/, '')), json };
}

/// The tree of calls with reasons; a system contract's function, event and error in words.
async function wallet(node, chain) {
  const { lines, json } = tree(node.url, chain.hashes.caught);
  const leaf = ethers.getCreateAddress({ from: chain.to, nonce: 1 });
  same(lines[0], `CALL ${chain.to} 0xebe81600 (4 bytes)`, 'the call itself');
  same(lines[1], `  CALL ${leaf} 0x60fe47b1 (36 bytes)`, 'a call inside');
  same(lines[2], '    ! execution reverted: unlucky', 'a reason');
  expect(lines.includes('    ! execution reverted: after all'), 'the reason of the outer call');
  same(json.trace.calls.length, 4, '--json has the trace');

  const token = '0xf5cb7c64e3cbc6361907291ba05a3a74acfd340a';
  const code = new ethers.Interface(['function approve(address,uint256)', 'function transfer(address,uint256)']);
  const owner = ethers.HDNodeWallet.fromPhrase(MNEMONIC).connect(chain.provider);
  let nonce = Object.keys(chain.hashes).length;
  const found = [];
  for (const data of [code.encodeFunctionData('approve', [leaf, 5n]),
    code.encodeFunctionData('transfer', [leaf, 1n << 200n])]) {
    const raw = await owner.signTransaction({ type: 2, chainId: 1337, nonce: nonce++, gasLimit: LIMIT, to: token, data,
      maxFeePerGas: 5000000000n, maxPriorityFeePerGas: 1000000000n });
    const { hash } = await chain.provider.broadcastTransaction(raw);
    await included(chain.provider, hash, 'a token transaction');
    found.push(tree(node.url, hash).lines.join('\n'));
  }
  expect(found[0].startsWith('CALL CairnToken.approve '), `a known function: ${found[0]}`);
  expect(/^ +event CairnToken\.Approval .*value=5/m.test(found[0]), `a known event: ${found[0]}`);
  expect(/^ +! execution reverted: 0x\w+ has 100000 CAIRN and needs /m.test(found[1]),
    `a known reason: ${found[1]}`);
  if (process.env.TRACE_PRINT) console.log(found.join('\n'));
}

const node = await startNode('--rpc-namespaces', 'eth,net,web3,debug');
const anvil = await startAnvil('--steps-tracing');
const ours = await script(node.url, 1337);
const theirs = await script(anvil.url, 1337);
expect(ours.to === theirs.to, 'the same addresses');
await calls(ours, theirs);
await prestates(ours, theirs);
await steps(ours, theirs);
await wallet(node, ours);
await node.stop();
anvil.stop();
console.log(`trace: ${checked()} checks`);
process.exit(0);

// SPDX-License-Identifier: Apache-2.0
// The debug namespace beside go-ethereum's: the same transactions, and calls of the same
// programs, on `cairnd --dev` and on `geth --dev`, and every member of both answers of every tracer
// is compared.
//
// usage: GETH=path trace_geth.mjs [--seed N] [--count N]

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { load, MNEMONIC, PATIENCE_MS } from './common.mjs';

const { ethers } = load('ethers');
const here = path.dirname(fileURLToPath(import.meta.url));

const flag = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const COUNT = flag('count', 150);
const SEED = flag('seed', Number(process.env.CAIRN_SEED ?? 1));

// ---- the two --------------------------------------------------------------------------------------

async function rpc(url, method, params) {
  const answer = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return answer.json();
}

async function must(url, method, params) {
  const { result, error } = await rpc(url, method, params);
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

/// A child of ours that says where its RPC is.
function start(binary, words, ready) {
  const child = spawn(binary, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => { child.kill('SIGKILL'); };
  process.on('exit', stop);
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`${binary} is not ready: ${text.slice(-500)}`)), PATIENCE_MS);
    const hear = (chunk) => {
      text += chunk;
      const found = ready.exec(text);
      if (!found) return;
      clearTimeout(late);
      resolve({ url: found[1].startsWith('http') ? found[1] : `http://${found[1]}`, stop });
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => reject(new Error(`${binary} ended with ${code}: ${text.slice(-500)}`)));
  });
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-geth-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
const OWNER = ethers.HDNodeWallet.fromPhrase(MNEMONIC);
const CHAIN = 1337;
const FUNDS = { [OWNER.address.toLowerCase()]: { balance: '0x21e19e0c9bab2400000' } };
const FORKS = { cancun: { cancunTime: 0 }, prague: { cancunTime: 0, pragueTime: 0 } };

function startGeth(fork) {
  const home = path.join(work, `geth-${fork}`);
  const blobs = { target: 3, max: 6, baseFeeUpdateFraction: 3338477 };
  const zero = ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london'];
  const config = { chainId: CHAIN, ...Object.fromEntries(zero.map((name) => [`${name}Block`, 0])), terminalTotalDifficulty: 0,
    shanghaiTime: 0, ...FORKS[fork], blobSchedule: { cancun: blobs, prague: blobs } };
  const genesis = { config, alloc: FUNDS, gasLimit: '0x1c9c380', difficulty: '0x0', baseFeePerGas: '0x7' };
  fs.writeFileSync(`${home}.json`, JSON.stringify(genesis));
  execFileSync(process.env.GETH, ['init', '--datadir', home, `${home}.json`], { stdio: 'ignore' });
  return start(process.env.GETH, ['--dev', '--datadir', home, '--http', '--http.port', '0', '--http.api', 'eth,debug,net,web3',
    '--authrpc.port', '0', '--port', '0', '--ipcdisable', '--nodiscover', '--maxpeers', '0', '--rpc.gascap', '0', '--cache', '64'],
  /HTTP server started\s+endpoint=(\S+)/);
}

function startCairn(fork) {
  const home = path.join(work, `cairn-${fork}`);
  const binary = process.env.CAIRND ?? path.join(here, '../../build/cairnd');
  execFileSync(binary, ['network', 'init', '--validators', '1', '--chain-id', String(CHAIN), '--block-period', '200ms',
    '--empty-block-period', '1h', '--system-contracts', 'off', '--dir', home], { stdio: 'ignore' });
  const data = path.join(home, 'validator-1');
  const file = path.join(data, 'genesis.json');
  const genesis = JSON.parse(fs.readFileSync(file, 'utf8'));
  Object.assign(genesis.config, FORKS[fork]);
  Object.assign(genesis.alloc, FUNDS);
  fs.writeFileSync(file, JSON.stringify(genesis));
  fs.rmSync(path.join(data, 'guard'), { recursive: true }); // was made for the genesis of before
  return start(binary, ['run', '--data-dir', data, '--rpc-listen', '127.0.0.1:0', '--p2p-listen', '127.0.0.1:0',
    '--rpc-namespaces', 'eth,net,web3,debug'], /ready (http:\S+)/);
}

// ---- programs -------------------------------------------------------------------------------------

let state = BigInt(SEED) + 0x9e3779b97f4a7c15n;
function below(n) {
  state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
  return Number((state >> 33n) % BigInt(n));
}
const pick = (list) => list[below(list.length)];

const hex = (n, bytes) => n.toString(16).padStart(2 * bytes, '0');
const push = (value) => {
  const digits = BigInt(value).toString(16);
  const even = digits.length % 2 ? `0${digits}` : digits;
  return hex(0x5f + even.length / 2, 1) + even;
};
const op = (code, ...args) => args.reverse().map(push).join('') + hex(code, 1);
const [STOP, KECCAK, BALANCE, EXTSIZE, EXTCOPY, EXTHASH, RETCOPY, POP, MLOAD, MSTORE, SLOAD, SSTORE, TSTORE, MCOPY] = [0x00,
  0x20, 0x31, 0x3b, 0x3c, 0x3f, 0x3e, 0x50, 0x51, 0x52, 0x54, 0x55, 0x5d, 0x5e];
const [LOG0, CREATE, CALL, CALLCODE, RETURN, DELEGATE, CREATE2, STATIC, REVERT, INVALID, SUICIDE] = [0xa0, 0xf0, 0xf1, 0xf2,
  0xf3, 0xf4, 0xf5, 0xfa, 0xfd, 0xfe, 0xff];

const HUGE = (1n << 256n) - 1n;
const address = (n) => `0x${n.toString(16).padStart(40, 'c0de')}`;
const names = {};
const world = {};
let made = 0;
function contract(name, code, more = {}) {
  made += 1;
  names[name] = BigInt(address(made));
  world[address(made)] = { code: `0x${code}`, balance: '0x1000', ...more };
  return names[name];
}

/// Writes bytes to memory at 0 and gives the code of it.
function put(bytes) {
  let code = '';
  for (let at = 0; at < bytes.length; at += 64) {
    code += op(MSTORE, at / 2, BigInt(`0x${bytes.slice(at, at + 64).padEnd(64, '0')}`));
  }
  return code;
}
const abi = (type, value) => ethers.AbiCoder.defaultAbiCoder().encode([type], [value]).slice(2);
const reverts = (data) => put(data) + op(REVERT, 0, data.length / 2);
const creates = (init, salt) => put(init)
  + (salt === undefined ? op(CREATE, 1, 0, init.length / 2) : op(CREATE2, 1, 0, init.length / 2, salt));

contract('stops', hex(STOP, 1));
contract('returns', op(MSTORE, 0, 42) + op(RETURN, 0, 32));
contract('stores', op(SSTORE, 1, 7) + op(SLOAD, 1) + op(SSTORE, 1, 0) + op(SSTORE, 2, 9), { stateDiff: { [`0x${'0'.repeat(63)}2`]: `0x${'0'.repeat(63)}5` } });
contract('logs', op(LOG0, 0, 40) + op(LOG0 + 2, 3, 0, 17, 18) + op(LOG0 + 4, 0, 0, 1, 2, 3, 4));
contract('error', reverts(`08c379a0${abi('string', 'unlucky')}`));
contract('error long', reverts(`08c379a0${abi('string', 'a reason of many words, '.repeat(20))}`));
contract('error odd', reverts(`08c379a0${abi('bytes', '0x41ff8022e282ac41c0')}`));
contract('error empty', reverts(`08c379a0${abi('string', '')}`));
contract('panic', reverts(`4e487b71${abi('uint256', 0x11)}`));
contract('panic strange', reverts(`4e487b71${abi('uint256', 0x1234)}`));
contract('custom', reverts(`12345678${abi('uint256', 5)}`));
contract('revert empty', op(REVERT, 0, 0));
contract('revert short', op(MSTORE, 0, HUGE) + op(REVERT, 0, 3));
contract('invalid', hex(INVALID, 1));
contract('undefined', '0c');
contract('underflow', hex(POP, 1));
contract('overflow', '5f'.repeat(1025));
contract('bad jump', op(0x56, 3));
contract('spins', '5b5f56');
contract('memory', op(MLOAD, 1n << 40n));
contract('memory far', op(MLOAD, HUGE));
contract('memory gas', op(MSTORE, 1n << 24n, 1));
contract('copy far', op(MCOPY, 0, HUGE, 4));
contract('hash far', op(KECCAK, HUGE, HUGE));
contract('return data', op(RETCOPY, 0, 0, 1));
contract('looks', op(BALANCE, 0x1234) + op(EXTSIZE, names.stops) + op(EXTHASH, 0x77) + op(EXTCOPY, names.returns, 0, 0, 9) + op(SLOAD, 77));
contract('dies', op(SUICIDE, 0xdead));
contract('dies for itself', `30${hex(SUICIDE, 1)}`);
contract('dies in vain', op(CALL, 100000, names.dies, 0, 0, 0, 0, 0) + op(REVERT, 0, 0));
const logsAndReverts = contract('logs, reverts', op(LOG0, 0, 3) + op(CALL, 200000, names.logs, 0, 0, 0, 0, 0) + op(REVERT, 0, 0));
contract('logs all over', op(LOG0, 0, 1) + op(CALL, 300000, logsAndReverts, 0, 0, 0, 0, 0)
  + op(CALL, 200000, names.logs, 0, 0, 0, 0, 0) + op(LOG0, 0, 2));
const writes = { sstore: op(SSTORE, 0, 1), tstore: op(TSTORE, 0, 1), log: op(LOG0, 0, 0), create: op(CREATE, 0, 0, 0),
  create2: op(CREATE2, 0, 0, 0, 0), die: op(SUICIDE, 1), pay: op(CALL, 0, names.stops, 1, 0, 0, 0, 0) };
for (const [name, code] of Object.entries(writes)) {
  contract(`static ${name}`, op(STATIC, 100000, contract(`writes ${name}`, code), 0, 0, 0, 0));
}
for (const [name, code] of Object.entries({ CALL, CALLCODE })) {
  contract(`${name} pays`, op(code, 50000, names.returns, 5, 0, 4, 0, 32));
  contract(`${name} too much`, op(code, 50000, names.returns, 1n << 100n, 0, 4, 0, 32));
}
contract('DELEGATECALL', op(DELEGATE, 100000, names.stores, 0, 4, 0, 0));
contract('DELEGATECALL, CALLCODE', op(DELEGATE, 200000, contract('CALLCODE stores', op(CALLCODE, 100000, names.stores, 3, 0, 4, 0, 0)), 0, 4, 0, 0));
contract('deep', `${push(0)}${push(0)}${push(0)}${push(0)}${push(0)}305a${hex(CALL, 1)}`);
contract('deep to the end', `6001545f5f5f5f5f305a${hex(CALL, 1)}`);
for (let i = 1; i <= 0x11; i += 1) {
  contract(`precompile ${i}`, op(STATIC, 200000, i, 0, 0, 0, 32) + op(CALL, 3000, i, 1, 0, 5, 0, 0) + op(DELEGATE, 50, i, 0, 40, 0, 0));
}
const runtime = `${put(`${'60016000'}`)}${op(RETURN, 0, 4)}`;
for (const salt of [undefined, 9]) {
  const word = salt === undefined ? 'CREATE' : 'CREATE2';
  contract(`${word}`, creates(runtime, salt));
  contract(`${word} twice`, creates(runtime, salt) + creates(runtime, salt));
  contract(`${word} nothing`, creates('00', salt));
  contract(`${word} stores`, creates(op(SSTORE, 1, 2) + runtime, salt));
  contract(`${word} dies`, creates(op(SUICIDE, 0xabc), salt));
  contract(`${word} reverts`, creates(reverts(`08c379a0${abi('string', 'no')}`), salt));
  contract(`${word} fails`, creates(hex(INVALID, 1), salt));
  contract(`${word} 0xef`, creates(`${op(MSTORE, 0, 0xefn << 248n)}${op(RETURN, 0, 1)}`, salt));
  contract(`${word} too large`, creates(op(RETURN, 0, 24577), salt));
  contract(`${word} too dear`, creates(op(RETURN, 0, 20000), salt));
  contract(`${word} long`, (salt === undefined ? op(CREATE, 0, 0, 49153) : op(CREATE2, 0, 0, 49153, 0)));
  contract(`${word} far`, (salt === undefined ? op(CREATE, 0, HUGE, 5) : op(CREATE2, 0, HUGE, 5, 0)));
  contract(`${word} too poor`, (salt === undefined ? op(CREATE, 1n << 90n, 0, 5) : op(CREATE2, 1n << 90n, 0, 5, 0)));
  contract(`${word} of code that reverts later`, creates(runtime, salt) + op(REVERT, 0, 0));
}
contract('nonce is full', op(CREATE, 0, 0, 0), { nonce: '0xffffffffffffffff' });
world[address(0xde1e)] = { code: `0xef0100${ethers.toBeHex(names.stores, 20).slice(2)}`, balance: '0x5' };
names.delegating = BigInt(address(0xde1e));
contract('calls a delegating one', op(CALL, 100000, names.delegating, 1, 0, 0, 0, 0) + op(STATIC, 5, names.delegating, 0, 0, 0, 0));
contract('many', ['error', 'panic', 'stores', 'invalid', 'dies', 'CREATE2', 'logs all over', 'looks'].map((n) => op(CALL,
  250000, names[n], 1, 0, 4, 0, 64)).join(''));

/// A program of random pieces, some of them wrong.
function random() {
  const callee = () => (below(5) ? pick(Object.values(names)) : BigInt(1 + below(300)));
  const small = () => (below(20) ? below(100) : pick([HUGE, 1n << 40n, 1n << 63n, 30000]));
  const pieces = [
    () => op(SSTORE, below(3), below(3)), () => op(SLOAD, below(4)), () => op(MSTORE, small(), below(9)),
    () => op(LOG0 + 1, small(), small(), 5), () => op(KECCAK, small(), small()), () => op(BALANCE, callee()),
    () => op(EXTCOPY, callee(), small(), small(), small()), () => op(EXTHASH, callee()), () => op(RETCOPY, small(), below(40), small()),
    () => op(pick([CALL, CALLCODE]), below(90000), callee(), below(3) ? 0 : 1, small(), small(), small(), small()),
    () => op(pick([DELEGATE, STATIC]), below(90000), callee(), small(), small(), small(), small()),
    () => op(CREATE, 0, small(), small()), () => op(CREATE2, 0, small(), small(), below(3)), () => hex(POP, 1),
    () => (below(6) ? '' : op(SUICIDE, callee())), () => (below(6) ? '' : op(REVERT, 0, small())),
    () => (below(9) ? '5a' : hex(below(256), 1)), () => op(0x0a, 3, 1n << BigInt(below(256))), () => op(MCOPY, small(), small(), small()),
  ];
  let code = '';
  for (let i = 0; i < 12; i += 1) code += pick(pieces)();
  return code;
}

// ---- comparing ------------------------------------------------------------------------------------

const TRACERS = [
  {}, { enableMemory: true, enableReturnData: true }, { disableStack: true, disableStorage: true }, { limit: 700 },
  { tracer: 'callTracer' }, { tracer: 'callTracer', tracerConfig: { withLog: true } },
  { tracer: 'callTracer', tracerConfig: { withLog: true, onlyTopCall: true } },
  { tracer: 'prestateTracer' }, { tracer: 'prestateTracer', tracerConfig: { diffMode: true } },
  { tracer: 'prestateTracer', tracerConfig: { includeEmpty: true } },
  { tracer: 'prestateTracer', tracerConfig: { disableCode: true, disableStorage: true, diffMode: true } },
  { tracer: 'prestateTracer', tracerConfig: { diffMode: true, includeEmpty: true } },
  { tracer: 'flatCallTracer' }, { tracer: 'flatCallTracer', tracerConfig: { convertParityErrors: true, includePrecompiles: true } },
  { tracer: '4byteTracer' }, { tracer: 'noopTracer' },
];

const counts = { members: 0, answers: 0, allowed: {} };
const differences = [];

/// What may differ, with the reason.
function allowed(ours, theirs, where, step) {
  const key = where.split('.').at(-1);
  // What it would have cost depends on the slot or the account, which the machine did not look at.
  if (key === 'gasCost' && step?.error?.startsWith('out of gas')
    && /^(SSTORE|SLOAD|SELFDESTRUCT|EXTCODECOPY|(STATIC|DELEGATE)?CALL|CALLCODE)$/.test(step.op)) return 'gasCost of an instruction that lacks gas';
  if (key === 'error' && ours === 'precompiled contract failed' && theirs) return 'words of a failed precompile';
  return null;
}

function compare(ours, theirs, where, step) {
  if (ours !== null && theirs !== null && typeof ours === 'object' && typeof theirs === 'object'
      && Array.isArray(ours) === Array.isArray(theirs)) {
    const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
    return [...keys].every((key) => compare(ours[key], theirs[key], `${where}.${key}`, theirs));
  }
  counts.members += 1;
  if (ours === theirs) return true;
  const why = allowed(ours, theirs, where, step);
  if (why) {
    counts.allowed[why] = (counts.allowed[why] ?? 0) + 1;
    return true;
  }
  differences.push(where);
  if (process.env.TRACE_ALL || differences.length <= 60) console.log(`DIFFERENCE ${where}\n  geth  ${JSON.stringify(theirs)?.slice(0, 300)}\n  cairn ${JSON.stringify(ours)?.slice(0, 300)}`);
  return false;
}

async function both(method, params, where) {
  const [a, b] = await Promise.all([rpc(cairn.url, method, params[0] ?? params), rpc(geth.url, method, params[1] ?? params)]);
  counts.answers += 1;
  if (a.error && b.error) return compare(a.error.message, b.error.message, `${where} refused`);
  return compare(a.error ?? a.result, b.error ?? b.result, where);
}

let cairn;
let geth;

// ---- calls over a made-up world -------------------------------------------------------------------

const SENDER = address(0xabcdef);
const COINBASE = address(0xfee);
async function traceCall(name, to, more = {}) {
  const message = { from: SENDER, gas: '0x100000', value: '0x0', data: '0xaabbccdd01', ...more };
  if (to) message.to = ethers.toBeHex(to, 20);
  for (const tracer of TRACERS) {
    const options = { ...tracer, stateOverrides: { ...world, [SENDER]: { balance: '0xffffffffffffffff', nonce: '0x7' } },
      blockOverrides: { feeRecipient: COINBASE, number: '0x64', time: '0x70000000', gasLimit: '0x1c9c380' } };
    const params = [message, 'latest', options];
    await both('debug_traceCall', [params, params], `${where} traceCall ${name} ${JSON.stringify(tracer)}`);
  }
}

async function calls() {
  for (const [name, at] of Object.entries(names)) await traceCall(name, at, name === 'spins' ? { gas: '0x8000' } : {});
  for (const [name, at] of Object.entries(names)) {
    if (below(3) === 0) await traceCall(`${name} with little gas`, at, { gas: `0x${(21400 + below(9000)).toString(16)}` });
  }
  await traceCall('a creation', null, { data: `0x${runtime}` });
  await traceCall('a creation that fails', null, { data: '0xfe' });
  await traceCall('a creation that reverts', null, { data: `0x${reverts(`08c379a0${abi('string', 'never')}`)}` });
  await traceCall('a transfer', 0x9999n, { value: '0x5' });
  for (let i = 0; i < COUNT; i += 1) {
    const at = address(0xf000);
    world[at] = { code: `0x${random()}`, balance: '0x3' };
    const gas = below(3) ? 1000000 : 22000 + below(60000);
    await traceCall(`random ${SEED}/${i} ${world[at].code}`, BigInt(at), { gas: `0x${gas.toString(16)}` });
  }
}

let where = '';
for (const fork of Object.keys(FORKS)) {
  where = fork;
  [cairn, geth] = await Promise.all([startCairn(fork), startGeth(fork)]);
  await calls();
  cairn.stop();
  geth.stop();
}

const allowedText = Object.entries(counts.allowed).map(([why, n]) => `${n} ${why}`).join(', ');
console.log(`trace_geth: ${counts.answers} answers, ${counts.members} members compared with go-ethereum's, `
  + `${differences.length} differ, allowed: ${allowedText || 'none'} (seed ${SEED})`);
process.exit(differences.length ? 1 : 0);

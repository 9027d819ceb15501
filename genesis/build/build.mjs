// SPDX-License-Identifier: Apache-2.0
// Compiles genesis/contracts and writes what the rest of the project reads:
//
//   genesis/artifacts/<Contract>.json    ABI, creation and runtime code, compiler, hash of the sources
//   genesis/artifacts/deployment.json    how the contracts are deployed, and their addresses
//   chain/fed/contracts.h, contracts.c   addresses, selectors, topics and errors for C
//
// The same sources give the same bytes on every machine. With --check nothing is written, and any
// difference from what is in the tree is an error.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as plan from './plan.mjs';
import { cHeader, cSource } from './emit_c.mjs';

const require = createRequire(import.meta.url);
const solc = require('solc');
const { keccak256 } = require('js-sha3');

const HERE = dirname(fileURLToPath(import.meta.url));
const GENESIS = dirname(HERE);
const ROOT = dirname(GENESIS);
const RUNTIME_LIMIT = 24576; // EIP-170
const INITCODE_LIMIT = 49152; // EIP-3860
const COMPILER = '0.8.28';

const settings = {
  evmVersion: 'cancun',
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'metadata', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
};

function solidityFiles(dir) {
  return readdirSync(dir).sort().flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return solidityFiles(path);
    return name.endsWith('.sol') ? [path] : [];
  });
}

/** Compiles all sources; ends the program with the compiler's words if one of them is wrong. */
function compile() {
  if (!solc.version().startsWith(COMPILER + '+')) throw new Error(`solc ${COMPILER} wanted, found ${solc.version()}`);
  const sources = {};
  for (const path of solidityFiles(join(GENESIS, 'contracts'))) {
    sources[relative(GENESIS, path)] = { content: readFileSync(path, 'utf8') };
  }
  const used = { ...sources };
  const findImport = (name) => {
    const path = join(HERE, 'node_modules', name);
    if (!name.startsWith('@openzeppelin/') || !existsSync(path)) return { error: `not found: ${name}` };
    const contents = readFileSync(path, 'utf8');
    used[name] = { content: contents };
    return { contents };
  };
  const out = JSON.parse(
    solc.compile(JSON.stringify({ language: 'Solidity', sources, settings }), { import: findImport }),
  );
  const messages = (out.errors ?? []).filter((e) => !tolerated(e));
  if (messages.length !== 0) {
    for (const e of messages) console.error(e.formattedMessage);
    process.exit(1);
  }
  return { contracts: out.contracts, used };
}

/** Hash of the compiler's settings and of every source that one contract is made from. */
function sourceHashOf(metadata, used) {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const name of Object.keys(JSON.parse(metadata).sources).sort()) {
    hash.update(`${name}\0${used[name].content.length}\0${used[name].content}`);
  }
  return '0x' + hash.digest('hex');
}

/**
 * Two remarks that are no findings: `now` is the specified name of an event's argument and once
 * meant more; OpenZeppelin's transient guard clears its slot, as the remark asks.
 */
function tolerated(e) {
  if (e.severity !== 'warning') return false;
  return (e.errorCode === '2319' && e.formattedMessage.includes('uint32 now')) ||
    (e.errorCode === '2394' && e.sourceLocation?.file.startsWith('@openzeppelin/'));
}

function artifactOf({ contracts, used }, name) {
  const found = Object.keys(contracts).filter((file) => name in contracts[file]);
  if (found.length !== 1) throw new Error(`${name}: found in ${found.length} files`);
  const { abi, evm, metadata } = contracts[found[0]][name];
  const runtime = evm.deployedBytecode.object.length / 2;
  const initcode = evm.bytecode.object.length / 2;
  if (runtime >= RUNTIME_LIMIT) throw new Error(`${name}: ${runtime} bytes of runtime code, limit ${RUNTIME_LIMIT}`);
  if (initcode >= INITCODE_LIMIT) throw new Error(`${name}: ${initcode} bytes of creation code`);
  console.log(`${name.padEnd(20)} ${String(runtime).padStart(6)} bytes`);
  return {
    contractName: name,
    compiler: { version: COMPILER, evmVersion: settings.evmVersion, optimizerRuns: settings.optimizer.runs },
    sourceHash: sourceHashOf(metadata, used),
    abi,
    bytecode: '0x' + evm.bytecode.object,
    deployedBytecode: '0x' + evm.deployedBytecode.object,
  };
}

/** Adds to the ABI of `name` what it delegates to `part`. */
function mergeAbi(artifacts, name, part) {
  const abiOf = (n) => artifacts.find((a) => a.contractName === n).abi;
  const key = (e) => JSON.stringify([e.type, e.name, e.inputs]);
  const have = new Set(abiOf(name).map(key));
  abiOf(name).push(...abiOf(part).filter((e) => e.type !== 'constructor' && !have.has(key(e))));
}

const hexOf = (text) => keccak256(text);
const addressOf = (hash) => '0x' + hash.slice(24);

/** Address of the contract that `deployer` creates with `nonce` < 128. */
function createAddress(deployer, nonce) {
  const rlpNonce = nonce === 0 ? '80' : nonce.toString(16).padStart(2, '0');
  return addressOf(keccak256(Buffer.from('d694' + deployer.slice(2) + rlpNonce, 'hex')));
}

function deployment() {
  const deployer = addressOf(hexOf(plan.deployerSeed));
  const steps = plan.steps.map(([contract, ...args], nonce) => ({
    kind: 'create', contract, address: createAddress(deployer, nonce), args,
  }));
  return {
    about: 'How the system contracts are deployed; made by genesis/build from plan.mjs, which explains it.',
    deployer,
    sentinel: addressOf(hexOf('cairn.sentinel')),
    params: plan.params,
    steps,
  };
}

/** One line per entry of the ABI: readable in a diff, and small in the binaries that embed it. */
function artifactJson(artifact) {
  const lines = Object.entries(artifact).map(([key, value]) => {
    const text = key === 'abi' ? `[\n    ${value.map((e) => JSON.stringify(e)).join(',\n    ')}\n  ]` : JSON.stringify(value);
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

function main() {
  const check = process.argv.includes('--check');
  const compiled = compile();
  const deploy = deployment();
  const artifacts = deploy.steps.map((s) => artifactOf(compiled, s.contract));
  mergeAbi(artifacts, 'Rounds', 'RoundsExtension');
  const json = (value) => JSON.stringify(value, null, 2) + '\n';

  const files = new Map();
  for (const a of artifacts) files.set(`genesis/artifacts/${a.contractName}.json`, artifactJson(a));
  files.set('genesis/artifacts/deployment.json', json(deploy));
  files.set('chain/fed/contracts.h', cHeader(deploy, artifacts, keccak256));
  files.set('chain/fed/contracts.c', cSource(deploy, artifacts, keccak256));

  let different = 0;
  for (const [name, content] of files) {
    const path = join(ROOT, name);
    if (existsSync(path) && readFileSync(path, 'utf8') === content) continue;
    different++;
    if (check) {
      console.error(`differs from what the sources give: ${name}`);
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      console.log(`wrote ${name}`);
    }
  }
  if (check && different !== 0) {
    console.error('run "make contracts" and commit the result');
    process.exit(1);
  }
}

main();

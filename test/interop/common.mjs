// SPDX-License-Identifier: Apache-2.0
// What the interoperability scripts share: modules, the compiled token, a node on a free port.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = process.env.CAIRN_NODE_MODULES;
if (!modules) throw new Error('CAIRN_NODE_MODULES is not set: run test/interop/run.sh');
export const load = createRequire(path.join(modules, 'package.json'));
export const MNEMONIC = 'test test test test test test test test test test test junk';

/// Bounds what hangs and measures nothing: a machine may be slow, and busy with something else.
export const PATIENCE_MS = 120000;
export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/// Asks until `condition` gives something; its value.
export async function waitFor(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for: ${what}`);
    await sleep(10);
  }
}

let checks = 0;

/// Fails loudly; counts what was checked.
export function expect(condition, text) {
  checks += 1;
  if (!condition) throw new Error(`expected: ${text}`);
}

export function same(found, wanted, text) {
  checks += 1;
  if (found !== wanted) throw new Error(`${text}: found ${found}, wanted ${wanted}`);
}

export function checked() {
  return checks;
}

/// abi and bytecode of Coin.sol.
export function compileCoin() {
  const solc = load('solc');
  const input = {
    language: 'Solidity',
    sources: { 'Coin.sol': { content: fs.readFileSync(path.join(here, 'Coin.sol'), 'utf8') } },
    settings: { evmVersion: 'cancun', optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  };
  const imports = (name) => ({ contents: fs.readFileSync(path.join(modules, name), 'utf8') });
  const out = JSON.parse(solc.compile(JSON.stringify(input), { import: imports }));
  const errors = (out.errors ?? []).filter((e) => e.severity === 'error');
  if (errors.length > 0) throw new Error(errors[0].formattedMessage);
  const coin = out.contracts['Coin.sol'].Coin;
  return { abi: coin.abi, bytecode: `0x${coin.evm.bytecode.object}` };
}

/// An anvil with these flags, on a port of the kernel's choice.
export function startAnvil(...flags) {
  const child = spawn(path.join(modules, '.bin/anvil'), ['--port', '0', '--chain-id', '1337', '--hardfork', 'cancun',
    '--mnemonic', MNEMONIC, '--gas-limit', '30000000', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`anvil is not ready after ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /Listening on (\S+)/.exec(text);
      if (!found) return;
      clearTimeout(late);
      resolve({ url: `http://${found[1]}`, stop: () => child.kill('SIGTERM') });
    });
    child.on('exit', (code) => reject(new Error(`anvil ended with ${code}`)));
  });
}

/// A cairnd --dev; `stop` ends it and gives its exit code.
export function startNode(...flags) {
  const binary = process.env.CAIRND ?? path.join(here, '../../build/cairnd');
  const child = spawn(binary, ['--dev', '--rpc-listen', '127.0.0.1:0', '--log-level', 'warn', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`cairnd is not ready after ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /ready (http:\S+)/.exec(text);
      if (!found) return;
      clearTimeout(late);
      const stop = () => { child.kill('SIGTERM'); return ended; };
      resolve({ url: found[1], stop });
    });
    ended.then((code) => reject(new Error(`cairnd ended with ${code}`)));
  });
}

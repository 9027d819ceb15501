// SPDX-License-Identifier: Apache-2.0
// A throw-away chain (anvil, Cancun rules) with the system contracts deployed by the plan, and
// short ways to call them.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODULES, ROOT, ethers } from './deps.mjs';

const { AbiCoder, Interface, getCreateAddress, toBeHex } = ethers;
const readJson = (name) => JSON.parse(readFileSync(join(ROOT, 'genesis/artifacts', name), 'utf8'));
export const plan = readJson('deployment.json');
export const artifacts = Object.fromEntries(plan.steps.map((s) => [s.contract, readJson(`${s.contract}.json`)]));
export const coder = AbiCoder.defaultAbiCoder();

/** One interface of everything, for errors and logs whose contract does not matter. */
const seen = new Set();
const everything = new Interface(Object.values(artifacts).flatMap((a) => a.abi).filter((e) => {
  const key = JSON.stringify([e.type, e.name, e.inputs?.map((i) => i.type)]);
  return (e.type === 'error' || e.type === 'event') && !seen.has(key) && seen.add(key);
}));

/** A call that the contract refused: `name` is the custom error's, `args` its arguments. */
export class Reverted extends Error {
  constructor(data, message) {
    const parsed = data && data !== '0x' ? everything.parseError(data) : null;
    super(parsed ? `${parsed.name}(${parsed.args.join(', ')})` : `${message} ${data ?? ''}`);
    this.errorName = parsed?.name ?? null;
    this.args = parsed?.args ?? [];
  }
}

const GAS = '0x1c00000'; // what a block of 30 million can hold

export const address = (n) => toBeHex(0x1000 + n, 20);

/** Values of the plan's parameters, defaults where `given` says nothing. */
export function planParams(given) {
  const values = {};
  for (const [name, p] of Object.entries(plan.params)) values[name] = name in given ? given[name] : p.default;
  for (const name of Object.keys(given)) if (!(name in plan.params)) throw new Error(`no parameter ${name}`);
  const addressOf = (v) => {
    if (typeof v !== 'string') return v;
    if (v.startsWith('@')) return plan.steps.find((s) => s.contract === v.slice(1)).address;
    return v.startsWith('$') ? addressOf(values[v.slice(1)]) : v;
  };
  return { values, addressOf };
}

/** Creation code with encoded arguments of one step of the plan. */
export function creationCode(step, { values, addressOf }) {
  const types = step.args.map((a) => a.type);
  const args = step.args.map((a) => {
    const v = 'param' in a ? values[a.param] : a.value;
    return Array.isArray(v) ? v.map(addressOf) : addressOf(v);
  });
  return artifacts[step.contract].bytecode + coder.encode(types, args).slice(2);
}

export class Chain {
  /** Starts anvil on a port of the kernel's choice, on a genesis file if one is given. */
  static async start(genesis) {
    const program = join(MODULES, '.bin/anvil');
    const child = spawn(program, ['--port', '0', '--hardfork', 'cancun', '--chain-id', '1337', '--gas-price', '0',
      '--base-fee', '0', '--auto-impersonate', '--accounts', '1', '--gas-limit', '30000000',
      '--disable-min-priority-fee', '--no-request-size-limit',
      ...(genesis ? ['--init', genesis] : ['--timestamp', '1700000000'])],
    { stdio: ['ignore', 'pipe', 'inherit'] });
    const chain = new Chain();
    chain.child = child;
    process.on('exit', () => child.kill());
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1)); // no orphan stays
    chain.url = await new Promise((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (data) => {
        text += data;
        const found = /Listening on (\S+:\d+)/.exec(text);
        if (found) resolve(`http://${found[1]}`);
      });
      child.on('exit', (code) => reject(new Error(`anvil ended with ${code}: ${text}`)));
      child.on('error', reject);
    });
    chain.nextId = 1;
    chain.queue = [];
    chain.chainId = BigInt(await chain.rpc('eth_chainId'));
    return chain;
  }

  stop() {
    this.child.removeAllListeners('exit');
    this.child.kill();
  }

  /** One JSON-RPC call. Calls made in the same turn travel as one batch. */
  rpc(method, ...params) {
    return new Promise((resolve, reject) => {
      if (this.queue.length === 0) queueMicrotask(() => this.flush());
      this.queue.push({ call: { jsonrpc: '2.0', id: this.nextId++, method, params }, resolve, reject });
    });
  }

  async flush() {
    const sent = this.queue;
    this.queue = [];
    try {
      const body = JSON.stringify(sent.map((s) => s.call));
      const response = await fetch(this.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const answers = new Map((await response.json()).map((a) => [a.id, a]));
      for (const { call, resolve, reject } of sent) {
        const { error, result } = answers.get(call.id);
        if (!error) resolve(result);
        else reject(new Reverted(typeof error.data === 'string' ? error.data : null, error.message));
      }
    } catch (e) {
      for (const { reject } of sent) reject(e);
    }
  }

  /** Deploys the plan with some parameters set. Throws if an address is not the plan's. */
  async deploy(given) {
    this.params = planParams(given);
    for (const [nonce, step] of plan.steps.entries()) {
      if (getCreateAddress({ from: plan.deployer, nonce }).toLowerCase() !== step.address) throw new Error(step.contract);
      const data = creationCode(step, this.params);
      const receipt = await this.sendRaw({ from: plan.deployer, data });
      if (receipt.contractAddress !== step.address) throw new Error(`${step.contract}: ${receipt.contractAddress}`);
    }
  }

  /** Sends, waits for the receipt; throws Reverted with the contract's reason if it failed. */
  async sendRaw(tx) {
    const hash = await this.rpc('eth_sendTransaction', { gasPrice: '0x0', gas: GAS, ...tx });
    let receipt = null;
    for (const end = Date.now() + 120000; receipt === null && Date.now() < end;) {
      receipt = await this.rpc('eth_getTransactionReceipt', hash);
    }
    if (receipt === null) throw new Error(`no receipt of ${hash}`);
    if (receipt.status !== '0x1') {
      const trace = await this.rpc('debug_traceTransaction', hash, { tracer: 'callTracer' });
      throw new Reverted(trace.output ?? null, trace.error);
    }
    receipt.events = receipt.logs.map((l) => everything.parseLog(l)).filter((l) => l !== null);
    return receipt;
  }

  /** A handle: `c.send(from, 'fn', ...args)` gives the receipt, `c.call('fn', ...args)` the result. */
  contract(name, at) {
    const iface = new Interface(artifacts[name].abi);
    const to = at ?? plan.steps.find((s) => s.contract === name).address;
    return {
      address: to,
      iface,
      encode: (fn, ...args) => iface.encodeFunctionData(fn, args),
      call: async (fn, ...args) => this.callAs(address(0), iface, to, fn, args),
      callFrom: async (from, fn, ...args) => this.callAs(from, iface, to, fn, args),
      send: async (from, fn, ...args) => this.sendRaw({ from, to, data: iface.encodeFunctionData(fn, args) }),
    };
  }

  async callAs(from, iface, to, fn, args) {
    const data = await this.rpc('eth_call', { from, to, data: iface.encodeFunctionData(fn, args) }, 'latest');
    const result = iface.decodeFunctionResult(fn, data);
    return result.length === 1 ? result[0] : result;
  }

  async mine(blocks = 1, seconds = 0) {
    if (seconds !== 0) await this.rpc('evm_increaseTime', seconds);
    await this.rpc('anvil_mine', toBeHex(blocks), '0x0');
  }

  async block() {
    return Number(await this.rpc('eth_blockNumber'));
  }

  async time() {
    return Number((await this.rpc('eth_getBlockByNumber', 'latest', false)).timestamp);
  }

  async snapshot() {
    return this.rpc('evm_snapshot');
  }

  /** Goes back to a snapshot and takes it again, so that it can be used any number of times. */
  async restore(snapshot) {
    await this.rpc('evm_revert', snapshot);
    return this.snapshot();
  }
}

export const eventsOf = (receipt, name) => receipt.events.filter((e) => e.name === name);

// SPDX-License-Identifier: Apache-2.0
// Cairn's side: the program evm_cases, kept running, one case per line.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Cairn {
  /** @param tamper  changes an answer, to see whether that is noticed */
  constructor(program, tamper = (answer) => answer) {
    this.waiting = [];
    this.child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout }).on('line', (text) => this.waiting.shift()
      .resolve(tamper(JSON.parse(text))));
    const fail = (why) => {
      this.dead = new Error(`evm_cases ended: ${why}`);
      for (const w of this.waiting.splice(0)) w.reject(this.dead);
    };
    this.child.on('error', (error) => fail(error.message));
    this.child.on('exit', (code, signal) => fail(signal ?? code));
    this.child.stdin.on('error', () => {});
  }

  /** Runs {fork, env, pre, txbytes}. */
  run(c, trace = false) {
    if (this.dead) return Promise.reject(this.dead);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      const line = JSON.stringify({ fork: c.fork, env: c.env, pre: c.pre, txbytes: c.txbytes, trace });
      this.child.stdin.write(`${line}\n`);
    });
  }

  close() { this.child.stdin.end(); }
}

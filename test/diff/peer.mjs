// SPDX-License-Identifier: Apache-2.0
// The independent EVM: @ethereumjs/vm on a state trie of its own.

import { block as blocks, evm as evms, keccak256, rlp, statemanager, tx as txs, util, vm as vms } from './deps.mjs';
import { commonOf } from './generate.mjs';

// As go-ethereum's tests have it: the hash of block n is that of its decimal text.
const blockchain = {
  getBlock: async (n) => ({ hash: () => keccak256(new TextEncoder().encode(String(n))) }),
  putBlock: async () => {},
  shallowCopy() { return this; },
};

async function worldOf(pre, common) {
  const state = new statemanager.MerkleStateManager({ common });
  for (const [who, a] of Object.entries(pre)) {
    const at = util.createAddressFromString(who);
    await state.putAccount(at, new util.Account(BigInt(a.nonce), BigInt(a.balance)));
    if (a.code !== '0x') await state.putCode(at, util.hexToBytes(a.code));
    for (const [slot, value] of Object.entries(a.storage)) {
      await state.putStorage(at, util.setLengthLeft(util.hexToBytes(even(slot)), 32),
        util.unpadBytes(util.hexToBytes(even(value))));
    }
  }
  await state.flush();
  state.originalStorageCache.clear(); // or it would take what we put for changes of the transaction
  return state;
}
const even = (h) => (h.length % 2 ? `0x0${h.slice(2)}` : h);

function blockOf(env, fork, common) {
  const header = { number: BigInt(env.currentNumber), timestamp: BigInt(env.currentTimestamp),
    gasLimit: BigInt(env.currentGasLimit), coinbase: env.currentCoinbase, difficulty: BigInt(env.currentDifficulty) };
  if (common.isActivatedEIP(1559)) header.baseFeePerGas = BigInt(env.currentBaseFee);
  if (common.isActivatedEIP(4399)) header.mixHash = env.currentRandom;
  if (common.isActivatedEIP(4844)) header.excessBlobGas = BigInt(env.currentExcessBlobGas);
  return blocks.createBlock({ header }, { common, setHardfork: false, skipConsensusFormatValidation: true });
}

function line(e) {
  const top = e.stack.length === 0 ? '-' : e.stack[e.stack.length - 1].toString(16).padStart(64, '0');
  return `${e.pc} ${e.opcode.code.toString(16).padStart(2, '0')} ${e.gasLeft} ${e.depth + 1} ${e.stack.length} ${top}`;
}

/** Runs {fork, env, pre, txbytes}. @return the fields that Cairn's answer has */
export async function runPeer(c, trace = false) {
  const common = commonOf(c.fork);
  const state = await worldOf(c.pre, common);
  const evm = await evms.createEVM({ common, stateManager: state, blockchain });
  const vm = await vms.createVM({ common, stateManager: state, evm, blockchain });
  const steps = [];
  if (trace) evm.events.on('step', (e) => { if (steps.length < 100000) steps.push(line(e)); });
  const before = util.bytesToHex(await state.getStateRoot());
  let result;
  try {
    const tx = txs.createTxFromRLP(util.hexToBytes(c.txbytes), { common });
    result = await vms.runTx(vm, { tx, block: blockOf(c.env, c.fork, common) });
  } catch (error) {
    return { refused: error.message, root: before, trace: steps };
  }
  const { execResult } = result;
  const why = execResult.exceptionError?.error;
  return {
    refused: null,
    root: util.bytesToHex(await state.getStateRoot()),
    logs: util.bytesToHex(keccak256(rlp.RLP.encode(execResult.logs ?? []))),
    gasUsed: Number(result.totalGasSpent),
    status: why === undefined ? 'success' : why === 'revert' ? 'revert' : 'halt',
    why: why ?? '',
    output: util.bytesToHex(execResult.returnValue),
    trace: steps,
  };
}

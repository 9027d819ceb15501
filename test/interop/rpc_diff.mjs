// SPDX-License-Identifier: Apache-2.0
// The same transactions and the same script of requests for cairnd and anvil: shapes, types and
// error codes of all answers are compared, and the values where the chains must agree. What may
// differ is listed below with its reason; a row that nothing needs any more is an error too.

import { checked, compileCoin, expect, load, MNEMONIC, same, startAnvil, startNode, waitFor } from './common.mjs';

const { ethers } = load('ethers');
const HASH = `0x${'11'.repeat(32)}`;
const A = '0x00000000000000000000000000000000000000aa';

/// Methods, path in the answer (. is all of it), what differs, why it may.
const ALLOWED = [
  [/^eth_accounts$/, /^\.$/, 'empty', 'anvil keeps the keys of its accounts; a node here holds none'],
  [/^eth_config$/, /BEACON_ROOTS_ADDRESS$/, 'only there', 'QBFT blocks make no system calls'],
  [/^eth_(getTransaction|getBlock)/, /blockTimestamp$/, 'only there', "anvil's own member of transactions and receipts"],
  [/^eth_get(Transaction|Block)Receipts?$/, /blobGasPrice$/, 'only there', 'of blob transactions alone in go-ethereum'],
  [/^eth_getBlockBy/, /totalDifficulty$/, 'only there', 'gone from execution-apis'],
  [/^eth_getBlockByNumber$/, /^\.(hash|nonce|logsBloom|miner|stateRoot|receiptsRoot|mixHash|transactionsRoot)$/, 'type', 'null while pending: nobody knows them yet'],
  [/^eth_call$/, /^\.$/, 'type', "anvil's safe and finalized blocks lie before the deployment; here all blocks are final"],
  [/^eth_getStorageAt$/, /^\.$/, 'error', 'keys are 0x and 1 to 64 digits here'],
  [/^eth_getProof$/, /^\.$/, 'error', 'keys of 1 to 32 bytes are taken here, also with an odd number of digits'],
  [/^eth_getBalance$/, /^\.$/, 'error', 'the block may be left out here'],
  [/^eth_getLogs$/, /^\.$/, 'error', 'a range that ends before it begins is refused here'],
  [/^eth_(getLogs|getBalance|getProof|call|estimateGas|createAccessList)$/, /^\.$/, 'code', 'a block that is not there is -32001 here; what failed without a revert is -32015'],
  [/^eth_(call|estimateGas|createAccessList)$/, /^\.$/, 'error', 'both kinds of price are refused, funds are checked; a list is made also of what reverts, as go-ethereum does'],
  [/^eth_feeHistory$/, /^\.reward$/, 'only there', 'without percentiles there are no rewards, as in go-ethereum'],
  [/^eth_feeHistory$/, /^\.(baseFee|gasUsed|blobGas)/, 'empty', 'of no blocks there is nothing'],
  [/^eth_feeHistory$/, /^\.$/, 'error', 'percentiles must ascend up to 100, and the newest block be there'],
  [/^eth_simulateV1$/, /\.(withdrawalsRoot|withdrawals|blobGasUsed|excessBlobGas|parentBeaconBlockRoot|size|maxUsedGas)$/, 'only here', 'execution-apis has them'],
  [/^eth_simulateV1$/, /\.transactions\.0\.(blockHash|blockNumber|transactionIndex)$/, 'type', 'the block is known when its transactions are told'],
];
const used = new Set();

function allowed(method, where, what) {
  const hit = ALLOWED.findIndex(([methods, paths, kind]) => kind === what && methods.test(method) && paths.test(where));
  if (hit >= 0) used.add(hit);
  return hit >= 0;
}

async function post(url, body) {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return answer.json();
}

const { abi, bytecode } = compileCoin();
const coin = new ethers.Interface(abi);

/// The same transactions everywhere: what they are called, and where.
async function play(url) {
  const provider = new ethers.JsonRpcProvider(url, undefined, { cacheTimeout: -1, pollingInterval: 20 });
  const wallet = ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', "m/44'/60'/0'/0/0").connect(provider);
  const other = ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', "m/44'/60'/0'/0/1").address;
  const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n };
  const made = [];
  let nonce = 0;
  const send = async (tx) => {
    const sent = await wallet.sendTransaction({ gasLimit: 3000000n, ...fees, ...tx, nonce: nonce++ });
    const receipt = await waitFor(() => provider.send('eth_getTransactionReceipt', [sent.hash]), 'inclusion');
    made.push(receipt);
    return receipt;
  };
  const deployed = await send({ data: bytecode + coin.encodeDeploy([1000n]).slice(2) });
  const token = deployed.contractAddress;
  await send({ to: token, data: coin.encodeFunctionData('transfer', [other, 250n]) });
  await send({ to: other, value: 5n, gasLimit: 21000n });
  await send({ to: token, data: coin.encodeFunctionData('transferFrom', [other, A, 250n]) }); // reverts
  await send({ to: other, value: 1n, gasLimit: 21000n, type: 0, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined, gasPrice: 10n ** 10n });
  await send({ to: token, data: coin.encodeFunctionData('approve', [other, 7n]), type: 1, accessList: [{ address: token, storageKeys: [`0x${'00'.repeat(32)}`] }],
    maxFeePerGas: undefined, maxPriorityFeePerGas: undefined, gasPrice: 10n ** 10n });
  return { token, made, other, from: wallet.address };
}

/// [method, params, 'equal' if the values must agree].
function script({ token, made, other, from }) {
  const rows = [];
  const add = (method, params = [], equal = '') => rows.push([method, params, equal]);
  const transfer = coin.encodeFunctionData('transfer', [other, 1n]);
  const last = made[made.length - 1];
  const blocks = ['latest', 'earliest', 'pending', 'safe', 'finalized', '0x1', { blockNumber: '0x1' }, { blockHash: last.blockHash }];
  for (const m of ['eth_chainId', 'net_version', 'net_listening', 'eth_accounts', 'eth_syncing', 'web3_clientVersion', 'eth_gasPrice',
    'eth_maxPriorityFeePerGas', 'eth_blobBaseFee', 'eth_blockNumber', 'txpool_status', 'txpool_content', 'txpool_inspect', 'eth_config']) add(m);
  add('web3_sha3', ['0x'], 'equal'); add('web3_sha3', ['0x68656c6c6f'], 'equal'); add('web3_sha3', ['hello']); add('web3_sha3', ['0x1']);
  for (const b of blocks) {
    for (const who of [other, token]) {
      add('eth_getBalance', [who, b]); add('eth_getTransactionCount', [who, b]); add('eth_getCode', [who, b]);
    }
    add('eth_getStorageAt', [token, '0x2', b]);
    add('eth_call', [{ to: token, data: coin.encodeFunctionData('totalSupply') }, b]);
  }
  for (const b of ['latest', '0x1', '0x2', '0x3', '0x6']) {
    add('eth_getCode', [token, b], 'equal'); add('eth_getStorageAt', [token, '0x2', b], 'equal');
    add('eth_getTransactionCount', [from, b], 'equal');
    add('eth_call', [{ to: token, data: coin.encodeFunctionData('balanceOf', [other]) }, b], 'equal');
    add('eth_getBalance', [other, b], 'equal');
    for (const full of [true, false]) add('eth_getBlockByNumber', [b, full]);
    add('eth_getBlockTransactionCountByNumber', [b], 'equal'); add('eth_getUncleCountByBlockNumber', [b], 'equal');
    add('eth_getBlockReceipts', [b]); add('eth_getTransactionByBlockNumberAndIndex', [b, '0x0']);
    add('eth_getTransactionByBlockNumberAndIndex', [b, '0x5'], 'equal'); add('eth_getUncleByBlockNumberAndIndex', [b, '0x0'], 'equal');
  }
  for (const key of ['0x0', '0x2', '0x02', `0x${'00'.repeat(31)}02`, `0x${'00'.repeat(33)}`, '2', '0x', 2]) add('eth_getStorageAt', [token, key, 'latest']);
  for (const r of made) {
    add('eth_getTransactionByHash', [r.transactionHash]); add('eth_getTransactionReceipt', [r.transactionHash]);
    add('eth_getRawTransactionByHash', [r.transactionHash], 'equal');
    for (const full of [true, false]) add('eth_getBlockByHash', [r.blockHash, full]);
    add('eth_getTransactionByBlockHashAndIndex', [r.blockHash, '0x0']); add('eth_getBlockTransactionCountByHash', [r.blockHash], 'equal');
    add('eth_getUncleCountByBlockHash', [r.blockHash], 'equal'); add('eth_getUncleByBlockHashAndIndex', [r.blockHash, '0x0'], 'equal');
    add('eth_getLogs', [{ blockHash: r.blockHash }]);
  }
  for (const m of ['eth_getTransactionByHash', 'eth_getTransactionReceipt', 'eth_getRawTransactionByHash', 'eth_getBlockTransactionCountByHash']) {
    add(m, [HASH]); add(m, ['0x12']); add(m, [5]); add(m, []);
  }
  add('eth_getBlockByHash', [HASH, false]); add('eth_getBlockByHash', ['0x12', false]); add('eth_getBlockByNumber', ['0xffff', false]);
  add('eth_getBlockByNumber', ['newest', false]); add('eth_getBlockByNumber', ['latest', 'yes']); add('eth_getBlockByNumber', []);
  add('eth_getBlockByNumber', ['pending', false]); add('eth_getBlockReceipts', ['0xffff']); add('eth_getBlockReceipts', [{ blockHash: last.blockHash }]);
  add('eth_getBalance', [other]); add('eth_getBalance', ['0x12', 'latest']); add('eth_getBalance', [other, '0xffff']); add('eth_getBalance', []);
  add('eth_getBalance', [other.toLowerCase(), 'latest'], 'equal'); add('eth_getBalance', [`0x${other.slice(2).toUpperCase()}`, 'latest'], 'equal');
  add('eth_getBalance', [other, { blockHash: HASH }]); add('eth_getBalance', [other, {}]); add('eth_getBalance', [other, 'latest', 'more']);
  for (const keys of [[], ['0x2'], ['0x0', `0x${'00'.repeat(31)}02`]]) { add('eth_getProof', [token, keys, 'latest']); add('eth_getProof', [A, keys, 'latest']); }
  add('eth_getProof', [token, ['zz'], 'latest']); add('eth_getProof', [token, '0x2', 'latest']); add('eth_getProof', [token, [], '0xffff']);
  // Logs.
  const topic = ethers.id('Transfer(address,address,uint256)');
  for (const f of [{}, { fromBlock: '0x0' }, { fromBlock: '0x0', toBlock: 'latest', address: token }, { fromBlock: '0x0', address: [token, A] },
    { fromBlock: '0x0', topics: [topic] }, { fromBlock: '0x0', topics: [[topic, HASH], null] }, { fromBlock: '0x0', topics: [null, ethers.zeroPadValue(from, 32)] },
    { fromBlock: '0x0', address: A }, { fromBlock: '0x0', topics: [HASH] }, { fromBlock: '0x0', address: [], topics: [] }]) add('eth_getLogs', [f]);
  for (const f of [{ fromBlock: '0x3', toBlock: '0x1' }, { blockHash: last.blockHash, fromBlock: '0x1' }, { topics: ['0x12'] }, { address: '0x12' }, { topics: {} }, 5]) add('eth_getLogs', [f]);
  add('eth_getLogs', []); add('eth_getLogs', [{ blockHash: HASH }]); add('eth_getLogs', [{ topics: [null, null, null, null, null] }]);
  // Calls.
  for (const m of ['eth_call', 'eth_estimateGas', 'eth_createAccessList']) {
    add(m, [{ from, to: token, data: transfer }]); add(m, [{ from, to: token, input: transfer }, 'latest']);
    add(m, [{ from, to: other, value: '0x1' }, 'latest'], m === 'eth_createAccessList' ? '' : 'equal');
    add(m, [{ from: A, to: token, data: transfer }, 'latest']); add(m, [{ to: token, data: '0xffffffff' }, 'latest']);
    add(m, [{ from, data: bytecode + coin.encodeDeploy([5n]).slice(2) }, 'latest']); add(m, [{ from, data: '0xfe' }, 'latest']);
    add(m, [{ from, to: A, value: '0xffffffffffffffffffffffff' }, 'latest']); add(m, [{ from, to: token, data: '0x1' }, 'latest']);
    add(m, [{ from: '0x12', to: token }, 'latest']); add(m, [{ from, to: token, gas: '0x1' }, 'latest']); add(m, [{}, 'latest']); add(m, ['0x', 'latest']); add(m, []);
    add(m, [{ from, to: token, data: transfer }, '0xffff']);
    add(m, [{ from, to: token, data: transfer, maxFeePerGas: '0x2540be400', gasPrice: '0x2540be400' }, 'latest']);
    add(m, [{ from, to: token, data: transfer, accessList: [{ address: token, storageKeys: [HASH] }] }, 'latest']);
  }
  const code = { [A]: { code: '0x4360005260206000f3' } };
  add('eth_call', [{ to: A }, 'latest', code]); add('eth_call', [{ to: A }, 'latest', { [A]: { code: '0x4760005260206000f3', balance: '0x7' } }], 'equal');
  add('eth_call', [{ to: A }, 'latest', { [A]: { code: '0x60015460005260206000f3', stateDiff: { [`0x${'00'.repeat(31)}01`]: HASH } } }], 'equal');
  add('eth_call', [{ to: A }, 'latest', { [A]: { code: '0x60015460005260206000f3', state: { [`0x${'00'.repeat(31)}01`]: HASH } } }], 'equal');
  add('eth_call', [{ to: A }, 'latest', code, { number: '0x1234' }], 'equal');
  add('eth_call', [{ to: A, gas: '0xfffff' }, 'latest', { [A]: { code: '0x5b600056' } }]); add('eth_call', [{ to: A }, 'latest', { [A]: { code: '0xfe' } }]);
  add('eth_call', [{ to: A }, 'latest', { [A]: { code: '0x01' } }]); add('eth_call', [{ to: A }, 'latest', { [A]: { code: '0x60006000fd' } }]);
  add('eth_simulateV1', [{ blockStateCalls: [{ calls: [{ from, to: token, data: transfer }, { from, to: other, value: '0x1' }] }] }, 'latest']);
  add('eth_simulateV1', [{ blockStateCalls: [{ stateOverrides: code, calls: [{ to: A }] }, { calls: [{ from: A, to: token, data: transfer }] }], returnFullTransactions: true }, 'latest']);
  add('eth_simulateV1', [{ blockStateCalls: [{ calls: [{ from, to: other, value: '0x1' }] }], traceTransfers: true }, 'latest']);
  // Fees.
  for (const p of [['0x1', 'latest', []], ['0x4', 'latest', [0, 50, 100]], ['0x2', '0x3', [10]], [4, 'latest', [25]], ['0x4', 'latest'], ['0x0', 'latest', []],
    ['0x4', 'latest', [50, 10]], ['0x4', 'latest', [101]], ['0x4', '0xffff', []], ['x', 'latest', []]]) add('eth_feeHistory', p);
  // Filters.
  for (const m of ['eth_newBlockFilter', 'eth_newPendingTransactionFilter']) add(m);
  add('eth_newFilter', [{ address: token }]); add('eth_newFilter', [{ topics: [5] }]); add('eth_newFilter', []);
  for (const m of ['eth_getFilterChanges', 'eth_getFilterLogs', 'eth_uninstallFilter']) { add(m, ['0x1234567']); add(m, []); }
  // What is wrong from the start.
  add('eth_sendRawTransaction', ['0x']); add('eth_sendRawTransaction', ['0x1234']); add('eth_sendRawTransaction', ['zz']); add('eth_sendRawTransaction', []);
  add('no_such', []); add('eth_nope', []);
  return rows;
}

/// A path for people: what differs, and how.
function compare(out, ours, theirs, where, equal) {
  const kind = (v) => (v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v === 'string' && /^0x[0-9a-fA-F]*$/.test(v)
    ? (v.length === 66 ? 'hash' : v.length === 42 ? 'address' : 'hex') : typeof v);
  const a = kind(ours);
  const b = kind(theirs);
  if (a !== b) { out.push([where, 'type', `${a} here, ${b} there`]); return; }
  if (a === 'array') {
    if (ours.length > 0 && theirs.length > 0) compare(out, ours[0], theirs[0], `${where}.0`, equal);
    if ((ours.length === 0) !== (theirs.length === 0)) out.push([where, 'empty', `${ours.length} here, ${theirs.length} there`]);
  } else if (a === 'object') {
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      if (!(key in theirs)) out.push([`${where}.${key}`, 'only here', '']);
      else if (!(key in ours)) out.push([`${where}.${key}`, 'only there', '']);
      else compare(out, ours[key], theirs[key], `${where}.${key}`, equal);
    }
  } else if (equal && ours !== theirs) {
    out.push([where, 'value', `${String(ours).slice(0, 70)} here, ${String(theirs).slice(0, 70)} there`]);
  }
}

const [node, anvil] = await Promise.all([startNode(), startAnvil()]);
const [left, right] = [await play(node.url), await play(anvil.url)];
same(left.token, right.token, 'address of the token');
const here = script(left);
const there = script(right);
same(here.length, there.length, 'requests');
expect(here.length >= 300, `300 requests or more: ${here.length}`);
let bad = 0;
for (const [i, [method, params, equal]] of here.entries()) {
  const ours = await post(node.url, { jsonrpc: '2.0', id: i, method, params });
  const theirs = await post(anvil.url, { jsonrpc: '2.0', id: i, method, params: there[i][1] });
  expect(ours.id === i && ours.jsonrpc === '2.0', 'an answer to this request');
  const found = [];
  if ('error' in ours !== 'error' in theirs) {
    found.push(['.', 'error', 'error' in ours ? `${ours.error.code} ${ours.error.message} here` : `${theirs.error.code} ${theirs.error.message} there`]);
  } else if ('error' in ours) {
    if (ours.error.code !== theirs.error.code) found.push(['.', 'code', `${ours.error.code} ${ours.error.message} here, ${theirs.error.code} ${theirs.error.message} there`]);
  } else {
    compare(found, ours.result, theirs.result, '', equal === 'equal');
  }
  for (const [where, what, text] of found) {
    expect(true, 'counted');
    if (allowed(method, where || '.', what)) continue;
    bad += 1;
    console.log(`${method} ${JSON.stringify(params).slice(0, 110)} ${where || '.'}: ${what} ${text}`);
  }
}
for (const [i, row] of ALLOWED.entries()) {
  if (used.has(i)) continue;
  bad += 1;
  console.log(`nothing needs this row any more: ${row[3]}`);
}
anvil.stop();
same(await node.stop(), 0, 'exit code');
console.log(`rpc_diff: ${here.length} requests, ${ALLOWED.length} allowed differences, ${bad} others, ${checked()} checks`);
process.exit(bad === 0 ? 0 : 1);

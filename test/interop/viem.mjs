// SPDX-License-Identifier: Apache-2.0
// viem 2: deploys an OpenZeppelin ERC-20 to cairnd --dev and uses it.

import { checked, compileCoin, expect, load, MNEMONIC, same, startNode, waitFor } from './common.mjs';

const viem = load('viem');
const { mnemonicToAccount } = load('viem/accounts');

// Which methods have had an answer.
const answered = new Set();
const { fetch } = globalThis;
globalThis.fetch = async (url, options) => {
  const response = await fetch(url, options);
  const asked = JSON.parse(options.body);
  for (const { method } of Array.isArray(asked) ? asked : [asked]) answered.add(method);
  return response;
};

const node = await startNode();
const chain = viem.defineChain({ id: 1337, name: 'cairn', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [node.url] } } });
const transport = viem.http(node.url, { batch: true });
const publicClient = viem.createPublicClient({ chain, transport, pollingInterval: 50 });
const wallet = (i) => viem.createWalletClient({ chain, transport, account: mnemonicToAccount(MNEMONIC, { addressIndex: i }) });
const owner = wallet(0);
const other = wallet(1);
const { abi, bytecode } = compileCoin();

same(await publicClient.getChainId(), 1337, 'chain id');

const seen = [];
const unwatchBlocks = publicClient.watchBlockNumber({ onBlockNumber: (n) => seen.push(n) });
const deployed = await publicClient.waitForTransactionReceipt({ hash: await owner.deployContract({ abi, bytecode, args: [1000n] }) });
same(deployed.status, 'success', 'status of the deployment');
const coin = { address: deployed.contractAddress, abi };
same(await publicClient.readContract({ ...coin, functionName: 'totalSupply' }), 1000n, 'supply');

const logs = [];
const unwatch = publicClient.watchContractEvent({ ...coin, eventName: 'Transfer', onLogs: (l) => logs.push(...l) });
await waitFor(() => answered.has('eth_newFilter'), 'a filter that watches');
const { request } = await publicClient.simulateContract({ ...coin, functionName: 'transfer', args: [other.account.address, 250n], account: owner.account });
const receipt = await publicClient.waitForTransactionReceipt({ hash: await owner.writeContract(request) });
same(receipt.status, 'success', 'status of the transfer');
same(await publicClient.readContract({ ...coin, functionName: 'balanceOf', args: [other.account.address] }), 250n, 'balance');
await waitFor(() => logs.length > 0 && seen.length > 0, 'what is watched');
unwatch();
unwatchBlocks();
same(logs.length, 1, 'watched Transfer events');
same(logs[0].args.value, 250n, 'value of the watched event');
expect(seen.length > 0, 'watched block numbers');

const past = await publicClient.getContractEvents({ ...coin, eventName: 'Transfer', fromBlock: 0n });
same(past.length, 2, 'past Transfer events');
const multi = await Promise.all([0, 1, 2, 3].map((i) => publicClient.readContract({ ...coin, functionName: 'balanceOf', args: [wallet(i).account.address] })));
same(multi.join(), '750,250,0,0', 'balances read in one batch');

const refused = await publicClient.readContract({ ...coin, functionName: 'refuse' }).catch((e) => e);
const revert = refused.walk((e) => e instanceof viem.ContractFunctionRevertedError);
same(revert?.reason, 'no such luck', 'reason of a revert');
const custom = await publicClient.simulateContract({ ...coin, functionName: 'transfer', args: [owner.account.address, 10n ** 30n], account: other.account }).catch((e) => e);
same(custom.walk((e) => e instanceof viem.ContractFunctionRevertedError)?.data?.errorName, 'ERC20InsufficientBalance', 'custom error');
const nonce = await owner.sendTransaction({ to: other.account.address, nonce: 0, gas: 21000n }).catch((e) => e);
expect(nonce.walk((e) => e instanceof viem.NonceTooLowError) !== null, 'nonce too low is told');
const poor = viem.createWalletClient({ chain, transport, account: mnemonicToAccount(MNEMONIC, { addressIndex: 77 }) });
const broke = await poor.sendTransaction({ to: owner.account.address, value: 1n, gas: 21000n }).catch((e) => e);
expect(broke.walk((e) => e instanceof viem.InsufficientFundsError) !== null, 'insufficient funds are told');

// State overrides: as if the other account held a million.
const slot = viem.keccak256(viem.encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [poor.account.address, 0n]));
const faked = await publicClient.readContract({ ...coin, functionName: 'balanceOf', args: [poor.account.address],
  stateOverride: [{ address: coin.address, stateDiff: [{ slot, value: viem.pad('0x0f4240') }] }] });
same(faked, 1000000n, 'balance under a state override');

const fees = await publicClient.estimateFeesPerGas();
expect(fees.maxFeePerGas > 0n, 'fees');
const history = await publicClient.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
expect(history.reward.length > 0 && history.baseFeePerGas.length === history.gasUsedRatio.length + 1, 'fee history');
const block = await publicClient.getBlock({ includeTransactions: true });
same(block.transactions.length, 1, 'transactions of the newest block');
const proof = await publicClient.getProof({ address: coin.address, storageKeys: [slot] });
same(viem.keccak256(proof.accountProof[0]), block.stateRoot, 'proof starts at the root');
const sync = await publicClient.request({ method: 'eth_sendRawTransactionSync', params: [
  await owner.signTransaction(await owner.prepareTransactionRequest({ to: other.account.address, value: 1n }))] });
same(sync.status, '0x1', 'receipt in one call');

same(await node.stop(), 0, 'exit code of cairnd');
console.log(`viem: ${checked()} checks passed`);
process.exit(0);

// SPDX-License-Identifier: Apache-2.0
// ethers 6: deploys an OpenZeppelin ERC-20 to cairnd --dev and uses it.

import { checked, compileCoin, expect, load, MNEMONIC, same, startNode } from './common.mjs';

const { ethers } = load('ethers');

const known = [
  '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC', '0x90F79bf6EB2c4f870365E785982E1f101E93b906',
  '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65', '0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc',
  '0x976EA74026E726554dB657fA54763abd0C3a0aa9', '0x14dC79964da2C08b23698B3D3cc7Ca32193d9955',
  '0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f', '0xa0Ee7A142d267C1f36714E4a8F75612F20a79720',
];

async function accounts(provider) {
  for (let i = 0; i < known.length; i += 1) {
    const account = ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`);
    same(account.address, known[i], `account ${i}`);
    same(await provider.getBalance(account.address), ethers.parseEther('10000'), `balance of account ${i}`);
  }
}

async function token(provider, owner, other) {
  const { abi, bytecode } = compileCoin();
  const factory = new ethers.ContractFactory(abi, bytecode, owner);
  const coin = await factory.deploy(1000n);
  await coin.waitForDeployment();
  const address = await coin.getAddress();
  const receipt = await coin.deploymentTransaction().wait();
  same(receipt.status, 1, 'status of the deployment');
  same(receipt.contractAddress, address, 'address in the receipt');
  same(receipt.logs.length, 1, 'logs of the deployment');
  same(await coin.name(), 'Coin', 'name');
  same(await coin.totalSupply(), 1000n, 'supply');

  const transfer = await coin.transfer(other.address, 250n);
  const done = await transfer.wait();
  same(done.status, 1, 'status of the transfer');
  same(await coin.balanceOf(other.address), 250n, 'balance of the receiver');
  same(await coin.balanceOf(owner.address), 750n, 'balance of the sender');
  same(await coin.balanceOf(owner.address, { blockTag: receipt.blockNumber }), 1000n, 'balance at an old block');

  const events = await coin.queryFilter(coin.filters.Transfer(owner.address), 0);
  same(events.length, 1, 'Transfer events from the owner');
  same(events[0].args.value, 250n, 'value in the event');
  same(events[0].transactionHash, done.hash, 'transaction of the event');

  // The estimate is exact: it works, and one less does not.
  const estimate = await coin.transfer.estimateGas(other.address, 1n);
  await provider.call({ from: owner.address, to: address, gasLimit: estimate,
    data: coin.interface.encodeFunctionData('transfer', [other.address, 1n]) });
  let tooLittle = false;
  await provider.call({ from: owner.address, to: address, gasLimit: estimate - 1n,
    data: coin.interface.encodeFunctionData('transfer', [other.address, 1n]) }).catch(() => { tooLittle = true; });
  expect(tooLittle, 'one gas less than the estimate fails');
  return { coin, address };
}

async function failures(coin, owner, other) {
  const reason = await coin.refuse.staticCall().catch((e) => e);
  same(reason.code, 'CALL_EXCEPTION', 'code of a revert');
  same(reason.reason, 'no such luck', 'reason of a revert');
  const custom = await coin.connect(other).transfer.staticCall(owner.address, 10n ** 30n).catch((e) => e);
  same(custom.revert?.name, 'ERC20InsufficientBalance', 'custom error');
  const poor = ethers.Wallet.createRandom(owner.provider);
  const broke = await poor.sendTransaction({ to: owner.address, value: 1n, gasLimit: 21000n }).catch((e) => e);
  same(broke.code, 'INSUFFICIENT_FUNDS', 'code of a transaction that cannot be paid');
  const old = await owner.sendTransaction({ to: other.address, nonce: 0, gasLimit: 21000n }).catch((e) => e);
  same(old.code, 'NONCE_EXPIRED', 'code of a used nonce');
}

async function chain(provider, owner, other) {
  same((await provider.getNetwork()).chainId, 1337n, 'chain id');
  const fees = await provider.getFeeData();
  expect(fees.maxFeePerGas > 0n && fees.gasPrice > 0n, 'fees as on a public chain');
  const heads = new Promise((resolve) => { provider.once('block', resolve); });
  for (const type of [0, 1, 2]) {
    const sent = await owner.sendTransaction({ to: other.address, value: 1n, type });
    const receipt = await sent.wait();
    same(receipt.status, 1, `status of a transaction of type ${type}`);
    same(receipt.type, type, 'type in the receipt');
    const back = await provider.getTransaction(sent.hash);
    same(back.from, owner.address, 'sender');
    same(back.type, type, 'type');
    const serialized = ethers.Transaction.from(back).serialized;
    same(ethers.keccak256(serialized), sent.hash, 'the transaction as answered encodes to its hash');
  }
  expect(await heads >= 0, 'a block event');
  const block = await provider.getBlock('latest', true);
  same(block.prefetchedTransactions.length, 1, 'transactions of the newest block');
  const before = await provider.getBlock(block.number - 1);
  same(before.hash, block.parentHash, 'parent');
  const proof = await provider.send('eth_getProof', [owner.address, ['0x0'], 'latest']);
  same(ethers.keccak256(proof.accountProof[0]), (await provider.getBlock('latest')).stateRoot, 'proof starts at the root');
  same(await provider.getTransactionCount(owner.address, 'pending'), await provider.getTransactionCount(owner.address), 'nonces');
}

const node = await startNode();
const provider = new ethers.JsonRpcProvider(node.url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const signer = (i) => ethers.HDNodeWallet.fromPhrase(MNEMONIC, '', `m/44'/60'/0'/0/${i}`).connect(provider);
await accounts(provider);
const { coin } = await token(provider, signer(0), signer(1));
await failures(coin, signer(0), signer(1));
await chain(provider, signer(2), signer(3));
provider.destroy();
same(await node.stop(), 0, 'exit code of cairnd');
console.log(`ethers ${ethers.version}: ${checked()} checks passed`);
process.exit(0);

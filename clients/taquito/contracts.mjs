// Contracts and accounts: everything that Taquito does with a layer-1, but for rollups.

import assert from 'node:assert/strict';
import { b58Encode, PrefixV2 } from '@taquito/utils';
import { InMemorySigner } from '@taquito/signer';
import { MichelsonMap, OpKind, TezosOperationError, UnitValue } from '@taquito/taquito';
import { Parser } from '@taquito/michel-codec';
import { RpcClient } from '@taquito/rpc';
import { connect, done, endpoint, file, keys } from './connect.mjs';

const tezos = connect();
const alice = await tezos.signer.publicKeyHash();
const bob = await connect(keys[1]).signer.publicKeyHash();

// --- The chain -------------------------------------------------------------------------------------------------------

const { protocol, next_protocol } = await tezos.rpc.getProtocols();
assert.equal(protocol, next_protocol);
assert.equal(await tezos.rpc.getChainId(), (await tezos.rpc.getBlockHeader()).chain_id);
const constants = await tezos.rpc.getConstants();
assert.equal(constants.cost_per_byte.toNumber(), 250);
assert.ok(constants.hard_gas_limit_per_operation.gt(1_000_000));
assert.equal((await tezos.rpc.getBlock({ block: 'head~1' })).header.level + 1, (await tezos.rpc.getBlockHeader()).level);
await tezos.rpc.getBlockMetadata();
await tezos.rpc.getLiveBlocks();
await tezos.rpc.getProtocolActivations().catch(() => {});
done('read the chain, its protocol and its constants');

// --- A transfer, its receipt and its confirmations -------------------------------------------------------------------

const before = await tezos.tz.getBalance(bob);
const transfer = await tezos.contract.transfer({ to: bob, amount: 1.5 });
assert.ok((await transfer.confirmation(2)) > 0);
assert.equal(transfer.status, 'applied');
assert.equal((await tezos.tz.getBalance(bob)).minus(before).toNumber(), 1_500_000);
const receipt = transfer.operationResults[0].metadata;
assert.ok(Number(receipt.operation_result.consumed_milligas) > 100_000);
assert.equal(receipt.balance_updates[0].kind, 'contract');
done('transferred tez and waited for two confirmations');

// --- A new account: allocated by a transfer, revealed by its own operation --------------------------------------------

const seed = Uint8Array.from({ length: 32 }, () => Math.floor(Math.random() * 256));
const fresh = connect(b58Encode(seed, PrefixV2.Ed25519Seed));
const carol = await fresh.signer.publicKeyHash();
assert.equal((await tezos.tz.getBalance(carol)).toNumber(), 0);
await (await tezos.contract.transfer({ to: carol, amount: 10 })).confirmation();
assert.equal(await fresh.rpc.getManagerKey(carol), null);
const revealEstimate = await fresh.estimate.reveal();
assert.ok(revealEstimate.gasLimit > 0);
await (await fresh.contract.reveal({})).confirmation();
assert.equal(await fresh.rpc.getManagerKey(carol), await fresh.signer.publicKey());
assert.equal(await fresh.estimate.reveal(), undefined);
done('revealed the key of a new account');

// --- Estimates are true -----------------------------------------------------------------------------------------------

const estimate = await fresh.estimate.transfer({ to: alice, amount: 1 });
assert.ok(estimate.gasLimit > 0 && estimate.storageLimit === 0 && estimate.suggestedFeeMutez > 100);
const estimated = await fresh.contract.transfer({
  to: alice, amount: 1,
  fee: estimate.suggestedFeeMutez, gasLimit: estimate.gasLimit, storageLimit: estimate.storageLimit,
});
await estimated.confirmation();
const max = await fresh.tz.getBalance(carol);
assert.ok(max.gt(0));
done('estimated a transfer');

// --- A contract: originated, read, called ------------------------------------------------------------------------------

// ANCHOR: originate
const code = file('../contracts/till.tz');
const origination = await tezos.contract.originate({
  code,
  storage: { kept: MichelsonMap.fromLiteral({ [bob]: 7 }), total: 7 },
});
const till = await origination.contract();
assert.match(till.address, /^KT1/);
const storage = await till.storage();
// ANCHOR_END: originate
assert.equal(storage.total.toNumber(), 7);
assert.equal((await storage.kept.get(bob)).toNumber(), 7);
assert.equal(await storage.kept.get(alice), undefined);
const several = await storage.kept.getMultipleValues([alice, bob]);
assert.equal(several.get(bob).toNumber(), 7);
assert.equal(several.get(alice), undefined);
done('originated a contract and read its big map');

const found = await tezos.contract.at(till.address);
assert.deepEqual(Object.keys(found.methodsObject).sort(), ['announce', 'balance_of', 'put', 'refuse']);
const entrypoints = await tezos.rpc.getEntrypoints(till.address);
assert.deepEqual(entrypoints.entrypoints.put, { prim: 'nat' });
const script = await tezos.rpc.getNormalizedScript(till.address);
assert.ok(script.code.length >= 4);
done('found the contract, its entrypoints and its script');

// ANCHOR: call
const put = await found.methodsObject.put(5).send();
await put.confirmation();
// ANCHOR_END: call
assert.equal((await (await found.storage()).kept.get(alice)).toNumber(), 5);
assert.ok(put.consumedMilliGas > 0);
assert.ok(Number(put.storageSize) > 0);
assert.ok(Number(put.storageDiff) > 0, 'a new key takes room');
done('called the contract');

const called = await found.methodsObject.announce().send();
await called.confirmation();
const event = called.operationResults[0].metadata.internal_operation_results[0];
assert.deepEqual([event.kind, event.tag, event.payload], ['event', 'total', { int: '12' }]);
done('saw the event of a contract');

// --- Views ---------------------------------------------------------------------------------------------------------------

// ANCHOR: view
const kept = await found.contractViews.kept_by(alice).executeView({ viewCaller: till.address });
// ANCHOR_END: view
assert.equal(kept.toNumber(), 5);
await assert.rejects(found.contractViews.refused().executeView({ viewCaller: till.address }), /not for you/);
const asked = await found.views.balance_of(bob).read();
assert.equal(asked.toNumber(), 7);
done('asked the views of a contract');

// --- Simulation, batches, wallet -------------------------------------------------------------------------------------------

const estimates = await tezos.estimate.batch([
  { kind: OpKind.TRANSACTION, to: bob, amount: 0.1 },
  { kind: OpKind.TRANSACTION, ...found.methodsObject.put(1).toTransferParams() },
]);
assert.equal(estimates.length, 2);
const batch = await tezos.contract
  .batch()
  .withTransfer({ to: bob, amount: 0.1 })
  .withContractCall(found.methodsObject.put(1))
  .withOrigination({ code, storage: { kept: new MichelsonMap(), total: 0 } })
  .send();
await batch.confirmation();
assert.equal(batch.status, 'applied');
assert.equal(batch.results.length, 3);
done('sent a batch');

const walletOperation = await tezos.wallet.at(till.address).then((c) => c.methodsObject.put(2).send());
const seen = [];
await new Promise((resolve, reject) => {
  walletOperation.confirmationObservable(2).subscribe({
    next: (confirmation) => seen.push(confirmation.currentConfirmation),
    error: reject, complete: resolve,
  });
});
assert.deepEqual(seen.slice(-2), [1, 2]);
assert.equal(await walletOperation.status(), 'applied');
assert.equal((await walletOperation.operationResults())[0].metadata.operation_result.status, 'applied');
const walletOriginated = await tezos.wallet
  .originate({ code, storage: { kept: new MichelsonMap(), total: 3 } })
  .send();
assert.equal((await (await walletOriginated.contract()).storage()).total.toNumber(), 3);
await (await tezos.wallet.batch().withTransfer({ to: bob, amount: 0.2 }).withContractCall(found.methodsObject.put(3)).send()).confirmation();
done('sent operations over the wallet and watched their confirmations');

const watched = new Promise((resolve, reject) => {
  const subscription = tezos.stream.subscribeOperation({ and: [{ source: alice }, { destination: till.address }] });
  subscription.on('data', (content) => { subscription.close(); resolve(content); });
  subscription.on('error', reject);
});
const blocks = new Promise((resolve, reject) => {
  const subscription = tezos.stream.subscribeBlock('head');
  const hashes = [];
  subscription.on('data', (block) => { hashes.push(block.hash); if (hashes.length === 3) { subscription.close(); resolve(hashes); } });
  subscription.on('error', reject);
});
const events = new Promise((resolve, reject) => {
  const subscription = tezos.stream.subscribeEvent({ tag: 'total', address: till.address });
  subscription.on('data', (event) => { subscription.close(); resolve(event); });
  subscription.on('error', reject);
});
await (await tezos.contract.batch().withContractCall(found.methodsObject.put(1)).withContractCall(found.methodsObject.announce()).send()).confirmation();
assert.equal((await watched).kind, 'transaction');
assert.equal(new Set(await blocks).size, 3);
assert.equal((await events).tag, 'total');
done('watched blocks, operations and events');

// --- Raw operations: prepared, signed and sent by hand -------------------------------------------------------------------------

const prepared = await tezos.prepare.transaction({ to: bob, amount: 0.3 });
const { counter } = await tezos.rpc.getContract(alice);
assert.equal(Number(prepared.opOb.contents[0].counter), Number(counter) + 1);
const forged = await tezos.rpc.forgeOperations(prepared.opOb);
const { sbytes, prefixSig } = await tezos.signer.sign(forged, new Uint8Array([3]));
const preapplied = await tezos.rpc.preapplyOperations([{ ...prepared.opOb, protocol, signature: prefixSig }]);
assert.equal(preapplied[0].contents[0].metadata.operation_result.status, 'applied');
const simulated = await tezos.rpc.simulateOperation({ operation: { ...prepared.opOb, signature: prefixSig }, chain_id: await tezos.rpc.getChainId() });
assert.equal(simulated.contents[0].metadata.operation_result.status, 'applied');
const hash = await tezos.rpc.injectOperation(sbytes);
assert.match(hash, /^o/);
const pending = await tezos.rpc.getPendingOperations();
assert.ok(Array.isArray(pending.validated ?? pending.applied));
done('prepared, signed, tried and injected an operation by hand');

// --- Data, types, scripts ---------------------------------------------------------------------------------------------------------

const rpc = new RpcClient(endpoint);
const packed = await rpc.packData({ data: { string: alice }, type: { prim: 'address' } });
assert.match(packed.packed, /^050a0000001600/);
const ran = await rpc.runCode({
  script: tezosCode('parameter nat; storage nat; code { UNPAIR; ADD; NIL operation; PAIR }'),
  storage: { int: '2' }, input: { int: '3' }, amount: '0', chain_id: await rpc.getChainId(),
});
assert.deepEqual(ran.storage, { int: '5' });
assert.deepEqual(ran.operations, []);
const size = await rpc.getStorageUsedSpace(till.address);
assert.ok(Number(size) > 0 && Number(await rpc.getStoragePaidSpace(till.address)) >= Number(size));
done('ran code and packed data');

// --- What is refused -----------------------------------------------------------------------------------------------------------------

await assert.rejects(found.methodsObject.refuse('no').send(), (error) => {
  assert.ok(error instanceof TezosOperationError, String(error));
  assert.match(error.id, /michelson_v1\.script_rejected$/);
  const rejected = error.errors.find(({ id }) => id.endsWith('script_rejected'));
  assert.deepEqual(rejected.with, { prim: 'Pair', args: [{ string: 'no' }, { int: '42' }] });
  return true;
});
await assert.rejects(tezos.contract.transfer({ to: bob, amount: 1e9 }), /balance_too_low|subtraction_underflow/);
await assert.rejects(tezos.contract.transfer({ to: 'KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT', amount: 1 }), /non_existing_contract/);
await assert.rejects(tezos.contract.setDelegate({ source: alice, delegate: bob }), /delegat/);
assert.equal(await tezos.rpc.getDelegate(alice), null);
await assert.rejects(tezos.contract.originate({ code: 'parameter unit; storage unit; code { CAR }', init: 'Unit' }), /ill_typed|Michelson|type/i);
await assert.rejects(tezos.contract.at('KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT'), /404/);
await assert.rejects(tezos.rpc.injectOperation('00'.repeat(120)), /parse_error|invalid|expected/i);
done('was refused what is refused, for the right reasons');

const tickets = await tezos.rpc.getAllTicketBalances(till.address);
assert.deepEqual(tickets, []);
done('read the ticket balances of a contract');

function tezosCode(text) {
  return new Parser().parseScript(text);
}

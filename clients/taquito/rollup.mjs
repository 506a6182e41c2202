// A rollup, from its origination to a message of its outbox.
//
// node rollup.mjs originate KERNEL.wasm       originates a rollup
// node rollup.mjs talk ROLLUP NODE            sends it messages, and executes what it answers; a node of the rollup listens at NODE

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { PvmKind } from '@taquito/rpc';
import { connect, done, file } from './connect.mjs';

const tezos = connect();
const [command, ...words] = process.argv.slice(2);

if (command === 'originate') {
  // ANCHOR: originate
  const operation = await tezos.contract.smartRollupOriginate({
    pvmKind: PvmKind.WASM2,
    kernel: readFileSync(words[0]).toString('hex'),
    parametersType: { prim: 'bytes' },
  });
  await operation.confirmation();
  const { address, genesis_commitment_hash, size } = operation.operationResults;
  // ANCHOR_END: originate
  assert.match(address, /^sr1/);
  assert.match(genesis_commitment_hash, /^src1/);
  assert.ok(Number(size) > 0);
  console.log(`rollup: ${address}`);
} else if (command === 'talk') {
  await talk(...words);
} else {
  throw new Error(`expected originate or talk, found ${command}`);
}

async function talk(rollup, node) {
  // ANCHOR: messages
  const messages = await tezos.contract.smartRollupAddMessages({
    message: ['one', 'two', 'three'].map((text) => Buffer.from(text).toString('hex')),
  });
  await messages.confirmation();
  // ANCHOR_END: messages
  assert.equal(messages.status, 'applied');
  done('sent external messages');

  // A contract hands the rollup what it is given.
  const origination = await tezos.contract.originate({
    code: file('../../crates/michelson/contracts/mailbox.tz'),
    storage: { rollup, last: '' },
  });
  const mailbox = await origination.contract();
  const operation = await mailbox.methodsObject.send(Buffer.from('hello').toString('hex')).send();
  const level = await operation.confirmation().then(() => operation.includedInBlock);
  const [internal] = operation.operationResults[0].metadata.internal_operation_results;
  assert.equal(internal.destination, rollup);
  assert.equal(internal.result.status, 'applied');
  done('sent an internal message');

  // The rollup answers the contract; the answer can be executed when the commitment of its level is cemented.
  const { outbox_level, messages: [{ message_index }] } = await until('an executable message', async () => {
    const found = await ask(node, '/local/outbox/pending/executable');
    return found?.find(({ outbox_level }) => outbox_level >= level);
  });
  // ANCHOR: execute
  const { commitment, proof } = await until('a proof', () =>
    ask(node, `/global/block/head/helpers/proofs/outbox/${outbox_level}/messages?index=${message_index}`),
  );
  const execution = await tezos.contract.smartRollupExecuteOutboxMessage({
    rollup, cementedCommitment: commitment, outputProof: proof,
  });
  await execution.confirmation();
  // ANCHOR_END: execute
  assert.equal(execution.status, 'applied');
  const { last } = await mailbox.storage();
  assert.ok(Buffer.from(last, 'hex').includes('hello'), last);
  done('executed a message of the outbox');

  await assert.rejects(
    tezos.contract.smartRollupExecuteOutboxMessage({ rollup, cementedCommitment: commitment, outputProof: proof }),
    /outbox_message_already_applied/,
  );
  done('could not execute it again');
}

/** What the rollup node says, or nothing if it is too early. */
async function ask(node, path) {
  const response = await fetch(node + path);
  return response.ok ? response.json() : undefined;
}

async function until(what, find) {
  const end = Date.now() + 120_000;
  while (Date.now() < end) {
    const found = await find();
    if (found) return found;
    await setTimeout(200);
  }
  throw new Error(`no ${what} after two minutes`);
}

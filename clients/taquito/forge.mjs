// Operations as bytes: by Taquito, by the layer-1, and as they are known to be.
// node forge.mjs OPERATIONS.json

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { LocalForger } from '@taquito/local-forging';
import { RpcClient } from '@taquito/rpc';
import { done, endpoint } from './connect.mjs';

const { vectors } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const rpc = new RpcClient(endpoint);
const taquito = new LocalForger();
/** Kinds that this version of Taquito cannot forge. */
const unknown = /smart_rollup_(cement|publish|recover_bond|refute|timeout)/;

/** What is left of JSON: members in the order of their names. */
const canonical = (value) =>
  Array.isArray(value) ? value.map(canonical)
  : value && typeof value === 'object'
    ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, canonical(value[name])]))
    : value;

let local = 0;
for (const { name, operation, forged_hex, sig_bootstrap1 } of vectors) {
  assert.equal(await rpc.forgeOperations(operation), forged_hex, `the layer-1 forges ${name}`);

  if (!operation.contents.some(({ kind }) => unknown.test(kind))) {
    assert.equal(await taquito.forge(operation), forged_hex, `Taquito forges ${name}`);
    local += 1;
  }

  const [parsed] = await parse(operation.branch, forged_hex);
  assert.equal(parsed.branch, operation.branch);
  const forgedAgain = await rpc.forgeOperations({ branch: parsed.branch, contents: parsed.contents });
  assert.equal(forgedAgain, forged_hex, `${name}, parsed and forged`);
  assert.deepEqual(canonical(parsed.contents), canonical(operation.contents), `${name}, parsed`);
}
done(`forged ${vectors.length} operations, ${local} of them by Taquito, too`);

// A reveal says since 2025 whether a proof follows; older clients leave out that last byte, and do not know the member.
const { operation, forged_hex } = vectors.find(({ name }) => name === 'reveal');
assert.ok(forged_hex.endsWith('00'));
const [parsed] = await parse(operation.branch, forged_hex);
assert.ok(!('proof' in parsed.contents[0]));
const proof = 'BLsigAmLKnuw12tethjMmotFPaQ6u4XCKrVk6c15dkRXKkjDDjHywbhS3nd4rBT31yrCvvQrS2HntWhDRu7sX8Vvek53zBUwQHqfcHRiVKVj1ehq8CBYs1Z7XW2rkL2XkVNHua4cnvxY7F';
const withProof = { ...operation, contents: [{ ...operation.contents[0], proof }] };
const forged = await rpc.forgeOperations(withProof);
assert.equal(forged, await taquito.forge(withProof));
assert.ok(forged.length > forged_hex.length);
const [parsedWithProof] = await parse(operation.branch, forged);
assert.equal(parsedWithProof.contents[0].proof, proof);
done('forged a reveal with and without a proof');

/** What the layer-1 reads in the bytes of an operation: without its branch and with a signature behind it, as blocks hold it. */
async function parse(branch, forged) {
  const response = await fetch(`${endpoint}/chains/main/blocks/head/helpers/parse/operations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      operations: [{ branch, data: forged.slice(64) + '00'.repeat(64) }],
      check_signature: false,
    }),
  });
  const answer = await response.text();
  assert.equal(response.status, 200, answer);
  return JSON.parse(answer);
}

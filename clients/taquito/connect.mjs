// The layer-1 under test, and accounts to sign with.

import { readFileSync } from 'node:fs';
import { InMemorySigner } from '@taquito/signer';
import { PollingSubscribeProvider, TezosToolkit } from '@taquito/taquito';

/** Where the layer-1 listens. */
export const endpoint = process.env.LAYER1 ?? 'http://127.0.0.1:8732';

/** The first keys of every Tezos sandbox. */
export const keys = [
  'edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh',
  'edsk39qAm1fiMjgmPkw1EgQYkMzkJezLNewd7PLNHTkr6w9XA2zdfo',
  'edsk4ArLQgBTLWG5FJmnGnT689VKoqhXwmDPBuGx3z4cvwU9MmrPZZ',
];

/** A toolkit that signs with that key. */
export function connect(key = keys[0]) {
  const tezos = new TezosToolkit(endpoint);
  tezos.setProvider({
    signer: new InMemorySigner(key),
    config: { confirmationPollingIntervalSecond: 0.1, confirmationPollingTimeoutSecond: 60 },
  });
  // Blocks of a sandbox come fast, and Taquito sees those alone that it finds at the head.
  tezos.setStreamProvider(tezos.getFactory(PollingSubscribeProvider)({ pollingIntervalMilliseconds: 100 }));
  return tezos;
}

/** The text of a file beside this one. */
export const file = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Says that something was done: the test that runs this looks for these lines. */
export const done = (what) => console.log(`done: ${what}`);

"""The layer-1 under test, and accounts to sign with."""

import os

from pytezos import pytezos

ENDPOINT = os.environ.get("LAYER1", "http://127.0.0.1:8732")

# The first keys of every Tezos sandbox.
KEYS = [
    "edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh",
    "edsk39qAm1fiMjgmPkw1EgQYkMzkJezLNewd7PLNHTkr6w9XA2zdfo",
    "edsk4ArLQgBTLWG5FJmnGnT689VKoqhXwmDPBuGx3z4cvwU9MmrPZZ",
]


def connect(key=KEYS[0]):
    """A client that signs with that key."""
    return pytezos.using(shell=ENDPOINT, key=key)


def applied(group):
    """Sends a group of operations and waits for it; its contents with their receipts."""
    sent = group.send(min_confirmations=1)
    contents = sent.opg_result["contents"]
    for content in contents:
        assert content["metadata"]["operation_result"]["status"] == "applied", content
    return contents


def done(what):
    """Says that something was done: the test that runs this looks for these lines."""
    print(f"done: {what}", flush=True)

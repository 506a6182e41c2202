"""A rollup that is there: messages to it, and a message of its outbox.

python rollup.py ROLLUP NODE, where a node of the rollup listens at NODE
"""

import os
import sys
import time

import requests
from pytezos import ContractInterface
from pytezos.rpc.node import RpcError

from connect import applied, connect, done

rollup, node = sys.argv[1:]
client = connect()
here = os.path.dirname(os.path.abspath(__file__))


def ask(path):
    """What the rollup node says, or nothing if it is too early."""
    response = requests.get(node + path, timeout=30)
    return response.json() if response.ok else None


def until(what, find):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = find()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"no {what} after two minutes")


# ANCHOR: messages
applied(client.smart_rollup_add_messages(message=[b"one", b"two", b"three"]))
# ANCHOR_END: messages
done("sent external messages")

# A contract hands the rollup what it is given.
source = os.path.join(here, "..", "..", "crates", "michelson", "contracts", "mailbox.tz")
script = ContractInterface.from_file(source).script(initial_storage={"rollup": rollup, "last": b""})
[address] = applied(client.origination(script=script))[0]["metadata"]["operation_result"]["originated_contracts"]
mailbox = client.contract(address)
level = client.shell.head.header()["level"]
[internal] = applied(mailbox.send(b"hello").as_transaction())[0]["metadata"]["internal_operation_results"]
assert internal["destination"] == rollup and internal["result"]["status"] == "applied", internal
done("sent an internal message")


def executable():
    found = ask("/local/outbox/pending/executable") or []
    return next((outbox for outbox in found if outbox["outbox_level"] >= level), None)


# The rollup answers the contract; the answer can be executed when the commitment of its level is cemented.
outbox = until("an executable message", executable)
index = outbox["messages"][0]["message_index"]
# ANCHOR: execute
path = f"/global/block/head/helpers/proofs/outbox/{outbox['outbox_level']}/messages?index={index}"
answer = until("a proof", lambda: ask(path))


def execution():
    return client.smart_rollup_execute_outbox_message(
        rollup=rollup,
        cemented_commitment=answer["commitment"],
        output_proof=bytes.fromhex(answer["proof"]),
    )


applied(execution())
# ANCHOR_END: execute
assert b"hello" in mailbox.storage["last"](), mailbox.storage["last"]()
done("executed a message of the outbox")

try:
    execution().send()
    raise AssertionError("it was executed again")
except RpcError as error:
    assert "outbox_message_already_applied" in str(error), error
done("could not execute it again")

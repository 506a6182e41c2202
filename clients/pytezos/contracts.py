"""Contracts and accounts: what PyTezos does with a layer-1, but for rollups."""

import os

from pytezos import ContractInterface, Key
from pytezos.rpc.errors import MichelsonError
from pytezos.rpc.node import RpcError

from connect import ENDPOINT, KEYS, applied, connect, done

client = connect()
alice = client.key.public_key_hash()
bob = connect(KEYS[1]).key.public_key_hash()
here = os.path.dirname(os.path.abspath(__file__))


def refused(action):
    """The error that an action ends with."""
    try:
        action()
    except RpcError as error:
        return error
    raise AssertionError("nothing was refused")


# --- The chain

shell = client.shell
assert shell.version()["version"]["major"] >= 0
header = shell.head.header()
before = after = None
while before is None or before != after:  # a block may have come in between
    before, found, after = shell.head.hash(), shell.blocks["head~0"].hash(), shell.head.hash()
assert found == before
assert header["chain_id"] == shell.chains.main.chain_id()
assert header["protocol"] == shell.head.protocols()["protocol"]
assert shell.head.context.constants()["cost_per_byte"] == "250"
assert shell.blocks[header["level"] - 1 :]
assert shell.head()["header"]["level"] >= header["level"]
assert shell.head.metadata()["level_info"]["level"] >= header["level"]
assert len(shell.head.operations()) == 4
assert shell.mempool.pending_operations()["unprocessed"] == []
assert shell.mempool.filter()["minimal_fees"] == "100"
assert client.account()["balance"]
done("read the chain and its constants")

# --- Transfers and a new account

before = connect(KEYS[1]).balance()
applied(client.transaction(destination=bob, amount=1_500_000))
assert connect(KEYS[1]).balance() - before == 1.5
fresh = Key.generate(export=False)
applied(client.transaction(destination=fresh.public_key_hash(), amount=10_000_000))
carol = connect(fresh)
applied(carol.reveal())
assert shell.contracts[fresh.public_key_hash()].manager_key() == fresh.public_key()
done("transferred tez and revealed the key of a new account")

# --- A contract

# ANCHOR: contract
till = ContractInterface.from_file(os.path.join(here, "..", "contracts", "till.tz"))
contents = applied(client.origination(script=till.script(initial_storage={"kept": {bob: 7}, "total": 7})))
[address] = contents[0]["metadata"]["operation_result"]["originated_contracts"]
contract = client.contract(address)
assert set(contract.entrypoints) >= {"announce", "balance_of", "put", "refuse"}
assert contract.storage["total"]() == 7
assert contract.storage["kept"][bob]() == 7
applied(contract.put(5).as_transaction())
# ANCHOR_END: contract
assert contract.storage["kept"][alice]() == 5
assert contract.storage()["total"] == 12
contents = applied(contract.announce().as_transaction())
[event] = contents[0]["metadata"]["internal_operation_results"]
assert event["kind"] == "event" and event["tag"] == "total"
assert event["payload"] == {"int": "12"}
done("originated a contract, called it and read its storage")

# --- Views

assert contract.kept_by(alice).run_view() == 5
assert contract.balance_of(who=bob, answer=None).callback_view() == 7
error = refused(lambda: contract.refused().run_view())
assert "not for you" in str(error), error
done("asked the views of a contract")

# --- A batch

contents = applied(client.bulk(client.transaction(destination=bob, amount=100_000), contract.put(1), contract.put(2)))
assert len(contents) == 3
assert contract.storage()["total"] == 15
done("sent a batch")

# --- Trying without sending

operation = contract.put(1).as_transaction().fill()
receipt = operation.run_operation()
result = receipt["contents"][0]["metadata"]["operation_result"]
assert result["status"] == "applied" and int(result["consumed_milligas"]) > 100_000
assert operation.forge(validate=True)
result = ContractInterface.from_michelson(
    "parameter nat; storage nat; code { UNPAIR; ADD; NIL operation; PAIR }"
).using(shell=ENDPOINT).default(3).run_code(storage=2)
assert result.storage == 5
packed = shell.head.helpers.scripts.pack_data.post({"data": {"int": "1"}, "type": {"prim": "nat"}})
assert packed["packed"] == "050001"
done("tried operations and code without sending anything")

# --- What is refused

error = refused(lambda: contract.refuse("no").send())
assert isinstance(error, MichelsonError) and "no" in str(error), error
error = refused(lambda: client.transaction(destination=bob, amount=10**15).send())
assert "balance_too_low" in str(error) or "subtraction_underflow" in str(error), error
error = refused(lambda: shell.contracts["KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT"].script())
error = refused(lambda: client.delegation(delegate=bob).send())
assert "delegat" in str(error), error
done("was refused what is refused, for the right reasons")

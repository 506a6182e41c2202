"""Operations as bytes: by PyTezos, by the layer-1, and as they are known to be.

python forge.py OPERATIONS.json
"""

import json
import sys

from pytezos.operation.forge import forge_operation_group

from connect import connect, done

with open(sys.argv[1], encoding="utf-8") as file:
    vectors = json.load(file)["vectors"]
head = connect().shell.head

local = 0
for vector in vectors:
    operation, expected = vector["operation"], vector["forged_hex"]
    assert head.helpers.forge.operations.post(operation) == expected, vector["name"]
    if "pytezos@3.20.0" in vector["agreed_by"]:
        assert forge_operation_group(operation).hex() == expected, vector["name"]
        local += 1
done(f"forged {len(vectors)} operations, {local} of them by PyTezos, too")

//! `soru client` and `soru rollup-client`: the life of a rollup by hand, with the words of the document.

use crate::support::{Layer1, RollupNode, Settings, finish, soru};
use serde_json::Value;

const KERNEL_HEX: &str = "0061736d01000000";

fn words(sentence: &str) -> Vec<&str> {
    sentence.split(' ').collect()
}

/// The rest of the line that begins with `start`, after blanks.
#[track_caller]
fn value<'a>(text: &'a str, start: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.trim_start().strip_prefix(start));
    found.unwrap_or_else(|| panic!("no `{start}…` in\n{text}")).trim()
}

#[test]
fn tez_move_between_accounts_and_contracts() {
    let layer1 = Layer1::start(Settings::default());
    layer1.client(&words("gen keys alice")).done();
    assert!(layer1.client(&words("list known addresses")).done().contains("alice: tz1"));
    let receipt =
        layer1.client_and_block(&words("transfer 12.5 from bootstrap1 to alice --burn-cap 1")).done();
    assert_eq!(value(&receipt, "Amount:"), "ꜩ12.5");
    assert!(receipt.contains("This transaction was successfully applied"), "{receipt}");
    assert_eq!(layer1.client(&words("get balance for alice")).done(), "12.5 ꜩ\n");

    // What costs storage is not paid unless asked to.
    layer1.client(&words("gen keys bob")).done();
    let error = layer1.client(&words("transfer 1 from bootstrap1 to bob")).failed(1);
    assert!(error.contains("more than the 0 ꜩ of --burn-cap"), "{error}");
    let error = layer1.client(&words("transfer 9999 from alice to bootstrap1")).failed(1);
    assert!(error.contains("balance_too_low"), "{error}");

    let counter = layer1.path("counter.tz");
    std::fs::write(
        &counter,
        "parameter (or (int %add) (unit %reset)); storage int;\n\
         code { UNPAIR; IF_LEFT { ADD } { DROP 2; PUSH int 0 }; NIL operation; PAIR }",
    )
    .unwrap();
    let program = counter.display().to_string();
    let mut command = words("originate contract counter transferring 1 from alice running");
    command.extend([program.as_str(), "--init", "40", "--burn-cap", "1"]);
    let receipt = layer1.client_and_block(&command).done();
    // The first operation of an account reveals its key.
    assert!(receipt.contains("Revelation of manager public key:"), "{receipt}");
    assert!(value(&receipt, "New contract").starts_with("KT1"), "{receipt}");
    assert!(receipt.contains("Contract memorized as counter."), "{receipt}");

    layer1.client_and_block(&words("call counter from alice --entrypoint add --arg 2")).done();
    assert_eq!(layer1.client(&words("get contract storage for counter")).done(), "42\n");
    assert_eq!(layer1.client(&words("get balance for counter")).done(), "1 ꜩ\n");
    let error = layer1.client(&words("call counter from alice --entrypoint mul --arg 2")).failed(1);
    assert!(error.contains("no_such_entrypoint"), "{error}");
}

#[test]
fn an_origination_prints_the_receipt_of_the_document() {
    let layer1 = Layer1::start(Settings::default());
    layer1.client(&words("gen keys operator")).done();
    layer1.client_and_block(&words("transfer 1000 from bootstrap1 to operator --burn-cap 1")).done();
    let mut command =
        words("originate smart rollup from operator of kind wasm_2_0_0 of type bytes with kernel");
    command.extend([KERNEL_HEX, "--burn-cap", "999"]);
    let receipt = layer1.client_and_block(&command).done();
    // Labels in the order of the document; what depends on the chain is left out.
    let labels = [
        "This sequence of operations was run:",
        "  Manager signed operations:",
        "    From: tz1",
        "    Fee to the baker: ꜩ0.000",
        "    Expected counter: ",
        "    Gas limit: ",
        "    Storage limit: 0 bytes",
        "    Balance updates:",
        "      tz1",
        "      payload fees(the block proposer) ....... +ꜩ0.000",
        "    Revelation of manager public key:",
        "      Contract: tz1",
        "      Key: edpk",
        "      This revelation was successfully applied",
        "      Consumed gas: ",
        "  Manager signed operations:",
        "    From: tz1",
        "    Fee to the baker: ꜩ0.000",
        "    Expected counter: ",
        "    Gas limit: ",
        "    Storage limit: ",
        "    Balance updates:",
        "      tz1",
        "      payload fees(the block proposer) ....... +ꜩ0.000",
        "    Smart contract rollup origination:",
        "      Kind: wasm_2_0_0",
        "      Parameter type: bytes",
        "      Boot sector Blake2B hash: '",
        "      This smart contract rollup origination was successfully applied",
        "      Consumed gas: ",
        "      Storage size: ",
        "      Address: scr1",
        "      Genesis commitment hash: scc1",
        "      Balance updates:",
        "        tz1",
        "        storage fees ........................... +ꜩ",
    ];
    let start = receipt.find(labels[0]).unwrap_or_else(|| panic!("{receipt}"));
    let lines: Vec<&str> = receipt[start..].lines().collect();
    assert_eq!(lines.len(), labels.len(), "{receipt}");
    for (line, label) in lines.iter().zip(labels) {
        assert!(line.starts_with(label), "expected `{label}…`, found `{line}` in\n{receipt}");
    }
    let address = value(&receipt, "Address:");
    let known = layer1.client(&["list", "smart", "rollups"]).done();
    assert_eq!(known.trim(), address);
}

/// `soru rollup-client` at a node.
fn ask(node: &RollupNode, words: &[&str]) -> String {
    let mut command = soru();
    command.args(["rollup-client", "--endpoint", &node.rpc.url]).args(words);
    finish(command).done()
}

#[test]
fn a_commitment_is_published_cemented_and_used_by_hand() {
    let layer1 = Layer1::start(Settings { commitment_period: 3, challenge_window: 4, ..Settings::default() });
    let notary = layer1.path("notary.wasm");
    std::fs::write(&notary, soru_kernels::NOTARY).unwrap();
    let kernel = format!("file:{}", notary.display());
    let mut command = words("originate smart rollup notary from bootstrap1 of kind wasm_2_0_0 of type bytes");
    command.extend(["with", "kernel", &kernel, "--burn-cap", "10"]);
    let receipt = layer1.client_and_block(&command).done();
    let rollup = value(&receipt, "Address:").to_owned();
    assert!(receipt.contains(&format!("Smart rollup {rollup} memorized as \"notary\"")), "{receipt}");
    let origination = layer1.head();

    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/certified.tz");
    let storage = format!("Pair \"{rollup}\" 0x");
    let mut command = words("originate contract certified transferring 0 from bootstrap1 running");
    command.extend([contract, "--init", &storage, "--burn-cap", "1"]);
    layer1.client_and_block(&command).done();
    let mut command = words("send smart rollup message");
    command.extend(["hex:[\"00\",\"ff01\"]", "from", "bootstrap1"]);
    let receipt = layer1.client_and_block(&command).done();
    assert!(
        receipt.contains("This smart contract rollup messages submission was successfully applied"),
        "{receipt}"
    );
    layer1.client_and_block(&words("call certified from bootstrap3 --entrypoint ask --arg 0xcafe")).done();
    let asked = layer1.head();

    // A node that signs nothing says what the commitment is.
    let mut node = RollupNode::observer(&layer1, &rollup, "observer");
    let inbox_level = origination + 3;
    assert!(asked <= inbox_level);
    let head = layer1.bake(inbox_level + 2 - layer1.head());
    node.until_at(&layer1, head);
    assert_eq!(ask(&node, &words("get smart rollup address")).trim(), rollup);
    let outbox = ask(&node, &words(&format!("get outbox at level {asked}")));
    let outbox: Value = serde_json::from_str(&outbox).unwrap();
    assert_eq!(outbox.as_array().unwrap().len(), 1, "{outbox}");
    assert_eq!(outbox[0]["message"]["transactions"][0]["entrypoint"], "receive", "{outbox}");
    let block: Value =
        serde_json::from_str(&ask(&node, &words(&format!("rpc get /global/block/{inbox_level}")))).unwrap();
    let commitment = |name: &str| {
        let member = &block["commitment"][name];
        member.as_str().map_or_else(|| member.to_string(), str::to_owned)
    };
    let publish = format!(
        "publish commitment from bootstrap4 for smart rollup notary with compressed state {} at inbox level {} \
         and predecessor {} and number of ticks {}",
        commitment("compressed_state"),
        commitment("inbox_level"),
        commitment("predecessor"),
        commitment("number_of_ticks")
    );
    let receipt = layer1.client_and_block(&words(&publish)).done();
    let hash = block["commitment_hash"].as_str().unwrap();
    assert!(receipt.contains(hash), "{receipt}");
    assert!(receipt.contains("ꜩ10000"), "the stake is frozen: {receipt}");

    // Neither too early nor what is staked on.
    let error = layer1.client(&words("cement commitment from bootstrap5 for smart rollup notary")).failed(1);
    assert!(error.contains("commitment_too_recent"), "{error}");
    let error = layer1.client(&words("recover bond of bootstrap4 for smart rollup notary")).failed(1);
    assert!(error.contains("smart_rollup_not_staked_on_lcc_or_ancestor"), "{error}");

    let published = layer1.head();
    layer1.bake(4);
    let cement = format!("cement commitment {hash} from bootstrap5 for smart rollup notary");
    let receipt = layer1.client_and_block(&words(&cement)).done();
    assert!(
        receipt.contains("This smart contract rollup commitment cementing was successfully applied"),
        "{receipt}"
    );
    let head = layer1.bake(1);
    assert!(head > published + 4);
    node.until_at(&layer1, head);

    let path = format!("get proof for message 0 of outbox at level {asked}");
    let found = crate::support::until("a proof for the outbox message", || {
        let mut command = soru();
        command.args(["rollup-client", "--endpoint", &node.rpc.url]).args(words(&path));
        let finished = finish(command);
        (finished.code == 0).then_some(finished.out)
    });
    let proof: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(proof["commitment"], *hash);
    let execute = format!(
        "execute outbox message of smart rollup notary from bootstrap5 for commitment hash {hash} and output proof {}",
        proof["proof"].as_str().unwrap()
    );
    let mut command = words(&execute);
    command.extend(["--burn-cap", "1"]);
    let receipt = layer1.client_and_block(&command).done();
    assert!(receipt.contains("Internal operations:"), "{receipt}");
    let storage = layer1.client(&words("get contract storage for certified")).done();
    // The bytes of the call, and the number of external messages that came before.
    assert_eq!(storage.trim(), format!("Pair \"{rollup}\" 0xcafe0000000000000002"));
    let error = layer1.client(&command).failed(1);
    assert!(error.contains("outbox_message_already_applied"), "{error}");

    let before = layer1.rpc.get(&balance("bootstrap4"));
    let receipt =
        layer1.client_and_block(&words("recover bond of bootstrap4 for smart rollup notary")).done();
    assert!(receipt.contains("ꜩ10000"), "{receipt}");
    let after = layer1.rpc.get(&balance("bootstrap4"));
    let mutez = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    // All but the fee comes back.
    assert!(mutez(&after) > mutez(&before) + 9_999_000_000, "{before} {after}");
    assert!(mutez(&after) < mutez(&before) + 10_000_000_000, "{before} {after}");
}

fn balance(name: &str) -> String {
    let account = soru_base::bootstrap::BootstrapAccount::named(name).unwrap();
    format!("/chains/main/blocks/head/context/contracts/{}/balance", account.public_key_hash)
}

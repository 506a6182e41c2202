//! The kernel `counter`: messages change a number, and a contract is told it.

use crate::support::{Layer1, RollupNode, Settings, finish, soru};
use serde_json::json;
use soru_base::{Address, Binary as _, RollupAddress};

#[test]
fn a_contract_is_told_what_messages_have_made_of_a_number() {
    let layer1 = Layer1::start(Settings::default());
    let examples = layer1.path("examples");
    let mut command = soru();
    command.args(["kernel", "examples", "--out"]).arg(&examples);
    finish(command).done();
    let rollup = layer1.originate_rollup(&examples.join("counter.wasm"));
    let program = std::fs::read_to_string(examples.join("reader.tz")).unwrap();
    let mut command: Vec<_> =
        "originate contract reader transferring 0 from bootstrap1 running".split(' ').collect();
    command.extend([&program, "--init", "0", "--burn-cap", "1"]);
    layer1.client_and_block(&command).done();
    let known = layer1.client(&["list", "known", "contracts"]).done();
    let reader = known.lines().find_map(|line| line.strip_prefix("reader: ")).unwrap();
    let reader = &reader.parse::<Address>().unwrap().to_bytes()[1..21];

    let mut node = RollupNode::operator(&layer1, &rollup, "operator");
    let hash: RollupAddress = rollup.parse().unwrap();
    let other: RollupAddress = RollupAddress([7; 20]);
    let framed = |rollup: RollupAddress, tag: u8, rest: &[u8]| {
        hex::encode([&[0][..], &rollup.0, &[tag], rest].concat())
    };
    let messages = json!([
        framed(hash, 0, &5_u64.to_be_bytes()),
        framed(hash, 1, &70_u64.to_be_bytes()),
        // For somebody else, and nothing at all.
        framed(other, 0, &9_u64.to_be_bytes()),
        framed(hash, 0, &[1]),
        "",
        framed(hash, 3, reader),
        framed(hash, 2, &[]),
        framed(hash, 0, &3_u64.to_be_bytes()),
    ]);
    layer1.send(&["send", "smart", "rollup", "message", &format!("hex:{messages}"), "from", "bootstrap3"]);
    let level = layer1.bake(1);
    node.until_at(&layer1, level);
    let path = format!("/global/block/{level}/durable/wasm_2_0_0/value?key=/counter");
    assert_eq!(node.rpc.get(&path), json!(format!("{:016x}", 3)));
    let receipt = layer1.execute_first_message(&mut node, &rollup, level);
    let storage = layer1.client(&["get", "contract", "storage", "for", "reader"]).done();
    assert_eq!(storage.trim(), "-65", "{receipt}");
}

//! `soru sandbox` steered from outside, and `soru node` from its configuration file.

use crate::support::{Layer1, Program, Rpc, Settings, finish, soru, until};
use serde_json::{Value, json};

fn steer(layer1: &Layer1, words: &[&str]) -> crate::support::Finished {
    let mut command = soru();
    command.arg("sandbox").args(words).args(["--endpoint", &layer1.rpc.url]);
    finish(command)
}

#[test]
fn blocks_are_made_and_taken_back_by_command() {
    let layer1 = Layer1::start(Settings::default());
    let head = layer1.head();
    let answer: Value = serde_json::from_str(&steer(&layer1, &["bake", "3"]).done()).unwrap();
    assert_eq!(answer["level"], head + 3);
    assert_eq!(answer["hash"], layer1.hash(head + 3));
    let old = layer1.hash(head + 2);
    let answer: Value = serde_json::from_str(&steer(&layer1, &["reorg", "--depth", "2"]).done()).unwrap();
    assert_eq!(answer["level"], head + 4);
    assert_ne!(layer1.hash(head + 2), old);
    for (words, cause) in [
        (&["bake", "0"][..], "count: expected a number from 1"),
        (&["reorg", "--depth", "99"], "99 blocks cannot be abandoned"),
        (&["reorg", "--depth", "2", "--blocks", "2"], "no longer branch"),
    ] {
        let error = steer(&layer1, words).failed(1);
        assert!(error.contains(cause), "{words:?}: {error}");
    }
    assert_eq!(layer1.head(), head + 4);
}

#[test]
fn a_node_runs_from_the_file_of_the_document() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let (wallet, data_dir) =
        (layer1.wallet().display().to_string(), layer1.path("node").display().to_string());
    let words = ["node", "--base-dir", &wallet, "--data-dir", &data_dir];
    let mut command = soru();
    command.args(words).args([
        "init",
        "operator",
        "config",
        "for",
        &rollup,
        "with",
        "operators",
        "bootstrap2",
    ]);
    let said = finish(command).done();
    assert_eq!(said, format!("Smart rollup node configuration written in {data_dir}/config.json\n"));
    let file = layer1.path("node").join("config.json");
    let config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let operator = "tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN";
    assert_eq!(
        config,
        json!({
            "data-dir": data_dir,
            "smart-rollup-address": rollup,
            "smart-rollup-node-operator": {
                "publish": operator, "add_messages": operator, "cement": operator, "refute": operator,
            },
            "fee-parameters": {},
            "mode": "operator",
        })
    );
    let words = [&words[..], &["--endpoint", &layer1.rpc.url, "--rpc-port", "0", "run"]].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let mut program = Program::start(&words, &layer1.path("node.log"));
    let node = Rpc { url: program.line_after("ready ") };
    let head = layer1.bake(6);
    until("the node is at the head", || (node.find("/global/tezos_level")? == head).then_some(()));
    assert_eq!(node.get("/global/smart_rollup_address"), json!(rollup));
    assert!(program.stop().success());
}

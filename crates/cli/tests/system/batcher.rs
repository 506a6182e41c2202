//! Messages handed to a node's batcher arrive in the kernel, each once, whatever is killed.

use crate::support::{Layer1, RollupNode, Settings, finish, soru, until};
use reqwest::Method;
use serde_json::{Value, json};

fn hex_texts(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| hex::encode(format!("to the batcher {n:03}"))).collect()
}

fn status(node: &RollupNode, id: &str) -> Value {
    node.rpc.get(&format!("/local/batcher/queue/{id}"))
}

/// All external messages of some levels that the batcher may have sent.
fn arrived(layer1: &Layer1, levels: std::ops::RangeInclusive<u32>) -> Vec<String> {
    let start = hex::encode("to the batcher");
    let contents = levels.flat_map(|level| layer1.contents(level));
    let messages = contents.filter(|c| c["kind"] == "smart_rollup_add_messages").flat_map(|c| {
        let list = c["message"].as_array().expect("a list of messages").clone();
        list.into_iter().map(|m| m.as_str().expect("hexadecimal").to_owned())
    });
    messages.filter(|m| m.starts_with(&start)).collect()
}

#[test]
fn messages_handed_to_the_batcher_are_seen_by_the_kernel() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let first = layer1.head();
    let mut operator = RollupNode::operator(&layer1, &rollup, "operator");
    let mut batcher = RollupNode::batcher(&layer1, &rollup, "batcher");
    let head = layer1.bake(1);
    operator.until_at(&layer1, head);
    let program = |node: &RollupNode, words: &[&str]| {
        let mut command = soru();
        command.args(["rollup-client", "--endpoint", &node.rpc.url]).args(words);
        finish(command)
    };

    let texts = hex_texts(0..12);
    let words: Vec<&str> =
        ["inject", "messages"].into_iter().chain(texts.iter().map(String::as_str)).collect();
    let ids: Vec<String> = serde_json::from_str(&program(&operator, &words).done()).unwrap();
    let others = batcher.rpc.post("/local/batcher/injection", &json!(hex_texts(12..20)));
    // Killed with messages in the queue, or on their way.
    batcher.kill();
    operator.kill();
    batcher.start_again();
    operator.start_again();
    until("all messages are in blocks", || {
        let head = layer1.bake(1);
        operator.until_at(&layer1, head);
        (arrived(&layer1, first..=head).len() >= 20).then_some(())
    });
    let head = layer1.bake(8);
    operator.until_at(&layer1, head);
    let mut found = arrived(&layer1, first..=head);
    found.sort();
    assert_eq!(found, hex_texts(0..20));

    // The kernel has read them: they are in the node's inboxes, and the status tells in which commitment.
    let told = until("the first message is committed", || {
        layer1.bake(1);
        let told = status(&operator, &ids[0]);
        (told["status"] == "committed").then_some(told)
    });
    let level = told["layer1"]["level"].as_u64().unwrap();
    let block = operator.rpc.get(&format!("/global/block/{level}"));
    let message = json!(format!("01{}", texts[0]));
    assert!(block["messages"].as_array().unwrap().contains(&message), "{block}");
    assert_eq!(told["layer1"]["block_hash"], block["block_hash"]);
    assert!(program(&operator, &["get", "message", "status", &ids[0]]).done().contains("committed"));
    assert_eq!(operator.rpc.get("/local/batcher/queue"), json!([]));
    until("the batcher has seen its own", || {
        (status(&batcher, others[7].as_str().unwrap())["finalized"] == json!(true)).then_some(())
    });

    let mut maintenance = RollupNode::observer(&layer1, &rollup, "observer");
    let (code, refusal) = maintenance.rpc.call(Method::POST, "/local/batcher/injection", "[\"00\"]").unwrap();
    assert_eq!((code.as_u16(), &refusal[0]["id"]), (500, &json!("sc_rollup.node.no_batcher")));
    assert!(maintenance.stop().success() && batcher.stop().success() && operator.stop().success());
}

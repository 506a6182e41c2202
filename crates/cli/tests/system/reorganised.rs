//! The layer-1 changes its mind: node and inbox follow.

use crate::support::{Layer1, RollupNode, Settings};
use serde_json::Value;

const ADD_MESSAGES: &str = "smart_rollup_add_messages";

fn messages_of(layer1: &Layer1, level: u32) -> Vec<Value> {
    layer1.contents(level).into_iter().filter(|c| c["kind"] == ADD_MESSAGES).collect()
}

/// Where the messages of that text are, among some levels.
fn levels_with(layer1: &Layer1, text: &str, levels: std::ops::RangeInclusive<u32>) -> Vec<u32> {
    let message = Value::from(hex::encode(text));
    let has = |content: &Value| content["message"].as_array().is_some_and(|list| list.contains(&message));
    levels.filter(|level| messages_of(layer1, *level).iter().any(has)).collect()
}

/// A chain with messages in it, an operator on it, then a reorganisation of that depth.
fn follow(depth: u32) {
    let layer1 = Layer1::start(Settings { challenge_window: 30, ..Settings::default() });
    let rollup = layer1.originate_notary();
    let origination = layer1.head();
    let mut node = RollupNode::operator(&layer1, &rollup, "operator");
    for n in 0..7 {
        layer1.send_messages("bootstrap1", &["before", &format!("before {n}")]);
        let head = layer1.bake(2);
        node.until_at(&layer1, head);
    }
    // In the last blocks: they are abandoned.
    layer1.send_messages("bootstrap1", &["in an abandoned block"]);
    let old = layer1.bake(1);
    node.until_at(&layer1, old);
    assert_eq!(levels_with(&layer1, "in an abandoned block", old..=old), [old]);
    let before: Vec<_> = (origination..=old).map(|level| node.recorded(level)).collect();

    let new = layer1.reorganise(depth);
    assert_eq!(new, old + 1);
    node.until_at(&layer1, new);
    node.until_logged(&format!("the layer-1 was reorganised, {depth} blocks are abandoned"));
    // The branch has no operations: they wait, and come back now if the block that they refer to is still there.
    layer1.send_messages("bootstrap3", &["after"]);
    let head = layer1.bake(1);
    let common = old - depth;
    let back = |text| levels_with(&layer1, text, common + 1..=head);
    if depth < 3 {
        assert_eq!(back("in an abandoned block"), [head]);
    } else {
        // Sent when the head was the last common block, referring to the one two blocks below.
        assert_eq!(back("before 3"), [head]);
        assert_eq!(back("in an abandoned block"), [0; 0]);
    }
    assert_eq!(back("after"), [head]);
    let head = layer1.bake(8);
    node.until_at(&layer1, head);

    let mut fresh = RollupNode::observer(&layer1, &rollup, "fresh");
    fresh.until_at(&layer1, head);
    for level in origination..=head {
        assert_eq!(node.recorded(level), fresh.recorded(level));
        assert_eq!(fresh.recorded(level).block, layer1.hash(level));
    }
    for was in before {
        let is = node.recorded(was.level);
        assert_eq!(is == was, was.level <= common, "level {}", was.level);
        if was.level > common {
            assert_ne!((is.block, is.inbox), (was.block, was.inbox), "level {}", was.level);
        }
    }
    // The node's own operations were undone, too, and made again.
    let publishes = || {
        let all = (origination..=layer1.head()).flat_map(|level| layer1.contents(level));
        let publishes = all.filter(|c| c["kind"] == "smart_rollup_publish");
        publishes.map(|c| c["metadata"]["operation_result"]["staked_hash"].clone()).collect::<Vec<_>>()
    };
    let due = (head - 2 - origination) / 4;
    let expected: Vec<Value> = (1..=due).map(|n| fresh.recorded(origination + 4 * n).commitment).collect();
    crate::support::until(format!("{expected:?} published on the new branch"), || {
        if publishes() == expected {
            return Some(());
        }
        if layer1.is_pending("smart_rollup_publish") {
            layer1.bake(1);
        }
        None
    });
}

#[test]
fn one_block() {
    follow(1);
}

#[test]
fn two_blocks() {
    follow(2);
}

#[test]
fn ten_blocks() {
    follow(10);
}

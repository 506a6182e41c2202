//! The layer-1 is not there yet, or not there any more: the node waits, says so, and goes on.

use crate::support::{Layer1, RollupNode, Settings, until};

#[test]
fn a_node_waits_for_the_layer_1_at_its_start_and_later() {
    let mut layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let origination = layer1.head();
    let mut never_without = RollupNode::observer(&layer1, &rollup, "other");
    layer1.send_messages("bootstrap1", &["one", "two"]);
    let head = layer1.bake(5);
    never_without.until_at(&layer1, head);

    let endpoint = layer1.rpc.url.clone();
    layer1.kill();
    let mut node = RollupNode::operator(&layer1, &rollup, "node");
    node.until_logged(&format!("waiting for the layer-1 at {endpoint}"));
    // It answers all the same.
    assert!(node.is_running());
    assert!(node.rpc.get("/global/tezos_level").is_null());
    let health = node.rpc.call(reqwest::Method::GET, "/health", "").expect("an answer");
    assert!(health.1.is_object(), "{health:?}");

    // Nothing that the layer-1 has answered is lost by a SIGKILL.
    layer1.start_again();
    assert_eq!(layer1.head(), head);
    node.until_at(&layer1, head);
    node.until_logged("the rollup was originated here, starting");

    // Once more, with both nodes in the middle of their work.
    let waits = |node: &RollupNode| node.log_text().matches("waiting for the layer-1 at").count();
    let back =
        |node: &RollupNode| node.log_text().matches(&format!("the layer-1 at {endpoint} is back")).count();
    let before = [&node, &never_without].map(|node| (waits(node), back(node)));
    layer1.send_messages("bootstrap1", &["three"]);
    layer1.bake(20);
    layer1.kill();
    for (node, (waited, _)) in [&node, &never_without].into_iter().zip(before) {
        until("the node says that it waits", || (waits(node) > waited).then_some(()));
        assert!(node.rpc.get("/global/tezos_level").is_u64());
    }
    layer1.start_again();
    layer1.send_messages("bootstrap1", &["four"]);
    let head = layer1.bake(3);
    for (node, (_, came_back)) in [&mut node, &mut never_without].into_iter().zip(before) {
        node.until_at(&layer1, head);
        assert!(back(node) > came_back, "{}", node.log_text());
    }
    let mut fresh = RollupNode::observer(&layer1, &rollup, "fresh");
    fresh.until_at(&layer1, head);
    for level in origination..=head {
        assert_eq!(node.recorded(level), fresh.recorded(level));
        assert_eq!(never_without.recorded(level), fresh.recorded(level));
    }
    assert!(layer1.is_running());
}

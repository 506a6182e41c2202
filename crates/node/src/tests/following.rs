use super::*;
use crate::error::NodeError;
use crate::status::Obstacle;
use crate::store::Kept;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn catches_up_from_the_origination() {
    let layer1 = FakeLayer1::new();
    (0..30).for_each(|i| {
        layer1.send(&[i]);
        layer1.bake(1);
    });
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    assert_eq!(node.follow().await.unwrap(), Followed { abandoned: 0, added: 30 });
    let records = node.records();
    assert_eq!(records.len(), 31);
    assert_eq!(records[0].level.get(), fake_layer1::ORIGINATION);
    for pair in records.windows(2) {
        assert_eq!(pair[1].predecessor, pair[0].hash);
        assert_eq!(pair[1].initial_tick, pair[0].final_tick());
        assert_ne!(pair[1].state_hash, pair[0].state_hash);
    }
    // Start, what was sent, the level's own, end.
    assert!(records[1..].iter().all(|r| r.num_messages == 4));
}

#[tokio::test]
async fn commitments_chain_and_count_ticks_since_the_one_before() {
    let layer1 = FakeLayer1::new();
    layer1.bake(20);
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    node.follow().await.unwrap();
    let records = node.records();
    let mut before = &records[0];
    for (i, record) in records.iter().enumerate() {
        let ends = i % fake_layer1::PERIOD as usize == 0;
        assert_eq!(record.commitment.is_some(), ends, "level {}", record.level);
        if i > 0 && ends {
            let commitment = node.store().commitment(&record.commitment.unwrap()).unwrap().unwrap();
            assert_eq!(Some(commitment.predecessor), before.commitment);
            assert_eq!(commitment.number_of_ticks, record.final_tick().since(before.final_tick()));
            assert_eq!(commitment.compressed_state, record.state_hash);
            before = record;
        }
    }
}

#[tokio::test]
async fn reorganisations_of_1_2_and_10_blocks() {
    for depth in [1, 2, 10] {
        let layer1 = FakeLayer1::new();
        layer1.bake(15);
        let dir = tempfile::tempdir().unwrap();
        let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
        node.follow().await.unwrap();
        layer1.reorganise(depth, depth + 1);
        let followed = node.follow().await.unwrap();
        assert_eq!(followed, Followed { abandoned: depth, added: depth + 1 });
        assert_eq!(node.records(), reference(&layer1).await);
    }
}

#[tokio::test]
async fn a_shorter_chain_and_a_chain_that_comes_back() {
    let layer1 = FakeLayer1::new();
    layer1.bake(10);
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    node.follow().await.unwrap();
    let old_head = layer1.head().await.unwrap();
    layer1.reorganise(5, 2);
    node.follow().await.unwrap();
    assert_eq!(node.records(), reference(&layer1).await);
    // Back to blocks that are stored already.
    node.follower.follow(&old_head).await.unwrap();
    assert_eq!(node.store().head().unwrap().unwrap().hash, old_head.hash);
}

#[tokio::test]
async fn the_origination_itself_is_replaced() {
    let layer1 = FakeLayer1::new();
    layer1.bake(3);
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    node.follow().await.unwrap();
    layer1.reorganise(5, 8);
    node.follow().await.unwrap();
    assert_eq!(node.records(), reference(&layer1).await);
}

#[tokio::test]
async fn a_wrong_inbox_stops_the_node_and_keeps_nothing() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    layer1.forge_inboxes();
    layer1.bake(1);
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    let error = node.follow().await.unwrap_err();
    assert!(
        matches!(error, FollowError::Fatal(NodeError::Inbox { level: l, .. }) if l == level(6)),
        "{error}"
    );
    assert_eq!(node.store().head().unwrap().unwrap().level, level(5));
}

#[tokio::test]
async fn a_loop_is_reported_and_nothing_of_the_level_is_kept() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    node.follow().await.unwrap();
    node.chain.machine().loops.store(true, Ordering::SeqCst);
    layer1.bake(4);
    let error = node.follow().await.unwrap_err();
    assert!(matches!(error, FollowError::Stuck { obstacle: Obstacle::Deadline, .. }), "{error}");
    let stuck = node.status.get().stuck.unwrap();
    assert_eq!((stuck.level, stuck.attempts), (level(6), 1));
    assert!(!node.status.get().is_healthy());
    assert_eq!(node.store().head().unwrap().unwrap().level, level(5));
    node.follow().await.unwrap_err();
    assert_eq!(node.status.get().stuck.unwrap().attempts, 2);

    node.chain.machine().loops.store(false, Ordering::SeqCst);
    node.follow().await.unwrap();
    assert_eq!(node.status.get().stuck, None);
    assert_eq!(node.records(), reference(&layer1).await);
}

#[tokio::test]
async fn collected_states_do_not_hinder_a_deep_reorganisation() {
    let layer1 = FakeLayer1::new();
    layer1.bake(20);
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(&layer1, dir.path(), Mode::Observer);
    node.follow().await.unwrap();
    let kept = Kept { from: level(21), period_ends_from: level(15), finalized: level(18) };
    let collected = node.store().collect(kept).unwrap();
    assert!(collected.states > 10 && collected.nodes > 0, "{collected:?}");
    assert_eq!(node.store().block_at(level(14)).unwrap(), None);
    let period_end = node.store().block_at(level(19)).unwrap().unwrap();
    node.store().state(&period_end).unwrap();

    layer1.reorganise(10, 12);
    node.follow().await.unwrap();
    node.check(level(15)).await;
    assert_eq!(node.store().head().unwrap().unwrap().level, level(layer1.head_level()));
}

/// What happens to a node and its layer-1.
#[derive(Debug, Clone)]
enum Event {
    Bake(u32),
    Reorganise(u32, u32),
    Follow,
    Restart,
    Collect,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..5u32).prop_map(Event::Bake),
        1 => (1..11u32, 0..12u32).prop_map(|(depth, blocks)| Event::Reorganise(depth, blocks)),
        4 => Just(Event::Follow),
        1 => Just(Event::Restart),
        1 => Just(Event::Collect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn however_it_came_there_a_node_has_what_a_fresh_one_has(events in proptest::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let layer1 = FakeLayer1::new();
            let dir = tempfile::tempdir().unwrap();
            let mut node = TestNode::open(&layer1, dir.path(), Mode::Observer);
            let mut collected = level(0);
            for event in events {
                match event {
                    Event::Bake(blocks) => layer1.bake(blocks),
                    Event::Reorganise(depth, blocks) => {
                        let depth = depth.min(layer1.head_level() - fake_layer1::ORIGINATION);
                        layer1.reorganise(depth, blocks);
                    }
                    Event::Follow => drop(node.follow().await.unwrap()),
                    Event::Restart => {
                        drop(node);
                        node = TestNode::open(&layer1, dir.path(), Mode::Observer);
                    }
                    Event::Collect => {
                        let head = level(layer1.head_level());
                        let back = |n| head.minus(soru_base::LevelSpan(n));
                        let kept = Kept { from: back(4), period_ends_from: back(12), finalized: back(6) };
                        node.store().collect(kept).unwrap();
                        collected = collected.max(kept.from);
                    }
                }
            }
            node.follow().await.unwrap();
            node.check(collected).await;
        });
    }
}

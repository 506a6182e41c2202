use super::*;
use crate::config::Purpose;
use proptest::prelude::*;

#[tokio::test]
async fn everything_is_published_once_and_cemented() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let mut node = TestNode::open(&layer1, dir.path(), Mode::Operator);
    for _ in 0..60 {
        layer1.bake(1);
        node.follow().await.unwrap();
        node.act().await;
    }
    let head = layer1.head_level();
    assert!(layer1.publications().values().all(|n| *n == 1), "{:?}", layer1.publications());
    assert!(head - layer1.staked(operator()).unwrap().level.get() < 4 + fake_layer1::PERIOD);
    assert!(head - layer1.cemented().level.get() < fake_layer1::WINDOW + 2 * fake_layer1::PERIOD);
    assert_eq!(layer1.failed_operations(), 0);
}

#[tokio::test]
async fn an_observer_injects_nothing_but_knows_what_is_cemented() {
    let layer1 = FakeLayer1::new();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut operator = TestNode::open(&layer1, dirs[0].path(), Mode::Operator);
    let mut observer = TestNode::open(&layer1, dirs[1].path(), Mode::Observer);
    for _ in 0..40 {
        layer1.bake(1);
        observer.follow().await.unwrap();
        let before = layer1.mempool();
        observer.act().await;
        assert_eq!(layer1.mempool(), before);
        operator.follow().await.unwrap();
        operator.act().await;
    }
    assert_eq!(observer.status.get().warnings, [] as [String; 0]);
    assert_eq!(observer.store().cemented().unwrap(), Some(layer1.cemented()));
    assert!(layer1.cemented().level.get() > fake_layer1::ORIGINATION);
    assert_eq!(observer.records(), operator.records());
}

#[tokio::test]
async fn one_that_is_refused_does_not_hold_up_the_others() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let mut node = TestNode::open(&layer1, dir.path(), Mode::Operator);
    // Ready to publish the second commitment, which is poisoned; the first is cemented all the same.
    layer1.bake(2 * fake_layer1::PERIOD);
    node.follow().await.unwrap();
    let second = node.store().head().unwrap().unwrap().commitment.unwrap();
    layer1.poison(second);
    for _ in 0..20 {
        layer1.bake(1);
        node.follow().await.unwrap();
        node.act().await;
    }
    assert_eq!(layer1.cemented().level.get(), fake_layer1::ORIGINATION + fake_layer1::PERIOD);
    assert_eq!(layer1.publications().get(&second), None);
}

#[tokio::test]
async fn a_signer_that_fails_does_not_hold_up_the_other() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let cementer: PublicKeyHash = "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb".parse().unwrap();
    let mut two_keys = config(dir.path(), Mode::Operator);
    two_keys.operators.set(Purpose::Cement, cementer);
    let mut node = TestNode::with(&layer1, &two_keys);
    layer1.fail_for(cementer);
    for _ in 0..20 {
        layer1.bake(1);
        node.follow().await.unwrap();
        node.act().await;
    }
    // Cementing fails, publishing goes on.
    assert!(layer1.publications().len() >= 3);
    assert_eq!(layer1.cemented().level.get(), fake_layer1::ORIGINATION);
    drop(node);

    // The other way round: what was published is cemented, while publishing fails.
    layer1.fail_for(operator());
    let mut node = TestNode::with(&layer1, &two_keys);
    for _ in 0..20 {
        layer1.bake(1);
        node.follow().await.unwrap();
        node.act().await;
    }
    assert!(layer1.cemented().level.get() >= fake_layer1::ORIGINATION + 3 * fake_layer1::PERIOD);
    assert_eq!(layer1.failed_operations(), 0);
}

#[tokio::test]
async fn an_operation_included_a_moment_ago_is_not_sent_again() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let mut node = TestNode::open(&layer1, dir.path(), Mode::Operator);
    layer1.bake(fake_layer1::PERIOD + 2);
    node.follow().await.unwrap();
    let head = layer1.head().await.unwrap();
    let constants = layer1.constants(&head).await.unwrap();
    node.publisher.act(&head, constants).await.unwrap();
    assert_eq!(layer1.mempool(), 1);
    // The operation is neither in the mempool nor in any block the node has seen.
    layer1.bake(1);
    assert_eq!(layer1.mempool(), 0);
    node.publisher.act(&head, constants).await.unwrap();
    assert_eq!(layer1.mempool(), 0);
}

/// What happens between two looks at the layer-1.
#[derive(Debug, Clone)]
enum Event {
    Bake,
    Reorganise(u32, u32),
    Restart,
    /// The node is killed after it followed, before it published; or the other way round.
    FollowOnly,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Bake),
        1 => (1..11u32, 0..12u32).prop_map(|(depth, blocks)| Event::Reorganise(depth, blocks)),
        2 => Just(Event::Restart),
        2 => Just(Event::FollowOnly),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn nothing_is_published_twice_or_lost(events in proptest::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let layer1 = FakeLayer1::new();
            let dir = tempfile::tempdir().unwrap();
            let mut node = TestNode::open(&layer1, dir.path(), Mode::Operator);
            for event in events {
                match event {
                    Event::Bake => layer1.bake(1),
                    Event::Reorganise(depth, blocks) => {
                        let depth = depth.min(layer1.head_level() - fake_layer1::ORIGINATION);
                        layer1.reorganise(depth, blocks);
                    }
                    Event::Restart => {
                        drop(node);
                        node = TestNode::open(&layer1, dir.path(), Mode::Operator);
                    }
                    Event::FollowOnly => {
                        layer1.bake(1);
                        node.follow().await.unwrap();
                        continue;
                    }
                }
                node.follow().await.unwrap();
                node.act().await;
            }
            for _ in 0..40 {
                layer1.bake(1);
                node.follow().await.unwrap();
                node.act().await;
            }
            let head = layer1.head_level();
            assert!(layer1.publications().values().all(|n| *n == 1));
            assert!(head - layer1.staked(operator()).unwrap().level.get() < 4 + fake_layer1::PERIOD);
            assert!(head - layer1.cemented().level.get() < fake_layer1::WINDOW + 2 * fake_layer1::PERIOD);
            assert_eq!(layer1.failed_operations(), 0);
        });
    }
}

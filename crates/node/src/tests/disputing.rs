//! Nodes among liars: what they publish, cement, take back and tell.

use super::*;
use proptest::prelude::*;
use soru_base::{LevelSpan, StateHash};
use soru_protocol::Commitment;

fn accuser() -> PublicKeyHash {
    "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb".parse().unwrap()
}

fn liar(n: u8) -> PublicKeyHash {
    PublicKeyHash::Ed25519([n; 20])
}

fn open(layer1: &FakeLayer1, dir: &tempfile::TempDir, mode: Mode, who: PublicKeyHash) -> TestNode {
    let rollup = ROLLUP.in_family(IdFamily::Alpha);
    let mut config = Config::new(mode, &rollup, Config::operators_for(mode, who), dir.path()).unwrap();
    config.options.rpc_port = 0;
    TestNode::with(layer1, &config)
}

async fn bake(layer1: &FakeLayer1, nodes: &mut [&mut TestNode], blocks: u32) {
    for _ in 0..blocks {
        layer1.bake(1);
        for node in &mut *nodes {
            node.follow().await.unwrap();
            node.act().await;
        }
    }
}

/// A wrong commitment for the first open period that the node has computed, or nothing if there is none yet.
fn lie(layer1: &FakeLayer1, node: &TestNode, n: u8) -> Option<Commitment> {
    let next = layer1.cemented().level.plus(LevelSpan(fake_layer1::PERIOD));
    let truth = node.store().block_at(next).unwrap()?.commitment?;
    let truth = node.store().commitment(&truth).unwrap()?;
    Some(Commitment { compressed_state: StateHash([n; 32]), ..truth })
}

#[tokio::test]
async fn an_accuser_stakes_against_a_lie_alone_and_takes_its_deposit_back() {
    let layer1 = FakeLayer1::new();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut publisher = open(&layer1, &dirs[0], Mode::Operator, operator());
    let mut watcher = open(&layer1, &dirs[1], Mode::Accuser, accuser());
    bake(&layer1, &mut [&mut publisher, &mut watcher], 30).await;
    assert_eq!(layer1.depositors(), [operator()].into());
    assert_eq!(watcher.status.get().conflicts, []);

    let wrong = lie(&layer1, &watcher, 9).unwrap();
    layer1.publish_as(liar(9), wrong);
    bake(&layer1, &mut [&mut publisher, &mut watcher], 2).await;
    assert_eq!(layer1.depositors(), [operator(), accuser(), liar(9)].into());
    let staked = layer1.staked(accuser()).unwrap();
    assert_eq!(staked.level, wrong.inbox_level);
    let cemented = layer1.cemented();
    let newest = layer1.staked(operator()).unwrap();
    // The first commitment after the fork waits for the game; the operator goes on.
    bake(&layer1, &mut [&mut publisher, &mut watcher], 20).await;
    assert_eq!(layer1.cemented(), cemented);
    assert!(layer1.staked(operator()).unwrap().level.since(newest.level).0 >= 4 * fake_layer1::PERIOD);
    assert_eq!(layer1.staked(accuser()), Some(staked));
    for node in [&publisher, &watcher] {
        let status = node.status.get();
        let [found] = status.conflicts[..] else { panic!("{:?}", status.conflicts) };
        assert_eq!((found.publisher, found.theirs, found.ours.hash()), (liar(9), wrong, staked.hash));
        let stake = status.stake.unwrap();
        assert!(stake.at_risk && stake.bond > 0);
        assert_eq!(status.warnings, [] as [String; 0]);
    }

    layer1.lose(liar(9));
    bake(&layer1, &mut [&mut publisher, &mut watcher], 30).await;
    assert!(layer1.cemented().level > staked.level);
    assert_eq!(layer1.depositors(), [operator()].into());
    let status = watcher.status.get();
    assert_eq!(status.conflicts, []);
    assert_eq!(status.stake.map(|stake| (stake.bond, stake.at_risk)), Some((0, false)));
    assert_eq!(layer1.failed_operations(), 0);
}

#[tokio::test]
async fn a_liar_who_lost_and_stakes_on_the_truth_costs_an_accuser_nothing() {
    let layer1 = FakeLayer1::new();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut publisher = open(&layer1, &dirs[0], Mode::Operator, operator());
    bake(&layer1, &mut [&mut publisher], 20).await;
    layer1.publish_as(liar(9), lie(&layer1, &publisher, 9).unwrap());
    bake(&layer1, &mut [&mut publisher], 1).await;
    assert_eq!(publisher.status.get().conflicts.len(), 1);
    layer1.lose(liar(9));
    bake(&layer1, &mut [&mut publisher], 1).await;
    let staked = layer1.staked(operator()).unwrap();
    layer1.publish_as(liar(9), publisher.store().commitment(&staked.hash).unwrap().unwrap());
    let mut watcher = open(&layer1, &dirs[1], Mode::Accuser, accuser());
    bake(&layer1, &mut [&mut publisher, &mut watcher], 3).await;
    assert_eq!(layer1.depositors(), [operator(), liar(9)].into());
    assert_eq!((publisher.status.get().conflicts, watcher.status.get().conflicts), (vec![], vec![]));
    assert_eq!(layer1.failed_operations(), 0);
}

#[tokio::test]
async fn an_observer_says_that_nobody_defends() {
    let layer1 = FakeLayer1::new();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut publisher = open(&layer1, &dirs[0], Mode::Operator, operator());
    let mut observer = open(&layer1, &dirs[1], Mode::Observer, operator());
    bake(&layer1, &mut [&mut publisher, &mut observer], 20).await;
    layer1.publish_as(liar(9), lie(&layer1, &observer, 9).unwrap());
    bake(&layer1, &mut [&mut publisher, &mut observer], 2).await;
    let warnings = observer.status.get().warnings;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.starts_with(&format!("conflict: {} published scc1", liar(9))), "{warning}");
    assert!(!observer.status.get().is_healthy());
}

#[tokio::test]
async fn who_lost_its_deposit_stakes_again_only_by_a_person_s_hand() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(&layer1, &dir, Mode::Operator, operator());
    bake(&layer1, &mut [&mut node], 20).await;
    layer1.lose(operator());
    bake(&layer1, &mut [&mut node], 30).await;
    assert_eq!(layer1.depositors(), [].into());
    let warnings = node.status.get().warnings;
    assert!(warnings.iter().any(|w| w.contains("has lost its deposit")), "{warnings:?}");
    assert_eq!(layer1.failed_operations(), 0);
    // It is seen after a restart as well, as long as what it staked on is open.
    drop(node);
    let mut node = open(&layer1, &dir, Mode::Operator, operator());
    bake(&layer1, &mut [&mut node], 10).await;
    assert_eq!(layer1.depositors(), [].into());
}

#[tokio::test]
async fn a_bailout_ends_when_the_deposit_is_back() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let mut node = open(&layer1, &dir, Mode::Maintenance, operator());
    bake(&layer1, &mut [&mut node], 20).await;
    drop(node);
    let newest = layer1.staked(operator());
    let mut node = open(&layer1, &dir, Mode::Bailout, operator());
    let mut blocks = 0;
    let outlook = loop {
        layer1.bake(1);
        blocks += 1;
        node.follow().await.unwrap();
        let outlook = node.act().await;
        if outlook == Outlook::Done || blocks > 100 {
            break outlook;
        }
        assert!(layer1.staked(operator()).is_none_or(|staked| Some(staked) == newest));
    };
    assert_eq!(outlook, Outlook::Done);
    assert_eq!(layer1.cemented(), newest.unwrap());
    assert_eq!(layer1.depositors(), [].into());
    assert_eq!(layer1.failed_operations(), 0);
}

/// What happens between two looks at the layer-1.
#[derive(Debug, Clone)]
enum Event {
    Bake,
    Lie(u8),
    Lose(u8),
    Reorganise(u32),
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Bake),
        2 => (1..4u8).prop_map(Event::Lie),
        2 => (1..4u8).prop_map(Event::Lose),
        // The chain gets shorter: no publication is taken back for longer than its time.
        1 => (1..8u32).prop_map(Event::Reorganise),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn among_liars_restarts_and_reorganisations(events in proptest::collection::vec(event(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let layer1 = FakeLayer1::new();
            let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let mut publisher = open(&layer1, &dirs[0], Mode::Operator, operator());
            let mut watcher = open(&layer1, &dirs[1], Mode::Accuser, accuser());
            for event in events {
                match event {
                    Event::Bake => (),
                    Event::Lie(n) => {
                        if let Some(wrong) = lie(&layer1, &watcher, n) {
                            layer1.publish_as(liar(n), wrong);
                        }
                    }
                    Event::Lose(n) => layer1.lose(liar(n)),
                    Event::Reorganise(depth) => {
                        let depth = depth.min(layer1.head_level() - fake_layer1::ORIGINATION);
                        layer1.reorganise(depth, 1);
                    }
                    Event::Restart => {
                        drop(watcher);
                        watcher = open(&layer1, &dirs[1], Mode::Accuser, accuser());
                    }
                }
                bake(&layer1, &mut [&mut publisher, &mut watcher], 1).await;
            }
            (1..4).for_each(|n| layer1.lose(liar(n)));
            bake(&layer1, &mut [&mut publisher, &mut watcher], 40).await;
            assert_eq!(layer1.depositors(), [operator()].into(), "{:?}", publisher.status.get().warnings);
            let head = layer1.head_level();
            assert!(head - layer1.cemented().level.get() < fake_layer1::WINDOW + 2 * fake_layer1::PERIOD);
        });
    }
}

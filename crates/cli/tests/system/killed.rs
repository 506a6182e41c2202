//! A node that is killed again and again, at any moment, ends as one that never was.

use crate::support::{Layer1, RollupNode, Seeded, Settings, until};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// When the node is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Right after a block was made: it may have heard of it, or have begun with it, or be done.
    Block,
    /// When it has evaluated the block, and publishes perhaps.
    Evaluated,
    /// When its operation waits for a block.
    OperationSent,
    /// The block with its operation is made while it is dead.
    OperationIncluded,
    /// Somewhere in the middle of so many levels that it missed.
    CatchingUp(u32),
    /// As soon as it answers after a start.
    Started,
}

const MOMENTS: [Moment; 10] = [
    Moment::Block,
    Moment::Evaluated,
    Moment::OperationSent,
    Moment::OperationIncluded,
    Moment::CatchingUp(200),
    Moment::Started,
    Moment::Block,
    Moment::OperationSent,
    Moment::CatchingUp(30),
    Moment::Evaluated,
];

const PERIOD: u32 = 3;
/// Blocks after which the node takes a level as final and publishes its commitment.
const FINALITY: u32 = 2;
const PUBLISH: &str = "smart_rollup_publish";
const CEMENT: &str = "smart_rollup_cement";

struct World {
    layer1: Layer1,
    origination: u32,
    victim: RollupNode,
    chance: Seeded,
}

impl World {
    /// One block, sometimes with messages.
    fn bake(&mut self) -> u32 {
        if self.chance.below(3) == 0 {
            let count = 1 + self.chance.below(4) as usize;
            self.layer1.send_messages("bootstrap1", &["salut", "le", "monde", "!"][..count]);
        }
        self.layer1.bake(1)
    }

    fn operation_pending(&self) -> bool {
        self.layer1.is_pending(PUBLISH) || self.layer1.is_pending(CEMENT)
    }

    /// Makes blocks until one lets the node publish, and waits until it does.
    fn until_operation_sent(&mut self) {
        loop {
            let head = self.bake();
            self.victim.until_at(&self.layer1, head);
            let since = head.saturating_sub(self.origination + FINALITY);
            if since > 0 && since.is_multiple_of(PERIOD) {
                return until("an operation of the node", || self.operation_pending().then_some(()));
            }
        }
    }

    fn kill(&mut self, moment: Moment) {
        for _ in 0..self.chance.below(4) {
            let head = self.bake();
            self.victim.until_at(&self.layer1, head);
        }
        match moment {
            Moment::Block => {
                self.bake();
            }
            Moment::Evaluated => {
                let head = self.bake();
                self.victim.until_at(&self.layer1, head);
            }
            Moment::OperationSent => self.until_operation_sent(),
            Moment::OperationIncluded => {
                self.until_operation_sent();
                self.victim.kill();
                self.layer1.bake(2);
                return self.victim.start_again();
            }
            Moment::CatchingUp(missed) => {
                let before = self.victim.level();
                self.victim.kill();
                self.bake();
                self.layer1.bake(missed - 1);
                self.victim.start_again();
                let middle = before + missed / 4 + self.chance.below(missed / 2);
                until("the middle of what it missed", || (self.victim.level() >= middle).then_some(()));
            }
            Moment::Started => {
                self.victim.kill();
                self.bake();
                self.victim.start_again();
            }
        }
        self.victim.kill();
        self.victim.start_again();
    }
}

/// The publications on the layer-1's chain: each commitment, and how often.
fn publications(layer1: &Layer1, levels: RangeInclusive<u32>) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for content in levels.flat_map(|level| layer1.contents(level)) {
        let result = &content["metadata"]["operation_result"];
        if content["kind"] == PUBLISH && result["status"] == "applied" {
            let hash = result["staked_hash"].as_str().expect("the hash of a commitment");
            *found.entry(hash.to_owned()).or_default() += 1;
        }
    }
    found
}

/// Lets the node publish and cement what is due by now, then checks that it knows and has published what `twin` knows.
fn check(layer1: &Layer1, rollup: &str, origination: u32, victim: &mut RollupNode, twin: &mut RollupNode) {
    let due = (layer1.head() - FINALITY - origination) / PERIOD;
    let (mut looks, mut head) = (0, layer1.head());
    let cemented = || {
        let path = "/chains/main/blocks/head/context/smart_rollups/smart_rollup";
        layer1.rpc.get(&format!("{path}/{rollup}/last_cemented_commitment_hash_with_level"))
    };
    let last = origination + due * PERIOD;
    until(format!("the commitment of level {last}, the last of {due}, cemented"), || {
        looks += 1;
        let busy = layer1.is_pending(PUBLISH) || layer1.is_pending(CEMENT);
        // Without an operation that waits, the node has nothing to send yet, or is about to.
        if victim.level() < head || !(busy || looks > 20) {
            return None;
        }
        looks = 0;
        head = layer1.bake(1);
        (cemented()["level"].as_u64() >= Some(last.into())).then_some(())
    });
    victim.until_at(layer1, head);
    twin.until_at(layer1, head);
    for level in origination..=head {
        // What is older than 100 blocks may be thrown away, by one earlier than by the other.
        match (victim.find_recorded(level), twin.find_recorded(level)) {
            (Some(found), Some(expected)) => assert_eq!(found, expected),
            _ => assert!(level + 100 < head, "level {level} is missing, the head is {head}"),
        }
    }
    let published = publications(layer1, origination + 1..=head);
    let commitments: Vec<String> = (1..=due)
        .map(|n| twin.recorded(origination + n * PERIOD).commitment)
        .map(|hash| hash.as_str().expect("a commitment").to_owned())
        .collect();
    for hash in &commitments {
        assert_eq!(published.get(hash), Some(&1), "{hash} was published so often");
    }
    assert!(published.values().all(|&times| times == 1), "{published:?}");
    let cemented = cemented();
    let level = cemented["level"].as_u64().and_then(|level| u32::try_from(level).ok()).expect("a level");
    assert_eq!(cemented["hash"], twin.recorded(level).commitment);
}

fn settings() -> Settings {
    Settings { commitment_period: PERIOD, challenge_window: 5, ..Settings::default() }
}

#[test]
fn a_node_killed_ten_times_ends_as_one_that_never_was() {
    let layer1 = Layer1::start(settings());
    let rollup = layer1.originate_notary();
    let origination = layer1.head();
    let mut twin = RollupNode::observer(&layer1, &rollup, "twin");
    let victim = RollupNode::operator(&layer1, &rollup, "victim");
    let mut world = World { layer1, origination, victim, chance: Seeded(20_230_106) };
    for moment in MOMENTS {
        world.kill(moment);
    }
    let World { layer1, mut victim, .. } = world;
    assert!(layer1.head() > origination + 60);
    check(&layer1, &rollup, origination, &mut victim, &mut twin);
    // Nothing was tried twice, not even in vain.
    for content in (origination + 1..=layer1.head()).flat_map(|level| layer1.contents(level)) {
        if content["kind"] == PUBLISH || content["kind"] == CEMENT {
            assert_eq!(content["metadata"]["operation_result"]["status"], "applied", "{content}");
        }
    }
}

/// Everything at once: the node and the layer-1 are killed, and blocks are taken back, in an order that the seed says.
fn storm(seed: u64) {
    let mut chance = Seeded(seed);
    let mut layer1 = Layer1::start(settings());
    let rollup = layer1.originate_notary();
    let origination = layer1.head();
    let mut victim = RollupNode::operator(&layer1, &rollup, "victim");
    layer1.bake(6);
    for _ in 0..40 {
        match chance.below(8) {
            0 | 1 => {
                if !layer1.is_pending("smart_rollup_add_messages") {
                    layer1.send_messages("bootstrap1", &["salut"]);
                }
                layer1.bake(1);
            }
            2 => {
                layer1.bake(1 + chance.below(5));
            }
            3 => {
                layer1.reorganise(1 + chance.below(4));
            }
            4 => {
                victim.kill();
                victim.start_again();
            }
            5 => {
                layer1.kill();
                layer1.start_again();
            }
            _ => victim.until_at(&layer1, layer1.head()),
        }
    }
    let mut fresh = RollupNode::observer(&layer1, &rollup, "fresh");
    check(&layer1, &rollup, origination, &mut victim, &mut fresh);
}

#[test]
fn a_storm() {
    storm(1);
}

#[test]
fn another_storm() {
    storm(109);
}

//! The planner against a model of the layer-1 with its rules for publishing and cementing.

use super::*;
use crate::config::Mode;
use proptest::prelude::*;
use soru_base::{CommitmentHash, Level, LevelSpan};
use std::collections::{BTreeMap, BTreeSet};

const PERIOD: u32 = 3;
const WINDOW: u32 = 5;
const LOOKAHEAD: u32 = 30;
const GENESIS: u32 = 2;

fn level(n: u32) -> Level {
    Level::new(n).unwrap()
}

/// The commitment of a level on the fork `branch`.
fn hash_of(n: u32, branch: u8) -> CommitmentHash {
    let mut bytes = [branch; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    CommitmentHash(bytes)
}

/// What one block leaves behind; a block of the model is a copy of it.
#[derive(Debug, Clone)]
struct Rollup {
    cemented: Pointed,
    staked: Option<Pointed>,
    published: BTreeMap<Level, (CommitmentHash, Level)>,
}

/// A layer-1 that knows the rules and remembers every block's state.
struct Model {
    blocks: Vec<(Rollup, u8)>,
    mempool: Vec<Step>,
    refused: Vec<Step>,
}

impl Model {
    fn new() -> Self {
        let genesis = Pointed { hash: hash_of(GENESIS, 0), level: level(GENESIS) };
        let rollup = Rollup { cemented: genesis, staked: None, published: BTreeMap::new() };
        Self { blocks: vec![(rollup, 0); GENESIS as usize + 1], mempool: Vec::new(), refused: Vec::new() }
    }

    fn head(&self) -> u32 {
        self.blocks.len() as u32 - 1
    }

    fn rollup(&self) -> &Rollup {
        &self.blocks.last().unwrap().0
    }

    fn view(&self) -> View {
        let rollup = self.rollup();
        View {
            head: level(self.head()),
            finalized: level(self.head().saturating_sub(2)),
            cemented: rollup.cemented,
            staked: rollup.staked.filter(|s| s.level > rollup.cemented.level),
            challenge_window: LevelSpan(WINDOW),
            max_lookahead: LevelSpan(LOOKAHEAD),
            bond: rollup.staked.is_some(),
            lost: None,
            games: Some(0),
            contradictions: Vec::new(),
        }
    }

    /// What a node that has evaluated up to the head has.
    fn own(&self) -> Vec<Own> {
        let rollup = self.rollup();
        let mut own = Vec::new();
        let mut predecessor = hash_of(GENESIS, 0);
        let mut n = GENESIS;
        while n <= self.head() {
            let hash = if n == GENESIS { predecessor } else { hash_of(n, self.blocks[n as usize].1) };
            let first_published =
                rollup.published.get(&level(n)).filter(|(h, _)| *h == hash).map(|(_, at)| *at);
            let at = Pointed { hash, level: level(n) };
            if at.level >= rollup.cemented.level {
                own.push(Own { at, predecessor, first_published });
            }
            predecessor = hash;
            n += PERIOD;
        }
        own
    }

    fn bake(&mut self, branch: u8) {
        let mut rollup = self.rollup().clone();
        let now = level(self.head() + 1);
        for step in std::mem::take(&mut self.mempool) {
            if !apply(&mut rollup, step, now) {
                self.refused.push(step);
            }
        }
        self.blocks.push((rollup, branch));
    }
}

/// The layer-1's own rules, written without looking at the planner.
fn apply(rollup: &mut Rollup, step: Step, now: Level) -> bool {
    match step {
        Step::Publish(at) => {
            let expected =
                rollup.staked.filter(|s| s.level > rollup.cemented.level).unwrap_or(rollup.cemented);
            let fits = at.level.get() == expected.level.get() + PERIOD
                && at.level < now
                && at.level.since(rollup.cemented.level).0 <= LOOKAHEAD;
            if fits {
                rollup.staked = Some(at);
                rollup.published.insert(at.level, (at.hash, now));
            }
            fits
        }
        Step::Cement(at) => {
            let fits = at.level.get() == rollup.cemented.level.get() + PERIOD
                && rollup
                    .published
                    .get(&at.level)
                    .is_some_and(|(hash, first)| *hash == at.hash && first.get() + WINDOW <= now.get());
            if fits {
                rollup.cemented = at;
            }
            fits
        }
        Step::RecoverBond => false,
    }
}

/// What happens between two looks at the layer-1.
#[derive(Debug, Clone)]
enum Event {
    /// A block, with all pending operations.
    Bake,
    /// A block without any.
    BakeEmpty,
    /// The node is killed: it forgets what it injected.
    Restart,
    /// The last blocks are replaced by as many others; the mempool keeps nothing.
    Reorganise(u32),
    /// An operation gets lost on the way.
    Drop,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Bake),
        2 => Just(Event::BakeEmpty),
        2 => Just(Event::Restart),
        1 => (1..=10u32).prop_map(Event::Reorganise),
        1 => Just(Event::Drop),
    ]
}

/// A node reduced to its memory of what is on its way.
#[derive(Default)]
struct Node {
    pending: BTreeSet<Step>,
}

impl Node {
    fn act(&mut self, model: &mut Model) {
        // Operations are known to be on their way as long as the mempool has them.
        self.pending = model.mempool.iter().copied().collect();
        let plan = plan(&model.view(), &model.own(), &self.pending, Duties::of(Mode::Operator));
        assert_eq!(plan.warnings, [], "nobody else stakes in this model");
        model.mempool.extend(plan.steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_is_refused_or_lost_over_restarts_and_reorganisations(
        events in proptest::collection::vec(event(), 1..120)
    ) {
        let mut model = Model::new();
        let mut node = Node::default();
        let mut branch = 0;
        for event in events {
            match event {
                Event::Bake => model.bake(branch),
                Event::BakeEmpty => {
                    let kept = std::mem::take(&mut model.mempool);
                    model.bake(branch);
                    model.mempool = kept;
                }
                Event::Restart => node = Node::default(),
                Event::Reorganise(depth) => {
                    let depth = depth.min(model.head() - GENESIS);
                    branch += 1;
                    model.blocks.truncate(model.blocks.len() - depth as usize);
                    model.mempool.clear();
                    (0..depth).for_each(|_| model.bake(branch));
                }
                Event::Drop => drop(model.mempool.pop()),
            }
            node.act(&mut model);
        }
        // Left in peace, everything that can be published and cemented is.
        for _ in 0..(3 * (WINDOW + PERIOD) + model.head()) {
            model.bake(branch);
            node.act(&mut model);
        }
        let head = model.head();
        let rollup = model.rollup();
        prop_assert!(head - rollup.staked.unwrap().level.get() < 2 * PERIOD + 3);
        prop_assert!(head - rollup.cemented.level.get() < WINDOW + 2 * PERIOD + 6);
        // An operation that was refused cost a fee: dropping the first of two is the only excuse.
        let hashes: BTreeSet<_> = rollup.published.values().map(|(h, _)| *h).collect();
        prop_assert_eq!(hashes.len(), rollup.published.len());
    }

    #[test]
    fn without_losses_no_operation_is_refused(
        bakes in proptest::collection::vec(prop_oneof![4 => Just(true), 1 => Just(false)], 1..150)
    ) {
        let mut model = Model::new();
        let mut node = Node::default();
        for bake in bakes {
            if bake { model.bake(0) } else { node = Node::default() }
            node.act(&mut model);
        }
        prop_assert_eq!(&model.refused, &[]);
    }
}

fn own(n: u32, first_published: Option<u32>) -> Own {
    Own {
        at: Pointed { hash: hash_of(n, 0), level: level(n) },
        predecessor: hash_of(n - PERIOD, 0),
        first_published: first_published.map(level),
    }
}

fn view(head: u32, cemented: u32, staked: Option<u32>) -> View {
    let at = |n| Pointed { hash: hash_of(n, 0), level: level(n) };
    View {
        head: level(head),
        finalized: level(head - 2),
        cemented: at(cemented),
        staked: staked.map(at),
        challenge_window: LevelSpan(WINDOW),
        max_lookahead: LevelSpan(LOOKAHEAD),
        bond: staked.is_some(),
        lost: None,
        games: Some(0),
        contradictions: Vec::new(),
    }
}

#[test]
fn a_level_that_is_not_final_waits() {
    let chain = [own(5, None), own(8, None)];
    let steps = plan(&view(9, 2, None), &chain, &BTreeSet::new(), Duties::of(Mode::Operator)).steps;
    assert_eq!(steps, [Step::Publish(chain[0].at)]);
}

#[test]
fn a_commitment_is_cemented_from_the_end_of_its_window_on() {
    let chain = [own(5, Some(7))];
    let at_head =
        |head| plan(&view(head, 2, Some(5)), &chain, &BTreeSet::new(), Duties::of(Mode::Operator)).steps;
    assert_eq!(at_head(11), []);
    assert_eq!(at_head(12), [Step::Cement(chain[0].at)]);
}

#[test]
fn limits_bound_both_kinds_on_their_own() {
    let chain: Vec<Own> = (1..=30).map(|i| own(2 + i * PERIOD, (i <= 4).then_some(6))).collect();
    let limits = Duties { limits: Limits { publish: 2, cement: 3 }, ..Duties::of(Mode::Operator) };
    let steps = plan(&view(100, 2, Some(14)), &chain, &BTreeSet::new(), limits).steps;
    let expected: Vec<Step> = chain[..3]
        .iter()
        .map(|c| Step::Cement(c.at))
        .chain(chain[4..6].iter().map(|c| Step::Publish(c.at)))
        .collect();
    assert_eq!(steps, expected);
    // What is under way counts.
    let pending: BTreeSet<Step> = expected.into_iter().collect();
    assert_eq!(plan(&view(100, 2, Some(14)), &chain, &pending, limits).steps, []);
}

#[test]
fn the_lookahead_of_the_layer_1_is_respected() {
    let chain: Vec<Own> = (1..=30).map(|i| own(2 + i * PERIOD, None)).collect();
    let limits = Duties { limits: Limits { publish: 100, cement: 100 }, ..Duties::of(Mode::Operator) };
    let steps = plan(&view(100, 2, None), &chain, &BTreeSet::new(), limits).steps;
    assert_eq!(steps.len() as u32, LOOKAHEAD / PERIOD);
}

#[test]
fn a_stranger_s_commitment_past_its_window_is_not_published_again() {
    let chain = [own(5, Some(7)), own(8, None)];
    let plan = plan(&view(13, 2, None), &chain, &BTreeSet::new(), Duties::of(Mode::Operator));
    assert_eq!(plan.warnings, [Warning::PastCurfew { at: chain[0].at }]);
    assert_eq!(plan.steps, [Step::Cement(chain[0].at), Step::Publish(chain[1].at)]);
}

#[test]
fn a_disagreement_stops_and_says_so() {
    let chain = [own(5, None), own(8, None)];
    let mut other = view(20, 5, None);
    other.cemented.hash = hash_of(5, 9);
    let found = plan(&other, &chain, &BTreeSet::new(), Duties::of(Mode::Operator));
    assert_eq!(found.steps, []);
    assert_eq!(
        found.warnings,
        [Warning::CementedAnother { cemented: other.cemented, own: chain[0].at.hash }]
    );

    let mut staked = view(20, 2, Some(5));
    staked.staked = Some(Pointed { hash: hash_of(5, 9), level: level(5) });
    let found = plan(&staked, &chain, &BTreeSet::new(), Duties::of(Mode::Operator));
    assert_eq!(found.steps, []);
    assert_eq!(found.warnings, [Warning::StakedOnAnother { staked: staked.staked.unwrap() }]);
}

#[test]
fn a_node_behind_the_stake_of_its_operator_only_waits() {
    let found =
        plan(&view(20, 2, Some(11)), &[own(5, Some(7))], &BTreeSet::new(), Duties::of(Mode::Operator));
    assert_eq!(found, Plan { steps: vec![Step::Cement(own(5, None).at)], warnings: vec![] });
}

#[test]
fn who_does_not_publish_is_not_told_about_it() {
    let chain = [own(5, Some(7)), own(8, None)];
    let observer = Duties::of(Mode::Observer);
    assert_eq!(plan(&view(30, 2, None), &chain, &BTreeSet::new(), observer), Plan::default());
}

//! The planner among liars, against a model of the layer-1's rules about stakes.

use super::*;
use crate::config::Mode;
use proptest::prelude::*;
use soru_base::{CommitmentHash, Level, LevelSpan, PublicKeyHash, StateHash, TickSpan};
use soru_protocol::Commitment;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

const PERIOD: u32 = 3;
const WINDOW: u32 = 12;
const LOOKAHEAD: u32 = 30;
const GENESIS: u32 = 2;

/// Whose node this is.
const US: u8 = 0;
/// Another node, in mode operator.
const OPERATOR: u8 = 1;

fn level(n: u32) -> Level {
    Level::new(n).unwrap()
}

fn key(id: u8) -> PublicKeyHash {
    PublicKeyHash::Ed25519([id; 20])
}

/// What is published for level `n` upon `predecessor`; the truth is that of liar 0.
fn claim(n: u32, liar: u8, predecessor: CommitmentHash) -> Commitment {
    Commitment {
        compressed_state: StateHash([liar; 32]),
        inbox_level: level(n),
        predecessor,
        number_of_ticks: TickSpan(1),
    }
}

/// The true commitments, from genesis on.
static TRUTH: LazyLock<Vec<Commitment>> = LazyLock::new(|| {
    let mut truth = vec![claim(GENESIS, 0, CommitmentHash::ZERO)];
    for i in 1..200 {
        let predecessor = truth.last().map_or(CommitmentHash::ZERO, Commitment::hash);
        truth.push(claim(GENESIS + i * PERIOD, 0, predecessor));
    }
    truth
});

fn truth(n: u32) -> Commitment {
    TRUTH[((n - GENESIS) / PERIOD) as usize]
}

fn pointed(commitment: &Commitment) -> Pointed {
    Pointed { hash: commitment.hash(), level: commitment.inbox_level }
}

/// A publication: who, what, when.
type Published = (u8, Commitment, Level);

#[derive(Debug, Clone)]
struct Rollup {
    cemented: Pointed,
    /// What everybody with a deposit stakes on.
    stakes: BTreeMap<u8, Vec<Commitment>>,
    known: BTreeSet<CommitmentHash>,
    published: Vec<Published>,
    deposits: BTreeMap<u8, u32>,
}

/// Why an operation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Place,
    Curfew,
    Twice,
    Disputed,
    Early,
    Open,
}

impl Rollup {
    fn new() -> Self {
        let genesis = truth(GENESIS);
        Self {
            cemented: pointed(&genesis),
            stakes: BTreeMap::new(),
            known: BTreeSet::from([genesis.hash()]),
            published: Vec::new(),
            deposits: BTreeMap::new(),
        }
    }

    fn publish(&mut self, who: u8, commitment: Commitment, now: Level) -> Result<(), Refused> {
        let at = commitment.inbox_level;
        let after = at.get() <= self.cemented.level.get();
        if after || at >= now || !self.known.contains(&commitment.predecessor) {
            return Err(Refused::Place);
        }
        if at.since(self.cemented.level).0 > LOOKAHEAD {
            return Err(Refused::Place);
        }
        let first =
            self.published.iter().filter(|(_, c, _)| c.inbox_level == at).map(|(.., level)| *level).min();
        if first.is_some_and(|first| now.since(first).0 > WINDOW) {
            return Err(Refused::Curfew);
        }
        if self.stakes.get(&who).is_some_and(|on| on.iter().any(|c| c.inbox_level == at)) {
            return Err(Refused::Twice);
        }
        if !self.stakes.contains_key(&who) {
            *self.deposits.entry(who).or_default() += 1;
        }
        self.stakes.entry(who).or_default().push(commitment);
        self.known.insert(commitment.hash());
        self.published.push((who, commitment, now));
        Ok(())
    }

    fn cement(&mut self, now: Level) -> Result<(), Refused> {
        let next = self.cemented.level.get() + PERIOD;
        let staked: BTreeSet<CommitmentHash> = self
            .stakes
            .values()
            .flatten()
            .filter(|c| c.inbox_level.get() == next && c.predecessor == self.cemented.hash)
            .map(Commitment::hash)
            .collect();
        let mut staked = staked.into_iter();
        let (candidate, other) = (staked.next(), staked.next());
        if other.is_some() {
            return Err(Refused::Disputed);
        }
        let hash = candidate.ok_or(Refused::Place)?;
        let first = self.published.iter().find(|(_, c, _)| c.hash() == hash).map(|(.., level)| *level);
        if first.is_none_or(|first| first.get() + WINDOW > now.get()) {
            return Err(Refused::Early);
        }
        self.cemented = Pointed { hash, level: level(next) };
        Ok(())
    }

    fn recover(&mut self, who: u8) -> Result<(), Refused> {
        let on = self.stakes.get(&who).ok_or(Refused::Place)?;
        if on.iter().any(|c| c.inbox_level > self.cemented.level) {
            return Err(Refused::Open);
        }
        self.stakes.remove(&who);
        Ok(())
    }

    fn apply(&mut self, who: u8, step: Step, now: Level) -> Result<(), Refused> {
        match step {
            Step::Publish(at) => self.publish(who, truth(at.level.get()), now),
            Step::Cement(_) => self.cement(now),
            Step::RecoverBond => self.recover(who),
        }
    }

    fn newest(&self, who: u8) -> Option<Pointed> {
        let on = self.stakes.get(&who)?.iter().map(pointed);
        on.filter(|p| p.level > self.cemented.level).max_by_key(|p| p.level)
    }

    fn view(&self, who: u8, head: Level) -> View {
        let against = self.published.iter().filter(|(_, theirs, _)| {
            theirs.inbox_level > self.cemented.level && *theirs != truth(theirs.inbox_level.get())
        });
        let contradictions = against.map(|(publisher, theirs, published_at)| Contradiction {
            publisher: key(*publisher),
            theirs: *theirs,
            ours: truth(theirs.inbox_level.get()),
            published_at: *published_at,
            stands: self.stakes.get(publisher).is_some_and(|on| on.contains(theirs)),
        });
        View {
            head,
            finalized: head.minus(FINALITY),
            cemented: self.cemented,
            staked: self.newest(who),
            bond: self.stakes.contains_key(&who),
            lost: None,
            games: Some(0),
            contradictions: contradictions.collect(),
            challenge_window: LevelSpan(WINDOW),
            max_lookahead: LevelSpan(LOOKAHEAD),
        }
    }

    fn own(&self, head: Level) -> Vec<Own> {
        (0..)
            .map(|i| GENESIS + i * PERIOD)
            .take_while(|n| *n <= head.get())
            .filter(|n| *n >= self.cemented.level.get())
            .map(truth)
            .map(|c| Own {
                at: pointed(&c),
                predecessor: c.predecessor,
                first_published: self.published.iter().find(|(_, p, _)| *p == c).map(|(.., level)| *level),
            })
            .collect()
    }
}

/// What happens in a block besides the nodes' own operations.
#[derive(Debug, Clone)]
enum Event {
    Nothing,
    /// A liar publishes a wrong commitment, so many periods above the last cemented one, upon the truth.
    Lie {
        liar: u8,
        periods: u32,
    },
    /// A liar goes on upon its own lie.
    GoOn {
        liar: u8,
    },
    /// A liar loses a game.
    Lose {
        liar: u8,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let liar = || 2..5u8;
    prop_oneof![
        6 => Just(Event::Nothing),
        2 => (liar(), 1..4u32).prop_map(|(liar, periods)| Event::Lie { liar, periods }),
        1 => liar().prop_map(|liar| Event::GoOn { liar }),
        2 => liar().prop_map(|liar| Event::Lose { liar }),
    ]
}

struct World {
    rollup: Rollup,
    head: Level,
    mode: Mode,
    /// Whether the other node is there.
    operated: bool,
    refused: Vec<(u8, Step, Refused)>,
    recovered: u32,
}

impl World {
    fn new(mode: Mode, operated: bool) -> Self {
        let (refused, recovered) = (Vec::new(), 0);
        Self { rollup: Rollup::new(), head: level(GENESIS + 1), mode, operated, refused, recovered }
    }

    /// A block: both nodes act upon what they see, the event comes after.
    fn bake(&mut self, event: &Event) {
        let now = self.head.next();
        let operator = if self.operated { Mode::Operator } else { Mode::Observer };
        let modes = [(OPERATOR, operator), (US, self.mode)];
        let plans = modes.map(|(who, mode)| {
            let view = self.rollup.view(who, self.head);
            (who, plan(&view, &self.rollup.own(self.head), &BTreeSet::new(), Duties::of(mode)))
        });
        for (who, plan) in plans {
            for step in plan.steps {
                let cemented = self.rollup.cemented;
                match self.rollup.apply(who, step, now) {
                    Ok(()) => self.recovered += u32::from(step == Step::RecoverBond),
                    // The other node was faster.
                    Err(_) if matches!(step, Step::Cement(at) if at.level <= cemented.level) => (),
                    Err(why) => self.refused.push((who, step, why)),
                }
            }
        }
        self.happen(event, now);
        self.head = now;
    }

    fn happen(&mut self, event: &Event, now: Level) {
        // What the liars try may be refused as well.
        match *event {
            Event::Nothing => (),
            Event::Lie { liar, periods } => {
                let n = self.rollup.cemented.level.get() + periods * PERIOD;
                let _ = self.rollup.publish(liar, claim(n, liar, truth(n).predecessor), now);
            }
            Event::GoOn { liar } => {
                if let Some(at) = self.rollup.newest(liar) {
                    let _ = self.rollup.publish(liar, claim(at.level.get() + PERIOD, liar, at.hash), now);
                }
            }
            Event::Lose { liar } => {
                self.rollup.stakes.remove(&liar);
            }
        }
    }

    /// Whether somebody has to be refuted, or published for a level for which nobody published the truth.
    fn is_disputed(&self) -> bool {
        let told = |level: Level| self.rollup.published.iter().any(|(_, c, _)| *c == truth(level.get()));
        let view = self.rollup.view(US, self.head);
        view.contradictions.iter().any(|c| c.is_conflict() || !told(c.level()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn among_liars_nothing_is_refused_and_the_truth_is_cemented(
        events in proptest::collection::vec(event(), 1..100),
        (mode, operated) in prop_oneof![
            2 => Just((Mode::Accuser, true)),
            2 => Just((Mode::Accuser, false)),
            1 => Just((Mode::Maintenance, true)),
            1 => Just((Mode::Maintenance, false)),
            1 => Just((Mode::Observer, true)),
        ],
    ) {
        let mut world = World::new(mode, operated);
        for event in &events {
            let newest = world.rollup.newest(OPERATOR);
            let disputed = world.is_disputed();
            let before = world.rollup.stakes.get(&US).map_or(0, Vec::len);
            let cemented = world.rollup.cemented.level;
            let next = newest.map_or(cemented, |p| p.level).plus(LevelSpan(PERIOD));
            let due = next <= world.head.minus(FINALITY) && next.since(cemented).0 <= LOOKAHEAD;
            world.bake(event);
            // A dispute never keeps an operator from going on.
            prop_assert!(!due || !operated || world.rollup.newest(OPERATOR).is_some_and(|p| p.level >= next));
            if mode == Mode::Accuser && !disputed {
                prop_assert!(world.rollup.stakes.get(&US).map_or(0, Vec::len) <= before);
            }
        }
        prop_assert_eq!(&world.refused, &[]);
        if mode == Mode::Observer {
            prop_assert_eq!(world.rollup.deposits.get(&US), None);
        }
        // The liars lose, an operator comes; then everything is cemented, and an accuser has its deposit back.
        world.operated = true;
        (2..5).for_each(|liar| world.happen(&Event::Lose { liar }, world.head));
        (0..100).for_each(|_| world.bake(&Event::Nothing));
        prop_assert_eq!(&world.refused, &[]);
        let cemented = world.rollup.cemented;
        prop_assert_eq!(cemented.hash, truth(cemented.level.get()).hash());
        prop_assert!(world.head.since(cemented.level).0 < WINDOW + 3 * PERIOD + 4);
        if mode == Mode::Accuser {
            prop_assert_eq!(world.rollup.stakes.get(&US), None);
            prop_assert_eq!(world.recovered, world.rollup.deposits.get(&US).copied().unwrap_or(0));
        }
    }
}

fn view_at(head: u32) -> View {
    Rollup::new().view(US, level(head))
}

fn against(n: u32, published_at: u32, stands: bool) -> Contradiction {
    let ours = truth(n);
    let theirs = claim(n, 9, ours.predecessor);
    Contradiction { publisher: key(9), theirs, ours, published_at: level(published_at), stands }
}

fn own(levels: &[(u32, Option<u32>)]) -> Vec<Own> {
    let own = |(n, first): &(u32, Option<u32>)| {
        let commitment = truth(*n);
        let first_published = first.map(level);
        Own { at: pointed(&commitment), predecessor: commitment.predecessor, first_published }
    };
    levels.iter().map(own).collect()
}

fn planned(view: &View, own: &[Own], mode: Mode) -> Plan {
    plan(view, own, &BTreeSet::new(), Duties::of(mode))
}

fn publish(n: u32) -> Step {
    Step::Publish(pointed(&truth(n)))
}

#[test]
fn an_accuser_publishes_up_to_what_is_contradicted() {
    let chain = own(&[(5, Some(7)), (8, None), (11, None)]);
    let mut view = view_at(14);
    assert_eq!(planned(&view, &chain, Mode::Accuser), Plan::default());
    view.contradictions = vec![against(8, 10, true)];
    assert_eq!(planned(&view, &chain, Mode::Accuser).steps, [publish(5), publish(8)]);
    // What is built upon a lie is no conflict, and a liar may be gone; but the time to publish the truth runs.
    let mut upon = view.clone();
    upon.contradictions[0].theirs.predecessor = CommitmentHash([1; 32]);
    assert!(!upon.contradictions[0].is_conflict());
    let mut gone = view.clone();
    gone.contradictions[0].stands = false;
    let published = own(&[(5, Some(7)), (8, Some(11)), (11, None)]);
    for view in [&upon, &gone] {
        assert_eq!(planned(view, &chain, Mode::Accuser).steps, [publish(5), publish(8)]);
        assert_eq!(planned(view, &published, Mode::Accuser), Plan::default());
    }
    assert_eq!(planned(&view, &published, Mode::Accuser).steps, [publish(5), publish(8)]);
}

#[test]
fn nothing_is_cemented_where_the_tree_forks() {
    let chain = own(&[(5, Some(7)), (8, Some(8)), (11, Some(12))]);
    let mut view = view_at(25);
    view.staked = Some(chain[2].at);
    view.contradictions = vec![against(8, 9, true)];
    let found = planned(&view, &chain, Mode::Operator);
    assert_eq!(found.steps, [Step::Cement(chain[0].at)]);
    assert_eq!(found.warnings, [Warning::Disputed { at: chain[1].at, others: 1 }]);
    assert!(!found.warnings[0].is_grave());
    view.contradictions[0].stands = false;
    let found = planned(&view, &chain, Mode::Operator);
    assert_eq!(found.steps, chain.iter().map(|c| Step::Cement(c.at)).collect::<Vec<_>>());
    assert_eq!(found.warnings, []);
}

#[test]
fn the_time_to_publish_counts_from_anybody_s_commitment() {
    let chain = own(&[(5, None), (8, None)]);
    let mut view = view_at(7 + WINDOW);
    view.contradictions = vec![against(5, 8, true)];
    assert_eq!(planned(&view, &chain, Mode::Accuser).steps, [publish(5)]);
    view.contradictions[0].published_at = level(7);
    let found = planned(&view, &chain, Mode::Accuser);
    assert_eq!((found.steps, found.warnings), (vec![], vec![Warning::TooLate { at: chain[0].at }]));
    // Nothing can be built upon it either.
    let found = planned(&view, &chain, Mode::Operator);
    assert_eq!((found.steps, found.warnings), (vec![], vec![Warning::TooLate { at: chain[0].at }]));
}

#[test]
fn a_deposit_is_recovered_when_nothing_is_open() {
    let chain = own(&[(2, None), (5, Some(6))]);
    let mut view = view_at(30);
    view.bond = true;
    for mode in [Mode::Accuser, Mode::Bailout] {
        assert!(planned(&view, &chain, mode).steps.contains(&Step::RecoverBond), "{mode}");
    }
    for mode in [Mode::Operator, Mode::Maintenance, Mode::Observer] {
        assert!(!planned(&view, &chain, mode).steps.contains(&Step::RecoverBond), "{mode}");
    }
    let held = |change: fn(&mut View)| {
        let mut view = view.clone();
        change(&mut view);
        !planned(&view, &chain, Mode::Accuser).steps.contains(&Step::RecoverBond)
    };
    assert!(held(|view| view.bond = false));
    assert!(held(|view| view.games = Some(1)));
    assert!(held(|view| view.games = None));
    assert!(held(|view| view.staked = Some(pointed(&truth(5)))));
    assert!(held(|view| view.contradictions = vec![against(5, 7, true)]));
}

#[test]
fn a_bailout_cements_and_publishes_nothing() {
    let chain = own(&[(5, Some(7)), (8, None)]);
    let mut view = view_at(30);
    (view.bond, view.staked) = (true, Some(chain[0].at));
    assert_eq!(planned(&view, &chain, Mode::Bailout).steps, [Step::Cement(chain[0].at)]);
    view.contradictions = vec![against(8, 29, true)];
    assert_eq!(planned(&view, &chain, Mode::Bailout).steps, [Step::Cement(chain[0].at)]);
}

#[test]
fn who_lost_a_deposit_does_not_pay_another_one() {
    let chain = own(&[(5, Some(7)), (8, None)]);
    let mut view = view_at(30);
    view.lost = Some(chain[0].at);
    for mode in [Mode::Operator, Mode::Accuser] {
        let found = planned(&view, &chain, mode);
        assert_eq!(found.steps, []);
        assert_eq!(found.warnings, [Warning::LostStake { at: chain[0].at }]);
        assert!(found.warnings[0].is_grave());
    }
}

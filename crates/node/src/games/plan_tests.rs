use super::plan::together;
use super::*;
use proptest::prelude::*;
use soru_base::{Curve, Level, LevelSpan, PublicKeyHash, SecretKey, StateHash, Tick, TickSpan};
use soru_protocol::Commitment;
use soru_protocol::inbox::{LevelInbox, ProtocolMessages};
use soru_protocol::refutation::{Conflict, ConflictPoint, DissectionChunk, DissectionRules, Game, GameState};
use std::collections::{BTreeMap, BTreeSet};

const TIMEOUT: u32 = 10;
const START: u32 = 20;

fn level(n: u32) -> Level {
    Level::new(n).unwrap()
}

fn key(n: u8) -> PublicKeyHash {
    SecretKey::from_seed(Curve::Ed25519, &[n; 32]).unwrap().public_key().hash()
}

fn commitment(state: u8, inbox_level: u32) -> Commitment {
    Commitment {
        compressed_state: StateHash([state; 32]),
        inbox_level: level(inbox_level),
        predecessor: Commitment::genesis(level(2), StateHash([0; 32])).hash(),
        number_of_ticks: TickSpan(1_000),
    }
}

fn conflict(other: u8, inbox_level: u32) -> Conflict {
    let ours = commitment(1, inbox_level);
    Conflict {
        other: key(other),
        their_commitment: commitment(100 + other, inbox_level),
        our_commitment: ours,
        parent_commitment: ours.predecessor,
    }
}

/// A game that `refuter` opened and moves in.
fn game(refuter: u8, defender: u8) -> Game {
    let snapshot =
        LevelInbox::genesis(Level::GENESIS, &ProtocolMessages::default()).inbox.old_levels_messages;
    let point = ConflictPoint {
        refuter: key(refuter),
        refuter_commitment: &commitment(refuter, 5),
        defender: key(defender),
        defender_commitment: &commitment(100 + defender, 5),
        parent_commitment: &Commitment::genesis(level(2), StateHash([0; 32])),
    };
    let rules = DissectionRules::new(32, TickSpan(1_000_000)).unwrap();
    Game::start(&point, snapshot, level(START), rules, LevelSpan(TIMEOUT)).unwrap()
}

fn final_move(mut game: Game) -> Game {
    let chunk = |n: u8| DissectionChunk { state_hash: Some(StateHash([n; 32])), tick: Tick(n.into()) };
    game.state = GameState::FinalMove { agreed_start_chunk: chunk(1), refuted_stop_chunk: chunk(2) };
    game
}

struct World {
    own: BTreeSet<PublicKeyHash>,
    games: Vec<Game>,
    conflicts: Vec<Conflict>,
    stakers: Option<BTreeSet<PublicKeyHash>>,
    parallel: usize,
    crowded: BTreeMap<PublicKeyHash, Vec<Game>>,
}

impl World {
    fn new(games: Vec<Game>, conflicts: Vec<Conflict>) -> Self {
        let (own, crowded) = (BTreeSet::from([key(1)]), BTreeMap::new());
        Self { own, games, conflicts, stakers: None, parallel: 32, crowded }
    }

    fn plan_after(&self, head: u32, pending: &BTreeSet<Sent>) -> Vec<Step> {
        let view = View {
            head: level(head),
            me: key(1),
            own: &self.own,
            games: &self.games,
            conflicts: &self.conflicts,
            stakers: self.stakers.as_ref(),
            parallel: self.parallel,
            crowded: &self.crowded,
        };
        plan(&view, pending)
    }

    fn plan(&self, head: u32) -> Vec<Step> {
        self.plan_after(head, &BTreeSet::new())
    }
}

fn opponents(steps: &[Step]) -> Vec<PublicKeyHash> {
    steps.iter().map(Step::opponent).collect()
}

#[test]
fn everybody_in_conflict_is_played_against_the_lowest_commitment_first() {
    let world = World::new(vec![], vec![conflict(2, 8), conflict(3, 5), conflict(4, 8)]);
    let steps = world.plan(START);
    let (first, rest) = steps.split_first().unwrap();
    let lowest = conflict(3, 5);
    let (ours, theirs) = (lowest.our_commitment.hash(), lowest.their_commitment.hash());
    assert_eq!(*first, Step::Open { opponent: key(3), ours, theirs });
    assert_eq!(opponents(rest).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([key(2), key(4)]));
}

#[test]
fn nobody_is_attacked_twice_and_the_own_accounts_never() {
    let mut world = World::new(vec![game(2, 1)], vec![conflict(2, 5), conflict(3, 5), conflict(3, 5)]);
    world.conflicts.extend([conflict(1, 5), conflict(9, 5)]);
    world.own.insert(key(9));
    assert_eq!(opponents(&world.plan(START)), [key(3)]);
}

#[test]
fn no_more_games_than_the_layer_1_allows() {
    let mut world = World::new(vec![game(2, 1), game(3, 1)], (4..40).map(|n| conflict(n, 5)).collect());
    for (parallel, opened) in [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (32, 30)] {
        world.parallel = parallel;
        assert_eq!(world.plan(START).len(), opened, "{parallel}");
    }
    // One that is on its way takes a place.
    let sent = BTreeSet::from([Sent { opponent: key(4), position: None }]);
    world.parallel = 4;
    assert_eq!(world.plan_after(START, &sent).len(), 1);
}

#[test]
fn the_move_with_the_least_time_comes_first() {
    let (mut hurried, calm) = (game(1, 2), game(1, 3));
    hurried.clock.alice -= 3;
    hurried.clock.bob -= 3;
    let world = World::new(vec![calm, hurried], vec![conflict(4, 5)]);
    let steps = world.plan(START);
    assert_eq!(opponents(&steps), [key(2), key(3), key(4)]);
    assert_eq!(steps[0].blocks_left(), Some(i64::from(TIMEOUT) - 3 - 1));
}

#[test]
fn a_move_with_a_stake_at_risk_comes_before_any_without() {
    let (live, mut void) = (game(1, 2), game(1, 3));
    void.clock.alice -= 8;
    void.clock.bob -= 8;
    let mut world = World::new(vec![void, live], vec![]);
    world.stakers = Some(BTreeSet::from([key(1), key(2)]));
    // The clock of the void game is over, that of the other one in this block.
    let head = START + TIMEOUT - 1;
    let steps = world.plan(head);
    assert_eq!((opponents(&steps), steps[1].blocks_left()), (vec![key(2), key(3)], Some(-8)));
    for head in [head, head + 1] {
        let sent = together(&steps, level(head));
        assert!(matches!(sent[..], [Step::Answer { blocks_left: 0, .. }]), "{sent:?}");
    }
}

#[test]
fn the_absent_are_timed_out_as_soon_as_the_layer_1_takes_it() {
    let game = game(2, 1);
    let world = World::new(vec![game.clone()], vec![]);
    for head in START..START + 2 * TIMEOUT {
        // What is sent now is in the next block.
        let allowed = game.timeout(level(head + 1)).is_ok();
        let steps = world.plan(head);
        assert_eq!(steps.len(), usize::from(allowed), "{head}");
        assert!(steps.iter().all(|s| matches!(s, Step::Timeout { .. })));
    }
    assert!(world.plan(START + TIMEOUT - 1).is_empty());
    assert!(!world.plan(START + TIMEOUT).is_empty());
}

#[test]
fn nobody_is_timed_out_when_both_would_lose() {
    let world = World::new(vec![final_move(game(2, 1))], vec![]);
    assert_eq!(world.plan(START + 100), []);
}

#[test]
fn a_late_move_is_played_all_the_same() {
    let world = World::new(vec![game(1, 2)], vec![]);
    let steps = world.plan(START + TIMEOUT + 5);
    assert_eq!(steps[0].blocks_left(), Some(-6));
    assert!(matches!(steps[0], Step::Answer { .. }));
}

#[test]
fn games_of_those_whose_stake_is_gone_are_ended() {
    let mut world = World::new(vec![game(1, 2), game(3, 1)], vec![conflict(4, 5)]);
    world.stakers = Some(BTreeSet::from([key(1)]));
    let steps = world.plan(START);
    assert!(matches!(steps[..], [Step::Claim { .. }]), "{steps:?}");
    // It is not our turn in the other one: its clock runs.
    let steps = world.plan(START + TIMEOUT);
    assert!(matches!(steps[..], [Step::Claim { .. }, Step::Timeout { .. }]), "{steps:?}");
    // And who has nothing to lose does not play.
    world.stakers = Some(BTreeSet::from([key(2), key(3)]));
    assert_eq!(world.plan(START + TIMEOUT), []);
}

#[test]
fn what_was_sent_is_not_sent_again_as_long_as_it_is_pending() {
    let world = World::new(vec![game(1, 2), game(3, 1)], vec![conflict(4, 5)]);
    let steps = world.plan(START + TIMEOUT);
    assert_eq!(steps.len(), 3);
    let pending: BTreeSet<Sent> = steps.iter().map(Step::sent).collect();
    assert_eq!(world.plan_after(START + TIMEOUT, &pending), []);
    // The same game at another move, or begun again in another block, is another matter.
    let mut later = World::new(vec![game(1, 2)], vec![]);
    later.games[0].clock.last_turn_level = level(START + 2);
    assert_eq!(later.plan_after(START + 2, &pending).len(), 1);
    let mut again = World::new(vec![game(1, 2)], vec![]);
    again.games[0].start_level = level(START + 1);
    assert_eq!(again.plan_after(START + 2, &pending).len(), 1);
}

#[test]
fn games_of_others_are_none_of_our_business() {
    let world = World::new(vec![game(2, 3)], vec![]);
    assert_eq!(world.plan(START + 100), []);
}

#[test]
fn who_hides_behind_games_with_puppets_is_found() {
    let mut world = World::new(vec![], vec![conflict(2, 5), conflict(7, 5)]);
    let (mut early, late) = (game(3, 2), game(2, 4));
    early.clock.last_turn_level = level(START + 5);
    world.crowded.insert(key(2), vec![early.clone(), late.clone()]);
    // No game is opened where none can be; what is over is ended, as soon as it may be.
    assert_eq!(opponents(&world.plan(START)), [key(7)]);
    let cleared = |head| -> Vec<_> {
        let steps = world.plan(head).into_iter();
        steps.filter_map(|s| if let Step::Clear { stakers, .. } = s { Some(stakers) } else { None }).collect()
    };
    for (head, over) in [(9, 0), (10, 1), (14, 1), (15, 2)] {
        assert_eq!(cleared(START + head).len(), over, "{head}");
    }
    assert_eq!(cleared(START + 10), [late.stakers]);
    // And what it makes room for follows in the same operation, and nothing else.
    let both = together(&world.plan(START + 10), level(START + 10));
    assert!(matches!(both[..], [Step::Clear { .. }, Step::Open { .. }]), "{both:?}");
    assert_eq!(opponents(&both), [key(2), key(2)]);
    assert!(late.timeout(level(START + 10)).is_err() && late.timeout(level(START + 11)).is_ok());
}

#[test]
fn what_may_come_too_late_is_not_sent_with_moves() {
    let world = World::new(vec![game(1, 2), game(4, 1)], vec![conflict(3, 5), conflict(5, 5)]);
    let steps = world.plan(START + 10);
    let kinds = |head, steps: &[Step]| {
        let steps = together(steps, level(head));
        let one = |s: &Step| {
            matches!(s, Step::Answer { .. }) as usize * 2 + matches!(s, Step::Open { .. }) as usize
        };
        steps.iter().map(one).collect::<Vec<_>>()
    };
    // Little time: the move alone, at any head. Then the timeout, then the openings.
    assert_eq!((kinds(30, &steps), kinds(31, &steps)), (vec![2], vec![2]));
    assert_eq!(kinds(30, &steps[1..]), [0]);
    assert_eq!(kinds(30, &steps[2..]), [1, 1]);
    assert_eq!(together(&[], level(30)), []);
    // Much time: every other block is for the rest.
    let mut patient = steps.clone();
    let Step::Answer { blocks_left, .. } = &mut patient[0] else { panic!() };
    *blocks_left = 21;
    assert_eq!((kinds(30, &patient), kinds(31, &patient)), (vec![0], vec![2]));
}

proptest! {
    #[test]
    fn a_plan_never_breaks_the_rules(
        games in proptest::collection::btree_map(2..40u8, (any::<bool>(), any::<bool>(), 0..20i64), 0..20),
        conflicts in proptest::collection::vec((2..60u8, 5..9u32), 0..60),
        stakers in proptest::option::of(proptest::collection::btree_set(1..60u8, 0..60)),
        parallel in 0..33usize,
        after in 0..30u32,
    ) {
        let games = games.iter().map(|(other, (ours, last, used))| {
            let mut game = if *ours { game(1, *other) } else { game(*other, 1) };
            game.clock.alice -= used;
            game.clock.bob -= used;
            if *last { final_move(game) } else { game }
        });
        let mut world = World::new(games.collect(), conflicts.iter().map(|(o, l)| conflict(*o, *l)).collect());
        world.stakers = stakers.map(|s| s.into_iter().map(key).collect());
        world.parallel = parallel;
        let head = START + after;
        let steps = world.plan(head);
        let against: BTreeSet<_> = opponents(&steps).into_iter().collect();
        prop_assert_eq!(against.len(), steps.len(), "one step for each opponent");
        let opened = steps.iter().filter(|s| matches!(s, Step::Open { .. })).count();
        prop_assert!(opened == 0 || opened + world.games.len() <= parallel);
        for game in &world.games {
            let me = game.stakers.player(&key(1)).unwrap();
            let opponent = game.stakers.staker(me.opponent());
            let step = steps.iter().find(|s| s.opponent() == opponent);
            match step {
                Some(Step::Open { .. } | Step::Clear { .. }) => prop_assert!(false, "a game is there already"),
                Some(Step::Timeout { .. }) => {
                    prop_assert!(game.turn != me && game.timeout(level(head + 1)).is_ok());
                }
                Some(Step::Answer { .. } | Step::Claim { .. }) => prop_assert_eq!(game.turn, me),
                None => {
                    let playing = world.stakers.as_ref().is_none_or(|s| s.contains(&key(1)));
                    prop_assert!(game.turn != me || !playing, "a turn of ours is never left out");
                }
            }
        }
    }
}

//! Games about a lie at every kind of tick, played to the end with operations and real proofs. Each is played twice: the
//! honest player opens it, and the liar does. `--nocapture` shows what each one cost.

use crate::world::game::{Cost, HONEST, LIAR, Opener};
use crate::world::liar::Lie;
use crate::world::{Pages, World, kernels};
use soru_base::{Profile, Tick, TickSpan};
use soru_dispute::{Landmark, Timeline};
use std::time::Instant;

/// A lie that begins some ticks behind a landmark, which has been seen that many times before.
type Place = (Landmark, u64, u64);

fn at(truth: &mut Timeline, (landmark, occurrence, offset): Place) -> Tick {
    let found = truth.find(landmark, occurrence).unwrap();
    found.unwrap_or_else(|| panic!("no {landmark:?} number {occurrence}")).plus(TickSpan(offset))
}

/// Plays games about lies that begin at places of period `number`. Says how often the liar had to prove first.
fn games(name: &str, world: &World, number: u32, places: &[Place]) -> usize {
    let mut truth = world.timeline(number, true);
    let lies: Vec<_> = places
        .iter()
        .map(|place| {
            let tick = at(&mut truth, *place);
            (format!("{:?} {} + {}", place.0, place.1, place.2), Lie::at(tick, &mut truth))
        })
        .collect();
    play(name, world, number, &lies, &mut truth)
}

fn play(name: &str, world: &World, number: u32, lies: &[(String, Lie)], truth: &mut Timeline) -> usize {
    let begin = Instant::now();
    let mut worst = Cost::default();
    let mut last_words = 0;
    for (what, lie) in lies {
        for opener in [Opener::Honest, Opener::Liar] {
            let cost = world.clone().dispute(number, *lie, opener, truth);
            println!("{name}, period {number}, {what}: tick {}, {opener:?} opens: {cost:?}", lie.tick);
            last_words += usize::from(cost.last_word);
            worst = worst.max(cost);
        }
    }
    let (games, time) = (2 * lies.len(), begin.elapsed());
    println!("{name}, period {number}: {games} games in {time:?}, at most {worst:?}");
    // An operation has at most 32 kilobytes.
    assert!(worst.moves <= 15 && worst.dissection <= 2_000 && worst.proof <= 30_000, "{worst:?}");
    last_words
}

/// Five messages at every level, the protocol's two or three among them; two runs at every level.
fn ordinary(profile: Profile) -> World {
    let pages = Pages::of(&[kernels::PAGE]);
    World::new(profile, &kernels::ordinary(kernels::PAGE), pages, |level| {
        vec![vec![level as u8; 20], b"second".to_vec(), vec![]]
    })
}

/// Every kind of tick of the first levels of a period.
const EVERYWHERE: [Place; 38] = [
    (Landmark::First, 0, 0),
    (Landmark::First, 0, 1),
    (Landmark::Input, 2, 0),
    (Landmark::Input, 4, 0),
    (Landmark::Input, 5, 0),
    (Landmark::Input, 8, 0),
    (Landmark::Padding, 0, 0),
    (Landmark::Padding, 0, 1_000_000_007),
    (Landmark::PaddingEnd, 0, 0),
    (Landmark::Snapshot, 0, 0),
    (Landmark::Decode, 0, 0),
    (Landmark::Decode, 0, 250),
    (Landmark::Link, 0, 0),
    (Landmark::Link, 0, 3),
    (Landmark::Init, 0, 0),
    (Landmark::Init, 0, 60),
    (Landmark::Eval, 0, 0),
    (Landmark::Eval, 0, 1),
    (Landmark::HostCall, 0, 0),
    (Landmark::HostCall, 0, 1),
    (Landmark::HostCall, 3, 0),
    (Landmark::Reveal, 0, 0),
    (Landmark::Reveal, 0, 1),
    (Landmark::Reveal, 1, 0),
    (Landmark::Reveal, 1, 1),
    (Landmark::Padding, 1, 0),
    (Landmark::Padding, 1, 123_456_789),
    (Landmark::PaddingEnd, 1, 0),
    // The second run of the level, after a reboot.
    (Landmark::Snapshot, 1, 0),
    (Landmark::Decode, 1, 100),
    (Landmark::Eval, 1, 777),
    (Landmark::Reveal, 3, 0),
    (Landmark::PaddingEnd, 2, 0),
    // The second and the last level.
    (Landmark::Eval, 2, 200),
    (Landmark::Reveal, 10, 0),
    (Landmark::HostCall, 50, 0),
    (Landmark::PaddingEnd, 7, 0),
    (Landmark::Last, 0, 0),
];

#[test]
fn every_kind_of_tick_of_the_first_period() {
    let mut world = ordinary(Profile::alpha());
    world.bake_period(1);
    let last_words = games("ordinary", &world, 1, &EVERYWHERE);
    // Whoever comes to the single tick first has to prove: the liar in every second game, and then honesty answers.
    assert_eq!(last_words, EVERYWHERE.len());
    games("ordinary", &world, 1, &[(Landmark::Input, 14, 0)]);
}

#[test]
fn every_kind_of_tick_of_the_third_period() {
    let mut world = ordinary(Profile::alpha());
    world.agree(1, &[HONEST, LIAR]);
    world.agree(2, &[HONEST, LIAR]);
    world.bake_period(3);
    games("ordinary", &world, 3, &EVERYWHERE);
}

#[test]
fn the_second_period_of_todays_network() {
    let mut world = ordinary(Profile::mainnet());
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    // One message more at every level: that of the predecessor is the second one.
    games("mainnet", &world, 2, &EVERYWHERE);
    games("mainnet", &world, 2, &[(Landmark::Input, 1, 0), (Landmark::Input, 17, 0)]);
}

#[test]
fn the_first_period_of_todays_network() {
    let mut world = ordinary(Profile::mainnet());
    world.bake_period(1);
    let places =
        [(Landmark::First, 0, 0), (Landmark::Input, 1, 0), (Landmark::Reveal, 0, 0), (Landmark::Last, 0, 0)];
    games("mainnet", &world, 1, &places);
}

#[test]
fn periods_that_are_said_to_be_longer_or_shorter() {
    let mut world = ordinary(Profile::alpha());
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let mut truth = world.timeline(2, true);
    let length = truth.length().unwrap().0;
    let snapshot = length / 9;
    let reveal = at(&mut truth, (Landmark::Reveal, 4, 0)).0;
    let lengths = [
        length + 1,
        length + 2,
        length + 1_000_003,
        length + snapshot,
        length + 5 * snapshot,
        3 * length + 7,
        // The most that a commitment can say.
        i64::MAX as u64,
        length - 1,
        length - 2,
        length - snapshot + 1,
        length - snapshot,
        length - snapshot - 1,
        reveal,
        reveal + 1,
        2 * snapshot,
        5,
        1,
    ];
    let lies: Vec<_> = lengths
        .iter()
        .map(|ticks| (format!("{ticks} ticks"), Lie::length(TickSpan(*ticks), &mut truth)))
        .collect();
    play("length", &world, 2, &lies, &mut truth);
}

#[test]
fn lies_anywhere() {
    let mut world = ordinary(Profile::alpha());
    world.bake_period(1);
    let mut truth = world.timeline(1, true);
    let length = truth.length().unwrap().0;
    let begins: Vec<_> = (0..6).map(|run| at(&mut truth, (Landmark::Snapshot, run, 0)).0).collect();
    // Ticks spread over the run, and over the whole period.
    let mut seed = 1u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 16
    };
    let lies: Vec<_> = (0..60)
        .map(|i| {
            let tick = match i % 3 {
                0 => next() % length,
                _ => begins[(next() % 6) as usize] + next() % 6_000,
            };
            (format!("anywhere {i}"), Lie::at(Tick(tick), &mut truth))
        })
        .collect();
    play("ordinary", &world, 1, &lies, &mut truth);
}

#[test]
fn a_kernel_that_traps_is_stuck_until_the_next_run() {
    let mut world =
        World::new(Profile::alpha(), &kernels::trapping(), Pages::default(), |level| vec![vec![level as u8]]);
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let places = [
        (Landmark::Input, 0, 0),
        (Landmark::Eval, 0, 0),
        (Landmark::Padding, 1, 0),
        (Landmark::PaddingEnd, 1, 0),
        (Landmark::Snapshot, 1, 0),
        (Landmark::HostCall, 4, 0),
        (Landmark::Padding, 3, 0),
        (Landmark::Last, 0, 0),
    ];
    games("trapping", &world, 2, &places);
    // The tick of the trap itself, and the one in which it ends the run.
    let mut truth = world.timeline(2, true);
    let lies = [1, 3, 5].map(|padding| {
        let tick = at(&mut truth, (Landmark::Padding, padding, 0)).0;
        [2, 1].map(|before| {
            (format!("{before} before padding {padding}"), Lie::at(Tick(tick - before), &mut truth))
        })
    });
    play("trapping", &world, 2, &lies.concat(), &mut truth);
}

#[test]
fn a_machine_that_is_stuck_for_ever_takes_messages_only() {
    let mut world =
        World::new(Profile::alpha(), kernels::REFUSED, Pages::default(), |_| vec![b"hello".to_vec()]);
    world.bake_period(1);
    let places = [
        (Landmark::First, 0, 0),
        (Landmark::Snapshot, 0, 0),
        (Landmark::Decode, 0, 0),
        (Landmark::Stuck, 0, 0),
        (Landmark::Input, 3, 0),
        (Landmark::Input, 7, 0),
        (Landmark::Last, 0, 0),
    ];
    games("refused", &world, 1, &places);
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let places = [
        (Landmark::First, 0, 0),
        (Landmark::Input, 1, 0),
        (Landmark::Input, 4, 0),
        (Landmark::Input, 6, 0),
        (Landmark::Last, 0, 0),
    ];
    games("refused", &world, 2, &places);
    let mut truth = world.timeline(2, true);
    assert_eq!(truth.length().unwrap(), TickSpan(9));
    let lies = [1, 8, 10, 50_000_000_000_009]
        .map(|ticks| (format!("{ticks} ticks"), Lie::length(TickSpan(ticks), &mut truth)));
    play("refused", &world, 2, &lies, &mut truth);
}

#[test]
fn after_an_upgrade_another_kernel_runs() {
    let mut world =
        World::new(Profile::alpha(), kernels::UPGRADE, Pages::default(), |_| vec![b"go".to_vec()]);
    world.bake_period(1);
    let places = [
        (Landmark::HostCall, 0, 0),
        (Landmark::HostCall, 1, 0),
        (Landmark::PaddingEnd, 1, 0),
        // The new kernel, in the same level.
        (Landmark::Snapshot, 1, 0),
        (Landmark::Decode, 1, 60),
        (Landmark::Link, 1, 0),
        (Landmark::Init, 1, 10),
        (Landmark::Eval, 1, 5),
        (Landmark::HostCall, 6, 0),
        (Landmark::Eval, 2, 0),
    ];
    games("upgrade", &world, 1, &places);
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    games("upgrade", &world, 2, &[(Landmark::Decode, 0, 30), (Landmark::Eval, 2, 0), (Landmark::Last, 0, 0)]);
}

#[test]
fn after_a_kernel_was_refused_the_last_one_is_back() {
    // One of the broken kernels at every level.
    let mut world = World::new(Profile::alpha(), kernels::UPGRADE_BROKEN, Pages::default(), |level| {
        vec![vec![[0, 2, 4][level as usize % 3]]]
    });
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let places = [
        (Landmark::Stuck, 0, 0),
        (Landmark::Stuck, 0, 1),
        (Landmark::Stuck, 1, 0),
        (Landmark::Stuck, 2, 0),
        (Landmark::PaddingEnd, 2, 0),
        (Landmark::Decode, 2, 0),
        (Landmark::Eval, 2, 0),
        (Landmark::HostCall, 11, 0),
        (Landmark::Last, 0, 0),
    ];
    games("broken", &world, 2, &places);
}

#[test]
fn the_largest_messages_and_pages() {
    let page = vec![b'p'; 4_096];
    let kernel = kernels::ordinary(&page);
    let mut world = World::new(Profile::mainnet(), &kernel, Pages::of(&[&page]), |level| {
        let mut messages: Vec<_> = (0..60).map(|i| vec![i; 10]).collect();
        messages.push(vec![level as u8; 4_095]);
        messages
    });
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let places = [
        (Landmark::Input, 62, 0),
        (Landmark::Input, 63, 0),
        (Landmark::Input, 64, 0),
        (Landmark::Input, 125, 0),
        // The longest message is read, the page revealed and written.
        (Landmark::HostCall, 62, 0),
        (Landmark::HostCall, 62, 1),
        (Landmark::Reveal, 1, 0),
        (Landmark::HostCall, 67, 0),
        (Landmark::HostCall, 68, 0),
        (Landmark::Last, 0, 0),
    ];
    games("largest", &world, 2, &places);
}

#[test]
fn a_kernel_of_the_official_sdk() {
    let mut world =
        World::new(Profile::mainnet(), soru_kernels::NOTARY, Pages::default(), |_| vec![b"certify".to_vec()]);
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let places = [
        (Landmark::Decode, 0, 12_345),
        (Landmark::Link, 0, 5),
        (Landmark::Init, 0, 5_000),
        (Landmark::Eval, 0, 33_333),
        (Landmark::HostCall, 5, 0),
        (Landmark::HostCall, 5, 1),
        (Landmark::Padding, 1, 0),
        (Landmark::Last, 0, 0),
    ];
    games("notary", &world, 2, &places);
}

#[test]
fn a_call_too_deep_leaves_the_machine_stuck_in_the_middle_of_a_run() {
    // The kernel calls itself as deep as the message says, at the second level of the period too deep.
    let mut world = World::new(Profile::alpha(), kernels::RECURSION, Pages::default(), |level| {
        let depth: u16 = if level == 4 { 400 } else { 20 };
        vec![depth.to_le_bytes().to_vec()]
    });
    world.bake_period(1);
    let mut truth = world.timeline(1, true);
    let stuck = at(&mut truth, (Landmark::Stuck, 0, 0)).0;
    // What follows is the messages of the third level.
    assert_eq!(truth.length().unwrap(), TickSpan(stuck + 3));
    let lies = [stuck - 2, stuck - 1, stuck, stuck + 1, stuck + 2]
        .map(|tick| (format!("stuck at {stuck}"), Lie::at(Tick(tick), &mut truth)));
    play("recursion", &world, 1, &lies, &mut truth);
    let lies = [stuck - 1, stuck, stuck + 2, stuck + 4, stuck + 11_000_000_000]
        .map(|ticks| (format!("{ticks} ticks"), Lie::length(TickSpan(ticks), &mut truth)));
    play("recursion", &world, 1, &lies, &mut truth);
    games(
        "recursion",
        &world,
        1,
        &[(Landmark::Eval, 0, 300), (Landmark::Eval, 1, 2_000), (Landmark::Last, 0, 0)],
    );
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    games("recursion", &world, 2, &[(Landmark::Input, 2, 0), (Landmark::Last, 0, 0)]);
}

#[test]
fn kernels_that_only_the_machine_takes() {
    for (name, kernel) in kernels::ODD {
        let mut world = World::new(Profile::alpha(), kernel, Pages::default(), |_| vec![b"hello".to_vec()]);
        world.bake_period(1);
        let places = [
            (Landmark::Decode, 0, 10),
            (Landmark::Init, 0, 3),
            (Landmark::Eval, 0, 4),
            (Landmark::Last, 0, 0),
        ];
        games(name, &world, 1, &places);
    }
}

//! The states that a timeline gives, against a machine that makes one tick after the other.

use crate::world::{Pages, World, engine, kernels, state_hash};
use soru_base::{Level, Profile, StateHash, Tick, TickSpan};
use soru_dispute::{Checkpoint, DisputeError, Landmark, Period, Timeline};
use soru_merkle::Tree;
use soru_pvm::durable::{Key, KeyKind};
use soru_pvm::host::HostState;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{RevealSource, RollupReveals};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use soru_pvm::state::{InputPlace, Status};
use soru_pvm::{Limits, Machine, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A period of three levels with two runs each, with little padding.
const SNAPSHOT: u64 = 40_000;

fn world() -> World {
    let mut world = World::new(
        Profile::alpha(),
        &kernels::ordinary(kernels::PAGE),
        Pages::of(&[kernels::PAGE]),
        |level| vec![vec![level as u8; 20], vec![]],
    );
    world.bake_period(1);
    world
}

/// The first period, with another number of ticks per run.
fn short(world: &World, ticks_per_snapshot: u64) -> Period {
    short_with(world, &kernels::ordinary(kernels::PAGE), ticks_per_snapshot)
}

fn short_with(world: &World, kernel: &[u8], ticks_per_snapshot: u64) -> Period {
    let limits = Limits { ticks_per_snapshot: TickSpan(ticks_per_snapshot), ..Limits::FIRST };
    let mut state = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut state, kernel, limits).unwrap();
    Period { begin: Checkpoint { state, tick: Tick::ZERO }, ..world.period(1, false) }
}

fn timeline(period: Period) -> Timeline {
    Timeline::new(period, engine(), Box::new(Pages::of(&[kernels::PAGE])))
}

/// The states at every `stride`th tick and after every level, made one tick after the other.
struct Steps {
    hashes: BTreeMap<u64, StateHash>,
    after: Vec<Checkpoint>,
    end: u64,
    /// The first tick of every kind of state, and of every reveal.
    begins: BTreeMap<&'static str, Vec<u64>>,
}

fn step_by_step(period: &Period, stride: u64) -> Steps {
    let mut pages = Pages::of(&[kernels::PAGE]);
    let mut reveals = RollupReveals { metadata: period.metadata, preimages: &mut pages };
    let mut state = period.begin.state.clone();
    let mut machine = Machine::from_tree(&state).unwrap();
    let mut steps = Steps { hashes: BTreeMap::new(), after: Vec::new(), end: 0, begins: BTreeMap::new() };
    let write = |machine: &mut Machine, state: &mut Tree| {
        machine.apply(state).unwrap();
        *machine = Machine::from_tree(state).unwrap();
        state_hash(state)
    };
    for level in &period.levels {
        let mut messages = (0..).zip(&level.messages);
        loop {
            let tick = machine.current_tick.0;
            if tick.is_multiple_of(stride) {
                steps.hashes.insert(tick, write(&mut machine, &mut state));
            }
            let name = machine.tick_state.name();
            match machine.status() {
                Status::Computing => {
                    machine.step(1, &mut ()).unwrap();
                }
                Status::RevealRequired(request) => {
                    steps.begins.entry("Reveal").or_default().push(tick);
                    machine.set_reveal(&reveals.reveal(&request).unwrap()).unwrap();
                }
                Status::InputRequired => match messages.next() {
                    Some((counter, message)) => {
                        steps.begins.entry("Input").or_default().push(tick);
                        machine
                            .set_input(InputPlace { level: level.level, counter }, message.as_bytes())
                            .unwrap();
                    }
                    None => break,
                },
            }
            if machine.tick_state.name() != name {
                steps.begins.entry(machine.tick_state.name()).or_default().push(machine.current_tick.0);
            }
        }
        steps.hashes.insert(machine.current_tick.0, write(&mut machine, &mut state));
        steps.after.push(Checkpoint { state: state.clone(), tick: machine.current_tick });
    }
    steps.end = machine.current_tick.0;
    steps
}

/// A stream of numbers that is the same every time.
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

/// Compares a timeline with single ticks, whichever states after levels it is given.
fn agrees(period: &Period, stride: u64, end: u64) {
    let steps = step_by_step(period, stride);
    assert_eq!(steps.end, end);
    let known: Vec<_> = steps.hashes.iter().map(|(tick, hash)| (*tick, *hash)).collect();
    for kept in [&[][..], &[0, 1, 2], &[1]] {
        let mut period = period.clone();
        for index in kept {
            period.levels[*index].after = Some(steps.after[*index].clone());
        }
        let mut truth = timeline(period);
        let mut next = numbers(kept.len() as u64);
        for _ in 0..400 {
            let (tick, hash) = known[next() as usize % known.len()];
            assert_eq!(truth.hash_at(Tick(tick)).unwrap(), Some(hash), "tick {tick}, known after {kept:?}");
        }
        for (tick, hash) in &known {
            assert_eq!(truth.hash_at(Tick(*tick)).unwrap(), Some(*hash), "tick {tick}");
        }
        assert_eq!(truth.length().unwrap(), TickSpan(end));
        for behind in [end + 1, end + SNAPSHOT, u64::MAX] {
            assert_eq!(truth.hash_at(Tick(behind)).unwrap(), None);
        }
    }
}

#[test]
fn any_tick_in_any_order() {
    // Nine stretches: the messages and two runs of three levels.
    agrees(&short(&world(), SNAPSHOT), 41, 9 * SNAPSHOT);
}

#[test]
fn any_tick_of_kernels_that_fail_and_change() {
    let world = |script| {
        let mut world = World::new(Profile::alpha(), kernels::REFUSED, Pages::default(), script);
        world.bake_period(1);
        world
    };
    let plain = world(|_| vec![b"hello".to_vec()]);
    agrees(&short_with(&plain, &kernels::trapping(), 10_000), 101, 60_000);
    // An upgrade in the second run, in the first level only.
    agrees(&short_with(&plain, kernels::UPGRADE, 30_000), 101, 7 * 30_000);
    // Three messages, two ticks of a run; then messages only.
    agrees(&short_with(&plain, kernels::REFUSED, 100), 1, 100 + 3 + 6);
    let broken = world(|level| vec![vec![[0, 2, 4][level as usize % 3]]]);
    agrees(&short_with(&broken, kernels::UPGRADE_BROKEN, 60_000), 101, 9 * 60_000);
}

#[test]
fn a_timeline_can_work_in_another_thread() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let world = world();
    let mut truth = sent(world.timeline(1, true));
    let length = std::thread::scope(|scope| scope.spawn(|| truth.length().unwrap()).join().unwrap());
    assert_eq!(Some(length), world.timeline(1, false).length().ok());
}

#[test]
fn ticks_count_from_the_beginning_of_the_period() {
    let mut world = world();
    world.agree(1, &[1]);
    world.bake_period(2);
    let (mut first, mut second) = (world.timeline(1, false), world.timeline(2, false));
    let end = Tick::ZERO.plus(first.length().unwrap());
    assert_eq!(first.hash_at(end).unwrap(), second.hash_at(Tick::ZERO).unwrap());
    assert_eq!(
        second.hash_at(end).unwrap(),
        Some(state_hash(&world.period(2, true).levels[2].after.clone().unwrap().state))
    );
    assert_eq!(first.hash_at(end.plus(TickSpan(1))).unwrap(), None);
    assert_eq!(first.length().unwrap(), second.length().unwrap());
}

#[test]
fn landmarks_are_where_the_machine_changes() {
    let world = world();
    let period = short(&world, SNAPSHOT);
    let steps = step_by_step(&period, SNAPSHOT);
    let mut truth = timeline(period);
    for (landmark, name) in [
        (Landmark::Input, "Input"),
        (Landmark::Snapshot, "Snapshot"),
        (Landmark::Decode, "Decode"),
        (Landmark::Link, "Link"),
        (Landmark::Init, "Init"),
        (Landmark::Eval, "Eval"),
        (Landmark::Reveal, "Reveal"),
        (Landmark::Padding, "Padding"),
    ] {
        let expected = &steps.begins[name];
        for (occurrence, tick) in (0..).zip(expected) {
            assert_eq!(truth.find(landmark, occurrence).unwrap(), Some(Tick(*tick)), "{landmark:?}");
        }
        assert_eq!(truth.find(landmark, expected.len() as u64).unwrap(), None, "{landmark:?}");
    }
    assert_eq!(steps.begins["Reveal"].len(), 12);
    assert_eq!(truth.find(Landmark::Stuck, 0).unwrap(), None);
    let ends: Vec<_> =
        (0..10).map(|i| truth.find(Landmark::PaddingEnd, i).unwrap().map(|tick| tick.0)).collect();
    let expected: Vec<_> = (1..=9).map(|i| Some(i * SNAPSHOT - 1)).chain([None]).collect();
    assert_eq!(ends, expected);
    assert_eq!(truth.find(Landmark::First, 0).unwrap(), Some(Tick::ZERO));
    assert_eq!(truth.find(Landmark::Last, 0).unwrap(), Some(Tick(steps.end - 1)));
    assert_eq!(
        (truth.find(Landmark::First, 1).unwrap(), truth.find(Landmark::Last, 1).unwrap()),
        (None, None)
    );
    // Messages until there are none, two reveals, three writes and a read; a write more to ask for a reboot.
    let calls = 3 * ((5 + 2 + 3 + 1 + 1) + (1 + 2 + 3 + 1));
    assert_eq!(truth.find(Landmark::HostCall, calls).unwrap(), None);
    for (call, is_reveal) in [(0, false), (5, true), (6, false), (7, true), (calls - 1, false)] {
        let tick = truth.find(Landmark::HostCall, call).unwrap().unwrap();
        let state = truth.state_at(tick.plus(TickSpan(1))).unwrap().unwrap();
        let after = Machine::from_tree(&state).unwrap();
        assert_eq!(matches!(after.status(), Status::RevealRequired(_)), is_reveal, "call {call}");
        assert_eq!(after.paying() > 0, !is_reveal, "call {call}: {}", after.state_name());
    }
}

#[test]
fn places_are_counted_from_messages() {
    let world = world();
    let mut truth = timeline(short(&world, SNAPSHOT));
    let levels: Vec<_> = truth.period().levels.iter().map(|level| level.level).collect();
    let mut at = |level, message, offset| truth.tick_of(level, message, offset).unwrap().map(|tick| tick.0);
    assert_eq!(at(levels[0], 0, 0), Some(0));
    assert_eq!(at(levels[0], 3, 0), Some(3));
    // Nothing happens between two messages; after the last one the kernel runs.
    assert_eq!(at(levels[0], 2, 1), None);
    assert_eq!(at(levels[0], 3, 1), Some(4));
    assert_eq!(at(levels[0], 3, 3 * SNAPSHOT - 4), Some(3 * SNAPSHOT - 1));
    assert_eq!(at(levels[0], 3, 3 * SNAPSHOT - 3), None);
    assert_eq!(at(levels[2], 1, 0), Some(6 * SNAPSHOT + 1));
    assert_eq!(
        (at(levels[2], 4, 0), at(levels[2].next(), 0, 0), at(Level::GENESIS, 0, 0)),
        (None, None, None)
    );
    assert_eq!(at(levels[0], u64::MAX, u64::MAX), None);
}

/// An engine that forgets a write.
struct Forgetful;

impl Runner for Forgetful {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        // It does not care for ticks either.
        host.ticks = TickSpan(u64::MAX);
        let outcome = engine().kernel_run(kernel, host)?;
        host.durable.delete(&Key::parse(b"/page").unwrap(), KeyKind::Value).unwrap();
        Ok(outcome)
    }
}

#[test]
fn an_engine_that_contradicts_the_ticks_is_no_secret() {
    let world = world();
    let wrong =
        || Timeline::new(short(&world, SNAPSHOT), Arc::new(Forgetful), Box::new(Pages::of(&[kernels::PAGE])));
    // Whole runs do not tell; whoever looks into one and comes to its end is told.
    let mut truth = wrong();
    assert_eq!(truth.length().unwrap(), TickSpan(9 * SNAPSHOT));
    assert!(truth.hash_at(Tick(SNAPSHOT + 100)).unwrap().is_some());
    let error = truth.hash_at(Tick(2 * SNAPSHOT - 1_000)).err();
    let Some(DisputeError::Contradiction { tick, .. }) = error else { panic!("{error:?}") };
    assert_eq!(tick, Tick(2 * SNAPSHOT - 1));
    // It stays like that, and is the same if the state after the level is known.
    assert!(truth.hash_at(Tick(2 * SNAPSHOT - 1_000)).is_err());
    let text = truth.hash_at(Tick(2 * SNAPSHOT - 1_000)).unwrap_err().to_string();
    assert!(text.contains("CONTRADICTS ITSELF at tick 79999") && text.contains("the engine says"), "{text}");
}

/// An engine that is never done in time.
struct Tired;

impl Runner for Tired {
    fn kernel_run(&self, _: &Kernel, _: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        Err(RunnerError::Deadline { seconds: 1 })
    }
}

#[test]
fn what_ticks_can_tell_needs_no_engine() {
    let world = world();
    let period = short(&world, SNAPSHOT);
    let mut truth = timeline(period.clone());
    let mut alone = Timeline::new(period, Arc::new(Tired), Box::new(Pages::of(&[kernels::PAGE])));
    let error = alone.hash_at(Tick(2 * SNAPSHOT)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "level 3: run 0 of the level: kernel_run did not end within 1 seconds, which is the deadline; it may take more ticks yet"
    );
    for tick in [3, SNAPSHOT, SNAPSHOT + 5_000, SNAPSHOT + 15_000, 2 * SNAPSHOT - 2, 2 * SNAPSHOT] {
        assert_eq!(alone.hash_at(Tick(tick)).unwrap(), truth.hash_at(Tick(tick)).unwrap(), "tick {tick}");
    }
}

/// An engine that does not see how many ticks a run may take.
struct Carefree;

impl Runner for Carefree {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        host.ticks = TickSpan(u64::MAX);
        engine().kernel_run(kernel, host)
    }
}

#[test]
fn runs_that_take_too_many_ticks_are_stuck_for_everybody() {
    let world = world();
    let (share, at) = (3_000, Tick(5_999));
    let mut truth = timeline(short(&world, share));
    assert!(truth.hash_at(at).unwrap().is_some());
    let stuck = Machine::from_tree(&truth.state_at(at.plus(TickSpan(1))).unwrap().unwrap()).unwrap();
    assert!(stuck.stuck_error().unwrap().to_string().contains("Too_many_ticks"));
    // An engine that goes on all the same is found out by whoever looks.
    let mut wrong =
        Timeline::new(short(&world, share), Arc::new(Carefree), Box::new(Pages::of(&[kernels::PAGE])));
    assert!(wrong.hash_at(Tick(4_000)).unwrap().is_some());
    let error = wrong.hash_at(at).err();
    assert!(matches!(error, Some(DisputeError::Contradiction { .. })), "{error:?}");
}

#[test]
fn stored_states_that_do_not_fit_are_refused() {
    let world = world();
    let good = short(&world, SNAPSHOT);
    let steps = step_by_step(&good, SNAPSHOT);
    let error = |change: &dyn Fn(&mut Period)| {
        let mut period = good.clone();
        change(&mut period);
        timeline(period).hash_at(Tick(3 * SNAPSHOT + 10)).unwrap_err().to_string()
    };
    let level = good.levels[0].level;
    assert_eq!(
        error(&|period| period.levels[0].after = Some(Checkpoint { tick: Tick(5), ..steps.after[0].clone() })),
        format!("level {level} of the period: the state after it is at tick 120000, 5 is expected")
    );
    assert_eq!(
        error(&|period| period.levels[0].after = Some(steps.after[1].clone())),
        format!("level {level} of the period: the state after it has read level {} last", level.next())
    );
    assert!(error(&|period| period.levels[0].level = Level::GENESIS).contains("it follows level"));
    assert!(error(&|period| period.begin.tick = Tick(1)).contains("the state after it is at tick 0"));
    // A state that is plausible and wrong is found out by whoever evaluates its level again.
    let mut wrong = Timeline::new(good.clone(), Arc::new(Forgetful), Box::new(Pages::of(&[kernels::PAGE])));
    let end = Tick(3 * SNAPSHOT);
    let mut period = good.clone();
    period.levels[0].after = Some(Checkpoint { state: wrong.state_at(end).unwrap().unwrap(), tick: end });
    let mut truth = timeline(period);
    assert!(truth.hash_at(Tick(3 * SNAPSHOT)).unwrap().is_some());
    assert!(truth.hash_at(Tick(2 * SNAPSHOT - 1)).unwrap().is_some());
    let error = truth.hash_at(Tick(3 * SNAPSHOT - 1_000)).unwrap_err().to_string();
    assert!(error.contains("at tick 120000") && error.contains("what was stored says"), "{error}");
}

//! Runs and the ticks that they may take.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_engine::{Engine, Kind, Options};
use soru_merkle::Tree;
use soru_pvm::level::{Run, RunEnd};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::run::Kernel;
use soru_pvm::state::InputPlace;
use soru_pvm::{Limits, Machine, Surroundings, Version, eval_level};
use support::{COMPILERS, engine};

/// Counts down from that number.
fn counts(from: u64) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module (memory (export "mem") 1)
            (func (export "kernel_run") (local i64)
              (local.set 0 (i64.const {from}))
              (loop (br_if 0 (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1))))))))"#
    ))
    .unwrap()
}

fn state(kernel: &[u8], share: u64) -> Tree {
    let limits = Limits { ticks_per_snapshot: TickSpan(share), ..Limits::FIRST };
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, kernel, limits).unwrap();
    tree
}

const MESSAGES: [&[u8]; 2] = [&[0, 1], &[0, 2]];

fn through(engine: &Engine, tree: &Tree) -> (Tree, Vec<Run>) {
    let around = &mut Surroundings { runner: engine, reveals: &mut (), debug: &mut () };
    let outcome = eval_level(tree, Level::new(1).unwrap(), &MESSAGES, around).unwrap();
    (outcome.tree, outcome.runs)
}

/// One tick after the other, up to the next level; tells also how many ticks the run takes.
fn by_ticks(tree: &Tree, share: u64) -> (Tree, u64) {
    let mut machine = Machine::from_tree(tree).unwrap();
    for (counter, message) in (0..).zip(MESSAGES) {
        machine.set_input(InputPlace { level: Level::new(1).unwrap(), counter }, message).unwrap();
    }
    machine.step(share - 2, &mut ()).unwrap();
    assert_eq!(machine.state_name(), "Snapshot");
    let mut ran = 0;
    while machine.state_name() != "Padding" && ran < share {
        machine.step(1, &mut ()).unwrap();
        ran += 1;
    }
    machine.step(u64::MAX, &mut ()).unwrap();
    let mut tree = tree.clone();
    machine.apply(&mut tree).unwrap();
    (tree, ran)
}

#[test]
fn a_run_of_as_many_ticks_as_it_may_take_one_less_and_one_more() {
    let kernel = counts(500);
    let (_, ran) = by_ticks(&state(&kernel, 1_000_000), 1_000_000);
    assert!((5_000..50_000).contains(&ran), "{ran}");
    for compiler in COMPILERS {
        let engine = engine(compiler);
        let mut stuck = 0;
        for share in ran - 1..=ran + 2 {
            let begin = state(&kernel, share);
            let ((ours, runs), (true_state, _)) = (through(&engine, &begin), by_ticks(&begin, share));
            assert_eq!(ours.hash().unwrap(), true_state.hash().unwrap(), "{compiler}, a share of {share}");
            let is_stuck = Machine::from_tree(&ours).unwrap().stuck_error().is_some();
            assert_eq!(runs[0].end.is_stuck(), is_stuck, "{runs:?}");
            let used = TickSpan(if is_stuck { share } else { ran });
            assert_eq!(runs[0].ticks, Some(used), "{compiler}, a share of {share}");
            stuck += u64::from(is_stuck);
        }
        assert!((1..4).contains(&stuck), "{stuck} of 4");
        // Only those that take too many are made again.
        let status = engine.status();
        assert_eq!((status.fallbacks.ticks, status.decided.compiled), (stuck, 4 - stuck), "{status:?}");
    }
}

/// A kernel whose start function and whose `kernel_run` go around so many times, with something in the start function.
fn starts(start: u64, run: u64, inside: &str) -> Vec<u8> {
    let around = |times: u64| {
        format!(
            "(local i64) (local.set 0 (i64.const {times}))
             (loop {inside} (br_if 0 (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1))))))"
        )
    };
    wat::parse_str(format!(
        r#"(module (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
            (memory (export "mem") 1) (global $g (mut i64) (i64.const 5))
            (start $start) (func $start {})
            (func (export "kernel_run") {}))"#,
        around(start),
        around(run).replace(inside, "")
    ))
    .unwrap()
}

fn engines() -> Vec<(String, Engine)> {
    let exact = Engine::new(Options { kind: Kind::TickExact, ..Options::default() }).unwrap();
    let compiled = COMPILERS.map(|compiler| (compiler.to_string(), engine(compiler)));
    compiled.into_iter().chain([("the interpreter".to_owned(), exact)]).collect()
}

/// The bound is met before the start function, in it, behind it, in `kernel_run`, or not at all.
#[test]
fn start_functions_take_ticks_of_their_run() {
    let inside =
        "(global.set $g (i64.add (global.get $g) (local.get 0))) (i64.store (i32.const 8) (global.get $g))";
    let kernel = starts(60, 40, inside);
    let (_, ran) = by_ticks(&state(&kernel, 1_000_000), 1_000_000);
    let ready = {
        let kernel = Kernel::of_bytes(&kernel).unwrap();
        let mut machine = Machine::of_kernel(&kernel, Version::V0, TickSpan(1_000_000)).unwrap();
        machine.make_ready(&mut ()).unwrap().unwrap().ticks().0
    };
    assert!(ready > 3_000 && ran > ready + 500, "{ready} of {ran}");
    let engines = engines();
    for share in [400, ready - 2_000].into_iter().chain(ready - 1..ready + 3).chain(ran - 1..ran + 3) {
        let begin = state(&kernel, share);
        let (true_state, _) = by_ticks(&begin, share);
        let is_stuck = Machine::from_tree(&true_state).unwrap().stuck_error().is_some();
        for (name, engine) in &engines {
            let (ours, runs) = through(engine, &begin);
            assert_eq!(ours.hash().unwrap(), true_state.hash().unwrap(), "{name}, a share of {share}");
            assert_eq!(runs[0].end.is_stuck(), is_stuck, "{runs:?}");
            assert_eq!(runs[0].ticks, Some(TickSpan(if is_stuck { share } else { ran })), "{name}, {share}");
        }
    }
}

#[test]
fn start_functions_that_fail_leave_the_machine_as_ticks_do() {
    for inside in [
        "(unreachable)",
        "(call $debug (i32.const 0) (i32.const 1))",
        "(call $start)",
        "(if (i64.eq (local.get 0) (i64.const 2)) (then (drop (i32.load (i32.const 0x10000)))))",
    ] {
        let begin = state(&starts(5, 1, inside), 100_000);
        let (true_state, ran) = by_ticks(&begin, 100_000);
        for (name, engine) in engines() {
            let (ours, runs) = through(&engine, &begin);
            assert_eq!(ours.hash().unwrap(), true_state.hash().unwrap(), "{name}: {inside}");
            assert!(runs[0].end.is_stuck() && runs[0].ticks.is_some_and(|ticks| ticks.0 <= ran), "{runs:?}");
        }
    }
}

#[test]
fn a_run_that_takes_more_than_its_share_gets_stuck_as_the_machine_does() {
    // More than two million instructions, where a hundred thousand ticks are allowed.
    let begin = state(&counts(400_000), 100_000);
    let (true_state, _) = by_ticks(&begin, 100_000);
    for compiler in COMPILERS {
        let (ours, runs) = through(&engine(compiler), &begin);
        assert_eq!(ours.hash().unwrap(), true_state.hash().unwrap(), "{compiler}");
        assert!(runs[0].end.is_stuck() || Machine::from_tree(&ours).unwrap().stuck_error().is_some());
    }
}

#[test]
fn a_run_within_its_ticks_is_made_once() {
    let engine = engine(COMPILERS[0]);
    let (_, runs) = through(&engine, &state(&counts(10), Limits::FIRST.ticks_per_snapshot.0));
    let status = engine.status();
    assert_eq!((&runs[0].end, status.decided.compiled, status.runs), (&RunEnd::Finished, 1, 1));
    assert_eq!(runs[0].ticks, Some(TickSpan(status.ticks)));
}

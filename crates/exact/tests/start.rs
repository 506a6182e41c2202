//! Start functions in the interpreter against the machine: the same states at every tick, the same ends, the same ticks.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_base::tick::{Tick, TickSpan};
use soru_exact::{Prepared, TickExact};
use soru_pvm::level::RunEnd;
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use soru_pvm::{Machine, Version};
use std::sync::Arc;
use std::time::Duration;
use support::{begin, by_ticks};

/// A run takes so many ticks, its padding included.
const SHARE: u64 = 120_000;
/// More than any computer makes.
const ENDLESS: u64 = 50_000_000_000_000;

/// A kernel with that start function, and parts besides.
fn kernel(parts: &str, start: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
            (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
            (import "smart_rollup_core" "reveal_metadata" (func $metadata (param i32 i32) (result i32)))
            (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
            (memory 2) (export "mem" (memory 0))
            (global $g (mut i64) (i64.const 3))
            (table $t 3 8 funcref)
            (elem (i32.const 1) $half) (elem $some func $half $half)
            (data (i32.const 510) "abcdef") (data $more "xyz")
            (func $half (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 1)))
            {parts}
            (func $start {start})
            (start $start)
            (func (export "kernel_run") (local i32)
                (global.set $g (i64.add (global.get $g) (i64.load (i32.const 508))))
                (local.set 0 (memory.size))
                (if (i32.eqz (local.get 0)) (then unreachable))))"#
    ))
    .unwrap()
}

/// The ticks of a run up to the call of its start function.
fn ticks_to_start(start: &Machine) -> u64 {
    let ready = start.clone().make_start_ready_while(&mut (), &mut || true).unwrap().unwrap();
    assert!(ready.is_start());
    ready.ticks().0
}

/// What an engine says of a run that a machine begins.
fn outcome(engine: &TickExact, start: &Machine) -> (Result<Outcome, RunnerError>, Option<TickSpan>) {
    let (mut reveals, mut debug) = ((), ());
    let host = start.lend(&mut reveals, &mut debug).unwrap();
    let mut host = host.within(start.limits.ticks_per_snapshot);
    let kernel = Kernel::of_durable(&start.durable).unwrap().unwrap();
    let outcome = engine.kernel_run(&kernel, &mut host);
    (outcome, host.ticks_used)
}

/// Compares how a run ends, and after how many ticks.
fn same_end(engine: &TickExact, start: &Machine, what: &str) -> RunEnd {
    let mut by_ticks = start.clone();
    let how = by_ticks.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap().unwrap();
    let (outcome, used) = outcome(engine, start);
    match (&outcome.unwrap(), &how) {
        (Outcome::Finished, RunEnd::Finished) => (),
        (Outcome::Trapped { reason }, RunEnd::Trapped { reason: other }) => {
            assert_eq!(reason, other, "{what}")
        }
        // There is no other kernel to fall back to.
        (
            Outcome::Stuck { reason } | Outcome::Refused { reason, .. },
            RunEnd::Stuck { reason: other, .. },
        ) => {
            assert!(other.contains(reason), "{what}: {reason}: {other}");
        }
        other => panic!("{what}: {other:?}"),
    }
    let ticks = by_ticks.current_tick.since(start.current_tick);
    assert_eq!(used, Some(ticks), "{what}");
    how
}

/// Compares states at some ticks of a run: all at once, then one by one from here and there; and its end.
fn same_states(kernel: &[u8], share: u64, choose: impl Fn(u64, u64) -> Vec<u64>, what: &str) -> RunEnd {
    let engine = TickExact::new();
    let (tree, start) = begin(kernel, share);
    let call = ticks_to_start(&start);
    let over = {
        let mut machine = start.clone();
        machine.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap();
        machine.current_tick.since(start.current_tick).0
    };
    let (known, _) = by_ticks(&tree, &start, choose(call, over));
    assert!(known.len() > 5, "{what}");
    let mut passage = engine.passage(&start).unwrap().unwrap();
    let mut place = 0;
    for _ in 0..known.len().min(60) {
        place = (place + 7_919) % known.len();
        let (tick, hash) = &known[place];
        let mut machine = passage.reach(*tick, &mut (), &mut ()).unwrap();
        assert_eq!(*hash, machine.hash_at(*tick, &tree).unwrap(), "{what}: tick {tick}");
    }
    let ticks: Vec<Tick> = known.iter().map(|(tick, _)| *tick).collect();
    for passage in [&mut passage, &mut engine.passage(&start).unwrap().unwrap()] {
        let found = passage.hashes(&tree, &ticks, &mut (), &mut ()).unwrap();
        for ((tick, hash), found) in known.iter().zip(found) {
            let after = tick.since(start.current_tick).0;
            assert_eq!(
                *hash, found,
                "{what}: {after} of {over} ticks, the start function is called at {call}"
            );
        }
    }
    let how = same_end(&engine, &start, what);
    let (machine, end) = passage.end(&mut (), &mut ()).unwrap();
    assert_eq!((machine.current_tick.since(start.current_tick).0, &end), (over, &how), "{what}");
    how
}

/// Each tick from a little before the call to the end of the run and a little more.
fn every(call: u64, over: u64) -> Vec<u64> {
    (call - 20..over + 3).collect()
}

#[test]
fn every_tick_of_start_functions_that_return() {
    let sum = "(local $i i32)
        (local.set $i (i32.const 3))
        (loop $again
            (global.set $g (i64.add (i64.mul (global.get $g) (i64.const 31)) (i64.load (i32.const 509))))
            (i32.store offset=4 (local.get $i) (call $half (local.get $i)))
            (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
    let instance = "(drop (memory.grow (i32.const 1)))
        (i32.store (i32.const 0x20000) (i32.const 7))
        (memory.init $more (i32.const 508) (i32.const 1) (i32.const 2)) (data.drop $more)
        (memory.fill (i32.const 70) (i32.const 9) (i32.const 3))
        (memory.copy (i32.const 511) (i32.const 510) (i32.const 4))
        (table.init $t $some (i32.const 0) (i32.const 1) (i32.const 1)) (elem.drop $some)
        (drop (table.grow $t (ref.func $half) (i32.const 2)))
        (table.set $t (i32.const 2) (table.get $t (i32.const 1)))
        (drop (call_indirect (param i32) (result i32) (i32.const 5) (i32.const 4)))";
    let blocks = "(i64.const 8)
        (block $out (result i32) (i32.const 1) (i32.const 2) (br_if $out (i32.const 0)) (i32.add)) (drop)
        (if (i32.const 0) (then (unreachable)))
        (global.set $g)
        (i32.const 1) (i32.const 2) (if (i64.eqz (global.get $g)) (then) (else (i32.const 5) (return))) (drop) (drop)";
    for (parts, start) in [
        ("", ""),
        ("", sum),
        ("", instance),
        ("", blocks),
        ("(global $v (mut v128) (v128.const i64x2 1 2))", "(global.set $v (i8x16.neg (global.get $v)))"),
    ] {
        assert_eq!(same_states(&kernel(parts, start), SHARE, every, start), RunEnd::Finished);
    }
}

#[test]
fn every_tick_of_start_functions_that_fail() {
    let indirect = "(elem (i32.const 0) $has)";
    for (parts, start, end) in [
        ("", "(i32.store (i32.const 0) (i32.const 1)) (unreachable)", "unreachable executed"),
        ("", "(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer divide by zero"),
        ("", "(drop (i32.load (i32.const 0x1fffd)))", "out of bounds memory access"),
        ("", "(call_indirect (i32.const 2))", "uninitialized element 2"),
        ("", "(call_indirect (i32.const 9))", "undefined element 9"),
        ("", "(call_indirect (i32.const 1))", "indirect call type mismatch"),
        ("", "(call $debug (i32.const 0) (i32.const 1))", "host functions must not access memory"),
        (
            "(func $f (drop (call $has (i32.const 0) (i32.const 1))))",
            "(call $f)",
            "host functions must not access memory",
        ),
        (
            indirect,
            "(drop (call_indirect (param i32 i32) (result i32) (i32.const 0) (i32.const 1) (i32.const 0)))",
            "host functions must not access memory",
        ),
        ("", "(drop (call $metadata (i32.const 0) (i32.const 24)))", "The reveal tick cannot be evaluated"),
        ("(func $bad (drop))", "(i32.const 4) (call $bad) (drop)", "missing or ill-typed operand on stack"),
    ] {
        let how = same_states(&kernel(parts, start), SHARE, every, start);
        let RunEnd::Stuck { reason, .. } = &how else { panic!("{start}: {how:?}") };
        assert!(reason.contains(end), "{start}: {reason}");
    }
}

/// Nothing to be called behind the start function, and a start function that is called again.
#[test]
fn every_tick_of_other_modules_with_start_functions() {
    let module = |rest: &str| wat::parse_str(format!("(module (memory (export \"m\") 1) {rest})")).unwrap();
    let none = module("(func $s (local i64) (local.set 0 (i64.const 1))) (start $s)");
    let how = same_states(&none, SHARE, every, "no entry");
    assert!(matches!(how, RunEnd::Stuck { .. }), "{how:?}");
    let same = r#"(global $n (mut i32) (i32.const 0)) (start $s)
        (func $s (export "kernel_run") (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (if (i32.gt_u (global.get $n) (i32.const 1)) (then (i32.store (i32.const 7) (global.get $n)))))"#;
    assert_eq!(same_states(&module(same), SHARE, every, "the same"), RunEnd::Finished);
}

/// Some ticks, the last ones all.
fn some(call: u64, over: u64) -> Vec<u64> {
    (call - 5..over - 10).step_by(1_501).chain(over - 10..over + 3).collect()
}

#[test]
fn calls_of_start_functions_go_as_deep_as_those_of_the_kernel() {
    let down = "(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))";
    let mut ends = Vec::new();
    for calls in 297..=300 {
        let kernel = kernel(down, &format!("(call $down (i32.const {calls}))"));
        ends.push(same_states(&kernel, SHARE, some, &format!("{calls} calls")));
    }
    let finished = ends.iter().filter(|end| **end == RunEnd::Finished).count();
    assert!((1..4).contains(&finished), "{ends:?}");
    let text = format!("{:?}", ends.last());
    assert!(text.contains("call stack exhausted"), "{text}");
}

#[test]
fn functions_that_are_left_out_go_by_ticks_in_start_functions() {
    let locals = "i32 ".repeat(33_000);
    let large = format!(
        "(func $large (local {locals}) (i32.store (i32.const 4) (i32.const 5)) (local.set 0 (i32.const 1)))"
    );
    let some = |call: u64, over: u64| (call - 5..over + 3).step_by(((over - call) / 6) as usize).collect();
    assert_eq!(same_states(&kernel(&large, "(call $large)"), 400_000, some, "called"), RunEnd::Finished);
    let start = format!("(local {locals}) (i32.store (i32.const 4) (i32.const 5))");
    assert_eq!(same_states_by_ticks(&kernel("", &start), 400_000), RunEnd::Finished);
}

/// The same of a start function that is left out itself: the way begins at the call of `kernel_run`.
fn same_states_by_ticks(kernel: &[u8], share: u64) -> RunEnd {
    let engine = TickExact::new();
    let (tree, start) = begin(kernel, share);
    let (known, _) = by_ticks(&tree, &start, (0..share).step_by(100_001));
    let ticks: Vec<Tick> = known.iter().map(|(tick, _)| *tick).collect();
    let found = engine.passage(&start).unwrap().unwrap().hashes(&tree, &ticks, &mut (), &mut ()).unwrap();
    assert_eq!(known.into_iter().map(|(_, hash)| hash).collect::<Vec<_>>(), found);
    same_end(&engine, &start, "left out")
}

/// A run that may take so many ticks as it takes, one more, one less; likewise at the border between its parts.
#[test]
fn start_functions_at_the_bound() {
    let kernel = kernel(
        "",
        "(local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 40))))",
    );
    let (_, start) = begin(&kernel, SHARE);
    let call = ticks_to_start(&start);
    let ready = start.clone().make_ready(&mut ()).unwrap().unwrap().ticks().0;
    let mut over = start.clone();
    over.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap();
    let over = over.current_tick.since(start.current_tick).0;
    assert!(call + 200 < ready && ready + 20 < over);
    let mut ends = [0, 0];
    // In rising order what was too long before goes on.
    let once = TickExact::new();
    for border in [call, ready, over] {
        for share in border - 2..=border + 3 {
            let around =
                |call: u64, over: u64| (call - 2..over - 12).step_by(97).chain(over - 12..over + 3).collect();
            let (tree, start) = begin(&kernel, share);
            let how = match call < share {
                true => same_states(&kernel, share, around, &format!("{share} ticks")),
                false => same_end(&once, &start, "before the start function"),
            };
            ends[usize::from(how.is_stuck())] += 1;
            assert_eq!(same_end(&once, &start, &format!("again within {share}")), how);
            let last = start.current_tick.plus(TickSpan(share));
            let (known, _) = by_ticks(&tree, &start, (share - 9)..(share + 2));
            let ticks: Vec<Tick> = known.iter().map(|(tick, _)| *tick).collect();
            let mut passage = once.passage(&start).unwrap().unwrap();
            let found = passage.hashes(&tree, &ticks, &mut (), &mut ()).unwrap();
            for ((tick, hash), found) in known.into_iter().zip(found) {
                assert_eq!(hash, found, "tick {tick}, the run ends before {last}");
            }
        }
    }
    assert!(ends[0] > 1 && ends[1] > 10, "{ends:?}");
}

/// What follows from a start function without an end.
#[test]
fn a_look_into_an_endless_start_function_does_not_wait_for_its_end() {
    let kernel = kernel(
        "",
        "(loop (i64.store (i32.const 600) (global.get $g)) (global.set $g (i64.add (global.get $g) (i64.const 7))) (br 0))",
    );
    let some = |call: u64, over: u64| (call - 5..over + 3).step_by(977).collect();
    let how = same_states(&kernel, SHARE, some, "endless");
    assert!(matches!(&how, RunEnd::Stuck { reason, .. } if reason.contains("Too_many_ticks")), "{how:?}");
    let (tree, start) = begin(&kernel, ENDLESS);
    let tick = start.current_tick.plus(TickSpan(700_000));
    let mut machine = start.clone();
    machine.go_through(tick, &mut (), &mut ()).unwrap();
    let engine = TickExact::new();
    let mut passage = engine.passage(&start).unwrap().unwrap();
    let found = passage.hashes(&tree, &[tick], &mut (), &mut ()).unwrap();
    assert_eq!(found, [machine.hash_at(tick, &tree).unwrap()]);
    let mut far = passage.reach(start.current_tick.plus(TickSpan(50_000_000)), &mut (), &mut ()).unwrap();
    assert_eq!(far.state_name(), "Init:IK_Eval");
    assert!(far.hash_at(far.current_tick, &tree).unwrap().is_some());
}

/// What takes too long is given up, and goes on where it was.
#[test]
fn what_was_not_done_in_time_goes_on() {
    let count = |until: u32| {
        format!(
            "(local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const {until}))))"
        )
    };
    let locals = "i32 ".repeat(33_000);
    for (parts, start, times) in [
        // By the interpreter, in parts of some 16 million ticks.
        (String::new(), count(2_000_000), 4),
        // By the machine: the function is left out.
        (format!("(func $large (local {locals}))"), format!("{} (call $large)", count(500_000)), 1),
        (
            format!("(func $large (local {locals}) {})", count(300_000).replace("(local i32)", "")),
            "(call $large)".to_owned(),
            2,
        ),
    ] {
        let kernel = Kernel::of_bytes(&kernel(&parts, &start)).unwrap();
        let all = TickExact::new().prepared(&kernel, Version::V0).unwrap();
        let Prepared::Ready(all) = &*all else { panic!("{all:?}") };
        let engine = TickExact::new();
        let (mut late, most) = (0, TickSpan(11_000_000_000));
        let found = loop {
            match engine.prepared_for(&kernel, Version::V0, most, Some(Duration::ZERO)) {
                Ok(found) => break found,
                Err(RunnerError::Deadline { .. }) => late += 1,
                Err(error) => panic!("{error}"),
            }
            assert!(late < 100 && engine.remembered(kernel.hash(), Version::V0, most).is_none());
        };
        let Prepared::Ready(found) = &*found else { panic!("{found:?}") };
        assert_eq!(found.ready().ticks(), all.ready().ticks());
        assert!(late >= times, "{late}");
    }
}

/// How a start function without an end has ended is remembered, for the ticks that it had.
#[test]
fn start_functions_that_take_too_long_are_remembered() {
    let kernel = Kernel::of_bytes(&kernel("", "(loop (br 0))")).unwrap();
    let engine = TickExact::new();
    let ask = |most: u64| engine.prepared_for(&kernel, Version::V0, TickSpan(most), None).unwrap();
    let remembered = |most: u64| engine.remembered(kernel.hash(), Version::V0, TickSpan(most));
    assert!(remembered(0).is_none());
    let first = ask(1_000_000);
    assert!(matches!(*first, Prepared::TooLong { most: TickSpan(1_000_000) }));
    assert!(Arc::ptr_eq(&first, &ask(1_000_000)) && Arc::ptr_eq(&first, &ask(500_000)));
    assert!(remembered(999_999).is_some() && remembered(1_000_001).is_none());
    assert!(matches!(*ask(3_000_000), Prepared::TooLong { most: TickSpan(3_000_000) }));
}

/// Ways through runs give up in time, too, and what they have reached is kept.
#[test]
fn ways_that_were_late_go_on() {
    let locals = "i32 ".repeat(33_000);
    let count =
        "(loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1500000))))";
    let large = format!(
        r#"(module (memory (export "m") 1) (func $large (local {locals}) {}) (func (export "kernel_run") (local i32) {count} (call $large)))"#,
        count.replace("1500000", "80000")
    );
    let start = kernel("", &format!("(local i32) {count}"));
    let bad = r#"(module (memory (export "m") 1) (func (param i32)) (func (export "kernel_run") (call 0)))"#;
    let (none, large) = (wat::parse_str(bad).unwrap(), wat::parse_str(large).unwrap());
    for (kernel, times) in [(none, 0), (large, 3), (start, 3)] {
        let (tree, start) = begin(&kernel, 11_000_000_000);
        let mut by_ticks = start.clone();
        let how = by_ticks.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap().unwrap();
        let engine = TickExact::new().with_ways_within(Duration::ZERO);
        let mut late = 0;
        let mut again = |error: RunnerError| {
            assert!(matches!(error, RunnerError::Deadline { seconds: 0 }), "{error}");
            late += 1;
            assert!(late < 200);
        };
        let mut passage = loop {
            match engine.passage(&start) {
                Ok(passage) => break passage.unwrap(),
                Err(error) => again(error),
            }
        };
        let (mut machine, end) = loop {
            match passage.end(&mut (), &mut ()) {
                Ok(end) => break end,
                Err(error) => again(error),
            }
        };
        assert_eq!((end, machine.current_tick), (how, by_ticks.current_tick));
        let state = |machine: &mut Machine| machine.hash_at(machine.current_tick, &tree).unwrap();
        assert_eq!(state(&mut machine), state(&mut by_ticks));
        assert!(late >= times, "{late}");
    }
}

//! A way through a run against the machine: the same states, in whatever order they are asked for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_base::tick::{Tick, TickSpan};
use soru_exact::TickExact;
use soru_pvm::Machine;
use soru_pvm::level::RunEnd;
use soru_pvm::run::{Kernel, Outcome, Runner};
use support::{begin, by_ticks};

/// A run takes so many ticks, its padding included.
const SHARE: u64 = 200_000;

fn kernel(body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
        (import "smart_rollup_core" "read_input" (func $read (param i32 i32 i32) (result i32)))
        (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
        (memory 2) (export "mem" (memory 0))
        (global $sum (mut i64) (i64.const 3))
        (data (i32.const 0x8100) "/a/key/b")
        (data (i32.const 0x200) "\01\02")
        (func $stir (param $at i32)
            (i64.store (local.get $at) (global.get $sum))
            (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 31)) (i64.load (i32.const 0x8100)))))
        (func (export "kernel_run") (local $i i32)
            (drop (call $read (i32.const 0) (i32.const 0x4000) (i32.const 100)))
            (loop $again
                (call $stir (i32.shl (local.get $i) (i32.const 8)))
                (drop (call $write (i32.const 0x8100) (i32.const 8) (i32.const 0) (i32.const 0x200) (local.get $i)))
                (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60))))
            (drop (memory.grow (i32.const 1)))
            (memory.fill (i32.const 0x20000) (i32.const 5) (i32.const 99))
            {body}))"#
    ))
    .unwrap()
}

/// The kernels, and how they end.
fn kernels() -> Vec<(Vec<u8>, u64, &'static str)> {
    let endless = "(loop $for_ever (i32.store (i32.const 7) (local.get $i)) (br $for_ever))";
    vec![
        (kernel(""), SHARE, "Finished"),
        (kernel("(unreachable)"), SHARE, "Trapped { reason: \"unreachable executed\" }"),
        (kernel(endless), SHARE, "Too_many_ticks"),
        // In the middle of its decoding, and of its run.
        (kernel(""), 1_000, "Too_many_ticks"),
        (kernel(""), 20_000, "Too_many_ticks"),
        (
            wat::parse_str(
                r#"(module (memory 1) (export "mem" (memory 0)) (table 1 funcref)
                (func (export "kernel_run") (call_indirect (i32.const 9))))"#,
            )
            .unwrap(),
            SHARE,
            "Eval_error: undefined element 9",
        ),
    ]
}

/// What the engine says of a run is what the machine does, with the ticks it takes.
#[test]
fn runs_end_as_the_machine_ends_them() {
    let engine = TickExact::new();
    for (kernel, share, end) in kernels() {
        for share in [share, share - 1, share + 1, 3_000, 40_000] {
            let (_, start) = begin(&kernel, share);
            let mut by_ticks = start.clone();
            let how = by_ticks.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap().unwrap();
            let (mut reveals, mut debug) = ((), ());
            let host = start.lend(&mut reveals, &mut debug).unwrap();
            let mut host = host.within(TickSpan(share));
            let kernel = Kernel::of_durable(&start.durable).unwrap().unwrap();
            let outcome = engine.kernel_run(&kernel, &mut host).unwrap();
            match (&outcome, &how) {
                (Outcome::Finished, RunEnd::Finished) => (),
                (Outcome::Trapped { reason }, RunEnd::Trapped { reason: other }) => assert_eq!(reason, other),
                (Outcome::Stuck { reason }, RunEnd::Stuck { reason: other, .. }) => {
                    assert!(other.ends_with(reason), "{reason}: {other}");
                }
                other => panic!("{end}: {other:?}"),
            }
            let ticks = by_ticks.current_tick.since(start.current_tick);
            assert_eq!(host.ticks_used, Some(ticks), "{end} within {share}");
        }
    }
}

#[test]
fn states_in_any_order_are_those_of_the_machine() {
    let engine = TickExact::new();
    for (kernel, share, end) in kernels() {
        let (tree, start) = begin(&kernel, share);
        let (known, over) = by_ticks(&tree, &start, (0..share).step_by(113));
        let mut passage = engine.passage(&start).unwrap().unwrap();
        // All at once, then one by one from here and there.
        let ticks: Vec<Tick> = known.iter().map(|(tick, _)| *tick).collect();
        for step in [known.len() / 3, 1, 5] {
            let some: Vec<Tick> = ticks.iter().copied().step_by(step).collect();
            let found = passage.hashes(&tree, &some, &mut (), &mut ()).unwrap();
            for ((tick, hash), found) in known.iter().step_by(step).zip(found) {
                assert_eq!(*hash, found, "{end}: tick {tick} of {share}");
            }
        }
        let mut place = 0;
        for _ in 0..100 {
            place = (place + 7_919) % known.len();
            let (tick, hash) = &known[place];
            let mut machine = passage.reach(*tick, &mut (), &mut ()).unwrap();
            let found = machine.hash_at(*tick, &tree).unwrap();
            assert_eq!(*hash, found, "{end}: tick {tick} of {share}");
        }
        let (mut machine, how) = passage.end(&mut (), &mut ()).unwrap();
        let mut by_ticks = start.clone();
        by_ticks.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap();
        let state = |machine: &mut Machine| machine.hash_at(machine.current_tick, &tree).unwrap();
        assert_eq!(state(&mut machine), state(&mut by_ticks), "{end}");
        let text = match &how {
            RunEnd::Stuck { reason, .. } => reason.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!((text.as_str(), machine.current_tick), (end, over));
    }
}

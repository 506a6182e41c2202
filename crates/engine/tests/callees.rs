//! What the callers of a function pay for it, and what it counts itself: compiled runs take the ticks of the interpreter.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_engine::{Engine, Kind, Options};
use soru_pvm::level::{Run, RunEnd};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::{Limits, Surroundings, Version, eval_level};
use support::{COMPILERS, engine};

/// A kernel with this body, and functions of every kind to call.
fn kernel(code: &str) -> Vec<u8> {
    let long = "nop ".repeat(1_000);
    let text = format!(
        r#"(module
            (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
            (type $step (func (param i64) (result i64)))
            (memory (export "m") 1) (data (i32.const 0) "/kernel/boot.wasm")
            (table $t 8 funcref) (elem (table $t) (i32.const 1) func $tabled $early $down $shallow)
            (global $g (mut i32) (i32.const 7))
            ;; Always the same.
            (func $nothing)
            (func $flip (type $step) (local i32) (i64.xor (local.get 0) (i64.const -1)))
            (func $chain (param i64) (result i64 i64)
              (call $flip (local.get 0)) (call $flip (i64.add (call $flip (i64.const 1)) (local.get 0))) (call $nothing))
            (func $tabled (type $step) (call $flip (local.get 0)) (call $nothing))
            (func $exported (export "exported") (type $step) (i64.add (local.get 0) (call $flip (i64.const 2))))
            (func $same (param i32) (result i32)
              (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
            (func $long (type $step) {long} (local.get 0))
            (func $longer (type $step) (call $long (call $long (local.get 0))))
            (func $divide (param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1)))
            (func $asks (result i32) (call $has (i32.const 0) (i32.const 17)))
            (func $fills (memory.fill (i32.const 100) (i32.const 1) (i32.const 60)))
            (func $dead (param i32) (result i32)
              (if (local.get 0) (then (unreachable) (drop (i32.const 1))))
              (return (i32.const 3)) (call $nothing) (drop (i32.const 1)))
            (func $never (param i32) (if (local.get 0) (then (call $nothing))) (unreachable))
            ;; Not always.
            (func $either (param i32) (result i32)
              (if (result i32) (local.get 0) (then (i32.const 1)) (else nop (i32.const 2))))
            (func $early (type $step)
              (if (i64.eqz (local.get 0)) (then (return (i64.const 5))))
              (call $flip (call $tabled (i64.add (local.get 0) (i64.const 1)))))
            (func $late (type $step)
              (if (i64.ne (local.get 0) (i64.const 0))
                (then (return (call $flip (call $early (i64.add (local.get 0) (i64.const 1)))))))
              (i64.const 5))
            (func $switch (param i32) (result i32)
              (block $a
                (block $b (block $c (br_table $a $b $c $a (local.get 0))) (return (i32.const 1)))
                (drop (call $divide (i32.const 9) (i32.const 3))) (br $a))
              (i32.const 3))
            (func $three (param i32) (result i32) (local i32)
              (if (i32.and (local.get 0) (i32.const 1)) (then (local.set 1 (call $fib (i32.const 3)))))
              (if (i32.and (local.get 0) (i32.const 2)) (then (local.set 1 (call $fib (i32.const 4)))) (else nop))
              (if (i32.and (local.get 0) (i32.const 4)) (then (local.set 1 (call $fib (i32.const 5)))))
              (if (i32.and (local.get 0) (i32.const 8)) (then nop (return (i32.const 1))))
              (local.get 1))
            (func $sum (param i32) (result i32) (local i32)
              (loop $l
                (local.set 1 (i32.add (local.get 1) (call $divide (local.get 0) (call $either (local.get 0)))))
                (if (i32.gt_u (local.get 0) (i32.const 40)) (then (call $nothing) (drop (call $fib (i32.const 2)))))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
              (local.get 1))
            (func $bytes (param i32) (memory.fill (i32.const 100) (i32.const 1) (local.get 0)))
            ;; That call themselves.
            (func $fib (param i32) (result i32)
              (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
              (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
            (func $down (param i32) (result i32)
              (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.wrap_i64 (call $flip (i64.const 7))))))
            (func $even (param i32) (result i32)
              (if (local.get 0) (then (return (call $odd (i32.sub (local.get 0) (i32.const 1))))))
              (i32.const 1))
            (func $odd (param i32) (result i32)
              (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
              (call $even (i32.sub (local.get 0) (i32.const 1))))
            (func $again (param i32) (result i32)
              (drop (call $flip (i64.const 1)))
              (if (i32.eqz (local.get 0)) (then (return (call $shallow (i32.const 1)))))
              (call_indirect $t (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 4)))
            (func $shallow (param i32) (result i32)
              (if (i32.gt_u (local.get 0) (i32.const 1)) (then (return (call $again (local.get 0)))))
              (local.get 0))
            (func $run {code})
            (func (export "kernel_run") (call $run)))"#
    );
    wat::parse_str(text).unwrap_or_else(|error| panic!("{code}: {error}"))
}

const LOOP: &str = "(br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))";

/// Runs that return.
fn cases() -> Vec<String> {
    let mut cases: Vec<String> = [
        "(call $nothing)",
        "(drop (call $flip (i64.const 1)))",
        "(i32.const 1) (i32.const 2) (drop (call $flip (i64.const 1))) (drop) (drop)",
        "(call $chain (i64.const 1)) (drop) (drop)",
        "(drop (call $tabled (i64.const 1)))",
        "(drop (call_indirect $t (type $step) (i64.const 1) (i32.const 1)))",
        "(i32.const 1) (drop (call_indirect $t (type $step) (call $tabled (i64.const 1)) (i32.const 1))) (drop)",
        "(drop (call $exported (call $exported (i64.const 1))))",
        "(drop (call $same (i32.const 0))) (drop (call $same (i32.const 1)))",
        "(drop (call $long (i64.const 0))) (drop (call $longer (i64.const 1)))",
        "(drop (call $divide (i32.const 7) (i32.const 2)))",
        "(drop (call $asks)) (drop (call $asks))",
        "(call $fills)",
        "(drop (call $dead (i32.const 0)))",
        "(if (i32.const 0) (then (call $never (i32.const 0))))",
        "(drop (call $either (i32.const 0))) (drop (call $either (i32.const 1)))",
        "(drop (call $early (i64.const 0))) (drop (call $early (i64.const 1)))",
        "(drop (call_indirect $t (type $step) (i64.const 0) (i32.const 2))) (drop (call_indirect $t (type $step) (i64.const 1) (i32.const 2)))",
        "(drop (call $late (i64.const 0))) (drop (call $late (i64.const 1)))",
        "(drop (call $switch (i32.const 0))) (drop (call $switch (i32.const 1))) (drop (call $switch (i32.const 2))) (drop (call $switch (i32.const 3)))",
        "(drop (call $sum (i32.const 50)))",
        "(call $bytes (i32.const 0)) (call $bytes (i32.const 1000))",
        "(drop (call $fib (i32.const 0))) (drop (call $fib (i32.const 1))) (drop (call $fib (i32.const 13)))",
        "(drop (call $down (i32.const 0))) (drop (call $down (i32.const 100)))",
        "(drop (call_indirect $t (param i32) (result i32) (i32.const 5) (i32.const 3)))",
        "(drop (call $even (i32.const 0))) (drop (call $odd (i32.const 0))) (drop (call $even (i32.const 41))) (drop (call $odd (i32.const 41)))",
        "(drop (call $again (i32.const 0))) (drop (call $again (i32.const 1))) (drop (call $again (i32.const 30)))",
        // Calls in blocks, loops and branches.
        "(block (block (br_if 1 (call $either (i32.const 1))) nop) nop)",
        "(block (drop (call $either (i32.const 1))) (br_if 0 (i32.const 0)) (drop (call $fib (i32.const 3))))",
        "(block (block (br_table 0 1 (call $same (i32.const 0)))) nop)",
        "(if (global.get $g) (then (call $nothing)) (else (drop (call $fib (i32.const 3)))))",
        "(if (i32.eqz (global.get $g)) (then (call $nothing)) (else (drop (call $fib (i32.const 3)))))",
        "(if (global.get $g) (then (drop (call $fib (i32.const 3))) (return))) (drop (call $fib (i32.const 4)))",
        "(drop (block (result i32) (drop (br_if 0 (call $fib (i32.const 5)) (global.get $g))) (call $divide (i32.const 1) (i32.const 0))))",
    ]
    .map(str::to_owned)
    .into();
    cases.extend((0..16).map(|way| format!("(drop (call $three (i32.const {way})))")));
    let called =
        ["(call $nothing)", "(drop (call $early (i64.const 1)))", "(drop (call $fib (i32.const 6)))"];
    cases.extend(
        called.map(|call| {
            format!("(local i32) (local.set 0 (i32.const 100)) (loop {call} (call $fills) {LOOP})")
        }),
    );
    cases.extend(["(drop (call $down (i32.const 9)))", "(drop (call $asks))"].map(|call| {
        format!("(local i32) (local.set 0 (i32.const 9)) (loop (if (i32.and (local.get 0) (i32.const 1)) (then {call})) {LOOP})")
    }));
    cases
}

fn exact() -> Engine {
    Engine::new(Options { kind: Kind::TickExact, ..Options::default() }).unwrap()
}

const MESSAGES: [&[u8]; 2] = [&[0, 1], &[0, 2]];

/// The only run of a level, and the hash of the state after it.
fn run(engine: &Engine, kernel: &[u8], share: u64) -> (String, Run) {
    let limits = Limits { ticks_per_snapshot: TickSpan(share), ..Limits::FIRST };
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, kernel, limits).unwrap();
    let around = &mut Surroundings { runner: engine, reveals: &mut (), debug: &mut () };
    let mut outcome = eval_level(&tree, Level::new(1).unwrap(), &MESSAGES, around).unwrap();
    assert_eq!(outcome.runs.len(), 1);
    (outcome.tree.hash().unwrap().to_string(), outcome.runs.remove(0))
}

#[test]
fn every_kind_of_function() {
    let exact = exact();
    let engines = COMPILERS.map(|compiler| (compiler, engine(compiler)));
    for code in cases() {
        let kernel = kernel(&code);
        let expected = run(&exact, &kernel, 10_000_000);
        assert_eq!(expected.1.end, RunEnd::Finished, "{code}");
        for (compiler, engine) in &engines {
            let seen = run(engine, &kernel, 10_000_000);
            assert_eq!((seen.1.ticks, seen.0), (expected.1.ticks, expected.0.clone()), "{code}: {compiler}");
        }
    }
    for (compiler, engine) in &engines {
        let status = engine.status();
        assert_eq!(status.decided.compiled, status.runs, "{compiler}: {status:?}");
    }
}

#[test]
fn functions_that_trap_inside() {
    let exact = exact();
    let engines = COMPILERS.map(|compiler| (compiler, engine(compiler)));
    let cases = [
        "(drop (call $divide (i32.const 7) (i32.const 0)))",
        "(drop (call $dead (i32.const 1)))",
        "(call $never (i32.const 0))",
        "(call $never (i32.const 1))",
        "(call $bytes (i32.const 65536))",
        "(drop (call $divide (i32.const 9) (call $sum (i32.const 1))))(drop (call $divide (i32.const 9) (i32.const 0)))",
        "(drop (call_indirect $t (type $step) (i64.const 1) (i32.const 3)))",
        "(drop (call_indirect $t (type $step) (i64.const 1) (i32.const 0)))",
    ];
    for code in cases {
        let kernel = kernel(code);
        let expected = run(&exact, &kernel, 10_000_000);
        for (compiler, engine) in &engines {
            let seen = run(engine, &kernel, 10_000_000);
            assert_eq!((seen.1.ticks, seen.0), (expected.1.ticks, expected.0.clone()), "{code}: {compiler}");
        }
    }
    for (compiler, engine) in &engines {
        assert!(engine.status().decided.compiled < 3, "{compiler}: {:?}", engine.status());
    }
}

/// `kernel_run` and `$run` are two of 299 functions.
#[test]
fn calls_where_no_more_functions_may_be_entered() {
    let exact = exact();
    for (compiler, engine) in COMPILERS.map(|compiler| (compiler, engine(compiler))) {
        let mut finished = 0;
        for depth in 292..300 {
            for function in ["$down", "$even", "$odd"] {
                let kernel = kernel(&format!("(drop (call {function} (i32.const {depth})))"));
                let expected = run(&exact, &kernel, 10_000_000);
                let seen = run(&engine, &kernel, 10_000_000);
                let what = format!("{compiler}: {function} {depth}");
                assert_eq!((seen.1.ticks, seen.0), (expected.1.ticks, expected.0), "{what}");
                finished += u64::from(expected.1.end == RunEnd::Finished);
            }
        }
        let status = engine.status();
        assert!((8..20).contains(&finished), "{finished} {status:?}");
        assert!(status.decided.compiled <= finished, "{status:?}");
    }
}

/// So many calls that nobody would live to see their end.
#[test]
fn endless_work_is_noticed() {
    let doubling: String =
        (1..60).map(|n| format!("(func $d{n} (call $d{0}) (call $d{0}))", n - 1)).collect();
    let tenfold: String =
        (1..14).map(|n| format!("(func $d{n} {})", format!("(call $d{})", n - 1).repeat(10))).collect();
    let branching = "(func $d0 (param i32) (if (i32.eqz (local.get 0)) (then (return)))
        (call $d0 (i32.sub (local.get 0) (i32.const 1))) (call $d0 (i32.sub (local.get 0) (i32.const 1))))";
    let indirect: String = (1..60)
        .map(|n| {
            format!("(func $d{n} (call_indirect (i32.const {0})) (call_indirect (i32.const {0})))", n - 1)
        })
        .collect();
    let elements: String = (0..60).map(|n| format!(" $d{n}")).collect();
    let kernels = [
        format!("(func $d0) {doubling} (func (export \"kernel_run\") (call $d59))"),
        format!("(func $d0) {tenfold} (func (export \"kernel_run\") (call $d13))"),
        format!("{branching} (func (export \"kernel_run\") (call $d0 (i32.const 250)))"),
        format!(
            "(table funcref (elem{elements})) (func $d0) {indirect} (func (export \"kernel_run\") (call $d59))"
        ),
        "(func $d0) (func (export \"kernel_run\") (loop (call $d0) (br 0)))".to_owned(),
    ];
    let exact = exact();
    for text in kernels {
        let kernel = wat::parse_str(format!(r#"(module (memory (export "m") 1) {text})"#)).unwrap();
        let (expected, _) = run(&exact, &kernel, 1_000_000);
        for compiler in COMPILERS {
            let engine = engine(compiler);
            let (state, run) = run(&engine, &kernel, 1_000_000);
            assert_eq!((state, run.end.is_stuck()), (expected.clone(), true), "{compiler}: {run:?}");
            assert_eq!(engine.status().fallbacks.ticks, 1, "{compiler}: {:?}", engine.status());
        }
    }
}

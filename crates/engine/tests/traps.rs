//! How a call of `kernel_run` can end, in both compilers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_engine::{Compiler, Engine, Options};
use soru_pvm::run::{Outcome, Stage};
use std::time::Duration;
use support::{COMPILERS, End, Undecided, engine, outcome_of, outcomes, read, run_of, run_of_version};

fn trapped(reason: &str) -> End {
    Ok(Outcome::Trapped { reason: reason.into() })
}

fn stuck(reason: &str) -> End {
    Ok(Outcome::Stuck { reason: reason.into() })
}

fn refused(reason: &str) -> End {
    Ok(Outcome::Refused { stage: Stage::Init, reason: reason.into() })
}

/// A kernel with this body, a table of two with an empty entry, and a memory of one page.
fn body(code: &str) -> String {
    format!(
        r#"(module
            (memory (export "m") 1) (table 2 funcref) (elem (i32.const 1) func $other) (data $d "ab") (elem $e func $other)
            (func $other (param i64))
            (func (export "kernel_run") {code}))"#
    )
}

#[test]
fn every_ordinary_trap_is_one() {
    const CASES: [(&str, &str); 15] = [
        ("unreachable", "unreachable executed"),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer divide by zero"),
        ("(drop (i64.rem_u (i64.const 1) (i64.const 0)))", "integer divide by zero"),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer overflow"),
        ("(drop (i32.load (i32.const 65533)))", "out of bounds memory access"),
        ("(i64.store offset=4294967295 (i32.const -1) (i64.const 1))", "out of bounds memory access"),
        ("(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7))", "out of bounds memory access"),
        ("(memory.copy (i32.const 0) (i32.const 65530) (i32.const 7))", "out of bounds memory access"),
        ("(memory.init $d (i32.const 0) (i32.const 1) (i32.const 2))", "out of bounds memory access"),
        ("(call_indirect (param i32) (i32.const 1) (i32.const 1))", "indirect call type mismatch"),
        ("(drop (table.get 0 (i32.const 2)))", "out of bounds table access"),
        ("(table.set 0 (i32.const -1) (ref.null func))", "out of bounds table access"),
        ("(table.fill 0 (i32.const 1) (ref.null func) (i32.const 2))", "out of bounds table access"),
        ("(table.copy 0 0 (i32.const 1) (i32.const 0) (i32.const 2))", "out of bounds table access"),
        ("(table.init 0 $e (i32.const 0) (i32.const 0) (i32.const 2))", "out of bounds table access"),
    ];
    for compiler in COMPILERS {
        let engine = engine(compiler);
        for (code, reason) in CASES {
            assert_eq!(outcome_of(&engine, &body(code)), trapped(reason), "{compiler}: {code}");
        }
    }
}

#[test]
fn calls_of_nothing_leave_the_machine_stuck() {
    for compiler in COMPILERS {
        let engine = engine(compiler);
        let null = outcome_of(&engine, &body("(call_indirect (i32.const 0))"));
        assert_eq!(null, stuck("uninitialized element 0"), "{compiler}");
        let outside = outcome_of(&engine, &body("(call_indirect (i32.const 2))"));
        assert_eq!(outside, stuck("undefined element 2"), "{compiler}");
        let far = outcome_of(&engine, &body("(call_indirect (i32.const -1))"));
        assert_eq!(far, stuck("undefined element -1"), "{compiler}");
        // The access that went well must not be mistaken for the one that did not.
        let after = body("(drop (table.get 0 (i32.const 1))) (call_indirect (i32.const 7))");
        assert_eq!(outcome_of(&engine, &after), stuck("undefined element 7"), "{compiler}");
    }
}

#[test]
fn the_kernels_of_the_vectors_trap_as_said() {
    let kernel = read("kernels/traps.wasm");
    for compiler in COMPILERS {
        let engine = engine(compiler);
        let levels: Vec<[u8; 2]> = (0..15).map(|kind| [1, kind]).collect();
        let levels: Vec<[&[u8]; 1]> = levels.iter().map(|message| [&message[..]]).collect();
        let levels: Vec<&[&[u8]]> = levels.iter().map(|level| &level[..]).collect();
        let (seen, _) = outcomes(&engine, &kernel, &run_of(&levels));
        // The first run of a machine comes before its first messages.
        let traps = seen.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Trapped { .. }))).count();
        assert_eq!(traps, 15, "{compiler}: {seen:?}");
        for (kind, words) in [(15, "uninitialized element 0"), (16, "undefined element 2")] {
            let (seen, _) = outcomes(&engine, &kernel, &run_of(&[&[&[1, kind]]]));
            assert_eq!(seen.last().unwrap(), &stuck(words), "{compiler}");
        }
    }
}

/// Goes `depth` functions deep, `kernel_run` included, comes back, and does it again: what is counted in is counted out.
fn deep(depth: u32) -> String {
    format!(
        r#"(module (memory (export "m") 1)
            (func $down (param $n i32) (result i32 i64)
              (if (i32.eqz (local.get $n)) (then (return (i32.const 0) (i64.const 0))))
              (block $out (result i32 i64)
                (call $down (i32.sub (local.get $n) (i32.const 1)))
                (br $out)))
            (func (export "kernel_run") (local $again i32)
              (local.set $again (i32.const 1000))
              (loop $next
                (call $down (i32.const {})) (drop) (drop)
                (br_if $next (local.tee $again (i32.sub (local.get $again) (i32.const 1)))))))"#,
        depth - 2
    )
}

#[test]
fn the_depth_of_calls_is_exact() {
    for compiler in COMPILERS {
        let engine = engine(compiler);
        for (depth, end) in [
            (298, Ok(Outcome::Finished)),
            (299, Ok(Outcome::Finished)),
            (300, stuck("call stack exhausted")),
            (301, stuck("call stack exhausted")),
        ] {
            // The frame from which the machine calls is the 300th.
            assert_eq!(outcome_of(&engine, &deep(depth)), end, "{compiler}: {depth}");
        }
    }
}

/// The same, but with a call of two small functions by each, if it is at that place.
fn deep_with_others(depth: u32, place: i32) -> String {
    let others = r#"(func $inner (result i32) (i32.const 5)) (func $other (result i32) (i32.add (call $inner) (i32.const 2)))
            (func $down"#;
    let calls = format!(
        r#"(if (i32.eq (local.get $n) (i32.const {place})) (then (drop (call $other))))
              (if (i32.eqz"#
    );
    deep(depth).replace("(func $down", others).replacen("(if (i32.eqz", &calls, 1)
}

#[test]
fn functions_that_count_no_calls_are_as_deep_as_others() {
    for compiler in COMPILERS {
        let engine = engine(compiler);
        for (depth, place, end, is_sure) in [
            (297, 0, Ok(Outcome::Finished), true),
            (298, 0, stuck("call stack exhausted"), false),
            (298, 1, Ok(Outcome::Finished), false),
            (299, -1, Ok(Outcome::Finished), false),
            (300, -1, stuck("call stack exhausted"), false),
        ] {
            let before = engine.status().fallbacks;
            assert_eq!(
                outcome_of(&engine, &deep_with_others(depth, place)),
                end,
                "{compiler}: {depth} {place}"
            );
            assert_eq!(engine.status().fallbacks == before, is_sure, "{compiler}: {depth} {place}");
        }
    }
}

#[test]
fn later_versions_go_deeper() {
    for compiler in COMPILERS {
        let engine = engine(compiler);
        for (depth, end) in [(59_999, Ok(Outcome::Finished)), (60_000, stuck("call stack exhausted"))] {
            let kernel = wat::parse_str(deep(depth)).unwrap();
            let (seen, _) = outcomes(&engine, &kernel, &run_of_version("2.0.0-r1", &[&[]]));
            assert_eq!(seen, [end], "{compiler}: {depth}");
        }
    }
}

#[test]
fn a_trap_at_the_deepest_call_is_no_exhaustion() {
    let kernel = deep(299).replace("(then (return", "(then unreachable (return");
    for compiler in COMPILERS {
        assert_eq!(outcome_of(&engine(compiler), &kernel), trapped("unreachable executed"), "{compiler}");
    }
}

#[test]
fn a_stack_of_monsters_is_no_answer() {
    // Functions with frames of half a megabyte each, as deep as a later version allows.
    let locals = "i64 ".repeat(40_000);
    let sums: String = (0..40_000).map(|n| format!("(local.get {n}) (i64.add)")).collect();
    let kernel = format!(
        r#"(module (memory (export "m") 1)
            (func $down (result i64) (local {locals})
              (local.set 1 (call $down)) (i64.const 1) {sums})
            (func (export "kernel_run") (drop (call $down))))"#
    );
    let kernel = wat::parse_str(kernel).unwrap();
    let engine = engine(Compiler::Singlepass);
    let (seen, _) = outcomes(&engine, &kernel, &run_of_version("2.0.0-r1", &[&[]]));
    assert_eq!(seen, [Err(Undecided::Unsupported)]);
}

#[test]
fn a_loop_without_end_meets_the_deadline() {
    for compiler in COMPILERS {
        let deadline = Duration::from_millis(500);
        let engine = Engine::new(Options { compiler, deadline, ..Options::default() }).unwrap();
        let outcome = outcome_of(&engine, &body("(loop $l (br $l))"));
        assert_eq!(outcome, Err(Undecided::Deadline), "{compiler}");
        assert_eq!(engine.status().deadlines, 1);
        // Nor does a start function keep the node.
        let start = r#"(module (memory (export "m") 1) (func $s (loop $l (br $l))) (start $s) (func (export "kernel_run")))"#;
        let outcome = outcome_of(&engine, start);
        assert_eq!(outcome, Err(Undecided::Deadline), "{compiler}");
        // And the engine goes on.
        assert_eq!(outcome_of(&engine, &body("")), Ok(Outcome::Finished));
    }
}

#[test]
fn a_start_function_runs_before_and_may_not_call_the_host() {
    let kernel = |start: &str| {
        format!(
            r#"(module
                (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
                (import "smart_rollup_core" "reveal_metadata" (func $metadata (param i32 i32) (result i32)))
                (memory (export "m") 1) (global $g (mut i32) (i32.const 0)) (table 1 funcref)
                (func $start {start}) (start $start)
                (func (export "kernel_run") (if (i32.ne (global.get $g) (i32.const 5)) (then unreachable))))"#
        )
    };
    for compiler in COMPILERS {
        let engine = engine(compiler);
        let run = |start: &str| outcome_of(&engine, &kernel(start));
        assert_eq!(run("(global.set $g (i32.const 5))"), Ok(Outcome::Finished), "{compiler}");
        assert_eq!(run(""), trapped("unreachable executed"), "{compiler}");
        assert_eq!(run("unreachable"), refused("unreachable executed"), "{compiler}");
        assert_eq!(run("(call $start)"), refused("call stack exhausted"), "{compiler}");
        assert_eq!(run("(call_indirect (i32.const 0))"), refused("uninitialized element 0"), "{compiler}");
        let debug = "(call $debug (i32.const 0) (i32.const 0))";
        let words = "host functions must not access memory during initialisation";
        assert_eq!(run(debug), refused(words), "{compiler}");
        let metadata = "(drop (call $metadata (i32.const 0) (i32.const 24)))";
        let words = "Invoke_step: The reveal tick cannot be evaluated as is";
        assert_eq!(run(metadata), refused(words), "{compiler}");
    }
}

/// A bug of the host.
struct Bomb;

impl soru_pvm::host::DebugSink for Bomb {
    fn debug(&mut self, _: &[u8]) {
        panic!("for the test");
    }
}

#[test]
fn a_panic_of_the_host_is_an_error_of_the_run() {
    let kernel = read("kernels/hello.wasm");
    for compiler in COMPILERS {
        let engine = engine(compiler);
        let replayed = run_of(&[&[]]).replay(&kernel, &engine, &mut Bomb).unwrap();
        let (_, error) = replayed.failure.expect("no answer");
        assert!(error.to_string().contains("the host function write_debug panicked"), "{error}");
        // And the engine goes on.
        let replayed = run_of(&[&[]]).replay(&kernel, &engine, &mut ()).unwrap();
        assert!(replayed.failure.is_none(), "{:?}", replayed.failure);
    }
}

#[test]
fn a_memory_grows_to_its_maximum_and_no_further() {
    let kernel = |limits: &str, by: &str, result: &str| {
        format!(
            r#"(module (memory (export "m") {limits})
                (func (export "kernel_run")
                  (if (i32.ne (memory.grow (i32.const {by})) (i32.const {result})) (then unreachable))))"#
        )
    };
    for compiler in COMPILERS {
        let engine = engine(compiler);
        for (limits, by, result) in [
            ("1 3", "2", "1"),
            ("1 3", "3", "-1"),
            ("1", "65535", "1"),
            ("1", "65536", "-1"),
            ("1", "-1", "-1"),
        ] {
            let outcome = outcome_of(&engine, &kernel(limits, by, result));
            assert_eq!(outcome, Ok(Outcome::Finished), "{compiler}: {limits} {by}");
        }
    }
}

#[test]
fn a_table_too_large_for_a_computer_is_no_answer() {
    let kernel = |by: &str, result: &str| {
        format!(
            r#"(module (memory (export "m") 1) (table 1 4000000000 funcref)
                (func (export "kernel_run")
                  (if (i32.ne (table.grow (ref.null func) (i32.const {by})) (i32.const {result})) (then unreachable))))"#
        )
    };
    for compiler in COMPILERS {
        let engine = engine(compiler);
        assert_eq!(outcome_of(&engine, &kernel("1000", "1")), Ok(Outcome::Finished), "{compiler}");
        assert_eq!(outcome_of(&engine, &kernel("-1", "-1")), Ok(Outcome::Finished), "{compiler}");
        let outcome = outcome_of(&engine, &kernel("2000000000", "1"));
        assert_eq!(outcome, Err(Undecided::Unsupported), "{compiler}");
    }
}

#[test]
fn a_table_that_no_proof_can_show_growing_is_no_answer() {
    let most = soru_pvm::run::TABLE_GROWTH_MAX;
    let grows = |by: u32| {
        format!(
            r#"(module (memory (export "m") 1) (table 1 funcref)
                (func (export "kernel_run") (drop (table.grow (ref.null func) (i32.const {by})))))"#
        )
    };
    let made = |min: u32| {
        format!(r#"(module (memory (export "m") 1) (table {min} funcref) (func (export "kernel_run")))"#)
    };
    for compiler in COMPILERS {
        let engine = engine(compiler);
        for kernel in [grows(most), made(most)] {
            assert_eq!(outcome_of(&engine, &kernel), Ok(Outcome::Finished), "{compiler}");
        }
        for kernel in [grows(most + 1), made(most + 1)] {
            assert_eq!(outcome_of(&engine, &kernel), Err(Undecided::Unsupported), "{compiler}");
        }
    }
}

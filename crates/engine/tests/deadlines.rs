//! Runs that do not end in time on the interpreter, and kernels that are not compiled in time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_engine::{Engine, Kind, Options};
use soru_pvm::run::Outcome;
use std::time::Duration;
use support::{COMPILERS, Undecided, engine, outcomes, run_of, run_of_version};

/// Of later versions a run takes hours to its bound.
#[test]
fn the_interpreter_gives_up_at_the_deadline() {
    let deadline = Duration::from_millis(100);
    let engine = Engine::new(Options { kind: Kind::TickExact, deadline, ..Options::default() }).unwrap();
    let kernels = [
        r#"(func (export "kernel_run") (loop (br 0)))"#,
        r#"(func (export "kernel_run") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0)))"#,
        r#"(func (export "kernel_run") (loop (call $debug (i32.const 0) (i32.const 1)) (br 0)))"#,
        r#"(func $s (loop (br 0))) (start $s) (func (export "kernel_run"))"#,
    ];
    for (number, kernel) in (1..).zip(kernels) {
        let wat = format!(
            r#"(module (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
                (memory (export "m") 1) {kernel})"#
        );
        let run = run_of_version("2.0.0-r4", &[&[]]);
        // The level has no state: that is what the rest of it says.
        let kernel = wat::parse_str(wat).unwrap();
        let (seen, _) = outcomes(&engine, &kernel, &run);
        assert_eq!(seen, [Err(Undecided::Deadline)], "kernel {number}");
        assert_eq!(engine.status().deadlines, number);
    }
}

/// A compiler would take an hour for it, and much memory.
#[test]
fn a_function_of_very_many_jumps_and_locals_is_not_compiled() {
    for (jumps, compiled) in [(100, 1), (40_000, 0)] {
        let locals = "i32 ".repeat(2_000);
        let code = "(block (br_if 0 (local.get 7)))".repeat(jumps);
        let kernel = wat::parse_str(format!(
            r#"(module (memory (export "m") 1) (func (export "kernel_run") (local {locals}) {code}))"#
        ));
        for compiler in COMPILERS {
            let engine = engine(compiler);
            let (seen, _) = outcomes(&engine, kernel.as_ref().unwrap(), &run_of(&[&[]]));
            assert_eq!(seen, [Ok(Outcome::Finished)], "{compiler}");
            let status = engine.status();
            assert_eq!((status.decided.compiled, status.fallbacks.unsupported), (compiled, 1 - compiled));
        }
    }
}

/// What the interpreter leaves to the machine is counted, once for a kernel.
#[test]
fn functions_that_are_left_out_are_counted() {
    let locals = "i32 ".repeat(33_000);
    let kernel = wat::parse_str(format!(
        r#"(module (memory (export "m") 1) (func $large (local {locals})) (func (param i32) (local {locals}))
            (func (export "kernel_run") (call $large)))"#
    ));
    let exact = Engine::new(Options { kind: Kind::TickExact, ..Options::default() }).unwrap();
    for engine in COMPILERS.map(engine).into_iter().chain([exact]) {
        for _ in 0..2 {
            let (seen, _) = outcomes(&engine, kernel.as_ref().unwrap(), &run_of(&[&[]]));
            assert_eq!(seen, [Ok(Outcome::Finished)]);
        }
        assert_eq!((engine.status().left_out, engine.status().runs), (2, 2));
    }
}

//! The harness itself: it sees what is wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_conformance::lockstep::{Difference, Look, compare};
use soru_conformance::reason::Reason;
use soru_conformance::script::Script;
use soru_conformance::suite::{Report, run_script};
use soru_pvm::host::{HostFunction, HostState, HostValue};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use support::{engines, inputs};

fn report(text: &str) -> Report {
    run_script(&Script::parse("test.wast", text).unwrap(), &engines()).unwrap()
}

/// Lines that fail on the first target.
fn failed(text: &str) -> Vec<usize> {
    report(text).tallies[0].failed.iter().map(|(line, _)| *line).collect()
}

#[test]
fn wrong_results_fail() {
    let text = r#"(module
        (func (export "one") (result i32) (i32.const 1))
        (func (export "pair") (result i64 i32) (i64.const -1) (i32.const 2))
        (func (export "trap") (unreachable))
        (func $deep (export "deep") (call $deep))
        (global (export "g") i64 (i64.const 5)))
    (assert_return (invoke "one") (i32.const 1))
    (assert_return (invoke "one") (i32.const 2))
    (assert_return (invoke "one"))
    (assert_return (invoke "pair") (i64.const -1) (i32.const 2))
    (assert_return (invoke "pair") (i64.const -1) (i32.const 3))
    (assert_return (get "g") (i64.const 5))
    (assert_return (get "g") (i64.const 6))
    (assert_trap (invoke "trap") "unreachable")
    (assert_trap (invoke "trap") "integer overflow")
    (assert_trap (invoke "one") "unreachable")
    (assert_return (invoke "trap"))
    (assert_exhaustion (invoke "deep") "call stack exhausted")
    (assert_exhaustion (invoke "one") "call stack exhausted")
    (assert_invalid (module (func (result i32) (i64.const 1))) "type mismatch")
    (assert_invalid (module (func (result i32) (i32.const 1))) "type mismatch")
    (assert_trap (module (memory 1) (data (i32.const 65536) "x")) "out of bounds memory access")
    (assert_trap (module (memory 1) (data (i32.const 65535) "x")) "out of bounds memory access")"#;
    assert_eq!(failed(text), [8, 9, 11, 13, 15, 16, 17, 19, 21, 23]);
}

#[test]
fn what_is_left_out_is_counted() {
    let text = r#"(module
        (memory 1)
        (func (export "get") (result i32) (i32.load (i32.const 0)))
        (func (export "same") (param f32) (result f32) (local.get 0))
        (func (export "set") (f32.store (i32.const 0) (f32.const 1))))
    (assert_return (invoke "get") (i32.const 0))
    (assert_return (invoke "same" (f32.const 1)) (f32.const 1))
    (assert_return (invoke "get") (i32.const 0))
    (invoke "set")
    (assert_return (invoke "get") (i32.const 0x3f800000))
    (module (import "M" "f" (func)))
    (assert_malformed (module quote "(func") "unexpected token")"#;
    let report = report(text);
    let tally = &report.tallies[0];
    assert_eq!((tally.passed, tally.failed.len()), (3, 0), "{tally:?}");
    let left_out: Vec<_> = tally.left_out.iter().map(|(reason, count)| (*reason, *count)).collect();
    let expected = [(Reason::Float, 2), (Reason::AfterFloat, 1), (Reason::Import, 1), (Reason::Text, 1)];
    assert_eq!(left_out, expected);
}

/// An engine that is wrong somewhere.
struct Wrong<'a> {
    engine: &'a dyn Runner,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Writes a value too many.
    Value,
    /// Shows a text too many.
    Debug,
    /// Says that it trapped.
    Outcome,
}

impl Runner for Wrong<'_> {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let outcome = self.engine.kernel_run(kernel, host)?;
        let mut memory = *b"/extra";
        let mut call = |function, args: &[i32]| {
            let args: Vec<_> = args.iter().map(|arg| HostValue::I32(*arg)).collect();
            host.call(function, &args, &mut &mut memory[..]).unwrap();
        };
        match self.fault {
            Fault::None => {}
            Fault::Value => call(HostFunction::StoreWrite, &[0, 6, 0, 1, 1]),
            Fault::Debug => call(HostFunction::WriteDebug, &[0, 6]),
            Fault::Outcome => return Ok(Outcome::Trapped { reason: "unreachable executed".into() }),
        }
        Ok(outcome)
    }
}

#[test]
fn engines_that_differ_are_told_apart() {
    let kernel = wat::parse_str(r#"(module (memory (export "m") 1) (func (export "kernel_run")))"#).unwrap();
    let engines = engines();
    let (name, right) = engines.list()[1];
    let with = |fault| {
        let wrong = Wrong { engine: right, fault };
        compare(&kernel, &inputs(), &[(name, right), ("wrong", &wrong)], None).map(|compared| compared.runs)
    };
    assert_eq!(with(Fault::None), Ok(2));
    for fault in [Fault::Value, Fault::Debug, Fault::Outcome] {
        let Err(Difference { level, run, what }) = with(fault) else { panic!("{fault:?} was not seen") };
        assert_eq!((level.get(), run), (7, 0));
        assert!(what.contains("wrong"), "{what}");
    }
}

/// What the machine makes of a kernel that it refuses is known to the tick.
#[test]
fn the_tick_step_follows_to_a_refusal() {
    let nosuch = r#"(module (import "smart_rollup_core" "nosuch" (func)) (memory (export "m") 1)
        (func (export "kernel_run")))"#;
    let engines = engines();
    for kernel in
        [b"\0asm\x01\0\0\0\x01\x05".to_vec(), b"no kernel".to_vec(), wat::parse_str(nosuch).unwrap()]
    {
        let compared = compare(&kernel, &inputs(), &engines.list(), Some(Look::within(10_000))).unwrap();
        assert_eq!(
            (compared.stuck.is_some(), compared.runs_by_tick, compared.too_long),
            (true, 1, 0),
            "{compared:?}"
        );
        // With fewer ticks than it takes.
        let compared = compare(&kernel, &inputs(), &engines.list(), Some(Look::within(2))).unwrap();
        assert_eq!(
            (compared.stuck.is_some(), compared.runs_by_tick, compared.too_long),
            (true, 0, 1),
            "{compared:?}"
        );
    }
}

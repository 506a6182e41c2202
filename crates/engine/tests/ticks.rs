//! Compiled runs take as many ticks as those of the tick-exact interpreter and of the machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_base::tick::TickSpan;
use soru_engine::{Compiler, Engine, Kind, Options};
use soru_pvm::host::HostState;
use soru_pvm::replay::RunFile;
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use std::sync::Mutex;
use support::{COMPILERS, engine, names, read, run_file, run_of};

/// Keeps how every run ends and how many ticks it takes.
struct Ticks<'a> {
    engine: &'a Engine,
    seen: Mutex<Vec<(Outcome, Option<TickSpan>)>>,
}

impl Runner for Ticks<'_> {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let outcome = self.engine.kernel_run(kernel, host)?;
        self.seen.lock().unwrap().push((outcome.clone(), host.ticks_used));
        Ok(outcome)
    }
}

fn seen(
    engine: &Engine,
    kernel: &[u8],
    run: &RunFile,
) -> (Vec<(Outcome, Option<TickSpan>)>, Vec<serde_json::Value>) {
    let ticks = Ticks { engine, seen: Mutex::default() };
    let replayed = run.replay(kernel, &ticks, &mut ()).unwrap();
    (ticks.seen.into_inner().unwrap(), replayed.lines)
}

fn exact() -> Engine {
    Engine::new(Options { kind: Kind::TickExact, ..Options::default() }).unwrap()
}

/// Compares the engines on a run; how many compiled runs were made again.
fn compare(name: &str, engines: &[(Compiler, Engine)], exact: &Engine, kernel: &[u8], run: &RunFile) {
    let expected = seen(exact, kernel, run);
    assert!(!expected.0.is_empty(), "{name}");
    for (compiler, engine) in engines {
        assert_eq!(seen(engine, kernel, run), expected, "{name}: {compiler}");
    }
}

fn engines() -> Vec<(Compiler, Engine)> {
    COMPILERS.into_iter().map(|compiler| (compiler, engine(compiler))).collect()
}

#[test]
fn the_runs_of_the_vectors() {
    let (engines, exact) = (engines(), exact());
    for name in names("levels", ".jsonl") {
        let run = run_file(&format!("levels/{name}.jsonl"));
        compare(&name, &engines, &exact, &read(&run.kernel), &run);
    }
    for (compiler, engine) in &engines {
        let status = engine.status();
        println!("{compiler}: {status:?}");
        assert!(status.decided.compiled > 10 * status.decided.tick_exact, "{status:?}");
    }
}

#[test]
fn the_example_kernels() {
    let (engines, exact) = (engines(), exact());
    let messages: [&[&[u8]]; 2] = [&[b"\x01hello", b"\x01", b"\x01more"], &[]];
    for (name, kernel) in [("echo", soru_kernels::ECHO), ("notary", soru_kernels::NOTARY)] {
        compare(name, &engines, &exact, kernel, &run_of(&messages));
    }
}

/// A kernel with this body, other functions to call, a table, a memory of one page and its first cell at work.
fn kernel(code: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
            (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
            (import "smart_rollup_core" "read_input" (func $input (param i32 i32 i32) (result i32)))
            (type $pair (func (param i32 i64) (result i64 i32)))
            (type $key (func (param i32 i32) (result i32)))
            (memory (export "m") 1) (table $t 8 16 funcref) (elem (table $t) (i32.const 1) func $swap $has $two)
            (data (i32.const 0) "/kernel/boot.wasm") (data $d "abcdefgh") (elem $e func $two $swap $has)
            (global $g (mut i32) (i32.const 7))
            (func $swap (type $pair) (local.get 1) (local.get 0))
            (func $two (param i32) (result i32) (local i64 i64 i32) (i32.mul (local.get 0) (i32.const 2)))
            (func $sum (param $n i32) (result i32) (local $s i32)
              (loop $l
                (local.set $s (i32.add (local.get $s) (local.get $n)))
                (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (local.get $s))
            (func $fib (param i32) (result i32)
              (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
              (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
            (func $table (param i32) (result i32)
              (block $a (block $b (block $c (block $d
                (br_table $a $b $c $d $c $a (local.get 0)))
                (return (i32.const 1)))
                (drop (i32.const 2)))
                (br $a))
              (i32.const 3))
            (func $valued (param i32) (result i32)
              (i32.const 10)
              (block $a (result i32)
                (i32.const 20) (i32.const 30)
                (block $b (result i32)
                  (br_table $a $b 2 (i32.const 5) (local.get 0)))
                (i32.add) (i32.add))
              (i32.add))
            (func $run {code})
            (func (export "kernel_run") (call $run)))"#
    );
    wat::parse_str(text).unwrap_or_else(|error| panic!("{code}: {error}"))
}

/// Every construct in which ticks depend on the way.
const CASES: [&str; 77] = [
    "",
    "nop",
    "return",
    "(br 0)",
    "(br_if 0 (i32.const 1))",
    "(br_if 0 (i32.const 0))",
    "(br_table 0 0 (i32.const 1))",
    "(block (br 0))",
    "(block (br 1))",
    "(block (block (br_if 1 (global.get $g))) nop)",
    "(block (block (br_if 1 (i32.const 0)) (br 0)) nop)",
    "(block (block (br_table 0 1 2 (i32.const 0))) nop) nop",
    "(block (block (br_table 0 1 2 (i32.const 1))) nop) nop",
    "(block (block (br_table 0 1 2 (i32.const 2))) nop) nop",
    "(block (block (br_table 0 1 2 (i32.const -1))) nop) nop",
    "(block (block (br_if 1 (i32.eqz (global.get $g))) (br_table 0 1 (i32.const 1))) nop) nop",
    "(if (global.get $g) (then nop))",
    "(if (i32.eqz (global.get $g)) (then nop))",
    "(if (global.get $g) (then nop) (else nop nop))",
    "(if (i32.eqz (global.get $g)) (then nop) (else nop nop))",
    "(if (global.get $g) (then (return)) (else nop))",
    "(if (i32.eqz (global.get $g)) (then (return)) (else (br 1)))",
    "(i32.const 1) (if (param i32) (global.get $g) (then (drop)) (else (drop) nop))",
    "(i32.const 1) (i32.const 2) (if (param i32) (result i32) (global.get $g) (then)) (drop) (drop)",
    "(i32.const 1) (i32.const 2) (if (param i32) (result i32) (i32.eqz (global.get $g)) (then (br_if 0 (i32.const 1)))) (drop) (drop)",
    "(block (if (global.get $g) (then (br_table 0 1 (i32.const 0)))))",
    "(block (if (i32.eqz (global.get $g)) (then (br_table 0 1 (i32.const 0)))))",
    "(local i32) (local.set 0 (i32.const 5)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    "(local i32) (local.set 0 (i32.const 5)) (block (loop (br_if 1 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br 0)))",
    "(local i32) (local.set 0 (i32.const 5)) (block (loop (br_table 1 0 0 0 0 1 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
    "(local i32) i32.const 3 i32.const 5 (loop (param i32) i32.const 1 i32.sub local.tee 0 local.get 0 br_if 0 drop) drop",
    "(local i32) i32.const 3 i32.const 5 (loop (param i32) (result i32) i32.const 1 i32.sub local.tee 0 local.get 0 (block (param i32 i32) (result i32) br_table 1 0 1 0)) drop drop",
    "(loop (loop) nop)",
    "(drop (call $sum (i32.const 100000)))",
    "(drop (call $fib (i32.const 12)))",
    "(drop (call $table (i32.const 0))) (drop (call $table (i32.const 1))) (drop (call $table (i32.const 2))) (drop (call $table (i32.const 3))) (drop (call $table (i32.const 4))) (drop (call $table (i32.const 9)))",
    "(drop (call $valued (i32.const 0))) (drop (call $valued (i32.const 1))) (drop (call $valued (i32.const 2)))",
    "(i32.const 4) (i32.const 1) (i64.const 2) (call_indirect $t (type $pair) (i32.const 1)) (drop) (drop) (drop)",
    "(i32.const 4) (i32.const 0) (i32.const 17) (call_indirect $t (type $key) (i32.const 2)) (drop) (drop)",
    "(i32.const 4) (drop (call $has (i32.const 0) (i32.const 17))) (drop)",
    "(i32.const 4) (i32.const 9) (drop (call $two (i32.const 1))) (drop) (drop)",
    "(call $debug (i32.const 0) (i32.const 17)) (drop (call $input (i32.const 100) (i32.const 200) (i32.const 300)))",
    "(memory.fill (i32.const 8) (i32.const 1) (i32.const 100)) (memory.fill (i32.const 8) (i32.const 1) (i32.const 0))",
    "(memory.copy (i32.const 8) (i32.const 1) (i32.const 100)) (memory.copy (i32.const 0) (i32.const 1) (i32.const 100))",
    "(memory.init $d (i32.const 8) (i32.const 1) (i32.const 7)) (data.drop $d) (drop (memory.grow (i32.const 2)))",
    "(table.fill $t (i32.const 1) (ref.func $two) (i32.const 3)) (drop (table.grow $t (ref.null func) (i32.const 3)))",
    "(table.copy $t $t (i32.const 4) (i32.const 1) (i32.const 3)) (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3)) (elem.drop $e)",
    // Loops that are written several times.
    "(local i32) (local.set 0 (i32.const 1)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    "(local i32) (local.set 0 (i32.const 107)) (loop nop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) nop) nop",
    "(local i32) (local.set 0 (i32.const 43)) (drop (i32.const 3) (loop (result i32) (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))) (drop)",
    "(local i32) (local.set 0 (i32.const 21)) (block (loop (br_if 1 (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))",
    "(local i32) (local.set 0 (i32.const 22)) (block (block (loop (br_if 1 (i32.eqz (local.get 0))) (br_if 2 (i32.eq (local.get 0) (i32.const 2))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0))) nop)",
    "(local i32) (local.set 0 (i32.const 1000)) (loop (br_if 1 (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (i32.and (local.get 0) (i32.const 3))) nop nop (br 0))",
    "(local i32) (local.set 0 (i32.const 29)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (return))",
    "(local i32) (local.set 0 (i32.const 29)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (br 1) (drop (i32.const 1)))",
    "(local i32 i32) (local.set 1 (i32.const 12)) (loop (local.set 0 (i32.add (local.get 1) (i32.const 3))) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))",
    "(local i32 i32) (local.set 1 (i32.const 12)) (loop (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (local.set 0 (i32.const 19)) (loop (br_if 1 (i32.gt_u (local.get 1) (i32.sub (local.get 0) (i32.const 6)))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
    "(local i32) (local.set 0 (i32.const 30)) (drop (block (result i32) (loop (drop (br_if 1 (i32.const 4) (i32.eq (local.get 0) (i32.const 7)))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)) unreachable))",
    "(local i32) (local.set 0 (i32.const 30)) (loop (memory.copy (i32.const 8) (i32.const 1) (local.get 0)) (memory.fill (i32.const 8) (i32.const 1) (i32.const 250)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    "(local i32) (local.set 0 (i32.const 3000)) (loop (i32.const 1) (i32.const 2) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (drop) (drop))",
    "(local i32) (local.set 0 (i32.const 17)) (block (loop (br_table 1 0 (i32.eqz (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))))",
    "(local i32) (local.set 0 (i32.const 17)) (block (block (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (br_if 1 (global.get $g)))) (block (br_table 0 1 (i32.const 1))))",
    "(loop (if (i32.const 0) (then (br 1)))) (loop (br_if 0 (i32.const 0)) (return))",
    // Loops with blocks, which are written several times, too.
    "(local i32) (local.set 0 (i32.const 1)) (loop (if (i32.and (local.get 0) (i32.const 1)) (then nop nop) (else nop)) (block (br_if 0 (i32.and (local.get 0) (i32.const 2))) nop) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) nop",
    "(local i32) (local.set 0 (i32.const 2)) (loop (if (i32.and (local.get 0) (i32.const 1)) (then nop nop) (else nop)) (block (br_if 0 (i32.and (local.get 0) (i32.const 2))) nop) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) nop",
    "(local i32) (local.set 0 (i32.const 37)) (loop (if (i32.and (local.get 0) (i32.const 1)) (then nop nop) (else nop)) (block (br_if 0 (i32.and (local.get 0) (i32.const 2))) nop) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) nop",
    "(local i32) (local.set 0 (i32.const 40)) (block (loop (if (i32.eq (local.get 0) (i32.const 9)) (then nop (br 2))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))) nop",
    "(local i32) (local.set 0 (i32.const 40)) (loop (if (i32.eq (local.get 0) (i32.const 9)) (then (return))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) nop",
    "(local i32) (local.set 0 (i32.const 40)) (loop (if (i32.eq (local.get 0) (i32.const 8)) (then (br 2))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) nop",
    "(local i32) (local.set 0 (i32.const 41)) (block (loop (br_if 1 (i32.eqz (local.get 0))) (if (i32.and (local.get 0) (i32.const 1)) (then (local.set 0 (i32.sub (local.get 0) (i32.const 1))) nop (br 1)) (else (br_if 1 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))) nop))",
    "(local i32) (local.set 0 (i32.const 41)) (block (loop (block (block (br_if 2 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br_if 3 (i32.eq (local.get 0) (i32.const 5))) (br_if 1 (i32.and (local.get 0) (i32.const 1))) nop) (br_if 1 (i32.and (local.get 0) (i32.const 2)))) nop (br 0)))",
    "(local i32) (local.set 0 (i32.const 41)) (drop (i32.const 3) (loop (result i32) (drop (if (result i32) (i32.and (local.get 0) (i32.const 4)) (then (i32.const 1)) (else (i32.const 2) nop))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (block (result i32) (i32.const 7) (br_if 0 (global.get $g)) nop))) (drop)",
    "(local i32) (local.set 0 (i32.const 33)) (loop (block (block (br_if 0 (i32.and (local.get 0) (i32.const 3))) (br 1)) nop nop) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (if (global.get $g) (then nop)))",
    "(local i32) (local.set 0 (i32.const 33)) (loop (if (i32.const 1) (then (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (if (i32.eqz (local.get 0)) (then (br 3)) (else (br 2)))) (else unreachable)))",
    "(local i32 i32) (local.set 0 (i32.const 19)) (loop (local.set 1 (i32.const 5)) (loop (if (i32.and (local.get 0) (local.get 1)) (then nop)) (br_if 1 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 0))))) (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    "(local i32) (local.set 0 (i32.const 50)) (loop (if (i32.and (local.get 0) (i32.const 1)) (then (memory.fill (i32.const 8) (i32.const 1) (local.get 0))) (else (memory.copy (i32.const 8) (i32.const 1) (i32.const 9)))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    "(local i32) (local.set 0 (i32.const 50)) (loop (if (i32.and (local.get 0) (i32.const 1)) (then nop (br_table 0 0 0 (i32.const 1)))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (br_if 0 (i32.const 0)))",
];

#[test]
fn every_construct() {
    let (engines, exact) = (engines(), exact());
    for code in CASES {
        let run = run_of(&[&[]]);
        compare(code, &engines, &exact, &kernel(code), &run);
    }
    for (compiler, engine) in &engines {
        let status = engine.status();
        assert_eq!(status.decided.tick_exact, 0, "{compiler}: {status:?}");
        assert_eq!(status.decided.compiled, status.runs, "{compiler}: {status:?}");
    }
}

/// Of very many small loops with very many locals, not all are written several times.
#[test]
fn more_loops_than_are_written_several_times() {
    let (engines, exact) = (engines(), exact());
    let code =
        "(local.set 0 (i32.const 9)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))";
    let code = format!("(local i32 {}) {}", "i64 ".repeat(4_000), code.repeat(120));
    compare("many loops", &engines, &exact, &kernel(&code), &run_of(&[&[]]));
    for (compiler, engine) in &engines {
        let status = engine.status();
        assert_eq!(status.decided.compiled, status.runs, "{compiler}: {status:?}");
    }
}

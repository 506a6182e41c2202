//! Whatever a compiler takes: the state of the machine at every tick of small kernels.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_exact::{Code, Pause, Run, prepare};
use soru_merkle::Tree;
use soru_pvm::host::HostState;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::run::Kernel;
use soru_pvm::state::InputPlace;
use soru_pvm::{Limits, Machine, Version};
use std::sync::Arc;

/// A machine that is about to run a kernel on a message, and its tree.
fn machine(kernel: &[u8]) -> (Tree, Machine) {
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, kernel, Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for (counter, message) in (0..).zip([b"\x00\x01".as_slice(), b"\x01hello", b"\x00\x02"]) {
        machine.set_input(InputPlace { level: Level::new(3).unwrap(), counter }, message).unwrap();
    }
    machine.step(11_000_000_000 - machine.current_tick.0, &mut ()).unwrap();
    assert_eq!(machine.state_name(), "Snapshot");
    (tree, machine)
}

fn hash(tree: &Tree, machine: &Machine) -> String {
    let mut tree = tree.clone();
    machine.clone().apply(&mut tree).unwrap();
    tree.hash().unwrap().to_string()
}

/// How a run ends for the interpreter, and the ticks that were compared.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Finished,
    /// It leaves the rest to the machine.
    Machine,
}

struct Kernels {
    tree: Tree,
    start: Machine,
    code: Arc<Code>,
}

impl Kernels {
    fn new(wat: &str) -> Self {
        let kernel = wat::parse_str(wat).unwrap();
        let (tree, start) = machine(&kernel);
        let code = prepare(&start, &Kernel::of_bytes(&kernel).unwrap(), Version::V0);
        Self { tree, start, code: Arc::new(code.unwrap_or_else(|error| panic!("{error}: {wat}"))) }
    }

    /// The state after so many ticks of the call, by the interpreter as far as it goes.
    fn at(&self, run: &mut Run, tick: u64, host: &mut HostState<'_>) -> (Pause, Machine) {
        let pause = run.go(tick, host);
        let mut found = self.start.clone();
        if !matches!(pause, Pause::Finished) {
            let frozen = run.freeze().unwrap();
            found.enter_run(self.code.ready(), frozen.as_ref(), host, TickSpan(run.used())).unwrap();
            let left = tick - run.used();
            assert_eq!(found.step(left, &mut ()).unwrap(), left, "{frozen:?}");
        }
        (pause, found)
    }
}

/// Compares the states at all ticks: of one run that stops at each of them, and of runs that go to it at once.
fn compare(wat: &str) -> (End, u64) {
    let kernels = Kernels::new(wat);
    let (start, code) = (&kernels.start, &kernels.code);
    let mut reference = start.clone();
    reference.step(code.ready().ticks().0, &mut ()).unwrap();
    let (mut reveals, mut debug) = ((), ());
    let mut host = start.lend(&mut reveals, &mut debug).unwrap();
    host.begin_run().unwrap();
    let mut slow = Run::new(code.clone());
    for tick in 0.. {
        let (mut reveals, mut debug) = ((), ());
        let mut other = start.lend(&mut reveals, &mut debug).unwrap();
        other.begin_run().unwrap();
        let mut fast = Run::new(code.clone());
        let expected = hash(&kernels.tree, &reference);
        let same = |run: &mut Run, host: &mut HostState<'_>| {
            let (pause, found) = kernels.at(run, tick, host);
            if matches!(pause, Pause::Finished) {
                assert_eq!((reference.state_name().as_str(), run.used()), ("Padding", tick), "{wat}");
                return Some(End::Finished);
            }
            let name = (reference.state_name(), found.state_name());
            assert_eq!(name.0, name.1, "tick {tick}, {} of the interpreter's: {wat}", run.used());
            let (used, found) = (run.used(), hash(&kernels.tree, &found));
            assert_eq!(
                expected,
                found,
                "tick {tick}, {used} of the interpreter's, {:?}: {wat}",
                run.freeze()
            );
            matches!(pause, Pause::Machine | Pause::Host(_)).then_some(End::Machine)
        };
        same(&mut slow, &mut host);
        let end = same(&mut fast, &mut other);
        if let Some(end) = end {
            return (end, tick);
        }
        assert_eq!(reference.step(1, &mut ()).unwrap(), 1, "tick {tick}: {wat}");
    }
    unreachable!("runs end")
}

/// A kernel with these parts, and this code of `kernel_run`.
fn kernel(parts: &str, code: &str) -> String {
    format!(
        r#"(module
            (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
            (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
            (memory (export "mem") 1)
            (data (i32.const 16) "/kernel/boot.wasm")
            {parts}
            (func (export "kernel_run") {code}))"#
    )
}

fn finishes(parts: &str, code: &str) {
    let (end, ticks) = compare(&kernel(parts, code));
    assert_eq!(end, End::Finished, "after {ticks} ticks: {code}");
}

#[test]
fn vectors() {
    finishes(
        "(global $g (mut v128) (v128.const i64x2 5 6))
         (func $f (param v128 i32 v128) (result i32 v128) (local v128 i64)
            (local.set 3 (i8x16.add (local.get 0) (local.get 2)))
            (i32.const 3) (i64x2.mul (local.get 3) (local.get 3)))",
        "(local v128)
         (local.set 0 (v128.load offset=4 (i32.const 14)))
         (v128.store (i32.const 507) (i16x8.shl (local.get 0) (i32.const 3)))
         (v128.store64_lane 1 (i32.const 1000) (local.get 0))
         (i32.const 9)
         (call $f (local.get 0) (i32.const 1) (i8x16.splat (i32.const 7)))
         (local.set 0)
         (drop) (drop)
         (global.set $g (v128.bitselect (global.get $g) (local.get 0) (v128.const i32x4 1 2 3 4)))
         (block (result v128) (local.get 0) (global.get $g) (br_if 0 (i32.const 1)) (v128.xor))
         (i64x2.extract_lane 1) (drop)
         (select (local.get 0) (global.get $g) (v128.any_true (local.get 0)))
         (local.tee 0) (i64x2.replace_lane 0 (i64.const -1)) (drop)
         (drop (v128.load8_lane 3 (i32.const 17) (local.get 0)))
         (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 31 30 29 28 27 26 25 24 (local.get 0) (global.get $g)))",
    );
}

/// A vector comes where numbers were, and what was cut off is still there.
#[test]
fn vectors_over_stale_operands() {
    finishes(
        "(func $f (param i32 i64 i32))",
        "(call $debug (i32.const 3) (i32.const 4))
         (v128.const i64x2 7 8)
         (call $debug (i32.const 5) (i32.const 6))
         (i32.const 1) (drop)
         (loop (param v128) (result v128) (i64x2.splat (i64.const 3)) (i32.const 9) (drop) (i64x2.add))
         (call $f (i32.const 1) (i64.const 2) (i32.const 3))
         (drop)",
    );
}

#[test]
fn loops_and_tables_of_jumps_with_vectors() {
    finishes(
        "",
        "(local i32)
         (v128.const i32x4 1 1 1 1)
         (loop $again (param v128) (result v128)
            (i32x4.add (v128.const i32x4 1 2 3 4))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get 0) (i32.const 3))))
         (block $a (param v128) (result v128) (block $b (param v128) (result v128)
            (br_table $a $b (local.get 0))))
         (drop)",
    );
}

#[test]
fn an_operation_that_leaves_the_memory_is_the_machines() {
    let code = "(drop (v128.load (i32.const 65521)))";
    assert_eq!(compare(&kernel("", code)).0, End::Machine);
}

#[test]
fn tables() {
    finishes(
        "(table $t 3 9 funcref) (table $u 2 externref) (table $v 4 funcref)
         (elem $e func $f $g $f) (elem (table $t) (i32.const 1) func $g)
         (func $f) (func $g (result i32) (i32.const 4))",
        "(table.set $t (i32.const 0) (ref.func $f))
         (drop (table.grow $t (ref.func $g) (i32.const 2)))
         (drop (table.grow $t (ref.null func) (i32.const 90)))
         (drop (table.grow $u (ref.null extern) (i32.const 3)))
         (table.fill $t (i32.const 2) (ref.func $f) (i32.const 3))
         (table.init $v $e (i32.const 1) (i32.const 0) (i32.const 3))
         (elem.drop $e)
         (table.copy $v $t (i32.const 0) (i32.const 1) (i32.const 2))
         (table.copy $v $v (i32.const 1) (i32.const 0) (i32.const 3))
         (drop (call_indirect $t (result i32) (i32.const 1)))
         (drop (ref.is_null (table.get $v (i32.const 3))))
         (drop (table.size $u))
         (table.init $v $e (i32.const 1) (i32.const 0) (i32.const 0))
         (table.set $v (i32.const 0) (ref.null func))",
    );
}

#[test]
fn accesses_outside_of_tables_are_the_machines() {
    for code in [
        "(table.set 0 (i32.const 3) (ref.null func))",
        "(drop (table.get 0 (i32.const -1)))",
        "(table.fill 0 (i32.const 2) (ref.null func) (i32.const 2))",
        "(elem.drop 0) (table.init 0 (i32.const 0) (i32.const 0) (i32.const 1))",
        "(table.copy (i32.const 0) (i32.const 1) (i32.const 3))",
        "(call_indirect (i32.const 1))",
    ] {
        let parts = "(table 3 funcref) (elem func $f) (func $f)";
        assert_eq!(compare(&kernel(parts, code)).0, End::Machine, "{code}");
    }
}

#[test]
fn references() {
    finishes(
        "(global $g (mut funcref) (ref.null func)) (global $h (mut externref) (ref.null extern))
         (elem declare func $f)
         (func $f (param funcref externref) (result externref funcref) (local funcref externref)
            (local.get 3) (local.get 0))",
        "(local funcref)
         (call $f (ref.func $f) (global.get $h))
         (local.tee 0) (global.set $g) (global.set $h)
         (drop (select (result funcref) (local.get 0) (global.get $g) (i32.const 0)))
         (drop (ref.is_null (local.get 0)))",
    );
}

/// Which function is called is known to the run alone, and makes a difference for what is left on the stack.
#[test]
fn indirect_calls_of_host_functions() {
    finishes(
        "(table 3 funcref) (elem (i32.const 0) func $has $own $debug)
         (type $t (func (param i32 i32) (result i32)))
         (func $own (type $t) (i32.const 7) (block (br 0)) (i32.const 2) (i32.add))",
        "(local i32)
         (loop $again
            (i32.const 55)
            (call_indirect (type $t) (i32.const 16) (i32.const 17) (local.get 0))
            (i32.const 4) (i32.const 5)
            (block (param i32) (result i32) (i32.const 6) (i32.add))
            (call_indirect (type $t) (i32.const 1))
            (drop) (drop) (drop)
            (call_indirect (param i32 i32) (i32.const 20) (i32.const 3) (i32.const 2))
            (i32.const 1) (drop)
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get 0) (i32.const 2))))",
    );
}

/// The same call waits many times, in loops that were begun again and in others, and with other functions called before.
#[test]
fn calls_that_wait_many_times() {
    finishes(
        "(table 2 funcref) (elem (i32.const 0) func $has $own)
         (type $t (func (param i32 i32) (result i32)))
         (func $own (type $t) (i32.const 7))
         (func $deep (param $n i32) (result i32) (local $again i32)
            (i64.const 3) (i64.const 4)
            (loop $l (param i64) (result i64)
                (i32.const 9) (i32.const 8) (drop) (drop)
                (drop (call_indirect (type $t) (i32.const 16) (i32.const 17) (i32.and (local.get $n) (i32.const 1))))
                (local.set $again (i32.xor (local.get $again) (i32.const 1)))
                (br_if $l (i32.and (local.get $again) (i32.shr_u (local.get $n) (i32.const 1))))
                (if (local.get $n) (then (drop (call $deep (i32.sub (local.get $n) (i32.const 1)))))))
            (drop) (drop) (local.get $n))",
        "(drop (call $deep (i32.const 4)))",
    );
}

/// Targets that are one, with values and without.
#[test]
fn tables_of_jumps_to_the_same_place() {
    for choice in 0..6 {
        let code = format!(
            "(local $n i32)
             (i64.const 1) (i32.const 5)
             (block $out (param i32) (result i32)
                (loop $again (param i32) (result i32)
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (if (i32.gt_u (local.get $n) (i32.const 2)) (then (br $out (i32.const 3))))
                    (i32.const 8)
                    (br_table $again $out $again $out $again (i32.const {choice}))))
             (drop) (drop)
             (block $a (block $b (br_table $a $b $a $b $b (i32.const {choice}))) (drop (i32.const 1)))"
        );
        finishes("", &code);
    }
}

#[test]
fn returns_with_more_than_the_results() {
    finishes(
        "",
        "(i32.const 1) (i64.const 2) (if (i32.const 1) (then (i32.const 5) (return))) (drop) (drop)",
    );
    let parts = "(func $f (result i32) (i64.const 3) (i32.const 4) (return))";
    let (end, ticks) = compare(&kernel(parts, "(drop (call $f))"));
    assert!(end == End::Machine && ticks > 20, "{end:?} after {ticks}");
}

#[test]
fn a_function_that_is_no_valid_code_matters_where_it_is_called() {
    let parts = "(func $bad (drop)) (func $more (call $bad))";
    finishes(parts, "(drop (i32.const 1))");
    let (end, ticks) = compare(&kernel(parts, "(drop (i32.const 1)) (call $more)"));
    assert!(end == End::Machine && ticks > 30, "{end:?} after {ticks}");
}

/// What the start function has done is there at the beginning.
#[test]
fn a_start_function_changes_the_instance() {
    let parts = "(table 3 funcref) (elem $e func $f) (data $d \"abcdef\") (data $c \"xyz\") (func $f)
         (global $g (mut v128) (v128.const i64x2 1 2))
         (start $s)
         (func $s
            (table.set (i32.const 2) (ref.func $f))
            (drop (table.grow (ref.func $f) (i32.const 1)))
            (global.set $g (v128.const i64x2 3 4))
            (elem.drop $e) (data.drop $d))";
    finishes(
        parts,
        "(memory.init $c (i32.const 0) (i32.const 1) (i32.const 2))
         (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))
         (table.set (i32.const 0) (table.get (i32.const 3)))
         (drop (global.get $g))
         (data.drop $c)",
    );
    for code in [
        "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))",
        "(table.init $e (i32.const 0) (i32.const 0) (i32.const 1))",
    ] {
        assert_eq!(compare(&kernel(parts, code)).0, End::Machine, "{code}");
    }
}

#[test]
fn bytes_one_by_one() {
    finishes(
        "(data $d \"abcdef\")",
        "(i64.const 77)
         (memory.init $d (i32.const 510) (i32.const 1) (i32.const 4))
         (memory.fill (i32.const 511) (i32.const 0x1ff) (i32.const 3))
         (memory.copy (i32.const 20) (i32.const 16) (i32.const 0))
         (memory.copy (i32.const 14) (i32.const 16) (i32.const 5))
         (memory.copy (i32.const 18) (i32.const 16) (i32.const 5))
         (drop)",
    );
}

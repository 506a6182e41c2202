//! The bound on the ticks of a run, just below and just above what a run takes; and states at every tick around what takes many.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_base::tick::TickSpan;
use soru_conformance::lockstep::{Compared, Inputs, Look, compare};
use soru_pvm::Limits;
use soru_pvm::level::RunEnd;
use support::{engines, inputs};

/// What a kernel does, with what it needs for it.
const DEEDS: [(&str, &str, &str); 22] = [
    ("nothing", "", ""),
    (
        "a loop",
        "(local $n i32)",
        "(loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 9))))",
    ),
    (
        "a block with parameters",
        "(local $n i32)",
        "(i32.const 1) (i32.const 2) (block (param i32 i32) (local.set $n) (drop))",
    ),
    ("a trap", "", "(i32.store (i32.const 7) (i32.const 1)) (unreachable)"),
    ("a division", "", "(drop (i32.div_s (i32.const 7) (i32.const 0)))"),
    ("an overflow", "", "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))"),
    ("outside of memory", "", "(drop (i32.load (i32.const -1)))"),
    ("a wrong type", "", "(call_indirect (param i64) (i64.const 1) (i32.const 0))"),
    ("no element", "", "(call_indirect (param i64) (i64.const 1) (i32.const 1))"),
    ("no such element", "", "(call_indirect (param i64) (i64.const 1) (i32.const 100))"),
    ("a call without an end", "", "(call $run)"),
    ("filling", "", "(memory.fill (i32.const 600) (i32.const 5) (i32.const 9))"),
    ("copying down", "", "(memory.copy (i32.const 60) (i32.const 64) (i32.const 9))"),
    ("copying up", "", "(memory.copy (i32.const 66) (i32.const 64) (i32.const 9))"),
    ("beginning", "", "(memory.init $d (i32.const 600) (i32.const 1) (i32.const 9)) (data.drop $d)"),
    ("filling outside", "", "(memory.fill (i32.const 65530) (i32.const 5) (i32.const 9))"),
    (
        "a table",
        "",
        "(table.fill $t (i32.const 1) (ref.func $run) (i32.const 2)) (table.copy (i32.const 0) (i32.const 1) (i32.const 2))",
    ),
    (
        "writing",
        "",
        "(drop (call $write (i32.const 64) (i32.const 2) (i32.const 0) (i32.const 64) (i32.const 5)))",
    ),
    ("reading an input", "", "(drop (call $input (i32.const 100) (i32.const 120) (i32.const 40)))"),
    ("debugging", "", "(call $debug (i32.const 64) (i32.const 16))"),
    ("a reveal", "", "(drop (call $reveal (i32.const 64) (i32.const 33) (i32.const 200) (i32.const 20)))"),
    (
        "an error",
        "",
        "(drop (call $write (i32.const 65) (i32.const 2) (i32.const 0) (i32.const 64) (i32.const 5)))",
    ),
];

fn kernel((_, locals, code): (&str, &str, &str)) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
            (import "smart_rollup_core" "read_input" (func $input (param i32 i32 i32) (result i32)))
            (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
            (import "smart_rollup_core" "reveal_preimage" (func $reveal (param i32 i32 i32 i32) (result i32)))
            (memory (export "m") 1) (data (i32.const 64) "/r and more of it, to be copied somewhere")
            (data $d "some bytes that are not there")
            (table $t 4 funcref) (elem (i32.const 0) func $run)
            (func $run (export "kernel_run") {locals} {code}))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn with_bound(ticks: u64) -> Inputs {
    let limits = Limits { ticks_per_snapshot: TickSpan(ticks), ..Limits::FIRST };
    let inputs = inputs();
    Inputs { limits, levels: inputs.levels[..1].to_vec(), ..inputs }
}

fn first_ticks(compared: &Compared) -> Option<u64> {
    compared.ticks.first().copied().flatten().map(|ticks| ticks.0)
}

/// The last tick of the bound is one of padding, and a run that does not get there is stuck.
#[test]
fn a_run_gets_stuck_at_its_bound_and_not_before() {
    let engines = engines();
    for deed in DEEDS {
        let kernel = kernel(deed);
        let compare = |inputs: &Inputs| {
            let look = Look { places: 3, ..Look::within(1_000_000) };
            compare(&kernel, inputs, &engines.list(), Some(look))
                .unwrap_or_else(|error| panic!("{}: {error}", deed.0))
        };
        let whole = compare(&with_bound(1_000_000));
        let ticks = first_ticks(&whole).unwrap();
        for bound in [ticks - 1, ticks, ticks + 1, ticks + 2] {
            let compared = compare(&with_bound(bound));
            let too_many = compared
                .stuck
                .as_ref()
                .is_some_and(|reason| reason.contains("oo many ticks") || reason.contains("oo_many_ticks"));
            assert_eq!(too_many, bound <= ticks, "{}: {ticks} ticks, {bound} allowed: {compared:?}", deed.0);
            assert_eq!((compared.too_long, compared.uncounted), (0, 0), "{}: {compared:?}", deed.0);
        }
        // Somewhere before the kernel is ready, too.
        for bound in [1, 2, ticks / 3, ticks * 2 / 3] {
            assert!(compare(&with_bound(bound)).stuck.is_some(), "{}: {bound}", deed.0);
        }
    }
}

#[test]
fn every_tick_of_what_takes_many_can_be_reached() {
    let engines = engines();
    let mut looks = 0;
    for deed in DEEDS {
        let inputs = with_bound(1_000_000);
        let look = Look { places: 20, ends: 120, ..Look::within(1_000_000) };
        let compared = compare(&kernel(deed), &inputs, &engines.list(), Some(look));
        looks += compared.unwrap_or_else(|error| panic!("{}: {error}", deed.0)).looks;
    }
    assert!(looks > 200 * DEEDS.len(), "{looks}");
}

/// A kernel that never ends takes what it may take.
#[test]
fn a_loop_without_an_end_ends_at_the_bound() {
    let engines = engines();
    for code in [
        "(loop $l (br $l))",
        "(loop $l (i32.store (i32.const 8) (i32.const 1)) (br $l))",
        "(loop $l (call $debug (i32.const 0) (i32.const 0)) (br $l))",
    ] {
        for bound in 300_000..300_004 {
            let kernel = kernel(("", "", code));
            let compared =
                compare(&kernel, &with_bound(bound), &engines.list(), Some(Look::within(1_000_000))).unwrap();
            assert_eq!(first_ticks(&compared), Some(bound), "{code}: {compared:?}");
            assert!(compared.stuck.is_some() && compared.too_long == 0, "{code}: {compared:?}");
            assert!(compared.ends.iter().all(|end| *end != RunEnd::Finished));
        }
    }
}

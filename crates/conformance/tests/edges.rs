//! Borders at which compiled code and the machine could part: each is the same on all engines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_conformance::compiled::Compiled;
use soru_conformance::lockstep::{Compared, Inputs, Look, compare};
use soru_conformance::target::{Target, Value};
use soru_conformance::tick_step::TickStep;
use soru_engine::Compiler;
use soru_engine::embed::on_stack;
use soru_pvm::Version;
use soru_pvm::host::{HostFunction, ValueType};
use soru_pvm::level::RunEnd;
use std::collections::BTreeSet;
use support::{engines, inputs};

/// A kernel with these declarations, whose `kernel_run` has this body. `$say` appends a number to a value of the storage.
fn kernel(memory: &str, declarations: &str, code: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "m") {memory}) (data (i32.const 16) "/r")
            (global $at (mut i32) (i32.const 0))
            (func $say (param i64)
              (i64.store (i32.const 8) (local.get 0))
              (drop (call $write (i32.const 16) (i32.const 2) (global.get $at) (i32.const 8) (i32.const 8)))
              (global.set $at (i32.add (global.get $at) (i32.const 8))))
            (func $int (param i32) (call $say (i64.extend_i32_u (local.get 0))))
            (func $vector (param v128)
              (call $say (i64x2.extract_lane 0 (local.get 0))) (call $say (i64x2.extract_lane 1 (local.get 0))))
            {declarations}
            (func $run (export "kernel_run") {code}))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Trapped,
    Refused,
    Stuck,
}
use End::{Finished, Refused, Stuck, Trapped};

/// How the first run ended. The engines and the tick step come to the same, or `compare` says so.
fn end(compared: &Compared) -> End {
    match (compared.ends.first(), &compared.stuck) {
        (Some(RunEnd::Finished), _) => Finished,
        (Some(RunEnd::Trapped { .. }), _) => Trapped,
        // A kernel that is refused when there is none before it.
        (None, Some(reason)) if reason.contains("initialisation") || reason.contains("out of bounds") => {
            Refused
        }
        _ => Stuck,
    }
}

fn check(cases: &[(End, &str, &str, &str)]) {
    let engines = engines();
    let mut failures = Vec::new();
    for (expected, memory, declarations, code) in cases {
        match compare(
            &kernel(memory, declarations, code),
            &inputs(),
            &engines.list(),
            Some(Look::within(3_000_000)),
        ) {
            Ok(compared) if end(&compared) == *expected && compared.too_long == 0 => {}
            Ok(compared) => failures.push(format!("{declarations} {code}: {expected:?}: {compared:?}")),
            Err(difference) => failures.push(format!("{declarations} {code}: {difference}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn memory_grows_alike() {
    let grow = |by: &str| format!("(call $int (memory.grow (i32.const {by}))) (call $int (memory.size))");
    check(&[
        (Finished, "1", "", &["65535", "1", "0", "-1"].map(grow).concat()),
        (Finished, "1", "", &["65536", "-1", "0x7fffffff", "0x80000000", "65535"].map(grow).concat()),
        (Finished, "1 3", "", &["0", "3", "2", "1", "-1", "0"].map(grow).concat()),
        (Finished, "2 2", "", &["1", "0"].map(grow).concat()),
        (Finished, "0x10000", "", &["1", "0"].map(grow).concat()),
        (Finished, "0x10000 0x10000", "", &["1", "-1"].map(grow).concat()),
        // What is new is zero, the last byte of all can be reached, and nothing beyond.
        (
            Finished,
            "1",
            "",
            "(drop (memory.grow (i32.const 65535))) (call $say (i64.load (i32.const -8)))
             (i32.store8 (i32.const -1) (i32.const 7)) (call $int (i32.load8_u offset=0xffffffff (i32.const 0)))",
        ),
        (Trapped, "0x10000", "", "(call $int (i32.load (i32.const -3)))"),
        (Trapped, "0x10000", "", "(call $int (i32.load8_u offset=1 (i32.const -1)))"),
        (Trapped, "0x10000", "", "(v128.store (i32.const -15) (v128.const i64x2 1 2))"),
        (Trapped, "1", "", "(drop (memory.grow (i32.const 1))) (call $int (i32.load8_u (i32.const 0x20000)))"),
    ]);
}

#[test]
fn accesses_at_the_end_of_the_memory_are_alike() {
    // Instructions, and how many bytes they read or write.
    const LOADS: [(&str, u32); 21] = [
        ("call $int (i32.load8_s (A))", 1),
        ("call $int (i32.load16_u (A))", 2),
        ("call $say (i64.load32_s (A))", 4),
        ("call $say (i64.load (A))", 8),
        ("call $vector (v128.load (A))", 16),
        ("call $vector (v128.load8x8_s (A))", 8),
        ("call $vector (v128.load16x4_u (A))", 8),
        ("call $vector (v128.load32x2_s (A))", 8),
        ("call $vector (v128.load8_splat (A))", 1),
        ("call $vector (v128.load16_splat (A))", 2),
        ("call $vector (v128.load32_splat (A))", 4),
        ("call $vector (v128.load64_splat (A))", 8),
        ("call $vector (v128.load32_zero (A))", 4),
        ("call $vector (v128.load64_zero (A))", 8),
        ("call $vector (v128.load8_lane 15 (A) (v128.const i64x2 1 2))", 1),
        ("call $vector (v128.load64_lane 1 (A) (v128.const i64x2 1 2))", 8),
        ("i64.store32 (A) (i64.const -1)", 4),
        ("i64.store16 (A) (i64.const -1)", 2),
        ("v128.store (A) (v128.const i64x2 -1 2)", 16),
        ("v128.store16_lane 7 (A) (v128.const i64x2 1 -2)", 2),
        ("v128.store64_lane 0 (A) (v128.const i64x2 1 -2)", 8),
    ];
    let mut codes = Vec::new();
    for (code, width) in LOADS {
        for (end, past) in [(Finished, 0), (Trapped, 1)] {
            let place = format!("(i32.const {})", 65536 - width + past);
            let said =
                "(call $vector (v128.load (i32.const 65520))) (call $vector (v128.load (i32.const 65519)))";
            // In the bytes of what was written so far there is something to see.
            let before =
                "(i64.store (i32.const 65528) (i64.const 0x81828384f5f6f7f8)) (call $int (i32.const 1))";
            codes.push((end, format!("{before} ({}) {said}", code.replace("(A)", &place))));
        }
    }
    let cases: Vec<_> = codes.iter().map(|(end, code)| (*end, "1", "", &**code)).collect();
    check(&cases);
}

#[test]
fn bulk_instructions_are_alike() {
    let data = r#"(data $d "abcdef") (data $active (i32.const 32) "xyz")"#;
    let show = "(call $vector (v128.load (i32.const 32)))";
    let case = |end, code: &str| (end, format!("{code} {show}"));
    let cases = [
        case(Finished, "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 0))"),
        case(Trapped, "(memory.fill (i32.const 65537) (i32.const 1) (i32.const 0))"),
        case(Trapped, "(memory.fill (i32.const -1) (i32.const 1) (i32.const -1))"),
        case(Finished, "(memory.fill (i32.const 33) (i32.const 0x1ff) (i32.const 5))"),
        case(Finished, "(memory.copy (i32.const 65536) (i32.const 65536) (i32.const 0))"),
        case(Trapped, "(memory.copy (i32.const 0) (i32.const 65537) (i32.const 0))"),
        case(Finished, "(memory.copy (i32.const 33) (i32.const 32) (i32.const 7))"),
        case(Finished, "(memory.copy (i32.const 32) (i32.const 33) (i32.const 7))"),
        case(Finished, "(memory.init $d (i32.const 65536) (i32.const 6) (i32.const 0))"),
        case(Trapped, "(memory.init $d (i32.const 0) (i32.const 7) (i32.const 0))"),
        case(Finished, "(memory.init $d (i32.const 33) (i32.const 2) (i32.const 4))"),
        case(
            Finished,
            "(data.drop $d) (data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
        case(Trapped, "(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))"),
        case(Trapped, "(memory.init $active (i32.const 0) (i32.const 0) (i32.const 1))"),
        case(Finished, "(memory.init $active (i32.const 0) (i32.const 0) (i32.const 0))"),
    ];
    let cases: Vec<_> = cases.iter().map(|(end, code)| (*end, "1", data, &**code)).collect();
    check(&cases);
}

#[test]
fn tables_are_alike() {
    let declarations = "(type $t (func (result i32)))
        (func $one (type $t) (i32.const 1)) (func $two (type $t) (i32.const 2)) (func $other (param i32))
        (table $a 4 6 funcref) (table $b 3 funcref) (table $x 1 2 externref)
        (elem (table $a) (i32.const 0) func $one $two $other) (elem $e func $two $one) (elem $gone declare func $one)
        (elem $active (table $b) (i32.const 0) func $two)
        (func $call (param i32) (call $int (call_indirect $a (type $t) (local.get 0))))
        (func $null (param i32) (call $int (ref.is_null (table.get $a (local.get 0)))))";
    check(&[
        (Finished, "1", declarations, "(call $call (i32.const 0)) (call $call (i32.const 1))"),
        (Trapped, "1", declarations, "(call $call (i32.const 2))"),
        (Stuck, "1", declarations, "(call $call (i32.const 3))"),
        (Stuck, "1", declarations, "(call $call (i32.const 4))"),
        (Stuck, "1", declarations, "(call $call (i32.const -1))"),
        // Bounds and null come before the type.
        (Stuck, "1", declarations, "(call_indirect $a (param i64) (i64.const 1) (i32.const 3))"),
        (
            Finished,
            "1",
            declarations,
            "(call $int (table.grow $a (ref.func $two) (i32.const 0))) (call $int (table.grow $a (ref.func $two) (i32.const 3)))
             (call $int (table.grow $a (ref.func $two) (i32.const 2))) (call $int (table.grow $a (ref.null func) (i32.const -1)))
             (call $int (table.size $a)) (call $call (i32.const 5))
             (call $int (table.grow $x (ref.null extern) (i32.const 2))) (call $int (table.grow $x (ref.null extern) (i32.const 1)))
             (call $int (table.grow $b (ref.null func) (i32.const 1000))) (call $int (table.size $b))",
        ),
        (Finished, "1", declarations, "(table.fill $a (i32.const 4) (ref.null func) (i32.const 0))"),
        (Trapped, "1", declarations, "(table.fill $a (i32.const 5) (ref.null func) (i32.const 0))"),
        (Finished, "1", declarations, "(table.copy $a $b (i32.const 4) (i32.const 3) (i32.const 0))"),
        (Trapped, "1", declarations, "(table.copy $a $b (i32.const 4) (i32.const 4) (i32.const 0))"),
        (
            Finished,
            "1",
            declarations,
            "(table.copy $a $a (i32.const 1) (i32.const 0) (i32.const 2)) (call $call (i32.const 1)) (call $call (i32.const 2))
             (table.copy $b $a (i32.const 0) (i32.const 1) (i32.const 2)) (call $int (call_indirect $b (type $t) (i32.const 0)))
             (table.init $a $e (i32.const 2) (i32.const 0) (i32.const 2)) (call $call (i32.const 2)) (call $call (i32.const 3))",
        ),
        (Trapped, "1", declarations, "(elem.drop $e) (table.init $a $e (i32.const 0) (i32.const 0) (i32.const 1))"),
        (Finished, "1", declarations, "(elem.drop $e) (table.init $a $e (i32.const 4) (i32.const 0) (i32.const 0))"),
        (Trapped, "1", declarations, "(table.init $a $gone (i32.const 0) (i32.const 0) (i32.const 1))"),
        (Trapped, "1", declarations, "(table.init $b $active (i32.const 0) (i32.const 0) (i32.const 1))"),
        (Trapped, "1", declarations, "(table.set $a (i32.const 4) (ref.null func))"),
        (Finished, "1", declarations, "(table.set $a (i32.const 0) (ref.null func)) (call $null (i32.const 0)) (call $null (i32.const 1))"),
    ]);
}

#[test]
fn calls_are_as_deep() {
    let down = "(type $t (func (param i32)))
        (func $down (type $t)
          (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else (call $int (i32.const 5)))))
        (func $far (type $t)
          (if (local.get 0) (then (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
        (table funcref (elem $far))";
    check(&[
        // `kernel_run`, 296 functions, then `$int` and `$say`, whose host function needs no frame.
        (Finished, "1", down, "(call $down (i32.const 295)) (call $down (i32.const 295))"),
        (Stuck, "1", down, "(call $down (i32.const 296))"),
        (Finished, "1", down, "(call $far (i32.const 297)) (call $far (i32.const 297))"),
        (Stuck, "1", down, "(call $far (i32.const 298))"),
        // A kernel that calls itself.
        (
            Finished,
            "1",
            "(global $n (mut i32) (i32.const 298))",
            "(if (global.get $n) (then (global.set $n (i32.sub (global.get $n) (i32.const 1))) (call $run)))",
        ),
        (
            Stuck,
            "1",
            "(global $n (mut i32) (i32.const 299))",
            "(if (global.get $n) (then (global.set $n (i32.sub (global.get $n) (i32.const 1))) (call $run)))",
        ),
    ]);
}

#[test]
fn instances_are_made_alike() {
    check(&[
        (Finished, "1", "(global $g (mut i32) (i32.const 1)) (start $s) (func $s (global.set $g (i32.const 7)))", "(call $int (global.get $g))"),
        (Finished, "1", "(start $s) (func $s (i64.store (i32.const 64) (i64.const 9)))", "(call $say (i64.load (i32.const 64)))"),
        (Refused, "1", "(start $s) (func $s (call $int (i32.const 1)))", ""),
        (Refused, "1", "(data (i32.const 65536) \"x\")", ""),
        (Finished, "1", "(data (i32.const 65536) \"\")", ""),
        (Refused, "1", "(table 1 funcref) (elem (i32.const 1) func $say)", ""),
        (Finished, "1", "(table 1 funcref) (elem (i32.const 1) func)", ""),
        (
            Finished,
            "1",
            "(global $v v128 (v128.const i64x2 3 4)) (global $f funcref (ref.func $say)) (global $x externref (ref.null extern))
             (global (export \"g\") (mut i64) (i64.const -5))",
            "(call $vector (global.get $v)) (call $int (ref.is_null (global.get $f))) (call $int (ref.is_null (global.get $x)))",
        ),
        (Finished, "1", "(data (i32.const 40) \"ab\") (data (i32.const 41) \"c\")", "(call $say (i64.load (i32.const 40)))"),
    ]);
}

#[test]
fn blocks_and_branches_are_alike() {
    check(&[
        (
            Finished,
            "1",
            "(func $pick (param i32) (result i32)
               (block (block (block (br_table 0 1 2 (local.get 0))) (br 2 (i32.const 10))) (br 1 (i32.const 11)))
               (i32.const 12))",
            "(call $int (call $pick (i32.const 0))) (call $int (call $pick (i32.const 1)))
             (call $int (call $pick (i32.const 2))) (call $int (call $pick (i32.const -1)))",
        ),
        // A loop that is left with values below what it takes along.
        (
            Finished,
            "1",
            "(func $count (result i64) (local $n i32)
               (i64.const 100)
               (i64.const 5) (loop $l (param i64) (result i64)
                 (i64.const 1) (i64.add) (i64.const 77)
                 (local.set $n (i32.add (local.get $n) (i32.const 1)))
                 (i64.add (i64.const 1))
                 (br_if $l (i32.lt_u (local.get $n) (i32.const 5)))
                 (drop))
               (i64.add))",
            "(call $say (call $count))",
        ),
        (
            Finished,
            "1",
            "(func $early (param i32) (result i32 i64)
               (i32.const 1) (i32.const 2)
               (br_if 0 (i32.const 3) (i64.const 4) (local.get 0)) (drop) (drop)
               (block (result i32) (br 1 (i32.const 5) (i64.const 6)))
               (unreachable))
             (func $both (param i32) (i32.const 40) (call $early (local.get 0)) (call $say) (i32.add) (call $int))",
            "(call $both (i32.const 0)) (call $both (i32.const 1))",
        ),
        (Trapped, "1", "", "(call $int (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
        (
            Finished,
            "1",
            "",
            "(call $int (i32.rem_s (i32.const 0x80000000) (i32.const -1))) (call $int (i32.shl (i32.const 1) (i32.const 33)))
             (call $say (i64.rotr (i64.const 1) (i64.const 65))) (call $say (i64.clz (i64.const 0))) (call $int (i32.ctz (i32.const 0)))",
        ),
    ]);
}

/// Integers from floats are the only instructions about floats that a kernel can reach: the bits are taken as they come.
#[test]
fn integers_from_the_bits_of_floats_are_alike() {
    const CONVERSIONS: [&str; 4] = [
        "i32x4.trunc_sat_f32x4_s",
        "i32x4.trunc_sat_f32x4_u",
        "i32x4.trunc_sat_f64x2_s_zero",
        "i32x4.trunc_sat_f64x2_u_zero",
    ];
    // Ones, halves, infinities, numbers that are none, the borders of the integers, the smallest.
    const BITS: [&str; 8] = [
        "i32x4 0x3f800000 0xbf800000 0x3f000000 0xbfc00000",
        "i32x4 0x7f800000 0xff800000 0x7fc00000 0xffc00001",
        "i32x4 0x7f800001 0x4f000000 0xcf000000 0x4effffff",
        "i32x4 0xcf000001 0x4f800000 0x4f7fffff 0x80000000",
        "i64x2 0x3ff8000000000000 0xbff8000000000000",
        "i64x2 0x7ff0000000000000 0xfff8000000000001",
        "i64x2 0x41dfffffffe00000 0xc1e0000000200000",
        "i64x2 0x41efffffffffffff 0x0000000000000001",
    ];
    let mut code = String::new();
    for conversion in CONVERSIONS {
        for bits in BITS {
            code += &format!("(call $vector ({conversion} (v128.const {bits})))");
        }
    }
    check(&[(Finished, "1", "", &code)]);
}

/// The caller gets what is below the results, too: 3 + 2 on the machine, 3 + 100 as it is defined.
const CARRYING: &str = r#"(func $callee (result i32) (i32.const 1) (i32.const 2) (return (i32.const 3)))
    (func $caller (export "caller") (result i32) (i32.add (i32.const 100) (call $callee)))"#;

#[test]
fn a_return_that_carries_values_is_the_machines() {
    check(&[(Finished, "1", CARRYING, "(call $int (call $caller))")]);
    // What compilers would do, and what the machine does.
    let module = wat::parse_str(format!("(module {CARRYING})")).unwrap();
    let by_tick = TickStep.instantiate(&module).unwrap().invoke("caller", &[]);
    assert_eq!(by_tick, Ok(vec![Value::I32(5)]));
    on_stack(|stack| {
        let compiled = Compiled::new(stack, Compiler::Cranelift).unwrap();
        let found = compiled.instantiate(&module).unwrap().invoke("caller", &[]);
        assert_eq!(found, Ok(vec![Value::I32(103)]));
    });
}

/// Two exports of one name, which no validator takes: the last function counts, and nothing else does.
#[test]
fn the_function_that_is_called_is_the_last_of_its_name() {
    let other = r#"(func (export "kernel_rum") (call $int (i32.const 2)))"#;
    let not_called = r#"(table (export "kernel_rum") 1 funcref)"#;
    let engines = engines();
    for (declarations, runs) in [(other, 2), (not_called, 2)] {
        let mut kernel = kernel("1", declarations, "(call $int (i32.const 1))");
        while let Some(place) = kernel.windows(10).position(|name| name == b"kernel_rum") {
            kernel[place + 9] = b'n';
        }
        let compared = compare(&kernel, &inputs(), &engines.list(), Some(Look::within(3_000_000))).unwrap();
        assert_eq!((end(&compared), compared.runs_by_tick), (Finished, runs), "{declarations}: {compared:?}");
    }
    let none = wat::parse_str(
        r#"(module (memory (export "m") 1) (global (export "kernel_run") i32 (i32.const 1)))"#,
    );
    let compared =
        compare(&none.unwrap(), &inputs(), &engines.list(), Some(Look::within(3_000_000))).unwrap();
    assert_eq!(end(&compared), Stuck, "{compared:?}");
}

fn name(of_type: ValueType) -> &'static str {
    match of_type {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
    }
}

/// Host functions called by the start function: all of them, with arguments that need no memory and with others.
#[test]
fn host_functions_are_refused_alike_while_the_instance_is_made() {
    let engines = engines();
    let mut words = BTreeSet::new();
    for function in HostFunction::ALL {
        for argument in [0, 1, 65536, -1] {
            let types = |types: &[ValueType]| types.iter().copied().map(name).collect::<Vec<_>>().join(" ");
            let args: String = function
                .params()
                .iter()
                .map(|of_type| format!("({}.const {argument})", name(*of_type)))
                .collect();
            let drop = if function.results().is_empty() { "" } else { "drop" };
            let text = format!(
                r#"(module
                    (import "smart_rollup_core" "{}" (func $host (param {}) (result {})))
                    (memory (export "m") 1) (start $s) (func $s {args} (call $host) {drop})
                    (func (export "kernel_run")))"#,
                function.name(),
                types(function.params()),
                types(function.results()),
            );
            let inputs = Inputs { version: Version::Experimental, ..inputs() };
            let compared = compare(
                &wat::parse_str(&text).unwrap(),
                &inputs,
                &engines.list(),
                Some(Look::within(100_000)),
            );
            let compared = compared.unwrap_or_else(|difference| panic!("{text}: {difference}"));
            words.insert(compared.stuck.unwrap_or_else(|| format!("{:?}", compared.ends)));
        }
    }
    println!("{words:#?}");
    assert!(words.len() > 1);
}

/// One of the compilers makes wrong code of `table.copy` with the result of a call below on the stack.
#[test]
fn tables_are_copied_with_values_below() {
    let engines = engines();
    let declarations = r#"(table 3 funcref) (table 4 funcref) (elem (i32.const 0) func $f) (func $f)
        (func $value (result i32) (i32.const 4))"#;
    for (to, from, count) in [(0, 0, 0), (0, 1, 2), (1, 0, 2), (0, 0, 1)] {
        for tables in ["0 0", "0 1", "1 0"] {
            let code = format!(
                "(call $value) (table.copy {tables} (i32.const {to}) (i32.const {from}) (i32.const {count})) (drop)"
            );
            let kernel = kernel("1", declarations, &code);
            let compared =
                compare(&kernel, &inputs(), &engines.list(), Some(Look::within(3_000_000))).unwrap();
            assert_eq!(end(&compared), Finished, "{code}: {compared:?}");
        }
    }
}

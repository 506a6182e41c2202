//! Host functions with arguments that are right and wrong: the same answers and the same ticks on every engine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_conformance::lockstep::{Inputs, Look, compare};
use soru_pvm::Version;
use soru_pvm::host::{HostFunction, ValueType};
use soru_pvm::level::RunEnd;
use support::{engines, inputs};

/// Where keys are, and how long they are: `/r` has a value, `/readonly/k` cannot be written, `/x` is not there.
const KEYS: [(i64, i64); 4] = [(64, 2), (96, 11), (128, 2), (160, 250)];
/// Numbers at borders: of memories, of what can be read and written at once, of values, of keys.
const BORDERS: [i64; 14] =
    [0, 1, -1, 3, 300, 512, 2048, 2049, 4096, 4097, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000];

fn name(of_type: ValueType) -> &'static str {
    match of_type {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
    }
}

/// Lists of arguments: keys that are right with small numbers, then one of them at a border, then none of them right.
fn arguments(function: HostFunction) -> Vec<Vec<i64>> {
    let count = function.params().len();
    let mut all = Vec::new();
    for (place, length) in KEYS {
        // A second key, or an address; and numbers of bytes.
        for rest in [[128, 2, 8, 8, 8], [0, 512, 40, 8, 8], [1, 600, 8, 8, 8]] {
            let mut args = vec![place, length];
            args.extend(rest);
            args.truncate(count);
            all.push(args);
        }
    }
    for base in [all[0].clone(), all[1].clone()] {
        for place in 0..count {
            for border in BORDERS {
                let mut args = base.clone();
                args[place] = border;
                all.push(args);
            }
        }
    }
    all
}

/// A kernel that calls a host function with some arguments, one after the other, and says what came of each.
fn kernel(function: HostFunction, calls: &[Vec<i64>]) -> Vec<u8> {
    let types = |types: &[ValueType]| types.iter().copied().map(name).collect::<Vec<_>>().join(" ");
    let mut code = String::new();
    for call in calls {
        let args = function.params().iter().zip(call);
        let args: String = args
            .map(|(of_type, arg)| match of_type {
                ValueType::I32 => format!("(i32.const {})", *arg as i32),
                ValueType::I64 => format!("(i64.const {arg})"),
            })
            .collect();
        code += &match function.results() {
            [] => format!("(call $host {args}) (call $say (i64.const 1))"),
            [ValueType::I64] => format!("(call $say (call $host {args}))"),
            _ => format!("(call $say (i64.extend_i32_s (call $host {args})))"),
        };
        // What it has written, and the same value for the next call.
        code += "(call $say (i64.load (i32.const 512))) (call $value)";
    }
    let text = format!(
        r#"(module
            (import "smart_rollup_core" "{}" (func $host (param {}) (result {})))
            (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "m") 1)
            (data (i32.const 64) "/r") (data (i32.const 96) "/readonly/k") (data (i32.const 128) "/x")
            (data (i32.const 160) "/{}") (data (i32.const 480) "/s")
            (global $at (mut i32) (i32.const 0))
            (func $say (param i64)
              (i64.store (i32.const 488) (local.get 0))
              (drop (call $write (i32.const 480) (i32.const 2) (global.get $at) (i32.const 488) (i32.const 8)))
              (global.set $at (i32.add (global.get $at) (i32.const 8))))
            (func $value
              (drop (call $write (i32.const 64) (i32.const 2) (i32.const 0) (i32.const 520) (i32.const 20))))
            (func (export "kernel_run") (call $value) {code}))"#,
        function.name(),
        types(function.params()),
        types(function.results()),
        "k".repeat(260),
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn host_functions_answer_alike_and_cost_the_same() {
    let engines = engines();
    let (mut runs, mut looks, mut ended) = (0, 0, 0);
    for function in HostFunction::ALL {
        for calls in arguments(function).chunks(6) {
            let all = inputs();
            let inputs = Inputs { version: Version::Experimental, levels: all.levels[..1].to_vec(), ..all };
            let kernel = kernel(function, calls);
            let look = Look { places: 6, ..Look::within(5_000_000) };
            let compared = compare(&kernel, &inputs, &engines.list(), Some(look))
                .unwrap_or_else(|difference| panic!("{} {calls:?}: {difference}", function.name()));
            // A reveal whose answer does not fit the memory has no next state, on the network's machine either.
            let waits = compared.undecided.as_ref().is_some_and(|reason| reason.contains("no next state"));
            assert!(waits || (compared.too_long, compared.uncounted) == (0, 0), "{calls:?}: {compared:?}");
            runs += compared.counted;
            looks += compared.looks;
            ended += usize::from(compared.ends.first().is_some_and(|end| *end == RunEnd::Finished));
        }
    }
    println!("{runs} runs, {looks} looks, {ended} finished");
    assert!(runs > 100 && looks > 1000 && ended > 50, "{runs} runs, {looks} looks, {ended} finished");
}

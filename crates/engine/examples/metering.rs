//! What counting costs: `cargo run --release -p soru-engine --example metering`, with a part of a name for some alone.

use soru_engine::{Compiler, Engine, Options};
use soru_pvm::replay::RunFile;
use std::error::Error;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const KERNELS: [(&str, &str, &str); 8] = [
    (
        "a tight loop",
        "",
        r"(local i64 i64) (local.set 0 (i64.const 300000000))
            (loop $l (local.set 1 (i64.add (local.get 1) (i64.xor (local.get 0) (local.get 1))))
              (br_if $l (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1)))))) (global.set $g (local.get 1))",
    ),
    (
        "loops with branches",
        "",
        r"(local i64 i64 i32) (local.set 0 (i64.const 100000000))
            (loop $l
              (local.set 2 (i32.wrap_i64 (local.get 1)))
              (if (i32.and (local.get 2) (i32.const 1))
                (then (local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 3)) (i64.const 1))))
                (else (local.set 1 (i64.shr_u (local.get 1) (i64.const 1)))))
              (block $b (br_if $b (i32.and (local.get 2) (i32.const 12)))
                (local.set 1 (i64.add (local.get 1) (local.get 0))))
              (br_if $l (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1)))))) (global.set $g (local.get 1))",
    ),
    (
        "recursion",
        r"(func $fib (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
              (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))",
        "(global.set $g (i64.extend_i32_u (call $fib (i32.const 39))))",
    ),
    (
        "recursion, and a table",
        r"(type $step (func (param i64) (result i64))) (table funcref (elem $double $flip $turn $next))
          (func $double (type $step) (i64.shl (local.get 0) (i64.const 1)))
          (func $flip (type $step) (i64.xor (local.get 0) (i64.const -1)))
          (func $turn (type $step) (i64.rotl (local.get 0) (i64.const 7)))
          (func $next (type $step) (i64.add (local.get 0) (i64.const 1)))
          (func $fib (param i32) (result i64)
            (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (i64.extend_i32_u (local.get 0)))))
            (i64.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))",
        r"(local i32 i64) (local.set 0 (i32.const 500000))
            (loop $l
              (local.set 1 (i64.add (local.get 1) (call $fib (i32.const 12))))
              (local.set 1 (call_indirect (type $step) (local.get 1) (i32.and (local.get 0) (i32.const 3))))
              (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (global.set $g (local.get 1))",
    ),
    (
        "functions of a table",
        r"(type $step (func (param i64) (result i64))) (table funcref (elem $double $turn))
          (func $double (type $step) (i64.shl (local.get 0) (i64.const 1)))
          (func $turn (type $step) (i64.rotl (local.get 0) (i64.const 7)))",
        r"(local i32 i64) (local.set 0 (i32.const 100000000)) (local.set 1 (i64.const 1))
            (loop $l
              (local.set 1 (call_indirect (type $step) (local.get 1) (i32.and (local.get 0) (i32.const 1))))
              (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (global.set $g (local.get 1))",
    ),
    (
        "small functions",
        r"(func $mix (param i64 i64) (result i64) (i64.rotl (i64.xor (local.get 0) (local.get 1)) (i64.const 13)))
          (func $step (param i64) (result i64) (call $mix (call $mix (local.get 0) (i64.const 77)) (i64.const 99)))",
        r"(local i64 i64) (local.set 0 (i64.const 50000000))
            (loop $l (local.set 1 (call $step (i64.add (local.get 0) (local.get 1))))
              (br_if $l (i64.ne (i64.const 0) (local.tee 0 (i64.sub (local.get 0) (i64.const 1)))))) (global.set $g (local.get 1))",
    ),
    (
        "memory",
        "",
        r"(local i32 i32) (local.set 1 (i32.const 2000))
            (loop $again
              (local.set 0 (i32.const 0))
              (loop $l
                (i64.store (local.get 0) (i64.add (i64.load (local.get 0)) (i64.load offset=8 (local.get 0))))
                (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 8))) (i32.const 1000000))))
              (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))",
    ),
    (
        "small copies",
        "",
        r"(local i32) (local.set 0 (i32.const 10000000))
            (loop $l (memory.copy (i32.const 100) (i32.const 200) (i32.const 40))
              (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
    ),
];

const HOST: (&str, &str) = (
    "calls of the host",
    r#"(module (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
        (memory (export "m") 1) (data (i32.const 0) "/a/b")
        (func (export "kernel_run") (local i32) (local.set 0 (i32.const 1000000))
          (loop $l (drop (call $has (i32.const 0) (i32.const 4)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#,
);

fn main() -> Result<()> {
    println!(
        "compiler     what                    plain      unmetered  metered    unmetered/plain  metered/unmetered"
    );
    let part = std::env::args().nth(1).unwrap_or_default();
    for compiler in [Compiler::Cranelift, Compiler::Singlepass] {
        for (what, functions, code) in KERNELS.into_iter().filter(|(what, ..)| what.contains(&part)) {
            let kernel = format!(
                r#"(module (global $g (mut i64) (i64.const 1)) (memory (export "m") 16) {functions} (func (export "kernel_run") {code}))"#
            );
            let kernel = wat::parse_str(kernel)?;
            let times = best(&mut [
                &mut || plain(compiler, &kernel),
                &mut || soru(compiler, &kernel, false),
                &mut || soru(compiler, &kernel, true),
            ])?;
            show(compiler, what, Some(times[0]), times[1], times[2]);
        }
        if !HOST.0.contains(&part) {
            continue;
        }
        let kernel = wat::parse_str(HOST.1)?;
        let times =
            best(&mut [&mut || soru(compiler, &kernel, false), &mut || soru(compiler, &kernel, true)])?;
        show(compiler, HOST.0, None, times[0], times[1]);
    }
    Ok(())
}

fn show(compiler: Compiler, what: &str, plain: Option<Duration>, unmetered: Duration, metered: Duration) {
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    let (time, over) = match plain {
        Some(plain) => (format!("{plain:<10.1?}"), format!("{:<16.3}", ratio(unmetered, plain))),
        None => (format!("{:<10}", ""), format!("{:<16}", "")),
    };
    println!(
        "{compiler:<12} {what:<23} {time} {unmetered:<10.1?} {metered:<10.1?} {over} {:.3}",
        ratio(metered, unmetered)
    );
}

type Measure<'a> = &'a mut dyn FnMut() -> Result<Duration>;

/// The shortest of some times each, in turns.
fn best(measures: &mut [Measure<'_>]) -> Result<Vec<Duration>> {
    let mut best = vec![Duration::MAX; measures.len()];
    for _ in 0..3 {
        for (best, measure) in best.iter_mut().zip(measures.iter_mut()) {
            *best = measure()?.min(*best);
        }
    }
    Ok(best)
}

/// Time that this process has computed: others may do so, too.
fn computed() -> Result<Duration> {
    Ok(nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

fn plain(compiler: Compiler, kernel: &[u8]) -> Result<Duration> {
    let mut config = wasmtime::Config::new();
    config.strategy(match compiler {
        Compiler::Cranelift => wasmtime::Strategy::Cranelift,
        Compiler::Singlepass => wasmtime::Strategy::Winch,
    });
    let engine = wasmtime::Engine::new(&config)?;
    let module = wasmtime::Module::new(&engine, kernel)?;
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
    let entry = instance.get_typed_func::<(), ()>(&mut store, "kernel_run")?;
    let start = computed()?;
    entry.call(&mut store, ())?;
    Ok(computed()? - start)
}

fn soru(compiler: Compiler, kernel: &[u8], metered: bool) -> Result<Duration> {
    let engine = Engine::new(Options { compiler, metered, ..Options::default() })?;
    let once = {
        let levels = serde_json::json!([{ "level": 0, "messages": ["0001", "0002"] }]);
        let header = serde_json::json!({
            "format": "wasm-pvm-vectors 1", "kernel": "", "pvm_version": "2.0.0",
            "ticks_per_snapshot": 1_000_000_000_000u64, "outbox_validity_period": 80640,
            "outbox_message_limit": 100, "max_reboots": 1000, "levels": levels,
        });
        RunFile::parse(&header.to_string())?
    };
    // The first time compiles it.
    let replayed = once.replay(kernel, &engine, &mut ())?;
    if let Some((_, error)) = replayed.failure {
        return Err(error.into());
    }
    let status = engine.status();
    if status.decided.compiled != status.runs {
        return Err(format!("runs were made again: {status:?}").into());
    }
    let start = computed()?;
    once.replay(kernel, &engine, &mut ())?;
    Ok(computed()? - start)
}

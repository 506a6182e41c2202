//! Measures the engine: `cargo run --release -p soru-engine --example measure`.

use soru_engine::{Compiler, Engine, Options};
use soru_pvm::replay::RunFile;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Messages of a level: as many as the outbox takes.
const MESSAGES: usize = 100;

fn main() -> Result<()> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let noop = std::fs::read(vectors.join("kernels/noop.wasm"))?;
    let ledger = std::fs::read(vectors.join("kernels/ledger.wasm"))?;
    let sdk = std::fs::read(vectors.join("kernels/sdk/sdk-0.2.0-kernel.wasm"))?;
    println!("compiler     what                                             result");
    for compiler in [Compiler::Cranelift, Compiler::Singlepass] {
        let show = |what: String, result: String| println!("{compiler:<12} {what:<48} {result}");
        for (name, kernel) in [("notary", soru_kernels::NOTARY), ("sdk", &sdk)] {
            let (time, _) = replay(compiler, kernel, &run(1, &[])?)?;
            show(format!("first level of {name}, {} bytes", kernel.len()), format!("{time:.1?}"));
        }
        let (time, levels) = again(compiler, &noop, &run(500, &[])?)?;
        show("a level without messages".into(), format!("{:.1?}", time / levels));

        let messages = vec!["01".to_owned() + &"ab".repeat(32); MESSAGES];
        let (time, levels) = again(compiler, soru_kernels::ECHO, &run(50, &messages)?)?;
        let rate = f64::from(levels) * MESSAGES as f64 / time.as_secs_f64();
        show("messages through the echo kernel".into(), format!("{rate:.0} a second"));

        let transfers = 10_000_000u32;
        let message = format!("01{}", hex::encode(transfers.to_le_bytes()));
        let (time, levels) = again(compiler, &ledger, &run(2, &[message])?)?;
        let rate = f64::from(transfers) * f64::from(levels) / time.as_secs_f64() / 1e6;
        show("transfers of the ledger kernel (a heavy loop)".into(), format!("{rate:.1} million a second"));
    }
    Ok(())
}

/// A run of so many levels with these messages each.
fn run(levels: u32, messages: &[String]) -> Result<RunFile> {
    let level = |level: u32| {
        let mut all = vec!["0001".to_owned()];
        all.extend(messages.iter().cloned());
        all.push("0002".to_owned());
        serde_json::json!({ "level": level, "messages": all })
    };
    let header = serde_json::json!({
        "format": "wasm-pvm-vectors 1", "kernel": "", "pvm_version": "2.0.0", "ticks_per_snapshot": 11_000_000_000u64,
        "outbox_validity_period": 80640, "outbox_message_limit": 100, "max_reboots": 1000,
        "levels": (0..levels).map(level).collect::<Vec<_>>(), "reveals": { "01": "00".repeat(24) },
    });
    Ok(RunFile::parse(&header.to_string())?)
}

fn replay(compiler: Compiler, kernel: &[u8], run: &RunFile) -> Result<(Duration, u32)> {
    timed(&Engine::new(Options { compiler, ..Options::default() })?, kernel, run)
}

/// The same with an engine that has the kernel ready.
fn again(compiler: Compiler, kernel: &[u8], run: &RunFile) -> Result<(Duration, u32)> {
    let engine = Engine::new(Options { compiler, ..Options::default() })?;
    timed(&engine, kernel, run)?;
    timed(&engine, kernel, run)
}

fn timed(engine: &Engine, kernel: &[u8], run: &RunFile) -> Result<(Duration, u32)> {
    let start = Instant::now();
    let replayed = run.replay(kernel, engine, &mut ())?;
    if let Some((level, error)) = replayed.failure {
        return Err(format!("level {}: {error}", level.get()).into());
    }
    Ok((start.elapsed(), u32::try_from(run.levels.len())?))
}

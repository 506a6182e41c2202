//! How fast a rollup node catches up, what it keeps on disk, and how fast messages go through the echo kernel:
//! `cargo bench -p soru --bench catch_up`.
//!
//! Everything is real: a layer-1 that makes blocks on demand, a rollup originated on it, external messages in every block,
//! and a node that starts from nothing and asks for all of it through the RPC. It happens in a temporary folder, which
//! `TMPDIR` moves to another disk.

mod kernel;
mod layer1;
mod node;
mod report;

use anyhow::{Context, Result, bail};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use report::Report;
use std::io::Write;
use std::time::{Duration, Instant};

/// Measure catching up, what is kept on disk, and messages through the echo kernel.
#[derive(Parser)]
#[command(name = "cargo bench -p soru --bench catch_up --")]
struct Options {
    /// Levels to catch up
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    levels: u32,
    /// External messages in each of them, all in one operation
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=300))]
    messages: u32,
    /// Print one JSON object; everything else goes to standard error
    #[arg(long)]
    json: bool,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Bytes of an external message.
const MESSAGE_BYTES: usize = 100;

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = measure(&options) => report,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    });
    // The folder is gone by now, also after an interruption.
    let text = match (report?, options.json) {
        (report, true) => report.to_json().to_string(),
        (report, false) => report.to_string(),
    };
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("cannot write to standard output")
}

async fn measure(options: &Options) -> Result<Report> {
    let dir =
        tempfile::Builder::new().prefix("soru-bench-").tempdir().context("cannot make a temporary folder")?;
    let synced_write = synced_write(&dir.path().join("written"))?;
    let layer1 = layer1::Layer1::start(&dir.path().join("layer-1")).await?;
    let made = layer1.make_levels(options.levels, options.messages, MESSAGE_BYTES).await?;
    let caught_up = node::catch_up(&layer1, &made, &dir.path().join("node")).await?;
    let layer1_bytes = layer1.stop().await?;
    let kernel = tokio::task::spawn_blocking(|| kernel::measure(MESSAGE_BYTES)).await??;
    Ok(Report {
        levels: options.levels,
        messages: options.messages,
        message_bytes: MESSAGE_BYTES,
        synced_write,
        made: made.time,
        caught_up,
        layer1_bytes,
        kernel,
    })
}

/// A bar on a terminal; elsewhere one line on standard error.
fn progress(what: &'static str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if bar.is_hidden() {
        // A reader that went away is no reason to fail.
        let _ = writeln!(std::io::stderr(), "… {what}");
    }
    if let Ok(style) = ProgressStyle::with_template("{prefix:32} {bar:28.cyan/dim} {pos}/{len} {per_sec}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(what);
    bar
}

/// What it takes until 16 KiB are safely on the disk: a node that lost nothing of a level waits so long, at every level.
fn synced_write(path: &std::path::Path) -> Result<Duration> {
    const WRITES: u32 = 100;
    let mut file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let start = Instant::now();
    for _ in 0..WRITES {
        file.write_all(&[1; 16 * 1024])?;
        file.sync_data()?;
    }
    Ok(start.elapsed() / WRITES)
}

/// Bytes of all files in a folder.
fn bytes_in(dir: &std::path::Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

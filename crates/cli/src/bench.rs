//! `soru bench`: what everything takes on this machine.

use crate::{lifeline, output};
use anyhow::{Context, Result};
use clap::Args;
use soru_bench::{Part, Settings, measure};
use std::io::Write;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Options {
    /// Less of everything, in a fraction of the time: for a first look
    #[arg(long)]
    quick: bool,
    /// Print one JSON object, with a `summary`
    #[arg(long)]
    json: bool,
    /// Print the tables in Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Write a drawing of the ticks a second to this file, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Measure this part only; can be given more than once: engines, disputes, messages, catch-up, commit
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<Part>,
    /// Rounds in which every engine runs every kernel once: 7, in a hurry 3
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: Option<u32>,
    /// Levels to catch up: 1,000, in a hurry 100
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    levels: Option<u32>,
    /// External messages in each of these levels, all in one operation
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=300))]
    messages: u32,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    if cfg!(debug_assertions) {
        let _ = writeln!(
            std::io::stderr(),
            "warning: this is a development build, whose figures say nothing: cargo build --release"
        );
    }
    let parts = if options.parts.is_empty() { Part::ALL.to_vec() } else { options.parts };
    let settings = Settings {
        quick: options.quick,
        parts,
        rounds: options.rounds,
        levels: options.levels,
        messages: options.messages,
    };
    // `TMPDIR` moves it to another disk. It goes when this function ends, also when it is interrupted.
    let dir =
        tempfile::Builder::new().prefix("soru-bench-").tempdir().context("cannot make a temporary folder")?;
    let report = tokio::select! {
        report = measure(&settings, dir.path()) => report?,
        () = lifeline::ended() => anyhow::bail!("interrupted"),
    };
    if let (Some(path), Some(svg)) = (&options.plot, report.to_svg()) {
        std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if options.json {
        return output::line(report.to_json());
    }
    let text = if options.markdown { report.to_markdown() } else { report.to_text() };
    output::line(text.trim_end())
}

//! `soru pvm`: run kernels without any chain.

mod inputs;
pub(crate) mod kernel;
mod progress;
mod proof;
mod replay;
mod trace;

use crate::engine::EngineChoice;
use crate::output;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use kernel::{ConfigOptions, first_level, levels, limits, metadata, pages, read_inputs, read_kernel};
use proof::{FileOptions, ProofCommand, ProveOptions};
use replay::ReplayOptions;
use serde_json::{Value, json};
use soru_base::profile::ProfileName;
use soru_base::{Profile, RollupAddress};
use soru_engine::Engine;
use soru_pvm::host::{DebugSink, hint};
use soru_pvm::level::{Run, RunEnd};
use soru_pvm::replay::{ReplayLevel, Setup};
use soru_pvm::reveal::RollupReveals;
use soru_pvm::{Surroundings, Version, eval_level};
use std::io::Write;
use std::path::PathBuf;
use trace::TraceOptions;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a kernel on a file of inputs, one inbox a level
    Run(RunOptions),
    /// Run a kernel tick by tick and print states, one JSON object a line
    ///
    /// Without --ticks and --every, a line is printed for each state in which the machine begins to do something else (the
    /// first word of the state's name), has taken a message, needs the answer to a reveal or has got it, or has trapped, and
    /// for the last state. With both --from and --to, a line is printed for each state between them.
    Trace(TraceOptions),
    /// Make the proof of one tick of a run
    Prove(ProveOptions),
    /// Check the proof of a tick: what it starts from, where it leads, what it takes
    ///
    /// A proof is read from its bytes (those that `soru pvm prove` writes, or those of a refutation), from the same in
    /// hexadecimal, or from JSON objects, one a line, with `proof` and, if the tick takes something, `input` or `reveal`.
    Verify(FileOptions),
    /// Look at a proof
    #[command(subcommand)]
    Proof(ProofCommand),
    /// Repeat a run from its file and print what is found in the same form
    ///
    /// The lines of the file are about levels, and repeated by the fast engine, or about ticks, and repeated tick by tick. A
    /// line may leave out all but its `tick` and whether it has a `proof_size`; --check compares what is there.
    Replay(ReplayOptions),
}

#[derive(Args)]
pub(crate) struct RunOptions {
    /// The kernel: a .wasm file, or a .wat or .wast file of its text
    kernel: PathBuf,
    /// Inboxes: a JSON array of arrays of {"external": HEX}, {"payload": MICHELSON, …} or {"raw": HEX}
    #[arg(long)]
    inputs: PathBuf,
    /// Network whose messages are added to each inbox: alpha or mainnet
    #[arg(long, default_value = "alpha")]
    profile: ProfileName,
    /// Level of the first inbox
    #[arg(long, default_value_t = 0)]
    first_level: u32,
    /// Address of the rollup [default: the zero address]
    #[arg(long)]
    rollup: Option<RollupAddress>,
    /// Folder of pages, each in a file named by its hash
    #[arg(long)]
    preimage_dir: Option<PathBuf>,
    /// Show the ticks of each call of kernel_run, without padding
    #[arg(long)]
    ticks: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

#[derive(Args)]
struct EngineOptions {
    #[command(flatten)]
    choice: EngineChoice,
    /// Show on standard error what the kernel writes for debugging
    #[arg(long)]
    debug: bool,
}

impl EngineOptions {
    fn engine(&self) -> Result<Engine> {
        Ok(Engine::new(self.choice.options()?)?)
    }

    fn sink(&self) -> Box<dyn DebugSink> {
        if self.debug { Box::new(ToStderr) } else { Box::new(()) }
    }
}

/// Shows debug output at once.
struct ToStderr;

impl DebugSink for ToStderr {
    fn debug(&mut self, bytes: &[u8]) {
        let _ = write!(std::io::stderr(), "{}", String::from_utf8_lossy(bytes));
    }
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Run(options) => run_kernel(&options),
        Command::Trace(options) => trace::trace(&options),
        Command::Prove(options) => proof::prove(&options),
        Command::Verify(options) => proof::verify(&options),
        Command::Proof(ProofCommand::Show(options)) => proof::show(&options),
        Command::Replay(options) => replay::replay(&options),
    }
}

/// Runs a kernel level by level, and shows each level.
pub(crate) fn run_kernel(options: &RunOptions) -> Result<()> {
    let profile = Profile::named(options.profile);
    let kernel = read_kernel(&options.kernel)?;
    let inboxes = read_inputs(&options.inputs, &profile, options.rollup)?;
    let levels = levels(first_level(options.first_level)?, inboxes)?;

    let engine = options.engine.engine()?;
    let mut debug = options.engine.sink();
    let mut pages = pages(options.preimage_dir.as_deref());
    let mut reveals = RollupReveals { metadata: metadata(options.rollup), preimages: &mut pages };
    let setup = Setup {
        version: Version::V0,
        limits: limits(&profile),
        max_reboots: None,
        values: options.config.values()?,
    };
    let mut tree = setup.install(&kernel)?;
    for ReplayLevel { level, messages } in &levels {
        let mut around = Surroundings { runner: &engine, reveals: &mut reveals, debug: &mut *debug };
        let outcome =
            eval_level(&tree, *level, messages, &mut around).with_context(|| format!("level {level}"))?;
        tree = outcome.tree;
        let outbox: Vec<String> = outcome.outbox.iter().map(hex::encode).collect();
        let mut line = json!({
            "level": level.get(),
            "current_tick": outcome.machine.current_tick.0,
            "hash": tree.hash()?.to_hex(),
            "state": outcome.machine.tick_state.name(),
            "outbox": outbox,
        });
        if let Some(error) = outcome.machine.stuck_error() {
            line["error"] = error.to_json();
        }
        if options.ticks {
            line["runs"] = outcome.runs.iter().map(run_json).collect();
        }
        show(&line, options.json)?;
    }
    Ok(())
}

fn run_json(run: &Run) -> Value {
    json!({ "ticks": run.ticks.map(|ticks| ticks.0), "end": ending(&run.end) })
}

fn ending(end: &RunEnd) -> &'static str {
    match end {
        RunEnd::Finished => "returned",
        RunEnd::Trapped { .. } => "trapped",
        RunEnd::FellBack { .. } => "refused",
        RunEnd::Stuck { .. } => "stuck for ever",
        RunEnd::TickByTick { end: inner, .. } => ending(inner),
    }
}

fn show(line: &Value, json: bool) -> Result<()> {
    if json {
        return output::line(line);
    }
    output::line(format_args!(
        "level {}: {} after tick {}, state {}",
        line["level"],
        line["state"].as_str().unwrap_or_default(),
        line["current_tick"],
        line["hash"].as_str().unwrap_or_default()
    ))?;
    if let Some(error) = line.get("error") {
        output::line(format_args!("  stuck for ever: {error}"))?;
        if let Some(hint) = error["explanation"].as_str().and_then(hint) {
            output::line(format_args!("  {hint}"))?;
        }
    }
    for (i, run) in line["runs"].as_array().into_iter().flatten().enumerate() {
        let end = run["end"].as_str().unwrap_or_default();
        output::line(format_args!("  run {i}: {} ticks, {end}", run["ticks"]))?;
    }
    for (i, message) in line["outbox"].as_array().into_iter().flatten().enumerate() {
        output::line(format_args!("  outbox {i}: {}", message.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

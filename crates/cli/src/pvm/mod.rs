//! `soru pvm`: run kernels without any chain.

pub(crate) mod inputs;

use crate::output;
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use soru_base::profile::ProfileName;
use soru_base::{Level, LevelSpan, Profile, RollupAddress, TickSpan};
use soru_engine::{Compiler, Engine};
use soru_node::reveals::FilePreimages;
use soru_pvm::host::{DebugSink, hint};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::replay::{RunFile, check};
use soru_pvm::reveal::{Metadata, RollupReveals};
use soru_pvm::{Limits, Surroundings, Version, eval_level};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a kernel on a file of inputs, one inbox a level
    Run(RunOptions),
    /// Repeat a run from its file and print what is found in the same form
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
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

#[derive(Args)]
pub(crate) struct ReplayOptions {
    /// The file of the run: its first line says all that is needed
    file: PathBuf,
    /// The kernel [default: where the file says, beside its folder]
    #[arg(long)]
    kernel: Option<PathBuf>,
    /// Compare with the file, name the first difference, and fail if there is one
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

#[derive(Args)]
struct EngineOptions {
    /// Compiler: cranelift or singlepass [default: cranelift, or OCTEZ_WASMER_COMPILER]
    #[arg(long)]
    wasm_compiler: Option<Compiler>,
    /// Show on standard error what the kernel writes for debugging
    #[arg(long)]
    debug: bool,
}

impl EngineOptions {
    fn engine(&self) -> Result<Engine> {
        let compiler = match self.wasm_compiler {
            Some(compiler) => compiler,
            None => Compiler::from_env()?.unwrap_or_default(),
        };
        Ok(Engine::new(soru_engine::Options { compiler, ..soru_engine::Options::default() })?)
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
        Command::Replay(options) => replay(&options),
    }
}

/// The bytes of a kernel file; text is assembled.
pub(crate) fn read_kernel(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the kernel {}", path.display()))?;
    if bytes.starts_with(b"\0asm") || path.extension().is_some_and(|e| e == "wasm") {
        return Ok(bytes);
    }
    Ok(wat::parse_bytes(&bytes)
        .map_err(|e| anyhow!("the kernel {} is neither WebAssembly nor its text: {e}", path.display()))?
        .into_owned())
}

fn run_kernel(options: &RunOptions) -> Result<()> {
    let profile = Profile::named(options.profile);
    let kernel = read_kernel(&options.kernel)?;
    let text = std::fs::read_to_string(&options.inputs)
        .with_context(|| format!("cannot read the inputs {}", options.inputs.display()))?;
    let inboxes = inputs::parse(&text, &profile).with_context(|| format!("{}", options.inputs.display()))?;
    let first = Level::new(options.first_level)
        .ok_or_else(|| anyhow!("--first-level {}: levels end at 2^31 − 1", options.first_level))?;

    let engine = options.engine.engine()?;
    let mut debug = options.engine.sink();
    let mut pages = FilePreimages::in_dir(options.preimage_dir.as_deref().unwrap_or(Path::new(".")));
    let mut reveals = RollupReveals {
        metadata: Metadata {
            address: options.rollup.unwrap_or(RollupAddress::ZERO),
            // As in the REPL of the network, whatever the first level is.
            origination_level: Level::GENESIS,
        },
        preimages: &mut pages,
    };
    let mut tree = initial_state(Version::V0)?;
    install_boot_sector(&mut tree, &kernel, limits(&profile))?;
    let mut level = first;
    for messages in &inboxes {
        let mut around = Surroundings { runner: &engine, reveals: &mut reveals, debug: &mut *debug };
        let outcome =
            eval_level(&tree, level, messages, &mut around).with_context(|| format!("level {level}"))?;
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
        show(&line, options.json)?;
        level = level.next();
    }
    Ok(())
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
    for (i, message) in line["outbox"].as_array().into_iter().flatten().enumerate() {
        output::line(format_args!("  outbox {i}: {}", message.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// The machine's constants on a network.
pub(crate) fn limits(profile: &Profile) -> Limits {
    Limits {
        ticks_per_snapshot: TickSpan(11_000_000_000),
        outbox_validity_period: LevelSpan(profile.rollup.max_active_outbox_levels),
        outbox_message_limit: u64::from(profile.rollup.max_outbox_messages_per_level),
    }
}

fn replay(options: &ReplayOptions) -> Result<()> {
    let text = std::fs::read_to_string(&options.file)
        .with_context(|| format!("cannot read the run {}", options.file.display()))?;
    let run = RunFile::parse(&text).with_context(|| format!("{}", options.file.display()))?;
    let path = match &options.kernel {
        Some(path) => path.clone(),
        None => beside(&options.file, &run.kernel)?,
    };
    let kernel = read_kernel(&path)?;
    let engine = options.engine.engine()?;
    let replayed = run.replay(&kernel, &engine, &mut *options.engine.sink())?;
    if options.check {
        if let Some(difference) = check(&run.lines, &replayed.lines) {
            if let Some((level, failure)) = &replayed.failure {
                bail!("{difference}\nlevel {level} could not be computed: {failure}");
            }
            bail!("{difference}");
        }
        let levels = replayed.lines.len() - 1;
        return output::line(format_args!("{}: {levels} levels as expected", options.file.display()));
    }
    for line in &replayed.lines {
        output::line(line)?;
    }
    match replayed.failure {
        Some((level, failure)) => Err(anyhow::Error::new(failure).context(format!("level {level}"))),
        None => Ok(()),
    }
}

/// The kernel that a run names is in a folder beside the one of the run, or above that.
fn beside(file: &Path, kernel: &str) -> Result<PathBuf> {
    let absolute = std::path::absolute(file)?;
    absolute.ancestors().skip(1).take(4).map(|dir| dir.join(kernel)).find(|path| path.is_file()).ok_or_else(
        || anyhow!("no {kernel} in the folders above {}: say where it is with --kernel", file.display()),
    )
}

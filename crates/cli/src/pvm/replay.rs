//! `soru pvm replay`: recorded runs, repeated and compared.

use super::EngineOptions;
use super::kernel::read_kernel;
use super::progress::Progress;
use crate::output;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use soru_pvm::replay::{Outside, RunFile, RunKind, TickReplay, check, check_line};
use std::path::{Path, PathBuf};

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

pub(super) fn replay(options: &ReplayOptions) -> Result<()> {
    let text = std::fs::read_to_string(&options.file)
        .with_context(|| format!("cannot read the run {}", options.file.display()))?;
    let run = RunFile::parse(&text).with_context(|| format!("{}", options.file.display()))?;
    let kernel = || -> Result<Vec<u8>> {
        match &options.kernel {
            Some(path) => read_kernel(path),
            None => read_kernel(&beside(&options.file, &run.kernel)?),
        }
    };
    match run.kind() {
        RunKind::Levels => levels(options, &run, &kernel()?),
        RunKind::Ticks => ticks(options, &run, &kernel()?),
        RunKind::Kernels => kernels(options, &run),
    }
}

fn levels(options: &ReplayOptions, run: &RunFile, kernel: &[u8]) -> Result<()> {
    let engine = options.engine.engine()?;
    let replayed = run.replay(kernel, &engine, &mut *options.engine.sink())?;
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

fn ticks(options: &ReplayOptions, run: &RunFile, kernel: &[u8]) -> Result<()> {
    let last = run.lines.iter().rev().find_map(|line| line["tick"].as_u64().or(line["end"]["tick"].as_u64()));
    let progress = Progress::new(last);
    let mut watch = |tick| progress.at(tick);
    let mut reveals = run.reveals.clone();
    let mut debug = options.engine.sink();
    let outside = Outside { reveals: &mut reveals, debug: &mut *debug, watch: &mut watch };
    let mut replay = TickReplay::begin(run, kernel, outside)?;
    let mut line = 0;
    while let Some(found) = replay.next_line() {
        line += 1;
        let found = found?;
        if !options.check {
            progress.beside(|| output::line(&found))?;
        } else if let Some(difference) = check_line(line, run.lines.get(line - 1), Some(&found)) {
            bail!("{difference}");
        }
    }
    progress.finish(replay.tick());
    if options.check {
        output::line(format_args!("{}: {} states as expected", options.file.display(), line - 1))?;
    }
    Ok(())
}

/// A file whose lines have a kernel each.
fn kernels(options: &ReplayOptions, run: &RunFile) -> Result<()> {
    let mut number = 1;
    while let Some(found) = run.replay_kernel(number) {
        let found = found?;
        if !options.check {
            output::line(&found)?;
        } else if let Some(difference) = check_line(number, run.lines.get(number - 1), Some(&found)) {
            bail!("{difference}");
        }
        number += 1;
    }
    if options.check {
        output::line(format_args!("{}: {} kernels as expected", options.file.display(), number - 2))?;
    }
    Ok(())
}

/// The kernel that a run names is in a folder beside the one of the run, or above that.
fn beside(file: &Path, kernel: &str) -> Result<PathBuf> {
    let absolute = std::path::absolute(file)?;
    absolute.ancestors().skip(1).take(5).map(|dir| dir.join(kernel)).find(|path| path.is_file()).ok_or_else(
        || anyhow!("no {kernel} in the folders above {}: say where it is with --kernel", file.display()),
    )
}

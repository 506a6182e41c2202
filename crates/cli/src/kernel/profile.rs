//! `soru kernel profile`: where the ticks of a kernel go.

use super::{make_folder, write_whole};
use crate::output;
use crate::pvm::kernel::{DebugOptions, MachineOptions, Prepared};
use anyhow::{Context, Result, bail};
use clap::Args;
use soru_exact::TickExact;
use soru_profile::{Profile, Profiler, Rows, Until};
use soru_pvm::Machine;
use soru_pvm::replay::ReplayLevel;
use soru_pvm::reveal::RollupReveals;
use soru_pvm::state::InputPlace;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    machine: MachineOptions,
    /// Write flamegraphs (.svg), stacks (.folded) and all numbers (profile.txt, profile.json) to this folder, made if it is not there
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Functions in a table at most; the files have them all
    #[arg(long, value_name = "N", default_value_t = Rows::default().0)]
    rows: usize,
    /// Tell of the last level only, not of those that lead to it
    #[arg(long)]
    last_level: bool,
    #[command(flatten)]
    debug: DebugOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let prepared = options.machine.prepare()?;
    if prepared.levels.is_empty() {
        bail!(
            "there is no inbox to run the kernel on: --inputs FILE has them, and a file with `[[]]` has one without messages"
        );
    }
    let profile = profile(options, &prepared)?;
    if let Some(folder) = &options.output {
        write(&profile, folder)?;
    }
    if options.json {
        return output::line(profile.to_json());
    }
    profile.lines(Rows(options.rows)).iter().try_for_each(output::line)?;
    match &options.output {
        Some(folder) => output::line(format_args!("files in {}", folder.display())),
        None => Ok(()),
    }
}

fn profile(options: &Options, prepared: &Prepared) -> Result<Profile> {
    let mut pages = prepared.pages.clone();
    let mut reveals = RollupReveals { metadata: prepared.metadata, preimages: &mut pages };
    let mut debug = options.debug.sink();
    let mut machine = Machine::from_tree(&prepared.setup.boot(&prepared.kernel)?)?;
    let exact = TickExact::new();
    let mut profiler = Profiler::new(&exact);
    let mut profile = Profile::default();
    let count = prepared.levels.len();
    for (number, ReplayLevel { level, messages }) in (1..).zip(&prepared.levels) {
        progress(number, count);
        if machine.stuck_error().is_some() {
            break;
        }
        for (counter, message) in (0..).zip(messages) {
            machine.set_input(InputPlace { level: *level, counter }, message)?;
        }
        let is_told = !options.last_level || number == count;
        let runs = profiler
            .go_on(&mut machine, Until::Inbox, &mut reveals, &mut *debug)
            .with_context(|| format!("level {level}"))?;
        if is_told {
            profile.runs.extend(runs);
        }
    }
    progress(count + 1, count);
    Ok(profile)
}

/// Which level is looked into, on a terminal, if there are several.
fn progress(number: usize, count: usize) {
    let mut err = std::io::stderr();
    if count > 1 && err.is_terminal() {
        let text = if number > count { String::new() } else { format!("level {number} of {count}") };
        let _ = write!(err, "\r\x1b[2K{text}");
    }
}

/// Writes the files of a profile.
fn write(profile: &Profile, folder: &Path) -> Result<()> {
    make_folder(folder)?;
    for file in profile.files()? {
        write_whole(&folder.join(&file.name), file.text.as_bytes())?;
    }
    Ok(())
}

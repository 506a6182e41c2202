//! `soru pvm trace`: a run tick by tick.

use super::kernel::{DebugOptions, MachineOptions};
use super::progress::Progress;
use crate::UsageError;
use crate::engine::EngineChoice;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use soru_base::tick::Tick;
use soru_node::reveals::FilePreimages;
use soru_pvm::replay::{End, Observation, Outside, Tracer};
use std::io::{ErrorKind, Write};

#[derive(Args)]
pub(crate) struct TraceOptions {
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    debug: DebugOptions,
    #[command(flatten)]
    engine: EngineChoice,
    /// First tick to show
    #[arg(long, value_name = "TICK")]
    from: Option<u64>,
    /// Last tick: here the run stops, even if it would go on for ever
    #[arg(long, value_name = "TICK")]
    to: Option<u64>,
    /// Show every N-th tick, counted from --from
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    every: Option<u64>,
    /// Show these ticks only
    #[arg(long, value_name = "TICKS", value_delimiter = ',', conflicts_with_all = ["every", "from"])]
    ticks: Vec<u64>,
    /// Add the size of the proof of the tick that leads out of each state
    #[arg(long)]
    proofs: bool,
}

/// Which states are shown.
enum Shown {
    Ticks(Vec<u64>),
    Every(u64),
    Changes,
}

impl TraceOptions {
    fn shown(&self) -> Result<Shown> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(UsageError(format!("--from {from} --to {to}: from a tick to an earlier one")).into());
        }
        if !self.ticks.is_empty() {
            let mut ticks = self.ticks.clone();
            ticks.sort_unstable();
            ticks.dedup();
            if let (Some(to), Some(last)) = (self.to, ticks.last())
                && *last > to
            {
                return Err(UsageError(format!("--ticks {last} --to {to}: a tick after the last one")).into());
            }
            return Ok(Shown::Ticks(ticks));
        }
        Ok(match (self.every, self.from, self.to) {
            (Some(every), _, _) => Shown::Every(every),
            (None, Some(_), Some(_)) => Shown::Every(1),
            _ => Shown::Changes,
        })
    }
}

pub(super) fn trace(options: &TraceOptions) -> Result<()> {
    let shown = options.shown()?;
    let prepared = options.machine.prepare()?;
    let mut pages = FilePreimages::in_dir(".".as_ref());
    let mut reveals = prepared.reveals(&mut pages);
    let mut debug = options.debug.sink();
    let last = match &shown {
        Shown::Ticks(ticks) => ticks.last().copied(),
        _ => options.to,
    };
    let progress = Progress::new(last);
    let mut watch = |tick| progress.at(tick);
    let outside = Outside { reveals: &mut reveals, debug: &mut *debug, watch: &mut watch };
    let engine = options.engine.way()?;
    let mut tracer = Tracer::begin(prepared.setup.clone(), &prepared.kernel, &prepared.levels, outside)?;
    if let Some(engine) = &engine {
        tracer = tracer.with_engine(engine);
    }
    let print = |tracer: &mut Tracer<'_>| -> Result<()> {
        let line = tracer.observe(options.proofs)?.to_json();
        progress.beside(|| write(&line))
    };
    let until = Tick(options.to.unwrap_or(u64::MAX));
    let traced = (|| -> Result<()> {
        match &shown {
            Shown::Ticks(ticks) => {
                for tick in ticks {
                    tracer.set_max_reboots();
                    tracer.go_to(Tick(*tick))?;
                    print(&mut tracer)?;
                }
                Ok(())
            }
            Shown::Every(every) => {
                let from = options.from.unwrap_or(0);
                tracer.set_max_reboots();
                tracer.go_to(Tick(from))?;
                loop {
                    print(&mut tracer)?;
                    let Some(next) = tracer.tick().0.checked_add(*every).map(Tick) else { return Ok(()) };
                    if next > until {
                        return Ok(());
                    }
                    if let Some(end) = tracer.go_towards(next)? {
                        return over(&end, &tracer);
                    }
                }
            }
            Shown::Changes => {
                let from = options.from.unwrap_or(0);
                if from == 0 {
                    let initial = prepared.setup.initial_state()?.hash()?;
                    progress.beside(|| write(&Observation::initial(initial)))?;
                    print(&mut tracer)?;
                    if tracer.set_max_reboots() {
                        print(&mut tracer)?;
                    }
                } else {
                    tracer.go_to(Tick(from))?;
                    print(&mut tracer)?;
                }
                while tracer.tick() < until {
                    if let Some(end) = tracer.go_to_change(until)? {
                        return over(&end, &tracer);
                    }
                    print(&mut tracer)?;
                }
                Ok(())
            }
        }
    })();
    progress.finish(tracer.tick());
    match traced {
        Err(error) if error.is::<NobodyReads>() => Ok(()),
        traced => traced,
    }
}

/// The reader of standard output went away: the rest of the run, which may be long, is of use to nobody.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
struct NobodyReads;

fn write(line: &Value) -> Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Where no message is left, a run is over; where an answer is missing, it could go on.
fn over(end: &End, tracer: &Tracer<'_>) -> Result<()> {
    match end {
        End::NoMessage => Ok(()),
        end @ End::NoAnswer { .. } => bail!("tick {}: {end}", tracer.tick().0),
    }
}

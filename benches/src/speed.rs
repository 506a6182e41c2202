//! Engines side by side on the same kernels: in turns, so that a machine whose speed drifts is as fast for one as for the
//! others.

use crate::engine::{Engine, Ran, Ready};
use crate::kernels::{Bench, Size, Start, digest};
use crate::progress;
use crate::samples::Samples;
use anyhow::{Context, Result, ensure};
use std::time::Instant;

/// A kernel on all engines.
#[derive(Debug, Clone)]
pub(crate) struct KernelSpeed {
    /// The kernel.
    pub(crate) bench: Bench,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// The engines, each with what it took.
    pub(crate) engines: Vec<EngineSpeed>,
}

/// An engine on a kernel.
#[derive(Debug, Clone)]
pub(crate) struct EngineSpeed {
    /// The engine.
    pub(crate) engine: Engine,
    /// Ticks of the run that it made again and again.
    pub(crate) ticks: u64,
    /// Seconds of these runs, one a round.
    pub(crate) seconds: Samples,
    /// Seconds from the kernel's bytes to the end of a first run with next to no work; once.
    pub(crate) first: f64,
}

impl EngineSpeed {
    /// Ticks a second. Of an engine that counts none: those that the others count.
    pub(crate) fn rate(&self) -> Samples {
        self.seconds.map(|seconds| self.ticks as f64 / seconds)
    }
}

impl KernelSpeed {
    /// What one engine took.
    pub(crate) fn of(&self, engine: Engine) -> Option<&EngineSpeed> {
        self.engines.iter().find(|found| found.engine == engine)
    }

    /// How many times as long `slow` takes for a tick as `fast`, round by round.
    pub(crate) fn ratio(&self, slow: Engine, fast: Engine) -> Option<Samples> {
        Some(self.of(fast)?.rate().over(&self.of(slow)?.rate()))
    }
}

/// An engine at work.
struct Subject {
    engine: Engine,
    ready: Box<dyn Ready>,
    first: f64,
    seconds: Samples,
}

/// Runs all kernels on all engines, so many times.
pub(crate) fn measure(rounds: u32, quick: bool) -> Result<Vec<KernelSpeed>> {
    Bench::COMPARED.into_iter().map(|bench| kernel(bench, rounds, quick)).collect()
}

fn kernel(bench: Bench, rounds: u32, quick: bool) -> Result<KernelSpeed> {
    let large = if quick { Size::Quick } else { Size::Full };
    let [least, small, large] = [Size::Least, Size::Small, large].map(|size| bench.start(bench.rounds(size)));
    let (least, small, large) = (least?, small?, large?);
    let engines = Engine::all();
    let bar = progress::bar(
        format!("{}: {}", bench.name(), bench.about()),
        u64::from(rounds) * engines.len() as u64,
    );
    let mut subjects = Vec::new();
    for engine in engines {
        bar.set_message(engine.name());
        let subject = Subject::new(engine, &least, &small);
        subjects.push(subject.with_context(|| format!("{} on {}", bench.name(), engine.name()))?);
    }
    let small_ticks = agree(bench, &mut subjects, &small)?;
    let large_ticks = {
        let counted = Engine::TickExact.prepare(&large)?.run(&large)?.ticks;
        counted.context("tick-exact counts no ticks")?.0
    };
    for round in 0..rounds {
        // Each comes first once in a while.
        let shift = round as usize % subjects.len();
        subjects.rotate_left(shift);
        for subject in &mut subjects {
            bar.set_message(subject.engine.name());
            let start = if subject.engine.is_slow() { &small } else { &large };
            let ran = subject.ready.run(start);
            let ran = ran.with_context(|| format!("{} on {}", bench.name(), subject.engine.name()))?;
            subject.seconds.0.push(ran.time.as_secs_f64());
            bar.inc(1);
        }
        subjects.rotate_right(shift);
    }
    bar.finish_and_clear();
    let engines = subjects.into_iter().map(|Subject { engine, first, seconds, .. }| {
        let ticks = if engine.is_slow() { small_ticks } else { large_ticks };
        EngineSpeed { engine, ticks, seconds, first }
    });
    Ok(KernelSpeed { bench, bytes: large.kernel.length()?, engines: engines.collect() })
}

impl Subject {
    fn new(engine: Engine, least: &Start, small: &Start) -> Result<Self> {
        let at = Instant::now();
        let mut ready = engine.prepare(if engine.is_slow() { small } else { least })?;
        let first = if engine.is_slow() {
            engine.prepare(least)?.run(least)?.time.as_secs_f64()
        } else {
            ready.run(least)?;
            at.elapsed().as_secs_f64()
        };
        Ok(Self { engine, ready, first, seconds: Samples::default() })
    }
}

/// Whether all engines come to the same storage and the same ticks; says how many.
fn agree(bench: Bench, subjects: &mut [Subject], start: &Start) -> Result<u64> {
    let mut known: Option<(String, u64)> = None;
    for Subject { engine, ready, .. } in subjects {
        let Ran { ticks, durable, .. } = ready.run(start)?;
        let found = digest(&durable)?;
        let (storage, counted) =
            known.get_or_insert_with(|| (found.clone(), ticks.map_or(0, |ticks| ticks.0)));
        ensure!(found == *storage, "{}: {} leaves another storage than others", bench.name(), engine.name());
        if let Some(ticks) = ticks {
            let name = engine.name();
            ensure!(ticks.0 == *counted, "{}: {name} counts {} ticks, not {counted}", bench.name(), ticks.0);
        }
    }
    Ok(known.context("no engines")?.1)
}

//! All of it, one after another.

use crate::kernels::Bench;
use crate::report::{Host, Report};
use crate::{catch_up, commit, dispute, messages, speed};
use anyhow::{Context, Result};
use std::path::Path;
use std::str::FromStr;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Engines side by side.
    Engines,
    /// Refutation games about runs that take all their ticks.
    Disputes,
    /// Levels full of messages.
    Messages,
    /// A node that catches up.
    CatchUp,
    /// Levels stored in a large storage.
    Commit,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Engines, Self::Disputes, Self::Messages, Self::CatchUp, Self::Commit];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Engines => "engines",
            Self::Disputes => "disputes",
            Self::Messages => "messages",
            Self::CatchUp => "catch-up",
            Self::Commit => "commit",
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| format!("unknown part {name:?}: expected one of {}", names()))
    }
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Less of everything.
    pub quick: bool,
    /// The parts.
    pub parts: Vec<Part>,
    /// Rounds of engines, if not the usual number.
    pub rounds: Option<u32>,
    /// Levels to catch up, if not the usual number.
    pub levels: Option<u32>,
    /// External messages in each of them.
    pub messages: u32,
}

/// Bytes of an external message.
const MESSAGE_BYTES: usize = 100;

/// Measures, with an empty folder for files.
pub async fn measure(settings: &Settings, dir: &Path) -> Result<Report> {
    let Settings { quick, rounds, levels, messages, .. } = *settings;
    let mut report = Report::new(Host::here(), quick);
    let pick = move |full: u32, in_a_hurry: u32| if quick { in_a_hurry } else { full };
    for part in &settings.parts {
        match part {
            Part::Engines => {
                let rounds = rounds.unwrap_or(pick(7, 3));
                report.kernels = Some(at_work(move || speed::measure(rounds, quick)).await?);
            }
            Part::Disputes => {
                let benches: &[Bench] =
                    if quick { &[Bench::Compute] } else { &[Bench::Compute, Bench::Memory, Bench::Wide] };
                let play = || benches.iter().map(|bench| dispute::measure(*bench, RUN_TICKS)).collect();
                report.disputes = Some(at_work(play).await?);
            }
            Part::Messages => {
                let few = at_work(move || messages::measure(100, MESSAGE_BYTES, pick(100, 20))).await?;
                let many = at_work(move || messages::measure(10_000, MESSAGE_BYTES, pick(10, 3))).await?;
                report.messages = Some([few, many].concat());
            }
            Part::CatchUp => {
                let levels = levels.unwrap_or(pick(1_000, 100));
                let cost = catch_up::measure(dir, levels, messages, MESSAGE_BYTES).await;
                report.catch_up = Some(cost.context("catching up")?);
            }
            Part::Commit => {
                let dir = dir.to_owned();
                let keys = pick(1_000_000, 100_000);
                let cost = at_work(move || commit::measure(&dir, keys, 100, pick(50, 20))).await;
                report.commit = Some(cost.context("storing levels")?);
            }
        }
    }
    Ok(report)
}

/// Ticks of the runs that disputes are about: some less than the 11,000,000,000 that a run may take.
const RUN_TICKS: u64 = 10_990_000_000;

async fn at_work<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the benchmark failed")?
}

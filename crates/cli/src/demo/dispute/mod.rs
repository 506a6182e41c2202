//! `soru demo dispute`: adversaries commit to lies, and an honest operator takes their deposits. Every figure is read from
//! the blocks of the layer-1 and their receipts.

mod cast;
mod kernel;
mod picture;
mod record;
mod report;
mod tale;
mod tell;
mod watch;

use super::{Run, play};
use crate::demo::{house::House, story::Story};
use crate::output;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use soru_dispute::Spec;
use std::time::Duration;

/// Show a dispute live: adversaries commit to lies and lose their deposits to an honest operator.
///
/// Everything runs in a temporary folder and on free ports, and is gone at the end. Exit code 0 only if the honest operator
/// won all of its games, lost nothing, and its commitment was cemented.
#[derive(Args)]
pub(super) struct Options {
    /// What an adversary does: a name of --list-adversaries, NAME@LEVEL, or at:LEVEL:MESSAGE:TICK; repeatable
    #[arg(long = "adversary", value_name = "SPEC", default_value = "eval")]
    adversaries: Vec<Spec>,
    /// List the adversaries there are, and what each lies about; with --json as JSON
    #[arg(long)]
    list_adversaries: bool,
    #[command(flatten)]
    run: Run,
    /// Seconds between two blocks
    #[arg(long, default_value_t = 0.5, value_name = "SECONDS")]
    block_time: f64,
    /// Blocks in a commitment period
    #[arg(long, default_value_t = 5, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..))]
    commitment_period: u32,
    /// Blocks during which a commitment can be refuted
    #[arg(long, default_value_t = 16, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..))]
    challenge_window: u32,
    /// Blocks that a player has for all of its moves in a game
    #[arg(long, default_value_t = 40, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout_period: u32,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    timeout: u64,
}

/// What is left to end everything in order when time is up.
const GRACE: u64 = 20;

pub(super) async fn run(options: Options) -> Result<()> {
    if options.list_adversaries {
        return list(options.run.json);
    }
    let told = async |house: &mut House, story: &mut Story| tale::tell(&options, house, story).await;
    play(&options.run, options.timeout.saturating_add(GRACE), told).await
}

/// Prints what there is.
fn list(json: bool) -> Result<()> {
    let zoo = soru_dispute::zoo();
    if json {
        let all: Vec<Value> =
            zoo.iter().map(|kind| json!({ "name": kind.name, "lies": kind.lies })).collect();
        return output::line(Value::from(all));
    }
    let width = zoo.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
    zoo.iter().try_for_each(|kind| output::line(format_args!("{:<width$}  {}", kind.name, kind.lies)))
}

impl Options {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

//! `soru demo`: a rollup lives, on this machine, from origination to an executed outbox message; `soru demo dispute`: what
//! becomes of a liar.

mod dispute;
mod house;
mod process;
mod report;
mod stage;
mod story;
mod tale;

use crate::engine::EngineChoice;
use crate::lifeline;
use crate::output;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use house::House;
use serde_json::Value;
use soru_base::profile::ProfileName;
use std::path::PathBuf;
use std::time::Duration;
use story::Story;

/// Show a rollup live: layer-1, two rollup nodes, messages, commitments, an executed outbox message.
///
/// Everything runs in a temporary folder and on free ports, and is gone at the end. Exit code 0 only if both nodes had the
/// same state at every level and the outbox message changed the contract.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    run: Run,
    /// Stop what an earlier `--keep-running` left in that folder, and remove it
    #[arg(long, value_name = "DIR", exclusive = true)]
    stop: Option<PathBuf>,
    /// Seconds between two blocks
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    block_time: f64,
    /// Blocks in a commitment period
    #[arg(long, default_value_t = 5, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..))]
    commitment_period: u32,
    /// Blocks during which a commitment can be refuted
    #[arg(long, default_value_t = 8, value_name = "BLOCKS", value_parser = clap::value_parser!(u32).range(1..))]
    challenge_window: u32,
    /// Levels at which the states of the nodes are compared, at least
    #[arg(long, default_value_t = 20)]
    levels: u32,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Subcommand)]
enum Other {
    /// Show a dispute live: adversaries commit to lies and lose their deposits to an honest operator
    Dispute(dispute::Options),
}

/// How a demo is run, whichever it is.
#[derive(Args)]
struct Run {
    /// Print one JSON object at the end; the story goes to standard error
    #[arg(long)]
    json: bool,
    /// Leave the layer-1 and the nodes running at the end, and print their addresses
    #[arg(long)]
    keep_running: bool,
    /// Network to imitate: alpha (the document's) or mainnet (today's)
    #[arg(long, default_value = "alpha")]
    profile: ProfileName,
    #[command(flatten)]
    engine: EngineChoice,
}

/// What a demo found.
trait Ending {
    /// Names and addresses of what runs.
    fn addresses(&self) -> &[(String, String)];
    /// The object of `--json`.
    fn to_json(&self) -> Value;
    /// What is not as it should be.
    fn complaint(&self) -> Option<String>;
    /// One sentence for somebody who saw it all.
    fn summary(&self) -> String;
}

pub(crate) async fn run(options: Options) -> Result<()> {
    if let Some(Other::Dispute(options)) = options.other {
        return dispute::run(options).await;
    }
    if let Some(dir) = &options.stop {
        return house::stop(dir).await;
    }
    let told = async |house: &mut House, story: &mut Story| tale::tell(&options, house, story).await;
    play(&options.run, options.timeout, told).await
}

/// Lets a story be told to its end, unless it takes too long or is interrupted. Nothing of it is left, unless asked to.
async fn play<E: Ending>(
    run: &Run,
    timeout: u64,
    tell: impl AsyncFnOnce(&mut House, &mut Story) -> Result<E>,
) -> Result<()> {
    let mut story = Story::new(run.json);
    let mut house = House::new(run.keep_running)?;
    let told = tokio::select! {
        told = tell(&mut house, &mut story) => told,
        () = lifeline::ended() => Err(anyhow::anyhow!("interrupted")),
        () = tokio::time::sleep(Duration::from_secs(timeout)) => {
            Err(anyhow::anyhow!("not finished after {timeout} seconds (--timeout)"))
        }
    };
    let ending = match told {
        Ok(ending) => ending,
        Err(e) => {
            let logs = house.last_words();
            house.close().await;
            return Err(anyhow::anyhow!("the demo failed: {}{logs}", crate::chain(&e)));
        }
    };
    if run.keep_running {
        let dir = house.leave()?;
        story.chapter("All of it goes on");
        for (name, url) in ending.addresses() {
            story.fact(name, url);
        }
        story.fact("folder", dir.display());
        story.fact("stop it with", format_args!("soru demo --stop {}", dir.display()));
    } else {
        house.close().await;
    }
    if run.json {
        output::line(ending.to_json())?;
    }
    if let Some(complaint) = ending.complaint() {
        bail!("{complaint}");
    }
    story.say("");
    story.say(&ending.summary());
    Ok(())
}

//! `soru demo`: a rollup lives, on this machine, from origination to an executed outbox message.

mod house;
mod process;
mod report;
mod story;
mod tale;

use crate::lifeline;
use crate::output;
use anyhow::{Result, bail};
use clap::Args;
use house::House;
use soru_base::profile::ProfileName;
use std::path::PathBuf;
use std::time::Duration;
use story::Story;

/// Show a rollup live: layer-1, two rollup nodes, messages, commitments, an executed outbox message.
///
/// Everything runs in a temporary folder and on free ports, and is gone at the end. Exit code 0 only if both nodes had the
/// same state at every level and the outbox message changed the contract.
#[derive(Args)]
pub(crate) struct Options {
    /// Print one JSON object at the end; the story goes to standard error
    #[arg(long)]
    json: bool,
    /// Leave the layer-1 and the nodes running at the end, and print their addresses
    #[arg(long)]
    keep_running: bool,
    /// Stop what an earlier `soru demo --keep-running` left in that folder, and remove it
    #[arg(long, value_name = "DIR", exclusive = true)]
    stop: Option<PathBuf>,
    /// Network to imitate: alpha (the document's) or mainnet (today's)
    #[arg(long, default_value = "alpha")]
    profile: ProfileName,
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
    /// Compiler of the nodes: cranelift or singlepass
    #[arg(long)]
    wasm_compiler: Option<soru_engine::Compiler>,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    if let Some(dir) = &options.stop {
        return house::stop(dir).await;
    }
    let mut story = Story::new(options.json);
    let mut house = House::new(options.keep_running)?;
    let told = tokio::select! {
        told = tale::tell(&options, &mut house, &mut story) => told,
        () = lifeline::ended() => Err(anyhow::anyhow!("interrupted")),
        () = tokio::time::sleep(Duration::from_secs(options.timeout)) => {
            Err(anyhow::anyhow!("not finished after {} seconds (--timeout)", options.timeout))
        }
    };
    let report = match told {
        Ok(report) => report,
        Err(e) => {
            let logs = house.last_words();
            house.close().await;
            return Err(anyhow::anyhow!("the demo failed: {}{logs}", crate::chain(&e)));
        }
    };
    if options.keep_running {
        let dir = house.leave()?;
        story.chapter("All of it goes on");
        for (name, url) in &report.addresses {
            story.fact(name, url);
        }
        story.fact("folder", dir.display());
        story.fact("stop it with", format_args!("soru demo --stop {}", dir.display()));
    } else {
        house.close().await;
    }
    if options.json {
        output::line(report.to_json())?;
    }
    if !report.is_ok() {
        bail!("{}", report.complaint());
    }
    story.say("");
    story.say(&report.summary());
    Ok(())
}

//! `soru sandbox`: the embedded layer-1.

use crate::{lifeline, output};
use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use soru_base::profile::ProfileName;
use soru_l1::Client;
use soru_sandbox::{Baking, Config, Sandbox};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Run the embedded layer-1, or steer one that runs.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a layer-1 until it is interrupted; started again in the same folder it goes on where it was
    Run(RunOptions),
    /// Make blocks at once
    Bake {
        /// How many
        #[arg(default_value_t = 1)]
        count: u32,
        #[command(flatten)]
        endpoint: Endpoint,
    },
    /// Replace the last blocks by a longer branch
    Reorg {
        /// How many blocks to give up
        #[arg(long)]
        depth: u32,
        /// How many blocks to make instead [default: one more than the depth]
        #[arg(long)]
        blocks: Option<u32>,
        #[command(flatten)]
        endpoint: Endpoint,
    },
}

#[derive(Args)]
struct Endpoint {
    /// Address of its RPC
    #[arg(long, short = 'E', default_value = "http://127.0.0.1:8732")]
    endpoint: String,
}

#[derive(Args)]
pub(crate) struct RunOptions {
    /// Folder of the chain; made if it is not there
    #[arg(long, default_value = "soru-sandbox")]
    pub(crate) data_dir: PathBuf,
    /// Where the RPC listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8732")]
    pub(crate) rpc_addr: SocketAddr,
    /// Network to imitate: alpha (the document's) or mainnet (today's)
    #[arg(long, default_value = "alpha")]
    pub(crate) profile: ProfileName,
    /// Seconds between two blocks
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", conflicts_with = "on_demand")]
    pub(crate) block_time: f64,
    /// Make blocks only when `soru sandbox bake` asks for them
    #[arg(long)]
    pub(crate) on_demand: bool,
    /// Set a constant, as smart_rollup_commitment_period_in_blocks=4; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) constant: Vec<String>,
    /// For how many blocks below the head the ledger is kept [default: 100000]
    #[arg(long, value_name = "BLOCKS")]
    pub(crate) kept_ledgers: Option<u32>,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Run(options) => serve(options).await,
        Command::Bake { count, endpoint } => {
            steer(&endpoint, "/sandbox/bake", &json!({ "count": count })).await
        }
        Command::Reorg { depth, blocks, endpoint } => {
            let blocks = blocks.unwrap_or_else(|| depth.saturating_add(1));
            steer(&endpoint, "/sandbox/reorg", &json!({ "depth": depth, "blocks": blocks })).await
        }
    }
}

pub(crate) async fn serve(options: RunOptions) -> Result<()> {
    let mut config = Config::new(options.data_dir);
    config.profile = options.profile;
    config.rpc_addr = options.rpc_addr;
    config.baking = if options.on_demand {
        Baking::OnDemand
    } else {
        let time = Duration::try_from_secs_f64(options.block_time)
            .map_err(|e| anyhow!("--block-time {}: {e}", options.block_time))?;
        Baking::Every(time)
    };
    for constant in &options.constant {
        let Some((name, value)) = constant.split_once('=') else {
            bail!("--constant {constant}: expected NAME=VALUE");
        };
        config.overrides.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    if let Some(kept) = options.kept_ledgers {
        config.kept_ledgers = kept;
    }
    // Before anybody is told that it runs, and may want it to end.
    let ended = lifeline::ended();
    let running = Sandbox::start(config).await?;
    // For a program that started this one: the address, once it answers.
    output::line(format_args!("ready {}", running.url()))?;
    ended.await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

async fn steer(endpoint: &Endpoint, path: &str, body: &Value) -> Result<()> {
    let client = Client::new(&endpoint.endpoint, soru_base::IdFamily::Alpha)?;
    let answer = client.post(path, body).await?;
    output::line(answer)
}

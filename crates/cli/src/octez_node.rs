//! `octez-node`: the embedded layer-1 with the words of Octez's node.

mod config;

use crate::{output, sandbox};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use config::NodeConfig;
use std::path::PathBuf;

/// Run Soru's embedded layer-1 with the words of Octez's node. It imitates a network and joins none.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write, change or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Identities are for peers
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Run the layer-1 until it is interrupted; started again in the same folder it goes on where it was
    Run(Settings),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Write config.json into the folder of the chain
    Init(Settings),
    /// Change what is given
    Update(Settings),
    /// Write config.json again, with nothing but what is given
    Reset(Settings),
    /// Show config.json
    Show(Settings),
}

#[derive(Subcommand)]
enum IdentityCommand {
    /// Say that none is needed: there are no peers
    Generate {
        /// Work that peers would ask for
        difficulty: Option<f64>,
        /// Folder of the chain
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// What the command line says; the rest is that of config.json.
#[derive(Args)]
struct Settings {
    /// Folder of the chain; made if it is not there
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Network to imitate: mainnet or ghostnet (today's), sandbox or the address of a test network (the document's)
    /// [default: sandbox]
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// Where the RPC listens, as HOST or HOST:PORT [default: 127.0.0.1, and port 8732]
    #[arg(long, value_name = "HOST[:PORT]")]
    rpc_addr: Option<String>,
    /// Seconds between two blocks [default: 1]
    #[arg(long, value_name = "SECONDS", help_heading = "Of Soru's sandbox")]
    block_time: Option<f64>,
    /// Set a constant, as smart_rollup_commitment_period_in_blocks=4; repeatable
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Of Soru's sandbox")]
    constant: Vec<String>,
    #[command(flatten)]
    peers: Peers,
}

/// What a node that has peers is told.
#[derive(Args)]
#[command(next_help_heading = "Taken without effect, as there are no peers")]
struct Peers {
    /// Where peers connect to
    #[arg(long)]
    net_addr: Option<String>,
    /// How many peers
    #[arg(long)]
    connections: Option<u32>,
    /// Work that peers have to show
    #[arg(long)]
    expected_pow: Option<f64>,
    /// How many peers have to agree
    #[arg(long)]
    synchronisation_threshold: Option<u32>,
    /// Look for no peers at the usual places
    #[arg(long)]
    no_bootstrap_peers: bool,
    /// Take no peers but those that are named
    #[arg(long)]
    private_mode: bool,
}

impl Peers {
    fn are_meant(&self) -> bool {
        self.net_addr.is_some()
            || self.connections.is_some()
            || self.expected_pow.is_some()
            || self.synchronisation_threshold.is_some()
            || self.no_bootstrap_peers
            || self.private_mode
    }
}

pub(crate) async fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Run(settings) => {
            let config = NodeConfig::read(&settings.data_dir)?.unwrap_or_default();
            if let (Some(given), Some(written)) = (&settings.network, &config.network)
                && given != written
            {
                bail!(
                    "--network {given}: the configuration in {} is for {written}",
                    settings.data_dir.display()
                );
            }
            serve(config.with(&settings)?, &settings).await
        }
        Command::Config(command) => configure(&command),
        Command::Identity(IdentityCommand::Generate { .. }) => {
            output::line("No identity is generated: the embedded layer-1 has no peers.")
        }
    }
}

fn configure(command: &ConfigCommand) -> Result<()> {
    let (settings, from) = match command {
        ConfigCommand::Init(settings) => {
            let path = NodeConfig::path_in(&settings.data_dir);
            if path.exists() {
                bail!(
                    "{} exists already: `config update` changes it, `config reset` replaces it",
                    path.display()
                );
            }
            (settings, NodeConfig::default())
        }
        ConfigCommand::Reset(settings) => (settings, NodeConfig::default()),
        ConfigCommand::Update(settings) => {
            (settings, NodeConfig::read(&settings.data_dir)?.unwrap_or_default())
        }
        ConfigCommand::Show(settings) => {
            let config = NodeConfig::read(&settings.data_dir)?.unwrap_or_default().with(settings)?;
            return output::json(&config.to_json());
        }
    };
    let config = from.with(settings)?;
    let path = config.write(&settings.data_dir)?;
    output::line(format_args!("Created {} for network: {}.", path.display(), config.network()))
}

async fn serve(config: NodeConfig, settings: &Settings) -> Result<()> {
    let profile = config.profile()?;
    tracing::warn!(
        "this is Soru's embedded layer-1: it imitates {} (profile {profile}) and joins no network",
        config.network()
    );
    if settings.peers.are_meant() {
        tracing::warn!("there are no peers: what was said about them has no effect");
    }
    sandbox::serve(sandbox::RunOptions {
        data_dir: settings.data_dir.clone(),
        rpc_addr: config.rpc_addr()?,
        profile,
        block_time: config.block_time(),
        on_demand: false,
        constant: config.constants(),
        kept_ledgers: None,
    })
    .await
}

//! `soru node`: configure and run a rollup node.

use crate::output;
use crate::phrase::{self, Parameters, Phrase};
use crate::wallet::Wallet;
use crate::{UsageError, client, lifeline};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use soru_base::PublicKeyHash;
use soru_dispute::Spec;
use soru_l1::{Client, L1Error};
use soru_node::{Config, Mode, Purpose};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Configure and run a rollup node.
#[derive(Args)]
#[command(after_long_help = phrase::help(GRAMMAR))]
pub(crate) struct Options {
    /// Folder of the wallet
    #[arg(long, short = 'd', env = "TEZOS_CLIENT_DIR")]
    base_dir: Option<PathBuf>,
    /// Folder of the rollup node
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Address of the layer-1's RPC [default: that of config.json or of the client's `config`, or http://127.0.0.1:8732]
    #[arg(long, short = 'E')]
    endpoint: Option<String>,
    /// Address that the node's RPC listens on
    #[arg(long)]
    rpc_addr: Option<std::net::IpAddr>,
    /// Port of the node's RPC; 0 takes a free one
    #[arg(long)]
    rpc_port: Option<u16>,
    /// Serve Prometheus metrics there as well
    #[arg(long)]
    metrics_addr: Option<std::net::SocketAddr>,
    /// Compiler of the fast engine: cranelift or singlepass [default: cranelift, or OCTEZ_WASMER_COMPILER]
    #[arg(long)]
    wasm_compiler: Option<soru_engine::Compiler>,
    /// Seconds that one call of kernel_run may take
    #[arg(long, value_name = "SECONDS")]
    kernel_deadline: Option<u64>,
    /// Log what kernels write for debugging
    #[arg(long)]
    log_kernel_debug: bool,
    /// LIE, TO TRY HONEST PLAYERS ON: commit to falsehoods and defend them in games, and lose the deposit. Only against
    /// the embedded layer-1. SPEC is a name of `soru demo dispute --list-adversaries`, NAME@LEVEL, or
    /// at:LEVEL:MESSAGE:TICK
    #[arg(long, value_name = "SPEC", help_heading = "Adversaries, for tests")]
    adversary: Option<Spec>,
    /// Overwrite a configuration
    #[arg(long)]
    force: bool,
    /// The command, in words
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    Init,
    Run,
    RunWith,
}

/// What a node is started with; all of it can be written down, too.
const SETTINGS: &[&str] = &[
    "base-dir",
    "data-dir",
    "endpoint",
    "rpc-addr",
    "rpc-port",
    "metrics-addr",
    "wasm-compiler",
    "kernel-deadline",
    "log-kernel-debug",
];

pub(crate) static GRAMMAR: &[Phrase<Command>] = &[
    Phrase {
        words: "init <mode> config for <rollup> with operators <operators...>",
        about: "Write config.json. Operators: one account for everything, or PURPOSE:ACCOUNT with the purposes \
                publish, add_messages (more than once: each sends a batch in a block), cement, refute",
        options: &["force"],
        id: Command::Init,
    },
    Phrase {
        words: "init <mode> config for <rollup>",
        about: "The same, for a mode that signs nothing",
        options: &["force"],
        id: Command::Init,
    },
    Phrase {
        words: "run",
        about: "Run the node that is configured in --data-dir",
        options: &["adversary"],
        id: Command::Run,
    },
    Phrase {
        words: "run <mode> for <rollup> with operators <operators...>",
        about: "Run a node without a configuration file",
        options: &["adversary"],
        id: Command::RunWith,
    },
    Phrase {
        words: "run <mode> for <rollup>",
        about: "The same, for a mode that signs nothing",
        options: &["adversary"],
        id: Command::RunWith,
    },
];

pub(crate) async fn run(options: Options, given: &[String]) -> Result<()> {
    let (phrase, parameters) = phrase::parse(GRAMMAR, &options.words)?;
    phrase.check_options(given, SETTINGS)?;
    let wallet = Wallet::open(client::base_dir(options.base_dir.as_deref()));
    match phrase.id {
        Command::Init => {
            let config = with_options(from_words(&parameters, &wallet, &options)?, &options);
            let path = config.init(options.force)?;
            output::line(format_args!("Smart rollup node configuration written in {}", path.display()))
        }
        Command::Run => {
            let config = with_options(Config::read(&data_dir(&options)?)?, &options);
            serve(config, &options, &wallet).await
        }
        Command::RunWith => {
            let config = with_options(from_words(&parameters, &wallet, &options)?, &options);
            serve(config, &options, &wallet).await
        }
    }
}

fn data_dir(options: &Options) -> Result<PathBuf> {
    options
        .data_dir
        .clone()
        .ok_or_else(|| UsageError("--data-dir is missing: the folder of the rollup node".to_owned()).into())
}

fn from_words(parameters: &Parameters, wallet: &Wallet, options: &Options) -> Result<Config> {
    let mode: Mode = parameters.get("mode").parse().map_err(|e| anyhow!("{e}"))?;
    let word = parameters.get("rollup");
    // The text decides how identifiers are printed, so it is kept as it was written.
    let rollup = match word.parse::<soru_base::RollupAddress>() {
        Ok(_) => word.to_owned(),
        Err(_) => wallet.rollup_text(word)?,
    };
    let (operators, more_batchers) = operators(mode, parameters.rest("operators"), wallet)?;
    Ok(Config { more_batchers, ..Config::new(mode, &rollup, operators, data_dir(options)?)? })
}

/// Where nothing else is said, the layer-1 is that of the client: `config` in the wallet's folder names it.
fn with_endpoint_of_client(mut config: Config, options: &Options) -> Result<Config> {
    if config.options.endpoint == soru_node::config::DEFAULT_ENDPOINT && options.endpoint.is_none() {
        let base_dir = client::base_dir(options.base_dir.as_deref());
        config.options.endpoint = client::ClientConfig::read(&base_dir)?.endpoint().to_owned();
    }
    Ok(config)
}

/// Who signs what, and who else adds messages.
fn operators(
    mode: Mode,
    words: &[String],
    wallet: &Wallet,
) -> Result<(BTreeMap<Purpose, PublicKeyHash>, Vec<PublicKeyHash>)> {
    let (mut operators, mut more_batchers) = (BTreeMap::new(), Vec::new());
    let mut batches = false;
    for word in words {
        match word.split_once(':') {
            Some((purpose, account)) => {
                let Some(purpose) = Purpose::ALL.into_iter().find(|p| p.name() == purpose) else {
                    bail!(
                        "unknown purpose `{purpose}` in `{word}`: expected publish, add_messages, cement or refute"
                    );
                };
                let account = wallet.account(account)?;
                if purpose == Purpose::AddMessages && batches {
                    more_batchers.push(account);
                } else {
                    batches |= purpose == Purpose::AddMessages;
                    operators.insert(purpose, account);
                }
            }
            None => {
                for (purpose, account) in Config::operators_for(mode, wallet.account(word)?) {
                    operators.entry(purpose).or_insert(account);
                }
            }
        }
    }
    Ok((operators, more_batchers))
}

fn with_options(mut config: Config, options: &Options) -> Config {
    let set = &mut config.options;
    if let Some(endpoint) = &options.endpoint {
        set.endpoint.clone_from(endpoint);
    }
    if let Some(addr) = options.rpc_addr {
        set.rpc_addr = addr;
    }
    if let Some(port) = options.rpc_port {
        set.rpc_port = port;
    }
    if options.metrics_addr.is_some() {
        set.metrics_addr = options.metrics_addr;
    }
    if options.wasm_compiler.is_some() {
        set.wasm_compiler = options.wasm_compiler;
    }
    if let Some(seconds) = options.kernel_deadline {
        set.kernel_deadline = std::time::Duration::from_secs(seconds);
    }
    set.log_kernel_debug |= options.log_kernel_debug;
    if let Some(dir) = &options.data_dir {
        config.data_dir.clone_from(dir);
    }
    config
}

async fn serve(config: Config, options: &Options, wallet: &Wallet) -> Result<()> {
    let mut config = with_endpoint_of_client(config, options)?;
    if let Some(spec) = &options.adversary {
        check_sandbox(&config).await?;
        let endpoint = &config.options.endpoint;
        tracing::warn!(
            "ADVERSARY {spec}: the deposit of this node's operator will be lost on {endpoint}, which is Soru's sandbox"
        );
        config.adversary = Some(spec.clone());
    }
    let mut signers = soru_node::Signers::new();
    for account in config.operators.values().chain(&config.more_batchers).collect::<BTreeSet<_>>() {
        signers.push(Arc::new(wallet.secret_key(account)?));
    }
    // Before anybody is told that it runs, and may want it to end.
    let ended = lifeline::ended();
    let node = soru_node::start(config, signers).await?;
    // For a program that started this one: the address, once it answers.
    output::line(format_args!("ready http://{}", node.rpc_addr()))?;
    Ok(node.run(ended).await?)
}

/// An adversary gives its deposit away: that is for a layer-1 without value only. The sandbox is known by an RPC that no
/// other layer-1 has, about the very chain that it serves.
async fn check_sandbox(config: &Config) -> Result<()> {
    let endpoint = &config.options.endpoint;
    let client = Client::new(endpoint, config.ids)?;
    let refusal = || {
        anyhow!(
            "--adversary: the layer-1 at {endpoint} is not Soru's sandbox (`soru sandbox run`): an adversary lies and loses \
             its deposit, which is for tests only"
        )
    };
    let unknown = |e: L1Error| match e.is_transient() {
        true => anyhow!(e).context(format!("--adversary: cannot tell what runs at {endpoint}")),
        false => refusal(),
    };
    let chain = client.chain_id().await.map_err(unknown)?.to_string();
    let info = client.get("/sandbox/info").await.map_err(unknown)?;
    if info["chain_id"].as_str() == Some(&chain) { Ok(()) } else { Err(refusal()) }
}

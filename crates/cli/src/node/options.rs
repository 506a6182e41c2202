//! Options of the rollup node, and what they do to a configuration.

use super::foreign::Foreign;
use crate::engine::EngineChoice;
use crate::phrase;
use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use soru_dispute::Spec;
use soru_node::batcher::Settings;
use soru_node::config::{FeeParameter, HistoryMode, Purpose, options};
use soru_node::{Config, rpc};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Configure and run a rollup node.
#[derive(Args)]
#[command(after_long_help = phrase::help(super::GRAMMAR))]
pub(crate) struct Options {
    /// Folder of the wallet
    #[arg(long, short = 'd', env = "TEZOS_CLIENT_DIR")]
    pub(super) base_dir: Option<PathBuf>,
    /// Passwords of encrypted keys, one a line [default: that of the client's `config`; else they are asked for]
    #[arg(long, short = 'f', value_name = "FILE")]
    pub(super) password_filename: Option<PathBuf>,
    /// Folder of the rollup node
    #[arg(long)]
    pub(super) data_dir: Option<PathBuf>,
    /// The configuration file [default: config.json in the folder of the node]
    #[arg(long, value_name = "FILE")]
    pub(super) config_file: Option<PathBuf>,
    /// Address of the layer-1's RPC [default: that of config.json or of the client's `config`, or http://127.0.0.1:8732]
    #[arg(long, short = 'E')]
    pub(super) endpoint: Option<String>,
    /// What the node does, where there is no configuration file, or instead of what it says
    #[arg(long)]
    pub(super) mode: Option<String>,
    /// The rollup, where there is no configuration file, or instead of what it says
    #[arg(long)]
    pub(super) rollup: Option<String>,
    /// Address that the node's RPC listens on
    #[arg(long, value_parser = options::parse_addr)]
    rpc_addr: Option<IpAddr>,
    /// Port of the node's RPC; 0 takes a free one
    #[arg(long)]
    rpc_port: Option<u16>,
    /// Whether others may use the routes that make the node do something: secure (none) or allow-all
    #[arg(long, value_name = "KIND")]
    acl_override: Option<Acl>,
    /// Origins of pages in browsers that may use the RPC, with commas between them, or *
    #[arg(long, value_delimiter = ',', value_name = "ORIGINS")]
    cors_origins: Option<Vec<String>>,
    /// Headers that they may send
    #[arg(long, value_delimiter = ',', value_name = "HEADERS")]
    cors_headers: Option<Vec<String>>,
    /// Serve Prometheus metrics there as well: ADDR:PORT or :PORT
    #[arg(long, value_parser = options::parse_metrics_addr)]
    metrics_addr: Option<SocketAddr>,
    #[command(flatten)]
    engine: EngineChoice,
    /// Seconds that one call of kernel_run may take
    #[arg(long, value_name = "SECONDS")]
    kernel_deadline: Option<u64>,
    /// Seconds that a simulation may take
    #[arg(long, value_name = "SECONDS")]
    simulation_deadline: Option<u64>,
    /// Which states are kept: full or archive
    #[arg(long, value_name = "MODE", value_parser = HistoryMode::parse)]
    history_mode: Option<HistoryMode>,
    /// Blocks between two collections of dead states
    #[arg(long, value_name = "BLOCKS")]
    gc_frequency: Option<u32>,
    /// Seconds between two attempts to reach the layer-1, at most
    #[arg(long, value_name = "SECONDS")]
    reconnection_delay: Option<f64>,
    /// Where pages of the reveal channel are fetched that are not in files: http://…
    #[arg(long, value_name = "URL", value_parser = options::parse_web_address)]
    pre_images_endpoint: Option<String>,
    /// File of the kernel, if no operation originated the rollup
    #[arg(long, value_name = "FILE")]
    boot_sector_file: Option<PathBuf>,
    /// Blocks for which the status of an included message is kept
    #[arg(long, value_name = "BLOCKS")]
    injector_retention_period: Option<u32>,
    /// Blocks after which an operation that is in no block is sent again
    #[arg(long, value_name = "BLOCKS")]
    injection_ttl: Option<u32>,
    /// A limit on the cost of operations, as publish:fee-cap=2000000; may be given more than once
    #[arg(long, value_name = "PURPOSE:KEY=AMOUNT", value_parser = fee_parameter)]
    fee_parameter: Vec<(Purpose, FeeParameter)>,
    /// Log what kernels write for debugging
    #[arg(long)]
    log_kernel_debug: bool,
    /// Into this file, instead of into the log
    #[arg(long, value_name = "FILE", requires = "log_kernel_debug")]
    log_kernel_debug_file: Option<PathBuf>,
    /// End an observer when somebody publishes what it did not compute
    #[arg(long)]
    bail_on_disagree: bool,
    /// LIE, TO TRY HONEST PLAYERS ON: commit to falsehoods and defend them in games, and lose the deposit. Only against
    /// the embedded layer-1. SPEC is a name of `soru demo dispute --list-adversaries`, NAME@LEVEL, or
    /// at:LEVEL:MESSAGE:TICK
    #[arg(long, value_name = "SPEC", help_heading = "Adversaries, for tests")]
    pub(super) adversary: Option<Spec>,
    /// Overwrite a configuration
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) foreign: Foreign,
    /// The command, in words
    #[arg(value_name = "WORDS")]
    pub(super) words: Vec<String>,
}

/// What a node is started with; all of it can be written down, too.
pub(super) const SETTINGS: &[&str] = &[
    "base-dir",
    "password-filename",
    "data-dir",
    "config-file",
    "endpoint",
    "rpc-addr",
    "rpc-port",
    "acl-override",
    "cors-origins",
    "cors-headers",
    "metrics-addr",
    "engine",
    "wasm-compiler",
    "kernel-deadline",
    "simulation-deadline",
    "history-mode",
    "gc-frequency",
    "reconnection-delay",
    "pre-images-endpoint",
    "boot-sector-file",
    "injector-retention-period",
    "injection-ttl",
    "fee-parameter",
    "log-kernel-debug",
    "log-kernel-debug-file",
    "bail-on-disagree",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Acl {
    Secure,
    #[value(alias = "allow_all")]
    AllowAll,
}

fn fee_parameter(text: &str) -> Result<(Purpose, FeeParameter), String> {
    let (kind, limit) = text.split_once(':').ok_or("expected PURPOSE:KEY=AMOUNT")?;
    let purpose = Purpose::of_operation(kind).ok_or_else(|| {
        let known: Vec<&str> = Purpose::ALL.into_iter().map(Purpose::operation).collect();
        format!("unknown kind of operation `{kind}`: expected one of {}", known.join(", "))
    })?;
    Ok((purpose, limit.parse()?))
}

impl Options {
    /// A configuration, with what is said here instead of what it says.
    pub(super) fn put_into(&self, mut config: Config) -> Result<Config> {
        let above_zero = |name: &str, n: u32| match n {
            0 => Err(anyhow!("--{name}: expected a number above 0")),
            n => Ok(n),
        };
        let set = &mut config.options;
        fn put<T: Clone>(place: &mut T, said: Option<&T>) {
            if let Some(said) = said {
                place.clone_from(said);
            }
        }
        put(&mut set.endpoint, self.endpoint.as_ref());
        put(&mut set.rpc_addr, self.rpc_addr.as_ref());
        put(&mut set.rpc_port, self.rpc_port.as_ref());
        put(&mut set.cors.origins, self.cors_origins.as_ref());
        put(&mut set.cors.headers, self.cors_headers.as_ref());
        put(&mut set.history_mode, self.history_mode.as_ref());
        match self.acl_override {
            Some(Acl::Secure) => set.rpc_allow.clear(),
            Some(Acl::AllowAll) => set.rpc_allow = rpc::WRITE_ROUTES.map(str::to_owned).to_vec(),
            None => (),
        }
        set.metrics_addr = self.metrics_addr.or(set.metrics_addr);
        set.engine = self.engine.engine.or(set.engine);
        set.wasm_compiler = self.engine.wasm_compiler.or(set.wasm_compiler);
        set.kernel_deadline = self.kernel_deadline.map_or(set.kernel_deadline, Duration::from_secs);
        set.simulation_deadline =
            self.simulation_deadline.map_or(set.simulation_deadline, Duration::from_secs);
        if let Some(blocks) = self.gc_frequency {
            set.gc_period = above_zero("gc-frequency", blocks)?;
        }
        if let Some(seconds) = self.reconnection_delay {
            let delay = Duration::try_from_secs_f64(seconds).ok().filter(|delay| !delay.is_zero());
            set.reconnection_delay =
                delay.context("--reconnection-delay: expected a number of seconds above 0")?;
        }
        set.pre_images_endpoint = self.pre_images_endpoint.clone().or(set.pre_images_endpoint.take());
        if let Some(file) = &self.boot_sector_file {
            if !file.is_file() {
                bail!("--boot-sector-file: there is no file {}", file.display());
            }
            // The node may be started elsewhere.
            set.boot_sector_file = Some(std::path::absolute(file)?);
        }
        if let Some(blocks) = self.injector_retention_period {
            let blocks = Settings::blocks(blocks).map_err(|e| anyhow!("--injector-retention-period: {e}"))?;
            set.batcher.retention = blocks;
        }
        if let Some(blocks) = self.injection_ttl {
            set.batcher.ttl = Settings::blocks(blocks).map_err(|e| anyhow!("--injection-ttl: {e}"))?;
        }
        set.log_kernel_debug |= self.log_kernel_debug;
        set.log_kernel_debug_file = self.log_kernel_debug_file.clone().or(set.log_kernel_debug_file.take());
        set.bail_on_disagree |= self.bail_on_disagree;
        for (purpose, limit) in &self.fee_parameter {
            let fee = config.fee_parameters.entry(*purpose).or_default();
            *fee = fee.with(*limit);
        }
        if let Some(dir) = &self.data_dir {
            config.data_dir.clone_from(dir);
        }
        Ok(config)
    }
}

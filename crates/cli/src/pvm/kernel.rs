//! The files of kernels, and the machine they are given to.

use super::{ToStderr, inputs};
use crate::kernel::setup_file;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use soru_base::profile::ProfileName;
use soru_base::{IdFamily, Level, LevelSpan, Profile, RollupAddress, TickSpan};
use soru_node::reveals::FilePreimages;
use soru_pvm::durable::Key;
use soru_pvm::host::DebugSink;
use soru_pvm::replay::{ReplayLevel, Setup};
use soru_pvm::reveal::{Metadata, RollupReveals};
use soru_pvm::{Limits, Version};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A kernel, what it gets, and the machine that runs it tick by tick.
#[derive(Args)]
pub(crate) struct MachineOptions {
    /// The kernel: a .wasm file, or a .wat or .wast file of its text
    pub(crate) kernel: PathBuf,
    /// Inboxes: a JSON array of arrays of {"external": HEX}, {"payload": MICHELSON, …} or {"raw": HEX} [default: none]
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Network whose messages are added to each inbox: alpha or mainnet
    #[arg(long, default_value = "alpha")]
    profile: ProfileName,
    /// Level of the first inbox
    #[arg(long, default_value_t = 0, value_name = "LEVEL")]
    first_level: u32,
    /// Address of the rollup, also for transfers that name none [default: the zero address]
    #[arg(long, value_name = "ADDRESS")]
    rollup: Option<RollupAddress>,
    /// Folder of pages, each in a file named by its hash [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub(crate) preimage_dir: Option<PathBuf>,
    /// Version of the machine
    #[arg(long, default_value = "2.0.0", value_name = "VERSION")]
    pvm_version: Version,
    /// Ticks of a call of kernel_run [default: those of the version: 11000000000 for 2.0.0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    ticks_per_snapshot: Option<u64>,
    /// Levels for which an outbox is kept [default: that of the network]
    #[arg(long, value_name = "LEVELS", value_parser = clap::value_parser!(u32).range(..=i64::from(i32::MAX)))]
    outbox_validity: Option<u32>,
    /// Messages that an outbox holds at most [default: that of the network, 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i32::MAX as u64))]
    outbox_limit: Option<u64>,
    /// Reboots between two inputs [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..i64::from(i32::MAX)))]
    max_reboots: Option<u32>,
    #[command(flatten)]
    config: ConfigOptions,
}

/// What is in the durable storage from the beginning.
#[derive(Args)]
pub(crate) struct ConfigOptions {
    /// Values of the durable storage from the beginning on, in the form of setup files: YAML or JSON, with `set` alone
    #[arg(long, value_name = "FILE")]
    installer_config: Option<PathBuf>,
}

impl ConfigOptions {
    pub(super) fn values(&self) -> Result<Vec<(Key, Vec<u8>)>> {
        self.installer_config.as_deref().map_or(Ok(Vec::new()), setup_file::values)
    }
}

/// What the kernel writes for debugging.
#[derive(Args)]
pub(crate) struct DebugOptions {
    /// Show on standard error what the kernel writes for debugging
    #[arg(long)]
    debug: bool,
}

impl DebugOptions {
    pub(crate) fn sink(&self) -> Box<dyn DebugSink> {
        if self.debug { Box::new(ToStderr) } else { Box::new(()) }
    }
}

/// What a run is made of.
pub(crate) struct Prepared {
    pub(crate) kernel: Vec<u8>,
    pub(crate) setup: Setup,
    pub(crate) levels: Vec<ReplayLevel>,
    pub(crate) first_level: Level,
    pub(crate) pages: FilePreimages,
    pub(crate) metadata: Metadata,
    pub(crate) ids: IdFamily,
}

impl MachineOptions {
    pub(crate) fn prepare(&self) -> Result<Prepared> {
        let profile = Profile::named(self.profile);
        let inboxes = match &self.inputs {
            None => Vec::new(),
            Some(path) => read_inputs(path, &profile, self.rollup)?,
        };
        let limits = limits(&profile);
        Ok(Prepared {
            kernel: read_kernel(&self.kernel)?,
            levels: levels(first_level(self.first_level)?, inboxes)?,
            first_level: first_level(self.first_level)?,
            ids: profile.ids,
            setup: Setup {
                version: self.pvm_version,
                limits: Limits {
                    ticks_per_snapshot: self
                        .ticks_per_snapshot
                        .map_or(Limits::of_version(self.pvm_version).ticks_per_snapshot, TickSpan),
                    outbox_validity_period: self
                        .outbox_validity
                        .map_or(limits.outbox_validity_period, LevelSpan),
                    outbox_message_limit: self.outbox_limit.unwrap_or(limits.outbox_message_limit),
                },
                max_reboots: self.max_reboots,
                values: self.config.values()?,
            },
            pages: pages(self.preimage_dir.as_deref()),
            metadata: metadata(self.rollup),
        })
    }
}

impl Prepared {
    /// The answers to reveals.
    pub(super) fn reveals<'a>(&self, pages: &'a mut FilePreimages) -> RollupReveals<'a> {
        pages.clone_from(&self.pages);
        RollupReveals { metadata: self.metadata, preimages: pages }
    }
}

pub(super) fn metadata(address: Option<RollupAddress>) -> Metadata {
    // As in the REPL of the network, whatever the first level is.
    Metadata { address: address.unwrap_or(RollupAddress::ZERO), origination_level: Level::GENESIS }
}

pub(super) fn pages(dir: Option<&Path>) -> FilePreimages {
    FilePreimages::in_dir(dir.unwrap_or(Path::new(".")))
}

pub(super) fn first_level(level: u32) -> Result<Level> {
    Level::new(level).ok_or_else(|| anyhow!("--first-level {level}: levels end at 2^31 − 1"))
}

/// The inboxes at their levels.
pub(super) fn levels(first: Level, inboxes: Vec<Vec<Vec<u8>>>) -> Result<Vec<ReplayLevel>> {
    let room = u64::from(Level::MAX.get() - first.get()) + 1;
    if inboxes.len() as u64 > room {
        bail!("--first-level {first}: levels end at 2^31 − 1, that is too low for {} inboxes", inboxes.len());
    }
    let mut level = first;
    let levels = inboxes.into_iter().map(|messages| {
        let this = level;
        level = level.next();
        ReplayLevel { level: this, messages }
    });
    Ok(levels.collect())
}

/// The inboxes of a file, with the messages of the network around them.
pub(super) fn read_inputs(
    path: &Path,
    profile: &Profile,
    rollup: Option<RollupAddress>,
) -> Result<Vec<Vec<Vec<u8>>>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the inputs {}", path.display()))?;
    inputs::parse(&text, profile, rollup.unwrap_or(RollupAddress::ZERO))
        .with_context(|| format!("{}", path.display()))
}

/// Most bytes of a file that has to do with a kernel: a value of the durable storage holds no more.
const MAX_BYTES: u64 = i32::MAX as u64;

/// The bytes of a file, which may be a pipe; `what` is a word for it.
pub(crate) fn read_file(path: &Path, what: &str) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {what} {}", path.display());
    let too_large = || anyhow!("{}: it has more than {MAX_BYTES} bytes", cannot());
    let file = File::open(path).with_context(cannot)?;
    let about = file.metadata().with_context(cannot)?;
    if about.is_dir() {
        bail!("{}: it is a folder", cannot());
    }
    if about.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > MAX_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// The bytes of a kernel file; text is assembled.
pub(crate) fn read_kernel(path: &Path) -> Result<Vec<u8>> {
    let bytes = read_file(path, "the kernel")?;
    if bytes.starts_with(b"\0asm") || path.extension().is_some_and(|e| e == "wasm") {
        return Ok(bytes);
    }
    Ok(wat::parse_bytes(&bytes)
        .map_err(|e| anyhow!("the kernel {} is neither WebAssembly nor its text: {e}", path.display()))?
        .into_owned())
}

/// The machine's constants on a network.
pub(super) fn limits(profile: &Profile) -> Limits {
    Limits {
        ticks_per_snapshot: TickSpan(11_000_000_000),
        outbox_validity_period: LevelSpan(profile.rollup.max_active_outbox_levels),
        outbox_message_limit: u64::from(profile.rollup.max_outbox_messages_per_level),
    }
}

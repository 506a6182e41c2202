//! What was measured, for people, for scripts, for the book.

mod json;
mod plot;
mod summary;
mod table;
mod tables;

use crate::catch_up::CatchUpCost;
use crate::commit::CommitCost;
use crate::dispute::DisputeCost;
use crate::engine::RIVALS;
use crate::messages::MessagesCost;
use crate::speed::KernelSpeed;
use serde_json::Value;

/// What was measured. Parts that were left out are `None`.
#[derive(Debug, Clone)]
pub struct Report {
    pub(crate) host: Host,
    pub(crate) quick: bool,
    pub(crate) kernels: Option<Vec<KernelSpeed>>,
    pub(crate) disputes: Option<Vec<DisputeCost>>,
    pub(crate) messages: Option<Vec<MessagesCost>>,
    pub(crate) catch_up: Option<CatchUpCost>,
    pub(crate) commit: Option<CommitCost>,
}

/// Where it was measured, and with which build.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) system: String,
    pub(crate) optimised: bool,
    pub(crate) rivals: bool,
}

impl Host {
    /// This machine, as far as it tells.
    pub(crate) fn here() -> Self {
        let of = |file: &str, key: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = of("/proc/meminfo", "MemTotal");
        let kilobytes: Option<u64> = memory.and_then(|text| text.split_whitespace().next()?.parse().ok());
        Self {
            processor: of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kilobytes.map(|kilobytes| kilobytes * 1024),
            system: std::env::consts::OS.to_owned(),
            optimised: !cfg!(debug_assertions),
            rivals: RIVALS,
        }
    }
}

impl Report {
    pub(crate) fn new(host: Host, quick: bool) -> Self {
        Self { host, quick, kernels: None, disputes: None, messages: None, catch_up: None, commit: None }
    }

    /// Everything, with a `summary`.
    pub fn to_json(&self) -> Value {
        json::report(self)
    }

    /// Tables for a terminal.
    pub fn to_text(&self) -> String {
        tables::all(self).iter().map(table::Table::to_text).collect::<Vec<_>>().join("\n")
    }

    /// The same in Markdown, as the book has them.
    pub fn to_markdown(&self) -> String {
        let tables = tables::all(self).iter().map(table::Table::to_markdown).collect::<Vec<_>>().join("\n");
        format!("{}\n\n{tables}", tables::circumstances(self))
    }

    /// A drawing of ticks a second, as SVG; nothing if engines were not compared.
    pub fn to_svg(&self) -> Option<String> {
        self.kernels.as_deref().map(plot::svg)
    }
}

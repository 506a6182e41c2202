//! A rollup node that starts from nothing, and catches up with a layer-1.
//!
//! Everything is real: a layer-1 that makes blocks on demand, a rollup originated on it, external messages in every block,
//! and a node that asks for all of it through the RPC. Both are in this process.

mod layer1;
mod node;

use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// What catching up took.
#[derive(Debug, Clone)]
pub(crate) struct CatchUpCost {
    /// Levels.
    pub(crate) levels: u32,
    /// External messages in each.
    pub(crate) messages: u32,
    /// Bytes of each message.
    pub(crate) message_bytes: usize,
    /// What one write of 16 KiB takes that waits for the disk.
    pub(crate) synced_write: Duration,
    /// What making the levels on the layer-1 took.
    pub(crate) made: Duration,
    /// From the start of the node to its last level.
    pub(crate) time: Duration,
    /// The part of it in which levels were evaluated and stored; in the rest the node waited for blocks.
    pub(crate) at_work: Duration,
    /// Bytes that the layer-1 keeps on disk.
    pub layer1_bytes: u64,
    /// Bytes of the node's data directory.
    pub(crate) node_bytes: u64,
    /// States in its database.
    pub(crate) states: u64,
    /// Bytes of their parts.
    pub(crate) state_bytes: u64,
}

impl CatchUpCost {
    /// Levels a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.levels) / self.time.as_secs_f64()
    }
}

/// Makes levels and catches up, in folders in `dir`.
pub(crate) async fn measure(
    dir: &Path,
    levels: u32,
    messages: u32,
    message_bytes: usize,
) -> Result<CatchUpCost> {
    let synced_write = synced_write(&dir.join("written"))?;
    let layer1 = layer1::Layer1::start(&dir.join("layer-1")).await?;
    let made = layer1.make_levels(levels, messages, message_bytes).await?;
    let node = node::catch_up(&layer1, &made, &dir.join("node")).await?;
    let layer1_bytes = layer1.stop().await?;
    Ok(CatchUpCost {
        levels,
        messages,
        message_bytes,
        synced_write,
        made: made.time,
        time: node.time,
        at_work: node.at_work,
        layer1_bytes,
        node_bytes: node.bytes,
        states: node.store.states,
        state_bytes: node.store.node_bytes,
    })
}

/// What it takes until 16 KiB are safely on the disk: a node that lost nothing of a level waits so long, at every level.
fn synced_write(path: &Path) -> Result<Duration> {
    const WRITES: u32 = 100;
    let mut file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let start = Instant::now();
    for _ in 0..WRITES {
        file.write_all(&[1; 16 * 1024])?;
        file.sync_data()?;
    }
    Ok(start.elapsed() / WRITES)
}

/// Bytes of all files in a folder.
fn bytes_in(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

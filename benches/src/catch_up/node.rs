//! A rollup node that starts from nothing.

use super::bytes_in;
use super::layer1::{Layer1, Made};
use crate::progress;
use anyhow::{Context, Result, anyhow, bail, ensure};
use soru_node::status::{Status, StatusCell};
use soru_node::store::{Size, Store};
use soru_node::{Config, Mode, Operators, Signers};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What catching up took.
pub(super) struct CaughtUp {
    /// From the start of the node to its last level.
    pub(super) time: Duration,
    /// The part of it in which levels were evaluated and stored; in the rest the node waited for blocks.
    pub(super) at_work: Duration,
    /// Bytes of the data directory.
    pub(super) bytes: u64,
    /// The part of it that is the database.
    pub(super) store: Size,
}

/// Starts an observer in `dir`, and stops it when it has all levels.
pub(super) async fn catch_up(layer1: &Layer1, made: &Made, dir: &Path) -> Result<CaughtUp> {
    let rollup = layer1.rollup().in_family(layer1.ids());
    let mut config = Config::new(Mode::Observer, &rollup, Operators::default(), dir)?;
    config.options.endpoint = layer1.url();
    config.options.rpc_port = 0;
    let start = Instant::now();
    let node = soru_node::start(config, Signers::new()).await?;
    let (status, store) = (node.status(), node.store().clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let rpc = node.rpc_addr();
    let mut running = tokio::spawn(node.run(async { drop(stopped.await) }));
    let time = tokio::select! {
        done = last_level(&status, made) => { done?; start.elapsed() }
        ended = &mut running => bail!("the node stopped: {ended:?}"),
    };
    let at_work = at_work(&rpc.to_string()).await?;
    check(&store, made)?;
    let size = store.size()?;
    drop(store);
    drop(stop);
    running.await?.context("the node failed")?;
    Ok(CaughtUp { time, at_work, bytes: bytes_in(dir)?, store: size })
}

/// The time that went into levels, as the node's metrics say.
async fn at_work(rpc: &str) -> Result<Duration> {
    let metrics = reqwest::get(format!("http://{rpc}/metrics")).await?.text().await?;
    let sum = metrics.lines().find_map(|line| line.strip_prefix("soru_node_level_seconds_sum "));
    let sum = sum.ok_or_else(|| anyhow!("the node's metrics do not say how long levels took"))?;
    Ok(Duration::try_from_secs_f64(sum.trim().parse()?)?)
}

/// Waits for the last level.
async fn last_level(status: &StatusCell, made: &Made) -> Result<()> {
    let bar = progress::bar("a node catches up", made.levels.into());
    let first = made.head.get() - made.levels;
    let mut changes = status.watch();
    loop {
        let at = |status: &Status| status.evaluated.map_or(0, |(_, level)| level.get());
        let (reached, stuck) = {
            let now = changes.borrow_and_update();
            (at(&now), now.stuck.clone())
        };
        bar.set_position(reached.saturating_sub(first).into());
        if let Some(stuck) = stuck {
            bail!("the node does not get past level {}: {}", stuck.level, stuck.reason);
        }
        if reached == made.head.get() {
            bar.finish_and_clear();
            return Ok(());
        }
        changes.changed().await?;
    }
}

/// Whether the last level is what it should be: all messages, as many of them echoed as an outbox takes.
fn check(store: &Store, made: &Made) -> Result<()> {
    const PROTOCOL_MESSAGES: u32 = 2;
    const OUTBOX_LIMIT: u32 = 100;
    let block = store.head()?.ok_or_else(|| anyhow!("the node has stored nothing"))?;
    ensure!(block.level == made.head, "the node is at level {}, not at {}", block.level, made.head);
    let found = (block.num_messages, block.outbox_len);
    let expected = (made.messages + PROTOCOL_MESSAGES, made.messages.min(OUTBOX_LIMIT));
    ensure!(found == expected, "messages and outbox of the last level: {found:?} instead of {expected:?}");
    Ok(())
}

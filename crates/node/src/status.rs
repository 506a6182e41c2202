//! What the node is doing, for the log, the RPC and the metrics.

mod games;

pub use games::{Action, Effort, EndedGame, GameStatus, Games, GamesCell, Outcome};

use crate::batcher::BatcherStatus;
use crate::layer1::Header;
use crate::publish::{Contradiction, Pointed};
use soru_base::{Level, PublicKeyHash};
use std::sync::Arc;
use tokio::sync::watch;

/// How the layer-1 is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connection {
    /// It answers.
    Connected,
    /// It did not answer last; the node tries again.
    Reconnecting,
    /// It has not answered yet.
    #[default]
    Disconnected,
}

/// Why the machine does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// A call of `kernel_run` took longer than the deadline.
    Deadline,
    /// A page of the reveal channel is missing.
    Reveal,
    /// The engine cannot run the kernel.
    Engine,
    /// The machine is stuck for ever. The node goes on with the states that follow, which are known.
    Forever,
}

impl Obstacle {
    /// One word for the RPC and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Reveal => "reveal",
            Self::Engine => "engine",
            Self::Forever => "stuck_for_ever",
        }
    }
}

/// A level that cannot be evaluated now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The level.
    pub level: Level,
    /// The kind of obstacle.
    pub obstacle: Obstacle,
    /// What is wrong, and what to do.
    pub reason: String,
    /// Attempts made so far.
    pub attempts: u32,
}

/// What the node is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The connection to the layer-1.
    pub connection: Connection,
    /// The layer-1's last known head.
    pub layer1_head: Option<Header>,
    /// The last block evaluated; in mode batcher, where nothing is, the last one in which batches were looked for.
    pub evaluated: Option<(soru_base::BlockHash, Level)>,
    /// The last head for which the node has done all that there is to do: besides following it, publishing and collecting.
    pub settled: Option<Header>,
    /// The level the node cannot get past, if any.
    pub stuck: Option<Stuck>,
    /// What a person has to look at.
    pub warnings: Vec<String>,
    /// What others published against the node's commitments, as long as they stake on it.
    pub conflicts: Vec<Contradiction>,
    /// The node's stake, if its mode has to do with stakes.
    pub stake: Option<Stake>,
    /// How the batcher is doing, if there is one.
    pub batcher: Option<BatcherStatus>,
}

/// What a staker has at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stake {
    /// Who stakes.
    pub staker: PublicKeyHash,
    /// The newest commitment that it stakes on, unless that is cemented.
    pub on: Option<Pointed>,
    /// The deposit that is locked, in mutez; 0 if there is none.
    pub bond: u64,
    /// Whether somebody contradicts what the staker stakes on, or plays against it: the loser's deposit is taken.
    pub at_risk: bool,
}

impl Status {
    /// How many blocks the node is behind the layer-1.
    pub fn blocks_late(&self) -> u32 {
        match (self.layer1_head, self.evaluated) {
            (Some(head), Some((_, level))) => head.level.since(level).0,
            (Some(head), None) => head.level.get(),
            (None, _) => 0,
        }
    }

    /// Whether the layer-1's head is evaluated.
    pub fn is_synchronized(&self) -> bool {
        match (self.layer1_head, self.evaluated) {
            (Some(head), Some((hash, _))) => head.hash == hash,
            _ => false,
        }
    }

    /// What a person has to look at, whatever part of the node says so.
    pub fn all_warnings(&self) -> Vec<String> {
        let batcher = self.batcher.iter().flat_map(|batcher| &batcher.warnings);
        self.warnings.iter().chain(batcher).cloned().collect()
    }

    /// Whether all is well.
    pub fn is_healthy(&self) -> bool {
        self.connection == Connection::Connected && self.stuck.is_none() && self.all_warnings().is_empty()
    }
}

/// The status, shared: one part of the node writes it, others read it or wait for changes.
#[derive(Debug, Clone)]
pub struct StatusCell(Arc<watch::Sender<Status>>);

impl Default for StatusCell {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Status::default())))
    }
}

impl StatusCell {
    /// The status now.
    pub fn get(&self) -> Status {
        self.0.borrow().clone()
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        self.0.send_modify(change);
    }

    /// Follows the changes.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.0.subscribe()
    }
}

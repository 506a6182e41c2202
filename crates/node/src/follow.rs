//! Following the layer-1: catching up, reorganisations, waiting for what is missing.

use crate::chain::{ApplyError, Chain};
use crate::error::NodeError;
use crate::layer1::{Block, Constants, Header, Layer1, Layer1Error};
use crate::machine::Machine;
use crate::meter;
use crate::status::{Obstacle, StatusCell, Stuck};
use crate::store::{BlockRecord, StoreError};
use futures_util::{StreamExt as _, stream};
use soru_base::{IdFamily, Level, RollupAddress};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

/// Blocks asked for ahead of the one being evaluated.
const PREFETCH: usize = 8;
/// How often a long catching-up says where it is.
const PROGRESS: Duration = Duration::from_secs(2);

/// Why following stopped for now.
#[derive(Debug, Error)]
pub enum FollowError {
    /// The layer-1 did not answer: try again.
    #[error(transparent)]
    Layer1(#[from] Layer1Error),
    /// The machine does not get past a level: try again later, or with another head.
    #[error("level {level} cannot be evaluated: {reason}")]
    Stuck {
        /// The level.
        level: Level,
        /// The kind of obstacle.
        obstacle: Obstacle,
        /// What is wrong.
        reason: String,
    },
    /// The node has to stop.
    #[error(transparent)]
    Fatal(#[from] NodeError),
}

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

/// What following a head came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Followed {
    /// Blocks taken off the chain.
    pub abandoned: u32,
    /// Blocks put on it.
    pub added: u32,
}

/// Brings the chain to heads of the layer-1.
pub struct Follower<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
}

impl<L: Layer1, M: Machine> Follower<L, M> {
    /// Follows `layer1` with `chain`.
    pub fn new(layer1: Arc<L>, chain: Arc<Chain<M>>, status: StatusCell) -> Self {
        Self { layer1, chain, status }
    }

    /// Makes `target` the head of the chain: takes back what was abandoned, evaluates what is new. What is done stays
    /// done if a block in between fails.
    pub async fn follow(&self, target: &Header) -> Result<Followed, FollowError> {
        let rollup = self.chain.rollup();
        let (start, abandoned) = self.rewind(rollup, target).await?;
        let constants = self.layer1.constants(target).await?;
        let mut followed = Followed { abandoned, added: 0 };
        if start > target.level {
            // After a start, or on a shorter chain, nobody has told where the node is.
            if let Some(head) = self.chain.store().head()? {
                self.note(&head);
            }
            return Ok(followed);
        }
        let progress = Progress::new(start, target.level, self.chain.ids());
        // A place of its own, so that blocks also arrive and are read while one is evaluated.
        let (send, blocks) = mpsc::channel(1);
        let fetching = async {
            self.fetch(start, target, send).await;
            Ok(())
        };
        let (added, ()) = tokio::try_join!(self.add(blocks, constants, progress), fetching)?;
        followed.added = added;
        Ok(followed)
    }

    /// Asks for the blocks from `start` up to `target`, and hands them on in their order until nobody wants them.
    async fn fetch(&self, start: Level, target: &Header, send: mpsc::Sender<Result<Block, Layer1Error>>) {
        let levels = (start.get()..=target.level.get()).filter_map(Level::new);
        let layer1 = &self.layer1;
        let mut blocks =
            std::pin::pin!(stream::iter(levels).map(|level| layer1.block(target, level)).buffered(PREFETCH));
        while let Some(block) = blocks.next().await {
            if send.send(block).await.is_err() {
                return;
            }
        }
    }

    /// Adds blocks to the chain; returns how many.
    async fn add(
        &self,
        mut blocks: mpsc::Receiver<Result<Block, Layer1Error>>,
        constants: Constants,
        mut progress: Progress,
    ) -> Result<u32, FollowError> {
        let mut added = 0;
        while let Some(block) = blocks.recv().await {
            let block = block?;
            let level = block.header.level;
            let before = level.prev().map(|l| self.chain.store().hash_at(l)).transpose()?.flatten();
            if before != Some(block.header.predecessor) {
                let what =
                    format!("block {} of level {level} does not follow the one before", block.header.hash);
                return Err(Layer1Error::Nonsense(what).into());
            }
            let applied = self.apply(block, constants).await;
            let record = applied.map_err(|e| self.note_failure(level, e))?;
            added += 1;
            self.note(&record);
            progress.step(&record);
        }
        Ok(added)
    }

    /// Takes the chain back to the last block that `target` builds on; returns the first level to evaluate and the
    /// number of blocks taken off.
    async fn rewind(&self, rollup: RollupAddress, target: &Header) -> Result<(Level, u32), FollowError> {
        let store = self.chain.store();
        let (Some(head), Some(genesis)) = (store.head()?, store.genesis()?) else {
            return Ok((self.start(rollup, target).await?, 0));
        };
        let common = self.common_ancestor(&genesis, &head, target).await?;
        // Garbage collection may have taken the state of the common ancestor: then from an earlier one.
        let Some(common) = common.map(|c| store.last_with_state(c)).transpose()?.flatten() else {
            // The block of the origination itself was replaced.
            warn!(level = %genesis.level, "nothing that is kept is on the layer-1's chain, starting again");
            store.rollback_all()?;
            let abandoned = head.level.since(genesis.level).0 + 1;
            return Ok((self.start(rollup, target).await?, abandoned));
        };
        let abandoned = head.level.since(common).0;
        if abandoned > 0 {
            info!(from = %head.level, to = %common, "the layer-1 was reorganised, {abandoned} blocks are abandoned");
            meter::reorganised(abandoned);
            store.rollback(common)?;
        }
        Ok((common.next(), abandoned))
    }

    /// The highest level at which the chain has the same block as `target`'s.
    async fn common_ancestor(
        &self,
        genesis: &BlockRecord,
        head: &BlockRecord,
        target: &Header,
    ) -> Result<Option<Level>, FollowError> {
        let same = async |level: Level| -> Result<bool, FollowError> {
            let theirs = self.layer1.ancestor(target, level).await?;
            Ok(self.chain.store().hash_at(level)? == Some(theirs.hash))
        };
        let top = head.level.min(target.level);
        if target.level < genesis.level || !same(genesis.level).await? {
            return Ok(None);
        }
        if same(top).await? {
            return Ok(Some(top));
        }
        // Blocks agree up to some level and differ from there on: steps back that double, then halving.
        let (mut agree, mut differ, mut step) = (genesis.level, top, 1);
        while differ.get() > agree.get() + 1 {
            let middle = differ.minus(soru_base::LevelSpan(step)).max(agree.next());
            if same(middle).await? {
                agree = middle;
                break;
            }
            differ = middle;
            step *= 2;
        }
        while differ.get() > agree.get() + 1 {
            let middle = agree.plus(soru_base::LevelSpan(differ.since(agree).0 / 2));
            if same(middle).await? { agree = middle } else { differ = middle }
        }
        Ok(Some(agree))
    }

    /// Stores the block with the origination; returns the level after it.
    async fn start(&self, rollup: RollupAddress, target: &Header) -> Result<Level, FollowError> {
        let origin = self.layer1.origin(rollup, target).await?;
        let block = self.layer1.block(target, origin.level).await?;
        let level = origin.level;
        info!(%level, "the rollup was originated here, starting");
        let applied = self.chain.off_thread(move |chain| chain.apply_genesis(&block, &origin)).await;
        let record = applied.map_err(|e| self.note_failure(level, e))?;
        self.note(&record);
        Ok(level.next())
    }

    async fn apply(&self, block: Block, constants: Constants) -> Result<BlockRecord, ApplyError> {
        let work = move |chain: &Chain<M>| {
            if let Some(record) = chain.store().reuse(&block.header.hash)? {
                return Ok(record);
            }
            let start = Instant::now();
            let applied = chain.apply(&block, constants.commitment_period);
            chain.machine().engine().iter().for_each(meter::engine);
            let record = applied?;
            meter::evaluated(&record, start.elapsed());
            Ok(record)
        };
        self.chain.off_thread(work).await
    }

    fn note(&self, record: &BlockRecord) {
        meter::head(record);
        self.status.update(|status| {
            status.evaluated = Some((record.hash, record.level));
            if record.is_stuck() {
                let known = status.stuck.as_ref().is_some_and(|s| s.obstacle == Obstacle::Forever);
                if !known {
                    error!(level = %record.level, "the machine of the rollup is stuck for ever: {}", record.status);
                    let (level, reason) = (record.level, record.status.clone());
                    status.stuck = Some(Stuck { level, obstacle: Obstacle::Forever, reason, attempts: 1 });
                }
                meter::stuck(true);
            } else if status.stuck.as_ref().is_some_and(|stuck| stuck.level <= record.level) {
                info!(level = %record.level, "the level that could not be evaluated is done");
                meter::stuck(false);
                status.stuck = None;
            }
        });
    }

    fn note_failure(&self, level: Level, error: ApplyError) -> FollowError {
        let (obstacle, reason) = match error {
            ApplyError::Fatal(error) => return FollowError::Fatal(error),
            ApplyError::Undecided { obstacle, reason } => (obstacle, reason),
        };
        meter::stuck(true);
        self.status.update(|status| {
            let before = status.stuck.take().filter(|s| s.level == level && s.reason == reason);
            let attempts = before.map_or(1, |s| s.attempts.saturating_add(1));
            if attempts == 1 {
                error!(%level, obstacle = obstacle.name(), "{reason}");
            }
            status.stuck = Some(Stuck { level, obstacle, reason: reason.clone(), attempts });
        });
        FollowError::Stuck { level, obstacle, reason }
    }
}

/// Says how a long catching-up gets on.
struct Progress {
    ids: IdFamily,
    target: Level,
    begun: Instant,
    said: Instant,
    done: u32,
    long: bool,
}

impl Progress {
    fn new(start: Level, target: Level, ids: IdFamily) -> Self {
        let now = Instant::now();
        let long = target.since(start).0 >= 10;
        if long {
            info!("catching up from level {start} to {target}");
        }
        Self { ids, target, begun: now, said: now, done: 0, long }
    }

    fn step(&mut self, record: &BlockRecord) {
        self.done += 1;
        let last = record.level == self.target;
        if !self.long {
            let runs = record.runs.as_ref().map(ToString::to_string).unwrap_or_default();
            info!(level = %record.level, messages = record.num_messages, ticks = %record.num_ticks, kernel_ticks = %runs, state = %record.state_hash.in_family(self.ids), "level evaluated");
        } else if last || self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            let rate = f64::from(self.done) / self.begun.elapsed().as_secs_f64().max(1e-9);
            let left = self.target.since(record.level);
            info!(level = %record.level, "{rate:.0} levels a second, {left} to go");
        }
        if let Some(hash) = &record.commitment {
            info!(level = %record.level, commitment = %hash.in_family(self.ids), "commitment computed");
        }
    }
}

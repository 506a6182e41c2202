//! The task: follows the heads, looks for batches in blocks, sends what waits.

use super::plan::{Capacity, Turn, dead, fill, turns};
use super::{BatcherStatus, Inlet, MESSAGE_OVERHEAD, Settings, gauges};
use crate::config::{Config, Mode};
use crate::driver;
use crate::error::NodeError;
use crate::games::turnstile::Turnstile;
use crate::layer1::{Header, Injected, Layer1, Layer1Error, Signed};
use crate::status::StatusCell;
use crate::store::{Attempt, Store, StoreError};
use futures_util::{StreamExt as _, stream};
use soru_base::{L2MessageId, Level, LevelSpan, PublicKeyHash};
use soru_protocol::operation::Action;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{info, warn};

/// Blocks asked for ahead of the one that is searched.
const PREFETCH: usize = 8;
/// What was included is followed for so many blocks at least, whatever is configured: a reorganisation may undo it.
const SETTLED: LevelSpan = LevelSpan(100);

/// Why nothing was sent this time.
#[derive(Debug, Error)]
pub(crate) enum BatchError {
    /// The layer-1 did not answer: the next head brings another attempt.
    #[error(transparent)]
    Layer1(#[from] Layer1Error),
    /// The node has to stop.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sends messages that were handed over by the RPC.
pub struct Batcher<L> {
    layer1: Arc<L>,
    store: Store,
    status: StatusCell,
    turnstile: Turnstile,
    keys: Vec<PublicKeyHash>,
    settings: Settings,
    arrived: Arc<Notify>,
    picking: Arc<tokio::sync::Mutex<()>>,
    // Nobody else of the node follows the layer-1.
    alone: bool,
    endpoint: String,
    // The head at which all was done that there was to do.
    done_at: Option<Header>,
    refused: BTreeMap<PublicKeyHash, Refusal>,
    // Fewer messages go into a batch after the layer-1 refused one.
    at_most: usize,
}

#[derive(Debug, Clone)]
struct Refusal {
    retry_at: u32,
    times: u32,
    reason: String,
}

impl<L: Layer1> Batcher<L> {
    /// The batcher of a node, and the way to it, if the mode has one.
    pub fn new(
        layer1: Arc<L>,
        store: Store,
        status: StatusCell,
        turnstile: Turnstile,
        inlet: &Inlet,
        config: &Config,
    ) -> Self {
        Self {
            layer1,
            store,
            status,
            turnstile,
            keys: config.batchers(),
            settings: inlet.settings,
            arrived: inlet.arrived.clone(),
            picking: inlet.picking.clone(),
            alone: config.mode == Mode::Batcher,
            endpoint: soru_l1::shown_endpoint(&config.options.endpoint),
            done_at: None,
            refused: BTreeMap::new(),
            at_most: usize::MAX,
        }
    }

    /// Batches for ever. `longest` is the longest time between two attempts to reach the layer-1.
    pub async fn run(mut self, longest: Duration) -> Result<(), NodeError> {
        let (send, heads) = watch::channel(None);
        let (status, endpoint) = (self.status.clone(), self.endpoint.clone());
        let from = self.layer1.heads();
        match self.alone {
            true => tokio::select! {
                ended = self.follow_heads(heads, longest) => ended,
                () = driver::listen(from, send, status, endpoint, longest) => Ok(()),
            },
            false => tokio::select! {
                ended = self.follow_heads(heads, longest) => ended,
                () = crate::games::listen(from, send, longest) => Ok(()),
            },
        }
    }

    async fn follow_heads(
        &mut self,
        mut heads: watch::Receiver<Option<Header>>,
        longest: Duration,
    ) -> Result<(), NodeError> {
        let (arrived, mut retry, mut failures) = (self.arrived.clone(), None, 0);
        loop {
            let again = async {
                match retry {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = arrived.notified() => (),
                () = again => (),
            }
            let Some(head) = *heads.borrow_and_update() else { continue };
            retry = match self.act(&head).await {
                Ok(()) => {
                    failures = 0;
                    None
                }
                Err(BatchError::Store(error)) => return Err(error.into()),
                Err(BatchError::Layer1(error)) => {
                    let wait = driver::backoff(failures, longest);
                    if failures == 0 {
                        warn!("messages wait: {error}; trying again in {wait:?}");
                    }
                    failures = failures.saturating_add(1);
                    Some(Instant::now() + wait)
                }
            };
        }
    }

    /// Does what is to be done at `head`.
    pub(crate) async fn act(&mut self, head: &Header) -> Result<(), BatchError> {
        self.follow(head).await?;
        let flights = self.store.flights()?;
        for batch in dead(&flights, head.level) {
            warn!("batch {batch} was never included: its messages are in the queue again");
            self.store.requeue(batch)?;
        }
        if let Some(age) = self.settings.max_age {
            let expired = self.store.expire(head.level, age, self.settings.retention)?;
            if expired > 0 {
                warn!("{expired} messages waited for {} blocks: they are not sent any more", age.0);
                gauges::expired(expired);
            }
        }
        self.send(head).await?;
        self.done_at = Some(*head);
        self.report(head)
    }

    /// Looks for batches in the blocks up to `head`.
    async fn follow(&self, head: &Header) -> Result<(), BatchError> {
        let common = self.common(head).await?;
        let top = self.store.searched(Level::MAX)?.map(|(level, _)| level);
        if top > common {
            let again = self.store.unsearch(common)?;
            if again > 0 {
                info!("the layer-1 was reorganised: {again} batches are pending again");
            }
        }
        if common == Some(head.level) {
            return Ok(());
        }
        let retention = self.settings.retention.max(SETTLED);
        let flights = self.store.flights()?;
        // Without a batch on its way there is nothing to find.
        let Some(oldest) = flights.iter().flat_map(|(_, b)| &b.attempts).map(|a| a.at).min() else {
            self.store.search(head.level, head.hash, &[], retention)?;
            return Ok(());
        };
        // After a reorganisation an operation may be included below the head that it was made for.
        let first = common.unwrap_or_else(|| oldest.minus(SETTLED)).next();
        let levels = (first.get()..=head.level.get()).filter_map(Level::new);
        let blocks = stream::iter(levels).map(|level| self.layer1.block(head, level)).buffered(PREFETCH);
        let mut blocks = std::pin::pin!(blocks);
        while let Some(block) = blocks.next().await {
            let block = block?;
            let found = self.store.search(block.header.level, block.header.hash, &block.added, retention)?;
            gauges::included(found);
        }
        Ok(())
    }

    /// The highest level that was searched on the chain of `head`.
    async fn common(&self, head: &Header) -> Result<Option<Level>, BatchError> {
        let mut at = self.store.searched(head.level)?;
        while let Some((level, hash)) = at {
            let theirs = match level.next() == head.level {
                true => head.predecessor,
                false => self.layer1.ancestor(head, level).await?.hash,
            };
            if theirs == hash {
                return Ok(Some(level));
            }
            at = level.prev().map(|before| self.store.searched(before)).transpose()?.flatten();
        }
        Ok(None)
    }

    /// Sends what waits, as far as keys are free.
    async fn send(&mut self, head: &Header) -> Result<(), BatchError> {
        let fresh = self.done_at.is_none_or(|done| done.hash != head.hash);
        let flights = self.store.flights()?;
        let queue = self.store.queue_size()?;
        // Between two heads only what is worth an operation of its own.
        let enough = queue.elements >= self.settings.min_elements && queue.bytes >= self.settings.min_size;
        let turns = turns(&self.keys, &flights, queue.elements > 0 && (fresh || enough));
        for key in self.keys.clone() {
            let turn = turns.get(&key).copied().filter(|turn| fresh || *turn == Turn::New);
            let waits = self.refused.get(&key).is_some_and(|refusal| refusal.retry_at > head.level.get());
            let Some(turn) = turn.filter(|_| !waits) else {
                if fresh {
                    self.turnstile.nothing_to_batch(key);
                }
                continue;
            };
            // Most likely that very batch: nothing has to wait for it.
            if turn != Turn::New && self.layer1.busy(key, head).await? {
                self.turnstile.nothing_to_batch(key);
                continue;
            }
            let Some(_pass) = self.turnstile.batch(key, head.level).await else { continue };
            // First what is on its way, then the head: an operation that left the mempool in between is in a block after
            // `head`, and then the head has changed.
            if self.layer1.busy(key, head).await? {
                continue;
            }
            if self.layer1.head().await?.hash != head.hash {
                return Ok(());
            }
            if self.send_one(key, turn, head).await? {
                self.turnstile.nothing_to_batch(key);
            }
        }
        Ok(())
    }

    /// Sends a batch for `key`; whether that is done with for now.
    async fn send_one(&mut self, key: PublicKeyHash, turn: Turn, head: &Header) -> Result<bool, BatchError> {
        let _picking = match turn {
            Turn::New => Some(self.picking.clone().lock_owned().await),
            Turn::Again(_) => None,
        };
        let ids = match turn {
            Turn::Again(batch) => self.store.batch(batch)?.map(|b| b.messages).unwrap_or_default(),
            Turn::New => self.next_messages()?,
        };
        if ids.is_empty() {
            return Ok(true);
        }
        let contents = self.store.contents(&ids)?;
        let operation = match self.layer1.sign_messages(key, contents).await? {
            Signed::Ready(operation) => operation,
            Signed::Refused(reason) => {
                if turn == Turn::New {
                    self.at_most = (ids.len() / 2).max(1);
                }
                self.refuse(key, reason, ids.len(), head);
                return Ok(true);
            }
        };
        // The counter was asked for after the head: is it that of this head? Only then an operation that was lost and comes
        // back has the same one.
        if self.layer1.head().await?.hash != head.hash {
            return Ok(false);
        }
        let contents = &operation.operation.contents;
        let index = contents.iter().position(|c| matches!(c.action, Action::SmartRollupAddMessages { .. }));
        let index = index.and_then(|i| u32::try_from(i).ok()).unwrap_or(0);
        let attempt = Attempt { operation: operation.hash(), index, at: head.level };
        let messages = ids.len();
        let batch = match turn {
            Turn::Again(batch) => {
                self.store.try_again(batch, attempt)?;
                batch
            }
            Turn::New => self.store.begin_batch(key, ids, attempt)?,
        };
        match self.layer1.send(&operation).await? {
            Injected::Sent(operation) => {
                self.store.note_sent(batch)?;
                self.refused.remove(&key);
                self.at_most = self.at_most.saturating_add(self.at_most / 8 + 1);
                gauges::sent(turn != Turn::New);
                info!(%operation, batch, "sent an operation with {messages} messages");
            }
            Injected::Refused(reason) => self.refuse(key, reason, messages, head),
            Injected::NotTried => (),
        }
        Ok(true)
    }

    /// The messages of the next batch.
    fn next_messages(&self) -> Result<Vec<L2MessageId>, StoreError> {
        let capacity = Capacity {
            elements: self.settings.max_elements.min(self.at_most),
            bytes: self.settings.max_size,
        };
        let most = capacity.elements.min(capacity.bytes / MESSAGE_OVERHEAD);
        Ok(fill(self.store.queue_front(most)?, capacity))
    }

    /// A refused key tries again, but less and less often; a large batch with half of its messages at once.
    fn refuse(&mut self, key: PublicKeyHash, reason: String, messages: usize, head: &Header) {
        crate::meter::refused();
        let times = self.refused.get(&key).map_or(0, |r| r.times) + 1;
        match times {
            2 => warn!("the layer-1 refuses {messages} messages of {key} again: {reason}"),
            _ => info!("the layer-1 refuses {messages} messages of {key}: {reason}"),
        }
        let wait = if messages > 1 { 1 } else { 1 << times.min(6) };
        let retry_at = head.level.get().saturating_add(wait);
        self.refused.insert(key, Refusal { retry_at, times, reason });
    }

    fn report(&self, head: &Header) -> Result<(), BatchError> {
        let (queue, flights) = (self.store.queue_size()?, self.store.flights()?);
        gauges::waiting(queue, flights.len());
        let waiting = queue.elements > 0 || !flights.is_empty();
        // Once may be because there were too many of them.
        let refused = self.refused.iter().filter(|(_, refusal)| waiting && refusal.times > 1);
        let warnings =
            refused.map(|(key, r)| format!("the layer-1 refuses the messages of {key}: {}", r.reason));
        let warnings = warnings.collect();
        self.status.update(|status| {
            status.batcher = Some(BatcherStatus { followed: Some(head.level), warnings });
            if self.alone {
                status.evaluated = Some((head.hash, head.level));
            }
        });
        Ok(())
    }
}

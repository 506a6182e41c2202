//! From a block of the layer-1 to a stored level: inbox, state, commitment, in one transaction.

use crate::error::NodeError;
use crate::games::period::period_up_to;
use crate::layer1::{Block, Header, Layer1Error, Origin};
use crate::machine::{Evaluated, Machine, MachineError, Place};
use crate::publish::{Own, Pointed};
use crate::status::Obstacle;
use crate::store::{BlockRecord, NewBlock, Store, StoreError};
use soru_base::{BlockHash, CommitmentHash, IdFamily, Level, LevelSpan, RollupAddress, Tick, TickSpan};
use soru_dispute::{Adversary, Checkpoint, PeriodLevel, Spec, Strategy as _, Timeline};
use soru_merkle::Tree;
use soru_protocol::Commitment;
use soru_protocol::inbox::{Inbox, InboxError, LevelInbox, ProtocolMessages, SerializedMessage};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tracing::warn;

/// Why a block could not be stored.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The machine does not get past the level now; nothing of it is stored.
    #[error("{reason}")]
    Undecided {
        /// The kind of obstacle.
        obstacle: Obstacle,
        /// What is wrong.
        reason: String,
    },
    /// The node has to stop.
    #[error(transparent)]
    Fatal(#[from] NodeError),
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

/// The rollup's chain: the store and the machine.
pub struct Chain<M> {
    store: Store,
    machine: Arc<M>,
    rollup: RollupAddress,
    ids: IdFamily,
    // The last state, so that following the chain does not read it from disk again.
    last: Mutex<Option<(BlockHash, Tree)>>,
    // What the node lies about in its commitments, if it is an adversary.
    adversary: Option<Mutex<Adversary>>,
    // Held while a level is evaluated: one at a time, and an end can be waited for.
    working: Arc<tokio::sync::Mutex<()>>,
    // Held by other threads as long as they use the store.
    readers: Arc<RwLock<()>>,
}

impl<M: Machine> Chain<M> {
    /// The chain of a rollup in `store`.
    pub fn new(store: Store, machine: Arc<M>, rollup: RollupAddress, ids: IdFamily) -> Self {
        Self {
            store,
            machine,
            rollup,
            ids,
            last: Mutex::new(None),
            adversary: None,
            working: Arc::default(),
            readers: Arc::default(),
        }
    }

    /// The same, whose commitments are those of an adversary. Its states are true all the same.
    pub fn lying(self, adversary: Option<Spec>) -> Self {
        Self { adversary: adversary.map(|spec| Mutex::new(Adversary::new(spec))), ..self }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The family of the network's identifiers.
    pub fn ids(&self) -> IdFamily {
        self.ids
    }

    /// The rollup.
    pub fn rollup(&self) -> RollupAddress {
        self.rollup
    }

    /// Does `work` on a thread of its own: a kernel may take long, and must not hold up the end of the process.
    pub async fn off_thread<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ApplyError> + Send + 'static,
    ) -> Result<T, ApplyError> {
        const STACK: usize = 16 << 20;
        let (send, receive) = tokio::sync::oneshot::channel();
        let failed = |reason: String| ApplyError::Fatal(NodeError::Part { part: "evaluation", reason });
        let guard = self.working.clone().lock_owned().await;
        let chain = self.clone();
        let run = move || {
            let result = work(&chain);
            drop(chain);
            drop(guard);
            // Nobody listens any more when the node was stopped.
            drop(send.send(result));
        };
        let thread = std::thread::Builder::new().name("evaluation".to_owned()).stack_size(STACK);
        thread.spawn(run).map_err(|e| failed(format!("no thread: {e}")))?;
        receive.await.unwrap_or_else(|_| Err(failed("it panicked".to_owned())))
    }

    /// To be held by a thread that uses the store for longer than one call.
    pub(crate) fn reader(&self) -> Option<OwnedRwLockReadGuard<()>> {
        self.readers.clone().try_read_owned().ok()
    }

    /// Waits until nothing is evaluated, and no thread uses the store.
    pub async fn idle(&self) {
        drop(self.working.lock().await);
        drop(self.readers.write().await);
    }

    /// Stores the block with the rollup's origination: its first state and the genesis commitment.
    pub fn apply_genesis(&self, block: &Block, origin: &Origin) -> Result<BlockRecord, ApplyError> {
        // The inbox is older than the rollup: what came before is the layer-1's to say.
        let inbox = block.inbox.clone().ok_or_else(|| {
            NodeError::from(Layer1Error::Pruned(format!("the inbox of level {}", origin.level)))
        })?;
        let evaluated = self.machine.genesis(origin).map_err(|e| self.failed(block, e))?;
        let commitment = Commitment::genesis(origin.level, evaluated.hash);
        let ours = commitment.hash();
        if ours != origin.commitment {
            let theirs = origin.commitment.in_family(self.ids);
            return Err(NodeError::Genesis { ours: ours.in_family(self.ids), theirs }.into());
        }
        let record = BlockRecord {
            initial_tick: Tick::ZERO,
            num_ticks: TickSpan(0),
            num_messages: 0,
            commitment: Some(ours),
            previous_commitment: CommitmentHash::ZERO,
            previous_commitment_level: origin.level,
            ..self.record(block, inbox, &evaluated)
        };
        self.store_block(record, Vec::new(), Some(commitment), evaluated.state)
    }

    /// Stores a block that follows the head of the store, in a rollup with that commitment period.
    pub fn apply(&self, block: &Block, period: LevelSpan) -> Result<BlockRecord, ApplyError> {
        let header = &block.header;
        let parent = self.store.block(&header.predecessor)?.ok_or_else(|| gap(header))?;
        let genesis = self.store.genesis()?.ok_or_else(|| gap(header))?;
        let inbox = self.rebuild_inbox(block, &parent)?;
        let place = Place { rollup: self.rollup, origination: genesis.level, level: header.level };
        let evaluated = self
            .machine
            .evaluate(self.state_of(&parent)?, place, &inbox.messages)
            .map_err(|e| self.failed(block, e))?;
        for note in &evaluated.notes {
            warn!(level = %header.level, "{note}");
        }
        let (previous, previous_level) = parent.most_recent_commitment();
        let commitment = if header.level == previous_level.plus(period) {
            let honest = self.commitment(&evaluated, header.level, previous, previous_level)?;
            match &self.adversary {
                None => Some(honest),
                Some(adversary) => Some(self.lie(adversary, honest, &parent, &evaluated, &inbox.messages)?),
            }
        } else {
            None
        };
        let record = BlockRecord {
            initial_tick: parent.final_tick(),
            num_ticks: evaluated.tick.since(parent.final_tick()),
            num_messages: u32::try_from(inbox.messages.len()).unwrap_or(u32::MAX),
            commitment: commitment.as_ref().map(Commitment::hash),
            previous_commitment: previous,
            previous_commitment_level: previous_level,
            ..self.record(block, inbox.inbox, &evaluated)
        };
        self.store_block(record, inbox.messages, commitment, evaluated.state)
    }

    /// The node's commitments on the current chain from `from` on, the oldest first.
    pub fn commitments_from(&self, from: Level) -> Result<Vec<Own>, StoreError> {
        let mut own = Vec::new();
        let Some(head) = self.store.head()? else { return Ok(own) };
        let (mut hash, mut level) = head.most_recent_commitment();
        while level >= from {
            let Some(commitment) = self.store.commitment(&hash)? else { break };
            let first_published = self.store.published_at(&hash, None)?;
            own.push(Own {
                at: Pointed { hash, level },
                predecessor: commitment.predecessor,
                first_published,
            });
            if commitment.predecessor == CommitmentHash::ZERO {
                break;
            }
            hash = commitment.predecessor;
            level = match self.store.commitment(&hash)? {
                Some(predecessor) => predecessor.inbox_level,
                None => break,
            };
        }
        own.reverse();
        Ok(own)
    }

    fn rebuild_inbox(&self, block: &Block, parent: &BlockRecord) -> Result<LevelInbox, ApplyError> {
        let protocol = ProtocolMessages {
            info: (self.ids == IdFamily::Mainnet).then_some((parent.timestamp, parent.hash)),
            migration: block.migration.clone(),
        };
        let level = block.header.level;
        let built = LevelInbox::build(&parent.inbox, &protocol, &block.messages)
            .map_err(|e: InboxError| NodeError::Machine { level, reason: e.to_string() })?;
        let ours = built.inbox.hash();
        match block.inbox.as_ref().map(|inbox| inbox.hash()) {
            Some(theirs) if ours != theirs => {
                let (ours, theirs) = (ours.in_family(self.ids), theirs.in_family(self.ids));
                Err(NodeError::Inbox { level, ours, theirs }.into())
            }
            _ => Ok(built),
        }
    }

    fn commitment(
        &self,
        evaluated: &Evaluated,
        level: Level,
        predecessor: CommitmentHash,
        predecessor_level: Level,
    ) -> Result<Commitment, ApplyError> {
        let before = self.store.block_at(predecessor_level)?.ok_or_else(|| NodeError::Machine {
            level,
            reason: format!("the block of the last commitment, at level {predecessor_level}, is not stored"),
        })?;
        Ok(Commitment {
            compressed_state: evaluated.hash,
            inbox_level: level,
            predecessor,
            number_of_ticks: evaluated.tick.since(before.final_tick()),
        })
    }

    /// What an adversary publishes instead of its true commitment.
    fn lie(
        &self,
        adversary: &Mutex<Adversary>,
        honest: Commitment,
        parent: &BlockRecord,
        evaluated: &Evaluated,
        messages: &[SerializedMessage],
    ) -> Result<Commitment, ApplyError> {
        let level = honest.inbox_level;
        let failed = |reason: String| NodeError::Machine { level, reason };
        let begin = parent.most_recent_commitment().1;
        let after = Checkpoint { state: evaluated.state.clone(), tick: evaluated.tick };
        let last = PeriodLevel { level, messages: messages.to_vec(), after: Some(after) };
        let period = period_up_to(&self.store, self.rollup, parent, begin, last)
            .map_err(|e| failed(format!("the adversary's period: {e}")))?;
        let referee = self.machine.referee().ok_or_else(|| failed("it cannot be lied about".to_owned()))?;
        let mut truth = Timeline::new(period, referee.runner, referee.preimages);
        let mut adversary = adversary.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = adversary
            .commitment(&mut truth, &honest)
            .map_err(|e| failed(format!("the adversary does not know what to claim: {e}")))?;
        let (spec, ids) = (adversary.spec(), self.ids);
        if claimed.compressed_state == honest.compressed_state
            && claimed.number_of_ticks == honest.number_of_ticks
        {
            warn!("ADVERSARY {spec}: it tells the truth about the period that ends at level {level}");
        } else {
            warn!(
                "ADVERSARY {spec}: IT LIES about the period that ends at level {level}: it claims the state {} after {} ticks, the truth is {} after {}",
                claimed.compressed_state.in_family(ids),
                claimed.number_of_ticks,
                honest.compressed_state.in_family(ids),
                honest.number_of_ticks
            );
        }
        Ok(claimed)
    }

    /// What a record takes from the block and the machine alone; the rest is for the caller to say.
    fn record(&self, block: &Block, inbox: Inbox, evaluated: &Evaluated) -> BlockRecord {
        BlockRecord {
            hash: block.header.hash,
            level: block.header.level,
            predecessor: block.header.predecessor,
            timestamp: block.header.timestamp,
            inbox,
            num_messages: 0,
            state_hash: evaluated.hash,
            initial_tick: Tick::ZERO,
            num_ticks: TickSpan(0),
            status: evaluated.status.clone(),
            outbox_len: evaluated.outbox_len,
            commitment: None,
            previous_commitment: CommitmentHash::ZERO,
            previous_commitment_level: Level::GENESIS,
            published: block.published.clone(),
            cemented: block.cemented.clone(),
            executed: block.executed.clone(),
            losers: block.losers(),
            runs: Some(evaluated.runs.clone()),
        }
    }

    fn store_block(
        &self,
        record: BlockRecord,
        messages: Vec<SerializedMessage>,
        commitment: Option<Commitment>,
        state: Tree,
    ) -> Result<BlockRecord, ApplyError> {
        let block = NewBlock { record, messages, commitment, state };
        self.store.put(&block)?;
        // A fresh tree from the store: the one just evaluated would keep all it ever read in memory.
        let state = self.store.state(&block.record)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((block.record.hash, state));
        Ok(block.record)
    }

    fn state_of(&self, record: &BlockRecord) -> Result<Tree, StoreError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref().filter(|(hash, _)| *hash == record.hash) {
            Some((_, state)) => Ok(state.clone()),
            None => self.store.state(record),
        }
    }

    fn failed(&self, block: &Block, error: MachineError) -> ApplyError {
        match error {
            MachineError::Undecided { obstacle, reason } => ApplyError::Undecided { obstacle, reason },
            other => NodeError::Machine { level: block.header.level, reason: other.to_string() }.into(),
        }
    }
}

fn gap(header: &Header) -> StoreError {
    StoreError::Gap { block: header.hash, level: header.level, head: "what is stored".to_owned() }
}

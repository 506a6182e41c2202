//! What the node needs of a layer-1, as a trait: the RPC client of `soru-l1` is one, a fake in memory another.

use crate::config::Purpose;
use crate::publish::Pointed;
use soru_base::{BlockHash, CommitmentHash, Level, LevelSpan, OperationHash, PublicKeyHash, RollupAddress};
use soru_protocol::Commitment;
use soru_protocol::SignedOperation;
use soru_protocol::inbox::{Inbox, SerializedMessage};
use soru_protocol::refutation::{Conflict, Game, GameResult, Player, Refutation, Stakers};
use std::collections::BTreeSet;
use std::future::Future;
use thiserror::Error;

/// Where a block is and when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its hash.
    pub hash: BlockHash,
    /// Its level.
    pub level: Level,
    /// Hash of the block before.
    pub predecessor: BlockHash,
    /// Seconds since 1970.
    pub timestamp: i64,
}

/// A commitment that somebody published, and stakes on since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// What was published.
    pub commitment: Commitment,
    /// Who did it.
    pub publisher: PublicKeyHash,
}

/// An applied content of an operation that added messages to the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// The operation.
    pub operation: OperationHash,
    /// Number of the content.
    pub index: u32,
}

/// What a block means to rollups.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The block.
    pub header: Header,
    /// Messages that applied operations added, in order; the protocol's own are not among them.
    pub messages: Vec<SerializedMessage>,
    /// The applied operations that added messages.
    pub added: Vec<Added>,
    /// Commitments of the node's rollup that applied operations published.
    pub published: Vec<Publication>,
    /// Commitments of the node's rollup that applied operations cemented.
    pub cemented: Vec<CommitmentHash>,
    /// Outbox messages of the node's rollup that applied operations executed: the cemented commitments they were
    /// proved against, level and index.
    pub executed: Vec<(Level, u32)>,
    /// Refutation games about the node's rollup that ended, and how.
    pub ended_games: Vec<(Stakers, GameResult)>,
    /// The inbox of all rollups after this block, as the layer-1 says; nothing if it no longer keeps it. (Each inbox
    /// holds the hash of the one before, so a later one witnesses this one too.)
    pub inbox: Option<Inbox>,
    /// The name of the protocol in its first block, if the inbox tells it.
    pub migration: Option<String>,
}

impl Block {
    /// Those whose deposits were taken in the block.
    pub fn losers(&self) -> Vec<PublicKeyHash> {
        let losers = self.ended_games.iter().flat_map(|(stakers, result)| match result {
            GameResult::Loser { loser, .. } => vec![*loser],
            GameResult::Draw => vec![stakers.staker(Player::Alice), stakers.staker(Player::Bob)],
        });
        losers.collect()
    }
}

/// The rollup as the layer-1 knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Level of the block with the origination.
    pub level: Level,
    /// The commitment made there.
    pub commitment: CommitmentHash,
    /// The kernel it starts with.
    pub boot_sector: Vec<u8>,
    /// For how many levels its outboxes are kept.
    pub outbox_validity: LevelSpan,
    /// Messages of an outbox, at most.
    pub outbox_limit: u32,
}

/// The layer-1's constants that matter to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constants {
    /// Blocks in a commitment period.
    pub commitment_period: LevelSpan,
    /// Blocks during which a commitment can be refuted.
    pub challenge_window: LevelSpan,
    /// Blocks beyond the last cemented commitment within which commitments are taken.
    pub max_lookahead: LevelSpan,
    /// Games that a staker may play at once.
    pub parallel_games: usize,
    /// The deposit of a staker, in mutez.
    pub stake_amount: u64,
    /// Seconds between two blocks, at least.
    pub minimal_block_delay: u64,
}

/// What the layer-1 knows of commitments at some block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stakes {
    /// The last cemented commitment.
    pub cemented: Pointed,
    /// The newest commitment that the operator asked about stakes on, if it is not cemented.
    pub staked: Option<Pointed>,
}

/// An operation of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injection {
    /// `smart_rollup_publish`.
    Publish(Commitment),
    /// `smart_rollup_cement`.
    Cement(CommitmentHash),
    /// `smart_rollup_refute`: opens a game, or plays a move of one.
    Refute {
        /// Against whom.
        opponent: PublicKeyHash,
        /// What.
        refutation: Refutation,
    },
    /// `smart_rollup_timeout`: ends a game whose player did not move in time.
    Timeout(Stakers),
    /// `smart_rollup_recover_bond`: gives back the stake of somebody all of whose commitments are cemented.
    RecoverBond(PublicKeyHash),
    /// `smart_rollup_execute_outbox_message`.
    ExecuteOutbox {
        /// The cemented commitment that the proof is about.
        cemented: CommitmentHash,
        /// That the message is in its outbox.
        proof: Vec<u8>,
    },
}

impl Injection {
    /// Whose key signs it.
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::Publish(_) => Purpose::Publish,
            Self::Cement(_) => Purpose::Cement,
            Self::Refute { .. } | Self::Timeout(_) => Purpose::Refute,
            Self::RecoverBond(_) => Purpose::Recover,
            Self::ExecuteOutbox { .. } => Purpose::ExecuteOutbox,
        }
    }
}

/// What became of an operation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Injected {
    /// It is on its way, in the operation of that hash.
    Sent(OperationHash),
    /// The layer-1 refuses it.
    Refused(String),
    /// It builds on one that is refused.
    NotTried,
}

/// What became of messages that were to be put into an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Signed {
    /// They are, and the layer-1 would take it.
    Ready(Box<SignedOperation>),
    /// The layer-1 would refuse it.
    Refused(String),
}

/// Why the layer-1 did not answer.
#[derive(Debug, Error)]
pub enum Layer1Error {
    /// It cannot be reached, or is not ready: another attempt may succeed.
    #[error("the layer-1 cannot be reached: {0}")]
    Unreachable(String),
    /// What was asked for is not there: a block that was replaced, a rollup that does not exist.
    #[error("the layer-1 does not know {0}")]
    Unknown(String),
    /// It knew what was asked for and has thrown it away.
    #[error(
        "the layer-1 no longer keeps {0}: a node that starts here needs a layer-1 that keeps its history"
    )]
    Pruned(String),
    /// The answer makes no sense.
    #[error("the layer-1 gave an answer that cannot be understood: {0}")]
    Nonsense(String),
}

/// A stream of the layer-1's heads. It never ends by itself: when the connection is lost, the next call of
/// [`next`](Heads::next) says so, and the one after it tries again.
pub trait Heads: Send {
    /// The next head; the newest one if there are several.
    fn next(&mut self) -> impl Future<Output = Result<Header, Layer1Error>> + Send;
}

/// A layer-1.
pub trait Layer1: Send + Sync + 'static {
    /// Its stream of heads.
    type Heads: Heads;

    /// Follows the heads, beginning with the current one.
    fn heads(&self) -> Self::Heads;

    /// The current head.
    fn head(&self) -> impl Future<Output = Result<Header, Layer1Error>> + Send;

    /// The ancestor of `of` at `level`, or `of` itself.
    fn ancestor(&self, of: &Header, level: Level)
    -> impl Future<Output = Result<Header, Layer1Error>> + Send;

    /// What the ancestor of `of` at `level`, or `of` itself, means to the rollup.
    fn block(&self, of: &Header, level: Level) -> impl Future<Output = Result<Block, Layer1Error>> + Send;

    /// Level and commitment of the rollup's origination, as known at `at`; [`Layer1Error::Unknown`] if there is no such
    /// rollup.
    fn genesis(
        &self,
        rollup: RollupAddress,
        at: &Header,
    ) -> impl Future<Output = Result<Pointed, Layer1Error>> + Send;

    /// All about the origination of the rollup that exists at `at`.
    fn origin(
        &self,
        rollup: RollupAddress,
        at: &Header,
    ) -> impl Future<Output = Result<Origin, Layer1Error>> + Send;

    /// The constants at `at`.
    fn constants(&self, at: &Header) -> impl Future<Output = Result<Constants, Layer1Error>> + Send;

    /// The commitments at `at`: what is cemented, and what `operator` stakes on.
    fn stakes(
        &self,
        rollup: RollupAddress,
        operator: Option<PublicKeyHash>,
        at: &Header,
    ) -> impl Future<Output = Result<Stakes, Layer1Error>> + Send;

    /// The games that `staker` plays at `at`. The layer-1 may not know how long a `kernel_run` is: that part of
    /// [`Game::rules`] is then a guess, the machine knows better.
    fn games(
        &self,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> impl Future<Output = Result<Vec<Game>, Layer1Error>> + Send;

    /// The stakers whose commitments contradict those of `staker` at `at`, each with where they part; games that are played
    /// already included.
    fn conflicts(
        &self,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> impl Future<Output = Result<Vec<Conflict>, Layer1Error>> + Send;

    /// All who have a stake at `at`.
    fn stakers(
        &self,
        rollup: RollupAddress,
        at: &Header,
    ) -> impl Future<Output = Result<BTreeSet<PublicKeyHash>, Layer1Error>> + Send;

    /// Whether `source` has an operation that may still be included after `at`.
    fn busy(
        &self,
        source: PublicKeyHash,
        at: &Header,
    ) -> impl Future<Output = Result<bool, Layer1Error>> + Send;

    /// Signs with the key of `source` and injects, as one operation, those of `batch` that the layer-1 takes; says of
    /// each what became of it.
    fn inject(
        &self,
        rollup: RollupAddress,
        source: PublicKeyHash,
        batch: Vec<Injection>,
    ) -> impl Future<Output = Result<Vec<Injected>, Layer1Error>> + Send;

    /// Signs an operation of `source` that adds external messages to the inbox, and sends nothing.
    fn sign_messages(
        &self,
        source: PublicKeyHash,
        messages: Vec<Vec<u8>>,
    ) -> impl Future<Output = Result<Signed, Layer1Error>> + Send;

    /// Sends an operation that was signed. It may be on its way even if there is no answer.
    fn send(&self, operation: &SignedOperation)
    -> impl Future<Output = Result<Injected, Layer1Error>> + Send;
}

use super::ROLLUP;
use super::fake_machine::FakeMachine;
use super::fake_rollup::Rollup;
use crate::layer1::{
    Added, Block, Constants, Header, Heads, Injected, Injection, Layer1, Layer1Error, Origin, Publication,
    Signed, Stakes,
};
use crate::machine::Machine;
use crate::publish::Pointed;
use soru_base::blake2b::{hash32, hash32_parts};
use soru_base::{
    BOOTSTRAP_ACCOUNTS, BlockHash, CommitmentHash, Level, LevelSpan, Mutez, OperationHash, PublicKeyHash,
    RollupAddress,
};
use soru_protocol::inbox::{InboxMessage, LevelInbox, ProtocolMessages, SerializedMessage};
use soru_protocol::operation::{Action, Content};
use soru_protocol::refutation::{Conflict, Game, GameResult, LossReason, Stakers};
use soru_protocol::{Commitment, Operation, SignedOperation};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub(super) const PERIOD: u32 = 4;
pub(super) const WINDOW: u32 = 6;
pub(super) const ORIGINATION: u32 = 3;

/// A layer-1 in memory. A clone is the same one.
#[derive(Clone)]
pub(super) struct FakeLayer1(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    heads: watch::Sender<Header>,
}

struct State {
    blocks: BTreeMap<BlockHash, Baked>,
    head: BlockHash,
    mempool: Vec<(PublicKeyHash, Injection)>,
    signed: Vec<SignedOperation>,
    /// Operations with more messages are refused.
    most_messages: usize,
    /// Operations that the mempool of the layer-1 loses when they come.
    losing_operations: u32,
    waiting_messages: Vec<SerializedMessage>,
    refused: u32,
    salt: u64,
    down: bool,
    poisoned: Vec<CommitmentHash>,
    forged_inbox: bool,
    failing: Option<PublicKeyHash>,
    losing: Vec<PublicKeyHash>,
}

#[derive(Clone)]
struct Baked {
    block: Block,
    signed: Vec<SignedOperation>,
    rollup: Rollup,
}

fn origin() -> Origin {
    let mut origin = Origin {
        level: Level::new(ORIGINATION).unwrap(),
        commitment: CommitmentHash::ZERO,
        boot_sector: b"kernel".to_vec(),
        outbox_validity: LevelSpan(100),
        outbox_limit: 100,
    };
    let state = FakeMachine::default().genesis(&origin).unwrap();
    origin.commitment = Commitment::genesis(origin.level, state.hash).hash();
    origin
}

impl FakeLayer1 {
    /// Blocks up to the one with the rollup's origination.
    pub(super) fn new() -> Self {
        let inbox = LevelInbox::genesis(Level::GENESIS, &ProtocolMessages::default()).inbox;
        let header = Header {
            hash: BlockHash([0; 32]),
            level: Level::GENESIS,
            predecessor: BlockHash([0; 32]),
            timestamp: 0,
        };
        let block = Block {
            header,
            messages: vec![],
            added: vec![],
            published: vec![],
            cemented: vec![],
            executed: vec![],
            ended_games: vec![],
            inbox: Some(inbox),
            migration: None,
        };
        let cemented = Pointed { hash: origin().commitment, level: origin().level };
        let rollup = Rollup {
            cemented,
            staked: BTreeMap::new(),
            stakes: BTreeSet::new(),
            published: BTreeMap::new(),
            counters: BTreeMap::new(),
        };
        let state = State {
            blocks: BTreeMap::from([(header.hash, Baked { block, signed: vec![], rollup })]),
            head: header.hash,
            mempool: vec![],
            signed: vec![],
            most_messages: usize::MAX,
            losing_operations: 0,
            waiting_messages: vec![],
            refused: 0,
            salt: 0,
            down: false,
            poisoned: vec![],
            forged_inbox: false,
            failing: None,
            losing: vec![],
        };
        let heads = watch::Sender::new(header);
        let layer1 = Self(Arc::new(Inner { state: Mutex::new(state), heads }));
        layer1.bake(ORIGINATION);
        layer1
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap())
    }

    fn up<T>(&self, ask: impl FnOnce(&mut State) -> Result<T, Layer1Error>) -> Result<T, Layer1Error> {
        self.with(|state| match state.down {
            true => Err(Layer1Error::Unreachable("it is down".to_owned())),
            false => ask(state),
        })
    }

    fn announce(&self) {
        let head = self.with(|s| s.blocks[&s.head].block.header);
        self.0.heads.send_replace(head);
    }

    /// So many blocks more, the first of them with what waits.
    pub(super) fn bake(&self, blocks: u32) {
        (0..blocks).for_each(|_| self.with(State::bake));
        self.announce();
    }

    /// A message for the next block.
    pub(super) fn send(&self, message: &[u8]) {
        let message = InboxMessage::External(message.to_vec()).serialize().unwrap();
        self.with(|s| s.waiting_messages.push(message));
    }

    /// Replaces the last `depth` blocks by `blocks` others; operations in them are lost.
    pub(super) fn reorganise(&self, depth: u32, blocks: u32) {
        self.with(|s| {
            for _ in 0..depth {
                s.head = s.blocks[&s.head].block.header.predecessor;
            }
            s.mempool.clear();
            s.signed.clear();
            s.salt += 1;
        });
        self.bake(blocks);
    }

    /// The same, but operations with messages come back into the mempool, as far as they are still valid.
    pub(super) fn reorganise_keeping(&self, depth: u32, blocks: u32) {
        let lost: Vec<SignedOperation> = self.with(|s| {
            let mut lost = vec![];
            let mut at = s.head;
            for _ in 0..depth {
                lost.extend(s.blocks[&at].signed.iter().rev().cloned());
                at = s.blocks[&at].block.header.predecessor;
            }
            lost.reverse();
            lost.into_iter().chain(std::mem::take(&mut s.signed)).collect()
        });
        self.reorganise(depth, 1);
        self.with(|s| s.signed = lost);
        self.bake(blocks);
    }

    /// The contents of all messages in the inboxes of the chain that have that length.
    pub(super) fn contents_of_length(&self, length: usize) -> Vec<Vec<u8>> {
        self.with(|s| {
            let (mut out, mut at) = (vec![], s.head);
            while s.blocks[&at].block.header.level > Level::GENESIS {
                let block = &s.blocks[&at].block;
                // The first byte is the tag.
                let contents = block.messages.iter().rev().map(|m| m.as_bytes()[1..].to_vec());
                out.extend(contents.filter(|content| content.len() == length));
                at = block.header.predecessor;
            }
            out.reverse();
            out
        })
    }

    /// Operations with messages that wait.
    pub(super) fn signed(&self) -> Vec<SignedOperation> {
        self.with(|s| s.signed.clone())
    }

    /// Refuses operations with more messages.
    pub(super) fn take_at_most(&self, messages: usize) {
        self.with(|s| s.most_messages = messages);
    }

    /// Forgets the next operations with messages as soon as they have come.
    pub(super) fn lose_operations(&self, count: u32) {
        self.with(|s| s.losing_operations = count);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.with(|s| s.down = down);
    }

    /// Makes operations about a commitment fail.
    pub(super) fn poison(&self, commitment: CommitmentHash) {
        self.with(|s| s.poisoned.push(commitment));
    }

    /// Gives no sensible answer when that account injects.
    pub(super) fn fail_for(&self, source: PublicKeyHash) {
        self.with(|s| s.failing = Some(source));
    }

    /// From now on blocks tell a wrong inbox.
    pub(super) fn forge_inboxes(&self) {
        self.with(|s| s.forged_inbox = true);
    }

    /// Somebody else publishes a commitment in the next block.
    pub(super) fn publish_as(&self, who: PublicKeyHash, commitment: Commitment) {
        self.with(|s| s.mempool.push((who, Injection::Publish(commitment))));
    }

    /// Somebody loses a game in the next block.
    pub(super) fn lose(&self, who: PublicKeyHash) {
        self.with(|s| s.losing.push(who));
    }

    /// Who has a deposit.
    pub(super) fn depositors(&self) -> BTreeSet<PublicKeyHash> {
        self.with(|s| s.blocks[&s.head].rollup.staked.keys().copied().collect())
    }

    /// Operations in the mempool.
    pub(super) fn mempool(&self) -> usize {
        self.with(|s| s.mempool.len())
    }

    /// Operations that were included and failed: each cost a fee for nothing.
    pub(super) fn failed_operations(&self) -> u32 {
        self.with(|s| s.refused)
    }

    pub(super) fn head_level(&self) -> u32 {
        self.with(|s| s.blocks[&s.head].block.header.level.get())
    }

    pub(super) fn cemented(&self) -> Pointed {
        self.with(|s| s.blocks[&s.head].rollup.cemented)
    }

    pub(super) fn staked(&self, key: PublicKeyHash) -> Option<Pointed> {
        self.with(|s| s.blocks[&s.head].rollup.staked.get(&key).copied())
    }

    /// How often each commitment was published on the current chain.
    pub(super) fn publications(&self) -> BTreeMap<CommitmentHash, u32> {
        self.with(|s| {
            let mut count = BTreeMap::new();
            let mut at = s.head;
            while s.blocks[&at].block.header.level > Level::GENESIS {
                let block = &s.blocks[&at].block;
                block.published.iter().for_each(|p| *count.entry(p.commitment.hash()).or_insert(0) += 1);
                at = block.header.predecessor;
            }
            count
        })
    }
}

impl State {
    fn bake(&mut self) {
        let parent = self.blocks[&self.head].clone();
        let level = parent.block.header.level.next();
        let mut messages: Vec<SerializedMessage> = self.waiting_messages.drain(..).collect();
        // A level of every chain has something of its own, so that states differ after a reorganisation.
        let own = [level.get().to_be_bytes().as_slice(), &self.salt.to_be_bytes()].concat();
        messages.push(InboxMessage::External(own).serialize().unwrap());
        let mut rollup = parent.rollup;
        let mut ended_games = vec![];
        for loser in std::mem::take(&mut self.losing) {
            let stakers = Stakers::new(loser, PublicKeyHash::Ed25519([0xff; 20])).unwrap();
            ended_games.push((stakers, GameResult::Loser { reason: LossReason::ConflictResolved, loser }));
            rollup.staked.remove(&loser);
            rollup.stakes.retain(|(staker, _)| *staker != loser);
        }
        let mut sources: BTreeSet<PublicKeyHash> = self.mempool.iter().map(|(source, _)| *source).collect();
        sources.iter().for_each(|source| *rollup.counters.entry(*source).or_insert(0) += 1);
        let (mut signed, mut added) = (vec![], vec![]);
        for operation in std::mem::take(&mut self.signed) {
            let Content { source, counter, action, .. } = &operation.operation.contents[0];
            let last = rollup.counters.entry(*source).or_insert(0);
            if *counter != *last + 1 || !sources.insert(*source) {
                // Of the past, or the second one of its account: it waits, as on the network.
                if *counter > *last {
                    self.signed.push(operation);
                }
                continue;
            }
            *last += 1;
            let Action::SmartRollupAddMessages { messages: contents } = action else { unreachable!() };
            let external = |c: &Vec<u8>| InboxMessage::External(c.clone()).serialize().unwrap();
            messages.extend(contents.iter().map(external));
            added.push(Added { operation: operation.hash(), index: 0 });
            signed.push(operation);
        }
        let (mut published, mut cemented) = (vec![], vec![]);
        for (source, injection) in std::mem::take(&mut self.mempool) {
            if !rollup.apply(source, &injection, level) {
                self.refused += 1;
                continue;
            }
            match injection {
                Injection::Publish(commitment) => {
                    published.push(Publication { commitment, publisher: source })
                }
                Injection::Cement(hash) => cemented.push(hash),
                Injection::Refute { .. }
                | Injection::Timeout(_)
                | Injection::RecoverBond(_)
                | Injection::ExecuteOutbox { .. } => (),
            }
        }
        let protocol = ProtocolMessages::default();
        let before = parent.block.inbox.unwrap();
        let mut inbox = LevelInbox::build(&before, &protocol, &messages).unwrap().inbox;
        if self.forged_inbox {
            inbox = LevelInbox::build(&before, &protocol, &[]).unwrap().inbox;
        }
        let predecessor = parent.block.header.hash;
        let salt = self.salt.to_be_bytes();
        let hash = BlockHash(hash32_parts(&[predecessor.as_bytes(), inbox.hash().as_bytes(), &salt]));
        let timestamp = i64::from(level.get());
        let header = Header { hash, level, predecessor, timestamp };
        let block = Block {
            header,
            messages,
            added,
            published,
            cemented,
            executed: vec![],
            ended_games,
            inbox: Some(inbox),
            migration: None,
        };
        self.blocks.insert(hash, Baked { block, signed, rollup });
        self.head = hash;
    }

    fn find(&self, of: BlockHash, level: Level) -> Result<&Baked, Layer1Error> {
        let unknown = || Layer1Error::Unknown(format!("block {of} at level {level}"));
        let mut baked = self.blocks.get(&of).ok_or_else(unknown)?;
        while baked.block.header.level > level {
            baked = &self.blocks[&baked.block.header.predecessor];
        }
        if baked.block.header.level == level { Ok(baked) } else { Err(unknown()) }
    }
}

pub(super) struct FakeHeads(FakeLayer1, watch::Receiver<Header>, bool);

impl Heads for FakeHeads {
    async fn next(&mut self) -> Result<Header, Layer1Error> {
        if self.2 {
            self.1.changed().await.map_err(|e| Layer1Error::Unreachable(e.to_string()))?;
        }
        self.0.up(|_| Ok(()))?;
        self.2 = true;
        Ok(*self.1.borrow_and_update())
    }
}

impl Layer1 for FakeLayer1 {
    type Heads = FakeHeads;

    fn heads(&self) -> FakeHeads {
        FakeHeads(self.clone(), self.0.heads.subscribe(), false)
    }

    async fn head(&self) -> Result<Header, Layer1Error> {
        self.up(|s| Ok(s.blocks[&s.head].block.header))
    }

    async fn ancestor(&self, of: &Header, level: Level) -> Result<Header, Layer1Error> {
        self.up(|s| Ok(s.find(of.hash, level)?.block.header))
    }

    async fn block(&self, of: &Header, level: Level) -> Result<Block, Layer1Error> {
        self.up(|s| Ok(s.find(of.hash, level)?.block.clone()))
    }

    async fn genesis(&self, rollup: RollupAddress, _: &Header) -> Result<Pointed, Layer1Error> {
        self.up(|_| match rollup == ROLLUP {
            false => Err(Layer1Error::Unknown("the rollup".to_owned())),
            true => Ok(Pointed { hash: origin().commitment, level: origin().level }),
        })
    }

    async fn origin(&self, _: RollupAddress, _: &Header) -> Result<Origin, Layer1Error> {
        self.up(|_| Ok(origin()))
    }

    async fn constants(&self, _: &Header) -> Result<Constants, Layer1Error> {
        self.up(|_| {
            Ok(Constants {
                commitment_period: LevelSpan(PERIOD),
                challenge_window: LevelSpan(WINDOW),
                max_lookahead: LevelSpan(1_000),
                parallel_games: 32,
                stake_amount: 10_000,
                minimal_block_delay: 1,
            })
        })
    }

    async fn stakes(
        &self,
        _: RollupAddress,
        operator: Option<PublicKeyHash>,
        at: &Header,
    ) -> Result<Stakes, Layer1Error> {
        self.up(|s| {
            let rollup = &s.find(at.hash, at.level)?.rollup;
            let staked = operator.and_then(|key| rollup.staked.get(&key).copied());
            let cemented = rollup.cemented;
            Ok(Stakes { cemented, staked: staked.filter(|s| s.level > cemented.level) })
        })
    }

    async fn games(&self, _: RollupAddress, _: PublicKeyHash, _: &Header) -> Result<Vec<Game>, Layer1Error> {
        self.up(|_| Ok(Vec::new()))
    }

    async fn conflicts(
        &self,
        _: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> Result<Vec<Conflict>, Layer1Error> {
        self.up(|s| Ok(s.find(at.hash, at.level)?.rollup.conflicts(staker)))
    }

    async fn stakers(&self, _: RollupAddress, at: &Header) -> Result<BTreeSet<PublicKeyHash>, Layer1Error> {
        self.up(|s| Ok(s.find(at.hash, at.level)?.rollup.staked.keys().copied().collect()))
    }

    async fn busy(&self, source: PublicKeyHash, _: &Header) -> Result<bool, Layer1Error> {
        self.up(|s| {
            Ok(s.mempool.iter().any(|(key, _)| *key == source)
                || s.signed.iter().any(|op| op.operation.source() == Some(source)))
        })
    }

    async fn inject(
        &self,
        _: RollupAddress,
        source: PublicKeyHash,
        batch: Vec<Injection>,
    ) -> Result<Vec<Injected>, Layer1Error> {
        self.up(|s| {
            if s.failing == Some(source) {
                return Err(Layer1Error::Nonsense("no account".to_owned()));
            }
            let results = batch.into_iter().map(|injection| {
                let hash = match &injection {
                    Injection::Publish(commitment) => commitment.hash(),
                    Injection::Cement(hash) => *hash,
                    _ => CommitmentHash::ZERO,
                };
                if s.poisoned.contains(&hash) {
                    return Injected::Refused("poisoned".to_owned());
                }
                s.mempool.push((source, injection));
                Injected::Sent(OperationHash(hash32(hash.as_bytes())))
            });
            Ok(results.collect())
        })
    }

    async fn sign_messages(
        &self,
        source: PublicKeyHash,
        messages: Vec<Vec<u8>>,
    ) -> Result<Signed, Layer1Error> {
        self.up(|s| {
            if messages.len() > s.most_messages {
                return Ok(Signed::Refused("gas_exhausted".to_owned()));
            }
            let counter = s.blocks[&s.head].rollup.counters.get(&source).map_or(1, |last| last + 1);
            let action = Action::SmartRollupAddMessages { messages };
            let content =
                Content { source, fee: Mutez::ZERO, counter, gas_limit: 0, storage_limit: 0, action };
            let operation = Operation { branch: s.head, contents: vec![content] };
            Ok(Signed::Ready(Box::new(SignedOperation::sign(operation, &BOOTSTRAP_ACCOUNTS[0].sk()))))
        })
    }

    async fn send(&self, operation: &SignedOperation) -> Result<Injected, Layer1Error> {
        self.up(|s| {
            if s.losing_operations > 0 {
                s.losing_operations -= 1;
                return Err(Layer1Error::Unreachable("the connection was lost".to_owned()));
            }
            s.signed.push(operation.clone());
            Ok(Injected::Sent(operation.hash()))
        })
    }
}

//! A layer-1 with the network's rules, without a network: operations go into a real ledger.

use crate::layer1::{
    Block, Constants, Header, Heads, Injected, Injection, Layer1, Layer1Error, Origin, Publication, Signed,
    Stakes,
};
use crate::publish::Pointed;
use soru_base::blake2b::hash32_parts;
use soru_base::{
    BOOTSTRAP_ACCOUNTS, BlockHash, BootstrapAccount, ChainId, Level, LevelSpan, Mutez, Profile,
    PublicKeyHash, RollupAddress,
};
use soru_michelson::{Micheline, Prim};
use soru_protocol::inbox::InboxMessage;
use soru_protocol::ledger::{BlockContext, GenesisAccount};
use soru_protocol::operation::{Action, Content, Operation, PvmKind, SignedOperation};
use soru_protocol::receipt::{Effect, OperationResult};
use soru_protocol::refutation::{Conflict, Game, Player, Stakers};
use soru_protocol::{Constants as LedgerConstants, Ledger, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub(super) const PERIOD: u32 = 3;
/// Blocks that a player has for all of its moves.
pub(super) const TIMEOUT: u32 = 40;

/// Who sends messages to the rollup, and who bakes.
const SENDER: usize = 3;
const BAKER: usize = 3;
/// Gas that is enough for messages or an origination.
const GAS: u64 = 100_000;

pub(super) fn account(i: usize) -> &'static BootstrapAccount {
    &BOOTSTRAP_ACCOUNTS[i]
}

pub(super) fn pkh(i: usize) -> PublicKeyHash {
    account(i).pkh()
}

/// The layer-1. A clone is the same one.
#[derive(Clone)]
pub(super) struct Arena(Arc<Inner>);

struct Inner {
    origin: Origin,
    rollup: RollupAddress,
    state: Mutex<State>,
    heads: watch::Sender<Header>,
    // How many batches came.
    injections: watch::Sender<u32>,
}

struct State {
    blocks: BTreeMap<BlockHash, Baked>,
    head: BlockHash,
    mempool: Vec<(PublicKeyHash, SignedOperation)>,
    waiting_messages: Vec<Vec<u8>>,
    // Against whom the layer-1 takes no move.
    refused: BTreeSet<PublicKeyHash>,
    mute: bool,
    // Whether no block before the head is known.
    pruned: bool,
    // Whose conflicts are not told.
    hidden: BTreeSet<PublicKeyHash>,
    // Operations that came while another one of the account was waiting.
    collisions: u32,
    salt: u64,
}

#[derive(Clone)]
struct Baked {
    block: Block,
    ledger: Ledger,
}

fn context(before: &Baked) -> BlockContext {
    let header = &before.block.header;
    let level = header.level.next();
    BlockContext {
        level,
        timestamp: Timestamp(header.timestamp + 15),
        predecessor: header.hash,
        predecessor_timestamp: Timestamp(header.timestamp),
        chain_id: ChainId([1; 4]),
        baker: pkh(BAKER),
    }
}

fn operation_of(ledger: &Ledger, source: usize, actions: &[Action], gas: &[u64]) -> SignedOperation {
    let constants = ledger.constants();
    let counter = ledger.counter(&pkh(source)).unwrap();
    let contents = (1..).zip(actions.iter().zip(gas)).map(|(i, (action, gas))| Content {
        source: pkh(source),
        fee: Mutez(1_000),
        counter: counter + i,
        gas_limit: *gas,
        storage_limit: constants.hard_storage_limit_per_operation,
        action: action.clone(),
    });
    let operation = Operation { branch: BlockHash([9; 32]), contents: contents.collect() };
    SignedOperation::sign(operation, &account(source).sk())
}

impl Arena {
    /// A chain up to the block with the rollup's origination.
    pub(super) fn new(kernel: &[u8]) -> Self {
        Self::originated(kernel, Profile::alpha())
    }

    /// The same, on which everybody plays that many games at once.
    pub(super) fn with_games(kernel: &[u8], games: u32) -> Self {
        let mut profile = Profile::alpha();
        profile.rollup.max_number_of_parallel_games = games;
        Self::originated(kernel, profile)
    }

    fn originated(kernel: &[u8], mut profile: Profile) -> Self {
        profile.rollup.commitment_period_in_blocks = PERIOD;
        profile.rollup.challenge_window_in_blocks = 8;
        profile.rollup.max_lookahead_in_blocks = 300;
        profile.rollup.max_active_outbox_levels = 400;
        profile.rollup.timeout_period_in_blocks = TIMEOUT;
        let accounts = BOOTSTRAP_ACCOUNTS.iter().map(|account| GenesisAccount {
            pkh: account.pkh(),
            balance: Mutez::from_tez(3_000_000).unwrap(),
            public_key: Some(account.pk()),
        });
        let accounts: Vec<_> = accounts.collect();
        let ledger = Ledger::genesis(LedgerConstants::of(profile), &accounts, Timestamp(1_000)).unwrap();
        let header = Header {
            hash: BlockHash([0; 32]),
            level: Level::GENESIS,
            predecessor: BlockHash([0; 32]),
            timestamp: 1_000,
        };
        let mut baked = Baked { block: empty(header, ledger.inbox().unwrap()), ledger };
        let mut blocks = BTreeMap::from([(header.hash, baked.clone())]);
        let originate = Action::SmartRollupOriginate {
            pvm_kind: PvmKind::Wasm2_0_0,
            kernel: kernel.to_vec(),
            parameters_ty: Micheline::atom(Prim::bytes),
            whitelist: None,
        };
        let mut origination = None;
        for actions in [vec![], vec![originate]] {
            let operations =
                (!actions.is_empty()).then(|| operation_of(&baked.ledger, SENDER, &actions, &[GAS]));
            let (next, effects) = bake(&baked, &[], operations.as_slice(), 0);
            origination = effects.into_iter().find_map(|(_, _, effect)| match effect {
                Effect::RollupOrigination { address, genesis_commitment_hash, .. } => {
                    Some((address, genesis_commitment_hash))
                }
                _ => None,
            });
            baked = next;
            blocks.insert(baked.block.header.hash, baked.clone());
        }
        let (rollup, commitment) = origination.unwrap();
        let constants = baked.ledger.constants().rollup().clone();
        let origin = Origin {
            level: baked.block.header.level,
            commitment,
            boot_sector: kernel.to_vec(),
            outbox_validity: LevelSpan(constants.max_active_outbox_levels),
            outbox_limit: constants.max_outbox_messages_per_level,
        };
        let head = baked.block.header;
        let state = State {
            blocks,
            head: head.hash,
            mempool: vec![],
            waiting_messages: vec![],
            refused: BTreeSet::new(),
            mute: false,
            pruned: false,
            hidden: BTreeSet::new(),
            collisions: 0,
            salt: 0,
        };
        Self(Arc::new(Inner {
            origin,
            rollup,
            state: Mutex::new(state),
            heads: watch::Sender::new(head),
            injections: watch::Sender::new(0),
        }))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap())
    }

    pub(super) fn rollup(&self) -> RollupAddress {
        self.0.rollup
    }

    pub(super) fn origination(&self) -> Level {
        self.0.origin.level
    }

    pub(super) fn head_now(&self) -> Header {
        self.with(|s| s.blocks[&s.head].block.header)
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.with(|s| s.blocks[&s.head].ledger.clone())
    }

    /// A message for the next block.
    pub(super) fn send(&self, message: &[u8]) {
        self.with(|s| s.waiting_messages.push(message.to_vec()));
    }

    /// A block with all that waits.
    pub(super) fn bake(&self) {
        let head = self.with(|s| {
            let messages = std::mem::take(&mut s.waiting_messages);
            let mempool = std::mem::take(&mut s.mempool);
            let before = s.blocks[&s.head].clone();
            let operations: Vec<_> = mempool.into_iter().map(|(_, operation)| operation).collect();
            let (baked, _) = bake(&before, &messages, &operations, s.salt);
            s.head = baked.block.header.hash;
            s.blocks.insert(s.head, baked);
            s.blocks[&s.head].block.header
        });
        self.0.heads.send_replace(head);
    }

    /// Takes back so many blocks; the operations in them and in the mempool are lost.
    pub(super) fn take_back(&self, depth: u32) {
        self.with(|s| {
            for _ in 0..depth {
                s.head = s.blocks[&s.head].block.header.predecessor;
            }
            s.mempool.clear();
            s.salt += 1;
        });
    }

    /// Operations of an account lost on their way.
    pub(super) fn lose(&self, source: PublicKeyHash) {
        self.with(|s| s.mempool.retain(|(key, _)| *key != source));
    }

    /// No move against that account is taken any more; or it is again.
    pub(super) fn refuse(&self, opponent: PublicKeyHash, refuse: bool) {
        self.with(|s| match refuse {
            true => s.refused.insert(opponent),
            false => s.refused.remove(&opponent),
        });
    }

    /// The layer-1 tells nothing of games any more; or it does again.
    pub(super) fn set_mute(&self, mute: bool) {
        self.with(|s| s.mute = mute);
    }

    /// The layer-1 has thrown all blocks away but its head.
    pub(super) fn prune(&self) {
        self.with(|s| s.pruned = true);
    }

    /// The layer-1 no longer tells the conflicts of that account.
    pub(super) fn hide(&self, staker: PublicKeyHash) {
        self.with(|s| s.hidden.insert(staker));
    }

    /// Actions of an account that wait for a block.
    pub(super) fn waiting(&self, source: PublicKeyHash) -> Vec<Action> {
        self.with(|s| {
            let own = s.mempool.iter().filter(|(key, _)| *key == source);
            own.flat_map(|(_, op)| op.operation.contents.iter().map(|c| c.action.clone())).collect()
        })
    }

    /// Until an operation of an account waits for a block.
    pub(super) async fn until_sent(&self, source: PublicKeyHash) {
        let mut injections = self.0.injections.subscribe();
        injections.wait_for(|_| !self.waiting(source).is_empty()).await.unwrap();
    }

    /// Operations that came while another one of their account was waiting.
    pub(super) fn collisions(&self) -> u32 {
        self.with(|s| s.collisions)
    }

    /// Level of the newest commitment that somebody stakes on.
    pub(super) fn staked_level(&self, staker: PublicKeyHash) -> Level {
        let ledger = self.ledger();
        let hash = ledger.staked_on(&self.rollup(), &staker).unwrap().unwrap();
        ledger.commitment(&self.rollup(), &hash).unwrap().unwrap().inbox_level
    }

    pub(super) fn games_now(&self, staker: PublicKeyHash) -> Vec<Game> {
        self.ledger().games_of(&self.rollup(), &staker).unwrap()
    }

    pub(super) fn is_staked(&self, staker: PublicKeyHash) -> bool {
        self.ledger().staker_index(&self.rollup(), &staker).unwrap().is_some()
    }

    pub(super) fn cemented_level(&self) -> Level {
        self.ledger().last_cemented_commitment(&self.rollup()).unwrap().unwrap().1
    }

    fn at(&self, header: &Header, level: Level) -> Result<Baked, Layer1Error> {
        self.with(|s| {
            let unknown = || Layer1Error::Unknown(format!("block {} at level {level}", header.hash));
            let mut baked = s.blocks.get(&header.hash).ok_or_else(unknown)?;
            while baked.block.header.level > level {
                baked = &s.blocks[&baked.block.header.predecessor];
            }
            if baked.block.header.level == level { Ok(baked.clone()) } else { Err(unknown()) }
        })
    }

    fn action(&self, injection: Injection) -> Action {
        let rollup = self.rollup();
        match injection {
            Injection::Publish(commitment) => Action::SmartRollupPublish { rollup, commitment },
            Injection::Cement(_) => Action::SmartRollupCement { rollup },
            Injection::Refute { opponent, refutation } => {
                Action::SmartRollupRefute { rollup, opponent, refutation }
            }
            Injection::Timeout(stakers) => Action::SmartRollupTimeout {
                rollup,
                alice: stakers.staker(Player::Alice),
                bob: stakers.staker(Player::Bob),
            },
            Injection::RecoverBond(staker) => Action::SmartRollupRecoverBond { rollup, staker },
            Injection::ExecuteOutbox { cemented, proof } => Action::SmartRollupExecuteOutboxMessage {
                rollup,
                cemented_commitment: cemented,
                output_proof: proof,
            },
        }
    }
}

fn empty(header: Header, inbox: soru_protocol::inbox::Inbox) -> Block {
    Block {
        header,
        messages: vec![],
        added: vec![],
        published: vec![],
        cemented: vec![],
        executed: vec![],
        ended_games: vec![],
        inbox: Some(inbox),
        migration: None,
    }
}

type Effects = Vec<(PublicKeyHash, Action, Effect)>;

/// The block after `before`; operations that fail have no effects.
fn bake(before: &Baked, messages: &[Vec<u8>], operations: &[SignedOperation], salt: u64) -> (Baked, Effects) {
    let context = context(before);
    let mut builder = before.ledger.begin_block(context);
    // A level of every chain has something of its own, so that states differ after a reorganisation.
    let own = [b"level".as_slice(), &context.level.get().to_be_bytes(), &salt.to_be_bytes()].concat();
    let messages: Vec<_> = messages.iter().cloned().chain([own]).collect();
    let add = Action::SmartRollupAddMessages { messages: messages.clone() };
    let mut effects = Effects::new();
    if operations.iter().all(|op| op.operation.contents[0].source != pkh(SENDER)) {
        assert!(builder.apply(&operation_of(&before.ledger, SENDER, &[add], &[GAS])).unwrap().is_applied());
    }
    let added =
        builder.ledger().counter(&pkh(SENDER)).unwrap() != before.ledger.counter(&pkh(SENDER)).unwrap();
    for operation in operations {
        let Ok(receipt) = builder.apply(operation) else { continue };
        if !receipt.is_applied() {
            continue;
        }
        for (content, receipt) in operation.operation.contents.iter().zip(receipt.contents) {
            if let OperationResult::Applied(success) = receipt.result {
                effects.push((content.source, content.action.clone(), success.effect));
            }
        }
    }
    let ledger = builder.finish().unwrap().0;
    let inbox = ledger.inbox().unwrap();
    let predecessor = before.block.header.hash;
    let hash = BlockHash(hash32_parts(&[
        predecessor.as_bytes(),
        inbox.hash().as_bytes(),
        ledger.context_hash().unwrap().as_bytes(),
        &salt.to_be_bytes(),
    ]));
    let header = Header { hash, level: context.level, predecessor, timestamp: context.timestamp.0 };
    let mut block = empty(header, inbox);
    if added {
        block.messages =
            messages.into_iter().map(|m| InboxMessage::External(m).serialize().unwrap()).collect();
    }
    for (source, action, effect) in &effects {
        match (action, effect) {
            (Action::SmartRollupPublish { commitment, .. }, Effect::Publish { .. }) => {
                block.published.push(Publication { commitment: *commitment, publisher: *source });
            }
            (_, Effect::Cement { commitment_hash, .. }) => block.cemented.push(*commitment_hash),
            (Action::SmartRollupRefute { opponent, .. }, Effect::Game { result: Some(result) }) => {
                block.ended_games.push((Stakers::new(*source, *opponent).unwrap(), *result));
            }
            (Action::SmartRollupTimeout { alice, bob, .. }, Effect::Game { result: Some(result) }) => {
                block.ended_games.push((Stakers::new(*alice, *bob).unwrap(), *result));
            }
            _ => (),
        }
    }
    (Baked { block, ledger }, effects)
}

impl State {
    /// What an injector does: what would fail is left out, the rest is one operation.
    fn inject(&mut self, source: usize, batch: Vec<(Injection, Action)>) -> Vec<Injected> {
        let mut results = vec![None; batch.len()];
        if self.mempool.iter().any(|(key, _)| *key == pkh(source)) {
            self.collisions += 1;
            let busy = "an operation of the account is there already".to_owned();
            return vec![Injected::Refused(busy); batch.len()];
        }
        for (result, (injection, _)) in results.iter_mut().zip(&batch) {
            if matches!(injection, Injection::Refute { opponent, .. } if self.refused.contains(opponent)) {
                *result = Some(Injected::Refused("no move against it is taken".to_owned()));
            }
        }
        let head = &self.blocks[&self.head];
        loop {
            let left: Vec<usize> = (0..batch.len()).filter(|i| results[*i].is_none()).collect();
            if left.is_empty() {
                break;
            }
            let actions: Vec<_> = left.iter().map(|i| batch[*i].1.clone()).collect();
            let most = head.ledger.constants().hard_gas_limit_per_operation / actions.len() as u64;
            let operation = operation_of(&head.ledger, source, &actions, &vec![most; actions.len()]);
            let receipt = match head.ledger.check_mempool(context(head), &operation) {
                Ok(receipt) => receipt,
                Err(error) => {
                    left.iter().for_each(|i| results[*i] = Some(Injected::Refused(format!("{error:?}"))));
                    break;
                }
            };
            let failed = receipt.contents.iter().position(|c| !c.result.errors().is_empty());
            match failed {
                Some(at) => {
                    let reasons: Vec<&str> =
                        receipt.contents[at].result.errors().iter().map(|e| e.id()).collect();
                    results[left[at]] = Some(Injected::Refused(reasons.join(", ")));
                }
                None => {
                    let used = receipt.contents.iter().filter_map(|c| c.result.success());
                    let gas: Vec<u64> = used.map(|s| s.consumed_milligas / 1_000 + 200).collect();
                    let operation = operation_of(&head.ledger, source, &actions, &gas);
                    let hash = operation.hash();
                    left.iter().for_each(|i| results[*i] = Some(Injected::Sent(hash)));
                    self.mempool.push((pkh(source), operation));
                    break;
                }
            }
        }
        results.into_iter().flatten().collect()
    }
}

pub(super) struct ArenaHeads(watch::Receiver<Header>, bool);

impl Heads for ArenaHeads {
    async fn next(&mut self) -> Result<Header, Layer1Error> {
        if self.1 {
            self.0.changed().await.map_err(|e| Layer1Error::Unreachable(e.to_string()))?;
        }
        self.1 = true;
        Ok(*self.0.borrow_and_update())
    }
}

impl Layer1 for Arena {
    type Heads = ArenaHeads;

    fn heads(&self) -> ArenaHeads {
        ArenaHeads(self.0.heads.subscribe(), false)
    }

    async fn head(&self) -> Result<Header, Layer1Error> {
        Ok(self.head_now())
    }

    async fn ancestor(&self, of: &Header, level: Level) -> Result<Header, Layer1Error> {
        if level < of.level && self.with(|s| s.pruned) {
            return Err(Layer1Error::Pruned(format!("the block of level {level}")));
        }
        Ok(self.at(of, level)?.block.header)
    }

    async fn block(&self, of: &Header, level: Level) -> Result<Block, Layer1Error> {
        Ok(self.at(of, level)?.block)
    }

    async fn genesis(&self, _: RollupAddress, _: &Header) -> Result<Pointed, Layer1Error> {
        Ok(Pointed { hash: self.0.origin.commitment, level: self.0.origin.level })
    }

    async fn origin(&self, _: RollupAddress, _: &Header) -> Result<Origin, Layer1Error> {
        Ok(self.0.origin.clone())
    }

    async fn constants(&self, at: &Header) -> Result<Constants, Layer1Error> {
        let ledger = self.at(at, at.level)?.ledger;
        let constants = ledger.constants().rollup();
        Ok(Constants {
            commitment_period: LevelSpan(constants.commitment_period_in_blocks),
            challenge_window: LevelSpan(constants.challenge_window_in_blocks),
            max_lookahead: LevelSpan(constants.max_lookahead_in_blocks),
            stake_amount: 10_000_000_000,
            parallel_games: constants.max_number_of_parallel_games as usize,
            minimal_block_delay: 1,
        })
    }

    async fn stakes(
        &self,
        rollup: RollupAddress,
        operator: Option<PublicKeyHash>,
        at: &Header,
    ) -> Result<Stakes, Layer1Error> {
        let ledger = self.at(at, at.level)?.ledger;
        let (hash, level) = ledger.last_cemented_commitment(&rollup).unwrap().unwrap();
        let staked = operator.and_then(|key| ledger.staked_on(&rollup, &key).unwrap());
        let staked = staked.and_then(|hash| {
            let commitment = ledger.commitment(&rollup, &hash).unwrap()?;
            Some(Pointed { hash, level: commitment.inbox_level })
        });
        Ok(Stakes { cemented: Pointed { hash, level }, staked: staked.filter(|s| s.level > level) })
    }

    async fn games(
        &self,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> Result<Vec<Game>, Layer1Error> {
        if self.with(|s| s.mute) {
            return Err(Layer1Error::Nonsense("a game in an unknown form".to_owned()));
        }
        Ok(self.at(at, at.level)?.ledger.games_of(&rollup, &staker).unwrap())
    }

    async fn conflicts(
        &self,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> Result<Vec<Conflict>, Layer1Error> {
        if self.with(|s| s.hidden.contains(&staker)) {
            return Err(Layer1Error::Unknown(format!("the conflicts of {staker}")));
        }
        Ok(self.at(at, at.level)?.ledger.conflicts_of(&rollup, &staker).unwrap())
    }

    async fn stakers(
        &self,
        rollup: RollupAddress,
        at: &Header,
    ) -> Result<BTreeSet<PublicKeyHash>, Layer1Error> {
        Ok(self.at(at, at.level)?.ledger.stakers(&rollup).unwrap().into_iter().collect())
    }

    async fn busy(&self, source: PublicKeyHash, _: &Header) -> Result<bool, Layer1Error> {
        Ok(self.with(|s| s.mempool.iter().any(|(key, _)| *key == source)))
    }

    async fn inject(
        &self,
        _: RollupAddress,
        source: PublicKeyHash,
        batch: Vec<Injection>,
    ) -> Result<Vec<Injected>, Layer1Error> {
        let number = (0..BOOTSTRAP_ACCOUNTS.len()).find(|i| pkh(*i) == source).unwrap();
        let batch = batch.into_iter().map(|injection| (injection.clone(), self.action(injection))).collect();
        let results = self.with(|s| s.inject(number, batch));
        self.0.injections.send_modify(|count| *count += 1);
        Ok(results)
    }

    async fn sign_messages(&self, source: PublicKeyHash, _: Vec<Vec<u8>>) -> Result<Signed, Layer1Error> {
        Ok(Signed::Refused(format!("{source} only plays here")))
    }

    async fn send(&self, operation: &SignedOperation) -> Result<Injected, Layer1Error> {
        Ok(Injected::Refused(format!("{} is not of this game", operation.hash())))
    }
}

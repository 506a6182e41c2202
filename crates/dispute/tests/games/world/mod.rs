//! A little chain with a rollup, and what its nodes know of it.

pub(crate) mod game;
pub(crate) mod kernels;
pub(crate) mod liar;

use soru_base::{
    BOOTSTRAP_ACCOUNTS, BlockHash, BootstrapAccount, ChainId, CommitmentHash, Level, LevelSpan, Mutez,
    Profile, PublicKeyHash, RollupAddress, Tick,
};
use soru_dispute::{Checkpoint, Period, PeriodLevel, Timeline};
use soru_engine::{Engine, Options};
use soru_merkle::Tree;
use soru_michelson::{Micheline, Prim};
use soru_protocol::inbox::{
    HistoryCell, InboxMessage, InboxSource, LevelInbox, NotKeptError, ProtocolMessages, SerializedMessage,
};
use soru_protocol::ledger::{BlockContext, GenesisAccount};
use soru_protocol::operation::{Action, Content, Operation, PvmKind, SignedOperation};
use soru_protocol::receipt::{Effect, OperationReceipt, OperationResult};
use soru_protocol::refutation::{Game, Player, Refutation, Stakers};
use soru_protocol::{Commitment, Constants, Ledger, Timestamp};
use soru_pvm::level::Surroundings;
use soru_pvm::reveal::{Metadata, PreimageHash, PreimageSource, RevealError, RollupReveals};
use soru_pvm::run::Runner;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Bootstrap accounts, by number.
pub(crate) const OPERATOR: usize = 0;
pub(crate) const BAKER: usize = 4;

/// Blocks of a commitment period in these tests.
pub(crate) const PERIOD: u32 = 3;

pub(crate) fn account(i: usize) -> &'static BootstrapAccount {
    &BOOTSTRAP_ACCOUNTS[i]
}

pub(crate) fn pkh(i: usize) -> PublicKeyHash {
    account(i).pkh()
}

/// One engine for all tests: it remembers what it has compiled.
pub(crate) fn engine() -> Arc<dyn Runner + Send + Sync> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Arc::new(Engine::new(Options::default()).unwrap())).clone()
}

/// Pages by their hash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages(pub(crate) BTreeMap<PreimageHash, Vec<u8>>);

impl Pages {
    pub(crate) fn of(pages: &[&[u8]]) -> Self {
        Self(pages.iter().map(|page| (PreimageHash::of_page(page), page.to_vec())).collect())
    }
}

impl PreimageSource for Pages {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        self.0.get(&hash).cloned().ok_or_else(|| RevealError::new(format!("no page {hash}")))
    }
}

/// The inboxes of all levels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inboxes(pub(crate) BTreeMap<Level, LevelInbox>);

impl Inboxes {
    fn get(&self, what: &'static str, level: Level) -> Result<&LevelInbox, NotKeptError> {
        self.0.get(&level).ok_or_else(|| NotKeptError { what, level, reason: "not baked".to_owned() })
    }
}

impl InboxSource for Inboxes {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Ok(self.get("cell", level)?.inbox.old_levels_messages.clone())
    }
    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        Ok(self.get("messages", level)?.messages.clone())
    }
}

/// What somebody sends to all rollups at a level.
pub(crate) type Script = fn(u32) -> Vec<Vec<u8>>;

/// A chain with a rollup that was originated at level 2. Cheap to clone.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) metadata: Metadata,
    pub(crate) inboxes: Inboxes,
    pub(crate) pages: Pages,
    /// The states after levels, that of the origination first.
    states: BTreeMap<Level, Checkpoint>,
    script: Script,
    parents: Vec<CommitmentHash>,
}

impl World {
    pub(crate) fn new(mut profile: Profile, kernel: &[u8], pages: Pages, script: Script) -> Self {
        profile.rollup.commitment_period_in_blocks = PERIOD;
        profile.rollup.challenge_window_in_blocks = 8;
        profile.rollup.max_lookahead_in_blocks = 30;
        profile.rollup.max_active_outbox_levels = 40;
        let accounts: Vec<_> = BOOTSTRAP_ACCOUNTS
            .iter()
            .map(|account| GenesisAccount {
                pkh: account.pkh(),
                balance: Mutez::from_tez(3_000_000).unwrap(),
                public_key: Some(account.pk()),
            })
            .collect();
        let ledger = Ledger::genesis(Constants::of(profile), &accounts, Timestamp(1_000)).unwrap();
        let mut world = Self {
            ledger,
            metadata: Metadata { address: RollupAddress::ZERO, origination_level: Level::GENESIS },
            inboxes: Inboxes::default(),
            pages,
            states: BTreeMap::new(),
            script: |_| Vec::new(),
            parents: Vec::new(),
        };
        world.bake(&[]);
        let originate = Action::SmartRollupOriginate {
            pvm_kind: PvmKind::Wasm2_0_0,
            kernel: kernel.to_vec(),
            parameters_ty: Micheline::atom(Prim::bytes),
            whitelist: None,
        };
        let Effect::RollupOrigination { address, genesis_commitment_hash, .. } =
            world.done(OPERATOR, originate)
        else {
            panic!("no origination")
        };
        let level = world.level();
        world.metadata = Metadata { address, origination_level: level };
        let state = world.ledger.genesis_state(kernel).unwrap();
        world.states.insert(level, Checkpoint { state, tick: Tick::ZERO });
        world.parents.push(genesis_commitment_hash);
        world.script = script;
        world
    }

    pub(crate) fn rollup(&self) -> RollupAddress {
        self.metadata.address
    }

    pub(crate) fn level(&self) -> Level {
        self.ledger.level().unwrap()
    }

    fn context(&self) -> BlockContext {
        let level = self.level().next();
        BlockContext {
            level,
            timestamp: Timestamp(1_000 + 15 * i64::from(level.get())),
            predecessor: BlockHash([level.get() as u8; 32]),
            predecessor_timestamp: Timestamp(985 + 15 * i64::from(level.get())),
            chain_id: ChainId([1; 4]),
            baker: pkh(BAKER),
        }
    }

    fn operation(&self, account_number: usize, action: Action) -> SignedOperation {
        let source = pkh(account_number);
        let constants = self.ledger.constants();
        let content = Content {
            source,
            fee: Mutez(1_000),
            counter: self.ledger.counter(&source).unwrap() + 1,
            gas_limit: constants.hard_gas_limit_per_operation / 4,
            storage_limit: constants.hard_storage_limit_per_operation,
            action,
        };
        let operation = Operation { branch: BlockHash([9; 32]), contents: vec![content] };
        SignedOperation::sign(operation, &account(account_number).sk())
    }

    /// A block with operations of different accounts, and the messages of the level.
    pub(crate) fn bake(&mut self, actions: &[(usize, Action)]) -> Vec<OperationReceipt> {
        let context = self.context();
        let (before, level) = (self.ledger.inbox().unwrap(), context.level);
        let mut builder = self.ledger.begin_block(context);
        let messages = (self.script)(level.get());
        if !messages.is_empty() {
            let add = Action::SmartRollupAddMessages { messages: messages.clone() };
            assert!(builder.apply(&self.operation(OPERATOR, add)).unwrap().is_applied());
        }
        let receipts = actions
            .iter()
            .map(|(account, action)| {
                let receipt = builder.apply(&self.operation(*account, action.clone())).unwrap();
                assert!(receipt.is_applied(), "{receipt:?}");
                receipt
            })
            .collect();
        let profile = &self.ledger.constants().profile;
        let protocol = ProtocolMessages {
            info: profile.info_per_level.then_some((context.predecessor_timestamp.0, context.predecessor)),
            migration: (profile.info_per_level && level.get() == 1).then(|| "t024_024".to_owned()),
        };
        let serialized: Vec<_> =
            messages.into_iter().map(|m| InboxMessage::External(m).serialize().unwrap()).collect();
        let inbox = LevelInbox::build(&before, &protocol, &serialized).unwrap();
        self.ledger = builder.finish().unwrap().0;
        assert_eq!(inbox.inbox, self.ledger.inbox().unwrap());
        self.inboxes.0.insert(level, inbox);
        self.evaluate(level);
        receipts
    }

    /// What a node does with a level: the engine runs it.
    fn evaluate(&mut self, level: Level) {
        let Some(before) = level.prev().and_then(|level| self.states.get(&level)) else { return };
        let engine = engine();
        let mut reveals = RollupReveals { metadata: self.metadata, preimages: &mut self.pages };
        let mut around = Surroundings { runner: engine.as_ref(), reveals: &mut reveals, debug: &mut () };
        let messages: Vec<_> = self.inboxes.0[&level].messages.iter().map(|m| m.as_bytes()).collect();
        let outcome = soru_pvm::eval_level(&before.state, level, &messages, &mut around).unwrap();
        let after = Checkpoint { state: outcome.tree, tick: outcome.machine.current_tick };
        self.states.insert(level, after);
    }

    pub(crate) fn bake_to(&mut self, level: Level) {
        while self.level() < level {
            self.bake(&[]);
        }
    }

    /// What one operation did.
    pub(crate) fn done(&mut self, account: usize, action: Action) -> Effect {
        match &self.bake(&[(account, action)])[0].contents[0].result {
            OperationResult::Applied(success) => success.effect.clone(),
            other => panic!("not applied: {other:?}"),
        }
    }

    /// The level of the commitment of period `number`, from 1.
    pub(crate) fn period_end(&self, number: u32) -> Level {
        self.metadata.origination_level.plus(LevelSpan(number * PERIOD))
    }

    /// Period `number`, whose levels must have been baked. `known` says whether the states after levels are known.
    pub(crate) fn period(&self, number: u32, known: bool) -> Period {
        let parent = self.period_end(number - 1);
        let levels = (1..=PERIOD)
            .map(|i| {
                let level = parent.plus(LevelSpan(i));
                let messages = self.inboxes.messages(level).unwrap();
                PeriodLevel { level, messages, after: known.then(|| self.states[&level].clone()) }
            })
            .collect();
        Period { metadata: self.metadata, begin: self.states[&parent].clone(), levels }
    }

    pub(crate) fn timeline(&self, number: u32, known: bool) -> Timeline {
        Timeline::new(self.period(number, known), engine(), Box::new(self.pages.clone()))
    }

    /// The true commitment of period `number`, on the last one that was agreed on.
    pub(crate) fn commitment(&self, number: u32) -> Commitment {
        let (begin, end) =
            (&self.states[&self.period_end(number - 1)], &self.states[&self.period_end(number)]);
        Commitment {
            compressed_state: state_hash(&end.state),
            inbox_level: self.period_end(number),
            predecessor: self.parents[number as usize - 1],
            number_of_ticks: end.tick.since(begin.tick),
        }
    }

    /// Bakes until the commitment of period `number` can be published.
    pub(crate) fn bake_period(&mut self, number: u32) {
        self.bake_to(self.period_end(number).next());
    }

    /// All `stakers` publish the true commitment of the period.
    pub(crate) fn agree(&mut self, number: u32, stakers: &[usize]) {
        self.bake_period(number);
        let commitment = self.commitment(number);
        let publish = Action::SmartRollupPublish { rollup: self.rollup(), commitment };
        let actions: Vec<_> = stakers.iter().map(|staker| (*staker, publish.clone())).collect();
        self.bake(&actions);
        self.parents.push(commitment.hash());
    }

    pub(crate) fn game(&self, one: usize, other: usize) -> Option<Game> {
        let stakers = Stakers::new(pkh(one), pkh(other)).unwrap();
        self.ledger.game(&self.rollup(), &stakers).unwrap()
    }

    pub(crate) fn refute(&self, opponent: usize, refutation: Refutation) -> Action {
        Action::SmartRollupRefute { rollup: self.rollup(), opponent: pkh(opponent), refutation }
    }

    pub(crate) fn is_staked(&self, staker: usize) -> bool {
        self.ledger.staker_index(&self.rollup(), &pkh(staker)).unwrap().is_some()
    }

    pub(crate) fn frozen(&self, staker: usize) -> u64 {
        self.ledger.frozen_bonds(&pkh(staker).into()).unwrap().0
    }

    pub(crate) fn balance(&self, i: usize) -> u64 {
        self.ledger.balance(&pkh(i).into()).unwrap().unwrap_or_default().0
    }
}

/// The side that somebody plays.
pub(crate) fn side(game: &Game, staker: usize) -> Player {
    game.stakers.player(&pkh(staker)).unwrap()
}

pub(crate) fn state_hash(state: &Tree) -> soru_base::StateHash {
    state.hash().unwrap().into()
}

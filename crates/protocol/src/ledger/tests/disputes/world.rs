use super::honest::Honest;
use super::liars::Liar;
use super::swindle;
use crate::block::Timestamp;
use crate::commitment::Commitment;
use crate::ledger::block::Checks;
use crate::ledger::{BlockBuilder, BlockContext, Constants, GenesisAccount, Ledger};
use crate::operation::{Action, Content, Operation, PvmKind, SignedOperation};
use crate::receipt::{Effect, OperationReceipt, OperationResult};
use crate::refutation::tests::world::{Dice, Truth, state};
use crate::refutation::{
    Game, GameResult, LossReason, Player, Refutation, RefutationProof, Stakers, Verdict,
};
use soru_base::{
    BlockHash, ChainId, CommitmentHash, Contract, Curve, Level, LevelSpan, Mutez, Profile, PublicKeyHash,
    RollupAddress, SecretKey, Signature, TickSpan,
};
use soru_michelson::{Micheline, Prim};
use soru_pvm::reveal::Metadata;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

pub(super) const PERIOD: u32 = 4;
pub(super) const WINDOW: u32 = 24;
pub(super) const CLOCK: u32 = 40;
pub(super) const STAKE: u64 = 1_000;
pub(super) const LIARS: usize = 24;
/// The level at which the liars leave.
pub(super) const LIARS_LEAVE: u32 = 70;
const GENESIS: u32 = 1;

thread_local! {
    /// What the machine of the world that this thread plays computes.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// The truth about the period that ends at a level.
pub(super) fn truth(inbox_level: Level) -> Truth {
    let period = inbox_level.get().saturating_sub(GENESIS) / PERIOD;
    let (mut before, mut ticks) = (0, 0);
    for i in 1..=u64::from(period) {
        before += ticks;
        let mut dice = Dice(SEED.get().wrapping_add(i));
        // Most periods are short, some span many runs of a kernel.
        let bits = if dice.one_in(16) { 50 } else { 7 };
        ticks = dice.length(bits);
    }
    Truth { before, ticks }
}

fn examine(game: &Game, proof: &RefutationProof, _: Metadata) -> Verdict {
    truth(game.inbox_level).examine(proof)
}

/// The honest claim about the period that ends at a level.
pub(super) fn honest_claim(inbox_level: Level, predecessor: CommitmentHash) -> Commitment {
    let truth = truth(inbox_level);
    Commitment {
        compressed_state: truth.state(0, truth.ticks),
        inbox_level,
        predecessor,
        number_of_ticks: TickSpan(truth.ticks),
    }
}

/// An operation that is under way.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// The block it is valid on.
    pub(super) branch: u64,
    /// When it arrives.
    pub(super) due: Level,
    pub(super) action: Action,
}

#[derive(Debug, Clone)]
struct Block {
    id: u64,
    ledger: Ledger,
    /// All that the honest staker has.
    honest_tez: u64,
    /// What it sent that is in the block.
    included: Vec<Pending>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stats {
    pub(super) games: u64,
    pub(super) moves: u64,
    pub(super) operations: u64,
    pub(super) reorganisations: u64,
    pub(super) results: BTreeMap<&'static str, u64>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) honest_wins: u64,
    pub(super) swindles: u64,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) rollup: RollupAddress,
    pub(super) honest: Honest,
    pub(super) liars: Vec<Liar>,
    pub(super) stats: Stats,
    blocks: Vec<Block>,
    next_id: u64,
    supply: u64,
}

pub(super) fn accounts() -> &'static [PublicKeyHash] {
    static ACCOUNTS: OnceLock<Vec<PublicKeyHash>> = OnceLock::new();
    ACCOUNTS.get_or_init(|| keys().iter().map(|key| key.public_key().hash()).collect())
}

fn keys() -> Vec<SecretKey> {
    let key = |i| SecretKey::from_seed(Curve::Ed25519, &[i as u8 + 1; 32]).unwrap();
    // The honest staker, the liars, the baker.
    (0..LIARS + 2).map(key).collect()
}

pub(super) fn honest() -> PublicKeyHash {
    accounts()[0]
}

pub(super) fn liar(i: usize) -> PublicKeyHash {
    accounts()[1 + i]
}

fn constants(dice: &mut Dice) -> Constants {
    let mut profile = Profile::alpha();
    let rollup = &mut profile.rollup;
    rollup.commitment_period_in_blocks = PERIOD;
    rollup.challenge_window_in_blocks = WINDOW;
    rollup.max_lookahead_in_blocks = 6 * PERIOD;
    rollup.timeout_period_in_blocks = CLOCK;
    rollup.stake_amount = STAKE;
    rollup.number_of_sections_in_dissection = if dice.one_in(4) { 4 } else { 32 };
    rollup.max_number_of_parallel_games = if dice.one_in(4) { 3 } else { 32 };
    let mut constants = Constants::of(profile);
    constants.one_operation_per_manager = false;
    constants.hard_gas_limit_per_block = u64::MAX;
    constants
}

/// The world before anything happened; `constants` are put in later.
fn template() -> &'static Ledger {
    static TEMPLATE: OnceLock<Ledger> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let account = |key: &SecretKey| GenesisAccount {
            pkh: key.public_key().hash(),
            balance: Mutez(8 * STAKE + STAKE / 2),
            public_key: Some(key.public_key()),
        };
        let accounts: Vec<_> = keys().iter().map(account).collect();
        let mut ledger = Ledger::genesis(constants(&mut Dice(0)), &accounts, Timestamp(1_000)).unwrap();
        let genesis = Commitment::genesis(Level::new(GENESIS).unwrap(), state(0, 0));
        let ty = Micheline::atom(Prim::bytes);
        ledger.store_rollup(&RollupAddress::ZERO, PvmKind::Wasm2_0_0, &ty, &genesis).unwrap();
        ledger
    })
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        SEED.set(dice.roll());
        let ledger = Ledger::from_tree(template().tree().clone(), constants(&mut dice));
        let liars = (0..LIARS).map(|i| Liar::new(i, dice.roll())).collect();
        let supply = ledger.supply().unwrap().total();
        let honest_tez = tez_of_honest(&ledger);
        let blocks = vec![Block { id: 0, ledger, honest_tez, included: Vec::new() }];
        let (rollup, honest) = (RollupAddress::ZERO, Honest::default());
        Self { seed, dice, rollup, honest, liars, stats: Stats::default(), blocks, next_id: 1, supply }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.blocks.last().unwrap().ledger
    }

    pub(super) fn level(&self) -> Level {
        self.ledger().level().unwrap()
    }

    pub(super) fn head(&self) -> u64 {
        self.blocks.last().unwrap().id
    }

    /// Goes back some blocks. What the honest staker sent comes back if it is valid on what is left.
    pub(super) fn reorganise(&mut self, depth: usize) {
        let depth = depth.min(self.blocks.len() - 1);
        let undone = self.blocks.split_off(self.blocks.len() - depth);
        let again = undone.into_iter().flat_map(|block| block.included);
        self.honest.pending.extend(again);
        let ids: BTreeSet<_> = self.blocks.iter().map(|block| block.id).collect();
        self.honest.pending.retain(|pending| ids.contains(&pending.branch));
        self.stats.reorganisations += 1;
    }

    /// Makes a block: everybody acts, in any order. Liars see what came before them in the block.
    pub(super) fn bake(&mut self, liars_act: bool) {
        let ledger = self.ledger().clone();
        let level = self.level().next();
        // Nobody claims anything about levels after the liars left.
        let until = if liars_act { Level::MAX } else { Level::new(LIARS_LEAVE).unwrap() };
        self.honest.decide(&ledger, &self.rollup, self.head(), &mut self.dice, until);
        let mut builder = ledger.begin_block(context(level));
        builder.state.examine = examine;
        if liars_act {
            self.swindle(&mut builder, level);
        }
        let mut queue: Vec<Option<usize>> = Vec::new();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.honest.pending).into_iter().partition(|p| p.due <= level);
        self.honest.pending = later;
        queue.extend(due.iter().map(|_| None));
        if liars_act {
            for _ in 0..3 + self.dice.below(6) {
                queue.push(Some(self.dice.below(LIARS as u64) as usize));
            }
            // Any order, but for the honest operations among themselves.
            for i in (1..queue.len()).rev() {
                queue.swap(i, self.dice.below(i as u64 + 1) as usize);
            }
        }
        let mut arriving = due.iter();
        if !liars_act && level.get().is_multiple_of(8) {
            for action in self.time_out_all() {
                self.apply(&mut builder, accounts()[LIARS + 1], vec![action]);
            }
        }
        for who in queue {
            match who {
                None => {
                    let Some(pending) = arriving.next() else { continue };
                    self.apply(&mut builder, honest(), vec![pending.action.clone()]);
                }
                Some(i) => {
                    let liar = self.liars[i].clone();
                    for actions in liar.act(builder.ledger(), &self.rollup, level, &mut self.dice) {
                        self.apply(&mut builder, liar.pkh(), actions);
                    }
                }
            }
        }
        let (ledger, _) = builder.finish().unwrap();
        self.check(&ledger);
        let (id, honest_tez) = (self.next_id, tez_of_honest(&ledger));
        self.blocks.push(Block { id, ledger, honest_tez, included: due });
        self.next_id += 1;
    }

    fn swindle(&mut self, builder: &mut BlockBuilder, level: Level) {
        for pending in self.honest.pending.clone() {
            let Action::SmartRollupRefute { opponent, refutation: Refutation::Move { .. }, .. } =
                pending.action
            else {
                continue;
            };
            let Some((friend, action)) = swindle::take_stake(builder.ledger(), &self.rollup, opponent) else {
                continue;
            };
            self.apply(builder, friend, vec![action]);
            let back = swindle::come_back(builder.ledger(), &self.rollup, level, &mut self.dice);
            self.stats.swindles += 1;
            self.apply(builder, opponent, back);
        }
    }

    /// Anybody ends what takes too long.
    pub(super) fn time_out_all(&self) -> Vec<Action> {
        let (ledger, level) = (self.ledger(), self.level().next());
        let mut actions = Vec::new();
        for staker in accounts() {
            for game in ledger.games_of(&self.rollup, staker).unwrap() {
                let [alice, bob] = [Player::Alice, Player::Bob].map(|player| game.stakers.staker(player));
                if alice == *staker && game.timeout(level).is_ok() {
                    actions.push(Action::SmartRollupTimeout { rollup: self.rollup, alice, bob });
                }
            }
        }
        actions
    }

    fn apply(&mut self, builder: &mut BlockBuilder, source: PublicKeyHash, actions: Vec<Action>) {
        let counter = builder.ledger().counter(&source).unwrap();
        let content = |(i, action): (usize, &Action)| Content {
            source,
            fee: Mutez::ZERO,
            counter: counter + 1 + i as u64,
            gas_limit: 20_000,
            storage_limit: 0,
            action: action.clone(),
        };
        let contents = actions.iter().enumerate().map(content).collect();
        let operation = Operation { branch: BlockHash::ZERO, contents };
        let signed = SignedOperation { operation, signature: Signature::ZERO };
        self.stats.operations += 1;
        // An account that lost all it had cannot even ask.
        let Ok(receipt) = builder.apply_with(&signed, Checks::NoSignature) else { return };
        for (action, content) in actions.iter().zip(&receipt.contents) {
            if let OperationResult::Applied(success) = &content.result
                && let Effect::Game { result } = &success.effect
            {
                let paid = !success.balance_updates.is_empty();
                self.note_game(builder.ledger(), source, action, *result, paid);
            }
        }
        self.note_errors(source, &receipt);
    }

    fn note_errors(&mut self, source: PublicKeyHash, receipt: &OperationReceipt) {
        for error in receipt.errors() {
            let who = if source == honest() { "honest" } else { "liar" };
            let id = error.id().trim_start_matches("proto.alpha.");
            *self.stats.errors.entry(format!("{who} {id}")).or_default() += 1;
        }
    }

    fn note_game(
        &mut self,
        ledger: &Ledger,
        source: PublicKeyHash,
        action: &Action,
        result: Option<GameResult>,
        paid: bool,
    ) {
        let stakers = match action {
            Action::SmartRollupRefute { opponent, refutation, .. } => {
                match refutation {
                    Refutation::Start { .. } => self.stats.games += 1,
                    Refutation::Move { .. } => self.stats.moves += 1,
                }
                Stakers::new(source, *opponent)
            }
            Action::SmartRollupTimeout { alice, bob, .. } => Stakers::new(*alice, *bob),
            _ => return,
        };
        let (stakers, Some(result)) = (stakers.unwrap(), result) else { return };
        let both = [Player::Alice, Player::Bob].map(|player| stakers.staker(player));
        let name = match result {
            _ if !paid => "void",
            GameResult::Draw => "draw",
            GameResult::Loser { reason: LossReason::Timeout, .. } => "time",
            GameResult::Loser { .. } => "proof",
        };
        *self.stats.results.entry(name).or_default() += 1;
        self.assert(ledger.game(&self.rollup, &stakers).unwrap().is_none(), "the game is over");
        if !paid {
            return;
        }
        let left = both.iter().filter(|s| ledger.staker_index(&self.rollup, s).unwrap().is_some()).count();
        match result {
            GameResult::Loser { loser, .. } => {
                self.assert(loser != honest(), "the honest staker does not lose");
                self.assert(left == 1, "one stake of two survives");
                self.stats.honest_wins += u64::from(both.contains(&honest()));
            }
            GameResult::Draw => {
                self.assert(!both.contains(&honest()), "no draw for the honest staker");
                self.assert(left == 0, "no stake of two survives");
            }
        }
    }

    /// What holds after every block.
    fn check(&mut self, ledger: &Ledger) {
        // Reads every account: not after every block.
        if ledger.level().unwrap().get().is_multiple_of(8) {
            let supply = ledger.supply().unwrap().total();
            self.assert(supply == self.supply, "no tez appears or vanishes");
        }
        let before = self.blocks.last().unwrap().honest_tez;
        self.assert(tez_of_honest(ledger) >= before, "the honest staker has what it had");
        let (hash, level) = ledger.last_cemented_commitment(&self.rollup).unwrap().unwrap();
        let cemented = ledger.commitment(&self.rollup, &hash).unwrap().unwrap();
        let truth = truth(level);
        self.assert(cemented.compressed_state == truth.state(0, truth.ticks), "what is cemented is true");
    }

    pub(super) fn assert(&self, holds: bool, what: &str) {
        assert!(holds, "world {}, block {}: {what}", self.seed, self.level().next());
    }
}

fn tez_of_honest(ledger: &Ledger) -> u64 {
    let contract = Contract::from(honest());
    let balance = ledger.balance(&contract).unwrap().unwrap_or_default();
    balance.0 + ledger.frozen_bonds(&contract).unwrap().0
}

fn context(level: Level) -> BlockContext {
    BlockContext {
        level,
        timestamp: Timestamp(1_000 + i64::from(level.get())),
        predecessor: BlockHash::ZERO,
        predecessor_timestamp: Timestamp(999 + i64::from(level.get())),
        chain_id: ChainId([1; 4]),
        baker: accounts()[LIARS + 1],
    }
}

/// The level one period later.
pub(super) fn next(level: Level) -> Level {
    level.plus(LevelSpan(PERIOD))
}

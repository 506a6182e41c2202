//! A rollup with a small kernel, two commitment periods of it, and games about them without a ledger.

use crate::{Adversary, Checkpoint, Honest, Period, PeriodLevel, Spec, Strategy, Timeline, Turn};
use soru_base::{BOOTSTRAP_ACCOUNTS, Level, LevelSpan, PublicKeyHash, RollupAddress, TickSpan};
use soru_engine::{Engine, Options};
use soru_protocol::Commitment;
use soru_protocol::inbox::{
    HistoryCell, InboxMessage, InboxSource, LevelInbox, NotKeptError, ProtocolMessages, SerializedMessage,
};
use soru_protocol::refutation::{
    ConflictPoint, DissectionRules, Game, GameError, GameResult, GameState, Progress, Refutation,
    RefutationProof, Step, examine,
};
use soru_pvm::Machine;
use soru_pvm::level::{Surroundings, eval_level};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{Metadata, PreimageHash, PreimageSource, RevealError, RollupReveals};
use soru_pvm::state::Limits;
use soru_pvm::version::Version;
use std::sync::{Arc, LazyLock};

/// Reads one message in a run and asks for another run. For an external message it asks for a page, for another one for
/// the metadata.
const KERNEL: &str = r#"(module
  (import "smart_rollup_core" "read_input" (func $read (param i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (import "smart_rollup_core" "reveal_metadata" (func $metadata (param i32 i32) (result i32)))
  (import "smart_rollup_core" "reveal_preimage" (func $preimage (param i32 i32 i32 i32) (result i32)))
  (memory (export "mem") 1)
  (data (i32.const 16) "/kernel/env/reboot")
  (data (i32.const 48) "/last")
  (data (i32.const 64) "{PAGE}")
  (func (export "kernel_run") (local $n i32)
    (local.set $n (call $read (i32.const 0) (i32.const 1024) (i32.const 4096)))
    (if (i32.gt_s (local.get $n) (i32.const 0)) (then
      (if (i32.load8_u (i32.const 1024))
        (then (drop (call $preimage (i32.const 64) (i32.const 33) (i32.const 2048) (i32.const 64))))
        (else (drop (call $metadata (i32.const 2048) (i32.const 24)))))
      (drop (call $write (i32.const 48) (i32.const 5) (i32.const 0) (i32.const 1024) (i32.const 8)))
      (drop (call $write (i32.const 48) (i32.const 5) (i32.const 8) (i32.const 2048) (i32.const 8)))
      (drop (call $write (i32.const 16) (i32.const 18) (i32.const 0) (i32.const 0) (i32.const 1)))))))"#;

const PAGE: &[u8] = b"what the kernel asks for";
const SNAPSHOT: TickSpan = Limits::FIRST.ticks_per_snapshot;
const ORIGINATION: u32 = 4;
/// Levels of the two periods.
const LEVELS: u32 = 3;
pub(super) const PERIODS: usize = 2;
/// Blocks that a player may take.
const TIME: LevelSpan = LevelSpan(60);

pub(super) fn level(level: u32) -> Level {
    Level::new(level).unwrap()
}

struct Pages;

impl PreimageSource for Pages {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        match hash == PreimageHash::of_page(PAGE) {
            true => Ok(PAGE.to_vec()),
            false => Err(RevealError::new("there is no such page")),
        }
    }
}

struct Inboxes(Vec<LevelInbox>);

impl Inboxes {
    fn of(&self, level: Level) -> Result<&LevelInbox, NotKeptError> {
        let missing = || NotKeptError { what: "inbox", level, reason: "not in this test".to_owned() };
        self.0.get(level.get() as usize).ok_or_else(missing)
    }
}

impl InboxSource for Inboxes {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Ok(self.of(level)?.inbox.old_levels_messages.clone())
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        Ok(self.of(level)?.messages.clone())
    }
}

/// What there is to dispute.
pub(super) struct World {
    metadata: Metadata,
    inboxes: Inboxes,
    engine: Arc<Engine>,
    periods: Vec<Period>,
    /// The true commitment of each period, behind that of the origination.
    pub(super) commitments: Vec<Commitment>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// The one world of all tests.
pub(super) fn world() -> &'static World {
    &WORLD
}

impl World {
    fn new() -> Self {
        let engine = Arc::new(Engine::new(Options::default()).unwrap());
        let metadata = Metadata { address: RollupAddress([7; 20]), origination_level: level(ORIGINATION) };
        let protocol = |level: u32| ProtocolMessages {
            info: Some((1_700_000_000 + i64::from(level), soru_base::BlockHash([level as u8; 32]))),
            migration: None,
        };
        let mut inboxes = vec![LevelInbox::genesis(Level::GENESIS, &protocol(0))];
        let last = ORIGINATION + LEVELS * PERIODS as u32;
        for level in 1..=last + 2 {
            let external = InboxMessage::External(vec![level as u8; 5]).serialize().unwrap();
            let messages = vec![external; level as usize % 3];
            let before = &inboxes[level as usize - 1].inbox;
            inboxes.push(LevelInbox::build(before, &protocol(level), &messages).unwrap());
        }
        let mut state = initial_state(Version::V4).unwrap();
        let page: String = [&[0], &soru_base::blake2b::hash32(PAGE)[..]]
            .concat()
            .iter()
            .map(|b| format!("\\{b:02x}"))
            .collect();
        let kernel = wat::parse_str(KERNEL.replace("{PAGE}", &page)).unwrap();
        install_boot_sector(&mut state, &kernel, Limits::FIRST).unwrap();

        let mut world = Self {
            metadata,
            inboxes: Inboxes(inboxes),
            engine,
            periods: Vec::new(),
            commitments: Vec::new(),
        };
        let mut begin = Checkpoint { tick: Machine::from_tree(&state).unwrap().current_tick, state };
        let genesis = begin.state.hash().unwrap().into();
        world.commitments.push(Commitment::genesis(level(ORIGINATION), genesis));
        for period in 0..PERIODS as u32 {
            let from = ORIGINATION + period * LEVELS;
            let levels: Vec<_> = (from + 1..=from + LEVELS).map(|l| world.level_after(level(l))).collect();
            let period = Period { metadata, begin: begin.clone(), levels: world.evaluated(&begin, levels) };
            let end = period.levels.last().unwrap().after.clone().unwrap();
            world.commitments.push(Commitment {
                compressed_state: end.state.hash().unwrap().into(),
                inbox_level: level(from + LEVELS),
                predecessor: world.commitments.last().unwrap().hash(),
                number_of_ticks: end.tick.since(begin.tick),
            });
            world.periods.push(period);
            begin = end;
        }
        world
    }

    fn level_after(&self, level: Level) -> PeriodLevel {
        PeriodLevel { level, messages: self.inboxes.messages(level).unwrap(), after: None }
    }

    fn evaluated(&self, begin: &Checkpoint, mut levels: Vec<PeriodLevel>) -> Vec<PeriodLevel> {
        let mut at = begin.clone();
        for level in &mut levels {
            let mut reveals = RollupReveals { metadata: self.metadata, preimages: &mut Pages };
            let mut around =
                Surroundings { runner: self.engine.as_ref(), reveals: &mut reveals, debug: &mut () };
            let messages: Vec<_> = level.messages.iter().map(SerializedMessage::as_bytes).collect();
            let outcome = eval_level(&at.state, level.level, &messages, &mut around).unwrap();
            assert!(outcome.runs.len() > 2, "{:?}", outcome.runs);
            assert!(outcome.runs.iter().all(|run| !run.end.is_stuck()), "{:?}", outcome.runs);
            at = Checkpoint { state: outcome.tree, tick: outcome.machine.current_tick };
            level.after = Some(at.clone());
        }
        levels
    }

    /// What is true of a period.
    pub(super) fn timeline(&self, period: usize) -> Timeline {
        Timeline::new(self.periods[period].clone(), self.engine.clone(), Box::new(Pages))
    }

    /// The true commitment of a period.
    pub(super) fn honest(&self, period: usize) -> Commitment {
        self.commitments[period + 1]
    }

    /// Plays a game about a period to its end. The refuter opens it, with its commitment.
    pub(super) fn play(
        &self,
        period: usize,
        truth: &mut Timeline,
        [refuter, defender]: [&mut Staker; 2],
    ) -> Played {
        let point = ConflictPoint {
            refuter: refuter.key,
            refuter_commitment: &refuter.commitment,
            defender: defender.key,
            defender_commitment: &defender.commitment,
            parent_commitment: &self.commitments[period],
        };
        let snapshot = self.inboxes.cell(self.commitments[period + 1].inbox_level.next()).unwrap();
        let mut at = level(30);
        let rules = DissectionRules::new(32, SNAPSHOT).unwrap();
        let mut game = Game::start(&point, snapshot, at, rules, TIME).unwrap();
        let mut played =
            Played { result: GameResult::Draw, moves: 0, wrong_proofs: Vec::new(), refused: Vec::new() };
        loop {
            at = at.next();
            if let Ok(result) = game.timeout(at) {
                return Played { result, ..played };
            }
            let player = game.stakers.staker(game.turn);
            let staker = if player == refuter.key { &mut *refuter } else { &mut *defender };
            let turn = Turn { game: &game, me: game.turn, level: at, truth, inbox: &self.inboxes };
            let moves = staker.strategy.moves(turn).unwrap();
            match self.apply(&game, &player, at, &moves) {
                Ok(None) => assert!(!staker.honest, "an honest player moves at once"),
                Ok(Some(Progress::Ongoing(next))) => {
                    (game, played.moves) = (*next, played.moves + 1);
                    if matches!(game.state, GameState::FinalMove { .. }) {
                        assert!(!staker.honest, "an honest proof decides the game");
                        played.wrong_proofs.extend(moves.iter().filter_map(proof_in));
                    }
                }
                Ok(Some(Progress::Ended(result))) => {
                    return Played { result, moves: played.moves + 1, ..played };
                }
                Err(error) => {
                    assert!(!staker.honest, "an honest move is refused: {error}");
                    played.refused.push(error);
                }
            }
        }
    }

    /// All moves of an operation are made, or none.
    fn apply(
        &self,
        game: &Game,
        player: &PublicKeyHash,
        at: Level,
        moves: &[Refutation],
    ) -> Result<Option<Progress>, GameError> {
        let mut progress = None;
        for refutation in moves {
            let Refutation::Move { choice, step } = refutation else {
                panic!("a game that goes on is opened")
            };
            let game = match &progress {
                None => game,
                Some(Progress::Ongoing(next)) => next,
                Some(Progress::Ended(_)) => return Err(GameError::NoConflict),
            };
            let next =
                game.play(player, at, *choice, step, |game, proof| examine(game, proof, self.metadata))?;
            progress = Some(next);
        }
        Ok(progress)
    }
}

/// How a game went.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) result: GameResult,
    /// Moves that were made.
    pub(super) moves: usize,
    /// Proofs among them that proved nothing.
    pub(super) wrong_proofs: Vec<RefutationProof>,
    /// Why others were refused.
    pub(super) refused: Vec<GameError>,
}

fn proof_in(refutation: &Refutation) -> Option<RefutationProof> {
    match refutation {
        Refutation::Move { step: Step::Proof(proof), .. } => Some(proof.clone()),
        _ => None,
    }
}

/// A player with its commitment.
pub(super) struct Staker {
    pub(super) key: PublicKeyHash,
    pub(super) commitment: Commitment,
    strategy: Box<dyn Strategy>,
    honest: bool,
}

impl Staker {
    pub(super) fn honest(number: usize, period: usize) -> Self {
        let commitment = world().honest(period);
        Self { key: BOOTSTRAP_ACCOUNTS[number].pkh(), commitment, strategy: Box::new(Honest), honest: true }
    }

    pub(super) fn liar(number: usize, period: usize, spec: &Spec, truth: &mut Timeline) -> Self {
        let mut strategy = Box::new(Adversary::new(spec.clone()));
        let commitment = strategy.commitment(truth, &world().honest(period)).unwrap();
        assert_eq!(strategy.lie_in(truth).unwrap().is_some(), commitment != world().honest(period));
        Self { key: BOOTSTRAP_ACCOUNTS[number].pkh(), commitment, strategy, honest: false }
    }

    pub(super) fn lies(&self, period: usize) -> bool {
        self.commitment != world().honest(period)
    }
}

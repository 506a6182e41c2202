//! A machine of numbers instead of a real one: its state after `n` ticks of the true run is `n`, and a lie is a state with
//! another mark. Every state has a next one, so a liar can prove true steps of false states.

use crate::commitment::Commitment;
use crate::inbox::skip_list::Cell;
use crate::inbox::{HistoryCell, LevelProof};
use crate::refutation::{
    ConflictPoint, DissectionChunk, DissectionRules, Game, GameError, GameResult, Progress, ProvedTick,
    RefutationProof, Step, Verdict,
};
use soru_base::{
    BOOTSTRAP_ACCOUNTS, Level, LevelSpan, MerkelizedPayloadHash, PublicKeyHash, StateHash, Tick, TickSpan,
};

pub(crate) const PERIOD: LevelSpan = LevelSpan(100);
/// The mark of a lie whose next state is the true one.
pub(crate) const CONVERGING: u8 = 100;
pub(crate) const SNAPSHOT: u64 = 11_000_000_000;

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.roll() % n.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A length of any magnitude, from 1 to about 2^`bits`.
    pub(crate) fn length(&mut self, bits: u64) -> u64 {
        let magnitude = self.below(bits);
        1 + self.below(1 << magnitude)
    }
}

pub(crate) fn level(level: u32) -> Level {
    Level::new(level).unwrap()
}

pub(crate) fn rules(snapshot: u64) -> DissectionRules {
    DissectionRules::new(32, TickSpan(snapshot)).unwrap()
}

/// The state with the number `at`, of the run with that mark; 0 is the true one.
pub(crate) fn state(mark: u8, at: u64) -> StateHash {
    let mut hash = [mark; 32];
    hash[..8].copy_from_slice(&at.to_be_bytes());
    StateHash(hash)
}

pub(crate) fn chunk(state_hash: Option<StateHash>, tick: u64) -> DissectionChunk {
    DissectionChunk { state_hash, tick: Tick(tick) }
}

/// What is true of a period: when it begins, and how many ticks the machine makes until it waits for a message that is not
/// covered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    /// Ticks of all periods before.
    pub(crate) before: u64,
    pub(crate) ticks: u64,
}

impl Truth {
    /// A first period.
    pub(crate) const fn of(ticks: u64) -> Self {
        Self { before: 0, ticks }
    }

    pub(crate) fn at(&self, tick: Tick) -> Option<StateHash> {
        (tick.0 <= self.ticks).then(|| self.state(0, tick.0))
    }

    /// The state that somebody with that mark claims at a tick of the period.
    pub(crate) fn state(&self, mark: u8, tick: u64) -> StateHash {
        state(mark, self.before.wrapping_add(tick))
    }

    /// The proof of the tick from `start`.
    pub(crate) fn proof(start: StateHash) -> Step {
        Step::Proof(RefutationProof { pvm_step: start.0.to_vec(), input_proof: None })
    }

    pub(crate) fn garbage() -> Step {
        Step::Proof(RefutationProof { pvm_step: vec![1, 2, 3], input_proof: None })
    }

    pub(crate) fn no_proof() -> Step {
        Step::Proof(RefutationProof { pvm_step: Vec::new(), input_proof: None })
    }

    pub(crate) fn examine(&self, proof: &RefutationProof) -> Verdict {
        if proof.pvm_step.is_empty() {
            return Verdict::Malformed("no bytes".to_owned());
        }
        let Some(start) = StateHash::from_slice(&proof.pvm_step) else { return Verdict::Invalid };
        let at = u64::from_be_bytes(start.0[..8].try_into().unwrap());
        // Some lies lead back to the truth.
        let mark = if start.0[31] == CONVERGING { 0 } else { start.0[31] };
        let stop = (start != self.state(0, self.ticks)).then(|| state(mark, at.wrapping_add(1)));
        Verdict::Valid(ProvedTick { start, stop })
    }

    pub(crate) fn play(
        &self,
        game: &Game,
        player: &PublicKeyHash,
        at: Level,
        choice: u64,
        step: &Step,
    ) -> Result<Progress, GameError> {
        game.play(player, at, Tick(choice), step, |_, proof| self.examine(proof))
    }

    pub(crate) fn commitment(&self) -> Commitment {
        claim(state(0, self.ticks), self.ticks)
    }
}

pub(crate) fn parent() -> Commitment {
    Commitment::genesis(level(1), state(0, 0))
}

pub(crate) fn claim(compressed_state: StateHash, ticks: u64) -> Commitment {
    Commitment {
        compressed_state,
        inbox_level: level(31),
        predecessor: parent().hash(),
        number_of_ticks: TickSpan(ticks),
    }
}

pub(crate) fn inbox() -> HistoryCell {
    Cell::genesis(LevelProof { hash: MerkelizedPayloadHash::ZERO, level: level(31) })
}

pub(crate) fn players() -> [PublicKeyHash; 2] {
    [BOOTSTRAP_ACCOUNTS[0].pkh(), BOOTSTRAP_ACCOUNTS[1].pkh()]
}

/// A game in the block of level 40 about `defender_commitment`, opened by the first of the players.
pub(crate) fn open(
    [refuter, defender]: [PublicKeyHash; 2],
    refuter_commitment: &Commitment,
    defender_commitment: &Commitment,
    rules: DissectionRules,
) -> Result<Game, GameError> {
    let point = ConflictPoint {
        refuter,
        refuter_commitment,
        defender,
        defender_commitment,
        parent_commitment: &parent(),
    };
    Game::start(&point, inbox(), level(40), rules, PERIOD)
}

pub(crate) fn ongoing(progress: Result<Progress, GameError>) -> Game {
    match progress {
        Ok(Progress::Ongoing(game)) => *game,
        other => panic!("the game should go on: {other:?}"),
    }
}

pub(crate) fn ended(progress: Result<Progress, GameError>) -> GameResult {
    match progress {
        Ok(Progress::Ended(result)) => result,
        other => panic!("the game should be over: {other:?}"),
    }
}

//! A game from the commitments to the end, through operations.

use super::liar::Lie;
use super::{World, pkh, side};
use soru_base::Level;
use soru_dispute::{Honest, Strategy, Timeline, Turn};
use soru_protocol::operation::Action;
use soru_protocol::receipt::{Effect, OperationResult};
use soru_protocol::refutation::{GameResult, GameState, LossReason, Refutation, Step};
use std::time::{Duration, Instant};

/// What a game has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    pub(crate) moves: usize,
    /// Bytes of the largest operation's refutation.
    pub(crate) dissection: usize,
    /// Bytes of the step proof and of the input's that won.
    pub(crate) proof: usize,
    /// The longest time of an honest move, to look at.
    pub(crate) slowest: Duration,
    /// Whether the liar had to prove first.
    pub(crate) last_word: bool,
}

/// Who opens the game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    Honest,
    Liar,
}

/// The accounts of a game: one of the two is the first player, whoever it is.
pub(crate) const HONEST: usize = 1;
pub(crate) const LIAR: usize = 2;

impl World {
    /// Publishes the true commitment of period `number` and the liar's, plays, and cements. Checks that honesty wins.
    pub(crate) fn dispute(mut self, number: u32, lie: Lie, opener: Opener, truth: &mut Timeline) -> Cost {
        self.bake_period(number);
        let rollup = self.rollup();
        let ours = self.commitment(number);
        let theirs = lie.commitment(&ours, truth);
        assert_ne!(ours, theirs, "the lie is none");
        let publish = |commitment| Action::SmartRollupPublish { rollup, commitment };
        self.bake(&[(HONEST, publish(ours)), (LIAR, publish(theirs))]);
        let stake = self.frozen(HONEST);
        let balance = self.balance(HONEST);

        let (refuter, defender, refuter_hash, defender_hash) = match opener {
            Opener::Honest => (HONEST, LIAR, ours.hash(), theirs.hash()),
            Opener::Liar => (LIAR, HONEST, theirs.hash(), ours.hash()),
        };
        let start = Refutation::Start {
            player_commitment_hash: refuter_hash,
            opponent_commitment_hash: defender_hash,
        };
        let mut operations = u64::from(refuter == HONEST);
        assert_eq!(self.done(refuter, self.refute(defender, start)), Effect::Game { result: None });

        let mut cost = Cost::default();
        let result = loop {
            let Some(game) = self.game(HONEST, LIAR) else { panic!("the game is gone") };
            let level = self.level().next();
            let turn = game.stakers.staker(game.turn);
            let (player, opponent, refutation) = if turn == pkh(HONEST) {
                let turn = Turn { game: &game, me: side(&game, HONEST), level, truth, inbox: &self.inboxes };
                let begin = Instant::now();
                let moves = Honest.moves(turn).unwrap();
                cost.slowest = cost.slowest.max(begin.elapsed());
                assert_eq!(moves.len(), 1);
                operations += 1;
                (HONEST, LIAR, moves.into_iter().next().unwrap())
            } else {
                (LIAR, HONEST, lie.play(&game, truth, &self.inboxes).expect("a lie to play for"))
            };
            cost.count(&refutation, player, matches!(game.state, GameState::FinalMove { .. }));
            match self.done(player, self.refute(opponent, refutation)) {
                Effect::Game { result: None } => (),
                Effect::Game { result: Some(result) } => break result,
                other => panic!("{other:?}"),
            }
            assert!(cost.moves < 40, "the game does not end");
        };
        assert_eq!(result, GameResult::Loser { reason: LossReason::ConflictResolved, loser: pkh(LIAR) });
        assert!(self.game(HONEST, LIAR).is_none());
        assert!(self.is_staked(HONEST) && !self.is_staked(LIAR));
        assert_eq!((self.frozen(HONEST), self.frozen(LIAR)), (stake, 0));
        assert_eq!(self.balance(HONEST), balance + stake / 2 - operations * 1_000);
        self.cement(number);
        assert_eq!(self.ledger.last_cemented_commitment(&rollup).unwrap().unwrap().0, ours.hash());
        cost
    }

    /// Cements the commitments of all periods up to `number`.
    fn cement(&mut self, number: u32) {
        let rollup = self.rollup();
        let window = self.ledger.constants().rollup().challenge_window_in_blocks;
        self.bake_to(Level::new(self.level().get() + window + 1).unwrap());
        for _ in 0..number {
            let receipt = &self.bake(&[(HONEST, Action::SmartRollupCement { rollup })])[0];
            assert!(matches!(receipt.contents[0].result, OperationResult::Applied(_)));
        }
    }
}

impl Cost {
    fn count(&mut self, refutation: &Refutation, player: usize, is_final: bool) {
        use soru_base::Binary;
        self.moves += 1;
        let bytes = refutation.to_bytes().len();
        match refutation {
            Refutation::Move { step: Step::Proof(_), .. } if player == HONEST => {
                (self.proof, self.last_word) = (bytes, is_final);
            }
            Refutation::Move { step: Step::Dissection(_), .. } => {
                self.dissection = self.dissection.max(bytes)
            }
            _ => (),
        }
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            moves: self.moves.max(other.moves),
            dissection: self.dissection.max(other.dissection),
            proof: self.proof.max(other.proof),
            slowest: self.slowest.max(other.slowest),
            last_word: self.last_word || other.last_word,
        }
    }
}

use super::world::{LIARS, WINDOW, honest, honest_claim, liar, next, truth};
use crate::commitment::Commitment;
use crate::ledger::Ledger;
use crate::operation::Action;
use crate::refutation::tests::games::honest_move;
use crate::refutation::tests::liar::{liars_move, lying_claim};
use crate::refutation::tests::world::Dice;
use crate::refutation::{Answer, Game, Refutation, Stakers};
use soru_base::{Binary, CommitmentHash, Level, PublicKeyHash, RollupAddress, Tick};
use std::convert::Infallible;

/// Somebody who tries anything that may cost the others something.
#[derive(Debug, Clone)]
pub(super) struct Liar {
    number: usize,
    temper: u64,
}

/// An operation: what is in it.
type Tries = Vec<Vec<Action>>;

impl Liar {
    pub(super) fn new(number: usize, temper: u64) -> Self {
        Self { number, temper }
    }

    /// Some liars say the truth, so that they can take the stakes of the others when these want to lose.
    pub(super) fn is_accomplice(&self) -> bool {
        self.number.is_multiple_of(4)
    }

    pub(super) fn pkh(&self) -> PublicKeyHash {
        liar(self.number)
    }

    /// The operations it sends, seeing a block in the making.
    pub(super) fn act(
        &self,
        ledger: &Ledger,
        rollup: &RollupAddress,
        level: Level,
        dice: &mut Dice,
    ) -> Tries {
        let (pkh, accomplice) = (self.pkh(), self.is_accomplice());
        let me = Me { pkh, accomplice, temper: self.temper, ledger, rollup: *rollup, level };
        match dice.below(16) {
            0..=6 => me.play(dice),
            7..=9 => me.open(dice),
            10..=12 => me.publish(dice),
            13 => me.end_somebodys_game(dice),
            14 => vec![vec![Action::SmartRollupRecoverBond { rollup: *rollup, staker: somebody(dice) }]],
            _ => me.make_nonsense(dice),
        }
    }
}

struct Me<'a> {
    pkh: PublicKeyHash,
    accomplice: bool,
    temper: u64,
    ledger: &'a Ledger,
    rollup: RollupAddress,
    level: Level,
}

fn somebody(dice: &mut Dice) -> PublicKeyHash {
    if dice.one_in(3) { honest() } else { liar(dice.below(LIARS as u64) as usize) }
}

impl Me<'_> {
    fn refute(&self, opponent: PublicKeyHash, refutation: Refutation) -> Action {
        Action::SmartRollupRefute { rollup: self.rollup, opponent, refutation }
    }

    /// A move in each game that waits for one, as the temper of the game has it.
    fn play(&self, dice: &mut Dice) -> Tries {
        let mut tries = Vec::new();
        for game in self.ledger.games_of(&self.rollup, &self.pkh).unwrap() {
            let me = game.stakers.player(&self.pkh).unwrap();
            let opponent = game.stakers.staker(me.opponent());
            if game.turn != me {
                if game.timeout(self.level).is_ok() && !dice.one_in(4) {
                    tries.push(vec![Action::SmartRollupTimeout {
                        rollup: self.rollup,
                        alice: self.pkh,
                        bob: opponent,
                    }]);
                }
                continue;
            }
            let temper =
                Dice(self.temper ^ u64::from(game.start_level.get()) ^ u64::from(opponent.to_bytes()[20]))
                    .roll();
            let left = game.clock.blocks_left(game.turn, self.level);
            match temper % 8 {
                // It never moves, or at the last moment, and sometimes one block too late.
                0 => continue,
                1 | 2 if left > 1 => continue,
                3 if left > -1 => continue,
                _ => {}
            }
            tries.push(self.moves(&game, opponent, temper, dice));
        }
        tries
    }

    /// One move, or two in one operation, or one and the next.
    fn moves(&self, game: &Game, opponent: PublicKeyHash, temper: u64, dice: &mut Dice) -> Vec<Action> {
        let truth = truth(game.inbox_level);
        if self.accomplice {
            return match game.answer(|tick| Ok::<_, Infallible>(truth.at(tick))) {
                // The proof waits for the moment when it helps.
                Ok(Answer::Prove { .. }) if !dice.one_in(8) => Vec::new(),
                // Games of others can be about anything.
                Ok(Answer::Prove { choice }) if truth.at(choice).is_none() => Vec::new(),
                Ok(Answer::Concede) => Vec::new(),
                _ => {
                    let (choice, step) = honest_move(&truth, game);
                    vec![self.refute(opponent, Refutation::Move { choice: Tick(choice), step })]
                }
            };
        }
        let mut one = || {
            let (choice, step) = liars_move(dice, temper, &truth, game);
            self.refute(opponent, Refutation::Move { choice: Tick(choice), step })
        };
        let first = one();
        match temper % 29 {
            0 => vec![first.clone(), first],
            1 => vec![first, one()],
            _ => vec![first],
        }
    }

    fn open(&self, dice: &mut Dice) -> Tries {
        let conflicts = self.ledger.conflicts_of(&self.rollup, &self.pkh).unwrap();
        if conflicts.is_empty() {
            return Vec::new();
        }
        let mut tries = Vec::new();
        for _ in 0..1 + dice.below(6) {
            let conflict = conflicts[dice.below(conflicts.len() as u64) as usize];
            let stakers = Stakers::new(self.pkh, conflict.other).unwrap();
            if self.ledger.game(&self.rollup, &stakers).unwrap().is_some() && !dice.one_in(8) {
                continue;
            }
            let refutation = Refutation::Start {
                player_commitment_hash: conflict.our_commitment.hash(),
                opponent_commitment_hash: conflict.their_commitment.hash(),
            };
            tries.push(vec![self.refute(conflict.other, refutation)]);
        }
        tries
    }

    /// A claim, true or not, on any known one; often one that others make as well.
    fn publish(&self, dice: &mut Dice) -> Tries {
        let (cemented, _) = self.ledger.last_cemented_commitment(&self.rollup).unwrap().unwrap();
        let mut predecessor = (cemented, self.ledger.commitment(&self.rollup, &cemented).unwrap().unwrap());
        let mut tries = Vec::new();
        for _ in 0..1 + dice.below(6) {
            let inbox_level = next(predecessor.1.inbox_level);
            if inbox_level >= self.level {
                break;
            }
            let known = self.ledger.commitments_at(&self.rollup, inbox_level).unwrap();
            let (hash, claim) = match dice.below(8) {
                _ if self.accomplice => self.with_hash(honest_claim(inbox_level, predecessor.0)),
                0 => self.with_hash(honest_claim(inbox_level, predecessor.0)),
                1..=4 if !known.is_empty() => {
                    let hash = known[dice.below(known.len() as u64) as usize];
                    (hash, self.ledger.commitment(&self.rollup, &hash).unwrap().unwrap())
                }
                _ => {
                    let lie = lying_claim(dice, &truth(inbox_level));
                    self.with_hash(Commitment { inbox_level, predecessor: predecessor.0, ..lie })
                }
            };
            // Mostly where it is not too late.
            let first = known
                .iter()
                .filter_map(|hash| self.ledger.commitment_published_at(&self.rollup, hash).unwrap());
            let late = first.min().is_some_and(|first| self.level.since(first).0 > WINDOW);
            if dice.one_in(if late { 20 } else { 1 }) {
                tries.push(vec![Action::SmartRollupPublish { rollup: self.rollup, commitment: claim }]);
            }
            predecessor = (hash, claim);
        }
        tries
    }

    fn with_hash(&self, claim: Commitment) -> (CommitmentHash, Commitment) {
        (claim.hash(), claim)
    }

    fn end_somebodys_game(&self, dice: &mut Dice) -> Tries {
        let (alice, bob) = (somebody(dice), somebody(dice));
        vec![
            vec![Action::SmartRollupTimeout { rollup: self.rollup, alice, bob }],
            vec![Action::SmartRollupCement { rollup: self.rollup }],
        ]
    }

    /// Moves where there is no game, against itself, out of turn; games about commitments of others.
    fn make_nonsense(&self, dice: &mut Dice) -> Tries {
        let opponent = if dice.one_in(4) { self.pkh } else { somebody(dice) };
        let known = self.ledger.commitments(&self.rollup).unwrap();
        let mut any = || known[dice.below(known.len() as u64) as usize].hash;
        let start = Refutation::Start { player_commitment_hash: any(), opponent_commitment_hash: any() };
        let mut tries = vec![vec![self.refute(opponent, start)]];
        for game in self.ledger.games_of(&self.rollup, &opponent).unwrap() {
            if dice.one_in(4) {
                tries.push(self.moves(&game, opponent, self.temper, dice));
            }
        }
        tries
    }
}

//! What the dispute came to.

use super::super::Ending;
use super::cast::Purse;
use super::record::{GameRecord, MoveKind, Outcome};
use serde_json::{Value, json};
use soru_base::Mutez;
use soru_protocol::refutation::{GameResult, LossReason};

/// What the dispute came to.
pub(super) struct Report {
    pub(super) rollup: String,
    /// The honest player's games.
    pub(super) games: Vec<GameFound>,
    /// Games in which the adversaries played against each other.
    pub(super) among_adversaries: usize,
    /// The honest player's bond that was taken away.
    pub(super) stake_lost: Mutez,
    pub(super) disputed: Vec<Disputed>,
    pub(super) purses: Vec<PurseFound>,
    /// Why it was broken off, if it was.
    pub(super) broken_off: Option<String>,
    pub(super) addresses: Vec<(String, String)>,
}

/// A game of the honest player.
pub(super) struct GameFound {
    pub(super) opponent: String,
    pub(super) adversary: String,
    pub(super) outcome: Outcome,
    pub(super) record: GameRecord,
    /// What the honest node says it has spent on states and proofs.
    pub(super) recomputing: Option<f64>,
}

/// A level with contradicting commitments.
pub(super) struct Disputed {
    pub(super) inbox_level: u32,
    pub(super) honest: String,
    pub(super) lies: Vec<String>,
    pub(super) cemented: Option<String>,
}

/// What somebody had and has.
pub(super) struct PurseFound {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) before: Purse,
    pub(super) after: Purse,
}

/// Who has won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Winner {
    Honest,
    Adversary,
    None,
}

impl Report {
    fn winner(&self) -> Winner {
        let lie_cemented =
            self.disputed.iter().any(|level| level.cemented.as_ref().is_some_and(|c| level.lies.contains(c)));
        if self.stake_lost > Mutez::ZERO || lie_cemented {
            return Winner::Adversary;
        }
        match self.unfinished() {
            None => Winner::Honest,
            Some(_) => Winner::None,
        }
    }

    /// What the honest player still lacks to have won.
    fn unfinished(&self) -> Option<String> {
        if let Some(why) = &self.broken_off {
            return Some(why.clone());
        }
        if self.games.is_empty() {
            return Some("no game was played".to_owned());
        }
        if let Some(game) = self.games.iter().find(|game| game.outcome != Outcome::Won) {
            return Some(format!("the game against {}: {}", game.adversary, game.outcome.name()));
        }
        let open = self.disputed.iter().find(|level| level.cemented.as_ref() != Some(&level.honest));
        open.map(|level| format!("the honest commitment of level {} is not cemented", level.inbox_level))
    }

    fn largest_proof(&self) -> usize {
        self.games.iter().filter_map(|game| game.record.proof_size()).max().unwrap_or(0)
    }
}

/// To a thousandth.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

impl GameFound {
    fn to_json(&self) -> Value {
        let game = &self.record;
        let last = game.interval();
        let reason = game.ended.and_then(|ended| match ended.result {
            _ if ended.elsewhere => Some("lost_elsewhere"),
            GameResult::Loser { reason: LossReason::ConflictResolved, .. } => Some("conflict_resolved"),
            GameResult::Loser { reason: LossReason::Timeout, .. } => Some("timeout"),
            GameResult::Draw => None,
        });
        let moves: Vec<Value> = game
            .moves
            .iter()
            .map(|one| {
                let kind = match one.kind {
                    MoveKind::Opening => "start",
                    MoveKind::Dissection(_) => "dissection",
                    MoveKind::Proof(_) => "proof",
                };
                json!({
                    "by": one.by.to_string(),
                    "level": one.level.get(),
                    "kind": kind,
                    "start_tick": one.interval.start.0,
                    "stop_tick": one.interval.stop.0,
                })
            })
            .collect();
        json!({
            "opponent": self.opponent,
            "adversary": self.adversary,
            "outcome": self.outcome.name(),
            "reason": reason,
            "moves": game.moves.len(),
            "ticks_disputed": game.ticks_disputed().0,
            "start_tick": last.start.0,
            "stop_tick": last.stop.0,
            "proof_size": game.proof_size().unwrap_or(0),
            "seconds": game.duration().map(|time| rounded(time.as_secs_f64())),
            "seconds_recomputing": self.recomputing.map(rounded),
            "history": moves,
        })
    }
}

impl Ending for Report {
    fn addresses(&self) -> &[(String, String)] {
        &self.addresses
    }

    fn complaint(&self) -> Option<String> {
        match self.winner() {
            Winner::Honest => None,
            Winner::Adversary if self.stake_lost == Mutez::ZERO => Some("a lie was cemented".to_owned()),
            Winner::Adversary => Some(format!("the honest operator lost {} ꜩ", self.stake_lost)),
            Winner::None => self.unfinished(),
        }
    }

    fn summary(&self) -> String {
        format!(
            "The honest operator won {} of {} games and lost nothing; its commitment is cemented.",
            self.games.iter().filter(|game| game.outcome == Outcome::Won).count(),
            self.games.len()
        )
    }

    fn to_json(&self) -> Value {
        let winner = match self.winner() {
            Winner::Honest => "honest",
            Winner::Adversary => "adversary",
            Winner::None => "none",
        };
        let games: Vec<Value> = self.games.iter().map(GameFound::to_json).collect();
        let disputed: Vec<Value> = self
            .disputed
            .iter()
            .map(|level| {
                json!({
                    "inbox_level": level.inbox_level,
                    "honest": level.honest,
                    "lies": level.lies,
                    "cemented": level.cemented,
                })
            })
            .collect();
        let balances: serde_json::Map<String, Value> = self
            .purses
            .iter()
            .map(|purse| {
                let value = json!({
                    "address": purse.address,
                    "before": purse.before.to_json(),
                    "after": purse.after.to_json(),
                });
                (purse.name.clone(), value)
            })
            .collect();
        json!({
            "winner": winner,
            "honest_stake_lost": self.stake_lost.0,
            "rollup": self.rollup,
            "games": games,
            "games_among_adversaries": self.among_adversaries,
            "largest_proof": self.largest_proof(),
            "commitments": disputed,
            "balances": balances,
        })
    }
}

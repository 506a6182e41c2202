//! What is told about games: the status of each, its end, and the log of it.

use crate::layer1::{Header, Layer1};
use crate::status::{Action, Effort, EndedGame, GameStatus, GamesCell, Outcome};
use soru_base::{Level, LevelSpan, PublicKeyHash};
use soru_protocol::refutation::{Conflict, Game, GameResult, Refutation, Stakers, Step};
use std::time::Duration;
use tracing::{error, info, warn};

/// Blocks that are searched for the operation that ended a game.
const SEARCHED: LevelSpan = LevelSpan(64);

/// What a staker's games look like, from head to head.
pub(super) struct Sightings {
    cell: GamesCell,
    me: PublicKeyHash,
    last: Option<Header>,
}

impl Sightings {
    pub(super) fn new(cell: GamesCell, me: PublicKeyHash) -> Self {
        Self { cell, me, last: None }
    }

    /// Notes the games of a head; says which are new and which have ended.
    pub(super) async fn note(
        &mut self,
        layer1: &impl Layer1,
        head: &Header,
        games: &[Game],
        conflicts: &[Conflict],
    ) {
        if self.last.is_some_and(|last| last.hash == head.hash) {
            return;
        }
        let mut known = self.cell.get().open;
        let mut open = Vec::with_capacity(games.len());
        for game in games {
            let before = known.iter().position(|k| is_same(&k.game, game)).map(|at| known.swap_remove(at));
            open.extend(self.status_of(game, before, head.level, conflicts));
        }
        let ended = self.ended(layer1, head, known).await;
        self.last = Some(*head);
        self.cell.update(|cell| {
            cell.seen_at = Some(head.level);
            cell.open = open;
            ended.into_iter().for_each(|game| cell.end(game));
        });
    }

    fn status_of(
        &self,
        game: &Game,
        before: Option<GameStatus>,
        seen_at: Level,
        conflicts: &[Conflict],
    ) -> Option<GameStatus> {
        let side = game.stakers.player(&self.me)?;
        let opponent = game.stakers.staker(side.opponent());
        let theirs = conflicts.iter().find(|c| c.other == opponent).map(|c| c.their_commitment.hash());
        Some(match before {
            Some(before) => GameStatus {
                their_commitment: theirs.or(before.their_commitment),
                game: game.clone(),
                seen_at,
                ..before
            },
            None => {
                let mut status = GameStatus {
                    staker: self.me,
                    opponent,
                    their_commitment: theirs,
                    game: game.clone(),
                    seen_at,
                    first_ticks: soru_base::TickSpan(0),
                    effort: Effort::default(),
                };
                // Whoever opens a game moves first.
                let fresh = game.clock.last_turn_level == game.start_level;
                if fresh && game.stakers.staker(game.turn) == self.me {
                    status.effort.moves = 1;
                    status.effort.last_action = Some((Action::Opened, game.start_level));
                }
                status.first_ticks = status.ticks_in_dispute();
                let (level, ticks) = (game.inbox_level, status.first_ticks);
                info!(
                    "game with {opponent}: about the commitment of level {level}, {ticks} ticks in dispute"
                );
                status
            }
        })
    }

    /// How games that are gone have ended. Those that a reorganisation took back have not.
    async fn ended(&self, layer1: &impl Layer1, head: &Header, gone: Vec<GameStatus>) -> Vec<EndedGame> {
        let Some(last) = self.last.filter(|_| !gone.is_empty()) else { return Vec::new() };
        let kept = last.level <= head.level
            && layer1.ancestor(head, last.level).await.is_ok_and(|block| block.hash == last.hash);
        let results = self.results(layer1, head, last.level.min(head.level)).await;
        let mut ended = Vec::new();
        for game in gone {
            let result = results.iter().find(|(stakers, _)| *stakers == game.game.stakers);
            let outcome = result.map(|(_, result)| Outcome::of(*result, &self.me));
            let with = game.opponent;
            match outcome {
                Some(Outcome::Won(_)) => info!("game with {with}: won, its stake is gone"),
                Some(Outcome::Lost(_)) => error!("game with {with}: LOST, the stake of {} is gone", self.me),
                Some(Outcome::Draw) => error!("game with {with}: a draw, both stakes are gone"),
                None if kept => warn!("game with {with}: over, without a move that ended it"),
                None => {
                    info!("game with {with}: gone, the layer-1 was reorganised");
                    continue;
                }
            }
            ended.push(EndedGame { last: game, ended_at: head.level, outcome });
        }
        ended
    }

    /// What the last blocks say about games that ended.
    async fn results(&self, layer1: &impl Layer1, head: &Header, from: Level) -> Vec<(Stakers, GameResult)> {
        let from = from.minus(LevelSpan(8)).max(head.level.minus(SEARCHED));
        let mut results = Vec::new();
        // The newest one first: two may have played before.
        for level in (from.get()..=head.level.get()).rev().filter_map(Level::new) {
            if let Ok(block) = layer1.block(head, level).await {
                results.extend(block.ended_games);
            }
        }
        results
    }

    /// Changes what is told of the game with `opponent`.
    pub(super) fn change(&self, opponent: PublicKeyHash, change: impl FnOnce(&mut Effort)) {
        self.cell.update(|cell| {
            if let Some(game) = cell.open.iter_mut().find(|game| game.opponent == opponent) {
                change(&mut game.effort);
            }
        });
    }

    /// Moves were sent.
    pub(super) fn sent(&self, opponent: PublicKeyHash, head: Level, action: Action, moves: u32) {
        self.change(opponent, |effort| {
            effort.moves += moves;
            if let Action::Proved { bytes, .. } = action {
                effort.last_proof_size = Some(bytes);
            }
            effort.last_action = Some((action, head));
        });
    }

    /// A move was looked for.
    pub(super) fn thought(&self, opponent: PublicKeyHash, took: Duration) {
        self.change(opponent, |effort| effort.recomputing += took);
    }

    /// Nothing is done in a game, for a reason.
    pub(super) fn waits(&self, opponent: PublicKeyHash, head: Level, reason: String) {
        self.change(opponent, |effort| effort.last_action = Some((Action::Waits { reason }, head)));
    }
}

/// Whether two sightings are of one game: two stakers play one at a time.
fn is_same(one: &Game, other: &Game) -> bool {
    one.stakers == other.stakers
        && one.start_level == other.start_level
        && one.inbox_snapshot == other.inbox_snapshot
        && one.inbox_level == other.inbox_level
}

/// What playing `moves` is, in the words of the status.
pub(super) fn action_of(moves: &[Refutation]) -> Action {
    match moves.last() {
        Some(Refutation::Move { choice, step: Step::Dissection(chunks) }) => {
            Action::Dissected { choice: *choice, sections: chunks.len().saturating_sub(1) }
        }
        Some(Refutation::Move { choice, step: Step::Proof(proof) }) => {
            Action::Proved { choice: *choice, bytes: super::thinker::proof_size(proof) }
        }
        Some(Refutation::Start { .. }) | None => Action::Opened,
    }
}

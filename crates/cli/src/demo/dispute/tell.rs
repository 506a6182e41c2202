//! The games in words and bars, move by move.

use super::super::story::Story;
use super::cast::Cast;
use super::picture::{self, Live};
use super::record::{GameRecord, MoveKind, Noted, Outcome, Record};
use soru_base::{IdFamily, Level, PublicKeyHash};
use soru_protocol::refutation::{GameResult, LossReason};

/// Tells what is noted. It begins a chapter when the first game does.
pub(super) struct Teller<'a> {
    cast: &'a Cast,
    family: IdFamily,
    story: &'a mut Story,
    live: Live,
    in_games: bool,
}

impl<'a> Teller<'a> {
    pub(super) fn new(cast: &'a Cast, family: IdFamily, story: &'a mut Story) -> Self {
        let live = Live::new(story.is_live());
        Self { cast, family, story, live, in_games: false }
    }

    /// The layer-1 has changed its mind.
    pub(super) fn reorganised(&mut self, gone: usize) {
        self.say(&format!("the layer-1 was reorganised: {gone} blocks are gone"));
        self.live.clear();
    }

    /// What a block of that level has brought.
    pub(super) fn tell(&mut self, level: Level, noted: &[Noted], record: &Record) {
        for one in noted {
            match *one {
                Noted::Claim(number) => self.claim(number, level, record),
                Noted::Cemented(inbox) => {
                    self.say(&format!("{level:>5}  the commitment of level {inbox} is cemented"));
                }
                Noted::Recovered(staker) => {
                    let name = self.cast.name(staker);
                    self.say(&format!("{level:>5}  {name} has its bond back"));
                }
                Noted::Move(game) => self.played(game, level, record),
                Noted::TimedOut(game) | Noted::Dropped(game) => {
                    let words = self.ended(&record.games[game]).unwrap_or_default();
                    self.say(&format!("{level:>5}  {words}"));
                    self.live.done(game);
                }
            }
        }
    }

    /// Takes the picture away.
    pub(super) fn done(mut self) {
        self.live.clear();
    }

    fn say(&mut self, text: &str) {
        let story = &*self.story;
        self.live.aside(|| story.say(text));
    }

    /// Before the games only: later ones tell nothing new, and would be in the picture's way.
    fn claim(&mut self, number: usize, level: Level, record: &Record) {
        if self.in_games {
            return;
        }
        let claim = &record.claims[number];
        let name = self.cast.name(claim.staker);
        let inbox = claim.commitment.inbox_level;
        let others = record.claims[..number].iter().filter(|other| other.commitment.inbox_level == inbox);
        let contradicts = others.clone().any(|other| other.hash != claim.hash);
        let state = claim.commitment.compressed_state.in_family(self.family);
        let state = &state[..state.len().min(12)];
        let note = if contradicts { ", a contradiction" } else { "" };
        self.say(&format!("{level:>5}  {name} commits to state {state}… after level {inbox}{note}"));
    }

    fn played(&mut self, number: usize, level: Level, record: &Record) {
        if !self.in_games {
            self.in_games = true;
            let story = &mut *self.story;
            self.live.aside(|| story.chapter("Games, each down to a single tick"));
        }
        let game = &record.games[number];
        let Some(last) = game.moves.last() else { return };
        let bar = picture::bar(game);
        let who = self.cast.name(last.by);
        let ticks = grouped(last.interval.span().0);
        let what = match last.kind {
            MoveKind::Opening => format!("{who} disputes {ticks} ticks"),
            // Against an opponent that has lost its stake elsewhere any move will do.
            MoveKind::Dissection(0) => format!("{who} ends what has no opponent any more"),
            MoveKind::Dissection(sections) => {
                format!("{who} cuts {ticks} ticks into {sections}")
            }
            MoveKind::Proof(size) => {
                let bytes = grouped(size as u64);
                format!("{who} proves tick {} with {bytes} bytes", grouped(last.interval.start.0))
            }
        };
        let liar = self.liar(game);
        self.say(&format!("{level:>5}  {liar:<12} {} {what}", self.paint(&bar, last.by)));
        match self.ended(game) {
            Some(words) => {
                self.say(&format!("       {words}"));
                self.live.done(number);
            }
            None => self.live.show(number, format!("{liar:<12} {bar} {ticks} ticks in dispute")),
        }
    }

    /// What a game is called: after the player who is not honest, or both.
    fn liar(&self, game: &GameRecord) -> String {
        match game.opponent_of(self.cast.operator.address) {
            Some(opponent) => self.cast.name(opponent),
            None => {
                let opponent = game.opponent_of(game.opener).map(|other| self.cast.name(other));
                format!("{} and {}", self.cast.name(game.opener), opponent.unwrap_or_default())
            }
        }
    }

    /// On a terminal the honest player's bars are of another colour than the liars'.
    fn paint(&self, bar: &str, by: PublicKeyHash) -> String {
        let colour = if by == self.cast.operator.address { 36 } else { 31 };
        if self.story.is_live() { format!("\x1b[{colour}m{bar}\x1b[0m") } else { bar.to_owned() }
    }

    fn ended(&self, game: &GameRecord) -> Option<String> {
        let ended = game.ended?;
        Some(match ended.result {
            GameResult::Loser { loser, .. } if ended.elsewhere => {
                format!("{} has lost its stake elsewhere: this game is over", self.cast.name(loser))
            }
            GameResult::Draw => "the game is a draw: both players lose".to_owned(),
            GameResult::Loser { reason, loser } => {
                let why = match reason {
                    LossReason::ConflictResolved => "a proof has shown it wrong",
                    LossReason::Timeout => "its time is up",
                };
                let name = self.cast.name(loser);
                let honest = game.outcome_for(self.cast.operator.address) == Outcome::Lost;
                format!("{name} loses: {why}{}", if honest { " (the honest player!)" } else { "" })
            }
        })
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (66_000_000_000, "66,000,000,000")] {
            assert_eq!(grouped(number), text);
        }
    }
}

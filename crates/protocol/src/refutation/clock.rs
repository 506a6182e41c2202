use super::{GameError, Player, Stakers};
use soru_base::{Level, LevelSpan};

/// A chess clock that counts blocks: only the player whose turn it is loses time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Blocks left to Alice at her last move. Negative if she moved late and nobody had ended the game.
    pub alice: i64,
    /// Blocks left to Bob at his last move.
    pub bob: i64,
    /// Level of the last move, from which the player whose turn it is loses time.
    pub last_turn_level: Level,
}

impl Clock {
    /// Both players have `period`, from `level` on.
    pub fn start(level: Level, period: LevelSpan) -> Self {
        Self { alice: period.0.into(), bob: period.0.into(), last_turn_level: level }
    }

    /// Blocks left to a player at the last move.
    pub fn left(&self, player: Player) -> i64 {
        match player {
            Player::Alice => self.alice,
            Player::Bob => self.bob,
        }
    }

    /// After a move of `player` in the block of `level`.
    pub fn moved(mut self, player: Player, level: Level) -> Self {
        let used = i64::from(level.since(self.last_turn_level).0);
        let left = match player {
            Player::Alice => &mut self.alice,
            Player::Bob => &mut self.bob,
        };
        *left = left.saturating_sub(used);
        self.last_turn_level = level;
        self
    }

    /// Blocks that `player` has left at `level` if it has to move; negative once anybody may end the game.
    pub fn blocks_left(&self, player: Player, level: Level) -> i64 {
        let end = i64::from(self.last_turn_level.get()).saturating_add(self.left(player));
        end.saturating_sub(level.get().into())
    }

    /// Fails unless the time of `turn` has run out before `level`.
    pub(super) fn check_run_out(
        &self,
        stakers: &Stakers,
        turn: Player,
        level: Level,
    ) -> Result<(), GameError> {
        match self.blocks_left(turn, level) {
            ..0 => Ok(()),
            blocks_left => {
                Err(GameError::TimeoutLevelNotReached { blocks_left, staker: stakers.staker(turn) })
            }
        }
    }
}

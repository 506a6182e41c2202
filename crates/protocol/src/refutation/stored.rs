//! The binary form in which a game is kept. It is Soru's own: the network keeps the clock apart, and a snapshot of the
//! data availability layer with the game.

use super::{Clock, DissectionChunk, DissectionRules, Game, GameState, Player, Stakers};
use crate::inbox::HistoryCell;
use soru_base::bin::{Binary, DecodeError, Reader, put_n64};
use soru_base::{Level, PublicKeyHash, TickSpan};

impl Binary for Game {
    fn write(&self, out: &mut Vec<u8>) {
        self.stakers.write(out);
        out.push(match self.turn {
            Player::Alice => 0,
            Player::Bob => 1,
        });
        self.inbox_snapshot.write(out);
        self.start_level.write(out);
        self.inbox_level.write(out);
        self.state.write(out);
        self.rules.write(out);
        self.clock.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            stakers: Stakers::read(r)?,
            turn: match r.u8("player")? {
                0 => Player::Alice,
                1 => Player::Bob,
                tag => return Err(r.invalid("player", format!("the tag {tag} is unknown"))),
            },
            inbox_snapshot: HistoryCell::read(r)?,
            start_level: Level::read(r)?,
            inbox_level: Level::read(r)?,
            state: GameState::read(r)?,
            rules: DissectionRules::read(r)?,
            clock: Clock::read(r)?,
        })
    }
}

impl Binary for Stakers {
    fn write(&self, out: &mut Vec<u8>) {
        self.staker(Player::Alice).write(out);
        self.staker(Player::Bob).write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (one, other) = (PublicKeyHash::read(r)?, PublicKeyHash::read(r)?);
        Self::new(one, other).ok_or_else(|| r.invalid("stakers", "one staker against itself"))
    }
}

impl Binary for GameState {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Dissecting { dissection } => {
                out.push(0);
                DissectionChunk::write_list(dissection, out);
            }
            Self::FinalMove { agreed_start_chunk, refuted_stop_chunk } => {
                out.push(1);
                agreed_start_chunk.write(out);
                refuted_stop_chunk.write(out);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("state of a game")? {
            0 => Ok(Self::Dissecting { dissection: DissectionChunk::read_list(r)? }),
            1 => Ok(Self::FinalMove {
                agreed_start_chunk: DissectionChunk::read(r)?,
                refuted_stop_chunk: DissectionChunk::read(r)?,
            }),
            tag => Err(r.invalid("state of a game", format!("the tag {tag} is unknown"))),
        }
    }
}

impl Binary for DissectionRules {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.sections());
        put_n64(out, self.ticks_per_snapshot().0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sections = r.u8("number of sections")?;
        let ticks = TickSpan(r.n64("ticks per snapshot")?);
        Self::new(sections, ticks).ok_or_else(|| {
            let reason = format!("{sections} sections with {ticks} ticks per snapshot");
            r.invalid("rules of a dissection", reason)
        })
    }
}

impl Binary for Clock {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.alice.to_be_bytes());
        out.extend_from_slice(&self.bob.to_be_bytes());
        self.last_turn_level.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            alice: r.i64("clock of alice")?,
            bob: r.i64("clock of bob")?,
            last_turn_level: Level::read(r)?,
        })
    }
}

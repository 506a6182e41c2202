//! The JSON in which the network's RPC tells a game. Who plays and how much time is left is told elsewhere.

use super::json::unknown;
use super::{Clock, DissectionChunk, DissectionRules, Game, GameState, Player, Stakers};
use crate::inbox::level_field;
use serde_json::{Value, json};
use soru_base::json::{array_field, field, member, str_field, u64_field};
use soru_base::{IdFamily, Json, JsonError, TickSpan};

impl Game {
    /// The game as the RPC tells it: `turn`, `inbox_snapshot`, `dal_snapshot` (that of a layer-1 without data availability
    /// layer), `start_level`, `inbox_level` and `game_state`.
    pub fn to_network_json(&self, family: IdFamily) -> Value {
        json!({
            "turn": self.turn.name(),
            "inbox_snapshot": self.inbox_snapshot.to_json(family),
            "dal_snapshot": {
                "index": "0",
                "content": { "kind": "unpublished", "level": 0, "index": 0 },
                "back_pointers": [],
            },
            "start_level": self.start_level.get(),
            "inbox_level": self.inbox_level.get(),
            "game_state": self.state_to_json(family),
        })
    }

    /// Reads what the RPC tells, with what it tells elsewhere: the players, their clock, and how long a `kernel_run` is.
    ///
    /// During the final move the number of sections is not told any more, and not needed: it is the network's.
    pub fn from_network_json(
        value: &Value,
        stakers: Stakers,
        clock: Clock,
        ticks_per_snapshot: TickSpan,
        family: IdFamily,
    ) -> Result<Self, JsonError> {
        let turn = match str_field(value, "turn")? {
            "alice" => Player::Alice,
            "bob" => Player::Bob,
            _ => return Err(unknown(value, "turn", "alice or bob")),
        };
        let (state, sections) =
            state_from_json(member(value, "game_state"), family).map_err(|e| e.within("game_state"))?;
        let rules = DissectionRules::new(sections, ticks_per_snapshot)
            .ok_or_else(|| JsonError::new("at least four sections", member(value, "game_state")))?;
        Ok(Self {
            stakers,
            turn,
            inbox_snapshot: field(value, "inbox_snapshot", family)?,
            start_level: level_field(value, "start_level")?,
            inbox_level: level_field(value, "inbox_level")?,
            state,
            rules,
            clock,
        })
    }

    fn state_to_json(&self, family: IdFamily) -> Value {
        match &self.state {
            GameState::Dissecting { dissection } => json!({
                "kind": "Dissecting",
                "dissection": dissection.iter().map(|c| c.to_json(family)).collect::<Value>(),
                "default_number_of_sections": self.rules.sections(),
            }),
            GameState::FinalMove { agreed_start_chunk, refuted_stop_chunk } => json!({
                "kind": "Final_move",
                "agreed_start_chunk": agreed_start_chunk.to_json(family),
                "refuted_stop_chunk": refuted_stop_chunk.to_json(family),
            }),
        }
    }
}

/// Sections of a dissection on all networks so far.
const SECTIONS: u8 = 32;

fn state_from_json(value: &Value, family: IdFamily) -> Result<(GameState, u8), JsonError> {
    match str_field(value, "kind")? {
        "Dissecting" => {
            let chunks = array_field(value, "dissection")?.iter().enumerate();
            let dissection = chunks
                .map(|(i, c)| DissectionChunk::from_json(c, family).map_err(|e| e.at(i).within("dissection")))
                .collect::<Result<_, _>>()?;
            let sections = u64_field(value, "default_number_of_sections")?;
            let sections = u8::try_from(sections)
                .map_err(|_| unknown(value, "default_number_of_sections", "a number below 256"))?;
            Ok((GameState::Dissecting { dissection }, sections))
        }
        "Final_move" => Ok((
            GameState::FinalMove {
                agreed_start_chunk: field(value, "agreed_start_chunk", family)?,
                refuted_stop_chunk: field(value, "refuted_stop_chunk", family)?,
            },
            SECTIONS,
        )),
        _ => Err(unknown(value, "kind", "Dissecting or Final_move")),
    }
}

//! What can be seen of a state, in the form of the vectors.

use crate::state::{Machine, Status, StuckError};
use serde_json::{Map, Value, json};
use soru_base::hash::ContextHash;
use soru_base::level::Level;
use soru_base::tick::Tick;

/// What has just been done from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The kernel was installed.
    BootSector,
    /// The maximum of reboots was set.
    MaxReboots,
    /// A message was given.
    Input {
        /// Its level.
        level: Level,
        /// Its index in the level.
        message: u64,
    },
}

/// What was seen of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What was done from outside to get here, if anything.
    pub at: Option<At>,
    /// The ticks made.
    pub tick: Tick,
    /// Hash of the state.
    pub hash: ContextHash,
    /// What the machine is doing, with the step inside.
    pub state: String,
    /// What it needs.
    pub status: Status,
    /// Ticks still to be paid for a host call.
    pub paying: u64,
    /// The message of the trap that `kernel_run` has just run into.
    pub trap: Option<String>,
    /// Why it is stuck.
    pub error: Option<StuckError>,
    /// Length of the encoded proof of the tick that leads out of the state, if it was asked for.
    pub proof_size: Option<usize>,
}

impl Observation {
    pub(super) fn of(machine: &Machine, hash: ContextHash, at: Option<At>) -> Self {
        Self {
            at,
            tick: machine.current_tick,
            hash,
            state: machine.state_name(),
            status: machine.status(),
            paying: machine.paying(),
            trap: machine.trap(),
            error: machine.stuck_error().cloned(),
            proof_size: None,
        }
    }

    /// As a line of the vectors: what there is none of is left out.
    pub fn to_json(&self) -> Value {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| {
            line.insert(name.to_owned(), value);
        };
        match self.at {
            None => (),
            Some(At::BootSector) => put("at", "boot_sector".into()),
            Some(At::MaxReboots) => put("at", "max_reboots".into()),
            Some(At::Input { level, message }) => {
                put("at", "input".into());
                put("level", level.get().into());
                put("message", message.into());
            }
        }
        put("tick", self.tick.0.into());
        put("hash", self.hash.to_hex().into());
        put("state", self.state.as_str().into());
        match &self.status {
            Status::Computing => (),
            Status::InputRequired => put("status", "input-required".into()),
            Status::RevealRequired(request) => {
                put("status", format!("reveal-required:{}", hex::encode(request)).into());
            }
        }
        if self.paying > 0 {
            put("paying", self.paying.into());
        }
        if let Some(trap) = &self.trap {
            put("trap", trap.as_str().into());
        }
        if let Some(error) = &self.error {
            put("error", error.to_json());
        }
        if let Some(size) = self.proof_size {
            put("proof_size", size.into());
        }
        Value::Object(line)
    }

    /// The line about the state that holds the version only.
    pub fn initial(hash: ContextHash) -> Value {
        json!({ "at": "initial_state", "hash": hash.to_hex() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StuckText;

    #[test]
    fn what_there_is_none_of_is_left_out() {
        let mut seen = Observation {
            at: None,
            tick: Tick(5),
            hash: ContextHash::ZERO,
            state: "Padding".to_owned(),
            status: Status::Computing,
            paying: 0,
            trap: None,
            error: None,
            proof_size: None,
        };
        let hash = "00".repeat(32);
        assert_eq!(seen.to_json(), json!({ "tick": 5, "hash": hash, "state": "Padding" }));
        seen.at = Some(At::Input { level: Level::new(7).unwrap(), message: 2 });
        seen.status = Status::RevealRequired(vec![1]);
        seen.paying = 3;
        seen.trap = Some("unreachable executed".to_owned());
        seen.error = Some(StuckError::Unknown(StuckText::new("why")));
        seen.proof_size = Some(9);
        assert_eq!(
            seen.to_json().to_string(),
            format!(
                "{{\"at\":\"input\",\"level\":7,\"message\":2,\"tick\":5,\"hash\":\"{hash}\",\"state\":\"Padding\",\
                 \"status\":\"reveal-required:01\",\"paying\":3,\"trap\":\"unreachable executed\",\
                 \"error\":{{\"kind\":\"Unknown_error\",\"raw\":\"why\"}},\"proof_size\":9}}"
            )
        );
    }
}

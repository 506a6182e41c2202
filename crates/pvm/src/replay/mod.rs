//! Runs of the machine as text: a file that says all that is needed to repeat one, and what was found.
//!
//! The first line of such a file is the run: constants of the protocol, messages by level, answers to reveals. What comes
//! after is of one of three kinds.
//!
//! * One line a level: the hash of the state after the last message, the hash when the next level is awaited, the outbox,
//!   all values of the durable storage. Such a run is repeated by an engine: [`RunFile::replay`].
//! * One line for each observed state, by its tick, and a last one about the end. Such a run is repeated tick by tick:
//!   [`TickReplay`]. [`Tracer`] goes through any run in this way.
//! * One line for each of many kernels, with one observed state: [`RunFile::replay_kernel`].

mod check;
mod file;
mod kernels;
mod levels;
mod observation;
mod setup;
mod ticks;
mod trace_error;
mod tracer;
mod way;

pub use check::{Difference, check, check_line};
pub use file::{FixedReveals, ReplayError, ReplayLevel, RunFile, RunKind};
pub use levels::Replayed;
pub use observation::{At, Observation};
pub use setup::Setup;
pub use ticks::{LineError, TickReplay};
pub use trace_error::{End, TraceError};
pub use tracer::{Outside, Tracer};
pub use way::Way;

use crate::durable::Durable;
use crate::state::StateError;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Messages in hexadecimal.
pub fn outbox_json(messages: &[Bytes]) -> Value {
    messages.iter().map(|message| Value::String(hex::encode(message))).collect()
}

/// All values by key, in hexadecimal; long ones and kernels, unless empty, as length and SHA-256.
pub fn durable_json(durable: &Durable) -> Result<Value, StateError> {
    const LONG: usize = 2048;
    let mut values = Map::new();
    for (key, value) in durable.values()? {
        let bytes = value.read_all(MAX_VALUE)?;
        let shown = if bytes.len() > LONG || (key.ends_with("/boot.wasm") && !bytes.is_empty()) {
            json!({ "bytes": bytes.len(), "sha256": hex::encode(Sha256::digest(&bytes)) })
        } else {
            hex::encode(&bytes).into()
        };
        values.insert(key, shown);
    }
    Ok(Value::Object(values))
}

/// No longer value is shown.
const MAX_VALUE: u64 = 1 << 28;

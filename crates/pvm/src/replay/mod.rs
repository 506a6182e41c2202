//! Runs of the machine as text: a file that says all that is needed to repeat one, and what was found.
//!
//! The first line of such a file is the run: constants of the protocol, messages by level, answers to reveals. Then
//! comes one line a level: the hash of the state after the last message, the hash when the next level is awaited, the
//! outbox, all values of the durable storage.

mod check;
mod file;

pub use check::{Difference, check};
pub use file::{FixedReveals, ReplayError, ReplayLevel, RunFile};

use crate::durable::Durable;
use crate::host::DebugSink;
use crate::level::{LevelError, Surroundings};
use crate::machine::{initial_state, install_boot_sector};
use crate::run::Runner;
use crate::state::{InputPlace, Machine, StateError};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use soru_base::level::Level;
use soru_merkle::Tree;

/// What a replay has found.
#[derive(Debug)]
pub struct Replayed {
    /// The lines, in the form of the file.
    pub lines: Vec<Value>,
    /// The level that could not be computed, if there was one: the lines end before it.
    pub failure: Option<(Level, LevelError)>,
    /// The last state.
    pub tree: Tree,
}

impl RunFile {
    /// Repeats the run with a kernel, whose bytes the file only names.
    pub fn replay(
        &self,
        kernel: &[u8],
        runner: &dyn Runner,
        debug: &mut dyn DebugSink,
    ) -> Result<Replayed, StateError> {
        let mut tree = self.boot(kernel)?;
        let mut first = self.header.clone();
        if self.header.contains_key("boot_sector_hash") {
            first.insert("boot_sector_hash".to_owned(), hex_hash(&tree)?);
        }
        let mut lines = vec![Value::Object(first)];
        let mut reveals = self.reveals.clone();
        let mut around = Surroundings { runner, reveals: &mut reveals, debug };
        for level in &self.levels {
            match replay_level(&mut tree, level, &mut around) {
                Ok(line) => lines.push(line),
                Err(LevelError::State(error)) => return Err(error),
                Err(error) => return Ok(Replayed { lines, failure: Some((level.level, error)), tree }),
            }
        }
        Ok(Replayed { lines, failure: None, tree })
    }

    /// The state before the first level.
    pub fn boot(&self, kernel: &[u8]) -> Result<Tree, StateError> {
        let mut tree = initial_state(self.version)?;
        install_boot_sector(&mut tree, kernel, self.limits)?;
        if u64::from(self.max_reboots) != crate::state::MAX_REBOOTS {
            let mut machine = Machine::from_tree(&tree)?;
            machine.set_max_reboots(self.max_reboots);
            machine.apply(&mut tree)?;
        }
        Ok(tree)
    }
}

fn replay_level(
    tree: &mut Tree,
    level: &ReplayLevel,
    around: &mut Surroundings<'_>,
) -> Result<Value, LevelError> {
    let mut machine = Machine::from_tree(tree)?;
    for (counter, message) in (0..).zip(&level.messages) {
        machine.set_input(InputPlace { level: level.level, counter }, message)?;
    }
    machine.apply(tree)?;
    let mut line = Map::new();
    line.insert("level".to_owned(), level.level.get().into());
    line.insert("inputs_tick".to_owned(), machine.current_tick.0.into());
    line.insert("inputs_hash".to_owned(), hex_hash(tree)?);
    machine.run_until_input_required(around)?;
    machine.apply(tree)?;
    line.insert("current_tick".to_owned(), machine.current_tick.0.into());
    line.insert("hash".to_owned(), hex_hash(tree)?);
    line.insert("state".to_owned(), machine.tick_state.name().into());
    if let Some(error) = machine.stuck_error() {
        line.insert("error".to_owned(), error.to_json());
    }
    let outbox = machine.output.outbox(level.level)?.unwrap_or_default();
    line.insert("outbox".to_owned(), outbox_json(&outbox));
    line.insert("durable".to_owned(), durable_json(&machine.durable)?);
    Ok(Value::Object(line))
}

/// Messages in hexadecimal.
pub fn outbox_json(messages: &[Bytes]) -> Value {
    messages.iter().map(|message| Value::String(hex::encode(message))).collect()
}

/// All values by key, in hexadecimal; long ones and kernels as length and SHA-256.
pub fn durable_json(durable: &Durable) -> Result<Value, StateError> {
    const LONG: usize = 2048;
    let mut values = Map::new();
    for (key, value) in durable.values()? {
        let bytes = value.read_all(MAX_VALUE)?;
        let shown = if bytes.len() > LONG || key.ends_with("/boot.wasm") {
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

fn hex_hash(tree: &Tree) -> Result<Value, StateError> {
    Ok(tree.hash()?.to_hex().into())
}

//! Repeating a run level by level, through an engine.

use super::file::{ReplayLevel, RunFile};
use super::{durable_json, outbox_json};
use crate::host::DebugSink;
use crate::level::{LevelError, Surroundings};
use crate::run::Runner;
use crate::state::{InputPlace, Machine, StateError};
use serde_json::{Map, Value};
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
    /// Repeats the run level by level with a kernel, whose bytes the file only names.
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
        self.setup().boot(kernel)
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

fn hex_hash(tree: &Tree) -> Result<Value, StateError> {
    Ok(tree.hash()?.to_hex().into())
}

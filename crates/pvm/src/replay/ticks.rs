//! Repeating a run tick by tick, with a look at the states that its file names.

use super::file::RunFile;
use super::observation::Observation;
use super::trace_error::TraceError;
use super::tracer::{Outside, Tracer};
use super::{durable_json, outbox_json};
use serde_json::{Map, Value};
use soru_base::tick::Tick;
use thiserror::Error;

/// Why a line of a run cannot be found anew.
#[derive(Debug, Clone, Error)]
pub enum LineError {
    /// It does not say which state is meant.
    #[error("line {line} of the run: {reason}")]
    Malformed {
        /// Number of the line, from 1.
        line: usize,
        /// What was expected and found.
        reason: String,
    },
    /// The state cannot be shown.
    #[error("line {line} of the run: {error}")]
    Trace {
        /// Number of the line, from 1.
        line: usize,
        /// Why.
        #[source]
        error: TraceError,
    },
}

/// Gives the lines of a file of observed states anew, one after the other, the first line as it is.
///
/// Of a line only the tick is needed, and whether it has a `proof_size`. A line without a tick is the state that holds the
/// version only, if nothing came before, and otherwise the end of the run; the first line with tick 0 is the state with the
/// kernel installed, a second one the state with the maximum of reboots changed.
pub struct TickReplay<'a> {
    run: &'a RunFile,
    tracer: Tracer<'a>,
    // Lines given.
    given: usize,
    // Whether the state with the kernel installed was given.
    installed: bool,
}

impl<'a> TickReplay<'a> {
    /// Begins a replay with a kernel, whose bytes the file only names.
    pub fn begin(run: &'a RunFile, kernel: &[u8], outside: Outside<'a>) -> Result<Self, TraceError> {
        let tracer = Tracer::begin(run.setup(), kernel, &run.levels, outside)?;
        Ok(Self { run, tracer, given: 0, installed: false })
    }

    /// The next line as it is found; nothing after the last one.
    pub fn next_line(&mut self) -> Option<Result<Value, LineError>> {
        let asked = self.run.lines.get(self.given)?;
        self.given += 1;
        let line = self.given;
        Some(if line == 1 { Ok(asked.clone()) } else { self.find(line, asked) })
    }

    /// How far the run is.
    pub fn tick(&self) -> Tick {
        self.tracer.tick()
    }

    fn find(&mut self, line: usize, asked: &Value) -> Result<Value, LineError> {
        let malformed = |reason: String| LineError::Malformed { line, reason };
        let trace = |error| LineError::Trace { line, error };
        let Some(asked) = asked.as_object() else {
            return Err(malformed(format!("expected an object, found {asked}")));
        };
        if let Some(end) = asked.get("end") {
            return self.end(end).map_err(trace);
        }
        let at = asked.get("at").and_then(Value::as_str);
        let tick = match asked.get("tick") {
            Some(tick) => Some(
                tick.as_u64()
                    .ok_or_else(|| malformed(format!("tick: expected a natural number, found {tick}")))?,
            ),
            None => None,
        };
        match (at, tick) {
            (Some("initial_state"), _) => return self.initial_state().map_err(trace),
            (Some("boot_sector"), _) => self.installed = true,
            (Some("max_reboots"), _) => {
                self.tracer.set_max_reboots();
            }
            (Some("input") | None, Some(tick)) => {
                if self.installed && tick == 0 {
                    self.tracer.set_max_reboots();
                }
                self.installed |= tick == 0;
                self.tracer.go_to(Tick(tick)).map_err(trace)?;
            }
            (Some("input"), None) => return Err(malformed("an input without a tick".to_owned())),
            (None, None) if line == 2 => return self.initial_state().map_err(trace),
            (None, None) => return Err(malformed("expected a tick, or the end".to_owned())),
            (Some(other), _) => {
                return Err(malformed(format!(
                    "at: expected initial_state, boot_sector, max_reboots or input, found {other:?}"
                )));
            }
        }
        let seen = self.tracer.observe(asked.contains_key("proof_size")).map_err(trace)?;
        Ok(seen.to_json())
    }

    fn initial_state(&self) -> Result<Value, TraceError> {
        let hash = self.run.setup().initial_state().and_then(|tree| Ok(tree.hash()?));
        hash.map(Observation::initial).map_err(|error| TraceError::State { tick: 0, error })
    }

    /// The last line: it is at its own tick, or where the run ends.
    fn end(&mut self, asked: &Value) -> Result<Value, TraceError> {
        match asked.get("tick").and_then(Value::as_u64) {
            Some(tick) => self.tracer.go_to(Tick(tick))?,
            None => {
                self.tracer.go_towards(Tick(u64::MAX))?;
            }
        }
        let mut seen = self.tracer.observe(false)?.to_json();
        if let Some(seen) = seen.as_object_mut() {
            for name in ["at", "level", "message", "paying", "trap"] {
                seen.shift_remove(name);
            }
            if let Some(fault) = self.tracer.fault() {
                seen.insert("fault".to_owned(), fault.into());
            }
        }
        let machine = self.tracer.machine();
        let failed = |error| TraceError::State { tick: machine.current_tick.0, error };
        let durable = durable_json(&machine.durable).map_err(failed)?;
        let kept = self.tracer.outboxes()?;
        let mut outboxes = Map::new();
        for level in &self.run.levels {
            let messages = kept.get(&level.level).map_or(&[][..], Vec::as_slice);
            outboxes.insert(level.level.to_string(), outbox_json(messages));
        }
        let mut line = Map::new();
        line.insert("end".to_owned(), seen);
        line.insert("durable".to_owned(), durable);
        line.insert("outbox".to_owned(), Value::Object(outboxes));
        Ok(Value::Object(line))
    }
}

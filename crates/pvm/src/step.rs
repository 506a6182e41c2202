//! Ticks: what the machine does in each, and in many at once.

use crate::host::DebugSink;
use crate::state::{Machine, StateError, Status, TickState};

impl Machine {
    /// Makes up to `max` ticks and says how many it made. It makes fewer only if it comes to need a message or the answer
    /// to a reveal: see [`status`](Self::status). Many ticks of padding, or of paying for a host call, go by at once.
    ///
    /// After an error the machine is of no use: what it was doing is lost.
    pub fn step(&mut self, max: u64, debug: &mut dyn DebugSink) -> Result<u64, StateError> {
        let _ = debug;
        let start = self.current_tick.0;
        let end = start.saturating_add(max);
        while self.current_tick.0 < end && self.status() == Status::Computing {
            match &self.tick_state {
                TickState::Padding => self.pad_until(end)?,
                TickState::Stuck(_) => self.leave_stuck()?,
                _ => {
                    if self.prepare(end - self.current_tick.0)? == 0 {
                        return Err(StateError::malformed(&["wasm", "tag"], "a tick that is not known yet"));
                    }
                }
            }
        }
        Ok(self.current_tick.0 - start)
    }

    /// Gives the machine the answer to the reveal that it waits for. It takes one tick; a machine that waits for none gets
    /// stuck.
    pub fn set_reveal(&mut self, answer: &[u8]) -> Result<(), StateError> {
        let _ = answer;
        Err(StateError::malformed(&["wasm", "tag"], "a tick that is not known yet"))
    }

    /// The name of the state with the step inside of it, as `Eval:SK_Next.LS_Start`: those of the vectors.
    pub fn state_name(&self) -> String {
        match &self.tick_state {
            TickState::Decode(decoder) => format!("Decode:{}", decoder.step_name()),
            TickState::Init(initialiser) => format!("Init:{}", initialiser.step_name()),
            other => other.name().to_owned(),
        }
    }

    /// How many ticks are still to be paid for a host call.
    pub fn paying(&self) -> u64 {
        0
    }

    /// The message of the trap that `kernel_run` has just run into.
    pub fn trap(&self) -> Option<String> {
        None
    }
}

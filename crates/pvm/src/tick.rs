//! The ticks at the beginning of a run, one by one: a kernel is read, its imports are looked up.

use crate::decode::{Decoded, Decoder};
use crate::init::{Initialised, Initialiser};
use crate::link::{Linked, Linker};
use crate::state::{InterpreterError, Machine, StateError, StuckError, StuckText, TickState};

impl Machine {
    /// Makes up to `max` ticks of a run's beginning and says how many it made. It makes fewer if the machine gets stuck,
    /// has looked up all imports, or is doing anything else.
    ///
    /// After an error the machine is of no use: what it was doing is lost.
    pub fn prepare(&mut self, max: u64) -> Result<u64, StateError> {
        let mut done = 0;
        while done < max && self.prepare_once()? {
            done += 1;
        }
        Ok(done)
    }

    fn prepare_once(&mut self) -> Result<bool, StateError> {
        let out_of_ticks = self.is_padded()?;
        let next = match &mut self.tick_state {
            TickState::Snapshot => Some(TickState::Decode(Box::new(Decoder::begin()))),
            TickState::Init(initialiser) if initialiser.is_done() && !out_of_ticks => return Ok(false),
            TickState::Decode(_) | TickState::Link(_) | TickState::Init(_) if out_of_ticks => {
                Some(TickState::Stuck(StuckError::TooManyTicks))
            }
            TickState::Decode(decoder) => match decoder.take_module() {
                Some(module) => Some(TickState::Link(Box::new(Linker::begin(module)))),
                None => match decoder.step(&self.durable)? {
                    Decoded::Going => None,
                    Decoded::Refused(reason) => Some(TickState::Stuck(StuckError::Decode(refusal(&reason)))),
                    Decoded::NoKernel => Some(TickState::Stuck(StuckError::Decode(no_kernel()))),
                },
            },
            TickState::Link(linker) if linker.is_done() => {
                let (module, externs) = linker.take();
                Some(TickState::Init(Box::new(Initialiser::begin(module, externs))))
            }
            TickState::Init(initialiser) => match initialiser.step()? {
                Initialised::Going => None,
                Initialised::Refused(reason) => Some(TickState::Stuck(StuckError::Init(refusal(&reason)))),
                Initialised::Bounds => Some(TickState::Stuck(StuckError::Init(bounds()))),
            },
            TickState::Link(linker) => match linker.step(self.durable.version()?)? {
                Linked::Going => None,
                Linked::Unknown(text) => Some(TickState::Stuck(StuckError::Link(text))),
            },
            _ => return Ok(false),
        };
        self.current_tick = self.after(1)?;
        if let Some(next) = next {
            if matches!(next, TickState::Stuck(_)) {
                // Every failing step gives the reboots back.
                self.reboot_counter = self.max_reboots + 1;
            }
            self.tick_state = next;
        }
        Ok(true)
    }
}

/// As the machine shows an error at a place in a kernel.
fn refusal(reason: &str) -> InterpreterError {
    InterpreterError {
        raw: StuckText::new(format!("Error(_, {reason:?})")),
        explanation: Some(StuckText::new(reason)),
    }
}

fn bounds() -> InterpreterError {
    InterpreterError { raw: StuckText::new("Tezos_lazy_containers.Lazy_vector.Bounds"), explanation: None }
}

fn no_kernel() -> InterpreterError {
    InterpreterError {
        raw: StuckText::new("Tezos_scoru_wasm.Durable.Value_not_found"),
        explanation: Some(StuckText::new("Value not found")),
    }
}

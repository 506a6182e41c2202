//! Ticks: what the machine does in each, and in many at once.

use crate::decode::{Decoded, Decoder};
use crate::eval::{End, Evaluator, Fault, World};
use crate::host::DebugSink;
use crate::init::{ExportRules, Initialiser};
use crate::link::{Linked, Linker};
use crate::run::ENTRYPOINT;
use crate::state::{InterpreterError, Machine, StateError, Status, StuckError, StuckText, TickState};
use crate::version::Version;

impl Machine {
    /// Makes up to `max` ticks and says how many it made. It makes fewer only if it comes to need a message or the answer
    /// to a reveal: see [`status`](Self::status). Many ticks of padding, or of paying for a host call, go by at once.
    ///
    /// After an error the machine is of no use: what it was doing is lost.
    pub fn step(&mut self, max: u64, debug: &mut dyn DebugSink) -> Result<u64, StateError> {
        let start = self.current_tick.0;
        let end = start.saturating_add(max);
        // A step asks for the version first.
        let version = self.durable.version()?;
        while self.current_tick.0 < end && self.status() == Status::Computing {
            self.advance_ticks(end, version, debug)?;
        }
        Ok(self.current_tick.0 - start)
    }

    /// Some ticks, up to the tick `end` at most, that all begin in the same state of the machine. There has to be one to be
    /// made.
    pub(crate) fn advance_ticks(
        &mut self,
        end: u64,
        version: Version,
        debug: &mut dyn DebugSink,
    ) -> Result<(), StateError> {
        self.advance_ticks_to(false, end, version, debug)
    }

    /// The same; if it is to pause there, no further than to where the start function is about to be called.
    pub(crate) fn advance_ticks_to(
        &mut self,
        is_to_pause: bool,
        end: u64,
        version: Version,
        debug: &mut dyn DebugSink,
    ) -> Result<(), StateError> {
        let made = match &self.tick_state {
            TickState::Padding => return self.pad_until(end),
            TickState::Stuck(_) => return self.leave_stuck(),
            TickState::Snapshot => {
                self.tick_state = TickState::Decode(Box::new(Decoder::begin()));
                1
            }
            _ if self.is_padded()? => {
                self.get_stuck(StuckError::TooManyTicks);
                1
            }
            _ => {
                let end = end.min(self.last_padding_tick()?.0);
                self.run_step(is_to_pause, end - self.current_tick.0, version, debug)?
            }
        };
        self.current_tick = self.after(made)?;
        Ok(())
    }

    /// Gives the machine the answer to the reveal that it waits for. It takes one tick; a machine that waits for none gets
    /// stuck.
    pub fn set_reveal(&mut self, answer: &[u8]) -> Result<(), StateError> {
        let unexpected = match &mut self.tick_state {
            TickState::Eval(evaluator) => {
                evaluator.reveal(answer).map_err(|fault| match fault {
                    Fault::State(error) => error,
                    Fault::Interpreter(error) => StateError::NoNextState { reason: error.raw.to_string() },
                    Fault::Unknown(text) => StateError::NoNextState { reason: text.to_string() },
                })?;
                None
            }
            TickState::Snapshot => Some("start"),
            TickState::Decode(_) => Some("decoding"),
            TickState::Link(_) => Some("link"),
            TickState::Init(_) => Some("initialization"),
            TickState::Collect => Some("collecting"),
            TickState::Stuck(_) | TickState::Padding => None,
        };
        if let Some(during) = unexpected {
            let text = format!("No reveal expected during {during}");
            self.tick_state = TickState::Stuck(StuckError::invalid_state(&text));
        }
        self.current_tick = self.after(1)?;
        Ok(())
    }

    /// The name of the state with the step inside of it, as `Eval:SK_Next.LS_Start`: those of the vectors.
    pub fn state_name(&self) -> String {
        match &self.tick_state {
            TickState::Decode(decoder) => format!("Decode:{}", decoder.step_name()),
            TickState::Init(initialiser) => format!("Init:{}", initialiser.step_name()),
            TickState::Eval(evaluator) => format!("Eval:{}", evaluator.step_name()),
            other => other.name().to_owned(),
        }
    }

    /// How many ticks are still to be paid for a host call.
    pub fn paying(&self) -> u64 {
        match &self.tick_state {
            TickState::Eval(evaluator) => evaluator.paying(),
            _ => 0,
        }
    }

    /// The message of the trap that `kernel_run` has just run into.
    pub fn trap(&self) -> Option<String> {
        match &self.tick_state {
            TickState::Eval(evaluator) => evaluator.trap(),
            _ => None,
        }
    }

    /// Reads bytes of the kernel's memory 0 and gives its size; nothing if there is none, no bytes if they are not all
    /// inside.
    pub fn read_memory(&mut self, address: u64, out: &mut [u8]) -> Result<Option<u64>, StateError> {
        match &mut self.tick_state {
            TickState::Eval(evaluator) => evaluator.read_memory(address, out),
            _ => Ok(None),
        }
    }

    pub(crate) fn get_stuck(&mut self, error: StuckError) {
        // Every failing step gives the reboots back.
        self.reboot_counter = self.max_reboots + 1;
        self.tick_state = TickState::Stuck(error);
    }

    /// One step of reading, linking, initialising or evaluating, or up to `max` ticks of it: how many it made.
    fn run_step(
        &mut self,
        is_to_pause: bool,
        max: u64,
        version: Version,
        debug: &mut dyn DebugSink,
    ) -> Result<u64, StateError> {
        match &mut self.tick_state {
            TickState::Decode(decoder) => {
                if let Some(module) = decoder.take_module() {
                    self.tick_state = TickState::Link(Box::new(Linker::begin(module)));
                    return Ok(1);
                }
                let refused = match decoder.step(&self.durable)? {
                    Decoded::Going => return Ok(1),
                    Decoded::Refused(reason) => refusal(&reason),
                    Decoded::NoKernel => no_kernel(),
                };
                self.get_stuck(StuckError::Decode(refused));
                Ok(1)
            }
            TickState::Link(linker) if linker.is_done() => {
                let (module, externs) = linker.take();
                self.tick_state = TickState::Init(Box::new(Initialiser::begin(module, externs)));
                Ok(1)
            }
            TickState::Link(linker) => {
                if let Linked::Unknown(text) = linker.step(version)? {
                    self.get_stuck(StuckError::Link(text));
                }
                Ok(1)
            }
            TickState::Init(initialiser) if initialiser.is_done() => {
                match initialiser.finish() {
                    Ok(Some((function, modules))) => {
                        self.durable.save_fallback_kernel()?;
                        let evaluator = Evaluator::call(modules, version.call_depth_limit(), function);
                        self.tick_state = TickState::Eval(Box::new(evaluator));
                    }
                    Ok(None) => {
                        let text = format!("Invalid_module: no `{ENTRYPOINT}` function exported");
                        self.get_stuck(StuckError::invalid_state(&text));
                    }
                    Err(fault) => self.get_stuck(fault.stuck(StuckError::Init)?),
                }
                Ok(1)
            }
            TickState::Init(initialiser) => {
                let mut world = World {
                    version,
                    durable: &mut self.durable,
                    input: &mut self.input,
                    output: &mut self.output,
                    debug,
                    is_initialising: true,
                    is_proved: max == 1,
                };
                let (made, fault) = initialiser.ticks_to(is_to_pause, max, ExportRules::Kernel, &mut world);
                self.failed(made, fault, StuckError::Init)
            }
            TickState::Eval(evaluator) => {
                match evaluator.end() {
                    End::Going => (),
                    End::Returned => {
                        self.run_finished()?;
                        return Ok(1);
                    }
                    End::Trapped => {
                        self.run_trapped()?;
                        return Ok(1);
                    }
                }
                let mut world = World {
                    version,
                    durable: &mut self.durable,
                    input: &mut self.input,
                    output: &mut self.output,
                    debug,
                    is_initialising: false,
                    is_proved: max == 1,
                };
                let (made, fault) = evaluator.ticks(max, &mut world);
                self.failed(made, fault, StuckError::Eval)
            }
            TickState::Collect | TickState::Padding | TickState::Snapshot | TickState::Stuck(_) => Ok(0),
        }
    }

    // The tick that fails is one as well.
    fn failed(
        &mut self,
        made: u64,
        fault: Option<Fault>,
        place: fn(InterpreterError) -> StuckError,
    ) -> Result<u64, StateError> {
        let Some(fault) = fault else { return Ok(made) };
        self.get_stuck(fault.stuck(place)?);
        Ok(made + 1)
    }
}

/// As the machine shows an error at a place in a kernel.
fn refusal(reason: &str) -> InterpreterError {
    InterpreterError {
        raw: StuckText::new(format!("Error(_, {reason:?})")),
        explanation: Some(StuckText::new(reason)),
    }
}

fn no_kernel() -> InterpreterError {
    InterpreterError {
        raw: StuckText::new("Tezos_scoru_wasm.Durable.Value_not_found"),
        explanation: Some(StuckText::new("Value not found")),
    }
}

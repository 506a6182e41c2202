//! Going on: a number of ticks, to the result of a run, to the end of a run, to the end of an inbox.

use crate::console::{Console, Progress};
use crate::session::{Session, SessionError};
use soru_base::Tick;
use soru_pvm::level::Advance;
use soru_pvm::state::{StateError, Status};
use soru_pvm::{Machine, Surroundings};

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many ticks.
    Tick(u64),
    /// Until `kernel_run` has returned or trapped, and its memory is still there.
    Result,
    /// To the end of the run, its padding included.
    KernelRun,
    /// Until the next inbox is needed.
    Inbox,
}

/// Why the machine stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It has come as far as it should.
    Reached,
    /// It needs a message.
    Input,
    /// It needs the answer to a reveal that nobody has.
    Reveal,
    /// The user wants it to.
    Interrupted,
}

/// Ticks between two looks at whether to go on.
const SLICE: u64 = 100_000;
/// Slices between two copies of the machine, from which it is brought back when it went too far. A copy of a machine
/// that reads a large kernel costs as much as many ticks.
const SLICES_PER_COPY: u32 = 32;

/// Whether `kernel_run` has just returned or trapped.
pub(crate) fn has_result(machine: &Machine) -> bool {
    machine.tick_state.name() == "Eval" && {
        let name = machine.state_name();
        name.ends_with(":SK_Result") || name.ends_with(":SK_Trapped")
    }
}

/// Whether a run is over, or has never begun: there is no result to come before the next run.
fn is_outside_of_run(machine: &Machine) -> bool {
    matches!(machine.tick_state.name(), "Collect" | "Padding" | "Stuck")
}

/// Whether the run that began at tick `call` has come to its result, or beyond.
fn is_over(machine: &Machine, call: Tick) -> bool {
    machine.last_top_level_call != call || is_outside_of_run(machine) || has_result(machine)
}

pub(crate) fn tell(console: &mut dyn Console, debug: &[u8]) {
    if !debug.is_empty() {
        console.debug(debug);
    }
}

/// Ticks of padding that are left, the one that leaves it included.
fn padding_left(machine: &Machine) -> u64 {
    let end = machine.last_top_level_call.0.saturating_add(machine.limits.ticks_per_snapshot.0);
    end.saturating_sub(machine.current_tick.0).max(1)
}

impl Session {
    /// Goes on as far as `step` says, or until something is needed: the answer to a reveal, too, unless it is known and
    /// to be given (`answers`).
    pub(crate) fn advance(
        &mut self,
        step: Step,
        answers: bool,
        console: &mut dyn Console,
    ) -> Result<Halt, SessionError> {
        let start = self.machine.current_tick;
        let call = self.machine.last_top_level_call;
        let (mut engine, mut whole, mut inside) = (String::new(), true, true);
        let mut copy = self.machine.clone();
        let mut slices = 0;
        loop {
            let done = self.machine.current_tick.since(start).0;
            let reached = match step {
                Step::Tick(count) => done >= count,
                Step::Result => has_result(&self.machine),
                Step::KernelRun => self.machine.last_top_level_call != call,
                Step::Inbox => false,
            };
            if reached {
                return Ok(Halt::Reached);
            }
            match self.machine.status() {
                Status::InputRequired => return Ok(Halt::Input),
                Status::RevealRequired(_) if !answers => return Ok(Halt::Reveal),
                Status::RevealRequired(request) => {
                    let answer = match self.past.answer(self.machine.current_tick) {
                        Some(answer) => Ok(answer.to_vec()),
                        None => self.answer(&request),
                    };
                    match answer {
                        Ok(answer) => {
                            self.give(&answer)?;
                            (copy, slices) = (self.machine.clone(), 0);
                        }
                        Err(reason) => {
                            console.line(&reason);
                            return Ok(Halt::Reveal);
                        }
                    }
                    continue;
                }
                Status::Computing => (),
            }
            let of = if let Step::Tick(count) = step { Some(count) } else { None };
            if !console.go_on(Progress { done, of }) {
                return Ok(Halt::Interrupted);
            }
            // A whole run takes its whole share of ticks: the tick to go to must not be inside of it.
            let whole_run = match step {
                Step::KernelRun | Step::Inbox => true,
                Step::Tick(count) => count - done >= self.machine.limits.ticks_per_snapshot.0,
                Step::Result => false,
            };
            if whole_run && whole && self.machine.tick_state.name() == "Snapshot" {
                match self.run_fast(console) {
                    Ok(true) => {
                        (copy, slices) = (self.machine.clone(), 0);
                        continue;
                    }
                    Ok(false) => whole = false,
                    Err(reason) => (engine, whole) = (format!("; the engine: {reason}"), false),
                }
            }
            let most = of.map_or(u64::MAX, |count| count - done);
            self.way.note(&self.machine);
            if most > SLICE && inside && !is_outside_of_run(&self.machine) {
                match self.by_engine(most, answers, console) {
                    Ok(true) => {
                        self.runs.look(&self.machine, has_result(&self.machine));
                        (copy, slices) = (self.machine.clone(), 0);
                        continue;
                    }
                    Ok(false) => (),
                    Err(error) => (engine, inside) = (format!("; the engine: {error}"), false),
                }
            }
            if slices == SLICES_PER_COPY {
                (copy, slices) = (self.machine.clone(), 0);
            }
            slices += 1;
            // The result of a run is where its ticks are counted.
            match self.slice(most, !has_result(&self.machine), &copy, console) {
                Ok(0) => return Err(SessionError::NoTick(self.machine.current_tick.0)),
                Ok(_) => self.runs.look(&self.machine, has_result(&self.machine)),
                Err(error) => return Err(self.failed_tick(error, engine)),
            }
        }
    }

    /// Lets the ticks of padding go by, up to the next run or inbox.
    pub(crate) fn skip_padding(&mut self, console: &mut dyn Console) -> Result<(), SessionError> {
        while self.machine.tick_state.name() == "Padding" {
            let copy = self.machine.clone();
            self.slice(u64::MAX, false, &copy, console)
                .map_err(|error| self.failed_tick(error, String::new()))?;
        }
        Ok(())
    }

    /// Some ticks, at most `most`; no further than to the result of a run, if `to_result`. `copy` is the machine as it was
    /// some ticks ago. After an error the machine stands before the tick that could not be made.
    fn slice(
        &mut self,
        most: u64,
        to_result: bool,
        copy: &Machine,
        console: &mut dyn Console,
    ) -> Result<u64, StateError> {
        let (from, call) = (self.machine.current_tick, self.machine.last_top_level_call);
        let (many, to_result) = match self.machine.tick_state.name() {
            "Padding" => (padding_left(&self.machine), false),
            "Stuck" => (1, false),
            _ => (SLICE.max(self.machine.paying()), to_result),
        };
        let mut debug = Vec::new();
        let end = match self.machine.step(many.min(most), &mut debug) {
            Ok(made) if !to_result || !is_over(&self.machine, call) => {
                tell(console, &debug);
                return Ok(made);
            }
            Ok(made) => made,
            Err(_) => many.min(most),
        };
        self.machine = copy.clone();
        self.machine.step(from.since(copy.current_tick).0, &mut ())?;
        self.narrow(end, to_result.then_some(call), console)
    }

    /// Among the next `end` ticks is the result of the run that began at tick `call`, or one that cannot be made: goes
    /// there by halving their number.
    fn narrow(
        &mut self,
        mut end: u64,
        call: Option<Tick>,
        console: &mut dyn Console,
    ) -> Result<u64, StateError> {
        let start = self.machine.current_tick;
        while end > 0 {
            let many = end.div_ceil(2);
            let mut next = self.machine.clone();
            let mut debug = Vec::new();
            match next.step(many, &mut debug) {
                Err(error) if many == 1 => return Err(error),
                Err(_) => end = many,
                Ok(made) if made > 1 && call.is_some_and(|call| is_over(&next, call)) => end = made,
                Ok(made) => {
                    tell(console, &debug);
                    self.machine = next;
                    if made < many || call.is_some_and(|call| is_over(&self.machine, call)) {
                        break;
                    }
                    end -= made;
                }
            }
        }
        Ok(self.machine.current_tick.since(start).0)
    }

    /// A whole run by the engine, up to the last tick of its padding: false if there is no engine, or if it would not
    /// see what the user has answered.
    fn run_fast(&mut self, console: &mut dyn Console) -> Result<bool, String> {
        let Some(runner) = &self.runner else { return Ok(false) };
        if self.past.has_answers_from(self.machine.current_tick) {
            return Ok(false);
        }
        let mut next = self.machine.clone();
        let mut debug = Vec::new();
        let mut around = Surroundings { runner: &**runner, reveals: &mut *self.reveals, debug: &mut debug };
        let begin = next.current_tick;
        let advance = next.advance(0, &mut around).map_err(|e| e.to_string())?;
        tell(console, &debug);
        if let Advance::Ran { end, ticks } = &advance {
            self.runs.ended(begin, *ticks, end);
        }
        self.machine = next;
        Ok(true)
    }
}

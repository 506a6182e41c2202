//! Through a run by ticks.

use crate::host::{DebugSink, HostState};
use crate::level::RunEnd;
use crate::reveal::RevealSource;
use crate::run::{Kernel, RunnerError, Stage};
use crate::state::{InputPlace, Limits, MAX_REBOOTS, Machine, StateError, Status, StuckError, TickState};
use crate::version::Version;
use soru_base::hash::StateHash;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;

impl Machine {
    /// A machine that is about to begin a run with what the kernel can reach, at tick 0. The rest of its state is nobody's.
    pub fn of_host(host: &HostState<'_>) -> Self {
        Self {
            last_input: None::<InputPlace>,
            current_tick: Tick::ZERO,
            reboot_counter: MAX_REBOOTS,
            durable: host.durable.clone(),
            input: host.input.clone(),
            output: host.output.clone(),
            tick_state: TickState::Snapshot,
            last_top_level_call: Tick::ZERO,
            max_reboots: MAX_REBOOTS,
            limits: Limits { ticks_per_snapshot: host.ticks, ..Limits::FIRST },
        }
    }

    /// A machine that is about to begin a run of a kernel, at tick 0, and may take so many ticks for it. Its storage holds
    /// nothing else.
    pub fn of_kernel(kernel: &Kernel, version: Version, ticks: TickSpan) -> Result<Self, StateError> {
        let (mut reveals, mut debug) = ((), ());
        let durable = kernel.alone(version)?;
        let output = crate::buffers::OutputBuffer::new(
            Limits::FIRST.outbox_validity_period,
            Limits::FIRST.outbox_message_limit,
        );
        let host = HostState::new(version, durable, Default::default(), output, &mut reveals, &mut debug);
        Ok(Self::of_host(&host.within(ticks)))
    }

    /// Puts the machine, which is where a run begins, to where the padding of this run begins: the kernel has returned so many
    /// ticks after the beginning, with what it could reach as it is now.
    pub fn finish_run(&mut self, host: &HostState<'_>, ticks: TickSpan) -> Result<(), StateError> {
        self.current_tick = self.after(ticks.0)?;
        (self.durable, self.input, self.output) =
            (host.durable.clone(), host.input.clone(), host.output.clone());
        self.run_finished()
    }

    /// Puts the machine, which is where a run begins, to where it is stuck for ever because this run does not get to the call of
    /// the kernel within its ticks.
    pub fn overrun(&mut self) -> Result<(), StateError> {
        self.current_tick = self.last_padding_tick()?;
        self.current_tick = self.after(1)?;
        self.get_stuck(StuckError::TooManyTicks);
        Ok(())
    }

    /// Goes on inside of a run up to the tick `until` at most, and says how the run has ended if it has: then the machine is
    /// where the padding begins, or is stuck for ever.
    pub fn go_through(
        &mut self,
        until: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Option<RunEnd>, RunnerError> {
        let version = self.durable.version()?;
        let mut end = RunEnd::Finished;
        loop {
            let status = self.status();
            if status == Status::InputRequired {
                let reason = self.stuck_error().map(ToString::to_string).unwrap_or_default();
                return Ok(Some(RunEnd::Stuck { stage: None, reason }));
            }
            match &self.tick_state {
                TickState::Padding => return Ok(Some(end)),
                TickState::Eval(evaluator) => {
                    if let Some(reason) = evaluator.trap() {
                        end = RunEnd::Trapped { reason };
                    }
                }
                TickState::Stuck(error) => {
                    let stage = match error {
                        StuckError::Link(_) => Stage::Link,
                        StuckError::Init(_) => Stage::Init,
                        _ => Stage::Decode,
                    };
                    end = RunEnd::FellBack { stage, reason: error.to_string() };
                }
                _ => (),
            }
            if self.current_tick >= until {
                return Ok(None);
            }
            if let Status::RevealRequired(request) = status {
                self.answer(&request, reveals)?;
                continue;
            }
            self.advance_ticks(until.0, version, debug).map_err(|error| match error {
                StateError::TooLarge { .. } => RunnerError::Unsupported { reason: error.to_string() },
                other => other.into(),
            })?;
        }
    }

    /// The hash of the state at a tick, to which the machine goes without asking for anything: nothing if it does not come to
    /// it. `state` is a tree of an earlier state. What is written there counts as written: the next hash costs what has changed.
    pub fn hash_at(&mut self, tick: Tick, state: &Tree) -> Result<Option<StateHash>, RunnerError> {
        self.step(tick.0.saturating_sub(self.current_tick.0), &mut ())?;
        if self.current_tick != tick {
            return Ok(None);
        }
        let mut tree = state.clone();
        self.apply(&mut tree)?;
        Ok(Some(tree.hash().map_err(StateError::from)?.into()))
    }

    fn answer(&mut self, request: &[u8], reveals: &mut dyn RevealSource) -> Result<(), RunnerError> {
        let answer = reveals.reveal(request).map_err(|error| {
            let (request, reason) = (hex::encode(request), error.reason);
            RunnerError::RevealUnavailable { request, reason }
        })?;
        self.set_reveal(&answer).map_err(|error| match error {
            StateError::NoNextState { reason } => RunnerError::NoNextState { reason },
            other => other.into(),
        })
    }
}

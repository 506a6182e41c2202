//! What a kernel can reach outside of its instance.

use super::fault::Fault;
use super::invoke::Called;
use super::shape::Request;
use super::value::Value;
use crate::buffers::{InputBuffer, OutputBuffer};
use crate::durable::Durable;
use crate::host::{DebugSink, HostFunction, HostState, HostTrap, HostValue, RevealCall};
use crate::instance::{HostMemory, Instance};
use crate::lazy::Text;
use crate::numeric::Number;
use crate::run::RunnerError;
use crate::version::Version;
use soru_base::level::LevelSpan;

const DURING_START: &str = "host functions must not access memory during initialisation";
const ONE_MEMORY: &str = "caller module must have exactly 1 memory instance";

/// The parts of a machine that host functions read and change.
pub(crate) struct World<'a> {
    pub(crate) version: Version,
    pub(crate) durable: &'a mut Durable,
    pub(crate) input: &'a mut InputBuffer,
    pub(crate) output: &'a mut OutputBuffer,
    pub(crate) debug: &'a mut dyn DebugSink,
    /// Whether the instance is still being made: host functions have no memory then.
    pub(crate) is_initialising: bool,
    /// Whether this is a single tick: a proof may hold all that it reads.
    pub(crate) is_proved: bool,
}

impl World<'_> {
    pub(super) fn call(
        &mut self,
        name: &Text,
        args: &[Value],
        caller: &mut Instance,
    ) -> Result<Called, Fault> {
        let function = HostFunction::by_registered_name(self.version, &name.0)
            .ok_or_else(|| Fault::unknown("Not_found"))?;
        let numbers = args.iter().map(|value| match value {
            Value::Number { number: Number::I32(n) } => Some(HostValue::I32(*n)),
            Value::Number { number: Number::I64(n) } => Some(HostValue::I64(*n)),
            Value::Vector { .. } | Value::Ref { .. } => None,
        });
        let args = numbers.collect::<Option<Vec<_>>>().filter(|args| function.accepts(args));
        let bad_input = || Fault::unknown("Tezos_scoru_wasm.Host_funcs.Bad_input");
        // This one looks for the memory before it looks at its arguments; the metadata ask for no memory at all.
        if args.is_none() && function != HostFunction::WriteDebug {
            return Err(bad_input());
        }
        if function == HostFunction::RevealMetadata {
            let call = args.as_deref().and_then(RevealCall::metadata).ok_or_else(bad_input)?;
            return Ok(reveal(call));
        }
        if self.is_initialising {
            return Err(Fault::crash(DURING_START));
        }
        if caller.memories.length() != 1 {
            return Err(Fault::crash(ONE_MEMORY));
        }
        let mut memory = HostMemory::new(caller.memory(0)?, self.is_proved);
        let args = args.ok_or_else(bad_input)?;
        let called = self.call_with(function, &args, &mut memory);
        match memory.into_fault() {
            Some(fault) => Err(fault),
            None => called,
        }
    }

    fn call_with(
        &mut self,
        function: HostFunction,
        args: &[HostValue],
        memory: &mut HostMemory<'_>,
    ) -> Result<Called, Fault> {
        if let Some(call) = RevealCall::of(function, args, memory) {
            return Ok(match call {
                Ok(call) => reveal(call),
                Err(code) => Called::Done { result: Some(Number::I32(code as i32)), ticks: 0 },
            });
        }
        let mut no_reveals = ();
        let mut host = HostState::new(
            self.version,
            std::mem::take(self.durable),
            std::mem::take(self.input),
            std::mem::replace(self.output, OutputBuffer::new(LevelSpan(0), 0)),
            &mut no_reveals,
            self.debug,
        )
        .in_run();
        let result = host.call(function, args, memory);
        let HostState { durable, input, output, .. } = host;
        (*self.durable, *self.input, *self.output) = (durable, input, output);
        let result = result.map_err(fault)?;
        let ticks = function.tick_cost(args, result);
        let result = result.map(|value| match value {
            HostValue::I32(n) => Number::I32(n),
            HostValue::I64(n) => Number::I64(n),
        });
        Ok(Called::Done { result, ticks })
    }
}

fn reveal(call: RevealCall) -> Called {
    Called::Reveal {
        request: Request::of_payload(&call.request),
        destination: call.destination,
        max: call.max,
    }
}

fn fault(trap: HostTrap) -> Fault {
    match trap {
        HostTrap::Refused { reason } => Fault::crash(reason),
        HostTrap::Stuck { reason } => Fault::unknown(&reason),
        HostTrap::Undecided(RunnerError::State(error)) => Fault::State(error),
        HostTrap::Undecided(other) => Fault::unknown(&other.to_string()),
    }
}

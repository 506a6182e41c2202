//! One call of `kernel_run` on a fresh instance.

use crate::deadline::epochs;
use crate::host::{Ended, Surroundings};
use crate::instrument::{DEPTH, ENTRY, EXHAUSTED, INDEX, MEMORY, START, TABLE_ACCESS};
use crate::lend::{Lent, lend};
use crate::prepare::{MISSING_ARGUMENTS, no_entry};
use nix::time::{ClockId, clock_gettime};
use soru_pvm::host::HostState;
use soru_pvm::run::{Outcome, RunnerError, Stage};
use std::time::Duration;
use wasmtime::{Func, Instance, InstancePre, Store, Trap, Val};

/// Stack of a kernel: room for the deepest calls that the machine allows, of all but monstrous functions. It is taken from
/// the system as it is used.
pub(crate) const STACK_BYTES: usize = 256 << 20;
/// Stack for host functions on top of that.
pub(crate) const HOST_STACK_BYTES: usize = 8 << 20;

/// Runs a kernel on a thread of its own, which has the stack for it. Tells also the time that the thread computed.
pub(crate) fn execute(
    instance: &InstancePre<Surroundings>,
    host: &mut HostState<'_>,
    deadline: Duration,
) -> Result<(Outcome, Duration), RunnerError> {
    // The frame from which the machine calls `kernel_run` counts.
    let depth = i32::try_from(host.version.call_depth_limit()).unwrap_or(i32::MAX) - 1;
    let span = tracing::Span::current();
    lend(host, |lent| {
        std::thread::scope(|scope| {
            let run = || {
                let outcome = span.in_scope(|| Run::new(instance, lent, depth, deadline).run())?;
                let took = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
                let took =
                    took.map_err(|error| RunnerError::Engine(format!("no clock of threads: {error}")))?;
                Ok((outcome, took.into()))
            };
            let thread = std::thread::Builder::new()
                .name("kernel_run".into())
                .stack_size(STACK_BYTES + HOST_STACK_BYTES)
                .spawn_scoped(scope, run)
                .map_err(|error| RunnerError::Engine(format!("cannot start a thread: {error}")))?;
            thread.join().unwrap_or_else(|_| Err(RunnerError::Engine("the engine panicked".into())))
        })
    })
}

struct Run<'a> {
    instance: &'a InstancePre<Surroundings>,
    host: Lent,
    store: Store<Surroundings>,
    depth: i32,
    deadline: Duration,
}

/// How code of the kernel ended.
pub(crate) enum End {
    Returned,
    /// An ordinary trap.
    Trapped(String),
    /// A trap that leaves the machine stuck for ever.
    Stuck(String),
    /// A host function ended the run.
    ByHost(Result<Outcome, RunnerError>),
}

impl<'a> Run<'a> {
    fn new(instance: &'a InstancePre<Surroundings>, host: Lent, depth: i32, deadline: Duration) -> Self {
        let mut store = Store::new(instance.module().engine(), Surroundings::new(host.clone()));
        store.limiter(|surroundings| surroundings);
        store.set_epoch_deadline(epochs(deadline));
        Self { instance, host, store, depth, deadline }
    }

    fn run(mut self) -> Result<Outcome, RunnerError> {
        let instance = match self.instance.instantiate(&mut self.store) {
            Ok(instance) => instance,
            Err(error) => {
                // The segments are copied by an instruction on a table or on the memory: no indirect call.
                let end = match error.downcast_ref() {
                    Some(Trap::TableOutOfBounds) => End::Trapped(OUT_OF_TABLE.into()),
                    _ => ended(&mut self.store, None, error, self.deadline),
                };
                return self
                    .initialised(end)
                    .unwrap_or_else(|| Err(RunnerError::Engine("no instance".into())));
            }
        };
        let memory = instance.get_memory(&mut self.store, MEMORY);
        let memory = memory.ok_or_else(|| RunnerError::Engine("the instance has no memory".into()))?;
        self.store.data_mut().set_memory(memory);
        self.set_depth(&instance)?;
        if let Some(start) = instance.get_func(&mut self.store, START) {
            let end = self.call(&instance, &start);
            if let Some(outcome) = self.initialised(end) {
                return outcome;
            }
        }
        // The machine looks for the function before it takes the kernel for a good one.
        let Some(entry) = instance.get_func(&mut self.store, ENTRY) else { return Ok(no_entry()) };
        let begun = self.host.with(|host| host.begin_run());
        begun.ok_or_else(|| RunnerError::Engine("the run is over".into()))??;
        match self.call(&instance, &entry) {
            End::Returned => Ok(Outcome::Finished),
            End::Trapped(reason) => Ok(Outcome::Trapped { reason }),
            End::Stuck(reason) => Ok(Outcome::Stuck { reason }),
            End::ByHost(outcome) => outcome,
        }
    }

    fn set_depth(&mut self, instance: &Instance) -> Result<(), RunnerError> {
        let depth = instance.get_global(&mut self.store, DEPTH);
        let depth = depth.ok_or_else(|| RunnerError::Engine("the kernel does not count its calls".into()))?;
        depth
            .set(&mut self.store, Val::I32(self.depth))
            .map_err(|error| RunnerError::Engine(error.to_string()))
    }

    /// What a start function, or the making of the instance, has come to; nothing when all went well.
    fn initialised(&mut self, end: End) -> Option<Result<Outcome, RunnerError>> {
        match end {
            End::Returned => None,
            End::Trapped(reason) | End::Stuck(reason) => {
                Some(Ok(Outcome::Refused { stage: Stage::Init, reason }))
            }
            End::ByHost(outcome) => Some(outcome),
        }
    }

    fn call(&mut self, instance: &Instance, function: &Func) -> End {
        let of_type = function.ty(&self.store);
        if of_type.params().len() > 0 {
            return End::Stuck(MISSING_ARGUMENTS.into());
        }
        // The machine leaves results alone.
        let mut results = vec![Val::I32(0); of_type.results().len()];
        match function.call(&mut self.store, &[], &mut results) {
            Ok(()) => End::Returned,
            Err(error) => ended(&mut self.store, Some(instance), error, self.deadline),
        }
    }
}

fn global(store: &mut Store<Surroundings>, instance: Option<&Instance>, name: &str) -> Option<i32> {
    instance?.get_global(&mut *store, name)?.get(&mut *store).i32()
}

/// What an error of Wasmtime means to the machine.
pub(crate) fn ended(
    store: &mut Store<Surroundings>,
    instance: Option<&Instance>,
    error: wasmtime::Error,
    deadline: Duration,
) -> End {
    if let Some(trap) = store.data_mut().ended.take() {
        return End::ByHost(trap.into_outcome());
    }
    if error.is::<Ended>() {
        return End::ByHost(Err(RunnerError::Engine("a host function ended without a reason".into())));
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return End::ByHost(Err(RunnerError::Engine(format!("{error:#}"))));
    };
    let trapped = |reason: &str| End::Trapped(reason.into());
    match trap {
        Trap::UnreachableCodeReached if global(store, instance, DEPTH) == Some(EXHAUSTED) => {
            End::Stuck("call stack exhausted".into())
        }
        Trap::UnreachableCodeReached => trapped("unreachable executed"),
        Trap::TableOutOfBounds if global(store, instance, TABLE_ACCESS) == Some(0) => {
            let index = global(store, instance, INDEX).unwrap_or_default();
            End::Stuck(format!("undefined element {index}"))
        }
        Trap::TableOutOfBounds => trapped(OUT_OF_TABLE),
        Trap::IndirectCallToNull => {
            let index = global(store, instance, INDEX).unwrap_or_default();
            End::Stuck(format!("uninitialized element {index}"))
        }
        Trap::BadSignature => trapped("indirect call type mismatch"),
        Trap::MemoryOutOfBounds => trapped("out of bounds memory access"),
        Trap::IntegerOverflow => trapped("integer overflow"),
        Trap::IntegerDivisionByZero => trapped("integer divide by zero"),
        Trap::BadConversionToInteger => trapped("invalid conversion to integer"),
        Trap::Interrupt => End::ByHost(Err(RunnerError::Deadline { seconds: deadline.as_secs() })),
        Trap::StackOverflow => {
            let reason = format!("its calls need more than {} MiB of stack", STACK_BYTES >> 20);
            End::ByHost(Err(RunnerError::Unsupported { reason }))
        }
        other => End::ByHost(Err(RunnerError::Engine(format!("unexpected trap: {other}")))),
    }
}

pub(crate) const OUT_OF_TABLE: &str = "out of bounds table access";

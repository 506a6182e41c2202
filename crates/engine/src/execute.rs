//! One call of `kernel_run` on a fresh instance.

use crate::host::{Ended, Ending, Surroundings};
use crate::instrument::{ENTRY, EXHAUSTED, INDEX, MEMORY, START, TABLE_ACCESS, TICKS};
use crate::lend::{Lent, lend};
use crate::meter::Meter;
use soru_pvm::host::HostState;
use soru_pvm::run::{Outcome, RunnerError};
use std::time::Duration;
use wasmtime::{Func, Instance, InstancePre, Store, Trap, Val};

/// Stack of a kernel: room for the deepest calls that the machine allows, of all but monstrous functions. It is taken from
/// the system as it is used.
pub(crate) const STACK_BYTES: usize = 256 << 20;
/// Stack for host functions on top of that.
pub(crate) const HOST_STACK_BYTES: usize = 8 << 20;

/// How a compiled run ended.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It returned, after so many ticks of its code; none if they were not counted.
    Returned(Option<u64>),
    /// It has to be made again by who knows every tick.
    Again(Reason, String),
    /// It cannot be decided.
    Failed(RunnerError),
}

/// Why a run has to be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A trap, or what leaves the machine stuck for ever.
    Trap,
    /// It took too many ticks, or nearly.
    Ticks,
    /// It needs more than the compiled code has.
    Unsupported,
}

/// What a run may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Ticks of its code; none if they are not counted.
    pub(crate) ticks: Option<u64>,
    /// Time.
    pub(crate) deadline: Duration,
}

/// Runs a kernel on a thread of its own, which has the stack for it.
pub(crate) fn execute(instance: &InstancePre<Surroundings>, host: &mut HostState<'_>, limits: Limits) -> Ran {
    // The frame from which the machine calls `kernel_run` counts.
    let depth = i32::try_from(host.version.call_depth_limit()).unwrap_or(i32::MAX) - 1;
    let span = tracing::Span::current();
    let fault = |reason: String| Ran::Failed(RunnerError::Engine(reason));
    lend(host, |lent| {
        std::thread::scope(|scope| {
            let run =
                || span.in_scope(|| Run::new(instance, lent, depth, limits).run().unwrap_or_else(|ran| ran));
            let thread = std::thread::Builder::new()
                .name("kernel_run".into())
                .stack_size(STACK_BYTES + HOST_STACK_BYTES)
                .spawn_scoped(scope, run);
            match thread {
                Ok(thread) => thread.join().unwrap_or_else(|_| fault("the engine panicked".into())),
                Err(error) => fault(format!("cannot start a thread: {error}")),
            }
        })
    })
}

struct Run<'a> {
    instance: &'a InstancePre<Surroundings>,
    host: Lent,
    store: Store<Surroundings>,
    depth: i32,
    ticks: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(instance: &'a InstancePre<Surroundings>, host: Lent, depth: i32, limits: Limits) -> Self {
        let meter = limits.ticks.map(|_| Meter::new(limits.deadline));
        let surroundings = Surroundings::new(host.clone(), meter);
        let mut store = Store::new(instance.module().engine(), surroundings);
        store.limiter(|surroundings| surroundings);
        Self { instance, host, store, depth, ticks: limits.ticks }
    }

    /// An early end is an error.
    fn run(mut self) -> Result<Ran, Ran> {
        let fault = |reason: &str| Ran::Failed(RunnerError::Engine(reason.into()));
        let instance = self.instance.instantiate(&mut self.store);
        let instance = instance.map_err(|error| self.ran(error))?;
        let memory = instance.get_memory(&mut self.store, MEMORY);
        self.store.data_mut().set_memory(memory.ok_or_else(|| fault("the instance has no memory"))?);
        if self.ticks.is_some() {
            let ticks = instance.get_global(&mut self.store, TICKS);
            let ticks = ticks.ok_or_else(|| fault("the kernel does not count its ticks"))?;
            self.store.data_mut().set_ticks(ticks);
        }
        if let Some(start) = instance.get_func(&mut self.store, START) {
            // What it takes is known else: it is among what comes before the call.
            self.count(u64::MAX)?;
            self.call(&start)?;
        }
        let Some(entry) = instance.get_func(&mut self.store, ENTRY) else {
            return Err(Ran::Again(Reason::Trap, "there is nothing to call".into()));
        };
        let begun = self.host.with(|host| host.begin_run()).ok_or_else(|| fault("the run is over"))?;
        begun.map_err(|error| Ran::Failed(error.into()))?;
        let Some(most) = self.ticks else {
            self.call(&entry)?;
            return Ok(Ran::Returned(None));
        };
        self.count(most)?;
        self.call(&entry)?;
        let used = Surroundings::used(&mut self.store).map_err(Ran::Failed)?;
        if used > most {
            return Err(Ran::Again(Reason::Ticks, format!("{used} ticks are more than {most}")));
        }
        Ok(Ran::Returned(Some(used)))
    }

    /// Begins to count.
    fn count(&mut self, most: u64) -> Result<(), Ran> {
        match self.ticks {
            Some(_) => Surroundings::begin(&mut self.store, most).map_err(Ran::Failed),
            None => Ok(()),
        }
    }

    fn call(&mut self, function: &Func) -> Result<(), Ran> {
        let of_type = function.ty(&self.store);
        // The machine leaves results alone.
        let mut results = vec![Val::I32(0); of_type.results().len()];
        let called = function.call(&mut self.store, &[Val::I32(self.depth)], &mut results);
        called.map_err(|error| self.ran(error))
    }

    fn ran(&mut self, error: wasmtime::Error) -> Ran {
        let trap = match self.store.data_mut().ended.take() {
            Some(Ending::Host(trap)) => trap.into_outcome(),
            Some(Ending::Ticks(reason)) => return Ran::Again(Reason::Ticks, reason),
            None => match error.downcast_ref::<Trap>() {
                Some(Trap::StackOverflow) => return Ran::Again(Reason::Unsupported, no_stack()),
                Some(trap) => return Ran::Again(Reason::Trap, trap.to_string()),
                None => return Ran::Failed(RunnerError::Engine(format!("{error:#}"))),
            },
        };
        match trap {
            Ok(outcome) => Ran::Again(Reason::Trap, format!("{outcome:?}")),
            Err(RunnerError::Unsupported { reason }) => Ran::Again(Reason::Unsupported, reason),
            Err(error @ (RunnerError::Deadline { .. } | RunnerError::Engine(_))) => Ran::Failed(error),
            // The machine may not get as far.
            Err(error) if Surroundings::is_near_the_end(&mut self.store) => {
                Ran::Again(Reason::Ticks, error.to_string())
            }
            Err(error) => Ran::Failed(error),
        }
    }
}

fn no_stack() -> String {
    format!("its calls need more than {} MiB of stack", STACK_BYTES >> 20)
}

/// How code of a module ended that is no kernel.
pub(crate) enum End {
    /// An ordinary trap.
    Trapped(String),
    /// A trap that leaves the machine stuck for ever.
    Stuck(String),
    /// It was ended from outside.
    ByHost(Result<Outcome, RunnerError>),
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
    match store.data_mut().ended.take() {
        Some(Ending::Host(trap)) => return End::ByHost(trap.into_outcome()),
        Some(Ending::Ticks(reason)) => return End::ByHost(Err(RunnerError::Engine(reason))),
        None => (),
    }
    if error.is::<Ended>() {
        return End::ByHost(Err(RunnerError::Engine("a host function ended without a reason".into())));
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return End::ByHost(Err(RunnerError::Engine(format!("{error:#}"))));
    };
    let trapped = |reason: &str| End::Trapped(reason.into());
    match trap {
        Trap::UnreachableCodeReached if global(store, instance, EXHAUSTED) == Some(1) => {
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
        Trap::StackOverflow => End::ByHost(Err(RunnerError::Unsupported { reason: no_stack() })),
        other => End::ByHost(Err(RunnerError::Engine(format!("unexpected trap: {other}")))),
    }
}

pub(crate) const OUT_OF_TABLE: &str = "out of bounds table access";

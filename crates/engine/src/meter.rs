//! Ticks of a compiled run, as they are seen from outside of its code.

use crate::host::{Ending, Surroundings};
use crate::instrument::{HELD, MORE, PENDING};
use soru_pvm::run::RunnerError;
use std::time::{Duration, Instant};
use wasmtime::{AsContextMut, Caller, Global, Linker, Val};

/// So many ticks are given at once. After them the code asks for more, and the time is looked at.
const SHARE: u64 = 1 << 28;
/// After so many calls of host functions the time is looked at, too.
const CALLS: u32 = 64;

/// What is counted of a run.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The global of the ticks that are left of those that were given.
    global: Option<Global>,
    /// Ticks that were given.
    given: u64,
    /// Ticks that host functions took.
    paid: u64,
    /// Ticks that the code may take.
    most: u64,
    /// Calls of host functions.
    calls: u32,
    deadline: Duration,
    begun: Instant,
}

impl Meter {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { global: None, given: 0, paid: 0, most: u64::MAX, calls: 0, deadline, begun: Instant::now() }
    }

    fn is_late(&self) -> bool {
        self.begun.elapsed() >= self.deadline
    }

    fn late(&self) -> RunnerError {
        RunnerError::Deadline { seconds: self.deadline.as_secs() }
    }
}

fn fault(reason: &str) -> RunnerError {
    RunnerError::Engine(reason.to_owned())
}

impl Surroundings {
    /// Sets the global of the ticks that are left.
    pub(crate) fn set_ticks(&mut self, global: Global) {
        if let Some(meter) = &mut self.meter {
            meter.global = Some(global);
        }
    }

    fn left(store: &mut impl AsContextMut<Data = Self>) -> Result<i64, RunnerError> {
        let global = store.as_context().data().meter.as_ref().and_then(|meter| meter.global);
        let global = global.ok_or_else(|| fault("the kernel does not count its ticks"))?;
        global.get(store).i64().ok_or_else(|| fault("the number of ticks has another type"))
    }

    fn set_left(store: &mut impl AsContextMut<Data = Self>, left: i64) -> Result<(), RunnerError> {
        let global = store.as_context().data().meter.as_ref().and_then(|meter| meter.global);
        let global = global.ok_or_else(|| fault("the kernel does not count its ticks"))?;
        global.set(store, Val::I64(left)).map_err(|error| fault(&error.to_string()))
    }

    /// Begins to count anew.
    pub(crate) fn begin(store: &mut impl AsContextMut<Data = Self>, most: u64) -> Result<(), RunnerError> {
        let given = SHARE.min(most);
        if let Some(meter) = &mut store.as_context_mut().data_mut().meter {
            (meter.given, meter.paid, meter.most) = (given, 0, most);
        }
        Self::set_left(store, given as i64)
    }

    /// Ticks used since then.
    pub(crate) fn used(store: &mut impl AsContextMut<Data = Self>) -> Result<u64, RunnerError> {
        let left = Self::left(store)?;
        let store = store.as_context();
        let meter = store.data().meter.as_ref().ok_or_else(|| fault("no ticks are counted"))?;
        Ok(meter.given.saturating_add(meter.paid).saturating_add_signed(left.saturating_neg()))
    }

    /// Whether the run may have taken more ticks than it may, for all that is known of functions that have not ended.
    pub(crate) fn is_near_the_end(store: &mut impl AsContextMut<Data = Self>) -> bool {
        let Ok(used) = Self::used(store) else { return true };
        let depth = store.as_context().data().depth_limit();
        let unknown = (HELD + 2 * PENDING) as u64 * u64::from(depth);
        let store = store.as_context();
        store.data().meter.as_ref().is_none_or(|meter| used.saturating_add(unknown) > meter.most)
    }

    /// Before a host function is called.
    pub(crate) fn check(store: &mut impl AsContextMut<Data = Self>) -> wasmtime::Result<()> {
        let mut store = store.as_context_mut();
        let Some(meter) = &mut store.data_mut().meter else { return Ok(()) };
        meter.calls = meter.calls.wrapping_add(1);
        if meter.calls % CALLS == 0 && meter.is_late() {
            let late = meter.late();
            return store.data_mut().end(Ending::Host(late.into()));
        }
        let most = meter.most;
        match Self::used(&mut store) {
            Ok(used) if used <= most => Ok(()),
            Ok(used) => store.data_mut().end(too_many(used, most)),
            Err(error) => store.data_mut().end(Ending::Host(error.into())),
        }
    }

    /// After a host function was called that took so many ticks.
    pub(crate) fn pay(&mut self, ticks: u64) {
        if let Some(meter) = &mut self.meter {
            meter.paid = meter.paid.saturating_add(ticks);
        }
    }
}

fn too_many(used: u64, most: u64) -> Ending {
    Ending::Ticks(format!("{used} ticks are more than {most}"))
}

/// The function that gives a kernel more ticks.
pub(crate) fn define(linker: &mut Linker<Surroundings>) -> wasmtime::Result<()> {
    linker.func_wrap(MORE.0, MORE.1, more).map(drop)
}

fn more(mut caller: Caller<'_, Surroundings>) -> wasmtime::Result<()> {
    let given = (|| {
        let used = Surroundings::used(&mut caller)?;
        let meter = caller.data_mut().meter.as_mut().ok_or_else(|| fault("no ticks are counted"))?;
        if used > meter.most {
            return Ok(Some(too_many(used, meter.most)));
        }
        if meter.is_late() {
            return Err(meter.late());
        }
        let share = SHARE.min(meter.most - used);
        // As much as is owed, too.
        let left = Surroundings::left(&mut caller)?;
        if let Some(meter) = &mut caller.data_mut().meter {
            let owed = left.min(0).unsigned_abs();
            meter.given = meter.given.saturating_add(owed).saturating_add(share);
        }
        Surroundings::set_left(&mut caller, left.max(0) + share as i64)?;
        Ok(None)
    })();
    match given {
        Ok(None) => Ok(()),
        Ok(Some(ending)) => caller.data_mut().end(ending),
        Err(error) => caller.data_mut().end(Ending::Host(error.into())),
    }
}

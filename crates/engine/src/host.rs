//! Host functions, as the compiled kernel calls them.

use crate::lend::Lent;
use crate::meter::Meter;
use soru_exact::price;
use soru_pvm::host::{HostFunction, HostTrap, HostValue, Memory, OutOfMemory, ValueType};
use soru_pvm::run::{RunnerError, TABLE_GROWTH_MAX};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;
use wasmtime::{Caller, Linker};

/// Most entries of a table. The machine has no bound but 2^32, the memory of a computer has.
const TABLE_MAX: usize = 10_000_000;

/// What a running kernel sees of its surroundings.
pub(crate) struct Surroundings {
    host: Lent,
    memory: Option<wasmtime::Memory>,
    /// What is counted; nothing of code that counts no ticks.
    pub(crate) meter: Option<Meter>,
    /// Why a host function, the growth of the memory or too many ticks ended the run.
    pub(crate) ended: Option<Ending>,
}

/// Why a run was ended from outside of its code.
#[derive(Debug)]
pub(crate) enum Ending {
    Host(HostTrap),
    /// It takes more ticks than it may.
    Ticks(String),
}

impl From<RunnerError> for Ending {
    fn from(error: RunnerError) -> Self {
        Self::Host(error.into())
    }
}

/// Marks a run that [`Surroundings::ended`] explains.
#[derive(Debug, Error)]
#[error("ended by a host function")]
pub(crate) struct Ended;

impl Surroundings {
    pub(crate) fn new(host: Lent, meter: Option<Meter>) -> Self {
        Self { host, memory: None, meter, ended: None }
    }

    /// How many functions can be at work.
    pub(crate) fn depth_limit(&self) -> u32 {
        self.host.with(|host| host.version.call_depth_limit()).unwrap_or(u32::MAX)
    }

    /// To be called before any code of the kernel runs.
    pub(crate) fn set_memory(&mut self, memory: wasmtime::Memory) {
        self.memory = Some(memory);
    }

    pub(crate) fn end<T>(&mut self, ending: Ending) -> wasmtime::Result<T> {
        self.ended = Some(ending);
        Err(Ended.into())
    }
}

/// The machine lets a memory and a table grow up to what the kernel declares. A computer may have less: then the run
/// cannot be decided here, and must not go on with the answer of a memory that is full.
impl wasmtime::ResourceLimiter for Surroundings {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let reason = format!("no room for the kernel's memory: {error}");
        self.end(RunnerError::Engine(reason).into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        if growth > TABLE_GROWTH_MAX as usize {
            let reason = format!("a table grows by {growth} entries at once: more than {TABLE_GROWTH_MAX}");
            return self.end(RunnerError::Unsupported { reason }.into());
        }
        if desired > TABLE_MAX {
            let reason = format!("a table of {desired} entries: more than {TABLE_MAX}");
            return self.end(RunnerError::Unsupported { reason }.into());
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let reason = format!("no room for a table of the kernel: {error}");
        self.end(RunnerError::Engine(reason).into())
    }
}

struct KernelMemory<'a>(&'a mut [u8]);

impl Memory for KernelMemory<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), OutOfMemory> {
        self.0.read(address, out)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        self.0.write(address, bytes)
    }
}

/// Every host function of every version: which of them a kernel may import is decided before.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Surroundings>> {
    let mut linker = Linker::new(engine);
    for function in HostFunction::ALL {
        define(&mut linker, function)?;
    }
    crate::meter::define(&mut linker)?;
    Ok(linker)
}

type Call<'a> = Caller<'a, Surroundings>;

/// One closure per type: so Wasmtime checks and converts nothing at run time.
fn define(linker: &mut Linker<Surroundings>, function: HostFunction) -> wasmtime::Result<()> {
    use HostValue::{I32, I64};
    const N: ValueType = ValueType::I32;
    const L: ValueType = ValueType::I64;
    let (module, name) = (HostFunction::MODULE, function.name());
    match (function.params(), function.results()) {
        ([N, N], []) => linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32| {
            call(caller, function, &[I32(a), I32(b)]).map(drop)
        }),
        ([N, N], [L]) => linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32| {
            long(call(caller, function, &[I32(a), I32(b)])?)
        }),
        ([N, N], [N]) => linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32| {
            int(call(caller, function, &[I32(a), I32(b)])?)
        }),
        ([N, N, N], [N]) => {
            linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32, c: i32| {
                int(call(caller, function, &[I32(a), I32(b), I32(c)])?)
            })
        }
        ([N, N, N, N], [N]) => {
            linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32, c: i32, d: i32| {
                int(call(caller, function, &[I32(a), I32(b), I32(c), I32(d)])?)
            })
        }
        ([N, N, N, N, N], [N]) => {
            linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32, c: i32, d: i32, e: i32| {
                int(call(caller, function, &[I32(a), I32(b), I32(c), I32(d), I32(e)])?)
            })
        }
        ([N, N, L, N, N], [N]) => {
            linker.func_wrap(module, name, move |caller: Call<'_>, a: i32, b: i32, c: i64, d: i32, e: i32| {
                int(call(caller, function, &[I32(a), I32(b), I64(c), I32(d), I32(e)])?)
            })
        }
        (params, results) => {
            return Err(wasmtime::format_err!("{name} has a type of its own: {params:?} to {results:?}"));
        }
    }
    .map(drop)
}

fn int(result: Option<HostValue>) -> wasmtime::Result<i32> {
    match result {
        Some(HostValue::I32(value)) => Ok(value),
        other => Err(wasmtime::format_err!("a host function gave {other:?} for an i32")),
    }
}

fn long(result: Option<HostValue>) -> wasmtime::Result<i64> {
    match result {
        Some(HostValue::I64(value)) => Ok(value),
        other => Err(wasmtime::format_err!("a host function gave {other:?} for an i64")),
    }
}

fn call(
    mut caller: Call<'_>,
    function: HostFunction,
    args: &[HostValue],
) -> wasmtime::Result<Option<HostValue>> {
    Surroundings::check(&mut caller)?;
    let memory = caller.data().memory.ok_or_else(|| wasmtime::format_err!("the kernel has no memory yet"))?;
    let (bytes, surroundings) = memory.data_and_store_mut(&mut caller);
    let host = &surroundings.host;
    // A panic of the host must neither cross the kernel's code nor leave a half-made state unnoticed.
    let result = catch_unwind(AssertUnwindSafe(|| {
        host.with(|host| host.call(function, args, &mut KernelMemory(bytes)))
    }));
    let ended = match result {
        Ok(Some(Ok(value))) => {
            surroundings.pay(price::host_call(function, args, value));
            return Ok(value);
        }
        Ok(Some(Err(trap))) => trap,
        Ok(None) => RunnerError::Engine("a host function was called after the end of the run".into()).into(),
        Err(_) => RunnerError::Engine(format!("the host function {} panicked", function.name())).into(),
    };
    surroundings.end(Ending::Host(ended))
}

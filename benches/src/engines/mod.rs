//! How each engine makes a run.

/// Defines a host function by its type, with closures that the compiler knows the types of: nothing is converted while a
/// kernel runs. `$define` is a macro that is given what to do with the result, and the parameters.
macro_rules! by_type {
    ($function:expr, $define:ident) => {{
        use soru_pvm::host::ValueType::{I32 as N, I64 as L};
        match ($function.params(), $function.results()) {
            ([N, N], []) => $define!(nothing; a: I32 i32, b: I32 i32),
            ([N, N], [N]) => $define!(int; a: I32 i32, b: I32 i32),
            ([N, N], [L]) => $define!(long; a: I32 i32, b: I32 i32),
            ([N, N, N], [N]) => $define!(int; a: I32 i32, b: I32 i32, c: I32 i32),
            ([N, N, N, N], [N]) => $define!(int; a: I32 i32, b: I32 i32, c: I32 i32, d: I32 i32),
            ([N, N, N, N, N], [N]) => $define!(int; a: I32 i32, b: I32 i32, c: I32 i32, d: I32 i32, e: I32 i32),
            ([N, N, L, N, N], [N]) => $define!(int; a: I32 i32, b: I32 i32, c: I64 i64, d: I32 i32, e: I32 i32),
            (params, results) => anyhow::bail!("no type for {params:?} to {results:?}"),
        }
    }};
}

mod plain;
mod soru;
#[cfg(feature = "rivals")]
mod wasmer;
#[cfg(feature = "rivals")]
mod wasmi;

use crate::engine::{Engine, Ready};
use crate::kernels::{MetadataOnly, Start};
use anyhow::Result;
use soru_pvm::host::{HostFunction, HostState, HostValue, Memory};

pub(crate) fn prepare(engine: Engine, start: &Start) -> Result<Box<dyn Ready>> {
    Ok(match engine {
        Engine::Reference => Box::new(soru::Reference::new(start)?),
        Engine::TickExact => Box::new(soru::Interpreted::default()),
        Engine::Metered(compiler) => Box::new(soru::Compiled::new(compiler, true)?),
        Engine::Unmetered(compiler) => Box::new(soru::Compiled::new(compiler, false)?),
        Engine::Plain(compiler) => Box::new(plain::Plain::new(compiler, &start.kernel.load()?)?),
        #[cfg(feature = "rivals")]
        Engine::Wasmer => Box::new(wasmer::Wasmer::new(&start.kernel.load()?)?),
        #[cfg(feature = "rivals")]
        Engine::Wasmi => Box::new(wasmi::Wasmi::new(&start.kernel.load()?)?),
        #[cfg(not(feature = "rivals"))]
        Engine::Wasmer | Engine::Wasmi => {
            anyhow::bail!("{} is in builds with the feature `rivals` only", engine.name())
        }
    })
}

/// What the kernel reaches outside. The stores of WebAssembly engines take only what lives for ever; the two parts that it
/// borrows have no size, so leaking them takes nothing.
fn host(start: &Start) -> Result<HostState<'static>> {
    let (reveals, debug) = (Box::leak(Box::new(MetadataOnly)), Box::leak(Box::new(())));
    const { assert!(size_of::<MetadataOnly>() == 0) };
    Ok(start.machine.lend(reveals, debug)?)
}

/// The names under which kernels export their memory.
const MEMORY: [&str; 2] = ["memory", "mem"];

/// A host function; an error ends the run.
fn call(
    host: &mut HostState<'static>,
    function: HostFunction,
    args: &[HostValue],
    memory: &mut dyn Memory,
) -> Result<Option<HostValue>> {
    host.call(function, args, memory).map_err(|trap| anyhow::anyhow!("{:?}", trap.into_outcome()))
}

fn nothing(_: Option<HostValue>) {}

fn int(result: Option<HostValue>) -> i32 {
    match result {
        Some(HostValue::I32(value)) => value,
        other => unreachable!("a host function of another type gave {other:?}"),
    }
}

fn long(result: Option<HostValue>) -> i64 {
    match result {
        Some(HostValue::I64(value)) => value,
        other => unreachable!("a host function of another type gave {other:?}"),
    }
}

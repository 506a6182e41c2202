//! Wasmtime, on the kernel as it is.

use super::{MEMORY, host, int, long, nothing};
use crate::engine::{Ran, Ready};
use crate::kernels::Start;
use crate::stopwatch::Stopwatch;
use anyhow::{Result, anyhow};
use soru_engine::Compiler;
use soru_pvm::host::{HostFunction, HostState, HostValue};
use soru_pvm::run::ENTRYPOINT;
use wasmtime::{Caller, Config, Engine, Extern, InstancePre, Linker, Module, Store, Strategy};

type Host = HostState<'static>;

/// A compiled kernel.
pub(super) struct Plain(InstancePre<Host>);

impl Plain {
    pub(super) fn new(compiler: Compiler, kernel: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        config.strategy(match compiler {
            Compiler::Cranelift => Strategy::Cranelift,
            Compiler::Singlepass => Strategy::Winch,
        });
        let engine = Engine::new(&config).map_err(said)?;
        let linker = linker(&engine)?;
        let instance = Module::new(&engine, kernel).and_then(|module| linker.instantiate_pre(&module));
        Ok(Self(instance.map_err(said)?))
    }
}

impl Ready for Plain {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let mut host = host(start)?;
        host.begin_run()?;
        let at = Stopwatch::start()?;
        let mut store = Store::new(self.0.module().engine(), host);
        let instance = self.0.instantiate(&mut store).map_err(said)?;
        let entry = instance.get_typed_func::<(), ()>(&mut store, ENTRYPOINT).map_err(said)?;
        entry.call(&mut store, ()).map_err(said)?;
        let time = at.time()?;
        Ok(Ran { time, ticks: None, durable: store.into_data().durable })
    }
}

fn said(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("Wasmtime: {error:#}")
}

fn linker(engine: &Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    for function in HostFunction::ALL {
        macro_rules! define {
            ($result:ident; $($arg:ident: $kind:ident $of:ty),*) => {
                linker.func_wrap(
                    HostFunction::MODULE,
                    function.name(),
                    move |caller: Caller<'_, Host>, $($arg: $of),*| {
                        call(caller, function, &[$(HostValue::$kind($arg)),*]).map($result)
                    },
                )
            };
        }
        by_type!(function, define).map_err(said)?;
    }
    Ok(linker)
}

fn call(
    mut caller: Caller<'_, Host>,
    function: HostFunction,
    args: &[HostValue],
) -> wasmtime::Result<Option<HostValue>> {
    let memory = MEMORY.into_iter().find_map(|name| caller.get_export(name));
    let Some(Extern::Memory(memory)) = memory else {
        return Err(wasmtime::format_err!("the kernel exports no memory"));
    };
    let (mut bytes, host) = memory.data_and_store_mut(&mut caller);
    super::call(host, function, args, &mut bytes).map_err(|error| wasmtime::format_err!("{error:#}"))
}

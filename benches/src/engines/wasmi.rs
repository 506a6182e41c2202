//! The interpreter wasmi, on the kernel as it is.

use super::{MEMORY, host, int, long, nothing};
use crate::engine::{Ran, Ready};
use crate::kernels::Start;
use crate::stopwatch::Stopwatch;
use anyhow::{Result, anyhow};
use soru_pvm::host::{HostFunction, HostState, HostValue};
use soru_pvm::run::ENTRYPOINT;
use wasmi::{Caller, Engine, Extern, Linker, Module, Store};

type Host = HostState<'static>;

/// A kernel translated to the interpreter's own code.
pub(super) struct Wasmi {
    module: Module,
    linker: Linker<Host>,
}

impl Wasmi {
    pub(super) fn new(kernel: &[u8]) -> Result<Self> {
        let engine = Engine::default();
        let module = Module::new(&engine, kernel).map_err(said)?;
        Ok(Self { module, linker: linker(&engine)? })
    }
}

impl Ready for Wasmi {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let mut host = host(start)?;
        host.begin_run()?;
        let at = Stopwatch::start()?;
        let mut store = Store::new(self.module.engine(), host);
        let instance = self.linker.instantiate_and_start(&mut store, &self.module).map_err(said)?;
        let entry = instance.get_typed_func::<(), ()>(&store, ENTRYPOINT).map_err(said)?;
        entry.call(&mut store, ()).map_err(said)?;
        let time = at.time()?;
        Ok(Ran { time, ticks: None, durable: store.into_data().durable })
    }
}

fn said(error: wasmi::Error) -> anyhow::Error {
    anyhow!("wasmi: {error:#}")
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
        by_type!(function, define).map_err(|error| anyhow!("wasmi: {error}"))?;
    }
    Ok(linker)
}

fn call(
    mut caller: Caller<'_, Host>,
    function: HostFunction,
    args: &[HostValue],
) -> std::result::Result<Option<HostValue>, wasmi::Error> {
    let memory = MEMORY.into_iter().find_map(|name| caller.get_export(name));
    let Some(Extern::Memory(memory)) = memory else {
        return Err(wasmi::Error::new("the kernel exports no memory"));
    };
    let (mut bytes, host) = memory.data_and_store_mut(&mut caller);
    super::call(host, function, args, &mut bytes).map_err(|error| wasmi::Error::new(format!("{error:#}")))
}

//! Wasmer with Cranelift, on the kernel as it is.

use super::{MEMORY, host, int, long, nothing};
use crate::engine::{Ran, Ready};
use crate::kernels::Start;
use crate::stopwatch::Stopwatch;
use anyhow::{Context, Result, anyhow};
use soru_pvm::host::{HostFunction, HostState, HostValue, OutOfMemory};
use soru_pvm::run::ENTRYPOINT;
use wasmer::sys::{Cranelift, EngineBuilder};
use wasmer::{
    Engine, Function, FunctionEnv, FunctionEnvMut, Imports, Instance, Memory, MemoryView, Module,
    RuntimeError, Store,
};

/// What host functions see: the host's state, and the kernel's memory once there is an instance.
struct Around {
    host: HostState<'static>,
    memory: Option<Memory>,
}

/// A compiled kernel.
pub(super) struct Wasmer {
    engine: Engine,
    module: Module,
}

impl Wasmer {
    pub(super) fn new(kernel: &[u8]) -> Result<Self> {
        let engine: Engine = EngineBuilder::new(Cranelift::default()).engine().into();
        let module = Module::new(&engine, kernel).context("Wasmer")?;
        Ok(Self { engine, module })
    }
}

impl Ready for Wasmer {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let mut host = host(start)?;
        host.begin_run()?;
        let at = Stopwatch::start()?;
        let mut store = Store::new(self.engine.clone());
        let around = FunctionEnv::new(&mut store, Around { host, memory: None });
        let imports = imports(&mut store, &around, &self.module)?;
        let instance = Instance::new(&mut store, &self.module, &imports).context("Wasmer")?;
        let memory = MEMORY.into_iter().find_map(|name| instance.exports.get_memory(name).ok());
        around.as_mut(&mut store).memory = memory.cloned();
        let entry = instance.exports.get_typed_function::<(), ()>(&store, ENTRYPOINT).context("Wasmer")?;
        entry.call(&mut store).map_err(|error| anyhow!("Wasmer: {error}"))?;
        let time = at.time()?;
        Ok(Ran { time, ticks: None, durable: around.as_ref(&store).host.durable.clone() })
    }
}

/// The functions that a kernel imports. A store has its own.
fn imports(store: &mut Store, around: &FunctionEnv<Around>, module: &Module) -> Result<Imports> {
    let mut imports = Imports::new();
    for import in module.imports() {
        let function = HostFunction::ALL.into_iter().find(|function| function.name() == import.name());
        let function = function.with_context(|| format!("no host function {}", import.name()))?;
        macro_rules! define {
            ($result:ident; $($arg:ident: $kind:ident $of:ty),*) => {
                Function::new_typed_with_env(
                    store,
                    around,
                    move |around: FunctionEnvMut<'_, Around>, $($arg: $of),*| {
                        call(around, function, &[$(HostValue::$kind($arg)),*]).map($result)
                    },
                )
            };
        }
        imports.define(HostFunction::MODULE, function.name(), by_type!(function, define));
    }
    Ok(imports)
}

fn call(
    mut around: FunctionEnvMut<'_, Around>,
    function: HostFunction,
    args: &[HostValue],
) -> std::result::Result<Option<HostValue>, RuntimeError> {
    let (around, store) = around.data_and_store_mut();
    let Some(memory) = &around.memory else { return Err(RuntimeError::new("no memory yet")) };
    let view = memory.view(&store);
    super::call(&mut around.host, function, args, &mut View(view))
        .map_err(|error| RuntimeError::new(format!("{error:#}")))
}

struct View<'a>(MemoryView<'a>);

impl soru_pvm::host::Memory for View<'_> {
    fn size(&self) -> u64 {
        self.0.data_size()
    }

    fn read(&self, address: u64, out: &mut [u8]) -> std::result::Result<(), OutOfMemory> {
        self.0.read(address, out).map_err(|_| OutOfMemory)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> std::result::Result<(), OutOfMemory> {
        self.0.write(address, bytes).map_err(|_| OutOfMemory)
    }
}

//! Engines for tests. The engine of the project is another crate's business; the one here is small and independent of
//! it.

use soru_base::hash::ContextHash;
use soru_pvm::Version;
use soru_pvm::host::{HostFunction, HostState, HostTrap, HostValue, ValueType};
use soru_pvm::run::{ENTRYPOINT, Kernel, Outcome, Runner, RunnerError, Stage};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wasmi::{
    Caller, Config, Engine, Error, ExternType, FuncType, Linker, Module, Store, TrapCode, Val, ValType,
};

/// An interpreter that validates, knows no floats, and bounds the call depth.
pub(crate) struct Interpreter {
    /// The machine is stuck for ever after a call of a missing table entry and merely traps where a missing entry is
    /// read. The interpreter has one word for both: this says which of the two a kernel does.
    missing_entries_are_called: bool,
    /// What each host call cost, in order.
    pub(crate) costs: Arc<Mutex<Vec<u64>>>,
    modules: RefCell<BTreeMap<(ContextHash, Version), Result<Module, String>>>,
}

impl Interpreter {
    pub(crate) fn new(missing_entries_are_called: bool) -> Self {
        Self { missing_entries_are_called, costs: Arc::default(), modules: RefCell::default() }
    }

    fn module(&self, kernel: &Kernel, version: Version) -> Result<Result<Module, String>, RunnerError> {
        if let Some(known) = self.modules.borrow().get(&(kernel.hash(), version)) {
            return Ok(known.clone());
        }
        let mut config = Config::default();
        config.floats(false).set_max_stack_height(64 << 20);
        // The machine counts the frame below `kernel_run` as well.
        config.set_max_recursion_depth(version.call_depth_limit() as usize - 1);
        let module = Module::new(&Engine::new(&config), kernel.load()?).map_err(|e| e.to_string());
        self.modules.borrow_mut().insert((kernel.hash(), version), module.clone());
        Ok(module)
    }
}

impl Interpreter {
    fn ended(&self, error: Error) -> Result<Outcome, RunnerError> {
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return trap.0.clone().into_outcome();
        }
        let reason = error.to_string();
        match error.as_trap_code() {
            Some(TrapCode::StackOverflow | TrapCode::IndirectCallToNull) => Ok(Outcome::Stuck { reason }),
            Some(TrapCode::TableOutOfBounds) if self.missing_entries_are_called => {
                Ok(Outcome::Stuck { reason })
            }
            Some(_) => Ok(Outcome::Trapped { reason }),
            None => Err(RunnerError::Engine(reason)),
        }
    }
}

impl Runner for Interpreter {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let refused = |stage, reason: String| Ok(Outcome::Refused { stage, reason });
        let version = host.version;
        let module = match self.module(kernel, version)? {
            Ok(module) => module,
            Err(reason) => return refused(Stage::Decode, reason),
        };
        let Some(memory) = module.exports().find(|e| matches!(e.ty(), ExternType::Memory(_))) else {
            return refused(Stage::Init, "Module must export memory 0".to_owned());
        };
        let memory = memory.name().to_owned();
        for import in module.imports() {
            if import.module() != HostFunction::MODULE
                || HostFunction::by_name(version, import.name()).is_none()
            {
                return refused(
                    Stage::Link,
                    format!("Unexpected import: {}.{}", import.module(), import.name()),
                );
            }
        }
        let mut linker = Linker::new(module.engine());
        for function in HostFunction::ALL.into_iter().filter(|f| version >= f.since()) {
            let (memory, costs) = (memory.clone(), self.costs.clone());
            let call = move |caller: Caller<'_, &mut HostState<'_>>, args: &[Val], results: &mut [Val]| {
                call_host(function, &memory, &costs, caller, args, results)
            };
            linker
                .func_new(HostFunction::MODULE, function.name(), type_of(function), call)
                .map_err(|e| RunnerError::Engine(e.to_string()))?;
        }
        let mut store = Store::new(module.engine(), host);
        let instance = match linker.instantiate_and_start(&mut store, &module) {
            Ok(instance) => instance,
            Err(error) => return refused(Stage::Init, error.to_string()),
        };
        store.data_mut().begin_run()?;
        let Some(kernel_run) = instance.get_func(&store, ENTRYPOINT) else {
            return Ok(Outcome::Stuck { reason: "no kernel_run".to_owned() });
        };
        match kernel_run.call(&mut store, &[], &mut []) {
            Ok(()) => Ok(Outcome::Finished),
            Err(error) => self.ended(error),
        }
    }
}

fn type_of(function: HostFunction) -> FuncType {
    let types = |types: &[ValueType]| {
        let types = types.iter().map(|t| match t {
            ValueType::I32 => ValType::I32,
            ValueType::I64 => ValType::I64,
        });
        types.collect::<Vec<_>>()
    };
    FuncType::new(types(function.params()), types(function.results()))
}

#[derive(Debug)]
struct Trap(HostTrap);

impl std::fmt::Display for Trap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl wasmi::errors::HostError for Trap {}

fn call_host(
    function: HostFunction,
    memory: &str,
    costs: &Mutex<Vec<u64>>,
    mut caller: Caller<'_, &mut HostState<'_>>,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let args = args.iter().map(|value| match value {
        Val::I32(value) => HostValue::I32(*value),
        Val::I64(value) => HostValue::I64(*value),
        other => unreachable!("{other:?} is no type of a host function"),
    });
    let args: Vec<_> = args.collect();
    let memory = caller.get_export(memory).and_then(|e| e.into_memory()).expect("it was among the exports");
    let (bytes, host) = memory.data_and_store_mut(&mut caller);
    let result = host.call(function, &args, &mut &mut *bytes).map_err(|trap| Error::host(Trap(trap)))?;
    costs.lock().unwrap().push(function.tick_cost(&args, result));
    match (result, results) {
        (Some(HostValue::I32(value)), [slot]) => *slot = Val::I32(value),
        (Some(HostValue::I64(value)), [slot]) => *slot = Val::I64(value),
        _ => (),
    }
    Ok(())
}

/// Runs nothing.
pub(crate) struct NoEngine;

impl Runner for NoEngine {
    fn kernel_run(&self, _: &Kernel, _: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        Err(RunnerError::Engine("there is none".to_owned()))
    }
}

//! Any module instead of a kernel: compiled as kernels are, but with all of its exports, which can be called with arguments.
//!
//! For tests of conformance. A module imports nothing. What is not WebAssembly of the machine is refused in the same
//! order: reading, then validating. `return` is what WebAssembly defines: a kernel in which it makes a difference (see the
//! README) is refused, a module is not. Nothing is kept on disk, and a call is given up after a minute.
//!
//! ```
//! use soru_engine::Compiler;
//! use soru_engine::embed::{Embedder, Value, on_stack};
//!
//! let module = wat::parse_str(r#"(module (func (export "inc") (param i32) (result i32)
//!     (i32.add (local.get 0) (i32.const 1))))"#)?;
//! let embedder = Embedder::new(Compiler::Cranelift)?;
//! let found = on_stack(|stack| embedder.instantiate(stack, &module)?.invoke("inc", &[Value::I32(41)]));
//! assert_eq!(found, Ok(vec![Value::I32(42)]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::compiled::{Purpose, config};
use crate::compiler::Compiler;
use crate::deadline::{Ticker, epochs};
use crate::decode::{ExportKind, Module, ValueType, decode};
use crate::engine::EngineError;
use crate::execute::{End, HOST_STACK_BYTES, OUT_OF_TABLE, STACK_BYTES, ended};
use crate::host::Surroundings;
use crate::instrument::{self, EXHAUSTED, START, TABLE_ACCESS, instrument};
use crate::lend::Lent;
use crate::validate::validate;
use soru_pvm::Version;
use soru_pvm::run::{Outcome, RunnerError};
use std::marker::PhantomData;
use std::time::Duration;
use thiserror::Error;
use wasmtime::{Func, FuncType, Store, Trap, Val, ValType};

const DEADLINE: Duration = Duration::from_secs(60);

/// A value that goes in or comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// A vector, its bytes in the order of the memory.
    V128([u8; 16]),
    /// A reference to a function: whether it is one, or null. Only null can be given.
    FuncRef(bool),
    /// A reference to something of the host, under a number, or null.
    ExternRef(Option<i32>),
}

/// Why there is no instance, or no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmbedError {
    /// The machine cannot read it; its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// A validator refuses it.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The compiler does not take it, or it needs what is not here.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// It trapped, in the machine's words.
    #[error("trap: {0}")]
    Trap(String),
    /// A trap that leaves the machine stuck for ever.
    #[error("stuck: {0}")]
    Stuck(String),
    /// There is no answer.
    #[error("{0}")]
    Undecided(String),
}

/// Witness of a stack that is large enough for compiled code: see [`on_stack`].
#[derive(Debug)]
pub struct Stack(PhantomData<*const ()>);

/// Runs `body` on a thread that has the stack of a kernel.
pub fn on_stack<R: Send>(body: impl FnOnce(&Stack) -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK_BYTES + HOST_STACK_BYTES)
            .spawn_scoped(scope, || body(&Stack(PhantomData)))
            .expect("a system without room for a thread cannot go on");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A compiler for modules.
pub struct Embedder {
    engine: wasmtime::Engine,
    compiler: Compiler,
    _ticker: Ticker,
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder").field("compiler", &self.compiler).finish_non_exhaustive()
    }
}

impl Embedder {
    /// One with the settings for kernels.
    pub fn new(compiler: Compiler) -> Result<Self, EngineError> {
        let ticker = Ticker::start()?;
        let engine = wasmtime::Engine::new(&config(compiler, Purpose::Module))
            .map_err(|error| EngineError::Compiler { compiler, reason: format!("{error:#}") })?;
        ticker.add(&engine);
        Ok(Self { engine, compiler, _ticker: ticker })
    }

    /// Reads and validates a module without compiling it.
    pub fn check(module: &[u8]) -> Result<(), EmbedError> {
        read(module).map(drop)
    }

    /// Makes an instance and runs its start function.
    pub fn instantiate<'s>(&self, _: &'s Stack, module: &[u8]) -> Result<Instance<'s>, EmbedError> {
        let read = read(module)?;
        let unsupported = |error: String| EmbedError::Unsupported(error);
        if let Some(import) = read.imports.first() {
            return Err(unsupported(format!("it imports {}.{}", import.module, import.item)));
        }
        let rewritten =
            instrument(module, &read, instrument::Purpose::Module).map_err(|e| unsupported(e.to_string()))?;
        let compiled =
            wasmtime::Module::new(&self.engine, rewritten).map_err(|e| unsupported(format!("{e:#}")))?;
        let mut store = Store::new(&self.engine, Surroundings::new(Lent::nothing(), None));
        store.limiter(|surroundings| surroundings);
        store.set_epoch_deadline(epochs(DEADLINE));
        let instance = match wasmtime::Instance::new(&mut store, &compiled, &[]) {
            Ok(instance) => instance,
            Err(error) => {
                return Err(match error.downcast_ref() {
                    Some(Trap::TableOutOfBounds) => EmbedError::Trap(OUT_OF_TABLE.into()),
                    _ => failure(ended(&mut store, None, error, DEADLINE)),
                });
            }
        };
        let mut instance = Instance { store, instance, module: read, stack: PhantomData };
        if let Some(start) = instance.instance.get_func(&mut instance.store, START) {
            instance.call(&start, &[], &[])?;
        }
        Ok(instance)
    }
}

fn read(module: &[u8]) -> Result<Module, EmbedError> {
    let read = decode(module).map_err(|error| EmbedError::Refused(error.reason))?;
    validate(module, &read, |_, _, _| None).map_err(EmbedError::Invalid)?;
    match read.unwritable {
        Some(offset) => {
            Err(EmbedError::Refused(format!("no state can hold the instruction at byte {offset}")))
        }
        None => Ok(read),
    }
}

/// An instance of a module.
pub struct Instance<'s> {
    store: Store<Surroundings>,
    instance: wasmtime::Instance,
    module: Module,
    /// It may be used on the thread with that stack only.
    stack: PhantomData<&'s Stack>,
}

impl std::fmt::Debug for Instance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("exports", &self.module.exports).finish_non_exhaustive()
    }
}

impl Instance<'_> {
    /// Calls an exported function.
    pub fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, EmbedError> {
        let missing = || EmbedError::Undecided(format!("no function is exported as {export:?}"));
        let index = self.export(export, ExportKind::Function).ok_or_else(missing)?;
        let of_type = self.module.function_type(index).ok_or_else(missing)?;
        let (params, results) = (of_type.params.clone(), of_type.results.clone());
        if !args.iter().map(value_type).eq(params.iter().copied()) {
            return Err(EmbedError::Undecided(format!("{export} takes {params:?}, it was given {args:?}")));
        }
        let function = self.instance.get_func(&mut self.store, export).ok_or_else(missing)?;
        self.call(&function, args, &results)
    }

    /// The value of an exported global.
    pub fn global(&mut self, export: &str) -> Result<Value, EmbedError> {
        let missing = || EmbedError::Undecided(format!("no global is exported as {export:?}"));
        let index = self.export(export, ExportKind::Global).ok_or_else(missing)?;
        let of_type = self.module.globals.get(index as usize).ok_or_else(missing)?.value;
        let global = self.instance.get_global(&mut self.store, export).ok_or_else(missing)?;
        let value = global.get(&mut self.store);
        self.outwards(of_type, &value)
    }

    fn export(&self, name: &str, kind: ExportKind) -> Option<u32> {
        let export = self.module.exports.iter().find(|export| export.name == name && export.kind == kind);
        export.map(|export| export.index)
    }

    fn call(
        &mut self,
        function: &Func,
        args: &[Value],
        results: &[ValueType],
    ) -> Result<Vec<Value>, EmbedError> {
        // The first version's limit, less the frame that the machine calls from.
        let depth = i32::try_from(Version::V0.call_depth_limit()).unwrap_or(i32::MAX) - 1;
        self.set(EXHAUSTED, 0)?;
        self.set(TABLE_ACCESS, 0)?;
        self.store.set_epoch_deadline(epochs(DEADLINE));
        let mut args: Vec<_> = args.iter().map(|value| self.inwards(value)).collect();
        args.push(Val::I32(depth));
        let mut found = vec![Val::I32(0); results.len()];
        if let Err(error) = function.call(&mut self.store, &args, &mut found) {
            return Err(failure(ended(&mut self.store, Some(&self.instance), error, DEADLINE)));
        }
        results.iter().zip(&found).map(|(of_type, value)| self.outwards(*of_type, value)).collect()
    }

    fn set(&mut self, counter: &str, value: i32) -> Result<(), EmbedError> {
        let undecided = |reason: String| EmbedError::Undecided(reason);
        let global = self.instance.get_global(&mut self.store, counter);
        let global = global.ok_or_else(|| undecided(format!("no global {counter}")))?;
        global.set(&mut self.store, Val::I32(value)).map_err(|error| undecided(error.to_string()))
    }

    /// Kernels have no references to things of the host: such a one becomes a function that gives its number.
    fn inwards(&mut self, value: &Value) -> Val {
        match value {
            Value::I32(value) => Val::I32(*value),
            Value::I64(value) => Val::I64(*value),
            Value::V128(bytes) => Val::V128(u128::from_le_bytes(*bytes).into()),
            Value::FuncRef(_) | Value::ExternRef(None) => Val::FuncRef(None),
            Value::ExternRef(Some(number)) => {
                let of_type = FuncType::new(self.store.engine(), [], [ValType::I32]);
                let number = *number;
                let function = Func::new(&mut self.store, of_type, move |_, _, results| {
                    results[0] = Val::I32(number);
                    Ok(())
                });
                Val::FuncRef(Some(function))
            }
        }
    }

    fn outwards(&mut self, of_type: ValueType, value: &Val) -> Result<Value, EmbedError> {
        Ok(match (of_type, value) {
            (ValueType::I32, Val::I32(value)) => Value::I32(*value),
            (ValueType::I64, Val::I64(value)) => Value::I64(*value),
            (ValueType::V128, Val::V128(value)) => Value::V128(value.as_u128().to_le_bytes()),
            (ValueType::FuncRef, Val::FuncRef(function)) => Value::FuncRef(function.is_some()),
            (ValueType::ExternRef, Val::FuncRef(None)) => Value::ExternRef(None),
            (ValueType::ExternRef, Val::FuncRef(Some(function))) => {
                let mut number = [Val::I32(0)];
                let called = function.call(&mut self.store, &[], &mut number);
                called.map_err(|error| EmbedError::Undecided(error.to_string()))?;
                Value::ExternRef(number[0].i32())
            }
            (of_type, value) => {
                return Err(EmbedError::Undecided(format!("{value:?} for a value of type {of_type}")));
            }
        })
    }
}

fn value_type(value: &Value) -> ValueType {
    match value {
        Value::I32(_) => ValueType::I32,
        Value::I64(_) => ValueType::I64,
        Value::V128(_) => ValueType::V128,
        Value::FuncRef(_) => ValueType::FuncRef,
        Value::ExternRef(_) => ValueType::ExternRef,
    }
}

fn failure(end: End) -> EmbedError {
    match end {
        End::Trapped(reason) => EmbedError::Trap(reason),
        End::Stuck(reason) | End::ByHost(Ok(Outcome::Stuck { reason })) => EmbedError::Stuck(reason),
        End::ByHost(Err(RunnerError::Unsupported { reason })) => EmbedError::Unsupported(reason),
        End::ByHost(Err(error)) => EmbedError::Undecided(error.to_string()),
        End::ByHost(Ok(outcome)) => EmbedError::Undecided(format!("{outcome:?}")),
    }
}

//! The compiled engines.

use crate::reason::Reason;
use crate::target::{Failure, Instance, Target, Value};
use soru_engine::embed::{self, EmbedError, Embedder, Stack};
use soru_engine::{Compiler, EngineError};
use std::cell::Cell;

/// A compiler, with the settings and the rewriting that kernels get.
#[derive(Debug)]
pub struct Compiled<'s> {
    stack: &'s Stack,
    compiler: Compiler,
    embedder: Embedder,
    /// As in the engine: what `singlepass` does not take is for `cranelift`.
    retreat: Option<Embedder>,
    retreats: Cell<usize>,
}

impl<'s> Compiled<'s> {
    /// That compiler.
    pub fn new(stack: &'s Stack, compiler: Compiler) -> Result<Self, EngineError> {
        let retreat =
            (compiler != Compiler::Cranelift).then(|| Embedder::new(Compiler::Cranelift)).transpose()?;
        Ok(Self { stack, compiler, embedder: Embedder::new(compiler)?, retreat, retreats: Cell::new(0) })
    }

    /// How many modules were handed over to `cranelift`.
    pub fn retreats(&self) -> usize {
        self.retreats.get()
    }
}

impl Target for Compiled<'_> {
    fn name(&self) -> &'static str {
        self.compiler.name()
    }

    fn decode(&self, module: &[u8]) -> Result<(), String> {
        decode(module)
    }

    fn validate(&self, module: &[u8]) -> Result<(), Failure> {
        Embedder::check(module).map_err(failure)
    }

    fn instantiate(&self, module: &[u8]) -> Result<Box<dyn Instance + '_>, Failure> {
        let mut instance = self.embedder.instantiate(self.stack, module);
        if let (Err(EmbedError::Unsupported(_)), Some(retreat)) = (&instance, &self.retreat) {
            instance = retreat.instantiate(self.stack, module);
            self.retreats.set(self.retreats.get() + usize::from(instance.is_ok()));
        }
        let instance = instance.map_err(failure)?;
        Ok(Box::new(Running(instance)))
    }
}

/// Reads a module as the engines do: the machine's words if it is refused.
pub fn decode(module: &[u8]) -> Result<(), String> {
    match Embedder::check(module) {
        Err(EmbedError::Refused(words)) => Err(words),
        _ => Ok(()),
    }
}

struct Running<'s>(embed::Instance<'s>);

impl Instance for Running<'_> {
    fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let args: Vec<_> = args.iter().map(inwards).collect();
        let results = self.0.invoke(export, &args).map_err(failure)?;
        Ok(results.iter().map(outwards).collect())
    }

    fn global(&mut self, export: &str) -> Result<Value, Failure> {
        self.0.global(export).map(|value| outwards(&value)).map_err(failure)
    }
}

fn failure(error: EmbedError) -> Failure {
    match error {
        EmbedError::Refused(words) => Failure::Refused(words),
        EmbedError::Invalid(words) => Failure::Invalid(words),
        EmbedError::Trap(words) | EmbedError::Stuck(words) => Failure::Trap(words),
        EmbedError::Unsupported(words) if words.contains("differ by funcref") => {
            Failure::LeftOut(Reason::ReferenceTypes)
        }
        EmbedError::Unsupported(words) if words.contains("more than") => Failure::LeftOut(Reason::TooLarge),
        EmbedError::Unsupported(words) | EmbedError::Undecided(words) => Failure::Other(words),
    }
}

fn inwards(value: &Value) -> embed::Value {
    match value {
        Value::I32(value) => embed::Value::I32(*value),
        Value::I64(value) => embed::Value::I64(*value),
        Value::V128(bytes) => embed::Value::V128(*bytes),
        Value::FuncRef(some) => embed::Value::FuncRef(*some),
        Value::ExternRef(number) => embed::Value::ExternRef(*number),
    }
}

fn outwards(value: &embed::Value) -> Value {
    match value {
        embed::Value::I32(value) => Value::I32(*value),
        embed::Value::I64(value) => Value::I64(*value),
        embed::Value::V128(bytes) => Value::V128(*bytes),
        embed::Value::FuncRef(some) => Value::FuncRef(*some),
        embed::Value::ExternRef(number) => Value::ExternRef(*number),
    }
}

//! Modules of any shape on the tick step, one call at a time: what conformance tests need.

use crate::buffers::{InputBuffer, OutputBuffer};
use crate::decode::{Decoded, Decoder};
use crate::durable::Durable;
use crate::eval::{Config, End, Fault, Ref, Value as Inner, World};
use crate::init::{ExportRules, Initialiser};
use crate::instance::{Extern, Modules};
use crate::lazy::Text;
use crate::link::{Linked, Linker};
use crate::numeric::Number;
use crate::state::{InterpreterError, StateError};
use crate::version::Version;
use crate::wasm::types::RefType;
use soru_base::level::LevelSpan;
use std::collections::BTreeMap;
use thiserror::Error;

/// A value that goes in or comes out of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// A vector, its bytes in the order of the memory.
    V128([u8; 16]),
    /// A reference to a function, by the number of its type; or null.
    FuncRef(Option<i32>),
    /// A reference to something of the host, under a number; or null.
    ExternRef(Option<i32>),
}

/// Why there is no instance, or no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmbedError {
    /// The module is refused: while it is read, linked, or made an instance of.
    #[error("refused: {0}")]
    Refused(String),
    /// The call traps.
    #[error("trap: {0}")]
    Trap(String),
    /// The call leaves the machine stuck for ever.
    #[error("stuck: {0}")]
    Stuck(String),
    /// The bound of ticks is reached.
    #[error("too many ticks")]
    TooManyTicks,
}

/// An instance of a module, whose exports may be anything.
#[derive(Debug, Clone)]
pub struct Instance {
    modules: Modules,
    durable: Durable,
    // By name.
    globals: BTreeMap<Vec<u8>, i32>,
    ticks: u64,
}

const GLOBAL: u8 = 3;
const VERSION: Version = Version::V0;
/// Of making an instance.
const MAX_TICKS: u64 = 1 << 32;

impl Instance {
    /// Reads a module, makes an instance of it and runs its start function. Of imports there are the host functions only.
    pub fn new(wasm: &[u8]) -> Result<Self, EmbedError> {
        let mut durable = Durable::default();
        durable.set_version(VERSION).map_err(state)?;
        durable.install_kernel(wasm).map_err(state)?;
        let mut decoder = Decoder::begin();
        let mut left = MAX_TICKS;
        let mut tick = || {
            left = left.checked_sub(1).ok_or(EmbedError::TooManyTicks)?;
            Ok(())
        };
        let module = loop {
            tick()?;
            if let Some(module) = decoder.take_module() {
                break module;
            }
            match decoder.step(&durable).map_err(state)? {
                Decoded::Going => (),
                Decoded::Refused(reason) => return Err(EmbedError::Refused(reason)),
                Decoded::NoKernel => return Err(EmbedError::Refused("no module".to_owned())),
            }
        };
        let mut linker = Linker::begin(module);
        while !linker.is_done() {
            tick()?;
            if let Linked::Unknown(text) = linker.step(VERSION).map_err(state)? {
                return Err(EmbedError::Refused(text.to_string()));
            }
        }
        let (mut module, externs) = linker.take();
        let mut globals = BTreeMap::new();
        for index in 0..module.exports.length() {
            let export = module.exports.get(index).map_err(|e| EmbedError::Refused(format!("{e:?}")))?;
            if export.kind.kind == GLOBAL {
                globals.insert(export.name.0.clone(), export.kind.index);
            }
        }
        let mut initialiser = Initialiser::begin(module, externs);
        let fault =
            with_world(&mut durable, true, |world| initialiser.ticks(left, ExportRules::None, world).1);
        match fault {
            Some(fault) => Err(EmbedError::Refused(words(fault)?)),
            None if !initialiser.is_done() => Err(EmbedError::TooManyTicks),
            None => Ok(Self { modules: initialiser.into_modules(), durable, globals, ticks: 0 }),
        }
    }

    /// Calls an exported function. What it has changed stays, whatever it comes to.
    pub fn invoke(&mut self, export: &str, args: &[Value], max_ticks: u64) -> Result<Vec<Value>, EmbedError> {
        let Some(Extern::Func { function }) = self.export(export)? else {
            return Err(EmbedError::Stuck(format!("no function is exported as {export:?}")));
        };
        let args: Option<Vec<_>> = args.iter().map(inwards).collect();
        let args =
            args.ok_or_else(|| EmbedError::Stuck("a reference to a function cannot be given".into()))?;
        let module = Text(crate::decode::MAIN.into());
        let limit = VERSION.call_depth_limit() as i32;
        let mut config = Config::of_call_with(&module, limit, function, args);
        let modules = &mut self.modules;
        let (ticks, fault) =
            with_world(&mut self.durable, false, |world| config.ticks(max_ticks, modules, world));
        self.ticks = ticks;
        if let Some(fault) = fault {
            return Err(EmbedError::Stuck(words(fault)?));
        }
        match config.end() {
            End::Going => Err(EmbedError::TooManyTicks),
            End::Trapped => Err(EmbedError::Trap(config.trap().unwrap_or_default())),
            End::Returned => {
                let mut values = config.results().map_err(|e| EmbedError::Stuck(format!("{e:?}")))?;
                values.reverse();
                Ok(values.iter().map(outwards).collect())
            }
        }
    }

    /// Ticks of the last call.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// The value of an exported global.
    pub fn global(&mut self, export: &str) -> Result<Value, EmbedError> {
        let index = self.globals.get(export.as_bytes()).copied();
        let index = index.ok_or_else(|| EmbedError::Stuck(format!("no global is exported as {export:?}")))?;
        let instance = self.modules.look(crate::decode::MAIN.as_bytes()).map_err(state)?;
        let instance = instance.ok_or_else(|| EmbedError::Stuck("no instance".to_owned()))?;
        match instance.look_at_global(index) {
            Ok(global) => Ok(outwards(&global.value)),
            Err(fault) => Err(EmbedError::Stuck(words(fault)?)),
        }
    }

    fn export(&mut self, name: &str) -> Result<Option<Extern>, EmbedError> {
        let instance = self.modules.look(crate::decode::MAIN.as_bytes()).map_err(state)?;
        let instance = instance.ok_or_else(|| EmbedError::Stuck("no instance".to_owned()))?;
        let found = instance.exports.look(&crate::init::key_of(name.as_bytes())).map_err(state)?;
        Ok(found.cloned())
    }
}

fn with_world<T>(durable: &mut Durable, is_initialising: bool, work: impl FnOnce(&mut World<'_>) -> T) -> T {
    let (mut input, mut output) = (InputBuffer::default(), OutputBuffer::new(LevelSpan(0), 0));
    let mut debug = ();
    work(&mut World {
        version: VERSION,
        durable,
        input: &mut input,
        output: &mut output,
        debug: &mut debug,
        is_initialising,
        is_proved: false,
    })
}

fn inwards(value: &Value) -> Option<Inner> {
    Some(match value {
        Value::I32(n) => Inner::i32(*n),
        Value::I64(n) => Inner::Number { number: Number::I64(*n) },
        Value::V128(vector) => Inner::Vector { vector: *vector },
        Value::FuncRef(None) => Inner::Ref { reference: Ref::Null { ref_type: RefType::Func } },
        Value::ExternRef(None) => Inner::Ref { reference: Ref::Null { ref_type: RefType::Extern } },
        Value::ExternRef(Some(number)) => Inner::Ref { reference: Ref::Extern { number: *number } },
        Value::FuncRef(Some(_)) => return None,
    })
}

fn outwards(value: &Inner) -> Value {
    match value {
        Inner::Number { number: Number::I32(n) } => Value::I32(*n),
        Inner::Number { number: Number::I64(n) } => Value::I64(*n),
        Inner::Vector { vector } => Value::V128(*vector),
        Inner::Ref { reference: Ref::Func { function } } => Value::FuncRef(Some(function.type_index())),
        Inner::Ref { reference: Ref::Extern { number } } => Value::ExternRef(Some(*number)),
        Inner::Ref { reference: Ref::Null { ref_type } } => match ref_type {
            RefType::Func => Value::FuncRef(None),
            RefType::Extern => Value::ExternRef(None),
        },
    }
}

fn words(fault: Fault) -> Result<String, EmbedError> {
    let said = |error: InterpreterError| error.explanation.unwrap_or(error.raw).to_string();
    match fault {
        Fault::Interpreter(error) => Ok(said(error)),
        Fault::Unknown(text) => Ok(text.to_string()),
        Fault::State(error) => Err(state(error)),
    }
}

fn state(error: StateError) -> EmbedError {
    EmbedError::Stuck(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with one function without parameters, exported as `f`.
    fn module(locals: &[u8], body: &[u8]) -> Vec<u8> {
        let section = |id: u8, bytes: &[u8]| [&[id, bytes.len() as u8], bytes].concat();
        let code = [locals, body, &[0x0b]].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, b"\x01\x60\0\0"),
            section(3, b"\x01\0"),
            section(7, b"\x01\x01f\0\0"),
            section(10, &[&[1, code.len() as u8], code.as_slice()].concat()),
        ]
        .concat()
    }

    #[test]
    fn a_function_of_too_many_locals_is_taken_and_cannot_be_called() {
        // One group of 2^31 of type i32.
        let wasm = module(&[1, 0x80, 0x80, 0x80, 0x80, 0x08, 0x7f], &[]);
        for max_ticks in [1000, 5] {
            let called = Instance::new(&wasm).unwrap().invoke("f", &[], max_ticks);
            let text = "Tezos_tree_encoding__Decoding.Key_not_found(_)";
            assert_eq!(called, Err(EmbedError::Stuck(text.to_owned())), "{max_ticks}");
        }
    }
}

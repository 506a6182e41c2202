//! A script of the test suite as steps of our own.

use crate::reason::Reason;
use crate::rewrite::{Rewritten, rewrite};
use crate::target::Value;
use thiserror::Error;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Const, V128Pattern, WastArgCore, WastRetCore};
use wast::lexer::Lexer;
use wast::parser::{ParseBuffer, parse};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

/// A script cannot be read.
#[derive(Debug, Error)]
#[error("the script {name}: {reason}")]
pub struct ScriptError {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A script of the suite.
#[derive(Debug)]
pub struct Script {
    /// Name of its file, without the ending.
    pub name: String,
    /// Its directives, in order.
    pub steps: Vec<Step>,
}

/// A directive.
#[derive(Debug)]
pub struct Step {
    /// Line of the script, from 1.
    pub line: usize,
    /// What it does; or why nothing can.
    pub action: Result<Action, Reason>,
}

/// What a directive does.
#[derive(Debug)]
pub enum Action {
    /// Makes an instance, under a name if it has one; or not.
    Module {
        /// The name.
        name: Option<String>,
        /// The module.
        module: Result<Rewritten, Reason>,
    },
    /// Does something, and the result is known.
    Return(Command, Vec<Expected>),
    /// Does something, and there is no error.
    Run(Command),
    /// Traps.
    Trap(Command, String),
    /// Calls too deep.
    Exhaustion(Command),
    /// The making of an instance traps.
    TrapOfModule(Rewritten, String),
    /// Bytes that are no module.
    Malformed(Vec<u8>),
    /// A module that no validator takes, and the suite's words.
    Invalid(Vec<u8>, String),
    /// An instance can be imported from.
    Register(Option<String>),
}

/// What is done with an instance.
#[derive(Debug)]
pub struct Command {
    /// The instance; the last one if it has no name.
    pub instance: Option<String>,
    /// Name of the export.
    pub export: String,
    /// The arguments of a call; nothing if a global is read.
    pub args: Option<Result<Vec<Value>, Reason>>,
}

/// What a result has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// This.
    Exactly(Value),
    /// Any null.
    Null,
    /// One of these.
    Either(Vec<Expected>),
    /// Something on floats, which no target gives.
    Float,
}

impl Expected {
    /// Whether a value is that.
    pub fn is(&self, value: &Value) -> bool {
        match self {
            Self::Exactly(expected) => expected == value,
            Self::Null => matches!(value, Value::FuncRef(false) | Value::ExternRef(None)),
            Self::Either(cases) => cases.iter().any(|case| case.is(value)),
            Self::Float => false,
        }
    }
}

impl Script {
    /// Reads the text of a script.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        let failed = |error: wast::Error| ScriptError { name: name.to_owned(), reason: error.to_string() };
        let mut lexer = Lexer::new(text);
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).map_err(failed)?;
        let script = parse::<Wast<'_>>(&buffer).map_err(failed)?;
        let mut steps = Vec::new();
        for directive in script.directives {
            let line = directive.span().linecol_in(text).0 + 1;
            steps.push(Step { line, action: action(directive) });
        }
        Ok(Self { name: name.trim_end_matches(".wast").to_owned(), steps })
    }
}

fn action(directive: WastDirective<'_>) -> Result<Action, Reason> {
    match directive {
        WastDirective::Module(mut module) => {
            let name = module.name().map(|id| id.name().to_owned());
            let wasm = module.encode().map_err(|_| Reason::Text)?;
            Ok(Action::Module { name, module: rewrite(&wasm) })
        }
        WastDirective::Register { module, .. } => Ok(Action::Register(name(module))),
        WastDirective::AssertUnlinkable { .. } => Err(Reason::Import),
        WastDirective::Invoke(call) => Ok(Action::Run(invoke(call))),
        WastDirective::AssertReturn { exec, results, .. } => match command(exec) {
            Some(command) => Ok(Action::Return(command, results.into_iter().map(expected).collect())),
            None => Err(Reason::Text),
        },
        WastDirective::AssertTrap { exec: WastExecute::Wat(mut module), message, .. } => {
            let wasm = module.encode().map_err(|_| Reason::Text)?;
            rewrite(&wasm).map(|module| Action::TrapOfModule(module, message.to_owned()))
        }
        WastDirective::AssertTrap { exec, message, .. } => match command(exec) {
            Some(command) => Ok(Action::Trap(command, message.to_owned())),
            None => Err(Reason::Text),
        },
        WastDirective::AssertExhaustion { call, .. } => Ok(Action::Exhaustion(invoke(call))),
        // Only what is given as bytes is about the binary format.
        WastDirective::AssertMalformed { module: QuoteWat::Wat(mut module), .. } => {
            module.encode().map(Action::Malformed).map_err(|_| Reason::Text)
        }
        WastDirective::AssertInvalid { mut module, message, .. } => {
            let wasm = module.encode().map_err(|_| Reason::Text)?;
            Ok(Action::Invalid(wasm, message.to_owned()))
        }
        _ => Err(Reason::Text),
    }
}

fn name(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

fn command(exec: WastExecute<'_>) -> Option<Command> {
    match exec {
        WastExecute::Invoke(call) => Some(invoke(call)),
        WastExecute::Get { module, global, .. } => {
            Some(Command { instance: name(module), export: global.to_owned(), args: None })
        }
        WastExecute::Wat(_) => None,
    }
}

fn invoke(call: WastInvoke<'_>) -> Command {
    let args = call.args.into_iter().map(argument).collect();
    Command { instance: name(call.module), export: call.name.to_owned(), args: Some(args) }
}

fn argument(argument: WastArg<'_>) -> Result<Value, Reason> {
    let WastArg::Core(argument) = argument else { return Err(Reason::Text) };
    Ok(match argument {
        WastArgCore::I32(value) => Value::I32(value),
        WastArgCore::I64(value) => Value::I64(value),
        WastArgCore::V128(value) => Value::V128(value.to_le_bytes()),
        WastArgCore::RefNull(of_type) if is_extern(&of_type) => Value::ExternRef(None),
        WastArgCore::RefNull(_) => Value::FuncRef(false),
        WastArgCore::RefExtern(number) => Value::ExternRef(Some(number as i32)),
        WastArgCore::F32(_) | WastArgCore::F64(_) => return Err(Reason::Float),
        WastArgCore::RefHost(_) => return Err(Reason::Text),
    })
}

fn is_extern(of_type: &HeapType<'_>) -> bool {
    matches!(of_type, HeapType::Abstract { ty: AbstractHeapType::Extern, .. })
}

fn expected(result: WastRet<'_>) -> Expected {
    let WastRet::Core(result) = result else { return Expected::Float };
    expected_core(result)
}

fn expected_core(result: WastRetCore<'_>) -> Expected {
    let exactly = Expected::Exactly;
    match result {
        WastRetCore::I32(value) => exactly(Value::I32(value)),
        WastRetCore::I64(value) => exactly(Value::I64(value)),
        WastRetCore::V128(pattern) => vector(pattern).map_or(Expected::Float, |v| exactly(Value::V128(v))),
        WastRetCore::RefNull(Some(of_type)) if is_extern(&of_type) => exactly(Value::ExternRef(None)),
        WastRetCore::RefNull(Some(_)) => exactly(Value::FuncRef(false)),
        WastRetCore::RefNull(None) => Expected::Null,
        WastRetCore::RefExtern(Some(number)) => exactly(Value::ExternRef(Some(number as i32))),
        WastRetCore::RefFunc(_) => exactly(Value::FuncRef(true)),
        WastRetCore::Either(cases) => Expected::Either(cases.into_iter().map(expected_core).collect()),
        _ => Expected::Float,
    }
}

/// The bytes of a vector, unless it is a pattern for floats that are no numbers.
fn vector(pattern: V128Pattern) -> Option<[u8; 16]> {
    let constant = match pattern {
        V128Pattern::I8x16(lanes) => V128Const::I8x16(lanes),
        V128Pattern::I16x8(lanes) => V128Const::I16x8(lanes),
        V128Pattern::I32x4(lanes) => V128Const::I32x4(lanes),
        V128Pattern::I64x2(lanes) => V128Const::I64x2(lanes),
        V128Pattern::F32x4([a, b, c, d]) => {
            V128Const::F32x4([number(a)?, number(b)?, number(c)?, number(d)?])
        }
        V128Pattern::F64x2([a, b]) => V128Const::F64x2([number(a)?, number(b)?]),
    };
    Some(constant.to_le_bytes())
}

fn number<T>(pattern: NanPattern<T>) -> Option<T> {
    match pattern {
        NanPattern::Value(value) => Some(value),
        NanPattern::CanonicalNan | NanPattern::ArithmeticNan => None,
    }
}

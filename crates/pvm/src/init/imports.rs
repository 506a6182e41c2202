//! Whether what is given to a kernel is what it asks for.

use crate::eval::Fault;
use crate::instance::{Extern, Function};
use crate::lazy::{Text, Vec32, VectorError};
use crate::wasm::module::{Import, ImportKind};
use crate::wasm::types::{FuncType, GlobalType, Limits, ValueType};
use std::fmt::Write;

/// Whether a host function is what a kernel asks for.
pub(super) fn check(types: &mut Vec32<FuncType>, given: &Extern, import: &Import) -> Result<(), Fault> {
    let Extern::Func { function } = given else {
        return Err(Fault::unknown("only host functions are given to a kernel"));
    };
    let Function::Host { func_type: given, .. } = function.function() else {
        return Err(Fault::unknown("only host functions are given to a kernel"));
    };
    let mut given = given.clone();
    let expected = match &import.kind {
        ImportKind::Func(index) => match types.look(*index) {
            Ok(asked) => {
                // In the text stand only the types that were looked at: none if there is another number of them, else
                // all up to the first difference.
                let same_lengths = asked.params.length() == given.params.length()
                    && asked.results.length() == given.results.length();
                let (mut params, mut results) = (Looked::default(), Looked::default());
                if same_lengths {
                    params = compare(&mut asked.params, &mut given.params)?;
                    results = compare(&mut asked.results, &mut given.results)?;
                }
                if same_lengths && params.is_equal() && results.is_equal() {
                    return Ok(());
                }
                let side =
                    |a: &[ValueType], b: &[ValueType]| format!("func [{}] -> [{}]", shown(a), shown(b));
                let got = side(&params.given, &results.given);
                return Err(refused(import, &side(&params.asked, &results.asked), &got));
            }
            Err(error) => return Err(error.into()),
        },
        ImportKind::Table(table) => {
            format!("table {} {}", shown_limits(&table.limits), shown(&[table.elements.value()]))
        }
        ImportKind::Memory(memory) => format!("memory {}", shown_limits(&memory.0)),
        ImportKind::Global(GlobalType { value, mutable: false }) => format!("global {}", shown(&[*value])),
        ImportKind::Global(GlobalType { value, mutable: true }) => {
            format!("global (mut {})", shown(&[*value]))
        }
    };
    Err(refused(import, &expected, "func [] -> []"))
}

/// The types that were looked at.
#[derive(Default)]
struct Looked {
    asked: Vec<ValueType>,
    given: Vec<ValueType>,
}

impl Looked {
    fn is_equal(&self) -> bool {
        self.asked == self.given
    }
}

/// Of vectors of one length.
fn compare(asked: &mut Vec32<ValueType>, given: &mut Vec32<ValueType>) -> Result<Looked, VectorError> {
    let mut looked = Looked::default();
    for index in 0..asked.length() {
        looked.asked.push(*asked.get(index)?);
        looked.given.push(*given.get(index)?);
        if !looked.is_equal() {
            break;
        }
    }
    Ok(looked)
}

fn refused(import: &Import, expected: &str, got: &str) -> Fault {
    let text = |text: &Text| String::from_utf8_lossy(&text.0).into_owned();
    let (module, item) = (text(&import.module), text(&import.item));
    Fault::crash(format!(
        "incompatible import type for \"{module}\" \"{item}\": expected {expected}, got {got}"
    ))
}

fn shown(types: &[ValueType]) -> String {
    let names = types.iter().map(|value_type| match value_type {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
        ValueType::V128 => "v128",
        ValueType::FuncRef => "funcref",
        ValueType::ExternRef => "externref",
    });
    names.collect::<Vec<_>>().join(" ")
}

fn shown_limits(limits: &Limits) -> String {
    let mut text = (limits.min as u32).to_string();
    if let Some(max) = limits.max {
        let _ = write!(text, " {}", max as u32);
    }
    text
}

//! Looking up what a kernel imports, one import a tick.

use crate::host::{HostFunction, ValueType as HostType};
use crate::instance::{Extern, Function, FunctionRef};
use crate::lazy::{Node, Text, Vec32, VectorError, record};
use crate::state::{StateError, StuckText};
use crate::version::Version;
use crate::wasm::module::{Import, Module};
use crate::wasm::types::{FuncType, ValueType};
use soru_merkle::Tree;

record! {
    /// A machine that looks up the imports of its kernel.
    Linking {
        module: Module = ["ast_module"],
        externs: Vec32<Extern> = ["externs"],
        done: i32 = ["imports_offset"],
    }
}

/// What came of a tick.
pub(crate) enum Linked {
    /// The next state.
    Going,
    /// There is nothing of that name; the machine's own words.
    Unknown(StuckText),
}

/// A machine that looks up what its kernel imports.
#[derive(Debug, Clone)]
pub struct Linker(Linking);

impl Linker {
    pub(crate) fn begin(module: Module) -> Self {
        Self(Linking { module, externs: Vec32::default(), done: 0 })
    }

    pub(crate) fn read(tree: &Tree) -> Result<Self, StateError> {
        Linking::read(tree).map(Self)
    }

    pub(crate) fn write(&mut self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.0.write(&mut tree)?;
        Ok(tree)
    }

    /// What an instance is made of. What is left of this is of no use.
    pub(crate) fn take(&mut self) -> (Module, Vec32<Extern>) {
        let left = Linking { module: Module::empty(), externs: Vec32::default(), done: 0 };
        let Linking { module, externs, .. } = std::mem::replace(&mut self.0, left);
        (module, externs)
    }

    /// Whether everything is looked up.
    pub fn is_done(&self) -> bool {
        self.0.done >= self.0.module.imports.length()
    }

    /// One tick, unless it is done.
    pub(crate) fn step(&mut self, version: Version) -> Result<Linked, StateError> {
        let Import { module, item, .. } = match self.0.module.imports.get(self.0.done) {
            Ok(import) => import,
            Err(VectorError::State(error)) => return Err(error),
            Err(VectorError::Bounds | VectorError::NoEntry) => {
                return Err(StateError::malformed(&["imports_offset"], self.0.done));
            }
        };
        if module.0 != HostFunction::MODULE.as_bytes() {
            return Ok(Linked::Unknown(words(b"Unexpected module import: ", &[&module.0])));
        }
        let name = str::from_utf8(&item.0).ok();
        let Some(function) = name.and_then(|name| HostFunction::by_name(version, name)) else {
            return Ok(Linked::Unknown(words(b"Unexpected import: ", &[&module.0, b".", &item.0])));
        };
        let func_type = FuncType { params: types(function.params()), results: types(function.results()) };
        let function = Function::Host { func_type, name: Text(function.registered_name().into()) };
        self.0.externs.append(Extern::Func { function: FunctionRef::new(function) });
        self.0.done += 1;
        Ok(Linked::Going)
    }
}

fn words(start: &[u8], names: &[&[u8]]) -> StuckText {
    StuckText::new([start, &names.concat()].concat())
}

fn types(types: &[HostType]) -> Vec32<ValueType> {
    let mut vector = Vec32::default();
    for value_type in types {
        vector.append(match value_type {
            HostType::I32 => ValueType::I32,
            HostType::I64 => ValueType::I64,
        });
    }
    vector
}

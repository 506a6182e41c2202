//! What of a module is about floats.

use super::{Effects, Library, Plain};
use crate::float::is_float;
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    BlockType, ExternalKind, FuncType, FunctionBody, GlobalType, Operator, Parser, Payload, TypeRef, ValType,
};

/// Something imported that can become a definition: of the suite's module `spectest`, or a plain function of a script's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// A function that depends on nothing.
    Plain {
        of_type: u32,
        body: Vec<u8>,
    },
    /// Prints its arguments, which nobody sees.
    Print {
        of_type: u32,
    },
    Table,
    Memory,
    /// Of value 666.
    Global(GlobalType),
}

/// A module, looked at.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// In order; nothing for what is not known.
    pub(super) imports: Vec<Option<Known>>,
    pub(super) types: Vec<FuncType>,
    /// Types of the functions, imported ones first.
    pub(super) functions: Vec<u32>,
    /// Types of the globals, imported ones first.
    pub(super) globals: Vec<GlobalType>,
    pub(super) start: Option<u32>,
    memories: usize,
    /// Which functions are about floats, of all.
    pub(super) stubs: Vec<bool>,
    exports: Vec<(String, ExternalKind, u32)>,
    bodies: Vec<Body>,
    /// Functions that can be reached through a table.
    referred: BTreeSet<u32>,
}

#[derive(Debug, Default)]
struct Body {
    floats: bool,
    effects: bool,
    calls: BTreeSet<u32>,
    indirect: BTreeSet<u32>,
    globals: BTreeSet<u32>,
}

type Result<T> = std::result::Result<T, wasmparser::Error>;

impl Survey {
    pub(super) fn of(wasm: &[u8], library: &Library) -> Result<Self> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for of_type in section.into_iter_err_on_gc_types() {
                        survey.types.push(of_type?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let of_suite = survey.import(import.module, import.name, import.ty, library);
                        survey.imports.push(of_suite);
                    }
                }
                Payload::MemorySection(section) => survey.memories += section.count() as usize,
                Payload::FunctionSection(section) => {
                    for of_type in section {
                        survey.functions.push(of_type?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        survey.globals.push(global.ty);
                        survey.references(global.init_expr.get_operators_reader())?;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        survey.exports.push((export.name.to_owned(), export.kind, export.index));
                    }
                }
                Payload::StartSection { func, .. } => survey.start = Some(func),
                Payload::ElementSection(section) => {
                    for element in section {
                        match element?.items {
                            wasmparser::ElementItems::Functions(functions) => {
                                for function in functions {
                                    survey.referred.insert(function?);
                                }
                            }
                            wasmparser::ElementItems::Expressions(_, expressions) => {
                                for expression in expressions {
                                    survey.references(expression?.get_operators_reader())?;
                                }
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let body = survey.body(wasm, &body)?;
                    survey.bodies.push(body);
                }
                _ => {}
            }
        }
        survey.stubs = survey.find_stubs();
        Ok(survey)
    }

    fn import(&mut self, module: &str, name: &str, of_type: TypeRef, library: &Library) -> Option<Known> {
        if let TypeRef::Func(of_type) = of_type {
            self.functions.push(of_type);
        }
        if let TypeRef::Global(of_type) = of_type {
            self.globals.push(of_type);
        }
        if module != "spectest" {
            let TypeRef::Func(of_type) = of_type else { return None };
            let plain = library.get(module)?.get(name)?;
            let same = self.types.get(of_type as usize) == Some(&plain.of_type);
            return same.then(|| Known::Plain { of_type, body: plain.body.clone() });
        }
        match (name, of_type) {
            (
                "print" | "print_i32" | "print_i64" | "print_f32" | "print_f64" | "print_i32_f32"
                | "print_f64_f64",
                TypeRef::Func(of_type),
            ) => Some(Known::Print { of_type }),
            ("table", TypeRef::Table(_)) => Some(Known::Table),
            ("memory", TypeRef::Memory(_)) => Some(Known::Memory),
            ("global_i32" | "global_i64" | "global_f32" | "global_f64", TypeRef::Global(of_type)) => {
                Some(Known::Global(of_type))
            }
            _ => None,
        }
    }

    /// The exported functions that depend on nothing else of their module.
    pub(super) fn plain_exports(&self, wasm: &[u8]) -> Result<BTreeMap<String, Plain>> {
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload? {
                let mut operators = body.get_operators_reader()?;
                let mut plain = true;
                while !operators.eof() {
                    plain &= matches!(
                        operators.read()?,
                        Operator::I32Const { .. }
                            | Operator::I64Const { .. }
                            | Operator::LocalGet { .. }
                            | Operator::End
                    );
                }
                bodies.push(plain.then(|| wasm.get(body.range()).unwrap_or_default()));
            }
        }
        let imported = self.functions.len() - self.bodies.len();
        let functions = self.exports.iter().filter(|(_, kind, _)| *kind == ExternalKind::Func);
        let plain = functions.filter_map(|(name, _, index)| {
            let body = (*bodies.get((*index as usize).checked_sub(imported)?)?)?.to_vec();
            let of_type = self.types.get(*self.functions.get(*index as usize)? as usize)?.clone();
            Some((name.clone(), Plain { of_type, body }))
        });
        Ok(plain.collect())
    }

    fn references(&mut self, mut operators: wasmparser::OperatorsReader<'_>) -> Result<()> {
        while !operators.eof() {
            if let Operator::RefFunc { function_index } = operators.read()? {
                self.referred.insert(function_index);
            }
        }
        Ok(())
    }

    fn body(&mut self, wasm: &[u8], body: &FunctionBody<'_>) -> Result<Body> {
        let mut found = Body::default();
        for local in body.get_locals_reader()? {
            found.floats |= is_float_type(local?.1);
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let place = operators.original_position();
            found.floats |= wasm.get(place..).is_some_and(is_float);
            match operators.read()? {
                Operator::Call { function_index } => {
                    found.calls.insert(function_index);
                }
                Operator::CallIndirect { type_index, .. } => {
                    found.indirect.insert(type_index);
                }
                Operator::GlobalGet { global_index } => {
                    found.globals.insert(global_index);
                }
                Operator::GlobalSet { global_index } => {
                    found.globals.insert(global_index);
                    found.effects = true;
                }
                Operator::RefFunc { function_index } => {
                    self.referred.insert(function_index);
                }
                Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                    found.floats |= match blockty {
                        BlockType::Empty => false,
                        BlockType::Type(of_type) => is_float_type(of_type),
                        BlockType::FuncType(index) => self.is_float_signature(index),
                    };
                }
                Operator::TypedSelect { ty } => found.floats |= is_float_type(ty),
                other => found.effects |= changes(&other),
            }
        }
        Ok(found)
    }

    /// Whether the type of that index has a float in it.
    pub(super) fn is_float_signature(&self, index: u32) -> bool {
        self.types.get(index as usize).is_some_and(|of_type| {
            of_type.params().iter().chain(of_type.results()).copied().any(is_float_type)
        })
    }

    fn own(&self, function: u32) -> Option<&Body> {
        let imported = self.functions.len() - self.bodies.len();
        self.bodies.get((function as usize).checked_sub(imported)?)
    }

    fn find_stubs(&self) -> Vec<bool> {
        let mut stubs: Vec<_> = (0..)
            .zip(&self.functions)
            .map(|(function, of_type)| {
                let of_globals =
                    |body: &Body| body.globals.iter().any(|global| self.is_float_global(*global));
                self.is_float_signature(*of_type)
                    || self.own(function).is_some_and(|body| body.floats || of_globals(body))
            })
            .collect();
        loop {
            let before = stubs.clone();
            let reached: Vec<_> = self
                .referred
                .iter()
                .filter(|function| stubs.get(**function as usize).copied().unwrap_or_default())
                .filter_map(|function| self.functions.get(*function as usize))
                .filter_map(|of_type| self.types.get(*of_type as usize))
                .collect();
            for (function, stub) in (0..).zip(&mut stubs) {
                let Some(body) = self.own(function) else { continue };
                let calls = body.calls.iter().any(|callee| before.get(*callee as usize) == Some(&true));
                let indirect = body.indirect.iter().any(|of_type| {
                    self.is_float_signature(*of_type)
                        || self.types.get(*of_type as usize).is_some_and(|of_type| reached.contains(&of_type))
                });
                *stub |= calls || indirect;
            }
            if stubs == before {
                return stubs;
            }
        }
    }

    pub(super) fn is_float_global(&self, global: u32) -> bool {
        self.globals.get(global as usize).is_some_and(|of_type| is_float_type(of_type.content_type))
    }

    pub(super) fn has_many_memories(&self) -> bool {
        self.memories + self.imports.iter().filter(|import| **import == Some(Known::Memory)).count() > 1
    }

    pub(super) fn is_free_of_floats(&self) -> bool {
        let types = 0..self.types.len() as u32;
        let globals = 0..self.globals.len() as u32;
        !self.stubs.contains(&true)
            && !types.into_iter().any(|of_type| self.is_float_signature(of_type))
            && !globals.into_iter().any(|global| self.is_float_global(global))
    }

    pub(super) fn keeps_export(&self, kind: ExternalKind, index: u32) -> bool {
        match kind {
            ExternalKind::Func => self.stubs.get(index as usize) != Some(&true),
            ExternalKind::Global => !self.is_float_global(index),
            _ => true,
        }
    }

    pub(super) fn dropped(&self) -> BTreeMap<String, Effects> {
        let dropped = self.exports.iter().filter(|(_, kind, index)| !self.keeps_export(*kind, *index));
        dropped
            .map(|(name, kind, index)| {
                let changes = *kind == ExternalKind::Func && self.may_change(*index);
                (name.clone(), if changes { Effects::Some } else { Effects::None })
            })
            .collect()
    }

    pub(super) fn changing_exports(&self) -> BTreeSet<String> {
        let functions = self.exports.iter().filter(|(_, kind, _)| *kind == ExternalKind::Func);
        functions.filter(|(_, _, index)| self.may_change(*index)).map(|(name, ..)| name.clone()).collect()
    }

    fn may_change(&self, function: u32) -> bool {
        let (mut seen, mut left) = (BTreeSet::new(), vec![function]);
        while let Some(function) = left.pop() {
            if !seen.insert(function) {
                continue;
            }
            if let Some(body) = self.own(function) {
                if body.effects {
                    return true;
                }
                left.extend(&body.calls);
                if !body.indirect.is_empty() {
                    left.extend(&self.referred);
                }
            }
        }
        false
    }
}

pub(super) fn is_float_type(of_type: ValType) -> bool {
    matches!(of_type, ValType::F32 | ValType::F64)
}

/// Whether an instruction changes something outside of its function.
fn changes(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::I32Store { .. }
            | O::I64Store { .. }
            | O::F32Store { .. }
            | O::F64Store { .. }
            | O::I32Store8 { .. }
            | O::I32Store16 { .. }
            | O::I64Store8 { .. }
            | O::I64Store16 { .. }
            | O::I64Store32 { .. }
            | O::V128Store { .. }
            | O::V128Store8Lane { .. }
            | O::V128Store16Lane { .. }
            | O::V128Store32Lane { .. }
            | O::V128Store64Lane { .. }
            | O::MemoryGrow { .. }
            | O::MemoryFill { .. }
            | O::MemoryCopy { .. }
            | O::MemoryInit { .. }
            | O::DataDrop { .. }
            | O::ElemDrop { .. }
            | O::TableSet { .. }
            | O::TableGrow { .. }
            | O::TableFill { .. }
            | O::TableCopy { .. }
            | O::TableInit { .. }
    )
}

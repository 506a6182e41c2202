//! Rewriting a kernel before it is compiled, so that it counts its calls and its ticks.
//!
//! * Functions have one more parameter: how many functions may be entered, itself included. The machine is stuck for
//!   ever at one too many. See [`bodies`], and [`heights`] for those that do not have it.
//! * The ticks that are left are in a global, which every function pays into: see [`meter`]. When it falls below zero, the
//!   function [`MORE`] is asked for more.
//! * The start function is exported instead of run, so that all this is set before it begins.
//! * Only the compilers call a host function with as many parameters as it has: in tables, and as a reference, there is a
//!   function in its place that has one more and drops it.
//!
//! A module that is no kernel ([`Purpose::Module`]) counts no ticks. Instead it notes what tells its traps apart:
//!
//! * The index of an indirect call is kept in [`INDEX`] before the call: the machine names it when there is nothing to call.
//! * [`TABLE_ACCESS`] is 1 while another instruction works on a table: outside of the table, that is an ordinary trap.
//! * [`EXHAUSTED`] is 1 after a call too many.
//!
//! A reference to something of the host can only be null, for no host function gives one. So it becomes a reference to a
//! function, and the compilers need nothing for it. [`Rewriter::new`] refuses what this would confuse.
//!
//! Exports of the kernel but for those that the machine asks for are left out, and so are custom sections.

mod bodies;
mod exports;
mod heights;
mod meter;
mod plan;
mod unroll;

use crate::decode::{FuncType, ImportKind, Module, ValueType};
use crate::validate::FEATURES;
pub(crate) use exports::entry;
use heights::Heights;
pub(crate) use meter::{HELD, PENDING};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    AbstractHeapType, BranchHints, CodeSection, EntityType, Function, GlobalSection, ImportSection,
    TypeSection, ValType,
};
use wasmparser::{ElementItems, Operator, Parser, Payload, ValidPayload, Validator};

/// Written into the names of cached modules: goes up whenever the rewriting changes, or what is refused before.
pub(crate) const REVISION: u32 = 6;

/// Ticks that are left; below zero, more are to be asked for.
pub(crate) const TICKS: &str = "soru:ticks";
/// Index of the indirect call that was made last.
pub(crate) const INDEX: &str = "soru:index";
/// Whether an instruction other than an indirect call works on a table.
pub(crate) const TABLE_ACCESS: &str = "soru:table-access";
/// Whether there was a call too many.
pub(crate) const EXHAUSTED: &str = "soru:exhausted";
/// The kernel's start function.
pub(crate) const START: &str = "soru:start";
/// The kernel's memory.
pub(crate) const MEMORY: &str = "soru:memory";
/// The function that the machine calls.
pub(crate) const ENTRY: &str = "soru:entry";
/// Module and name of the function that is asked for more ticks.
pub(crate) const MORE: (&str, &str) = ("soru", "more");

/// A kernel could not be rewritten: it is not valid.
#[derive(Debug, thiserror::Error)]
#[error("cannot rewrite the kernel: {0}")]
pub(crate) struct InstrumentError(String);

impl<E: std::fmt::Display> From<reencode::Error<E>> for InstrumentError {
    fn from(error: reencode::Error<E>) -> Self {
        Self(error.to_string())
    }
}

impl From<wasmparser::Error> for InstrumentError {
    fn from(error: wasmparser::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a module is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A kernel. Of its exports those stay that the machine asks for.
    Kernel {
        /// Whether it counts its ticks.
        metered: bool,
    },
    /// Any module. All of its exports stay, under their own names.
    Module,
}

/// Rewrites a valid kernel.
pub(crate) fn instrument(
    bytes: &[u8],
    module: &Module,
    purpose: Purpose,
) -> Result<Vec<u8>, InstrumentError> {
    let mut rewriter = Rewriter::new(module, purpose)?;
    let (imported, mut referred) = (rewriter.imported.len(), functions_referred_to(bytes)?);
    rewriter.refers =
        !module.functions.is_empty() && referred.iter().any(|index| (*index as usize) < imported);
    if matches!(purpose, Purpose::Kernel { .. }) {
        referred.extend(module.start);
        rewriter.heights = Heights::of(bytes, imported, &referred).unwrap_or_default();
    }
    let mut output = wasm_encoder::Module::new();
    let mut sections = Pending { imports: rewriter.is_metered(), exports: true, globals: true };
    let mut code = CodeSection::new();
    let mut hints = BranchHints::new();
    let mut bodies_left = 0;
    let mut validator = Validator::new_with_features(FEATURES);

    let mut allocations = Default::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        sections.before(&payload, &rewriter, &mut output);
        // The machine takes two exports of one name.
        let valid = match &payload {
            Payload::ExportSection(_) if module.has_twins() => None,
            payload => Some(validator.payload(payload)?),
        };
        match payload {
            Payload::TypeSection(section) => {
                let mut types = TypeSection::new();
                rewriter.parse_type_section(&mut types, section)?;
                rewriter.append_types(&mut types);
                output.section(&types);
            }
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                rewriter.parse_import_section(&mut imports, section)?;
                if std::mem::take(&mut sections.imports) {
                    rewriter.append_import(&mut imports);
                }
                output.section(&imports);
            }
            Payload::FunctionSection(section) => {
                let mut functions = wasm_encoder::FunctionSection::new();
                for (place, of_type) in section.into_iter().enumerate() {
                    let (of_type, is_flat) = (of_type?, rewriter.heights.is_flat(place));
                    functions.function(if is_flat { of_type } else { rewriter.deeper(of_type) });
                }
                for of_type in rewriter.replaced() {
                    functions.function(rewriter.deeper(*of_type));
                }
                output.section(&functions);
            }
            Payload::TableSection(section) => {
                let mut tables = wasm_encoder::TableSection::new();
                rewriter.parse_table_section(&mut tables, section)?;
                output.section(&tables);
            }
            Payload::MemorySection(section) => {
                // Only the first memory can be reached by an instruction.
                let mut memories = wasm_encoder::MemorySection::new();
                for memory in section.into_iter().take(1) {
                    memories.memory(rewriter.memory_type(memory?)?);
                }
                output.section(&memories);
            }
            Payload::GlobalSection(section) => {
                let mut globals = GlobalSection::new();
                rewriter.parse_global_section(&mut globals, section)?;
                rewriter.append_globals(&mut globals);
                output.section(&globals);
                sections.globals = false;
            }
            Payload::ElementSection(section) => {
                let mut elements = wasm_encoder::ElementSection::new();
                rewriter.parse_element_section(&mut elements, section)?;
                output.section(&elements);
            }
            Payload::DataCountSection { count, .. } => {
                output.section(&wasm_encoder::DataCountSection { count });
            }
            Payload::CodeSectionStart { count, .. } => {
                bodies_left = count;
                if count == 0 {
                    output.section(&code);
                }
            }
            Payload::CodeSectionEntry(_) => {
                let Some(ValidPayload::Func(function, body)) = valid else {
                    return Err(InstrumentError("code that no validator has seen".into()));
                };
                let mut function = function.into_validator(std::mem::take(&mut allocations));
                rewriter.body(&mut function, &body, &mut code, &mut hints)?;
                allocations = function.into_allocations();
                bodies_left -= 1;
                if bodies_left == 0 {
                    rewriter.append_bodies(&mut code);
                    if !hints.is_empty() {
                        output.section(&hints);
                    }
                    output.section(&code);
                }
            }
            Payload::DataSection(section) => {
                let mut data = wasm_encoder::DataSection::new();
                rewriter.parse_data_section(&mut data, section)?;
                output.section(&data);
            }
            _ => {}
        }
    }
    Ok(output.finish())
}

/// Sections that the kernel may not have, and that have to be put in at their place.
struct Pending {
    imports: bool,
    exports: bool,
    globals: bool,
}

impl Pending {
    /// Puts in what has to come before `payload`.
    fn before(&mut self, payload: &Payload<'_>, rewriter: &Rewriter<'_>, output: &mut wasm_encoder::Module) {
        let (after_imports, after_globals, after_exports) = match payload {
            Payload::FunctionSection(_)
            | Payload::TableSection(_)
            | Payload::MemorySection(_)
            | Payload::GlobalSection(_) => (true, false, false),
            Payload::ExportSection(_) => (true, true, false),
            Payload::StartSection { .. }
            | Payload::ElementSection(_)
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::DataSection(_)
            | Payload::End(_) => (true, true, true),
            _ => (false, false, false),
        };
        if after_imports && std::mem::take(&mut self.imports) {
            let mut imports = ImportSection::new();
            rewriter.append_import(&mut imports);
            output.section(&imports);
        }
        if after_globals && std::mem::take(&mut self.globals) {
            let mut globals = GlobalSection::new();
            rewriter.append_globals(&mut globals);
            output.section(&globals);
        }
        if after_exports && std::mem::take(&mut self.exports) {
            output.section(&rewriter.exports());
        }
    }
}

struct Rewriter<'a> {
    module: &'a Module,
    purpose: Purpose,
    /// The types of the host functions.
    imported: Vec<u32>,
    /// Lists of two and more results, each with a type of its own: a block says its results by such a type.
    result_types: Vec<&'a [ValueType]>,
    /// Whether host functions are referred to.
    refers: bool,
    /// The function of the kernel's own that comes next, in their order.
    next: usize,
    heights: Heights,
    /// Pairs of instructions and locals that may be put in where loops are written several times.
    pairs: u64,
}

impl<'a> Rewriter<'a> {
    fn new(module: &'a Module, purpose: Purpose) -> Result<Self, InstrumentError> {
        // An indirect call compares types: two that are not the same must not become the same.
        let mut seen = BTreeMap::new();
        for of_type in &module.types {
            let rewritten = |types: &[ValueType]| -> Vec<_> {
                let one = |of_type: &ValueType| match of_type {
                    ValueType::ExternRef => ValueType::FuncRef,
                    other => *other,
                };
                types.iter().map(one).collect()
            };
            let key = (rewritten(&of_type.params), rewritten(&of_type.results));
            if *seen.entry(key).or_insert(of_type) != of_type {
                return Err(InstrumentError("two types differ by funcref and externref alone".into()));
            }
        }
        let mut result_types: Vec<&[ValueType]> = Vec::new();
        for of_type in &module.types {
            if of_type.results.len() > 1 && !result_types.contains(&of_type.results.as_slice()) {
                result_types.push(&of_type.results);
            }
        }
        let function = |kind: &ImportKind| match kind {
            ImportKind::Function(of_type) => Some(*of_type),
            _ => None,
        };
        let imported = module.imports.iter().filter_map(|import| function(&import.kind)).collect();
        Ok(Self {
            module,
            purpose,
            imported,
            result_types,
            refers: false,
            next: 0,
            heights: Heights::default(),
            pairs: unroll::PAIRS,
        })
    }

    fn is_metered(&self) -> bool {
        // Without a function there is nothing to count, and no type either.
        self.purpose == Purpose::Kernel { metered: true } && !self.module.functions.is_empty()
    }

    /// The type of a function with one more parameter.
    fn deeper(&self, of_type: u32) -> u32 {
        self.module.types.len() as u32 + of_type
    }

    fn append_types(&self, types: &mut TypeSection) {
        for FuncType { params, results } in &self.module.types {
            let params: Vec<_> = params.iter().copied().map(encoded).chain([ValType::I32]).collect();
            types.ty().function(params, results.iter().copied().map(encoded));
        }
        for results in &self.result_types {
            types.ty().function([], results.iter().copied().map(encoded));
        }
        types.ty().function([], []);
    }

    /// The type that leaves these results, of which there are at least two.
    fn results(&self, results: &[ValueType]) -> u32 {
        let place = self.result_types.iter().position(|other| *other == results).unwrap_or_default();
        (2 * self.module.types.len() + place) as u32
    }

    fn append_import(&self, imports: &mut ImportSection) {
        let of_type = 2 * self.module.types.len() + self.result_types.len();
        imports.import(MORE.0, MORE.1, EntityType::Function(of_type as u32));
    }

    /// The function that gives more ticks, behind the host functions.
    fn more(&self) -> u32 {
        self.imported.len() as u32
    }

    /// A function as it is called, which is the way to a host function.
    fn called(&self, function: u32) -> u32 {
        let is_own = function as usize >= self.imported.len();
        function + u32::from(is_own && self.is_metered())
    }

    /// A function as it is referred to: all of them have one more parameter.
    fn referred(&self, function: u32) -> u32 {
        // Where no function of the kernel is, nobody calls one.
        if function as usize >= self.imported.len() || !self.refers {
            return self.called(function);
        }
        let own = self.imported.len() + self.module.functions.len();
        self.called(own as u32) + function
    }

    fn own_type(&self, index: usize) -> Option<&'a FuncType> {
        self.module.functions.get(index).and_then(|of_type| self.module.types.get(*of_type as usize))
    }

    /// The types of the host functions, if they are referred to.
    fn replaced(&self) -> &[u32] {
        if self.refers { &self.imported } else { &[] }
    }

    /// In the place of host functions, where they are referred to.
    fn append_bodies(&self, code: &mut CodeSection) {
        for (index, of_type) in self.replaced().iter().enumerate() {
            let params = self.module.types.get(*of_type as usize).map_or(0, |of_type| of_type.params.len());
            let mut function = Function::new([]);
            if let Some(around) = self.around() {
                // The caller has paid for the values that wait below, which is for functions of the kernel only.
                let ticks = self.ticks();
                function.instructions().global_get(ticks).global_get(around).i64_add().global_set(ticks);
            }
            for param in 0..params {
                function.instructions().local_get(param as u32);
            }
            function.instructions().call(index as u32).end();
            code.function(&function);
        }
    }
}

/// Functions that are called, or can be, otherwise than by a call.
fn functions_referred_to(bytes: &[u8]) -> Result<BTreeSet<u32>, InstrumentError> {
    let mut referred = BTreeSet::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::GlobalSection(section) => {
                for global in section {
                    in_expression(&global?.init_expr, &mut referred)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == wasmparser::ExternalKind::Func {
                        referred.insert(export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    match element?.items {
                        ElementItems::Functions(functions) => {
                            for function in functions {
                                referred.insert(function?);
                            }
                        }
                        ElementItems::Expressions(_, expressions) => {
                            for expression in expressions {
                                in_expression(&expression?, &mut referred)?;
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(referred)
}

fn in_expression(
    expression: &wasmparser::ConstExpr<'_>,
    referred: &mut BTreeSet<u32>,
) -> Result<(), InstrumentError> {
    let mut operators = expression.get_operators_reader();
    while !operators.eof() {
        if let Operator::RefFunc { function_index } = operators.read()? {
            referred.insert(function_index);
        }
    }
    Ok(())
}

fn encoded(value: ValueType) -> ValType {
    match value {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::V128 => ValType::V128,
        ValueType::FuncRef | ValueType::ExternRef => ValType::FUNCREF,
    }
}

impl Reencode for Rewriter<'_> {
    type Error = std::convert::Infallible;

    fn abstract_heap_type(
        &mut self,
        of_type: wasmparser::AbstractHeapType,
    ) -> Result<AbstractHeapType, reencode::Error<Self::Error>> {
        match of_type {
            wasmparser::AbstractHeapType::Extern => Ok(AbstractHeapType::Func),
            other => Ok(reencode::utils::abstract_heap_type(self, other)),
        }
    }

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Self::Error>> {
        Ok(self.referred(function))
    }
}

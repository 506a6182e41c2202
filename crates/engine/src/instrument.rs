//! Rewriting a kernel before it is compiled, so that what the machine counts can be seen from outside.
//!
//! * Every function counts itself in and out in the global [`DEPTH`]: the machine allows so many frames, and is stuck for
//!   ever at one more. The body becomes a block of its own, so that every way out of it passes the end.
//! * The index of an indirect call is kept in [`INDEX`] before the call: the machine names it when there is nothing to call.
//! * [`TABLE_ACCESS`] is 1 while another instruction works on a table: outside of the table, that is an ordinary trap.
//! * The start function is exported instead of run, so that all this is set before it begins.
//!
//! A reference to something of the host can only be null, for no host function gives one. So it becomes a reference to a
//! function, and the compilers need nothing for it. [`Rewriter::new`] refuses what this would confuse.
//!
//! New things are appended only: no index of the kernel changes. Exports of the kernel but for those that the machine
//! asks for are left out, and so are custom sections.

use crate::decode::{ExportKind, Module, ValueType};
use std::collections::BTreeMap;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    AbstractHeapType, BlockType, CodeSection, ConstExpr, ExportKind as Kind, ExportSection, Function,
    GlobalSection, GlobalType, Instruction, TypeSection, ValType,
};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// Written into the names of cached modules: goes up whenever the rewriting changes, or what is refused before.
pub(crate) const REVISION: u32 = 2;

/// How many more functions may be entered; [`EXHAUSTED`] when one more was.
pub(crate) const DEPTH: &str = "soru:depth";
/// Index of the indirect call that was made last.
pub(crate) const INDEX: &str = "soru:index";
/// Whether an instruction other than an indirect call works on a table.
pub(crate) const TABLE_ACCESS: &str = "soru:table-access";
/// The kernel's start function.
pub(crate) const START: &str = "soru:start";
/// The kernel's memory.
pub(crate) const MEMORY: &str = "soru:memory";
/// The function that the machine calls.
pub(crate) const ENTRY: &str = "soru:entry";

/// Value of [`DEPTH`] after a call too many.
pub(crate) const EXHAUSTED: i32 = -1;

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

/// Which exports of a module stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exports {
    /// Those that the machine asks for.
    OfKernel,
    /// Every one, under its own name.
    All,
}

/// Rewrites a valid kernel.
pub(crate) fn instrument(
    bytes: &[u8],
    module: &Module,
    exports: Exports,
) -> Result<Vec<u8>, InstrumentError> {
    let mut rewriter = Rewriter::new(module, exports)?;
    let mut output = wasm_encoder::Module::new();
    let mut sections = Pending { exports: true, globals: true };
    let mut code = CodeSection::new();
    let mut bodies_left = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        sections.before(&payload, &rewriter, module, &mut output);
        match payload {
            Payload::TypeSection(section) => {
                let mut types = TypeSection::new();
                rewriter.parse_type_section(&mut types, section)?;
                rewriter.append_types(&mut types);
                output.section(&types);
            }
            Payload::ImportSection(section) => {
                let mut imports = wasm_encoder::ImportSection::new();
                rewriter.parse_import_section(&mut imports, section)?;
                output.section(&imports);
            }
            Payload::FunctionSection(section) => {
                let mut functions = wasm_encoder::FunctionSection::new();
                rewriter.parse_function_section(&mut functions, section)?;
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
                append_globals(&mut globals);
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
            Payload::CodeSectionEntry(body) => {
                rewriter.parse_function_body(&mut code, body)?;
                bodies_left -= 1;
                if bodies_left == 0 {
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
    exports: bool,
    globals: bool,
}

impl Pending {
    /// Puts in what has to come before `payload`.
    fn before(
        &mut self,
        payload: &Payload<'_>,
        rewriter: &Rewriter<'_>,
        module: &Module,
        output: &mut wasm_encoder::Module,
    ) {
        let (after_globals, after_exports) = match payload {
            Payload::ExportSection(_) => (true, false),
            Payload::StartSection { .. }
            | Payload::ElementSection(_)
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::DataSection(_)
            | Payload::End(_) => (true, true),
            _ => (false, false),
        };
        if after_globals && std::mem::take(&mut self.globals) {
            let mut globals = GlobalSection::new();
            append_globals(&mut globals);
            output.section(&globals);
        }
        if after_exports && std::mem::take(&mut self.exports) {
            output.section(&rewriter.exports(module));
        }
    }
}

fn append_globals(globals: &mut GlobalSection) {
    let counter = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    for _ in 0..3 {
        globals.global(counter, &ConstExpr::i32_const(0));
    }
}

/// The export that the machine calls: the last one of that name, whatever it is.
pub(crate) fn entry(module: &Module) -> Option<(ExportKind, u32)> {
    let entry = module.exports.iter().rev().find(|export| export.name == soru_pvm::run::ENTRYPOINT)?;
    Some((entry.kind, entry.index))
}

struct Rewriter<'a> {
    module: &'a Module,
    /// Lists of two and more results, each with a type of its own: a block says its results by such a type.
    result_types: Vec<&'a [ValueType]>,
    kept: Exports,
    /// The function that comes next.
    body: usize,
}

impl<'a> Rewriter<'a> {
    fn new(module: &'a Module, kept: Exports) -> Result<Self, InstrumentError> {
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
        Ok(Self { module, result_types, kept, body: 0 })
    }

    fn append_types(&self, types: &mut TypeSection) {
        for results in &self.result_types {
            types.ty().function([], results.iter().copied().map(encoded));
        }
    }

    fn depth(&self) -> u32 {
        self.module.globals.len() as u32
    }

    fn index(&self) -> u32 {
        self.depth() + 1
    }

    fn table_access(&self) -> u32 {
        self.depth() + 2
    }

    fn exports(&self, module: &Module) -> ExportSection {
        let mut exports = ExportSection::new();
        if !module.memories.is_empty() {
            exports.export(MEMORY, Kind::Memory, 0);
        }
        exports.export(DEPTH, Kind::Global, self.depth());
        exports.export(INDEX, Kind::Global, self.index());
        exports.export(TABLE_ACCESS, Kind::Global, self.table_access());
        if let Some(start) = module.start {
            exports.export(START, Kind::Func, start);
        }
        if let Some((ExportKind::Function, index)) = entry(module) {
            exports.export(ENTRY, Kind::Func, index);
        }
        if self.kept == Exports::All {
            for export in &module.exports {
                let kind = match export.kind {
                    ExportKind::Function => Kind::Func,
                    ExportKind::Table => Kind::Table,
                    ExportKind::Memory => Kind::Memory,
                    ExportKind::Global => Kind::Global,
                };
                exports.export(&export.name, kind, export.index);
            }
        }
        exports
    }

    fn block_of_body(&self) -> BlockType {
        let of_type = self.module.functions.get(self.body).and_then(|t| self.module.types.get(*t as usize));
        match of_type.map_or(&[][..], |of_type| &of_type.results) {
            [] => BlockType::Empty,
            [result] => BlockType::Result(encoded(*result)),
            results => {
                let place = self.result_types.iter().position(|other| *other == results).unwrap_or_default();
                BlockType::FunctionType((self.module.types.len() + place) as u32)
            }
        }
    }

    fn enter(&self, function: &mut Function) {
        let depth = self.depth();
        function
            .instructions()
            .global_get(depth)
            .i32_eqz()
            .if_(BlockType::Empty)
            .i32_const(EXHAUSTED)
            .global_set(depth)
            .unreachable()
            .end()
            .global_get(depth)
            .i32_const(1)
            .i32_sub()
            .global_set(depth);
    }

    fn leave(&self, function: &mut Function) {
        let depth = self.depth();
        function.instructions().global_get(depth).i32_const(1).i32_add().global_set(depth);
    }

    fn with_table_access(&self, function: &mut Function, instruction: &Instruction<'_>) {
        let flag = self.table_access();
        function.instructions().i32_const(1).global_set(flag);
        function.instruction(instruction);
        function.instructions().i32_const(0).global_set(flag);
    }
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

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        self.enter(&mut function);
        function.instruction(&Instruction::Block(self.block_of_body()));
        // Blocks of the kernel that are open, the body itself not counted.
        let mut open = 0;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open += 1,
                // The last one, of the body, becomes that of the block around it.
                Operator::End => open -= 1,
                _ => {}
            }
            match operator {
                Operator::Return => {
                    function.instruction(&Instruction::Br(open as u32));
                }
                Operator::CallIndirect { .. } => {
                    let index = self.index();
                    function.instructions().global_set(index).global_get(index);
                    function.instruction(&self.instruction(operator)?);
                }
                Operator::TableGet { .. }
                | Operator::TableSet { .. }
                | Operator::TableFill { .. }
                | Operator::TableCopy { .. }
                | Operator::TableInit { .. } => {
                    let instruction = self.instruction(operator)?;
                    self.with_table_access(&mut function, &instruction);
                }
                _ => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        self.leave(&mut function);
        function.instruction(&Instruction::End);
        code.function(&function);
        self.body += 1;
        Ok(())
    }
}

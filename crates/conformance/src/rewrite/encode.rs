//! Writing a module without its floats and imports.

use super::survey::{Spectest, Survey, is_float_type};
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, MemorySection, MemoryType, Module, RefType, StartSection,
    TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{ExternalKind, Operator, Parser, Payload};

type Result<T> = std::result::Result<T, Error<Infallible>>;

/// The value of the suite's globals.
const GLOBAL: i32 = 666;
/// So many parameters, and more, have the types that stand for those with floats: no type of the suite has as many.
const UNLIKELY: u32 = 24;

/// The sections, each with what was imported at its front.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    start: Option<u32>,
    elements: ElementSection,
    data_count: Option<u32>,
    code: CodeSection,
    data: DataSection,
}

pub(super) fn encode(wasm: &[u8], survey: &Survey) -> Result<Vec<u8>> {
    let mut writer = Writer { survey };
    let mut sections = Sections::default();
    for import in survey.imports.iter().flatten() {
        writer.define(*import, &mut sections);
    }
    let mut function = sections.code.len() as usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(_) => writer.types(&mut sections.types)?,
            Payload::FunctionSection(section) => {
                writer.parse_function_section(&mut sections.functions, section)?;
            }
            Payload::TableSection(section) => writer.parse_table_section(&mut sections.tables, section)?,
            Payload::MemorySection(section) => {
                writer.parse_memory_section(&mut sections.memories, section)?
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    if is_float_type(global.ty.content_type) {
                        let of_type =
                            GlobalType { val_type: ValType::I32, mutable: global.ty.mutable, shared: false };
                        sections.globals.global(of_type, &ConstExpr::i32_const(0));
                    } else {
                        let of_type = writer.global_type(global.ty)?;
                        sections.globals.global(of_type, &writer.const_expr(global.init_expr)?);
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if survey.keeps_export(export.kind, export.index) {
                        let kind = match export.kind {
                            ExternalKind::Table => wasm_encoder::ExportKind::Table,
                            ExternalKind::Memory => wasm_encoder::ExportKind::Memory,
                            ExternalKind::Global => wasm_encoder::ExportKind::Global,
                            _ => wasm_encoder::ExportKind::Func,
                        };
                        sections.exports.export(export.name, kind, export.index);
                    }
                }
            }
            Payload::StartSection { func, .. } => sections.start = Some(func),
            Payload::ElementSection(section) => {
                writer.parse_element_section(&mut sections.elements, section)?
            }
            Payload::DataCountSection { count, .. } => sections.data_count = Some(count),
            Payload::CodeSectionEntry(body) => {
                if survey.stubs[function] {
                    sections.code.function(&stub());
                } else {
                    writer.parse_function_body(&mut sections.code, body)?;
                }
                function += 1;
            }
            Payload::DataSection(section) => writer.parse_data_section(&mut sections.data, section)?,
            _ => {}
        }
    }
    Ok(sections.finish())
}

fn stub() -> Function {
    let mut function = Function::new([]);
    function.instructions().unreachable().end();
    function
}

impl Sections {
    fn finish(self) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&self.types);
        module.section(&self.functions).section(&self.tables).section(&self.memories);
        module.section(&self.globals).section(&self.exports);
        if let Some(function_index) = self.start {
            module.section(&StartSection { function_index });
        }
        module.section(&self.elements);
        if let Some(count) = self.data_count {
            module.section(&DataCountSection { count });
        }
        module.section(&self.code).section(&self.data);
        module.finish()
    }
}

struct Writer<'a> {
    survey: &'a Survey,
}

impl Writer<'_> {
    fn types(&mut self, types: &mut TypeSection) -> Result<()> {
        for (index, of_type) in (0..).zip(&self.survey.types) {
            if self.survey.is_float_signature(index) {
                types.ty().function(vec![ValType::I64; (UNLIKELY + index) as usize], []);
            } else {
                let of_type = self.func_type(of_type.clone())?;
                types.ty().func_type(&of_type);
            }
        }
        Ok(())
    }

    fn define(&mut self, import: Spectest, sections: &mut Sections) {
        match import {
            Spectest::Print { of_type } => {
                sections.functions.function(of_type);
                let mut body = Function::new([]);
                body.instructions().end();
                sections.code.function(&body);
            }
            Spectest::Table => {
                sections.tables.table(TableType {
                    element_type: RefType::FUNCREF,
                    table64: false,
                    minimum: 10,
                    maximum: Some(20),
                    shared: false,
                });
            }
            Spectest::Memory => {
                let maximum = Some(2);
                sections.memories.memory(MemoryType {
                    minimum: 1,
                    maximum,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                });
            }
            Spectest::Global(of_type) => {
                let long = of_type.content_type == wasmparser::ValType::I64;
                let val_type = if long { ValType::I64 } else { ValType::I32 };
                let of_type = GlobalType { val_type, mutable: of_type.mutable, shared: false };
                sections.globals.global(of_type, &constant(val_type));
            }
        }
    }
}

fn constant(of_type: ValType) -> ConstExpr {
    match of_type {
        ValType::I64 => ConstExpr::i64_const(GLOBAL.into()),
        _ => ConstExpr::i32_const(GLOBAL),
    }
}

impl Reencode for Writer<'_> {
    type Error = Infallible;

    /// Constants of WebAssembly 2.0 know imported globals only, and there are none any more.
    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        if let Operator::GlobalGet { global_index } = expression.get_operators_reader().read()?
            && let Some(of_type) = self.survey.globals.get(global_index as usize)
        {
            let long = of_type.content_type == wasmparser::ValType::I64;
            return Ok(constant(if long { ValType::I64 } else { ValType::I32 }));
        }
        wasm_encoder::reencode::utils::const_expr(self, expression)
    }
}

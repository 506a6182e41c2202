//! What the interpreter needs to know of a kernel besides its code.

use crate::Unsupported;
use soru_pvm::Version;
use soru_pvm::host::HostFunction;
use std::collections::BTreeSet;
use std::ops::Range;
use wasmparser::{
    BlockType, CompositeInnerType, ConstExpr, DataKind, ElementItems, ExportSectionReader, ExternalKind,
    FuncType, Operator, Parser, Payload, RefType, TypeRef, ValType, ValidPayload, Validator, WasmFeatures,
};

/// WebAssembly 2.0 as the machine has it.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2.union(WasmFeatures::MULTI_MEMORY);

/// A type of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ty {
    I32,
    I64,
    Func,
    Extern,
    /// It has a second cell.
    V128,
}

impl Ty {
    pub(crate) fn of(ty: ValType) -> Result<Self, Unsupported> {
        match ty {
            ValType::I32 => Ok(Self::I32),
            ValType::I64 => Ok(Self::I64),
            ValType::V128 => Ok(Self::V128),
            ValType::Ref(ty) if ty == RefType::FUNCREF => Ok(Self::Func),
            ValType::Ref(ty) if ty == RefType::EXTERNREF => Ok(Self::Extern),
            other => Err(Unsupported::new(format!("values of type {other}"))),
        }
    }
}

/// The type of a function or of a block.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signature {
    pub(crate) params: Vec<Ty>,
    pub(crate) results: Vec<Ty>,
}

impl Signature {
    fn of(ty: &FuncType) -> Result<Self, Unsupported> {
        let of = |types: &[ValType]| types.iter().map(|ty| Ty::of(*ty)).collect::<Result<Vec<_>, _>>();
        Ok(Self { params: of(ty.params())?, results: of(ty.results())? })
    }
}

/// The locals of a function, in groups as the kernel has them: a few bytes of it declare thousands.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    groups: Vec<(u32, Ty)>,
    count: usize,
}

impl Locals {
    fn add(&mut self, count: u32, ty: Ty) {
        if count > 0 {
            self.groups.push((count, ty));
            self.count += count as usize;
        }
    }

    /// How many they are: as many as the validator takes, at most.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Their types.
    pub(crate) fn types(&self) -> impl Iterator<Item = Ty> {
        self.groups.iter().flat_map(|(count, ty)| std::iter::repeat_n(*ty, *count as usize))
    }

    fn has(&self, ty: Ty) -> bool {
        self.groups.iter().any(|(_, of)| *of == ty)
    }
}

/// A function: of the host, or with code.
#[derive(Debug)]
pub(crate) struct Function {
    /// The index of its type.
    pub(crate) of_type: u32,
    pub(crate) host: Option<HostFunction>,
    /// The bytes of its code, in the kernel.
    pub(crate) code: Range<usize>,
    /// Its locals without the parameters.
    pub(crate) locals: Locals,
    /// Why it is no valid code, if it is none. The machine minds only where it comes to it.
    pub(crate) invalid: Option<String>,
}

/// A kernel that was read.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) bytes: Vec<u8>,
    pub(crate) types: Vec<Signature>,
    pub(crate) functions: Vec<Function>,
    pub(crate) globals: Vec<Ty>,
    pub(crate) tables: Vec<Ty>,
    /// The largest sizes of the tables.
    pub(crate) tables_max: Vec<Option<u64>>,
    pub(crate) memories: usize,
    /// The index of the start function.
    pub(crate) start: Option<u32>,
    /// The largest size of memory 0 in pages.
    pub(crate) pages_max: Option<u64>,
    /// The bytes of the segments of data, in the kernel.
    pub(crate) segments: Vec<Range<usize>>,
    /// The types of host functions that something may refer to, so that an indirect call can get to them.
    pub(crate) indirect_hosts: Vec<Signature>,
}

impl Module {
    /// Reads a kernel that the machine has initialised.
    pub(crate) fn read(bytes: &[u8], version: Version) -> Result<Self, Unsupported> {
        let invalid = |error: wasmparser::Error| Unsupported::new(error.to_string());
        let mut validator = Validator::new_with_features(FEATURES);
        let mut module = Self { bytes: bytes.to_vec(), ..Self::default() };
        let mut declared = Vec::new();
        let mut bodies = Vec::new();
        let mut invalid_body = Vec::new();
        let mut referred = Vec::new();
        let mut allocations = Default::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(invalid)?;
            // The machine takes exports of one name twice; here they matter for what they refer to.
            if !matches!(&payload, Payload::ExportSection(exports) if has_twins(exports).map_err(invalid)?)
                && let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)?
            {
                let mut function = function.into_validator(std::mem::take(&mut allocations));
                invalid_body.push(function.validate(&body).err().map(|error| error.to_string()));
                allocations = function.into_allocations();
            }
            match payload {
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(invalid)?;
                        if export.kind == ExternalKind::Func {
                            referred.push(export.index);
                        }
                    }
                }
                Payload::ElementSection(segments) => {
                    for segment in segments {
                        match segment.map_err(invalid)?.items {
                            ElementItems::Functions(functions) => {
                                for index in functions {
                                    referred.push(index.map_err(invalid)?);
                                }
                            }
                            ElementItems::Expressions(_, expressions) => {
                                for expression in expressions {
                                    refer(&expression.map_err(invalid)?, &mut referred).map_err(invalid)?;
                                }
                            }
                        }
                    }
                }
                Payload::TypeSection(types) => {
                    for group in types {
                        for ty in group.map_err(invalid)?.into_types() {
                            let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                                return Err(Unsupported::new("a type that is none of a function"));
                            };
                            module.types.push(Signature::of(ty)?);
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(invalid)?;
                        let host = HostFunction::by_name(version, import.name)
                            .filter(|_| import.module == HostFunction::MODULE);
                        let (TypeRef::Func(of_type), Some(_)) = (import.ty, host) else {
                            return Err(Unsupported::new(format!("the import {:?}", import.name)));
                        };
                        module.functions.push(Function {
                            of_type,
                            host,
                            code: 0..0,
                            locals: Locals::default(),
                            invalid: None,
                        });
                    }
                }
                Payload::FunctionSection(functions) => {
                    for of_type in functions {
                        declared.push(of_type.map_err(invalid)?);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        let ty = table.map_err(invalid)?.ty;
                        module.tables.push(Ty::of(ValType::Ref(ty.element_type))?);
                        module.tables_max.push(ty.maximum);
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let memory = memory.map_err(invalid)?;
                        if module.memories == 0 {
                            module.pages_max = memory.maximum;
                        }
                        module.memories += 1;
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        let global = global.map_err(invalid)?;
                        module.globals.push(Ty::of(global.ty.content_type)?);
                        refer(&global.init_expr, &mut referred).map_err(invalid)?;
                    }
                }
                Payload::StartSection { func, .. } => module.start = Some(func),
                Payload::DataSection(segments) => {
                    for segment in segments {
                        let segment = segment.map_err(invalid)?;
                        // Those that were copied at the beginning are dropped by it.
                        let range = match segment.kind {
                            DataKind::Passive => segment.range.end - segment.data.len()..segment.range.end,
                            DataKind::Active { .. } => 0..0,
                        };
                        module.segments.push(range);
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let mut locals = Locals::default();
                    let is_valid = matches!(invalid_body.last(), Some(None));
                    // Of an invalid one they may be any number.
                    for group in
                        body.get_locals_reader().map_err(invalid)?.into_iter().take_while(|_| is_valid)
                    {
                        let (count, ty) = group.map_err(invalid)?;
                        locals.add(count, Ty::of(ty)?);
                    }
                    bodies.push((body.range(), locals));
                }
                _ => (),
            }
        }
        if bodies.len() != declared.len() {
            return Err(Unsupported::new("functions without code"));
        }
        let own = declared.into_iter().zip(bodies).zip(invalid_body);
        module.functions.extend(own.map(|((of_type, (code, locals)), invalid)| Function {
            of_type,
            host: None,
            code,
            locals,
            invalid,
        }));
        for index in referred {
            let is_host =
                module.functions.get(index as usize).is_some_and(|function| function.host.is_some());
            // They are few, and may be referred to very often.
            if is_host && !module.indirect_hosts.contains(module.signature(index)) {
                module.indirect_hosts.push(module.signature(index).clone());
            }
        }
        Ok(module)
    }

    /// Whether an indirect call with this type may get to a host function.
    pub(crate) fn may_call_host(&self, of_type: u32) -> bool {
        self.indirect_hosts.contains(&self.types[of_type as usize])
    }

    /// Whether there may be vectors.
    pub(crate) fn has_vectors(&self) -> bool {
        let mut types = self.types.iter().flat_map(|ty| ty.params.iter().chain(&ty.results));
        types.any(|ty| *ty == Ty::V128)
            || self.functions.iter().any(|function| function.locals.has(Ty::V128))
            || self.globals.contains(&Ty::V128)
    }

    /// The type of a function.
    pub(crate) fn signature(&self, function: u32) -> &Signature {
        &self.types[self.functions[function as usize].of_type as usize]
    }

    /// The type of a block.
    pub(crate) fn block(&self, ty: BlockType) -> Result<Signature, Unsupported> {
        Ok(match ty {
            BlockType::Empty => Signature::default(),
            BlockType::Type(ty) => Signature { params: Vec::new(), results: vec![Ty::of(ty)?] },
            BlockType::FuncType(index) => self.types[index as usize].clone(),
        })
    }
}

/// Notes the functions that a constant expression refers to.
fn refer(expression: &ConstExpr<'_>, referred: &mut Vec<u32>) -> Result<(), wasmparser::Error> {
    for operator in expression.get_operators_reader() {
        if let Operator::RefFunc { function_index } = operator? {
            referred.push(function_index);
        }
    }
    Ok(())
}

fn has_twins(exports: &ExportSectionReader<'_>) -> Result<bool, wasmparser::Error> {
    let mut names = BTreeSet::new();
    for export in exports.clone() {
        if !names.insert(export?.name) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_bytes_declare_takes_little_room() {
        let (locals, hosts) = ("i32 ".repeat(30_000), "$has ".repeat(5_000));
        let wat = format!(
            r#"(module (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
                (table 5000 funcref) (elem (i32.const 0) func {hosts})
                (func (local {locals} i64 v128 v128)))"#
        );
        let module = Module::read(&wat::parse_str(wat).unwrap(), Version::V0).unwrap();
        assert_eq!(module.indirect_hosts.len(), 1);
        let locals = &module.functions[1].locals;
        assert_eq!((locals.groups.len(), locals.count(), locals.types().count()), (3, 30_003, 30_003));
        assert_eq!(locals.types().skip(29_999).take(3).collect::<Vec<_>>(), [Ty::I32, Ty::I64, Ty::V128]);
        assert!(module.has_vectors() && !locals.has(Ty::Func));
    }
}

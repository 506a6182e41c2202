//! Exports and globals of a rewritten module.

use super::rewriter::Rewriter;
use super::{ENTRY, EXHAUSTED, INDEX, MEMORY, Purpose, START, TABLE_ACCESS, TICKS};
use crate::decode::{ExportKind, Module, ValueType};
use wasm_encoder::{ConstExpr, ExportKind as Kind, ExportSection, GlobalSection, GlobalType, ValType};

/// The function that the machine calls: of the exports it keeps functions only, and the last one of a name.
pub(crate) fn entry(module: &Module) -> Option<u32> {
    let mut functions = module.exports.iter().filter(|export| export.kind == ExportKind::Function);
    functions.rfind(|export| export.name == soru_pvm::run::ENTRYPOINT).map(|export| export.index)
}

impl Rewriter<'_> {
    fn first_global(&self) -> u32 {
        self.module.globals.len() as u32
    }

    /// Of a metered kernel: the ticks that are left.
    pub(super) fn ticks(&self) -> u32 {
        self.first_global()
    }

    /// Of a metered kernel that refers to host functions: how many values wait below an indirect call.
    pub(super) fn around(&self) -> Option<u32> {
        (self.is_metered() && self.refers).then(|| self.first_global() + 1)
    }

    /// Of a module.
    pub(super) fn index(&self) -> u32 {
        self.first_global()
    }

    /// Of a module.
    pub(super) fn table_access(&self) -> u32 {
        self.first_global() + 1
    }

    /// Of a module.
    pub(super) fn exhausted(&self) -> u32 {
        self.first_global() + 2
    }

    pub(super) fn append_globals(&self, globals: &mut GlobalSection) {
        let mut add = |val_type, zero: ConstExpr| {
            globals.global(GlobalType { val_type, mutable: true, shared: false }, &zero);
        };
        match self.purpose {
            Purpose::Kernel { metered: true } => {
                (0..2).for_each(|_| add(ValType::I64, ConstExpr::i64_const(0)));
            }
            Purpose::Kernel { metered: false } => (),
            Purpose::Module => (0..3).for_each(|_| add(ValType::I32, ConstExpr::i32_const(0))),
        }
    }

    pub(super) fn exports(&self) -> ExportSection {
        let module = self.module;
        let mut exports = ExportSection::new();
        if !module.memories.is_empty() {
            exports.export(MEMORY, Kind::Memory, 0);
        }
        if let Some(start) = module.start {
            exports.export(START, Kind::Func, self.referred(start));
        }
        match self.purpose {
            Purpose::Kernel { metered } => {
                if metered {
                    exports.export(TICKS, Kind::Global, self.ticks());
                }
                let takes_nothing = |index: u32| {
                    module.function_type(index).is_some_and(|of| of.params == [] as [ValueType; 0])
                };
                if let Some(index) = entry(module).filter(|index| takes_nothing(*index)) {
                    exports.export(ENTRY, Kind::Func, self.referred(index));
                }
                // What is exported can be referred to by code.
                for export in module.exports.iter().filter(|export| export.kind == ExportKind::Function) {
                    let (name, index) =
                        (format!("soru:function-{}", export.index), self.referred(export.index));
                    if !module
                        .exports
                        .iter()
                        .take_while(|other| !std::ptr::eq(*other, export))
                        .any(|other| other.kind == ExportKind::Function && other.index == export.index)
                    {
                        exports.export(&name, Kind::Func, index);
                    }
                }
            }
            Purpose::Module => {
                exports.export(INDEX, Kind::Global, self.index());
                exports.export(TABLE_ACCESS, Kind::Global, self.table_access());
                exports.export(EXHAUSTED, Kind::Global, self.exhausted());
                for export in &module.exports {
                    let (kind, index) = match export.kind {
                        ExportKind::Function => (Kind::Func, self.referred(export.index)),
                        ExportKind::Table => (Kind::Table, export.index),
                        ExportKind::Memory => (Kind::Memory, export.index),
                        ExportKind::Global => (Kind::Global, export.index),
                    };
                    exports.export(&export.name, kind, index);
                }
            }
        }
        exports
    }
}

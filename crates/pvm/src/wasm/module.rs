//! A module as the machine keeps it.

use super::instruction::Instruction;
use super::types::{FuncType, GlobalType, MemoryType, RefType, TableType, ValueType};
use crate::lazy::{Chunks, Leaf, Text, Vec32, leaf_nodes, record};
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader};

type Put = Result<(), StateError>;

record! {
    /// A function of the module's own.
    Func {
        ftype: i32 = ["ftype"],
        locals: Vec32<ValueType> = ["locals"],
        body: i32 = ["body"],
    }
}

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportKind {
    /// A function, by the index of its type.
    Func(i32),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
}

impl Leaf for ImportKind {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        fn tagged(out: &mut Vec<u8>, tag: u8, body: &impl Leaf) -> Put {
            out.push(tag);
            body.put(out)
        }
        match self {
            Self::Func(index) => tagged(out, 0, index),
            Self::Table(table) => tagged(out, 1, table),
            Self::Memory(memory) => tagged(out, 2, memory),
            Self::Global(global) => tagged(out, 3, global),
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("kind of import")? {
            0 => Self::Func(i32::get(r)?),
            1 => Self::Table(TableType::get(r)?),
            2 => Self::Memory(MemoryType::get(r)?),
            3 => Self::Global(GlobalType::get(r)?),
            tag => return Err(r.invalid("kind of import", format!("the tag {tag} (0 to 3 expected)"))),
        })
    }
}

record! {
    /// An import.
    Import {
        module: Text = ["module_name"],
        item: Text = ["item_name"],
        kind: ImportKind = ["idesc"],
    }
}

/// What is exported, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExportKind {
    /// 0 to 3: function, table, memory, global.
    pub(crate) kind: u8,
    pub(crate) index: i32,
}

impl Leaf for ExportKind {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(self.kind);
        self.index.put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("kind of export")? {
            kind @ 0..=3 => Ok(Self { kind, index: i32::get(r)? }),
            tag => Err(r.invalid("kind of export", format!("the tag {tag} (0 to 3 expected)"))),
        }
    }
}

record! {
    /// An export.
    Export {
        name: Text = ["name"],
        kind: ExportKind = ["edesc"],
    }
}

/// A global of the module's own: its type and the block that computes its first value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Global {
    pub(crate) gtype: GlobalType,
    pub(crate) init: i32,
}

impl Leaf for Global {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.gtype.put(out)?;
        self.init.put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { gtype: GlobalType::get(r)?, init: i32::get(r)? })
    }
}

/// What becomes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentMode {
    /// It waits for an instruction.
    Passive,
    /// It is copied at the beginning, to where a block says.
    Active { index: i32, offset: i32 },
    /// It only declares references.
    Declarative,
}

impl Leaf for SegmentMode {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        match self {
            Self::Passive => out.push(0),
            Self::Active { index, offset } => {
                out.push(1);
                index.put(out)?;
                offset.put(out)?;
            }
            Self::Declarative => out.push(2),
        }
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("mode of a segment")? {
            0 => Self::Passive,
            1 => Self::Active { index: i32::get(r)?, offset: i32::get(r)? },
            2 => Self::Declarative,
            tag => return Err(r.invalid("mode of a segment", format!("the tag {tag} (0 to 2 expected)"))),
        })
    }
}

record! {
    /// A segment of elements.
    ElemSegment {
        etype: RefType = ["ref_type"],
        init: Vec32<i32> = ["einit"],
        mode: SegmentMode = ["mode"],
    }
}

record! {
    /// A segment of data.
    DataSegment {
        init: i32 = ["dinit"],
        mode: SegmentMode = ["dmode"],
    }
}

record! {
    /// A block of instructions. Blocks are named by their index.
    Block {
        instructions: Vec32<Instruction> = ["instructions"],
    }
}

record! {
    /// All blocks and all data of a module. Number 0 of each is empty.
    Allocations {
        blocks: Vec32<Block> = ["1", "block-table"],
        datas: Vec32<Chunks> = ["2", "datas-table"],
    }
}

impl Allocations {
    pub(crate) fn empty() -> Self {
        Self {
            blocks: Vec32::singleton(Block { instructions: Vec32::default() }),
            datas: Vec32::singleton(Chunks::zeros(0)),
        }
    }

    /// A new block.
    pub(crate) fn block(&mut self) -> i32 {
        self.blocks.append(Block { instructions: Vec32::default() })
    }
}

record! {
    /// A module.
    Module {
        types: Vec32<FuncType> = ["module", "types"],
        globals: Vec32<Global> = ["module", "globals"],
        tables: Vec32<TableType> = ["module", "tables"],
        memories: Vec32<MemoryType> = ["module", "memories"],
        funcs: Vec32<Func> = ["module", "funcs"],
        start: Option<i32> = ["module", "start"],
        elems: Vec32<ElemSegment> = ["module", "elem_segments"],
        datas: Vec32<DataSegment> = ["module", "data_segments"],
        imports: Vec32<Import> = ["module", "imports"],
        exports: Vec32<Export> = ["module", "exports"],
        allocations: Allocations = [],
    }
}

impl Module {
    pub(crate) fn empty() -> Self {
        Self {
            types: Vec32::default(),
            globals: Vec32::default(),
            tables: Vec32::default(),
            memories: Vec32::default(),
            funcs: Vec32::default(),
            start: None,
            elems: Vec32::default(),
            datas: Vec32::default(),
            imports: Vec32::default(),
            exports: Vec32::default(),
            allocations: Allocations::empty(),
        }
    }
}

leaf_nodes!(ImportKind, ExportKind, Global, SegmentMode);

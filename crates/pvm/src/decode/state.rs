//! Where the machine is in reading a kernel, and the form of that in the tree.

use crate::lazy::{Filling, Leaf, Maybe, Place, Text, Vec32, leaf_nodes, record, union};
use crate::state::StateError;
use crate::wasm::instruction::Instruction;
use crate::wasm::module::{
    Allocations, DataSegment, ElemSegment, Export, Func, Global, Import, Module, SegmentMode,
};
use crate::wasm::types::{BlockType, FuncType, GlobalType, MemoryType, RefType, TableType, ValueType};
use soru_base::bin::{DecodeError, Reader, put_bytes};

record! {
    /// A size and where what has it starts, both in bytes.
    Size {
        size: i32 = ["size"],
        start: i32 = ["start"],
    }
}

macro_rules! places {
    ($($(#[$meta:meta])* $name:ident = [$($path:literal),*]),* $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name;

        impl Place for $name {
            const PATH: &'static [&'static str] = &[$($path),*];
        }
    )*};
}

places! {
    InTypes = ["vector", "module", "types"],
    InImports = ["vector", "module", "imports"],
    InFuncs = ["vector", "module", "funcs"],
    InTables = ["vector", "module", "tables"],
    InMemories = ["vector", "module", "memories"],
    InGlobals = ["vector", "module", "globals"],
    InExports = ["vector", "module", "exports"],
    InElems = ["vector", "module", "elem_segments"],
    InCode = ["vector", "module", "code"],
    InDatas = ["vector", "module", "data_segments"],
}

pub(crate) type Types = Filling<FuncType, InTypes>;
pub(crate) type Imports = Filling<Import, InImports>;
pub(crate) type Globals = Filling<Global, InGlobals>;
pub(crate) type Exports = Filling<Export, InExports>;
pub(crate) type Elems = Filling<ElemSegment, InElems>;
pub(crate) type Code = Filling<Func, InCode>;
pub(crate) type Datas = Filling<DataSegment, InDatas>;

union! {
    /// A section.
    #[derive(Copy, PartialEq, Eq)]
    Section {
        "TypeField" Type,
        "ImportField" Import,
        "FuncField" Func,
        "TableField" Table,
        "MemoryField" Memory,
        "GlobalField" Global,
        "ExportField" Export,
        "StartField" Start,
        "ElemField" Elem,
        "DataCountField" DataCount,
        "CodeField" Code,
        "DataField" Data,
    }
}

union! {
    /// The elements of a section, as far as they are read.
    Elements {
        "TypeField" Types { elements: Types = [] },
        "ImportField" Imports { elements: Imports = [] },
        "FuncField" Funcs { elements: Filling<i32, InFuncs> = [] },
        "TableField" Tables { elements: Filling<TableType, InTables> = [] },
        "MemoryField" Memories { elements: Filling<MemoryType, InMemories> = [] },
        "GlobalField" Globals { elements: Globals = [] },
        "ExportField" Exports { elements: Exports = [] },
        "ElemField" Elems { elements: Elems = [] },
        "CodeField" Code { elements: Code = [] },
        "DataField" Datas { elements: Datas = [] },
    }
}

/// The bytes of a name that were read, and their number.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameBuffer(pub(crate) Vec<u8>);

impl Leaf for NameBuffer {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put_bytes(out, &self.0);
        (self.0.len() as i32).put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = Text::get(r)?;
        r.i32("length")?;
        Ok(Self(text.0))
    }
}

leaf_nodes!(NameBuffer);

union! {
    /// A name.
    NameStep {
        "NKStart" Start,
        // The length left may become negative: the machine then reads on until something is wrong.
        "NKParse" Parse { pos: i32 = ["pos"], buffer: NameBuffer = ["buffer"], left: i32 = ["length"] },
        "NKStop" Stop { name: Text = [] },
    }
}

union! {
    /// The type of a function.
    FuncTypeStep {
        "FKStart" Start,
        "FKIns" Params { params: Filling<ValueType> = ["ins_kont"] },
        "FKOut" Results { params: Vec32<ValueType> = ["params"], results: Filling<ValueType> = ["lazy_kont"] },
        "FKStop" Stop { func_type: FuncType = [] },
    }
}

union! {
    /// An import.
    ImportStep {
        "ImpKStart" Start,
        "ImpKModuleName" Module { name: NameStep = ["module_name"] },
        "ImpKItemName" Item { module: Text = ["1", "module_name"], name: NameStep = ["2", "item_name"] },
        "ImpKStop" Stop { import: Import = [] },
    }
}

union! {
    /// An export.
    ExportStep {
        "ExpKStart" Start,
        "ExpKName" Name { name: NameStep = [] },
        "ExpKStop" Stop { export: Export = [] },
    }
}

union! {
    /// What is open in an expression.
    Open {
        "IKStop" Stop { block: i32 = [] },
        "IKNext" Next { block: i32 = [] },
        "IKBlock" Block { block_type: BlockType = ["type"], pos: i32 = ["pos"] },
        "IKLoop" Loop { block_type: BlockType = ["type"], pos: i32 = ["pos"] },
        "IKIf1" Then { block_type: BlockType = ["type"], pos: i32 = ["pos"] },
        "IKIf2" Else { block_type: BlockType = ["type"], pos: i32 = ["pos"], then: i32 = ["else"] },
    }
}

record! {
    /// A stack. What lies above its length is left over from before.
    OpenStack {
        length: i32 = ["length"],
        vector: Vec32<Open> = ["vector"],
    }
}

union! {
    /// An expression.
    BlockStep {
        "BlockStart" Start,
        "BlockParse" Parse { stack: OpenStack = [] },
        "BlockStop" Stop { block: i32 = [] },
    }
}

record! {
    /// Some locals of one type.
    Locals {
        count: i32 = ["occurences"],
        value_type: ValueType = ["type"],
    }
}

union! {
    /// A function's body.
    CodeStep {
        "CKStart" Start,
        "CKLocalsParse" Locals {
            left: i32 = ["left"], size: Size = ["size"], pos: i32 = ["pos"],
            groups: Filling<Locals> = ["vec_kont"], count: i64 = ["locals_size"],
        },
        "CKLocalsAccumulate" Spread {
            left: i32 = ["left"], size: Size = ["size"], pos: i32 = ["pos"],
            groups: Filling<Locals> = ["type_vec"], current: Maybe<Locals> = ["curr_type"],
            locals: Filling<ValueType> = ["vec_kont"],
        },
        "CKBody" Body {
            left: i32 = ["left"], size: Size = ["size"], locals: Vec32<ValueType> = ["locals"],
            block: BlockStep = ["const_kont"],
        },
        "CKStop" Stop { func: Func = [] },
    }
}

/// Whether the elements of a segment are indices of functions or expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexKind {
    Indexed,
    Const,
}

impl Leaf for IndexKind {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        out.push(*self as u8);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("kind of elements")? {
            0 => Ok(Self::Indexed),
            1 => Ok(Self::Const),
            tag => Err(r.invalid("kind of elements", format!("the tag {tag} (0 or 1 expected)"))),
        }
    }
}

leaf_nodes!(IndexKind);

union! {
    /// A segment of elements.
    ElemStep {
        "EKStart" Start,
        "EKMode" Mode {
            left: i32 = ["left"], index: i32 = ["index"], kind: IndexKind = ["index_kind"],
            early: Option<RefType> = ["early_ref_type"],
            offset_left: i32 = ["offset_kont"], offset: BlockStep = ["offset_kont_code"],
        },
        "EKInitIndexed" Indexed {
            mode: SegmentMode = ["mode"], ref_type: RefType = ["ref_type"], init: Filling<i32> = ["einit_vec"],
        },
        "EKInitConst" Const {
            mode: SegmentMode = ["mode"], ref_type: RefType = ["ref_type"], init: Filling<i32> = ["einit_vec"],
            left: i32 = ["einit_kont_pos"], block: BlockStep = ["einit_kont_block"],
        },
        "EKStop" Stop { segment: ElemSegment = [] },
    }
}

union! {
    /// The bytes of a segment of data.
    BytesStep {
        "VKStart" Start,
        "VKRead" Read { data: i32 = ["data_label"], pos: i64 = ["pos"], length: i64 = ["length"] },
        "VKStop" Stop { data: i32 = ["data_label"] },
    }
}

union! {
    /// A segment of data.
    DataStep {
        "DKStart" Start,
        "DKMode" Mode {
            left: i32 = ["left"], index: i32 = ["index"],
            offset_left: i32 = ["offset_kont"], offset: BlockStep = ["offset_kont_code"],
        },
        "DKInit" Init { mode: SegmentMode = ["dmode"], bytes: BytesStep = ["init_kont"] },
        "DKStop" Stop { segment: DataSegment = [] },
    }
}

record! {
    /// The functions that were put together.
    Funcs {
        funcs: Vec32<Func> = ["module", "funcs"],
    }
}

union! {
    /// The step of a module.
    ModuleStep {
        "MKStart" Start,
        "MKSkipCustom" SkipCustom { next: Maybe<Section> = [] },
        "MKFieldStart" SectionStart { section: Section = [] },
        "MKField" Section { elements: Elements = [], size: Size = [] },
        "MKElaborateFunc" Elaborate {
            types: Vec32<i32> = ["module", "funcs"], bodies: Vec32<Func> = ["module", "code"],
            funcs: Filling<Func> = ["func_kont"], blocks: Maybe<Filling<Filling<Instruction>>> = ["instr_kont"],
            no_data: bool = ["no-datas-in-funcs"],
        },
        "MKBuild" Build { funcs: Maybe<Funcs> = [], no_data: bool = ["no-datas-in-funcs"] },
        "MKStop" Stop { module: Box<Module> = [] },
        "MKTypes" Type {
            step: FuncTypeStep = ["func_type_kont"], pos: i32 = ["pos"], size: Size = ["size"], done: Types = [],
        },
        "MKImport" Import {
            step: ImportStep = ["import_kont"], pos: i32 = ["pos"], size: Size = ["size"], done: Imports = [],
        },
        "MKExport" Export {
            step: ExportStep = ["export_kont"], pos: i32 = ["pos"], size: Size = ["size"], done: Exports = [],
        },
        "MKGlobal" Global {
            gtype: GlobalType = ["global_type"], pos: i32 = ["pos"], block: BlockStep = ["block_kont"],
            size: Size = ["size"], done: Globals = [],
        },
        "MKElem" Elem { step: ElemStep = ["elem_kont"], pos: i32 = ["pos"], size: Size = ["size"], done: Elems = [] },
        "MKData" Data { step: DataStep = ["data_kont"], pos: i32 = ["pos"], size: Size = ["size"], done: Datas = [] },
        "MKCode" Code { step: CodeStep = ["code_kont"], pos: i32 = ["pos"], size: Size = ["size"], done: Code = [] },
    }
}

record! {
    /// What the sections have given.
    Sections {
        types: Vec32<FuncType> = ["types"],
        imports: Vec32<Import> = ["imports"],
        funcs: Vec32<i32> = ["vars"],
        tables: Vec32<TableType> = ["tables"],
        memories: Vec32<MemoryType> = ["memories"],
        globals: Vec32<Global> = ["globals"],
        exports: Vec32<Export> = ["exports"],
        start: Option<i32> = ["start"],
        elems: Vec32<ElemSegment> = ["elems"],
        data_count: Option<i32> = ["data_count"],
        code: Vec32<Func> = ["code"],
        datas: Vec32<DataSegment> = ["datas"],
    }
}

record! {
    /// A machine that reads a kernel.
    Decoding {
        sections: Sections = ["building_state"],
        step: ModuleStep = ["module_kont"],
        allocations: Allocations = ["allocation_state"],
        pos: i32 = ["stream_pos"],
        name: Text = ["stream_name"],
    }
}

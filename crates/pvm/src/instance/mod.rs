//! An instance of a module: what a kernel runs on.

mod function;
mod memory;
mod table;

pub(crate) use function::{Function, FunctionRef, InstanceType};
pub(crate) use memory::{AccessError, HostMemory, MemoryInstance};
pub(crate) use table::TableInstance;

use crate::eval::{Fault, Ref, Value};
use crate::lazy::{Leaf, Names, Vec32, VectorError, leaf_nodes, record, union};
use crate::state::StateError;
use crate::wasm::module::{Allocations, Block};
use crate::wasm::types::{BlockType, ValueType};
use soru_base::bin::{DecodeError, Reader};

union! {
    /// Something that is given to an instance, or that an instance gives.
    Extern {
        "ExternFunc" Func { function: FunctionRef = [] },
        "ExternTable" Table { table: TableInstance = [] },
        "ExternMemory" Memory { memory: MemoryInstance = [] },
        "ExternGlobal" Global { global: GlobalInstance = [] },
    }
}

record! {
    /// The references of a segment.
    Elements {
        refs: Vec32<Ref> = ["refs"],
    }
}

record! {
    /// An instance of a module.
    Instance {
        types: Vec32<InstanceType> = ["1", "types"],
        functions: Vec32<FunctionRef> = ["2", "functions"],
        tables: Vec32<TableInstance> = ["3", "tables"],
        memories: Vec32<MemoryInstance> = ["4", "memories"],
        globals: Vec32<GlobalInstance> = ["5", "globals"],
        exports: Names<Extern> = ["6"],
        elems: Vec32<Elements> = ["7", "elements"],
        // Numbers of data in the allocations.
        datas: Vec32<i32> = ["8", "datas"],
        allocations: Allocations = ["9"],
    }
}

/// All instances, by name. There is one.
pub(crate) type Modules = Names<Box<Instance>>;

impl Instance {
    pub(crate) fn empty() -> Self {
        Self {
            types: Vec32::default(),
            functions: Vec32::default(),
            tables: Vec32::default(),
            memories: Vec32::default(),
            globals: Vec32::default(),
            exports: Names::default(),
            elems: Vec32::default(),
            datas: Vec32::default(),
            allocations: Allocations::empty(),
        }
    }

    pub(crate) fn func_type(&mut self, index: i32) -> Result<&mut InstanceType, Fault> {
        self.types.look(index).map_err(|e| undefined("type", index, e))
    }

    #[inline]
    pub(crate) fn function(&mut self, index: i32) -> Result<&FunctionRef, Fault> {
        self.functions.get(index).map_err(|e| undefined("function", index, e))
    }

    pub(crate) fn look_at_table(&mut self, index: i32) -> Result<&mut TableInstance, Fault> {
        self.tables.look(index).map_err(|e| undefined("table", index, e))
    }

    pub(crate) fn table(&mut self, index: i32) -> Result<&mut TableInstance, Fault> {
        self.tables.get_mut(index).map_err(|e| undefined("table", index, e))
    }

    #[inline]
    pub(crate) fn look_at_memory(&mut self, index: i32) -> Result<&mut MemoryInstance, Fault> {
        self.memories.look(index).map_err(|e| undefined("memory", index, e))
    }

    #[inline]
    pub(crate) fn memory(&mut self, index: i32) -> Result<&mut MemoryInstance, Fault> {
        self.memories.get_mut(index).map_err(|e| undefined("memory", index, e))
    }

    #[inline]
    pub(crate) fn look_at_global(&mut self, index: i32) -> Result<&GlobalInstance, Fault> {
        self.globals.get(index).map_err(|e| undefined("global", index, e))
    }

    pub(crate) fn global(&mut self, index: i32) -> Result<&mut GlobalInstance, Fault> {
        self.globals.get_mut(index).map_err(|e| undefined("global", index, e))
    }

    pub(crate) fn look_at_elements(&mut self, index: i32) -> Result<&mut Elements, Fault> {
        self.elems.look(index).map_err(|e| undefined("element segment", index, e))
    }

    pub(crate) fn elements(&mut self, index: i32) -> Result<&mut Elements, Fault> {
        self.elems.get_mut(index).map_err(|e| undefined("element segment", index, e))
    }

    pub(crate) fn look_at_data(&mut self, index: i32) -> Result<i32, Fault> {
        self.datas.get(index).copied().map_err(|e| undefined("data segment", index, e))
    }

    /// The number of a data segment's data.
    pub(crate) fn data(&mut self, index: i32) -> Result<&mut i32, Fault> {
        self.datas.get_mut(index).map_err(|e| undefined("data segment", index, e))
    }

    #[inline]
    pub(crate) fn block(&mut self, number: i32) -> Result<&mut Block, Fault> {
        Ok(self.allocations.blocks.look(number)?)
    }

    /// How many parameters and results a block has.
    pub(crate) fn block_arity(&mut self, block_type: BlockType) -> Result<(i32, i32), Fault> {
        Ok(match block_type {
            BlockType::Index(index) => {
                let func_type = self.func_type(index)?;
                (func_type.params.length(), func_type.results.length())
            }
            BlockType::Value(value) => (0, i32::from(value.is_some())),
        })
    }
}

#[cold]
fn undefined(what: &str, index: i32, error: VectorError) -> Fault {
    match error {
        VectorError::Bounds => Fault::crash(format!("undefined {what} {index}")),
        other => other.into(),
    }
}

/// Whether a global can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mutability(pub(crate) bool);

impl Leaf for Mutability {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        out.push(u8::from(!self.0));
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("mutability")? {
            0 => Ok(Self(true)),
            1 => Ok(Self(false)),
            tag => Err(r.invalid("mutability", format!("the tag {tag} (0 or 1 expected)"))),
        }
    }
}

leaf_nodes!(Mutability);

record! {
    /// A global. Its type is that of its value.
    GlobalInstance {
        mutable: Mutability = ["1", "type"],
        value: Value = ["2", "value"],
    }
}

impl GlobalInstance {
    pub(crate) fn new(mutable: bool, value_type: ValueType, value: Value) -> Result<Self, Fault> {
        if value.value_type() != value_type {
            return Err(Fault::raised("Tezos_webassembly_interpreter.Global.Type"));
        }
        Ok(Self { mutable: Mutability(mutable), value })
    }

    pub(crate) fn store(&mut self, value: Value) -> Result<(), Fault> {
        if !self.mutable.0 {
            return Err(Fault::crash("write to immutable global"));
        }
        if value.value_type() != self.value.value_type() {
            return Err(Fault::crash("type mismatch at global write"));
        }
        self.value = value;
        Ok(())
    }
}

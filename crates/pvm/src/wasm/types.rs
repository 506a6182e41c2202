//! Types of WebAssembly, as leaves of the state.

use crate::lazy::{Leaf, Vec32, leaf_nodes, record};
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader};

type Put = Result<(), StateError>;

/// A type of values. Floats do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ValueType {
    I32,
    I64,
    V128,
    FuncRef,
    ExternRef,
}

const VALUE_TYPES: [ValueType; 5] =
    [ValueType::I32, ValueType::I64, ValueType::V128, ValueType::FuncRef, ValueType::ExternRef];

impl Leaf for ValueType {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(*self as u8);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let index = r.u8("type")?;
        VALUE_TYPES
            .get(usize::from(index))
            .copied()
            .ok_or_else(|| r.invalid("type", format!("the tag {index}")))
    }
}

/// A type of references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RefType {
    Func,
    Extern,
}

impl RefType {
    pub(crate) fn value(self) -> ValueType {
        match self {
            Self::Func => ValueType::FuncRef,
            Self::Extern => ValueType::ExternRef,
        }
    }
}

impl Leaf for RefType {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.push(*self as u8);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("type of references")? {
            0 => Ok(Self::Func),
            1 => Ok(Self::Extern),
            tag => Err(r.invalid("type of references", format!("the tag {tag} (0 or 1 expected)"))),
        }
    }
}

/// The type of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockType {
    /// That of a function.
    Index(i32),
    /// No parameters, at most one result.
    Value(Option<ValueType>),
}

impl Leaf for BlockType {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        match self {
            Self::Index(index) => {
                out.push(0);
                index.put(out)
            }
            Self::Value(value) => {
                out.push(1);
                put_option(value.as_ref(), out)
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("type of a block")? {
            0 => Ok(Self::Index(i32::get(r)?)),
            1 => Ok(Self::Value(get_option(r)?)),
            tag => Err(r.invalid("type of a block", format!("the tag {tag} (0 or 1 expected)"))),
        }
    }
}

pub(super) fn put_option<T: Leaf>(value: Option<&T>, out: &mut Vec<u8>) -> Put {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            value.put(out)?;
        }
    }
    Ok(())
}

pub(super) fn get_option<T: Leaf>(r: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
    match r.u8("option")? {
        0 => Ok(None),
        1 => T::get(r).map(Some),
        tag => Err(r.invalid("option", format!("the tag {tag} (0 or 1 expected)"))),
    }
}

record! {
    /// The type of a function.
    FuncType {
        params: Vec32<ValueType> = ["1", "type_params"],
        results: Vec32<ValueType> = ["2", "type_result"],
    }
}

/// Smallest and largest size of a table or memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) min: i32,
    pub(crate) max: Option<i32>,
}

impl Limits {
    /// Whether the largest size is none, or not below the smallest.
    pub(crate) fn are_valid(self) -> bool {
        self.max.is_none_or(|max| self.min as u32 <= max as u32)
    }
}

impl Leaf for Limits {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.min.put(out)?;
        put_option(self.max.as_ref(), out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { min: i32::get(r)?, max: get_option(r)? })
    }
}

/// The type of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryType(pub(crate) Limits);

impl Leaf for MemoryType {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.0.put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Limits::get(r).map(Self)
    }
}

/// The type of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableType {
    pub(crate) limits: Limits,
    pub(crate) elements: RefType,
}

impl Leaf for TableType {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.limits.put(out)?;
        self.elements.put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { limits: Limits::get(r)?, elements: RefType::get(r)? })
    }
}

/// The type of a global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GlobalType {
    pub(crate) value: ValueType,
    pub(crate) mutable: bool,
}

impl Leaf for GlobalType {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        self.value.put(out)?;
        out.push(u8::from(!self.mutable));
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value = ValueType::get(r)?;
        match r.u8("mutability")? {
            0 => Ok(Self { value, mutable: true }),
            1 => Ok(Self { value, mutable: false }),
            tag => Err(r.invalid("mutability", format!("the tag {tag} (0 or 1 expected)"))),
        }
    }
}

leaf_nodes!(ValueType, RefType, BlockType, MemoryType, TableType, GlobalType);

//! Types, as the machine reads them: floats are refused.

use super::reader::{Reader, Result};
use std::fmt;

/// What the machine says of floating-point numbers.
pub(crate) const FLOATS: &str = "float instructions are forbidden";

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ValueType {
    I32,
    I64,
    V128,
    FuncRef,
    ExternRef,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        })
    }
}

/// Type of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FuncType {
    pub(crate) params: Vec<ValueType>,
    pub(crate) results: Vec<ValueType>,
}

/// Smallest and largest size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.min)?;
        self.max.map_or(Ok(()), |max| write!(f, " {max}"))
    }
}

impl Limits {
    /// Whether the largest size is not below the smallest.
    pub(crate) fn in_order(&self) -> bool {
        self.max.is_none_or(|max| self.min <= max)
    }
}

pub(super) fn value_type(reader: &mut Reader<'_>) -> Result<ValueType> {
    match reader.peek() {
        Some(0x7c..) => match reader.s7()? {
            -1 => Ok(ValueType::I32),
            -2 => Ok(ValueType::I64),
            -3 | -4 => reader.fail_back(FLOATS),
            _ => reader.fail_back("malformed number type"),
        },
        Some(0x71..) => match reader.s7()? {
            -5 => Ok(ValueType::V128),
            _ => reader.fail_back("malformed vector type"),
        },
        _ => ref_type(reader),
    }
}

pub(super) fn ref_type(reader: &mut Reader<'_>) -> Result<ValueType> {
    match reader.s7()? {
        -0x10 => Ok(ValueType::FuncRef),
        -0x11 => Ok(ValueType::ExternRef),
        _ => reader.fail_back("malformed reference type"),
    }
}

pub(super) fn value_types(reader: &mut Reader<'_>, count: usize) -> Result<Vec<ValueType>> {
    (0..count).map(|_| value_type(reader)).collect()
}

pub(super) fn func_type(reader: &mut Reader<'_>) -> Result<FuncType> {
    let form = reader.s7()?;
    let count = reader.length()?;
    if form != -0x20 {
        return reader.fail_back("malformed function type");
    }
    let params = value_types(reader, count)?;
    let count = reader.length()?;
    Ok(FuncType { params, results: value_types(reader, count)? })
}

pub(super) fn limits(reader: &mut Reader<'_>) -> Result<Limits> {
    let has_max = reader.bool()?;
    let min = reader.u32()?;
    Ok(Limits { min, max: has_max.then(|| reader.u32()).transpose()? })
}

pub(super) fn table_type(reader: &mut Reader<'_>) -> Result<(ValueType, Limits)> {
    let element = ref_type(reader)?;
    Ok((element, limits(reader)?))
}

/// Type of a global, and whether it can be written to.
pub(super) fn global_type(reader: &mut Reader<'_>) -> Result<(ValueType, bool)> {
    let value = value_type(reader)?;
    match reader.byte()? {
        0 => Ok((value, false)),
        1 => Ok((value, true)),
        _ => reader.fail_back("malformed mutability"),
    }
}

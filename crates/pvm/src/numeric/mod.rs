//! Numbers and the operations on them, each with its form in a state.
//!
//! An operation is its own kind, its width and its immediates, and says what comes of its operands. Nothing here needs a
//! machine.
//!
//! Nothing is validated, so operands may be of the wrong type, and lanes may be missing:
//!
//! * Of two wrong operands the words name the second one; of the number that is put into a lane they say "operand 1".
//! * A store without a packing stores as many bytes as its number has, whatever the instruction says.
//! * Taking a lane that is not there is a failure; putting one there has no effect.
//! * Conversions from floats are instructions like others, but nothing is a float: they fail for any operand. On the lanes
//!   of a vector they work.

mod access;
mod integer;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
pub(crate) mod vector;

pub(crate) use access::{Extension, LoadOp, Packing, StoreOp};
pub(crate) use integer::{
    Binary, BinaryOp, CompareOp, Comparison, Conversion, ConvertOp, TestOp, Unary, UnaryOp,
};

use crate::lazy::Leaf;
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader};
use thiserror::Error;

type Put = Result<(), StateError>;

/// An enumeration that is written as one byte: the cases count from 0.
macro_rules! coded {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$case_meta:meta])* $case:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum $name {
            $($(#[$case_meta])* $case),*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$case),*];
        }

        impl $crate::lazy::Leaf for $name {
            fn put(&self, out: &mut Vec<u8>) -> Result<(), $crate::state::StateError> {
                out.push(*self as u8);
                Ok(())
            }

            fn get(r: &mut soru_base::bin::Reader<'_>) -> Result<Self, soru_base::bin::DecodeError> {
                let code = r.u8($what)?;
                Self::ALL.get(usize::from(code)).copied().ok_or_else(|| {
                    r.invalid($what, format!("the number {code} ({} at most)", Self::ALL.len() - 1))
                })
            }
        }
    };
}
use coded;

coded! {
    /// The width of an integer.
    Width, "width" { W32, W64 }
}

/// The value of a number. Floats do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    I32(i32),
    I64(i64),
}

impl Leaf for Number {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        match self {
            Self::I32(n) => {
                out.push(0);
                n.put(out)
            }
            Self::I64(n) => {
                out.push(1);
                n.put(out)
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match Width::get(r)? {
            Width::W32 => i32::get(r).map(Self::I32),
            Width::W64 => i64::get(r).map(Self::I64),
        }
    }
}

impl From<bool> for Number {
    #[inline]
    fn from(holds: bool) -> Self {
        Self::I32(i32::from(holds))
    }
}

impl Number {
    /// The width that it has.
    #[inline]
    pub(crate) fn width(self) -> Width {
        match self {
            Self::I32(_) => Width::W32,
            Self::I64(_) => Width::W64,
        }
    }

    /// An int32 that has to be the operand of this number, counted from 1.
    #[inline]
    fn as_i32(self, operand: u8) -> Result<i32, NumericError> {
        match self {
            Self::I32(n) => Ok(n),
            Self::I64(_) => Err(NumericError::operand(operand, self, NumberType::I32)),
        }
    }

    /// An int64 that has to be the operand of this number, counted from 1.
    #[inline]
    fn as_i64(self, operand: u8) -> Result<i64, NumericError> {
        match self {
            Self::I64(n) => Ok(n),
            Self::I32(_) => Err(NumericError::operand(operand, self, NumberType::I64)),
        }
    }
}

/// A type of numbers, as the machine's words name it. Of the last two there are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberType {
    I32,
    I64,
    F32,
    F64,
}

impl NumberType {
    fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

impl From<Width> for NumberType {
    fn from(width: Width) -> Self {
        match width {
            Width::W32 => Self::I32,
            Width::W64 => Self::I64,
        }
    }
}

/// Why an operation has no result. The texts are the machine's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NumericError {
    /// The kernel traps.
    #[error(transparent)]
    Trap(#[from] NumericTrap),
    /// The machine gets stuck in the evaluation: an operand of another type.
    #[error("type error, expected {} as operand {operand}, got {}", expected.name(), got.name())]
    Crash {
        /// Counted from 1.
        operand: u8,
        expected: NumberType,
        got: NumberType,
    },
    /// The machine gets stuck for a reason unknown to it: a lane that the vector does not have.
    #[error("Failure(\"nth\")")]
    NoLane,
}

/// What a kernel can be told by a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NumericTrap {
    #[error("integer overflow")]
    Overflow,
    #[error("integer divide by zero")]
    DivideByZero,
}

impl NumericError {
    #[cold]
    fn operand(operand: u8, found: Number, expected: NumberType) -> Self {
        Self::Crash { operand, expected, got: found.width().into() }
    }
}

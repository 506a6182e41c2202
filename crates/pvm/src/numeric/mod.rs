//! Numbers and the operations on them, each with its form in a state.
//!
//! An operation is its own kind, its width and its immediates, and says what comes of its operands. Nothing here needs a
//! machine.

mod access;
mod integer;
pub(crate) mod vector;

pub(crate) use access::{Extension, LoadOp, Packing, StoreOp};
pub(crate) use integer::{
    Binary, BinaryOp, CompareOp, Comparison, Conversion, ConvertOp, TestOp, Unary, UnaryOp,
};

use crate::lazy::Leaf;
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader};

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

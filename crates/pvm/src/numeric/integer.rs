//! Operations on integers.

use super::{Put, Width, coded};
use crate::lazy::Leaf;
use soru_base::bin::{DecodeError, Reader};

/// Is the number zero?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TestOp(pub(crate) Width);

coded! {
    Comparison, "comparison" { Eq, Ne, LtS, LtU, GtS, GtU, LeS, LeU, GeS, GeU }
}

/// A comparison of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompareOp(pub(crate) Width, pub(crate) Comparison);

coded! {
    /// `Extend8` and so on: the sign of so many low bits goes into those above.
    Unary, "operation on one number" { Clz, Ctz, Popcnt, Extend8, Extend16, Extend32 }
}

/// An operation on one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnaryOp(pub(crate) Width, pub(crate) Unary);

coded! {
    Binary, "operation on two numbers" {
        Add, Sub, Mul, DivS, DivU, RemS, RemU, And, Or, Xor, Shl, ShrS, ShrU, Rotl, Rotr,
    }
}

/// An operation on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BinaryOp(pub(crate) Width, pub(crate) Binary);

coded! {
    /// What a number is made of. Those of floats find none.
    Conversion, "conversion" {
        ExtendS, ExtendU, Wrap,
        TruncF32S, TruncF32U, TruncF64S, TruncF64U,
        TruncSatF32S, TruncSatF32U, TruncSatF64S, TruncSatF64U,
        Reinterpret,
    }
}

/// A conversion to a number of a width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConvertOp(pub(crate) Width, pub(crate) Conversion);

impl Leaf for TestOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend([self.0 as u8, 0]);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let width = Width::get(r)?;
        match r.u8("test")? {
            0 => Ok(Self(width)),
            tag => Err(r.invalid("test", format!("the number {tag} (0 expected)"))),
        }
    }
}

/// Operations that are written as a width and a number.
macro_rules! width_and_kind {
    ($($op:ident($kind:ident)),* $(,)?) => {$(
        impl Leaf for $op {
            fn put(&self, out: &mut Vec<u8>) -> Put {
                out.extend([self.0 as u8, self.1 as u8]);
                Ok(())
            }

            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(Width::get(r)?, $kind::get(r)?))
            }
        }
    )*};
}

width_and_kind!(CompareOp(Comparison), BinaryOp(Binary), ConvertOp(Conversion));

/// The operation that extends, and its three sizes, in this order.
const EXTEND: u8 = Unary::Extend8 as u8;

impl Leaf for UnaryOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        let kind = self.1 as u8;
        out.extend([self.0 as u8, kind.min(EXTEND)]);
        out.extend(kind.checked_sub(EXTEND));
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "operation on one number";
        let width = Width::get(r)?;
        let kind = match r.u8(WHAT)? {
            0 => Unary::Clz,
            1 => Unary::Ctz,
            2 => Unary::Popcnt,
            EXTEND => match (width, r.u8("size")?) {
                (_, 0) => Unary::Extend8,
                (_, 1) => Unary::Extend16,
                (Width::W64, 2) => Unary::Extend32,
                (_, size) => return Err(r.invalid("size", format!("{size}, which extends nothing here"))),
            },
            kind => return Err(r.invalid(WHAT, format!("the number {kind} ({EXTEND} at most)"))),
        };
        Ok(Self(width, kind))
    }
}

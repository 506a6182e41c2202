//! Operations on integers.

use super::{Number, NumberType, NumericError, NumericTrap, Put, Width, coded};
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

macro_rules! comparisons {
    ($($name:ident: $signed:ident $unsigned:ident),* $(,)?) => {
        impl Comparison {$(
            #[inline]
            pub(super) fn $name(self, a: $signed, b: $signed) -> bool {
                let (unsigned_a, unsigned_b) = (a as $unsigned, b as $unsigned);
                match self {
                    Self::Eq => a == b,
                    Self::Ne => a != b,
                    Self::LtS => a < b,
                    Self::LtU => unsigned_a < unsigned_b,
                    Self::GtS => a > b,
                    Self::GtU => unsigned_a > unsigned_b,
                    Self::LeS => a <= b,
                    Self::LeU => unsigned_a <= unsigned_b,
                    Self::GeS => a >= b,
                    Self::GeU => unsigned_a >= unsigned_b,
                }
            }
        )*}
    };
}

comparisons!(of_i8: i8 u8, of_i16: i16 u16, of_i32: i32 u32, of_i64: i64 u64);

macro_rules! operations {
    ($($name:ident: $signed:ident $unsigned:ident),* $(,)?) => {
        impl Unary {$(
            #[inline]
            fn $name(self, n: $signed) -> $signed {
                match self {
                    Self::Clz => n.leading_zeros() as $signed,
                    Self::Ctz => n.trailing_zeros() as $signed,
                    Self::Popcnt => n.count_ones() as $signed,
                    Self::Extend8 => n as i8 as $signed,
                    Self::Extend16 => n as i16 as $signed,
                    Self::Extend32 => n as i32 as $signed,
                }
            }
        )*}

        impl Binary {$(
            #[inline]
            fn $name(self, a: $signed, b: $signed) -> Result<$signed, NumericTrap> {
                let (unsigned_a, unsigned_b) = (a as $unsigned, b as $unsigned);
                Ok(match self {
                    Self::Add => a.wrapping_add(b),
                    Self::Sub => a.wrapping_sub(b),
                    Self::Mul => a.wrapping_mul(b),
                    Self::DivS | Self::DivU | Self::RemS | Self::RemU if b == 0 => {
                        return Err(NumericTrap::DivideByZero);
                    }
                    Self::DivS => a.checked_div(b).ok_or(NumericTrap::Overflow)?,
                    Self::DivU => (unsigned_a / unsigned_b) as $signed,
                    Self::RemS => a.wrapping_rem(b),
                    Self::RemU => (unsigned_a % unsigned_b) as $signed,
                    Self::And => a & b,
                    Self::Or => a | b,
                    Self::Xor => a ^ b,
                    // Shifts take the low bits of their second operand.
                    Self::Shl => a.wrapping_shl(b as u32),
                    Self::ShrS => a.wrapping_shr(b as u32),
                    Self::ShrU => unsigned_a.wrapping_shr(b as u32) as $signed,
                    Self::Rotl => a.rotate_left(b as u32 % $signed::BITS),
                    Self::Rotr => a.rotate_right(b as u32 % $signed::BITS),
                })
            }
        )*}
    };
}

operations!(of_i32: i32 u32, of_i64: i64 u64);

/// Of two operands the second one is looked at first.
#[cold]
fn wrong_operands(width: Width, a: Number, b: Number) -> NumericError {
    let (operand, found) = if b.width() != width { (2, b) } else { (1, a) };
    NumericError::operand(operand, found, width.into())
}

impl TestOp {
    #[inline]
    pub(crate) fn apply(self, n: Number) -> Result<Number, NumericError> {
        match self.0 {
            Width::W32 => Ok(Number::from(n.as_i32(1)? == 0)),
            Width::W64 => Ok(Number::from(n.as_i64(1)? == 0)),
        }
    }
}

impl CompareOp {
    #[inline]
    pub(crate) fn apply(self, a: Number, b: Number) -> Result<Number, NumericError> {
        match (self.0, a, b) {
            (Width::W32, Number::I32(a), Number::I32(b)) => Ok(Number::from(self.1.of_i32(a, b))),
            (Width::W64, Number::I64(a), Number::I64(b)) => Ok(Number::from(self.1.of_i64(a, b))),
            _ => Err(wrong_operands(self.0, a, b)),
        }
    }
}

impl UnaryOp {
    #[inline]
    pub(crate) fn apply(self, n: Number) -> Result<Number, NumericError> {
        match self.0 {
            Width::W32 => Ok(Number::I32(self.1.of_i32(n.as_i32(1)?))),
            Width::W64 => Ok(Number::I64(self.1.of_i64(n.as_i64(1)?))),
        }
    }
}

impl BinaryOp {
    #[inline]
    pub(crate) fn apply(self, a: Number, b: Number) -> Result<Number, NumericError> {
        match (self.0, a, b) {
            (Width::W32, Number::I32(a), Number::I32(b)) => Ok(Number::I32(self.1.of_i32(a, b)?)),
            (Width::W64, Number::I64(a), Number::I64(b)) => Ok(Number::I64(self.1.of_i64(a, b)?)),
            _ => Err(wrong_operands(self.0, a, b)),
        }
    }
}

impl ConvertOp {
    #[inline]
    pub(crate) fn apply(self, n: Number) -> Result<Number, NumericError> {
        match (self.0, self.1) {
            (Width::W32, Conversion::Wrap) => Ok(Number::I32(n.as_i64(1)? as i32)),
            (Width::W64, Conversion::ExtendS) => Ok(Number::I64(i64::from(n.as_i32(1)?))),
            (Width::W64, Conversion::ExtendU) => Ok(Number::I64(i64::from(n.as_i32(1)? as u32))),
            (width, conversion) => Err(NumericError::operand(1, n, conversion.wants(width))),
        }
    }
}

impl Conversion {
    /// The type that the machine asks for. A conversion from a width to itself asks for what it may have got.
    fn wants(self, to: Width) -> NumberType {
        match (self, to) {
            (Self::ExtendS | Self::ExtendU, _) => NumberType::I32,
            (Self::Wrap, _) => NumberType::I64,
            (Self::TruncF32S | Self::TruncF32U | Self::TruncSatF32S | Self::TruncSatF32U, _) => {
                NumberType::F32
            }
            (Self::TruncF64S | Self::TruncF64U | Self::TruncSatF64S | Self::TruncSatF64U, _) => {
                NumberType::F64
            }
            (Self::Reinterpret, Width::W32) => NumberType::F32,
            (Self::Reinterpret, Width::W64) => NumberType::F64,
        }
    }
}

//! Operations on vectors.

use super::{Put, Shape, coded, only_case};
use crate::lazy::Leaf;
use crate::numeric::{Comparison, Extension};
use soru_base::bin::{DecodeError, Reader, put_sized};
use std::sync::Arc;

coded! {
    /// Lanes of twice the bits of others.
    Wide, "shape" { I16x8, I32x4, I64x2 }
}

impl Wide {
    fn shape(self) -> Shape {
        match self {
            Self::I16x8 => Shape::I16x8,
            Self::I32x4 => Shape::I32x4,
            Self::I64x2 => Shape::I64x2,
        }
    }

    /// Nothing for bytes.
    pub(crate) fn of_shape(shape: Shape) -> Option<Self> {
        match shape {
            Shape::I8x16 => None,
            Shape::I16x8 => Some(Self::I16x8),
            Shape::I32x4 => Some(Self::I32x4),
            Shape::I64x2 => Some(Self::I64x2),
        }
    }
}

/// One half of the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Half {
    Low,
    High,
}

/// Is no lane zero?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecTestOp(pub(crate) Shape);

/// The signs of all lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecBitmaskOp(pub(crate) Shape);

/// The same number in every lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecSplatOp(pub(crate) Shape);

/// A comparison of lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecCompareOp(pub(crate) Shape, pub(crate) Comparison);

coded! {
    LaneUnary, "operation on lanes" { Abs, Neg, Popcnt }
}

/// An operation on the lanes of one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecUnaryOp(pub(crate) Shape, pub(crate) LaneUnary);

coded! {
    LaneShift, "shift" { Shl, ShrS, ShrU }
}

/// A shift of all lanes by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecShiftOp(pub(crate) Shape, pub(crate) LaneShift);

coded! {
    LaneBinary, "operation on lanes" {
        Add, Sub, Mul, MinS, MinU, MaxS, MaxU, AvgrU, AddSatS, AddSatU, SubSatS, SubSatU,
    }
}

/// An operation on two vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VecBinaryOp {
    /// Lane by lane.
    Lanes(Shape, LaneBinary),
    /// Sums of two products of 16 bits.
    Dot,
    /// Rounded products of fixed-point numbers of 15 bits.
    Q15MulRSat,
    /// Products of twice the bits.
    ExtMul(Wide, Half, Extension),
    /// Bytes of the first vector that the second one names.
    Swizzle,
    /// Bytes of both, named here.
    Shuffle(Arc<[u8; 16]>),
    /// Lanes of both, in half the bits; the wide lanes are signed.
    Narrow(Wide, Extension),
}

coded! {
    /// Lanes of floats.
    FloatLanes, "floats" { F32x4, F64x2 }
}

/// What the lanes of a vector are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VecConvertOp {
    /// Half of the lanes, in twice the bits.
    Extend(Wide, Half, Extension),
    /// Sums of two neighbours.
    AddPairwise(Wide, Extension),
    /// Floats, as `i32x4`.
    TruncSat(FloatLanes, Extension),
}

/// Is any bit set?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecTestBitsOp;

/// The other bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecUnaryBitsOp;

coded! {
    LaneBits, "operation on bits" { And, Or, Xor, AndNot }
}

/// An operation on the bits of two vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecBinaryBitsOp(pub(crate) LaneBits);

/// Bits of the first vector where the third one has ones, of the second one elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecTernaryBitsOp;

/// One lane as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecExtractOp {
    pub(crate) shape: Shape,
    pub(crate) lane: u8,
    /// Of lanes of 8 and 16 bits.
    pub(crate) extension: Extension,
}

/// A number in place of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VecReplaceOp {
    pub(crate) shape: Shape,
    pub(crate) lane: u8,
}

/// Tag and shape: all operations on lanes begin with them.
fn shape(r: &mut Reader<'_>) -> Result<Shape, DecodeError> {
    only_case(r)?;
    Shape::get(r)
}

fn missing<T>(r: &Reader<'_>, shape: Shape, what: impl std::fmt::Debug) -> Result<T, DecodeError> {
    Err(r.invalid("operation on lanes", format!("{what:?} of {shape:?}, which does not exist")))
}

/// Operations that are written as a shape and nothing else.
macro_rules! only_shape {
    ($($op:ident),* $(,)?) => {$(
        impl Leaf for $op {
            fn put(&self, out: &mut Vec<u8>) -> Put {
                out.extend([0, self.0 as u8, 0]);
                Ok(())
            }

            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let shape = shape(r)?;
                only_case(r)?;
                Ok(Self(shape))
            }
        }
    )*};
}

only_shape!(VecTestOp, VecBitmaskOp, VecSplatOp);

/// Operations on bits without a choice.
macro_rules! only_one {
    ($($op:ident),* $(,)?) => {$(
        impl Leaf for $op {
            fn put(&self, out: &mut Vec<u8>) -> Put {
                out.extend([0, 0]);
                Ok(())
            }

            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                only_case(r)?;
                only_case(r)?;
                Ok(Self)
            }
        }
    )*};
}

only_one!(VecTestBitsOp, VecUnaryBitsOp, VecTernaryBitsOp);

impl Leaf for VecBinaryBitsOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend([0, self.0 as u8]);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        only_case(r)?;
        LaneBits::get(r).map(Self)
    }
}

impl VecCompareOp {
    /// Comparisons of lanes are numbered in another order than those of numbers.
    const ORDER: [Comparison; 10] = {
        use Comparison::*;
        [Eq, Ne, LtS, LtU, LeS, LeU, GtS, GtU, GeS, GeU]
    };
}

impl Leaf for VecCompareOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        let number = Self::ORDER.iter().position(|comparison| *comparison == self.1).unwrap_or_default();
        out.extend([0, self.0 as u8, number as u8]);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        use Comparison::*;
        let shape = shape(r)?;
        let number = Comparison::get(r)? as usize;
        match (shape, Self::ORDER[number]) {
            (Shape::I64x2, comparison @ (LtU | LeU | GtU | GeU)) => missing(r, shape, comparison),
            (_, comparison) => Ok(Self(shape, comparison)),
        }
    }
}

impl Leaf for VecUnaryOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend([0, self.0 as u8, self.1 as u8]);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match (shape(r)?, LaneUnary::get(r)?) {
            (shape @ (Shape::I16x8 | Shape::I32x4 | Shape::I64x2), kind @ LaneUnary::Popcnt) => {
                missing(r, shape, kind)
            }
            (shape, kind) => Ok(Self(shape, kind)),
        }
    }
}

impl Leaf for VecShiftOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend([0, self.0 as u8, self.1 as u8]);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(shape(r)?, LaneShift::get(r)?))
    }
}

impl VecBinaryOp {
    const DOT: u8 = 12;
    const Q15: u8 = 13;
    const EXTMUL: u8 = 14;
    const SWIZZLE: u8 = 18;
    const SHUFFLE: u8 = 19;
    const NARROW: u8 = 20;
    const LAST: u8 = 21;
}

/// Whether lanes of this shape have this operation.
fn has(shape: Shape, kind: LaneBinary) -> bool {
    use LaneBinary::*;
    match shape {
        Shape::I8x16 => kind != Mul,
        Shape::I16x8 => true,
        Shape::I32x4 => matches!(kind, Add | Sub | Mul | MinS | MinU | MaxS | MaxU),
        Shape::I64x2 => matches!(kind, Add | Sub | Mul),
    }
}

impl Leaf for VecBinaryOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        let (shape, number) = match self {
            Self::Lanes(shape, kind) => (*shape, *kind as u8),
            Self::Dot => (Shape::I32x4, Self::DOT),
            Self::Q15MulRSat => (Shape::I16x8, Self::Q15),
            Self::ExtMul(wide, half, extension) => {
                (wide.shape(), Self::EXTMUL + 2 * *extension as u8 + *half as u8)
            }
            Self::Swizzle => (Shape::I8x16, Self::SWIZZLE),
            Self::Shuffle(_) => (Shape::I8x16, Self::SHUFFLE),
            Self::Narrow(Wide::I16x8, extension) => (Shape::I8x16, Self::NARROW + *extension as u8),
            Self::Narrow(Wide::I32x4, extension) => (Shape::I16x8, Self::NARROW + *extension as u8),
            Self::Narrow(Wide::I64x2, extension) => (Shape::I32x4, Self::NARROW + *extension as u8),
        };
        out.extend([0, shape as u8, number]);
        if let Self::Shuffle(lanes) = self {
            put_sized(out, |out| out.extend_from_slice(&lanes[..]));
        }
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const EXTENDED: u8 = VecBinaryOp::EXTMUL + 3;
        let shape = shape(r)?;
        let number = r.u8("operation on lanes")?;
        if let Some(kind) = LaneBinary::ALL.get(usize::from(number)) {
            return if has(shape, *kind) { Ok(Self::Lanes(shape, *kind)) } else { missing(r, shape, kind) };
        }
        match (number, shape, Wide::of_shape(shape)) {
            (Self::DOT, Shape::I32x4, _) => Ok(Self::Dot),
            (Self::Q15, Shape::I16x8, _) => Ok(Self::Q15MulRSat),
            (Self::EXTMUL..=EXTENDED, _, Some(wide)) => {
                let nth = number - Self::EXTMUL;
                let half = if nth % 2 == 0 { Half::Low } else { Half::High };
                Ok(Self::ExtMul(wide, half, Extension::of(nth >= 2)))
            }
            (Self::SWIZZLE, Shape::I8x16, _) => Ok(Self::Swizzle),
            (Self::SHUFFLE, Shape::I8x16, _) => {
                let mut bytes = r.sub("lanes")?;
                let lanes: [u8; 16] = bytes.array("lanes")?;
                bytes.finish()?;
                if let Some(lane) = lanes.iter().find(|lane| **lane > 0x7f) {
                    return Err(r.invalid("lanes", format!("lane {lane} (127 at most)")));
                }
                Ok(Self::Shuffle(Arc::new(lanes)))
            }
            (Self::NARROW | Self::LAST, Shape::I8x16, _) => {
                Ok(Self::Narrow(Wide::I16x8, Extension::of(number == Self::LAST)))
            }
            (Self::NARROW | Self::LAST, Shape::I16x8, _) => {
                Ok(Self::Narrow(Wide::I32x4, Extension::of(number == Self::LAST)))
            }
            _ => missing(r, shape, number),
        }
    }
}

impl Leaf for VecConvertOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        let (wide, number) = match *self {
            Self::Extend(wide, half, extension) => (wide, 2 * half as u8 + extension as u8),
            Self::AddPairwise(wide, extension) => (wide, 4 + extension as u8),
            Self::TruncSat(floats, extension) => (Wide::I32x4, 6 + 2 * floats as u8 + extension as u8),
        };
        out.extend([0, wide.shape() as u8, number]);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let shape = shape(r)?;
        let number = r.u8("conversion of lanes")?;
        let extension = Extension::of(number % 2 == 1);
        match (number, Wide::of_shape(shape)) {
            (0 | 1, Some(wide)) => Ok(Self::Extend(wide, Half::Low, extension)),
            (2 | 3, Some(wide)) => Ok(Self::Extend(wide, Half::High, extension)),
            (4 | 5, Some(wide @ (Wide::I16x8 | Wide::I32x4))) => Ok(Self::AddPairwise(wide, extension)),
            (6 | 7, Some(Wide::I32x4)) => Ok(Self::TruncSat(FloatLanes::F32x4, extension)),
            (8 | 9, Some(Wide::I32x4)) => Ok(Self::TruncSat(FloatLanes::F64x2, extension)),
            _ => missing(r, shape, number),
        }
    }
}

/// The number of a lane. It may be one that the vector does not have.
pub(super) fn lane(r: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let lane = i32::get(r)?;
    u8::try_from(lane).map_err(|_| r.invalid("lane", format!("{lane} (0 to 255 expected)")))
}

impl Leaf for VecExtractOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend([0, self.shape as u8, 0]);
        i32::from(self.lane).put(out)?;
        match self.shape {
            Shape::I8x16 | Shape::I16x8 => self.extension.put(out),
            Shape::I32x4 | Shape::I64x2 => Ok(()),
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let shape = shape(r)?;
        only_case(r)?;
        let lane = lane(r)?;
        let extension = match shape {
            Shape::I8x16 | Shape::I16x8 => Extension::get(r)?,
            Shape::I32x4 | Shape::I64x2 => Extension::Signed,
        };
        Ok(Self { shape, lane, extension })
    }
}

impl Leaf for VecReplaceOp {
    fn put(&self, out: &mut Vec<u8>) -> Put {
        out.extend([0, self.shape as u8, 0]);
        i32::from(self.lane).put(out)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let shape = shape(r)?;
        only_case(r)?;
        Ok(Self { shape, lane: lane(r)? })
    }
}

//! What comes of operations on vectors.

use super::lanes::{Lane, from_fn, map, zip};
use super::operation::{
    FloatLanes, Half, LaneBinary, LaneBits, LaneShift, LaneUnary, VecBinaryBitsOp, VecBinaryOp, VecBitmaskOp,
    VecCompareOp, VecConvertOp, VecExtractOp, VecReplaceOp, VecShiftOp, VecSplatOp, VecTernaryBitsOp,
    VecTestBitsOp, VecTestOp, VecUnaryBitsOp, VecUnaryOp, Wide,
};
use super::{Shape, Vector};
use crate::numeric::{Extension, Number, NumericError};

/// The same, with the type of the lanes for `$lane`.
macro_rules! by_shape {
    ($shape:expr, $lane:ident => $result:expr) => {
        match $shape {
            Shape::I8x16 => {
                type $lane = i8;
                $result
            }
            Shape::I16x8 => {
                type $lane = i16;
                $result
            }
            Shape::I32x4 => {
                type $lane = i32;
                $result
            }
            Shape::I64x2 => {
                type $lane = i64;
                $result
            }
        }
    };
}

/// The same, with the types of the lanes and of those with half the bits for `$wide` and `$narrow`.
macro_rules! by_wide {
    ($shape:expr, $narrow:ident, $wide:ident => $result:expr) => {
        match $shape {
            Wide::I16x8 => {
                type $narrow = i8;
                type $wide = i16;
                $result
            }
            Wide::I32x4 => {
                type $narrow = i16;
                type $wide = i32;
                $result
            }
            Wide::I64x2 => {
                type $narrow = i32;
                type $wide = i64;
                $result
            }
        }
    };
}

/// A lane as a number that is wide enough.
#[inline]
fn extended<L: Lane>(v: &Vector, index: usize, extension: Extension) -> i64 {
    let lane = L::get(v, index);
    match extension {
        Extension::Signed => lane.signed(),
        Extension::Unsigned => lane.unsigned() as i64,
    }
}

/// The first lane of a half, where a vector has so many lanes in each.
#[inline]
fn first(half: Half, count: usize) -> usize {
    match half {
        Half::Low => 0,
        Half::High => count,
    }
}

impl VecTestOp {
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Number {
        by_shape!(self.0, L => Number::from((0..L::COUNT).all(|index| <L as Lane>::get(v, index) != 0)))
    }
}

impl VecCompareOp {
    /// All ones where it holds, zeros elsewhere.
    #[inline]
    pub(crate) fn apply(self, a: &Vector, b: &Vector) -> Vector {
        by_shape!(self.0, L => zip::<L>(a, b, |a, b| if a.compare(self.1, b) { L::ONES } else { 0 }))
    }
}

impl VecUnaryOp {
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Vector {
        by_shape!(self.0, L => match self.1 {
            LaneUnary::Abs => map::<L>(v, Lane::abs),
            LaneUnary::Neg => map::<L>(v, Lane::neg),
            LaneUnary::Popcnt => map::<L>(v, Lane::popcnt),
        })
    }
}

impl VecShiftOp {
    /// Shifts by the low bits of an int32.
    #[inline]
    pub(crate) fn apply(self, v: &Vector, by: Number) -> Result<Vector, NumericError> {
        let by = by.as_i32(2)? as u32;
        Ok(by_shape!(self.0, L => match self.1 {
            LaneShift::Shl => map::<L>(v, |lane| lane.shl(by)),
            LaneShift::ShrS => map::<L>(v, |lane| lane.shr_s(by)),
            LaneShift::ShrU => map::<L>(v, |lane| lane.shr_u(by)),
        }))
    }
}

impl VecBitmaskOp {
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Number {
        by_shape!(self.0, L => {
            Number::I32((0..L::COUNT).map(|i| i32::from(<L as Lane>::get(v, i) < 0) << i).sum())
        })
    }
}

impl LaneBinary {
    #[inline]
    fn apply<L: Lane>(self, a: &Vector, b: &Vector) -> Vector {
        match self {
            Self::Add => zip(a, b, L::add),
            Self::Sub => zip(a, b, L::sub),
            Self::Mul => zip(a, b, L::mul),
            Self::MinS => zip(a, b, L::min_s),
            Self::MinU => zip(a, b, L::min_u),
            Self::MaxS => zip(a, b, L::max_s),
            Self::MaxU => zip(a, b, L::max_u),
            Self::AvgrU => zip(a, b, L::avgr_u),
            Self::AddSatS => zip(a, b, L::add_sat_s),
            Self::AddSatU => zip(a, b, L::add_sat_u),
            Self::SubSatS => zip(a, b, L::sub_sat_s),
            Self::SubSatU => zip(a, b, L::sub_sat_u),
        }
    }
}

impl VecBinaryOp {
    /// Fails for a shuffle that names a byte which neither vector has.
    #[inline]
    pub(crate) fn apply(&self, a: &Vector, b: &Vector) -> Result<Vector, NumericError> {
        Ok(match self {
            Self::Lanes(shape, kind) => by_shape!(shape, L => kind.apply::<L>(a, b)),
            Self::Dot => from_fn(|index| {
                let product = |index| i32::from(i16::get(a, index)) * i32::from(i16::get(b, index));
                product(2 * index).wrapping_add(product(2 * index + 1))
            }),
            Self::Q15MulRSat => {
                zip::<i16>(a, b, |a, b| Lane::saturate_s((a.signed() * b.signed() + 0x4000) >> 15))
            }
            Self::ExtMul(wide, half, extension) => by_wide!(wide, N, W => from_fn(|index| {
                let index = first(*half, W::COUNT) + index;
                let product = extended::<N>(a, index, *extension).wrapping_mul(extended::<N>(b, index, *extension));
                <W as Lane>::wrap(product)
            })),
            Self::Swizzle => b.map(|index| a.get(usize::from(index)).copied().unwrap_or_default()),
            Self::Shuffle(lanes) => {
                let mut shuffled = [0; 16];
                for (to, lane) in shuffled.iter_mut().zip(lanes.iter()) {
                    let lane = usize::from(*lane);
                    *to = *a.get(lane).or_else(|| b.get(lane - 16)).ok_or(NumericError::NoLane)?;
                }
                shuffled
            }
            Self::Narrow(wide, extension) => by_wide!(wide, N, W => from_fn(|index| {
                let (v, index) = if index < W::COUNT { (a, index) } else { (b, index - W::COUNT) };
                let lane = <W as Lane>::get(v, index).signed();
                match extension {
                    Extension::Signed => <N as Lane>::saturate_s(lane),
                    Extension::Unsigned => <N as Lane>::saturate_u(lane),
                }
            })),
        })
    }
}

/// The float of four bytes as an int32, or the closest one; 0 if it is none.
fn truncated_f32(v: &Vector, index: usize, extension: Extension) -> i32 {
    let float = f32::from_bits(i32::get(v, index) as u32);
    match extension {
        Extension::Signed => float as i32,
        Extension::Unsigned => float as u32 as i32,
    }
}

/// As [`truncated_f32`], of eight bytes.
fn truncated_f64(v: &Vector, index: usize, extension: Extension) -> i32 {
    let float = f64::from_bits(i64::get(v, index) as u64);
    match extension {
        Extension::Signed => float as i32,
        Extension::Unsigned => float as u32 as i32,
    }
}

impl VecConvertOp {
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Vector {
        match self {
            Self::Extend(wide, half, extension) => by_wide!(wide, N, W => from_fn(|index| {
                <W as Lane>::wrap(extended::<N>(v, first(half, W::COUNT) + index, extension))
            })),
            Self::AddPairwise(wide, extension) => by_wide!(wide, N, W => from_fn(|index| {
                let (a, b) = (extended::<N>(v, 2 * index, extension), extended::<N>(v, 2 * index + 1, extension));
                <W as Lane>::wrap(a + b)
            })),
            Self::TruncSat(FloatLanes::F32x4, extension) => {
                from_fn(|index| truncated_f32(v, index, extension))
            }
            Self::TruncSat(FloatLanes::F64x2, extension) => {
                from_fn(|index| if index < 2 { truncated_f64(v, index, extension) } else { 0 })
            }
        }
    }
}

impl VecTestBitsOp {
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Number {
        Number::from(*v != [0; 16])
    }
}

/// Bit by bit.
#[inline]
fn bits(a: &Vector, b: &Vector, f: impl Fn(u128, u128) -> u128) -> Vector {
    f(u128::from_le_bytes(*a), u128::from_le_bytes(*b)).to_le_bytes()
}

impl VecUnaryBitsOp {
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Vector {
        v.map(|byte| !byte)
    }
}

impl VecBinaryBitsOp {
    #[inline]
    pub(crate) fn apply(self, a: &Vector, b: &Vector) -> Vector {
        match self.0 {
            LaneBits::And => bits(a, b, |a, b| a & b),
            LaneBits::Or => bits(a, b, |a, b| a | b),
            LaneBits::Xor => bits(a, b, |a, b| a ^ b),
            LaneBits::AndNot => bits(a, b, |a, b| a & !b),
        }
    }
}

impl VecTernaryBitsOp {
    #[inline]
    pub(crate) fn apply(self, a: &Vector, b: &Vector, choice: &Vector) -> Vector {
        let choice = u128::from_le_bytes(*choice);
        bits(a, b, |a, b| (a & choice) | (b & !choice))
    }
}

/// Puts a number into a lane; without effect if the vector does not have it.
pub(super) fn replace(shape: Shape, lane: u8, v: &Vector, n: i64) -> Vector {
    let (lane, mut v) = (usize::from(lane), *v);
    by_shape!(shape, L => if lane < L::COUNT {
        <L as Lane>::wrap(n).set(&mut v, lane);
    });
    v
}

/// The signed number in a lane.
pub(super) fn extract(shape: Shape, lane: u8, v: &Vector) -> Result<i64, NumericError> {
    let lane = usize::from(lane);
    by_shape!(shape, L => {
        if lane < L::COUNT { Ok(<L as Lane>::get(v, lane).signed()) } else { Err(NumericError::NoLane) }
    })
}

/// A number that fits lanes of this shape: an int64 for lanes of 64 bits, an int32 for all others.
#[inline]
fn for_lanes(shape: Shape, n: Number) -> Result<i64, NumericError> {
    match shape {
        Shape::I8x16 | Shape::I16x8 | Shape::I32x4 => n.as_i32(1).map(i64::from),
        Shape::I64x2 => n.as_i64(1),
    }
}

impl VecSplatOp {
    #[inline]
    pub(crate) fn apply(self, n: Number) -> Result<Vector, NumericError> {
        let n = for_lanes(self.0, n)?;
        Ok(splat(self.0, n))
    }
}

/// The low bits of a number in every lane.
#[inline]
pub(super) fn splat(shape: Shape, n: i64) -> Vector {
    by_shape!(shape, L => from_fn(|_| <L as Lane>::wrap(n)))
}

impl VecExtractOp {
    /// Fails for a lane that the vector does not have.
    #[inline]
    pub(crate) fn apply(self, v: &Vector) -> Result<Number, NumericError> {
        let n = extract(self.shape, self.lane, v)?;
        Ok(match (self.shape, self.extension) {
            (Shape::I64x2, _) => Number::I64(n),
            (Shape::I8x16, Extension::Unsigned) => Number::I32(i32::from(n as u8)),
            (Shape::I16x8, Extension::Unsigned) => Number::I32(i32::from(n as u16)),
            _ => Number::I32(n as i32),
        })
    }
}

impl VecReplaceOp {
    /// The words about a wrong number call it the first operand. A lane that the vector does not have is no error.
    #[inline]
    pub(crate) fn apply(self, v: &Vector, n: Number) -> Result<Vector, NumericError> {
        let n = for_lanes(self.shape, n)?;
        Ok(replace(self.shape, self.lane, v, n))
    }
}

//! Vectors as lanes.

use super::Vector;
use crate::numeric::Comparison;

/// An integer that is a lane, written as a signed one.
pub(super) trait Lane: Copy + Default {
    /// Lanes of a vector.
    const COUNT: usize;
    /// All bits of it.
    const ONES: Self;

    fn get(v: &Vector, index: usize) -> Self;
    fn set(self, v: &mut Vector, index: usize);

    /// Cuts off what does not fit.
    fn wrap(n: i64) -> Self;
    fn signed(self) -> i64;
    fn unsigned(self) -> u64;

    fn compare(self, by: Comparison, other: Self) -> bool;
    fn abs(self) -> Self;
    fn neg(self) -> Self;
    fn popcnt(self) -> Self;
    fn shl(self, by: u32) -> Self;
    fn shr_s(self, by: u32) -> Self;
    fn shr_u(self, by: u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn min_s(self, other: Self) -> Self;
    fn min_u(self, other: Self) -> Self;
    fn max_s(self, other: Self) -> Self;
    fn max_u(self, other: Self) -> Self;
    /// Half of the sum, rounded up.
    fn avgr_u(self, other: Self) -> Self;
    fn add_sat_s(self, other: Self) -> Self;
    fn add_sat_u(self, other: Self) -> Self;
    fn sub_sat_s(self, other: Self) -> Self;
    fn sub_sat_u(self, other: Self) -> Self;
    /// The closest one to a signed number.
    fn saturate_s(n: i64) -> Self;
    /// The closest one to a signed number that is not negative.
    fn saturate_u(n: i64) -> Self;
}

macro_rules! lanes {
    ($($signed:ident $unsigned:ident $compare:ident $bytes:literal)*) => {$(
        impl Lane for $signed {
            const COUNT: usize = 16 / $bytes;
            const ONES: Self = -1;

            #[inline]
            fn get(v: &Vector, index: usize) -> Self {
                let mut bytes = [0; $bytes];
                bytes.copy_from_slice(&v[index * $bytes..][..$bytes]);
                Self::from_le_bytes(bytes)
            }

            #[inline]
            fn set(self, v: &mut Vector, index: usize) {
                v[index * $bytes..][..$bytes].copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn wrap(n: i64) -> Self {
                n as Self
            }

            #[inline]
            fn signed(self) -> i64 {
                i64::from(self)
            }

            #[inline]
            fn unsigned(self) -> u64 {
                u64::from(self as $unsigned)
            }

            #[inline]
            fn compare(self, by: Comparison, other: Self) -> bool {
                by.$compare(self, other)
            }

            #[inline]
            fn abs(self) -> Self {
                self.wrapping_abs()
            }

            #[inline]
            fn neg(self) -> Self {
                self.wrapping_neg()
            }

            #[inline]
            fn popcnt(self) -> Self {
                self.count_ones() as Self
            }

            #[inline]
            fn shl(self, by: u32) -> Self {
                self.wrapping_shl(by)
            }

            #[inline]
            fn shr_s(self, by: u32) -> Self {
                self.wrapping_shr(by)
            }

            #[inline]
            fn shr_u(self, by: u32) -> Self {
                (self as $unsigned).wrapping_shr(by) as Self
            }

            #[inline]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline]
            fn min_s(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline]
            fn min_u(self, other: Self) -> Self {
                (self as $unsigned).min(other as $unsigned) as Self
            }

            #[inline]
            fn max_s(self, other: Self) -> Self {
                self.max(other)
            }

            #[inline]
            fn max_u(self, other: Self) -> Self {
                (self as $unsigned).max(other as $unsigned) as Self
            }

            #[inline]
            fn avgr_u(self, other: Self) -> Self {
                let (a, b) = (self as $unsigned, other as $unsigned);
                ((a | b) - ((a ^ b) >> 1)) as Self
            }

            #[inline]
            fn add_sat_s(self, other: Self) -> Self {
                self.saturating_add(other)
            }

            #[inline]
            fn add_sat_u(self, other: Self) -> Self {
                (self as $unsigned).saturating_add(other as $unsigned) as Self
            }

            #[inline]
            fn sub_sat_s(self, other: Self) -> Self {
                self.saturating_sub(other)
            }

            #[inline]
            fn sub_sat_u(self, other: Self) -> Self {
                (self as $unsigned).saturating_sub(other as $unsigned) as Self
            }

            #[inline]
            fn saturate_s(n: i64) -> Self {
                n.clamp(Self::MIN.into(), Self::MAX.into()) as Self
            }

            #[inline]
            fn saturate_u(n: i64) -> Self {
                n.clamp(0, i64::try_from($unsigned::MAX).unwrap_or(i64::MAX)) as Self
            }
        }
    )*};
}

lanes! {
    i8 u8 of_i8 1
    i16 u16 of_i16 2
    i32 u32 of_i32 4
    i64 u64 of_i64 8
}

/// A vector whose lanes are given by their numbers.
#[inline]
pub(super) fn from_fn<L: Lane>(lane: impl Fn(usize) -> L) -> Vector {
    let mut v = [0; 16];
    for index in 0..L::COUNT {
        lane(index).set(&mut v, index);
    }
    v
}

#[inline]
pub(super) fn map<L: Lane>(v: &Vector, f: impl Fn(L) -> L) -> Vector {
    from_fn(|index| f(L::get(v, index)))
}

#[inline]
pub(super) fn zip<L: Lane>(a: &Vector, b: &Vector, f: impl Fn(L, L) -> L) -> Vector {
    from_fn(|index| f(L::get(a, index), L::get(b, index)))
}

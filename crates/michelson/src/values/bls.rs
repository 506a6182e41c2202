//! The groups G1 and G2 of the curve BLS12-381, and the field of their scalars.

use blstrs::{Bls12, G1Affine, G1Projective, G2Affine, G2Prepared, G2Projective, Scalar};
use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use pairing::group::prime::PrimeCurveAffine;
use pairing::group::{Curve, ff::Field};
use pairing::{MillerLoopResult, MultiMillerLoop};

/// A scalar: a whole number modulo the order of the groups.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fr(Scalar);

impl Fr {
    /// Bytes of its form, the lowest one first.
    pub const SIZE: usize = 32;

    /// The scalar of at most [`Self::SIZE`] bytes; `None` if that is the order or more.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut padded = [0; Self::SIZE];
        padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Option::from(Scalar::from_bytes_le(&padded)).map(Self)
    }

    /// The scalar of a number, which may be below zero.
    pub fn from_int(n: &BigInt) -> Self {
        let largest = Self(-Scalar::ONE).to_int();
        let (_, mut bytes) = n.mod_floor(&(largest + 1)).to_bytes_le();
        bytes.resize(Self::SIZE, 0);
        Self::from_bytes(&bytes).expect("what was reduced is below the order")
    }

    /// The number, from 0.
    pub fn to_int(self) -> BigInt {
        BigInt::from_bytes_le(Sign::Plus, &self.to_bytes())
    }

    /// The form in bytes.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        self.0.to_bytes_le()
    }

    pub(crate) fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    pub(crate) fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    pub(crate) fn neg(self) -> Self {
        Self(-self.0)
    }
}

macro_rules! group {
    ($(#[$doc:meta])* $name:ident, $affine:ident, $projective:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name($affine);

        impl $name {
            /// Bytes of its form: both coordinates, the highest byte first.
            pub const SIZE: usize = $size;

            /// The point of that form; `None` if it is not on the curve or not in the group.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let bytes = bytes.try_into().ok()?;
                Option::from($affine::from_uncompressed(bytes)).map(Self)
            }

            /// The form in bytes.
            pub fn to_bytes(&self) -> [u8; $size] {
                self.0.to_uncompressed()
            }

            /// The point that generates the group.
            pub fn generator() -> Self {
                Self($affine::generator())
            }

            pub(crate) fn add(&self, other: &Self) -> Self {
                Self(($projective::from(self.0) + other.0).to_affine())
            }

            pub(crate) fn mul(&self, scalar: Fr) -> Self {
                Self(($projective::from(self.0) * scalar.0).to_affine())
            }

            pub(crate) fn neg(&self) -> Self {
                Self(-self.0)
            }
        }
    };
}

group!(
    /// A point of G1.
    G1, G1Affine, G1Projective, 96
);
group!(
    /// A point of G2.
    G2, G2Affine, G2Projective, 192
);

/// Whether the product of the pairings of these points is one.
pub(crate) fn pairing_check(points: &[(G1, G2)]) -> bool {
    let prepared: Vec<(G1Affine, G2Prepared)> =
        points.iter().map(|(g1, g2)| (g1.0, G2Prepared::from(g2.0))).collect();
    let terms: Vec<_> = prepared.iter().map(|(g1, g2)| (g1, g2)).collect();
    // The product of none is one; the library wants a term.
    terms.is_empty()
        || bool::from(pairing::group::Group::is_identity(
            &Bls12::multi_miller_loop(&terms).final_exponentiation(),
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of the groups is a fact of the curve.
    const ORDER: &str = "52435875175126190479447740508185965837690552500527637822603658699938581184513";

    #[test]
    fn scalars_are_numbers_modulo_the_order() {
        let order: BigInt = ORDER.parse().unwrap();
        assert_eq!(Fr::from_int(&order).to_int(), 0.into());
        assert_eq!(Fr::from_int(&(-1).into()).to_int(), &order - 1);
        assert_eq!(Fr::from_int(&(&order * 5 + 7)).to_int(), 7.into());
        assert!(Fr::from_bytes(&order.to_bytes_le().1).is_none());
        assert!(Fr::from_bytes(&(&order - 1u8).to_bytes_le().1).is_some());
        assert!(Fr::from_bytes(&[0; 33]).is_none());
        assert_eq!(Fr::from_bytes(&[3]).map(Fr::to_int), Some(3.into()));
    }

    #[test]
    fn points_have_one_form_and_nothing_else_is_one() {
        let (g1, g2) = (G1::generator(), G2::generator());
        assert!(G1::from_bytes(&g1.to_bytes()) == Some(g1) && G2::from_bytes(&g2.to_bytes()) == Some(g2));
        let zero = g1.add(&g1.neg());
        assert_eq!(zero.to_bytes()[0], 0x40);
        assert!(G1::from_bytes(&zero.to_bytes()) == Some(zero));
        let mut wrong = g1.to_bytes();
        wrong[95] ^= 1;
        assert!(G1::from_bytes(&wrong).is_none() && G1::from_bytes(&g1.to_bytes()[..48]).is_none());
        assert!(G2::from_bytes(&g1.to_bytes()).is_none());
    }

    #[test]
    fn pairings_are_bilinear() {
        let (g1, g2) = (G1::generator(), G2::generator());
        let [five, seven, rest] = [5, 7, -35].map(|n| Fr::from_int(&n.into()));
        assert!(pairing_check(&[]));
        assert!(!pairing_check(&[(g1, g2)]));
        assert!(pairing_check(&[(g1.mul(five), g2.mul(seven)), (g1.mul(rest), g2)]));
        assert!(!pairing_check(&[(g1.mul(five), g2.mul(seven)), (g1.mul(rest), g2.neg())]));
        assert!(pairing_check(&[(g1.add(&g1.neg()), g2)]));
    }
}

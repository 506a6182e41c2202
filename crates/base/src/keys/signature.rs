use super::{BLS_DST, Curve, OPERATION_WATERMARK, PublicKey, decode_one_of, digest};
use crate::b58::{self, B58Error};
use crate::bin::{Binary, DecodeError, Reader};
use crate::json::{Json, JsonError, parse_str};
use crate::profile::IdFamily;
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// A signature. Two signatures are equal if their bytes are: the binary form does not say the curve.
#[derive(Clone, Copy)]
pub enum Signature {
    /// `edsig…`
    Ed25519([u8; 64]),
    /// `spsig1…`
    Secp256k1([u8; 64]),
    /// `p2sig…`
    P256([u8; 64]),
    /// `BLsig…`, a compressed point of the second group.
    Bls([u8; 96]),
    /// `sig…`: of any curve but BLS.
    Generic([u8; 64]),
}

impl Signature {
    /// 64 zero bytes: where a signature is asked for but not looked at.
    pub const ZERO: Self = Self::Generic([0; 64]);

    /// The bytes: 96 for BLS, 64 for all others.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(s) | Self::Secp256k1(s) | Self::P256(s) | Self::Generic(s) => s,
            Self::Bls(s) => s,
        }
    }

    /// The signature of these bytes, which must be 64 or 96.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            96 => bytes.try_into().ok().map(Self::Bls),
            _ => bytes.try_into().ok().map(Self::Generic),
        }
    }

    /// Whether `key` made this signature of `bytes`.
    pub fn verify(&self, key: &PublicKey, bytes: &[u8]) -> bool {
        self.of_curve(key.curve()) && self.check(key, bytes).is_some()
    }

    /// Whether `key` made this signature of a forged operation.
    pub fn verify_operation(&self, key: &PublicKey, forged: &[u8]) -> bool {
        self.verify(key, &[&[OPERATION_WATERMARK], forged].concat())
    }

    fn of_curve(&self, curve: Curve) -> bool {
        match self {
            Self::Ed25519(_) => curve == Curve::Ed25519,
            Self::Secp256k1(_) => curve == Curve::Secp256k1,
            Self::P256(_) => curve == Curve::P256,
            Self::Bls(_) => curve == Curve::Bls,
            Self::Generic(_) => curve != Curve::Bls,
        }
    }

    fn check(&self, key: &PublicKey, bytes: &[u8]) -> Option<()> {
        let signature = self.as_bytes();
        match key {
            PublicKey::Ed25519(k) => {
                use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
                let signature = Signature::from_slice(signature).ok()?;
                VerifyingKey::from_bytes(k).ok()?.verify(&digest(bytes), &signature).ok()
            }
            PublicKey::Secp256k1(k) => {
                use k256::ecdsa::{Signature, VerifyingKey};
                let signature = Signature::from_slice(signature).ok()?;
                VerifyingKey::from_sec1_bytes(k).ok()?.verify_prehash(&digest(bytes), &signature).ok()
            }
            PublicKey::P256(k) => {
                use p256::ecdsa::{Signature, VerifyingKey};
                let signature = Signature::from_slice(signature).ok()?;
                VerifyingKey::from_sec1_bytes(k).ok()?.verify_prehash(&digest(bytes), &signature).ok()
            }
            PublicKey::Bls(k) => {
                use blst::min_pk::{PublicKey, Signature};
                let signature = Signature::uncompress(signature).ok()?;
                let key = PublicKey::uncompress(k).ok()?;
                (signature.verify(true, bytes, BLS_DST, &[], &key, true) == blst::BLST_ERROR::BLST_SUCCESS)
                    .then_some(())
            }
        }
    }

    const ED: &'static [u8] = &[9, 245, 205, 134, 18];
    const SP: &'static [u8] = &[13, 115, 101, 19, 63];
    const P2: &'static [u8] = &[54, 240, 44, 52];
    const BL: &'static [u8] = &[40, 171, 64, 207];
    const ANY: &'static [u8] = &[4, 130, 43];
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Signature {}

impl PartialOrd for Signature {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Signature {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Signature {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self {
            Self::Ed25519(_) => Self::ED,
            Self::Secp256k1(_) => Self::SP,
            Self::P256(_) => Self::P2,
            Self::Bls(_) => Self::BL,
            Self::Generic(_) => Self::ANY,
        };
        f.write_str(&b58::encode(prefix, self.as_bytes()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = B58Error;
    fn from_str(text: &str) -> Result<Self, B58Error> {
        decode_one_of(
            text,
            "signature (edsig…, spsig1…, p2sig…, BLsig… or sig…)",
            &[
                (Self::ED, |b| b.try_into().ok().map(Self::Ed25519)),
                (Self::SP, |b| b.try_into().ok().map(Self::Secp256k1)),
                (Self::P2, |b| b.try_into().ok().map(Self::P256)),
                (Self::BL, |b| b.try_into().ok().map(Self::Bls)),
                (Self::ANY, |b| b.try_into().ok().map(Self::Generic)),
            ],
        )
    }
}

/// Takes all bytes that are left.
impl Binary for Signature {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let place = r.clone();
        let bytes = r.rest();
        Self::from_slice(bytes)
            .ok_or_else(|| place.invalid("signature", format!("{} bytes, not 64 or 96", bytes.len())))
    }
}

impl Json for Signature {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::String(self.to_string())
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "a signature (edsig…, spsig1…, p2sig…, BLsig… or sig…)")
    }
}

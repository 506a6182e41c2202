use super::{BLS_POSSESSION_DST, Curve, decode_one_of};
use crate::b58::{self, B58Error};
use crate::bin::{Binary, DecodeError, Reader};
use crate::blake2b;
use crate::json::{Json, JsonError, parse_str};
use crate::profile::IdFamily;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// Hash of a public key: the address of an implicit account. Ordered as the network orders it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKeyHash {
    /// `tz1…`
    Ed25519([u8; 20]),
    /// `tz2…`
    Secp256k1([u8; 20]),
    /// `tz3…`
    P256([u8; 20]),
    /// `tz4…`
    Bls([u8; 20]),
}

impl PublicKeyHash {
    /// Length of the binary form.
    pub const LEN: usize = 21;
    /// `tz1` of twenty zero bytes.
    pub const ZERO: Self = Self::Ed25519([0; 20]);

    /// From a curve and the twenty bytes of the hash.
    pub fn new(curve: Curve, hash: [u8; 20]) -> Self {
        match curve {
            Curve::Ed25519 => Self::Ed25519(hash),
            Curve::Secp256k1 => Self::Secp256k1(hash),
            Curve::P256 => Self::P256(hash),
            Curve::Bls => Self::Bls(hash),
        }
    }

    /// The curve of the key.
    pub fn curve(&self) -> Curve {
        match self {
            Self::Ed25519(_) => Curve::Ed25519,
            Self::Secp256k1(_) => Curve::Secp256k1,
            Self::P256(_) => Curve::P256,
            Self::Bls(_) => Curve::Bls,
        }
    }

    /// The twenty bytes of the hash, without the curve.
    pub fn hash_bytes(&self) -> &[u8; 20] {
        match self {
            Self::Ed25519(h) | Self::Secp256k1(h) | Self::P256(h) | Self::Bls(h) => h,
        }
    }

    fn prefix(curve: Curve) -> &'static [u8] {
        match curve {
            Curve::Ed25519 => &[6, 161, 159],
            Curve::Secp256k1 => &[6, 161, 161],
            Curve::P256 => &[6, 161, 164],
            Curve::Bls => &[6, 161, 166],
        }
    }
}

impl fmt::Display for PublicKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b58::encode(Self::prefix(self.curve()), self.hash_bytes()))
    }
}

impl fmt::Debug for PublicKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKeyHash {
    type Err = B58Error;
    fn from_str(text: &str) -> Result<Self, B58Error> {
        decode_one_of(
            text,
            "public key hash (tz1…, tz2…, tz3… or tz4…)",
            &[
                (Self::prefix(Curve::Ed25519), |b| b.try_into().ok().map(Self::Ed25519)),
                (Self::prefix(Curve::Secp256k1), |b| b.try_into().ok().map(Self::Secp256k1)),
                (Self::prefix(Curve::P256), |b| b.try_into().ok().map(Self::P256)),
                (Self::prefix(Curve::Bls), |b| b.try_into().ok().map(Self::Bls)),
            ],
        )
    }
}

impl Binary for PublicKeyHash {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.curve().tag());
        out.extend_from_slice(self.hash_bytes());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let curve = read_curve(r, "public key hash")?;
        Ok(Self::new(curve, r.array("public key hash")?))
    }
}

impl Json for PublicKeyHash {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::String(self.to_string())
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "a public key hash (tz1…, tz2…, tz3… or tz4…)")
    }
}

/// A public key. The points of the curves but Ed25519 are checked when one is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// `edpk…`
    Ed25519([u8; 32]),
    /// `sppk…`, a compressed point.
    Secp256k1([u8; 33]),
    /// `p2pk…`, a compressed point.
    P256([u8; 33]),
    /// `BLpk…`, a compressed point of the first group.
    Bls([u8; 48]),
}

impl PublicKey {
    /// The curve of the key.
    pub fn curve(&self) -> Curve {
        match self {
            Self::Ed25519(_) => Curve::Ed25519,
            Self::Secp256k1(_) => Curve::Secp256k1,
            Self::P256(_) => Curve::P256,
            Self::Bls(_) => Curve::Bls,
        }
    }

    /// The bytes of the key, without the curve.
    pub fn key_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(k) => k,
            Self::Secp256k1(k) | Self::P256(k) => k,
            Self::Bls(k) => k,
        }
    }

    /// The address of its account.
    pub fn hash(&self) -> PublicKeyHash {
        PublicKeyHash::new(self.curve(), blake2b::hash20(self.key_bytes()))
    }

    /// Whether `proof` shows that somebody has the secret key of this BLS key.
    pub fn verify_possession(&self, proof: &[u8]) -> bool {
        let Self::Bls(bytes) = self else { return false };
        let key = blst::min_pk::PublicKey::uncompress(bytes);
        let proof = blst::min_pk::Signature::uncompress(proof);
        match (key, proof) {
            (Ok(key), Ok(proof)) => {
                proof.verify(true, bytes, BLS_POSSESSION_DST, &[], &key, true)
                    == blst::BLST_ERROR::BLST_SUCCESS
            }
            _ => false,
        }
    }

    /// The key of these bytes, if they are one.
    pub fn from_key_bytes(curve: Curve, bytes: &[u8]) -> Option<Self> {
        match curve {
            Curve::Ed25519 => Some(Self::Ed25519(bytes.try_into().ok()?)),
            Curve::Secp256k1 => {
                let key = bytes.try_into().ok()?;
                k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?;
                Some(Self::Secp256k1(key))
            }
            Curve::P256 => {
                let key = bytes.try_into().ok()?;
                p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?;
                Some(Self::P256(key))
            }
            Curve::Bls => {
                let key = bytes.try_into().ok()?;
                blst::min_pk::PublicKey::key_validate(bytes).ok()?;
                Some(Self::Bls(key))
            }
        }
    }

    fn prefix(curve: Curve) -> &'static [u8] {
        match curve {
            Curve::Ed25519 => &[13, 15, 37, 217],
            Curve::Secp256k1 => &[3, 254, 226, 86],
            Curve::P256 => &[3, 178, 139, 127],
            Curve::Bls => &[6, 149, 135, 204],
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b58::encode(Self::prefix(self.curve()), self.key_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = B58Error;
    fn from_str(text: &str) -> Result<Self, B58Error> {
        decode_one_of(
            text,
            "public key (edpk…, sppk…, p2pk… or BLpk…)",
            &[
                (Self::prefix(Curve::Ed25519), |b| Self::from_key_bytes(Curve::Ed25519, b)),
                (Self::prefix(Curve::Secp256k1), |b| Self::from_key_bytes(Curve::Secp256k1, b)),
                (Self::prefix(Curve::P256), |b| Self::from_key_bytes(Curve::P256, b)),
                (Self::prefix(Curve::Bls), |b| Self::from_key_bytes(Curve::Bls, b)),
            ],
        )
    }
}

impl Binary for PublicKey {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.curve().tag());
        out.extend_from_slice(self.key_bytes());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let curve = read_curve(r, "public key")?;
        let len = match curve {
            Curve::Ed25519 => 32,
            Curve::Secp256k1 | Curve::P256 => 33,
            Curve::Bls => 48,
        };
        let place = r.clone();
        let bytes = r.take(len, "public key")?;
        Self::from_key_bytes(curve, bytes)
            .ok_or_else(|| place.invalid("public key", format!("the bytes are no point of {curve:?}")))
    }
}

impl Json for PublicKey {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::String(self.to_string())
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "a public key (edpk…, sppk…, p2pk… or BLpk…)")
    }
}

fn read_curve(r: &mut Reader<'_>, what: &'static str) -> Result<Curve, DecodeError> {
    let place = r.clone();
    let tag = r.u8(what)?;
    Curve::of_tag(tag).ok_or_else(|| place.invalid(what, format!("{tag} is no tag of a curve (0 to 3)")))
}

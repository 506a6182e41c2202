use super::{BLS_DST, BLS_POSSESSION_DST, Curve, OPERATION_WATERMARK, PublicKey, Signature, digest};
use ed25519_dalek::Signer as _;
use k256::ecdsa::signature::hazmat::PrehashSigner as _;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// A secret key. It is wiped from memory when dropped, and never printed but by [`SecretKey::reveal`].
#[derive(Clone)]
pub struct SecretKey(Inner);

#[derive(Clone)]
enum Inner {
    Ed25519(ed25519_dalek::SigningKey),
    Secp256k1(k256::ecdsa::SigningKey),
    P256(p256::ecdsa::SigningKey),
    Bls(blst::min_pk::SecretKey),
}

/// Why a text or bytes are no secret key. Says nothing of what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretKeyError {
    /// Not base58, or the checksum is wrong.
    #[error("no secret key: not base58 with a correct checksum")]
    Malformed,
    /// Neither edsk, spsk, p2sk nor BLsk.
    #[error("no secret key: expected edsk…, spsk…, p2sk… or BLsk…")]
    OtherKind,
    /// The bytes are no key of their curve.
    #[error("no secret key of {0:?}: the number is zero or too large")]
    OutOfRange(Curve),
    /// The public half of a 64-byte edsk belongs to another key.
    #[error("no secret key: its public half belongs to another key")]
    Mismatch,
}

const SEED: &[u8] = &[13, 15, 58, 7];
const PAIR: &[u8] = &[43, 246, 78, 7];
const SPSK: &[u8] = &[17, 162, 224, 201];
const P2SK: &[u8] = &[16, 81, 238, 189];
const BLSK: &[u8] = &[3, 150, 192, 40];

impl SecretKey {
    /// The key of these bytes: an Ed25519 seed or a big-endian number; little-endian for BLS, as the network writes it.
    pub fn from_bytes(curve: Curve, bytes: &[u8; 32]) -> Result<Self, SecretKeyError> {
        let out_of_range = SecretKeyError::OutOfRange(curve);
        Ok(Self(match curve {
            Curve::Ed25519 => Inner::Ed25519(ed25519_dalek::SigningKey::from_bytes(bytes)),
            Curve::Secp256k1 => {
                Inner::Secp256k1(k256::ecdsa::SigningKey::from_slice(bytes).map_err(|_| out_of_range)?)
            }
            Curve::P256 => Inner::P256(p256::ecdsa::SigningKey::from_slice(bytes).map_err(|_| out_of_range)?),
            Curve::Bls => {
                let mut big_endian = Zeroizing::new(*bytes);
                big_endian.reverse();
                let key = blst::min_pk::SecretKey::from_bytes(&*big_endian).map_err(|_| out_of_range)?;
                Inner::Bls(key)
            }
        }))
    }

    /// The key made from 32 random bytes. Fails, once in 2^128 tries or less, if they are no number below the order of
    /// the curve: take other bytes then.
    pub fn from_seed(curve: Curve, seed: &[u8; 32]) -> Result<Self, SecretKeyError> {
        match curve {
            Curve::Bls => blst::min_pk::SecretKey::key_gen(seed, &[])
                .map(|key| Self(Inner::Bls(key)))
                .map_err(|_| SecretKeyError::OutOfRange(curve)),
            _ => Self::from_bytes(curve, seed),
        }
    }

    /// The curve of the key.
    pub fn curve(&self) -> Curve {
        match self.0 {
            Inner::Ed25519(_) => Curve::Ed25519,
            Inner::Secp256k1(_) => Curve::Secp256k1,
            Inner::P256(_) => Curve::P256,
            Inner::Bls(_) => Curve::Bls,
        }
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        match &self.0 {
            Inner::Ed25519(k) => PublicKey::Ed25519(k.verifying_key().to_bytes()),
            Inner::Secp256k1(k) => {
                PublicKey::Secp256k1(compressed(k.verifying_key().to_sec1_point(true).as_bytes()))
            }
            Inner::P256(k) => PublicKey::P256(compressed(k.verifying_key().to_sec1_point(true).as_bytes())),
            Inner::Bls(k) => PublicKey::Bls(k.sk_to_pk().compress()),
        }
    }

    /// Signs bytes as they are, without a watermark.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        const LONG_ENOUGH: &str = "a digest of 32 bytes can be signed";
        match &self.0 {
            Inner::Ed25519(k) => Signature::Ed25519(k.sign(&digest(bytes)).to_bytes()),
            Inner::Secp256k1(k) => {
                let signature: k256::ecdsa::Signature = k.sign_prehash(&digest(bytes)).expect(LONG_ENOUGH);
                Signature::Secp256k1(signature.normalize_s().to_bytes().into())
            }
            Inner::P256(k) => {
                let signature: p256::ecdsa::Signature = k.sign_prehash(&digest(bytes)).expect(LONG_ENOUGH);
                Signature::P256(signature.normalize_s().to_bytes().into())
            }
            Inner::Bls(k) => Signature::Bls(k.sign(bytes, BLS_DST, &[]).compress()),
        }
    }

    /// Signs a forged operation, under the watermark of operations.
    pub fn sign_operation(&self, forged: &[u8]) -> Signature {
        self.sign(&[&[OPERATION_WATERMARK], forged].concat())
    }

    /// The proof that this key is possessed: BLS keys need one before they are used, the others have none.
    pub fn prove_possession(&self) -> Option<[u8; 96]> {
        match &self.0 {
            Inner::Bls(k) => Some(k.sign(&k.sk_to_pk().compress(), BLS_POSSESSION_DST, &[]).compress()),
            Inner::Ed25519(_) | Inner::Secp256k1(_) | Inner::P256(_) => None,
        }
    }

    /// The text of the key: the secret itself. For writing wallets only.
    pub fn reveal(&self) -> Zeroizing<String> {
        let (prefix, bytes) = match &self.0 {
            Inner::Ed25519(k) => (SEED, Zeroizing::new(k.to_bytes())),
            Inner::Secp256k1(k) => (SPSK, Zeroizing::new(k.to_bytes().into())),
            Inner::P256(k) => (P2SK, Zeroizing::new(k.to_bytes().into())),
            Inner::Bls(k) => {
                let mut little_endian = Zeroizing::new(k.to_bytes());
                little_endian.reverse();
                (BLSK, little_endian)
            }
        };
        let mut whole = Zeroizing::new([0; 36]);
        whole[..4].copy_from_slice(prefix);
        whole[4..].copy_from_slice(&*bytes);
        Zeroizing::new(bs58::encode(&*whole).with_check().into_string())
    }
}

fn compressed(point: &[u8]) -> [u8; 33] {
    point.try_into().expect("a compressed point has 33 bytes")
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public_key().hash())
    }
}

impl FromStr for SecretKey {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        let mut buffer = Zeroizing::new([0u8; 128]);
        let len = bs58::decode(text)
            .with_check(None)
            .onto(&mut buffer[..])
            .map_err(|_| SecretKeyError::Malformed)?;
        let bytes = &buffer[..len];
        let seed = |prefix: &[u8]| bytes.strip_prefix(prefix).and_then(|b| <&[u8; 32]>::try_from(b).ok());
        for (prefix, curve) in
            [(SEED, Curve::Ed25519), (SPSK, Curve::Secp256k1), (P2SK, Curve::P256), (BLSK, Curve::Bls)]
        {
            if let Some(bytes) = seed(prefix) {
                return Self::from_bytes(curve, bytes);
            }
        }
        let pair = bytes.strip_prefix(PAIR).and_then(|b| <&[u8; 64]>::try_from(b).ok());
        let pair = pair.ok_or(SecretKeyError::OtherKind)?;
        let key =
            ed25519_dalek::SigningKey::from_keypair_bytes(pair).map_err(|_| SecretKeyError::Mismatch)?;
        Ok(Self(Inner::Ed25519(key)))
    }
}

//! Keys, their hashes and signatures, on the four curves of the network.
//!
//! Ed25519, secp256k1 and P-256 sign the 32-byte blake2b digest of a message; BLS12-381 signs the message itself
//! (minimal public keys, proof-of-possession scheme). Signatures are deterministic.

mod public;
mod secret;
mod signature;

pub use public::{PublicKey, PublicKeyHash};
pub use secret::{SecretKey, SecretKeyError};
pub use signature::Signature;

use crate::b58::{self, B58Error};

/// First byte of what is signed for an operation, before the forged operation.
pub const OPERATION_WATERMARK: u8 = 0x03;

/// A signature scheme of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    /// `tz1`, `edpk`, `edsk`, `edsig`.
    Ed25519,
    /// `tz2`, `sppk`, `spsk`, `spsig1`.
    Secp256k1,
    /// `tz3`, `p2pk`, `p2sk`, `p2sig`.
    P256,
    /// `tz4`, `BLpk`, `BLsk`, `BLsig`.
    Bls,
}

impl Curve {
    /// Every curve, in the order of its tag in the network's encodings.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::Secp256k1, Self::P256, Self::Bls];

    fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            Self::Secp256k1 => 1,
            Self::P256 => 2,
            Self::Bls => 3,
        }
    }

    fn of_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.tag() == tag)
    }
}

/// Domain separation tag of the network's BLS signatures.
const BLS_DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// Domain separation tag of proofs of possession of a BLS key.
const BLS_POSSESSION_DST: &[u8] = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// What signers of 32-byte digests sign.
fn digest(message: &[u8]) -> [u8; 32] {
    crate::blake2b::hash32(message)
}

/// A prefix, and what reads the payload behind it.
type Kind<'a, T> = (&'a [u8], fn(&[u8]) -> Option<T>);

/// Reads a text that has one of several prefixes and gives the value its reader makes of the payload.
fn decode_one_of<T>(text: &str, expected: &str, kinds: &[Kind<'_, T>]) -> Result<T, B58Error> {
    let bytes = b58::decode_var(text, &[], expected)?;
    let mut with_prefix =
        kinds.iter().filter_map(|(prefix, read)| Some((bytes.strip_prefix(*prefix)?, read)));
    let wrong = || B58Error::OtherKind { text: text.to_owned(), expected: expected.to_owned() };
    let (payload, read) = with_prefix.next().ok_or_else(wrong)?;
    read(payload).ok_or_else(|| B58Error::Malformed {
        text: text.to_owned(),
        expected: expected.to_owned(),
        reason: "its bytes are no such value".to_owned(),
    })
}

#[cfg(test)]
mod tests;

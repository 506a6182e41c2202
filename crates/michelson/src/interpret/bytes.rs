//! Bytes and cryptography.

use super::RunError;
use super::machine::{Machine, Next};
use crate::gas::cost;
use crate::micheline::Micheline;
use crate::typecheck::Instruction as I;
use crate::values::{Reading, Value};
use num_bigint::{BigInt, Sign};
use num_traits::{ToPrimitive, Zero};
use sha2::Digest;
use std::sync::Arc;

/// Bytes are shifted to the left by at most so many bits.
const MAX_SHIFT: usize = 64_000;

impl Machine<'_> {
    pub(super) fn bytes(&mut self, instruction: &I) -> Result<Next, RunError> {
        match instruction {
            I::BytesToInt(signed) => {
                let bytes = self.pop_bytes()?;
                self.gas.charge(cost::of(bytes.len(), cost::BYTE))?;
                self.push(Value::int(match signed {
                    true => BigInt::from_signed_bytes_be(&bytes),
                    false => BigInt::from_bytes_be(Sign::Plus, &bytes),
                }))
            }
            I::IntToBytes(signed) => {
                let n = self.pop_int()?;
                self.gas.charge(cost::of(usize::try_from(n.bits() / 8).unwrap_or(usize::MAX), cost::BYTE))?;
                let bytes = match (n.is_zero(), signed) {
                    (true, _) => Vec::new(),
                    (false, true) => n.to_signed_bytes_be(),
                    (false, false) => n.to_bytes_be().1,
                };
                self.push(Value::Bytes(bytes.into()))
            }
            I::Pack(ty) => {
                let value = self.pop()?;
                let packed = value.pack(ty, self.gas)?;
                self.push(Value::Bytes(packed.into()))
            }
            I::Unpack(ty) => {
                let bytes = self.pop_bytes()?;
                self.gas.charge(cost::of(bytes.len(), cost::UNPACKED_BYTE))?;
                let unpacked = match Micheline::unpack(&bytes) {
                    Ok(node) => match Value::parse(&node, ty, &mut Reading::literal(self.gas)) {
                        Ok(value) => Some(value),
                        Err(error) => match error.reason {
                            crate::error::Reason::Gas(e) => return Err(e.into()),
                            _ => None,
                        },
                    },
                    Err(_) => None,
                };
                self.push(Value::Option(unpacked.map(Arc::new)))
            }
            I::Blake2b => self.hash(|bytes| soru_base::blake2b::hash32(bytes).to_vec()),
            I::Sha256 => self.hash(|bytes| sha2::Sha256::digest(bytes).to_vec()),
            I::Sha512 => self.hash(|bytes| sha2::Sha512::digest(bytes).to_vec()),
            I::Keccak => self.hash(|bytes| sha3::Keccak256::digest(bytes).to_vec()),
            I::Sha3 => self.hash(|bytes| sha3::Sha3_256::digest(bytes).to_vec()),
            I::HashKey => match self.pop()? {
                Value::Key(key) => {
                    self.gas.charge(cost::HASH)?;
                    self.push(Value::KeyHash(key.hash()))
                }
                _ => Err(self.fault("a key")),
            },
            I::CheckSignature => match (self.pop()?, self.pop()?, self.pop()?) {
                (Value::Key(key), Value::Signature(signature), Value::Bytes(message)) => {
                    self.gas.charge(cost::SIGNATURE + cost::of(message.len(), cost::HASHED_BYTE))?;
                    self.push(Value::Bool(signature.verify(&key, &message)))
                }
                _ => Err(self.fault("a key, a signature and bytes")),
            },
            I::ScalarToInt | I::PairingCheck | I::OpenChest => self.curve(instruction),
            _ => self.on_chain(instruction),
        }
    }

    fn hash(&mut self, digest: fn(&[u8]) -> Vec<u8>) -> Result<Next, RunError> {
        let bytes = self.pop_bytes()?;
        self.gas.charge(cost::HASH + cost::of(bytes.len(), cost::HASHED_BYTE))?;
        self.push(Value::Bytes(digest(&bytes).into()))
    }

    /// Shifts bytes: to the left they grow by as many bytes as are begun, to the right they lose the whole bytes.
    pub(super) fn shift_bytes(&mut self, bytes: &[u8], by: &BigInt, left: bool) -> Result<Next, RunError> {
        let by = match (by.to_usize(), left) {
            (Some(by), true) if by <= MAX_SHIFT => by,
            (_, true) => return Err(self.overflow()),
            (by, false) => by.unwrap_or(usize::MAX),
        };
        let (whole, bits) = (by / 8, by % 8);
        let len = if left { bytes.len() + by.div_ceil(8) } else { bytes.len().saturating_sub(whole) };
        self.gas.charge(cost::of(bytes.len().max(len), cost::BYTE))?;
        let shifted = match left {
            true => {
                // The bits that a byte pushes out go into the byte before.
                let mut out = vec![0; len];
                let start = usize::from(bits > 0);
                for (i, byte) in bytes.iter().enumerate() {
                    let wide = u16::from(*byte) << bits;
                    out[start + i] |= wide as u8;
                    if start > 0 {
                        out[i] |= (wide >> 8) as u8;
                    }
                }
                out
            }
            false => {
                let mut carried = 0u16;
                let kept = bytes[..len].iter();
                kept.map(|byte| {
                    let wide = (carried << 8) | u16::from(*byte);
                    carried = u16::from(*byte);
                    (wide >> bits) as u8
                })
                .collect()
            }
        };
        self.push(Value::Bytes(shifted.into()))
    }
}

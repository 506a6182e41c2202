use super::{MAX_OPERATION_SIZE, Operation};
use serde_json::Value;
use soru_base::blake2b::hash32;
use soru_base::json::field;
use soru_base::{
    Binary, DecodeError, IdFamily, Json, JsonError, OperationHash, PublicKey, Reader, SecretKey, Signature,
};

/// Written before the first 32 bytes of a BLS signature, so that the last 64 bytes of an operation look alike.
const BLS_PREFIX: [u8; 2] = [0xff, 0x03];
const BLS_HEAD: usize = 32;
const TAIL: usize = 64;

/// An operation and its signature.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedOperation {
    /// The operation.
    pub operation: Operation,
    /// Its signature.
    pub signature: Signature,
}

impl SignedOperation {
    /// Signs an operation.
    pub fn sign(operation: Operation, key: &SecretKey) -> Self {
        let signature = key.sign_operation(&operation.forge());
        Self { operation, signature }
    }

    /// The hash that names the operation.
    pub fn hash(&self) -> OperationHash {
        OperationHash(hash32(&self.to_bytes()))
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.signature.verify_operation(key, &self.operation.forge())
    }
}

impl Binary for SignedOperation {
    fn write(&self, out: &mut Vec<u8>) {
        self.operation.write(out);
        if let Signature::Bls(_) = self.signature {
            out.extend_from_slice(&BLS_PREFIX);
        }
        self.signature.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let size = r.remaining();
        if size > MAX_OPERATION_SIZE {
            return Err(
                r.invalid("signed operation", format!("{size} bytes are more than {MAX_OPERATION_SIZE}"))
            );
        }
        let Some(body_size) = size.checked_sub(TAIL) else {
            return Err(r.invalid("signed operation", format!("{size} bytes are too few")));
        };
        let whole = r.rest();
        let (body, tail) = whole.split_at(body_size);
        let head = body.len().checked_sub(BLS_PREFIX.len() + BLS_HEAD);
        // A BLS signature reads as an unknown kind of content, so trying it first cannot hide another reading: an
        // operation whose content ends in such bytes is read in the second attempt.
        if let Some(at) = head.filter(|at| body[*at..].starts_with(&BLS_PREFIX))
            && let Ok(operation) = Operation::from_bytes(&body[..at])
            && let Some(signature) = Signature::from_slice(&whole[at + BLS_PREFIX.len()..])
        {
            return Ok(Self { operation, signature });
        }
        let signature = Signature::from_slice(tail).ok_or_else(|| r.invalid("signature", "not 64 bytes"))?;
        Ok(Self { operation: Operation::from_bytes(body)?, signature })
    }
}

impl Json for SignedOperation {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = self.operation.to_json(family);
        object["signature"] = self.signature.to_json(family);
        object
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            operation: Operation::from_json(value, family)?,
            signature: field(value, "signature", family)?,
        })
    }
}

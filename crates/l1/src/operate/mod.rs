//! Operations: estimated by a simulation, signed, injected, followed until they are included.

mod fee;
mod limits;
mod prepare;
mod simulate;
mod wait;

pub use fee::{FeeRates, Margins};
pub use limits::{Limits, Planned};
pub use prepare::{Estimate, OperateError, Prepared};
pub use simulate::Simulated;
pub use wait::{Inclusion, Sighting, WaitError, Waiting};

use soru_base::{PublicKey, SecretKey, Signature};

/// Somebody who can sign: a key in memory, or a program that keeps one.
pub trait Signer: Send + Sync {
    /// The public key.
    fn public_key(&self) -> PublicKey;

    /// Signs a forged operation, under the watermark of operations.
    fn sign_operation(&self, forged: &[u8]) -> Signature;

    /// Proof of possession, which a BLS key needs when it is revealed.
    fn prove_possession(&self) -> Option<Vec<u8>>;
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign_operation(&self, forged: &[u8]) -> Signature {
        self.sign_operation(forged)
    }

    fn prove_possession(&self) -> Option<Vec<u8>> {
        self.prove_possession().map(Vec::from)
    }
}

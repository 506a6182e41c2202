//! External messages with a signature: see the README.

use crate::inbox::framed;
use crate::{KeyHash, Rollup};
use blake2::digest::consts::{U20, U32};
use blake2::{Blake2b, Digest};
use ed25519_compact::{PublicKey, Signature};

/// A message for this rollup whose signature is not looked at yet.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The public key.
    pub key: [u8; 32],
    /// How many messages of that key were carried out before, as the message says.
    pub nonce: u64,
    /// The command.
    pub command: &'a [u8],
    text: &'a [u8],
    signature: [u8; 64],
}

impl<'a> Signed<'a> {
    /// Reads a message; nothing if it is for another rollup, or too short.
    pub fn parse(external: &'a [u8], rollup: &Rollup) -> Option<Self> {
        framed(external, rollup)?;
        let (text, signature) = external.split_last_chunk()?;
        let told = framed(text, rollup)?;
        let (key, told) = told.split_first_chunk()?;
        let (nonce, command) = told.split_first_chunk()?;
        Some(Self { key: *key, nonce: u64::from_be_bytes(*nonce), command, text, signature: *signature })
    }

    /// The account of the key.
    pub fn account(&self) -> KeyHash {
        let mut account = [0; 21];
        account[1..].copy_from_slice(&Blake2b::<U20>::digest(self.key));
        account
    }

    /// Whether the owner of the key signed it: some million ticks.
    pub fn is_genuine(&self) -> bool {
        let hash = Blake2b::<U32>::digest(self.text);
        PublicKey::new(self.key).verify(hash, &Signature::new(self.signature)).is_ok()
    }
}

/// A signed external message as the inbox has it, for tests.
#[cfg(not(target_arch = "wasm32"))]
pub fn sign(seed: [u8; 32], rollup: &Rollup, nonce: u64, command: &[u8]) -> Vec<u8> {
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(seed));
    let text = [&[0], &rollup[..], &pair.pk[..], &nonce.to_be_bytes(), command].concat();
    let hash = Blake2b::<U32>::digest(&text);
    let signature = pair.sk.sign(hash, None);
    [&[1], &text[..], &signature[..]].concat()
}

/// The account of a seed, for tests.
#[cfg(not(target_arch = "wasm32"))]
pub fn account(seed: [u8; 32]) -> KeyHash {
    let message = sign(seed, &[0; 20], 0, &[]);
    Signed::parse(&message[1..], &[0; 20]).map_or([0; 21], |signed| signed.account())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_under_the_signature() {
        let message = sign([1; 32], &[7; 20], 5, b"do");
        let parsed = Signed::parse(&message[1..], &[7; 20]).unwrap();
        assert_eq!((parsed.nonce, parsed.command), (5, &b"do"[..]));
        assert!(parsed.is_genuine());
        assert!(Signed::parse(&message[1..], &[8; 20]).is_none());
        for index in 1..message.len() {
            let mut other = message.clone();
            other[index] ^= 1;
            let genuine = Signed::parse(&other[1..], &[7; 20]).is_some_and(|signed| signed.is_genuine());
            assert!(!genuine, "byte {index}");
        }
        for length in 1..1 + 1 + 20 + 32 + 8 + 64 {
            assert!(Signed::parse(&message[1..length], &[7; 20]).is_none(), "{length}");
        }
    }

    /// The sandbox's account bootstrap1.
    #[test]
    fn accounts_are_the_network_s() {
        let key = "4798d2cc98473d7e250c898885718afd2e4efbcb1a1595ab9730761ed830de0f";
        let key: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap()).collect();
        let text = [&[0][..], &[0; 20], &key, &[0; 8 + 64]].concat();
        let account = Signed::parse(&text, &[0; 20]).unwrap().account();
        let hex: String = account.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "0002298c03ed7d454a101eb7022bc95f7e5f41ac78");
    }
}

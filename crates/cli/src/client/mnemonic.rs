//! Keys of BIP39 mnemonics, as Octez's client makes them: the first half of the seed is the key's.

use crate::wallet::{ask, ask_secret};
use anyhow::{Result, bail};
use bip39::{Language, Mnemonic};
use soru_base::SecretKey;
use soru_base::keys::Curve;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 with HMAC-SHA512, as BIP39 has it.
const ROUNDS: u32 = 2_048;

/// Asks for a mnemonic and its passphrase.
pub(super) fn ask_for_key() -> Result<SecretKey> {
    let mnemonic = ask("Enter your mnemonic: ")?;
    let words = Zeroizing::new(mnemonic.split_whitespace().collect::<Vec<_>>().join(" "));
    check(&words)?;
    key(&words, &ask_secret("Enter your passphrase: ")?)
}

/// The words are no part of the error: they may be a secret with one slip of the pen.
fn check(words: &str) -> Result<()> {
    if Mnemonic::parse_in_normalized(Language::English, words).is_err() {
        bail!(
            "this is no BIP39 mnemonic: expected 12, 15, 18, 21 or 24 words of the English list, the last of which is a checksum"
        );
    }
    Ok(())
}

fn key(words: &str, passphrase: &str) -> Result<SecretKey> {
    let salt = Zeroizing::new(format!("mnemonic{passphrase}"));
    let mut seed = Zeroizing::new([0; 64]);
    pbkdf2::pbkdf2_hmac::<sha2::Sha512>(words.as_bytes(), salt.as_bytes(), ROUNDS, &mut *seed);
    let (first, _) = seed.split_at(32);
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(first);
    Ok(SecretKey::from_bytes(Curve::Ed25519, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds of the BIP39 test vectors, whose passphrase is TREZOR: their first halves are the keys.
    #[test]
    fn the_key_is_the_first_half_of_the_seed() {
        for (words, seed) in [
            (
                "legal winner thank year wave sausage worth useful legal winner thank yellow",
                "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6f",
            ),
            (
                "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo when",
                "0cd6e5d827bb62eb8fc1e262254223817fd068a74b5b449cc2f667c3f1f985a7",
            ),
            (
                "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                 abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
                "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd30971",
            ),
        ] {
            check(words).unwrap();
            let bytes: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
            let expected = SecretKey::from_bytes(Curve::Ed25519, &bytes).unwrap();
            assert_eq!(key(words, "TREZOR").unwrap().public_key(), expected.public_key(), "{words}");
        }
    }

    #[test]
    fn what_is_no_mnemonic_is_not_repeated() {
        for words in [
            "",
            "zoo",
            &"zoo ".repeat(12),
            "legal winner thank year wave sausage worth useful legal winner thank yelow",
        ] {
            let error = check(words).unwrap_err().to_string();
            assert!(!error.contains("zoo") && !error.contains("yelow"), "{error}");
        }
    }
}

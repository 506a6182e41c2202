//! Secret keys under a password, as Octez's client keeps them: `edesk…`, `spesk…`, `p2esk…`, `BLesk…`.

use crypto_secretbox::aead::Aead;
use crypto_secretbox::{Key, KeyInit, Nonce, XSalsa20Poly1305};
use soru_base::SecretKey;
use soru_base::keys::Curve;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of salt before the sealed key.
pub(crate) const SALT: usize = 8;
/// The key, and the tag that tells whether the password is the right one.
const SEALED: usize = 32 + 16;
/// Rounds of PBKDF2 with HMAC-SHA512 that make a key of the password.
const ROUNDS: u32 = 32_768;

/// A secret key that only its password opens.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EncryptedKey {
    curve: Curve,
    salt: [u8; SALT],
    sealed: [u8; SEALED],
}

/// Why a text is no encrypted key, or what it holds is no key. Says nothing of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum EncryptedKeyError {
    /// Neither of the four forms.
    #[error("no encrypted secret key: expected edesk…, spesk…, p2esk… or BLesk… with a correct checksum")]
    Malformed,
    /// What the password opens is not a key of its curve.
    #[error("the password opens it, but what it holds is no secret key of {0:?}")]
    NoKey(Curve),
}

fn prefix(curve: Curve) -> [u8; 5] {
    match curve {
        Curve::Ed25519 => [7, 90, 60, 179, 41],
        Curve::Secp256k1 => [9, 237, 241, 174, 150],
        Curve::P256 => [9, 48, 57, 115, 171],
        Curve::Bls => [2, 5, 30, 53, 25],
    }
}

/// Each salt makes another key of a password, so that a nonce is never used twice.
fn cipher(password: &[u8], salt: &[u8]) -> XSalsa20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, salt, ROUNDS, &mut *key);
    XSalsa20Poly1305::new(Key::from_slice(&*key))
}

impl EncryptedKey {
    /// Puts a key under a password. The salt must be random.
    pub(crate) fn seal(key: &SecretKey, password: &[u8], salt: [u8; SALT]) -> Self {
        const FITS: &str = "a secret key of 32 bytes can be sealed";
        let text = key.reveal();
        let mut bytes = Zeroizing::new([0; 64]);
        let len = bs58::decode(text.as_str()).with_check(None).onto(&mut bytes[..]).expect(FITS);
        let secret = bytes[..len].last_chunk::<32>().expect(FITS);
        let sealed = cipher(password, &salt).encrypt(&Nonce::default(), &secret[..]).expect(FITS);
        Self { curve: key.curve(), salt, sealed: sealed.try_into().expect(FITS) }
    }

    /// The key, if that is its password.
    pub(crate) fn open(&self, password: &[u8]) -> Result<Option<SecretKey>, EncryptedKeyError> {
        let Ok(secret) = cipher(password, &self.salt).decrypt(&Nonce::default(), &self.sealed[..]) else {
            return Ok(None);
        };
        let secret = Zeroizing::new(secret);
        let bytes = <&[u8; 32]>::try_from(secret.as_slice());
        let key = bytes.ok().and_then(|bytes| SecretKey::from_bytes(self.curve, bytes).ok());
        key.map(Some).ok_or(EncryptedKeyError::NoKey(self.curve))
    }
}

impl fmt::Display for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = [&prefix(self.curve)[..], &self.salt, &self.sealed].concat();
        f.write_str(&bs58::encode(whole).with_check().into_string())
    }
}

impl fmt::Debug for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedKey({:?})", self.curve)
    }
}

impl FromStr for EncryptedKey {
    type Err = EncryptedKeyError;

    fn from_str(text: &str) -> Result<Self, EncryptedKeyError> {
        let mut buffer = [0; 128];
        let len = bs58::decode(text).with_check(None).onto(&mut buffer[..]);
        let bytes = &buffer[..len.map_err(|_| EncryptedKeyError::Malformed)?];
        let read = |curve: Curve| {
            let (salt, sealed) = bytes.strip_prefix(&prefix(curve))?.split_first_chunk()?;
            Some(Self { curve, salt: *salt, sealed: sealed.try_into().ok()? })
        };
        Curve::ALL.into_iter().find_map(read).ok_or(EncryptedKeyError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys, their encrypted forms made by Octez, and the passwords.
    const OCTEZ: [(&str, &str, &str); 12] = [
        (
            "edsk3kMNLNdzLPbbABASDLARft8JRZ3Wpwibn8SMAb4KmuWSMJmAFd",
            "edesk1oGXxunJ5FTGpQ6o1xdop8VGKdT36Fj7LwWF9HLjzEqaCC4V6tdRVN1jaeJTfCHS8bYf7U2YhMK2yW6jSUy",
            "ahThie5H",
        ),
        (
            "edsk3Kqr8VHRx9kmR8Pj5qRGcmvQH34cForiMaMz1Ahhq5DkZp7FxJ",
            "edesk1s4xEifbUdUkghHHimbNUuyQ4eidDVJdc8JtPRUon758hBqZNZsQxadUDFRSRiUdLoFqBG35HAiLKafyczw",
            "ahThie5H",
        ),
        (
            "edsk2mBu4w9sMGhryvvXK53dXgpcNdZWi8pJQ1QL2rAgRPrE5y12az",
            "edesk1zY5jEs4QXrF9tXxFq1mfW9PkatdRxCKQ2Q598y5LLz65nQj4eWxefYFp8YLerya1haRdGe5NWckHDb5ApM",
            "ahThie5H",
        ),
        (
            "spsk24attf9uuQ7PUKFHxTm6E3TMqB6SPkFiMbXPBur7JNrvupW2xg",
            "spesk2CXQHDbzrcNatRzmg83Dto6kX6BWwpP2zGs4Zks9LDsXzaX6mAYRj5ZrrdgyZQap4DS9YRRLNSpaVC2TSsk",
            "ahThie5H",
        ),
        (
            "spsk2H32XfWL7MkW58r76q6Yu5tJg77YGgVyjwq7EvLUHhn4JmAtEG",
            "spesk1upiFp23osWSUTgHcx8DCVpTrMr9xtdqVQkQDWj5sFG7vqcWLDaNv9AKKcF27Nb266YfuAGF2hEbcyAxHmK",
            "ahThie5H",
        ),
        (
            "spsk3KQ56REAUGc6Gn87xCRnWyPwR2Un667vegQVuU16ZcgNyLCooh",
            "spesk1w7d68hzTWJusk5Xn5oz8EgDXbotDW9BXb5ksFjr8Jd94Kxnu5yKAhgRszojhMUoJ1EEt5BtPpGpkgCjELq",
            "ahThie5H",
        ),
        (
            "p2sk2YQcwF5h7qgRztocEMrfizUwZaM41f4v7zWneiig2Y5AxajqYC",
            "p2esk2JMFpR9yaSpgsaKQYLqFnv16t4gowJ4cgjj7D7iMfoaJz2vZuH7Tdi11MrX6FC2yhfs2nvy5VRxAvzH1STE",
            "ahThie5H",
        ),
        (
            "p2sk2XiSoQC9tvejVBDJyvkbHUq2kvcQHdJJ2wM8rii228DkjKV2b5",
            "p2esk1nfobVL73mY5Y18W8Ltb3Vm6Nf5Th7trN3yA3ucyyP4AH93XfyRatkh9AxxaDtnju1EtArykjroEQHDT97k",
            "ahThie5H",
        ),
        (
            "p2sk3ZsfsEaxDNn74orv91Ruu35fomzF373aT9ForA4fDo54c47o6H",
            "p2esk2Ge1jrVak7NhxksimzaQjRCTLx5vxUZ4Akgq3spGQLx6N41h6aKXeEYDgxN5eztnPwD6QiCHCfVAKXLPNm8",
            "ahThie5H",
        ),
        (
            "BLsk1o1S8oAG76r3o3aJr1gbVhNdDnAMsdy1yMfwHLWwUHfAeyEXHV",
            "BLesk1ExnCaFxVcGFvKFQrPs2AADo2KpukB6bhA8SLASRzZ58uqvSNUNyzdNdya5NPgE1BAFwcN3wtyFv76r1GJ9",
            "ahThie5H",
        ),
        (
            "BLsk1ootrVQmMBgcnXDKdyBR2M5tXwZh2TRVcinBJwMhCYVDRm3K1N",
            "BLesk1c92TTyYAbkt5Aa2g2puGZHy1M9hQVX7um7PYpxfsjbaaiYsqR2ahArH53WGSvbvzUBizgPipMyfmh8bCs5",
            "aVah7eid",
        ),
        (
            "BLsk1rgztT2EBdQ2vtyXkTzgwmEjabvZri3c7tLHQtDmgH695mcWUt",
            "BLesk1yLinYLYYxq947JSbwt4s94xZb6azZz8AD8myiU67mQpKA2bLxYwq8QhYTrsCdXTtLSLyYnVL5EQAuubYjJ",
            "Hihohh1n",
        ),
    ];

    #[test]
    fn keys_that_octez_encrypted_are_opened_and_sealed_alike() {
        for (plain, encrypted, password) in OCTEZ {
            let key: EncryptedKey = encrypted.parse().unwrap();
            let opened = key.open(password.as_bytes()).unwrap().expect(encrypted);
            assert_eq!(opened.reveal().as_str(), plain);
            assert_eq!(key.to_string(), encrypted);
            let again = EncryptedKey::seal(&opened, password.as_bytes(), key.salt);
            assert_eq!(again.to_string(), encrypted);
        }
    }

    #[test]
    fn another_password_opens_nothing() {
        let (_, encrypted, _) = OCTEZ[0];
        let key: EncryptedKey = encrypted.parse().unwrap();
        assert!(key.open(b"ahThie5h").unwrap().is_none());
        assert!(key.open(b"").unwrap().is_none());
    }

    #[test]
    fn other_texts_are_no_encrypted_keys() {
        let (plain, encrypted, _) = OCTEZ[0];
        for text in ["", "edesk", plain, &encrypted[..87], &encrypted.replace('H', "J"), &"1".repeat(4000)] {
            assert_eq!(text.parse::<EncryptedKey>(), Err(EncryptedKeyError::Malformed), "{text}");
        }
    }
}

//! Where a key is: the locators of Octez's wallets.

use super::encrypted::{EncryptedKey, EncryptedKeyError};
use soru_base::{PublicKey, SecretKey, SecretKeyError};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A secret key that is in the wallet itself.
#[derive(Clone)]
pub(crate) enum SecretLocator {
    /// `unencrypted:edsk…`
    Unencrypted(SecretKey),
    /// `encrypted:edesk…`
    Encrypted(EncryptedKey),
}

/// Why a locator leads to no key. Says nothing of what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum LocatorError {
    #[error("`unencrypted:` is not followed by a secret key: {0}")]
    Unencrypted(SecretKeyError),
    #[error("`encrypted:` is not followed by an encrypted key: {0}")]
    Encrypted(#[from] EncryptedKeyError),
    #[error(
        "keys of the scheme `{scheme}:` are not supported{why}: a key is in the wallet itself, as unencrypted:KEY or \
         encrypted:KEY"
    )]
    Elsewhere { scheme: String, why: &'static str },
    #[error("this is no key: expected unencrypted:edsk… or encrypted:edesk…")]
    NoKey,
}

/// The schemes of Octez's client whose keys are not in the wallet.
const ELSEWHERE: [(&str, &str); 6] = [
    ("ledger", " (nobody talks to hardware wallets here)"),
    ("remote", " (no program that signs is asked)"),
    ("http", " (no program that signs is asked)"),
    ("https", " (no program that signs is asked)"),
    ("tcp", " (no program that signs is asked)"),
    ("unix", " (no program that signs is asked)"),
];

/// The scheme of a locator and what is behind it.
fn split(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    }
}

/// The scheme of a secret key's locator; keys without one are as they are.
pub(super) fn scheme(text: &str) -> &str {
    split(text).0.unwrap_or("unencrypted")
}

fn elsewhere(scheme: &str) -> LocatorError {
    let known = ELSEWHERE.iter().find(|(name, _)| *name == scheme);
    // What stands before the colon could be anything, even a secret.
    match known {
        Some((name, why)) => LocatorError::Elsewhere { scheme: (*name).to_owned(), why },
        None => LocatorError::NoKey,
    }
}

/// Whether a word looks like an unencrypted secret key, with a scheme or without, even if it is none.
pub(crate) fn is_secret(word: &str) -> bool {
    let key = word.rsplit(':').next().unwrap_or(word);
    key.len() > 40 && ["edsk", "spsk", "p2sk", "BLsk"].iter().any(|prefix| key.starts_with(prefix))
}

impl FromStr for SecretLocator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        match split(text.trim()) {
            (Some("unencrypted" | "aggregate_unencrypted"), key) => {
                key.parse().map(Self::Unencrypted).map_err(LocatorError::Unencrypted)
            }
            (Some("encrypted" | "aggregate_encrypted"), key) => Ok(Self::Encrypted(key.parse()?)),
            (Some(scheme), _) => Err(elsewhere(scheme)),
            (None, key) => match (key.parse(), key.parse()) {
                (Ok(key), _) => Ok(Self::Unencrypted(key)),
                (_, Ok(key)) => Ok(Self::Encrypted(key)),
                _ => Err(LocatorError::NoKey),
            },
        }
    }
}

impl SecretLocator {
    /// The locator with the key in it, secret or under its password. For writing wallets, and for who asks for secrets.
    pub(crate) fn reveal(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(match self {
            Self::Unencrypted(key) => format!("unencrypted:{}", key.reveal().as_str()),
            Self::Encrypted(key) => format!("encrypted:{key}"),
        })
    }
}

impl fmt::Debug for SecretLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unencrypted(key) => write!(f, "unencrypted:{key:?}"),
            Self::Encrypted(key) => write!(f, "encrypted:{key:?}"),
        }
    }
}

/// A public key, with a scheme or without.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, LocatorError> {
    match split(text.trim()) {
        (Some("unencrypted" | "encrypted" | "aggregate_unencrypted" | "aggregate_encrypted") | None, key) => {
            key.parse().map_err(|_| LocatorError::NoKey)
        }
        (Some(scheme), _) => Err(elsewhere(scheme)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh";
    const SEALED: &str =
        "edesk1oGXxunJ5FTGpQ6o1xdop8VGKdT36Fj7LwWF9HLjzEqaCC4V6tdRVN1jaeJTfCHS8bYf7U2YhMK2yW6jSUy";

    fn locator(text: &str) -> Result<String, LocatorError> {
        text.parse::<SecretLocator>().map(|found| found.reveal().to_string())
    }

    #[test]
    fn keys_in_the_wallet_are_found_with_and_without_a_scheme() {
        let (plain, sealed) = (format!("unencrypted:{PLAIN}"), format!("encrypted:{SEALED}"));
        assert_eq!(locator(PLAIN).unwrap(), plain);
        assert_eq!(locator(&plain).unwrap(), plain);
        assert_eq!(locator(SEALED).unwrap(), sealed);
        assert_eq!(locator(&format!("aggregate_{sealed}")).unwrap(), sealed);
        assert_eq!(scheme(PLAIN), "unencrypted");
        assert_eq!(scheme(&sealed), "encrypted");
    }

    #[test]
    fn keys_elsewhere_are_refused_by_the_name_of_their_scheme() {
        for uri in [
            "ledger://major-squirrel-thick-hedgehog/ed25519/0h/0h",
            "http://127.0.0.1:6732/tz1abc",
            "https://signer/tz1abc",
            "tcp://127.0.0.1:7732/tz1abc",
            "unix:/run/signer?pkh=tz1abc",
            "remote:tz1abc",
        ] {
            let error = locator(uri).unwrap_err().to_string();
            let scheme = uri.split(':').next().unwrap();
            assert!(error.contains(&format!("`{scheme}:` are not supported")), "{error}");
            assert!(error.contains("unencrypted:KEY or encrypted:KEY"), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_is_never_repeated() {
        for text in ["edskSECRET", "SECRET:x", "unencrypted:SECRET", "encrypted:SECRET", &format!("{PLAIN}x")]
        {
            let error = locator(text).unwrap_err().to_string();
            assert!(!error.contains("SECRET") && !error.contains(PLAIN), "{error}");
        }
        assert!(!format!("{:?}", PLAIN.parse::<SecretLocator>().unwrap()).contains("edsk"));
    }

    #[test]
    fn public_keys_have_schemes_too() {
        let key = "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav";
        assert_eq!(public_key(key).unwrap().to_string(), key);
        assert_eq!(public_key(&format!("unencrypted:{key}")).unwrap().to_string(), key);
        assert!(matches!(public_key("ledger://x"), Err(LocatorError::Elsewhere { .. })));
        assert_eq!(public_key("edpkx"), Err(LocatorError::NoKey));
    }
}

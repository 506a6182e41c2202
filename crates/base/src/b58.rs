//! Base58 with a checksum: how the network writes its identifiers.

use thiserror::Error;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum B58Error {
    /// Not base58, or the checksum is wrong.
    #[error("`{text}` is no {expected}: {reason}")]
    Malformed {
        /// The offending text.
        text: String,
        /// What was expected, with its prefix.
        expected: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A well-formed identifier of another kind.
    #[error("`{text}` is no {expected}: it has another prefix or length")]
    OtherKind {
        /// The offending text.
        text: String,
        /// What was expected, with its prefix.
        expected: String,
    },
}

/// Writes `prefix` followed by `payload` in base58 with its checksum.
pub fn encode(prefix: &[u8], payload: &[u8]) -> String {
    bs58::encode([prefix, payload].concat()).with_check().into_string()
}

/// Reads `text`, which must decode to `prefix` followed by `N` bytes. `expected` names the kind in
/// errors.
pub fn decode<const N: usize>(text: &str, prefix: &[u8], expected: &str) -> Result<[u8; N], B58Error> {
    let bytes = decode_var(text, prefix, expected)?;
    bytes.try_into().map_err(|_| B58Error::OtherKind { text: text.to_owned(), expected: expected.to_owned() })
}

/// As [`decode`], with a payload of any length.
pub fn decode_var(text: &str, prefix: &[u8], expected: &str) -> Result<Vec<u8>, B58Error> {
    // Longer than any identifier of the network: refused before the quadratic decoder sees it.
    const LONGEST: usize = 512;
    let malformed = |reason: String| B58Error::Malformed {
        text: text.chars().take(64).collect(),
        expected: expected.to_owned(),
        reason,
    };
    if text.len() > LONGEST {
        return Err(malformed(format!("{} characters are too many", text.len())));
    }
    let bytes = bs58::decode(text).with_check(None).into_vec().map_err(|e| malformed(e.to_string()))?;
    match bytes.strip_prefix(prefix) {
        Some(payload) => Ok(payload.to_vec()),
        None => Err(B58Error::OtherKind { text: text.to_owned(), expected: expected.to_owned() }),
    }
}

//! Values as people want to see them.

use num_bigint::{BigInt, BigUint};

/// How to show the bytes of a value. Numbers are little-endian, as WebAssembly stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// In hexadecimal.
    Hex,
    /// As a text; bytes that are no UTF-8 are replaced.
    Text,
    /// As a number of so many bytes without sign.
    Unsigned(usize),
    /// As a number of so many bytes with a sign.
    Signed(usize),
}

impl ValueKind {
    /// The words that name a kind, for completion and errors.
    pub const NAMES: [&'static str; 10] =
        ["hex", "string", "u8", "u16", "u32", "u64", "u128", "u256", "i32", "i64"];

    /// The kind of that name; today's debugger also knows `uint16` and so on.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "hex" => Self::Hex,
            "string" => Self::Text,
            "u8" => Self::Unsigned(1),
            "u16" | "uint16" => Self::Unsigned(2),
            "u32" => Self::Unsigned(4),
            "u64" => Self::Unsigned(8),
            "u128" | "uint128" => Self::Unsigned(16),
            "u256" | "uint256" => Self::Unsigned(32),
            "i32" | "int32" => Self::Signed(4),
            "i64" | "int64" => Self::Signed(8),
            _ => return None,
        })
    }

    /// How many bytes it takes, if always the same number.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Hex | Self::Text => None,
            Self::Unsigned(len) | Self::Signed(len) => Some(len),
        }
    }

    /// The bytes in this form. A number of the wrong length is shown in hexadecimal, with a line that says so.
    pub(crate) fn show(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
            Self::Unsigned(len) | Self::Signed(len) if len != bytes.len() => {
                format!(
                    "Error: a number of {len} bytes was asked for, the value has {}. In hexadecimal:\n{}",
                    bytes.len(),
                    hex::encode(bytes)
                )
            }
            Self::Unsigned(_) => BigUint::from_bytes_le(bytes).to_string(),
            Self::Signed(_) => BigInt::from_signed_bytes_le(bytes).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian() {
        let show = |name: &str, bytes: &[u8]| ValueKind::parse(name).unwrap().show(bytes);
        assert_eq!(show("u16", &[1, 2]), "513");
        assert_eq!(show("i32", &[0xfe, 0xff, 0xff, 0xff]), "-2");
        assert_eq!(show("u32", &[0xfe, 0xff, 0xff, 0xff]), "4294967294");
        assert_eq!(
            show("uint256", &[&[0; 16][..], &[1], &[0; 15]].concat()),
            (1u128 << 127)
                .to_string()
                .replace(&(1u128 << 127).to_string(), "340282366920938463463374607431768211456")
        );
        assert_eq!(show("string", b"a\xffb"), "a\u{fffd}b");
        assert!(show("i64", &[1]).ends_with("\n01"));
        assert!(ValueKind::NAMES.iter().all(|name| ValueKind::parse(name).is_some()));
        assert_eq!(ValueKind::parse("f32"), None);
    }
}

//! Amounts of tez, counted in mutez: millionths.

use crate::bin::{Binary, DecodeError, Reader, put_n64};
use crate::json::{Json, JsonError};
use crate::profile::IdFamily;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An amount in mutez, at most 2^63 − 1. Printed in tez, as `1.5`; in JSON a string of mutez.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mutez(pub u64);

/// Why a text is no amount of tez.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no amount of tez: expected digits, with at most six behind a point, below 9223372036854.775808"
)]
pub struct TezError(String);

impl Mutez {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One tez.
    pub const ONE_TEZ: Self = Self(1_000_000);
    /// The largest amount the network can write.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// So many whole tez; `None` above [`Self::MAX`].
    pub fn from_tez(tez: u64) -> Option<Self> {
        Self::ONE_TEZ.checked_mul(tez)
    }

    /// The sum; `None` above [`Self::MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self).filter(|sum| *sum <= Self::MAX)
    }

    /// The difference; `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The product; `None` above [`Self::MAX`].
    pub fn checked_mul(self, factor: u64) -> Option<Self> {
        self.0.checked_mul(factor).map(Self).filter(|product| *product <= Self::MAX)
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Mutez {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, millionths) = (self.0 / 1_000_000, self.0 % 1_000_000);
        match millionths {
            0 => f.pad(&whole.to_string()),
            _ => f.pad(format!("{whole}.{millionths:06}").trim_end_matches('0')),
        }
    }
}

/// Reads an amount in tez.
impl FromStr for Mutez {
    type Err = TezError;
    fn from_str(text: &str) -> Result<Self, TezError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.len() <= 19 && s.bytes().all(|b| b.is_ascii_digit());
        let amount = || {
            if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
                return None;
            }
            let millionths: u64 = format!("{fraction:0<6}").parse().ok()?;
            Self::from_tez(whole.parse().ok()?)?.checked_add(Self(millionths))
        };
        amount().ok_or_else(|| TezError(text.chars().take(64).collect()))
    }
}

impl Binary for Mutez {
    fn write(&self, out: &mut Vec<u8>) {
        put_n64(out, self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let place = r.clone();
        let amount = Self(r.n64("amount of mutez")?);
        match amount <= Self::MAX {
            true => Ok(amount),
            false => Err(place.invalid("amount of mutez", format!("{} is above 2^63 - 1", amount.0))),
        }
    }
}

impl Json for Mutez {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::String(self.0.to_string())
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        let text = value.as_str().filter(|s| s.bytes().all(|b| b.is_ascii_digit()));
        let amount = text.and_then(|s| s.parse().ok()).map(Self).filter(|amount| *amount <= Self::MAX);
        amount.ok_or_else(|| JsonError::new("a string of mutez, at most 2^63 - 1", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_tez() {
        for (mutez, text) in [(0, "0"), (1, "0.000001"), (1_500_000, "1.5"), (10_000_000_000, "10000")] {
            assert_eq!(Mutez(mutez).to_string(), text);
        }
        assert_eq!(Mutez::MAX.to_string(), "9223372036854.775807");
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1.2345678",
            "1,5",
            "9223372036854.775808",
            "99999999999999999999",
            "1.5.5",
        ] {
            assert!(text.parse::<Mutez>().is_err(), "{text}");
        }
        assert_eq!(Mutez::MAX.checked_add(Mutez(1)), None);
        assert_eq!(Mutez::ZERO.checked_sub(Mutez(1)), None);
        assert_eq!(Mutez::MAX.checked_mul(2), None);
        assert!(Mutez::from_bytes(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).is_err());
        for value in ["\"+1\"", "\"9223372036854775808\"", "1", "null"] {
            let value = serde_json::from_str(value).unwrap();
            assert!(Mutez::from_json(&value, IdFamily::Alpha).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_form_reads_back(mutez in 0..=Mutez::MAX.0) {
            let amount = Mutez(mutez);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            prop_assert_eq!(Mutez::from_bytes(&amount.to_bytes()), Ok(amount));
            prop_assert_eq!(Mutez::from_json(&amount.to_json(IdFamily::Alpha), IdFamily::Alpha), Ok(amount));
        }
    }
}

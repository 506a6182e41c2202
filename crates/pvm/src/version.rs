//! Versions of the machine: a value that carries what differs between them.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A version of the machine. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// "2.0.0".
    V0,
    /// "2.0.0-r1".
    V1,
    /// "2.0.0-r2".
    V2,
    /// "2.0.0-r3".
    V3,
    /// "2.0.0-r4".
    V4,
    /// "2.0.0-r5".
    V5,
    /// "2.0.0-r6".
    V6,
    /// "2.0.0-experimental".
    Experimental,
}

/// A text that names no version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no version of the machine (2.0.0, 2.0.0-r1 to 2.0.0-r6, 2.0.0-experimental)")]
pub struct VersionError(pub String);

impl Version {
    /// All versions, in order.
    pub const ALL: [Self; 8] =
        [Self::V0, Self::V1, Self::V2, Self::V3, Self::V4, Self::V5, Self::V6, Self::Experimental];

    /// The name written in the durable storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::V0 => "2.0.0",
            Self::V1 => "2.0.0-r1",
            Self::V2 => "2.0.0-r2",
            Self::V3 => "2.0.0-r3",
            Self::V4 => "2.0.0-r4",
            Self::V5 => "2.0.0-r5",
            Self::V6 => "2.0.0-r6",
            Self::Experimental => "2.0.0-experimental",
        }
    }

    /// How many frames the call stack may hold. One call more and the machine is stuck for ever.
    pub fn call_depth_limit(self) -> u32 {
        if self == Self::V0 { 300 } else { 60_000 }
    }

    /// The version that a migration to the protocol of that name brings, if the machine knows it.
    pub fn of_protocol(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"nairobi_017" => Self::V1,
            b"oxford_018" => Self::V2,
            b"paris_019" | b"paris_020" => Self::V4,
            b"quebec_021" | b"r022_022" | b"s023_023" | b"t024_024" => Self::V5,
            b"u025_025" | b"alpha_current" => Self::V6,
            _ => return None,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::ALL.into_iter().find(|v| v.name() == text).ok_or_else(|| VersionError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back_and_are_in_order() {
        for version in Version::ALL {
            assert_eq!(version.name().parse(), Ok(version));
        }
        assert!(Version::ALL.is_sorted());
        assert_eq!("2.0.0-r7".parse::<Version>(), Err(VersionError("2.0.0-r7".to_owned())));
        assert_eq!(Version::ALL.map(Version::call_depth_limit)[..2], [300, 60_000]);
    }
}

//! How a client names a block: `head`, `head~2`, `genesis`, a level, a hash, and offsets from them.

use crate::{BlockHash, Level};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What an offset counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// The newest block of the current branch.
    Head,
    /// The block at level 0. `checkpoint`, `savepoint` and `caboose` are read as it, too.
    Genesis,
    /// A level of the current branch.
    Level(Level),
    /// A block of any branch.
    Hash(BlockHash),
}

/// A block identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockId {
    /// Where to start.
    pub anchor: Anchor,
    /// How many blocks to go back (`~`, `-`) if positive, forward (`+`) if negative.
    pub back: i64,
}

/// Why a text names no block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no block identifier: expected head, genesis, a level or a block hash, and maybe ~N or +N behind it"
)]
pub struct BlockIdError(
    /// The offending text, cut short.
    pub String,
);

impl BlockId {
    /// The newest block.
    pub const HEAD: Self = Self { anchor: Anchor::Head, back: 0 };

    /// The first block.
    pub const GENESIS: Self = Self { anchor: Anchor::Genesis, back: 0 };

    /// So many blocks before the newest one.
    pub fn before_head(back: u32) -> Self {
        Self::HEAD.minus(back)
    }

    /// So many blocks earlier than this one.
    pub fn minus(self, back: u32) -> Self {
        Self { back: self.back.saturating_add(i64::from(back)), ..self }
    }
}

impl From<BlockHash> for BlockId {
    fn from(hash: BlockHash) -> Self {
        Self { anchor: Anchor::Hash(hash), back: 0 }
    }
}

impl From<Level> for BlockId {
    fn from(level: Level) -> Self {
        Self { anchor: Anchor::Level(level), back: 0 }
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.anchor {
            Anchor::Head => f.write_str("head")?,
            Anchor::Genesis => f.write_str("genesis")?,
            Anchor::Level(level) => level.fmt(f)?,
            Anchor::Hash(hash) => hash.fmt(f)?,
        }
        match self.back {
            0 => Ok(()),
            back if back > 0 => write!(f, "~{back}"),
            back => write!(f, "+{}", back.unsigned_abs()),
        }
    }
}

impl FromStr for BlockId {
    type Err = BlockIdError;

    fn from_str(text: &str) -> Result<Self, BlockIdError> {
        let refused = || BlockIdError(text.chars().take(64).collect());
        let (name, sign, digits) = match text.find(['~', '-', '+']) {
            None => (text, 1, None),
            Some(at) => {
                let sign = if text[at..].starts_with('+') { -1 } else { 1 };
                (&text[..at], sign, Some(&text[at + 1..]))
            }
        };
        let back = match digits {
            None => 0,
            // `parse` would take a sign too.
            Some(d) if d.starts_with(|c: char| c.is_ascii_digit()) => {
                sign * i64::from(d.parse::<u32>().map_err(|_| refused())?)
            }
            Some(_) => return Err(refused()),
        };
        let anchor = match name {
            "head" => Anchor::Head,
            "genesis" | "checkpoint" | "savepoint" | "caboose" => Anchor::Genesis,
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                let level = digits.parse().ok().and_then(Level::new).ok_or_else(refused)?;
                Anchor::Level(level)
            }
            hash => Anchor::Hash(hash.parse().map_err(|_| refused())?),
        };
        Ok(Self { anchor, back })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(text: &str) -> Result<BlockId, BlockIdError> {
        text.parse()
    }

    #[test]
    fn the_forms_that_clients_use() {
        let hash = BlockHash([7; 32]);
        let level = |n| Anchor::Level(Level::new(n).expect("a small level"));
        let cases = [
            ("head".to_owned(), Anchor::Head, 0),
            ("head~0".to_owned(), Anchor::Head, 0),
            ("head~12".to_owned(), Anchor::Head, 12),
            ("head-12".to_owned(), Anchor::Head, 12),
            ("genesis".to_owned(), Anchor::Genesis, 0),
            ("genesis+3".to_owned(), Anchor::Genesis, -3),
            ("0".to_owned(), level(0), 0),
            ("42".to_owned(), level(42), 0),
            ("42~2".to_owned(), level(42), 2),
            ("42+2".to_owned(), level(42), -2),
            (hash.to_string(), Anchor::Hash(hash), 0),
            (format!("{hash}~1"), Anchor::Hash(hash), 1),
            (format!("{hash}+1"), Anchor::Hash(hash), -1),
        ];
        for (text, anchor, back) in cases {
            let expected = BlockId { anchor, back };
            assert_eq!(id(&text), Ok(expected), "{text}");
            assert_eq!(id(&expected.to_string()), Ok(expected));
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_text() {
        for text in [
            "",
            "Head",
            "head~",
            "head~-1",
            "head~+1",
            "head~1~1",
            "~1",
            "+1",
            "-1",
            "4294967296",
            "2147483648",
            "BL",
        ] {
            let error = id(text).expect_err(text);
            assert!(error.to_string().starts_with(&format!("`{text}` is no block")), "{error}");
        }
    }

    #[test]
    fn going_back_adds_up() {
        assert_eq!(BlockId::HEAD.minus(1).minus(2), BlockId::before_head(3));
        assert_eq!(BlockId::before_head(3).to_string(), "head~3");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            let _ = id(&text);
        }
    }
}

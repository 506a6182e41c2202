//! How blocks are named in questions: `head`, `head~2`, `genesis`, a level, a hash, `hash~n`.

use soru_base::{BlockHash, Level};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What a [`BlockId`] counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// The newest block.
    Head,
    /// The first block.
    Genesis,
    /// The block of the current chain at a level.
    Level(Level),
    /// A block of any chain.
    Hash(BlockHash),
}

/// A block, as one asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockId {
    /// What is counted from.
    pub anchor: Anchor,
    /// How many blocks earlier.
    pub back: u32,
}

/// Why a text names no block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` names no block: expected head, genesis, a level or a block hash, with ~ and a number behind or without"
)]
pub struct BlockIdError(String);

impl BlockId {
    /// The newest block.
    pub const HEAD: Self = Self { anchor: Anchor::Head, back: 0 };
    /// The first block.
    pub const GENESIS: Self = Self { anchor: Anchor::Genesis, back: 0 };

    /// So many blocks before the newest one.
    pub fn before_head(back: u32) -> Self {
        Self { anchor: Anchor::Head, back }
    }

    /// So many blocks earlier than this one.
    pub fn minus(self, back: u32) -> Self {
        Self { back: self.back.saturating_add(back), ..self }
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
            back => write!(f, "~{back}"),
        }
    }
}

impl FromStr for BlockId {
    type Err = BlockIdError;
    fn from_str(text: &str) -> Result<Self, BlockIdError> {
        read(text).ok_or_else(|| BlockIdError(text.chars().take(64).collect()))
    }
}

fn read(text: &str) -> Option<BlockId> {
    let (anchor, back) = text.split_once('~').unwrap_or((text, "0"));
    let anchor = match anchor {
        "head" => Anchor::Head,
        "genesis" => Anchor::Genesis,
        _ => match number(anchor) {
            Some(level) => Anchor::Level(Level::new(level)?),
            None => Anchor::Hash(anchor.parse().ok()?),
        },
    };
    Some(BlockId { anchor, back: number(back)? })
}

fn number(text: &str) -> Option<u32> {
    // `parse` alone would take a sign.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_networks_names_read_and_print_back() {
        let hash = "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2";
        for text in ["head", "head~2", "genesis", "0", "1234", "12~3", hash, &format!("{hash}~7")] {
            assert_eq!(text.parse::<BlockId>().unwrap().to_string(), text);
        }
        assert_eq!("head~0".parse::<BlockId>(), Ok(BlockId::HEAD));
        assert_eq!(BlockId::HEAD.minus(1).minus(2), BlockId::before_head(3));
    }

    #[test]
    fn other_texts_name_no_block() {
        for text in [
            "",
            "~",
            "head~",
            "head~-1",
            "head~+1",
            "+1",
            "2147483648",
            "heads",
            "head~1~2",
            "head~4294967296",
        ] {
            assert!(text.parse::<BlockId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_name_reads_back(anchor in 0..4, level in 0..=Level::MAX.get(), hash: [u8; 32], back: u32) {
            let anchor = match anchor {
                0 => Anchor::Head,
                1 => Anchor::Genesis,
                2 => Anchor::Level(Level::new(level).unwrap()),
                _ => Anchor::Hash(BlockHash(hash)),
            };
            let id = BlockId { anchor, back };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_survived(text: String) {
            let _ = text.parse::<BlockId>();
        }
    }
}

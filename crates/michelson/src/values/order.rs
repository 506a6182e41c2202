//! The order of values of comparable types.

use super::Value;
use std::cmp::Ordering;

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        use Value::*;
        match (self, other) {
            (Unit, Unit) => Ordering::Equal,
            (Bool(a), Bool(b)) => a.cmp(b),
            (Int(a), Int(b)) => a.cmp(b),
            (String(a), String(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Bytes(a), Bytes(b)) => a.cmp(b),
            (Mutez(a), Mutez(b)) => a.cmp(b),
            (Key(a), Key(b)) => a.cmp(b),
            (KeyHash(a), KeyHash(b)) => a.cmp(b),
            (Signature(a), Signature(b)) => a.cmp(b),
            (ChainId(a), ChainId(b)) => a.cmp(b),
            (Address(a), Address(b)) => a.cmp(b),
            (Pair(a), Pair(b)) => a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)),
            (Left(a), Left(b)) | (Right(a), Right(b)) => a.cmp(b),
            (Left(_), Right(_)) | (Option(None), Option(Some(_))) => Ordering::Less,
            (Right(_), Left(_)) | (Option(Some(_)), Option(None)) => Ordering::Greater,
            (Option(None), Option(None)) => Ordering::Equal,
            (Option(Some(a)), Option(Some(b))) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Value {
    fn rank(&self) -> u8 {
        match self {
            Self::Unit => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::String(_) => 3,
            Self::Bytes(_) => 4,
            Self::Mutez(_) => 5,
            Self::Key(_) => 6,
            Self::KeyHash(_) => 7,
            Self::Signature(_) => 8,
            Self::ChainId(_) => 9,
            Self::Address(_) => 10,
            Self::Pair(_) => 11,
            Self::Left(_) | Self::Right(_) => 12,
            Self::Option(_) => 13,
            Self::List(_) => 14,
            Self::Set(_) => 15,
            Self::Map(_) => 16,
            Self::BigMap(_) => 17,
            Self::Lambda(_) => 18,
            Self::Ticket(_) => 19,
            Self::Operation(_) => 20,
            Self::BlsG1(_) => 21,
            Self::BlsG2(_) => 22,
            Self::BlsFr(_) => 23,
            Self::Chest(_) => 24,
            Self::ChestKey(_) => 25,
        }
    }

    /// The number of bytes that comparing this value looks at, for its cost.
    pub(crate) fn compared_size(&self) -> usize {
        let mut size = 0usize;
        let mut pending = vec![self];
        while let Some(value) = pending.pop() {
            size = size.saturating_add(match value {
                Self::Int(n) => usize::try_from(n.bits() / 8).unwrap_or(usize::MAX) + 1,
                Self::String(s) => s.len() + 1,
                Self::Bytes(b) => b.len() + 1,
                Self::Key(_) | Self::Signature(_) => 64,
                Self::KeyHash(_) | Self::Address(_) => 22,
                _ => 1,
            });
            match value {
                Self::Pair(pair) => pending.extend([&pair.1, &pair.0]),
                Self::Left(inner) | Self::Right(inner) | Self::Option(Some(inner)) => pending.push(inner),
                _ => {}
            }
        }
        size
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

//! What the machine itself makes of a message: it looks at the first bytes only.

use crate::version::Version;
use soru_base::bin::Reader;

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// `00 00 …`: a transfer of a contract.
    Transfer,
    /// `00 01`: the first message of a level.
    StartOfLevel,
    /// `00 02`: the last message of a level.
    EndOfLevel,
    /// `00 03 …`: timestamp and hash of the predecessor.
    InfoPerLevel,
    /// `00 04 …`: a migration to a protocol that the machine knows.
    ProtocolMigration(Version),
    /// `00 04 …` without the name of a protocol behind its length. No protocol makes it, and the reference machine has
    /// no exact rule for it.
    MalformedMigration,
    /// `00 05 …`: slots of the data availability layer.
    DalAttestedSlots,
    /// `01 …`: from outside.
    External,
    /// Anything else; the kernel gets it like the others.
    Other,
}

impl InputKind {
    /// The kind of a message.
    pub fn of(message: &[u8]) -> Self {
        match message {
            [0, 0, ..] => Self::Transfer,
            [0, 1] => Self::StartOfLevel,
            [0, 2] => Self::EndOfLevel,
            [0, 3, ..] => Self::InfoPerLevel,
            [0, 4] => Self::Other,
            [0, 4, name @ ..] => match protocol(name) {
                None => Self::MalformedMigration,
                Some(name) => Version::of_protocol(name).map_or(Self::Other, Self::ProtocolMigration),
            },
            [0, 5, ..] => Self::DalAttestedSlots,
            [1, ..] => Self::External,
            _ => Self::Other,
        }
    }
}

fn protocol(name: &[u8]) -> Option<&[u8]> {
    let mut r = Reader::new(name);
    let name = r.bytes(name.len(), "protocol").ok()?;
    r.finish().ok().map(|()| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let migration = |name: &str| [&[0, 4, 0, 0, 0, name.len() as u8], name.as_bytes()].concat();
        for (message, kind) in [
            (&[][..], InputKind::Other),
            (&[0], InputKind::Other),
            (&[0, 0], InputKind::Transfer),
            (&[0, 1], InputKind::StartOfLevel),
            (&[0, 1, 0], InputKind::Other),
            (&[0, 2], InputKind::EndOfLevel),
            (&[0, 2, 0], InputKind::Other),
            (&[0, 3], InputKind::InfoPerLevel),
            (&[0, 4], InputKind::Other),
            (&[0, 4, 0], InputKind::MalformedMigration),
            (&[&migration("oxford_018")[..], &[0]].concat(), InputKind::MalformedMigration),
            (&migration("oxford_018"), InputKind::ProtocolMigration(Version::V2)),
            (&migration("nairobi_017"), InputKind::ProtocolMigration(Version::V1)),
            (&migration("no_such_protocol"), InputKind::Other),
            (&[0, 5, 1], InputKind::DalAttestedSlots),
            (&[0, 6], InputKind::Other),
            (&[1], InputKind::External),
            (&[2, 0], InputKind::Other),
        ] {
            assert_eq!(InputKind::of(message), kind, "{message:?}");
        }
    }
}

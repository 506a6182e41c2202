//! The messages of the inbox.

use crate::{Contract, KeyHash, Rollup};

/// A message of the inbox, as far as a kernel can use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Anybody's bytes.
    External(&'a [u8]),
    /// A contract called a rollup.
    Transfer(Transfer<'a>),
    /// From the protocol: begin, information and end of a level.
    Protocol,
}

/// A call of a rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The parameter: Micheline, of the type that the rollup was originated with.
    pub payload: &'a [u8],
    /// The contract that called.
    pub sender: Contract,
    /// The account that signed the operation.
    pub source: KeyHash,
    /// The rollup that was called.
    pub destination: Rollup,
}

impl<'a> Message<'a> {
    /// Reads a message; nothing if it is none.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [1, external @ ..] => Some(Self::External(external)),
            [0, 0, transfer @ ..] => {
                let (rest, destination) = transfer.split_last_chunk()?;
                let (rest, source) = rest.split_last_chunk()?;
                let (payload, sender) = rest.split_last_chunk()?;
                Some(Self::Transfer(Transfer {
                    payload,
                    sender: *sender,
                    source: *source,
                    destination: *destination,
                }))
            }
            [0, 1..=3, ..] => Some(Self::Protocol),
            _ => None,
        }
    }
}

/// What an external message tells this rollup; nothing if it is for another one.
pub fn framed<'a>(external: &'a [u8], rollup: &Rollup) -> Option<&'a [u8]> {
    external.strip_prefix(&[0])?.strip_prefix(rollup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let transfer = [&[0, 0, 3, 11][..], &[1; 20], &[2; 21], &[3; 20]].concat();
        let parsed = Transfer { payload: &[3, 11], sender: [1; 20], source: [2; 21], destination: [3; 20] };
        assert_eq!(Message::parse(&transfer), Some(Message::Transfer(parsed)));
        assert_eq!(Message::parse(&transfer[..62]), None);
        assert_eq!(Message::parse(b"\x01hello"), Some(Message::External(b"hello")));
        for (bytes, expected) in
            [(&[0, 1][..], Some(Message::Protocol)), (&[0, 4], None), (&[2], None), (&[0], None), (&[], None)]
        {
            assert_eq!(Message::parse(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_frame_names_the_rollup() {
        let message = [&[0][..], &[7; 20], b"hello"].concat();
        assert_eq!(framed(&message, &[7; 20]), Some(&b"hello"[..]));
        assert_eq!(framed(&message, &[8; 20]), None);
        assert_eq!(framed(&message[1..], &[7; 20]), None);
        assert_eq!(framed(&message[..20], &[7; 20]), None);
    }
}

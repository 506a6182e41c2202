//! What the kernel does, without the machine: it can be tested with `cargo test`.
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "called by the kernel alone")
)]

/// First byte of an external message. Others come from the protocol and from contracts.
const EXTERNAL: u8 = 1;

/// The external messages so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many there were.
    pub(crate) messages: u64,
    /// Their bytes, without the first ones.
    pub(crate) bytes: u64,
}

impl Tally {
    /// Length of [`Self::to_bytes`].
    pub(crate) const BYTES: usize = 16;

    /// Takes a message of the inbox into account. The inbox is everybody's: what is not for this kernel is skipped.
    pub(crate) fn add(&mut self, message: &[u8]) {
        if let [EXTERNAL, payload @ ..] = message {
            self.messages += 1;
            self.bytes += payload.len() as u64;
        }
    }

    /// Both numbers, eight bytes each, big-endian.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.messages.to_be_bytes());
        bytes[8..].copy_from_slice(&self.bytes.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let both = u128::from_be_bytes(*bytes);
        Self {
            messages: (both >> 64) as u64,
            bytes: both as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn external_messages_are_counted() {
        let mut tally = Tally::default();
        for message in [&b"\x00\x01"[..], b"\x01hello", b"\x01", b"\x00\x02", b""] {
            tally.add(message);
        }
        assert_eq!(
            tally,
            Tally {
                messages: 2,
                bytes: 5
            }
        );
        assert_eq!(Tally::from_bytes(&tally.to_bytes()), tally);
    }
}

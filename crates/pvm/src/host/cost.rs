//! What a host call costs: the machine idles for so many ticks after it.

use super::{HostFunction, HostValue};

/// Ticks for a byte that is read from the memory of the kernel, or written there.
const PER_BYTE: u64 = 42;
/// Ticks for an access to the durable storage.
const ACCESS: u64 = 1;

impl HostFunction {
    /// Ticks that the machine idles after an answer of so many bytes.
    pub(crate) fn reveal_cost(bytes: usize) -> u64 {
        bytes as u64 * PER_BYTE
    }

    /// Ticks that the machine idles after a call with those arguments and that result. A call that fails costs nothing.
    pub fn tick_cost(self, args: &[HostValue], result: Option<HostValue>) -> u64 {
        let result = match result {
            Some(HostValue::I32(code)) => i64::from(code),
            Some(HostValue::I64(code)) => code,
            None => 0,
        };
        let Ok(result) = u64::try_from(result) else { return 0 };
        // A length that made no error is not negative.
        let bytes = |index: usize| match args.get(index) {
            Some(HostValue::I32(length)) => u64::try_from(*length).unwrap_or(0) * PER_BYTE,
            _ => 0,
        };
        match self {
            // The message written is not paid for: it is the result that counts, and that is zero.
            Self::ReadInput
            | Self::WriteOutput
            | Self::RevealPreimage
            | Self::RevealMetadata
            | Self::Reveal => result * PER_BYTE,
            Self::WriteDebug => 0,
            Self::StoreHas
            | Self::StoreExists
            | Self::StoreListSize
            | Self::StoreGetNthKey
            | Self::StoreDelete
            | Self::StoreDeleteValue
            | Self::StoreCreate
            | Self::StoreValueSize
            | Self::StoreGetHash => bytes(1) + ACCESS,
            Self::StoreCopy | Self::StoreMove => bytes(1) + bytes(3) + ACCESS,
            Self::StoreRead => bytes(1) + ACCESS + result * PER_BYTE,
            Self::StoreWrite => bytes(1) + ACCESS + bytes(4),
        }
    }
}

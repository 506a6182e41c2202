//! Blocks: headers with their hash, timestamps, and the Merkle roots of operations.

mod header;
mod merkle;
mod timestamp;

pub use header::{BlockHeader, MAX_FITNESS, ProtocolData, ShellHeader, fitness};
pub use merkle::{operation_list_hash, operation_list_list_hash};
pub use timestamp::{Timestamp, TimestampError};

/// Validation passes of the network: consensus, votes, anonymous and manager operations.
pub const VALIDATION_PASSES: u8 = 4;
/// The pass of manager operations.
pub const MANAGER_PASS: usize = 3;

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod block;
pub mod commitment;
pub mod inbox;
pub mod ledger;
pub mod operation;
pub mod outbox;
pub mod receipt;
pub mod refutation;

pub use block::{BlockHeader, Timestamp};
pub use commitment::Commitment;
pub use inbox::Inbox;
pub use ledger::{BlockBuilder, BlockContext, BlockMetadata, Constants, Ledger};
pub use operation::{Action, Content, Operation, SignedOperation};
pub use outbox::OutboxMessage;

#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod block;
pub mod commitment;
pub mod inbox;
pub mod operation;
pub mod receipt;

pub use block::{BlockHeader, Timestamp};
pub use commitment::Commitment;
pub use inbox::Inbox;
pub use operation::{Action, Content, Operation, SignedOperation};

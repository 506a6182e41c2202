//! The state of the machine and its form as a tree.

mod error;

pub use error::StateError;

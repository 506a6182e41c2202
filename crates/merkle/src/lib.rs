#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cell;
mod directory;
mod dropping;
mod error;
mod hashing;
mod inode;
mod numbered;
pub mod proof;
pub mod store;
mod tree;

pub use error::{LoadError, TreeError};
pub use numbered::{Leaves, Numbered};
pub use proof::{Proof, ProofError};
pub use soru_base::ContextHash;
pub use store::{Store, StoreError};
pub use tree::{Kind, Name, Tree};

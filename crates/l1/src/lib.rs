#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod backoff;
mod block;
pub mod chain;
mod client;
mod constants;
mod endpoint;
mod error;
mod heads;
pub mod operate;
pub mod query;
pub mod rollup;
mod values;

pub use backoff::Backoff;
pub use block::{Block, Header};
pub use client::{Client, Settings};
pub use constants::Constants;
pub use endpoint::{EndpointError, shown_endpoint};
pub use error::{L1Error, Place, short_id};
pub use heads::Heads;
pub use query::HeadChangeError;
pub use soru_base::{Anchor, BlockId, BlockIdError};

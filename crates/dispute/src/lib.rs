#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod adversary;
mod error;
mod period;
mod strategy;
mod timeline;

pub use adversary::{Adversary, Kind, Spec, SpecError, zoo};
pub use error::DisputeError;
pub use period::{Checkpoint, Period, PeriodLevel};
pub use strategy::{Honest, Strategy, Turn};
pub use timeline::{Landmark, Timeline};

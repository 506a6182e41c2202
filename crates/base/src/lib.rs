#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod b58;
pub mod bin;
pub mod blake2b;
pub mod hash;
pub mod json;
pub mod level;
pub mod profile;
pub mod tick;

pub use bin::{Binary, DecodeError, Reader};
pub use hash::*;
pub use json::{Json, JsonError};
pub use level::{Level, LevelSpan};
pub use profile::{IdFamily, Profile};
pub use tick::{Tick, TickSpan};

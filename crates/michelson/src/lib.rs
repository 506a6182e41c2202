#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod macros;
pub mod micheline;
pub mod text;

pub use micheline::{MAX_DEPTH, Micheline, Prim};
pub use text::{ParseError, Position, Source};

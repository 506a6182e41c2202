#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod compiled;
pub mod float;
pub mod generate;
pub mod judge;
pub mod lockstep;
pub mod reason;
pub mod rewrite;
pub mod script;
pub mod suite;
pub mod table;
pub mod target;
pub mod tick_step;

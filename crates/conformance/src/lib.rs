#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "engine")]
pub mod compiled;
pub mod engines;
pub mod float;
pub mod generate;
pub mod judge;
#[cfg(feature = "engine")]
pub mod kernels;
pub mod lockstep;
pub mod reason;
pub mod rewrite;
pub mod script;
#[cfg(feature = "engine")]
pub mod suite;
#[cfg(feature = "engine")]
pub mod table;
pub mod target;
pub mod tick_step;

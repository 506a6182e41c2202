#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod catch_up;
mod commit;
mod dispute;
mod engine;
mod engines;
mod kernels;
mod measure;
mod messages;
mod progress;
mod report;
mod samples;
mod speed;
mod stopwatch;

pub use engine::{Engine, Ran, Ready};
pub use kernels::{Bench, Size, Start};
pub use measure::{Part, Settings, measure};
pub use report::Report;

//! The whole system: real processes of the `soru` program in temporary folders, on free ports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod batcher;
#[cfg(target_os = "linux")]
mod book;
mod client;
mod client_chain;
mod client_keys;
mod client_scripts;
mod configured;
mod counter;
mod demo;
mod dispute;
mod dispute_demo;
mod document;
mod foreign;
mod kernel;
mod kernel_setup;
mod killed;
mod layer1_gone;
mod library;
mod purposes;
mod pvm;
mod pvm_ticks;
mod reorganised;
mod repl;
mod soak;
mod stopped;
mod support;
mod token;

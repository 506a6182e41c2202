//! Sessions from the first line to the last.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commands;
mod document;
mod profile;
mod support;
mod vectors;

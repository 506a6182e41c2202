//! Profiles of whole runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod numbers;
mod support;
mod vectors;

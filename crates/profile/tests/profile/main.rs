//! Profiles of whole runs.

mod examples;
mod numbers;
mod support;
mod vectors;

//! What must hold for the bytes of strangers.
//!
//! An oracle takes bytes and panics when a law is broken; a fuzz target is one call of one oracle. Oracles that want
//! something well-formed make it with a generator.

mod generators;
mod laws;
mod oracles;
mod samples;

pub use oracles::*;
pub use samples::prepare;

//! What a player knows, and games played to the end: pure, with a real ledger, real kernels and real proofs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod dissections;
mod honest;
mod positions;
mod timeline;
mod world;

//! The sandbox through its RPC, in process: temporary directories, free ports, blocks on demand.

mod blocks;
mod bytes;
mod clients;
mod constants;
mod contracts;
mod disputes;
mod expected;
mod flood;
mod injection;
mod lifetime;
mod monitor;
mod moves;
mod proofs;
mod reorganisation;
mod rollups;
mod scripts;
mod tickets;
mod world;

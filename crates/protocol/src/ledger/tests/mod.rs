//! The rules, one by one and together.

mod accounts;
mod contracts;
mod disputes;
mod games;
mod harness;
mod lengths;
mod life;
mod properties;
mod registry;
mod rollups;
mod stakes;
mod strangers;
mod tickets;

use harness::Chain;

//! What the tests share: programs that end with the test, a layer-1, rollup nodes, and how to ask them.

mod large;
mod layer1;
mod node;
mod outbox;
mod program;
mod rpc;
mod seeded;

pub(crate) use large::large_kernel;
pub(crate) use layer1::{Layer1, Settings};
pub(crate) use node::RollupNode;
pub(crate) use program::{Finished, Program, files_below, finish, soru};
pub(crate) use rpc::Rpc;
pub(crate) use seeded::Seeded;

use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a condition may take: an end for what will never come, not a measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Looks until there is something to see; panics with what was waited for when patience ends.
pub(crate) fn until<T>(what: impl Display, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "{what}: not so after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(15));
    }
}

/// A folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

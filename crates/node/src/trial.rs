//! Running a kernel only to see what it would do: within a time, and without ever making a run twice.

use soru_pvm::host::HostState;
use soru_pvm::reveal::{PreimageHash, PreimageSource, RevealError};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A kernel of more bytes that is refused is not read again tick by tick.
const SMALL_KERNEL: u64 = 64 << 10;

/// A runner that gives up.
pub(crate) struct Limited<'a, R> {
    runner: &'a R,
    until: Instant,
    allowed: Duration,
}

impl<'a, R: Runner> Limited<'a, R> {
    /// `runner`, for so long from now on. A run that has begun is ended by the runner's own deadline.
    pub(crate) fn new(runner: &'a R, allowed: Duration) -> Self {
        Self { runner, until: Instant::now() + allowed, allowed }
    }
}

impl<R: Runner> Runner for Limited<'_, R> {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        if Instant::now() >= self.until {
            return Err(RunnerError::Deadline { seconds: self.allowed.as_secs() });
        }
        let gives_up = |what: &str, reason: String| {
            Err(RunnerError::Engine(format!(
                "{what} ({reason}): its state is known only after the run is made again, which a simulation does not do"
            )))
        };
        match self.runner.kernel_run(kernel, host) {
            Err(RunnerError::Unsupported { reason }) => gives_up("the run goes tick by tick", reason),
            Ok(Outcome::Stuck { reason }) => gives_up("the machine would be stuck for ever", reason),
            Ok(Outcome::Refused { reason, .. }) if kernel.length()? > SMALL_KERNEL => {
                gives_up("the kernel would be refused", reason)
            }
            other => other,
        }
    }
}

/// Pages that are handed over, before those of somebody else.
pub(crate) struct Handed<S> {
    pages: BTreeMap<PreimageHash, Vec<u8>>,
    others: S,
}

impl<S: PreimageSource> Handed<S> {
    pub(crate) fn new(pages: Vec<Vec<u8>>, others: S) -> Self {
        Self { pages: pages.into_iter().map(|page| (PreimageHash::of_page(&page), page)).collect(), others }
    }
}

impl<S: PreimageSource> PreimageSource for Handed<S> {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        match self.pages.get(&hash) {
            Some(page) => Ok(page.clone()),
            None => self.others.preimage(hash),
        }
    }
}

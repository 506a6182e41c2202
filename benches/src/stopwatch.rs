//! Time of the processor.

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Measures what this process computes, on all its threads: what other programs on the machine take is not in it. Work of one
/// thread that waits for nothing takes as long by the clock on a machine with nothing else to do.
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self(computed()?))
    }

    pub(crate) fn time(&self) -> Result<Duration> {
        Ok(computed()?.saturating_sub(self.0))
    }
}

fn computed() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).context("no clock of the process")?.into())
}

//! The machine around the kernel.

use soru_pvm::host::HostState;
use soru_pvm::replay::{RunFile, check};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};

/// Runs nothing: every call ends as the kernel's last byte says.
struct Ends;

impl Runner for Ends {
    fn kernel_run(&self, kernel: &Kernel, _: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let last = kernel.load()?.last().copied().unwrap_or_default();
        Ok(match last % 3 {
            0 => Outcome::Finished,
            1 => Outcome::Trapped { reason: "it ends so".to_owned() },
            _ => Outcome::Stuck { reason: "it ends so".to_owned() },
        })
    }
}

/// Files of runs: the constants and messages in one lead to states or to errors, twice to the same.
pub fn replay(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(run) = RunFile::parse(text) else { return };
    let kernel = &bytes[bytes.len().saturating_sub(1)..];
    let lines = || run.replay(kernel, &Ends, &mut ()).map(|replayed| replayed.lines).ok();
    let (one, two) = (lines(), lines());
    assert_eq!(one, two);
    if let Some(lines) = one {
        let _ = check(&run.lines, &lines).map(|difference| difference.to_string());
    }
}

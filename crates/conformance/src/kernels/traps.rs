//! A kernel that does not return, by the interpreter and by the tick step: the same words, at the same tick.

use soru_base::tick::Tick;
use soru_exact::TickExact;
use soru_pvm::level::RunEnd;
use soru_pvm::run::{Kernel, Outcome, Runner};
use soru_pvm::state::StuckError;
use soru_pvm::{Limits, Machine, Version};

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Trapped,
    /// For ever.
    Stuck,
}

/// How it ends, and with which words.
pub(super) fn trap(kernel: &[u8]) -> Result<(How, String), String> {
    let (mut reveals, mut debug) = ((), ());
    let most = Limits::FIRST.ticks_per_snapshot;
    let kernel = Kernel::of_bytes(kernel).map_err(shown)?;
    let mut machine = Machine::of_kernel(&kernel, Version::V0, most).map_err(shown)?;
    let mut host = machine.lend(&mut reveals, &mut debug).map_err(shown)?.within(most);
    let outcome = TickExact::new().kernel_run(&kernel, &mut host).map_err(shown)?;
    let ticks = host.ticks_used;
    let mine = match outcome {
        Outcome::Trapped { reason } => (How::Trapped, reason),
        Outcome::Stuck { reason } => (How::Stuck, reason),
        outcome => return Err(format!("the interpreter: {outcome:?}")),
    };
    let end = machine.go_through(Tick(super::TICKS), &mut (), &mut ()).map_err(shown)?;
    let theirs = match end {
        Some(RunEnd::Trapped { reason }) => (How::Trapped, reason),
        Some(RunEnd::Stuck { .. }) => {
            (How::Stuck, machine.stuck_error().map(StuckError::reason).unwrap_or_default())
        }
        end => return Err(format!("the tick step: {end:?}")),
    };
    let ticks_by_machine = machine.current_tick.since(Tick::ZERO);
    if mine != theirs || ticks != Some(ticks_by_machine) {
        return Err(format!(
            "the tick step ends with {theirs:?} after {ticks_by_machine} ticks, the interpreter with {mine:?} after {ticks:?}"
        ));
    }
    Ok(mine)
}

fn shown(error: impl ToString) -> String {
    error.to_string()
}

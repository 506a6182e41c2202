//! The runs that a session has seen to their ends.

use soru_base::{Tick, TickSpan};
use soru_pvm::Machine;
use soru_pvm::level::RunEnd;
use soru_pvm::state::Status;
use std::collections::BTreeMap;

/// Runs by their first ticks.
#[derive(Default)]
pub(crate) struct Runs(BTreeMap<u64, Ended>);

struct Ended {
    /// Without padding; nothing if nobody has counted them.
    ticks: Option<TickSpan>,
    end: &'static str,
}

impl Runs {
    /// A run that an engine has made.
    pub(crate) fn ended(&mut self, begin: Tick, ticks: Option<TickSpan>, end: &RunEnd) {
        self.0.insert(begin.0, Ended { ticks, end: word(end) });
    }

    /// A run whose last tick before its padding was made, if that is where the machine is.
    pub(crate) fn look(&mut self, machine: &Machine, has_result: bool) {
        let begin = machine.last_top_level_call;
        let used = machine.current_tick.since(begin).0;
        let (ticks, end) = match machine.tick_state.name() {
            "Eval" if has_result && machine.trap().is_some() => (used + 1, "trapped"),
            "Eval" if has_result => (used + 1, "returned"),
            "Stuck" if machine.status() == Status::Computing => (used, "refused"),
            "Stuck" => (used, "stuck"),
            _ => return,
        };
        self.0.entry(begin.0).or_insert(Ended { ticks: Some(TickSpan(ticks)), end });
    }

    /// What comes from that tick on will be something else.
    pub(crate) fn forget_from(&mut self, tick: Tick) {
        let in_run = self.0.range(..=tick.0).next_back().map(|(begin, _)| *begin);
        self.0.split_off(&in_run.unwrap_or(tick.0));
    }

    /// A line for each; `bound` is what one may take.
    pub(crate) fn lines(&self, bound: TickSpan) -> Vec<String> {
        let line = |(begin, Ended { ticks, end }): (&u64, &Ended)| {
            let ticks =
                ticks.map_or("ticks not counted".to_owned(), |ticks| format!("{ticks} of {bound} ticks"));
            format!("kernel_run at tick {begin}: {ticks}, {end}")
        };
        match self.0.is_empty() {
            true => vec!["No kernel_run is over".to_owned()],
            false => self.0.iter().map(line).collect(),
        }
    }
}

fn word(end: &RunEnd) -> &'static str {
    match end {
        RunEnd::Finished => "returned",
        RunEnd::Trapped { .. } => "trapped",
        RunEnd::FellBack { .. } => "refused",
        RunEnd::Stuck { .. } => "stuck",
        RunEnd::TickByTick { end, .. } => word(end),
    }
}

//! How far a run is, on standard error: a bar on a terminal, a line now and then elsewhere.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use soru_base::tick::Tick;
use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Counts ticks while a run goes on.
pub(super) struct Progress {
    bar: ProgressBar,
    live: bool,
    begun: Instant,
    // When was something said last?
    said: RefCell<Instant>,
}

/// How often a line is written where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

impl Progress {
    /// `last` is the last tick, if it is known.
    pub(super) fn new(last: Option<u64>) -> Self {
        let live = std::io::stderr().is_terminal();
        let (bar, template) = match last {
            Some(last) => (
                ProgressBar::with_draw_target(Some(last), ProgressDrawTarget::hidden()),
                "{bar:30} tick {human_pos} of {human_len}, {rate}, {elapsed}",
            ),
            None => (
                ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
                "{spinner} tick {human_pos}, {rate}, {elapsed}",
            ),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{} ticks a second", HumanCount(state.per_sec() as u64));
            }));
        }
        if live {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        let now = Instant::now();
        Self { bar, live, begun: now, said: RefCell::new(now) }
    }

    /// The run is at that tick.
    pub(super) fn at(&self, tick: Tick) {
        if self.live {
            return self.bar.set_position(tick.0);
        }
        let mut said = self.said.borrow_mut();
        if said.elapsed() >= PAUSE {
            *said = Instant::now();
            let elapsed = self.begun.elapsed().as_secs();
            tell(&format!("tick {} after {elapsed} s", HumanCount(tick.0)));
        }
    }

    /// Does something that writes to standard output, without the bar in between.
    pub(super) fn beside<R>(&self, write: impl FnOnce() -> R) -> R {
        if self.live { self.bar.suspend(write) } else { write() }
    }

    /// The run is over: says how fast it was.
    pub(super) fn finish(&self, tick: Tick) {
        self.bar.finish_and_clear();
        let seconds = self.begun.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { tick.0 as f64 / seconds } else { 0.0 };
        tell(&format!(
            "{} ticks in {seconds:.2} s: {} ticks a second",
            HumanCount(tick.0),
            HumanCount(rate as u64)
        ));
    }
}

/// A run that fails leaves no bar behind.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

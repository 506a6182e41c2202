//! Going to a tick: forwards, or back by way of a state that was seen before.

use crate::console::Console;
use crate::session::{Feed, Session, SessionError};
use crate::show;
use crate::step::{Halt, Step};
use soru_base::Tick;
use soru_pvm::Machine;
use std::collections::BTreeMap;

/// What it takes to be at an earlier tick again.
#[derive(Default)]
pub(crate) struct Past {
    /// The machine before each inbox, the earliest first.
    inboxes: Vec<(Machine, Feed)>,
    /// What the user has answered to reveals, by the tick.
    answers: BTreeMap<u64, Vec<u8>>,
}

impl Past {
    /// Keeps the state before an inbox.
    pub(crate) fn remember(&mut self, machine: &Machine, feed: Feed) {
        if self.inboxes.last().is_none_or(|(_, last)| last.inbox < feed.inbox) {
            self.inboxes.push((machine.clone(), feed));
        }
    }

    /// Keeps an answer. Later ones belonged to what would have come after another one.
    pub(crate) fn answered(&mut self, tick: Tick, answer: &[u8]) {
        self.answers.split_off(&tick.0);
        self.answers.insert(tick.0, answer.to_vec());
    }

    /// The answer that was given at that tick.
    pub(crate) fn answer(&self, tick: Tick) -> Option<&[u8]> {
        self.answers.get(&tick.0).map(Vec::as_slice)
    }

    /// Whether an answer was given at that tick or later.
    pub(crate) fn has_answers_from(&self, tick: Tick) -> bool {
        self.answers.range(tick.0..).next().is_some()
    }

    /// The last state that is not after a tick; later ones are forgotten.
    fn back_to(&mut self, tick: u64) -> Option<(Machine, Feed)> {
        self.inboxes.retain(|(machine, _)| machine.current_tick.0 <= tick);
        self.inboxes.last().cloned()
    }
}

impl Session {
    /// Goes to a tick and says what the machine does then. Inboxes are loaded on the way.
    pub(crate) fn go_to(&mut self, tick: u64, console: &mut dyn Console) -> Result<(), SessionError> {
        if tick < self.machine.current_tick.0
            && let Some((machine, feed)) = self.past.back_to(tick)
        {
            (self.machine, self.feed) = (machine, feed);
        }
        let halt = self.reach(tick, console);
        console.step_done();
        let halt = halt?;
        console.line(&format!("Tick {}", self.machine.current_tick));
        show::status(&self.machine, console);
        match halt {
            Halt::Interrupted => Err(SessionError::Interrupted(self.machine.current_tick.0)),
            Halt::Input => {
                Err(SessionError::OutOfInputs { wanted: tick, reached: self.machine.current_tick.0 })
            }
            Halt::Reached | Halt::Reveal => Ok(()),
        }
    }

    fn reach(&mut self, tick: u64, console: &mut dyn Console) -> Result<Halt, SessionError> {
        loop {
            let left = tick.saturating_sub(self.machine.current_tick.0);
            if left == 0 {
                return Ok(Halt::Reached);
            }
            match self.advance(Step::Tick(left), console)? {
                Halt::Input if self.feed_message(console)? => (),
                halt => return Ok(halt),
            }
        }
    }
}

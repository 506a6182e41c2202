//! Going on inside of a run by way of the engine.

use crate::console::Console;
use crate::session::Session;
use crate::step::{has_result, tell};
use soru_base::Tick;
use soru_pvm::reveal::{RevealError, RevealSource};
use soru_pvm::run::RunnerError;

/// Ticks between two looks at whether to go on.
const STRETCH: u64 = 1 << 28;

/// Knows nothing: who asks it comes no further.
struct NoAnswers;

impl RevealSource for NoAnswers {
    fn reveal(&mut self, _: &[u8]) -> Result<Vec<u8>, RevealError> {
        Err(RevealError::new("it is not looked for"))
    }
}

impl Session {
    /// Goes on inside of a run by way of the engine: at most so many ticks, no further than to the result of the run, and to
    /// no answer of a reveal unless they are wanted (`answers`). False if it does not get on, and where it would not see what
    /// the user has answered.
    pub(crate) fn by_engine(
        &mut self,
        most: u64,
        answers: bool,
        console: &mut dyn Console,
    ) -> Result<bool, RunnerError> {
        let Some(runner) = &self.runner else { return Ok(false) };
        let (machine, runner) = (&self.machine, &**runner);
        if has_result(machine) || self.past.has_answers_from(machine.last_top_level_call) {
            return Ok(false);
        }
        let here = machine.current_tick;
        // What was asked for up to here is answered in any case.
        self.way.reach(runner, machine, here, &mut *self.reveals, &mut ())?;
        let mut none = NoAnswers;
        let reveals: &mut dyn RevealSource = if answers { &mut *self.reveals } else { &mut none };
        let mut debug = Vec::new();
        let next = Tick(here.0.saturating_add(most.min(STRETCH)));
        let Some(mut reached) = self.way.reach(runner, machine, next, reveals, &mut debug)? else {
            return Ok(false);
        };
        if reached.tick_state.name() == "Padding" {
            let result = Tick(reached.current_tick.0 - 1);
            match self.way.reach(runner, machine, result, reveals, &mut ())? {
                Some(before) if has_result(&before) => reached = before,
                _ => return Ok(false),
            }
        }
        tell(console, &debug);
        self.machine = reached;
        Ok(true)
    }
}

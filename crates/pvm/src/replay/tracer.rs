//! Going through a run tick by tick, or many ticks at once.

use super::file::ReplayLevel;
use super::observation::{At, Observation};
use super::setup::Setup;
use super::trace_error::{End, TraceError};
use super::way::Way;
use crate::host::DebugSink;
use crate::reveal::{RevealError, RevealSource};
use crate::run::{Runner, RunnerError};
use crate::state::{InputPlace, Machine, StateError, Status, TickState};
use crate::step_proof::{StepInput, StepProof};
use bytes::Bytes;
use soru_base::bin::Binary;
use soru_base::level::Level;
use soru_base::tick::Tick;
use soru_merkle::Tree;
use std::collections::BTreeMap;
use std::mem;

/// What a run needs from outside.
pub struct Outside<'a> {
    /// Where reveals are answered.
    pub reveals: &'a mut dyn RevealSource,
    /// Where debug output goes.
    pub debug: &'a mut dyn DebugSink,
    /// Is told now and then how far the run is.
    pub watch: &'a mut dyn FnMut(Tick),
}

/// A run on its way. Its state is written down only where it is looked at.
pub struct Tracer<'a> {
    levels: &'a [ReplayLevel],
    outside: Outside<'a>,
    runner: Option<&'a dyn Runner>,
    way: Way,
    machine: Machine,
    // The state as it was written last.
    tree: Tree,
    written: bool,
    max_reboots: Option<u32>,
    // Those of the levels that are over: a machine keeps an outbox for some levels only.
    outboxes: BTreeMap<Level, Vec<Bytes>>,
    // The next message.
    level: usize,
    message: usize,
    at: Option<At>,
}

/// Most ticks that are made without telling anybody.
const STRETCH: u64 = if cfg!(test) { 50 } else { 1 << 20 };
/// The same for an engine.
const ENGINE_STRETCH: u64 = if cfg!(test) { 400 } else { 1 << 30 };

/// What decides whether two states are worth a line each.
type Phase = (&'static str, mem::Discriminant<Status>, bool);

fn phase(machine: &Machine) -> Phase {
    (machine.tick_state.name(), mem::discriminant(&machine.status()), machine.trap().is_some())
}

/// Knows nothing: who asks it comes no further.
struct NoAnswers;

impl RevealSource for NoAnswers {
    fn reveal(&mut self, _: &[u8]) -> Result<Vec<u8>, RevealError> {
        Err(RevealError::new("it is not looked for"))
    }
}

impl<'a> Tracer<'a> {
    /// Begins at the state with the kernel installed. Message number i of a level has the counter i.
    pub fn begin(
        setup: Setup,
        kernel: &[u8],
        levels: &'a [ReplayLevel],
        outside: Outside<'a>,
    ) -> Result<Self, TraceError> {
        let (tree, machine) = setup
            .install(kernel)
            .and_then(|tree| Ok((tree.clone(), Machine::from_tree(&tree)?)))
            .map_err(|error| TraceError::State { tick: 0, error })?;
        Ok(Self {
            levels,
            outside,
            runner: None,
            way: Way::default(),
            machine,
            tree,
            written: true,
            max_reboots: setup.max_reboots,
            outboxes: BTreeMap::new(),
            level: 0,
            message: 0,
            at: Some(At::BootSector),
        })
    }

    /// The same, that goes through the inside of runs by way of `runner` where that saves time.
    pub fn with_engine(self, runner: &'a dyn Runner) -> Self {
        Self { runner: Some(runner), ..self }
    }

    /// Sets the maximum of reboots if the run has one and it is not set yet. It takes no tick; going on does it as well.
    pub fn set_max_reboots(&mut self) -> bool {
        let Some(reboots) = self.max_reboots.take() else { return false };
        self.machine.set_max_reboots(reboots);
        self.written = false;
        self.at = Some(At::MaxReboots);
        true
    }

    /// The tick of the state.
    pub fn tick(&self) -> Tick {
        self.machine.current_tick
    }

    /// The machine in the state.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The state, written down.
    pub fn tree(&mut self) -> Result<&Tree, TraceError> {
        self.write()?;
        Ok(&self.tree)
    }

    /// Goes to the state of that tick; an error if there is none.
    pub fn go_to(&mut self, tick: Tick) -> Result<(), TraceError> {
        let now = self.tick();
        if tick < now {
            return Err(TraceError::Past { wanted: tick.0, tick: now.0 });
        }
        match self.go_towards(tick)? {
            None => Ok(()),
            Some(end) => Err(TraceError::Beyond { wanted: tick.0, tick: self.tick().0, end }),
        }
    }

    /// Goes to the state of that tick, or to the last one before, and then says why it is the last one.
    pub fn go_towards(&mut self, tick: Tick) -> Result<Option<End>, TraceError> {
        while self.tick() < tick {
            let left = tick.0 - self.tick().0;
            let by_engine = left > STRETCH && self.through(tick)?;
            if !by_engine && let Some(end) = self.forward(left.min(STRETCH))? {
                return Ok(Some(end));
            }
            self.tell();
        }
        Ok(None)
    }

    /// Goes to the next state that is worth a line, not beyond that tick: the machine begins to do something else (the
    /// first word of the state's name), takes a message, needs the answer to a reveal or has got it, or has trapped.
    pub fn go_to_change(&mut self, until: Tick) -> Result<Option<End>, TraceError> {
        const WATCHED: u64 = 0xffff;
        let before = phase(&self.machine);
        let mut steps = 0;
        while self.tick() < until {
            let padding = match &self.machine.tick_state {
                TickState::Padding => !self.machine.is_padded().map_err(|e| self.failed(e))?,
                _ => false,
            };
            if padding {
                self.set_max_reboots();
                let last = self.machine.pad_until(until.0);
                last.map_err(|e| self.failed(e))?;
                self.moved(None);
            } else if steps == STRETCH {
                self.through_phase(until)?;
                steps = 0;
            } else if let Some(end) = self.forward(1)? {
                return Ok(Some(end));
            }
            if self.at.is_some() || phase(&self.machine) != before {
                break;
            }
            steps += 1;
            if self.tick().0 & WATCHED == 0 {
                self.tell();
            }
        }
        Ok(None)
    }

    /// Goes on inside of a run by way of the engine, not beyond a tick: false if it does not get on.
    fn through(&mut self, tick: Tick) -> Result<bool, TraceError> {
        let Some(runner) = self.runner else { return Ok(false) };
        if self.machine.status() != Status::Computing {
            return Ok(false);
        }
        let next = tick.min(Tick(self.tick().0.saturating_add(ENGINE_STRETCH)));
        let Outside { reveals, debug, .. } = &mut self.outside;
        let reached = self.way.reach(runner, &self.machine, next, &mut **reveals, &mut **debug);
        let reached = reached.map_err(|error| self.engine_failed(error))?;
        Ok(reached.is_some_and(|machine| self.moved_to(machine)))
    }

    /// Goes by way of the engine to where the machine begins to do something else, or up to a tick: false if it does not
    /// get on. From here to there the machine does one thing and then others, and never the first one again: a reveal is
    /// where this way ends.
    fn through_phase(&mut self, until: Tick) -> Result<bool, TraceError> {
        let Some(runner) = self.runner else { return Ok(false) };
        // What was asked for up to here is answered; what comes then is not.
        let (here, reveals) = (self.tick(), &mut *self.outside.reveals);
        let known = self.way.reach(runner, &self.machine, here, reveals, &mut ());
        known.map_err(|error| self.engine_failed(error))?;
        let before = phase(&self.machine);
        let reach = |way: &mut Way, tick: Tick, debug: &mut dyn DebugSink| {
            way.reach(runner, &self.machine, tick, &mut NoAnswers, debug)
                .map_err(|error| TraceError::Engine { tick: self.machine.current_tick.0, error })
        };
        let Some(mut found) = reach(&mut self.way, until, &mut *self.outside.debug)? else {
            return Ok(false);
        };
        let mut same = self.machine.current_tick;
        while phase(&found) != before && found.current_tick.0 - same.0 > 1 {
            let middle = Tick(same.0 + (found.current_tick.0 - same.0) / 2);
            match reach(&mut self.way, middle, &mut ())? {
                Some(machine) if machine.current_tick == middle && phase(&machine) != before => {
                    found = machine
                }
                Some(machine) if machine.current_tick == middle => same = middle,
                _ => return Ok(false),
            }
        }
        Ok(self.moved_to(found))
    }

    fn moved_to(&mut self, machine: Machine) -> bool {
        self.machine = machine;
        self.moved(None);
        true
    }

    /// So many ticks at most, but no further than to where a run begins, if there is an engine to go on with from there.
    fn up_to_run(&mut self, most: u64) -> u64 {
        if self.runner.is_none() {
            return most;
        }
        match &self.machine.tick_state {
            TickState::Snapshot => {
                self.way.note(&self.machine);
                most
            }
            TickState::Padding => {
                let begin = self.machine.last_top_level_call.plus(self.machine.limits.ticks_per_snapshot);
                most.min(begin.0.saturating_sub(self.tick().0).max(1))
            }
            _ => most,
        }
    }

    /// What the state looks like, with the size of the proof of the tick that leads out of it if asked for.
    pub fn observe(&mut self, with_proof: bool) -> Result<Observation, TraceError> {
        self.write()?;
        let hash = self.tree.hash().map_err(|e| self.failed(e.into()))?;
        let mut seen = Observation::of(&self.machine, hash, self.at);
        if with_proof {
            seen.proof_size = Some(self.proof_size()?);
        }
        Ok(seen)
    }

    /// The outboxes of all levels so far, as they were when their level was over.
    pub fn outboxes(&mut self) -> Result<&BTreeMap<Level, Vec<Bytes>>, TraceError> {
        self.keep_outbox()?;
        Ok(&self.outboxes)
    }

    fn keep_outbox(&mut self) -> Result<(), TraceError> {
        let Some(place) = self.machine.last_input else { return Ok(()) };
        let outbox = self.machine.output.outbox(place.level).map_err(|e| self.failed(e))?;
        self.outboxes.insert(place.level, outbox.unwrap_or_default());
        Ok(())
    }

    /// The proof of the tick that leads out of the state, with the next message or the answer to the reveal.
    pub fn proof(&mut self) -> Result<StepProof, TraceError> {
        let tick = self.tick().0;
        let input = self.awaited().map_err(|end| TraceError::NoProof { tick, end })?;
        self.write()?;
        StepProof::produce(&self.tree, input).map_err(|error| TraceError::Proof { tick, error })
    }

    /// Why the machine has no next state, if it has none though nothing is missing.
    pub fn fault(&mut self) -> Option<String> {
        let mut machine = self.machine.clone();
        let made = match self.awaited() {
            Err(End::NoMessage) => return None,
            Err(end) => return Some(end.to_string()),
            Ok(StepInput::Nothing) => machine.step(1, &mut ()).map(drop),
            Ok(StepInput::Message { place, message }) => machine.set_input(place, &message),
            Ok(StepInput::Reveal(answer)) => machine.set_reveal(&answer),
        };
        made.and_then(|()| machine.apply(&mut self.tree.clone())).err().map(|error| error.to_string())
    }

    fn proof_size(&mut self) -> Result<usize, TraceError> {
        let tick = self.tick().0;
        let input = self.awaited().unwrap_or(StepInput::Nothing);
        let step =
            StepProof::produce(&self.tree, input).map_err(|error| TraceError::Proof { tick, error })?;
        Ok(step.proof.to_bytes().len())
    }

    /// What the next tick takes.
    fn awaited(&mut self) -> Result<StepInput, End> {
        match self.machine.status() {
            Status::Computing => Ok(StepInput::Nothing),
            Status::InputRequired => {
                let (place, message) = self.next_message().ok_or(End::NoMessage)?;
                Ok(StepInput::Message { place, message: message.to_vec() })
            }
            Status::RevealRequired(request) => match self.outside.reveals.reveal(&request) {
                Ok(answer) => Ok(StepInput::Reveal(answer)),
                Err(error) => Err(End::NoAnswer { request, reason: error.reason }),
            },
        }
    }

    fn next_message(&mut self) -> Option<(InputPlace, &'a [u8])> {
        while let Some(level) = self.levels.get(self.level) {
            if let Some(message) = level.messages.get(self.message) {
                return Some((InputPlace { level: level.level, counter: self.message as u64 }, message));
            }
            (self.level, self.message) = (self.level + 1, 0);
        }
        None
    }

    /// Makes up to that many ticks, or takes what the machine needs.
    fn forward(&mut self, most: u64) -> Result<Option<End>, TraceError> {
        self.set_max_reboots();
        let most = self.up_to_run(most);
        let (made, at) = match self.machine.status() {
            Status::Computing => {
                let step = match self.way.told_until(&self.machine) {
                    Some(told) => self.machine.step(most.min(told.since(self.tick()).0), &mut ()),
                    None => self.machine.step(most, self.outside.debug),
                };
                (step.map(drop), None)
            }
            Status::InputRequired => {
                let Some((place, message)) = self.next_message() else { return Ok(Some(End::NoMessage)) };
                if self.message == 0 {
                    self.keep_outbox()?;
                }
                self.message += 1;
                let at = At::Input { level: place.level, message: place.counter };
                (self.machine.set_input(place, message), Some(at))
            }
            Status::RevealRequired(request) => match self.outside.reveals.reveal(&request) {
                Ok(answer) => (self.machine.set_reveal(&answer), None),
                Err(error) => return Ok(Some(End::NoAnswer { request, reason: error.reason })),
            },
        };
        made.map_err(|e| self.failed(e))?;
        self.moved(at);
        Ok(None)
    }

    fn tell(&mut self) {
        let tick = self.machine.current_tick;
        (self.outside.watch)(tick);
    }

    fn moved(&mut self, at: Option<At>) {
        self.at = at;
        self.written = false;
    }

    /// Writes the state down and goes on from what is written, so that the next time only what has changed since is
    /// written.
    fn write(&mut self) -> Result<(), TraceError> {
        if self.written {
            return Ok(());
        }
        self.machine.apply(&mut self.tree).map_err(|e| self.failed(e))?;
        self.machine = Machine::from_tree(&self.tree).map_err(|e| self.failed(e))?;
        self.written = true;
        Ok(())
    }

    fn engine_failed(&self, error: RunnerError) -> TraceError {
        TraceError::Engine { tick: self.tick().0, error }
    }

    fn failed(&self, error: StateError) -> TraceError {
        TraceError::State { tick: self.tick().0, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::FixedReveals;
    use crate::state::Limits;
    use crate::version::Version;
    use soru_base::level::Level;
    use soru_base::tick::TickSpan;

    const SETUP: Setup = Setup {
        version: Version::V0,
        limits: Limits { ticks_per_snapshot: TickSpan(20), ..Limits::FIRST },
        max_reboots: None,
        values: Vec::new(),
    };

    fn levels() -> Vec<ReplayLevel> {
        let level = |level, messages: &[&[u8]]| ReplayLevel {
            level: Level::new(level).unwrap(),
            messages: messages.iter().map(|message| message.to_vec()).collect(),
        };
        vec![level(4, &[&[0, 1], &[1, 9], &[0, 2]]), level(5, &[]), level(6, &[&[0, 1]])]
    }

    /// On a kernel that is none: the machine is stuck soon after tick 20.
    fn trace<R>(setup: Setup, work: impl FnOnce(&mut Tracer<'_>) -> R) -> R {
        let mut reveals = FixedReveals::default();
        let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
        let levels = levels();
        work(&mut Tracer::begin(setup, b"no kernel", &levels, outside).unwrap())
    }

    #[test]
    fn a_run_is_gone_through_in_any_strides() {
        let every = |stride: u64| {
            trace(SETUP, |tracer| {
                let mut seen = Vec::new();
                while tracer.go_towards(Tick(tracer.tick().0 + stride)).unwrap().is_none() {
                    seen.push(tracer.observe(false).unwrap());
                }
                seen
            })
        };
        let one_by_one = every(1);
        for stride in [2, 3, 7] {
            let same: Vec<_> = one_by_one.iter().skip(stride - 1).step_by(stride).cloned().collect();
            assert_eq!(every(stride as u64), same);
        }
        assert_eq!(one_by_one[1].at, Some(At::Input { level: Level::new(4).unwrap(), message: 1 }));
        assert_eq!((one_by_one[2].state.as_str(), one_by_one[3].at), ("Padding", None));
        // The level without messages is passed over.
        let last = one_by_one.last().unwrap();
        assert_eq!(last.at, Some(At::Input { level: Level::new(6).unwrap(), message: 0 }));
        assert!(last.error.is_some());
    }

    #[test]
    fn changes_are_states_of_the_same_run() {
        let changes = trace(SETUP, |tracer| {
            let mut seen = Vec::new();
            while tracer.go_to_change(Tick(1000)).unwrap().is_none() {
                seen.push(tracer.observe(true).unwrap());
            }
            seen
        });
        let states: Vec<_> = changes.iter().map(|seen| (seen.tick.0, seen.state.as_str())).collect();
        assert_eq!(
            states[..5],
            [(1, "Collect"), (2, "Collect"), (3, "Padding"), (20, "Snapshot"), (21, "Decode:MKStart")]
        );
        for seen in changes {
            let again = trace(SETUP, |tracer| {
                tracer.go_to(seen.tick).unwrap();
                tracer.observe(true).unwrap()
            });
            assert_eq!(seen, again);
        }
        // A bound is kept to, in the middle of padding as well.
        trace(SETUP, |tracer| {
            tracer.go_to(Tick(3)).unwrap();
            assert_eq!(tracer.go_to_change(Tick(11)).unwrap(), None);
            assert_eq!(tracer.tick(), Tick(11));
        });
    }

    #[test]
    fn reboots_are_set_without_a_tick() {
        trace(Setup { max_reboots: Some(3), ..SETUP }, |tracer| {
            let before = tracer.observe(false).unwrap();
            assert!(tracer.set_max_reboots());
            assert!(!tracer.set_max_reboots());
            let after = tracer.observe(false).unwrap();
            assert_eq!((before.tick, after.tick), (Tick(0), Tick(0)));
            assert_eq!((before.at, after.at), (Some(At::BootSector), Some(At::MaxReboots)));
            assert_ne!(before.hash, after.hash);
            assert_eq!(tracer.machine().max_reboots, 3);
        });
        // Going on does it as well.
        let hash = |setup| {
            trace(setup, |tracer| {
                tracer.go_to(Tick(2)).unwrap();
                tracer.observe(false).unwrap().hash
            })
        };
        assert_ne!(hash(SETUP), hash(Setup { max_reboots: Some(3), ..SETUP }));
    }

    #[test]
    fn ends_and_steps_back_are_errors() {
        trace(SETUP, |tracer| {
            let error = tracer.go_to(Tick(1000)).unwrap_err().to_string();
            let end = tracer.tick().0;
            assert_eq!(
                error,
                format!(
                    "tick 1000 is not reached: the run ends at tick {end}: the machine needs a message, and none is left"
                )
            );
            assert!(matches!(tracer.go_to(Tick(5)), Err(TraceError::Past { wanted: 5, .. })));
            assert!(matches!(tracer.proof(), Err(TraceError::NoProof { end: End::NoMessage, .. })));
            // That the machine needs a message can be proved, and there is nothing wrong with it.
            assert!(tracer.observe(true).unwrap().proof_size.is_some());
            assert_eq!(tracer.fault(), None);
        });
    }
}

//! Through a run by way of an engine, for whoever goes tick by tick.

use crate::host::DebugSink;
use crate::reveal::RevealSource;
use crate::run::{Passage, Runner, RunnerError};
use crate::state::{Machine, TickState};
use soru_base::tick::Tick;

/// An engine's way through the run that a machine is in, if the machine was seen where that run began.
#[derive(Default)]
pub struct Way(Option<Begun>);

/// A run.
struct Begun {
    /// The machine where it begins.
    machine: Machine,
    passage: Opened,
    /// The furthest tick up to which somebody was told what the kernel writes for debugging.
    told: Tick,
}

enum Opened {
    NotYet,
    Nowhere,
    Passage(Box<dyn Passage>),
}

impl Way {
    /// Keeps the machine if another run begins there. A machine that goes on otherwise than by this way has to be
    /// shown.
    pub fn note(&mut self, machine: &Machine) {
        let known = self.0.as_ref().is_some_and(|begun| begun.machine.current_tick == machine.current_tick);
        if matches!(machine.tick_state, TickState::Snapshot) && !known {
            let told = machine.current_tick;
            self.0 = Some(Begun { machine: machine.clone(), passage: Opened::NotYet, told });
        }
    }

    /// The tick up to which it was told what the kernel writes for debugging, if that is ahead of a machine of the same run.
    pub fn told_until(&self, machine: &Machine) -> Option<Tick> {
        let begun = self.0.as_ref().filter(|begun| begun.is_of(machine))?;
        (begun.told > machine.current_tick).then_some(begun.told)
    }

    /// Forgets the run: what it meets is going to be something else.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    /// The machine at `tick`, or as near as `runner` gets: where the run is over, or where a reveal has no answer. It comes from
    /// the machine noted, not from `machine`. Nothing if that is no further than `machine`, or the machine is in no run that was
    /// noted. What is written for debugging is told once, however often a tick is gone through.
    pub fn reach(
        &mut self,
        runner: &dyn Runner,
        machine: &Machine,
        tick: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Option<Machine>, RunnerError> {
        let Some(begun) = self.0.as_mut().filter(|begun| begun.is_of(machine)) else { return Ok(None) };
        if let Opened::NotYet = begun.passage {
            begun.passage = runner.passage(&begun.machine)?.map_or(Opened::Nowhere, Opened::Passage);
        }
        let Opened::Passage(passage) = &mut begun.passage else { return Ok(None) };
        let here = machine.current_tick;
        // A machine that went on by itself has told what there was to be told.
        begun.told = begun.told.max(here);
        if tick <= begun.told {
            return Ok(
                known(passage.reach(tick, reveals, &mut ()))?.and_then(|reached| further(reached, here))
            );
        }
        // The engine begins somewhat before the furthest tick it was at, and tells once more what comes from there on.
        let mut before = Counted(0);
        match known(passage.reach(begun.told, reveals, &mut before))? {
            None => return Ok(None),
            Some(machine) if machine.current_tick < begun.told => {
                begun.passage = Opened::Nowhere;
                return Ok(None);
            }
            Some(_) => (),
        }
        let mut news = Behind { left: before.0, debug };
        let reached = match passage.reach(tick, reveals, &mut news) {
            Err(RunnerError::RevealUnavailable { .. }) => {
                let last = begun.machine.current_tick.plus(begun.machine.limits.ticks_per_snapshot);
                last_before_reveal(passage.as_mut(), begun.told, tick.min(last), reveals)?
            }
            reached => reached?,
        };
        begun.told = begun.told.max(reached.current_tick);
        Ok(further(reached, here))
    }
}

fn further(reached: Machine, here: Tick) -> Option<Machine> {
    (reached.current_tick > here).then_some(reached)
}

/// Nothing where the engine has forgotten an answer, and does not get it again.
fn known(reached: Result<Machine, RunnerError>) -> Result<Option<Machine>, RunnerError> {
    match reached {
        Err(RunnerError::RevealUnavailable { .. }) => Ok(None),
        reached => reached.map(Some),
    }
}

/// Where the machine waits for a reveal that has no answer: behind `from`, before `to`.
fn last_before_reveal(
    passage: &mut dyn Passage,
    from: Tick,
    to: Tick,
    reveals: &mut dyn RevealSource,
) -> Result<Machine, RunnerError> {
    let mut found = passage.reach(from, reveals, &mut ())?;
    let (mut before, mut behind) = (from.0, to.0);
    while behind - before > 1 {
        let middle = before + (behind - before) / 2;
        match passage.reach(Tick(middle), reveals, &mut ()) {
            Ok(machine) => (found, before) = (machine, middle),
            Err(RunnerError::RevealUnavailable { .. }) => behind = middle,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl Begun {
    fn is_of(&self, machine: &Machine) -> bool {
        let inside = matches!(
            machine.tick_state,
            TickState::Snapshot
                | TickState::Decode(_)
                | TickState::Link(_)
                | TickState::Init(_)
                | TickState::Eval(_)
        );
        inside && machine.last_top_level_call == self.machine.current_tick
    }
}

/// Counts bytes.
struct Counted(usize);

impl DebugSink for Counted {
    fn debug(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Tells what comes behind the next so many bytes.
struct Behind<'a> {
    left: usize,
    debug: &'a mut dyn DebugSink,
}

impl DebugSink for Behind<'_> {
    fn debug(&mut self, bytes: &[u8]) {
        let known = self.left.min(bytes.len());
        self.left -= known;
        if known < bytes.len() {
            self.debug.debug(&bytes[known..]);
        }
    }

    fn wants_bytes(&self) -> bool {
        self.debug.wants_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostState;
    use crate::level::RunEnd;
    use crate::replay::{FixedReveals, Observation, Outside, ReplayLevel, Setup, Tracer};
    use crate::reveal::PreimageHash;
    use crate::run::{Kernel, Outcome};
    use crate::state::Limits;
    use crate::version::Version;
    use soru_base::bin::Binary as _;
    use soru_base::level::Level;
    use soru_base::tick::TickSpan;
    use std::collections::BTreeMap;

    /// An engine that is the machine itself.
    struct Stepper;

    impl Runner for Stepper {
        fn kernel_run(&self, _: &Kernel, _: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
            Err(RunnerError::Unsupported { reason: "it goes through runs only".to_owned() })
        }

        fn passage(&self, machine: &Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
            Ok(Some(Box::new(Steps([(machine.current_tick, machine.clone())].into()))))
        }
    }

    /// The machine wherever it was asked for.
    struct Steps(BTreeMap<Tick, Machine>);

    impl Passage for Steps {
        fn reach(
            &mut self,
            tick: Tick,
            reveals: &mut dyn RevealSource,
            debug: &mut dyn DebugSink,
        ) -> Result<Machine, RunnerError> {
            // Somewhat before, as an engine that stands between two instructions.
            let from = Tick(tick.0.saturating_sub(9));
            let nearest = self.0.range(..=from).next_back().or(self.0.first_key_value());
            let mut machine = nearest.unwrap().1.clone();
            machine.go_through(tick, reveals, debug)?;
            self.0.insert(machine.current_tick, machine.clone());
            Ok(machine)
        }

        fn end(
            &mut self,
            _: &mut dyn RevealSource,
            _: &mut dyn DebugSink,
        ) -> Result<(Machine, RunEnd), RunnerError> {
            Err(RunnerError::Engine("nobody asks for it".to_owned()))
        }
    }

    const PAGE: &[u8] = b"page";

    /// Computes, says something, asks for a page, computes, and traps.
    fn kernel() -> Vec<u8> {
        let hash: String =
            PreimageHash::of_page(PAGE).to_bytes().iter().map(|b| format!("\\{b:02x}")).collect();
        let text = format!(
            r#"(module
              (import "smart_rollup_core" "reveal_preimage" (func $reveal (param i32 i32 i32 i32) (result i32)))
              (import "smart_rollup_core" "write_debug" (func $say (param i32 i32)))
              (memory 1) (export "mem" (memory 0))
              (data (i32.const 0) "{hash}") (data (i32.const 50) "one two three")
              (func $compute (local $n i32)
                (loop $again
                  (local.set $n (i32.add (local.get $n) (i32.const 1)))
                  (br_if $again (i32.lt_u (local.get $n) (i32.const 20)))))
              (func (export "kernel_run")
                (call $say (i32.const 50) (i32.const 3))
                (call $compute)
                (call $say (i32.const 53) (i32.const 4))
                (drop (call $reveal (i32.const 0) (i32.const 33) (i32.const 100) (i32.const 100)))
                (call $compute)
                (call $say (i32.const 57) (i32.const 6))
                unreachable))"#
        );
        wat::parse_str(text).unwrap()
    }

    type Go<'a> = &'a dyn Fn(&mut Tracer<'_>) -> bool;

    /// What is seen on the way to the end, and what is said.
    fn trace(by_engine: bool, known: bool, go: Go<'_>) -> (Vec<Observation>, String) {
        let setup = Setup {
            version: Version::V0,
            limits: Limits { ticks_per_snapshot: TickSpan(40_000), ..Limits::FIRST },
            max_reboots: None,
            values: Vec::new(),
        };
        let mut reveals = FixedReveals::default();
        if known {
            let request = [&[0], &PreimageHash::of_page(PAGE).to_bytes()[..]].concat();
            reveals.0.insert(request, PAGE.to_vec());
        }
        let (mut said, mut seen) = (Vec::new(), Vec::new());
        let levels = [4, 5].map(|level| ReplayLevel {
            level: Level::new(level).unwrap(),
            messages: vec![vec![0, 1], vec![0, 2]],
        });
        let outside = Outside { reveals: &mut reveals, debug: &mut said, watch: &mut |_| () };
        let mut tracer = Tracer::begin(setup, &kernel(), &levels, outside).unwrap();
        if by_engine {
            tracer = tracer.with_engine(&Stepper);
        }
        while go(&mut tracer) {
            seen.push(tracer.observe(false).unwrap());
        }
        seen.push(tracer.observe(false).unwrap());
        (seen, String::from_utf8(said).unwrap())
    }

    #[test]
    fn a_run_is_the_same_by_way_of_an_engine() {
        let stride = |ticks: u64| {
            move |tracer: &mut Tracer<'_>| tracer.go_towards(Tick(tracer.tick().0 + ticks)).unwrap().is_none()
        };
        let changes = |tracer: &mut Tracer<'_>| tracer.go_to_change(Tick(u64::MAX)).unwrap().is_none();
        let bounded =
            |tracer: &mut Tracer<'_>| tracer.go_to_change(Tick(tracer.tick().0 + 777)).unwrap().is_none();
        let ways: [Go<'_>; 4] = [&stride(333), &stride(5_000), &changes, &bounded];
        for (number, go) in ways.into_iter().enumerate() {
            for known in [true, false] {
                let by_ticks = trace(false, known, go);
                let by_engine = trace(true, known, go);
                assert_eq!(by_engine.0, by_ticks.0, "way {number}, known: {known}");
                assert_eq!(by_engine.1, by_ticks.1, "way {number}, known: {known}");
                assert_eq!(by_ticks.1, if known { "one two threeone two three" } else { "one two" });
            }
        }
    }
}

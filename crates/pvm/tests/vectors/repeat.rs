//! Repeating a recorded run and comparing each state that was observed.

use crate::engine::NoEngine;
use crate::kernel_of;
use serde_json::Value;
use soru_base::tick::Tick;
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::level::{Advance, LevelError, Surroundings};
use soru_pvm::machine::initial_state;
use soru_pvm::replay::RunFile;
use soru_pvm::run::Runner;
use soru_pvm::state::{FallbackCause, InputPlace, InterpreterError, StuckError, StuckText, TickState};
use std::collections::BTreeMap;

/// One repetition of a recorded run, as far as it goes without an engine.
pub(crate) struct Repeated<'a> {
    pub(crate) run: &'a RunFile,
    pub(crate) by_tick: BTreeMap<u64, &'a Value>,
    pub(crate) tree: Tree,
    pub(crate) machine: Machine,
    pub(crate) checked: usize,
}

impl<'a> Repeated<'a> {
    pub(crate) fn boot(run: &'a RunFile) -> Self {
        let empty = initial_state(run.version).unwrap();
        assert_eq!(empty.hash().unwrap().to_hex(), run.lines[1]["hash"], "initial state");
        let mut repeated = Self::boot_without_observations(run);
        repeated.checked = 1;
        repeated.check();
        repeated
    }

    pub(crate) fn boot_without_observations(run: &'a RunFile) -> Self {
        let tree = run.boot(&kernel_of(run)).unwrap();
        let ticks = run.lines.iter().filter_map(|line| Some((line["tick"].as_u64()?, line)));
        let machine = Machine::from_tree(&tree).unwrap();
        Self { run, by_tick: ticks.collect(), tree, machine, checked: 0 }
    }

    /// Compares the state with the one observed at its tick, if one was.
    pub(crate) fn check(&mut self) {
        self.machine.apply(&mut self.tree).unwrap();
        let Some(seen) = self.by_tick.get(&self.machine.current_tick.0) else { return };
        let found = self.tree.hash().unwrap().to_hex();
        assert_eq!(found, seen["hash"], "{} {seen}", self.run.kernel);
        assert_eq!(
            self.machine.tick_state.name(),
            seen["state"].as_str().unwrap().split(':').next().unwrap()
        );
        let reread = Machine::from_tree(&self.tree).unwrap();
        assert_eq!(
            reread.to_tree().unwrap().hash().unwrap(),
            self.tree.hash().unwrap(),
            "read and written again"
        );
        self.machine = reread;
        self.checked += 1;
    }

    pub(crate) fn inputs(&mut self, level: usize) {
        let level = &self.run.levels[level];
        for (counter, message) in (0..).zip(&level.messages) {
            self.machine.set_input(InputPlace { level: level.level, counter }, message).unwrap();
            self.check();
        }
    }

    pub(crate) fn advance(&mut self) -> Advance {
        self.advance_on(&NoEngine).unwrap()
    }

    /// To the next state that can be known without counting ticks.
    pub(crate) fn advance_on(&mut self, runner: &dyn Runner) -> Result<Advance, LevelError> {
        let mut reveals = self.run.reveals.clone();
        let mut around = Surroundings { runner, reveals: &mut reveals, debug: &mut () };
        let done = self.machine.advance(0, &mut around)?;
        self.check();
        Ok(done)
    }

    pub(crate) fn until_input_required(&mut self, runner: &dyn Runner) -> Result<(), LevelError> {
        while self.advance_on(runner)? != Advance::InputRequired {}
        Ok(())
    }

    /// To the beginning of the first run.
    pub(crate) fn first_level(&mut self) {
        self.inputs(0);
        assert_eq!(self.advance(), Advance::Padded);
        self.advance();
        assert!(matches!(self.machine.tick_state, TickState::Snapshot));
    }

    pub(crate) fn get_stuck(&mut self, seen: &Value) {
        let error = stuck_error(&seen["error"]);
        // An instance was made: the kernel is the one to fall back to.
        if matches!(error, StuckError::Eval(_)) {
            self.machine.durable.save_fallback_kernel().unwrap();
        }
        self.machine.tick_state = TickState::Stuck(error);
        self.machine.current_tick = Tick(seen["tick"].as_u64().unwrap());
        self.machine.reboot_counter = self.machine.max_reboots + 1;
    }
}

fn stuck_error(error: &Value) -> StuckError {
    let raw = || StuckText::new(error["raw"].as_str().unwrap());
    let explanation = error["explanation"].as_str().map(StuckText::new);
    let interpreter = || InterpreterError { raw: raw(), explanation: explanation.clone() };
    let stuck = match (error["kind"].as_str().unwrap(), error["cause"].as_str()) {
        ("Decode_error", _) => StuckError::Decode(interpreter()),
        ("Link_error", _) => StuckError::Link(raw()),
        ("Init_error", _) => StuckError::Init(interpreter()),
        ("Eval_error", _) => StuckError::Eval(interpreter()),
        ("Unknown_error", _) => StuckError::Unknown(raw()),
        ("Too_many_ticks", _) => StuckError::TooManyTicks,
        ("No_fallback_kernel", Some("Decode_cause")) => {
            StuckError::NoFallbackKernel(FallbackCause::Decode(interpreter()))
        }
        ("No_fallback_kernel", Some("Init_cause")) => {
            StuckError::NoFallbackKernel(FallbackCause::Init(interpreter()))
        }
        ("No_fallback_kernel", Some("Link_cause")) => {
            StuckError::NoFallbackKernel(FallbackCause::Link(raw()))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(stuck.to_json(), *error);
    stuck
}

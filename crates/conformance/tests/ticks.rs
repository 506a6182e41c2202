//! One tick at a time, with the state written and read after each, comes to the same as many at once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use soru_conformance::generate::{shapes, smith};
use soru_conformance::lockstep::Inputs;
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::state::{InputPlace, StateError, Status};
use std::cell::Cell;
use support::{inputs, test_runner};

/// No longer run is looked at.
const MAX_TICKS: u64 = 300_000;
/// Places of a run that are gone through tick by tick, and how many ticks each.
const WINDOWS: u64 = 5;
const WINDOW: u64 = 60;

/// A machine that is about to run its kernel.
fn begin(kernel: &[u8], inputs: &Inputs) -> Result<(Machine, Tree), StateError> {
    let mut tree = initial_state(inputs.version)?;
    install_boot_sector(&mut tree, kernel, inputs.limits)?;
    let mut machine = Machine::from_tree(&tree)?;
    let (level, messages) = &inputs.levels[0];
    for (counter, message) in (0..).zip(messages) {
        machine.set_input(InputPlace { level: *level, counter }, message)?;
    }
    machine.step(inputs.limits.ticks_per_snapshot.0 - machine.current_tick.0, &mut ())?;
    machine.apply(&mut tree)?;
    Ok((machine, tree))
}

/// Makes so many ticks.
fn go(machine: &mut Machine, ticks: u64) -> Result<(), StateError> {
    let end = machine.current_tick.0 + ticks;
    while machine.current_tick.0 < end {
        match machine.status() {
            Status::Computing => {
                machine.step(end - machine.current_tick.0, &mut ())?;
            }
            Status::RevealRequired(request) => machine.set_reveal(&request)?,
            Status::InputRequired => return Ok(()),
        }
    }
    Ok(())
}

/// How many ticks a run takes, and whether that is all of it: not if it is too long.
fn length(mut machine: Machine) -> Result<(u64, bool), StateError> {
    let start = machine.current_tick.0;
    loop {
        let ticks = machine.current_tick.0 - start;
        let over = matches!(machine.tick_state.name(), "Padding" | "Stuck" | "Collect");
        if over || ticks >= MAX_TICKS {
            return Ok((ticks, over));
        }
        go(&mut machine, 1)?;
    }
}

/// Whether the kernel was looked at to the end of its first run.
fn check(kernel: &[u8], seed: u64) -> Result<bool, String> {
    let shown = |error: StateError| error.to_string();
    let (mut machine, mut tree) = begin(kernel, &inputs()).map_err(shown)?;
    let start = machine.current_tick.0;
    let (length, ended) = length(machine.clone()).map_err(shown)?;
    for window in 0..WINDOWS {
        // Somewhere in its part of the run.
        let (from, to) = (length * window / WINDOWS, length * (window + 1) / WINDOWS);
        let place = from + seed % (to - from).saturating_sub(WINDOW).max(1);
        let to_place = start + place - machine.current_tick.0;
        go(&mut machine, to_place).map_err(shown)?;
        machine.apply(&mut tree).map_err(shown)?;
        let mut by_one = tree.clone();
        let ticks = WINDOW.min(to - place);
        for _ in 0..ticks {
            let mut machine = Machine::from_tree(&by_one).map_err(shown)?;
            go(&mut machine, 1).map_err(shown)?;
            machine.apply(&mut by_one).map_err(shown)?;
        }
        go(&mut machine, ticks).map_err(shown)?;
        machine.apply(&mut tree).map_err(shown)?;
        let (one, many) = (by_one.hash(), tree.hash());
        let (one, many) = (one.map_err(|e| e.to_string())?, many.map_err(|e| e.to_string())?);
        if one != many {
            let name = machine.state_name();
            let tick = machine.current_tick.0 - start;
            return Err(format!(
                "{ticks} ticks up to {tick} of the run ({name}): {one} one by one, {many} at once"
            ));
        }
    }
    Ok(ended)
}

fn try_kernels(cases: u32, bytes: std::ops::Range<usize>, kernel: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let (looked_at, to_the_end) = (Cell::new(0), Cell::new(0));
    let strategy = (proptest::collection::vec(any::<u8>(), bytes), any::<u64>());
    let tried = test_runner(cases).run(&strategy, |(bytes, seed)| {
        let Some(kernel) = kernel(&bytes) else { return Ok(()) };
        let ended = check(&kernel, seed)
            .map_err(|what| TestCaseError::fail(format!("{what}: {}", hex::encode(&kernel))))?;
        looked_at.set(looked_at.get() + 1);
        to_the_end.set(to_the_end.get() + u32::from(ended));
        Ok(())
    });
    println!("{} kernels, {} to the end", looked_at.get(), to_the_end.get());
    if let Err(error) = tried {
        panic!("{error}");
    }
    assert!(looked_at.get() > cases / 2);
    assert!(to_the_end.get() > cases / 2);
}

#[test]
fn structured_kernels_one_tick_at_a_time() {
    try_kernels(24, 50..1500, |bytes| Some(shapes::kernel(bytes)));
}

#[test]
fn kernels_of_any_instructions_one_tick_at_a_time() {
    try_kernels(12, 500..3000, smith::kernel);
}

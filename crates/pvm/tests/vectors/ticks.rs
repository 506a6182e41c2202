//! The beginnings of runs, tick by tick: reading a kernel and looking up its imports.

use crate::engine::Interpreter;
use crate::repeat::Repeated;
use crate::{recorded, run_file, vectors};
use serde_json::Value;
use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_pvm::level::Advance;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::state::{InputPlace, TickState};
use soru_pvm::{Limits, Machine, Version};
use std::collections::BTreeMap;

fn name(machine: &Machine) -> String {
    match &machine.tick_state {
        TickState::Decode(decoder) => format!("Decode:{}", decoder.step_name()),
        TickState::Init(initialiser) => format!("Init:{}", initialiser.step_name()),
        other => other.name().to_owned(),
    }
}

/// From a snapshot as far as it goes, comparing all that was observed on the way.
fn compare(repeated: &mut Repeated<'_>, counts: &mut BTreeMap<String, usize>) {
    loop {
        let now = repeated.machine.current_tick.0;
        let Some((tick, seen)) = repeated.by_tick.range(now + 1..).next() else { return };
        let (tick, seen) = (*tick, *seen);
        if repeated.machine.prepare(tick - now).unwrap() < tick - now {
            return;
        }
        let state = name(&repeated.machine);
        assert_eq!(seen["state"], state, "{seen}");
        if seen["error"].is_object() {
            assert_eq!(repeated.machine.stuck_error().unwrap().to_json(), seen["error"]);
        }
        // Compares the hash as well, and goes on with the state as it is read from its tree.
        let before = repeated.checked;
        repeated.check();
        assert_eq!(repeated.checked, before + 1);
        *counts.entry(state).or_insert(0) += 1;
    }
}

/// Observed states from the beginning of a run as far as it goes: of first runs and of those later ones that can be
/// reached by an engine that counts no ticks, with kernels that were changed on the way.
#[test]
fn observed_states() {
    // Of these only the first run is known without counting ticks.
    const NEED_TICKS: [&str; 4] = ["/invalid/", "/noop_145.", "/endless.", "/recursion."];
    let mut counts = BTreeMap::new();
    for file in recorded() {
        let run = run_file(&file);
        let mut repeated = Repeated::boot(&run);
        let runner = Interpreter::new(false);
        let needs_ticks = NEED_TICKS.iter().any(|name| file.contains(name));
        'levels: for level in 0..run.levels.len() {
            repeated.inputs(level);
            loop {
                if matches!(repeated.machine.tick_state, TickState::Snapshot) {
                    let (machine, tree) = (repeated.machine.clone(), repeated.tree.clone());
                    compare(&mut repeated, &mut counts);
                    (repeated.machine, repeated.tree) = (machine, tree);
                }
                if matches!(repeated.machine.tick_state, TickState::Snapshot) && needs_ticks {
                    break 'levels;
                }
                match repeated.advance_on(&runner) {
                    Ok(Advance::InputRequired) => break,
                    Ok(_) => (),
                    // Stuck for ever, or without an answer to a reveal: the run is over.
                    Err(_) => break 'levels,
                }
            }
        }
    }
    let compared: usize = counts.iter().filter(|(name, _)| *name != "Stuck").map(|(_, count)| count).sum();
    println!("{compared} states: {counts:?}");
    assert!(compared > 9000, "{counts:?}");
}

#[test]
fn ticks_at_once_and_one_by_one_are_the_same() {
    let run = run_file("expected/control.jsonl");
    let mut slow = Repeated::boot(&run);
    slow.first_level();
    let mut fast = slow.machine.clone();
    while slow.machine.prepare(1).unwrap() == 1 {
        slow.machine.apply(&mut slow.tree).unwrap();
        slow.machine = Machine::from_tree(&slow.tree).unwrap();
    }
    fast.prepare(u64::MAX).unwrap();
    assert_eq!(fast.current_tick, slow.machine.current_tick);
    assert_eq!(fast.to_tree().unwrap().hash().unwrap(), slow.tree.hash().unwrap());
}

/// Every opcode: is it taken, and what is the state behind it?
#[test]
fn opcodes() {
    let text = std::fs::read_to_string(vectors().join("expected/opcodes.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let limits = Limits { ticks_per_snapshot: TickSpan(1000), ..Limits::FIRST };
    let (mut faults, mut refused) = (0, 0);
    for line in &lines[1..] {
        let mut tree = initial_state(Version::V0).unwrap();
        let kernel = hex::decode(line["kernel"].as_str().unwrap()).unwrap();
        install_boot_sector(&mut tree, &kernel, limits).unwrap();
        let mut machine = Machine::from_tree(&tree).unwrap();
        for (counter, message) in (0..).zip(lines[0]["levels"][0]["messages"].as_array().unwrap()) {
            let message = hex::decode(message.as_str().unwrap()).unwrap();
            machine.set_input(InputPlace { level: Level::new(0).unwrap(), counter }, &message).unwrap();
        }
        while !matches!(machine.tick_state, TickState::Snapshot) {
            machine.pad().unwrap();
        }
        let ticks = line["tick"].as_u64().unwrap() - machine.current_tick.0;
        assert_eq!(machine.prepare(ticks).unwrap(), ticks, "{line}");
        machine.apply(&mut tree).unwrap();
        assert_eq!(tree.hash().unwrap().to_hex(), line["hash"], "{line}");
        if line["fault"].is_string() {
            // The instruction is taken and cannot be written.
            machine.prepare(1).unwrap();
            machine.apply(&mut tree).unwrap_err();
            faults += 1;
        } else if line["accepted"] == true {
            assert!(matches!(machine.tick_state, TickState::Link(_)), "{line}");
        } else {
            assert!(machine.stuck_error().is_some(), "{line}");
            refused += 1;
        }
    }
    println!("{} opcodes, {refused} refused, {faults} without a form", lines.len() - 1);
    assert_eq!((lines.len() - 1, faults), (576, 6));
}

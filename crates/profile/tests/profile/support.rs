//! Machines that have an inbox.

use soru_base::{Binary as _, Level, RollupAddress};
use soru_exact::TickExact;
use soru_merkle::Tree;
use soru_profile::{Profile, Profiler, RunProfile, Until};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::replay::FixedReveals;
use soru_pvm::reveal::{Metadata, RevealRequest, RevealSource};
use soru_pvm::state::{InputPlace, Status};
use soru_pvm::{Limits, Machine, Version};

pub(crate) fn tree(kernel: &[u8]) -> Tree {
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, kernel, Limits::FIRST).unwrap();
    tree
}

pub(crate) fn give(machine: &mut Machine, level: u32, messages: &[Vec<u8>]) {
    for (counter, message) in (0..).zip(messages) {
        machine.set_input(InputPlace { level: Level::new(level).unwrap(), counter }, message).unwrap();
    }
}

/// External messages between start and end of the level.
pub(crate) fn inbox(payloads: &[&[u8]]) -> Vec<Vec<u8>> {
    let external = payloads.iter().map(|payload| [&[1], *payload].concat());
    [vec![0, 1]].into_iter().chain(external).chain([vec![0, 2]]).collect()
}

/// A kernel that gets one inbox.
pub(crate) fn profile(kernel: &[u8], payloads: &[&[u8]]) -> Profile {
    let mut machine = Machine::from_tree(&tree(kernel)).unwrap();
    give(&mut machine, 0, &inbox(payloads));
    let exact = TickExact::new();
    let metadata = Metadata { address: RollupAddress::ZERO, origination_level: Level::GENESIS };
    let mut reveals = FixedReveals([(RevealRequest::METADATA.to_vec(), metadata.to_bytes())].into());
    let runs = Profiler::new(&exact).go_on(&mut machine, Until::Inbox, &mut reveals, &mut ()).unwrap();
    assert_eq!(machine.status(), Status::InputRequired);
    runs.iter().for_each(sums);
    Profile { runs }
}

pub(crate) fn profile_wat(wat: &str, payloads: &[&[u8]]) -> Profile {
    profile(&wat::parse_str(wat).unwrap(), payloads)
}

/// The parts of a run come to the run.
pub(crate) fn sums(run: &RunProfile) {
    let folded = run.folded();
    assert_eq!(folded.ticks(), run.ticks.0, "{}", run.title());
    assert_eq!(run.phases.total().0 + run.eval().0, run.ticks.0);
    assert!(run.ticks <= run.bound);
    if let Some(calls) = run.calls() {
        assert_eq!(calls.ticks(), run.eval().0, "{}", run.title());
        assert_eq!(calls.stacks.ticks(), run.eval().0);
        for function in &calls.functions {
            assert!(function.own <= function.total && function.total <= run.eval().0, "{function:?}");
        }
    }
    // The text can be read back.
    let text = folded.to_string();
    let read: u64 = text.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(read, run.ticks.0);
}

/// Ticks of the run that a machine is about to begin, counted one by one. Nothing if a reveal has no answer.
pub(crate) fn by_ticks(machine: &Machine, reveals: &mut dyn RevealSource) -> Option<u64> {
    let mut machine = machine.clone();
    let begin = machine.current_tick;
    assert_eq!(machine.tick_state.name(), "Snapshot");
    while machine.tick_state.name() != "Padding" {
        match machine.status() {
            Status::Computing => {
                machine.step(1, &mut ()).unwrap();
            }
            Status::RevealRequired(request) => machine.set_reveal(&reveals.reveal(&request).ok()?).unwrap(),
            // Stuck for ever.
            Status::InputRequired => break,
        }
    }
    Some(machine.current_tick.since(begin).0)
}

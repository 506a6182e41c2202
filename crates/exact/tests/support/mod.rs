//! Runs of kernels of a test, and what the machine makes of them by ticks.
#![allow(dead_code, reason = "each test file uses a part of it")]

use soru_base::StateHash;
use soru_base::level::Level;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::state::InputPlace;
use soru_pvm::{Limits, Machine, Version};

/// The state where a run begins, which may take so many ticks, with a message.
pub(crate) fn begin(kernel: &[u8], share: u64) -> (Tree, Machine) {
    let mut tree = initial_state(Version::V0).unwrap();
    let limits = Limits { ticks_per_snapshot: TickSpan(share), ..Limits::FIRST };
    install_boot_sector(&mut tree, kernel, limits).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for (counter, message) in (0..).zip([b"\x00\x01".as_slice(), b"\x01hello", b"\x00\x02"]) {
        machine.set_input(InputPlace { level: Level::new(3).unwrap(), counter }, message).unwrap();
    }
    machine.step(share - machine.current_tick.0, &mut ()).unwrap();
    assert_eq!(machine.state_name(), "Snapshot");
    machine.apply(&mut tree).unwrap();
    let machine = Machine::from_tree(&tree).unwrap();
    (tree, machine)
}

/// The hashes at some ticks after the beginning of a run, in rising order, made by ticks, and the tick where the run is over.
pub(crate) fn by_ticks(
    tree: &Tree,
    start: &Machine,
    ticks: impl IntoIterator<Item = u64>,
) -> (Vec<(Tick, Option<StateHash>)>, Tick) {
    let mut machine = start.clone();
    let mut known = Vec::new();
    let mut over = None;
    for tick in ticks {
        let tick = start.current_tick.plus(TickSpan(tick));
        let end = machine.go_through(tick, &mut (), &mut ()).unwrap();
        if end.is_some() {
            over.get_or_insert(machine.current_tick);
        }
        known.push((tick, machine.hash_at(tick, tree).unwrap()));
    }
    let over = over.unwrap_or_else(|| {
        machine.go_through(Tick(u64::MAX), &mut (), &mut ()).unwrap();
        machine.current_tick
    });
    (known, over)
}

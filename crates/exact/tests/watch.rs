//! Looking on while a kernel runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use soru_base::level::Level;
use soru_exact::{HostCall, Pause, Run, Watch, prepare};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::run::Kernel;
use soru_pvm::state::InputPlace;
use soru_pvm::{Limits, Machine, Version};
use std::sync::Arc;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Enter(u32, u64),
    Leave(u64),
    Host(&'static str, u64, u64),
}

#[derive(Default)]
struct Events(Vec<Event>);

impl Watch for Events {
    fn enter(&mut self, function: u32, used: u64) {
        self.0.push(Event::Enter(function, used));
    }

    fn leave(&mut self, used: u64) {
        self.0.push(Event::Leave(used));
    }

    fn host_call(&mut self, call: &HostCall<'_>) {
        self.0.push(Event::Host(call.function.name(), call.used, call.ticks));
    }
}

const KERNEL: &str = r#"(module
    (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
    (memory (export "mem") 1)
    (data (i32.const 0) "/a")
    (table 1 funcref) (elem (i32.const 0) func $inner)
    (func $inner (param i32) (result i32) (call $has (i32.const 0) (i32.const 2)))
    (func $outer (local i64) (drop (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0))))
    (func (export "kernel_run") (nop) (call $outer)))"#;

/// What is told of a run that stops after so many ticks, and those after them, and so on.
fn events(stops: impl Iterator<Item = u64>) -> (Vec<Event>, u64) {
    let kernel = wat::parse_str(KERNEL).unwrap();
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, &kernel, Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for (counter, message) in (0..).zip([b"\x00\x01".as_slice(), b"\x00\x02"]) {
        machine.set_input(InputPlace { level: Level::new(3).unwrap(), counter }, message).unwrap();
    }
    machine.step(11_000_000_000 - machine.current_tick.0, &mut ()).unwrap();
    let code = prepare(&machine, &Kernel::of_bytes(&kernel).unwrap(), Version::V0).unwrap();
    let (mut reveals, mut debug) = ((), ());
    let mut host = machine.lend(&mut reveals, &mut debug).unwrap();
    host.begin_run().unwrap();
    let (mut run, mut events) = (Run::new(Arc::new(code)), Events::default());
    for stop in stops {
        if let Pause::Finished = run.watch(stop, &mut host, &mut events) {
            return (events.0, run.used());
        }
    }
    panic!("the run goes on after {} ticks", run.used());
}

#[test]
fn calls_are_told_with_their_ticks() {
    let (told, used) = events([1_000_000].into_iter());
    // kernel_run: 8 to begin, `nop` and what it calls, 8 to end.
    let outer = 8 + 6;
    let inner = outer + 6 + 8 + 2 + 6 + 6;
    let host = inner + 6 + 8 + 2 + 6 + 6;
    let paid = 6 + 3 + 2 * 42 + 1 + 2;
    let back = host + paid + 9;
    let end = back + 6 + 8;
    assert_eq!(
        told,
        [
            Event::Enter(3, 0),
            Event::Enter(2, outer),
            Event::Enter(1, inner),
            Event::Host("store_has", host, paid),
            Event::Leave(back),
            Event::Leave(end),
            Event::Leave(end + 8 + 5),
        ]
    );
    assert_eq!(used, end + 8 + 5);
}

#[test]
fn stops_change_nothing_for_who_looks_on() {
    assert_eq!(events(0..2000), events([2000].into_iter()));
    assert_eq!(events((0..2000).step_by(37)), events([2000].into_iter()));
}

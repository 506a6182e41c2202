//! What a run does before its kernel runs, and how many ticks each part of it takes.

use crate::state::{Machine, StateError, TickState};
use soru_base::tick::{Tick, TickSpan};

/// Ticks of a run up to the call of `kernel_run`. They depend on the kernel and the version of the machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Reading the bytes of the kernel, the tick that begins the run included.
    pub decode: TickSpan,
    /// Looking up its imports.
    pub link: TickSpan,
    /// Making the instance.
    pub init: TickSpan,
    /// Whether the machine gets to the call: if not, the last tick is the one that refuses the kernel.
    pub gets_to_call: bool,
}

impl Phases {
    /// All of them together.
    pub fn total(&self) -> TickSpan {
        TickSpan(self.decode.0 + self.link.0 + self.init.0)
    }
}

impl Machine {
    /// The ticks of the run that is about to begin, up to the call of `kernel_run`. The machine is not changed.
    pub fn phases(&self) -> Result<Phases, StateError> {
        self.phases_to(false)
    }

    /// The same up to the call of the start function, if there is one: who runs it knows the ticks of `init`.
    pub fn phases_to_start(&self) -> Result<Phases, StateError> {
        self.phases_to(true)
    }

    fn phases_to(&self, is_to_pause: bool) -> Result<Phases, StateError> {
        let mut machine = self.clone();
        let version = machine.durable.version()?;
        let mut found = Phases::default();
        loop {
            if let TickState::Init(initialiser) = &mut machine.tick_state
                && is_to_pause
                && initialiser.is_at_start()
            {
                return Ok(found);
            }
            let ticks = match &machine.tick_state {
                TickState::Snapshot | TickState::Decode(_) => &mut found.decode,
                TickState::Link(_) => &mut found.link,
                TickState::Init(_) => &mut found.init,
                other => {
                    found.gets_to_call = matches!(other, TickState::Eval(_));
                    return Ok(found);
                }
            };
            let before: Tick = machine.current_tick;
            machine.advance_ticks_to(is_to_pause, u64::MAX, version, &mut ())?;
            ticks.0 += machine.current_tick.since(before).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{initial_state, install_boot_sector};
    use crate::state::{InputPlace, Limits};
    use crate::version::Version;
    use soru_base::level::Level;

    fn at_run(kernel: &[u8]) -> Machine {
        let mut tree = initial_state(Version::V0).unwrap();
        install_boot_sector(&mut tree, kernel, Limits::FIRST).unwrap();
        let mut machine = Machine::from_tree(&tree).unwrap();
        let place = InputPlace { level: Level::GENESIS, counter: 0 };
        machine.set_input(place, &[0, 2]).unwrap();
        machine.step(11_000_000_000 - machine.current_tick.0, &mut ()).unwrap();
        machine
    }

    #[test]
    fn phases_add_up_to_the_ticks_up_to_the_call() {
        let wat = r#"(module (memory 1) (export "mem" (memory 0)) (func (export "kernel_run")))"#;
        let mut machine = at_run(&wat::parse_str(wat).unwrap());
        let phases = machine.phases().unwrap();
        assert_eq!(machine.tick_state.name(), "Snapshot");
        let begin = machine.current_tick;
        machine.step(phases.decode.0, &mut ()).unwrap();
        assert_eq!(machine.tick_state.name(), "Link");
        machine.step(phases.link.0, &mut ()).unwrap();
        assert_eq!(machine.tick_state.name(), "Init");
        machine.step(phases.init.0 - 1, &mut ()).unwrap();
        assert_eq!(machine.tick_state.name(), "Init");
        machine.step(1, &mut ()).unwrap();
        assert_eq!(machine.tick_state.name(), "Eval");
        assert_eq!(machine.current_tick.since(begin), phases.total());
        assert!(phases.gets_to_call);
    }

    #[test]
    fn a_refused_kernel_does_not_get_to_the_call() {
        let phases = at_run(b"no kernel").phases().unwrap();
        assert_eq!((phases.link, phases.init, phases.gets_to_call), (TickSpan(0), TickSpan(0), false));
        assert!(phases.decode.0 > 1);
    }
}

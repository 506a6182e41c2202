//! The steps of the machine outside of a run: how it begins, takes messages, and passes from one run to the next.

use crate::buffers::{InputBuffer, InputMessage, OutputBuffer};
use crate::durable::{Durable, Flag};
use crate::input::InputKind;
use crate::state::{
    self, FallbackCause, InputPlace, Limits, MAX_REBOOTS, Machine, StateError, StuckError, StuckText,
    TickState,
};
use crate::version::Version;
use soru_base::tick::Tick;
use soru_merkle::Tree;

/// How the machine went on from padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// To the next run.
    Reboot,
    /// To the next inbox: the kernel did not ask for a reboot.
    Yield,
    /// To the next inbox: the kernel asked for a reboot and has none left.
    ForcedYield,
}

/// The state of a machine without a kernel: its version is all it holds.
pub fn initial_state(version: Version) -> Result<Tree, StateError> {
    let mut durable = Durable::default();
    durable.set_version(version)?;
    let mut tree = Tree::empty();
    state::set_durable(&mut tree, &durable)?;
    Ok(tree)
}

/// Installs a kernel into an initial state.
pub fn install_boot_sector(tree: &mut Tree, kernel: &[u8], limits: Limits) -> Result<(), StateError> {
    let mut durable = state::durable(tree)?;
    durable.raise(Flag::Reboot)?;
    durable.install_kernel(kernel)?;
    let mut machine = Machine {
        last_input: None,
        current_tick: Tick::ZERO,
        reboot_counter: MAX_REBOOTS + 1,
        durable,
        input: InputBuffer::default(),
        output: OutputBuffer::new(limits.outbox_validity_period, limits.outbox_message_limit),
        tick_state: TickState::Collect,
        last_top_level_call: Tick::ZERO,
        max_reboots: MAX_REBOOTS,
        limits,
    };
    machine.apply(tree)
}

impl Machine {
    /// Changes how often the kernel may reboot between two inputs. A tool for tests: no rule of the network does it.
    pub fn set_max_reboots(&mut self, reboots: u32) {
        self.max_reboots = u64::from(reboots);
        self.reboot_counter = self.reboot_counter.min(self.max_reboots + 1);
    }

    /// Gives the machine a message. It takes one tick; a machine that expects none gets stuck.
    pub fn set_input(&mut self, place: InputPlace, message: &[u8]) -> Result<(), StateError> {
        let next = match &self.tick_state {
            TickState::Collect => self.collect(place, message)?,
            TickState::Stuck(error) => TickState::Stuck(error.clone()),
            TickState::Padding => unexpected("padding"),
            TickState::Snapshot => unexpected("start"),
            TickState::Decode(_) => unexpected("decoding"),
            TickState::Link(_) => unexpected("link"),
            TickState::Init(_) => unexpected("initialization"),
            TickState::Eval(_) => unexpected("evaluation"),
        };
        self.tick_state = next;
        self.current_tick = self.after(1)?;
        self.last_input = Some(place);
        Ok(())
    }

    fn collect(&mut self, place: InputPlace, message: &[u8]) -> Result<TickState, StateError> {
        let InputPlace { level, counter } = place;
        if !self.input.push(InputMessage { level, counter, payload: message.to_vec() })? {
            const EARLIER: &str =
                "Tezos_webassembly_interpreter.Input_buffer.Cannot_store_an_earlier_message";
            return Ok(TickState::Stuck(StuckError::Unknown(StuckText::new(EARLIER))));
        }
        match InputKind::of(message) {
            InputKind::EndOfLevel => return Ok(TickState::Padding),
            InputKind::StartOfLevel => self.output.open(level),
            InputKind::ProtocolMigration(version) => self.migrate(version)?,
            InputKind::MalformedMigration => {
                return Err(StateError::malformed(
                    &["message"],
                    "a migration without the name of a protocol",
                ));
            }
            _ => (),
        }
        Ok(TickState::Collect)
    }

    fn migrate(&mut self, version: Version) -> Result<(), StateError> {
        self.durable.set_version(version)?;
        // The buffer learns of the new period, the parameters of the state do not.
        if version == Version::V4 {
            self.limits.ticks_per_snapshot = Limits::SINCE_V4.ticks_per_snapshot;
            self.output.set_validity_period(Limits::SINCE_V4.outbox_validity_period);
        }
        Ok(())
    }

    /// Whether the next tick leaves padding.
    pub(crate) fn is_padded(&self) -> Result<bool, StateError> {
        Ok(self.current_tick >= self.last_padding_tick()?)
    }

    /// Padding up to that tick, or the one tick that leaves it.
    pub(crate) fn pad_until(&mut self, end: u64) -> Result<(), StateError> {
        if self.is_padded()? {
            self.leave_padding()?;
        } else {
            self.current_tick = self.last_padding_tick()?.min(Tick(end));
        }
        Ok(())
    }

    /// Lets the ticks of padding go by, up to the last one before the next run or inbox.
    pub(crate) fn skip_padding(&mut self) -> Result<(), StateError> {
        self.current_tick = self.current_tick.max(self.last_padding_tick()?);
        Ok(())
    }

    /// The last tick of padding of the current run, or inbox: the next one leads out of it.
    pub fn last_padding_tick(&self) -> Result<Tick, StateError> {
        let span = self.limits.ticks_per_snapshot.0.saturating_sub(1);
        self.last_top_level_call.0.checked_add(span).map(Tick).ok_or_else(too_many_ticks)
    }

    /// One tick of padding: the last one leads to the next run, or to the next inbox.
    pub fn pad(&mut self) -> Result<(), StateError> {
        if self.is_padded()? {
            self.leave_padding()?;
        } else {
            self.current_tick = self.after(1)?;
        }
        Ok(())
    }

    /// The last tick of padding: on to the next run, or to the next inbox.
    pub(crate) fn leave_padding(&mut self) -> Result<Boundary, StateError> {
        let boundary = match (self.durable.is_raised(Flag::Reboot)?, self.reboot_counter) {
            (false, _) => Boundary::Yield,
            (true, 0) => Boundary::ForcedYield,
            (true, _) => Boundary::Reboot,
        };
        self.current_tick = self.after(1)?;
        self.last_top_level_call = self.current_tick;
        self.reboot_counter = match boundary {
            Boundary::Reboot => self.reboot_counter - 1,
            Boundary::Yield | Boundary::ForcedYield => self.max_reboots + 1,
        };
        match boundary {
            Boundary::Reboot => self.durable.lower(Flag::Reboot)?,
            Boundary::Yield => {
                self.durable.lower(Flag::TooManyReboots)?;
                self.durable.raise(Flag::Reboot)?;
            }
            Boundary::ForcedYield => {
                self.durable.raise(Flag::TooManyReboots)?;
                self.durable.raise(Flag::Reboot)?;
            }
        }
        // The counter is at most one more than an int32 holds; the machine wraps nothing and neither do we.
        let counter = i32::try_from(self.reboot_counter)
            .map_err(|_| StateError::malformed(&["reboot_counter"], self.reboot_counter))?;
        self.durable.set_reboot_counter(counter)?;
        self.tick_state = match boundary {
            Boundary::Reboot => TickState::Snapshot,
            Boundary::Yield | Boundary::ForcedYield => {
                self.input = InputBuffer::default();
                TickState::Collect
            }
        };
        Ok(boundary)
    }

    /// `kernel_run` has returned.
    pub(crate) fn run_finished(&mut self) -> Result<(), StateError> {
        for flag in [Flag::Stuck, Flag::UpgradeError] {
            if self.durable.is_raised(flag)? {
                self.durable.lower(flag)?;
            }
        }
        self.tick_state = TickState::Padding;
        Ok(())
    }

    /// `kernel_run` has trapped.
    pub(crate) fn run_trapped(&mut self) -> Result<(), StateError> {
        self.durable.raise(Flag::Stuck)?;
        self.tick_state = TickState::Padding;
        Ok(())
    }

    /// The kernel was refused: back to the last good one. False if there is none: then nothing has changed but the
    /// reboot counter.
    pub(crate) fn fall_back(&mut self) -> Result<bool, StateError> {
        // Every failing step gives the reboots back.
        self.reboot_counter = self.max_reboots + 1;
        let found = self.durable.fall_back()?;
        if found {
            self.tick_state = TickState::Padding;
        }
        Ok(found)
    }

    /// A step of a stuck machine: if the kernel was refused, it looks for the last good one.
    pub(crate) fn leave_stuck(&mut self) -> Result<(), StateError> {
        let TickState::Stuck(error) = &self.tick_state else { return Ok(()) };
        let cause = match error.clone() {
            StuckError::Decode(e) => FallbackCause::Decode(e),
            StuckError::Link(e) => FallbackCause::Link(e),
            StuckError::Init(e) => FallbackCause::Init(e),
            _ => return Ok(()),
        };
        self.current_tick = self.after(1)?;
        if self.durable.fall_back()? {
            self.tick_state = TickState::Padding;
        } else {
            self.reboot_counter = self.max_reboots + 1;
            self.tick_state = TickState::Stuck(StuckError::NoFallbackKernel(cause));
        }
        Ok(())
    }

    pub(crate) fn after(&self, ticks: u64) -> Result<Tick, StateError> {
        self.current_tick.0.checked_add(ticks).map(Tick).ok_or_else(too_many_ticks)
    }
}

fn unexpected(during: &str) -> TickState {
    TickState::Stuck(StuckError::invalid_state(&format!("No input required during {during}")))
}

fn too_many_ticks() -> StateError {
    StateError::malformed(&["wasm", "current_tick"], "more than 2^64 ticks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::level::{Level, LevelSpan};
    use soru_base::tick::TickSpan;

    fn machine() -> Machine {
        let mut tree = initial_state(Version::V3).unwrap();
        install_boot_sector(&mut tree, b"kernel", Limits::FIRST).unwrap();
        Machine::from_tree(&tree).unwrap()
    }

    fn give(machine: &mut Machine, level: u32, counter: u64, message: &[u8]) {
        machine.set_input(InputPlace { level: Level::new(level).unwrap(), counter }, message).unwrap();
    }

    #[test]
    fn a_migration_changes_version_and_limits() {
        let mut m = machine();
        give(&mut m, 5, 0, b"\0\x04\0\0\0\x09paris_019");
        assert_eq!(m.durable.version().unwrap(), Version::V4);
        assert_eq!(m.limits.ticks_per_snapshot, TickSpan(50_000_000_000_000));
        // The parameters of the state keep the old period.
        assert_eq!(m.limits.outbox_validity_period, LevelSpan(80_640));
        assert_eq!(m.limits, Limits { ticks_per_snapshot: TickSpan(50_000_000_000_000), ..Limits::FIRST });
        assert_eq!(Limits::of_version(Version::V4).outbox_validity_period, LevelSpan(241_920));
        assert_eq!(Limits::of_version(Version::V3), Limits::FIRST);
    }

    #[test]
    fn messages_out_of_place_leave_it_stuck() {
        let mut m = machine();
        give(&mut m, 5, 0, &[0, 1]);
        give(&mut m, 5, 1, &[1]);
        let mut earlier = m.clone();
        give(&mut earlier, 5, 1, &[1]);
        assert!(matches!(earlier.stuck_error(), Some(StuckError::Unknown(_))));
        give(&mut m, 5, 2, &[0, 2]);
        assert_eq!(m.tick_state.name(), "Padding");
        give(&mut m, 6, 0, &[0, 1]);
        assert_eq!(m.stuck_error().unwrap().to_string(), "Invalid_state: No input required during padding");
        assert_eq!((m.current_tick, m.last_input.unwrap().level.get()), (Tick(4), 6));
    }

    #[test]
    fn a_kernel_that_yields_gets_its_reboots_back() {
        let mut m = machine();
        give(&mut m, 5, 0, &[0, 2]);
        m.skip_padding().unwrap();
        assert_eq!(m.leave_padding().unwrap(), Boundary::Reboot);
        assert_eq!((m.current_tick, m.reboot_counter), (Tick(11_000_000_000), 1000));
        assert!(!m.durable.is_raised(Flag::Reboot).unwrap());
        m.set_max_reboots(0);
        m.durable.raise(Flag::Reboot).unwrap();
        m.reboot_counter = 0;
        m.skip_padding().unwrap();
        assert_eq!(m.leave_padding().unwrap(), Boundary::ForcedYield);
        assert!(m.durable.is_raised(Flag::TooManyReboots).unwrap());
        assert_eq!((m.reboot_counter, m.input.len(), m.tick_state.name()), (1, 0, "Collect"));
    }
}

use super::*;
use crate::durable::Key;
use crate::level::Surroundings;
use crate::machine::{initial_state, install_boot_sector};
use crate::outbox::outbox;
use crate::replay::FixedReveals;
use crate::run::{Kernel, Outcome, Runner, RunnerError, Stage};
use crate::{Version, host::HostState};
use proptest::collection::vec;
use proptest::prelude::*;
use soru_merkle::{Tree, TreeError};

fn text() -> impl Strategy<Value = StuckText> {
    vec(any::<u8>(), 0..200).prop_map(StuckText::new)
}

fn interpreter() -> impl Strategy<Value = InterpreterError> {
    (text(), proptest::option::of(text()))
        .prop_map(|(raw, explanation)| InterpreterError { raw, explanation })
}

fn stuck() -> impl Strategy<Value = StuckError> {
    prop_oneof![
        interpreter().prop_map(StuckError::Decode),
        text().prop_map(StuckError::Link),
        interpreter().prop_map(StuckError::Init),
        interpreter().prop_map(StuckError::Eval),
        text().prop_map(StuckError::InvalidState),
        text().prop_map(StuckError::Unknown),
        Just(StuckError::TooManyTicks),
        Just(StuckError::TooManyReboots),
        interpreter().prop_map(|e| StuckError::NoFallbackKernel(FallbackCause::Decode(e))),
        text().prop_map(|t| StuckError::NoFallbackKernel(FallbackCause::Link(t))),
        interpreter().prop_map(|e| StuckError::NoFallbackKernel(FallbackCause::Init(e))),
    ]
}

fn tick_state() -> impl Strategy<Value = TickState> {
    prop_oneof![
        Just(TickState::Collect),
        Just(TickState::Padding),
        Just(TickState::Snapshot),
        stuck().prop_map(TickState::Stuck),
    ]
}

prop_compose! {
    fn machine()(
        level in 0u32..1 << 31,
        numbers in (any::<u64>(), any::<u64>(), 0u64..1 << 31, 0u64..1 << 31, any::<u64>(), 0u32..1 << 31, 0u64..1 << 40),
        tick_state in tick_state(),
        messages in vec(vec(any::<u8>(), 0..1200), 0..5),
        popped in 0usize..4,
        outputs in vec(vec(vec(any::<u8>(), 0..30), 0..3), 0..5),
        values in vec((0u8..20, vec(any::<u8>(), 0..1500)), 0..6),
    ) -> Machine {
        let level = Level::new(level).unwrap();
        let mut input = InputBuffer::default();
        for (counter, payload) in (0..).zip(messages) {
            input.push(crate::buffers::InputMessage { level, counter, payload }).unwrap();
        }
        for _ in 0..popped {
            input.pop().unwrap();
        }
        let mut output = OutputBuffer::new(LevelSpan(3), 2);
        for messages in outputs {
            output.open(level);
            for message in messages {
                let _full = output.push(message).unwrap();
            }
        }
        let mut durable = Durable::default();
        durable.set_version(Version::V0).unwrap();
        for (key, value) in values {
            durable.set(&Key::parse(format!("/k/{key}").as_bytes()).unwrap(), &value).unwrap();
        }
        Machine {
            last_input: Some(InputPlace { level, counter: numbers.0 }),
            current_tick: Tick(numbers.1),
            reboot_counter: numbers.2,
            durable,
            input,
            output,
            tick_state,
            last_top_level_call: Tick(numbers.4),
            max_reboots: numbers.3,
            limits: Limits {
                ticks_per_snapshot: TickSpan(numbers.4),
                outbox_validity_period: LevelSpan(numbers.5),
                outbox_message_limit: numbers.6,
            },
        }
    }
}

/// Every way in which somebody reads or moves a state. Errors are fine.
fn use_it(tree: &Tree) {
    let _ = outbox(tree, Level::new(3).unwrap());
    let _ = initial_state(Version::V0).map(|mut tree| install_boot_sector(&mut tree, &[], Limits::FIRST));
    let Ok(mut machine) = Machine::from_tree(tree) else { return };
    let _ = machine.to_tree().map(|tree| tree.hash());
    let place = InputPlace { level: Level::new(3).unwrap(), counter: 7 };
    for message in [&[0, 1][..], b"\0\x04\0\0\0\x09paris_020", &[0, 4, 1], &[1, 2], &[0, 2]] {
        if machine.set_input(place, message).is_err() {
            return;
        }
    }
    let _ = machine.durable.values();
    let mut around = Surroundings { runner: &Refuses, reveals: &mut FixedReveals::default(), debug: &mut () };
    for _ in 0..5 {
        let _ = machine.advance(0, &mut around);
    }
    let _ = machine.to_tree();
}

struct Refuses;

impl Runner for Refuses {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        kernel.load()?;
        while host.input.pop()?.is_some() {}
        Ok(Outcome::Refused { stage: Stage::Decode, reason: String::new() })
    }
}

proptest! {
    #[test]
    fn states_come_out_as_they_went_in(mut machine in machine()) {
        let tree = machine.to_tree().unwrap();
        let read = Machine::from_tree(&tree).unwrap();
        prop_assert_eq!(read.to_tree().unwrap().hash().unwrap(), tree.hash().unwrap());
        prop_assert_eq!(read.last_input, machine.last_input);
        prop_assert_eq!(read.current_tick, machine.current_tick);
        prop_assert_eq!(read.reboot_counter, machine.reboot_counter);
        prop_assert_eq!(read.max_reboots, machine.max_reboots);
        prop_assert_eq!(read.limits, machine.limits);
        prop_assert_eq!(read.stuck_error(), machine.stuck_error());
        prop_assert_eq!(read.tick_state.name(), machine.tick_state.name());
        prop_assert_eq!(read.input.len(), machine.input.len());
        prop_assert_eq!(read.durable.values().unwrap().len(), machine.durable.values().unwrap().len());
        // Written over another state, it is the same.
        let mut other = initial_state(Version::V3).unwrap();
        install_boot_sector(&mut other, &[1; 700], Limits::FIRST).unwrap();
        machine.apply(&mut other).unwrap();
        prop_assert_eq!(other.hash().unwrap(), tree.hash().unwrap());
        use_it(&tree);
    }

    #[test]
    fn hostile_states_are_errors(
        machine in machine(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), vec(any::<u8>(), 0..12)), 1..6),
    ) {
        let mut tree = machine.to_tree().unwrap();
        for (at, how, bytes) in changes {
            let mut paths: Vec<Vec<Vec<u8>>> = vec![];
            tree.for_each_leaf(|path, _| -> Result<(), TreeError> {
                paths.push(path.iter().map(|name| name.to_vec()).collect());
                Ok(())
            }).unwrap();
            if paths.is_empty() {
                break;
            }
            let path = at.get(&paths).clone();
            let parent = &path[..path.len().saturating_sub(1)];
            match how % 5 {
                0 => tree.remove(&path).unwrap(),
                1 => tree.remove(parent).unwrap(),
                2 => tree.insert(parent, bytes).unwrap(),
                3 => tree.insert(&[&path[..], &[b"x".to_vec()]].concat(), bytes).unwrap(),
                _ => tree.insert(&path, bytes).unwrap(),
            }
        }
        use_it(&tree);
    }

    #[test]
    fn stuck_errors_come_out_as_they_went_in(error in stuck(), garbage in vec(any::<u8>(), 0..40)) {
        use soru_base::bin::Binary;
        prop_assert_eq!(StuckError::from_bytes(&error.to_bytes()).unwrap(), error);
        if let Ok(read) = StuckError::from_bytes(&garbage) {
            prop_assert_eq!(read.to_bytes(), garbage);
        }
    }
}

use super::opcode;
use super::stream::Stream;
use crate::Version;
use crate::lazy::ByteVector;
use crate::machine::{initial_state, install_boot_sector};
use crate::state::{Limits, Machine, TickState};
use crate::wasm::instruction::Instruction;
use proptest::prelude::*;

const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// The instruction at the beginning of some bytes, if there is one.
pub(crate) fn instruction(bytes: &[u8]) -> Option<Instruction> {
    let mut stream = Stream::new(ByteVector::of_bytes(bytes).unwrap()).unwrap();
    let opcode = stream.byte().unwrap();
    opcode::instruction(&mut stream, opcode).ok()
}

/// Reads a kernel as far as it goes.
fn read(kernel: &[u8]) -> Machine {
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, kernel, Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    machine.tick_state = TickState::Snapshot;
    // A test does not wait for billions of locals.
    for _ in 0..20_000 {
        if !matches!(machine.tick_state, TickState::Snapshot | TickState::Decode(_)) {
            break;
        }
        machine.step(1, &mut ()).unwrap();
    }
    machine
}

fn with_custom(custom: &[u8]) -> Machine {
    read(&[HEADER, &[0, custom.len() as u8], custom].concat())
}

fn reason(machine: &Machine) -> String {
    machine.stuck_error().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn custom_sections_are_gone_over() {
    assert_eq!(with_custom(b"\x03abcrest").tick_state.name(), "Link");
    assert_eq!(with_custom(b"\x03abc").tick_state.name(), "Link");
    let long = [&[0x84, 0x04][..], &[b'x'; 516], &[0]].concat();
    let kernel = [HEADER, &[0, 0x87, 0x04], &long].concat();
    assert_eq!(read(&kernel).tick_state.name(), "Link");
}

#[test]
fn names_of_custom_sections_are_read() {
    assert_eq!(reason(&with_custom(b"")), "Decode_error: unexpected end of section or function");
    assert_eq!(reason(&with_custom(b"\x02\xffx")), "Decode_error: malformed UTF-8 encoding");
    assert_eq!(reason(&with_custom(b"\x09abc")), "Decode_error: length out of bounds");
}

#[test]
fn a_kernel_that_is_not_there_is_refused() {
    let mut machine = read(HEADER);
    let key = crate::durable::Key::parse(b"/kernel/boot.wasm").unwrap();
    machine.durable.delete(&key, crate::durable::KeyKind::Directory).unwrap();
    machine.tick_state = TickState::Snapshot;
    assert_eq!(machine.step(2, &mut ()).unwrap(), 2);
    assert_eq!(reason(&machine), "Decode_error: Value not found");
}

#[test]
fn states_from_strangers_are_errors() {
    let machine = {
        let mut tree = initial_state(Version::V0).unwrap();
        install_boot_sector(&mut tree, HEADER, Limits::FIRST).unwrap();
        let mut machine = Machine::from_tree(&tree).unwrap();
        machine.tick_state = TickState::Snapshot;
        machine.step(3, &mut ()).unwrap();
        machine
    };
    let tree = machine.to_tree().unwrap();
    for (path, bytes) in [("stream_pos", [0xff; 4]), ("stream_pos", [0, 0, 1, 0]), ("module_kont", [0; 4])] {
        let mut tree = tree.clone();
        tree.insert(&["wasm", "value", path], bytes.to_vec()).unwrap();
        let failed = Machine::from_tree(&tree).and_then(|mut machine| machine.step(1, &mut ()));
        assert!(failed.is_err(), "{path}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        file in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let kernels = [
            &include_bytes!("../../../../testdata/vectors/kernels/tables.wasm")[..],
            include_bytes!("../../../../testdata/vectors/kernels/memory_ops.wasm"),
            include_bytes!("../../../../testdata/vectors/kernels/globals_start.wasm"),
        ];
        let mut kernel = kernels[file].to_vec();
        for (at, byte) in changes {
            let at = at.index(kernel.len());
            kernel[at] = byte;
        }
        if !whole {
            kernel.truncate(cut.index(kernel.len()));
        }
        let machine = read(&kernel);
        // Written and read again, it goes on as it would have.
        if let Ok(tree) = machine.to_tree() {
            let reread = Machine::from_tree(&tree).unwrap().to_tree().unwrap();
            prop_assert_eq!(reread.hash().unwrap(), tree.hash().unwrap());
        }
    }
}

use super::*;
use crate::buffers::InputBuffer;
use crate::durable::Durable;
use crate::machine::{initial_state, install_boot_sector};
use crate::state::Machine;
use crate::{Limits, Version};
use proptest::prelude::*;
use soru_base::level::LevelSpan;

fn level(level: u32) -> Level {
    Level::new(level).unwrap()
}

/// A state with outboxes of the levels 10 to 14, the level's number of messages minus 10 in each.
fn state() -> Tree {
    let mut tree = initial_state(Version::V0).unwrap();
    let limits = Limits { outbox_validity_period: LevelSpan(4), ..Limits::FIRST };
    install_boot_sector(&mut tree, &[9; 3000], limits).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for l in 10..15u32 {
        machine.output.open(level(l));
        for index in 0..l - 10 {
            machine.output.push(format!("{l} {index}").into_bytes()).unwrap().unwrap();
        }
    }
    machine.apply(&mut tree).unwrap();
    tree
}

#[test]
fn outboxes_of_the_last_levels_are_there() {
    let tree = state();
    let lengths = [9, 10, 11, 12, 13, 14, 15].map(|l| outbox(&tree, level(l)).unwrap().map(|m| m.len()));
    assert_eq!(lengths, [None, None, Some(1), Some(2), Some(3), Some(4), None]);
    assert_eq!(get_output(&tree, level(14), 2).unwrap().unwrap(), "14 2");
    assert_eq!(get_output(&tree, level(14), 4).unwrap(), None);
    assert_eq!(outbox(&initial_state(Version::V0).unwrap(), level(14)).unwrap(), None);
}

#[test]
fn proofs_are_verified_as_they_come_over_the_wire() {
    let tree = state();
    let proof = OutputProof::produce(&tree, level(13), 1).unwrap();
    let read = OutputProof::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.state_hash().0, tree.hash().unwrap().0);
    let output = Output { level: level(13), index: 1, message: "13 1".into() };
    assert_eq!(read.verify().unwrap(), &output);
    // Small: neither the kernel nor other messages are in it.
    assert!(read.to_bytes().len() < 1500, "{}", read.to_bytes().len());
}

#[test]
fn other_messages_are_not_proved() {
    let tree = state();
    assert!(matches!(OutputProof::produce(&tree, level(13), 3), Err(OutputError::NoMessage { .. })));
    assert!(matches!(OutputProof::produce(&tree, level(10), 0), Err(OutputError::NoMessage { .. })));
    let mut proof = OutputProof::produce(&tree, level(13), 1).unwrap();
    proof.output.message = "13 2".into();
    assert!(matches!(proof.verify(), Err(OutputError::OtherMessage { .. })));
    proof.output.index = 2;
    assert!(matches!(proof.verify(), Err(OutputError::State(error)) if error.is_blinded()));
    proof.output.index = 3;
    assert!(matches!(proof.verify(), Err(OutputError::NoMessage { .. })));
    proof.output.level = level(10);
    assert!(matches!(proof.verify(), Err(OutputError::NoMessage { .. })));
    let mut long = OutputProof::produce(&tree, level(13), 1).unwrap();
    long.output.message = vec![0; MESSAGE_MAX + 1].into();
    assert!(OutputProof::from_bytes(&long.to_bytes()).is_err());
}

#[test]
fn a_step_that_changes_the_state_proves_no_output() {
    let (proof, ()) = proof::produce(&state(), |mut tree| -> Result<_, OutputError> {
        get_output(&tree, level(13), 1)?;
        tree.remove(&["durable"]).map_err(StateError::from)?;
        Ok((tree, ()))
    })
    .unwrap();
    let output = Output { level: level(13), index: 1, message: "13 1".into() };
    assert!(matches!(OutputProof { proof, output }.verify(), Err(OutputError::Proof(_))));
}

proptest! {
    #[test]
    fn tampered_proofs_fail(at in 0usize..2000, with in 1u8..) {
        let proof = OutputProof::produce(&state(), level(13), 1).unwrap();
        let mut bytes = proof.to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= with;
        if let Ok(read) = OutputProof::from_bytes(&bytes) {
            let same = read.state_hash() == proof.state_hash() && read.verify().is_ok();
            prop_assert!(!same, "byte {at}");
        }
    }

    #[test]
    fn garbage_is_no_proof(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(read) = OutputProof::from_bytes(&bytes) {
            prop_assert!(read.verify().is_err());
        }
    }
}

#[test]
fn an_empty_machine_has_no_outbox() {
    let machine = Machine {
        input: InputBuffer::default(),
        durable: Durable::default(),
        output: OutputBuffer::new(LevelSpan(4), 1),
        ..Machine::from_tree(&state()).unwrap()
    };
    assert_eq!(outbox(&machine.to_tree().unwrap(), level(13)).unwrap(), None);
}

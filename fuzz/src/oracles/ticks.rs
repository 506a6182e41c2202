//! The machine, tick by tick.

use crate::generators::kernel;
use crate::samples;
use arbitrary::{Arbitrary as _, Unstructured};
use soru_base::ContextHash;
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::state::{StateError, Status};
use soru_pvm::step_proof::{StepInput, StepProof};

/// Bytes of a kernel: see [`run`].
pub fn kernel_ticks(bytes: &[u8]) {
    run(bytes, checksum(bytes), 4_000);
}

/// Valid kernels without floats: see [`run`].
pub fn smith_ticks(bytes: &[u8]) {
    if let Ok(kernel) = kernel(bytes) {
        run(&kernel, checksum(bytes), 12_000);
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| (sum * 31 + u64::from(*byte)) % 1_000_003)
}

/// Ticks that are written down one by one.
const STRETCH: u64 = 24;

/// The first run of a kernel: one tick at a time comes to the same as many at once, with the state written down and read
/// again somewhere on the way. One tick there is proved.
fn run(kernel: &[u8], place: u64, bound: u64) {
    let mut start = samples::boot(kernel);
    samples::take_inbox(&mut start);
    let mut machine = start.clone();
    let mut made = 0;
    // How long the run is, without padding.
    let failed = loop {
        if made >= bound || machine.status() != Status::Computing || machine.state_name() == "Padding" {
            break None;
        }
        match machine.step(1, &mut ()) {
            Ok(one) => assert_eq!(one, 1),
            Err(error) => break Some(error),
        }
        made += 1;
    };
    let many = many(start, made, place % (made + 1));
    if let (None, Ok(one), Ok(many)) = (failed, hash(&machine), many) {
        assert_eq!(one, many, "after {made} ticks");
    }
}

fn many(mut machine: Machine, all: u64, place: u64) -> Result<ContextHash, StateError> {
    assert_eq!(machine.step(place, &mut ())?, place);
    let mut tree = Tree::empty();
    machine.apply(&mut tree)?;
    assert_eq!(machine.to_tree()?.hash()?, tree.hash()?, "a state is written twice");
    let mut left = all - place;
    for number in 0..STRETCH.min(left) {
        let mut machine = Machine::from_tree(&tree)?;
        assert_eq!(machine.to_tree()?.hash()?, tree.hash()?, "a state is read and written");
        let proof = (number == 0).then(|| StepProof::produce(&tree, StepInput::Nothing));
        assert_eq!(machine.step(1, &mut ())?, 1);
        machine.apply(&mut tree)?;
        if let Some(proof) = proof {
            let proved = proof.and_then(|proof| proof.verify()).expect("a tick that is made can be proved");
            assert_eq!(proved.stop, tree.hash()?.into());
        }
        left -= 1;
    }
    let mut machine = Machine::from_tree(&tree)?;
    assert_eq!(machine.step(left, &mut ())?, left);
    machine.apply(&mut tree)?;
    Ok(tree.hash()?)
}

fn hash(machine: &Machine) -> Result<ContextHash, StateError> {
    Ok(machine.to_tree()?.hash()?)
}

/// States that somebody has changed: they are read, make ticks and are written, or there is an error; what can be proved of
/// them is what happens.
pub fn hostile_state(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let Ok(sample) = samples::choose(&mut source) else { return };
    let Ok(tree) = samples::damage(sample, &mut source) else { return };
    let ticks = u64::from(u8::arbitrary(&mut source).unwrap_or_default() % 64) + 1;
    let Ok(mut machine) = Machine::from_tree(&tree) else {
        assert!(StepProof::produce(&tree, sample.input.clone()).is_err());
        return;
    };
    let _ = (machine.state_name(), machine.trap(), machine.paying(), machine.stuck_error());
    let _ = machine.clone().read_memory(0, &mut [0; 8]);
    let _ = machine.clone().read_memory(u64::MAX, &mut [0; 8]);
    let proof = StepProof::produce(&tree, sample.input.clone());
    let after = step(&tree, &sample.input);
    match (proof, after) {
        (Ok(proof), Ok(after)) => {
            let proved = proof.verify().expect("what was produced is verified");
            assert_eq!(proved.stop, after.into());
        }
        (Err(_), Err(_)) => (),
        (proof, after) => panic!("the proof {proof:?}, but the state after it: {after:?}"),
    }
    let (mut many, mut one) = (tree.clone(), tree);
    let made = machine.step(ticks, &mut ());
    if made.is_err() || machine.apply(&mut many).is_err() {
        return;
    }
    if let Ok(again) = Machine::from_tree(&many) {
        let _ = again.to_tree();
    }
    for _ in 0..ticks {
        let Ok(mut machine) = Machine::from_tree(&one) else { return };
        // A state that waits is written as well.
        if machine.step(1, &mut ()).is_err() || machine.apply(&mut one).is_err() {
            return;
        }
    }
    let [many, one] = [many, one].map(|tree| tree.hash().expect("a tree without blinded parts"));
    assert_eq!(one, many, "{ticks} ticks");
}

fn step(tree: &Tree, input: &StepInput) -> Result<ContextHash, StateError> {
    let mut machine = Machine::from_tree(tree)?;
    match (machine.status(), input) {
        (Status::Computing, StepInput::Nothing) => drop(machine.step(1, &mut ())?),
        (Status::RevealRequired(_), StepInput::Reveal(answer)) => machine.set_reveal(answer)?,
        (status, _) => return Err(StateError::NoNextState { reason: format!("{status:?}") }),
    }
    let mut tree = tree.clone();
    machine.apply(&mut tree)?;
    Ok(tree.hash()?)
}

//! Proofs that somebody else made.

use crate::generators::honest;
use crate::{laws, samples};
use arbitrary::{Arbitrary as _, Unstructured};
use soru_base::Binary;
use soru_merkle::proof::{self, ProofError};
use soru_merkle::{Proof, Tree};
use soru_pvm::outbox::OutputProof;
use soru_pvm::step_proof::StepProof;

/// Proofs: exact. A tree that comes out of one has the hash it claims, and reading it gives values or errors.
pub fn merkle_proof(bytes: &[u8]) {
    let Some(proof) = laws::exact::<Proof>(bytes) else { return };
    let Some(proof) = honest(&proof, bytes).and_then(|bytes| laws::exact::<Proof>(&bytes)) else { return };
    let Ok(tree) = proof.to_tree() else { return };
    assert_eq!(tree.hash().ok(), Some(proof.before()));
    let mut budget = 1_000;
    walk(&tree, &mut budget);
}

fn walk(root: &Tree, budget: &mut usize) {
    let mut pending = vec![root.clone()];
    while let Some(tree) = pending.pop() {
        let path: [&[u8]; 0] = [];
        let _ = (tree.find(&path), tree.length(&path), tree.is_empty());
        let Ok(children) = tree.list(&path, 0, 20) else { continue };
        for (name, child) in children {
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            let found = tree.find_tree(&[&name]).ok().flatten().map(|found| found.hash().ok());
            assert_eq!(found, Some(child.hash().ok()), "a listed child is found");
            let mut changed = tree.clone();
            let _ = changed.remove(&[&name]).and_then(|()| changed.hash());
            pending.push(child);
        }
        let mut changed = tree.clone();
        let _ = changed.insert(&["new"], vec![1]).and_then(|()| changed.hash());
    }
}

/// Proofs of outputs: exact. Checking one gives its output or an error.
pub fn output_proof(bytes: &[u8]) {
    let Some(proof) = laws::exact::<OutputProof>(bytes) else { return };
    let _ = proof.verify();
    let Some(bytes) = honest(&proof.proof, bytes) else { return };
    let proof = OutputProof::from_bytes(&bytes).expect("other hashes of the same length");
    match proof.verify() {
        Ok(output) => assert_eq!(*output, proof.output),
        Err(error) => drop(error.to_string()),
    }
}

/// Proofs of steps: exact. Checking one gives where it leads, or an error.
pub fn step_proof(bytes: &[u8]) {
    let Some(step) = laws::exact::<StepProof>(bytes) else { return };
    check_step(&step);
    if let Some(bytes) = honest(&step.proof, bytes) {
        check_step(&StepProof::from_bytes(&bytes).expect("other hashes of the same length"));
    }
}

fn check_step(step: &StepProof) {
    match step.verify() {
        Ok(proved) => {
            assert_eq!(proved.start, step.proof.before().into());
            assert_eq!(proved.stop, step.proof.after().into());
        }
        Err(error) => drop(error.to_string()),
    }
}

/// Proofs of real steps that somebody has changed: those that hold less or something else of the state, claim another
/// end, or have other bytes. None leads from the same state, with the same input, to another one.
pub fn forged_proof(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    let _ = forge(&mut source);
}

fn forge(source: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let sample = samples::choose(source)?;
    let next = sample.next.hash().expect("a whole tree");
    let how: u8 = source.arbitrary()?;
    let end = if how & 1 == 0 { sample.next.clone() } else { samples::damage(sample, source)? };
    let left_out = usize::from(u8::arbitrary(source)?);
    let kept =
        |at: usize| how & 2 == 0 || at % sample.read.len().max(1) != left_out % sample.read.len().max(1);
    let more = if how & 4 == 0 { Vec::new() } else { vec![samples::leaf(sample, source)?] };
    let (proof, ()) = proof::produce(&sample.tree, |tree| {
        for (_, path) in sample.read.iter().enumerate().filter(|(at, _)| kept(*at)) {
            tree.find(path)?;
        }
        for path in &more {
            tree.find(path)?;
        }
        Ok::<_, ProofError>((end, ()))
    })
    .expect("a tree without blinded parts");
    let step = StepProof { proof, input: sample.input.clone() };
    let forged = if how & 8 == 0 {
        step
    } else {
        let mut bytes = step.to_bytes();
        for _ in 0..source.int_in_range(1..=3)? {
            let at = source.choose_index(bytes.len())?;
            bytes[at] = source.arbitrary()?;
        }
        let Some(step) = laws::exact::<StepProof>(&bytes) else { return Ok(()) };
        step
    };
    if let Ok(proved) = forged.verify()
        && proved.start == sample.tree.hash().expect("a whole tree").into()
        && forged.input == sample.input
    {
        assert_eq!(proved.stop, next.into(), "a proof of what does not happen");
    }
    Ok(())
}

//! Proofs that somebody else made.

use crate::generators::honest;
use crate::laws;
use soru_base::Binary;
use soru_merkle::{Proof, Tree};
use soru_pvm::outbox::OutputProof;

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

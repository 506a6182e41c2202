//! Proofs of the reference machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use soru_base::Binary;
use soru_merkle::{Proof, ProofError};
use std::path::Path;

struct Vector {
    name: String,
    before: String,
    after: String,
    bytes: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/proofs");
    let mut all = Vec::new();
    for file in ["many_keys", "reboot", "reveal", "store", "tables"] {
        let text = std::fs::read_to_string(folder.join(file).with_extension("jsonl")).unwrap();
        for line in text.lines().skip(1) {
            let json: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| json[key].as_str().unwrap().to_owned();
            all.push(Vector {
                name: format!("{file}, tick {}", json["tick"]),
                before: text("before"),
                after: text("after"),
                bytes: hex::decode(text("proof")).unwrap(),
            });
        }
    }
    all
}

#[test]
fn every_proof_decodes_to_a_tree_of_its_hash_and_encodes_back() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 120);
    for vector in vectors {
        let proof = Proof::from_bytes(&vector.bytes).unwrap();
        assert_eq!(proof.before().to_hex(), vector.before, "{}", vector.name);
        assert_eq!(proof.after().to_hex(), vector.after, "{}", vector.name);
        assert_eq!(hex::encode(proof.to_bytes()), hex::encode(&vector.bytes), "{}", vector.name);
        assert_eq!(proof.to_tree().unwrap().hash().unwrap().to_hex(), vector.before, "{}", vector.name);
    }
}

#[test]
fn one_changed_byte_is_refused() {
    for vector in vectors().into_iter().step_by(10) {
        for at in 0..vector.bytes.len() {
            let mut bytes = vector.bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            let Ok(proof) = Proof::from_bytes(&bytes) else { continue };
            match proof.to_tree() {
                Err(_) => {}
                // The claim of the end is checked when the step is made again.
                Ok(tree) => {
                    assert!((35..67).contains(&at) || at == 0, "byte {at} of {}", vector.name);
                    assert_eq!(tree.hash().unwrap().to_hex(), vector.before);
                    assert!(proof.after().to_hex() != vector.after || at == 0);
                }
            }
        }
    }
}

#[test]
fn a_wrong_end_is_refused() {
    let vector = &vectors()[0];
    let proof = Proof::from_bytes(&vector.bytes).unwrap();
    let result = soru_merkle::proof::verify(&proof, |tree| Ok::<_, ProofError>((tree, ())));
    assert!(matches!(result, Err(ProofError::After { .. })), "{result:?}");
}

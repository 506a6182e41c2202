use super::*;
use proptest::prelude::*;
use serde_json::Value;
use soru_base::{BootstrapAccount, Curve, IdFamily, Json, SecretKey, Signature};

fn vectors() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/forge/operations.json");
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

#[test]
fn all_operations_forge_as_four_independent_clients_do() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 26);
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    for v in vectors {
        let name = v["name"].as_str().unwrap();
        let operation = Operation::from_json(&v["operation"], IdFamily::Mainnet)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(hex::encode(operation.forge()), v["forged_hex"].as_str().unwrap(), "{name}");
        assert_eq!(Operation::from_bytes(&operation.forge()).as_ref(), Ok(&operation), "{name}");
        assert_eq!(operation.to_json(IdFamily::Mainnet), v["operation"], "{name}");

        let signed = SignedOperation::sign(operation, &key);
        if let Some(signature) = v["sig_bootstrap1"].as_str() {
            assert_eq!(signed.signature.to_string(), signature, "{name}");
        }
        assert!(signed.is_signed_by(&key.public_key()), "{name}");
        assert_eq!(SignedOperation::from_bytes(&signed.to_bytes()).as_ref(), Ok(&signed), "{name}");
        let json = signed.to_json(IdFamily::Mainnet);
        assert_eq!(
            SignedOperation::from_json(&json, IdFamily::Mainnet).unwrap().hash(),
            signed.hash(),
            "{name}"
        );
    }
}

fn sample(name: &str) -> Operation {
    let v = vectors().into_iter().find(|v| v["name"] == name).unwrap();
    Operation::from_json(&v["operation"], IdFamily::Mainnet).unwrap()
}

#[test]
fn a_refutation_forges_as_on_the_network() {
    use crate::refutation::{Refutation, Step};
    let forged = |refutation: Refutation| {
        let mut operation = sample("timeout");
        let Action::SmartRollupTimeout { rollup, alice, bob } = operation.contents[0].action else {
            panic!("a timeout")
        };
        let before = operation.forge();
        operation.contents[0].source = alice;
        operation.contents[0].action = Action::SmartRollupRefute { rollup, opponent: bob, refutation };
        let forged = operation.forge();
        assert_eq!(Operation::from_bytes(&forged).as_ref(), Ok(&operation));
        for family in [IdFamily::Alpha, IdFamily::Mainnet] {
            assert_eq!(Operation::from_json(&operation.to_json(family), family).as_ref(), Ok(&operation));
        }
        // Up to the rollup it is as the other, but for the tag 204.
        let shared = before.len() - 2 * 21;
        assert_eq!((before[32], forged[32]), (205, 204));
        assert_eq!(before[33..shared], forged[33..shared]);
        (operation.to_json(IdFamily::Mainnet)["contents"][0].clone(), hex::encode(&forged[shared..]))
    };
    let (start, one) = (soru_base::CommitmentHash([1; 32]), soru_base::CommitmentHash([2; 32]));
    let (json, bytes) =
        forged(Refutation::Start { player_commitment_hash: start, opponent_commitment_hash: one });
    let opponent = "0115161718191a1b1c1d1e1f202122232425262728";
    assert_eq!(bytes, format!("{opponent}00{}{}", "01".repeat(32), "02".repeat(32)));
    assert_eq!(json["kind"], "smart_rollup_refute");
    assert_eq!(json["opponent"], "tz2AEjKDh1WmsYQF4Cpm2GyChY99rXevCmtN");
    assert_eq!(json["refutation"]["refutation_kind"], "start");

    let step = Step::Dissection(vec![crate::refutation::tests::world::chunk(None, 300)]);
    let (json, bytes) = forged(Refutation::Move { choice: soru_base::Tick(128), step });
    assert_eq!(bytes, format!("{opponent}0180010000000003 00ac02").replace(' ', ""));
    assert_eq!(json["refutation"]["choice"], "128");

    // The network tells 231 bytes of a signed opening; seven of them are the four numbers.
    let mut operation = sample("timeout");
    let Action::SmartRollupTimeout { rollup, bob, .. } = operation.contents[0].action else {
        panic!("a timeout")
    };
    let refutation = Refutation::Start { player_commitment_hash: start, opponent_commitment_hash: one };
    operation.contents[0].action = Action::SmartRollupRefute { rollup, opponent: bob, refutation };
    operation.contents[0].storage_limit = 300;
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    assert_eq!(SignedOperation::sign(operation, &key).to_bytes().len(), 231);
}

#[test]
fn a_reveal_without_the_options_byte_keeps_its_bytes() {
    let mut operation = sample("batch_reveal_add");
    let Action::Reveal { proof, .. } = &mut operation.contents[0].action else { panic!("a reveal first") };
    *proof = RevealProof::LeftOut;
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    for contents in [operation.contents.clone(), operation.contents[..1].to_vec()] {
        let operation = Operation { contents, ..operation.clone() };
        assert_eq!(Operation::from_bytes(&operation.forge()).as_ref(), Ok(&operation));
        let signed = SignedOperation::sign(operation, &key);
        let read = SignedOperation::from_bytes(&signed.to_bytes()).unwrap();
        assert_eq!(read, signed);
        assert!(read.is_signed_by(&key.public_key()));
    }
}

#[test]
fn a_proof_of_possession_has_the_length_of_a_signature() {
    let mut operation = sample("batch_reveal_add");
    for length in [0, 95, 96, 97] {
        let Action::Reveal { proof, .. } = &mut operation.contents[0].action else {
            panic!("a reveal first")
        };
        *proof = RevealProof::Some(vec![1; length]);
        assert_eq!(Operation::from_bytes(&operation.forge()).is_ok(), length == 96, "{length}");
    }
    let mut json = operation.to_json(IdFamily::Mainnet);
    json["contents"][0]["proof"] = Signature::ZERO.to_json(IdFamily::Mainnet);
    let error = Operation::from_json(&json, IdFamily::Mainnet).unwrap_err().to_string();
    assert!(error.contains("contents[0].proof: expected a BLS signature"), "{error}");
}

#[test]
fn a_bls_signature_is_longer_and_reads_back() {
    let key = SecretKey::from_seed(Curve::Bls, &[7; 32]).unwrap();
    let signed = SignedOperation::sign(sample("source_tz4"), &key);
    assert!(matches!(signed.signature, Signature::Bls(_)));
    assert_eq!(signed.to_bytes().len(), signed.operation.forge().len() + 2 + 96);
    assert_eq!(SignedOperation::from_bytes(&signed.to_bytes()).as_ref(), Ok(&signed));
}

#[test]
fn a_changed_operation_is_not_signed() {
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    let mut signed = SignedOperation::sign(sample("transaction"), &key);
    signed.operation.contents[0].counter += 1;
    assert!(!signed.is_signed_by(&key.public_key()));
}

#[test]
fn sizes_are_limited() {
    let mut operation = sample("add_messages_one");
    operation.contents[0].action = Action::SmartRollupAddMessages { messages: vec![vec![0; 4_096]; 8] };
    assert!(Operation::from_bytes(&operation.forge()).is_err());
    let empty = operation.branch.to_bytes();
    assert!(Operation::from_bytes(&empty).unwrap_err().to_string().contains("without contents"));
    let unknown = [empty, vec![17]].concat();
    assert!(Operation::from_bytes(&unknown).unwrap_err().to_string().contains("tag 17"));
}

#[test]
fn other_ways_to_write_the_same_are_refused() {
    // The byte behind the hash of a contract is not looked at elsewhere; here the signature covers it.
    let operation = Operation {
        contents: vec![Content {
            action: Action::IncreasePaidStorage {
                amount: 1.into(),
                destination: soru_base::ContractHash::ZERO,
            },
            ..sample("transaction").contents.remove(0)
        }],
        ..sample("transaction")
    };
    let mut bytes = operation.forge();
    assert_eq!(Operation::from_bytes(&bytes).as_ref(), Ok(&operation));
    let last = bytes.len() - 1;
    bytes[last] = 1;
    let error = Operation::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains(&format!("byte {last} of it is not as clients write it")), "{error}");
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Operation::from_bytes(&bytes);
        let _ = SignedOperation::from_bytes(&bytes);
    }

    #[test]
    fn a_changed_byte_never_panics(which in 0usize..26, at in any::<prop::sample::Index>(), byte: u8) {
        let v = &vectors()[which];
        let mut bytes = hex::decode(v["forged_hex"].as_str().unwrap()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(operation) = Operation::from_bytes(&bytes) {
            // What is read is written back as it was, or not read at all: the signature covers the bytes.
            prop_assert_eq!(operation.forge(), bytes.clone());
        }
        bytes.truncate(at);
        let _ = SignedOperation::from_bytes(&bytes);
    }
}

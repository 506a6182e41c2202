use super::world::{chunk, level, state};
use crate::refutation::{InputProof, Refutation, RefutationProof, RevealProof, Step};
use proptest::prelude::*;
use soru_base::{Binary, CommitmentHash, StateHash, Tick};

fn proof(pvm_step: &[u8], input_proof: Option<InputProof>) -> Refutation {
    let step = Step::Proof(RefutationProof { pvm_step: pvm_step.to_vec(), input_proof });
    Refutation::Move { choice: Tick(300), step }
}

#[test]
fn the_bytes_are_those_of_the_network() {
    let start = Refutation::Start {
        player_commitment_hash: CommitmentHash([1; 32]),
        opponent_commitment_hash: CommitmentHash([2; 32]),
    };
    assert_eq!(hex::encode(start.to_bytes()), format!("00{}{}", "01".repeat(32), "02".repeat(32)));

    let dissection = Step::Dissection(vec![chunk(Some(StateHash([7; 32])), 0), chunk(None, 128)]);
    let answer = Refutation::Move { choice: Tick(0), step: dissection };
    let expected = format!("01000000000025ff{}00008001", "07".repeat(32));
    assert_eq!(hex::encode(answer.to_bytes()), expected);

    let inputs = [
        (None, "00"),
        (Some(InputProof::FirstInput), "ff02"),
        (
            Some(InputProof::InboxProof {
                level: level(257),
                message_counter: 200,
                serialized_proof: vec![0xaa],
            }),
            "ff0000000101c80100000001aa",
        ),
        (Some(InputProof::RevealProof(RevealProof::RawDataProof(vec![0xbb, 0xcc]))), "ff01000002bbcc"),
        (Some(InputProof::RevealProof(RevealProof::MetadataProof)), "ff0101"),
        (
            Some(InputProof::RevealProof(RevealProof::DalPageProof {
                published_level: level(3),
                slot_index: 4,
                page_index: 5,
                proof: vec![0xdd],
            })),
            "ff01020000000304000500000001dd",
        ),
        (Some(InputProof::RevealProof(RevealProof::DalParametersProof)), "ff0103"),
    ];
    for (input, tail) in inputs {
        let refutation = proof(&[9, 9], input);
        // Tick 300 is ac02; the step's proof has two bytes.
        assert_eq!(hex::encode(refutation.to_bytes()), format!("01ac020100000002{}{tail}", "09".repeat(2)));
        assert_eq!(Refutation::from_bytes(&refutation.to_bytes()), Ok(refutation));
    }
}

#[test]
fn bad_bytes_are_refused() {
    let refused = |hex: &str| Refutation::from_bytes(&hex::decode(hex).unwrap()).unwrap_err().to_string();
    assert!(refused("02").contains("tag 2"));
    assert!(refused("010002").contains("tag 2"));
    assert!(refused("01000100000000ff03").contains("tag 3"));
    assert!(refused("01000100000000ff0104").contains("tag 4"));
    // A proof, a preimage and a dissection that claim more bytes than there are.
    assert!(refused("010001ffffffff").contains("are left"));
    assert!(refused("01000100000000ff01001001").contains("limit"));
    assert!(refused("010000ffffffff").contains("are left"));
    // A chunk across the end of its dissection, a tick beyond 64 bits, a level beyond 31.
    assert!(refused("0100000000000100").contains("tick of a chunk"));
    assert!(refused(&format!("01{}01", "ff".repeat(9) + "7f")).contains("64 bits"));
    assert!(refused("01000100000000ff00ffffffff").contains("level"));
}

fn inputs() -> impl Strategy<Value = Option<InputProof>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..50);
    let reveal = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4_097).prop_map(RevealProof::RawDataProof),
        Just(RevealProof::MetadataProof),
        Just(RevealProof::DalParametersProof),
        (0..u32::MAX >> 1, any::<u8>(), any::<i16>(), bytes()).prop_map(
            |(published, slot_index, page_index, proof)| RevealProof::DalPageProof {
                published_level: level(published),
                slot_index,
                page_index,
                proof,
            }
        ),
    ];
    prop::option::of(prop_oneof![
        (0..u32::MAX >> 1, any::<u64>(), bytes()).prop_map(|(at, message_counter, serialized_proof)| {
            InputProof::InboxProof { level: level(at), message_counter, serialized_proof }
        }),
        reveal.prop_map(InputProof::RevealProof),
        Just(InputProof::FirstInput),
    ])
}

fn refutations() -> impl Strategy<Value = Refutation> {
    let chunks =
        prop::collection::vec((prop::option::of(any::<u8>()), any::<u64>()), 0..40).prop_map(|all| {
            Step::Dissection(
                all.into_iter().map(|(mark, at)| chunk(mark.map(|m| state(m, at)), at)).collect(),
            )
        });
    let proofs = (prop::collection::vec(any::<u8>(), 0..300), inputs())
        .prop_map(|(pvm_step, input_proof)| Step::Proof(RefutationProof { pvm_step, input_proof }));
    prop_oneof![
        (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(player, opponent)| Refutation::Start {
            player_commitment_hash: CommitmentHash(player),
            opponent_commitment_hash: CommitmentHash(opponent),
        }),
        (any::<u64>(), prop_oneof![chunks, proofs])
            .prop_map(|(choice, step)| Refutation::Move { choice: Tick(choice), step }),
    ]
}

proptest! {
    #[test]
    fn refutations_read_back(refutation in refutations()) {
        prop_assert_eq!(Refutation::from_bytes(&refutation.to_bytes()), Ok(refutation));
    }

    #[test]
    fn damaged_ones_never_panic(refutation in refutations(), at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = refutation.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Ok(read) = Refutation::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }
}

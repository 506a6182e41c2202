use super::world::{chunk, level, players, state};
use crate::refutation::{
    Clock, GameResult, InputProof, LossReason, Refutation, RefutationProof, RevealProof, Step, status_to_json,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use soru_base::{Binary, CommitmentHash, IdFamily, Json, StateHash, Tick};

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
        for family in [IdFamily::Alpha, IdFamily::Mainnet] {
            assert_eq!(Refutation::from_json(&refutation.to_json(family), family), Ok(refutation.clone()));
        }
        // Tick 300 is ac02; the step's proof has two bytes.
        assert_eq!(hex::encode(refutation.to_bytes()), format!("01ac020100000002{}{tail}", "09".repeat(2)));
        assert_eq!(Refutation::from_bytes(&refutation.to_bytes()), Ok(refutation));
    }
}

#[test]
fn the_json_is_that_of_the_network() {
    let family = IdFamily::Mainnet;
    let step = Step::Dissection(vec![chunk(Some(StateHash::ZERO), 0), chunk(None, 128)]);
    let answer = Refutation::Move { choice: Tick(7), step };
    let state = StateHash::ZERO.in_family(family);
    let expected = json!({
        "refutation_kind": "move", "choice": "7", "step": [{ "state": state, "tick": "0" }, { "tick": "128" }],
    });
    assert_eq!(answer.to_json(family), expected);
    let input = InputProof::InboxProof { level: level(5), message_counter: 6, serialized_proof: vec![0xab] };
    let expected = json!({
        "refutation_kind": "move", "choice": "300",
        "step": {
            "pvm_step": "0102",
            "input_proof": {
                "input_proof_kind": "inbox_proof", "level": 5, "message_counter": "6", "serialized_proof": "ab",
            },
        },
    });
    assert_eq!(proof(&[1, 2], Some(input)).to_json(family), expected);
    let data = InputProof::RevealProof(RevealProof::RawDataProof(vec![0xff]));
    let expected = json!({
        "input_proof_kind": "reveal_proof",
        "reveal_proof": { "reveal_proof_kind": "raw_data_proof", "raw_data": "ff" },
    });
    assert_eq!(data.to_json(family), expected);
}

#[test]
fn results_and_clocks_have_the_network_s_json() {
    let family = IdFamily::Alpha;
    let loser = players()[0];
    for (reason, name) in
        [(LossReason::ConflictResolved, "conflict_resolved"), (LossReason::Timeout, "timeout")]
    {
        let result = GameResult::Loser { reason, loser };
        let expected = json!({ "kind": "loser", "reason": name, "player": loser.to_string() });
        assert_eq!(result.to_json(family), expected);
        assert_eq!(GameResult::from_json(&expected, family), Ok(result));
        assert_eq!(status_to_json(Some(&result), family), json!({ "result": expected }));
    }
    assert_eq!(GameResult::from_json(&json!({ "kind": "draw" }), family), Ok(GameResult::Draw));
    assert_eq!(status_to_json(None, family), json!("ongoing"));
    let clock = Clock { alice: -3, bob: 100, last_turn_level: level(9) };
    let expected = json!({ "alice": -3, "bob": 100, "last_turn_level": 9 });
    assert_eq!(clock.to_json(family), expected);
    assert_eq!(Clock::from_json(&expected, family), Ok(clock));
}

#[test]
fn bad_json_is_refused_where_it_is_bad() {
    let refused = |value: Value| Refutation::from_json(&value, IdFamily::Alpha).unwrap_err().path;
    let with = |input: Value| {
        json!({
            "refutation_kind": "move", "choice": "0", "step": { "pvm_step": "", "input_proof": input },
        })
    };
    assert_eq!(refused(json!({ "refutation_kind": "stop" })), ".refutation_kind");
    assert_eq!(refused(json!({ "refutation_kind": "move", "choice": "-1", "step": [] })), ".choice");
    let step = json!([{ "tick": "0" }, { "tick": "x" }]);
    assert_eq!(refused(json!({ "refutation_kind": "move", "choice": "0", "step": step })), ".step[1].tick");
    assert_eq!(refused(with(json!({ "input_proof_kind": 1 }))), ".step.input_proof.input_proof_kind");
    let reveal = |proof: Value| with(json!({ "input_proof_kind": "reveal_proof", "reveal_proof": proof }));
    let large = json!({ "reveal_proof_kind": "raw_data_proof", "raw_data": "00".repeat(4_097) });
    assert_eq!(refused(reveal(large)), ".step.input_proof.reveal_proof.raw_data");
    let page = json!({ "published_level": 1, "slot_index": 256, "page_index": 0 });
    let page = json!({ "reveal_proof_kind": "dal_page_proof", "dal_page_id": page, "dal_proof": "" });
    assert_eq!(refused(reveal(page)), ".step.input_proof.reveal_proof.dal_page_id.slot_index");
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
        for family in [IdFamily::Alpha, IdFamily::Mainnet] {
            prop_assert_eq!(Refutation::from_json(&refutation.to_json(family), family), Ok(refutation.clone()));
        }
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

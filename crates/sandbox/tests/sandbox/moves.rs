//! Operations that are no good moves: each is refused for the network's reason, and the next block is made.

use crate::disputes::{FAMILY, chunk, dispute, pkh};
use crate::rollups::run;
use crate::world::*;
use reqwest::StatusCode;
use serde_json::json;
use soru_base::{Json, Level, RollupAddress, StateHash, Tick, TickSpan};
use soru_protocol::commitment::Commitment;
use soru_protocol::operation::{Action, MAX_OPERATION_SIZE, SignedOperation};
use soru_protocol::refutation::{
    DissectionChunk, InputProof, Refutation, RefutationProof, RevealProof, Step,
};

fn proof(pvm_step: Vec<u8>, input_proof: Option<InputProof>) -> Step {
    Step::Proof(RefutationProof { pvm_step, input_proof })
}

#[tokio::test]
async fn games_that_cannot_begin() {
    let dispute = dispute(64).await;
    let start = |rollup, opponent: usize, ours: Commitment, theirs: Commitment| Action::SmartRollupRefute {
        rollup,
        opponent: pkh(opponent),
        refutation: Refutation::Start {
            player_commitment_hash: ours.hash(),
            opponent_commitment_hash: theirs.hash(),
        },
    };
    let (rollup, ours, theirs) = (dispute.rollup, dispute.ours, dispute.theirs);
    let unknown = Commitment { number_of_ticks: TickSpan(1), ..ours };
    for (from, action, expected) in [
        (2, start(RollupAddress([9; 20]), 3, ours, theirs), "smart_rollup_not_staked"),
        (2, start(rollup, 2, ours, theirs), "smart_rollup_no_conflict"),
        (2, start(rollup, 4, ours, theirs), "smart_rollup_not_staked"),
        (4, start(rollup, 3, ours, theirs), "smart_rollup_not_staked"),
        (2, start(rollup, 3, theirs, ours), "smart_rollup_wrong_staker_for_conflict_commitment"),
        (2, start(rollup, 3, unknown, theirs), "smart_rollup_wrong_staker_for_conflict_commitment"),
    ] {
        assert_eq!(dispute.refused(from, action).await, expected);
    }
    run(&dispute.world, 2, dispute.start()).await;
    assert_eq!(dispute.refused(2, dispute.start()).await, "smart_rollup_game_already_started");
    assert_eq!(dispute.refused(3, start(rollup, 2, theirs, ours)).await, "smart_rollup_game_already_started");
}

#[tokio::test]
async fn strangers_cannot_spoil_a_game() {
    let dispute = dispute(64).await;
    run(&dispute.world, 2, dispute.start()).await;
    let games = dispute.ask(&format!("staker/{}/games", pkh(2))).await;
    let two = || Step::Dissection(vec![chunk(Some(1), 0), chunk(Some(2), 64)]);
    let many = |count: u64| Step::Dissection((0..count).map(|n| chunk(Some(1), n)).collect());
    let garbage = || proof(vec![0xff; 100], None);
    for (from, action, expected) in [
        // Not their turn, whatever they play.
        (3, dispute.play(2, 0, two()), "smart_rollup_wrong_turn"),
        (3, dispute.play(2, 0, garbage()), "smart_rollup_wrong_turn"),
        // No game of theirs.
        (4, dispute.play(3, 0, two()), "smart_rollup_no_game"),
        (2, dispute.play(4, 0, garbage()), "smart_rollup_no_game"),
        (2, dispute.play(2, 0, garbage()), "smart_rollup_no_game"),
        // No section begins there, or it cannot be proved.
        (2, dispute.play(3, 1, two()), "Dissection_choice_not_found"),
        (2, dispute.play(3, 65, garbage()), "Dissection_choice_not_found"),
        (2, dispute.play(3, u64::MAX >> 1, garbage()), "Dissection_choice_not_found"),
        (2, dispute.play(3, 0, garbage()), "Dissection_unexpected_section_size"),
        (2, dispute.play(3, 64, garbage()), "smart_rollup_proof_check"),
        // Dissections of a wrong size.
        (
            2,
            dispute.play(3, 0, Step::Dissection(vec![])),
            "smart_rollup_dissection_number_of_sections_mismatch",
        ),
        (2, dispute.play(3, 0, two()), "smart_rollup_dissection_number_of_sections_mismatch"),
        (2, dispute.play(3, 0, many(33)), "smart_rollup_dissection_start_hash_mismatch"),
        (2, dispute.play(3, 0, many(900)), "smart_rollup_dissection_number_of_sections_mismatch"),
    ] {
        let told = format!("{action:.200?}");
        assert_eq!(dispute.refused(from, action).await, expected, "{told}");
    }
    assert_eq!(dispute.ask(&format!("staker/{}/games", pkh(2))).await, games);
}

#[tokio::test]
async fn proofs_that_are_none_do_not_stop_the_chain() {
    let dispute = dispute(1).await;
    run(&dispute.world, 2, dispute.start()).await;
    let inbox = |level, message_counter, serialized_proof| InputProof::InboxProof {
        level: Level::new(level).expect("a level"),
        message_counter,
        serialized_proof,
    };
    let nested = |byte: u8| vec![byte; 29_000];
    let last = (1 << 31) - 1;
    for step in [
        proof(vec![], None),
        proof(vec![0xff; 64], Some(InputProof::FirstInput)),
        proof(nested(0x00), None),
        proof(nested(0x03), None),
        proof(nested(0x83), None),
        proof(nested(0xff), None),
        proof(vec![0x03; 10_000], Some(inbox(last, u64::MAX >> 1, vec![0xff; 18_000]))),
        proof(vec![0x03; 10], Some(inbox(0, 0, vec![]))),
        proof(vec![0x03; 10], Some(InputProof::RevealProof(RevealProof::RawDataProof(vec![1; 4_096])))),
        proof(vec![0x03; 10], Some(InputProof::RevealProof(RevealProof::MetadataProof))),
    ] {
        let told = format!("{step:.100?}");
        assert_eq!(dispute.refused(2, dispute.play(3, 0, step)).await, "smart_rollup_proof_check", "{told}");
    }
    // It is still account 2 that moves.
    assert_eq!(dispute.refused(3, dispute.play(2, 0, proof(vec![], None))).await, "smart_rollup_wrong_turn");

    // More bytes than an operation may have are refused at the door.
    let large = dispute.play(3, 0, proof(vec![0; MAX_OPERATION_SIZE], None));
    let operation = SignedOperation::sign(dispute.operation(2, large).await, &account(2).sk());
    let (status, answer) = dispute.world.try_inject(&operation).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(id(&answer), "node.prevalidation.oversized_operation");
}

/// What is judged in one block is judged on the game as the operation before it left it.
#[tokio::test]
async fn moves_of_both_players_in_one_block_follow_one_another() {
    let dispute = dispute(64).await;
    run(&dispute.world, 2, dispute.start()).await;
    let games = dispute.ask(&format!("staker/{}/games", pkh(2))).await;
    let genesis = &games[0]["game"]["game_state"]["dissection"][0]["state"];
    let genesis = StateHash::from_json(genesis, FAMILY).expect("a state");
    let dissection = |from: u64, states: u8| {
        let chunks = (1..=32).map(|n| chunk(Some(states + n), from + u64::from(n) * 2));
        let first = DissectionChunk { state_hash: Some(genesis), tick: Tick(from) };
        Step::Dissection(std::iter::once(first).chain(chunks).collect())
    };
    let answer = || {
        let first = DissectionChunk { state_hash: Some(genesis), tick: Tick(0) };
        Step::Dissection(vec![first, chunk(Some(7), 1), chunk(Some(8), 2)])
    };
    // Account 3 answers a move that is in the same block, and a second answer comes too late.
    let moves = vec![
        (2, dispute.play(3, 0, dissection(0, 100))),
        (3, dispute.play(2, 0, answer())),
        (4, dispute.timeout()),
    ];
    let results = dispute.together(moves).await;
    assert_eq!(
        (&results[0]["game_status"], &results[1]["game_status"]),
        (&json!("ongoing"), &json!("ongoing"))
    );
    assert_eq!(results[2]["errors"][0]["id"], "proto.alpha.smart_rollup_timeout_level_not_reached");

    // The move that was good before the other one: its section is gone.
    let stale = vec![(2, dispute.play(3, 1, proof(vec![], None))), (3, dispute.play(2, 0, answer()))];
    let results = dispute.together(stale).await;
    assert_eq!(results[0]["errors"][0]["id"], "proto.alpha.smart_rollup_proof_check");
    assert_eq!(results[1]["errors"][0]["id"], "proto.alpha.smart_rollup_wrong_turn");
    assert_eq!(dispute.clock().await["last_turn_level"], dispute.world.level().await - 1);
}

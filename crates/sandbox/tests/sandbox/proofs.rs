//! Games about one tick, decided by real proofs: the first tick of the machine, which takes the first message.

use crate::disputes::{Dispute, FAMILY, dispute_about, pkh};
use crate::rollups::{kernel, run};
use crate::world::*;
use serde_json::{Value, json};
use soru_base::{Binary, Json, Level, LevelSpan, Profile, RollupAddress, StateHash, TickSpan};
use soru_protocol::block::Timestamp;
use soru_protocol::commitment::Commitment;
use soru_protocol::inbox::{HistoryCell, Inbox, InboxSource, NotKeptError, SerializedMessage};
use soru_protocol::ledger::{Constants, Ledger};
use soru_protocol::operation::{Action, Operation, SignedOperation};
use soru_protocol::refutation::{
    Clock, ConflictPoint, DissectionRules, Game, RefutationProof, Stakers, Step, Verdict, examine, prove,
};
use soru_pvm::reveal::{Metadata, PreimageHash, PreimageSource, RevealError};

/// What the first tick does not need.
struct Nothing;

impl InboxSource for Nothing {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Err(NotKeptError { what: "the cell", level, reason: "the first message is known".to_owned() })
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        Err(NotKeptError { what: "the messages", level, reason: "the first message is known".to_owned() })
    }
}

impl PreimageSource for Nothing {
    fn preimage(&mut self, _: PreimageHash) -> Result<Vec<u8>, RevealError> {
        Err(RevealError::new("nothing is revealed"))
    }
}

/// The proof of the first tick of a rollup with that kernel.
pub(crate) fn proof_of_first_tick(kernel: &[u8], game: &Game, rollup: RollupAddress) -> RefutationProof {
    let ledger = Ledger::genesis(Constants::of(Profile::alpha()), &[], Timestamp(GENESIS)).expect("a ledger");
    let state = ledger.genesis_state(kernel).expect("a state");
    prove(&state, game, metadata(rollup), &Nothing, &mut Nothing).expect("a proof")
}

fn metadata(address: RollupAddress) -> Metadata {
    Metadata { address, origination_level: Level::new(1).expect("a level") }
}

/// Where the first tick leads. It depends on no game and no address.
pub(crate) fn first_state() -> StateHash {
    let level = Level::new(1).expect("a level");
    let parent = Commitment::genesis(level, StateHash([1; 32]));
    let commitment = |state| Commitment {
        compressed_state: StateHash([state; 32]),
        inbox_level: Level::new(4).expect("a level"),
        predecessor: parent.hash(),
        number_of_ticks: TickSpan(1),
    };
    let point = ConflictPoint {
        refuter: pkh(2),
        refuter_commitment: &commitment(2),
        defender: pkh(3),
        defender_commitment: &commitment(3),
        parent_commitment: &parent,
    };
    let inbox = Inbox::first(level, soru_base::MerkelizedPayloadHash::ZERO).old_levels_messages;
    let rules = DissectionRules::new(32, TickSpan(11_000_000_000)).expect("rules");
    let game = Game::start(&point, inbox, level, rules, LevelSpan(9)).expect("a game");
    let proof = proof_of_first_tick(&kernel(), &game, RollupAddress::ZERO);
    let Verdict::Valid(proved) = examine(&game, &proof, metadata(RollupAddress::ZERO)) else {
        panic!("the proof is valid")
    };
    proved.stop.expect("there is a first message")
}

impl Dispute {
    /// The game of the two, from the RPC.
    async fn game(&self) -> Game {
        let listed = self.ask(&format!("staker/{}/games", pkh(2))).await;
        let stakers = Stakers::new(pkh(2), pkh(3)).expect("two stakers");
        let clock = Clock::from_json(&self.clock().await, FAMILY).expect("a clock");
        Game::from_network_json(&listed[0]["game"], stakers, clock, TickSpan(11_000_000_000), FAMILY)
            .expect("a game")
    }

    /// The proof of the first tick, as a move against `opponent`.
    async fn prove(&self, opponent: usize, kernel: &[u8]) -> Action {
        let proof = proof_of_first_tick(kernel, &self.game().await, self.rollup);
        assert!(proof.to_bytes().len() < 30_000, "{} bytes", proof.to_bytes().len());
        self.play(opponent, 0, Step::Proof(proof))
    }

    fn lost(loser: usize) -> Value {
        let player = pkh(loser).to_string();
        json!({ "result": { "kind": "loser", "reason": "conflict_resolved", "player": player } })
    }
}

#[tokio::test]
async fn a_real_proof_ends_the_game_and_takes_the_deposit() {
    let dispute = dispute_about(1, [StateHash([2; 32]), StateHash([3; 32])]).await;
    run(&dispute.world, 2, dispute.start()).await;
    let before = dispute.world.balance(account(2).public_key_hash).await;
    let proof = dispute.prove(3, &kernel()).await;
    // What comes after the end of the game, in the same block, finds none.
    let results = dispute.together(vec![(2, proof), (3, dispute.play(2, 0, garbage()))]).await;
    assert_eq!(results[0]["game_status"], Dispute::lost(3));
    assert_eq!(results[1]["errors"][0]["id"], "proto.alpha.smart_rollup_no_game");
    let after = dispute.world.balance(account(2).public_key_hash).await;
    // Half of the deposit, less the fee of the move.
    assert_eq!(after, before + 5_000_000_000 - 100_000);
    let bonds = format!("/chains/main/blocks/head/context/contracts/{}/frozen_bonds", pkh(3));
    assert_eq!(dispute.world.get(&bonds).await, json!("0"));
    assert_eq!(dispute.ask("stakers").await, json!([pkh(2).to_string()]));
    // The loser's commitment stays until another one is cemented, and is in nobody's way.
    assert_eq!(dispute.ask("inbox_level/4/commitments").await.as_array().map(Vec::len), Some(2));
    let can = format!("commitment/{}/can_be_cemented", dispute.ours.hash().in_family(FAMILY));
    assert_eq!(dispute.ask(&can).await, json!(false));
    dispute.world.bake(20).await;
    assert_eq!(dispute.ask(&can).await, json!(true));
    let other = format!("commitment/{}/can_be_cemented", dispute.theirs.hash().in_family(FAMILY));
    assert_eq!(dispute.ask(&other).await, json!(false));
    run(&dispute.world, 4, Action::SmartRollupCement { rollup: dispute.rollup }).await;
    assert_eq!(dispute.ask("inbox_level/4/commitments").await, Value::Null);
    run(&dispute.world, 2, Action::SmartRollupRecoverBond { rollup: dispute.rollup, staker: pkh(2) }).await;
    assert_eq!(dispute.ask("stakers").await, json!([]));
}

fn garbage() -> Step {
    Step::Proof(RefutationProof { pvm_step: vec![7; 99], input_proof: None })
}

#[tokio::test]
async fn a_wrong_proof_gives_the_opponent_the_final_move() {
    // Account 3 tells the truth.
    let dispute = dispute_about(1, [StateHash([2; 32]), first_state()]).await;
    run(&dispute.world, 2, dispute.start()).await;
    // A proof of the same tick of another kernel: it is one, but of another state.
    let other = b"\0asm\x01\0\0\0";
    let results = dispute.together(vec![(2, dispute.prove(3, other).await)]).await;
    assert_eq!(results[0]["game_status"], "ongoing", "{}", results[0]);
    let game = &dispute.ask(&format!("staker/{}/games", pkh(3))).await[0]["game"];
    assert_eq!(game["game_state"]["kind"], "Final_move");
    assert_eq!(game["game_state"]["refuted_stop_chunk"]["state"], first_state().to_json(FAMILY));
    // The time for another move of account 2 is over, and only a proof can answer.
    assert_eq!(dispute.refused(2, dispute.play(3, 0, garbage())).await, "smart_rollup_wrong_turn");
    assert_eq!(dispute.refused(3, dispute.play(2, 0, garbage())).await, "smart_rollup_proof_check");
    let dissection = dispute.play(2, 0, Step::Dissection(vec![]));
    assert_eq!(dispute.refused(3, dissection).await, "Dissecting_during_final_move");
    let proof = dispute.prove(2, &kernel()).await;
    let ended = run(&dispute.world, 3, proof).await;
    assert_eq!(ended["game_status"], Dispute::lost(2));
    assert_eq!(dispute.ask("stakers").await, json!([pkh(3).to_string()]));
}

#[tokio::test]
async fn who_contradicts_the_truth_cannot_prove_it_wrong() {
    let dispute = dispute_about(1, [StateHash([2; 32]), first_state()]).await;
    run(&dispute.world, 2, dispute.start()).await;
    // The true proof of what the opponent says: it refutes nothing, and the opponent has the last word.
    let results = dispute.together(vec![(2, dispute.prove(3, &kernel()).await)]).await;
    assert_eq!(results[0]["game_status"], "ongoing", "{}", results[0]);
    let proof = dispute.prove(2, &kernel()).await;
    assert_eq!(run(&dispute.world, 3, proof).await["game_status"], Dispute::lost(2));
}

/// The blocks with the game are left for others: its moves wait again, and lead to the same end.
#[tokio::test]
async fn a_reorganisation_takes_the_game_back_and_its_moves_wait_again() {
    let dispute = dispute_about(1, [StateHash([2; 32]), StateHash([3; 32])]).await;
    let branch = dispute.world.head_hash().await;
    for step in 0..2 {
        let action = if step == 0 { dispute.start() } else { dispute.prove(3, &kernel()).await };
        // A block that stays.
        let operation = Operation { branch, ..dispute.operation(2, action).await };
        dispute.world.inject(&SignedOperation::sign(operation, &account(2).sk())).await;
        dispute.world.bake(1).await;
    }
    assert_eq!(dispute.ask("stakers").await, json!([pkh(2).to_string()]));

    dispute.world.post("/sandbox/reorg", json!({ "depth": 2 })).await;
    assert_eq!(dispute.clock().await, Value::Null);
    assert_eq!(dispute.ask("stakers").await.as_array().map(Vec::len), Some(2));
    // The start, and the proof in the next block: an account has one operation in a block.
    dispute.world.bake(1).await;
    assert_eq!(dispute.clock().await["last_turn_level"], dispute.world.level().await);
    dispute.world.bake(1).await;
    assert_eq!(dispute.world.operations_of("head").await.len(), 1);
    assert_eq!(dispute.ask("stakers").await, json!([pkh(2).to_string()]));
}
